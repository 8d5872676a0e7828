//! `tfr_reader_read()` and similar functions: read payloads into the caller's memory.

use super::error::tfr_error;
use super::guard::guard;
use super::pointer;
use super::reader::tfr_reader;
use super::status::tfr_status;
use crate::error::Error;

/// Returns the number of bytes that tfr_reader_read() gives for each of these records. It reads
/// only the headers of large records (over 1 MiB), so that nobody allocates memory just because a
/// damaged index says so.
///
/// Parameters: `reader` is required. `records` points to `count` record numbers and may be NULL if
/// `count` is 0. `sizes_out` is required and has room for `count` sizes.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. TFR_ERR_OUT_OF_RANGE if a number
/// is not less than tfr_reader_len(). TFR_ERR_MISMATCH if a record would end after the data. For a
/// large record, those of tfr_reader_read().
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_reader_sizes(
    reader: *const tfr_reader,
    records: *const usize,
    count: usize,
    sizes_out: *mut usize,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let reader = &pointer::borrow(reader, "reader")?.reader;
        let records = pointer::slice(records, count, "records")?;
        let store = pointer::array_out(sizes_out, "sizes_out")?;
        let mut sizes = Vec::new();
        sizes.try_reserve_exact(count).map_err(|_| Error::out_of_memory("the sizes"))?;
        for &record in records {
            sizes.push(reader.size_of(record)?);
        }
        store(&sizes);
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Returns where tfr_reader_read_many() puts each of these records: payload i is the bytes from
/// offsets_out[i] up to, but not including, offsets_out[i + 1]. The last offset is the total number
/// of bytes. The call reads nothing, unless the records take more than 1 GiB: then it reads the
/// headers of the large ones.
///
/// Parameters: `reader` is required. `records` points to `count` record numbers and may be NULL if
/// `count` is 0. `offsets_out` is required and has room for `count` + 1 offsets.
///
/// Errors: those of tfr_reader_sizes(). TFR_ERR_OUT_OF_MEMORY if payloads of more than 1 GiB take
/// more memory than is available. On Linux the call finds that in /proc/meminfo and in the
/// process's control groups, including free swap space. (The system may allow more, and then kill
/// the process when it writes to that memory.)
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_reader_offsets(
    reader: *const tfr_reader,
    records: *const usize,
    count: usize,
    offsets_out: *mut usize,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let reader = &pointer::borrow(reader, "reader")?.reader;
        let records = pointer::slice(records, count, "records")?;
        let store = pointer::array_out(offsets_out, "offsets_out")?;
        store(&reader.offsets(records)?);
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Reads the payload of a record, or its frame with tfr_options_set_raw_frames().
///
/// Parameters: `reader` is required. `buffer` has room for `capacity` bytes and may be NULL if
/// `capacity` is 0; tfr_reader_sizes() returns the necessary size. `size_out` is optional; it
/// receives the number of bytes written to `buffer`.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL or `capacity` is too small.
/// TFR_ERR_OUT_OF_RANGE if `record` is not less than tfr_reader_len(). TFR_ERR_MISMATCH if the
/// record would end after the data, or the data has a different frame there: the index belongs to
/// other data. TFR_ERR_LENGTH_CRC or TFR_ERR_PAYLOAD_CRC if the record is damaged.
/// TFR_ERR_TRUNCATED if the data has become shorter. TFR_ERR_IO. After an error the contents of the
/// buffer are undefined.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_reader_read(
    reader: *const tfr_reader,
    record: usize,
    buffer: *mut u8,
    capacity: usize,
    size_out: *mut usize,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let store_size = pointer::optional_out(size_out, "size_out")?;
        let reader = &pointer::borrow(reader, "reader")?.reader;
        let buffer = pointer::slice_mut(buffer, capacity, "buffer")?;
        store_size(reader.read_into_slice(record, buffer)?);
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Reads the payloads of many records and concatenates them in the order of `records`. It reads
/// them in the order of the data, combines reads that are close together, and uses several threads
/// if that helps.
///
/// Parameters: `reader` is required. `records` points to `count` record numbers and may be NULL if
/// `count` is 0. `buffer` has room for `capacity` bytes and may be NULL if `capacity` is 0;
/// tfr_reader_offsets() returns the necessary size. `offsets_out` is optional; it receives the
/// `count` + 1 offsets of tfr_reader_offsets().
///
/// Errors: those of tfr_reader_read(), for the first bad record in the order of `records`. If a
/// record number is out of range or a record would end after the data, the call fails before it
/// reads anything. After an error the contents of the buffer are undefined.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_reader_read_many(
    reader: *const tfr_reader,
    records: *const usize,
    count: usize,
    buffer: *mut u8,
    capacity: usize,
    offsets_out: *mut usize,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let reader = &pointer::borrow(reader, "reader")?.reader;
        let records = pointer::slice(records, count, "records")?;
        let store = pointer::optional_array_out(offsets_out, "offsets_out")?;
        let buffer = pointer::slice_mut(buffer, capacity, "buffer")?;
        store(&reader.read_many_into_slice(records, buffer)?);
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Reads the payloads of many records, like tfr_reader_read_many(), each to the start of its own
/// buffer.
///
/// Parameters: `reader` is required. `records`, `buffers` and `capacities` have `count` elements
/// and may be NULL if `count` is 0. Buffer i has room for capacities[i] bytes; it may be NULL if
/// that is 0, and then receives an empty payload. Buffers must not overlap.
///
/// Errors: those of tfr_reader_read_many(). After an error the contents of the buffers are
/// undefined.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_reader_read_each(
    reader: *const tfr_reader,
    records: *const usize,
    count: usize,
    buffers: *const *mut u8,
    capacities: *const usize,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let reader = &pointer::borrow(reader, "reader")?.reader;
        let records = pointer::slice(records, count, "records")?;
        let mut buffers = pointer::buffers(buffers, capacities, count)?;
        reader.read_each(records, &mut buffers)
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}
