//! A file that grows in place.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process;

use super::{absolute, busy, close, open_regular, temporary, write_both};
use crate::error::{Error, ErrorKind, Result};

/// A file that is written to at its end, by one alone where there are locks. Dropped before it is
/// [kept](Self::keep), it becomes again what it was.
pub(crate) struct GrownFile {
    /// As it was given, and from the root.
    path: PathBuf,
    place: PathBuf,
    file: File,
    /// Its size before; none if there was no file.
    before: Option<u64>,
    kept: bool,
    /// The process that writes it: one that was forked from it leaves it alone.
    process: u32,
}

impl GrownFile {
    /// Opens a regular file, or creates one.
    pub fn open(path: &Path) -> Result<GrownFile> {
        let is_there = match open_regular(path) {
            Ok(_) => true,
            Err(error) if error.os_error() == Some(libc::ENOENT) => false,
            Err(error) => return Err(error),
        };
        let failed = |error| Error::io("open", error).of(path);
        let opened = OpenOptions::new().append(true).create(!is_there).open(path);
        let file = opened.map_err(failed)?;
        if let Ok(false) = temporary::lock(&file) {
            return Err(busy(path));
        }
        let size = file.metadata().map_err(failed)?.len();
        Ok(GrownFile {
            path: path.to_owned(),
            place: absolute(path.to_owned()),
            file,
            before: (is_there || size > 0).then_some(size),
            kept: false,
            process: process::id(),
        })
    }

    /// The size that it had.
    pub fn size_before(&self) -> u64 {
        self.before.unwrap_or(0)
    }

    /// Writes one piece after the other at the file's end.
    pub fn write_both(&mut self, one: &[u8], other: &[u8]) -> Result<()> {
        let written = write_both(&mut self.file, one, other);
        written.map_err(|error| Error::io("write", error).of(&self.path))
    }

    /// An error unless everything is written: the file is in its place and has `size` bytes.
    pub fn settle(&mut self, size: u64) -> Result<()> {
        let found = || {
            close(self.file.try_clone()?)?;
            io::Result::Ok((self.is_in_place(), self.file.metadata()?.len()))
        };
        let found = found().map_err(|error| Error::io("write", error).of(&self.path))?;
        if found != (true, size) {
            self.kept = true; // there is more than ours in it
            let detail = format!(
                "something else wrote to the file or replaced it meanwhile: it should have {size} \
                 bytes, and has {}; it is left as it is: check it, and create its index anew",
                found.1
            );
            return Err(Error::new(ErrorKind::Mismatch, detail).of(&self.path));
        }
        Ok(())
    }

    fn is_in_place(&self) -> bool {
        match (self.file.metadata(), fs::metadata(&self.place)) {
            (Ok(ours), Ok(there)) => (ours.dev(), ours.ino()) == (there.dev(), there.ino()),
            _ => false,
        }
    }

    /// Takes back what was written, unless something else did.
    fn undo(&self) -> io::Result<()> {
        match self.before {
            Some(size) if self.file.metadata()?.len() > size => self.file.set_len(size),
            None if self.is_in_place() => fs::remove_file(&self.place),
            _ => Ok(()),
        }
    }

    /// Leaves the file as it is now.
    pub fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for GrownFile {
    fn drop(&mut self) {
        if self.process != process::id() {
            return;
        }
        if !self.kept {
            let _ = self.undo();
        }
        temporary::unlock(&self.file);
    }
}
