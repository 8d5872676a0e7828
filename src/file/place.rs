//! The place of a file: a directory and a name in it.

use std::ffi::{CStr, CString, OsStr};
use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::{absolute, follow_links, identity, Identity};
use crate::error::{Error, ErrorKind, Result};
use crate::sys::{self, Stat};

/// A name in an open directory. It stays valid even if the directory is moved.
pub(super) struct Place {
    directory: File,
    /// The directory's metadata when it was opened.
    metadata: Metadata,
    /// The directory's absolute path when it was opened.
    path: PathBuf,
    name: CString,
}

impl Place {
    /// The place where a path leads, whether the file exists or not. `None` if it leads to a
    /// process's open file, which has no path of its own.
    pub fn of(path: &Path) -> io::Result<Option<Place>> {
        match follow_links(path)? {
            Some(path) => Place::of_name(&path).map(Some),
            None => Ok(None),
        }
    }

    /// The place of the path itself: a link is not followed.
    pub fn of_name(path: &Path) -> io::Result<Place> {
        if path.as_os_str().as_bytes().ends_with(b"/") {
            return Err(io::Error::from_raw_os_error(libc::EISDIR));
        }
        let name = path.file_name().ok_or(io::ErrorKind::NotFound)?;
        let name = c_string(name)?;
        let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
        let directory_path = directory.unwrap_or(Path::new("."));
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(sys::O_PATH | libc::O_DIRECTORY);
        let directory = super::open(&options, directory_path)?;
        let metadata = directory.metadata()?;
        Ok(Place { directory, metadata, path: absolute(directory_path.to_owned()), name })
    }

    pub fn name(&self) -> &CStr {
        &self.name
    }

    pub fn directory(&self) -> &File {
        &self.directory
    }

    /// The absolute path of `name` in the directory, unless that was moved.
    pub fn path_of(&self, name: &CStr) -> PathBuf {
        self.path.join(OsStr::from_bytes(name.to_bytes()))
    }

    /// The directory's device.
    pub fn device(&self) -> u64 {
        self.metadata.dev()
    }

    /// The directory's owner.
    pub fn user(&self) -> u32 {
        self.metadata.uid()
    }

    /// The state of the file at this place; `None` if there is no file.
    pub fn stat(&self) -> io::Result<Option<Stat>> {
        self.stat_of(&self.name)
    }

    pub fn stat_of(&self, name: &CStr) -> io::Result<Option<Stat>> {
        match sys::stat_at(&self.directory, name) {
            Ok(stat) => Ok(Some(stat)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether `name` in the directory is this file.
    pub fn holds(&self, name: &CStr, file: Identity) -> io::Result<bool> {
        Ok(self.stat_of(name)?.is_some_and(|there| there.id == file))
    }

    /// Creates a file, which must not exist yet, and opens it to write.
    pub fn create(&self, name: &CStr, mode: u32) -> io::Result<File> {
        let flags = libc::O_WRONLY | libc::O_APPEND | libc::O_CREAT | libc::O_EXCL;
        sys::open_at(&self.directory, name, flags | libc::O_NOFOLLOW, mode)
    }

    /// Opens a file to lock it.
    pub fn open_to_lock(&self, name: &CStr) -> io::Result<File> {
        let open = |how: libc::c_int| {
            let flags = how | libc::O_NOFOLLOW | libc::O_NONBLOCK;
            sys::open_at(&self.directory, name, flags, 0)
        };
        // Some network file systems lock only files that are open for writing, but the file's mode
        // may forbid writing.
        open(libc::O_WRONLY).or_else(|error| match error.kind() {
            io::ErrorKind::PermissionDenied => open(libc::O_RDONLY),
            _ => Err(error),
        })
    }

    /// Renames the file `name` of the directory to this place.
    pub fn replace_by(&self, name: &CStr) -> io::Result<()> {
        sys::rename_at(&self.directory, name, &self.name)
    }

    /// Removes `name` from the directory, if it is this file.
    pub fn remove(&self, name: &CStr, file: Identity) -> io::Result<()> {
        // Try twice: a single EIO (on a network) would leave our file there.
        match self.holds(name, file).or_else(|_| self.holds(name, file))? {
            true => sys::unlink_at(&self.directory, name),
            false => Ok(()),
        }
    }

    /// Waits until the directory's entries are on storage.
    pub fn sync(&self) -> io::Result<()> {
        let flags = libc::O_RDONLY | libc::O_DIRECTORY;
        let directory = sys::open_at(&self.directory, &c_string(".".as_ref())?, flags, 0)?;
        match directory.sync_all() {
            // The file system does not support it.
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => Ok(()),
            synced => synced,
        }
    }

    /// Whether only the owner of a file or of the directory may rename or remove the file.
    pub fn is_sticky(&self) -> bool {
        const STICKY: u32 = 0o1000;
        self.metadata.mode() & STICKY != 0
    }

    /// Fails if another directory is now at this directory's path.
    pub fn ensure_not_moved(&self) -> Result<()> {
        let cannot_access = |error| Error::io("access the directory", error);
        let there = match fs::metadata(&self.path) {
            Ok(there) => Some(identity(&there)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(cannot_access(error)),
        };
        if there == Some(identity(&self.metadata)) {
            return Ok(());
        }
        let detail = format!(
            "the directory {} was moved or replaced while the file was being written: nothing was \
             written; try again",
            self.path.display()
        );
        Err(Error::new(ErrorKind::Mismatch, detail))
    }
}

pub(super) fn c_string(name: &OsStr) -> io::Result<CString> {
    CString::new(name.as_bytes()).map_err(|_| io::ErrorKind::InvalidInput.into())
}
