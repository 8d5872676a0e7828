//! The crowd: the writers of one target that use other names than the first.
//!
//! A single writer uses the first temporary name of the target. Before a writer uses another name,
//! it creates the crowd's file and takes a shared lock on it. So a writer that finds no such file
//! need not look for the other names. A writer that gets an exclusive lock and finds none of the
//! other names removes the file: this is the last writer to leave or, if that one was killed, the
//! next writer.

use std::io;
use std::thread;

use super::identity;
use super::names::{Access, Names};
use super::output::Output;
use super::place::Place;
use crate::sys;

/// How many times to try to open the file while others remove it.
const ATTEMPTS: usize = 10;

/// Membership of a writer that may use any of the names.
pub(super) struct Crowd {
    /// The crowd's file, locked if the file system has locks.
    file: Option<Output>,
}

impl Crowd {
    /// Creates the crowd's file, unless it exists.
    pub fn join(place: &Place, names: &Names) -> io::Result<Crowd> {
        for _ in 0..ATTEMPTS {
            if let Some(joined) = try_to_join(place, names)? {
                return Ok(joined);
            }
            thread::yield_now(); // another writer is removing the file
        }
        Ok(Crowd { file: None })
    }

    /// Leaves the crowd, once the writer's temporary file is gone. The last one removes the crowd's
    /// file.
    pub fn leave(self, place: &Place) {
        drop(self.file); // unlocked
        dissolve(place, &Names::of(place));
    }
}

/// Returns `None` if the file is being removed.
fn try_to_join(place: &Place, names: &Names) -> io::Result<Option<Crowd>> {
    let name = names.crowd()?;
    let (opened, is_ours) = match place.create(&name, 0o666) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            (place.open_to_lock(&name), false)
        }
        created => (created, true),
    };
    let mut file = match opened {
        Ok(file) => Output::new(file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        // Not a file of this library; leave it.
        Err(_) if !is_ours => return Ok(Some(Crowd { file: None })),
        Err(error) => return Err(error),
    };
    let id = file.identity()?;
    match file.lock_shared() {
        Ok(true) => Ok(place.holds(&name, id)?.then_some(Crowd { file: Some(file) })),
        Ok(false) => Ok(None),
        // Without locks, no writer looks for the names.
        Err(_) => {
            if is_ours {
                let _ = place.remove(&name, id);
            }
            Ok(Some(Crowd { file: None }))
        }
    }
}

/// Whether names other than the first may be in use.
pub(super) fn is_there(place: &Place, names: &Names) -> io::Result<bool> {
    Ok(place.stat_of(&names.crowd()?)?.is_some())
}

/// Removes the crowd's file, if the crowd has no members and none of its temporary files is left.
pub(super) fn dissolve(place: &Place, names: &Names) {
    let _ = try_to_dissolve(place, names); // if this fails, the next writer does it
}

fn try_to_dissolve(place: &Place, names: &Names) -> io::Result<()> {
    let name = names.crowd()?;
    let file = place.open_to_lock(&name)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.len() > 0 {
        return Ok(()); // not ours
    }
    sys::flock(&file, libc::LOCK_EX | libc::LOCK_NB)?;
    for access in Access::ALL {
        for name in names.numbered(access).skip(1) {
            if place.stat_of(&name)?.is_some() {
                return Ok(());
            }
        }
    }
    place.remove(&name, identity(&metadata))
}
