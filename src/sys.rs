//! What the standard library lacks of the system's calls.

#![allow(unsafe_code)]

mod cancellation;

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, RawFd};

pub(crate) use cancellation::NoCancellation;
#[cfg(all(any(target_os = "linux", target_os = "android"), target_pointer_width = "64"))]
pub(crate) use many::read_many_at;

/// Another descriptor, above those of the standard streams, of what `descriptor` is open for: both
/// have one position.
pub(crate) fn duplicate(descriptor: RawFd) -> io::Result<File> {
    const ABOVE_STANDARD_STREAMS: libc::c_int = 3;
    // SAFETY: no memory is handed over; of a descriptor that is not open, the call says so.
    let copy = unsafe { libc::fcntl(descriptor, libc::F_DUPFD_CLOEXEC, ABOVE_STANDARD_STREAMS) };
    match copy {
        -1 => Err(io::Error::last_os_error()),
        // SAFETY: the descriptor is open and new: nothing else owns it.
        copy => Ok(unsafe { File::from_raw_fd(copy) }),
    }
}

/// Lets reads and writes wait, of a file that was opened with `O_NONBLOCK`.
pub(crate) fn let_wait(file: &File) -> io::Result<()> {
    // SAFETY: the descriptor is open, no memory is handed over.
    let flags = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_GETFL) };
    // SAFETY: as above.
    match unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETFL, flags & !libc::O_NONBLOCK) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// One read of the system's into many buffers.
#[cfg(all(any(target_os = "linux", target_os = "android"), target_pointer_width = "64"))]
mod many {
    use std::fs::File;
    use std::io::{self, IoSliceMut};
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::FileExt;

    /// The system fills no more buffers at once (its IOV_MAX).
    const MOST_BUFFERS: usize = 1024;

    /// Fills buffers one after the other from `offset`; returns how many bytes were read.
    pub(crate) fn read_many_at(
        file: &File,
        buffers: &mut [IoSliceMut<'_>],
        offset: u64,
    ) -> io::Result<usize> {
        let count = buffers.len().min(MOST_BUFFERS) as libc::c_int;
        let place = libc::off_t::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput)?;
        // SAFETY: an `IoSliceMut` has the layout of an `iovec`, and its memory is this call's alone
        // to write to; there are at least `count` of them. The descriptor is open.
        let read =
            unsafe { libc::preadv(file.as_raw_fd(), buffers.as_mut_ptr().cast(), count, place) };
        usize::try_from(read).or_else(|_| match io::Error::last_os_error() {
            // A sandbox that knows `pread` alone: fewer bytes than asked for will do.
            error if matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EPERM)) => {
                let first = buffers.iter_mut().find(|buffer| !buffer.is_empty());
                first.map_or(Ok(0), |buffer| file.read_at(buffer, offset))
            }
            error => Err(error),
        })
    }
}

/// The first offset from `offset` on that is in no hole of the file, or the file's size; `offset`
/// itself where the system doesn't know. It moves the file's position.
pub(crate) fn next_data(file: &File, offset: u64) -> u64 {
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "macos"))]
    if let Ok(start) = libc::off_t::try_from(offset) {
        // SAFETY: the descriptor is open, no memory is handed over.
        let data = unsafe { libc::lseek(file.as_raw_fd(), start, libc::SEEK_DATA) };
        return match u64::try_from(data) {
            Ok(data) => data,
            // After the last data there may be a hole up to the end.
            Err(_) if std::io::Error::last_os_error().raw_os_error() == Some(libc::ENXIO) => {
                file.metadata().map_or(offset, |metadata| metadata.len().max(offset))
            }
            Err(_) => offset,
        };
    }
    offset
}
