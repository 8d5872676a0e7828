//! `tfr_reader`: records by their numbers.

use libc::c_char;

use super::error::tfr_error;
use super::guard::guard;
use super::index::{tfr_entry, tfr_index};
use super::options::tfr_options;
use super::pointer;
use super::source::{tfr_source, Source};
use super::status::tfr_status;
use crate::error::{Error, Result};
use crate::{Options, Reader};

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
    pub(super) reader: Reader,
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
/// Inputs: `index` is optional: it is then read from where tfr_index_find() finds it beside the file,
/// if that is an index of this file that accounts for each valid record: none may start where it leaves a
/// gap, before its first entry or after its last one. If there is no such index, the file is scanned,
/// and no index file is written; if one was left aside, tfr_reader_warning() says why. An index that
/// is given is taken as it is: it may select, reorder and repeat records, and is not checked, but
/// each frame is when it is read. `options` is optional: the defaults; their callbacks are called
/// during this call alone.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT for NULL and for a path that is no regular file; TFR_ERR_IO
/// when the file cannot be read; those of tfr_index_scan() when it is scanned.
///
/// Ownership: the index is shared: the caller may free it at once. The caller frees *reader_out
/// with tfr_reader_free(); it is NULL on failure.
///
/// Threads: any.
///
/// # Safety
/// - `tfrecord_path`: required; NUL-terminated.
/// - `index`: optional; an index that is not yet freed.
/// - `options`: optional; options that are not yet freed.
/// - `reader_out`: required; `error_out`: optional; both may be written to.
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
/// Inputs: `index` is optional: it is then made by a scan. Otherwise as tfr_reader_open(); threads
/// are the reader's, too: with 1, `read_at` is called on the caller's alone.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT for NULL; those of tfr_index_from_source() when it is scanned.
///
/// Ownership: the source is shared: the caller may free it at once. The rest is as with
/// tfr_reader_open().
///
/// Threads: any; see tfr_source.
///
/// # Safety
/// - `source`: required; a source that is not yet freed.
/// - `index`: optional; an index that is not yet freed.
/// - `options`: optional; options that are not yet freed.
/// - `reader_out`: required; `error_out`: optional; both may be written to.
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
        let source = Source::share(source)?;
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
///
/// Threads: any.
///
/// # Safety
/// - `reader`: optional; a reader that is not yet freed.
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
/// - `reader`: optional; a reader that is not yet freed.
#[no_mangle]
pub unsafe extern "C" fn tfr_reader_len(reader: *const tfr_reader) -> usize {
    // SAFETY: the caller's.
    unsafe { reader.as_ref() }.map_or(0, |reader| reader.reader.len())
}

/// The index: an array of tfr_reader_len() entries; NULL for an empty one and for NULL.
///
/// Ownership: borrowed from the reader, gone when that is freed.
///
/// Threads: any.
///
/// # Safety
/// - `reader`: optional; a reader that is not yet freed.
#[no_mangle]
pub unsafe extern "C" fn tfr_reader_entries(reader: *const tfr_reader) -> *const tfr_entry {
    // SAFETY: the caller's.
    match unsafe { reader.as_ref() } {
        // The two types have the same members in the same order, both in C's layout.
        Some(tfr_reader { reader, .. }) if !reader.is_empty() => reader.index().as_ptr().cast(),
        _ => std::ptr::null(),
    }
}

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

/// Closes a reader, and with it the array of tfr_reader_entries(). NULL is allowed.
///
/// # Safety
/// - `reader`: optional; a reader that is not yet freed and not used again.
#[no_mangle]
pub unsafe extern "C" fn tfr_reader_free(reader: *mut tfr_reader) {
    // SAFETY: the caller's.
    unsafe { pointer::free(reader) }
}
