//! Looks at the files of a set: the state of each index, each record's size, damage, and which records
//! are the sample.

use std::ops::{ControlFlow, Range};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::histogram::Histogram;
use super::judge::{checksums_of, judge, judge_text, Judged, Walkable};
use super::sample::{key, Sample};
use super::state::{is_damage, State};
use crate::dataset::{Comparison, IndexText, OpenShard};
use crate::error::{Error, ErrorKind, Result};
use crate::index::{Entries, Entry};
use crate::open::{open, open_beside};
use crate::options::{Checksums, Options, Progress, Skipped};
use crate::scan::Scanner;
use crate::several::{in_order, until_over};
use crate::shards::{Shard, Shards};
use crate::threads::Pool;

/// The most damaged regions of a file that are kept, and of all files. The others are counted.
const REGIONS_OF_FILE: usize = if cfg!(test) { 3 } else { 100 };
const REGIONS: usize = if cfg!(test) { 5 } else { 1000 };

/// What is known of one file, in a few bytes: a set may have many.
#[derive(Debug)]
pub(super) struct Row {
    pub state: State,
    /// `None`: the file cannot be read.
    pub records: Option<u64>,
    /// The size of the file.
    pub bytes: u64,
    /// The size of its data, decompressed.
    pub data_bytes: u64,
    pub compression: Option<&'static str>,
    /// Which checksums it has. `None`: it has no record.
    pub checksums: Option<&'static str>,
    pub damaged_regions: u64,
    pub damaged_bytes: u64,
    /// Why its index is not used, or why the file failed.
    pub reason: Option<Error>,
    pub failed: bool,
}

/// A damaged region of a file.
#[derive(Debug, Clone)]
pub(super) struct Region {
    pub shard: usize,
    /// In the data, decompressed.
    pub start: u64,
    pub end: u64,
    /// How many good records are before it.
    pub record: u64,
    pub error: Error,
}

/// A record of the sample.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub shard: usize,
    pub record: u64,
    pub entry: Entry,
}

/// What is known of all files.
pub(super) struct Walked {
    pub rows: Vec<Row>,
    /// Of all payloads.
    pub sizes: Histogram,
    pub sample: Sample<Place>,
    pub regions: Vec<Region>,
}

impl Walked {
    /// Adds a damaged region, if there is room for it.
    pub fn add_region(&mut self, region: Region) {
        if self.regions.len() < REGIONS {
            self.regions.push(region);
        }
    }
}

/// What one file adds to it.
struct Part {
    row: Row,
    sizes: Histogram,
    sample: Sample<Place>,
    regions: Vec<Region>,
}

/// How far the walk is.
struct Counts {
    bytes: AtomicU64,
    /// The size of the files. That of distant ones is known once they are open.
    total: AtomicU64,
    records: AtomicU64,
    /// Records with a greater key are not in the sample.
    limit: AtomicU64,
    is_over: AtomicBool,
}

/// Walks all files, several at once, in up to that many threads. Calls the progress callback of
/// `options`.
///
/// # Errors
/// [`ErrorKind::Cancelled`].
pub(super) fn walk(
    shards: &Shards,
    open: Option<&OpenShard<'_>>,
    options: &Options<'_>,
    (sample, seed): (usize, u64),
    threads: usize,
) -> Result<Walked> {
    let comparison = Comparison::new(shards);
    let size = |shard: &Shard| shard.path.metadata().map_or(0, |file| file.len());
    let sizes = shards.iter().filter(|_| open.is_none()).map(size);
    let counts = Counts {
        bytes: AtomicU64::new(0),
        total: AtomicU64::new(sizes.sum()),
        records: AtomicU64::new(0),
        limit: AtomicU64::new(u64::MAX),
        is_over: AtomicBool::new(false),
    };
    let mut walked = Walked {
        rows: Vec::with_capacity(shards.len()),
        sizes: Histogram::default(),
        sample: Sample::of(sample),
        regions: Vec::new(),
    };
    let work = |number: usize, pool: &Pool| {
        let comparison = &comparison;
        let file = File { shards, number, comparison, counts: &counts, seed, open };
        file.walk(&Options { pool: Some(pool), ..*options }, sample)
    };
    let poll = || {
        let bytes_total = counts.total.load(Ordering::Relaxed);
        let bytes_done = counts.bytes.load(Ordering::Relaxed).min(bytes_total);
        let records = counts.records.load(Ordering::Relaxed);
        options.report(Progress { bytes_done, bytes_total, records })
    };
    let take = |_, part: Part| {
        walked.sizes.merge(&part.sizes);
        walked.sample.merge(part.sample);
        counts.limit.store(walked.sample.limit(), Ordering::Relaxed);
        part.regions.into_iter().for_each(|region| walked.add_region(region));
        walked.rows.push(part.row);
        Ok(())
    };
    in_order(shards.len(), threads, &counts.is_over, work, poll, take)?;
    let (records, bytes_total) = (counts.records.into_inner(), counts.total.into_inner());
    options.report(Progress { bytes_done: bytes_total, bytes_total, records })?;
    Ok(walked)
}

