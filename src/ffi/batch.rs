//! `tfr_batch`: payloads in one buffer, and the numbers of their records.

use super::columns::tfr_columns;
use super::dataset::tfr_dataset;
use super::error::tfr_error;
use super::features::tfr_features;
use super::guard::guard;
use super::pointer;
use super::reader::tfr_reader;
use super::status::tfr_status;
use crate::dataset::Reused;
use crate::error::Result;
use crate::Batch;

/// Payloads, concatenated, the numbers of their records in the data set or file, and the columns of
/// their features, if they were asked for.
///
/// Threads: many threads may read a batch at the same time.
pub struct tfr_batch {
    batch: Batch,
    columns: Option<tfr_columns>,
}

impl tfr_batch {
    pub(super) fn give(mut batch: Batch) -> Result<*mut tfr_batch> {
        // Moving the batch does not move its payloads, into which the columns point.
        let columns = batch.columns_mut().take();
        // The batch keeps their memory.
        let of = |columns| tfr_columns::of(columns, batch.payloads().bytes(), Reused::default());
        let columns = columns.map(of);
        Ok(pointer::give(tfr_batch { columns: columns.transpose()?, batch }))
    }
}

impl Drop for tfr_batch {
    fn drop(&mut self) {
        let columns = self.columns.take().map(tfr_columns::into_inner);
        *self.batch.columns_mut() = columns;
    }
}

/// Reads many payloads into memory of the library, like tfr_dataset_read_many(). With
/// TFR_ON_ERROR_SKIP, it leaves out those that cannot be read: tfr_batch_records() says which
/// records the batch has, and tfr_batch_skipped() why it lacks the others.
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
        store(tfr_batch::give(dataset.read_batch(records)?)?);
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Reads many records like tfr_dataset_read_batch(), and decodes features of them:
/// tfr_batch_columns() returns these.
///
/// Parameters: `dataset`, `features` and `batch_out` are required. `records` points to `count` record
/// numbers and may be NULL if `count` is 0.
///
/// Errors: those of tfr_dataset_read_batch(), which come first. For the first record that cannot be
/// decoded, those of
/// tfr_columns_decode(), with the file, the record and its byte; with TFR_ON_ERROR_SKIP, such a record
/// is left out, too. TFR_ERR_INVALID_ARGUMENT if the data set gives raw frames.
///
/// Ownership: free *batch_out with tfr_batch_free(). It is NULL on failure.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_dataset_read_columns(
    dataset: *const tfr_dataset,
    records: *const u64,
    count: usize,
    features: *const tfr_features,
    batch_out: *mut *mut tfr_batch,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let store = pointer::handle_out(batch_out, "batch_out")?;
        let dataset = &pointer::borrow(dataset, "dataset")?.dataset;
        let records = pointer::slice(records, count, "records")?;
        store(tfr_batch::give(dataset.read_columns(records, tfr_features::of(features)?)?)?);
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Reads many records of a file like tfr_reader_read_many(), into memory of the library, and decodes
/// features of them: tfr_batch_columns() returns these.
///
/// Parameters: `reader`, `features` and `batch_out` are required. `records` points to `count` record
/// numbers and may be NULL if `count` is 0.
///
/// Errors: those of tfr_reader_read_many(), which come first. For the first record that cannot be
/// decoded, those of
/// tfr_columns_decode(), with the file, the record and its byte. TFR_ERR_INVALID_ARGUMENT if the reader
/// gives raw frames.
///
/// Ownership: free *batch_out with tfr_batch_free(). It is NULL on failure.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_reader_read_columns(
    reader: *const tfr_reader,
    records: *const usize,
    count: usize,
    features: *const tfr_features,
    batch_out: *mut *mut tfr_batch,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let store = pointer::handle_out(batch_out, "batch_out")?;
        let reader = &pointer::borrow(reader, "reader")?.reader;
        let records = pointer::slice(records, count, "records")?;
        let (features, mut memory) = tfr_features::with_memory(features)?;
        let old = std::mem::take(&mut memory.old);
        memory.columns = Some(reader.read_columns_into(records, features, &mut memory, old)?);
        let records = records.iter().map(|&record| record as u64).collect();
        store(tfr_batch::give(Batch::of(memory, records))?);
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
    unsafe { batch.as_ref() }.map_or(0, |batch| batch.batch.len())
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
    batch.map_or(std::ptr::null(), |batch| batch.batch.payloads().bytes().as_ptr())
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
    batch.map_or(std::ptr::null(), |batch| batch.batch.payloads().offsets().as_ptr())
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
    batch.map_or(std::ptr::null(), |batch| batch.batch.records().as_ptr())
}

/// Returns reason `number` of those why records were left out, with TFR_ON_ERROR_SKIP: first those that
/// could not be read, then those that could not be decoded, each in the order of the request. There is
/// one for each bad record, with its path and number, or one for all that are in a shard that cannot be
/// opened.
///
/// Parameters: `batch` and `skipped_out` are required. If there are no more reasons, *skipped_out is
/// NULL.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL.
///
/// Ownership: free *skipped_out with tfr_error_free().
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_batch_skipped(
    batch: *const tfr_batch,
    number: usize,
    skipped_out: *mut *mut tfr_error,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let store = pointer::handle_out(skipped_out, "skipped_out")?;
        if let Some(error) = pointer::borrow(batch, "batch")?.batch.skipped().get(number) {
            store(tfr_error::new(error.clone()));
        }
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Returns the features of the records; NULL if they were not asked for, and for NULL.
///
/// Ownership: borrowed from the batch, until the batch is freed. Do not free it.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_batch_columns(batch: *const tfr_batch) -> *const tfr_columns {
    // SAFETY: the caller upholds the contract.
    let columns = unsafe { batch.as_ref() }.and_then(|batch| batch.columns.as_ref());
    columns.map_or(std::ptr::null(), |columns| columns)
}

/// Frees a batch. NULL does nothing.
#[no_mangle]
pub unsafe extern "C" fn tfr_batch_free(batch: *mut tfr_batch) {
    // SAFETY: the caller upholds the contract.
    unsafe { pointer::free(batch) }
}
