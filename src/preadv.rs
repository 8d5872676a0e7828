//! One read of the system's into many buffers.

#![allow(unsafe_code)]

use std::fs::File;
use std::io::{self, IoSliceMut};
use std::os::fd::AsRawFd;

/// The system fills no more buffers at once (its IOV_MAX).
const MOST_BUFFERS: usize = 1024;

/// Fills buffers one after the other from `offset`; returns how many bytes were read.
pub(crate) fn read_at(
    file: &File,
    buffers: &mut [IoSliceMut<'_>],
    offset: u64,
) -> io::Result<usize> {
    let count = buffers.len().min(MOST_BUFFERS) as libc::c_int;
    let offset = libc::off_t::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: an `IoSliceMut` has the layout of an `iovec`, and its memory is this call's alone to
    // write to; there are at least `count` of them. The descriptor is open.
    let read =
        unsafe { libc::preadv(file.as_raw_fd(), buffers.as_mut_ptr().cast(), count, offset) };
    usize::try_from(read).map_err(|_| io::Error::last_os_error())
}
