//! Temporary files. They show other writers of the same target that a writer is active, and the
//! next writer removes those that a killed process left.
//!
//! A temporary file's name is derived from its target and a small number, so that it can be found
//! without listing a directory of a hundred thousand files. Its writer holds a lock on it, which
//! the system releases when the process ends: a file that can be locked is abandoned. Locks are
//! only certain to be visible through the same mount of the same running system (network file
//! systems may keep locks local to a machine). So the name depends on both, and other machines do
//! not look for it. Without locks, no file is removed and no other writer is detected.
//!
//! Each writer locks its own file first and looks at those of others afterwards, so that at least
//! one of two writers sees the other. A writer that gets the first name looks at the other names
//! only if there is a [`Crowd`].

use std::ffi::{CStr, CString};
use std::io;
use std::os::unix::fs::MetadataExt;

use super::crowd::{self, Crowd};
use super::names::Names;
use super::output::Output;
use super::place::Place;
use super::{identity, Identity};
use crate::sys;

pub(super) use super::names::Access;

/// A temporary file, locked where there are locks.
pub(super) struct Temporary {
    pub output: Output,
    pub name: CString,
    pub id: Identity,
    /// The writer leaves it once the file is gone.
    pub crowd: Option<Crowd>,
}

/// Creates a temporary file in the target's directory, to be renamed or removed while it is open.
/// Removes files that killed writers of the same target left. Returns `None` if another writer
/// excludes this one.
pub(super) fn create(place: &Place, mode: u32, access: Access) -> io::Result<Option<Temporary>> {
    let mut writer = Writer { place, names: Names::of(place), access, crowd: None };
    let created = writer.create(mode);
    let crowd = writer.crowd;
    match created {
        Ok(Some(temporary)) => Ok(Some(Temporary { crowd, ..temporary })),
        created => {
            crowd.into_iter().for_each(|crowd| crowd.leave(place));
            created
        }
    }
}

/// A writer that needs a temporary file.
struct Writer<'p> {
    place: &'p Place,
    names: Names,
    access: Access,
    crowd: Option<Crowd>,
}

impl Writer<'_> {
    fn create(&mut self, mode: u32) -> io::Result<Option<Temporary>> {
        let (place, random) = (self.place, Names::random()?);
        let mut has_locks = true;
        let first = self.names.numbered(self.access).take(1); // tried twice: it may be abandoned
        let names = first.chain(self.names.numbered(self.access)).chain([random.clone()]);
        for (attempt, name) in names.enumerate() {
            if !has_locks && name != random {
                continue; // no later writer would remove a file of this name
            }
            if attempt > 1 && has_locks && self.crowd.is_none() {
                self.crowd = Some(Crowd::join(place, &self.names)?);
            }
            let mut output = match place.create(&name, mode) {
                Ok(file) => Output::new(file),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    let user = Some(sys::effective_user());
                    let is_in_use = attempt == 0 && is_in_use(place, &name, self.access, user)?;
                    if is_in_use && self.access == Access::Exclusive {
                        return Ok(None);
                    }
                    continue;
                }
                Err(error) => return Err(error),
            };
            let (id, user) = match output.metadata() {
                Ok(metadata) => (identity(&metadata), metadata.uid()),
                Err(error) => {
                    let _ = sys::unlink_at(place.directory(), &name); // created just now
                    return Err(error);
                }
            };
            let locked = output.lock();
            let temporary = Temporary { output, name, id, crowd: None };
            match locked {
                Ok(true) => {}
                Ok(false) => continue, // another writer locked it first, and removes it
                Err(_) if temporary.name == random => return Ok(Some(temporary)),
                Err(_) => {
                    has_locks = false;
                    temporary.remove(place);
                    continue;
                }
            }
            let admitted = self.is_admitted(&temporary.name, user);
            if !matches!(admitted, Ok(true)) {
                temporary.remove(place);
                return admitted.map(|_| None);
            }
            // Before it was locked, another writer may have removed it as abandoned.
            match place.holds(&temporary.name, temporary.id) {
                Ok(true) => return Ok(Some(temporary)),
                Ok(false) => {}
                Err(error) => {
                    temporary.remove(place);
                    return Err(error);
                }
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// Whether no active writer excludes this one, whose file is named `ours`. Removes abandoned
    /// files of the user.
    fn is_admitted(&self, ours: &CStr, user: u32) -> io::Result<bool> {
        let is_crowded = self.crowd.is_some() || crowd::is_there(self.place, &self.names)?;
        let mut admitted = true;
        for (name, theirs) in names(&self.names, is_crowded).filter(|(name, _)| **name != *ours) {
            let is_in_use = is_in_use(self.place, &name, theirs, Some(user))?;
            admitted &= !(is_in_use && self.access.excludes(theirs));
        }
        if is_crowded && self.crowd.is_none() {
            crowd::dissolve(self.place, &self.names);
        }
        Ok(admitted)
    }
}

/// The names that may be in use, with the access of their writers.
fn names(names: &Names, is_crowded: bool) -> impl Iterator<Item = (CString, Access)> + '_ {
    let count = if is_crowded { usize::MAX } else { 1 };
    let numbered = move |access| names.numbered(access).take(count).map(move |name| (name, access));
    Access::ALL.into_iter().flat_map(numbered)
}

