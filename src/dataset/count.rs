//! Counts the records of shards: opens those that no manifest lists.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{channel, RecvTimeoutError};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::inner::Inner;
use super::opener::{Expected, ProgressFn};
use crate::error::{Error, ErrorKind, Result};
use crate::options::Progress;
use crate::threads::{Crew, FirstError, POLL_INTERVAL};

/// The count of one data set.
struct Count<'i> {
    inner: &'i Inner,
    /// The records of each shard.
    counts: Vec<AtomicU64>,
    /// The bytes and records of the shards that are counted.
    bytes: AtomicU64,
    records: AtomicU64,
    first_error: FirstError,
    /// The shards that are left out, and why.
    left_out: Mutex<BTreeMap<usize, Error>>,
}

impl Inner {
    /// Counts the records of the shards that are not known from a manifest. `progress` is called on
    /// this thread, and may cancel.
    pub fn count(mut self, progress: Option<ProgressFn<'_>>) -> Result<Inner> {
        let shards = self.opener.shards.len();
        let known = |shard| self.known(shard).map_or(0, |expected| expected.records);
        let counts: Vec<_> = (0..shards).map(known).map(AtomicU64::new).collect();
        let (bytes, records) = (AtomicU64::new(0), AtomicU64::new(0));
        let first_error = FirstError::new(shards);
        let left_out = Mutex::default();
        let count = Count { inner: &self, counts, bytes, records, first_error, left_out };
        match progress {
            None => self.open_side_by_side(shards, 1, |shard| count.open(shard, None)),
            Some(progress) => count.watched(progress)?,
        }
        let Count { counts, first_error, left_out, .. } = count;
        first_error.into_result()?;
        let left_out = left_out.into_inner().unwrap_or_else(PoisonError::into_inner);
        for (shard, error) in left_out {
            self.log.here().lock().leave_out(shard, error);
        }
        let counts = counts.into_iter().map(AtomicU64::into_inner).enumerate();
        let expected = counts.map(|(shard, records)| match self.known(shard) {
            Some(known) => known.clone(),
            None => Expected { records, ..Expected::default() },
        });
        let expected = expected.map(Some).collect();
        self.expect(expected);
        Ok(self)
    }

    /// What a manifest says of a shard, whose size says whether it is still that shard.
    fn known(&self, shard: usize) -> Option<&Expected> {
        let expected = self.opener.expected.get(shard)?.as_ref();
        expected.filter(|expected| expected.bytes.is_some() && !expected.is_of_file)
    }
}

impl Count<'_> {
    /// Opens a shard, unless an earlier one has failed. Returns how many records it has.
    fn open(&self, shard: usize, progress: Option<ProgressFn<'_>>) -> usize {
        if self.inner.known(shard).is_some() || !self.first_error.is_before(shard) {
            return 0;
        }
        match self.inner.shard_watched(shard, progress) {
            Ok(reader) => {
                let (records, stamp) = (reader.len(), reader.stamp());
                self.counts[shard].store(records as u64, Relaxed);
                self.records.fetch_add(records as u64, Relaxed);
                let bytes = stamp.map_or(reader.data_size(), |stamp| stamp.bytes);
                self.bytes.fetch_add(bytes, Relaxed);
                records
            }
            Err(error) if self.inner.may_skip(&error) => {
                let mut left_out = self.left_out.lock().unwrap_or_else(PoisonError::into_inner);
                left_out.insert(shard, error.adding("; all of its records are left out"));
                0
            }
            Err(error) => {
                self.first_error.note(shard, error);
                0
            }
        }
    }

    /// Calls the callback. `more` bytes of another shard are done.
    fn report(&self, more: u64, progress: ProgressFn<'_>) -> Result<()> {
        let bytes_done = self.bytes.load(Relaxed).saturating_add(more);
        let records = self.records.load(Relaxed);
        match progress(Progress { bytes_done, bytes_total: u64::MAX, records }) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => {
                Err(Error::new(ErrorKind::Cancelled, "cancelled by the progress callback"))
            }
        }
    }

    fn watched(&self, progress: ProgressFn<'_>) -> Result<()> {
        self.report(0, progress)?;
        let is_alone = self.counts.len() < 2 || self.inner.opener.options.threads == 1;
        if is_alone || !self.in_threads(progress)? {
            for shard in 0..self.counts.len() {
                let watch = |at: Progress| match self.report(at.bytes_done, progress) {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(_) => ControlFlow::Break(()),
                };
                self.open(shard, Some(&watch));
                self.report(0, progress)?;
            }
        }
        Ok(())
    }

    /// Opens the shards on other threads. Returns false if the system starts none.
    fn in_threads(&self, progress: ProgressFn<'_>) -> Result<bool> {
        let open = |shard| {
            let watch = |_| match self.first_error.is_before(shard) {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            };
            self.open(shard, Some(&watch))
        };
        let mut cancelled = Ok(());
        let is_started = thread::scope(|scope| {
            let mut crew = Crew::new(scope);
            let (send, end) = channel::<()>();
            let is_started = crew.start(move || {
                let _send = send;
                self.inner.open_side_by_side(self.counts.len(), 1, open);
            });
            while end.recv_timeout(POLL_INTERVAL) == Err(RecvTimeoutError::Timeout) {
                if cancelled.is_ok() {
                    cancelled = self.report(0, progress);
                    if cancelled.is_err() {
                        self.first_error.give_up();
                    }
                }
            }
            is_started
        });
        cancelled.map(|()| is_started)
    }
}
