//! `tfr_dataset_read()` and similar functions: read payloads into the caller's memory.

use super::dataset::tfr_dataset;
use super::error::tfr_error;
use super::guard::guard;
use super::index::tfr_entry;
use super::pointer;
use super::status::tfr_status;
use crate::Entry;

/// Returns the number of bytes that tfr_dataset_read() gives for each of these records. It opens
/// shards whose indexes are not in memory, and reads only the headers of large records (over 1
/// MiB), so that nobody allocates memory just because a damaged index says so.
///
/// Parameters: `dataset` is required. `records` points to `count` record numbers and may be NULL if
/// `count` is 0. `sizes_out` is required and has room for `count` sizes.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. TFR_ERR_OUT_OF_RANGE if a number
/// is not less than tfr_dataset_len(). Otherwise those of tfr_dataset_read().
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_dataset_sizes(
    dataset: *const tfr_dataset,
    records: *const u64,
    count: usize,
    sizes_out: *mut usize,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let dataset = &pointer::borrow(dataset, "dataset")?.dataset;
        let records = pointer::slice(records, count, "records")?;
        let store = pointer::array_out(sizes_out, "sizes_out")?;
        store(&dataset.sizes(records)?);
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Returns where the frames of these records are in their files; tfr_dataset_locate() says which
/// files. It opens shards whose indexes are not in memory, and reads no record.
///
/// Parameters: `dataset` is required. `records` points to `count` record numbers and may be NULL if
/// `count` is 0. `entries_out` is required and has room for `count` entries.
///
/// Errors: those of tfr_dataset_sizes().
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_dataset_entries(
    dataset: *const tfr_dataset,
    records: *const u64,
    count: usize,
    entries_out: *mut tfr_entry,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let dataset = &pointer::borrow(dataset, "dataset")?.dataset;
        let records = pointer::slice(records, count, "records")?;
        let store = pointer::array_out(entries_out, "entries_out")?;
        let entries = dataset.entries(records)?.into_iter();
        let entries = entries.map(|Entry { offset, size }| tfr_entry { offset, size });
        store(&entries.collect::<Vec<_>>());
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Returns where tfr_dataset_read_many() puts each of these records: payload i is the bytes from
/// offsets_out[i] up to, but not including, offsets_out[i + 1]. The last offset is the total number
/// of bytes. It opens shards whose indexes are not in memory.
///
/// Parameters: `dataset` is required. `records` points to `count` record numbers and may be NULL if
/// `count` is 0. `offsets_out` is required and has room for `count` + 1 offsets.
///
/// Errors: those of tfr_dataset_sizes(). TFR_ERR_OUT_OF_MEMORY as for tfr_reader_offsets().
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_dataset_offsets(
    dataset: *const tfr_dataset,
    records: *const u64,
    count: usize,
    offsets_out: *mut usize,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let dataset = &pointer::borrow(dataset, "dataset")?.dataset;
        let records = pointer::slice(records, count, "records")?;
        let store = pointer::array_out(offsets_out, "offsets_out")?;
        store(&dataset.offsets(records)?);
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Reads the payload of a record, or its frame with tfr_options_set_raw_frames().
///
/// Parameters: `dataset` is required. `buffer` has room for `capacity` bytes and may be NULL if
/// `capacity` is 0; tfr_dataset_sizes() returns the necessary size. `size_out` is optional; it
/// receives the number of bytes written to `buffer`.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL or `capacity` is too small.
/// TFR_ERR_OUT_OF_RANGE if `record` is not less than tfr_dataset_len(). Those of tfr_reader_open()
/// if the shard is opened; TFR_ERR_MISMATCH, too, if its file has changed. Those of
/// tfr_reader_read(). The error names the file and the record's number in it. After an error the
/// contents of the buffer are undefined.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_dataset_read(
    dataset: *const tfr_dataset,
    record: u64,
    buffer: *mut u8,
    capacity: usize,
    size_out: *mut usize,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let store_size = pointer::optional_out(size_out, "size_out")?;
        let dataset = &pointer::borrow(dataset, "dataset")?.dataset;
        let buffer = pointer::slice_mut(buffer, capacity, "buffer")?;
        store_size(dataset.read_into_slice(record, buffer)?);
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Reads the payloads of many records and concatenates them in the order of `records`. It reads
/// several shards at the same time: with one thread per processor if that helps, and up to 32 where
/// reads wait for the storage.
///
/// Parameters: `dataset` is required. `records` points to `count` record numbers and may be NULL if
/// `count` is 0. `buffer` has room for `capacity` bytes and may be NULL if `capacity` is 0;
/// tfr_dataset_offsets() returns the necessary size. `offsets_out` is optional; it receives the
/// `count` + 1 offsets of tfr_dataset_offsets().
///
/// Errors: those of tfr_dataset_read(), for the first bad record in the order of `records`. After
/// an error the contents of the buffer are undefined.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_dataset_read_many(
    dataset: *const tfr_dataset,
    records: *const u64,
    count: usize,
    buffer: *mut u8,
    capacity: usize,
    offsets_out: *mut usize,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let dataset = &pointer::borrow(dataset, "dataset")?.dataset;
        let records = pointer::slice(records, count, "records")?;
        let store = pointer::optional_array_out(offsets_out, "offsets_out")?;
        let buffer = pointer::slice_mut(buffer, capacity, "buffer")?;
        store(&dataset.read_many_into_slice(records, buffer)?);
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Reads the payloads of many records, like tfr_dataset_read_many(), each to the start of its own
/// buffer.
///
/// Parameters: `dataset` is required. `records`, `buffers` and `capacities` have `count` elements
/// and may be NULL if `count` is 0. Buffer i has room for capacities[i] bytes; it may be NULL if
/// that is 0, and then receives an empty payload. Buffers must not overlap.
///
/// Errors: those of tfr_dataset_read_many(). After an error the contents of the buffers are
/// undefined.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_dataset_read_each(
    dataset: *const tfr_dataset,
    records: *const u64,
    count: usize,
    buffers: *const *mut u8,
    capacities: *const usize,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let dataset = &pointer::borrow(dataset, "dataset")?.dataset;
        let records = pointer::slice(records, count, "records")?;
        let mut buffers = pointer::buffers(buffers, capacities, count)?;
        dataset.read_each(records, &mut buffers)
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}
