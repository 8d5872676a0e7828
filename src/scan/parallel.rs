//! Segments of one source, walked at once.
//!
//! A chain of headers is sequential, but the CRC of a length finds record starts in the middle of a
//! source. So each segment is walked from the first header found in it, by guess; the proven chain,
//! which comes from offset 0, takes over what a segment gave if it arrives exactly where the
//! segment's chain starts, and walks through the segment itself if not. What was guessed wrong costs
//! time and changes nothing; errors are the proven chain's own.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{channel, Receiver, RecvTimeoutError, Sender};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, Scope};
use std::time::{Duration, Instant};

use super::chain::Chain;
use super::explain::explain;
use super::search::{look, Look};
use super::window::HOP;
use super::{Batch, Scanner};
use crate::error::{ErrorKind, Result};
use crate::options::{Checksums, Options};
use crate::source::ReadAt;
use crate::threads::{self, Crew};

/// The tests' and the fuzzers' segments are tiny, so that small files have many.
const TINY: bool = cfg!(any(test, fuzzing));

/// A batch that takes more bytes than this is passed on.
const BATCH: usize = if TINY { 20 * 16 } else { 512 << 10 };
/// What all batches together may take: with many threads, each takes less.
const BATCHES: usize = 16 * BATCH;
/// A segment's least bytes and records: much work beside what it takes to hand it over, and to find
/// its first record.
const SEGMENT: u64 = if TINY { 300 } else { 512 << 10 };
const SEGMENT_RECORDS: u64 = if TINY { 3 } else { 128 };
/// A segment's most records: their entries fit in a batch.
const FULL_SEGMENT_RECORDS: u64 = if TINY { 12 } else { 16 << 10 };
/// So many segments for each thread, if they are not too small then: the last ones of all threads
/// end at about the same time.
const SEGMENTS_PER_THREAD: u64 = 16;
/// How far to look for a segment's first record, at least: two records further than usual.
const SEARCH: u64 = if TINY { 100 } else { 64 << 10 };
/// Where hops take longer than this, threads wait for a medium and not for a processor (the page
/// cache answers in half a microsecond): so many reads are then under way at once.
const SLOW_HOP: Duration = Duration::from_micros(50);
const HOPPING_THREADS: usize = 32;
/// Where all is read, more threads than this wait for memory.
pub(crate) const READING_THREADS: usize = 8;
/// Segments that wait for the proven chain while all threads work.
const AHEAD: usize = 4;
/// So many segments in a row that are of no use, and the proven chain goes on alone for a while.
const FUTILE: u32 = 4;
/// How often the caller's thread looks up from waiting: the progress callback hears of Ctrl-C.
pub(crate) const PATIENCE: Duration = Duration::from_millis(50);

/// Scans a source and passes its entries on, batch by batch in their order; returns the number of
/// records. `from` are the record and its offset to begin with.
///
/// `deliver`, which empties the batch, and the progress callback are called on the caller's thread.
pub(crate) fn scan<S: ReadAt + Sync, B: Batch>(
    source: &S,
    options: &Options<'_>,
    from: (u64, u64),
    deliver: impl FnMut(&mut B) -> Result<()>,
) -> Result<u64> {
    walk(source, options, from, deliver).map_err(|error| explain(error, source))
}

fn walk<S: ReadAt + Sync, B: Batch>(
    source: &S,
    options: &Options<'_>,
    from: (u64, u64),
    mut deliver: impl FnMut(&mut B) -> Result<()>,
) -> Result<u64> {
    let mut proven = Proven { scanner: Scanner::new(source, options)?, batch: B::default() };
    proven.scanner.resume(from.0, from.1)?;
    // Enough to know how large the records are, and whether their checksums are true.
    let mut alone = SEGMENT;
    while !proven.is_at_end() {
        let (begun, record) = (Instant::now(), proven.record());
        proven.walk(alone, &mut deliver)?;
        let slow = is_slow(begun.elapsed(), proven.record() - record);
        let mean = proven.offset() / proven.record().max(1);
        let alone_is_best = options.threads == 1 || !proven.is_worth_sharing(mean);
        if proven.scanner.chain.is_checked() && !alone_is_best {
            walk_in_segments(source, options, &mut proven, mean, slow, &mut deliver)?;
        }
        alone = alone.saturating_mul(4);
    }
    deliver(&mut proven.batch)?;
    proven.scanner.next_entry()?; // none: it reports that the end is reached
    Ok(proven.record())
}

/// The chain from offset 0.
struct Proven<'a, S, B> {
    scanner: Scanner<'a, S>,
    batch: B,
}

