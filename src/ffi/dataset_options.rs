//! The settings of `tfr_options` that only data sets use.

use super::error::tfr_error;
use super::guard::guard;
use super::member::member;
use super::options::tfr_options;
use super::pointer;
use super::status::tfr_status;
use crate::OnError;

/// What a data set does with a record or a shard that it cannot read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub enum tfr_on_error {
    /// The default: the call fails.
    TFR_ON_ERROR_FAIL = 0,
    /// tfr_dataset_read_batch() and tfr_batches_next() leave the record out, or all records of the
    /// shard. tfr_dataset_skipped() reports it.
    TFR_ON_ERROR_SKIP = 1,
}

/// Sets how many data files a data set may have open at the same time. The seek file of a compressed
/// file counts, too. 0, the default, means half of the process's limit of open files
/// (RLIMIT_NOFILE), at most 65,536. The data set closes the least recently used files, and opens them again when they are needed. If all are in use by other
/// threads, a call waits. If the process or the system has too many open files, the data set closes
/// files and tries again.
///
/// Parameters: `options` is required.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if it is NULL.
///
/// Threads: no other thread may use `options` during the call.
#[no_mangle]
pub unsafe extern "C" fn tfr_options_set_max_open_files(
    options: *mut tfr_options,
    max_open_files: usize,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    let body = || {
        // SAFETY: the caller upholds the contract.
        unsafe { pointer::borrow_mut(options, "options") }?.max_open_files = max_open_files;
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Sets how many bytes of memory the indexes of a data set may take. 0, the default, means no
/// limit. The data set drops the least recently used indexes, and loads them again when they are
/// needed. Those of files that are being read stay.
///
/// Parameters: `options` is required.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if it is NULL.
///
/// Threads: no other thread may use `options` during the call.
#[no_mangle]
pub unsafe extern "C" fn tfr_options_set_index_memory(
    options: *mut tfr_options,
    index_memory: u64,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    let body = || {
        // SAFETY: the caller upholds the contract.
        unsafe { pointer::borrow_mut(options, "options") }?.index_memory = index_memory;
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Sets what a data set does with records and shards that it cannot read. With TFR_ON_ERROR_SKIP, a
/// shard that tfr_dataset_open() cannot open counts as empty, and is among the warnings. Other
/// calls fail at the first error in any case; so do these if memory or descriptors run out.
///
/// Parameters: `options` is required. `on_error` is a member of tfr_on_error.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if `options` is NULL or `on_error` is any other number.
///
/// Threads: no other thread may use `options` during the call.
#[no_mangle]
pub unsafe extern "C" fn tfr_options_set_on_error(
    options: *mut tfr_options,
    on_error: i32,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    let members = [
        (tfr_on_error::TFR_ON_ERROR_FAIL as i32, OnError::Fail),
        (tfr_on_error::TFR_ON_ERROR_SKIP as i32, OnError::Skip),
    ];
    let body = || {
        // SAFETY: the caller upholds the contract.
        let options = unsafe { pointer::borrow_mut(options, "options") }?;
        options.on_error = member("on_error", on_error, "tfr_on_error", &members)?;
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}
