//! Reads batches of records: in the order of the data, with one read for small records that are
//! close together, and with several threads if that helps.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::frames::{Slot, SMALL};
use super::{make_room, out_of_memory, too_small, Inner};
use crate::error::{Error, ErrorKind, Result};
use crate::source::fill_at;
use crate::threads::{self, Crew, FirstError};

const TINY: bool = cfg!(any(test, fuzzing));

/// The most bytes of small frames that one read covers, and the largest gap between two of them: to
/// read a larger gap takes longer than another read.
const RUN: u64 = if TINY { 200 } else { 128 << 10 };
const GAP: u64 = if TINY { 10 } else { 4 << 10 };
/// The approximate cost in nanoseconds of a read and of a record. Each 8 bytes of a record cost one
/// more.
const READ: u64 = 1000;
const RECORD: u64 = 50;
/// The most work (in nanoseconds) that a thread takes per step, and the least that justifies
/// starting a thread.
const PART: u64 = if TINY { 3 * READ } else { 30_000 };
const WORTH: u64 = if TINY { 3 * READ } else { 400_000 };
/// The number of parts per thread: enough that all threads end at about the same time.
const PARTS_PER_THREAD: u64 = 4;
/// Reads that take longer than this plus a nanosecond per byte wait for storage, not for a
/// processor. Then more reads run at the same time.
const SLOW_READ: Duration = Duration::from_micros(50);

/// A record with its place in the request.
type Request<'b> = (usize, Slot<'b>);

impl Inner {
    pub fn offsets(&self, records: &[usize]) -> Result<Vec<usize>> {
        let mut offsets = with_room(records.len() + 1)?;
        let mut end = 0_usize;
        offsets.push(end);
        for &record in records {
            end = end.checked_add(self.size_of(record)?).ok_or_else(out_of_memory)?;
            offsets.push(end);
        }
        Ok(offsets)
    }

    /// Reads the records to their `offsets` in the buffer.
    pub fn read_many(&self, records: &[usize], offsets: &[usize], buffer: &mut [u8]) -> Result<()> {
        let (size, capacity) = (offsets[records.len()], buffer.len());
        let mut rest = buffer.get_mut(..size).ok_or_else(|| {
            let detail = format!("the buffer has {capacity} bytes, but the payloads need {size}");
            Error::new(ErrorKind::InvalidArgument, detail)
        })?;
        self.read_to(records.iter().zip(offsets.windows(2)).map(|(&record, ends)| {
            let (bytes, after) = std::mem::take(&mut rest).split_at_mut(ends[1] - ends[0]);
            rest = after;
            (record, bytes)
        }))
    }

    /// Reads each record to the start of its buffer.
    pub fn read_each(&self, records: &[usize], buffers: &mut [&mut [u8]]) -> Result<()> {
        if records.len() != buffers.len() {
            let detail = format!(
                "{} buffers for {} records: each record needs one",
                buffers.len(),
                records.len()
            );
            return Err(Error::new(ErrorKind::InvalidArgument, detail));
        }
        let mut places = with_room(records.len())?;
        for (&record, buffer) in records.iter().zip(buffers) {
            let (size, capacity) = (self.size_of(record)?, buffer.len());
            let bytes = buffer.get_mut(..size).ok_or_else(|| too_small(record, capacity, size))?;
            places.push((record, bytes));
        }
        self.read_to(places.into_iter())
    }

    /// Reads records, each to a buffer of its size.
    pub fn read_to<'s>(
        &self,
        places: impl ExactSizeIterator<Item = (usize, &'s mut [u8])>,
    ) -> Result<()> {
        let mut slots = with_room(places.len())?;
        for (place, (record, bytes)) in places.enumerate() {
            slots.push((place, Slot { record, entry: self.index[record], bytes }));
        }
        slots.sort_unstable_by_key(|(place, slot)| (slot.entry.offset, *place));
        let batch = Batch {
            reader: self,
            part: AtomicU64::new(0),
            first_error: FirstError::new(slots.len()),
            rest: Mutex::new(&mut slots),
        };
        batch.read();
        batch.first_error.into_result()
    }
}

/// The state that the threads of a call share.
struct Batch<'b, 's> {
    reader: &'b Inner,
    /// The records that no thread has taken yet, in the order of the data.
    rest: Mutex<&'b mut [Request<'s>]>,
    /// How much work a thread takes per step, in nanoseconds.
    part: AtomicU64,
    first_error: FirstError,
}

