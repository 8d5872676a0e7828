//! A new directory that appears complete or not at all.

use std::ffi::{CString, OsStr};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::names::Names;
use super::permissions::{adopt, ensure_replaceable};
use super::place::{c_string, Place};
use super::temporary::{self, Access, Temporary};
use super::{busy, ensure_path, identity, Identity};
use crate::error::{Error, ErrorKind, Result};
use crate::sys::{self, Stat};

/// A directory that is filled under a temporary name beside its target, and renamed to it by
/// [`commit`](Self::commit). If it is dropped before that, it is removed, and the target stays as
/// it was. The target must not exist, or be an empty directory.
///
/// Its temporary name is derived from the target, and its writer has the lock of an exclusive
/// writer of the target. So the next writer of the same target finds the directory that a killed
/// one left, and knows that nobody uses it. It removes the files in it that are `is_ours` by name,
/// and the directory if nothing else is in it.
///
/// A forked process cannot commit it; dropping it there changes nothing.
pub(crate) struct NewDirectory {
    /// The target's path as given, for errors.
    target: PathBuf,
    place: Place,
    name: CString,
    id: Identity,
    /// The empty directory that is replaced.
    old: Option<Stat>,
    /// Shows other writers that this one is active.
    lock: Option<Temporary>,
    is_ours: fn(&OsStr) -> bool,
    is_done: bool,
}

impl NewDirectory {
    /// Starts a directory; `EBUSY` if another writer is writing the target, `ENOTEMPTY` if it
    /// exists and is not empty.
    pub fn create(target: &Path, is_ours: fn(&OsStr) -> bool) -> Result<NewDirectory> {
        ensure_path(target)?;
        NewDirectory::open(target, is_ours).map_err(|error| error.of(target))
    }

    fn open(target: &Path, is_ours: fn(&OsStr) -> bool) -> Result<NewDirectory> {
        // Without a `/` at the end, which would follow a link.
        let plain: PathBuf = target.components().collect();
        let place = match plain.file_name() {
            Some(_) => Place::of(&plain).map_err(explain)?,
            None => None,
        };
        let Some(place) = place else {
            let detail = "the directory cannot be replaced: give the path of a new one";
            return Err(Error::new(ErrorKind::InvalidArgument, detail));
        };
        let old = empty_directory(&place)?;
        if let Some(old) = &old {
            ensure_replaceable(&place, old)?;
        }
        let lock = temporary::create(&place, 0o666, Access::Exclusive).map_err(explain)?;
        let lock = lock.ok_or_else(|| busy(target))?;
        let made = make(&place, lock.output.is_locked(), is_ours);
        let (name, id) = match made {
            Ok(made) => made,
            Err(error) => {
                unlock(&place, lock);
                return Err(explain(error));
            }
        };
        let target = target.to_owned();
        let lock = Some(lock);
        let directory =
            NewDirectory { target, place, name, id, old, lock, is_ours, is_done: false };
        // Another writer may have ended before this one had its lock.
        empty_directory(&directory.place)?;
        Ok(directory)
    }

    /// The directory's path, until it is committed.
    pub fn path(&self) -> PathBuf {
        self.place.path_of(&self.name)
    }

    /// Renames the directory to its target. With `sync`, waits until the entries of both
    /// directories are on storage; the files' contents are the caller's.
    pub fn commit(mut self, sync: bool) -> Result<()> {
        self.replace(sync).map_err(|error| error.of(&self.target))
    }

    fn replace(&mut self, sync: bool) -> Result<()> {
        let failed = |error| Error::io("create", error);
        if let Some(lock) = &self.lock {
            lock.output.owner().check()?;
        }
        self.place.ensure_not_moved()?;
        if !self.place.holds(&self.name, self.id).map_err(failed)? {
            let detail = format!(
                "another program replaced or removed the temporary directory {}: try again",
                self.name.to_string_lossy()
            );
            return Err(Error::new(ErrorKind::Mismatch, detail));
        }
        let directory = open_directory(&self.place, &self.name).map_err(failed)?;
        if let Some(old) = &self.old {
            adopt(&directory, old);
        }
        if sync {
            sync_directory(&directory).map_err(|error| Error::io("sync", error))?;
        }
        // This replaces an empty directory, and nothing else.
        self.place
            .replace_by(&self.name)
            .map_err(|error| not_empty(error).unwrap_or_else(failed))?;
        self.is_done = true;
        if sync {
            self.place.sync().map_err(|error| {
                let why = ": the directory is written, but a power failure may still lose it";
                Error::io("sync the directory", error).adding(why)
            })?;
        }
        Ok(())
    }
}

