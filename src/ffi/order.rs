//! `tfr_order`: which record comes when, for each rank and epoch.

use super::edit::remainder_of;
use super::error::tfr_error;
use super::guard::guard;
use super::pointer;
use super::status::tfr_status;
use crate::error::{Error, ErrorKind, Result};
use crate::Order;

/// The order in which one rank reads the records of a data set in one epoch. It needs no memory,
/// whatever the number of records.
///
/// The epoch's sequence has all record numbers: from 0 on, or shuffled. Each rank has a run of
/// neighbouring positions of the sequence, as tfr_index_shard() cuts an index by records. The order
/// gives the i-th record of the rank's run without the ones before it, so training resumes in the
/// middle of an epoch at no cost. It is the same in every version, on every platform and in every
/// language.
///
/// Threads: many threads may use the same order, as long as no thread changes it.
pub struct tfr_order(pub(super) Order);

/// Makes the order of all records from 0 to `num_records` - 1, in sequence, for one rank.
///
/// Parameters: `order_out` is required.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if it is NULL.
///
/// Ownership: free *order_out with tfr_order_free(). It is NULL on failure.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_order_new(
    num_records: u64,
    order_out: *mut *mut tfr_order,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let store = pointer::handle_out(order_out, "order_out")?;
        store(pointer::give(tfr_order(Order::new(num_records))));
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Shuffles all records: in each epoch in another order, and all ranks alike. The order starts at
/// the rank's first record again.
///
/// Parameters: `order` is required.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if it is NULL.
///
/// Threads: no other thread may use the order during the call.
#[no_mangle]
pub unsafe extern "C" fn tfr_order_set_shuffle(
    order: *mut tfr_order,
    seed: u64,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    unsafe { set(order, error_out, |order| Ok(order.shuffle(seed))) }
}

/// Shuffles chunks of `chunk_records` neighbouring records, and the records of a dozen chunks at a
/// time: for compressed files, where a record alone costs as much as many neighbours. All ranks must
/// take the same `chunk_records`; tfr_dataset_chunk_records() returns a good number. The order starts
/// at the rank's first record again.
///
/// Records that are far apart in the data set come together only by chance, chunk by chunk. So this is
/// no replacement for tfr_order_set_shuffle() if records are sorted, such as by label.
///
/// Parameters: `order` is required.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if it is NULL, or if `chunk_records` is 0. The order then does not
/// change.
///
/// Threads: no other thread may use the order during the call.
#[no_mangle]
pub unsafe extern "C" fn tfr_order_set_shuffle_chunks(
    order: *mut tfr_order,
    seed: u64,
    chunk_records: u64,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    unsafe { set(order, error_out, |order| order.shuffle_chunks(seed, chunk_records)) }
}

/// Sets the number of the epoch, which changes the sequence only if it is shuffled. The order
/// starts at the rank's first record again.
///
/// Parameters: `order` is required.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if it is NULL.
///
/// Threads: no other thread may use the order during the call.
#[no_mangle]
pub unsafe extern "C" fn tfr_order_set_epoch(
    order: *mut tfr_order,
    epoch: u64,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    unsafe { set(order, error_out, |order| Ok(order.epoch(epoch))) }
}

/// Takes part `rank` of `world_size` parts of the epoch's sequence, which starts at position
/// num_records * rank / world_size, rounded down. The order starts at the part's first record.
///
/// Parameters: `order` is required. `remainder` is a member of tfr_remainder and says which ranks
/// have how many records; with TFR_REMAINDER_KEEP each record is in exactly one part.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if `order` is NULL, `remainder` is any other number, or `rank`
/// is not less than `world_size`. The order then does not change.
///
/// Threads: no other thread may use the order during the call.
#[no_mangle]
pub unsafe extern "C" fn tfr_order_set_shard(
    order: *mut tfr_order,
    rank: u64,
    world_size: u64,
    remainder: i32,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    let shard = |order: Order| order.shard(rank, world_size, remainder_of(remainder)?);
    // SAFETY: the caller upholds the contract.
    unsafe { set(order, error_out, shard) }
}

/// Leaves out the rank's first `start` records, which were read before. Set this last: the other
/// functions go back to the first record.
///
/// Parameters: `order` is required.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if it is NULL, or if the rank has fewer records in this epoch.
/// The order then does not change.
///
/// Threads: no other thread may use the order during the call.
#[no_mangle]
pub unsafe extern "C" fn tfr_order_set_start(
    order: *mut tfr_order,
    start: u64,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    unsafe { set(order, error_out, |order| order.start(start)) }
}

/// Returns how many records the rank has in this epoch, from its start on; 0 for NULL.
///
/// Threads: safe on any thread, if no thread changes the order.
#[no_mangle]
pub unsafe extern "C" fn tfr_order_len(order: *const tfr_order) -> u64 {
    // SAFETY: the caller upholds the contract.
    unsafe { order.as_ref() }.map_or(0, |order| order.0.len())
}

/// Returns the number of the i-th record, counted from the start. For many records,
/// tfr_order_fill() is faster.
///
/// Parameters: `order` and `record_out` are required.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. TFR_ERR_OUT_OF_RANGE if `i` is
/// not less than tfr_order_len().
///
/// Threads: safe on any thread, if no thread changes the order.
#[no_mangle]
pub unsafe extern "C" fn tfr_order_get(
    order: *const tfr_order,
    i: u64,
    record_out: *mut u64,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let order = &pointer::borrow(order, "order")?.0;
        let store = pointer::out(record_out, "record_out")?;
        let record = order.get(i).ok_or_else(|| {
            let detail = format!("{i} is out of range, the order has {} records", order.len());
            Error::new(ErrorKind::OutOfRange, detail)
        })?;
        store(record);
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Writes the numbers of the records from the `first` one on to an array: up to `capacity`, or
/// fewer if the order ends before.
///
/// Parameters: `order` and `count_out` are required. `records_out` has room for `capacity` numbers
/// and may be NULL if `capacity` is 0. `count_out` receives how many were written, 0 at the end of
/// the order.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL.
///
/// Threads: safe on any thread, if no thread changes the order.
#[no_mangle]
pub unsafe extern "C" fn tfr_order_fill(
    order: *const tfr_order,
    first: u64,
    records_out: *mut u64,
    capacity: usize,
    count_out: *mut usize,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let order = &pointer::borrow(order, "order")?.0;
        let records = pointer::slice_mut(records_out, capacity, "records_out")?;
        let store = pointer::out(count_out, "count_out")?;
        store(order.fill(first, records));
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Frees an order. NULL does nothing.
#[no_mangle]
pub unsafe extern "C" fn tfr_order_free(order: *mut tfr_order) {
    // SAFETY: the caller upholds the contract.
    unsafe { pointer::free(order) }
}

/// Changes an order, unless the change fails.
///
/// # Safety
///
/// The contract of the functions for C.
unsafe fn set(
    order: *mut tfr_order,
    error_out: *mut *mut tfr_error,
    change: impl FnOnce(Order) -> Result<Order>,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let order = pointer::borrow_mut(order, "order")?;
        order.0 = change(order.0.clone())?;
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}
