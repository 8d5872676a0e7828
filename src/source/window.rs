//! A piece of the source in memory, which moves forward as bytes are requested.

use std::io;

use super::{fill_at, ReadAt, ReadCost};

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
const SEEK: u64 = 16 << 10;

/// The sizes of reads.
#[derive(Clone, Copy)]
struct Sizes {
    /// Where all of the source is read: the first read and the largest.
    first: usize,
    most: usize,
    /// After a seek, and after some consecutive ones.
    after_seek: usize,
    after_seeks: usize,
    /// The least gap that is a seek.
    seek: u64,
    /// A source up to this size is read whole.
    whole: u64,
}

impl Sizes {
    const NEAR: Sizes = Sizes {
        first: AFTER_SEEK,
        most: WINDOW,
        after_seek: AFTER_SEEK,
        after_seeks: AFTER_SEEKS,
        seek: SEEK,
        whole: 0,
    };

    fn of(cost: Option<ReadCost>) -> Sizes {
        let Some(cost) = cost else { return Sizes::NEAR };
        // A read after a seek takes hardly longer than one of a byte.
        let after_seek = (cost.gap() / 16) as usize;
        let after_seek = after_seek.clamp(AFTER_SEEKS, 16 * AFTER_SEEK);
        let span = cost.scanned_span() as usize;
        let (seek, whole) = (cost.least_skip(), cost.whole());
        Sizes { first: span, most: span, after_seek, after_seeks: AFTER_SEEKS, seek, whole }
    }
}

/// Whether records of `mean` bytes are so large that a walk over headers seeks.
pub(crate) fn is_seek(mean: u64, cost: Option<ReadCost>) -> bool {
    mean > Sizes::of(cost).seek
}

pub(crate) struct Window {
    /// The source's size: no byte after it is requested.
    size: u64,
    sizes: Sizes,
    /// Reads that start before this byte end there. It is 0 if nothing limits them.
    until: u64,
    buffer: Vec<u8>,
    /// Where the buffer starts in the source, and how much of it is filled.
    start: u64,
    filled: usize,
    /// The size of the last read request, and the number of consecutive reads after a seek.
    read: usize,
    seeks: u32,
}

impl Window {
    /// A window of a source that has `size` bytes.
    pub fn new(source: &impl ReadAt, size: u64) -> Window {
        let sizes = Sizes::of(source.cost());
        Window { size, sizes, until: 0, buffer: Vec::new(), start: 0, filled: 0, read: 0, seeks: 0 }
    }

    /// A window that is moved to places far apart. Of a distant source it reads little at each.
    pub fn of_samples(source: &impl ReadAt, size: u64) -> Window {
        let mut window = Window::new(source, size);
        if let Some(cost) = source.cost() {
            (window.sizes.seek, window.sizes.whole) = (0, cost.gap());
        }
        window
    }

    /// Whether one read gets all of the source.
    pub fn is_whole(&self) -> bool {
        self.size <= self.sizes.whole
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
        Ok(self.buffer[..self.filled].get(ahead..).unwrap_or_default()) // it may have become shorter
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
        if !self.is_whole() {
            (self.start, self.filled) = (offset, 0);
        }
    }

    /// Of a distant source, no read goes past `until` unless it starts there: others read that.
    pub fn limit(&mut self, until: u64) {
        self.until = if self.sizes.whole > 0 { until } else { 0 };
    }

    #[cold]
    fn fill(&mut self, source: &impl ReadAt, offset: u64) -> io::Result<()> {
        let Sizes { first, most, after_seek, after_seeks, seek, .. } = self.sizes;
        if self.is_whole() {
            let size = self.size as usize;
            if self.filled < size {
                make_room(&mut self.buffer, size)?;
                self.filled = fill_at(source, &mut self.buffer[..size], 0)?;
            }
            return Ok(());
        }
        // Read little after a seek, since the next record is probably as large; then more and more.
        let gap = offset.saturating_sub(self.start + self.filled as u64);
        self.seeks = if gap >= seek { self.seeks.saturating_add(1) } else { 0 };
        let is_over = self.until > 0 && offset >= self.until;
        self.read = match self.seeks {
            0 if is_over => after_seek,
            0 => (16 * self.read).clamp(first, most),
            seeks if seeks < SEEKS => after_seek,
            _ => after_seeks,
        };
        self.start = offset;
        self.filled = 0; // no bytes are valid if the read fails
        if self.buffer.len() < self.read {
            // Where records are large, the first size stays enough.
            make_room(&mut self.buffer, if self.read <= after_seek { after_seek } else { most })?;
        }
        // No fewer bytes than a caller needs.
        let until = self.until.max(offset + AFTER_SEEKS as u64);
        let end = if offset < self.until { self.size.min(until) } else { self.size };
        let rest = usize::try_from(end.saturating_sub(offset)).unwrap_or(usize::MAX);
        self.filled = fill_at(source, &mut self.buffer[..self.read.min(rest)], offset)?;
        Ok(())
    }
}

/// Makes the buffer as large, if it is smaller. What it has is lost.
fn make_room(buffer: &mut Vec<u8>, size: usize) -> io::Result<()> {
    if buffer.len() < size {
        *buffer = Vec::new();
        buffer.try_reserve_exact(size).map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
        buffer.resize(size, 0);
    }
    Ok(())
}
