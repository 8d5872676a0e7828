//! The names of the temporary files of a target.

use std::collections::hash_map::{DefaultHasher, RandomState};
use std::ffi::{CString, OsStr};
use std::fs::OpenOptions;
use std::hash::{BuildHasher, Hash, Hasher};
use std::io::{self, Read};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use super::open;
use super::place::{c_string, Place};
use crate::sys;

/// Numbers of a target's temporary files: how many shared writers can clear up after each other.
const SHARED: u32 = 32;
/// Of exclusive ones there is one at a time, and what was killed.
const EXCLUSIVE: u32 = 8;

/// Who may write the same target at the same time: shared writers with each other, exclusive ones with
/// no one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Shared,
    Exclusive,
}

impl Access {
    // Not `pub`: cbindgen would put it into the C header.
    pub(super) const ALL: [Access; 2] = [Access::Shared, Access::Exclusive];

    /// Whether both cannot write at once.
    pub fn excludes(self, other: Access) -> bool {
        [self, other].contains(&Access::Exclusive)
    }
}

/// The names for one target. They follow from it, so that other writers find them.
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

    /// The name of the file that is there while more than the first names may be.
    pub fn crowd(&self) -> io::Result<CString> {
        name(&format!("{:016x}.crowd", self.key))
    }

    /// A name that nobody knows.
    pub fn random() -> io::Result<CString> {
        name(&format!("{:016x}", random()))
    }
}

fn name(middle: &str) -> io::Result<CString> {
    c_string(OsStr::new(&format!(".tfr-index.{middle}.tmp")))
}

/// Stands for the target, the mount that it is on and the running system. (Targets with one key
/// would only share their numbers.)
fn key(place: &Place) -> u64 {
    let mut key = DefaultHasher::new();
    place.name().hash(&mut key);
    place.device().hash(&mut key);
    if place.is_sticky() {
        // Who may not remove the files of others does not look at them.
        sys::effective_user().hash(&mut key);
    }
    // Without one, nobody finds the names.
    running_system().unwrap_or_else(|_| random()).hash(&mut key);
    key.finish()
}

/// Stands for the system since it started. It is asked for once.
fn running_system() -> io::Result<u64> {
    // No OnceLock: a process that is forked while another thread is in it would wait for ever.
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
