//! Opens files by path, and writes files that appear complete or not at all.

mod crowd;
mod directory;
mod grown;
mod names;
mod new;
mod output;
mod permissions;
mod place;
mod stream;
mod temporary;

use std::env;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

pub(crate) use directory::NewDirectory;
pub(crate) use grown::GrownFile;
pub(crate) use new::NewFile;
pub use stream::own_descriptor;
use stream::Target;

use place::Place;

use crate::error::{Error, ErrorKind, Result};
use crate::source::{fill_at, DataFile};
use crate::sys::{self, identity, Identity};

/// Rejects paths that cannot name a file. The system's own errors would not say what is wrong.
pub(crate) fn ensure_path(path: &Path) -> Result<()> {
    let bytes = path.as_os_str().as_bytes();
    if bytes.is_empty() {
        return Err(Error::new(ErrorKind::InvalidArgument, "the path is empty").of(path));
    }
    if bytes.contains(&0) {
        let detail = "the path contains a NUL character";
        return Err(Error::new(ErrorKind::InvalidArgument, detail).of(path));
    }
    Ok(())
}

/// Whether a path is a URL, such as `s3://bucket/x.tfrecord`.
#[must_use]
pub fn is_url(path: &Path) -> bool {
    let Some((scheme, _)) = path.to_str().and_then(|path| path.split_once("://")) else {
        return false;
    };
    let is_scheme = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    scheme.starts_with(|first: char| first.is_ascii_alphabetic()) && scheme.bytes().all(is_scheme)
}

/// Adds to the error for a path that is a URL, and no file.
fn explain_url(path: &Path, error: Error) -> Error {
    match is_url(path) && error.os_error() == Some(libc::ENOENT) {
        true => error.adding(
            "; this is a URL: the Python package reads it (pip install \"tfr-index[remote]\"), \
             other programs pass a source",
        ),
        false => error,
    }
}

/// Opens a regular file: it has a size and can be read at any position. If the path names one of
/// the process's own descriptors, positions count from the file's start and the descriptor's
/// position stays.
pub(crate) fn open_regular(path: &Path) -> Result<DataFile> {
    ensure_path(path)?;
    let failed = |error| explain_url(path, Error::io("open", error)).of(path);
    let (file, is_shared) = match Target::of(path) {
        Target::Own(file) => (file.map_err(failed)?, true),
        Target::File { metadata, .. } => {
            // Opening a FIFO would unblock its writer, and closing it would kill the writer.
            stream::ensure_regular(metadata.map_err(failed)?.file_type(), path)?;
            // Do not block if the path has become a FIFO meanwhile.
            let mut options = OpenOptions::new();
            let options = options.read(true).custom_flags(libc::O_NONBLOCK);
            (open(options, path).map_err(failed)?, false)
        }
    };
    let metadata = file.metadata().map_err(failed)?;
    stream::ensure_regular(metadata.file_type(), path)?;
    // Files under /proc report size 0, but are not empty.
    if metadata.len() == 0 && FileExt::read_at(&file, &mut [0], 0).map_err(failed)? > 0 {
        let detail = "not a regular file (its size is unknown): copy it to a file first";
        return Err(Error::new(ErrorKind::InvalidArgument, detail).of(path));
    }
    Ok(DataFile::new(file, is_shared, &metadata))
}

/// The metadata of what the path leads to. `None` if it names one of the process's own descriptors.
pub(crate) fn metadata(path: &Path) -> Option<io::Result<Metadata>> {
    match Target::of(path) {
        Target::Own(_) => None,
        Target::File { metadata, .. } => Some(metadata),
    }
}

/// Opens a file to be read once from start to end by [`DataFile::read_chunks`]. A descriptor is
/// read from its position.
pub(crate) fn open_to_read(path: &Path) -> Result<DataFile> {
    let (file, is_shared) = stream::open_to_read(path)?;
    let metadata = file.metadata().map_err(|error| Error::io("open", error).of(path))?;
    Ok(DataFile::new(file, is_shared, &metadata))
}

/// Fails if there is a regular file at a path, and its start, up to 4 KiB, is not what it should be.
/// `expected` says what that is, and what to do.
pub(crate) fn ensure_contents(
    path: &Path,
    expected: &str,
    is_expected: impl FnOnce(&[u8]) -> bool,
) -> Result<()> {
    match metadata(path) {
        Some(Ok(metadata)) if metadata.is_file() => {}
        Some(Err(error)) if error.kind() != io::ErrorKind::NotFound => {
            return Err(Error::io("open", error).of(path));
        }
        _ => return Ok(()), // nothing, a stream, or a directory, which cannot be written to
    }
    let start = start_of(&open_regular(path)?).map_err(|error| error.of(path))?;
    if is_expected(&start) {
        return Ok(());
    }
    let detail = format!("refusing to overwrite: the file is not {expected}");
    Err(Error::new(ErrorKind::InvalidArgument, detail).of(path))
}

/// The first 4 KiB of a file.
pub(crate) fn start_of(file: &DataFile) -> Result<Vec<u8>> {
    let mut start = vec![0; 4 << 10];
    let count = fill_at(file.file(), &mut start, 0).map_err(|error| Error::io("read", error))?;
    start.truncate(count);
    Ok(start)
}

