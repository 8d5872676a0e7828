//! Segments of one source, walked by several threads.
//!
//! A chain of headers is sequential, but the CRC of a length finds record starts in the middle of a
//! source. So other threads walk each segment from the first header found in it: a guess. The main
//! chain, which starts at offset 0, adopts a segment's entries if it arrives exactly where the
//! segment's chain starts, and walks through the segment itself if not. A wrong guess costs time
//! and changes nothing. Errors are those of the main chain.

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
use super::{Batch, Scanner};
use crate::error::{ErrorKind, Result};
use crate::frame::HEADER_LEN;
use crate::options::{Checksums, Options};
use crate::source::{is_seek, ReadAt, ReadCost};
use crate::threads::{self, Crew, Pool, POLL_INTERVAL};

/// The tests' and the fuzzers' segments are tiny, so that small files have many.
const TINY: bool = cfg!(any(test, fuzzing));

/// A batch of more bytes than this is delivered.
const BATCH: usize = if TINY { 20 * 16 } else { 512 << 10 };
/// The most bytes of all batches together: with many threads, each batch is smaller.
const BATCHES: usize = 16 * BATCH;
/// A segment's least bytes and records: much more work than handing it over and finding its first
/// record.
const SEGMENT: u64 = if TINY { 300 } else { 512 << 10 };
const SEGMENT_RECORDS: u64 = if TINY { 3 } else { 128 };
/// A segment's most records: their entries fit in a batch.
const FULL_SEGMENT_RECORDS: u64 = if TINY { 12 } else { 16 << 10 };
/// Segments per thread, unless they become too small: enough that all threads end at about the same
/// time.
const SEGMENTS_PER_THREAD: u64 = 16;
/// The least distance to search for a segment's first record; otherwise twice the mean record size.
const SEARCH: u64 = if TINY { 100 } else { 64 << 10 };
/// Where seeks take longer than this, threads wait for storage and not for a processor (the page
/// cache answers in half a microsecond).
const SLOW_SEEK: Duration = Duration::from_micros(50);
/// Segments that wait for the main chain while all threads work.
const AHEAD: usize = 4;
/// The most bytes that the main chain walks alone while it waits for threads of a pool.
const POOLED: u64 = if TINY { 600 } else { 16 << 20 };
/// Of a distant source, the records of a segment where each takes a request: the first one is found
/// by reading one record, so that this many requests are as many percent of the bytes.
const DISTANT_RECORDS: u64 = if TINY { 3 } else { 24 };
/// And where they are read along: how many fit in a batch.
const DISTANT_BATCH: usize = if TINY { 40 * 16 } else { 1 << 20 };
/// After this many consecutive segments that could not be adopted, the main chain continues alone
/// for a while.
const MAX_MISSES: u32 = 4;
/// Scans a source, delivers its entries in order, in batches, and returns the number of records.
/// `from` is the number and the offset of the first record to scan.
///
/// `deliver` must empty the batch. It and the progress callback are called on the caller's thread.
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
    let mut main = MainChain { scanner: Scanner::new(source, options)?, batch: B::default() };
    main.scanner.resume(from.0, from.1)?;
    let cost = source.cost();
    // Far enough to know the size of records, and whether their checksums are valid.
    let mut alone = cost.map_or(SEGMENT, ReadCost::scanned_span);
    while !main.is_at_end() {
        let (begun, record) = (Instant::now(), main.record());
        main.walk(alone, &mut deliver)?;
        let slow = is_slow(begun.elapsed(), main.record() - record);
        let mean = main.offset() / main.record().max(1);
        let alone_is_best = options.threads == 1
            || !main.is_worth_sharing(least_segment(mean, cost))
            || source.is_sequential();
        let has_threads = options.pool.map_or(true, Pool::has_free);
        if main.scanner.chain.is_checked() && !alone_is_best && has_threads {
            walk_in_segments(source, options, &mut main, mean, slow, &mut deliver)?;
        }
        alone = alone.saturating_mul(4);
        if options.pool.is_some() {
            alone = alone.min(POOLED); // then another file may have left its thread to this one
        }
    }
    deliver(&mut main.batch)?;
    main.scanner.next_entry()?; // returns `None`, and reports the progress at the end
    Ok(main.record())
}

