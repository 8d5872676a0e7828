//! Indexes of sources.

use libc::c_char;

use super::check::{check_level, tfr_fit};
use super::error::tfr_error;
use super::guard::guard;
use super::index::tfr_index;
use super::options::tfr_options;
use super::pointer;
use super::source::{tfr_source, Source};
use super::status::tfr_status;
use crate::{create_index_from_source, Index};

/// Indexes a source into an index file, as tfr_index_create() does a file.
///
/// Inputs: `index_path` is where the index goes: a source has no path to append ".idx" to.
/// `options` is optional: the defaults. `count_out` is optional; it gets the number of records.
///
/// Errors: those of tfr_index_create(); TFR_ERR_IO, with the number that tfr_error_os_error()
/// gives, when `read_at` returns an error, and when it returns what it may not.
///
/// Threads: any; see tfr_source.
///
/// # Safety
/// - `source`: required; a source that is not yet freed.
/// - `index_path`: required; NUL-terminated.
/// - `options`: optional; options that are not yet freed.
/// - `count_out`, `error_out`: optional; may be written to.
#[no_mangle]
pub unsafe extern "C" fn tfr_index_create_from_source(
    source: *const tfr_source,
    index_path: *const c_char,
    options: *const tfr_options,
    count_out: *mut u64,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller's.
    let body = || unsafe {
        let store_count = pointer::optional_out(count_out, "count_out")?;
        let source = Source::share(source)?;
        let path = pointer::path(index_path, "index_path")?;
        let count =
            tfr_options::with(options, |options| create_index_from_source(&source, path, options))?;
        store_count(count);
        Ok(())
    };
    // SAFETY: the caller's.
    unsafe { guard(error_out, body) }
}

/// Indexes a source into memory: 16 bytes for each record. No file is written.
///
/// Inputs: `options` is optional: the defaults.
///
/// Errors: as tfr_index_create_from_source(), and TFR_ERR_OUT_OF_MEMORY.
///
/// Ownership: the caller frees *index_out with tfr_index_free(); it is NULL on failure.
///
/// Threads: any; see tfr_source.
///
/// # Safety
/// - `source`: required; a source that is not yet freed.
/// - `options`: optional; options that are not yet freed.
/// - `index_out`: required; `error_out`: optional; both may be written to.
#[no_mangle]
pub unsafe extern "C" fn tfr_index_from_source(
    source: *const tfr_source,
    options: *const tfr_options,
    index_out: *mut *mut tfr_index,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller's.
    let body = || unsafe {
        let store = pointer::handle_out(index_out, "index_out")?;
        let source = Source::share(source)?;
        let index = tfr_options::with(options, |options| Index::from_source(&source, options))?;
        store(pointer::give(tfr_index(index)));
        Ok(())
    };
    // SAFETY: the caller's.
    unsafe { guard(error_out, body) }
}

/// Checks that an index is that of a source, as tfr_index_check() does of a file.
///
/// Inputs and errors: those of tfr_index_check() and of tfr_index_create_from_source().
///
/// Threads: any; see tfr_source.
///
/// # Safety
/// - `index`: required; an index that is not yet freed.
/// - `source`: required; a source that is not yet freed.
/// - `options`: optional; options that are not yet freed.
/// - `fit_out`, `error_out`: optional; may be written to.
#[no_mangle]
pub unsafe extern "C" fn tfr_index_check_source(
    index: *const tfr_index,
    source: *const tfr_source,
    level: i32,
    options: *const tfr_options,
    fit_out: *mut tfr_fit,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller's.
    let body = || unsafe {
        let store = pointer::optional_out(fit_out, "fit_out")?;
        let index = &pointer::borrow(index, "index")?.0;
        let source = Source::share(source)?;
        let level = check_level(level)?;
        let fit =
            tfr_options::with(options, |options| index.check_source(&source, level, options))?;
        store(fit.into());
        Ok(())
    };
    // SAFETY: the caller's.
    unsafe { guard(error_out, body) }
}
