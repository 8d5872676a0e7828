//! What a data set does for its calls: finds records, opens shards, notes what is wrong.

use super::log::Log;
use super::open_files::{OpenFiles, Use};
use super::opener::{Expected, OpenShard, Opener, ProgressFn};
use super::read::{self, Errors, Plan, Skip};
use super::spares::Spares;
use super::{Batch, DatasetOptions, OnError};
use crate::error::{Error, ErrorKind, Result};
use crate::example::Features;
use crate::fork::Local;
use crate::gzip::cache_bytes;
use crate::index::Index;
use crate::reader::{ensure_room, with_room, Payloads};
use crate::shards::Shard;
use crate::threads::Width;

pub(super) struct Inner {
    pub opener: Opener,
    /// The number of each shard's first record; at the end, the number of all records.
    pub starts: Vec<u64>,
    pub files: OpenFiles,
    pub log: Local<Log>,
    pub width: Width,
    pub raw_frames: bool,
    /// The memory of batches that were read by single calls.
    pub spares: Spares,
}

/// The most bytes of a batch whose memory is kept for the next call.
const KEPT: usize = 64 << 20;

/// How many requests there are at the same time for shards that a function opens.
const AT_ONCE: usize = 64;

/// How a batch is read.
pub(super) struct How<'h> {
    /// How many threads read batches at the same time: each starts its part of the threads.
    pub calls: usize,
    pub spares: &'h Spares,
    /// What is decoded of the payloads.
    pub features: Option<&'h Features>,
    /// How many neighbouring records this batch and the next ones have, if they come in a window.
    pub window_records: Option<u64>,
}

impl How<'_> {
    /// Whether the records of a window stay in the cache of decompressed data, and those of the next
    /// one: then it is worth it to decompress whole chunks for the first of them.
    fn fit_cache(&self, plan: &Plan) -> bool {
        let (bytes, count) = (plan.size() as u128, plan.offsets.len() as u128);
        self.window_records.is_some_and(|records| {
            u128::from(records) * bytes / count <= u128::from(cache_bytes() / 2)
        })
    }
}

impl Inner {
    pub fn new(
        shards: Vec<Shard>,
        given: Vec<Option<Index>>,
        expected: Vec<Option<Expected>>,
        options: &DatasetOptions,
        open: Option<Box<OpenShard<'static>>>,
    ) -> Inner {
        let files = OpenFiles::new(options.open_files(), options.index_bytes());
        let raw_frames = options.is_raw();
        let options = options.clone();
        let width = match (options.threads, &open) {
            (0, Some(_)) => Width::new(AT_ONCE),
            (threads, _) => Width::new(threads),
        };
        let opener = Opener { shards, given, expected: Vec::new(), options, open };
        let log = Local::new(Log::default());
        let (starts, spares) = (Vec::new(), Spares::new(1, KEPT));
        let mut inner = Inner { opener, starts, files, log, width, raw_frames, spares };
        inner.expect(expected);
        inner
    }

    /// Sets what the shards are known to be.
    pub fn expect(&mut self, expected: Vec<Option<Expected>>) {
        let mut end = 0;
        self.starts = vec![0];
        self.starts.extend(expected.iter().map(|expected| {
            end += expected.as_ref().map_or(0, |expected| expected.records);
            end
        }));
        self.opener.expected = expected;
    }

    pub fn len(&self) -> u64 {
        self.starts.last().copied().unwrap_or_default()
    }

    pub fn ensure_shard(&self, shard: usize) -> Result<()> {
        let shards = self.opener.shards.len();
        if shard < shards {
            return Ok(());
        }
        let detail = format!("shard {shard} is out of range, the data set has {shards} shards");
        Err(Error::new(ErrorKind::OutOfRange, detail))
    }

    /// Returns the shard of a record, and its number there.
    pub fn locate(&self, record: u64) -> Result<(usize, usize)> {
        if record >= self.len() {
            let detail = format!("out of range, the data set has {} records", self.len());
            return Err(Error::new(ErrorKind::OutOfRange, detail).of_record(record));
        }
        // Of shards that start at the same record, all but the last one are empty.
        let shard = self.starts.partition_point(|&start| start <= record) - 1;
        Ok((shard, (record - self.starts[shard]) as usize))
    }