/// The chain from offset 0.
struct MainChain<'a, S, B> {
    scanner: Scanner<'a, S>,
    batch: B,
}

impl<S: ReadAt, B: Batch> MainChain<'_, S, B> {
    fn offset(&self) -> u64 {
        self.scanner.chain.offset()
    }

    fn record(&self) -> u64 {
        self.scanner.chain.record()
    }

    fn is_at_end(&self) -> bool {
        self.offset() >= self.scanner.size
    }

    /// Whether enough data is left to share it: two segments of at least that many bytes.
    fn is_worth_sharing(&self, least: u64) -> bool {
        self.scanner.size - self.offset() >= least.saturating_mul(2)
    }

    /// Walks at least `distance` bytes further, to the end of a record.
    fn walk(
        &mut self,
        distance: u64,
        deliver: &mut impl FnMut(&mut B) -> Result<()>,
    ) -> Result<()> {
        let end = self.offset().saturating_add(distance).min(self.scanner.size);
        self.scanner.window.limit(last_header(end));
        while self.scanner.step(end, BATCH, &mut self.batch)? {
            if self.batch.size() >= BATCH {
                deliver(&mut self.batch)?;
            }
        }
        Ok(())
    }

    /// Adopts a segment's entries if its chain starts where this one has arrived. Then returns the
    /// segment's batch, now empty, for another segment.
    fn adopt(
        &mut self,
        mut segment: Segment<B>,
        deliver: &mut impl FnMut(&mut B) -> Result<()>,
    ) -> Result<Option<B>> {
        if segment.start != self.offset() {
            return Ok(None);
        }
        deliver(&mut self.batch)?;
        deliver(&mut segment.batch)?;
        self.scanner.chain.go_to(self.record() + segment.records, segment.end);
        self.scanner.report_if_due()?;
        Ok(Some(segment.batch))
    }

    /// Waits for a segment; `None` if no header was found in it.
    fn wait(&mut self, reply: &Receiver<Option<Segment<B>>>) -> Result<Option<Segment<B>>> {
        loop {
            match reply.recv_timeout(POLL_INTERVAL) {
                Ok(segment) => return Ok(segment),
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
                Err(RecvTimeoutError::Timeout) => self.scanner.report(self.offset())?,
            }
        }
    }
}

/// The end of a header that starts just before `end`.
fn last_header(end: u64) -> u64 {
    end + HEADER_LEN as u64 - 1
}

/// The least bytes in a segment of records of `mean` bytes.
fn least_segment(mean: u64, cost: Option<ReadCost>) -> u64 {
    match cost {
        None => SEGMENT.max(mean.saturating_mul(SEGMENT_RECORDS)),
        Some(_) if is_seek(mean, cost) => mean.saturating_mul(DISTANT_RECORDS),
        Some(cost) => cost.scanned_span().min(mean.max(16) * (DISTANT_BATCH / 32) as u64),
    }
}

/// Bytes in a segment of records of `mean` bytes, where `threads` walk `size` bytes.
fn segment_length(mean: u64, cost: Option<ReadCost>, size: u64, threads: usize) -> u64 {
    let least = least_segment(mean, cost);
    match cost {
        // One request each.
        Some(_) => least,
        None => {
            let share = size / (SEGMENTS_PER_THREAD * threads as u64);
            share.min(mean.saturating_mul(FULL_SEGMENT_RECORDS)).max(least)
        }
    }
}

/// A segment's chain, from the first header found in it.
struct Segment<B> {
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
    reply: Sender<Option<Segment<B>>>,
}

/// The main chain's position when no segment is needed any more.
const STOP: u64 = u64::MAX;

/// Stores [`STOP`] when it is dropped, which ends all work in progress.
struct StopOnDrop<'a>(&'a AtomicU64);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(STOP, Ordering::Relaxed);
    }
}

