//! `Dataset`: the records of many files as one sequence.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::inner::{cut, How, Inner};
use super::read::Errors;
use super::{Batch, Batches, OnError, Skips};
use crate::error::{Error, ErrorKind, Result};
use crate::example::Features;
use crate::index::{Entry, Index};
use crate::order::Order;
use crate::reader::{with_room, Payloads};
use crate::shards::Shard;

/// The records of many TFRecord files, called shards, as one sequence. Record numbers count
/// through the shards in their order.
///
/// A data set opens a file when it first needs it, and closes the least recently used one when
/// there are too many. Any number of threads may use it at the same time, and so may a forked
/// process, which takes over the open files and indexes. Clones are cheap and share them.
///
/// If a file is replaced while it is closed, and then has another number of records, calls that
/// need it fail with [`ErrorKind::Mismatch`].
///
/// ```
/// use tfr_index::{Dataset, DatasetOptions, Order, Shards};
///
/// let shards = Shards::from_paths(["tests/data/examples.tfrecord"]);
/// let dataset = Dataset::open(&shards, &DatasetOptions::new())?;
/// assert_eq!(dataset.len(), 100);
/// let payloads = dataset.read_many(&[99, 7])?;
/// assert_eq!(payloads[1], dataset.read(7)?[..]);
///
/// // One epoch in batches of 32, shuffled, read ahead by two threads.
/// let mut records = 0;
/// for batch in dataset.batches(32, Order::new(100).shuffle(1), 2)? {
///     records += batch?.len();
/// }
/// assert_eq!(records, 100);
/// # Ok::<(), tfr_index::Error>(())
/// ```
#[derive(Clone)]
pub struct Dataset(pub(super) Arc<Inner>);

/// Where a record of a [`Dataset`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place {
    /// The number of the shard.
    pub shard: usize,
    /// The number of the record in the shard.
    pub record: u64,
}

