//! `tfr_dataset`: many files as one sequence of records.

use std::ffi::{CStr, CString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use libc::c_char;

use super::error::tfr_error;
use super::guard::guard;
use super::index::tfr_index;
use super::manifest::tfr_manifest;
use super::options::tfr_options;
use super::pointer;
use super::shards::tfr_shards;
use super::status::tfr_status;
use crate::catalog;
use crate::error::{Error, Result};
use crate::{Dataset, Index, Shard, Shards};

/// The records of many TFRecord files, called shards, as one sequence. Record numbers count through
/// the shards in their order, from 0 on.
///
/// A data set opens a file when it first needs it, and closes the least recently used one when
/// there are too many: see tfr_options_set_max_open_files(). If a file is replaced while it is
/// closed, and then has another number of records, calls that need it fail with TFR_ERR_MISMATCH.
///
/// Threads: many threads may use a data set at the same time. So may a forked process, which takes
/// over the open files and the indexes.
pub struct tfr_dataset {
    pub(super) dataset: Dataset,
    paths: Vec<CString>,
}

impl tfr_dataset {
    pub(super) fn give(dataset: Dataset) -> *mut tfr_dataset {
        let path = |shard: &Shard| CString::new(shard.path.as_os_str().as_bytes());
        // Paths come from C strings, or were checked when they were opened: there is no NUL in them.
        let paths = dataset.shards().iter().map(|shard| path(shard).unwrap_or_default()).collect();
        pointer::give(tfr_dataset { dataset, paths })
    }
}

/// Opens a data set: opens the files to count their records, several at the same time.
///
/// Parameters: `paths` points to the paths of `count` files and may be NULL if `count` is 0. (For
/// directories, patterns and manifests, see tfr_shards_find().) `dataset_out` is required. `options` is
/// optional; NULL means the defaults. Their progress callback is called on this thread: at the start,
/// and at least every 50 ms, with TFR_UNKNOWN bytes in total. It can cancel.
/// `index_paths` and `indexes` are optional. They say where the records are: each has `count`
/// elements, which may be NULL.
///
/// - indexes[i] is the index of file i, used as it is: it may select, reorder and repeat records.
/// - Otherwise index_paths[i] is the path of its index, used as it is.
/// - Otherwise the data set finds the index next to the file, or scans the file, like
///   tfr_reader_open() with NULL. If it rejects an index file, tfr_dataset_warning() says why.
///
/// `counts` is optional: `count` numbers of records, that of each file. With them, no file is opened
/// yet. Each is opened and its records are counted when it is first used; a call that uses it fails
/// with TFR_ERR_MISMATCH if it has another number of records.
///
/// With tfr_options_set_salvage(), it scans the files, and leaves out damage; then no indexes may be
/// given.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL, if a file occurs twice without
/// indexes that say which of its records are meant, or if the options contradict each other.
/// TFR_ERR_CANCELLED if the callback cancels. Otherwise those of tfr_reader_open(), for the first file
/// that fails; see also tfr_options_set_on_error().
///
/// Ownership: the data set shares the indexes, and copies the paths; the caller may free them
/// immediately. Free *dataset_out with tfr_dataset_free(). It is NULL on failure.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_dataset_open(
    paths: *const *const c_char,
    index_paths: *const *const c_char,
    indexes: *const *const tfr_index,
    counts: *const u64,
    count: usize,
    options: *const tfr_options,
    dataset_out: *mut *mut tfr_dataset,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let store = pointer::handle_out(dataset_out, "dataset_out")?;
        let mut shards = given_shards(paths, count)?;
        shards.set_index_paths(given_paths(index_paths, count)?);
        let given = given_indexes(indexes, count)?;
        let settings = tfr_options::of_dataset(options);
        let dataset = match given_counts(counts, count)? {
            Some(counts) => Dataset::with_counts(&shards, given, counts, &settings)?,
            None => open(&shards, given, options).map_err(explain)?,
        };
        store(tfr_dataset::give(dataset));
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// The files that the caller gives.
///
/// # Safety
/// NULL, or `count` pointers that are NULL or valid.
pub(super) unsafe fn given_shards(paths: *const *const c_char, count: usize) -> Result<Shards> {
    // SAFETY: the caller upholds the contract.
    let paths = unsafe { pointer::slice(paths, count, "paths") }?.iter();
    // SAFETY: the same.
    let paths = paths.map(|&path| unsafe { pointer::path(path, "a path in paths") });
    Ok(Shards::from_paths(paths.collect::<Result<Vec<_>>>()?))
}

/// The numbers of records that the caller gives.
///
/// # Safety
/// NULL, or `count` numbers.
pub(super) unsafe fn given_counts<'a>(
    counts: *const u64,
    count: usize,
) -> Result<Option<&'a [u64]>> {
    match counts.is_null() {
        true => Ok(None),
        // SAFETY: the caller upholds the contract.
        false => Ok(Some(unsafe { pointer::slice(counts, count, "counts") }?)),
    }
}

