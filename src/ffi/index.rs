//! `tfr_index`: the table of contents.

use std::ffi::CString;

use libc::c_char;

use super::error::tfr_error;
use super::guard::guard;
use super::index_file::index_path_or_default;
use super::options::tfr_options;
use super::pointer;
use super::status::tfr_status;
use crate::error::{Error, ErrorKind};
use crate::{create_index, Entry, Index};

/// One record's place in its TFRecord file. The payload is the size - 16 bytes from offset + 12.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct tfr_entry {
    /// The byte where the record's frame starts.
    pub offset: u64,
    /// The whole frame's size in bytes: the payload's and 16 more.
    pub size: u64,
}

/// An index: an immutable list of entries, one for each record. Any order, gaps and overlaps are
/// legal: an index may select and reorder records.
///
/// Threads: an index may be used by many threads at once.
pub struct tfr_index(pub(super) Index);

/// Indexes a TFRecord file into an index file, in constant memory. The index file is written
/// beside its place and renamed over it when it is whole: on any error nothing is left behind, and
/// an index that was there stays as it was.
///
/// Inputs: `index_path` is optional: the index then stands at `tfrecord_path` with ".idx" appended, but
/// not beside an event file of TensorBoard ("tfevents" in its name), which would take it for another.
/// `options` is optional: the defaults. `count_out` is optional; it gets the number of records.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT for NULL, for an event file without an index path, for a TFRecord
/// path that is a device, a pipe or the like, and when both paths lead to one file; TFR_ERR_IO when a
/// file cannot be opened, read or
/// written, or is a folder;
/// TFR_ERR_NOT_TFRECORD, TFR_ERR_TRUNCATED, TFR_ERR_LENGTH, TFR_ERR_LENGTH_CRC,
/// TFR_ERR_PAYLOAD_CRC for bad data, with the first bad record; TFR_ERR_CANCELLED.
///
/// Threads: any; two that create one index at once leave it whole, by one of them.
///
/// # Safety
/// - `tfrecord_path`: required; `index_path`: optional; both NUL-terminated.
/// - `options`: optional; options that are not yet freed.
/// - `count_out`, `error_out`: optional; may be written to.
#[no_mangle]
pub unsafe extern "C" fn tfr_index_create(
    tfrecord_path: *const c_char,
    index_path: *const c_char,
    options: *const tfr_options,
    count_out: *mut u64,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller's.
    let body = || unsafe {
        let store_count = pointer::optional_out(count_out, "count_out")?;
        let tfrecord_path = pointer::path(tfrecord_path, "tfrecord_path")?;
        let index_path = index_path_or_default(index_path, tfrecord_path)?;
        let count =
            tfr_options::with(options, |options| create_index(tfrecord_path, index_path, options))?;
        store_count(count);
        Ok(())
    };
    // SAFETY: the caller's.
    unsafe { guard(error_out, body) }
}

/// Indexes a TFRecord file into memory: 16 bytes for each record. No file is written.
///
/// Inputs: `options` is optional: the defaults.
///
/// Errors: as tfr_index_create(), and TFR_ERR_OUT_OF_MEMORY.
///
/// Ownership: the caller frees *index_out with tfr_index_free(); it is NULL on failure.
///
/// Threads: any.
///
/// # Safety
/// - `tfrecord_path`: required; NUL-terminated.
/// - `options`: optional; options that are not yet freed.
/// - `index_out`: required; `error_out`: optional; both may be written to.
#[no_mangle]
pub unsafe extern "C" fn tfr_index_scan(
    tfrecord_path: *const c_char,
    options: *const tfr_options,
    index_out: *mut *mut tfr_index,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller's.
    let body = || unsafe {
        let store = pointer::handle_out(index_out, "index_out")?;
        let path = pointer::path(tfrecord_path, "tfrecord_path")?;
        let index = tfr_options::with(options, |options| Index::scan(path, options))?;
        store(pointer::give(tfr_index(index)));
        Ok(())
    };
    // SAFETY: the caller's.
    unsafe { guard(error_out, body) }
}

/// Reads an index file.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT for NULL; TFR_ERR_IO when the file cannot be read;
/// TFR_ERR_INVALID_INDEX when it is not an index, as tfr_index_from_text();
/// TFR_ERR_OUT_OF_MEMORY.
///
/// Ownership: the caller frees *index_out with tfr_index_free(); it is NULL on failure.
///
/// Threads: any.
///
/// # Safety
/// - `index_path`: required; NUL-terminated.
/// - `index_out`: required; `error_out`: optional; both may be written to.
#[no_mangle]
pub unsafe extern "C" fn tfr_index_read(
    index_path: *const c_char,
    index_out: *mut *mut tfr_index,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller's.
    let body = || unsafe {
        let store = pointer::handle_out(index_out, "index_out")?;
        let index = Index::read(pointer::path(index_path, "index_path")?)?;
        store(pointer::give(tfr_index(index)));
        Ok(())
    };
    // SAFETY: the caller's.
    unsafe { guard(error_out, body) }
}

