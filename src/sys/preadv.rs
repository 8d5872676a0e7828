//! A vectored read at a position.

use std::fs::File;
use std::io::{self, IoSliceMut};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;

/// The most buffers per call (the system's IOV_MAX).
const MOST_BUFFERS: usize = 1024;

/// Reads from `offset` into the buffers, one after the other. Returns the number of bytes, which
/// may be fewer than requested.
pub(crate) fn read_many_at(
    file: &File,
    buffers: &mut [IoSliceMut<'_>],
    offset: u64,
) -> io::Result<usize> {
    let count = buffers.len().min(MOST_BUFFERS) as libc::c_int;
    let place = libc::off_t::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: an `IoSliceMut` has the layout of an `iovec`, and its memory is borrowed mutably;
    // there are at least `count` of them. The descriptor is open.
    let read = unsafe { libc::preadv(file.as_raw_fd(), buffers.as_mut_ptr().cast(), count, place) };
    usize::try_from(read).or_else(|_| match io::Error::last_os_error() {
        // A sandbox that allows only `pread`: fill one buffer; fewer bytes than requested are
        // allowed.
        error if matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EPERM)) => {
            let first = buffers.iter_mut().find(|buffer| !buffer.is_empty());
            first.map_or(Ok(0), |buffer| file.read_at(buffer, offset))
        }
        error => Err(error),
    })
}
