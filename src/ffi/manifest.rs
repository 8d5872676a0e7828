//! `tfr_manifest`: the shards of a data set, and how many records each has.

use std::ffi::CString;
use std::path::Path;
use std::ptr;

use libc::c_char;

use super::changes::tfr_changes;
use super::error::tfr_error;
use super::guard::guard;
use super::options::tfr_options;
use super::pointer;
use super::shards::{c_path, tfr_shards};
use super::status::tfr_status;
use crate::error::{Error, ErrorKind, Result};
use crate::sys::SharedCell;
use crate::{Manifest, ManifestRow};

/// The shards of a data set, in order: the path, the size, the time of modification and the number
/// of records of each. It is kept in a JSON file, so that a program knows the length of the set
/// without opening a shard.
///
/// Threads: many threads may use a manifest at the same time, except during
/// tfr_manifest_refresh().
pub struct tfr_manifest {
    pub(super) manifest: Manifest,
    /// Those of each row, made when they are first needed.
    texts: Vec<SharedCell<Texts>>,
}

/// The path of a row, that of its index, and its entity tag.
type Texts = (CString, Option<CString>, Option<CString>);

/// One row of a manifest.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct tfr_manifest_row {
    /// The path of the TFRecord file.
    pub path: *const c_char,
    /// The path of its index; NULL if it had none.
    pub index_path: *const c_char,
    /// The size of the file in bytes.
    pub bytes: u64,
    /// The number of its records.
    pub records: u64,
    /// When the file was last modified, in nanoseconds since 1970; INT64_MIN if
    /// the manifest does not say.
    pub mtime_ns: i64,
    /// What names the version of an object in a store, its entity tag; NULL for files. It is UTF-8.
    pub etag: *const c_char,
}

impl tfr_manifest_row {
    /// # Safety
    /// Its pointers are NULL, or NUL-terminated strings.
    unsafe fn to_row(self) -> Result<ManifestRow> {
        let index_path = match self.index_path.is_null() {
            true => None,
            // SAFETY: the caller upholds the contract.
            false => Some(unsafe { pointer::path(self.index_path, "an index path in rows") }?),
        };
        Ok(ManifestRow {
            // SAFETY: the caller upholds the contract.
            path: unsafe { pointer::path(self.path, "a path in rows") }?.to_owned(),
            bytes: self.bytes,
            records: self.records,
            mtime_ns: Some(self.mtime_ns).filter(|mtime_ns| *mtime_ns != i64::MIN),
            index_path: index_path.map(Path::to_owned),
            etag: match self.etag.is_null() {
                true => None,
                false => {
                    // SAFETY: the caller upholds the contract.
                    let etag = unsafe { pointer::path(self.etag, "an etag in rows") }?;
                    Some(etag.to_string_lossy().into_owned())
                }
            },
        })
    }
}

impl tfr_manifest {
    fn new(manifest: Manifest) -> tfr_manifest {
        let texts = manifest.iter().map(|_| SharedCell::new()).collect();
        tfr_manifest { manifest, texts }
    }

    fn texts(&self, row: usize) -> Result<&Texts> {
        let cell = &self.texts[row];
        if let Some(texts) = cell.get() {
            return Ok(texts);
        }
        let ManifestRow { path, index_path, etag, .. } = &self.manifest[row];
        let index_path = index_path.as_deref().map(c_path).transpose()?;
        let etag = etag.as_deref().map(|etag| c_path(Path::new(etag))).transpose()?;
        Ok(cell.set((c_path(path)?, index_path, etag)))
    }
}

