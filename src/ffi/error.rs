//! `tfr_error`: what went wrong and where.

use std::ffi::{CStr, CString};
use std::os::unix::ffi::OsStrExt;

use libc::c_char;

use super::pointer;
use super::status::tfr_status;
use super::version::TFR_UNKNOWN;
use crate::Error;

/// What went wrong and where. The functions that read it take NULL, too, for "no error".
///
/// Threads: an error may be read by many threads at once.
pub struct tfr_error {
    pub(super) error: Error,
    message: CString,
    path: Option<CString>,
    format: Option<CString>,
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
        tfr_error { error, message, path, format }
    }

    /// # Safety
    /// NULL, or valid for reads while `'a` lasts.
    unsafe fn from<'a>(error: *const tfr_error) -> Option<&'a tfr_error> {
        // SAFETY: the caller's.
        unsafe { error.as_ref() }
    }
}

/// The status that the failed call returned; TFR_OK for NULL.
///
/// Threads: any.
///
/// # Safety
/// - `error`: optional; an error that is not yet freed.
#[no_mangle]
pub unsafe extern "C" fn tfr_error_status(error: *const tfr_error) -> tfr_status {
    // SAFETY: the caller's.
    let error = unsafe { tfr_error::from(error) };
    error.map_or(tfr_status::TFR_OK, |error| error.error.kind().into())
}

/// One line for people: the file, the record, the byte, what is wrong, what to do. Its wording may
/// change from version to version. "" for NULL.
///
/// Ownership: UTF-8 with a NUL at its end, borrowed from the error, gone when that is freed.
///
/// Threads: any.
///
/// # Safety
/// - `error`: optional; an error that is not yet freed.
#[no_mangle]
pub unsafe extern "C" fn tfr_error_message(error: *const tfr_error) -> *const c_char {
    // SAFETY: the caller's.
    let error = unsafe { tfr_error::from(error) };
    error.map_or("\0".as_ptr().cast(), |error| error.message.as_ptr())
}

/// The path of the file that the error is about, as it was given; NULL if there is none.
///
/// Ownership: the path's bytes with a NUL at their end, borrowed from the error.
///
/// Threads: any.
///
/// # Safety
/// - `error`: optional; an error that is not yet freed.
#[no_mangle]
pub unsafe extern "C" fn tfr_error_path(error: *const tfr_error) -> *const c_char {
    // SAFETY: the caller's.
    let path = unsafe { tfr_error::from(error) }.and_then(|error| error.path.as_deref());
    path.map_or(std::ptr::null(), CStr::as_ptr)
}

/// The number of the bad record, from 0; of a bad index, how many entries stand before its bad
/// line. TFR_UNKNOWN if there is none.
///
/// Threads: any.
///
/// # Safety
/// - `error`: optional; an error that is not yet freed.
#[no_mangle]
pub unsafe extern "C" fn tfr_error_record(error: *const tfr_error) -> u64 {
    // SAFETY: the caller's.
    let record = unsafe { tfr_error::from(error) }.and_then(|error| error.error.record());
    record.unwrap_or(TFR_UNKNOWN)
}

/// The byte where the bad record's frame starts; of a bad index, where its bad line starts.
/// TFR_UNKNOWN if there is none.
///
/// Threads: any.
///
/// # Safety
/// - `error`: optional; an error that is not yet freed.
#[no_mangle]
pub unsafe extern "C" fn tfr_error_offset(error: *const tfr_error) -> u64 {
    // SAFETY: the caller's.
    let offset = unsafe { tfr_error::from(error) }.and_then(|error| error.error.offset());
    offset.unwrap_or(TFR_UNKNOWN)
}

/// What the data is instead of a TFRecord file that its checksums hold for, where that is known:
/// "gzip", "Git LFS pointer", "HTML", "TFRecord with CRC-32 IEEE checksums" and others. NULL if it
/// is not. Later versions may know more.
///
/// Ownership: UTF-8 with a NUL at its end, borrowed from the error.
///
/// Threads: any.
///
/// # Safety
/// - `error`: optional; an error that is not yet freed.
#[no_mangle]
pub unsafe extern "C" fn tfr_error_format(error: *const tfr_error) -> *const c_char {
    // SAFETY: the caller's.
    let format = unsafe { tfr_error::from(error) }.and_then(|error| error.format.as_deref());
    format.map_or(std::ptr::null(), CStr::as_ptr)
}

/// The checksum that does not hold, as it is stored: a masked CRC-32C. TFR_UNKNOWN if the error is
/// about none.
///
/// Threads: any.
///
/// # Safety
/// - `error`: optional; an error that is not yet freed.
#[no_mangle]
pub unsafe extern "C" fn tfr_error_stored_crc(error: *const tfr_error) -> u64 {
    // SAFETY: the caller's.
    let crc = unsafe { tfr_error::from(error) }.and_then(|error| error.error.stored_crc());
    crc.map_or(TFR_UNKNOWN, u64::from)
}

/// What that checksum should be, by the bytes that it is of. TFR_UNKNOWN if the error is about
/// none.
///
/// Threads: any.
///
/// # Safety
/// - `error`: optional; an error that is not yet freed.
#[no_mangle]
pub unsafe extern "C" fn tfr_error_computed_crc(error: *const tfr_error) -> u64 {
    // SAFETY: the caller's.
    let crc = unsafe { tfr_error::from(error) }.and_then(|error| error.error.computed_crc());
    crc.map_or(TFR_UNKNOWN, u64::from)
}

/// The operating system's error number (errno); 0 if there is none.
///
/// Threads: any.
///
/// # Safety
/// - `error`: optional; an error that is not yet freed.
#[no_mangle]
pub unsafe extern "C" fn tfr_error_os_error(error: *const tfr_error) -> i32 {
    // SAFETY: the caller's.
    let errno = unsafe { tfr_error::from(error) }.and_then(|error| error.error.os_error());
    errno.unwrap_or(0)
}

/// Frees an error. NULL is allowed.
///
/// # Safety
/// - `error`: optional; an error that is not yet freed and not used again.
#[no_mangle]
pub unsafe extern "C" fn tfr_error_free(error: *mut tfr_error) {
    // SAFETY: the caller's.
    unsafe { pointer::free(error) }
}
