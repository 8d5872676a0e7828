//! A new file that appears complete or not at all.

use std::ffi::CString;
use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use super::crowd::Crowd;
use super::output::Output;
use super::permissions::{adopt, ensure_replaceable};
use super::place::Place;
use super::stream::{self, Target};
use super::temporary::{self, Access, Temporary};
use super::{busy, ensure_path, identity, Identity};
use crate::error::{Error, ErrorKind, Result};
use crate::sys::Stat;

/// How many times to try to lock a file that others keep replacing.
const ATTEMPTS: usize = 10;

/// A file that is written under a temporary name and replaces its target on
/// [`commit`](Self::commit). If it is dropped before that, the target stays as it was.
///
/// It gets the owner, group and mode of the file that it replaces, as far as the process may set
/// them; otherwise those of any new file. Links are followed: their target is replaced. A target
/// that is not a regular file, or a file that another process has open (`/proc/7/fd/1`), is
/// appended to directly. One of the process's own descriptors ([`own_descriptor`]) is written at
/// its position.
///
/// A forked process cannot write to it; dropping it there changes nothing.
pub(crate) struct NewFile {
    /// The target's path as given, for errors.
    target: PathBuf,
    output: Output,
    /// `None` if the target itself is written to.
    replacement: Option<Replacement>,
    sync: bool,
    /// Fails if the file at the target's path must not be replaced.
    check: Option<Check>,
}

/// A check of the file at a path.
type Check = fn(&Path) -> Result<()>;

/// A temporary file in the target's directory, and the file that it replaces.
struct Replacement {
    place: Place,
    /// `None` once it is renamed to the target.
    temporary: Option<(CString, Identity)>,
    crowd: Option<Crowd>,
    access: Access,
    /// The file that was there at the start.
    old: Option<Stat>,
    /// The same file, locked by an exclusive writer, so that nobody appends to it.
    _old_lock: Option<Output>,
}

impl NewFile {
    /// Starts a file; `EBUSY` if an exclusive writer is writing the target. Several writers may
    /// write the same target: the last commit wins.
    pub fn create(target: &Path) -> Result<NewFile> {
        NewFile::open(target, Access::Shared, |_| Ok(()))
    }

    /// Like [`create`](Self::create) or, if `alone`, [`create_alone`](Self::create_alone). Fails if
    /// `ensure` does for the file that is there.
    pub fn create_over(
        target: &Path,
        alone: bool,
        ensure: impl FnOnce(Identity) -> Result<()>,
    ) -> Result<NewFile> {
        NewFile::open(target, if alone { Access::Exclusive } else { Access::Shared }, ensure)
    }

    /// Starts a file as an exclusive writer; `EBUSY` if any other one is writing the target.
    pub fn create_alone(target: &Path) -> Result<NewFile> {
        NewFile::open(target, Access::Exclusive, |_| Ok(()))
    }

    /// Checks the file at the target's path, too, immediately before it is replaced. No call of the
    /// system compares a file and replaces it in one step, so a program could replace it in between.
    pub fn with_check(mut self, check: Check) -> NewFile {
        self.check = Some(check);
        self
    }

    /// Sets whether [`commit`](Self::commit) waits until the file is on storage.
    pub fn with_sync(mut self, sync: bool) -> NewFile {
        self.sync = sync;
        self
    }

    fn open(
        target: &Path,
        access: Access,
        ensure: impl FnOnce(Identity) -> Result<()>,
    ) -> Result<NewFile> {
        ensure_path(target)?;
        let failed = |error| Error::io("create", error).of(target);
        let (metadata, is_link) = match Target::of(target) {
            Target::Own(file) => {
                let file = file.map_err(failed)?;
                ensure(identity(&file.metadata().map_err(failed)?))?;
                return Ok(NewFile::onto(target, file));
            }
            Target::File { metadata, is_link } => (metadata, is_link),
        };
        let old = match metadata {
            Ok(old) if old.is_dir() => Err(io::Error::from_raw_os_error(libc::EISDIR)),
            Ok(old) => Ok(Some(old)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        };
        let old = old.map_err(failed)?;
        if let Some(old) = &old {
            ensure(identity(old))?;
        }
        let place = match old.as_ref().map_or(true, Metadata::is_file) {
            true if is_link => Place::of(target).map_err(failed)?,
            true => Some(Place::of_name(target).map_err(failed)?),
            false => None,
        };
        match place {
            Some(place) => NewFile::replacing(target, place, access, old.as_ref().map(Stat::of))
                .map_err(|error| error.of(target)),
            None => stream::open_to_write(target).map(|file| NewFile::onto(target, file)).map_err(
                |error| match error.raw_os_error() {
                    Some(libc::ENXIO) => {
                        let why = ": no process has the pipe open to read; start its reader first";
                        failed(error).adding(why)
                    }
                    _ => failed(error),
                },
            ),
        }
    }

    /// Starts a temporary file that will replace `old`, if there is one, at `place`.
    fn replacing(
        target: &Path,
        place: Place,
        access: Access,
        old: Option<Stat>,
    ) -> Result<NewFile> {
        if let Some(old) = &old {
            ensure_replaceable(&place, old)?;
        }
        // A file that replaces another one gets that one's mode at the end.
        let mode = if old.is_some() { 0o600 } else { 0o666 };
        let temporary = temporary::create(&place, mode, access).map_err(explain)?;
        let Some(Temporary { output, name, id, crowd }) = temporary else {
            return Err(busy(target));
        };
        let temporary = Some((name, id));
        let replacement = Replacement { place, temporary, crowd, access, old, _old_lock: None };
        let mut file = NewFile {
            target: target.to_owned(),
            output,
            replacement: Some(replacement),
            sync: false,
            check: None,
        };
        if let (Access::Exclusive, Some(replacement)) = (access, &mut file.replacement) {
            replacement.lock_old(target)?;
        }
        Ok(file)
    }

    /// Writes directly to the target, which is open as `file`.
    fn onto(target: &Path, file: File) -> NewFile {
        let output = Output::new(file);
        NewFile { target: target.to_owned(), output, replacement: None, sync: false, check: None }
    }

    /// Whether writes go directly to the target.
    pub fn is_target(&self) -> bool {
        self.replacement.is_none()
    }

    /// Appends bytes.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.write_both(bytes, &[])
    }