/// Makes a manifest of these shards, in this order. The call looks at each file and counts its
/// records: from its index or, without one beside it that fits, by a scan. It writes no index. The
/// number of threads of the options is how many shards are counted at the same time; their progress
/// callback gets the progress of all shards together.
///
/// Parameters: `shards` and `manifest_out` are required. `options` is optional; NULL means the
/// defaults.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL, a file is listed twice, or the
/// options are to skip damage. TFR_ERR_IO if a shard, or an index whose path is given, does not
/// exist. TFR_ERR_MISMATCH if a shard keeps changing. Those of tfr_index_scan() for bad data.
///
/// Ownership: free *manifest_out with tfr_manifest_free(). It is NULL on failure.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_manifest_build(
    shards: *const tfr_shards,
    options: *const tfr_options,
    manifest_out: *mut *mut tfr_manifest,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let store = pointer::handle_out(manifest_out, "manifest_out")?;
        let shards = &pointer::borrow(shards, "shards")?.shards;
        let manifest = tfr_options::with(options, |options| Manifest::build(shards, options))?;
        store(pointer::give(tfr_manifest::new(manifest)));
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Makes a manifest of rows that are known, such as those that tfr_manifest_get() stored.
///
/// Parameters: `rows` points to `count` rows and may be NULL if `count` is 0. The path of each is
/// required. `manifest_out` is required.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL, or if the rows have more than
/// 2^64 - 1 records.
///
/// Ownership: the manifest copies the rows and their paths; the caller may free them immediately. Free
/// *manifest_out with tfr_manifest_free(). It is NULL on failure.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_manifest_from_rows(
    rows: *const tfr_manifest_row,
    count: usize,
    manifest_out: *mut *mut tfr_manifest,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let store = pointer::handle_out(manifest_out, "manifest_out")?;
        let rows = pointer::slice(rows, count, "rows")?.iter();
        let rows = rows.map(|row| row.to_row()).collect::<Result<_>>()?;
        store(pointer::give(tfr_manifest::new(Manifest::from_rows(rows)?)));
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Reads a manifest file. The call opens no shard. The paths of the rows start with the directory of
/// `path`.
///
/// Parameters: `path` and `manifest_out` are required.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. TFR_ERR_IO if the file cannot be
/// read. TFR_ERR_INVALID_MANIFEST if it is not a manifest, if a row is invalid (tfr_error_record()
/// is its number), or if a newer version of this library wrote the file.
///
/// Ownership: free *manifest_out with tfr_manifest_free(). It is NULL on failure.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_manifest_read(
    path: *const c_char,
    manifest_out: *mut *mut tfr_manifest,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let store = pointer::handle_out(manifest_out, "manifest_out")?;
        let manifest = Manifest::read(pointer::path(path, "path")?)?;
        store(pointer::give(tfr_manifest::new(manifest)));
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Makes a manifest of a split of a data set of TensorFlow Datasets (TFDS), such as "train". The
/// numbers of records are those in the file dataset_info.json in `directory`, which may also be the
/// path of that file. The call looks at each shard, but opens none, unless their sizes contradict
/// dataset_info.json: then it counts the records of each, to find the one that was cut or replaced.
///
/// Parameters: `directory`, `split` and `manifest_out` are required. `options` is optional; NULL
/// means the defaults.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL, the set has no such split, or its
/// files are not TFRecord files. TFR_ERR_IO if there is no dataset_info.json, or a shard is missing.
/// TFR_ERR_INVALID_MANIFEST if dataset_info.json is not what TFDS writes. TFR_ERR_MISMATCH if a
/// shard has another number of records.
///
/// Ownership: free *manifest_out with tfr_manifest_free(). It is NULL on failure.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_manifest_from_tfds(
    directory: *const c_char,
    split: *const c_char,
    options: *const tfr_options,
    manifest_out: *mut *mut tfr_manifest,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let store = pointer::handle_out(manifest_out, "manifest_out")?;
        let directory = pointer::path(directory, "directory")?;
        let split = pointer::path(split, "split")?.to_string_lossy();
        let manifest =
            tfr_options::with(options, |options| Manifest::from_tfds(directory, &split, options))?;
        store(pointer::give(tfr_manifest::new(manifest)));
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Writes a manifest to a file, which appears complete or not at all. The paths of the rows are
/// written relative to the directory of `path`, so that the set and its manifest can be moved
/// together; of a link, relative to that of the file that it leads to.
///
/// Parameters: `manifest` and `path` are required.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL, the name of the file does not end
/// with .json, the file exists and is not a manifest, or a path is not UTF-8. TFR_ERR_IO if the file
/// cannot be written; then an existing file is unchanged.
///
/// Threads: safe on any thread. If several write the same file, the last one wins.
#[no_mangle]
pub unsafe extern "C" fn tfr_manifest_write(
    manifest: *const tfr_manifest,
    path: *const c_char,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let manifest = &pointer::borrow(manifest, "manifest")?.manifest;
        manifest.write(pointer::path(path, "path")?)
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Writes what TensorFlow Datasets (TFDS) needs to know of this set, as the split `split`, to the
/// file SPLIT-info.json in `directory`, from which tfds.folder_dataset.write_metadata makes its
/// dataset_info.json without reading the records.
///
/// Parameters: `manifest`, `directory` and `split` are required.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL, or the shards do not have names
/// that TFDS can read, such as NAME-train.tfrecord-00000-of-00008, or the file exists and is not one
/// for TFDS. TFR_ERR_IO if the file cannot be written.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_manifest_write_tfds(
    manifest: *const tfr_manifest,
    directory: *const c_char,
    split: *const c_char,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let manifest = &pointer::borrow(manifest, "manifest")?.manifest;
        let directory = pointer::path(directory, "directory")?;
        let split = pointer::path(split, "split")?.to_string_lossy();
        manifest.write_tfds(directory, &split).map(drop)
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Brings a manifest up to date: `shards` are the files of the set now. A row whose file has the
/// same size and time of modification stays as it is; the records of the other files are counted, as
/// by tfr_manifest_build(). The call writes no file.
///
/// Parameters: `manifest` and `shards` are required. `options` is optional; NULL means the defaults.
/// `changes_out` is optional.
///
/// Errors: those of tfr_manifest_build(). The manifest is then unchanged.
///
/// Ownership: free *changes_out with tfr_changes_free(). It is NULL on failure. The pointers of
/// earlier rows become invalid.
///
/// Threads: no other thread may use the manifest during the call.
#[no_mangle]
pub unsafe extern "C" fn tfr_manifest_refresh(
    manifest: *mut tfr_manifest,
    shards: *const tfr_shards,
    options: *const tfr_options,
    changes_out: *mut *mut tfr_changes,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let store = match changes_out.is_null() {
            true => None,
            false => Some(pointer::handle_out(changes_out, "changes_out")?),
        };
        let manifest = pointer::borrow_mut(manifest, "manifest")?;
        let shards = &pointer::borrow(shards, "shards")?.shards;
        let mut now = manifest.manifest.clone();
        let changes = tfr_options::with(options, |options| now.refresh(shards, options))?;
        let changes = tfr_changes::new(&changes)?;
        *manifest = tfr_manifest::new(now);
        if let Some(store) = store {
            store(pointer::give(changes));
        }
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Returns the number of shards; 0 for NULL.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_manifest_len(manifest: *const tfr_manifest) -> usize {
    // SAFETY: the caller upholds the contract.
    unsafe { manifest.as_ref() }.map_or(0, |manifest| manifest.manifest.len())
}

/// Returns the number of records of all shards; 0 for NULL.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_manifest_total_records(manifest: *const tfr_manifest) -> u64 {
    // SAFETY: the caller upholds the contract.
    unsafe { manifest.as_ref() }.map_or(0, |manifest| manifest.manifest.total_records())
}

/// Returns one row of a manifest.
///
/// Parameters: `manifest` and `row_out` are required. `row` is less than tfr_manifest_len().
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. TFR_ERR_OUT_OF_RANGE if there is
/// no such row.
///
/// Ownership: the paths in *row_out are borrowed from the manifest. They are valid until it is
/// refreshed or freed.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_manifest_get(
    manifest: *const tfr_manifest,
    row: usize,
    row_out: *mut tfr_manifest_row,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let manifest = pointer::borrow(manifest, "manifest")?;
        let store = pointer::out(row_out, "row_out")?;
        let Some(found) = manifest.manifest.get(row) else {
            let detail =
                format!("out of range, the manifest has {} shards", manifest.manifest.len());
            return Err(Error::new(ErrorKind::OutOfRange, detail).of_record(row as u64));
        };
        let (path, index_path, etag) = manifest.texts(row)?;
        let optional =
            |text: &Option<CString>| text.as_ref().map_or(ptr::null(), |text| text.as_ptr());
        store(tfr_manifest_row {
            path: path.as_ptr(),
            index_path: optional(index_path),
            bytes: found.bytes,
            records: found.records,
            mtime_ns: found.mtime_ns.unwrap_or(i64::MIN),
            etag: optional(etag),
        });
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Returns the shards of a manifest.
///
/// Parameters: `manifest` and `shards_out` are required.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL.
///
/// Ownership: free *shards_out with tfr_shards_free(). It is NULL on failure.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_manifest_shards(
    manifest: *const tfr_manifest,
    shards_out: *mut *mut tfr_shards,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let store = pointer::handle_out(shards_out, "shards_out")?;
        let manifest = pointer::borrow(manifest, "manifest")?;
        store(pointer::give(tfr_shards::new(manifest.manifest.shards())?));
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Frees a manifest. NULL does nothing.
#[no_mangle]
pub unsafe extern "C" fn tfr_manifest_free(manifest: *mut tfr_manifest) {
    // SAFETY: the caller upholds the contract.
    unsafe { pointer::free(manifest) }
}
