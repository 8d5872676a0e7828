//! `tfr_reader`: records by their numbers.

use libc::c_char;

use super::error::tfr_error;
use super::guard::guard;
use super::index::{tfr_entry, tfr_index};
use super::options::tfr_options;
use super::pointer;
use super::source::{tfr_source, Source};
use super::status::tfr_status;
use crate::{Options, Reader, Result};

/// A TFRecord file that is open, and its index: record i is where entry i says. The file may grow
/// meanwhile.
///
/// Of a record that is read, the checksum policy of the options says what must hold: with
/// TFR_CHECKSUMS_FULL the CRCs of length and payload, with TFR_CHECKSUMS_LENGTH that of the length;
/// and the length must be the index's. TFR_CHECKSUMS_AUTO is as TFR_CHECKSUMS_FULL, but of data
/// that was written without true checksums only lengths are looked at. With TFR_CHECKSUMS_NONE
/// nothing is: bytes are given as they are.
///
/// Threads: a reader may be used by many threads at once; none waits for another.
pub struct tfr_reader {
    reader: Reader,
    warning: Option<tfr_error>,
}

impl tfr_reader {
    fn new(reader: Reader) -> tfr_reader {
        let warning = reader.warning().cloned().map(tfr_error::of);
        tfr_reader { reader, warning }
    }
}

/// Opens a TFRecord file to read its records.
///
/// Inputs: `index` may be NULL: it is then read from where tfr_index_find() finds it beside the file, at
/// `tfrecord_path` with ".idx" appended, if that is an index of this file that accounts for each valid record: none may start where it leaves a
/// gap, before its first entry or after its last one. If there is no such index, the file is scanned,
/// and no index file is written; if one was left aside, tfr_reader_warning() says why. An index that
/// is given is taken as it is: it may select, reorder and repeat records, and is not checked, but
/// each frame is when it is read. `options` may be NULL: the defaults; their callbacks are called
/// during this call alone.
/// Errors: TFR_ERR_INVALID_ARGUMENT for NULL and for a path that is no regular file; TFR_ERR_IO
/// when the file cannot be read; those of tfr_index_scan() when it is scanned.
/// Ownership: the index is shared: the caller may free it at once. The caller frees *reader_out
/// with tfr_reader_free(); it is NULL on failure.
/// Threads: any.
///
/// # Safety
/// - `tfrecord_path`: NULL, or NUL-terminated.
/// - `index`: NULL, or an index that is not yet freed.
/// - `options`: NULL, or options that are not yet freed.
/// - `reader_out`, `error_out`: NULL, or may be written to.
#[no_mangle]
pub unsafe extern "C" fn tfr_reader_open(
    tfrecord_path: *const c_char,
    index: *const tfr_index,
    options: *const tfr_options,
    reader_out: *mut *mut tfr_reader,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller's.
    let body = || unsafe {
        let store = pointer::handle_out(reader_out, "reader_out")?;
        let path = pointer::path(tfrecord_path, "tfrecord_path")?;
        let reader = tfr_options::with(options, |options| match index.as_ref() {
            None => Reader::open(path, options),
            Some(index) => Reader::with_index(path, index.0.clone(), options),
        })?;
        store(pointer::give(tfr_reader::new(reader)));
        Ok(())
    };
    // SAFETY: the caller's.
    unsafe { guard(error_out, body) }
}

/// Opens a source to read its records.
///
/// Inputs: `index` may be NULL: it is then made by a scan. Otherwise as tfr_reader_open(); threads
/// are the reader's, too: with 1, `read_at` is called on the caller's alone.
/// Errors: TFR_ERR_INVALID_ARGUMENT for NULL; those of tfr_index_from_source() when it is scanned.
/// Ownership: the source is copied; what its `read_at` and `context` need must stay until the
/// reader is freed. The rest is as with tfr_reader_open().
/// Threads: any; see tfr_source.
///
/// # Safety
/// - `source`: NULL, or a source whose `read_at` is NULL or does what tfr_read_at_fn says until the
///   reader is freed.
/// - `index`: NULL, or an index that is not yet freed.
/// - `options`: NULL, or options that are not yet freed.
/// - `reader_out`, `error_out`: NULL, or may be written to.
#[no_mangle]
pub unsafe extern "C" fn tfr_reader_from_source(
    source: *const tfr_source,
    index: *const tfr_index,
    options: *const tfr_options,
    reader_out: *mut *mut tfr_reader,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller's.
    let body = || unsafe {
        let store = pointer::handle_out(reader_out, "reader_out")?;
        let source = Source::copy(source)?;
        let index = index.as_ref().map(|index| index.0.clone());
        let open = |options: &Options<'_>| Reader::from_source(source, index, options);
        store(pointer::give(tfr_reader::new(tfr_options::with(options, open)?)));
        Ok(())
    };
    // SAFETY: the caller's.
    unsafe { guard(error_out, body) }
}

/// Why the index found beside the data is not used: it does not account for all valid records of the
/// data, or cannot be read. The data was scanned instead. Programs should say so. NULL if there was
/// no such index, or it is used; and for NULL.
///
/// Ownership: borrowed from the reader, gone when that is freed; not to be freed.
/// Threads: any.
///
/// # Safety
/// - `reader`: NULL, or a reader that is not yet freed.
#[no_mangle]
pub unsafe extern "C" fn tfr_reader_warning(reader: *const tfr_reader) -> *const tfr_error {
    // SAFETY: the caller's.
    let warning = unsafe { reader.as_ref() }.and_then(|reader| reader.warning.as_ref());
    warning.map_or(std::ptr::null(), |warning| warning)
}

