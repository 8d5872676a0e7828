//! A file that is appended to in place.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::output::Output;
use super::place::Place;
use super::{absolute, busy, identity, open, open_regular, temporary};
use crate::error::{Error, ErrorKind, Result};

/// How many times to try to open a file that others keep creating, replacing or removing.
const ATTEMPTS: usize = 10;

/// A file that one writer appends to (if the file system has locks). If it is dropped before
/// [`keep`](Self::keep), it is cut back to its old size, unless others wrote to it.
pub(crate) struct GrownFile {
    /// The path as given, for errors.
    path: PathBuf,
    absolute: PathBuf,
    /// `None` if the path leads to a process's open file.
    place: Option<Place>,
    output: Output,
    /// The file's size when it was opened.
    before: u64,
    created: bool,
    kept: bool,
    sync: bool,
}

impl GrownFile {
    /// Opens a regular file, or creates one. `EBUSY` if another writer is writing it.
    pub fn open(path: &Path, sync: bool) -> Result<GrownFile> {
        for _ in 0..ATTEMPTS {
            let Some(file) = GrownFile::try_open(path, sync)? else { continue };
            let failed = |error| Error::io("open", error).of(path);
            // A writer that replaces the file creates its temporary file first, then looks for this
            // lock.
            if let Some(place) = &file.place {
                if temporary::is_any_in_use(place).map_err(failed)? {
                    return Err(busy(path));
                }
            }
            return Ok(file);
        }
        Err(busy(path))
    }

    /// Returns `None` if another program created, replaced or removed the file meanwhile.
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
            file.kept = true; // it belongs to the other writer now, even if it was created here
            return Err(busy(path));
        }
        file.before = file.output.metadata().map_err(failed)?.len();
        Ok(file.is_in_place().map_err(failed)?.then_some(file))
    }

    /// The size of the file when it was opened.
    pub fn size_before(&self) -> u64 {
        self.before
    }

    /// Appends two pieces.
    pub fn write_both(&mut self, one: &[u8], other: &[u8]) -> Result<()> {
        self.output.write(one, other).map_err(|error| error.of(&self.path))
    }

    /// Fails unless everything is written: the path still leads to this file, and it has `size`
    /// bytes.
    pub fn settle(&mut self, size: u64) -> Result<()> {
        self.output.settle().map_err(|error| error.of(&self.path))?;
        let found = self.is_in_place().and_then(|found| Ok((found, self.output.metadata()?.len())));
        let found = found.map_err(|error| Error::io("access", error).of(&self.path))?;
        if found != (true, size) {
            self.kept = true; // it also holds bytes of others
            let detail = format!(
                "another program wrote to the file or replaced it: expected {size} bytes, found {}; \
                 the file is left as it is; check it, and create its index again",
                found.1
            );
            return Err(Error::new(ErrorKind::Mismatch, detail).of(&self.path));
        }
        self.sync()
    }

    /// Waits until the file, and its directory entry if that is new, are on storage.
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

    /// Undoes the writes of this process, and does nothing if the file does not have the size that
    /// they gave it.
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

    /// Keeps what was written.
    pub fn keep(&mut self) {
        self.kept = true;
    }
}

/// Opens an existing file, and does not block if it has become a pipe.
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
