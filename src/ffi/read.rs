//! `tfr_reader_read()` and the like: payloads into the caller's memory.

use super::error::tfr_error;
use super::guard::guard;
use super::pointer;
use super::reader::tfr_reader;
use super::status::tfr_status;
use crate::error::{Error, Result};

/// How many bytes tfr_reader_read() gives of each of these records. Nothing is read but the headers of
/// large records (over a MiB), so that nobody takes memory for what an index alone says.
///
/// Inputs: `records` is optional if `count` is 0. `sizes_out` gets `count` sizes.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT for NULL; TFR_ERR_OUT_OF_RANGE when a number is not below
/// tfr_reader_len(); TFR_ERR_MISMATCH when a record would end after the data; of a large record those
/// of tfr_reader_read().
///
/// Threads: any.
///
/// # Safety
/// - `reader`: required; a reader that is not yet freed.
/// - `records`: `count` numbers that may be read.
/// - `sizes_out`: required; `count` numbers that may be written to.
/// - `error_out`: optional; may be written to.
#[no_mangle]
pub unsafe extern "C" fn tfr_reader_sizes(
    reader: *const tfr_reader,
    records: *const usize,
    count: usize,
    sizes_out: *mut usize,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller's.
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
    // SAFETY: the caller's.
    unsafe { guard(error_out, body) }
}

/// Where tfr_reader_read_many() puts each of these records: payload i from offsets_out[i] to before
/// offsets_out[i + 1]. The last offset is how many bytes they take. Nothing is read, unless they take
/// more than a GiB: then the headers of large records are.
///
/// Inputs: `records` is optional if `count` is 0. `offsets_out` gets `count` + 1 offsets.
///
/// Errors: as tfr_reader_sizes(); TFR_ERR_OUT_OF_MEMORY if payloads of more than a GiB take more
/// memory than is available: on Linux that of /proc/meminfo and of the process's control groups, with
/// the free swap space. (The system may give more, and end the process when it writes to that.)
///
/// Threads: any.
///
/// # Safety
/// - `reader`: required; a reader that is not yet freed.
/// - `records`: `count` numbers that may be read.
/// - `offsets_out`: required; `count` + 1 numbers that may be written to.
/// - `error_out`: optional; may be written to.
#[no_mangle]
pub unsafe extern "C" fn tfr_reader_offsets(
    reader: *const tfr_reader,
    records: *const usize,
    count: usize,
    offsets_out: *mut usize,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller's.
    let body = || unsafe {
        let reader = &pointer::borrow(reader, "reader")?.reader;
        let records = pointer::slice(records, count, "records")?;
        let store = pointer::array_out(offsets_out, "offsets_out")?;
        store(&reader.offsets(records)?);
        Ok(())
    };
    // SAFETY: the caller's.
    unsafe { guard(error_out, body) }
}

/// Reads a record's payload; its frame, if tfr_options_set_raw_frames() asked for it.
///
/// Inputs: `buffer` has room for `capacity` bytes; tfr_reader_sizes() says how many it takes. It is
/// optional if `capacity` is 0. `size_out` is optional; it gets how many bytes there are in `buffer`.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT for NULL, and when `capacity` is too small;
/// TFR_ERR_OUT_OF_RANGE when `record` is not below tfr_reader_len(); TFR_ERR_MISMATCH when the
/// record would end after the data, or another frame is there: the index is not that of the data;
/// TFR_ERR_LENGTH_CRC and TFR_ERR_PAYLOAD_CRC when it is damaged; TFR_ERR_TRUNCATED when the data
/// became shorter; TFR_ERR_IO. After an error the buffer holds anything.
///
/// Threads: any.
///
/// # Safety
/// - `reader`: required; a reader that is not yet freed.
/// - `buffer`: `capacity` bytes that may be written to.
/// - `size_out`, `error_out`: optional; may be written to.
#[no_mangle]
pub unsafe extern "C" fn tfr_reader_read(
    reader: *const tfr_reader,
    record: usize,
    buffer: *mut u8,
    capacity: usize,
    size_out: *mut usize,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller's.
    let body = || unsafe {
        let store_size = pointer::optional_out(size_out, "size_out")?;
        let reader = &pointer::borrow(reader, "reader")?.reader;
        let buffer = pointer::slice_mut(buffer, capacity, "buffer")?;
        store_size(reader.read_into_slice(record, buffer)?);
        Ok(())
    };
    // SAFETY: the caller's.
    unsafe { guard(error_out, body) }
}

/// Reads many records' payloads, concatenated, in the order of `records`. They are read in the order
/// of the data, those that lie close together at once, by as many threads as it takes.
///
/// Inputs: `records` is optional if `count` is 0. `buffer` has room for `capacity` bytes;
/// tfr_reader_offsets() says how many it takes. It is optional if `capacity` is 0. `offsets_out` is
/// optional; it gets the `count` + 1 numbers of tfr_reader_offsets().
///
/// Errors: as tfr_reader_read(), of the first bad record in the order of `records`; of those that
/// are not there or would end after the data, before anything is read. After an error the buffer
/// holds anything.
///
/// Threads: any.
///
/// # Safety
/// - `reader`: required; a reader that is not yet freed.
/// - `records`: `count` numbers that may be read.
/// - `buffer`: `capacity` bytes that may be written to.
/// - `offsets_out`: optional; `count` + 1 numbers that may be written to.
/// - `error_out`: optional; may be written to.
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
    // SAFETY: the caller's.
    let body = || unsafe {
        let reader = &pointer::borrow(reader, "reader")?.reader;
        let records = pointer::slice(records, count, "records")?;
        let store = match offsets_out.is_null() {
            true => None,
            false => Some(pointer::array_out(offsets_out, "offsets_out")?),
        };
        let buffer = pointer::slice_mut(buffer, capacity, "buffer")?;
        let offsets = reader.read_many_into_slice(records, buffer)?;
        if let Some(store) = store {
            store(&offsets);
        }
        Ok(())
    };
    // SAFETY: the caller's.
    unsafe { guard(error_out, body) }
}

/// Reads many records' payloads, each to the start of a buffer of its own, as tfr_reader_read_many().
///
/// Inputs: `buffers` and `capacities` have `count` elements; they and `records` are optional if it is
/// 0. A buffer may be NULL if its capacity is 0; it then gets an empty payload.
///
/// Errors: as tfr_reader_read_many(). After an error the buffers hold anything.
///
/// Threads: any.
///
/// # Safety
/// - `reader`: required; a reader that is not yet freed.
/// - `records`: `count` numbers that may be read.
/// - `buffers`: `count` pointers, each NULL or to as many bytes that may be written to as
///   `capacities` says; none overlaps another.
/// - `capacities`: `count` numbers that may be read.
/// - `error_out`: optional; may be written to.
#[no_mangle]
pub unsafe extern "C" fn tfr_reader_read_each(
    reader: *const tfr_reader,
    records: *const usize,
    count: usize,
    buffers: *const *mut u8,
    capacities: *const usize,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller's.
    let body = || unsafe {
        let reader = &pointer::borrow(reader, "reader")?.reader;
        let records = pointer::slice(records, count, "records")?;
        let capacities = pointer::slice(capacities, count, "capacities")?;
        let buffers = pointer::slice(buffers, count, "buffers")?.iter().zip(capacities);
        let mut buffers = buffers
            .map(|(&buffer, &capacity)| pointer::slice_mut(buffer, capacity, "buffer"))
            .collect::<Result<Vec<_>>>()?;
        reader.read_each(records, &mut buffers)
    };
    // SAFETY: the caller's.
    unsafe { guard(error_out, body) }
}
