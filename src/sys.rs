//! What the standard library lacks of the system's calls.

#![allow(unsafe_code)]

mod cancellation;

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, RawFd};

pub(crate) use cancellation::NoCancellation;

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