/// Whether a writer has a temporary file for the target.
pub(super) fn is_any_in_use(place: &Place) -> io::Result<bool> {
    let all = Names::of(place);
    for (name, access) in names(&all, crowd::is_there(place, &all)?) {
        if is_in_use(place, &name, access, None)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Removes files that killed writers of the target left, as far as that is possible.
pub(super) fn clear(place: &Place) -> io::Result<()> {
    let all = Names::of(place);
    let is_crowded = crowd::is_there(place, &all)?;
    for (name, access) in names(&all, is_crowded) {
        is_in_use(place, &name, access, Some(sys::effective_user()))?;
    }
    if is_crowded {
        crowd::dissolve(place, &all);
    }
    Ok(())
}

impl Temporary {
    /// Removes the file, if it still has its name.
    pub fn remove(&self, place: &Place) {
        let _ = place.remove(&self.name, self.id);
    }
}

/// Whether another writer uses this temporary file. An abandoned one is removed if it belongs to
/// `user`. In a sticky directory, files of other users do not count: anybody could put them there.
///
/// A shared writer's file is probed with an exclusive lock: whoever gets it may remove the file,
/// since nobody else can do so then. An exclusive writer's file is probed with a shared lock, so
/// that several writers that probe it do not take each other for its owner. They may all remove it:
/// an exclusive writer that creates the file meanwhile notices their locks, or that its file is
/// gone.
fn is_in_use(place: &Place, name: &CStr, access: Access, user: Option<u32>) -> io::Result<bool> {
    let file = match place.open_to_lock(name) {
        Ok(file) => file,
        Err(error) => match error.raw_os_error() {
            Some(libc::EMFILE | libc::ENFILE | libc::ENOMEM | libc::EIO) => return Err(error),
            _ => return Ok(false), // there is nothing, or something that is not ours
        },
    };
    let metadata = file.metadata()?;
    let is_foreign = metadata.uid() != user.unwrap_or_else(sys::effective_user);
    if !metadata.is_file() || is_foreign && place.is_sticky() {
        return Ok(false);
    }
    match sys::flock(&file, libc::LOCK_NB | how_to_look(access)) {
        Ok(()) if user.is_some() && !is_foreign => {
            let _ = place.remove(name, identity(&metadata));
            Ok(false)
        }
        Ok(()) => Ok(false),
        Err(error) => Ok(error.kind() == io::ErrorKind::WouldBlock),
    }
}

fn how_to_look(access: Access) -> libc::c_int {
    match access {
        Access::Shared => libc::LOCK_EX,
        Access::Exclusive => libc::LOCK_SH,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsString;
    use std::fs;
    use std::os::unix::ffi::OsStringExt;
    use std::os::unix::fs::{symlink, PermissionsExt};
    use std::path::{Path, PathBuf};

    fn place(target: &Path) -> Place {
        Place::of(target).unwrap().unwrap()
    }

    fn try_to(target: &Path, access: Access) -> Option<Temporary> {
        create(&place(target), 0o666, access).unwrap()
    }

    fn shared(target: &Path) -> Temporary {
        try_to(target, Access::Shared).unwrap()
    }

    /// Ends a writer. (A dropped one leaves its file, as if it had been killed.)
    fn end(target: &Path, temporary: Temporary) {
        temporary.remove(&place(target));
        temporary.crowd.into_iter().for_each(|crowd| crowd.leave(&place(target)));
    }

    fn path(target: &Path, temporary: &Temporary) -> PathBuf {
        target.with_file_name(OsString::from_vec(temporary.name.to_bytes().to_vec()))
    }

    fn count(directory: &Path) -> usize {
        fs::read_dir(directory).unwrap().count()
    }

    /// The crowd's file.
    const CROWD: usize = 1;

    #[test]
    fn what_is_abandoned_is_removed_and_what_is_in_use_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let (target, other) = (directory.path().join("x.idx"), directory.path().join("y.idx"));
        for mode in [0o666, 0o444] {
            let held: Vec<_> = (0..3)
                .map(|_| create(&place(&target), mode, Access::Shared).unwrap().unwrap())
                .collect();
            assert_eq!(count(directory.path()), 3 + CROWD);
            let elsewhere = shared(&other);
            assert_eq!(count(directory.path()), 4 + CROWD);
            drop(held); // closed, as the system closes the files of a killed process
            let temporary = shared(&target);
            assert_eq!(count(directory.path()), 2);
            drop(elsewhere);
            end(&target, temporary);
            assert_eq!(count(directory.path()), 1);
            end(&other, shared(&other));
            assert_eq!(count(directory.path()), 0);
        }
    }

    #[test]
    fn what_is_abandoned_after_a_gap_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("x.idx");
        let mut held: Vec<_> = (0..3).map(|_| shared(&target)).collect();
        drop(held.pop()); // killed
        held.into_iter().for_each(|temporary| end(&target, temporary)); // done
        assert_eq!(count(directory.path()), 1 + CROWD);
        let temporary = shared(&target);
        assert_eq!(count(directory.path()), 1);
        end(&target, temporary);
        assert_eq!(count(directory.path()), 0);
    }

    /// Whichever writer ends last, nothing is left.
    #[test]
    fn a_crowd_leaves_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("x.idx");
        for order in [[0, 0, 0], [1, 0, 0], [1, 1, 0], [2, 0, 0], [2, 1, 0], [0, 1, 0]] {
            let mut held: Vec<_> = (0..3).map(|_| shared(&target)).collect();
            for (left, number) in (0..3).rev().zip(order) {
                end(&target, held.remove(number));
                let crowd = held.iter().any(|temporary| temporary.crowd.is_some());
                assert_eq!(count(directory.path()), left + usize::from(crowd), "{order:?}");
            }
        }
    }

    /// Later writers detect a member of a crowd that does not have the first name.
    #[test]
    fn the_second_of_a_crowd_excludes_others() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("x");
        let (first, second) = (shared(&target), shared(&target));
        end(&target, first);
        assert!(is_any_in_use(&place(&target)).unwrap());
        assert!(try_to(&target, Access::Exclusive).is_none());
        end(&target, shared(&target)); // which does not remove the crowd's file
        assert!(try_to(&target, Access::Exclusive).is_none());
        end(&target, second);
        assert!(!is_any_in_use(&place(&target)).unwrap());
        end(&target, try_to(&target, Access::Exclusive).unwrap());
        assert_eq!(count(directory.path()), 0);
    }

    /// Threads start and end at random: none of them fails, and nothing is left.
    #[test]
    fn crowds_come_and_go() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("x");
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..100).for_each(|_| end(&target, shared(&target))));
            }
        });
        end(&target, shared(&target)); // the last two may have seen each other and left the file
        assert_eq!(count(directory.path()), 0);
    }

    /// The second writer is refused, unless both are shared.
    #[test]
    fn an_exclusive_writer_is_alone() {
        use Access::{Exclusive, Shared};
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("x");
        for first in [Shared, Exclusive] {
            for second in [Shared, Exclusive] {
                let held = try_to(&target, first).unwrap();
                assert!(is_any_in_use(&place(&target)).unwrap());
                let also = try_to(&target, second);
                assert_eq!(also.is_some(), (first, second) == (Shared, Shared));
                assert!(try_to(&directory.path().join("y"), second).is_some());
                drop((held, also)); // killed
                assert!(!is_any_in_use(&place(&target)).unwrap());
                let y = directory.path().join("y");
                end(&target, try_to(&target, second).unwrap());
                end(&y, try_to(&y, second).unwrap());
                assert_eq!(count(directory.path()), 0);
            }
        }
    }

    /// In a world-writable directory, anybody can guess the next name.
    #[test]
    fn what_others_put_there_is_not_followed() {
        let directory = tempfile::tempdir().unwrap();
        let (target, victim) = (directory.path().join("x.idx"), directory.path().join("victim"));
        fs::write(&victim, "precious").unwrap();
        let first = shared(&target);
        let guessed = path(&target, &first);
        first.remove(&place(&target));
        symlink(&victim, &guessed).unwrap();
        assert_ne!(path(&target, &shared(&target)), guessed);
        assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
        fs::remove_file(&guessed).unwrap();
        fs::create_dir(&guessed).unwrap();
        assert_ne!(path(&target, &shared(&target)), guessed);
        assert!(guessed.is_dir());
    }

    /// In a sticky directory, another user may hold every name, locked. (Only root can create files
    /// of another user.)
    #[test]
    fn names_of_another_user_hinder_nobody() {
        if sys::effective_user() != 0 {
            eprintln!("skipped: this test needs root");
            return;
        }
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("x");
        for (mode, admitted) in [(0o1777, true), (0o777, false)] {
            fs::set_permissions(&directory, fs::Permissions::from_mode(mode)).unwrap();
            let all = Names::of(&place(&target));
            let all = Access::ALL.map(|access| all.numbered(access)).into_iter().flatten();
            let crowd = Names::of(&place(&target)).crowd().unwrap();
            let squat = |name: CString| {
                let mut output = Output::new(place(&target).create(&name, 0o600).unwrap());
                sys::change_owner(output.file(), Some(12_345), None).unwrap();
                assert!(output.lock().unwrap());
                let id = output.identity().unwrap();
                Temporary { output, name, id, crowd: None }
            };
            let squatted: Vec<_> = all.chain([crowd]).map(squat).collect();
            for access in [Access::Shared, Access::Exclusive] {
                let temporary = try_to(&target, access);
                assert_eq!(temporary.is_some(), admitted);
                temporary.into_iter().for_each(|temporary| end(&target, temporary));
                assert_eq!(count(directory.path()), squatted.len()); // not removed
            }
            squatted.iter().for_each(|temporary| temporary.remove(&place(&target)));
        }
    }

    #[test]
    fn names_are_no_longer_than_the_system_allows() {
        let directory = tempfile::tempdir().unwrap();
        shared(&directory.path().join("x".repeat(255)));
    }
}
