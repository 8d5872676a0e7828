//! Batches of records, read ahead.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::inner::How;
use super::spares::{Reused, Spares};
use super::Dataset;
use crate::error::{Error, ErrorKind, Result};
use crate::example::{Columns, Features};
use crate::order::Order;
use crate::reader::{with_room, Ahead, Payloads};

/// The most threads that each read a batch ahead.
const THREADS: usize = 8;
/// The most batches that are read ahead.
const MOST_AHEAD: usize = 1024;
/// The most batches read ahead whose memory is used again, besides one in hand and one given back.
const MOST_SPARES: usize = 64;
/// The most records of a first batch that is small.
const SMALL: usize = if cfg!(any(test, fuzzing)) { 2 } else { 16 };

/// Payloads, and the numbers of their records in the data set.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    pub(super) payloads: Reused,
    pub(super) records: Vec<u64>,
    /// Why records were left out.
    pub(super) skipped: Vec<Error>,
}

impl Batch {
    /// A batch of records that were read in another way.
    pub(crate) fn of(payloads: impl Into<Reused>, records: Vec<u64>) -> Batch {
        Batch { payloads: payloads.into(), records, skipped: Vec::new() }
    }

    /// Returns the number of payloads.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Returns whether there are no payloads.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Returns the payloads.
    #[must_use]
    pub fn payloads(&self) -> &Payloads {
        &self.payloads
    }

    /// Returns the numbers of the records, in the order of the payloads.
    #[must_use]
    pub fn records(&self) -> &[u64] {
        &self.records
    }

    /// Returns the features of the records, if they were asked for, by
    /// [`Dataset::read_columns`] or [`Batches::features`].
    #[must_use]
    pub fn columns(&self) -> Option<&Columns> {
        self.payloads.columns.as_ref()
    }

    /// Returns why records were left out, with [`OnError::Skip`](crate::OnError::Skip): first those
    /// that could not be read, then those that could not be decoded, each in the order of the
    /// request. There is an error for each bad record, or one for all that are in a shard that cannot
    /// be opened.
    ///
    /// ```
    /// use tfr_index::{Dataset, DatasetOptions, ErrorKind, OnError, Shards};
    ///
    /// # let directory = tempfile::tempdir()?;
    /// # let path = directory.path().join("x.tfrecord");
    /// # let mut data = std::fs::read("tests/data/examples.tfrecord")?;
    /// # data[100] ^= 1; // of record 1
    /// # std::fs::write(&path, data)?;
    /// let options = DatasetOptions::new().on_error(OnError::Skip);
    /// let dataset = Dataset::open(&Shards::from_paths([&path]), &options)?;
    /// let batch = dataset.read_batch(&[2, 1, 0])?;
    /// assert_eq!(batch.records(), [2, 0]);
    /// assert_eq!(batch.skipped().len(), 1);
    /// assert_eq!(batch.skipped()[0].kind(), ErrorKind::PayloadCrc);
    /// assert_eq!(batch.skipped()[0].record(), Some(1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn skipped(&self) -> &[Error] {
        &self.skipped
    }

    /// The columns, which may be moved out and back: they keep their memory for other batches.
    pub(crate) fn columns_mut(&mut self) -> &mut Option<Columns> {
        &mut self.payloads.columns
    }

    /// Returns the payloads, the numbers of their records, and the features, if they were asked for.
    #[must_use]
    pub fn into_parts(self) -> (Payloads, Vec<u64>, Option<Columns>) {
        let (payloads, columns) = self.payloads.into_parts();
        (payloads, self.records, columns)
    }
}

/// An iterator over batches; see [`Dataset::batches`].
pub struct Batches {
    plan: Plan,
    /// How many of the order's records are before the next batch.
    next: u64,
    /// The same, but the begin of a batch that failed.
    done: u64,
    prefetch: usize,
    /// The threads that read ahead. Each has every n-th batch.
    threads: Vec<Ahead<Part>>,
    /// Where the first thread of `threads` began.
    first: u64,
}

