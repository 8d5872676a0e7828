//! System calls that the standard library does not offer.

#![allow(unsafe_code)]

mod advice;
mod cancellation;
mod memory;
#[cfg(all(any(target_os = "linux", target_os = "android"), target_pointer_width = "64"))]
mod preadv;
mod shared_box;
mod usage;

use std::ffi::CStr;
use std::fs::{File, Metadata};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, RawFd};
use std::os::unix::fs::MetadataExt;

#[cfg(not(all(target_os = "linux", not(target_env = "musl"))))]
use libc::{fstat, fstatat, openat, stat};
// On 32-bit systems, these support files larger than 2 GiB.
#[cfg(all(target_os = "linux", not(target_env = "musl")))]
use libc::{fstat64 as fstat, fstatat64 as fstatat, openat64 as openat, stat64 as stat};

pub(crate) use advice::{advise_filling, advise_sparse, prefetch};
pub(crate) use cancellation::NoCancellation;
pub(crate) use memory::available_memory;
#[cfg(all(any(target_os = "linux", target_os = "android"), target_pointer_width = "64"))]
pub(crate) use preadv::read_many_at;
pub(crate) use shared_box::{SharedBox, SharedCell};
pub(crate) use usage::{thread_usage, ThreadUsage};

/// Opens a directory only to name files in it: this needs no permission to list it.
#[cfg(target_os = "linux")]
pub(crate) const O_PATH: libc::c_int = libc::O_PATH;
#[cfg(not(target_os = "linux"))]
pub(crate) const O_PATH: libc::c_int = libc::O_RDONLY;

/// Duplicates a descriptor to a number above the standard streams. Both share one position.
pub(crate) fn duplicate(descriptor: RawFd) -> io::Result<File> {
    const ABOVE_STANDARD_STREAMS: libc::c_int = 3;
    // SAFETY: no memory is passed; if the descriptor is not open, the call fails.
    let copy = unsafe { libc::fcntl(descriptor, libc::F_DUPFD_CLOEXEC, ABOVE_STANDARD_STREAMS) };
    match copy {
        -1 => Err(io::Error::last_os_error()),
        // SAFETY: the descriptor is open and new: nothing else owns it.
        copy => Ok(unsafe { File::from_raw_fd(copy) }),
    }
}

/// Makes reads and writes block again, for a file that was opened with `O_NONBLOCK`.
pub(crate) fn let_wait(file: &File) -> io::Result<()> {
    // SAFETY: the descriptor is open, no memory is passed.
    let flags = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_GETFL) };
    // SAFETY: as above.
    match unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETFL, flags & !libc::O_NONBLOCK) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// The first offset at or after `offset` that is not in a hole of the file, or else the file's
/// size; `offset` itself if the system does not know. This moves the file's position.
pub(crate) fn next_data(file: &File, offset: u64) -> u64 {
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "macos"))]
    if let Ok(start) = libc::off_t::try_from(offset) {
        // SAFETY: the descriptor is open, no memory is passed.
        let data = unsafe { libc::lseek(file.as_raw_fd(), start, libc::SEEK_DATA) };
        return match u64::try_from(data) {
            Ok(data) => data,
            // Only a hole follows, up to the end.
            Err(_) if std::io::Error::last_os_error().raw_os_error() == Some(libc::ENXIO) => {
                file.metadata().map_or(offset, |metadata| metadata.len().max(offset))
            }
            Err(_) => offset,
        };
    }
    offset
}

/// Repeats a call while signals interrupt it. The call returns -1 on failure.
fn retry(mut call: impl FnMut() -> libc::c_int) -> io::Result<libc::c_int> {
    loop {
        match call() {
            -1 => match io::Error::last_os_error() {
                error if error.kind() == io::ErrorKind::Interrupted => {}
                error => return Err(error),
            },
            result => return Ok(result),
        }
    }
}

/// Moves a file off the descriptors 0 to 2, which it gets if the process has closed them: otherwise
/// the process would print into the file.
pub(crate) fn above_standard_streams(file: File) -> io::Result<File> {
    match file.as_raw_fd() {
        0..=2 => duplicate(file.as_raw_fd()),
        _ => Ok(file),
    }
}

