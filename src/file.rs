//! Files by path: open one to read, write one that appears whole or not at all.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Error, ErrorKind, Result};

/// Bytes that pass through memory at once.
const CHUNK: usize = 128 << 10;

/// Opens a regular file: one with a size, that can be read at any position.
pub(crate) fn open_regular(path: &Path) -> Result<File> {
    let open = || -> io::Result<Option<File>> {
        // Asked before opening, because opening a FIFO waits for its writer.
        if !fs::metadata(path)?.is_file() {
            return Ok(None);
        }
        File::open(path).map(Some)
    };
    match open() {
        Ok(Some(file)) => Ok(file),
        Ok(None) if path.is_dir() => {
            Err(Error::io("open", io::Error::from_raw_os_error(libc::EISDIR)).of(path))
        }
        Ok(None) => {
            let detail = "not a regular file: its size is unknown, it cannot be read at a position";
            Err(Error::new(ErrorKind::InvalidArgument, detail).of(path))
        }
        Err(error) => Err(Error::io("open", error).of(path)),
    }
}

/// Passes the file's bytes to `take`, a chunk at a time.
pub(crate) fn read_chunks(path: &Path, mut take: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let mut file = File::open(path).map_err(|error| Error::io("open", error).of(path))?;
    let mut buffer = vec![0; CHUNK];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => take(&buffer[..count]).map_err(|error| error.of(path))?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::io("read", error).of(path)),
        }
    }
}

/// Whether `path` leads to this very file.
pub(crate) fn is_same(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::metadata(path)) {
        (Ok(a), Ok(b)) => (a.dev(), a.ino()) == (b.dev(), b.ino()),
        _ => false,
    }
}

/// A file being written beside its target, which it replaces when it is [committed](Self::commit)
/// and leaves alone when it is dropped.
///
/// It gets the permissions of the file that it replaces, or those of any new file. A link is
/// followed: what it leads to is replaced. A target that is no regular file (`/dev/stdout`, a
/// FIFO) is written to directly.
pub(crate) struct NewFile {
    target: PathBuf,
    /// Where it is written; none when that is the target itself.
    temporary: Option<PathBuf>,
    file: File,
}

impl NewFile {
    pub fn create(target: &Path) -> Result<NewFile> {
        let opened = match fs::metadata(target) {
            Ok(old) if old.is_dir() => Err(io::Error::from_raw_os_error(libc::EISDIR)),
            Ok(old) if old.is_file() => NewFile::beside(target, Some(old.permissions())),
            Ok(_) => NewFile::onto(target),
            Err(error) if error.kind() == io::ErrorKind::NotFound => NewFile::beside(target, None),
            Err(error) => Err(error),
        };
        opened.map_err(|error| Error::io("create", error).of(target))
    }

    /// A new file beside what `target` leads to.
    fn beside(target: &Path, permissions: Option<fs::Permissions>) -> io::Result<NewFile> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let target = follow_links(target)?;
        let (temporary, file) = loop {
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let name = format!(".tfr-index.{}.{count}.tmp", std::process::id());
            let temporary = target.with_file_name(name);
            match OpenOptions::new().write(true).create_new(true).open(&temporary) {
                Ok(file) => break (temporary, file),
                // Left there by a process that was killed and had this process's number.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        };
        let new = NewFile::of(file, target, Some(temporary));
        if let Some(permissions) = permissions {
            new.file.set_permissions(permissions)?;
        }
        Ok(new)
    }

    /// The target itself.
    fn onto(target: &Path) -> io::Result<NewFile> {
        let file = OpenOptions::new().write(true).open(target)?;
        Ok(NewFile::of(file, target.to_owned(), None))
    }

    fn of(file: File, target: PathBuf, temporary: Option<PathBuf>) -> NewFile {
        NewFile { target, temporary, file }
    }

    /// Writes bytes at the file's end.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(|error| Error::io("write", error).of(&self.target))
    }

