//! Files by path: open one to read, write one that appears whole or not at all.

mod grown;
mod temporary;

use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::IntoRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process;

pub(crate) use grown::GrownFile;

use crate::advice;
use crate::error::{Error, ErrorKind, Result};
use crate::source::ReadAt;

/// Bytes that pass through memory at once.
const CHUNK: usize = 128 << 10;

/// A file of ours alone: what is said of the reads to come holds for all who have it open.
#[derive(Debug)]
pub(crate) struct DataFile(File);

impl ReadAt for DataFile {
    fn size(&self) -> io::Result<u64> {
        self.0.size()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        ReadAt::read_at(&self.0, buffer, offset)
    }

    fn read_many_at(&self, buffers: &mut [IoSliceMut<'_>], offset: u64) -> io::Result<usize> {
        self.0.read_many_at(buffers, offset)
    }

    fn expect_hops(&self, hops: bool) {
        advice::expect_hops(&self.0, hops);
    }
}

/// Opens a regular file: one with a size, that can be read at any position.
pub(crate) fn open_regular(path: &Path) -> Result<DataFile> {
    let open = || {
        // Opening a FIFO waits for its writer, unless it is told not to.
        let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(io::Error::from_raw_os_error(libc::EISDIR));
        }
        // Files as those under /proc say that they are empty, and aren't.
        let regular = metadata.is_file();
        let sized = regular && (metadata.len() > 0 || FileExt::read_at(&file, &mut [0], 0)? == 0);
        Ok(sized.then_some(DataFile(file)))
    };
    let file = open().map_err(|error| Error::io("open", error).of(path))?;
    file.ok_or_else(|| {
        let detail = "not a regular file: its size is unknown, it cannot be read at a position";
        Error::new(ErrorKind::InvalidArgument, detail).of(path)
    })
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
pub(crate) fn is_same(file: &DataFile, path: &Path) -> bool {
    match (file.0.metadata(), fs::metadata(path)) {
        (Ok(a), Ok(b)) => (a.dev(), a.ino()) == (b.dev(), b.ino()),
        _ => false,
    }
}

/// Whether both paths lead to one file, or will when it is there.
pub(crate) fn is_one_place(one: &Path, other: &Path) -> bool {
    if let (Ok(a), Ok(b)) = (fs::metadata(one), fs::metadata(other)) {
        return (a.dev(), a.ino()) == (b.dev(), b.ino());
    }
    let place = |path: &Path| {
        let place = follow_links(path).ok()??;
        let folder = place.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = fs::canonicalize(folder.unwrap_or(Path::new("."))).ok()?;
        Some(folder.join(place.file_name()?))
    };
    place(one).is_some_and(|one| place(other) == Some(one))
}

/// Another writer is at work on the file.
fn busy(path: &Path) -> Error {
    let busy = io::Error::from_raw_os_error(libc::EBUSY);
    Error::io("write", busy).adding(": another writer is at work on it").of(path)
}

/// Writes one piece after the other, with one call to the system if it takes both.
fn write_both(file: &mut File, one: &[u8], other: &[u8]) -> io::Result<()> {
    const MOST: usize = 1 << 30; // more than this, some systems don't take at once
    let pieces = [IoSlice::new(one), IoSlice::new(&other[..other.len().min(MOST)])];
    let written = match file.write_vectored(&pieces) {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
        result => result?,
    };
    file.write_all(&one[written.min(one.len())..])?;
    file.write_all(&other[written.saturating_sub(one.len())..])
}

/// A file being written beside its target, which it replaces when it is [committed](Self::commit)
/// and leaves alone when it is dropped.
///
/// It gets the permissions of the file that it replaces, or those of any new file. A link is
/// followed: what it leads to is replaced. A target that is no regular file, or that this process
/// or another has open (`/dev/stdout`), is written to directly, at its end.
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
        let opened = match fs::metadata(target) {
            Ok(old) if old.is_dir() => Err(io::Error::from_raw_os_error(libc::EISDIR)),
            Ok(old) if old.is_file() => NewFile::beside(target, Some(old.permissions()), alone),
            Ok(_) => NewFile::onto(target),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                NewFile::beside(target, None, alone)
            }
            Err(error) => Err(error),
        };
        opened.map_err(|error| Error::io("create", error).of(target))
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
        let Some(place) = follow_links(target)? else { return NewFile::onto(target) };
        let place = absolute(place);
        let mode = permissions.as_ref().map_or(0o666, |old| old.mode() & 0o777);
        let (temporary, file) = temporary::create_beside(&place, mode, alone)?;
        // The mask of new files may have taken something from the old file's mode. Some file
        // systems refuse, and have no modes to speak of.
        let _ = permissions.map(|permissions| file.set_permissions(permissions));
        let paths = Some((temporary, place));
        Ok(NewFile { target: target.to_owned(), paths, file, process: process::id() })
    }

    /// The target itself.
    fn onto(target: &Path) -> io::Result<NewFile> {
        let file = OpenOptions::new().append(true).open(target)?;
        Ok(NewFile { target: target.to_owned(), paths: None, file, process: process::id() })
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

/// Closes a file and says what dropping it would not: network file systems write, and run out of
/// space, only then.
#[allow(unsafe_code)]
fn close(file: File) -> io::Result<()> {
    // SAFETY: the descriptor is open and owned by no one else now.
    match unsafe { libc::close(file.into_raw_fd()) } {
        0 => Ok(()),
        _ => match io::Error::last_os_error() {
            error if error.kind() == io::ErrorKind::Interrupted => Ok(()), // closed all the same
            error => Err(error),
        },
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

/// The path from the root: the current folder may change before it is used.
fn absolute(path: PathBuf) -> PathBuf {
    env::current_dir().map_or_else(|_| path.clone(), |folder| folder.join(&path))
}

/// Where a path's last component leads, be there a file yet or not; none if to what a process has
/// open, which has no place of its own.
fn follow_links(path: &Path) -> io::Result<Option<PathBuf>> {
    let mut path = path.to_owned();
    for _ in 0..40 {
        match fs::read_link(&path) {
            Ok(_) if path.starts_with("/proc") => return Ok(None),
            Ok(link) => path = path.parent().unwrap_or(Path::new("")).join(link),
            // Not a link, or nothing there.
            Err(_) => return Ok(Some(path)),
        }
    }
    Err(io::Error::from_raw_os_error(libc::ELOOP))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsString;
    use std::os::unix::fs::symlink;

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
        let error = write(&folder.path().join("no/"), "").unwrap_err();
        assert_eq!(error.os_error(), Some(libc::EISDIR));
        for path in ["/dev/zero", "/proc/self/status"] {
            let error = open_regular(Path::new(path)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        }
        let not_below_a_file = Path::new("Cargo.toml/x.idx");
        for error in [write(not_below_a_file, "").err(), open_regular(not_below_a_file).err()] {
            assert_eq!(error.unwrap().os_error(), Some(libc::ENOTDIR));
        }
        assert_eq!(names(folder.path()).len(), 0);
    }

    #[test]
    fn knows_a_file_by_another_name() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("file"), folder.path().join("link"));
        write(&path, "").unwrap();
        fs::hard_link(&path, &link).unwrap();
        let file = open_regular(&path).unwrap();
        assert!(is_same(&file, &path) && is_same(&file, &link));
        assert!(!is_same(&file, folder.path()) && !is_same(&file, &folder.path().join("none")));
    }
}
