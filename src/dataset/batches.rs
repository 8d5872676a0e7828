//! Batches of records, read ahead.

use std::fmt;
use std::time::Duration;

use super::Dataset;
use crate::error::{Error, ErrorKind, Result};
use crate::order::Order;
use crate::reader::{with_room, Ahead, Payloads};

/// The most threads that each read a batch ahead.
const THREADS: usize = 8;

/// Payloads, and the numbers of their records in the data set.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    pub(super) payloads: Payloads,
    pub(super) records: Vec<u64>,
}

impl Batch {
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

    /// Returns the payloads and the numbers of their records.
    #[must_use]
    pub fn into_parts(self) -> (Payloads, Vec<u64>) {
        (self.payloads, self.records)
    }
}

/// An iterator over batches; see [`Dataset::batches`].
pub struct Batches {
    plan: Plan,
    /// The number of the next batch.
    next: u64,
    /// How many of the order's records are before the next batch, but for one that failed.
    done: u64,
    prefetch: usize,
    /// The threads that read ahead. Each has every n-th batch.
    threads: Vec<Ahead<Result<Batch>>>,
    /// The batch that the first thread of `threads` began with.
    first: u64,
}

/// Which records are in which batch.
#[derive(Clone)]
struct Plan {
    dataset: Dataset,
    order: Order,
    batch_size: usize,
    drop_last: bool,
}

impl Batches {
    pub(super) fn new(
        dataset: &Dataset,
        order: Order,
        batch_size: usize,
        prefetch: usize,
    ) -> Result<Batches> {
        let (wanted, records) = (order.state().num_records, dataset.len());
        let detail = match batch_size {
            0 => "batch_size must be at least 1, not 0".to_owned(),
            _ if wanted != records => {
                format!("the order is one of {wanted} records, but the data set has {records}")
            }
            _ => {
                let prefetch = if dataset.0.opener.options.threads == 1 { 0 } else { prefetch };
                let plan = Plan { dataset: dataset.clone(), order, batch_size, drop_last: false };
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
        if self.next >= self.plan.batches() {
            return true;
        }
        self.start();
        match self.thread() {
            Some(thread) => thread.wait(timeout),
            None => true,
        }
    }

    /// The thread that reads the next batch.
    fn thread(&mut self) -> Option<&mut Ahead<Result<Batch>>> {
        let count = self.threads.len() as u64;
        let turn = self.next.checked_sub(self.first)?.checked_rem(count)?;
        self.threads.get_mut(turn as usize)
    }

    /// Starts the threads, unless they run. In a forked process, there are none from its parent.
    fn start(&mut self) {
        if self.prefetch == 0 || self.threads.first().is_some_and(Ahead::is_here) {
            return;
        }
        self.threads.clear();
        self.first = self.next;
        let left = self.plan.batches() - self.next;
        let count = self.prefetch.min(THREADS).min(usize::try_from(left).unwrap_or(usize::MAX));
        // A thread has a batch in hand, besides those that wait.
        let waiting = (self.prefetch + count - 1) / count.max(1) - 1;
        for i in 0..count {
            let (plan, mut number) = (self.plan.clone(), self.first + i as u64);
            let read = move || {
                let batch = (number < plan.batches()).then(|| plan.read(number, count));
                number += count as u64;
                batch
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

    fn read(&mut self) -> Result<Batch> {
        self.start();
        let ready = self.thread().and_then(Ahead::next);
        ready.unwrap_or_else(|| self.plan.read(self.next, 1))
    }
}

impl Plan {
    /// The number of batches.
    fn batches(&self) -> u64 {
        let (records, size) = (self.order.len(), self.batch_size as u64);
        let is_short = records % size > 0 && !self.drop_last;
        records / size + u64::from(is_short)
    }

    /// The number of records before a batch.
    fn before(&self, batch: u64) -> u64 {
        batch.saturating_mul(self.batch_size as u64).min(self.order.len())
    }

    /// Reads a batch. `calls` threads do this at the same time.
    fn read(&self, batch: u64, calls: usize) -> Result<Batch> {
        let (start, end) = (self.before(batch), self.before(batch + 1));
        let mut records = with_room((end - start) as usize)?;
        records.resize((end - start) as usize, 0);
        self.order.fill(start, &mut records);
        self.dataset.0.read_batch(records, calls)
    }
}

impl Iterator for Batches {
    type Item = Result<Batch>;

    /// Returns the next batch that is not empty. After an error, the iterator continues with the
    /// batch after the one that failed.
    fn next(&mut self) -> Option<Result<Batch>> {
        while self.next < self.plan.batches() {
            let batch = self.read();
            self.next += 1;
            match batch {
                Ok(batch) => {
                    self.done = self.plan.before(self.next);
                    if !batch.is_empty() {
                        return Some(Ok(batch));
                    }
                }
                Err(error) => {
                    self.done = self.plan.before(self.next - 1);
                    return Some(Err(error));
                }
            }
        }
        None
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, usize::try_from(self.plan.batches() - self.next).ok())
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