    /// Appends two pieces.
    pub fn write_both(&mut self, one: &[u8], other: &[u8]) -> Result<()> {
        self.output.write(one, other).map_err(|error| error.of(&self.target))
    }

    /// Renames the file to its target.
    pub fn commit(mut self) -> Result<()> {
        self.replace()?;
        self.sync_directory()
    }

    /// Renames the file to its target, and keeps other writers out until it is dropped.
    pub fn replace(&mut self) -> Result<()> {
        self.replace_target().map_err(|error| error.of(&self.target))
    }

    fn replace_target(&mut self) -> Result<()> {
        self.output.settle()?;
        let Some(replacement) = &mut self.replacement else {
            return if self.sync { self.output.sync_stream() } else { Ok(()) };
        };
        let Some((temporary, id)) = &replacement.temporary else { return Ok(()) };
        let failed = |error| Error::io("replace", error);
        replacement.place.ensure_not_moved()?;
        if !replacement.place.holds(temporary, *id).map_err(failed)? {
            let detail = format!(
                "another program replaced or removed the temporary file {}: nothing was written; \
                 try again",
                temporary.to_string_lossy()
            );
            return Err(Error::new(ErrorKind::Mismatch, detail));
        }
        let now = replacement.place.stat().map_err(failed)?;
        let is_other = |now: &Stat| replacement.old.map(|old| old.id) != Some(now.id);
        if replacement.access == Access::Exclusive && now.as_ref().is_some_and(is_other) {
            let detail =
                "another program created or replaced the file meanwhile: that file is left as it is";
            return Err(Error::new(ErrorKind::Mismatch, detail));
        }
        if let Some(old) = now.or(replacement.old) {
            adopt(self.output.file(), &old);
        }
        if self.sync {
            self.output.sync()?;
        }
        if let Some(check) = self.check {
            check(&self.target)?;
        }
        replacement.place.replace_by(temporary).map_err(failed)?;
        replacement.temporary = None;
        Ok(())
    }

    /// Waits until the directory entry is on storage, after [`replace`](Self::replace).
    pub fn sync_directory(&self) -> Result<()> {
        match &self.replacement {
            Some(replacement) if self.sync => replacement.place.sync().map_err(|error| {
                let why = ": the file is written, but a power failure may still lose it";
                Error::io("sync the directory", error).adding(why).of(&self.target)
            }),
            _ => Ok(()),
        }
    }
}

impl Replacement {
    /// Locks the file to be replaced; fails if another writer has locked it.
    fn lock_old(&mut self, target: &Path) -> Result<()> {
        let failed = |error| Error::io("create", error);
        for _ in 0..ATTEMPTS {
            self.old = self.place.stat().map_err(failed)?;
            // A file that cannot be opened cannot be locked; nor can one where there are no locks.
            let Some(Ok(file)) = self.old.map(|_| self.place.open_to_lock(self.place.name()))
            else {
                return Ok(());
            };
            let mut old = Output::new(file);
            match old.lock() {
                Ok(true) => {}
                Ok(false) => return Err(busy(target)),
                Err(_) => return Ok(()),
            }
            let is_there = self.place.holds(self.place.name(), old.identity().map_err(failed)?);
            if is_there.map_err(failed)? {
                self._old_lock = Some(old);
                return Ok(());
            }
        }
        Err(busy(target))
    }
}

/// Makes an error that says what creating a file requires.
fn explain(error: io::Error) -> Error {
    let why = match error.raw_os_error() {
        Some(libc::EACCES | libc::EPERM | libc::EROFS) => {
            ": the file is written under a temporary name and then renamed, so its directory must \
             be writable; give a path in another directory"
        }
        _ => "",
    };
    Error::io("create", error).adding(why)
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.output.owner().is_this_process() {
            return;
        }
        let Some(Replacement { place, temporary, crowd, .. }) = &mut self.replacement else {
            return;
        };
        if let Some((temporary, id)) = temporary {
            let _ = place.remove(temporary, *id);
        }
        if let Some(crowd) = crowd.take() {
            crowd.leave(place);
        }
    }
}
