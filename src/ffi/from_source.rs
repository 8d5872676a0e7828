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

/// Indexes a source and writes the index file, like tfr_index_create() for a file.
///
/// Parameters: `source` and `index_path` are required: a source has no path to append ".idx" to.
/// `options` is optional; NULL means the defaults. `count_out` is optional; it receives the number
/// of records.
///
/// Errors: those of tfr_index_create(). TFR_ERR_IO if `read_at` returns an error, whose number
/// tfr_error_os_error() returns, or an invalid value.
///
/// Threads: safe on any thread; see tfr_source.
#[no_mangle]
pub unsafe extern "C" fn tfr_index_create_from_source(
    source: *const tfr_source,
    index_path: *const c_char,
    options: *const tfr_options,
    count_out: *mut u64,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let store_count = pointer::optional_out(count_out, "count_out")?;
        let source = Source::share(source)?;
        let path = pointer::path(index_path, "index_path")?;
        let count =
            tfr_options::with(options, |options| create_index_from_source(&source, path, options))?;
        store_count(count);
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Indexes a source in memory, with 16 bytes for each record. It writes no file.
///
/// Parameters: `source` and `index_out` are required. `options` is optional; NULL means the
/// defaults.
///
/// Errors: those of tfr_index_create_from_source(), and TFR_ERR_OUT_OF_MEMORY.
///
/// Ownership: free *index_out with tfr_index_free(). It is NULL on failure.
///
/// Threads: safe on any thread; see tfr_source.
#[no_mangle]
pub unsafe extern "C" fn tfr_index_from_source(
    source: *const tfr_source,
    options: *const tfr_options,
    index_out: *mut *mut tfr_index,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let store = pointer::handle_out(index_out, "index_out")?;
        let source = Source::share(source)?;
        let index = tfr_options::with(options, |options| Index::from_source(&source, options))?;
        store(pointer::give(tfr_index(index)));
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Checks that an index belongs to a source, like tfr_index_check() for a file.
///
/// Parameters: `index` and `source` are required. The others are those of tfr_index_check().
///
/// Errors: those of tfr_index_check() and of tfr_index_create_from_source().
///
/// Threads: safe on any thread; see tfr_source.
#[no_mangle]
pub unsafe extern "C" fn tfr_index_check_source(
    index: *const tfr_index,
    source: *const tfr_source,
    level: i32,
    options: *const tfr_options,
    fit_out: *mut tfr_fit,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
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
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}