/// The number of records; 0 for NULL.
///
/// Threads: any.
///
/// # Safety
/// - `reader`: NULL, or a reader that is not yet freed.
#[no_mangle]
pub unsafe extern "C" fn tfr_reader_len(reader: *const tfr_reader) -> usize {
    // SAFETY: the caller's.
    unsafe { reader.as_ref() }.map_or(0, |reader| reader.reader.len())
}

/// The index: an array of tfr_reader_len() entries; NULL for an empty one and for NULL.
///
/// Ownership: borrowed from the reader, gone when that is freed.
/// Threads: any.
///
/// # Safety
/// - `reader`: NULL, or a reader that is not yet freed.
#[no_mangle]
pub unsafe extern "C" fn tfr_reader_entries(reader: *const tfr_reader) -> *const tfr_entry {
    // SAFETY: the caller's.
    match unsafe { reader.as_ref() } {
        // The two types have the same members in the same order, both in C's layout.
        Some(tfr_reader { reader, .. }) if !reader.is_empty() => reader.index().as_ptr().cast(),
        _ => std::ptr::null(),
    }
}

/// Reads a record's payload; its frame, if tfr_options_set_raw_frames() asked for it.
///
/// Inputs: `buffer` may be NULL if `capacity` is 0: then nothing is read but the header of a large
/// record (over a MiB), so that nobody takes memory for what an index alone says, and *size_out gets
/// how many bytes it takes. `size_out` may be NULL; it gets how many bytes there are in `buffer`.
/// Errors: TFR_ERR_INVALID_ARGUMENT for NULL, and when `capacity` is too small;
/// TFR_ERR_OUT_OF_RANGE when `record` is not below tfr_reader_len(); TFR_ERR_MISMATCH when the
/// record would end behind the data, or another frame is there: the index is not that of the data;
/// TFR_ERR_LENGTH_CRC and TFR_ERR_PAYLOAD_CRC when it is damaged; TFR_ERR_TRUNCATED when the data
/// became shorter; TFR_ERR_IO. After an error the buffer holds anything.
/// Threads: any.
///
/// # Safety
/// - `reader`: NULL, or a reader that is not yet freed.
/// - `buffer`: NULL, or `capacity` bytes that may be written to.
/// - `size_out`, `error_out`: NULL, or may be written to.
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
        let size = match buffer.is_null() && capacity == 0 {
            true => reader.size_of(record)?,
            false => {
                reader.read_into_slice(record, pointer::slice_mut(buffer, capacity, "buffer")?)?
            }
        };
        store_size(size);
        Ok(())
    };
    // SAFETY: the caller's.
    unsafe { guard(error_out, body) }
}

/// Reads many records' payloads, one behind the other, in the order of `records`: payload i is
/// `buffer` from offsets_out[i] on to offsets_out[i + 1]. They are read in the order of the data,
/// those that lie close together at once, by as many threads as it takes.
///
/// Inputs: `records` may be NULL if `count` is 0. `buffer` may be NULL if `capacity` is 0: then
/// nothing is read (but of what takes more than a GiB, large records' headers are), and the offsets
/// say how many bytes it takes: the last one. `offsets_out` gets `count` + 1 offsets.
/// Errors: as tfr_reader_read(), of the first bad record in the order of `records`; of those that
/// are not there or would end behind the data, before anything is read. After an error the buffer
/// holds anything. TFR_ERR_OUT_OF_MEMORY without a buffer, if payloads of more than a GiB take more
/// memory than is available: on Linux that of /proc/meminfo and of the process's control groups, with
/// the free swap space. (The system may give more, and end the process when it writes to that.)
/// Threads: any.
///
/// # Safety
/// - `reader`: NULL, or a reader that is not yet freed.
/// - `records`: NULL, or `count` numbers that may be read.
/// - `buffer`: NULL, or `capacity` bytes that may be written to.
/// - `offsets_out`: NULL, or `count` + 1 numbers that may be written to.
/// - `error_out`: NULL, or may be written to.
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
        let store = pointer::array_out(offsets_out, "offsets_out")?;
        let offsets = match buffer.is_null() && capacity == 0 {
            true => reader.offsets(records)?,
            false => reader
                .read_many_into_slice(records, pointer::slice_mut(buffer, capacity, "buffer")?)?,
        };
        store(&offsets);
        Ok(())
    };
    // SAFETY: the caller's.
    unsafe { guard(error_out, body) }
}

/// Reads many records' payloads, each to the start of a buffer of its own, as tfr_reader_read_many().
///
/// Inputs: `buffers` and `capacities` have `count` elements; they and `records` may be NULL if it is
/// 0. A buffer may be NULL if its capacity is 0; it then gets an empty payload.
/// Errors: as tfr_reader_read_many(). After an error the buffers hold anything.
/// Threads: any.
///
/// # Safety
/// - `reader`: NULL, or a reader that is not yet freed.
/// - `records`: NULL, or `count` numbers that may be read.
/// - `buffers`: NULL, or `count` pointers, each NULL or to as many bytes that may be written to as
///   `capacities` says; none overlaps another.
/// - `capacities`: NULL, or `count` numbers that may be read.
/// - `error_out`: NULL, or may be written to.
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

/// Closes a reader, and with it the array of tfr_reader_entries(). NULL is allowed.
///
/// # Safety
/// - `reader`: NULL, or a reader that is not yet freed and not used again.
#[no_mangle]
pub unsafe extern "C" fn tfr_reader_free(reader: *mut tfr_reader) {
    // SAFETY: the caller's.
    unsafe { pointer::free(reader) }
}