/// Indexes TFRecord bytes in memory. They are not copied, and payloads are not looked at unless
/// the policy is TFR_CHECKSUMS_FULL.
///
/// Inputs: `data` is optional if `size` is 0. `options` is optional: the defaults.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT for NULL; those of tfr_index_create() for bad data;
/// TFR_ERR_OUT_OF_MEMORY.
///
/// Ownership: the data is borrowed during the call. The caller frees *index_out with
/// tfr_index_free(); it is NULL on failure.
///
/// Threads: any; none may change the data meanwhile.
///
/// # Safety
/// - `data`: `size` bytes that may be read.
/// - `options`: optional; options that are not yet freed.
/// - `index_out`: required; `error_out`: optional; both may be written to.
#[no_mangle]
pub unsafe extern "C" fn tfr_index_from_bytes(
    data: *const u8,
    size: usize,
    options: *const tfr_options,
    index_out: *mut *mut tfr_index,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller's.
    let body = || unsafe {
        let store = pointer::handle_out(index_out, "index_out")?;
        let data = pointer::slice(data, size, "data")?;
        let index = tfr_options::with(options, |options| Index::from_bytes(data, options))?;
        store(pointer::give(tfr_index(index)));
        Ok(())
    };
    // SAFETY: the caller's.
    unsafe { guard(error_out, body) }
}

/// Makes an index of index text: a line "offset size" for each record, decimal. Spaces, tabs and
/// carriage returns may stand around the numbers, blank lines are skipped, the last line needs no
/// line feed.
///
/// Inputs: `text` needs no NUL at its end, and is optional if `size` is 0.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT for NULL; TFR_ERR_INVALID_INDEX when a line is anything but
/// two numbers, a size is under 16, or a record's end passes INT64_MAX; TFR_ERR_OUT_OF_MEMORY.
///
/// Ownership: the text is borrowed during the call. The caller frees *index_out with
/// tfr_index_free(); it is NULL on failure.
///
/// Threads: any.
///
/// # Safety
/// - `text`: `size` bytes that may be read.
/// - `index_out`: required; `error_out`: optional; both may be written to.
#[no_mangle]
pub unsafe extern "C" fn tfr_index_from_text(
    text: *const c_char,
    size: usize,
    index_out: *mut *mut tfr_index,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller's.
    let body = || unsafe {
        let store = pointer::handle_out(index_out, "index_out")?;
        let index = Index::from_text(pointer::slice(text.cast::<u8>(), size, "text")?)?;
        store(pointer::give(tfr_index(index)));
        Ok(())
    };
    // SAFETY: the caller's.
    unsafe { guard(error_out, body) }
}

/// Makes an index of entries, in their order: a selection of another's, for instance.
///
/// Inputs: `entries` is optional if `count` is 0.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT for NULL; TFR_ERR_INVALID_INDEX when a size is under 16 or a
/// record's end passes INT64_MAX; TFR_ERR_OUT_OF_MEMORY.
///
/// Ownership: the entries are copied. The caller frees *index_out with tfr_index_free(); it is
/// NULL on failure.
///
/// Threads: any.
///
/// # Safety
/// - `entries`: `count` entries that may be read.
/// - `index_out`: required; `error_out`: optional; both may be written to.
#[no_mangle]
pub unsafe extern "C" fn tfr_index_from_entries(
    entries: *const tfr_entry,
    count: usize,
    index_out: *mut *mut tfr_index,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller's.
    let body = || unsafe {
        let store = pointer::handle_out(index_out, "index_out")?;
        let entries = pointer::slice(entries, count, "entries")?.iter();
        let entries = entries.map(|&tfr_entry { offset, size }| Entry { offset, size });
        store(pointer::give(tfr_index(Index::from_entries(entries)?)));
        Ok(())
    };
    // SAFETY: the caller's.
    unsafe { guard(error_out, body) }
}

/// The number of records; 0 for NULL.
///
/// Threads: any.
///
/// # Safety
/// - `index`: optional; an index that is not yet freed.
#[no_mangle]
pub unsafe extern "C" fn tfr_index_len(index: *const tfr_index) -> usize {
    // SAFETY: the caller's.
    unsafe { index.as_ref() }.map_or(0, |index| index.0.len())
}