/// Waits until a regular file and its directory entry are on storage.
pub fn sync(path: &Path) -> Result<()> {
    let failed = |error| Error::io("sync", error).of(path);
    open_regular(path)?.file().sync_all().map_err(failed)?;
    match Place::of(path).map_err(failed)? {
        Some(place) => place.sync().map_err(failed),
        None => Ok(()),
    }
}

/// Removes files that killed writers of this file left, as its next writer would.
pub(crate) fn clear_abandoned(path: &Path) {
    if let Ok(Some(place)) = Place::of(path) {
        let _ = temporary::clear(&place); // if this fails, the next call does it
    }
}

/// Whether writers have temporary files in a directory, or killed ones left some.
pub(crate) fn has_temporary_files(directory: &Path) -> bool {
    names::are_in(directory)
}

/// Whether both paths lead to the same file, or would if it existed.
#[must_use]
pub fn is_one_place(one: &Path, other: &Path) -> bool {
    if let (Ok(a), Ok(b)) = (fs::metadata(one), fs::metadata(other)) {
        return identity(&a) == identity(&b);
    }
    let place = |path: &Path| {
        let place = follow_links(path).ok()??;
        let directory = place.parent().filter(|directory| !directory.as_os_str().is_empty());
        let directory = fs::canonicalize(directory.unwrap_or(Path::new("."))).ok()?;
        Some(directory.join(place.file_name()?))
    };
    place(one).is_some_and(|one| place(other) == Some(one))
}

/// The error for a file that another writer is writing.
fn busy(path: &Path) -> Error {
    let busy = io::Error::from_raw_os_error(libc::EBUSY);
    Error::io("write", busy)
        .adding(": another writer is writing it; try again when it is done")
        .of(path)
}

/// Opens a file. This library opens all files here or with [`sys::open_at`]; neither returns
/// descriptor 0, 1 or 2.
pub(crate) fn open(options: &OpenOptions, path: &Path) -> io::Result<File> {
    sys::above_standard_streams(options.open(path)?)
}

/// Makes the path absolute, because the current directory may change before the path is used.
fn absolute(path: PathBuf) -> PathBuf {
    if path.is_absolute() {
        return path;
    }
    env::current_dir().map_or_else(|_| path.clone(), |directory| directory.join(&path))
}

/// Follows links of the path's last component, whether the target exists or not. `None` if it leads
/// to a process's open file (under `/proc`), which has no path of its own.
pub(crate) fn follow_links(path: &Path) -> io::Result<Option<PathBuf>> {
    let mut path = path.to_owned();
    for _ in 0..stream::LINKS {
        match fs::read_link(&path) {
            Ok(_) if path.starts_with("/proc") => return Ok(None),
            Ok(link) => path = path.parent().unwrap_or(Path::new("")).join(link),
            // Not a link, or nothing exists there.
            Err(error) => match error.raw_os_error() {
                Some(libc::EINVAL | libc::ENOENT | libc::ENOTDIR) => return Ok(Some(path)),
                _ => return Err(error),
            },
        }
    }
    Err(io::Error::from_raw_os_error(libc::ELOOP))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsString;
    use std::os::unix::fs::{symlink, PermissionsExt};

    fn write(path: &Path, text: &str) -> Result<()> {
        let mut file = NewFile::create(path)?;
        file.write(text.as_bytes())?;
        file.commit()
    }

    fn names(directory: &Path) -> Vec<OsString> {
        let mut names: Vec<_> =
            fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    }

    #[test]
    fn replaces_whole_or_not_at_all() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.idx");
        write(&path, "old").unwrap();
        let mut dropped = NewFile::create(&path).unwrap();
        dropped.write(b"new").unwrap();
        drop(dropped);
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        write(&path, "new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(names(directory.path()), ["x.idx"]);
    }

    #[test]
    fn permissions_are_those_of_a_plain_create() {
        let directory = tempfile::tempdir().unwrap();
        let (plain, ours) = (directory.path().join("plain"), directory.path().join("ours"));
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
        let directory = tempfile::tempdir().unwrap();
        let inner = directory.path().join("inner");
        fs::create_dir(&inner).unwrap();
        let (link, to_link) = (directory.path().join("link"), directory.path().join("to-link"));
        symlink("inner/file", &link).unwrap();
        symlink("link", &to_link).unwrap();
        for text in ["new", "newer"] {
            write(&to_link, text).unwrap();
            assert_eq!(fs::read_to_string(inner.join("file")).unwrap(), text);
        }
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        let around = directory.path().join("around");
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
        let directory = tempfile::tempdir().unwrap();
        for (path, errno) in [
            (directory.path().to_owned(), libc::EISDIR),
            (directory.path().join("no/x"), libc::ENOENT),
        ] {
            let error = write(&path, "").unwrap_err();
            assert_eq!((error.path(), error.os_error()), (Some(&*path), Some(errno)));
            let error = open_regular(&path).unwrap_err();
            assert_eq!((error.path(), error.os_error()), (Some(&*path), Some(errno)));
        }
        let error = write(&directory.path().join("no/"), "").unwrap_err();
        assert_eq!(error.os_error(), Some(libc::EISDIR));
        for path in ["/dev/zero", "/proc/self/status"] {
            let error = open_regular(Path::new(path)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        }
        let not_below_a_file = Path::new("Cargo.toml/x.idx");
        for error in [write(not_below_a_file, "").err(), open_regular(not_below_a_file).err()] {
            assert_eq!(error.unwrap().os_error(), Some(libc::ENOTDIR));
        }
        assert_eq!(names(directory.path()).len(), 0);
    }
}