/// The paths of indexes that the caller gives.
///
/// # Safety
/// NULL, or `count` pointers that are NULL or valid.
unsafe fn given_paths(paths: *const *const c_char, count: usize) -> Result<Vec<Option<PathBuf>>> {
    if paths.is_null() {
        return Ok(Vec::new());
    }
    // SAFETY: the caller upholds the contract.
    let paths = unsafe { pointer::slice(paths, count, "index_paths") }?.iter();
    let path = |&path: &*const c_char| match path.is_null() {
        true => Ok(None),
        // SAFETY: the same.
        false => Ok(Some(unsafe { pointer::path(path, "an index path") }?.to_owned())),
    };
    paths.map(path).collect()
}

/// The indexes that the caller gives.
///
/// # Safety
/// NULL, or `count` pointers that are NULL or valid.
pub(super) unsafe fn given_indexes(
    indexes: *const *const tfr_index,
    count: usize,
) -> Result<Vec<Option<Index>>> {
    if indexes.is_null() {
        return Ok(Vec::new());
    }
    // SAFETY: the caller upholds the contract.
    let indexes = unsafe { pointer::slice(indexes, count, "indexes") }?.iter();
    // SAFETY: the same.
    Ok(indexes.map(|index| Some(unsafe { index.as_ref() }?.0.clone())).collect())
}

/// Adds what to call if the path stands for other files.
fn explain(error: Error) -> Error {
    match error.path().is_some_and(|path| path.is_dir() || catalog::kind_of(path).is_some()) {
        true => error.adding(
            "; for the files of a directory or a manifest, call tfr_shards_find() and \
             tfr_dataset_from_shards()",
        ),
        false => error,
    }
}

/// Opens a data set, and reports the progress if the options have a callback.
///
/// # Safety
/// `options` is NULL, or valid.
unsafe fn open(
    shards: &Shards,
    given: Vec<Option<Index>>,
    options: *const tfr_options,
) -> Result<Dataset> {
    // SAFETY: the caller upholds the contract.
    unsafe {
        let settings = tfr_options::of_dataset(options);
        tfr_options::with(options, |options| match options.progress {
            Some(progress) => Dataset::with_progress(shards, given, &settings, progress),
            None => Dataset::with_indexes(shards, given, &settings),
        })
    }
}

