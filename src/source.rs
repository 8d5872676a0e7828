//! Sources of bytes: anything of known size that can be read at a position.

mod cost;
mod file;
mod memory;
mod window;

#[cfg(test)]
pub(crate) use cost::Far;
pub use cost::ReadCost;
pub(crate) use file::{DataFile, Opened, Stamp};
#[cfg(test)]
pub(crate) use window::WINDOW;
pub(crate) use window::{is_seek, Window};

use std::io::{self, IoSliceMut};
use std::sync::Arc;

/// Bytes of known size that can be read at any position.
///
/// These types are sources: [`File`] (with `pread`), byte slices and vectors of bytes; and `&T`,
/// [`Box`] and [`Arc`] of a source, including `Box<dyn ReadAt>`.
///
/// [`File`]: std::fs::File
///
/// ```
/// use tfr_index::ReadAt;
///
/// let mut bytes = [0; 4];
/// let source: &[u8] = b"0123456789";
/// assert_eq!(source.read_at(&mut bytes, 8).unwrap(), 2);
/// assert_eq!(&bytes[..2], b"89");
/// ```
pub trait ReadAt {
    /// Returns the size in bytes.
    ///
    /// # Errors
    /// Those of the source.
    fn size(&self) -> io::Result<u64>;

    /// Reads into `buffer` from `offset` and returns the number of bytes read. May return fewer
    /// bytes than requested; returns 0 only at the end.
    ///
    /// # Errors
    /// Those of the source. After [`io::ErrorKind::Interrupted`] the caller tries again, up to a
    /// thousand times in a row.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Reads from `offset` into several buffers, one after the other, with one read. Returns the
    /// number of bytes, which may be fewer than requested, like [`read_at`](Self::read_at). The
    /// default reads into a temporary buffer and copies; [`File`](std::fs::File) uses a vectored
    /// read of the system.
    ///
    /// ```
    /// use std::io::IoSliceMut;
    /// use tfr_index::ReadAt;
    ///
    /// let (mut head, mut tail) = ([0; 2], [0; 3]);
    /// let buffers = &mut [IoSliceMut::new(&mut head), IoSliceMut::new(&mut tail)];
    /// assert_eq!(b"0123456789".read_many_at(buffers, 4).unwrap(), 5);
    /// assert_eq!((&head, &tail), (b"45", b"678"));
    /// ```
    ///
    /// # Errors
    /// Those of [`read_at`](Self::read_at).
    fn read_many_at(&self, buffers: &mut [IoSliceMut<'_>], offset: u64) -> io::Result<usize> {
        if let Some(bytes) = self.as_bytes() {
            let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
            return Ok(scatter(&bytes[start..], buffers));
        }
        let mut all = Vec::new();
        let size = buffers.iter().map(|buffer| buffer.len()).sum();
        all.try_reserve_exact(size).map_err(|_| io::ErrorKind::OutOfMemory)?;
        all.resize(size, 0);
        let count = self.read_at(&mut all, offset)?;
        let read = all.get(..count).ok_or(io::ErrorKind::InvalidData)?; // a wrong count
        Ok(scatter(read, buffers))
    }

    /// Returns all bytes, if they are in memory already; then readers copy nothing.
    fn as_bytes(&self) -> Option<&[u8]> {
        None
    }

    /// Returns the offset of the first byte at or after `offset` that may be nonzero, at most the
    /// size. The default returns `offset`.
    ///
    /// A search for records after damage skips the bytes in between. Files that this library opens
    /// by path skip their holes this way. [`File`](std::fs::File) keeps the default: to find holes,
    /// the system moves the file's position, which others may share.
    ///
    /// ```
    /// use tfr_index::ReadAt;
    ///
    /// let source: &[u8] = b"\0\0\0";
    /// assert_eq!(source.next_data(1), 1);
    /// ```
    fn next_data(&self, offset: u64) -> u64 {
        offset
    }

    /// Returns what a read costs where each one takes a round trip, such as to an object store.
    /// `None`, the default: little, as for a local file.
    ///
    /// Then scans, checks and readers read more bytes at a time, and more ranges at the same time,
    /// and read on where another request would take longer. See [`ReadCost`].
    fn cost(&self) -> Option<ReadCost> {
        None
    }

    /// Whether it pays off to read the bytes only in their order, in one thread: they are decoded
    /// from far away.
    #[doc(hidden)]
    fn is_sequential(&self) -> bool {
        false
    }

    /// Tells the source whether future reads are small and far apart, so that it need not read
    /// ahead.
    fn advise_sparse(&self, sparse: bool) {
        let _ = sparse;
    }
}

/// Pointers to a source are sources.
macro_rules! forward {
    ($($pointer:ty),*) => {$(
        impl<T: ReadAt + ?Sized> ReadAt for $pointer {
            fn size(&self) -> io::Result<u64> {
                (**self).size()
            }

            fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
                (**self).read_at(buffer, offset)
            }

            fn read_many_at(&self, buffers: &mut [IoSliceMut<'_>], offset: u64) -> io::Result<usize> {
                (**self).read_many_at(buffers, offset)
            }

            fn as_bytes(&self) -> Option<&[u8]> {
                (**self).as_bytes()
            }

            fn next_data(&self, offset: u64) -> u64 {
                (**self).next_data(offset)
            }

            fn cost(&self) -> Option<ReadCost> {
                (**self).cost()
            }

            fn is_sequential(&self) -> bool {
                (**self).is_sequential()
            }

            fn advise_sparse(&self, sparse: bool) {
                (**self).advise_sparse(sparse);
            }
        }
    )*};
}

forward!(&T, Box<T>, Arc<T>);

/// Give up after this many consecutive interruptions.
const INTERRUPTIONS: usize = 1000;

/// Fills `buffer` from `offset`, despite short reads and interruptions. Returns the number of
/// bytes, fewer than requested only at the end.
pub(crate) fn fill_at(
    source: &(impl ReadAt + ?Sized),
    buffer: &mut [u8],
    offset: u64,
) -> io::Result<usize> {
    let (mut filled, mut interruptions) = (0, 0);
    while filled < buffer.len() {
        match source.read_at(&mut buffer[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(count) => (filled, interruptions) = (filled + count, 0),
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            Err(error) if interruptions == INTERRUPTIONS => return Err(error),
            Err(_) => interruptions += 1,
        }
    }
    Ok(filled)
}

/// Like [`fill_at`], for several buffers: few enough for one system call.
pub(crate) fn fill_many_at(
    source: &(impl ReadAt + ?Sized),
    buffers: &mut [IoSliceMut<'_>],
    offset: u64,
) -> io::Result<usize> {
    let first = match source.read_many_at(buffers, offset) {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
        count => count?,
    };
    // Short reads are rare: read the rest buffer by buffer.
    let (mut filled, mut passed) = (first, 0);
    for buffer in buffers {
        let end = passed + buffer.len();
        if filled < end {
            filled += fill_at(source, &mut buffer[filled - passed..], offset + filled as u64)?;
            if filled < end {
                break;
            }
        }
        passed = end;
    }
    Ok(filled)
}

/// Copies bytes to the buffers, one after the other, until either ends. Returns the number copied.
fn scatter(bytes: &[u8], buffers: &mut [IoSliceMut<'_>]) -> usize {
    let mut rest = bytes;
    for buffer in buffers {
        let (head, tail) = rest.split_at(buffer.len().min(rest.len()));
        buffer[..head.len()].copy_from_slice(head);
        rest = tail;
    }
    bytes.len() - rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    /// Reads one byte at a time, and is interrupted before each.
    struct OneByte(&'static [u8], Cell<bool>);

    impl ReadAt for OneByte {
        fn size(&self) -> io::Result<u64> {
            self.0.size()
        }

        fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
            if self.1.replace(!self.1.get()) {
                return Err(io::ErrorKind::Interrupted.into());
            }
            self.0.read_at(&mut buffer[..1], offset)
        }
    }

    #[test]
    fn fills_through_short_reads_and_interruptions() {
        let source = OneByte(b"abcdef", Cell::new(true));
        let mut buffer = [0; 4];
        assert_eq!(fill_at(&source, &mut buffer, 1).unwrap(), 4);
        assert_eq!(&buffer, b"bcde");
        assert_eq!(fill_at(&source, &mut buffer, 4).unwrap(), 2);
        assert_eq!(fill_at(&source, &mut buffer, 6).unwrap(), 0);
        for size in 0..9 {
            let (mut a, mut b, mut c) = ([0; 2], [0; 0], vec![0; size]);
            let buffers = &mut [&mut a[..], &mut b, &mut c].map(IoSliceMut::new);
            let count = fill_many_at(&source, buffers, 1).unwrap();
            assert_eq!((count, &a), ((2 + size).min(5), b"bc"));
            assert_eq!(c[..count - 2], b"def"[..count - 2]);
        }
    }

    #[test]
    fn pointers_to_sources_are_sources() {
        let boxed: Box<dyn ReadAt + Send + Sync> = Box::new(b"abcdef".to_vec());
        let shared: Arc<dyn ReadAt + Send + Sync> = Arc::new(boxed);
        let mut buffer = [0; 4];
        assert_eq!((shared.read_at(&mut buffer, 3).unwrap(), &buffer), (3, b"def\0"));
        assert_eq!((shared.size().unwrap(), shared.as_bytes()), (6, Some(&b"abcdef"[..])));
        assert!(crate::Index::from_source(&shared, &crate::Options::new()).is_err());
    }
}
