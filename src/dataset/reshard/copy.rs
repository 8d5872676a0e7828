//! Copies records to the new shards, several shards at the same time.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{channel, RecvTimeoutError, Sender};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::names::Names;
use super::plan::Plan;
use super::sources::Sources;
use crate::catalog::ManifestRow;
use crate::create::default_index_path;
use crate::dataset::Dataset;
use crate::error::{Error, ErrorKind, Result};
use crate::frame::{Header, FOOTER_LEN, HEADER_LEN};
use crate::options::{Options, Progress};
use crate::order::Order;
use crate::reader::Payloads;
use crate::threads::{self, Crew, FirstError};
use crate::writer::RecordWriter;

const TINY: bool = cfg!(any(test, fuzzing));

/// About how many bytes a thread reads at a time: in order, few enough for the cache; shuffled, so
/// many that several records of a file are read together.
const IN_ORDER: usize = if TINY { 500 } else { 4 << 20 };
const SHUFFLED: usize = if TINY { 500 } else { 32 << 20 };
/// The most records at a time.
const RECORDS: u64 = if TINY { 10 } else { 1 << 16 };

pub(super) struct Copy<'a> {
    dataset: &'a Dataset,
    order: &'a Order,
    plan: &'a Plan,
    sources: &'a Sources<'a>,
    /// About how many bytes are read at a time, and how many records to try.
    window: usize,
    batch: u64,
    next: AtomicUsize,
    done_bytes: AtomicU64,
    done_records: AtomicU64,
    /// For each old shard, how many records got other checksums.
    unchecked: Vec<AtomicU64>,
    rows: Mutex<Vec<Option<ManifestRow>>>,
    first_error: FirstError,
}

/// A thread's part of the work.
struct Worker<'a> {
    copy: &'a Copy<'a>,
    directory: &'a Path,
    names: &'a Names<'a>,
    options: Options<'a>,
    /// How many there are.
    workers: usize,
    /// Whether this is the caller's thread, which reports the progress.
    reports: bool,
    records: Vec<u64>,
    payloads: Payloads,
}

impl<'a> Copy<'a> {
    pub fn new(
        dataset: &'a Dataset,
        order: &'a Order,
        plan: &'a Plan,
        sources: &'a Sources<'a>,
    ) -> Copy<'a> {
        let is_shuffled = order.state().seed.is_some();
        let window = if is_shuffled { SHUFFLED } else { IN_ORDER };
        let average = plan.bytes() / plan.records();
        Copy {
            dataset,
            order,
            plan,
            sources,
            window,
            batch: (window as u64 / average + 1).min(RECORDS),
            next: AtomicUsize::new(0),
            done_bytes: AtomicU64::new(0),
            done_records: AtomicU64::new(0),
            unchecked: (0..sources.len()).map(|_| AtomicU64::new(0)).collect(),
            rows: Mutex::new((0..plan.len()).map(|_| None).collect()),
            first_error: FirstError::new(plan.len()),
        }
    }

    /// Writes the shards to a directory. Returns what the manifest says of them, and which files
    /// had records without valid checksums.
    pub fn run(
        self,
        directory: &Path,
        names: &Names<'_>,
        options: &Options<'_>,
    ) -> Result<(Vec<ManifestRow>, Vec<Error>)> {
        let threads = match options.threads {
            0 => threads::processors().min(threads::READING),
            threads => threads,
        };
        let workers = threads.min(self.plan.len());
        let worker = |reports| Worker {
            copy: &self,
            directory,
            names,
            options: *options,
            workers,
            reports,
            records: Vec::new(),
            payloads: Payloads::default(),
        };
        self.report(options)?;
        if options.threads == 1 {
            worker(true).work();
        } else {
            thread::scope(|scope| {
                let (alive, ended) = channel();
                let mut crew = Crew::new(scope);
                let start = |_| {
                    let (mut worker, alive) = (worker(false), Sender::clone(&alive));
                    crew.start(move || worker.work_until_done(alive))
                };
                (0..workers).all(start);
                drop(alive);
                if crew.len() == 0 {
                    worker(true).work();
                }
                while ended.recv_timeout(threads::POLL_INTERVAL) == Err(RecvTimeoutError::Timeout) {
                    self.report_or_stop(options);
                }
            });
        }
        self.report_or_stop(options);
        self.first_error.into_result()?;
        let counts = self.unchecked.into_iter().map(AtomicU64::into_inner).enumerate();
        let unchecked = counts.filter(|(_, count)| *count > 0).map(|(shard, count)| {
            let detail = format!(
                "the file was written without valid checksums: {count} records could not be \
                 checked; their copies have valid checksums"
            );
            Error::new(ErrorKind::LengthCrc, detail).of(self.sources.path(shard))
        });
        let rows = self.rows.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok((rows.into_iter().flatten().collect(), unchecked.collect()))
    }

    fn report(&self, options: &Options<'_>) -> Result<()> {
        options.report(Progress {
            bytes_done: self.done_bytes.load(Relaxed),
            bytes_total: self.plan.bytes(),
            records: self.done_records.load(Relaxed),
        })
    }

    fn report_or_stop(&self, options: &Options<'_>) {
        if let Err(error) = self.report(options) {
            self.first_error.note(0, error);
        }
    }
}

