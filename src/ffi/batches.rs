//! `tfr_batches`: reads batches of a data set in an order, ahead of the caller.

use std::time::Duration;

use super::batch::tfr_batch;
use super::dataset::tfr_dataset;
use super::error::tfr_error;
use super::features::tfr_features;
use super::guard::guard;
use super::order::tfr_order;
use super::pointer;
use super::status::tfr_status;
use crate::Batches;

/// Iterates over the batches of an order. Threads of the library read batches ahead while the
/// caller works.
///
/// Threads: one thread at a time. After a fork(), the iterator continues in the child, with threads
/// of the child.
pub struct tfr_batches(Batches);

/// Starts to read batches of `batch_size` records in an order. The last batch may have fewer;
/// `drop_last` other than 0 leaves it out then.
///
/// `prefetch` batches are read ahead, but no more than 1,024, by threads that start with the first
/// call of tfr_batches_next() or tfr_batches_wait(). If it is 0, or tfr_options_set_threads() is 1,
/// the calling thread reads.
///
/// Parameters: `dataset`, `order` and `batches_out` are required.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL, if `batch_size` is 0, or if the
/// order has another number of records than the data set.
///
/// Ownership: the iterator shares the data set, and copies the order; the caller may free both
/// immediately. Free *batches_out with tfr_batches_free(). It is NULL on failure.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_batches_new(
    dataset: *const tfr_dataset,
    order: *const tfr_order,
    batch_size: usize,
    prefetch: usize,
    drop_last: i32,
    batches_out: *mut *mut tfr_batches,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let store = pointer::handle_out(batches_out, "batches_out")?;
        let dataset = &pointer::borrow(dataset, "dataset")?.dataset;
        let order = pointer::borrow(order, "order")?.0.clone();
        let batches = dataset.batches(batch_size, order, prefetch)?;
        store(pointer::give(tfr_batches(batches.drop_last(drop_last != 0))));
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Starts to read batches of a part of a data set, such as every second record: record i of the order
/// is record `first` + i * `step` of the data set. As many records as the order has must be there.
///
/// If `max_bytes` is not 0, a batch also ends before its payloads have more bytes than that, but not
/// before its first record: for records of any size in little memory. A bad record then fails alone:
/// the batch ends before it, and the iterator continues after it. The first batch is small, one
/// thread reads the others ahead, and `drop_last` has no effect.
///
/// Parameters and errors: as for tfr_batches_new(), except that the data set may have more records
/// than the order. TFR_ERR_INVALID_ARGUMENT if it has not all of these records.
///
/// Ownership and threads: as for tfr_batches_new().
#[no_mangle]
pub unsafe extern "C" fn tfr_batches_of(
    dataset: *const tfr_dataset,
    first: u64,
    step: i64,
    order: *const tfr_order,
    batch_size: usize,
    max_bytes: usize,
    prefetch: usize,
    drop_last: i32,
    batches_out: *mut *mut tfr_batches,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let store = pointer::handle_out(batches_out, "batches_out")?;
        let dataset = &pointer::borrow(dataset, "dataset")?.dataset;
        let order = pointer::borrow(order, "order")?.0.clone();
        let batches = dataset.batches_of(first, step, batch_size, order, prefetch)?;
        let batches = match max_bytes {
            0 => batches,
            max_bytes => batches.max_bytes(max_bytes),
        };
        store(pointer::give(tfr_batches(batches.drop_last(drop_last != 0))));
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Decodes features of the records from the next batch on, right after they are read, in the threads
/// that read ahead: tfr_batch_columns() returns them. A record that cannot be decoded is a bad record,
/// like one that cannot be read.
///
/// Parameters: `batches` and `features` are required.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL, if the features contradict
/// themselves, or if the data set gives raw frames.
///
/// Ownership: the call copies the features; the caller may free them immediately.
///
/// Threads: no other thread may use the iterator during the call.
#[no_mangle]
pub unsafe extern "C" fn tfr_batches_set_features(
    batches: *mut tfr_batches,
    features: *const tfr_features,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let batches = pointer::borrow_mut(batches, "batches")?;
        batches.0.set_features(tfr_features::of(features)?)
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Returns the next batch. At the end *batch_out is NULL.
///
/// Parameters: `batches` and `batch_out` are required.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. Those of
/// tfr_dataset_read_batch() if the batch cannot be read; the next call continues with the batch
/// after it.
///
/// Ownership: free *batch_out with tfr_batch_free(). It is NULL on failure. It does not depend on
/// the iterator.
///
/// Threads: no other thread may use the iterator during the call.
#[no_mangle]
pub unsafe extern "C" fn tfr_batches_next(
    batches: *mut tfr_batches,
    batch_out: *mut *mut tfr_batch,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let store = pointer::handle_out(batch_out, "batch_out")?;
        if let Some(batch) = pointer::borrow_mut(batches, "batches")?.0.next() {
            store(tfr_batch::give(batch?)?);
        }
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Waits until tfr_batches_next() would not wait, but not longer than `milliseconds`. This is for
/// callers that do something else from time to time, such as handling signals.
///
/// Parameters: `batches` and `ready_out` are required. *ready_out is 1 if tfr_batches_next() would
/// return at once, or read the batch itself; otherwise 0.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL.
///
/// Threads: no other thread may use the iterator during the call.
#[no_mangle]
pub unsafe extern "C" fn tfr_batches_wait(
    batches: *mut tfr_batches,
    milliseconds: u32,
    ready_out: *mut i32,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let store = pointer::out(ready_out, "ready_out")?;
        let timeout = Duration::from_millis(milliseconds.into());
        let ready = pointer::borrow_mut(batches, "batches")?.0.wait(timeout);
        store(ready.into());
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Returns where the next batch starts, as tfr_order_start() takes it: an order that starts there
/// continues with exactly this batch. It counts the records of the batches so far, including those
/// that were left out, and those before the order's start. After an error it is where the failed
/// batch starts, until the iterator continues. 0 for NULL.
///
/// Threads: no other thread may use the iterator during the call.
#[no_mangle]
pub unsafe extern "C" fn tfr_batches_state(batches: *const tfr_batches) -> u64 {
    // SAFETY: the caller upholds the contract.
    unsafe { batches.as_ref() }.map_or(0, |batches| batches.0.state())
}

/// Frees an iterator. It waits for the threads that read ahead. NULL does nothing.
#[no_mangle]
pub unsafe extern "C" fn tfr_batches_free(batches: *mut tfr_batches) {
    // SAFETY: the caller upholds the contract.
    unsafe { pointer::free(batches) }
}
