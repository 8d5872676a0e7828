//! Copies records to the new shards, several shards at the same time.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{channel, RecvTimeoutError, Sender};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::names::Names;
use super::plan::Plan;
use super::queue::{Queue, Turn};
use super::sources::Sources;
use crate::catalog::ManifestRow;
use crate::create::default_index_path;
use crate::dataset::open_files::is_too_many;
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

/// What to do if a new file cannot be created.
const TOO_MANY: &str =
    ": the process or the system has too many open files: raise the limit (ulimit -n)";

pub(super) struct Copy<'a> {
    dataset: &'a Dataset,
    order: &'a Order,
    plan: &'a Plan,
    sources: &'a Sources<'a>,
    /// About how many bytes are read at a time, and how many records to try.
    window: usize,
    batch: u64,
    /// How many threads there are.
    workers: usize,
    queue: Queue,
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
    /// Whether this is the caller's thread, which reports the progress.
    reports: bool,
    records: Vec<u64>,
    payloads: Payloads,
    /// What was done of the shard that is being written.
    done: Done,
}

#[derive(Default)]
struct Done {
    bytes: u64,
    records: u64,
    /// For old shards, how many records got other checksums.
    unchecked: BTreeMap<usize, u64>,
}

impl<'a> Copy<'a> {
    pub fn new(
        dataset: &'a Dataset,
        order: &'a Order,
        plan: &'a Plan,
        sources: &'a Sources<'a>,
        threads: usize,
    ) -> Copy<'a> {
        let threads = match threads {
            0 => threads::processors().min(threads::READING),
            threads => threads,
        };
        let workers = threads.min(plan.len());
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
            workers,
            queue: Queue::new(plan.len(), workers),
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
        let worker = |reports| Worker {
            copy: &self,
            directory,
            names,
            options: *options,
            reports,
            records: Vec::new(),
            payloads: Payloads::default(),
            done: Done::default(),
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
                (0..self.workers).all(start);
                (crew.len().max(1)..self.workers).for_each(|_| self.queue.leave());
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
        let copy = self.copy;
        while let Some(turn) = copy.queue.take() {
            let shard = turn.shard;
            if !self.is_needed(shard) {
                return copy.queue.leave();
            }
            match self.copy_shard(&turn) {
                Ok(row) => {
                    for (&shard, &count) in &self.done.unchecked {
                        copy.unchecked[shard].fetch_add(count, Relaxed);
                    }
                    copy.rows.lock().unwrap_or_else(PoisonError::into_inner)[shard] = row;
                }
                Err(error) if is_too_many(&error) => {
                    copy.done_bytes.fetch_sub(self.done.bytes, Relaxed);
                    copy.done_records.fetch_sub(self.done.records, Relaxed);
                    copy.dataset.close_files();
                    if !copy.queue.give_back(&turn) {
                        copy.first_error.note(shard, self.explain(error));
                    }
                }
                Err(error) => copy.first_error.note(shard, error),
            }
        }
    }

    /// Adds what to do if a new file cannot be opened. An old file's error says it.
    fn explain(&self, error: Error) -> Error {
        match error.path().is_some_and(|path| path.starts_with(self.directory)) {
            true => error.adding(TOO_MANY),
            false => error,
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
    fn copy_shard(&mut self, turn: &Turn) -> Result<Option<ManifestRow>> {
        self.done = Done::default();
        let shard = turn.shard;
        let path = self.directory.join(self.names.shard(shard));
        let index_path = default_index_path(&path);
        let options = Options::new().sync(self.options.sync).compression(self.options.compression);
        let mut writer = RecordWriter::create(&path, &index_path, &options)?;
        let Copy { dataset, order, plan, window, batch, workers, .. } = *self.copy;
        let (mut position, end) = plan.run(shard);
        while position < end {
            if !self.is_needed(shard) {
                return Ok(None);
            }
            self.records.resize(batch.min(end - position) as usize, 0);
            order.fill(position, &mut self.records);
            let payloads = &mut self.payloads;
            let count = dataset.read_first(&self.records, window, payloads, workers)?;
            self.records.truncate(count);
            self.write(&mut writer)?;
            position += count as u64;
            let (bytes, records) = (self.payloads.bytes().len() as u64, count as u64);
            self.copy.done_bytes.fetch_add(bytes, Relaxed);
            self.copy.done_records.fetch_add(records, Relaxed);
            (self.done.bytes, self.done.records) =
                (self.done.bytes + bytes, self.done.records + records);
        }
        if turn.is_tight {
            dataset.close_files();
        }
        let records = writer.finish()?;
        let file = fs::metadata(&path).map_err(|error| Error::io("open", error).of(&path))?;
        let mtime_ns = file.mtime().saturating_mul(1_000_000_000).saturating_add(file.mtime_nsec());
        let (bytes, mtime_ns) = (file.len(), Some(mtime_ns));
        let index_path = Some(index_path);
        Ok(Some(ManifestRow { path, bytes, records, mtime_ns, index_path, etag: None }))
    }

    /// Writes the frames that were read: as they are, if they were checked.
    fn write(&mut self, writer: &mut RecordWriter) -> Result<()> {
        let Copy { dataset, sources, .. } = self.copy;
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
                *self.done.unchecked.entry(shard).or_default() += 1;
            }
        }
        Ok(())
    }
}