/// Locks or unlocks a file, without waiting if `how` says so.
pub(crate) fn flock(file: &File, how: libc::c_int) -> io::Result<()> {
    // SAFETY: the descriptor is open, no memory is passed.
    retry(|| unsafe { libc::flock(file.as_raw_fd(), how) }).map(drop)
}

/// Closes a file and reports errors, which dropping it would not: some network file systems write, and
/// run out of space, only then.
pub(crate) fn close(file: File) -> io::Result<()> {
    // SAFETY: the descriptor is open and owned by no one else now.
    match unsafe { libc::close(file.into_raw_fd()) } {
        0 => Ok(()),
        _ => match io::Error::last_os_error() {
            error if error.kind() == io::ErrorKind::Interrupted => Ok(()), // it is closed anyway
            error => Err(error),
        },
    }
}

/// Opens `name` in a directory.
pub(crate) fn open_at(
    directory: &File,
    name: &CStr,
    flags: libc::c_int,
    mode: u32,
) -> io::Result<File> {
    let directory = directory.as_raw_fd();
    let flags = flags | libc::O_CLOEXEC;
    // SAFETY: the descriptor is open, the name ends in NUL.
    let file = retry(|| unsafe { openat(directory, name.as_ptr(), flags, mode as libc::c_uint) })?;
    // SAFETY: the descriptor is open and new: nothing else owns it.
    above_standard_streams(unsafe { File::from_raw_fd(file) })
}

