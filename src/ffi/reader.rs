//! `tfr_reader`: reads records by number.

use libc::c_char;

use super::error::tfr_error;
use super::guard::guard;
use super::index::{tfr_entry, tfr_index};
use super::options::tfr_options;
use super::pointer;
use super::source::{tfr_source, Source};
use super::status::tfr_status;
use crate::{Entry, Options, Reader};

/// An open TFRecord file and its index: record i is at the place that entry i says. The file may
/// grow while the reader is open.
///
/// The checksum policy of the options decides what a reader verifies when it reads a record:
///
/// - TFR_CHECKSUMS_FULL: the CRCs of the length and the payload.
/// - TFR_CHECKSUMS_LENGTH: the CRC of the length.
/// - TFR_CHECKSUMS_AUTO: as TFR_CHECKSUMS_FULL; only the lengths, if the data was written without
///   valid checksums.
/// - TFR_CHECKSUMS_NONE: nothing. It returns the bytes as they are.
///
/// Except with TFR_CHECKSUMS_NONE, the length must also match the index.
///
/// Threads: many threads may use a reader at the same time. They do not wait for each other.
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
/// Parameters: `tfrecord_path` and `reader_out` are required. `options` is optional; NULL means the
/// defaults. Their callbacks are called only during this call. `index` is optional:
///
/// - NULL: the reader uses the index file that tfr_index_find() finds next to the file, if it is an
///   index of this file and accounts for every valid record: no valid record may start in a gap,
///   before its first entry or after its last one. If there is no such index, the call scans the
///   file and writes no index file. If it rejects an index file, tfr_reader_warning() says why.
/// - Otherwise the reader uses this index as it is. The index may select, reorder and repeat
///   records. The call does not check it, but the reader checks each frame that it reads.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL or the path is not a regular
/// file. TFR_ERR_IO if the file cannot be read. Those of tfr_index_scan() if the call scans the
/// file.
///
/// Ownership: the reader shares the index; the caller may free it immediately. Free *reader_out
/// with tfr_reader_free(). It is NULL on failure.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_reader_open(
    tfrecord_path: *const c_char,
    index: *const tfr_index,
    options: *const tfr_options,
    reader_out: *mut *mut tfr_reader,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
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
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Opens a source to read its records.
///
/// Parameters: `source` and `reader_out` are required. `index` is optional; NULL means that the
/// call scans the source. `options` is optional; NULL means the defaults. The reader keeps their
/// number of threads: if it is 1, the reader calls `read_at` only on the calling thread.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. Those of tfr_index_from_source()
/// if the call scans the source.
///
/// Ownership: the reader shares the source and the index; the caller may free them immediately.
/// Free *reader_out with tfr_reader_free(). It is NULL on failure.
///
/// Threads: safe on any thread; see tfr_source.
#[no_mangle]
pub unsafe extern "C" fn tfr_reader_from_source(
    source: *const tfr_source,
    index: *const tfr_index,
    options: *const tfr_options,
    reader_out: *mut *mut tfr_reader,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let store = pointer::handle_out(reader_out, "reader_out")?;
        let source = Source::share(source)?;
        let index = index.as_ref().map(|index| index.0.clone());
        let open = |options: &Options<'_>| Reader::from_source(source, index, options);
        store(pointer::give(tfr_reader::new(tfr_options::with(options, open)?)));
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Returns why the reader does not use the index file next to its data: the index does not account
/// for all valid records, or cannot be read. The reader scanned the data instead. Programs should
/// report this. Returns NULL if there was no such index file, if the reader uses it, and for NULL.
///
/// Ownership: borrowed from the reader. It is valid until the reader is freed. Do not free it.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_reader_warning(reader: *const tfr_reader) -> *const tfr_error {
    // SAFETY: the caller upholds the contract.
    let warning = unsafe { reader.as_ref() }.and_then(|reader| reader.warning.as_ref());
    warning.map_or(std::ptr::null(), |warning| warning)
}

/// Returns the number of records; 0 for NULL.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_reader_len(reader: *const tfr_reader) -> usize {
    // SAFETY: the caller upholds the contract.
    unsafe { reader.as_ref() }.map_or(0, |reader| reader.reader.len())
}

/// Returns the entry of one record: where it is in the data.
///
/// Parameters: `reader` and `entry_out` are required.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. TFR_ERR_OUT_OF_RANGE if `record`
/// is not less than tfr_reader_len(). (An entry may end after the data; tfr_reader_sizes() checks
/// that.)
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_reader_entry(
    reader: *const tfr_reader,
    record: usize,
    entry_out: *mut tfr_entry,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let reader = &pointer::borrow(reader, "reader")?.reader;
        let store = pointer::out(entry_out, "entry_out")?;
        let Entry { offset, size } = reader.entry(record)?;
        store(tfr_entry { offset, size });
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Makes an index of the reader's entries, with 16 bytes for each record. (Where records follow
/// each other, the reader itself holds them in one to three bytes.)
///
/// Parameters: `reader` and `index_out` are required.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. TFR_ERR_OUT_OF_MEMORY.
///
/// Ownership: the index does not need the reader. Free *index_out with tfr_index_free(). It is NULL
/// on failure.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_reader_index(
    reader: *const tfr_reader,
    index_out: *mut *mut tfr_index,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let store = pointer::handle_out(index_out, "index_out")?;
        let index = pointer::borrow(reader, "reader")?.reader.to_index()?;
        store(pointer::give(tfr_index(index)));
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Closes a reader. NULL does nothing.
#[no_mangle]
pub unsafe extern "C" fn tfr_reader_free(reader: *mut tfr_reader) {
    // SAFETY: the caller upholds the contract.
    unsafe { pointer::free(reader) }
}
