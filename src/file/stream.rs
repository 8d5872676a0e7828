//! Paths that lead to streams: the process's own descriptors, FIFOs, sockets and devices.

use std::fs::{self, File, FileType, Metadata, OpenOptions};
use std::io;
use std::os::fd::RawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::{ensure_path, open};
use crate::error::{Error, ErrorKind, Result};
use crate::sys;

/// How many links are followed, as many as the system follows.
pub(super) const LINKS: usize = 40;

/// Duplicates the descriptor of this process that a path names: `/dev/stdin`, `/dev/stdout`,
/// `/dev/stderr`, `/dev/fd/N`, `/proc/self/fd/N`, or a link to one of them. Returns `None` for any
/// other path.
///
/// The descriptor is duplicated, not opened again: reads and writes continue at its position, which
/// is shared by all its users. So it also works for sockets and for files that the process may not
/// open, and several programs can write to one file in turn. Every function of this crate treats
/// such paths this way. The duplicate's number is above 2; it is closed on `exec`.
///
/// ```
/// use std::io::Write;
///
/// let mut stdout = tfr_index::own_descriptor("/dev/stdout").expect("a descriptor's path")?;
/// stdout.write_all(b"done\n")?;
/// assert!(tfr_index::own_descriptor("tests/data/examples.tfrecord").is_none());
/// # std::io::Result::Ok(())
/// ```
///
/// # Errors
/// `EBADF` if the descriptor is not open; `EMFILE` if the process has too many open descriptors.
pub fn own_descriptor(path: impl AsRef<Path>) -> Option<io::Result<File>> {
    number(path.as_ref()).map(sys::duplicate)
}

fn number(path: &Path) -> Option<RawFd> {
    let mut path = path.to_owned();
    for _ in 0..LINKS {
        if let Some(number) = number_in(&path) {
            return Some(number);
        }
        let link = fs::read_link(&path).ok()?;
        path = path.parent().map_or_else(PathBuf::new, Path::to_owned).join(link);
    }
    None
}

/// The target of a path.
pub(super) enum Target {
    /// One of the process's own descriptors, duplicated.
    Own(io::Result<File>),
    /// Any other file.
    File { metadata: io::Result<Metadata>, is_link: bool },
}

impl Target {
    /// Stats the path once, and a second time only if it is a link.
    pub fn of(path: &Path) -> Target {
        if number_in(path).is_none() {
            let metadata = fs::symlink_metadata(path);
            if !metadata.as_ref().is_ok_and(Metadata::is_symlink) {
                return Target::File { metadata, is_link: false };
            }
        }
        match own_descriptor(path) {
            Some(own) => Target::Own(own),
            None => Target::File { metadata: fs::metadata(path), is_link: true },
        }
    }
}

/// The descriptor that the path names itself, without following links.
fn number_in(path: &Path) -> Option<RawFd> {
    // Comparing components takes longer than a system call: most names end otherwise.
    if !matches!(
        path.as_os_str().as_bytes().last(),
        Some(b'n' | b't' | b'r' | b'0'..=b'9' | b'/' | b'.')
    ) {
        return None;
    }
    for (name, number) in [("/dev/stdin", 0), ("/dev/stdout", 1), ("/dev/stderr", 2)] {
        if path == Path::new(name) {
            return Some(number);
        }
    }
    let directories = ["/dev/fd", "/proc/self/fd"];
    let name = directories.iter().find_map(|directory| path.strip_prefix(directory).ok())?;
    let number: RawFd = name.to_str()?.parse().ok()?;
    (number.to_string() == name.to_str()?).then_some(number) // not "+3", nor "03"
}

/// Fails unless the file is regular; `EISDIR` for a directory.
pub(super) fn ensure_regular(file: FileType, path: &Path) -> Result<()> {
    if file.is_dir() {
        return Err(Error::io("open", io::Error::from_raw_os_error(libc::EISDIR)).of(path));
    }
    if file.is_file() {
        return Ok(());
    }
    let detail = format!(
        "is a {}, not a regular file: save it to a file, or index it as a stream",
        kind_name(file)
    );
    Err(Error::new(ErrorKind::InvalidArgument, detail).of(path))
}

/// Opens a file to be read from start to end. Rejects FIFOs and sockets: opening a FIFO blocks
/// until there is a writer, and giving up later would kill that writer.
pub(super) fn open_to_read(path: &Path) -> Result<(File, bool)> {
    ensure_path(path)?;
    let failed = |error| Error::io("open", error).of(path);
    let metadata = match Target::of(path) {
        Target::Own(file) => return file.map(|file| (file, true)).map_err(failed),
        Target::File { metadata, .. } => metadata.map_err(failed)?,
    };
    if metadata.file_type().is_fifo() || metadata.file_type().is_socket() {
        ensure_regular(metadata.file_type(), path)?;
    }
    open(OpenOptions::new().read(true), path).map(|file| (file, false)).map_err(failed)
}