impl Dataset {
    /// Returns the number of records.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.0.len()
    }

    /// Returns whether there are no records.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the shards.
    #[must_use]
    pub fn shards(&self) -> &[Shard] {
        &self.0.opener.shards
    }

    /// Returns where a record is, without reading.
    ///
    /// ```
    /// use tfr_index::{Dataset, DatasetOptions, Place, Shards};
    ///
    /// let shards = Shards::from_paths(["tests/data/examples.tfrecord"]);
    /// let dataset = Dataset::open(&shards, &DatasetOptions::new())?;
    /// assert_eq!(dataset.locate(42)?, Place { shard: 0, record: 42 });
    /// # Ok::<(), tfr_index::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::OutOfRange`] if there is no such record.
    pub fn locate(&self, record: u64) -> Result<Place> {
        let (shard, record) = self.0.locate(record)?;
        Ok(Place { shard, record: record as u64 })
    }

    /// Returns the numbers of a shard's records.
    ///
    /// # Errors
    /// [`ErrorKind::OutOfRange`] if there is no such shard.
    pub fn records_of(&self, shard: usize) -> Result<Range<u64>> {
        self.0.ensure_shard(shard)?;
        Ok(self.0.starts[shard]..self.0.starts[shard + 1])
    }

    /// Returns the index of a shard, which this opens if its index is not in memory.
    ///
    /// # Errors
    /// [`ErrorKind::OutOfRange`] if there is no such shard; otherwise those of
    /// [`Reader::open`](crate::Reader::open), or [`ErrorKind::Mismatch`] if the file has changed.
    pub fn index_of(&self, shard: usize) -> Result<Index> {
        self.0.ensure_shard(shard)?;
        match self.0.files.tables([shard].into_iter()).pop().flatten() {
            Some(table) => table.to_index(),
            None => self.0.shard(shard)?.to_index(),
        }
    }

    /// Returns what programs should report about the shards opened so far: indexes that were found
    /// but not used, and regions that were left out because of
    /// [`salvage`](crate::DatasetOptions::salvage). The errors name their files, and are in the
    /// order of the shards.
    #[must_use]
    pub fn warnings(&self) -> Vec<Error> {
        self.0.log.here().lock().warnings()
    }

    /// Returns how many [`warnings`](Self::warnings) there are.
    pub(crate) fn num_warnings(&self) -> usize {
        self.0.log.here().lock().num_warnings()
    }

    /// Returns one of the [`warnings`](Self::warnings).
    pub(crate) fn warning(&self, number: usize) -> Option<Error> {
        self.0.log.here().lock().warning(number)
    }

    /// Returns what batches left out because of [`OnError::Skip`]: in this process, since the data
    /// set was opened or the process was forked. Programs should report this.
    #[must_use]
    pub fn skipped(&self) -> Skips {
        self.0.log.here().lock().skipped().clone()
    }

    /// Returns how many records were [`skipped`](Self::skipped).
    pub(crate) fn num_skipped(&self) -> u64 {
        self.0.log.here().lock().skipped().records
    }

    /// Returns one of the errors of records that were [`skipped`](Self::skipped).
    pub(crate) fn skip(&self, number: usize) -> Option<Error> {
        self.0.log.here().lock().skipped().errors.get(number).cloned()
    }

    /// Closes the files that no thread uses, and frees the memory that was kept for batches. They are
    /// opened again when they are needed.
    pub fn close_files(&self) {
        self.0.files.close();
        self.0.spares.clear();
    }

    /// Reads one payload.
    ///
    /// # Errors
    /// Those of [`Reader::read`](crate::Reader::read) and [`Reader::open`](crate::Reader::open).
    /// [`ErrorKind::Mismatch`], too, if the file is not what it was when it was counted. The error
    /// names the file and the record's number in it.
    pub fn read(&self, record: u64) -> Result<Vec<u8>> {
        let mut payload = Vec::new();
        self.read_into(record, &mut payload)?;
        Ok(payload)
    }

    /// Like [`read`](Self::read), but reuses the memory of `payload`, whose contents are replaced.
    /// After an error it is empty.
    ///
    /// # Errors
    /// Those of [`read`](Self::read).
    pub fn read_into(&self, record: u64, payload: &mut Vec<u8>) -> Result<()> {
        payload.clear();
        self.0.with(record, |reader, record| reader.read_into(record, payload))
    }

    /// Like [`read`](Self::read), but writes to the start of `buffer` and returns the number of
    /// bytes. After an error, the contents of the buffer are unspecified.
    ///
    /// # Errors
    /// Those of [`read`](Self::read); [`ErrorKind::InvalidArgument`] if the buffer is smaller than
    /// [`size_of`](Self::size_of).
    pub fn read_into_slice(&self, record: u64, buffer: &mut [u8]) -> Result<usize> {
        self.0.with(record, |reader, record| reader.read_into_slice(record, buffer))
    }

    /// Returns how many bytes [`read`](Self::read) returns for a record, like
    /// [`Reader::size_of`](crate::Reader::size_of).
    ///
    /// # Errors
    /// Those of [`read`](Self::read).
    pub fn size_of(&self, record: u64) -> Result<usize> {
        Ok(self.sizes(&[record])?[0])
    }

    /// Returns how many bytes [`read`](Self::read) returns for each of these records, like
    /// [`size_of`](Self::size_of). Shards whose indexes are not in memory are opened side by side.
    ///
    /// # Errors
    /// Those of [`read`](Self::read), for the first bad record in the order of `records`.
    pub fn sizes(&self, records: &[u64]) -> Result<Vec<usize>> {
        let errors = Errors::new(records.len(), OnError::Fail);
        let plan = self.0.plan_unchecked(records, &errors, 1)?;
        self.0.ensure_headers(&plan, usize::MAX, &errors);
        errors.into_skipped()?;
        let mut sizes = with_room(records.len())?;
        sizes.extend(plan.offsets.windows(2).map(|ends| ends[1] - ends[0]));
        Ok(sizes)
    }

    /// Returns where the frames of these records are in their files; [`locate`](Self::locate) says
    /// which files. This opens shards whose indexes are not in memory, and reads no record.
    ///
    /// ```
    /// use tfr_index::{Dataset, DatasetOptions, Entry, Shards};
    ///
    /// let shards = Shards::from_paths(["tests/data/examples.tfrecord"]);
    /// let dataset = Dataset::open(&shards, &DatasetOptions::new())?;
    /// assert_eq!(dataset.entries(&[1])?, [Entry { offset: 78, size: 743 }]);
    /// # Ok::<(), tfr_index::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`sizes`](Self::sizes).
    pub fn entries(&self, records: &[u64]) -> Result<Vec<Entry>> {
        let errors = Errors::new(records.len(), OnError::Fail);
        let plan = self.0.plan_unchecked(records, &errors, 1)?;
        errors.into_skipped()?;
        plan.entries()
    }

    /// Returns where each payload starts if those of `records` are concatenated, like
    /// [`Reader::offsets`](crate::Reader::offsets). This opens shards whose indexes are not in
    /// memory.
    ///
    /// # Errors
    /// Those of [`read_many`](Self::read_many).
    pub fn offsets(&self, records: &[u64]) -> Result<Vec<usize>> {
        Ok(self.0.plan_all(records)?.0.offsets)
    }

    /// Reads many payloads and returns them in the order of `records`. Internally it reads several
    /// shards side by side, each in the order of its data: with one thread per processor if that
    /// helps, and up to 32 where reads wait for storage.
    ///
    /// # Errors
    /// Those of [`read`](Self::read), for the first bad record in the order of `records`, whatever
    /// [`on_error`](crate::DatasetOptions::on_error) says: see [`read_batch`](Self::read_batch).
    /// [`ErrorKind::OutOfMemory`] as for [`Reader::read_many`](crate::Reader::read_many).
    pub fn read_many(&self, records: &[u64]) -> Result<Payloads> {
        let mut payloads = Payloads::default();
        self.read_many_into(records, &mut payloads)?;
        Ok(payloads)
    }

    /// Like [`read_many`](Self::read_many), but reuses the memory of `payloads`. After an error it
    /// holds no payloads.
    ///
    /// # Errors
    /// Those of [`read_many`](Self::read_many).
    pub fn read_many_into(&self, records: &[u64], payloads: &mut Payloads) -> Result<()> {
        payloads.clear(0)?;
        let (plan, errors) = self.0.plan_all(records)?;
        self.0.read_payloads(plan, errors, payloads, 1).map(drop)
    }

    /// Like [`read_many`](Self::read_many), but writes to the start of `buffer` and returns the
    /// [offsets](Self::offsets). After an error, the contents of the buffer are unspecified.
    ///
    /// # Errors
    /// Those of [`read_many`](Self::read_many); [`ErrorKind::InvalidArgument`] if the buffer is too
    /// small.
    pub fn read_many_into_slice(&self, records: &[u64], buffer: &mut [u8]) -> Result<Vec<usize>> {
        let (plan, errors) = self.0.plan_all(records)?;
        let (size, capacity) = (plan.size(), buffer.len());
        let buffer = buffer.get_mut(..size).ok_or_else(|| {
            let detail = format!("the buffer has {capacity} bytes, but the payloads need {size}");
            Error::new(ErrorKind::InvalidArgument, detail)
        })?;
        let offsets = plan.offsets.clone();
        let buffers = cut(buffer, &offsets)?;
        self.0.read_plan(plan, buffers, &errors, 1)?;
        errors.into_skipped()?;
        Ok(offsets)
    }

    /// Like [`read_many`](Self::read_many), but writes each payload to the start of its own buffer.
    /// After an error, the contents of the buffers are unspecified.
    ///
    /// # Errors
    /// Those of [`read_many`](Self::read_many); [`ErrorKind::InvalidArgument`] if a buffer is too
    /// small, or the numbers of buffers and records differ.
    pub fn read_each(&self, records: &[u64], buffers: &mut [&mut [u8]]) -> Result<()> {
        if records.len() != buffers.len() {
            let (given, needed) = (buffers.len(), records.len());
            let detail = format!("{given} buffers for {needed} records: each record needs one");
            return Err(Error::new(ErrorKind::InvalidArgument, detail));
        }
        let (plan, errors) = self.0.plan_all(records)?;
        let mut places = with_room(records.len())?;
        for (place, buffer) in buffers.iter_mut().enumerate() {
            let (size, capacity) = (plan.offsets[place + 1] - plan.offsets[place], buffer.len());
            places.push(buffer.get_mut(..size).ok_or_else(|| {
                let detail =
                    format!("the buffer has {capacity} bytes, but the record needs {size}");
                let error = Error::new(ErrorKind::InvalidArgument, detail);
                self.0.at(records[place], error)
            })?);
        }
        self.0.read_plan(plan, places, &errors, 1)?;
        errors.into_skipped().map(drop)
    }

    /// Reads many payloads like [`read_many`](Self::read_many); with [`OnError::Skip`], it leaves
    /// out those that cannot be read. The batch says which records it has, and
    /// [`skipped`](Self::skipped) which it has not.
    ///
    /// # Errors
    /// Those of [`read_many`](Self::read_many). With [`OnError::Skip`], only
    /// [`ErrorKind::OutOfRange`], [`ErrorKind::OutOfMemory`], and the system's error if too many
    /// files are open.
    pub fn read_batch(&self, records: &[u64]) -> Result<Batch> {
        let mut numbers = with_room(records.len())?;
        numbers.extend_from_slice(records);
        self.0.read_batch(
            numbers,
            &How { calls: 1, spares: &self.0.spares, features: None, window_records: None },
        )
    }

    /// Reads many records like [`read_batch`](Self::read_batch), and decodes features of them. The batch
    /// has the payloads, too: byte strings are [`Span`](crate::Span)s of them, and nothing is copied.
    ///
    /// ```
    /// use tfr_index::{Dataset, DatasetOptions, Feature, Features, Shards};
    ///
    /// let shards = Shards::from_paths(["tests/data/examples.tfrecord"]);
    /// let dataset = Dataset::open(&shards, &DatasetOptions::new())?;
    /// let features = Features::new([Feature::int64("id"), Feature::bytes("label")])?;
    /// let batch = dataset.read_columns(&[42, 7], &features)?;
    /// let columns = batch.columns().unwrap();
    /// assert_eq!(columns.int64(0), Some(&[42, 7][..]));
    /// let label = columns.bytes(columns.spans(1).unwrap()[0], batch.payloads().bytes());
    /// assert!(!label.is_empty());
    /// # Ok::<(), tfr_index::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`read_batch`](Self::read_batch), which come first. For the first record that cannot be
    /// decoded, those of
    /// [`Features::decode`](crate::Features::decode), with the file, the record and its byte; with
    /// [`OnError::Skip`], such a record is left out, too. [`ErrorKind::InvalidArgument`] if the data set
    /// gives [`raw_frames`](crate::DatasetOptions::raw_frames), which are no payloads.
    pub fn read_columns(&self, records: &[u64], features: &Features) -> Result<Batch> {
        self.0.ensure_payloads()?;
        let mut numbers = with_room(records.len())?;
        numbers.extend_from_slice(records);
        let (spares, features) = (&self.0.spares, Some(features));
        self.0.read_batch(numbers, &How { calls: 1, spares, features, window_records: None })
    }

    /// Iterates over batches of `batch_size` records in an order, such as
    /// `Order::new(dataset.len()).shuffle(seed).epoch(epoch)`. The last batch may have fewer.
    ///
    /// Threads read `prefetch` batches ahead while the caller works, but no more than 1,024; with 0,
    /// or if [`threads`](crate::DatasetOptions::threads) is 1, the calling thread reads. They start with
    /// the first call of `next`, and end when the iterator is dropped, once they have read their
    /// batches. In a forked process the iterator continues with threads of that process.
    ///
    /// A batch with a bad record is an error; with [`OnError::Skip`], it leaves the record out.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if `batch_size` is 0, or if the order has another number of
    /// records than the data set.
    pub fn batches(&self, batch_size: usize, order: Order, prefetch: usize) -> Result<Batches> {
        if order.state().num_records != self.len() {
            let (wanted, records) = (order.state().num_records, self.len());
            let detail =
                format!("the order is one of {wanted} records, but the data set has {records}");
            return Err(Error::new(ErrorKind::InvalidArgument, detail));
        }
        self.batches_of(0, 1, batch_size, order, prefetch)
    }

    /// Like [`batches`](Self::batches) of a part of the data set, such as every second record:
    /// record `i` of the order is record `first + i * step` of the data set.
    ///
    /// ```
    /// use tfr_index::{Dataset, DatasetOptions, Order, Shards};
    ///
    /// let shards = Shards::from_paths(["tests/data/examples.tfrecord"]);
    /// let dataset = Dataset::open(&shards, &DatasetOptions::new())?;
    /// let mut last_ten = dataset.batches_of(99, -1, 4, Order::new(10), 2)?;
    /// assert_eq!(last_ten.next().unwrap()?.records(), [99, 98, 97, 96]);
    /// # Ok::<(), tfr_index::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if `batch_size` is 0, or if the data set has not all of these
    /// records.
    pub fn batches_of(
        &self,
        first: u64,
        step: i64,
        batch_size: usize,
        order: Order,
        prefetch: usize,
    ) -> Result<Batches> {
        Batches::new(self, (first, step), order, batch_size, prefetch)
    }
}

impl fmt::Debug for Dataset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (shards, records) = (self.shards().len(), self.len());
        f.debug_struct("Dataset").field("shards", &shards).field("records", &records).finish()
    }
}