/// A batch, and how many of the order's records are before the one after it.
struct Part {
    batch: Result<Batch>,
    end: u64,
}

/// Which records are in which batch.
#[derive(Clone)]
struct Plan {
    dataset: Dataset,
    order: Order,
    /// Record `i` of the order is record `start + i * step` of the data set.
    start: u64,
    step: i64,
    batch_size: usize,
    /// The most bytes in a batch that has more than one record.
    max_bytes: Option<usize>,
    drop_last: bool,
    features: Option<Arc<Features>>,
    spares: Spares,
}

impl Batches {
    pub(super) fn new(
        dataset: &Dataset,
        (start, step): (u64, i64),
        order: Order,
        batch_size: usize,
        prefetch: usize,
    ) -> Result<Batches> {
        let (count, records) = (order.state().num_records, dataset.len());
        let last = i128::from(start) + i128::from(step) * (i128::from(count) - 1);
        let are_there = count == 0 || (start < records && (0..records.into()).contains(&last));
        let detail = match batch_size {
            0 => "batch_size must be at least 1, not 0".to_owned(),
            _ if !are_there => format!(
                "{count} records from {start} on, in steps of {step}: the data set has {records}"
            ),
            _ => {
                let prefetch = if dataset.0.opener.options.threads == 1 { 0 } else { prefetch };
                let plan = Plan {
                    dataset: dataset.clone(),
                    order,
                    start,
                    step,
                    batch_size,
                    max_bytes: None,
                    drop_last: false,
                    features: None,
                    spares: Spares::new(prefetch.min(MOST_SPARES) + 2, usize::MAX),
                };
                let threads = Vec::new();
                return Ok(Batches { plan, next: 0, done: 0, prefetch, threads, first: 0 });
            }
        };
        Err(Error::new(ErrorKind::InvalidArgument, detail))
    }

    /// Leaves out the last batch if it has fewer records than the others. By default, it is there.
    #[must_use]
    pub fn drop_last(mut self, drop_last: bool) -> Batches {
        self.plan.drop_last = drop_last;
        self.threads.clear();
        self
    }

    /// Decodes features of the records, right after they are read: each batch then has
    /// [`columns`](Batch::columns). A record that cannot be decoded is a bad record, like one that
    /// cannot be read.
    ///
    /// ```
    /// use tfr_index::{Dataset, DatasetOptions, Feature, Features, Order, Shards};
    ///
    /// let shards = Shards::from_paths(["tests/data/examples.tfrecord"]);
    /// let dataset = Dataset::open(&shards, &DatasetOptions::new())?;
    /// let features = Features::new([Feature::int64("id")])?;
    /// let order = Order::new(dataset.len()).shuffle(7);
    /// for batch in dataset.batches(30, order, 2)?.features(&features)? {
    ///     let batch = batch?;
    ///     assert_eq!(batch.columns().unwrap().int64(0).unwrap().len(), batch.len());
    /// }
    /// # Ok::<(), tfr_index::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if the data set gives
    /// [`raw_frames`](crate::DatasetOptions::raw_frames), which are no payloads.
    pub fn features(mut self, features: &Features) -> Result<Batches> {
        self.set_features(features)?;
        Ok(self)
    }

    pub(crate) fn set_features(&mut self, features: &Features) -> Result<()> {
        self.plan.dataset.0.ensure_payloads()?;
        self.plan.features = Some(Arc::new(features.clone()));
        self.threads.clear();
        Ok(())
    }