    /// Puts the file in its target's place.
    pub fn commit(mut self) -> Result<()> {
        if let Some(temporary) = &self.temporary {
            fs::rename(temporary, &self.target)
                .map_err(|error| Error::io("replace", error).of(&self.target))?;
            self.temporary = None;
        }
        Ok(())
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary {
            let _ = fs::remove_file(temporary);
        }
    }
}

/// Where a path's last component leads, be there a file yet or not.
fn follow_links(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..40 {
        match fs::read_link(&path) {
            Ok(link) => path = path.parent().unwrap_or(Path::new("")).join(link),
            // Not a link, or nothing there.
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::from_raw_os_error(libc::ELOOP))
}

/// `path` with `extension` appended to whatever it ends in.
pub(crate) fn append_extension(path: &Path, extension: &str) -> PathBuf {
    let mut path = OsString::from(path);
    path.push(extension);
    path.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{symlink, PermissionsExt};

    fn write(path: &Path, text: &str) -> Result<()> {
        let mut file = NewFile::create(path)?;
        file.write(text.as_bytes())?;
        file.commit()
    }

    fn names(folder: &Path) -> Vec<OsString> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    }

    #[test]
    fn replaces_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.idx");
        write(&path, "old").unwrap();
        let mut dropped = NewFile::create(&path).unwrap();
        dropped.write(b"new").unwrap();
        drop(dropped);
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        write(&path, "new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(names(folder.path()), ["x.idx"]);
    }

    #[test]
    fn permissions_are_those_of_a_plain_create() {
        let folder = tempfile::tempdir().unwrap();
        let (plain, ours) = (folder.path().join("plain"), folder.path().join("ours"));
        File::create(&plain).unwrap();
        write(&ours, "").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&ours), mode(&plain));
        fs::set_permissions(&ours, fs::Permissions::from_mode(0o600)).unwrap();
        write(&ours, "again").unwrap();
        assert_eq!(mode(&ours) & 0o777, 0o600);
    }

    #[test]
    fn follows_links() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        fs::create_dir(&inner).unwrap();
        let (link, to_link) = (folder.path().join("link"), folder.path().join("to-link"));
        symlink("inner/file", &link).unwrap();
        symlink("link", &to_link).unwrap();
        for text in ["new", "newer"] {
            write(&to_link, text).unwrap();
            assert_eq!(fs::read_to_string(inner.join("file")).unwrap(), text);
        }
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        let around = folder.path().join("around");
        symlink("around", &around).unwrap();
        assert_eq!(write(&around, "").unwrap_err().os_error(), Some(libc::ELOOP));
    }

    #[test]
    fn devices_are_written_to_and_kept() {
        write(Path::new("/dev/null"), "x").unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
        let error = write(Path::new("/dev/full"), "x").unwrap_err();
        assert_eq!(error.os_error(), Some(libc::ENOSPC));
        assert!(!fs::metadata("/dev/full").unwrap().is_file());
    }

    #[test]
    fn errors_name_the_path() {
        let folder = tempfile::tempdir().unwrap();
        for (path, errno) in
            [(folder.path().to_owned(), libc::EISDIR), (folder.path().join("no/x"), libc::ENOENT)]
        {
            let error = write(&path, "").unwrap_err();
            assert_eq!((error.path(), error.os_error()), (Some(&*path), Some(errno)));
            let error = open_regular(&path).unwrap_err();
            assert_eq!((error.path(), error.os_error()), (Some(&*path), Some(errno)));
        }
        let error = open_regular(Path::new("/dev/zero")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert_eq!(names(folder.path()).len(), 0);
    }

    #[test]
    fn knows_a_file_by_another_name() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("file"), folder.path().join("link"));
        write(&path, "").unwrap();
        fs::hard_link(&path, &link).unwrap();
        let file = File::open(&path).unwrap();
        assert!(is_same(&file, &path) && is_same(&file, &link));
        assert!(!is_same(&file, folder.path()) && !is_same(&file, &folder.path().join("none")));
    }
}
