//! What a read of a distant source costs, and what follows for how it is read.

use std::time::Duration;

/// The most ranges that a scan reads at the same time: each takes the memory of a span.
const SCANNED: usize = 32;
/// The least and the most bytes of a span.
const LEAST: u64 = if cfg!(any(test, fuzzing)) { 200 } else { 256 << 10 };
const MOST: u64 = 8 << 20;

/// What a read costs if it is a request to another machine: a wait that does not depend on its size,
/// and a time for each byte.
///
/// [`ReadAt::cost`](crate::ReadAt::cost) returns it, as the program that makes the source knows it.
/// The default is that of an object store near by: 20 milliseconds, 100 MB a second, 128 requests.
///
/// In one request's latency, a connection could get `latency` times `bytes_per_second` bytes, here at
/// most 8 MiB.
///
/// - A scan reads spans of twice as many bytes, up to 32 at the same time. Where records are larger
///   than one latency's bytes, or than `least_skip`, it reads headers only. Up to two spans are read
///   whole, with one request.
/// - A reader reads up to `at_once` ranges at the same time. Two records are one range if there is
///   less than a sixteenth of one latency's bytes between them.
///
/// ```
/// use std::time::Duration;
/// use tfr_index::{Index, Options, ReadAt, ReadCost};
///
/// /// Data on another machine.
/// struct Remote(Vec<u8>);
///
/// impl ReadAt for Remote {
///     fn size(&self) -> std::io::Result<u64> {
///         self.0.size()
///     }
///
///     fn read_at(&self, buffer: &mut [u8], offset: u64) -> std::io::Result<usize> {
///         self.0.read_at(buffer, offset) // a program sends a request here
///     }
///
///     fn cost(&self) -> Option<ReadCost> {
///         Some(ReadCost { latency: Duration::from_millis(50), ..ReadCost::default() })
///     }
/// }
///
/// let data = Remote(std::fs::read("tests/data/examples.tfrecord")?);
/// assert_eq!(Index::from_source(&data, &Options::new())?.len(), 100);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ReadCost {
    /// How long a read of one byte takes.
    pub latency: Duration,
    /// How many bytes one read gets in a second.
    pub bytes_per_second: u64,
    /// How many reads at the same time take hardly longer than one.
    pub at_once: usize,
    /// The fewest bytes that a scan skips instead of reading them, if they are not needed. `None`:
    /// one latency's bytes. `Some(u64::MAX)` reads all but the rest of payloads that are larger than a
    /// span. A small number reads few bytes, with many requests.
    pub least_skip: Option<u64>,
}

impl Default for ReadCost {
    fn default() -> ReadCost {
        let latency = Duration::from_millis(20);
        ReadCost { latency, bytes_per_second: 100_000_000, at_once: 128, least_skip: None }
    }
}

impl ReadCost {
    /// The most bytes that take less time than another read.
    #[inline(never)] // or it is computed before it is known whether there is a cost at all
    pub(crate) fn gap(self) -> u64 {
        let micros = self.latency.as_secs().saturating_mul(1_000_000);
        let micros = micros.saturating_add(self.latency.subsec_micros().into());
        (micros.saturating_mul(self.bytes_per_second) / 1_000_000).min(MOST)
    }

    /// The same where many reads are in flight: their waits are shared, the bytes are not.
    pub(crate) fn gap_of_batch(self) -> u64 {
        self.gap() / 16
    }

    /// How many bytes a read gets where all are needed.
    pub(crate) fn span(self) -> u64 {
        (2 * self.gap()).clamp(LEAST, MOST)
    }

    /// The fewest bytes that a scan skips.
    pub(crate) fn least_skip(self) -> u64 {
        self.least_skip.unwrap_or_else(|| self.gap()).max(1)
    }

    /// How many bytes a scan reads at a time: few if it skips few.
    pub(crate) fn scanned_span(self) -> u64 {
        self.span().min(self.least_skip().saturating_mul(2)).max(LEAST)
    }

    /// The most bytes of a source that a scan reads whole.
    pub(crate) fn whole(self) -> u64 {
        2 * self.scanned_span()
    }

    /// How many threads scan.
    pub(crate) fn scanning(self) -> usize {
        self.at_once.clamp(1, SCANNED)
    }
}

/// Memory that is read as if it were far away, for tests, with what was read of it.
#[cfg(test)]
pub(crate) struct Far<'a> {
    pub data: &'a [u8],
    pub cost: ReadCost,
    pub reads: std::sync::Mutex<Vec<(u64, usize)>>,
}

#[cfg(test)]
impl<'a> Far<'a> {
    /// Two ranges are one request if there are at most `gap` bytes between them.
    pub fn new(data: &'a [u8], gap: u64) -> Far<'a> {
        let latency = Duration::from_micros(gap);
        let cost = ReadCost { latency, bytes_per_second: 1_000_000, at_once: 4, least_skip: None };
        Far { data, cost, reads: Default::default() }
    }
}

#[cfg(test)]
impl crate::ReadAt for Far<'_> {
    fn size(&self) -> std::io::Result<u64> {
        self.data.size()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> std::io::Result<usize> {
        let count = self.data.read_at(buffer, offset)?;
        self.reads.lock().unwrap().push((offset, count));
        Ok(count)
    }

    fn cost(&self) -> Option<ReadCost> {
        Some(self.cost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_what_a_request_would_take() {
        let near = ReadCost::default();
        assert_eq!((near.gap(), near.span(), near.scanning()), (2_000_000, 4_000_000, 32));
        let latency = Duration::ZERO;
        let none = ReadCost { latency, bytes_per_second: 0, at_once: 0, least_skip: None };
        assert_eq!((none.gap(), none.span(), none.scanning()), (0, LEAST, 1));
        let latency = Duration::MAX;
        let far = ReadCost { latency, bytes_per_second: u64::MAX, at_once: 7, least_skip: None };
        assert_eq!((far.gap(), far.span(), far.scanning()), (MOST, MOST, 7));
    }

    #[test]
    fn what_is_skipped_may_be_set() {
        let set = |least_skip| ReadCost { least_skip, ..ReadCost::default() };
        assert_eq!(set(None).least_skip(), 2_000_000);
        assert_eq!((set(Some(u64::MAX)).scanned_span(), set(Some(0)).least_skip()), (4_000_000, 1));
        assert_eq!((set(Some(1)).scanned_span(), set(Some(1)).span()), (LEAST, 4_000_000));
    }
}