/// Opens a data set of shards, such as those that tfr_shards_find() found. Each has the index of
/// tfr_shards_index_path(), used as it is; without one, it is as for tfr_dataset_open(). Shards that a
/// manifest lists are not opened, as by tfr_dataset_from_manifest(), unless an index is given.
///
/// Parameters: `shards` and `dataset_out` are required. `options` is optional; NULL means the
/// defaults. Their progress callback is called as by tfr_dataset_open().
///
/// `index_paths` and `indexes` are optional: as for tfr_dataset_open(), with tfr_shards_len() elements.
/// Such an index may select records. A shard that a manifest lists must still have the size and the
/// time of modification that it says and, if the index covers the whole file, the number of records.
///
/// Errors: those of tfr_dataset_open(). TFR_ERR_MISMATCH if a shard has another number of records than
/// the dataset_info.json of TensorFlow Datasets says.
///
/// Ownership: the data set shares the indexes, and copies the paths; the caller may free them and the
/// shards immediately. Free *dataset_out with tfr_dataset_free(). It is NULL on failure.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_dataset_from_shards(
    shards: *const tfr_shards,
    index_paths: *const *const c_char,
    indexes: *const *const tfr_index,
    options: *const tfr_options,
    dataset_out: *mut *mut tfr_dataset,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let store = pointer::handle_out(dataset_out, "dataset_out")?;
        let mut shards = pointer::borrow(shards, "shards")?.shards.clone();
        let count = shards.len();
        shards.set_index_paths(given_paths(index_paths, count)?);
        store(tfr_dataset::give(open(&shards, given_indexes(indexes, count)?, options)?));
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Takes the shards of a data set and their numbers of records from a manifest, and opens none of
/// them. A shard is opened when it is first used; a call that uses it fails with TFR_ERR_MISMATCH if
/// it has another size, time of modification or number of records than the manifest says.
///
/// Parameters: `manifest` and `dataset_out` are required. `options` is optional; NULL means the
/// defaults. Their callbacks are not called.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL, or the options contradict each
/// other.
///
/// Ownership: the data set copies the rows; the caller may free the manifest immediately. Free
/// *dataset_out with tfr_dataset_free(). It is NULL on failure.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_dataset_from_manifest(
    manifest: *const tfr_manifest,
    options: *const tfr_options,
    dataset_out: *mut *mut tfr_dataset,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let store = pointer::handle_out(dataset_out, "dataset_out")?;
        let manifest = &pointer::borrow(manifest, "manifest")?.manifest;
        let options = tfr_options::of_dataset(options);
        store(tfr_dataset::give(Dataset::from_manifest(manifest, &options)?));
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Returns the number of records; 0 for NULL.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_dataset_len(dataset: *const tfr_dataset) -> u64 {
    // SAFETY: the caller upholds the contract.
    unsafe { dataset.as_ref() }.map_or(0, |dataset| dataset.dataset.len())
}

/// Returns the number of shards; 0 for NULL.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_dataset_num_shards(dataset: *const tfr_dataset) -> usize {
    // SAFETY: the caller upholds the contract.
    unsafe { dataset.as_ref() }.map_or(0, |dataset| dataset.paths.len())
}

/// Returns the path of a shard; NULL if there is no such shard, and for NULL.
///
/// Ownership: NUL-terminated, borrowed from the data set. It is valid until the data set is freed.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_dataset_path(
    dataset: *const tfr_dataset,
    shard: usize,
) -> *const c_char {
    // SAFETY: the caller upholds the contract.
    let path = unsafe { dataset.as_ref() }.and_then(|dataset| dataset.paths.get(shard));
    path.map_or(std::ptr::null(), |path| CStr::as_ptr(path))
}

