//! A file that grows in place.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::output::Output;
use super::place::Place;
use super::{absolute, busy, identity, open, open_regular, temporary};
use crate::error::{Error, ErrorKind, Result};

/// How often a file that is created, replaced or removed again and again is opened.
const ATTEMPTS: usize = 10;

/// A file that is written to at its end, by one writer where there are locks. Dropped before it is
/// [kept](Self::keep), it becomes again what it was, unless others wrote to it.
pub(crate) struct GrownFile {
    /// As it was given, and from the root.
    path: PathBuf,
    absolute: PathBuf,
    /// None if to what a process has open.
    place: Option<Place>,
    output: Output,
    /// Its size before.
    before: u64,
    created: bool,
    kept: bool,
    sync: bool,
}

impl GrownFile {
    /// Opens a regular file, or creates one. `EBUSY` if another writer is at work on it.
    pub fn open(path: &Path, sync: bool) -> Result<GrownFile> {
        for _ in 0..ATTEMPTS {
            let Some(file) = GrownFile::try_open(path, sync)? else { continue };
            let failed = |error| Error::io("open", error).of(path);
            // A new file's writer announces itself first, and then looks for this lock.
            if let Some(place) = &file.place {
                if temporary::is_any_in_use(place).map_err(failed)? {
                    return Err(busy(path));
                }
            }
            return Ok(file);
        }
        Err(busy(path))
    }

    /// None if the file was created, replaced or removed meanwhile.
    fn try_open(path: &Path, sync: bool) -> Result<Option<GrownFile>> {
        let failed = |error| Error::io("open", error).of(path);
        let is_there = match open_regular(path) {
            Ok(_) => true,
            Err(error) if error.os_error() == Some(libc::ENOENT) => false,
            Err(error) => return Err(error),
        };
        let place = Place::of(path).map_err(failed)?;
        let opened = match (&place, is_there) {
            (Some(place), false) => place.create(place.name(), 0o666),
            _ => open_to_append(path),
        };
        let output = match opened {
            Ok(file) => Output::new(file),
            Err(error) => match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::AlreadyExists => return Ok(None),
                _ => return Err(failed(error)),
            },
        };
        let mut file = GrownFile {
            path: path.to_owned(),
            absolute: absolute(path.to_owned()),
            place,
            output,
            before: 0,
            created: !is_there,
            kept: false,
            sync,
        };
        if let Ok(false) = file.output.lock() {
            file.kept = true; // the other writer's by now, even if it was created here
            return Err(busy(path));
        }
        file.before = file.output.metadata().map_err(failed)?.len();
        Ok(file.is_in_place().map_err(failed)?.then_some(file))
    }

    /// The size that it had.
    pub fn size_before(&self) -> u64 {
        self.before
    }

    /// Writes one piece after the other at the file's end.
    pub fn write_both(&mut self, one: &[u8], other: &[u8]) -> Result<()> {
        self.output.write(one, other).map_err(|error| error.of(&self.path))
    }

    /// An error unless everything is written: the file is in its place and has `size` bytes.
    pub fn settle(&mut self, size: u64) -> Result<()> {
        self.output.settle().map_err(|error| error.of(&self.path))?;
        let found = self.is_in_place().and_then(|found| Ok((found, self.output.metadata()?.len())));
        let found = found.map_err(|error| Error::io("look at", error).of(&self.path))?;
        if found != (true, size) {
            self.kept = true; // there is more than ours in it
            let detail = format!(
                "something else wrote to the file or replaced it meanwhile: it should have {size} \
                 bytes, and has {}; it is left as it is: check it, and create its index again",
                found.1
            );
            return Err(Error::new(ErrorKind::Mismatch, detail).of(&self.path));
        }
        self.sync()
    }

    /// Waits until the file, and its name if that is new, is on the medium.
    fn sync(&self) -> Result<()> {
        if !self.sync {
            return Ok(());
        }
        self.output.sync().map_err(|error| error.of(&self.path))?;
        match &self.place {
            Some(place) if self.created => {
                place.sync().map_err(|error| Error::io("sync the directory", error).of(&self.path))
            }
            _ => Ok(()),
        }
    }

    /// Whether the path leads to this file.
    fn is_in_place(&self) -> io::Result<bool> {
        match fs::metadata(&self.absolute) {
            Ok(there) => Ok(identity(&there) == self.output.identity()?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Takes back what was written, and nothing else: the file has the size that our writes gave it.
    fn undo(&self) -> io::Result<()> {
        let written = self.output.written();
        if self.output.metadata()?.len() != self.before + written {
            return Ok(());
        }
        match &self.place {
            Some(place) if self.created => place.remove(place.name(), self.output.identity()?),
            _ if written > 0 => self.output.file().set_len(self.before),
            _ => Ok(()),
        }
    }

    /// Leaves the file as it is now.
    pub fn keep(&mut self) {
        self.kept = true;
    }
}

/// Opens a file that is there, and does not wait if it is a pipe by now.
fn open_to_append(path: &Path) -> io::Result<File> {
    open(OpenOptions::new().append(true).custom_flags(libc::O_NONBLOCK), path)
}

impl Drop for GrownFile {
    fn drop(&mut self) {
        if !self.kept && self.output.owner().is_this_process() {
            let _ = self.undo();
        }
    }
}