impl<S: ReadAt, B: Batch> Proven<'_, S, B> {
    fn offset(&self) -> u64 {
        self.scanner.chain.offset()
    }

    fn record(&self) -> u64 {
        self.scanner.chain.record()
    }

    fn is_at_end(&self) -> bool {
        self.offset() >= self.scanner.size
    }

    /// Whether enough lies ahead to share it: two segments of records of `mean` bytes.
    fn is_worth_sharing(&self, mean: u64) -> bool {
        self.scanner.size - self.offset() >= least_segment(mean).saturating_mul(2)
    }

    /// Walks on for `distance` bytes, to the end of a record.
    fn walk(
        &mut self,
        distance: u64,
        deliver: &mut impl FnMut(&mut B) -> Result<()>,
    ) -> Result<()> {
        let end = self.offset().saturating_add(distance).min(self.scanner.size);
        while self.scanner.step(end, BATCH, &mut self.batch)? {
            if self.batch.size() >= BATCH {
                deliver(&mut self.batch)?;
            }
        }
        Ok(())
    }

    /// Takes over what was found, if its chain starts where this one stands; returns the batch,
    /// empty, if so.
    fn adopt(
        &mut self,
        mut found: Found<B>,
        deliver: &mut impl FnMut(&mut B) -> Result<()>,
    ) -> Result<Option<B>> {
        if found.start != self.offset() {
            return Ok(None);
        }
        deliver(&mut self.batch)?;
        deliver(&mut found.batch)?;
        self.scanner.chain.go_to(self.record() + found.records, found.end);
        self.scanner.report_if_due()?;
        Ok(Some(found.batch))
    }

    /// Waits for what a segment gave; none if there is nothing.
    fn wait(&mut self, reply: &Receiver<Option<Found<B>>>) -> Result<Option<Found<B>>> {
        loop {
            match reply.recv_timeout(PATIENCE) {
                Ok(found) => return Ok(found),
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
                Err(RecvTimeoutError::Timeout) => self.scanner.report(self.offset())?,
            }
        }
    }
}

/// The least bytes in a segment of records of `mean` bytes.
fn least_segment(mean: u64) -> u64 {
    SEGMENT.max(mean.saturating_mul(SEGMENT_RECORDS))
}

/// Bytes in a segment of records of `mean` bytes, where `threads` walk `size` bytes.
fn segment_length(mean: u64, size: u64, threads: usize) -> u64 {
    let share = size / (SEGMENTS_PER_THREAD * threads as u64);
    share.min(mean.saturating_mul(FULL_SEGMENT_RECORDS)).max(least_segment(mean))
}

/// The chain from the first header that was found in a segment.
struct Found<B> {
    start: u64,
    end: u64,
    records: u64,
    batch: B,
    /// How long it took to walk.
    time: Duration,
}

/// A segment to be walked from the first header within `search` bytes, until the batch, which is
/// empty at first, takes `limit` bytes.
struct Job<B> {
    start: u64,
    end: u64,
    search: u64,
    batch: B,
    limit: usize,
    reply: Sender<Option<Found<B>>>,
}

/// How far the proven chain is when there is no more to wait for.
const OVER: u64 = u64::MAX;

/// Says so when it is dropped: whatever is under way is of no use then.
struct Over<'a>(&'a AtomicU64);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(OVER, Ordering::Relaxed);
    }
}

/// Walks the source in segments, to its end or to where that is of no use; to begin with, records
/// are of `mean` bytes, and hops `slow` or not.
fn walk_in_segments<S: ReadAt + Sync, B: Batch>(
    source: &S,
    options: &Options<'_>,
    proven: &mut Proven<'_, &S, B>,
    mut mean: u64,
    slow: bool,
    deliver: &mut impl FnMut(&mut B) -> Result<()>,
) -> Result<()> {
    let size = proven.scanner.size;
    let passed = AtomicU64::new(proven.offset());
    let (jobs, queue) = channel::<Job<B>>();
    let queue = Mutex::new(queue);
    let checksums = options.checksums;
    let work = || {
        // A giant payload is not read to its end when nobody waits for it any more.
        let watch = |_| match passed.load(Ordering::Relaxed) {
            OVER => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        };
        let options = Options::new().checksums(checksums).progress(&watch);
        // Of what the data was, were it to grow meanwhile.
        let mut scanner = Scanner::of_size(source, size, &options);
        loop {
            let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()?;
            let reply = job.reply.clone();
            // A panic is the proven chain's to meet, on the thread of who called.
            let walk = AssertUnwindSafe(|| walk_segment(&mut scanner, job, &passed));
            let found = panic::catch_unwind(walk).ok().flatten();
            let _ = reply.send(found); // nobody listens if the proven chain is past it
        }
    };
    thread::scope(|scope| {
        let mut workers = Workers::new(scope, &work, options, slow);
        let jobs = jobs; // dropped before them, so that they leave
        let _over = Over(&passed);
        let mut pending = VecDeque::new();
        let mut emptied: Vec<B> = Vec::new();
        let mut next = proven.offset();
        let mut futile = 0;
        let mut result = Ok(());
        while futile < FUTILE {
            if pending.is_empty() && !proven.is_worth_sharing(mean) {
                break;
            }
            let threads = workers.hire(mean, size / least_segment(mean));
            if threads == 0 {
                break; // the system has none to spare
            }
            source.advise_sparse(workers.are_hopping(mean));
            let length = segment_length(mean, size, threads);
            next = next.max(proven.offset());
            while pending.len() < threads + AHEAD && next < size {
                let end = next.saturating_add(length).min(size);
                let (reply, found) = channel();
                let search = SEARCH.max(mean.saturating_mul(2));
                let batch = emptied.pop().unwrap_or_default();
                let limit = BATCH.min(BATCHES / (threads + AHEAD));
                let _ = jobs.send(Job { start: next, end, search, batch, limit, reply });
                pending.push_back((end, found));
                next = end;
            }
            let Some((end, reply)) = pending.pop_front() else { break };
            let (offset, record) = (proven.offset(), proven.record());
            if offset >= end {
                continue; // hopped over
            }
            passed.store(offset, Ordering::Relaxed);
            let step = proven.wait(&reply).and_then(|found| {
                let adopted = match found {
                    Some(found) => {
                        workers.hops_are_slow |= is_slow(found.time, found.records);
                        proven.adopt(found, deliver)?
                    }
                    None => None,
                };
                futile = if adopted.is_some() { 0 } else { futile + 1 };
                emptied.extend(adopted);
                proven.walk(end.saturating_sub(proven.offset()), deliver)
            });
            if let Err(error) = step {
                result = Err(error);
                break;
            }
            mean = (proven.offset() - offset) / (proven.record() - record).max(1);
        }
        result
    })
}

