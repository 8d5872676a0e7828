//! Compares frames with entries: headers, and payloads on request.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{channel, RecvTimeoutError};
use std::thread;

use super::layout::Layout;
use super::Reporter;
use crate::crc;
use crate::error::{Error, ErrorKind, Result};
use crate::frame::at::{PayloadCrc, Place, CRC_STEP};
use crate::frame::trust::Trust;
use crate::frame::{Header, OVERHEAD};
use crate::index::{Entries, Entry};
use crate::options::Options;
use crate::source::{is_seek, ReadAt, Window};
use crate::threads::{self, Crew, FirstError, POLL_INTERVAL};

/// The least work per part, in headers or bytes of payloads: much more than starting a thread
/// takes.
const PART_RECORDS: usize = if cfg!(any(test, fuzzing)) { 2 } else { 1 << 10 };
const PART_BYTES: u64 = if cfg!(any(test, fuzzing)) { 64 } else { 1 << 20 };
/// The number of parts per thread: enough that all threads end at about the same time.
const PARTS_PER_THREAD: usize = 16;
/// A thread checks after this many records or bytes whether it should stop.
const LOOK_RECORDS: u64 = if cfg!(any(test, fuzzing)) { 2 } else { 1 << 10 };
const LOOK_BYTES: u64 = CRC_STEP as u64;

/// Threads share only counters; joining the threads orders everything else.
const RELAXED: Ordering = Ordering::Relaxed;

/// Whether the header is valid and is that of the entry's frame.
pub(super) fn is_header_of(trust: Trust, header: Header, entry: Entry) -> bool {
    header.length == entry.size - OVERHEAD && trust.accepts(header)
}

/// Fails if the header is not that of the entry's frame. If the header is not valid, this is damage
/// if the index is known to belong to the data, or if the header is half right; otherwise the index
/// belongs to another file.
pub(crate) fn judge(
    trust: Trust,
    header: Header,
    entry: Entry,
    place: Place,
    known: bool,
) -> Result<()> {
    if is_header_of(trust, header, entry) {
        return Ok(());
    }
    let accepted = trust.accepts(header);
    if trust == Trust::Checked && !accepted {
        let damaged = place.length_crc_mismatch(header);
        if known || is_half_right(&damaged, entry) {
            return Err(damaged);
        }
    }
    let found = match trust == Trust::Checked && accepted {
        true => format!("one of {} bytes", u128::from(header.length) + u128::from(OVERHEAD)),
        false => "none of that size".to_owned(),
    };
    Err(other_file(place.record, entry, &found))
}

/// Whether a header with a wrong CRC has the entry's length or the CRC of the entry's length.
pub(super) fn is_half_right(damaged: &Error, entry: Entry) -> bool {
    let meant = Some(crc::masked_length(entry.size - OVERHEAD));
    damaged.stored_crc() == meant || damaged.computed_crc() == meant
}

/// The error if the data does not have the entry's frame, but what `found` says.
pub(super) fn other_file(record: u64, entry: Entry, found: &str) -> Error {
    let detail = format!(
        "the index has a frame of {} bytes here, but the data has {found}: the index belongs to \
         another file, or to another version of this one; create it again",
        entry.size
    );
    Error::new(ErrorKind::Mismatch, detail).at(record, entry.offset)
}

/// Called with the bytes and records done since the last call; an error stops the work.
pub(super) type Watch<'a> = &'a mut dyn FnMut(u64, u64) -> Result<()>;

/// Reads frames where the entries are.
pub(super) struct Frames<'a, S> {
    pub source: &'a S,
    pub size: u64,
    pub trust: Trust,
    pub payloads: bool,
}

impl<S: ReadAt> Frames<'_, S> {
    /// Checks the frames at these positions.
    fn check(
        &self,
        layout: &Layout<'_, impl Entries>,
        positions: Range<usize>,
        watch: Watch<'_>,
    ) -> Result<()> {
        let mut window = Window::new(self.source, self.size);
        if !positions.is_empty() {
            window.start_at(layout.get(positions.start)?.1.offset);
            let last = layout.get(positions.end - 1)?.1;
            window.limit(if self.payloads { last.end() } else { last.payload().start });
        }
        for (position, entry) in positions.clone().zip(layout.range(positions)) {
            self.check_entry(&mut window, layout, position, entry?, watch)?;
        }
        Ok(())
    }

    /// Checks the frame at one position. A header that is not valid counts as damage.
    pub fn check_position(
        &self,
        window: &mut Window,
        layout: &Layout<'_, impl Entries>,
        position: usize,
        watch: Watch<'_>,
    ) -> Result<()> {
        self.check_entry(window, layout, position, layout.get(position)?, watch)
    }

    /// The same, with the entry that the layout has at that position.
    fn check_entry(
        &self,
        window: &mut Window,
        layout: &Layout<'_, impl Entries>,
        position: usize,
        (record, entry): (u64, Entry),
        watch: Watch<'_>,
    ) -> Result<()> {
        let place = Place { record, offset: entry.offset };
        let header = place.header_at(window, self.source, entry.offset)?;
        match judge(self.trust, header, entry, place, true) {
            Err(error) if error.kind() == ErrorKind::Mismatch => {
                return Err(self.damage_or(layout, position, error)?);
            }
            judged => judged?,
        }
        if self.payloads {
            self.check_payload(window, place, entry, watch)?;
        } else {
            watch(entry.size, 0)?;
        }
        watch(0, 1)
    }

    fn check_payload(
        &self,
        window: &mut Window,
        place: Place,
        entry: Entry,
        watch: Watch<'_>,
    ) -> Result<()> {
        let mut payload = PayloadCrc::of(entry.offset, entry.size);
        loop {
            match payload.step(place, window, self.source)? {
                0 => break,
                count => watch(count, 0)?,
            }
        }
        place.ensure_payload(payload.finish(place, window, self.source)?)?;
        watch(OVERHEAD, 0)
    }
}

