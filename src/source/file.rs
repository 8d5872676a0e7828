//! Files as sources.

use std::fs::{File, Metadata};
use std::io::{self, IoSliceMut, Read};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::{FileExt, MetadataExt};

use super::ReadAt;
use crate::error::{Error, Result};
use crate::sys::{self, identity, Identity};

/// Bytes that [`DataFile::read_chunks`] reads with one call.
const CHUNK: usize = 128 << 10;

impl ReadAt for File {
    fn size(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        FileExt::read_at(self, buffer, offset)
    }

    #[cfg(all(any(target_os = "linux", target_os = "android"), target_pointer_width = "64"))]
    fn read_many_at(&self, buffers: &mut [IoSliceMut<'_>], offset: u64) -> io::Result<usize> {
        sys::read_many_at(self, buffers, offset)
    }
}

/// A file that is read at positions. Advice about future reads affects everything that shares the
/// open file: nothing, unless the path named a descriptor of the process.
#[derive(Debug)]
pub(crate) struct DataFile {
    file: File,
    /// Whether others use the same position.
    is_shared: bool,
    id: Identity,
    stamp: Stamp,
}

/// A file's state at some time: by this, a change of the file is noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub bytes: u64,
    /// When the content was last changed, in nanoseconds since 1970.
    pub mtime_ns: i64,
}

/// An open file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Opened {
    pub stamp: Stamp,
    descriptor: RawFd,
    id: Identity,
}

impl Opened {
    /// Whether the descriptor is still that of the file. It is not in a forked process, if another
    /// thread of the parent opened the file amid the fork: the system copies the descriptors before
    /// the memory.
    pub fn is_intact(&self) -> bool {
        sys::identity_of(self.descriptor).is_some_and(|id| id == self.id)
    }
}

impl Stamp {
    pub fn of(metadata: &Metadata) -> Stamp {
        let seconds = metadata.mtime().saturating_mul(1_000_000_000);
        Stamp { bytes: metadata.len(), mtime_ns: seconds.saturating_add(metadata.mtime_nsec()) }
    }
}

impl DataFile {
    /// A file that was opened to be read. `is_shared`: it is one of the process's own descriptors.
    pub fn new(file: File, is_shared: bool, metadata: &Metadata) -> DataFile {
        DataFile { file, is_shared, id: identity(metadata), stamp: Stamp::of(metadata) }
    }

    /// What the file is and was when it was opened.
    pub fn opened(&self) -> Opened {
        Opened { stamp: self.stamp, descriptor: self.file.as_raw_fd(), id: self.id }
    }

    /// Device and inode.
    pub fn identity(&self) -> Identity {
        self.id
    }

    /// The file itself.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Whether this is one of the process's own descriptors, whose position matters.
    pub fn is_shared(&self) -> bool {
        self.is_shared
    }

    /// Passes the file's bytes to `take` in chunks. A descriptor is read from its position.
    pub fn read_chunks(&self, mut take: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let mut buffer = vec![0; CHUNK];
        loop {
            match (&self.file).read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(count) => take(&buffer[..count])?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::io("read", error)),
            }
        }
    }
}

impl ReadAt for DataFile {
    fn size(&self) -> io::Result<u64> {
        self.file.size()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        ReadAt::read_at(&self.file, buffer, offset)
    }

    fn read_many_at(&self, buffers: &mut [IoSliceMut<'_>], offset: u64) -> io::Result<usize> {
        self.file.read_many_at(buffers, offset)
    }

    fn next_data(&self, offset: u64) -> u64 {
        match self.is_shared {
            true => offset, // finding data moves the position
            false => sys::next_data(&self.file, offset),
        }
    }

    fn advise_sparse(&self, sparse: bool) {
        sys::advise_sparse(&self.file, sparse);
    }
}
