//! Several writers of one target.
//!
//! A writer alone has the first of the target's names. Before it takes another one, it creates the
//! crowd's file and locks it, shared with others who do. So whoever finds no such file need not look for
//! those names. The file is removed by who can lock it alone, and then finds none of them: the last
//! writer to leave, or, if that was killed, the next one.

use std::io;
use std::thread;

use super::identity;
use super::names::{Access, Names};
use super::output::Output;
use super::place::Place;
use crate::sys;

/// How often the file is opened while others remove it.
const ATTEMPTS: usize = 10;

/// Stands for a writer that may have any of the names.
pub(super) struct Crowd {
    /// The file, locked if it can be.
    file: Option<Output>,
}

impl Crowd {
    /// Creates the crowd's file, if it is not there.
    pub fn join(place: &Place, names: &Names) -> io::Result<Crowd> {
        for _ in 0..ATTEMPTS {
            if let Some(joined) = try_to_join(place, names)? {
                return Ok(joined);
            }
            thread::yield_now(); // somebody removes the file
        }
        Ok(Crowd { file: None })
    }

    /// Says that the writer's temporary file is gone. The last one removes the crowd's file.
    pub fn leave(self, place: &Place) {
        drop(self.file); // unlocked
        dissolve(place, &Names::of(place));
    }
}

/// `None` if the file is being removed.
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
        // Something of others, which stays there.
        Err(_) if !is_ours => return Ok(Some(Crowd { file: None })),
        Err(error) => return Err(error),
    };
    let id = file.identity()?;
    match file.lock_shared() {
        Ok(true) => Ok(place.holds(&name, id)?.then_some(Crowd { file: Some(file) })),
        Ok(false) => Ok(None),
        // There are no locks, and nobody looks for the names.
        Err(_) => {
            if is_ours {
                let _ = place.remove(&name, id);
            }
            Ok(Some(Crowd { file: None }))
        }
    }
}

/// Whether other names than the first ones may be taken.
pub(super) fn is_there(place: &Place, names: &Names) -> io::Result<bool> {
    Ok(place.stat_of(&names.crowd()?)?.is_some())
}

/// Removes the crowd's file, if no one is in the crowd and nothing is left of it.
pub(super) fn dissolve(place: &Place, names: &Names) {
    let _ = try_to_dissolve(place, names); // or the next writer does it
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
