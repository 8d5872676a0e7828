//! Index files: where they are, and whether they must be made.

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
use crate::dataset::files;
use crate::error::Result;
use crate::{find_index, update_index, Only};

/// Which indexes tfr_index_update() makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub enum tfr_only {
    /// Those that do not exist.
    TFR_ONLY_MISSING = 1,
    /// Those, and the ones that are older than their data, do not end where it ends, or cannot be
    /// read.
    TFR_ONLY_STALE = 2,
}

/// Indexes a TFRecord file into an index file, as tfr_index_create(), if that is missing or stale. An
/// index is stale if it was modified before its data was, or its last entry does not end where the data
/// ends. This takes a look at both files' metadata and at the last line of the index: data that was
/// changed within its size, and given an older time, is not noticed; tfr_index_check() looks into it.
///
/// Inputs: `only` is a member of tfr_only. `count_out` is optional; it gets the number of records, or
/// TFR_UNKNOWN for an index that is left as it is. Otherwise as tfr_index_create().
///
/// Errors: as tfr_index_create(), and TFR_ERR_INVALID_ARGUMENT for a number that is no member.
///
/// Threads: any; many, also of other processes, may update one index at once.
///
/// # Safety
/// - `tfrecord_path`: required; `index_path`: optional; both NUL-terminated.
/// - `options`: optional; options that are not yet freed.
/// - `count_out`, `error_out`: optional; may be written to.
#[no_mangle]
pub unsafe extern "C" fn tfr_index_update(
    tfrecord_path: *const c_char,
    index_path: *const c_char,
    only: i32,
    options: *const tfr_options,
    count_out: *mut u64,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller's.
    let body = || unsafe {
        let store_count = pointer::optional_out(count_out, "count_out")?;
        let (data, index) = (pointer::path(tfrecord_path, "tfrecord_path")?, index_path);
        let index = index_path_or_default(index, data)?;
        let only = which(only)?;
        let count = tfr_options::with(options, |options| update_index(data, index, only, options))?;
        store_count(count.unwrap_or(TFR_UNKNOWN));
        Ok(())
    };
    // SAFETY: the caller's.
    unsafe { guard(error_out, body) }
}

fn which(number: i32) -> Result<Only> {
    let members = [
        (tfr_only::TFR_ONLY_MISSING as i32, Only::Missing),
        (tfr_only::TFR_ONLY_STALE as i32, Only::Stale),
    ];
    member("only", number, "tfr_only", &members)
}

/// The path of a TFRecord file's index, by the file's name: the first one that exists of NAME.idx,
/// NAME.tfindex and STEM.tfindex, which for train.tfrecord is train.tfindex. DLIO's layout is found
/// with its "index/train" as the directory. Whether what is found is an index is not looked at.
///
/// Inputs: `directory` is optional: beside the file.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT for NULL; TFR_ERR_IO, with ENOENT, if there is none.
///
/// Ownership: the caller frees *path_out with tfr_text_free(); it is NULL on failure.
///
/// Threads: any.
///
/// # Safety
/// - `tfrecord_path`: required; `directory`: optional; both NUL-terminated.
/// - `path_out`: required; `error_out`: optional; both may be written to.
#[no_mangle]
pub unsafe extern "C" fn tfr_index_find(
    tfrecord_path: *const c_char,
    directory: *const c_char,
    path_out: *mut *mut c_char,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller's.
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
    // SAFETY: the caller's.
    unsafe { guard(error_out, body) }
}

/// The index path that is given; for NULL the one beside the data, if an index does no harm there.
///
/// # Safety
/// `index_path` is NULL, or NUL-terminated.
pub(super) unsafe fn index_path_or_default(
    index_path: *const c_char,
    tfrecord_path: &Path,
) -> Result<PathBuf> {
    if index_path.is_null() {
        let place = files::place_beside(tfrecord_path);
        return place.map_err(|error| {
            error.adding("; give index_path, a path outside of the log directory")
        });
    }
    // SAFETY: the caller's.
    Ok(unsafe { pointer::path(index_path, "index_path") }?.to_owned())
}
