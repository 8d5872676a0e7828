//! A file that appears whole or not at all.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process;

use super::{absolute, busy, close, follow_links, own_descriptor, stream, temporary, write_both};
use crate::error::{Error, Result};

/// A file being written beside its target, which it replaces when it is [committed](Self::commit)
/// and leaves alone when it is dropped.
///
/// It gets the permissions of the file that it replaces, or those of any new file. A link is
/// followed: what it leads to is replaced. A target that is no regular file, or that another process
/// has open (`/proc/7/fd/1`), is written to directly, at its end; one of the process's own descriptors
/// ([`own_descriptor`]) at its position.
pub(crate) struct NewFile {
    /// The target as it was given.
    target: PathBuf,
    /// Where it is written, and where that belongs; none when it is the target itself.
    paths: Option<(PathBuf, PathBuf)>,
    file: File,
    /// The process that writes it: one that was forked from it leaves it alone.
    process: u32,
}

impl NewFile {
    pub fn create(target: &Path) -> Result<NewFile> {
        NewFile::open(target, false)
    }

    /// As [`create`](Self::create), unless another is being written for the same target.
    pub fn create_alone(target: &Path) -> Result<NewFile> {
        NewFile::open(target, true).map_err(|error| match error.os_error() {
            Some(libc::EBUSY) => busy(target),
            _ => error,
        })
    }

    fn open(target: &Path, alone: bool) -> Result<NewFile> {
        if let Some(file) = own_descriptor(target) {
            let opened = file.map(|file| NewFile::onto(target, file));
            return opened.map_err(|error| Error::io("create", error).of(target));
        }
        let opened = match fs::metadata(target) {
            Ok(old) if old.is_dir() => Err(io::Error::from_raw_os_error(libc::EISDIR)),
            Ok(old) if old.is_file() => NewFile::beside(target, Some(old.permissions()), alone),
            Ok(_) => NewFile::onto_stream(target),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                NewFile::beside(target, None, alone)
            }
            Err(error) => Err(error),
        };
        opened.map_err(|error| match error.raw_os_error() {
            Some(libc::ENXIO) => {
                let why = ": no process has the pipe open to read; start its reader first";
                Error::io("create", error).adding(why).of(target)
            }
            _ => Error::io("create", error).of(target),
        })
    }

    /// A new file beside what `target` leads to.
    fn beside(
        target: &Path,
        permissions: Option<fs::Permissions>,
        alone: bool,
    ) -> io::Result<NewFile> {
        if target.as_os_str().as_bytes().ends_with(b"/") {
            return Err(io::Error::from_raw_os_error(libc::EISDIR));
        }
        let Some(place) = follow_links(target)? else {
            return NewFile::onto_stream(target);
        };
        let place = absolute(place);
        let mode = permissions.as_ref().map_or(0o666, |old| old.mode() & 0o777);
        let (temporary, file) = temporary::create_beside(&place, mode, alone)?;
        // The mask of new files may have taken something from the old file's mode. Some file
        // systems refuse, and have no modes to speak of.
        let _ = permissions.map(|permissions| file.set_permissions(permissions));
        let paths = Some((temporary, place));
        Ok(NewFile { target: target.to_owned(), paths, file, process: process::id() })
    }

    /// The target itself, of which this is an open file.
    fn onto(target: &Path, file: File) -> NewFile {
        NewFile { target: target.to_owned(), paths: None, file, process: process::id() }
    }

    fn onto_stream(target: &Path) -> io::Result<NewFile> {
        Ok(NewFile::onto(target, stream::open_to_write(target)?))
    }

    /// Whether it is the target itself that is written to.
    pub fn is_target(&self) -> bool {
        self.paths.is_none()
    }

    /// Writes bytes at the file's end.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(|error| Error::io("write", error).of(&self.target))
    }

    /// Writes one piece after the other.
    pub fn write_both(&mut self, one: &[u8], other: &[u8]) -> Result<()> {
        let written = write_both(&mut self.file, one, other);
        written.map_err(|error| Error::io("write", error).of(&self.target))
    }

    /// Puts the file in its target's place.
    pub fn commit(mut self) -> Result<()> {
        // Another descriptor of it, so that it stays locked until it is in its place.
        let closed = self.file.try_clone().and_then(close);
        closed.map_err(|error| Error::io("write", error).of(&self.target))?;
        if let Some((temporary, place)) = &self.paths {
            fs::rename(temporary, place)
                .map_err(|error| Error::io("replace", error).of(&self.target))?;
            self.paths = None;
            temporary::unlock(&self.file);
        }
        Ok(())
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        match &self.paths {
            Some((temporary, _)) if self.process == process::id() => {
                let _ = fs::remove_file(temporary);
            }
            _ => {}
        }
    }
}