/// A file that is walked.
struct File<'w> {
    shards: &'w Shards,
    number: usize,
    comparison: &'w Comparison<'w>,
    counts: &'w Counts,
    seed: u64,
    open: Option<&'w OpenShard<'w>>,
}

impl File<'_> {
    fn shard(&self) -> &Shard {
        &self.shards[self.number]
    }

    fn path(&self) -> &Path {
        &self.shard().path
    }

    fn walk(&self, options: &Options<'_>, sample: usize) -> Part {
        let (done, counts) = (AtomicU64::new(0), self.counts);
        let watch = |at: Progress| {
            let before = done.fetch_max(at.bytes_done, Ordering::Relaxed);
            let more = at.bytes_done.saturating_sub(before);
            counts.bytes.fetch_add(more, Ordering::Relaxed);
            until_over(&counts.is_over)(())
        };
        let options = options.progress(&watch).salvage(false).resume(false);
        let row = Row {
            state: State::Unreadable,
            records: None,
            bytes: 0,
            data_bytes: 0,
            compression: None,
            checksums: None,
            damaged_regions: 0,
            damaged_bytes: 0,
            reason: None,
            failed: true,
        };
        let (sizes, sample) = (Histogram::default(), Sample::of(sample));
        let mut part = Part { row, sizes, sample, regions: Vec::new() };
        self.fill(&options, &mut part);
        let done = done.into_inner();
        counts.bytes.fetch_add(part.row.bytes.saturating_sub(done), Ordering::Relaxed);
        counts.records.fetch_add(part.row.records.unwrap_or(0), Ordering::Relaxed);
        part
    }

    fn fill(&self, options: &Options<'_>, part: &mut Part) {
        let repeated = match self.open {
            Some(open) => self.fill_from_opener(open, options, part),
            None => self.fill_from_path(options, part),
        };
        self.compare(options, repeated, &mut part.row);
    }

    /// Fills in what a local file and its index say. Returns whether the index repeats records.
    fn fill_from_path(&self, options: &Options<'_>, part: &mut Part) -> bool {
        match self.path().metadata() {
            Err(error) => {
                part.row.reason = Some(Error::io("open", error).of(self.path()));
                return false;
            }
            Ok(metadata) => part.row.bytes = metadata.len(),
        }
        let judged = judge(self.shard(), options);
        let opened = match &judged.index_path {
            Some(index_path) => open_beside(self.path(), index_path),
            None => open(self.path()),
        };
        self.fill_from_data(opened, judged, options, part)
    }

    /// The same for a shard that is no local file.
    fn fill_from_opener(
        &self,
        open: &OpenShard<'_>,
        options: &Options<'_>,
        part: &mut Part,
    ) -> bool {
        let opened = open(self.number).and_then(|source| {
            part.row.bytes = source.bytes()?;
            self.counts.total.fetch_add(part.row.bytes, Ordering::Relaxed);
            source.into_data()
        });
        let (opened, judged) = match opened {
            Ok((data, text)) => {
                let judged =
                    judge_text(self.shard(), text.as_ref().map(IndexText::bytes), &data, options);
                (Ok(data), judged)
            }
            Err(error) => (Err(error), Judged::unused(State::NoIndex, None, None)),
        };
        self.fill_from_data(opened, judged, options, part)
    }

    fn fill_from_data(
        &self,
        opened: Result<impl Walkable>,
        judged: Judged<impl Entries>,
        options: &Options<'_>,
        part: &mut Part,
    ) -> bool {
        let Judged { state, index, reason, repeated, .. } = judged;
        (part.row.state, part.row.reason) = (state, reason);
        let is_open = opened.is_ok();
        let index = index.filter(|_| options.checksums != Checksums::Full);
        let read = opened.and_then(|data| {
            part.row.compression = data.compression();
            self.read_entries(&data, index, options, part)?;
            let size = data.size().map_err(|error| Error::io("find the size", error))?;
            part.row.data_bytes = size;
            part.row.checksums =
                checksums_of(&data, &part.sample)?.filter(|_| part.sizes.count() > 0);
            Ok(())
        });
        match read {
            Ok(()) => {
                part.row.failed = false;
                part.row.records = Some(part.sizes.count());
            }
            Err(error) => {
                let tells =
                    !is_open || error.kind() == ErrorKind::NotTfRecord || is_damage(error.kind());
                if state == State::NoIndex && tells {
                    part.row.state = State::of_error(&error);
                }
                let no_sample = Sample::of(0);
                (part.sizes, part.sample) = (Histogram::default(), no_sample);
                part.row.reason = Some(error.of(self.path()));
            }
        }
        repeated
    }

    /// Reads the entries of the index that fits, or scans the data. Skips damage.
    fn read_entries(
        &self,
        data: &impl Walkable,
        index: Option<impl Entries>,
        options: &Options<'_>,
        part: &mut Part,
    ) -> Result<()> {
        let nothing = part.sample.clone();
        if let Some(index) = index {
            let has_gaps = part.row.state == State::DamageLeftOut;
            let mut end = 0;
            for entry in index.range(0..index.len()) {
                let entry = entry?;
                if has_gaps && entry.offset > end {
                    self.add_gap(data, end..entry.offset, options, part);
                }
                end = entry.end();
                self.add(entry, part);
            }
            let size = data.size().map_err(|error| Error::io("find the size", error))?;
            if has_gaps && size > end {
                self.add_gap(data, end..size, options, part);
            }
            return Ok(());
        }
        let scan = |options: &Options<'_>, part: &mut Part| {
            data.scan(options, |batch: &mut Vec<Entry>| {
                batch.drain(..).for_each(|entry| self.add(entry, part));
                Ok(())
            })
        };
        let error = match scan(options, part) {
            Ok(_) => return Ok(()),
            Err(error) if is_damage(error.kind()) && options.checksums != Checksums::None => error,
            Err(error) => return Err(error),
        };
        (part.sizes, part.sample) = (Histogram::default(), nothing);
        let skipped = Mutex::new((0, 0, Vec::new()));
        let note = |region: Skipped| {
            let mut skipped = skipped.lock().unwrap_or_else(PoisonError::into_inner);
            let Skipped { bytes, record, error, .. } = region;
            skipped.0 += 1;
            skipped.1 += bytes.end - bytes.start;
            if skipped.2.len() < REGIONS_OF_FILE {
                let (shard, error) = (self.number, error.of(self.path()));
                skipped.2.push(Region { shard, start: bytes.start, end: bytes.end, record, error });
            }
            ControlFlow::Continue(())
        };
        match scan(&options.salvage(true).on_skipped(&note), part) {
            Ok(_) => {}
            Err(cancelled) if cancelled.kind() == ErrorKind::Cancelled => return Err(cancelled),
            Err(_) => return Err(error),
        }
        let (regions, bytes, kept) = skipped.into_inner().unwrap_or_else(PoisonError::into_inner);
        (part.row.damaged_regions, part.row.damaged_bytes, part.regions) = (regions, bytes, kept);
        Ok(())
    }

    /// Adds a region that the index leaves out: what a scan says of its start.
    fn add_gap(
        &self,
        data: &impl Walkable,
        gap: Range<u64>,
        options: &Options<'_>,
        part: &mut Part,
    ) {
        part.row.damaged_regions += 1;
        part.row.damaged_bytes += gap.end - gap.start;
        if part.regions.len() >= REGIONS_OF_FILE {
            return;
        }
        let record = part.sizes.count();
        let size = data.size().unwrap_or(gap.end);
        let full = options.checksums(Checksums::Full);
        let error = match Scanner::from(data, gap.start, size, &full).next() {
            Some(Err(error)) => error,
            _ => Error::new(ErrorKind::Mismatch, "the index has no entry for these bytes"),
        };
        let error = error.at(record, gap.start).of(self.path());
        let (shard, start, end) = (self.number, gap.start, gap.end);
        part.regions.push(Region { shard, start, end, record, error });
    }

    #[inline]
    fn add(&self, entry: Entry, part: &mut Part) {
        let record = part.sizes.count();
        part.sizes.add(entry.payload_len());
        let key = key(self.seed, self.number as u64, record);
        if part.sample.takes(key) && key <= self.counts.limit.load(Ordering::Relaxed) {
            part.sample.add(key, Place { shard: self.number, record, entry });
        }
    }

    /// Compares the file with what a manifest says of it.
    fn compare(&self, options: &Options<'_>, repeated: bool, row: &mut Row) {
        if self.open.is_some() {
            return; // what a store says of its files is the opener's business
        }
        let is_missing = row.reason.as_ref().and_then(Error::os_error) == Some(libc::ENOENT);
        let says_more = match row.state {
            State::Damaged | State::NotTfRecord(_) => true,
            State::Unreadable => !is_missing,
            _ => false,
        };
        if says_more {
            return;
        }
        let records = row.records.filter(|_| row.state.is_fine() && !repeated);
        let options = Options { pool: None, ..*options };
        if let Err(error) = self.comparison.ensure_as_listed(self.number, records, &options) {
            row.state = match error.kind() {
                ErrorKind::Mismatch => State::Changed,
                _ if error.os_error() == Some(libc::ENOENT) => State::Missing,
                _ => State::of_error(&error),
            };
            (row.reason, row.failed) = (Some(error), true);
        }
    }
}
