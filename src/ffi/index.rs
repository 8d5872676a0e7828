//! `tfr_index`: the list of entries.

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

/// The place of one record in its TFRecord file. The payload has size - 16 bytes and starts at
/// offset + 12.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct tfr_entry {
    /// The byte where the record's frame starts.
    pub offset: u64,
    /// The size of the whole frame in bytes: the payload's size plus 16.
    pub size: u64,
}

/// An index: an immutable list of entries, one for each record. Any order, gaps and overlaps are
/// allowed, so an index can select and reorder records.
///
/// Threads: many threads may use an index at the same time.
pub struct tfr_index(pub(super) Index);

/// Indexes a TFRecord file and writes the index file, in constant memory. It writes a temporary
/// file next to the index file and renames it when it is complete. On any error it leaves no
/// temporary file, and an existing index file stays unchanged.
///
/// A file may be compressed with gzip, zlib or TensorFlow's Snappy, here and wherever a TFRecord
/// file is named. Offsets are then those of the decompressed data, and a seek file is written
/// beside the index: its name ends in ".seek" instead of ".idx".
///
/// Parameters: `tfrecord_path` is required. `index_path` is optional; NULL means `tfrecord_path`
/// with ".idx" appended, except for a TensorBoard event file ("tfevents" in its name), because
/// TensorBoard would take the index for another event file. `options` is optional; NULL means the
/// defaults. `count_out` is optional; it receives the number of records.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL, if the TFRecord path is an event
/// file and `index_path` is NULL, if the TFRecord path is a device, a pipe or similar, or if both
/// paths lead to the same file. TFR_ERR_IO if a file cannot be opened, read or written, or is a
/// directory. TFR_ERR_NOT_TFRECORD, TFR_ERR_TRUNCATED, TFR_ERR_LENGTH, TFR_ERR_LENGTH_CRC or
/// TFR_ERR_PAYLOAD_CRC for bad data, with the first bad record; TFR_ERR_COMPRESSED for bad compressed
/// data. TFR_ERR_CANCELLED.
///
/// Threads: safe on any thread. If two calls create the same index at the same time, the result is
/// the complete index of one of them.
#[no_mangle]
pub unsafe extern "C" fn tfr_index_create(
    tfrecord_path: *const c_char,
    index_path: *const c_char,
    options: *const tfr_options,
    count_out: *mut u64,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let store_count = pointer::optional_out(count_out, "count_out")?;
        let tfrecord_path = pointer::path(tfrecord_path, "tfrecord_path")?;
        let index_path = index_path_or_default(index_path, tfrecord_path)?;
        let count =
            tfr_options::with(options, |options| create_index(tfrecord_path, index_path, options))?;
        store_count(count);
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Indexes a TFRecord file in memory, with 16 bytes for each record. It writes no file.
///
/// Parameters: `tfrecord_path` and `index_out` are required. `options` is optional; NULL means the
/// defaults.
///
/// Errors: those of tfr_index_create(), and TFR_ERR_OUT_OF_MEMORY.
///
/// Ownership: free *index_out with tfr_index_free(). It is NULL on failure.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_index_scan(
    tfrecord_path: *const c_char,
    options: *const tfr_options,
    index_out: *mut *mut tfr_index,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let store = pointer::handle_out(index_out, "index_out")?;
        let path = pointer::path(tfrecord_path, "tfrecord_path")?;
        let index = tfr_options::with(options, |options| Index::scan(path, options))?;
        store(pointer::give(tfr_index(index)));
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Reads an index file.
///
/// Parameters: `index_path` and `index_out` are required.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. TFR_ERR_IO if the file cannot be
/// read. TFR_ERR_INVALID_INDEX if it is not an index, as for tfr_index_from_text().
/// TFR_ERR_OUT_OF_MEMORY.
///
/// Ownership: free *index_out with tfr_index_free(). It is NULL on failure.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_index_read(
    index_path: *const c_char,
    index_out: *mut *mut tfr_index,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let store = pointer::handle_out(index_out, "index_out")?;
        let index = Index::read(pointer::path(index_path, "index_path")?)?;
        store(pointer::give(tfr_index(index)));
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Indexes TFRecord bytes in memory. It does not copy them, and reads payloads only with
/// TFR_CHECKSUMS_FULL.
///
/// Parameters: `data` points to `size` bytes and may be NULL if `size` is 0. `index_out` is
/// required. `options` is optional; NULL means the defaults.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. Those of tfr_index_create() for
/// bad data. TFR_ERR_OUT_OF_MEMORY.
///
/// Ownership: the call borrows the data. Free *index_out with tfr_index_free(). It is NULL on
/// failure.
///
/// Threads: safe on any thread. No thread may change the data during the call.
#[no_mangle]
pub unsafe extern "C" fn tfr_index_from_bytes(
    data: *const u8,
    size: usize,
    options: *const tfr_options,
    index_out: *mut *mut tfr_index,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let store = pointer::handle_out(index_out, "index_out")?;
        let data = pointer::slice(data, size, "data")?;
        let index = tfr_options::with(options, |options| Index::from_bytes(data, options))?;
        store(pointer::give(tfr_index(index)));
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Parses index text: one line "offset size" for each record, in decimal. Spaces, tabs and carriage
/// returns around the numbers are allowed. Blank lines are skipped. The last line needs no line
/// feed.
///
/// Parameters: `text` points to `size` bytes, without a terminating NUL, and may be NULL if `size`
/// is 0. `index_out` is required.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. TFR_ERR_INVALID_INDEX if a line
/// is not two numbers, a size is less than 16, or the end of a record exceeds INT64_MAX.
/// TFR_ERR_OUT_OF_MEMORY.
///
/// Ownership: the call borrows the text. Free *index_out with tfr_index_free(). It is NULL on
/// failure.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_index_from_text(
    text: *const c_char,
    size: usize,
    index_out: *mut *mut tfr_index,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let store = pointer::handle_out(index_out, "index_out")?;
        let index = Index::from_text(pointer::slice(text.cast::<u8>(), size, "text")?)?;
        store(pointer::give(tfr_index(index)));
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Makes an index from entries, in their order: a selection from another index, for example.
///
/// Parameters: `entries` points to `count` entries and may be NULL if `count` is 0. `index_out` is
/// required.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. TFR_ERR_INVALID_INDEX if a size
/// is less than 16 or the end of a record exceeds INT64_MAX. TFR_ERR_OUT_OF_MEMORY.
///
/// Ownership: the call copies the entries. Free *index_out with tfr_index_free(). It is NULL on
/// failure.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_index_from_entries(
    entries: *const tfr_entry,
    count: usize,
    index_out: *mut *mut tfr_index,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let store = pointer::handle_out(index_out, "index_out")?;
        let entries = pointer::slice(entries, count, "entries")?.iter();
        let entries = entries.map(|&tfr_entry { offset, size }| Entry { offset, size });
        store(pointer::give(tfr_index(Index::from_entries(entries)?)));
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Returns the number of records; 0 for NULL.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_index_len(index: *const tfr_index) -> usize {
    // SAFETY: the caller upholds the contract.
    unsafe { index.as_ref() }.map_or(0, |index| index.0.len())
}

/// Returns the entry of one record. For many records, tfr_index_entries() is faster.
///
/// Parameters: `index` and `entry_out` are required.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. TFR_ERR_OUT_OF_RANGE if `record`
/// is not less than tfr_index_len().
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_index_get(
    index: *const tfr_index,
    record: usize,
    entry_out: *mut tfr_entry,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
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
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Returns all entries: an array of tfr_index_len() elements; NULL for an empty index and for NULL.
///
/// Ownership: borrowed from the index. The array is valid until the index is freed.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_index_entries(index: *const tfr_index) -> *const tfr_entry {
    // SAFETY: the caller upholds the contract.
    match unsafe { index.as_ref() } {
        // The two types have the same members in the same order, both in C's layout.
        Some(tfr_index(index)) if !index.is_empty() => index.as_ptr().cast(),
        _ => std::ptr::null(),
    }
}

/// Returns the index as text: one line "offset size" for each record.
///
/// Parameters: `index` and `text_out` are required. `size_out` is optional; it receives the size of
/// the text in bytes, without the NUL.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. TFR_ERR_OUT_OF_MEMORY.
///
/// Ownership: NUL-terminated ASCII. Free *text_out with tfr_text_free(). It is NULL on failure.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_index_to_text(
    index: *const tfr_index,
    text_out: *mut *mut c_char,
    size_out: *mut usize,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let store = pointer::handle_out(text_out, "text_out")?;
        let store_size = pointer::optional_out(size_out, "size_out")?;
        let text = pointer::borrow(index, "index")?.0.to_text()?;
        store_size(text.len());
        store(CString::new(text).expect("no NUL among digits").into_raw());
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Frees the text of tfr_index_to_text() or the path of tfr_index_find(), which the caller must not
/// have changed. NULL does nothing.
#[no_mangle]
pub unsafe extern "C" fn tfr_text_free(text: *mut c_char) {
    if !text.is_null() {
        // SAFETY: the caller upholds the contract.
        drop(unsafe { CString::from_raw(text) });
    }
}

/// Writes the index to a file, completely or not at all, like tfr_index_create().
///
/// Parameters: `index` and `index_path` are required.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. TFR_ERR_IO if the file cannot be
/// written.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_index_write(
    index: *const tfr_index,
    index_path: *const c_char,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let index = &pointer::borrow(index, "index")?.0;
        index.write(pointer::path(index_path, "index_path")?)
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Frees an index, including the array of tfr_index_entries(). NULL does nothing.
#[no_mangle]
pub unsafe extern "C" fn tfr_index_free(index: *mut tfr_index) {
    // SAFETY: the caller upholds the contract.
    unsafe { pointer::free(index) }
}