impl<'b, 's> Batch<'b, 's> {
    /// Reads all records. The caller's thread works too, and starts the others.
    fn read(&self) {
        let (_, runs, cost) = part_of(&self.rest(), u64::MAX);
        let Inner { threads: fixed, processors, .. } = *self.reader;
        let mut width = if fixed > 0 { fixed } else { self.reader.width.load(Relaxed) };
        let mut waited = false;
        thread::scope(|scope| {
            let mut crew = Crew::new(scope);
            let mut scratch = Vec::new();
            loop {
                let worth = if fixed == 0 && width <= processors { cost / WORTH } else { u64::MAX };
                let worth = usize::try_from(worth).unwrap_or(usize::MAX);
                let threads = width.min(worth).min(runs).max(1);
                self.part.store(PART.min(cost / PARTS_PER_THREAD / threads as u64), Relaxed);
                let work = || {
                    let mut scratch = Vec::new();
                    while self.read_part(&mut scratch).is_some() {}
                };
                while crew.len() + 1 < threads && crew.start(work) {}
                match self.read_part(&mut scratch) {
                    Some(slow) if slow && fixed == 0 => {
                        width = (2 * width).min(threads::WAITING.max(processors));
                        waited = true;
                    }
                    Some(_) => {}
                    None => break,
                }
            }
        });
        if fixed == 0 {
            let next = if waited { width } else { (width / 2).max(processors) };
            self.reader.width.store(next, Relaxed);
        }
    }

    /// Reads the next slots; `None` if there are no more. Returns whether this took so long that it
    /// must have waited for storage.
    fn read_part(&self, scratch: &mut Vec<u8>) -> Option<bool> {
        let mut part = self.take_part()?;
        let (begun, mut expected) = (Instant::now(), Duration::ZERO);
        while !part.is_empty() {
            let (run, rest) = part.split_at_mut(run_of(part));
            part = rest;
            expected += SLOW_READ;
            expected += Duration::from_nanos(run.iter().map(|(_, slot)| slot.entry.size).sum());
            // Nothing after the first bad record is needed.
            if run.iter().any(|(place, _)| self.first_error.is_before(*place)) {
                self.read_run(run, scratch);
            }
        }
        Some(begun.elapsed() > expected)
    }

    fn take_part(&self) -> Option<&'b mut [Request<'s>]> {
        let mut rest = self.rest();
        let (count, ..) = part_of(&rest, self.part.load(Relaxed));
        let (part, others) = std::mem::take(&mut *rest).split_at_mut(count);
        *rest = others;
        (count > 0).then_some(part)
    }

    fn rest(&self) -> MutexGuard<'_, &'b mut [Request<'s>]> {
        self.rest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads frames that are close together, with one read if they are small.
    fn read_run(&self, run: &mut [Request<'s>], scratch: &mut Vec<u8>) {
        let Some(frames) = self.read_small(run, scratch) else {
            for (place, slot) in run {
                self.note(*place, self.reader.read_frame(slot));
            }
            return;
        };
        let start = run[0].1.entry.offset;
        for (place, slot) in run {
            let at = (slot.entry.offset - start) as usize;
            let frame = &frames[at..at + slot.entry.size as usize];
            self.note(*place, self.reader.take(frame, slot));
        }
    }

    /// Reads small frames that are close together; `None` if each is better read alone.
    fn read_small<'m>(&self, run: &[Request<'s>], scratch: &'m mut Vec<u8>) -> Option<&'m [u8]>
    where
        'b: 'm,
    {
        let (first, last) = (run.first()?.1.entry, run.last()?.1.entry);
        if first.size > SMALL as u64 {
            return None;
        }
        if let Some(bytes) = self.reader.in_memory(first.offset, last.end() - first.offset) {
            return Some(bytes);
        }
        let size = (last.end() - first.offset) as usize;
        if scratch.len() < size {
            make_room(scratch, size).ok()?;
            scratch.resize(size, 0);
        }
        let read = fill_at(&*self.reader.source, &mut scratch[..size], first.offset);
        // If this read fails, some of the records may still be readable.
        matches!(read, Ok(count) if count == size).then_some(&scratch[..size])
    }

    fn note(&self, place: usize, read: Result<()>) {
        if let Err(error) = read {
            self.first_error.note(place, error);
        }
    }
}

/// Takes slots until they cost `least` nanoseconds, at least one if there are any. Returns their
/// number, how many reads they need, and their cost. Does not split slots that share a read.
fn part_of(slots: &[Request<'_>], least: u64) -> (usize, usize, u64) {
    let (mut count, mut runs, mut cost) = (0, 0, 0_u64);
    while count < slots.len() && (count == 0 || cost < least) {
        let run = &slots[count..][..run_of(&slots[count..])];
        let size = run.iter().map(|(_, slot)| slot.entry.size).fold(0, u64::saturating_add);
        cost = cost.saturating_add(READ + RECORD * run.len() as u64 + size / 8);
        count += run.len();
        runs += 1;
    }
    (count, runs, cost)
}

/// The number of slots, at least one if there are any, that the next read covers.
fn run_of(slots: &[Request<'_>]) -> usize {
    let Some((_, first)) = slots.first() else { return 0 };
    let end = first.entry.offset.saturating_add(RUN);
    let follow = |pair: &&[Request<'_>]| {
        let (before, next) = (pair[0].1.entry, pair[1].1.entry);
        let gap = next.offset.checked_sub(before.end());
        let small = before.size.max(next.size) <= SMALL as u64;
        small && next.end() <= end && gap.is_some_and(|gap| gap <= GAP)
    };
    1 + slots.windows(2).take_while(follow).count()
}

pub(super) fn with_room<T>(count: usize) -> Result<Vec<T>> {
    let mut items = Vec::new();
    items.try_reserve_exact(count).map_err(|_| out_of_memory())?;
    Ok(items)
}
