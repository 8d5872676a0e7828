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
//! at least one sees the other.

use std::collections::hash_map::{DefaultHasher, RandomState};
use std::ffi::{CStr, CString, OsStr};
use std::fs::OpenOptions;
use std::hash::{BuildHasher, Hash, Hasher};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::output::Output;
use super::place::{c_string, Place};
use super::{identity, open, Identity};
use crate::sys;

/// Temporary-name slots of a target: how many shared writers can clear up after each other.
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

/// A temporary file, locked where there are locks.
pub(super) struct Temporary {
    pub output: Output,
    pub name: CString,
    pub id: Identity,
}

/// Creates a temporary file beside its target, to be renamed or removed while it is open. Removes what
/// was left there for the same target. `None` if another writer is at work on the target.
pub(super) fn create(place: &Place, mode: u32, access: Access) -> io::Result<Option<Temporary>> {
    let key = key(place);
    let random = format!(".tfr-index.{:016x}.tmp", random());
    let random = c_string(OsStr::new(&random))?;
    let (numbered, mut has_locks) = (names(key, access), true);
    for name in numbered.chain([random.clone()]) {
        if !has_locks && name != random {
            continue; // a name that nobody removes
        }
        let mut output = match place.create(&name, mode) {
            Ok(file) => Output::new(file),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            Err(error) => return Err(error),
        };
        let id = match output.identity() {
            Ok(id) => id,
            Err(error) => {
                let _ = sys::unlink_at(place.directory(), &name); // it is ours: just created
                return Err(error);
            }
        };
        let locked = output.lock();
        let temporary = Temporary { output, name, id };
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
        let admitted = is_admitted(place, key, access, &temporary);
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

/// Whether no other writer is at work that excludes this one. Removes what is abandoned.
fn is_admitted(place: &Place, key: u64, access: Access, ours: &Temporary) -> io::Result<bool> {
    let user = ours.output.metadata()?.uid();
    let mut admitted = true;
    for theirs in [Access::Shared, Access::Exclusive] {
        let excludes = [access, theirs].contains(&Access::Exclusive);
        for name in names(key, theirs).filter(|name| *name != ours.name) {
            admitted &= !(is_in_use(place, &name, theirs, Some(user))? && excludes);
        }
    }
    Ok(admitted)
}

/// Whether a writer has a temporary file for the target.
pub(super) fn is_any_in_use(place: &Place) -> io::Result<bool> {
    let key = key(place);
    for access in [Access::Shared, Access::Exclusive] {
        for name in names(key, access) {
            if is_in_use(place, &name, access, None)? {
                return Ok(true);
            }
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

fn names(key: u64, access: Access) -> impl Iterator<Item = CString> {
    let (kind, count) = match access {
        Access::Shared => ("", SHARED),
        Access::Exclusive => ("exclusive.", EXCLUSIVE),
    };
    let name = move |number| format!(".tfr-index.{key:016x}.{kind}{number}.tmp");
    (0..count).filter_map(move |number| c_string(OsStr::new(&name(number))).ok())
}

/// Stands for the target, the mount that it is on and the running system. (Targets with one key
/// would only share their numbers.)
fn key(place: &Place) -> u64 {
    let mut key = DefaultHasher::new();
    place.name().hash(&mut key);
    place.directory().metadata().map(|directory| directory.dev()).ok().hash(&mut key);
    if place.is_sticky() {
        // Who may not remove the files of others does not look at them.
        sys::effective_user().hash(&mut key);
    }
    let mut system = Vec::new();
    let boot = Path::new("/proc/sys/kernel/random/boot_id");
    match open(OpenOptions::new().read(true), boot).and_then(|mut id| id.read_to_end(&mut system)) {
        Ok(_) => system.hash(&mut key),
        Err(_) => random().hash(&mut key), // nobody finds it
    }
    key.finish()
}

fn random() -> u64 {
    RandomState::new().build_hasher().finish()
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
    use std::path::PathBuf;

    fn place(target: &Path) -> Place {
        Place::of(target).unwrap().unwrap()
    }

    fn try_to(target: &Path, access: Access) -> Option<Temporary> {
        create(&place(target), 0o666, access).unwrap()
    }

    fn shared(target: &Path) -> Temporary {
        try_to(target, Access::Shared).unwrap()
    }

    fn path(target: &Path, temporary: &Temporary) -> PathBuf {
        target.with_file_name(OsString::from_vec(temporary.name.to_bytes().to_vec()))
    }

    fn count(folder: &Path) -> usize {
        fs::read_dir(folder).unwrap().count()
    }

    #[test]
    fn what_is_abandoned_is_removed_and_what_is_in_use_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let (target, other) = (folder.path().join("x.idx"), folder.path().join("y.idx"));
        for mode in [0o666, 0o444] {
            let held: Vec<_> = (0..3)
                .map(|_| create(&place(&target), mode, Access::Shared).unwrap().unwrap())
                .collect();
            assert_eq!(count(folder.path()), 3);
            let elsewhere = shared(&other);
            assert_eq!(count(folder.path()), 4);
            drop(held); // closed, as the system closes what a killed process had open
            let temporary = shared(&target);
            assert_eq!(count(folder.path()), 2);
            drop(elsewhere);
            temporary.remove(&place(&target));
            shared(&other).remove(&place(&other));
            assert_eq!(count(folder.path()), 0);
        }
    }

    #[test]
    fn what_is_abandoned_after_a_gap_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("x.idx");
        let mut held: Vec<_> = (0..3).map(|_| shared(&target)).collect();
        drop(held.pop()); // killed
        held.into_iter().for_each(|temporary| temporary.remove(&place(&target))); // done
        shared(&target).remove(&place(&target));
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
                try_to(&target, second).unwrap().remove(&place(&target));
                try_to(&folder.path().join("y"), second).unwrap().remove(&place(&target));
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
            let key = key(&place(&target));
            let all = names(key, Access::Shared).chain(names(key, Access::Exclusive));
            let squat = |name: CString| {
                let mut output = Output::new(place(&target).create(&name, 0o600).unwrap());
                sys::change_owner(output.file(), Some(12_345), None).unwrap();
                assert!(output.lock().unwrap());
                let id = output.identity().unwrap();
                Temporary { output, name, id }
            };
            let squatted: Vec<_> = all.map(squat).collect();
            for access in [Access::Shared, Access::Exclusive] {
                let temporary = try_to(&target, access);
                assert_eq!(temporary.is_some(), admitted);
                temporary.into_iter().for_each(|temporary| temporary.remove(&place(&target)));
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
