//! Where bytes come from: anything of known size that can be read at a position.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Bytes of known size that can be read at any position.
///
/// [`File`] (through `pread`) and byte slices are sources.
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
    /// How many bytes there are.
    ///
    /// # Errors
    /// Those of the medium.
    fn size(&self) -> io::Result<u64>;

    /// Reads into `buffer` from `offset` and returns how many bytes were read: fewer than asked
    /// for at the medium's pleasure, none only at the end.
    ///
    /// # Errors
    /// Those of the medium; [`io::ErrorKind::Interrupted`] means "try again".
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// All of the bytes, where they are in memory already: readers then copy nothing.
    fn as_bytes(&self) -> Option<&[u8]> {
        None
    }

    /// Says whether the reads to come are small and far apart: then nothing is worth reading ahead.
    fn expect_hops(&self, hops: bool) {
        let _ = hops;
    }
}

impl ReadAt for File {
    fn size(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        FileExt::read_at(self, buffer, offset)
    }
}

impl ReadAt for [u8] {
    fn size(&self) -> io::Result<u64> {
        Ok(self.len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(self.len());
        let count = buffer.len().min(self.len() - start);
        buffer[..count].copy_from_slice(&self[start..start + count]);
        Ok(count)
    }

    fn as_bytes(&self) -> Option<&[u8]> {
        Some(self)
    }
}

impl<T: ReadAt + ?Sized> ReadAt for &T {
    fn size(&self) -> io::Result<u64> {
        (**self).size()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        (**self).read_at(buffer, offset)
    }

    fn as_bytes(&self) -> Option<&[u8]> {
        (**self).as_bytes()
    }

    fn expect_hops(&self, hops: bool) {
        (**self).expect_hops(hops);
    }
}

/// Fills `buffer` from `offset`, through short reads and interruptions; returns how much of it was
/// filled, less than all only at the end.
pub(crate) fn fill_at(
    source: &(impl ReadAt + ?Sized),
    buffer: &mut [u8],
    offset: u64,
) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match source.read_at(&mut buffer[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    /// Reads one byte at a time and is interrupted before each.
    struct Reluctant(&'static [u8], Cell<bool>);

    impl ReadAt for Reluctant {
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
        let source = Reluctant(b"abcdef", Cell::new(true));
        let mut buffer = [0; 4];
        assert_eq!(fill_at(&source, &mut buffer, 1).unwrap(), 4);
        assert_eq!(&buffer, b"bcde");
        assert_eq!(fill_at(&source, &mut buffer, 4).unwrap(), 2);
        assert_eq!(fill_at(&source, &mut buffer, 6).unwrap(), 0);
    }

    #[test]
    fn reading_past_the_end_of_memory_is_empty() {
        let bytes: &[u8] = b"ab";
        assert_eq!(bytes.read_at(&mut [0; 4], u64::MAX).unwrap(), 0);
        assert_eq!(bytes.as_bytes(), Some(&b"ab"[..]));
    }
}