/// Walks the source in segments, to its end or until that stops paying off. At the start, records
/// have `mean` bytes, and seeks are `slow` or not.
fn walk_in_segments<S: ReadAt + Sync, B: Batch>(
    source: &S,
    options: &Options<'_>,
    main: &mut MainChain<'_, &S, B>,
    mut mean: u64,
    slow: bool,
    deliver: &mut impl FnMut(&mut B) -> Result<()>,
) -> Result<()> {
    let (size, cost) = (main.scanner.size, source.cost());
    let passed = AtomicU64::new(main.offset());
    let (jobs, queue) = channel::<Job<B>>();
    let queue = Mutex::new(queue);
    let checksums = options.checksums;
    let work = || {
        // Stop reading a giant payload when its result is no longer needed.
        let watch = |_| match passed.load(Ordering::Relaxed) {
            STOP => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        };
        let options = Options::new().checksums(checksums).progress(&watch);
        // The size of the data when the scan started. The data may have grown since.
        let mut scanner = Scanner::of_size(source, size, &options);
        loop {
            let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()?;
            let reply = job.reply.clone();
            // The main chain then panics too, on the caller's thread.
            let walk = AssertUnwindSafe(|| walk_segment(&mut scanner, job, &passed));
            let segment = panic::catch_unwind(walk).ok().flatten();
            let _ = reply.send(segment); // fails if the main chain is past it
        }
    };
    thread::scope(|scope| {
        let mut workers = Workers::new(scope, &work, options, cost, slow);
        let jobs = jobs; // dropped before the workers, which makes them end
        let _stop = StopOnDrop(&passed);
        let mut pending = VecDeque::new();
        let mut emptied: Vec<B> = Vec::new();
        let mut next = main.offset();
        let mut misses = 0;
        let mut result = Ok(());
        while misses < MAX_MISSES {
            if pending.is_empty() && !main.is_worth_sharing(least_segment(mean, cost)) {
                break;
            }
            let threads = workers.hire(mean, size / least_segment(mean, cost).max(1));
            if threads == 0 {
                break; // no thread could be started
            }
            source.advise_sparse(workers.are_seeking(mean));
            let length = segment_length(mean, cost, size, threads);
            next = next.max(main.offset());
            while pending.len() < threads + AHEAD && next < size {
                let end = next.saturating_add(length).min(size);
                let (reply, segment) = channel();
                let search = SEARCH.max(mean.saturating_mul(2));
                let batch = emptied.pop().unwrap_or_default();
                let limit = match cost {
                    Some(_) => DISTANT_BATCH,
                    None => BATCH.min(BATCHES / (threads + AHEAD)),
                };
                let _ = jobs.send(Job { start: next, end, search, batch, limit, reply });
                pending.push_back((end, segment));
                next = end;
            }
            let Some((end, reply)) = pending.pop_front() else { break };
            let (offset, record) = (main.offset(), main.record());
            if offset >= end {
                continue; // a record reaches past it
            }
            passed.store(offset, Ordering::Relaxed);
            let step = main.wait(&reply).and_then(|segment| {
                let adopted = match segment {
                    Some(segment) => {
                        workers.seeks_are_slow |= is_slow(segment.time, segment.records);
                        main.adopt(segment, deliver)?
                    }
                    None => None,
                };
                misses = if adopted.is_some() { 0 } else { misses + 1 };
                emptied.extend(adopted);
                main.walk(end.saturating_sub(main.offset()), deliver)
            });
            if let Err(error) = step {
                result = Err(error);
                break;
            }
            mean = (main.offset() - offset) / (main.record() - record).max(1);
        }
        result
    })
}

/// Whether seeks past this many records waited for storage.
fn is_slow(time: Duration, records: u64) -> bool {
    time.as_nanos() > SLOW_SEEK.as_nanos() * u128::from(records)
}

/// The threads that walk segments.
struct Workers<'scope, 'env, W> {
    crew: Crew<'scope, 'env>,
    work: &'scope W,
    options: &'scope Options<'env>,
    cost: Option<ReadCost>,
    processors: usize,
    seeks_are_slow: bool,
    /// Seats in the pool, besides that of the file.
    seats: usize,
}

