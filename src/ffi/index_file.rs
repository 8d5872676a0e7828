//! Index files: where they are, and whether they must be created.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use libc::c_char;

use super::error::tfr_error;
use super::guard::guard;
use super::member::member;
use super::options::tfr_options;
use super::pointer;
use super::status::tfr_status;
use super::version::TFR_UNKNOWN;
use crate::error::Result;
use crate::shards;
use crate::{find_index, update_index, Only};

/// Which indexes tfr_index_update() creates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub enum tfr_only {
    /// Indexes that do not exist.
    TFR_ONLY_MISSING = 1,
    /// Those, and indexes that are older than their data, do not end where the data ends, or cannot
    /// be read.
    TFR_ONLY_STALE = 2,
}

/// Creates the index file of a TFRecord file, like tfr_index_create(), if the index file is missing
/// or stale. An index is stale if it was modified before its data was, or if its last entry does
/// not end where the data ends. The call compares both files' metadata and the last line of the
/// index. It does not detect data that changed without changing its size and was given an older
/// modification time; tfr_index_check() does.
///
/// Parameters: `tfrecord_path` is required. `only` is a member of tfr_only. `count_out` is
/// optional; it receives the number of records, or TFR_UNKNOWN if the call left the index
/// unchanged. `index_path` and `options` are optional, as for tfr_index_create().
///
/// Errors: those of tfr_index_create(), and TFR_ERR_INVALID_ARGUMENT if `only` is any other number.
///
/// Threads: safe on any thread. Many threads and processes may update the same index at the same
/// time.
#[no_mangle]
pub unsafe extern "C" fn tfr_index_update(
    tfrecord_path: *const c_char,
    index_path: *const c_char,
    only: i32,
    options: *const tfr_options,
    count_out: *mut u64,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let store_count = pointer::optional_out(count_out, "count_out")?;
        let (data, index) = (pointer::path(tfrecord_path, "tfrecord_path")?, index_path);
        let index = index_path_or_default(index, data)?;
        let only = which(only)?;
        let count = tfr_options::with(options, |options| update_index(data, index, only, options))?;
        store_count(count.unwrap_or(TFR_UNKNOWN));
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

pub(super) fn which(number: i32) -> Result<Only> {
    let members = [
        (tfr_only::TFR_ONLY_MISSING as i32, Only::Missing),
        (tfr_only::TFR_ONLY_STALE as i32, Only::Stale),
    ];
    member("only", number, "tfr_only", &members)
}

/// Finds the index file of a TFRecord file by name: the first one that exists of NAME.idx,
/// NAME.tfindex and STEM.tfindex. For train.tfrecord, the last one is train.tfindex. For DLIO's
/// layout, pass its "index/train" as the directory. The call does not verify that the file is an
/// index.
///
/// Parameters: `tfrecord_path` and `path_out` are required. `directory` is optional; NULL means the
/// directory of the TFRecord file.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. TFR_ERR_IO, with ENOENT, if
/// there is no such file.
///
/// Ownership: free *path_out with tfr_text_free(). It is NULL on failure.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_index_find(
    tfrecord_path: *const c_char,
    directory: *const c_char,
    path_out: *mut *mut c_char,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let store = pointer::handle_out(path_out, "path_out")?;
        let data = pointer::path(tfrecord_path, "tfrecord_path")?;
        let directory = match directory.is_null() {
            true => None,
            false => Some(pointer::path(directory, "directory")?),
        };
        let found = find_index(data, directory)?;
        store(CString::new(found.as_os_str().as_bytes()).expect("no NUL in a path").into_raw());
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// The index path that the caller passed; for NULL the default one, if an index does no harm there.
///
/// # Safety
///
/// `index_path` is NULL, or NUL-terminated.
pub(super) unsafe fn index_path_or_default(
    index_path: *const c_char,
    tfrecord_path: &Path,
) -> Result<PathBuf> {
    if index_path.is_null() {
        let place = shards::place_beside(tfrecord_path);
        return place
            .map_err(|error| error.adding("; give index_path, a path outside the log directory"));
    }
    // SAFETY: the caller upholds the contract.
    Ok(unsafe { pointer::path(index_path, "index_path") }?.to_owned())
}
