//! An open file that is written to.

use std::fs::{File, Metadata};
use std::io::{self, IoSlice, Write};
use std::os::fd::AsRawFd;

use super::{identity, Identity};
use crate::error::{Error, Result};
use crate::fork::{ForkGuard, Owner};
use crate::sys;

/// Some systems do not accept more bytes than this per write.
const MOST: usize = 1 << 30;

/// An open file that belongs to one process: a forked process can neither write to it nor keep its
/// lock.
pub(super) struct Output {
    owner: Owner,
    locked: bool,
    written: u64,
    _fork_guard: ForkGuard, // dropped before the file is closed
    file: File,
}

impl Output {
    pub fn new(file: File) -> Output {
        let fork_guard = ForkGuard::new(file.as_raw_fd());
        let owner = Owner::this_process();
        Output { owner, locked: false, written: 0, _fork_guard: fork_guard, file }
    }

    pub fn owner(&self) -> Owner {
        self.owner
    }

    pub fn file(&self) -> &File {
        &self.file
    }

    pub fn metadata(&self) -> io::Result<Metadata> {
        self.file.metadata()
    }

    pub fn identity(&self) -> io::Result<Identity> {
        Ok(identity(&self.metadata()?))
    }

    /// The number of bytes written.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Whether this has a lock.
    pub fn is_locked(&self) -> bool {
        self.locked
    }

    /// Takes an exclusive lock until this is dropped. Returns false if another process has a lock.
    pub fn lock(&mut self) -> io::Result<bool> {
        self.lock_as(libc::LOCK_EX)
    }

    /// Takes a shared lock. Returns false if another process has an exclusive one.
    pub fn lock_shared(&mut self) -> io::Result<bool> {
        self.lock_as(libc::LOCK_SH)
    }

    fn lock_as(&mut self, how: libc::c_int) -> io::Result<bool> {
        match sys::flock(&self.file, how | libc::LOCK_NB) {
            Ok(()) => {
                self.locked = true;
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Writes two pieces, with a single system call if possible.
    pub fn write(&mut self, mut one: &[u8], mut other: &[u8]) -> Result<()> {
        self.owner.check()?;
        while !one.is_empty() || !other.is_empty() {
            let pieces = [one, other].map(|piece| IoSlice::new(&piece[..piece.len().min(MOST)]));
            match self.file.write_vectored(&pieces) {
                Ok(0) => return Err(Error::io("write", io::ErrorKind::WriteZero.into())),
                Ok(count) => {
                    self.written += count as u64;
                    let of_one = count.min(one.len());
                    (one, other) = (&one[of_one..], &other[count - of_one..]);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::io("write", error)),
            }
        }
        Ok(())
    }

    /// Reports errors that the system delivers only on close. The file stays open and locked.
    pub fn settle(&self) -> Result<()> {
        self.owner.check()?;
        let closed = self.file.try_clone().and_then(sys::close);
        closed.map_err(|error| Error::io("write", error))
    }

    /// Waits until the file is on storage.
    pub fn sync(&self) -> Result<()> {
        self.file.sync_all().map_err(|error| Error::io("sync", error))
    }

    /// Like [`sync`](Self::sync), but does nothing for a pipe or a device.
    pub fn sync_stream(&self) -> Result<()> {
        let is_file = self.metadata().map_or(true, |metadata| metadata.is_file());
        if is_file {
            self.sync()
        } else {
            Ok(())
        }
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        // A forked process may still have the descriptor, and with it the lock.
        if self.locked && self.owner.is_this_process() {
            let _ = sys::flock(&self.file, libc::LOCK_UN);
        }
    }
}
