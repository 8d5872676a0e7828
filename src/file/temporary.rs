//! Temporary files: they announce a writer to others of the same target, and the next writer removes
//! those that a killed process leaves.
//!
//! The name of a temporary file follows from its target's and a small number, so that it is found
//! without listing a directory of a hundred thousand files. Who writes one holds a lock on it, which
//! the system drops with the process: one that can be locked is abandoned. A lock is seen by all
//! who reach the file system through the same mount of the same running system, and maybe by no
//! one else (network file systems may keep locks to the machine), so the name depends on both: no
//! other machine looks for it. Where there are no locks, nothing is ever removed, and no one seen.
//!
//! Each writer first locks a file of its own and looks at those of others afterwards, so that of two
//! at least one sees the other. One that gets the first name looks at the other names only if there is
//! a sign of a [`Crowd`].

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
    /// To be left when the file is no longer there.
    pub crowd: Option<Crowd>,
}

/// Creates a temporary file beside its target, to be renamed or removed while it is open. Removes what
/// was left there for the same target. `None` if another writer is at work on the target.
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

/// Who is to get a temporary file.
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
        let first = self.names.numbered(self.access).take(1); // tried again if it can be cleared
        let names = first.chain(self.names.numbered(self.access)).chain([random.clone()]);
        for (attempt, name) in names.enumerate() {
            if !has_locks && name != random {
                continue; // a name that nobody removes
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
                    let _ = sys::unlink_at(place.directory(), &name); // it is ours: just created
                    return Err(error);
                }
            };
            let locked = output.lock();
            let temporary = Temporary { output, name, id, crowd: None };
            match locked {
                Ok(true) => {}
                Ok(false) => continue, // another writer came before the lock, and removes it
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
            // Another writer may have taken it for abandoned before it was locked.
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

    /// Whether no other writer is at work that excludes this one, which has a file of this name.
    /// Removes what the user abandoned.
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

/// The names that may be in use, and by whom.
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

impl Temporary {
    /// Removes it, if it is still where it was.
    pub fn remove(&self, place: &Place) {
        let _ = place.remove(&self.name, self.id);
    }
}

/// Whether another writer has a temporary file. One of this user's that is abandoned is removed; `None`
/// as `user` removes none. In a sticky directory, files of other users do not count: anybody may put
/// them there.
///
/// To look at a shared writer's file is to lock it alone: a file that was locked may be removed, since
/// nobody else removes it then. An exclusive writer's file is looked at by many at once: none of them
/// must take the other for that writer. They may all remove it: an exclusive writer that puts a file
/// there meanwhile sees them, or that its file is gone.
fn is_in_use(place: &Place, name: &CStr, access: Access, user: Option<u32>) -> io::Result<bool> {
    let file = match place.open_to_lock(name) {
        Ok(file) => file,
        Err(error) => match error.raw_os_error() {
            Some(libc::EMFILE | libc::ENFILE | libc::ENOMEM | libc::EIO) => return Err(error),
            _ => return Ok(false), // nothing is there, or something of others
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

    /// Ends a writer, which otherwise, dropped, leaves what a killed one does.
    fn end(target: &Path, temporary: Temporary) {
        temporary.remove(&place(target));
        temporary.crowd.into_iter().for_each(|crowd| crowd.leave(&place(target)));
    }

    fn path(target: &Path, temporary: &Temporary) -> PathBuf {
        target.with_file_name(OsString::from_vec(temporary.name.to_bytes().to_vec()))
    }

    fn count(folder: &Path) -> usize {
        fs::read_dir(folder).unwrap().count()
    }

    /// The crowd's file.
    const CROWD: usize = 1;

    #[test]
    fn what_is_abandoned_is_removed_and_what_is_in_use_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let (target, other) = (folder.path().join("x.idx"), folder.path().join("y.idx"));
        for mode in [0o666, 0o444] {
            let held: Vec<_> = (0..3)
                .map(|_| create(&place(&target), mode, Access::Shared).unwrap().unwrap())
                .collect();
            assert_eq!(count(folder.path()), 3 + CROWD);
            let elsewhere = shared(&other);
            assert_eq!(count(folder.path()), 4 + CROWD);
            drop(held); // closed, as the system closes what a killed process had open
            let temporary = shared(&target);
            assert_eq!(count(folder.path()), 2);
            drop(elsewhere);
            end(&target, temporary);
            assert_eq!(count(folder.path()), 1);
            end(&other, shared(&other));
            assert_eq!(count(folder.path()), 0);
        }
    }

    #[test]
    fn what_is_abandoned_after_a_gap_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("x.idx");
        let mut held: Vec<_> = (0..3).map(|_| shared(&target)).collect();
        drop(held.pop()); // killed
        held.into_iter().for_each(|temporary| end(&target, temporary)); // done
        assert_eq!(count(folder.path()), 1 + CROWD);
        let temporary = shared(&target);
        assert_eq!(count(folder.path()), 1);
        end(&target, temporary);
        assert_eq!(count(folder.path()), 0);
    }

    /// Whoever of several ends last, nothing is left.
    #[test]
    fn a_crowd_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("x.idx");
        for order in [[0, 0, 0], [1, 0, 0], [1, 1, 0], [2, 0, 0], [2, 1, 0], [0, 1, 0]] {
            let mut held: Vec<_> = (0..3).map(|_| shared(&target)).collect();
            for (left, number) in (0..3).rev().zip(order) {
                end(&target, held.remove(number));
                let crowd = held.iter().any(|temporary| temporary.crowd.is_some());
                assert_eq!(count(folder.path()), left + usize::from(crowd), "{order:?}");
            }
        }
    }

    /// In a crowd, one that lacks the first name is seen by those who come later.
    #[test]
    fn the_second_of_a_crowd_excludes_others() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("x");
        let (first, second) = (shared(&target), shared(&target));
        end(&target, first);
        assert!(is_any_in_use(&place(&target)).unwrap());
        assert!(try_to(&target, Access::Exclusive).is_none());
        end(&target, shared(&target)); // which does not remove the crowd's file
        assert!(try_to(&target, Access::Exclusive).is_none());
        end(&target, second);
        assert!(!is_any_in_use(&place(&target)).unwrap());
        end(&target, try_to(&target, Access::Exclusive).unwrap());
        assert_eq!(count(folder.path()), 0);
    }

    /// Threads that begin and end as they like: none of them fails, and nothing is left.
    #[test]
    fn crowds_come_and_go() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("x");
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..100).for_each(|_| end(&target, shared(&target))));
            }
        });
        end(&target, shared(&target)); // what the last two left, who looked at each other
        assert_eq!(count(folder.path()), 0);
    }

    /// Whoever comes second is refused, unless both share the target.
    #[test]
    fn an_exclusive_writer_is_alone() {
        use Access::{Exclusive, Shared};
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("x");
        for first in [Shared, Exclusive] {
            for second in [Shared, Exclusive] {
                let held = try_to(&target, first).unwrap();
                assert!(is_any_in_use(&place(&target)).unwrap());
                let also = try_to(&target, second);
                assert_eq!(also.is_some(), (first, second) == (Shared, Shared));
                assert!(try_to(&folder.path().join("y"), second).is_some());
                drop((held, also)); // killed
                assert!(!is_any_in_use(&place(&target)).unwrap());
                let y = folder.path().join("y");
                end(&target, try_to(&target, second).unwrap());
                end(&y, try_to(&y, second).unwrap());
                assert_eq!(count(folder.path()), 0);
            }
        }
    }

    /// In a directory that all may write to, anybody can guess the next name.
    #[test]
    fn what_others_put_there_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (target, victim) = (folder.path().join("x.idx"), folder.path().join("victim"));
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

    /// Another user can hold every name, locked, in a sticky directory. (It takes root to make files
    /// of another user.)
    #[test]
    fn names_of_another_user_hinder_nobody() {
        if sys::effective_user() != 0 {
            eprintln!("skipped: this takes root");
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("x");
        for (mode, admitted) in [(0o1777, true), (0o777, false)] {
            fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).unwrap();
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
                assert_eq!(count(folder.path()), squatted.len()); // not removed
            }
            squatted.iter().for_each(|temporary| temporary.remove(&place(&target)));
        }
    }

    #[test]
    fn names_are_no_longer_than_the_system_allows() {
        let folder = tempfile::tempdir().unwrap();
        shared(&folder.path().join("x".repeat(255)));
    }
}
