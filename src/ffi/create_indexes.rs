//! `tfr_create_indexes()`: the indexes of many files.

use std::ffi::CString;
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;

use libc::{c_char, c_void};

use super::callback::call_back;
use super::error::tfr_error;
use super::guard::guard;
use super::index_file::which;
use super::options::tfr_options;
use super::pointer;
use super::status::tfr_status;
use super::version::TFR_UNKNOWN;
use crate::error::Result;
use crate::options::Progress;
use crate::{
    create_indexes, CreateIndexes, CreateProgress, CreateTotals, Created, Creation, Shard, Shards,
};

/// What tfr_create_indexes() did with a file. Later versions may add members at the end.
#[repr(C)]
pub struct tfr_created {
    /// The file's number in the arrays of paths.
    pub number: usize,
    /// The file's path, and the path of its index. Borrowed: valid until the callback returns.
    pub tfrecord_path: *const c_char,
    pub index_path: *const c_char,
    /// The number of records in the index. TFR_UNKNOWN if the index was up to date and was left as
    /// it is, or if the file failed.
    pub records: u64,
    /// The number of damaged regions that the index leaves out.
    pub skipped_regions: u64,
    /// The file's size in bytes. 0 if no index was created.
    pub bytes: u64,
    /// Why the file failed; NULL if it did not. Borrowed: valid until the callback returns.
    pub error: *const tfr_error,
    /// 1 if the index would be created, but for `dry_run`; otherwise 0.
    pub planned: i32,
}

/// What tfr_create_indexes() did in all. Later versions may add members at the end.
#[repr(C)]
pub struct tfr_create_totals {
    /// Files whose index was created, was up to date, or could not be created.
    pub created: usize,
    pub up_to_date: usize,
    pub failed: usize,
    /// Records, and bytes of data, of the indexes that were created.
    pub records: u64,
    pub bytes: u64,
    /// Damaged regions that these indexes leave out.
    pub skipped_regions: u64,
    /// Files whose index would be created, but for `dry_run`.
    pub planned: usize,
}

/// A callback for each file that tfr_create_indexes() is done with. A nonzero return value cancels
/// the call, which then fails with TFR_ERR_CANCELLED. The callback must return: no longjmp, no C++
/// exception.
///
/// Ownership: `created` is borrowed. It is valid until the callback returns.
pub type tfr_created_fn =
    Option<unsafe extern "C" fn(context: *mut c_void, created: *const tfr_created) -> i32>;