/// Opens a FIFO or a character device for writing. Does not wait for a FIFO's reader: `ENXIO` if
/// there is none.
pub(super) fn open_to_write(path: &Path) -> io::Result<File> {
    let file_type = fs::metadata(path)?.file_type();
    if file_type.is_socket() || file_type.is_block_device() {
        let message = format!("it is a {}", kind_name(file_type));
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    let mut options = OpenOptions::new();
    options.append(true);
    if !file_type.is_fifo() {
        return open(&options, path);
    }
    let file = open(options.custom_flags(libc::O_NONBLOCK), path)?;
    sys::let_wait(&file)?;
    Ok(file)
}

fn kind_name(file: FileType) -> &'static str {
    match file {
        file if file.is_fifo() => "pipe (FIFO)",
        file if file.is_socket() => "socket",
        file if file.is_block_device() => "block device",
        _ => "device",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::NewFile;
    use crate::Index;
    use std::io::{Read, Seek, SeekFrom, Write};
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::symlink;
    use std::process::Command;

    #[test]
    fn own_descriptors_are_known_by_their_paths() {
        let directory = tempfile::tempdir().unwrap();
        let link = directory.path().join("link");
        symlink("/dev/stdout", &link).unwrap();
        for (path, expected) in [
            ("/dev/stdin", Some(0)),
            ("/dev//./stdout", Some(1)),
            ("/dev/stderr", Some(2)),
            ("/dev/fd/63", Some(63)),
            ("/proc/self/fd/3", Some(3)),
            (link.to_str().unwrap(), Some(1)),
            ("/dev/fd/3.idx", None),
            ("/dev/fd/+3", None),
            ("/dev/fd/03", None),
            ("/dev/fd/3/x", None),
            ("/dev/fd", None),
            ("/dev/null", None),
            ("/dev/std", None),
            ("-", None),
        ] {
            assert_eq!(number(Path::new(path)), expected, "{path}");
        }
        let closed = own_descriptor("/dev/fd/1000000").unwrap().unwrap_err();
        assert_eq!(closed.raw_os_error(), Some(libc::EBADF));
    }

    #[test]
    fn a_descriptor_is_read_and_written_to_from_its_position() {
        let mut file = tempfile::tempfile().unwrap();
        let path = format!("/dev/fd/{}", file.as_raw_fd());
        file.write_all(b"before ").unwrap();
        let mut index = NewFile::create(Path::new(&path)).unwrap();
        index.write(b"0 16\n").unwrap();
        index.commit().unwrap();
        file.write_all(b"after").unwrap();

        file.seek(SeekFrom::Start(7)).unwrap();
        let error = Index::read(&path).unwrap_err();
        assert_eq!(error.record(), Some(1), "{error}"); // "after" is not a valid line
        file.rewind().unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text, "before 0 16\nafter");
        // The descriptor is now at its end.
        assert_eq!(Index::read(&path).unwrap().len(), 0);
    }

    /// Opening it would unblock the writer, and closing it would kill the writer.
    #[test]
    fn a_fifo_is_not_opened_to_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.idx");
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        let script = "exec 3>\"$0\"";
        let mut writer = Command::new("sh").args(["-c", script]).arg(&path).spawn().unwrap();
        #[cfg(target_os = "linux")]
        loop {
            let state = fs::read_to_string(format!("/proc/{}/stat", writer.id())).unwrap();
            if state.contains(") S ") {
                break; // it waits for a reader
            }
            std::thread::yield_now();
        }
        for error in [
            Index::read(&path).err(),
            Index::scan(&path, &crate::Options::new()).err(),
            crate::file::open_regular(&path).err(),
        ] {
            let error = error.unwrap();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
            assert!(error.to_string().contains("is a pipe (FIFO), not a regular file"), "{error}");
        }
        // Opening it for writing fails, too, while it has no reader.
        let written = NewFile::create(&path).err().unwrap();
        assert_eq!(written.os_error(), Some(libc::ENXIO), "{written}");
        assert!(writer.try_wait().unwrap().is_none());
        drop(File::open(&path).unwrap());
        writer.wait().unwrap();
    }

    #[test]
    fn a_fifo_that_is_read_is_written_to() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.idx");
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        let mut both = OpenOptions::new().read(true).write(true).open(&path).unwrap();
        let mut index = NewFile::create(&path).unwrap();
        index.write(b"0 16\n").unwrap();
        index.commit().unwrap();
        let mut text = [0; 5];
        both.read_exact(&mut text).unwrap();
        assert_eq!(&text, b"0 16\n");
    }
}
