//! The names of the temporary files of a target.

use std::collections::hash_map::{DefaultHasher, RandomState};
use std::ffi::{CString, OsStr, OsString};
use std::fs::{self, OpenOptions};
use std::hash::{BuildHasher, Hash, Hasher};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use super::open;
use super::place::{c_string, Place};
use crate::sys;

/// What all temporary names start with.
const START: &str = ".tfr-index.";

/// Whether a directory has files with temporary names. True if it cannot be read.
pub(super) fn are_in(directory: &Path) -> bool {
    let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    let is_temporary = |name: OsString| name.as_bytes().starts_with(START.as_bytes());
    fs::read_dir(directory).map_or(true, |mut entries| {
        entries.any(|entry| entry.map_or(true, |entry| is_temporary(entry.file_name())))
    })
}

/// Temporary names per target: how many concurrent writers can clean up after each other.
const SHARED: u32 = 32;
/// The same for exclusive writers: there is one at a time, and files that killed ones left.
const EXCLUSIVE: u32 = 8;
/// The same for temporary directories: there is one at a time, and those that killed writers left
/// with something else in them.
const DIRECTORIES: u32 = 8;

/// Which writers may write the same target at the same time: shared writers may run together, an
/// exclusive one excludes all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Shared,
    Exclusive,
}

impl Access {
    // Not `pub`: cbindgen would put it into the C header.
    pub(super) const ALL: [Access; 2] = [Access::Shared, Access::Exclusive];

    /// Whether the two must not write at the same time.
    pub fn excludes(self, other: Access) -> bool {
        [self, other].contains(&Access::Exclusive)
    }
}

/// The temporary names for one target. They are derived from it, so that other writers find them.
pub(super) struct Names {
    key: u64,
}

impl Names {
    pub fn of(place: &Place) -> Names {
        Names { key: key(place) }
    }

    /// The names that writers try, in this order.
    pub fn numbered(&self, access: Access) -> impl Iterator<Item = CString> {
        let (key, kind, count) = match access {
            Access::Shared => (self.key, "", SHARED),
            Access::Exclusive => (self.key, "exclusive.", EXCLUSIVE),
        };
        let name = move |number| name(&format!("{key:016x}.{kind}{number}"));
        (0..count).filter_map(move |number| name(number).ok())
    }

    /// The names of temporary directories.
    pub fn directories(&self) -> impl Iterator<Item = CString> {
        let key = self.key;
        let name = move |number| name(&format!("{key:016x}.directory.{number}"));
        (0..DIRECTORIES).filter_map(move |number| name(number).ok())
    }

    /// The name of the crowd's file, which exists while names other than the first may be in use.
    pub fn crowd(&self) -> io::Result<CString> {
        name(&format!("{:016x}.crowd", self.key))
    }

    /// A name that nobody else can find.
    pub fn random() -> io::Result<CString> {
        name(&format!("{:016x}", random()))
    }
}

fn name(middle: &str) -> io::Result<CString> {
    c_string(OsStr::new(&format!("{START}{middle}.tmp")))
}

/// A hash of the target, its mount and the running system. (If two targets had the same key, they
/// would only share their names.)
fn key(place: &Place) -> u64 {
    let mut key = DefaultHasher::new();
    place.name().hash(&mut key);
    place.device().hash(&mut key);
    if place.is_sticky() {
        // In a sticky directory, a user cannot remove the files of others: do not look for them.
        sys::effective_user().hash(&mut key);
    }
    // Without the boot id the key is random: other writers do not find the names.
    running_system().unwrap_or_else(|_| random()).hash(&mut key);
    key.finish()
}

/// A hash of the boot id, which is read once.
fn running_system() -> io::Result<u64> {
    // Not a OnceLock: a process forked while another thread initialises it would deadlock.
    static KNOWN: AtomicU64 = AtomicU64::new(0);
    let known = KNOWN.load(Ordering::Relaxed);
    if known != 0 {
        return Ok(known);
    }
    let boot = Path::new("/proc/sys/kernel/random/boot_id");
    let mut id = [0; 64];
    let count = open(OpenOptions::new().read(true), boot)?.read(&mut id)?;
    let mut hasher = DefaultHasher::new();
    id[..count].hash(&mut hasher);
    let found = hasher.finish().max(1);
    KNOWN.store(found, Ordering::Relaxed);
    Ok(found)
}

fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}