/// Whether hops over so many records waited for a medium.
fn is_slow(time: Duration, records: u64) -> bool {
    time.as_nanos() > SLOW_HOP.as_nanos() * u128::from(records)
}

/// The threads that walk segments.
struct Workers<'scope, 'env, W> {
    crew: Crew<'scope, 'env>,
    work: &'scope W,
    options: &'scope Options<'env>,
    processors: usize,
    hops_are_slow: bool,
}

impl<'scope, 'env, W: Fn() -> Option<()> + Sync> Workers<'scope, 'env, W> {
    fn new(
        scope: &'scope Scope<'scope, 'env>,
        work: &'scope W,
        options: &'scope Options<'env>,
        hops_are_slow: bool,
    ) -> Self {
        let processors = threads::processors();
        Workers { crew: Crew::new(scope), work, options, processors, hops_are_slow }
    }

    /// Has as many threads as records of `mean` bytes ask for, but no more than there are segments;
    /// returns how many.
    fn hire(&mut self, mean: u64, segments: u64) -> usize {
        let wanted = match self.options.threads {
            0 if self.hops_are_slow && self.are_hopping(mean) => HOPPING_THREADS,
            0 => self.processors.min(READING_THREADS),
            threads => threads,
        };
        let wanted = wanted.min(usize::try_from(segments).unwrap_or(usize::MAX)).max(1);
        while self.crew.len() < wanted && self.crew.start(self.work) {}
        wanted.min(self.crew.len()) // fewer will do
    }

    /// Whether records of `mean` bytes are hopped over.
    fn are_hopping(&self, mean: u64) -> bool {
        mean > HOP && self.options.checksums != Checksums::Full
    }
}

/// Walks a segment from the first header in it, until its end, a fault, or a full batch.
fn walk_segment<S: ReadAt, B: Batch>(
    scanner: &mut Scanner<'_, &S>,
    job: Job<B>,
    passed: &AtomicU64,
) -> Option<Found<B>> {
    let start = find_header(scanner, &job, passed)?;
    let begun = Instant::now();
    let mut batch = job.batch;
    scanner.chain = Chain::checked_from(start);
    while batch.size() < job.limit {
        if passed.load(Ordering::Relaxed) > start {
            return None; // the proven chain cannot arrive at the start any more
        }
        match scanner.step(job.end, job.limit, &mut batch) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) if error.kind() == ErrorKind::OutOfMemory => return None, // not all is in it
            Err(_) => break, // judged by the proven chain, when it comes here
        }
    }
    let (records, end) = (scanner.chain.record(), scanner.chain.offset());
    (records > 0).then(|| Found { start, end, records, batch, time: begun.elapsed() })
}

/// The offset of the first header of a frame that fits, its CRC right.
fn find_header<S: ReadAt, B>(
    scanner: &mut Scanner<'_, &S>,
    job: &Job<B>,
    passed: &AtomicU64,
) -> Option<u64> {
    scanner.window.start_at(job.start);
    let mut at = job.start;
    let end = job.end.min(job.start.saturating_add(job.search));
    while at < end && passed.load(Ordering::Relaxed) <= at {
        match look(&mut scanner.window, &scanner.source, at, end, scanner.size).ok()? {
            Look::Header(at) => return Some(at),
            Look::NoneBefore(next) => at = next,
            Look::End => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests;