    /// Ends each batch also before its payloads have more than `max_bytes` bytes, but not before its
    /// first record: for records of any size in little memory. A bad record then fails alone: the
    /// batch ends before it, and the iterator continues after it. The first batch is small, and one
    /// thread reads the others ahead. [`drop_last`](Self::drop_last) has no effect.
    ///
    /// ```
    /// use tfr_index::{Dataset, DatasetOptions, Order, Shards};
    ///
    /// let shards = Shards::from_paths(["tests/data/examples.tfrecord"]);
    /// let dataset = Dataset::open(&shards, &DatasetOptions::new())?;
    /// let mut records = 0;
    /// for batch in dataset.batches(1000, Order::new(100), 1)?.max_bytes(10_000) {
    ///     let batch = batch?;
    ///     assert!(batch.len() == 1 || batch.payloads().bytes().len() <= 10_000);
    ///     records += batch.len();
    /// }
    /// assert_eq!(records, 100);
    /// # Ok::<(), tfr_index::Error>(())
    /// ```
    #[must_use]
    pub fn max_bytes(mut self, max_bytes: usize) -> Batches {
        self.plan.max_bytes = Some(max_bytes);
        self.threads.clear();
        self
    }

    /// Returns where the next batch begins: how many of the rank's records in this epoch are in
    /// the batches so far, including those that were skipped, and those before the order's start.
    /// [`Order::start`] takes this number, to continue with exactly the next batch. After an error,
    /// it is the begin of the batch that failed, until the iterator continues.
    ///
    /// ```
    /// use tfr_index::{Dataset, DatasetOptions, Order, Shards};
    ///
    /// let shards = Shards::from_paths(["tests/data/examples.tfrecord"]);
    /// let dataset = Dataset::open(&shards, &DatasetOptions::new())?;
    /// let order = Order::new(dataset.len()).shuffle(7);
    /// let mut batches = dataset.batches(30, order.clone(), 2)?;
    /// let _ = batches.next();
    /// assert_eq!(batches.state(), 30);
    ///
    /// let mut resumed = dataset.batches(30, order.start(batches.state())?, 2)?;
    /// let (a, b) = (batches.next().unwrap()?, resumed.next().unwrap()?);
    /// assert_eq!(a.records(), b.records());
    /// # Ok::<(), tfr_index::Error>(())
    /// ```
    #[must_use]
    pub fn state(&self) -> u64 {
        self.plan.order.state().start + self.done
    }

    /// Waits until the next batch is there, or the end, but not longer than `timeout`. Returns
    /// whether [`next`](Self::next) would not wait; also true if no thread reads ahead. For callers
    /// that have other things to do meanwhile, such as to handle signals.
    pub fn wait(&mut self, timeout: Duration) -> bool {
        if self.next >= self.plan.end() || self.is_small() {
            return true;
        }
        self.start();
        match self.thread() {
            Some(thread) => thread.wait(timeout),
            None => true,
        }
    }

    /// Whether the next batch is a small one that the caller reads.
    fn is_small(&self) -> bool {
        self.next == 0 && self.plan.max_bytes.is_some()
    }

    /// The thread that reads the next batch.
    fn thread(&mut self) -> Option<&mut Ahead<Part>> {
        let count = self.threads.len() as u64;
        let batch = self.next.checked_sub(self.first)? / self.plan.batch_size as u64;
        self.threads.get_mut(batch.checked_rem(count)? as usize)
    }

    /// How many batches threads that start now read ahead.
    pub(super) fn ahead(&self) -> usize {
        let left = usize::try_from(self.plan.most_left(self.next)).unwrap_or(usize::MAX);
        self.prefetch.min(left).min(MOST_AHEAD)
    }

    /// Starts the threads, unless they run. In a forked process, there are none from its parent.
    fn start(&mut self) {
        if self.prefetch == 0 || self.threads.first().is_some_and(Ahead::is_here) {
            return;
        }
        self.threads.clear();
        self.first = self.next;
        // Without its sizes, nobody knows where the batch after the next one begins.
        let most = if self.plan.max_bytes.is_some() { 1 } else { THREADS };
        let ahead = self.ahead();
        let count = ahead.min(most);
        // A thread has a batch in hand, besides those that wait.
        let waiting = (ahead + count - 1) / count.max(1) - 1;
        let size = self.plan.batch_size as u64;
        for i in 0..count as u64 {
            let (plan, mut next) = (self.plan.clone(), self.first.saturating_add(i * size));
            let read = move || {
                let part = (next < plan.end()).then(|| plan.read(next, plan.batch_size, count));
                let others = (count as u64 - 1) * size;
                next = part.as_ref().map_or(next, |part| part.end.saturating_add(others));
                part
            };
            match Ahead::start(waiting, read) {
                Some(thread) => self.threads.push(thread),
                None => {
                    // The caller reads instead.
                    self.threads.clear();
                    self.prefetch = 0;
                    return;
                }
            }
        }
    }