impl<'scope, 'env, W: Fn() -> Option<()> + Sync> Workers<'scope, 'env, W> {
    fn new(
        scope: &'scope Scope<'scope, 'env>,
        work: &'scope W,
        options: &'scope Options<'env>,
        cost: Option<ReadCost>,
        seeks_are_slow: bool,
    ) -> Self {
        let (crew, processors) = (Crew::new(scope), threads::processors());
        Workers { crew, work, options, cost, processors, seeks_are_slow, seats: 0 }
    }

    /// Starts as many threads as records of `mean` bytes need, but no more than there are segments;
    /// returns how many there are.
    fn hire(&mut self, mean: u64, segments: u64) -> usize {
        let is_waiting = self.cost.is_some() || self.seeks_are_slow && self.are_seeking(mean);
        let waiting = self.cost.map_or(threads::WAITING, ReadCost::scanning);
        let wanted = match self.options.threads {
            0 if is_waiting => waiting,
            0 => self.processors.min(threads::READING),
            threads => threads,
        };
        let mut wanted = wanted.min(usize::try_from(segments).unwrap_or(usize::MAX)).max(1);
        if let Some(pool) = self.options.pool {
            if self.options.threads == 0 && is_waiting {
                pool.widen(waiting);
            }
            // The file's own seat is for one of the threads: the main chain hardly takes time.
            self.seats += pool.take((wanted - 1).saturating_sub(self.seats));
            wanted = wanted.min(1 + self.seats);
        }
        while self.crew.len() < wanted && self.crew.start(self.work) {}
        wanted.min(self.crew.len()) // fewer if the system starts no more
    }

    /// Whether each record of `mean` bytes takes a seek.
    fn are_seeking(&self, mean: u64) -> bool {
        is_seek(mean, self.cost) && self.options.checksums != Checksums::Full
    }
}

impl<W> Drop for Workers<'_, '_, W> {
    fn drop(&mut self) {
        if let Some(pool) = self.options.pool {
            pool.give(self.seats);
        }
    }
}

/// Walks a segment from the first header in it until its end, an error, or a full batch.
fn walk_segment<S: ReadAt, B: Batch>(
    scanner: &mut Scanner<'_, &S>,
    job: Job<B>,
    passed: &AtomicU64,
) -> Option<Segment<B>> {
    let start = find_header(scanner, &job, passed)?;
    let begun = Instant::now();
    let mut batch = job.batch;
    scanner.chain = Chain::checked_from(start);
    while batch.size() < job.limit {
        if passed.load(Ordering::Relaxed) > start {
            return None; // the main chain is already past the start
        }
        match scanner.step(job.end, job.limit, &mut batch) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) if error.kind() == ErrorKind::OutOfMemory => return None, // the batch lacks an entry
            Err(_) => break, // the main chain reports it, if it gets here
        }
    }
    let (records, end) = (scanner.chain.record(), scanner.chain.offset());
    (records > 0).then(|| Segment { start, end, records, batch, time: begun.elapsed() })
}

/// The offset of the first header in the segment with a valid CRC whose frame fits.
fn find_header<S: ReadAt, B>(
    scanner: &mut Scanner<'_, &S>,
    job: &Job<B>,
    passed: &AtomicU64,
) -> Option<u64> {
    scanner.window.start_at(job.start);
    scanner.window.limit(last_header(job.end));
    let mut at = job.start;
    let end = job.end.min(job.start.saturating_add(job.search));
    loop {
        // If the main chain is in the segment, a record starts where it is.
        at = at.max(passed.load(Ordering::Relaxed));
        if at >= end {
            return None;
        }
        match look(&mut scanner.window, &scanner.source, at, end, scanner.size).ok()? {
            Look::Header(at) => return Some(at),
            Look::NoneBefore(next) => at = next,
            Look::End => return None,
        }
    }
}

#[cfg(test)]
mod tests;
