//! `tfr_reshard()`: a data set in files of other sizes.

use std::ffi::CStr;

use libc::{c_char, c_void};

use super::callback::call_back;
use super::error::tfr_error;
use super::guard::guard;
use super::options::tfr_options;
use super::pointer;
use super::shards::{index_paths_in, tfr_shards};
use super::status::tfr_status;
use crate::error::{Error, ErrorKind, Result};
use crate::{reshard, Reshard};

/// A callback for what tfr_reshard() has to report, once the new data set is complete. The callback
/// must return: no longjmp, no C++ exception.
///
/// Ownership: `warning` is borrowed. It is valid until the callback returns.
pub type tfr_warning_fn =
    Option<unsafe extern "C" fn(context: *mut c_void, warning: *const tfr_error)>;

/// Copies the records of a data set to new TFRecord files in a new directory, each with its index,
/// and writes a manifest of them: NAME-00000-of-00008.tfrecord, NAME-00000-of-00008.tfrecord.idx
/// and so on, and NAME.manifest.json. The directory appears complete or not at all. Each record is
/// checked, and its frame is copied as it is. Records of files that were written without valid
/// checksums cannot be checked; their copies get valid ones.
///
/// Parameters: `set` is required: the files of the data set. `index_paths` is optional; it has a path
/// for each file, which may be NULL: the index of such a file is that of tfr_shards_index_path(). An
/// index that is given is used as it is: it may select, reorder and repeat records. `directory` is
/// required; it must not exist, or be an empty directory. `name` is optional; NULL means "train". One
/// of `shards` and `shard_bytes` must be 0: the other one is the number of files, or about how many
/// bytes each has.
/// `seed` is optional: record i of the copy is then the record that tfr_permutation_get() gives for
/// i. `options` is optional; its checksum policy must be auto or full, and its threads, salvage,
/// progress, sync and compression are used: compressed files have ".gz" added to their names, and
/// `shard_bytes` is the size of their decompressed data. `on_warning` is optional; it is called with `context` for each index
/// that was found but not used, each region that salvage left out, and each file without valid
/// checksums.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL, an argument is not usable, or a
/// new file would have no record. TFR_ERR_IO, with ENOTEMPTY if the directory is not empty, with
/// EBUSY if another call is writing it. TFR_ERR_MISMATCH if a file was changed meanwhile, or is not
/// what the manifest or dataset_info.json says that lists it: its size and its time of modification
/// must be the same, and its number of records, unless its index selects some. TFR_ERR_CANCELLED
/// if the progress callback cancelled. TFR_ERR_PAYLOAD_CRC and others for a damaged record. After an
/// error, nothing is left of the new directory.
///
/// Threads: safe on any thread. All callbacks are called on the thread that calls this function.
#[no_mangle]
pub unsafe extern "C" fn tfr_reshard(
    set: *const tfr_shards,
    index_paths: *const *const c_char,
    directory: *const c_char,
    name: *const c_char,
    shards: u64,
    shard_bytes: u64,
    seed: *const u64,
    options: *const tfr_options,
    on_warning: tfr_warning_fn,
    context: *mut c_void,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let mut old = pointer::borrow(set, "set")?.shards.clone();
        if !index_paths.is_null() {
            old.set_index_paths(index_paths_in(index_paths, old.len())?);
        }
        let directory = pointer::path(directory, "directory")?;
        let how = match (shards, shard_bytes) {
            (shards, 0) => Reshard::shards(shards),
            (0, bytes) => Reshard::shard_bytes(bytes),
            _ => return Err(invalid("one of shards and shard_bytes must be 0")),
        };
        let how = match name.is_null() {
            true => how,
            false => how.name(text(name)?),
        };
        let how = match seed.is_null() {
            true => how,
            false => how.shuffle(*pointer::borrow(seed, "seed")?),
        };
        let warnings = tfr_options::with(options, |options| {
            reshard(&old, directory, &how.options(*options)).map(|done| done.warnings)
        })?;
        if let Some(function) = on_warning {
            for warning in warnings {
                let warning = tfr_error::new(warning);
                // The caller gave this context for this function.
                call_back(|| function(context, warning));
                pointer::free(warning);
            }
        }
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

fn invalid(detail: &str) -> Error {
    Error::new(ErrorKind::InvalidArgument, detail)
}

/// # Safety
///
/// It is NUL-terminated.
unsafe fn text<'a>(name: *const c_char) -> Result<&'a str> {
    // SAFETY: the caller upholds the contract.
    let name = unsafe { CStr::from_ptr(name) };
    name.to_str().map_err(|_| invalid("name must be UTF-8"))
}