impl Drop for NewDirectory {
    fn drop(&mut self) {
        let Some(lock) = self.lock.take().filter(|lock| lock.output.owner().is_this_process())
        else {
            return;
        };
        if !self.is_done && self.place.holds(&self.name, self.id).unwrap_or(false) {
            let _ = clear(&self.place, &self.name, self.is_ours);
        }
        unlock(&self.place, lock);
    }
}

fn unlock(place: &Place, lock: Temporary) {
    lock.remove(place);
    let Temporary { output, crowd, .. } = lock;
    drop(output);
    crowd.into_iter().for_each(|crowd| crowd.leave(place));
}

/// The directory at the target, if there is one. Fails unless it is empty.
fn empty_directory(place: &Place) -> Result<Option<Stat>> {
    let failed = |error| Error::io("create", error);
    let path = place.path_of(place.name());
    let metadata = match fs::symlink_metadata(&path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    if !metadata.is_dir() {
        let why = "; give the path of a new directory";
        return Err(failed(io::Error::from_raw_os_error(libc::ENOTDIR)).adding(why));
    }
    match fs::read_dir(&path).map_err(failed)?.next() {
        None => Ok(Some(Stat::of(&metadata))),
        Some(_) => {
            Err(not_empty(io::Error::from_raw_os_error(libc::ENOTEMPTY)).unwrap_or_else(failed))
        }
    }
}

/// The error for a target that is not empty; otherwise, gives the error back.
fn not_empty(error: io::Error) -> std::result::Result<Error, io::Error> {
    match error.raw_os_error() {
        Some(libc::ENOTEMPTY | libc::EEXIST) => {
            let error = io::Error::from_raw_os_error(libc::ENOTEMPTY);
            let why = "; give the path of a new or empty directory";
            Ok(Error::io("create", error).adding(why))
        }
        _ => Err(error),
    }
}

/// Makes the temporary directory. If there are locks, removes those that killed writers left:
/// nobody else writes the target now.
fn make(
    place: &Place,
    is_locked: bool,
    is_ours: fn(&OsStr) -> bool,
) -> io::Result<(CString, Identity)> {
    let random = Names::random()?;
    let names = Names::of(place).directories().filter(|_| is_locked).chain([random]);
    let mut made = None;
    for name in names {
        if is_locked && place.stat_of(&name)?.is_some() {
            let _ = clear(place, &name, is_ours); // if it stays, another name is used
        }
        if made.is_none() {
            match fs::create_dir(place.path_of(&name)) {
                Ok(()) => made = Some(name),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }
    let name = made.ok_or(io::ErrorKind::AlreadyExists)?;
    let metadata = open_directory(place, &name)?.metadata()?;
    Ok((name, identity(&metadata)))
}

/// Removes the files of a directory that are ours by name, and then the directory. Fails if
/// something else is in it, which stays.
fn clear(place: &Place, name: &CString, is_ours: fn(&OsStr) -> bool) -> io::Result<()> {
    let directory = open_directory(place, name)?;
    if directory.metadata()?.uid() != sys::effective_user() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    for entry in fs::read_dir(place.path_of(name))? {
        let entry = entry?;
        if is_ours(&entry.file_name()) && entry.file_type()?.is_file() {
            sys::unlink_at(&directory, &c_string(&entry.file_name())?)?;
        }
    }
    sys::remove_directory_at(place.directory(), name)
}

/// Opens a directory; a link is not followed.
fn open_directory(place: &Place, name: &CString) -> io::Result<File> {
    let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_NOFOLLOW;
    sys::open_at(place.directory(), name, flags, 0)
}

fn sync_directory(directory: &File) -> io::Result<()> {
    match directory.sync_all() {
        // The file system does not support it.
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => Ok(()),
        synced => synced,
    }
}

/// Makes an error that says what creating a directory requires.
fn explain(error: io::Error) -> Error {
    let why = match error.raw_os_error() {
        Some(libc::EACCES | libc::EPERM | libc::EROFS) => {
            ": the directory is written under a temporary name and then renamed, so the directory \
             that it is in must be writable; give another path"
        }
        Some(libc::ENOENT) => ": the directory that it is in must exist; create that one first",
        _ => "",
    };
    Error::io("create", error).adding(why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{symlink, PermissionsExt};

    fn is_ours(name: &OsStr) -> bool {
        name.to_string_lossy().ends_with(".ours")
    }

    fn begin(target: &Path) -> Result<NewDirectory> {
        let directory = NewDirectory::create(target, is_ours)?;
        fs::write(directory.path().join("a.ours"), "a").unwrap();
        Ok(directory)
    }

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }

    /// Leaves what a killed process leaves: the files, without a lock.
    fn kill(mut directory: NewDirectory) -> PathBuf {
        let path = directory.path();
        drop(directory.lock.take());
        path
    }

    #[test]
    fn appears_whole_or_not_at_all() {
        let around = tempfile::tempdir().unwrap();
        let target = around.path().join("target");
        drop(begin(&target).unwrap());
        assert_eq!(names(around.path()), [""; 0]);
        let directory = begin(&target).unwrap();
        assert!(!target.exists());
        directory.commit(true).unwrap();
        assert_eq!(names(around.path()), ["target"]);
        assert_eq!(names(&target), ["a.ours"]);
        // It is not replaced.
        let error = begin(&target).err().unwrap();
        assert_eq!((error.os_error(), error.path()), (Some(libc::ENOTEMPTY), Some(&*target)));
        assert_eq!(names(around.path()), ["target"]);
    }

    #[test]
    fn an_empty_directory_is_replaced_and_its_mode_kept() {
        let around = tempfile::tempdir().unwrap();
        let (target, link) = (around.path().join("target"), around.path().join("link"));
        fs::create_dir(&target).unwrap();
        fs::set_permissions(&target, fs::Permissions::from_mode(0o750)).unwrap();
        symlink("target", &link).unwrap();
        // With a slash at the end, too.
        begin(&around.path().join("link/")).unwrap().commit(false).unwrap();
        assert_eq!(names(&target), ["a.ours"]);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o7777, 0o750);
    }

    #[test]
    fn what_is_put_there_meanwhile_stays() {
        let around = tempfile::tempdir().unwrap();
        let target = around.path().join("target");
        let directory = begin(&target).unwrap();
        fs::create_dir(&target).unwrap();
        fs::write(target.join("precious"), "").unwrap();
        let error = directory.commit(false).unwrap_err();
        assert_eq!(error.os_error(), Some(libc::ENOTEMPTY));
        assert_eq!(
            (names(around.path()), names(&target)),
            (vec!["target".into()], vec!["precious".into()])
        );
    }

    #[test]
    fn only_one_writer_at_a_time() {
        let around = tempfile::tempdir().unwrap();
        let target = around.path().join("target");
        let first = begin(&target).unwrap();
        let error = begin(&target).err().unwrap();
        assert_eq!(error.os_error(), Some(libc::EBUSY));
        // One of another target is not in the way.
        begin(&around.path().join("other")).unwrap().commit(false).unwrap();
        first.commit(false).unwrap();
        assert_eq!(names(around.path()), ["other", "target"]);
    }

    #[test]
    fn what_a_killed_writer_left_is_removed_by_the_next_one() {
        let around = tempfile::tempdir().unwrap();
        let target = around.path().join("target");
        let left = kill(begin(&target).unwrap());
        assert!(left.join("a.ours").exists());
        drop(begin(&around.path().join("other")).unwrap());
        assert!(left.exists());
        let next = begin(&target).unwrap();
        assert_eq!((next.path(), names(&left)), (left, vec!["a.ours".to_owned()]));
        drop(next);
        assert_eq!(names(around.path()), [""; 0]);
    }

    #[test]
    fn what_is_not_ours_is_not_removed() {
        let around = tempfile::tempdir().unwrap();
        let target = around.path().join("target");
        let left = kill(begin(&target).unwrap());
        fs::write(left.join("precious"), "").unwrap();
        let next = begin(&target).unwrap();
        assert_ne!(next.path(), left);
        fs::write(next.path().join("mine"), "").unwrap();
        let also_left = next.path();
        drop(next);
        assert_eq!(
            (names(&left), names(&also_left)),
            (vec!["precious".into()], vec!["mine".into()])
        );
        begin(&target).unwrap().commit(false).unwrap();
        assert_eq!(names(&target), ["a.ours"]);

        // A link that has the name is not followed.
        let elsewhere = tempfile::tempdir().unwrap();
        fs::write(elsewhere.path().join("x.ours"), "").unwrap();
        fs::remove_dir_all(&target).unwrap();
        fs::remove_dir_all(&left).unwrap();
        symlink(elsewhere.path(), &left).unwrap();
        begin(&target).unwrap().commit(false).unwrap();
        assert_eq!(names(elsewhere.path()), ["x.ours"]);
    }

    #[test]
    fn impossible_targets_are_refused() {
        let around = tempfile::tempdir().unwrap();
        let file = around.path().join("file");
        fs::write(&file, "").unwrap();
        let cases = [
            (file.clone(), Some(libc::ENOTDIR)),
            (file.join("x"), Some(libc::ENOTDIR)),
            (around.path().join("no/x"), Some(libc::ENOENT)),
            (PathBuf::from("/"), None),
            (PathBuf::from(".."), None),
            (PathBuf::new(), None),
        ];
        for (target, errno) in cases {
            let error = begin(&target).err().unwrap();
            assert_eq!((error.os_error(), error.path()), (errno, Some(&*target)), "{error}");
        }
        assert_eq!(names(around.path()), ["file"]);
    }
}
