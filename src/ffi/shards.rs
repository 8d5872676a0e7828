//! `tfr_shards`: the files of a data set, and where their indexes are.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::ptr;

use libc::c_char;

use super::error::tfr_error;
use super::guard::guard;
use super::pointer;
use super::status::tfr_status;
use crate::error::{Error, ErrorKind, Result};
use crate::{FindShards, Shard, Shards};

/// The files of a data set, in order. It never changes.
pub struct tfr_shards {
    pub(super) shards: Shards,
    /// For each shard, its path and the path of its index.
    paths: Vec<(CString, Option<CString>)>,
    notes: Vec<CString>,
}

impl tfr_shards {
    pub(super) fn new(shards: Shards) -> Result<tfr_shards> {
        let paths = shards.iter().map(|shard| {
            let index = shard.index_path.as_deref().map(c_path).transpose()?;
            Ok((c_path(&shard.path)?, index))
        });
        let paths = paths.collect::<Result<Vec<_>>>()?;
        let notes = shards.incomplete().iter().chain(shards.notes());
        let notes = notes.map(|note| CString::new(note.replace('\0', " ")).unwrap_or_default());
        let notes = notes.collect();
        Ok(tfr_shards { shards, paths, notes })
    }
}

/// A path as a C string, which has no NUL.
pub(super) fn c_path(path: &Path) -> Result<CString> {
    let refuse = |_| Error::new(ErrorKind::InvalidArgument, "the path contains a NUL character");
    CString::new(path.as_os_str().as_bytes()).map_err(|error| refuse(error).of(path))
}

/// What tfr_shards_find() accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub enum tfr_find_flags {
    /// Sets that lack files, or have files of a set of another size beside them. tfr_shards_note()
    /// names them.
    TFR_FIND_ALLOW_MISSING = 1,
    /// Files that are given twice.
    TFR_FIND_ALLOW_REPEATED = 2,
}

/// Finds the files that paths stand for, in the order of the paths:
///
/// - a file: that one. A path that exists is never a pattern.
/// - a directory: the TFRecord files in it and in its subdirectories, by their names or their first
///   header.
/// - a path with *, ?, [a-z] or, for any directories, **: the files that match.
/// - a path with {0..9}, {00..09} or {a,b}: each of these paths, all of which must exist.
/// - a manifest, named x.manifest.json, or x.json and says so: the files that it lists, in its order.
/// - name@8, name@8.tfrecord or name@*: name-00000-of-00008 and so on, with .tfrecord at the end.
///
/// The files of a directory or a pattern are sorted by the bytes of their paths. Hidden files are
/// left out, and so are indexes of files that are found. A set of files that are named
/// name-00000-of-00008 and so on must be complete, unless all of its files are given one by one. If a
/// directory has a dataset_info.json of TensorFlow Datasets, the shards that it lists must be there.
///
/// Parameters: `paths` has `count` elements, at least 1. `pattern` is optional: names of the files
/// that are data in a directory, such as "*.tfr". `index_dir` is optional: a directory for the
/// indexes, which mirrors the directories of the files. NULL means that the indexes are next to the
/// files. `flags` is 0, or a bitwise OR of members of tfr_find_flags. `shards_out` is required.
///
/// Errors: TFR_ERR_IO, with ENOENT, if a pattern matches nothing, or a file of a set is missing.
/// TFR_ERR_IO if a directory cannot be listed. TFR_ERR_INVALID_ARGUMENT if a required pointer is
/// NULL, a directory has no TFRecord file, a file does not belong to its set, or a file is given
/// twice.
///
/// Ownership: free *shards_out with tfr_shards_free(). It is NULL on failure.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_shards_find(
    paths: *const *const c_char,
    count: usize,
    pattern: *const c_char,
    index_dir: *const c_char,
    flags: u32,
    shards_out: *mut *mut tfr_shards,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let store = pointer::handle_out(shards_out, "shards_out")?;
        let paths = paths_in(paths, count, "paths")?;
        let known = tfr_find_flags::TFR_FIND_ALLOW_MISSING as u32
            | tfr_find_flags::TFR_FIND_ALLOW_REPEATED as u32;
        if flags & !known != 0 {
            let detail = format!("flags is {flags}, but tfr_find_flags has only {known:#b}");
            return Err(Error::new(ErrorKind::InvalidArgument, detail));
        }
        let has = |flag: tfr_find_flags| flags & flag as u32 != 0;
        let mut options = FindShards::new()
            .allow_missing(has(tfr_find_flags::TFR_FIND_ALLOW_MISSING))
            .allow_repeated(has(tfr_find_flags::TFR_FIND_ALLOW_REPEATED));
        if !pattern.is_null() {
            options = options.pattern(pointer::path(pattern, "pattern")?.to_string_lossy());
        }
        if !index_dir.is_null() {
            options = options.index_dir(pointer::path(index_dir, "index_dir")?);
        }
        store(pointer::give(tfr_shards::new(Shards::find(paths, &options)?)?));
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Takes these files as they are, in this order. Nothing is searched, and no path is a pattern.
///
/// Parameters: `paths` has `count` elements. `index_paths` is optional; it has `count` elements,
/// each of which is the path of a file's index, or NULL for an index next to the file.
/// `shards_out` is required.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL.
///
/// Ownership: free *shards_out with tfr_shards_free(). It is NULL on failure.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_shards_from_paths(
    paths: *const *const c_char,
    index_paths: *const *const c_char,
    count: usize,
    shards_out: *mut *mut tfr_shards,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let store = pointer::handle_out(shards_out, "shards_out")?;
        let paths = paths_in(paths, count, "paths")?;
        let indexes = match index_paths.is_null() {
            true => vec![None; count],
            false => index_paths_in(index_paths, count)?,
        };
        let shards = paths.into_iter().zip(indexes);
        let shards = shards.map(|(path, index_path)| Shard { path, index_path }).collect();
        store(pointer::give(tfr_shards::new(shards)?));
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// # Safety
///
/// `paths` is NULL, or valid for reads of `count` elements, each NULL or NUL-terminated.
unsafe fn paths_in(paths: *const *const c_char, count: usize, name: &str) -> Result<Vec<PathBuf>> {
    // SAFETY: the caller upholds the contract.
    let paths = unsafe { pointer::slice(paths, count, name) }?.iter();
    // SAFETY: the caller upholds the contract.
    paths.map(|path| Ok(unsafe { pointer::path(*path, name) }?.to_owned())).collect()
}

