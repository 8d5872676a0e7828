//! `tfr_error`: what went wrong, and where.

use std::ffi::{CStr, CString};
use std::os::unix::ffi::OsStrExt;

use libc::c_char;

use super::pointer;
use super::status::tfr_status;
use super::version::TFR_UNKNOWN;
use crate::Error;

/// What went wrong, and where. The functions that read an error accept NULL, which means "no
/// error".
///
/// Threads: many threads may read an error at the same time.
pub struct tfr_error {
    pub(super) error: Error,
    message: CString,
    path: Option<CString>,
    format: Option<CString>,
    feature: Option<CString>,
}

impl tfr_error {
    pub(super) fn new(error: Error) -> *mut tfr_error {
        pointer::give(tfr_error::of(error))
    }

    pub(super) fn of(error: Error) -> tfr_error {
        let message = error.to_string().replace('\0', "\u{fffd}");
        let message = CString::new(message).expect("no NUL is left");
        // Paths come from C strings: there is no NUL in them.
        let path = error.path().and_then(|path| CString::new(path.as_os_str().as_bytes()).ok());
        let format = error.format().and_then(|name| CString::new(name).ok());
        let feature = error.feature().map(|name| name.replace('\0', "\u{fffd}"));
        let feature = feature.and_then(|name| CString::new(name).ok());
        tfr_error { error, message, path, format, feature }
    }

    /// # Safety
    /// NULL, or valid for reads while `'a` lasts.
    unsafe fn from<'a>(error: *const tfr_error) -> Option<&'a tfr_error> {
        // SAFETY: the caller upholds the contract.
        unsafe { error.as_ref() }
    }
}

/// Returns the status of the failed call; TFR_OK for NULL.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_error_status(error: *const tfr_error) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let error = unsafe { tfr_error::from(error) };
    error.map_or(tfr_status::TFR_OK, |error| error.error.kind().into())
}

/// Returns one line for people: the file, the record, the byte, what is wrong, and what to do; ""
/// for NULL. The wording may change between versions.
///
/// Ownership: NUL-terminated UTF-8, borrowed from the error. It is valid until the error is freed.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_error_message(error: *const tfr_error) -> *const c_char {
    // SAFETY: the caller upholds the contract.
    let error = unsafe { tfr_error::from(error) };
    error.map_or("\0".as_ptr().cast(), |error| error.message.as_ptr())
}

/// Returns the path of the file that the error is about, exactly as the caller passed it; NULL if
/// there is none.
///
/// Ownership: NUL-terminated, borrowed from the error. It is valid until the error is freed.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_error_path(error: *const tfr_error) -> *const c_char {
    // SAFETY: the caller upholds the contract.
    let path = unsafe { tfr_error::from(error) }.and_then(|error| error.path.as_deref());
    path.map_or(std::ptr::null(), CStr::as_ptr)
}

/// Returns the number of the bad record, starting at 0; for a bad index, the number of entries
/// before the bad line; TFR_UNKNOWN if there is none.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_error_record(error: *const tfr_error) -> u64 {
    // SAFETY: the caller upholds the contract.
    let record = unsafe { tfr_error::from(error) }.and_then(|error| error.error.record());
    record.unwrap_or(TFR_UNKNOWN)
}

/// Returns the byte where the bad record's frame starts; for a bad index, the byte where the bad
/// line starts; TFR_UNKNOWN if there is none.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_error_offset(error: *const tfr_error) -> u64 {
    // SAFETY: the caller upholds the contract.
    let offset = unsafe { tfr_error::from(error) }.and_then(|error| error.error.offset());
    offset.unwrap_or(TFR_UNKNOWN)
}

/// Returns the detected format, if the data is not a TFRecord file or has non-standard checksums:
/// "gzip", "Git LFS pointer", "HTML", "TFRecord with CRC-32 IEEE checksums" and others; NULL if the
/// format is unknown. Later versions may detect more.
///
/// Ownership: NUL-terminated UTF-8, borrowed from the error. It is valid until the error is freed.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_error_format(error: *const tfr_error) -> *const c_char {
    // SAFETY: the caller upholds the contract.
    let format = unsafe { tfr_error::from(error) }.and_then(|error| error.format.as_deref());
    format.map_or(std::ptr::null(), CStr::as_ptr)
}

/// Returns the name of the feature that a record lacks or has wrongly, or that is wrong itself; NULL if
/// the error is not about a feature. Bytes that are not UTF-8, and NULs, are replaced.
///
/// Ownership: NUL-terminated UTF-8, borrowed from the error. It is valid until the error is freed.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_error_feature(error: *const tfr_error) -> *const c_char {
    // SAFETY: the caller upholds the contract.
    let feature = unsafe { tfr_error::from(error) }.and_then(|error| error.feature.as_deref());
    feature.map_or(std::ptr::null(), CStr::as_ptr)
}

/// Returns the stored value of the checksum that does not match, a masked CRC-32C; TFR_UNKNOWN if
/// the error is not about a checksum.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_error_stored_crc(error: *const tfr_error) -> u64 {
    // SAFETY: the caller upholds the contract.
    let crc = unsafe { tfr_error::from(error) }.and_then(|error| error.error.stored_crc());
    crc.map_or(TFR_UNKNOWN, u64::from)
}

/// Returns the value that this checksum should have, computed from the bytes that it covers;
/// TFR_UNKNOWN if the error is not about a checksum.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_error_computed_crc(error: *const tfr_error) -> u64 {
    // SAFETY: the caller upholds the contract.
    let crc = unsafe { tfr_error::from(error) }.and_then(|error| error.error.computed_crc());
    crc.map_or(TFR_UNKNOWN, u64::from)
}

/// Returns the operating system's error number (errno); 0 if there is none.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_error_os_error(error: *const tfr_error) -> i32 {
    // SAFETY: the caller upholds the contract.
    let errno = unsafe { tfr_error::from(error) }.and_then(|error| error.error.os_error());
    errno.unwrap_or(0)
}

/// Frees an error. NULL does nothing.
#[no_mangle]
pub unsafe extern "C" fn tfr_error_free(error: *mut tfr_error) {
    // SAFETY: the caller upholds the contract.
    unsafe { pointer::free(error) }
}