impl Worker<'_> {
    fn work_until_done(&mut self, alive: Sender<()>) {
        self.work();
        drop(alive);
    }

    fn work(&mut self) {
        loop {
            let shard = self.copy.next.fetch_add(1, Relaxed);
            if shard >= self.copy.plan.len() || !self.is_needed(shard) {
                return;
            }
            match self.copy_shard(shard) {
                Ok(row) => {
                    let rows = self.copy.rows.lock();
                    rows.unwrap_or_else(PoisonError::into_inner)[shard] = row;
                }
                Err(error) => self.copy.first_error.note(shard, error),
            }
        }
    }

    /// Whether no earlier shard has failed, nor was the work cancelled.
    fn is_needed(&self, shard: usize) -> bool {
        if self.reports {
            self.copy.report_or_stop(&self.options);
        }
        self.copy.first_error.is_before(shard)
    }

    /// Copies one shard; `None` if it is not needed any more.
    fn copy_shard(&mut self, shard: usize) -> Result<Option<ManifestRow>> {
        let path = self.directory.join(self.names.shard(shard));
        let index_path = default_index_path(&path);
        let options = Options::new().sync(self.options.sync);
        let mut writer = RecordWriter::create(&path, &index_path, &options)?;
        let Copy { dataset, order, plan, window, batch, .. } = *self.copy;
        let (mut position, end) = plan.run(shard);
        while position < end {
            if !self.is_needed(shard) {
                return Ok(None);
            }
            self.records.resize(batch.min(end - position) as usize, 0);
            order.fill(position, &mut self.records);
            let payloads = &mut self.payloads;
            let count = dataset.read_first(&self.records, window, payloads, self.workers)?;
            self.records.truncate(count);
            self.write(&mut writer)?;
            position += count as u64;
            self.copy.done_bytes.fetch_add(self.payloads.bytes().len() as u64, Relaxed);
            self.copy.done_records.fetch_add(count as u64, Relaxed);
        }
        let records = writer.finish()?;
        let file = fs::metadata(&path).map_err(|error| Error::io("open", error).of(&path))?;
        let mtime_ns = file.mtime().saturating_mul(1_000_000_000).saturating_add(file.mtime_nsec());
        let (bytes, mtime_ns) = (file.len(), Some(mtime_ns));
        Ok(Some(ManifestRow { path, bytes, records, mtime_ns, index_path: Some(index_path) }))
    }

    /// Writes the frames that were read: as they are, if they were checked.
    fn write(&self, writer: &mut RecordWriter) -> Result<()> {
        let Copy { dataset, sources, unchecked, .. } = self.copy;
        if sources.are_all_checked() {
            return writer.write_frames(self.payloads.bytes(), self.payloads.offsets());
        }
        for (record, frame) in self.records.iter().zip(&self.payloads) {
            let shard = dataset.locate(*record)?.shard;
            if sources.is_checked(shard) {
                writer.write_frames(frame, &[0, frame.len()])?;
                continue;
            }
            let (header, rest) = frame.split_at(HEADER_LEN);
            writer.write(&rest[..rest.len() - FOOTER_LEN])?;
            if !Header::decode(header.try_into().expect("12 bytes")).crc_holds() {
                unchecked[shard].fetch_add(1, Relaxed);
            }
        }
        Ok(())
    }
}