/// # Safety
///
/// `paths` is valid for reads of `count` elements, each NULL or NUL-terminated.
pub(super) unsafe fn index_paths_in(
    paths: *const *const c_char,
    count: usize,
) -> Result<Vec<Option<PathBuf>>> {
    // SAFETY: the caller upholds the contract.
    let paths = unsafe { pointer::slice(paths, count, "index_paths") }?.iter();
    let path = |path: &*const c_char| match path.is_null() {
        true => Ok(None),
        // SAFETY: the caller upholds the contract.
        false => Ok(Some(unsafe { pointer::path(*path, "index_paths") }?.to_owned())),
    };
    paths.map(path).collect()
}

/// Returns the number of files. 0 for NULL.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_shards_len(shards: *const tfr_shards) -> usize {
    // SAFETY: the caller upholds the contract.
    unsafe { shards.as_ref() }.map_or(0, |shards| shards.shards.len())
}

/// Returns the path of a file, from 0; NULL if there is no such file, and for NULL.
///
/// Ownership: borrowed from the shards. The path is valid until they are freed.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_shards_path(shards: *const tfr_shards, shard: usize) -> *const c_char {
    // SAFETY: the caller upholds the contract.
    let found = unsafe { shards.as_ref() }.and_then(|shards| shards.paths.get(shard));
    found.map_or(ptr::null(), |(path, _)| path.as_ptr())
}

/// Returns where the index of a file is, or will be created. NULL means next to the file; and if
/// there is no such file, and for NULL.
///
/// Ownership: borrowed from the shards. The path is valid until they are freed.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_shards_index_path(
    shards: *const tfr_shards,
    shard: usize,
) -> *const c_char {
    // SAFETY: the caller upholds the contract.
    let found = unsafe { shards.as_ref() }.and_then(|shards| shards.paths.get(shard));
    found.and_then(|(_, index)| index.as_ref()).map_or(ptr::null(), |index| index.as_ptr())
}

/// Returns a sentence for the user, from 0: what a set lacks, if that is allowed, and how many other
/// files tfr_shards_find() left out in a directory. NULL if there are no more, and for NULL.
///
/// Ownership: borrowed from the shards. The text is valid until they are freed.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_shards_note(shards: *const tfr_shards, note: usize) -> *const c_char {
    // SAFETY: the caller upholds the contract.
    let found = unsafe { shards.as_ref() }.and_then(|shards| shards.notes.get(note));
    found.map_or(ptr::null(), |note| note.as_ptr())
}

/// Frees shards, with the texts of their functions. NULL does nothing.
#[no_mangle]
pub unsafe extern "C" fn tfr_shards_free(shards: *mut tfr_shards) {
    // SAFETY: the caller upholds the contract.
    unsafe { pointer::free(shards) }
}
