//! A piece of the source in memory, which moves forward as bytes are requested.

use std::io;

use super::{fill_at, ReadAt};

/// Bytes per read where all of the source is read: few enough to stay in the cache, enough to make
/// calls rare.
pub(crate) const WINDOW: usize = 128 << 10;
/// Bytes read after a seek: a page holds several records where small ones follow.
const AFTER_SEEK: usize = 4 << 10;
/// Bytes read after [`SEEKS`] consecutive seeks: the next record is probably as large, and reading
/// only its header costs half as much as a page.
const AFTER_SEEKS: usize = 64;
const SEEKS: u32 = 3;
/// From this gap on, a seek costs less than reading the gap.
pub(crate) const SEEK: u64 = 16 << 10;

pub(crate) struct Window {
    /// The source's size: no byte after it is requested.
    size: u64,
    buffer: Vec<u8>,
    /// Where the buffer starts in the source, and how much of it is filled.
    start: u64,
    filled: usize,
    /// The size of the last read request, and the number of consecutive reads after a seek.
    read: usize,
    seeks: u32,
}

impl Window {
    pub fn new(size: u64) -> Window {
        Window { size, buffer: Vec::new(), start: 0, filled: 0, read: 0, seeks: 0 }
    }

    /// All bytes in memory from `offset`, after a read if needed: at least `least` bytes (which is at
    /// most [`AFTER_SEEKS`]) unless the source ends before.
    #[inline]
    pub fn bytes_at<'s>(
        &'s mut self,
        source: &'s impl ReadAt,
        offset: u64,
        least: usize,
    ) -> io::Result<&'s [u8]> {
        if let Some(bytes) = source.as_bytes() {
            let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
            return Ok(&bytes[start..]);
        }
        // Whether `offset` is inside the window and `least` bytes follow.
        let ahead = offset.wrapping_sub(self.start);
        if ahead > self.filled as u64 || self.filled - (ahead as usize) < least {
            self.fill(source, offset)?;
        }
        let ahead = (offset - self.start) as usize;
        Ok(&self.buffer[ahead..self.filled])
    }

    /// The bytes from `offset` that are in memory already.
    #[inline]
    pub fn in_memory<'s>(&'s self, source: &'s impl ReadAt, offset: u64) -> &'s [u8] {
        let (start, bytes) = match source.as_bytes() {
            Some(bytes) => (0, bytes),
            None => (self.start, &self.buffer[..self.filled]),
        };
        let ahead = offset.checked_sub(start).and_then(|ahead| usize::try_from(ahead).ok());
        ahead.and_then(|ahead| bytes.get(ahead..)).unwrap_or_default()
    }

    /// Moves the window to `offset`, where records are likely to be like those before: this does
    /// not count as a seek.
    pub fn start_at(&mut self, offset: u64) {
        (self.start, self.filled) = (offset, 0);
    }

    #[cold]
    fn fill(&mut self, source: &impl ReadAt, offset: u64) -> io::Result<()> {
        // Read little after a seek, since the next record is probably as large; then more and more.
        let gap = offset.saturating_sub(self.start + self.filled as u64);
        self.seeks = if gap >= SEEK { self.seeks.saturating_add(1) } else { 0 };
        self.read = match self.seeks {
            0 => (16 * self.read).clamp(AFTER_SEEK, WINDOW),
            seeks if seeks < SEEKS => AFTER_SEEK,
            _ => AFTER_SEEKS,
        };
        self.start = offset;
        self.filled = 0; // no bytes are valid if the read fails
        if self.buffer.len() < self.read {
            // Where records are large, the first size stays enough.
            let size = if self.read <= AFTER_SEEK { AFTER_SEEK } else { WINDOW };
            self.buffer = Vec::new();
            self.buffer
                .try_reserve_exact(size)
                .map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
            self.buffer.resize(size, 0);
        }
        let rest = usize::try_from(self.size.saturating_sub(offset)).unwrap_or(usize::MAX);
        self.filled = fill_at(source, &mut self.buffer[..self.read.min(rest)], offset)?;
        Ok(())
    }
}