/// Renames `from` to `to` in a directory, and replaces an existing file.
pub(crate) fn rename_at(directory: &File, from: &CStr, to: &CStr) -> io::Result<()> {
    let directory = directory.as_raw_fd();
    // SAFETY: the descriptor is open, the names end in NUL.
    match unsafe { libc::renameat(directory, from.as_ptr(), directory, to.as_ptr()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Removes the file `name` of a directory.
pub(crate) fn unlink_at(directory: &File, name: &CStr) -> io::Result<()> {
    // SAFETY: the descriptor is open, the name ends in NUL.
    match unsafe { libc::unlinkat(directory.as_raw_fd(), name.as_ptr(), 0) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Removes the empty directory `name` of a directory.
pub(crate) fn remove_directory_at(directory: &File, name: &CStr) -> io::Result<()> {
    let directory = directory.as_raw_fd();
    // SAFETY: the descriptor is open, the name ends in NUL.
    match unsafe { libc::unlinkat(directory, name.as_ptr(), libc::AT_REMOVEDIR) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Device and inode.
pub(crate) type Identity = (u64, u64);

pub(crate) fn identity(metadata: &Metadata) -> Identity {
    (metadata.dev(), metadata.ino())
}

/// Device and inode of the file of a descriptor, if it is open.
#[allow(clippy::unnecessary_cast)] // the types differ from system to system
pub(crate) fn identity_of(descriptor: RawFd) -> Option<Identity> {
    let mut stat = MaybeUninit::<stat>::uninit();
    // SAFETY: there is room for the result; a descriptor that is not open is an error.
    let called = unsafe { fstat(descriptor, stat.as_mut_ptr()) };
    if called != 0 {
        return None;
    }
    // SAFETY: the call succeeded, so it wrote the whole struct.
    let stat = unsafe { stat.assume_init() };
    Some((stat.st_dev as u64, stat.st_ino as u64))
}

/// A file's identity, owner, group and mode.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stat {
    pub id: Identity,
    pub user: u32,
    pub group: u32,
    /// The permission bits.
    pub mode: u32,
}

impl Stat {
    pub fn of(metadata: &Metadata) -> Stat {
        Stat {
            id: identity(metadata),
            user: metadata.uid(),
            group: metadata.gid(),
            mode: metadata.mode() & 0o7777,
        }
    }
}

/// Stats `name` in a directory, without following a link.
#[allow(clippy::unnecessary_cast)] // the types differ from system to system
pub(crate) fn stat_at(directory: &File, name: &CStr) -> io::Result<Stat> {
    let mut stat = MaybeUninit::<stat>::uninit();
    let (to, how) = (stat.as_mut_ptr(), libc::AT_SYMLINK_NOFOLLOW);
    // SAFETY: the descriptor is open, the name ends in NUL, and there is room for the result.
    retry(|| unsafe { fstatat(directory.as_raw_fd(), name.as_ptr(), to, how) })?;
    // SAFETY: the call succeeded, so it wrote the whole struct.
    let stat = unsafe { stat.assume_init() };
    Ok(Stat {
        id: (stat.st_dev as u64, stat.st_ino as u64),
        user: stat.st_uid,
        group: stat.st_gid,
        mode: stat.st_mode as u32 & 0o7777,
    })
}

/// The mount that `name` in a directory is on; that of the directory if `name` is empty. `None` if
/// the system does not report it.
#[cfg(target_os = "linux")]
pub(crate) fn mount_of(directory: &File, name: &CStr) -> Option<u64> {
    let mut stat = MaybeUninit::<libc::statx>::zeroed();
    let how = libc::AT_SYMLINK_NOFOLLOW | libc::AT_EMPTY_PATH;
    let directory = directory.as_raw_fd();
    // SAFETY: the descriptor is open, the name ends in NUL, and there is room for the result.
    let called = unsafe {
        libc::statx(directory, name.as_ptr(), how, libc::STATX_MNT_ID, stat.as_mut_ptr())
    };
    // SAFETY: it is a struct of numbers, all initialised.
    let stat = unsafe { stat.assume_init() };
    (called == 0 && stat.stx_mask & libc::STATX_MNT_ID != 0).then_some(stat.stx_mnt_id)
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn mount_of(_directory: &File, _name: &CStr) -> Option<u64> {
    None
}

/// Changes a file's owner and group; `None` keeps the current one.
pub(crate) fn change_owner(file: &File, user: Option<u32>, group: Option<u32>) -> io::Result<()> {
    const KEEP: u32 = u32::MAX; // -1
    let (user, group) = (user.unwrap_or(KEEP), group.unwrap_or(KEEP));
    // SAFETY: the descriptor is open, no memory is passed.
    match unsafe { libc::fchown(file.as_raw_fd(), user, group) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The process's effective user.
pub(crate) fn effective_user() -> u32 {
    // SAFETY: the call only returns a number.
    unsafe { libc::geteuid() }
}

/// How many descriptors the process may have open; `None` if there is no limit, or the system does
/// not say.
pub(crate) fn open_file_limit() -> Option<u64> {
    let mut limit = MaybeUninit::<libc::rlimit>::uninit();
    // SAFETY: there is room for the result.
    let called = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, limit.as_mut_ptr()) };
    if called != 0 {
        return None;
    }
    // SAFETY: the call succeeded, so it wrote the whole struct.
    let limit = unsafe { limit.assume_init() }.rlim_cur;
    (limit != libc::RLIM_INFINITY).then_some(limit)
}

/// Registers a handler that runs first in each forked process. It may only do what a signal handler
/// may.
pub(crate) fn on_fork(handler: extern "C" fn()) -> io::Result<()> {
    // SAFETY: the function lives as long as the process (the library is never unloaded).
    match unsafe { libc::pthread_atfork(None, None, Some(handler)) } {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

/// Replaces an open descriptor by one that can be neither read nor written. This closes the file in
/// this process, but not in its parent. Async-signal-safe.
pub(crate) fn blind(descriptor: RawFd) {
    // The root directory always exists, unlike /dev/null.
    let flags = libc::O_CLOEXEC | O_PATH;
    // SAFETY: the path ends in NUL; the other calls pass no memory. For its owner, `descriptor`
    // stays open; calls with it fail.
    unsafe {
        let nothing = libc::open(b"/\0".as_ptr().cast(), flags);
        if nothing >= 0 && nothing != descriptor {
            libc::dup2(nothing, descriptor);
            libc::fcntl(descriptor, libc::F_SETFD, libc::FD_CLOEXEC);
            libc::close(nothing);
        }
    }
}