    fn read(&mut self) -> Part {
        if self.is_small() {
            return self.plan.read(0, self.plan.batch_size.min(SMALL), 1);
        }
        self.start();
        let ready = self.thread().and_then(Ahead::next);
        ready.unwrap_or_else(|| self.plan.read(self.next, self.plan.batch_size, 1))
    }
}

impl Plan {
    /// How many of the order's records are in batches.
    fn end(&self) -> u64 {
        let records = self.order.len();
        match self.drop_last && self.max_bytes.is_none() {
            true => records - records % self.batch_size as u64,
            false => records,
        }
    }

    /// The number of batches from a place of the order on; with a limit of bytes, the least number.
    fn left(&self, place: u64) -> u64 {
        let (records, size) = (self.end() - place, self.batch_size as u64);
        records / size + u64::from(records % size > 0)
    }

    /// The greatest number of batches from a place of the order on.
    fn most_left(&self, place: u64) -> u64 {
        match self.max_bytes {
            Some(_) => self.end() - place,
            None => self.left(place),
        }
    }

    /// Reads the batch that begins at a place of the order. `calls` threads do this at the same
    /// time.
    fn read(&self, place: u64, batch_size: usize, calls: usize) -> Part {
        let end = place.saturating_add(batch_size as u64).min(self.end());
        let (inner, records) = (&self.dataset.0, self.records(place, end));
        let how = How {
            calls,
            spares: &self.spares,
            features: self.features.as_deref(),
            window_records: self.order.window_records().filter(|_| self.step == 1),
        };
        let Some(max_bytes) = self.max_bytes else {
            return Part {
                batch: records.and_then(|records| inner.read_batch(records, &how)),
                end,
            };
        };
        match records.and_then(|records| inner.read_some(records, max_bytes, &how)) {
            Ok((batch, count)) => Part { batch: Ok(batch), end: place + count as u64 },
            Err(error) => Part { batch: Err(error), end: place + 1 },
        }
    }

    /// The numbers of the records at these places of the order.
    fn records(&self, start: u64, end: u64) -> Result<Vec<u64>> {
        let count = (end - start) as usize;
        let mut records = with_room(count)?;
        records.resize(count, 0);
        self.order.fill(start, &mut records);
        if (self.start, self.step) != (0, 1) {
            // All are in the data set, whatever overflows on the way.
            let step = self.step as u64;
            let place = |record: &u64| self.start.wrapping_add(record.wrapping_mul(step));
            records.iter_mut().for_each(|record| *record = place(record));
        }
        Ok(records)
    }
}

impl Iterator for Batches {
    type Item = Result<Batch>;

    /// Returns the next batch that is not empty. After an error, the iterator continues with the
    /// batch after the one that failed.
    fn next(&mut self) -> Option<Result<Batch>> {
        while self.next < self.plan.end() {
            let Part { batch, end } = self.read();
            let start = std::mem::replace(&mut self.next, end);
            match batch {
                Ok(batch) => {
                    self.done = end;
                    if !batch.is_empty() {
                        return Some(Ok(batch));
                    }
                }
                Err(error) => {
                    self.done = start;
                    return Some(Err(error));
                }
            }
        }
        None
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, usize::try_from(self.plan.most_left(self.next)).ok())
    }
}

impl fmt::Debug for Batches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Plan { dataset, order, batch_size, .. } = &self.plan;
        f.debug_struct("Batches")
            .field("dataset", dataset)
            .field("order", order)
            .field("batch_size", batch_size)
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}