    /// Returns the reader of a shard.
    pub fn shard(&self, shard: usize) -> Result<Use<'_>> {
        self.shard_watched(shard, None)
    }

    /// Returns the reader of a shard. If that is scanned, `progress` is called, and may cancel.
    pub fn shard_watched(&self, shard: usize, progress: Option<ProgressFn<'_>>) -> Result<Use<'_>> {
        self.files.get(shard, |table| {
            let (reader, warnings) = self.opener.open(shard, table, progress)?;
            if !warnings.is_empty() {
                self.log.here().lock().warn(shard, warnings);
            }
            Ok(reader)
        })
    }

    /// Calls `work` with the reader of a record's shard, and the record's number there.
    pub fn with<T>(
        &self,
        record: u64,
        work: impl FnOnce(&crate::Reader, usize) -> Result<T>,
    ) -> Result<T> {
        let (shard, record) = self.locate(record)?;
        let reader = self.shard(shard)?;
        work(&reader, record).map_err(|error| self.named(shard, error))
    }

    /// An error that names the shard.
    pub fn named(&self, shard: usize, error: Error) -> Error {
        error.of(&self.opener.shards[shard].path)
    }

    /// An error that names a record and its shard.
    pub fn at(&self, record: u64, error: Error) -> Error {
        match self.locate(record) {
            Ok((shard, record)) => self.named(shard, error.of_record(record as u64)),
            Err(error) => error,
        }
    }

    pub fn may_skip(&self, error: &Error) -> bool {
        self.opener.options.on_error == OnError::Skip && read::may_skip(error)
    }

    /// Plans to read all of the records.
    pub fn plan_all(&self, records: &[u64]) -> Result<(Plan, Errors)> {
        let errors = Errors::new(records.len(), OnError::Fail);
        let plan = self.plan(records, &errors, 1)?;
        match errors.is_empty() {
            true => Ok((plan, errors)),
            false => Err(errors.into_skipped().expect_err("it is not empty")),
        }
    }

    /// Reads the records of a plan. Returns the places that were skipped.
    pub fn read_payloads(
        &self,
        plan: Plan,
        errors: Errors,
        payloads: &mut Payloads,
        calls: usize,
    ) -> Result<Vec<Skip>> {
        let (size, offsets) = (plan.size(), plan.offsets.clone());
        let buffers = cut(payloads.clear(size)?, &offsets)?;
        self.read_plan(plan, buffers, &errors, calls)?;
        let skipped = errors.into_skipped()?;
        payloads.set_offsets(offsets);
        Ok(skipped)
    }

    /// Reads a batch.
    pub fn read_batch(&self, records: Vec<u64>, how: &How<'_>) -> Result<Batch> {
        let errors = Errors::new(records.len(), self.opener.options.on_error);
        let mut plan = self.plan(&records, &errors, how.calls)?;
        plan.whole_chunks = how.fit_cache(&plan);
        let mut payloads = how.spares.take();
        let skipped = self.read_payloads(plan, errors, &mut payloads, how.calls)?;
        let mut batch = Batch { payloads, records, skipped: Vec::new() };
        self.leave_out(skipped, &mut batch);
        self.decode(&mut batch, how)?;
        Ok(batch)
    }

    /// Reads the first of some records: as many as have at most `most` bytes together, but at least
    /// one, and none from the first one on that cannot be read. Returns how many of the records were
    /// read or skipped.
    ///
    /// # Errors
    /// If the first record cannot be read.
    pub fn read_some(
        &self,
        mut records: Vec<u64>,
        most: usize,
        how: &How<'_>,
    ) -> Result<(Batch, usize)> {
        let errors = Errors::new(records.len(), self.opener.options.on_error);
        let mut plan = self.plan_unchecked(&records, &errors, 1)?;
        plan.whole_chunks = how.fit_cache(&plan);
        plan.truncate(most);
        plan.cut(errors.place());
        self.ensure_headers(&plan, plan.size(), &errors);
        plan.cut(errors.place());
        ensure_room(plan.size())?;
        let (size, mut offsets) = (plan.size(), plan.offsets.clone());
        let mut payloads = how.spares.take();
        let buffers = cut(payloads.clear(size)?, &offsets)?;
        self.read_plan(plan, buffers, &errors, 1)?;
        // All payloads before the first error were read.
        let count = errors.place().min(offsets.len() - 1);
        let (error, mut skipped) = errors.into_parts();
        if let (0, Some(error)) = (count, error) {
            return Err(error);
        }
        offsets.truncate(count + 1);
        records.truncate(count);
        payloads.set_offsets(offsets);
        skipped.retain(|(place, _)| *place < count);
        let mut batch = Batch { payloads, records, skipped: Vec::new() };
        self.leave_out(skipped, &mut batch);
        let count = self.decode_some(&mut batch, count, how)?;
        Ok((batch, count))
    }

    /// Leaves the places out of a batch that were skipped, and notes these.
    pub fn leave_out(&self, skipped: Vec<Skip>, batch: &mut Batch) {
        if skipped.is_empty() {
            return;
        }
        batch.payloads.remove(skipped.iter().map(|(place, _)| *place));
        let mut places = skipped.iter().map(|(place, _)| *place).peekable();
        let mut place = 0..;
        batch.records.retain(|_| places.next_if_eq(&place.next().unwrap_or(0)).is_none());
        batch.skipped.extend(skipped.iter().filter_map(|(_, error)| error.clone()));
        self.log.here().lock().skip(skipped);
    }
}

/// Cuts a buffer at these offsets.
pub(super) fn cut<'b>(buffer: &'b mut [u8], offsets: &[usize]) -> Result<Vec<&'b mut [u8]>> {
    let mut pieces = with_room(offsets.len() - 1)?;
    let mut rest = buffer;
    for ends in offsets.windows(2) {
        let (piece, after) = std::mem::take(&mut rest).split_at_mut(ends[1] - ends[0]);
        pieces.push(piece);
        rest = after;
    }
    Ok(pieces)
}
