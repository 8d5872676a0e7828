//! `tfr_changes`: what a refresh of a manifest found.

use std::ffi::CString;
use std::path::PathBuf;

use libc::c_char;

use super::member::member;
use super::pointer;
use super::shards::c_path;
use crate::error::Result;
use crate::Changes;

/// What tfr_manifest_refresh() found.
///
/// Threads: many threads may use it at the same time.
pub struct tfr_changes {
    reordered: bool,
    /// In the order of tfr_change, from 1.
    paths: [Vec<CString>; 4],
}

/// A kind of change, for tfr_changes_len() and tfr_changes_path().
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub enum tfr_change {
    /// Shards that were not in the manifest.
    TFR_CHANGE_ADDED = 1,
    /// Shards with another size or time of modification.
    TFR_CHANGE_CHANGED = 2,
    /// Shards that are no longer in the set.
    TFR_CHANGE_GONE = 3,
    /// Shards that have the same size and time of modification, and an index now.
    TFR_CHANGE_INDEXED = 4,
}

impl tfr_changes {
    pub(super) fn new(changes: &Changes) -> Result<tfr_changes> {
        let texts =
            |paths: &[PathBuf]| paths.iter().map(|path| c_path(path)).collect::<Result<_>>();
        let Changes { added, changed, gone, indexed, reordered } = changes;
        let paths = [texts(added)?, texts(changed)?, texts(gone)?, texts(indexed)?];
        Ok(tfr_changes { reordered: *reordered, paths })
    }

    fn of(&self, change: i32) -> Result<&[CString]> {
        let members = [
            (tfr_change::TFR_CHANGE_ADDED as i32, 0),
            (tfr_change::TFR_CHANGE_CHANGED as i32, 1),
            (tfr_change::TFR_CHANGE_GONE as i32, 2),
            (tfr_change::TFR_CHANGE_INDEXED as i32, 3),
        ];
        member("change", change, "tfr_change", &members).map(|number| &self.paths[number][..])
    }
}

/// Returns how many shards changed in this way; 0 for NULL and for a number that is not a member of
/// tfr_change.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_changes_len(changes: *const tfr_changes, change: i32) -> usize {
    // SAFETY: the caller upholds the contract.
    let changes = unsafe { changes.as_ref() };
    changes.and_then(|changes| changes.of(change).ok()).map_or(0, <[_]>::len)
}

/// Returns the path of a shard that changed in this way; NULL if there is none with this number.
///
/// Ownership: borrowed from `changes`. It is valid until that is freed.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_changes_path(
    changes: *const tfr_changes,
    change: i32,
    number: usize,
) -> *const c_char {
    // SAFETY: the caller upholds the contract.
    let changes = unsafe { changes.as_ref() };
    let path = changes.and_then(|changes| changes.of(change).ok()?.get(number));
    path.map_or(std::ptr::null(), |path| path.as_ptr())
}

/// Returns 1 if shards that were in the manifest are now in another order; 0 if not, and for NULL.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_changes_reordered(changes: *const tfr_changes) -> i32 {
    // SAFETY: the caller upholds the contract.
    unsafe { changes.as_ref() }.map_or(0, |changes| changes.reordered.into())
}

/// Frees the result of tfr_manifest_refresh(). NULL does nothing.
#[no_mangle]
pub unsafe extern "C" fn tfr_changes_free(changes: *mut tfr_changes) {
    // SAFETY: the caller upholds the contract.
    unsafe { pointer::free(changes) }
}