/// One record's entry. Where many are wanted, tfr_index_entries() is faster.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT for NULL; TFR_ERR_OUT_OF_RANGE when `record` is not below
/// tfr_index_len().
///
/// Threads: any.
///
/// # Safety
/// - `index`: required; an index that is not yet freed.
/// - `entry_out`: required; `error_out`: optional; both may be written to.
#[no_mangle]
pub unsafe extern "C" fn tfr_index_get(
    index: *const tfr_index,
    record: usize,
    entry_out: *mut tfr_entry,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller's.
    let body = || unsafe {
        let index = &pointer::borrow(index, "index")?.0;
        let store = pointer::out(entry_out, "entry_out")?;
        let &Entry { offset, size } = index.get(record).ok_or_else(|| {
            let detail = format!("out of range, the index has {} records", index.len());
            Error::new(ErrorKind::OutOfRange, detail).of_record(record as u64)
        })?;
        store(tfr_entry { offset, size });
        Ok(())
    };
    // SAFETY: the caller's.
    unsafe { guard(error_out, body) }
}

/// All entries: an array of tfr_index_len() of them; NULL for an empty index and for NULL.
///
/// Ownership: borrowed from the index, gone when that is freed.
///
/// Threads: any.
///
/// # Safety
/// - `index`: optional; an index that is not yet freed.
#[no_mangle]
pub unsafe extern "C" fn tfr_index_entries(index: *const tfr_index) -> *const tfr_entry {
    // SAFETY: the caller's.
    match unsafe { index.as_ref() } {
        // The two types have the same members in the same order, both in C's layout.
        Some(tfr_index(index)) if !index.is_empty() => index.as_ptr().cast(),
        _ => std::ptr::null(),
    }
}

/// The index as text: a line "offset size" for each record.
///
/// Inputs: `size_out` is optional; it gets the text's size without the NUL.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT for NULL; TFR_ERR_OUT_OF_MEMORY.
///
/// Ownership: ASCII with a NUL at its end. The caller frees *text_out with tfr_text_free(); it is
/// NULL on failure.
///
/// Threads: any.
///
/// # Safety
/// - `index`: required; an index that is not yet freed.
/// - `text_out`: required; `size_out`, `error_out`: optional; all may be written to.
#[no_mangle]
pub unsafe extern "C" fn tfr_index_to_text(
    index: *const tfr_index,
    text_out: *mut *mut c_char,
    size_out: *mut usize,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller's.
    let body = || unsafe {
        let store = pointer::handle_out(text_out, "text_out")?;
        let store_size = pointer::optional_out(size_out, "size_out")?;
        let text = pointer::borrow(index, "index")?.0.to_text()?;
        store_size(text.len());
        store(CString::new(text).expect("no NUL among digits").into_raw());
        Ok(())
    };
    // SAFETY: the caller's.
    unsafe { guard(error_out, body) }
}

/// Frees the text of tfr_index_to_text(). NULL is allowed.
///
/// # Safety
/// - `text`: optional; from tfr_index_to_text(), unchanged, not yet freed and not used again.
#[no_mangle]
pub unsafe extern "C" fn tfr_text_free(text: *mut c_char) {
    if !text.is_null() {
        // SAFETY: the caller's.
        drop(unsafe { CString::from_raw(text) });
    }
}

/// Writes the index to a file, whole or not at all, as tfr_index_create() does.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT for NULL; TFR_ERR_IO when the file cannot be written.
///
/// Threads: any.
///
/// # Safety
/// - `index`: required; an index that is not yet freed.
/// - `index_path`: required; NUL-terminated.
/// - `error_out`: optional; may be written to.
#[no_mangle]
pub unsafe extern "C" fn tfr_index_write(
    index: *const tfr_index,
    index_path: *const c_char,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller's.
    let body = || unsafe {
        let index = &pointer::borrow(index, "index")?.0;
        index.write(pointer::path(index_path, "index_path")?)
    };
    // SAFETY: the caller's.
    unsafe { guard(error_out, body) }
}

/// Frees an index, and with it the array of tfr_index_entries(). NULL is allowed.
///
/// # Safety
/// - `index`: optional; an index that is not yet freed and not used again.
#[no_mangle]
pub unsafe extern "C" fn tfr_index_free(index: *mut tfr_index) {
    // SAFETY: the caller's.
    unsafe { pointer::free(index) }
}