/// Creates the indexes of TFRecord files, several at the same time. A file that fails does not stop
/// the others. Each index is created like tfr_index_create() does it: completely, or not at all. It
/// replaces an older index, but no file that is not an index. Missing directories of indexes are
/// made. To continue after an interruption, call it again with TFR_ONLY_STALE.
///
/// Parameters: `tfrecord_paths` has `count` paths. `index_paths` is optional; it has as many paths,
/// each of which may be NULL. A NULL in place of an index's path means the file's path with ".idx"
/// appended. `jobs` is the number of files to work on at the same time; 0 means one for each
/// processor, or more if the work mostly waits for storage. `only` is a member of tfr_only, or 0 to
/// create all indexes. With `dry_run` other than 0, nothing is changed, and the results say what would
/// be done. `options` is optional. Its threads are for large files that are left when
/// other files need no thread. Its progress callback receives the bytes and records so far, of all
/// files, and TFR_UNKNOWN bytes in total. `on_file` is optional; it is called for each file, in the
/// order of the arrays, with `context`. `totals_out` is optional.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL or `only` is any other number.
/// TFR_ERR_CANCELLED if a callback cancelled; each index is then the old or the new one. The errors
/// of files are passed to `on_file`, and are those of tfr_index_create().
///
/// Threads: safe on any thread. All callbacks are called on the thread that calls this function.
#[no_mangle]
pub unsafe extern "C" fn tfr_create_indexes(
    tfrecord_paths: *const *const c_char,
    index_paths: *const *const c_char,
    count: usize,
    jobs: usize,
    only: i32,
    dry_run: i32,
    options: *const tfr_options,
    on_file: tfr_created_fn,
    context: *mut c_void,
    totals_out: *mut tfr_create_totals,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let store = pointer::optional_out(totals_out, "totals_out")?;
        let shards = shards(tfrecord_paths, index_paths, count)?;
        let how = match only {
            0 => CreateIndexes::new().jobs(jobs),
            only => CreateIndexes::new().jobs(jobs).only(which(only)?),
        };
        let how = how.dry_run(dry_run != 0);
        let mut number = 0;
        let mut tell = |created: Created| {
            number += 1;
            call_on_file(on_file, context, number - 1, created)
        };
        let totals = tfr_options::with(options, |options| {
            let progress = |at: CreateProgress| {
                let CreateProgress { bytes_done, records, .. } = at;
                let at = Progress { bytes_done, bytes_total: TFR_UNKNOWN, records };
                options.progress.map_or(ControlFlow::Continue(()), |callback| callback(at))
            };
            create_indexes(&shards, &how.options(*options).progress(&progress), &mut tell)
        })?;
        store(totals.into());
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// # Safety
///
/// Both are NULL or have `count` items, each of which is NULL or NUL-terminated.
unsafe fn shards(
    tfrecord_paths: *const *const c_char,
    index_paths: *const *const c_char,
    count: usize,
) -> Result<Shards> {
    // SAFETY: the caller upholds the contract.
    unsafe {
        let paths = pointer::slice(tfrecord_paths, count, "tfrecord_paths")?;
        let index_paths = match index_paths.is_null() {
            true => &[],
            false => pointer::slice(index_paths, count, "index_paths")?,
        };
        let shard = |(number, path): (usize, &*const c_char)| {
            let index_path = index_paths.get(number).copied().unwrap_or(ptr::null());
            let index_path = match index_path.is_null() {
                true => None,
                false => Some(pointer::path(index_path, "index_paths")?.to_owned()),
            };
            let path = pointer::path(*path, &format!("tfrecord_paths[{number}]"))?;
            Ok(Shard { path: path.to_owned(), index_path })
        };
        paths.iter().enumerate().map(shard).collect()
    }
}

/// # Safety
///
/// The function may be called with the context.
unsafe fn call_on_file(
    on_file: tfr_created_fn,
    context: *mut c_void,
    number: usize,
    created: Created,
) -> ControlFlow<()> {
    let Some(function) = on_file else { return ControlFlow::Continue(()) };
    let text = |path: &Path| CString::new(path.as_os_str().as_bytes()).unwrap_or_default();
    let (path, index_path) = (text(&created.path), text(&created.index_path));
    let planned = matches!(created.result, Ok(Creation::Planned)).into();
    let (records, skipped_regions) = match created.result {
        Ok(Creation::Created { records, skipped_regions }) => (records, skipped_regions),
        _ => (TFR_UNKNOWN, 0),
    };
    let error = created.result.err().map_or(ptr::null_mut(), tfr_error::new);
    let given = tfr_created {
        number,
        tfrecord_path: path.as_ptr(),
        index_path: index_path.as_ptr(),
        records,
        skipped_regions,
        bytes: created.bytes,
        error,
        planned,
    };
    // SAFETY: the caller gave this context for this function; `given` outlives the call.
    let answer = call_back(|| unsafe { function(context, &given) });
    // SAFETY: NULL, or made above and not freed yet.
    unsafe { pointer::free(error) };
    match answer {
        Some(0) => ControlFlow::Continue(()),
        _ => ControlFlow::Break(()),
    }
}

impl From<CreateTotals> for tfr_create_totals {
    fn from(totals: CreateTotals) -> tfr_create_totals {
        let CreateTotals { created, up_to_date, planned, failed, records, bytes, skipped_regions } =
            totals;
        tfr_create_totals { created, up_to_date, failed, records, bytes, skipped_regions, planned }
    }
}
