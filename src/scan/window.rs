//! A piece of the source in memory, moved forward as it is asked for.

use std::io;

use crate::source::{fill_at, ReadAt};

/// Bytes read at once where all of the source is read: small enough to stay in the cache, large
/// enough to make calls few.
pub(super) const WINDOW: usize = 128 << 10;
/// Bytes read after a hop: a page costs hardly more than the header, and holds some records more
/// where small ones follow.
const AFTER_HOP: usize = 4 << 10;
/// A gap that is worth hopping over: reading on costs more than another call.
pub(super) const HOP: u64 = 16 << 10;

pub(super) struct Window {
    /// The source's size: no byte is asked for beyond it.
    size: u64,
    buffer: Vec<u8>,
    /// Where the buffer starts in the source, and how much of it is filled.
    start: u64,
    filled: usize,
    /// How much the last read asked for.
    read: usize,
}

impl Window {
    pub fn new(size: u64) -> Window {
        Window { size, buffer: Vec::new(), start: 0, filled: 0, read: 0 }
    }

    /// All bytes at hand from `offset`, at least `least` of them (at most [`AFTER_HOP`]) unless
    /// the source ends before.
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
        // In reach when it starts inside the window and `least` bytes follow.
        let ahead = offset.wrapping_sub(self.start);
        if ahead > self.filled as u64 || self.filled - (ahead as usize) < least {
            self.fill(source, offset)?;
        }
        let ahead = (offset - self.start) as usize;
        Ok(&self.buffer[ahead..self.filled])
    }

    /// Moves the window to `offset`, where records are likely to be such as those before: this is
    /// no hop.
    pub fn start_at(&mut self, offset: u64) {
        (self.start, self.filled) = (offset, 0);
    }

    #[cold]
    fn fill(&mut self, source: &impl ReadAt, offset: u64) -> io::Result<()> {
        if self.buffer.is_empty() {
            self.buffer
                .try_reserve_exact(WINDOW)
                .map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
            self.buffer.resize(WINDOW, 0);
        }
        // Little after a hop, since the next record is likely to be as large; then more and more.
        let gap = offset.saturating_sub(self.start + self.filled as u64);
        self.read = if gap >= HOP { AFTER_HOP } else { (4 * self.read).clamp(AFTER_HOP, WINDOW) };
        self.start = offset;
        self.filled = 0; // nothing is at hand if the read fails
        let rest = usize::try_from(self.size.saturating_sub(offset)).unwrap_or(usize::MAX);
        self.filled = fill_at(source, &mut self.buffer[..self.read.min(rest)], offset)?;
        Ok(())
    }
}
