//! Reads some records in the order of the data, with one read for small ones that are close
//! together.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::frames::{Slot, SMALL};
use super::{make_room, Inner};
use crate::error::Result;
use crate::gzip::Points;
use crate::source::{fill_at, ReadCost};

const TINY: bool = cfg!(any(test, fuzzing));

/// The most bytes of small frames that one read covers, and the largest gap between two of them: to
/// read a larger gap takes longer than another read.
const RUN: u64 = if TINY { 200 } else { 128 << 10 };
const GAP: u64 = if TINY { 10 } else { 4 << 10 };
/// The approximate cost in nanoseconds of a read and of a record. Each 8 bytes of a record cost one
/// more.
pub(super) const READ: u64 = 1000;
const RECORD: u64 = 50;
/// The same of decoding a chunk of a compressed file.
const CHUNK: u64 = if TINY { 3000 } else { 400_000 };
/// More than all else costs.
const REQUEST: u64 = 1 << 30;
/// Reads that take longer than this plus a nanosecond per byte wait for storage, not for a
/// processor. Then more reads run at the same time.
const SLOW_READ: Duration = Duration::from_micros(50);

/// What is read, which says how records are put together.
#[derive(Clone)]
pub(crate) enum Medium {
    Near,
    /// Records of one chunk are not split: one thread decodes it, and the others would wait.
    Compressed(Arc<Points>),
    /// Each read is a request. It costs so much that no thread takes two.
    Distant(ReadCost),
}

impl Medium {
    pub fn new(points: Option<&Arc<Points>>, cost: Option<ReadCost>) -> Medium {
        match (points, cost) {
            (Some(points), _) => Medium::Compressed(points.clone()),
            (None, Some(cost)) => Medium::Distant(cost),
            (None, None) => Medium::Near,
        }
    }
}

/// A record with its place in the request.
pub(crate) type Request<'b> = (usize, Slot<'b>);

impl Inner {
    /// Reads records, which must be in the order of the data. `is_needed` says whether the record
    /// at a place of the request still is; `done` gets what became of each that was read. With
    /// `whole_chunks`, later calls will read the other records of the same chunks. Returns whether the
    /// reads took so long that they must have waited for storage.
    pub fn read_slots(
        &self,
        mut slots: &mut [Request<'_>],
        scratch: &mut Vec<u8>,
        whole_chunks: bool,
        is_needed: impl Fn(usize) -> bool,
        done: impl Fn(usize, Result<()>),
    ) -> bool {
        let (begun, mut expected) = (Instant::now(), Duration::ZERO);
        let mut decoded = 0;
        let medium = self.medium();
        while !slots.is_empty() {
            let (run, rest) = slots.split_at_mut(run_of(slots, &medium));
            slots = rest;
            expected += SLOW_READ;
            expected += Duration::from_nanos(run.iter().map(|(_, slot)| slot.entry.size).sum());
            if run.iter().any(|(place, _)| is_needed(*place)) {
                let start = run[0].1.entry.offset;
                if whole_chunks && start >= decoded {
                    decoded = self.decode_chunk(start, &medium);
                }
                self.read_run(run, scratch, &done);
            }
        }
        // Decoding takes longer, and more threads than processors would not help.
        self.points.is_none() && begun.elapsed() > expected
    }

    /// Decodes all of the chunk of a byte, if it is to stay in memory: in pieces this takes longer, and
    /// so does the next chunk, whose window is the end of this one. Returns where the chunk ends.
    fn decode_chunk(&self, offset: u64, medium: &Medium) -> u64 {
        let Medium::Compressed(points) = medium else { return u64::MAX };
        if let Some(end) = points.end_of_small_chunk(offset) {
            let _ = self.source.read_at(&mut [0], end - 1); // an error comes again, for its record
        }
        points.end_of_chunk(offset)
    }

    /// Reads frames that are close together, with one read if they are small.
    fn read_run(
        &self,
        run: &mut [Request<'_>],
        scratch: &mut Vec<u8>,
        done: &impl Fn(usize, Result<()>),
    ) {
        let Some(frames) = self.read_small(run, scratch) else {
            for (place, slot) in run {
                done(*place, self.read_frame(slot));
            }
            return;
        };
        let start = run[0].1.entry.offset;
        for (place, slot) in run {
            let at = (slot.entry.offset - start) as usize;
            let frame = &frames[at..at + slot.entry.size as usize];
            done(*place, self.take(frame, slot));
        }
    }

    /// Reads small frames that are close together; `None` if each is better read alone.
    fn read_small<'m>(&'m self, run: &[Request<'_>], scratch: &'m mut Vec<u8>) -> Option<&'m [u8]> {
        let first = run.first()?.1.entry;
        if run.len() == 1 && first.size > SMALL as u64 {
            return None;
        }
        let end = run.iter().map(|(_, slot)| slot.entry.end()).max()?;
        if let Some(bytes) = self.in_memory(first.offset, end - first.offset) {
            return Some(bytes);
        }
        let size = (end - first.offset) as usize;
        if scratch.len() < size {
            make_room(scratch, size).ok()?;
            scratch.resize(size, 0);
        }
        let read = fill_at(&*self.source, &mut scratch[..size], first.offset);
        // If this read fails, some of the records may still be readable.
        matches!(read, Ok(count) if count == size).then_some(&scratch[..size])
    }
}

/// Takes slots until they cost `least` nanoseconds, at least one if there are any. Returns their
/// number, how many reads they need, and their cost. Does not split slots that share a read.
pub(crate) fn part_of(slots: &[Request<'_>], least: u64, medium: &Medium) -> (usize, usize, u64) {
    let (mut count, mut runs, mut cost) = (0, 0, 0_u64);
    let mut chunk_end = 0;
    while let Some((_, next)) = slots.get(count) {
        let is_same_chunk = next.entry.offset < chunk_end;
        if count > 0 && cost >= least && !is_same_chunk {
            break;
        }
        match medium {
            Medium::Compressed(chunks) if !is_same_chunk => {
                chunk_end = chunks.end_of_chunk(next.entry.offset);
                cost = cost.saturating_add(CHUNK);
            }
            Medium::Distant(_) => cost = cost.saturating_add(REQUEST),
            _ => {}
        }
        let run = &slots[count..][..run_of(&slots[count..], medium)];
        let size = run.iter().map(|(_, slot)| slot.entry.size).fold(0, u64::saturating_add);
        cost = cost.saturating_add(READ + RECORD * run.len() as u64 + size / 8);
        count += run.len();
        runs += usize::from(!is_same_chunk);
    }
    (count, runs, cost)
}

/// The number of slots, at least one if there are any, that the next read covers.
fn run_of(slots: &[Request<'_>], medium: &Medium) -> usize {
    let Some((_, first)) = slots.first() else { return 0 };
    let (run, most_gap, small) = match medium {
        Medium::Distant(cost) => (cost.span(), cost.gap_of_batch(), u64::MAX),
        _ => (RUN, GAP, SMALL as u64),
    };
    let end = first.entry.offset.saturating_add(run);
    let follow = |pair: &&[Request<'_>]| {
        let (before, next) = (pair[0].1.entry, pair[1].1.entry);
        let gap = next.offset.checked_sub(before.end());
        let is_small = before.size.max(next.size) <= small;
        is_small && next.end() <= end && gap.is_some_and(|gap| gap <= most_gap)
    };
    1 + slots.windows(2).take_while(follow).count()
}
