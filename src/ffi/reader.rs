//! `tfr_reader`: records by their numbers.

use libc::c_char;

use super::error::tfr_error;
use super::guard::guard;
use super::index::{tfr_entry, tfr_index};
use super::options::tfr_options;
use super::pointer;
use super::source::{tfr_source, Source};
use super::status::tfr_status;
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

/// Closes a reader, and with it the array of tfr_reader_entries(). NULL is allowed.
///
/// # Safety
/// - `reader`: optional; a reader that is not yet freed and not used again.
#[no_mangle]
pub unsafe extern "C" fn tfr_reader_free(reader: *mut tfr_reader) {
    // SAFETY: the caller's.
    unsafe { pointer::free(reader) }
}
