//! `tfr_batch`: payloads in one buffer, and the numbers of their records.

use super::dataset::tfr_dataset;
use super::error::tfr_error;
use super::guard::guard;
use super::pointer;
use super::status::tfr_status;
use crate::Batch;

/// Payloads, concatenated, and the numbers of their records in the data set.
///
/// Threads: many threads may read a batch at the same time.
pub struct tfr_batch(Batch);

impl tfr_batch {
    pub(super) fn give(batch: Batch) -> *mut tfr_batch {
        pointer::give(tfr_batch(batch))
    }
}

/// Reads many payloads into memory of the library, like tfr_dataset_read_many(). With
/// TFR_ON_ERROR_SKIP, it leaves out those that cannot be read: tfr_batch_records() says which
/// records the batch has, and tfr_dataset_skipped() why it lacks the others.
///
/// Parameters: `dataset` and `batch_out` are required. `records` points to `count` record numbers
/// and may be NULL if `count` is 0.
///
/// Errors: those of tfr_dataset_read_many(). With TFR_ON_ERROR_SKIP, only TFR_ERR_OUT_OF_RANGE,
/// TFR_ERR_OUT_OF_MEMORY, and TFR_ERR_IO if too many files are open.
///
/// Ownership: free *batch_out with tfr_batch_free(). It is NULL on failure.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_dataset_read_batch(
    dataset: *const tfr_dataset,
    records: *const u64,
    count: usize,
    batch_out: *mut *mut tfr_batch,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let store = pointer::handle_out(batch_out, "batch_out")?;
        let dataset = &pointer::borrow(dataset, "dataset")?.dataset;
        let records = pointer::slice(records, count, "records")?;
        store(tfr_batch::give(dataset.read_batch(records)?));
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Returns the number of payloads; 0 for NULL.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_batch_len(batch: *const tfr_batch) -> usize {
    // SAFETY: the caller upholds the contract.
    unsafe { batch.as_ref() }.map_or(0, |batch| batch.0.len())
}

/// Returns the bytes of all payloads, concatenated; NULL for NULL.
///
/// Ownership: borrowed from the batch. They are valid until the batch is freed.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_batch_bytes(batch: *const tfr_batch) -> *const u8 {
    // SAFETY: the caller upholds the contract.
    let batch = unsafe { batch.as_ref() };
    batch.map_or(std::ptr::null(), |batch| batch.0.payloads().bytes().as_ptr())
}

/// Returns where each payload starts in tfr_batch_bytes(), and where the last one ends: an array of
/// tfr_batch_len() + 1 offsets. The last one is the number of bytes. NULL for NULL.
///
/// Ownership: borrowed from the batch. The array is valid until the batch is freed.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_batch_offsets(batch: *const tfr_batch) -> *const usize {
    // SAFETY: the caller upholds the contract.
    let batch = unsafe { batch.as_ref() };
    batch.map_or(std::ptr::null(), |batch| batch.0.payloads().offsets().as_ptr())
}

/// Returns the numbers of the records, in the order of the payloads: an array of tfr_batch_len()
/// numbers. NULL for NULL.
///
/// Ownership: borrowed from the batch. The array is valid until the batch is freed.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_batch_records(batch: *const tfr_batch) -> *const u64 {
    // SAFETY: the caller upholds the contract.
    let batch = unsafe { batch.as_ref() };
    batch.map_or(std::ptr::null(), |batch| batch.0.records().as_ptr())
}

/// Frees a batch. NULL does nothing.
#[no_mangle]
pub unsafe extern "C" fn tfr_batch_free(batch: *mut tfr_batch) {
    // SAFETY: the caller upholds the contract.
    unsafe { pointer::free(batch) }
}