/// Finds the shard of a record, and the number of the record in the shard. Reads nothing.
///
/// Parameters: `dataset`, `shard_out` and `record_out` are required.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. TFR_ERR_OUT_OF_RANGE if `record`
/// is not less than tfr_dataset_len().
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_dataset_locate(
    dataset: *const tfr_dataset,
    record: u64,
    shard_out: *mut usize,
    record_out: *mut u64,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let store_shard = pointer::out(shard_out, "shard_out")?;
        let store_record = pointer::out(record_out, "record_out")?;
        let place = pointer::borrow(dataset, "dataset")?.dataset.locate(record)?;
        store_shard(place.shard);
        store_record(place.record);
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Returns how many neighbouring records have about 2 MiB together, decompressed: a good size for the
/// chunks of tfr_order_set_shuffle_chunks(). It comes from the sizes of some records of the first, the
/// middle and the last shard, which this opens if their indexes are not in memory. The same files give
/// the same number.
///
/// Parameters: `dataset` and `records_out` are required. *records_out is at least 1.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL; otherwise those of
/// tfr_dataset_entries().
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_dataset_chunk_records(
    dataset: *const tfr_dataset,
    records_out: *mut u64,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let store = pointer::out(records_out, "records_out")?;
        store(pointer::borrow(dataset, "dataset")?.dataset.chunk_records()?);
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Returns the number of a shard's first record in the data set, and how many records the shard
/// has.
///
/// Parameters: `dataset`, `first_out` and `count_out` are required.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. TFR_ERR_OUT_OF_RANGE if `shard`
/// is not less than tfr_dataset_num_shards().
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_dataset_records_of(
    dataset: *const tfr_dataset,
    shard: usize,
    first_out: *mut u64,
    count_out: *mut u64,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let store_first = pointer::out(first_out, "first_out")?;
        let store_count = pointer::out(count_out, "count_out")?;
        let records = pointer::borrow(dataset, "dataset")?.dataset.records_of(shard)?;
        store_first(records.start);
        store_count(records.end - records.start);
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Returns the index of a shard. If it is not in memory, the call opens the shard.
///
/// Parameters: `dataset` and `index_out` are required.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. TFR_ERR_OUT_OF_RANGE if `shard`
/// is not less than tfr_dataset_num_shards(). TFR_ERR_MISMATCH if the file has changed. Otherwise
/// those of tfr_reader_open().
///
/// Ownership: free *index_out with tfr_index_free(). It is NULL on failure.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_dataset_index_of(
    dataset: *const tfr_dataset,
    shard: usize,
    index_out: *mut *mut tfr_index,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let store = pointer::handle_out(index_out, "index_out")?;
        let index = pointer::borrow(dataset, "dataset")?.dataset.index_of(shard)?;
        store(pointer::give(tfr_index(index)));
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Returns how many warnings tfr_dataset_warning() has by now; 0 for NULL. A data set that opens its
/// shards later may have more then.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_dataset_num_warnings(dataset: *const tfr_dataset) -> usize {
    // SAFETY: the caller upholds the contract.
    unsafe { dataset.as_ref() }.map_or(0, |dataset| dataset.dataset.num_warnings())
}

/// Returns warning `number` of those about the shards opened so far: an index that was found but is
/// not used, or a region that was left out because of tfr_options_set_salvage(). Each names its
/// file. Programs should report them.
///
/// Parameters: `dataset` and `warning_out` are required. If there are no more warnings,
/// *warning_out is NULL.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL.
///
/// Ownership: free *warning_out with tfr_error_free().
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_dataset_warning(
    dataset: *const tfr_dataset,
    number: usize,
    warning_out: *mut *mut tfr_error,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    unsafe { nth_error(dataset, number, Dataset::warning, warning_out, "warning_out", error_out) }
}

/// Returns how many records tfr_dataset_read_batch() and tfr_batches_next() left out so far because
/// of tfr_options_set_on_error(), in this process; 0 for NULL. A record counts each time.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_dataset_num_skipped(dataset: *const tfr_dataset) -> u64 {
    // SAFETY: the caller upholds the contract.
    unsafe { dataset.as_ref() }.map_or(0, |dataset| dataset.dataset.num_skipped())
}

/// Returns reason `number` of those why records were left out: see tfr_dataset_num_skipped(). There
/// is one for each bad record, with its path and number, and one for all records of a batch that
/// are in a shard that cannot be opened; and one for each shard of which no records could be counted
/// when the data set was opened: it is empty. The data set keeps the first 1000.
///
/// Parameters: `dataset` and `skipped_out` are required. If there are no more reasons, *skipped_out
/// is NULL.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL.
///
/// Ownership: free *skipped_out with tfr_error_free().
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_dataset_skipped(
    dataset: *const tfr_dataset,
    number: usize,
    skipped_out: *mut *mut tfr_error,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    unsafe { nth_error(dataset, number, Dataset::skip, skipped_out, "skipped_out", error_out) }
}

/// Stores one of several errors; NULL if there are fewer.
///
/// # Safety
///
/// The pointers are NULL or valid, as for the C functions.
unsafe fn nth_error(
    dataset: *const tfr_dataset,
    number: usize,
    error: impl FnOnce(&Dataset, usize) -> Option<Error>,
    out: *mut *mut tfr_error,
    name: &str,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let store = pointer::handle_out(out, name)?;
        let dataset = &pointer::borrow(dataset, "dataset")?.dataset;
        if let Some(error) = error(dataset, number) {
            store(tfr_error::new(error));
        }
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Closes the files that no thread uses. They are opened again when they are needed.
///
/// Parameters: `dataset` is required.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if it is NULL.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_dataset_close_files(
    dataset: *const tfr_dataset,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    let body = || {
        // SAFETY: the caller upholds the contract.
        unsafe { pointer::borrow(dataset, "dataset") }?.dataset.close_files();
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Frees a data set, and closes its files. Its batches stay usable. NULL does nothing.
#[no_mangle]
pub unsafe extern "C" fn tfr_dataset_free(dataset: *mut tfr_dataset) {
    // SAFETY: the caller upholds the contract.
    unsafe { pointer::free(dataset) }
}
