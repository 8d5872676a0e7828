//! Temporary files that a killed process leaves behind, and the next one clears.
//!
//! The name of a temporary file follows from its target's and a small number, so that it is found
//! without listing a folder of a hundred thousand files. Who writes one holds a lock on it, which
//! the system drops with the process: one that can be locked is abandoned. A lock is seen by all
//! who reach the file system through the same mount of the same running system, and maybe by no
//! one else (network file systems may keep locks to the machine), so the name depends on both: no
//! other machine looks for it. Where there are no locks, nothing is ever cleared.

use std::collections::hash_map::{DefaultHasher, RandomState};
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, Hash, Hasher};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// As many creates of one index at once clear up after each other.
const NUMBERS: u32 = 32;

/// Creates a temporary file beside `target`, to be renamed or removed while it is open. Clears what
/// was left there for the same target. `alone`: EBUSY if another is in use, where there are locks.
pub(super) fn create_beside(target: &Path, mode: u32, alone: bool) -> io::Result<(PathBuf, File)> {
    let path = |name: String| target.with_file_name(format!(".tfr-index.{name}.tmp"));
    let new = |path: &Path| OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    let key = key(target);
    let numbered = |number: u32| path(format!("{key:016x}.{number}"));
    let in_use = || match alone {
        true => Err(io::Error::from_raw_os_error(libc::EBUSY)),
        false => Ok(()),
    };
    for number in 0..NUMBERS {
        let temporary = numbered(number);
        clear(&temporary);
        let file = match new(&temporary) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                in_use()?;
                continue;
            }
            Err(error) => return Err(error),
        };
        match lock_at(&file, &temporary) {
            Ok(true) => {
                // There are more, where several creates at once were killed; not in a row, where
                // others of them were not.
                for number in number + 1..NUMBERS {
                    clear(&numbered(number));
                }
                return Ok((temporary, file));
            }
            Ok(false) => in_use()?, // another create came before the lock, and clears it
            Err(_) => {
                let _ = fs::remove_file(&temporary);
                break;
            }
        }
    }
    // No locks here, or too many files: a name that nobody clears.
    let temporary = path(format!("{:016x}", RandomState::new().build_hasher().finish()));
    new(&temporary).map(|file| (temporary, file))
}

/// Stands for the target, the mount that it is on and the running system. (Targets with one key
/// would only share their numbers.)
fn key(target: &Path) -> u64 {
    let mut key = DefaultHasher::new();
    target.file_name().hash(&mut key);
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty());
    fs::metadata(folder.unwrap_or(Path::new("."))).map(|folder| folder.dev()).ok().hash(&mut key);
    match fs::read("/proc/sys/kernel/random/boot_id") {
        Ok(system) => system.hash(&mut key),
        Err(_) => RandomState::new().build_hasher().finish().hash(&mut key), // nobody finds it
    }
    key.finish()
}

/// Removes a temporary file, if there is one that nobody has locked.
fn clear(path: &Path) {
    // Some network file systems want a file open for writing to lock it; its mode may forbid that.
    let open = |write: bool| {
        let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
        OpenOptions::new().read(!write).write(write).custom_flags(flags).open(path)
    };
    let locked = |file: File| lock_at(&file, path).is_ok_and(|held| held).then_some(file);
    let file = open(true).or_else(|_| open(false)).ok().and_then(locked);
    let _ = file.map(|_locked| fs::remove_file(path));
}

/// Locks the file while it is open. False if another has it locked, or it isn't at `path` any more.
fn lock_at(file: &File, path: &Path) -> io::Result<bool> {
    if !lock(file)? {
        return Ok(false);
    }
    let (ours, there) = (file.metadata()?, fs::symlink_metadata(path));
    Ok(there.is_ok_and(|there| (there.dev(), there.ino()) == (ours.dev(), ours.ino())))
}

/// Locks the file while it is open, here or in a process forked since. False if another has.
pub(super) fn lock(file: &File) -> io::Result<bool> {
    match flock(file, libc::LOCK_EX | libc::LOCK_NB) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error),
    }
}

/// Unlocks the file, whoever has it open still.
pub(super) fn unlock(file: &File) {
    let _ = flock(file, libc::LOCK_UN);
}

#[allow(unsafe_code)]
fn flock(file: &File, how: libc::c_int) -> io::Result<()> {
    // SAFETY: the descriptor is open, no memory is handed over.
    match unsafe { libc::flock(file.as_raw_fd(), how) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn what_is_abandoned_is_cleared_and_what_is_in_use_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("x.idx");
        let count = || fs::read_dir(&folder).unwrap().count();
        for mode in [0o666, 0o444] {
            let held: Vec<_> =
                (0..3).map(|_| create_beside(&target, mode, false).unwrap()).collect();
            assert_eq!(count(), 3);
            let elsewhere = create_beside(&folder.path().join("y.idx"), mode, false).unwrap();
            assert_eq!(count(), 4);
            drop(held); // closed, as the system closes what a killed process had open
            let (path, file) = create_beside(&target, mode, false).unwrap();
            assert_eq!(count(), 2);
            drop((elsewhere, file));
            fs::remove_file(path).unwrap();
            let (path, _file) = create_beside(&folder.path().join("y.idx"), mode, false).unwrap();
            fs::remove_file(path).unwrap();
            assert_eq!(count(), 0);
        }
    }

    #[test]
    fn what_is_abandoned_behind_a_gap_is_cleared() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("x.idx");
        let mut held: Vec<_> =
            (0..3).map(|_| create_beside(&target, 0o666, false).unwrap()).collect();
        drop(held.pop()); // killed
        for (path, _file) in held {
            fs::remove_file(path).unwrap(); // done
        }
        let (path, _file) = create_beside(&target, 0o666, false).unwrap();
        fs::remove_file(path).unwrap();
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    }

    #[test]
    fn one_that_is_to_be_alone_is_refused_beside_another() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("x");
        let create = || create_beside(&target, 0o666, true);
        let held = create().unwrap();
        assert_eq!(create().unwrap_err().raw_os_error(), Some(libc::EBUSY));
        assert!(create_beside(&folder.path().join("y"), 0o666, true).is_ok());
        drop(held); // killed
        assert!(create().is_ok());
    }

    /// In a folder that all may write to, anybody can guess the next name.
    #[test]
    fn what_others_put_there_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (target, victim) = (folder.path().join("x.idx"), folder.path().join("victim"));
        fs::write(&victim, "precious").unwrap();
        let (path, file) = create_beside(&target, 0o666, false).unwrap();
        drop(file);
        fs::remove_file(&path).unwrap();
        symlink(&victim, &path).unwrap();
        let (other, _file) = create_beside(&target, 0o666, false).unwrap();
        assert_ne!(other, path);
        assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert_ne!(create_beside(&target, 0o666, false).unwrap().0, path);
        assert!(path.is_dir());
    }

    #[test]
    fn names_are_no_longer_than_the_system_allows() {
        let folder = tempfile::tempdir().unwrap();
        create_beside(&folder.path().join("x".repeat(255)), 0o666, false).unwrap();
    }
}