impl<S: ReadAt + Sync> Frames<'_, S> {
    /// Checks all frames, in parts, with the number of threads that the options set. Returns the
    /// error of the first bad frame in the data.
    pub fn check_all(
        &self,
        layout: &Layout<'_, impl Entries>,
        options: &Options<'_>,
        reporter: &mut Reporter<'_>,
    ) -> Result<()> {
        let count = layout.len();
        let mean = layout.covered / (count as u64).max(1);
        let cost = self.source.cost();
        self.source.advise_sparse(is_seek(mean, cost) && !self.payloads);
        let threads = match (options.threads, cost) {
            _ if self.source.is_sequential() => 1,
            (0, Some(cost)) if self.size <= cost.whole() => 1,
            (0, Some(cost)) => cost.scanning(),
            (0, None) => threads::processors().min(threads::READING),
            (threads, _) => threads,
        };
        let least = match cost {
            Some(cost) => (cost.scanned_span() / mean.max(1)) as usize,
            None if self.payloads => (PART_BYTES / mean.max(1)) as usize,
            None => PART_RECORDS,
        };
        let part = (count / threads.saturating_mul(PARTS_PER_THREAD)).max(least).max(1);
        let parts = count / part + usize::from(count % part > 0);
        if threads.min(parts) < 2 {
            return self
                .check(layout, 0..count, &mut |bytes, records| reporter.add(bytes, records));
        }
        let shared = Parts::new(parts);
        let work = || {
            while let Some(number) = shared.take() {
                let end = (number + 1).saturating_mul(part).min(count);
                let mut watch = shared.watch(number);
                if let Err(error) = self.check(layout, number * part..end, &mut watch) {
                    shared.first_error.note(number, error);
                }
            }
        };
        let work = &work;
        let watched = thread::scope(|scope| {
            let mut crew = Crew::new(scope);
            let (alive, over) = channel::<()>();
            for _ in 0..threads.min(parts) {
                let alive = alive.clone();
                let work = move || {
                    let _alive = alive; // dropped when the work is done
                    work();
                };
                if !crew.start(work) {
                    break; // continue with fewer
                }
            }
            drop(alive);
            while over.recv_timeout(POLL_INTERVAL) == Err(RecvTimeoutError::Timeout) {
                reporter.pass(shared.bytes.swap(0, RELAXED), shared.records.swap(0, RELAXED));
                if let Err(cancelled) = reporter.report() {
                    shared.first_error.give_up();
                    return Err(cancelled);
                }
            }
            Ok(())
        });
        watched?;
        if shared.next.load(RELAXED) == 0 {
            // No thread could be started.
            return self
                .check(layout, 0..count, &mut |bytes, records| reporter.add(bytes, records));
        }
        shared.first_error.into_result()
    }
}

/// The parts of the work that threads share.
struct Parts {
    /// The first part that no thread has taken.
    next: AtomicUsize,
    /// The error of the first bad part. Parts before it are checked to the end, later ones are not.
    first_error: FirstError,
    bytes: AtomicU64,
    records: AtomicU64,
}

impl Parts {
    fn new(parts: usize) -> Parts {
        Parts {
            next: AtomicUsize::new(0),
            first_error: FirstError::new(parts),
            bytes: AtomicU64::new(0),
            records: AtomicU64::new(0),
        }
    }

    fn take(&self) -> Option<usize> {
        let part = self.next.fetch_add(1, RELAXED);
        self.first_error.is_before(part).then_some(part)
    }

    /// Collects a thread's progress, and stops the thread when its part is no longer needed.
    fn watch(&self, part: usize) -> impl FnMut(u64, u64) -> Result<()> + '_ {
        let (mut bytes, mut records) = (0, 0);
        move |more_bytes, more_records| {
            bytes += more_bytes;
            records += more_records;
            if bytes < LOOK_BYTES && records < LOOK_RECORDS {
                return Ok(());
            }
            self.bytes.fetch_add(std::mem::take(&mut bytes), RELAXED);
            self.records.fetch_add(std::mem::take(&mut records), RELAXED);
            match self.first_error.is_before(part) {
                true => Ok(()),
                false => Err(Error::new(ErrorKind::Cancelled, "another part failed")),
            }
        }
    }
}
