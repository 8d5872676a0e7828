//! Reads records by their numbers, with an index and the data.

mod ahead;
mod columns;
mod frames;
mod many;
mod open;
mod payloads;
mod pieces;
mod records;
mod slots;
mod stored;
mod table;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

pub(crate) use ahead::Ahead;
pub(crate) use columns::ensure_payloads;
pub(crate) use frames::Slot;
pub(crate) use many::{take_part, with_room};
pub(crate) use open::{read_index, table_beside};
pub use payloads::Payloads;
pub(crate) use pieces::{Piece, Pieces};
pub use records::Records;
pub(crate) use slots::{part_of, Medium, Request};
pub use stored::{StoredIndex, StoredReader, View};
pub(crate) use table::{ensure_room, is_large, Table};

use crate::check;
use crate::error::{Error, ErrorKind, Result};
use crate::frame::trust::Trust;
use crate::frame::OVERHEAD;
use crate::gzip::Points;
use crate::index::{Entry, EntryTable, Index};
use crate::source::{Opened, ReadAt};
use crate::sys;
use crate::threads::Width;

/// Reads the records of a TFRecord file by their numbers: entry `i` of the index says where record
/// `i` is. The file stays open and may grow meanwhile.
///
/// Any number of threads may read at the same time, without waiting for each other. Clones are
/// cheap and share the index and the file.
///
/// The reader checks each record when it reads it, depending on the checksum policy:
///
/// | policy | checks |
/// |---|---|
/// | [`Checksums::Full`] | the length against the index, the length CRC and the payload CRC |
/// | [`Checksums::Length`] | the length against the index, and the length CRC |
/// | [`Checksums::Auto`] | as `Full`; if the data was written without valid checksums, only the length |
/// | [`Checksums::None`] | nothing: the bytes are returned as they are |
///
/// ```
/// use tfr_index::{Checksums, Options, Reader};
///
/// let reader = Reader::open("tests/data/examples.tfrecord", &Options::new())?;
/// assert_eq!(reader.len(), 100);
/// let payload = reader.read(42)?;
/// let some = reader.read_many(&[7, 42, 7])?;
/// assert_eq!(some[1], payload[..]);
/// assert_eq!(some[0], some[2]);
///
/// let mut bytes = 0;
/// for payload in reader.iter() {
///     bytes += payload?.len() as u64;
/// }
/// assert_eq!(bytes, reader.entries().map(|entry| entry.payload_len()).sum::<u64>());
/// # Ok::<(), tfr_index::Error>(())
/// ```
///
/// [`Checksums::Full`]: crate::Checksums::Full
/// [`Checksums::Length`]: crate::Checksums::Length
/// [`Checksums::Auto`]: crate::Checksums::Auto
/// [`Checksums::None`]: crate::Checksums::None
#[derive(Clone)]
pub struct Reader(Arc<Inner>);

/// For a payload larger than this, check the header before allocating memory.
const LARGE: usize = if cfg!(any(test, fuzzing)) { 500 } else { 1 << 20 };
/// The same for a batch, where checking every header takes longer.
const LARGE_BATCH: usize = if cfg!(any(test, fuzzing)) { 500 } else { 1 << 30 };

struct Inner {
    source: Arc<dyn ReadAt + Send + Sync>,
    path: Option<PathBuf>,
    /// The file; `None` for other sources.
    opened: Option<Opened>,
    /// The seek file of a compressed file, if it is open.
    opened_seek_file: Option<Opened>,
    /// The seek points of a compressed file.
    points: Option<Arc<Points>>,
    table: EntryTable,
    /// Whether the index is known to belong to this data: it was found or scanned, not given.
    known: bool,
    /// Why the index found beside the data is not used.
    warning: Option<Error>,
    /// The data's size when it was opened.
    size: u64,
    /// Which headers count as valid; `None`: no headers are checked.
    trust: Option<Trust>,
    /// Whether payload CRCs are checked.
    payloads: bool,
    /// Bytes of a payload per read.
    block: usize,
    raw_frames: bool,
    threads: usize,
    width: Width,
}

impl Reader {
    /// Returns a record's entry in the index: where its frame is.
    ///
    /// ```
    /// use tfr_index::{Entry, Options, Reader};
    ///
    /// let reader = Reader::open("tests/data/examples.tfrecord", &Options::new())?;
    /// assert_eq!(reader.entry(1)?, Entry { offset: 78, size: 743 });
    /// # Ok::<(), tfr_index::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::OutOfRange`] if there is no such record. (An entry may end after the data:
    /// [`size_of`](Self::size_of) checks that.)
    pub fn entry(&self, record: usize) -> Result<Entry> {
        self.named(|reader| reader.table.get(record).ok_or_else(|| reader.no_record(record)))
    }

    /// Iterates over the entries of the index.
    ///
    /// ```
    /// use tfr_index::{Options, Reader};
    ///
    /// let reader = Reader::open("tests/data/examples.tfrecord", &Options::new())?;
    /// let largest = reader.entries().map(|entry| entry.payload_len()).max();
    /// assert_eq!(largest, Some(reader.iter().map(|payload| payload.unwrap().len()).max().unwrap() as u64));
    /// # Ok::<(), tfr_index::Error>(())
    /// ```
    #[must_use]
    pub fn entries(&self) -> impl ExactSizeIterator<Item = Entry> + '_ {
        self.0.table.range(0..self.len())
    }

    /// Makes an [`Index`] of the reader's entries, with 16 bytes for each record. (Where records
    /// follow each other, the reader itself holds them in one to three bytes.)
    ///
    /// ```
    /// use tfr_index::{Index, Options, Reader};
    ///
    /// let path = "tests/data/examples.tfrecord";
    /// let reader = Reader::open(path, &Options::new())?;
    /// assert_eq!(reader.to_index()?, Index::scan(path, &Options::new())?);
    /// # Ok::<(), tfr_index::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::OutOfMemory`].
    pub fn to_index(&self) -> Result<Index> {
        self.0.table.to_index()
    }

    /// Returns why the index found beside the data is not used: it does not account for all valid
    /// records of the data, or cannot be read. The data was scanned instead. Programs should report
    /// this.
    ///
    /// ```
    /// use tfr_index::{ErrorKind, Index, Options, Reader};
    ///
    /// # let directory = tempfile::tempdir()?;
    /// # let path = directory.path().join("x.tfrecord");
    /// std::fs::copy("tests/data/examples.tfrecord", &path)?;
    /// let index = Index::scan(&path, &Options::new())?;
    /// let part = Index::from_entries(index[10..].iter().copied())?;
    /// part.write(directory.path().join("x.tfrecord.idx"))?;
    ///
    /// let reader = Reader::open(&path, &Options::new())?;
    /// assert_eq!(reader.len(), 100);
    /// assert_eq!(reader.warning().map(|warning| warning.kind()), Some(ErrorKind::Stale));
    /// // An index passed by the caller is used as it is.
    /// let reader = Reader::with_index(&path, part, &Options::new())?;
    /// assert!(reader.len() == 90 && reader.warning().is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn warning(&self) -> Option<&Error> {
        self.0.warning.as_ref()
    }

    /// Returns the number of records.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.table.len()
    }

    /// Returns whether there are no records.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads one payload; with [`Options::raw_frames`](crate::Options::raw_frames), the whole
    /// frame.
    ///
    /// ```
    /// use tfr_index::{ErrorKind, Options, Reader};
    ///
    /// let reader = Reader::open("tests/data/examples.tfrecord", &Options::new())?;
    /// assert_eq!(reader.read(42)?.len() as u64, reader.entry(42)?.payload_len());
    /// assert_eq!(reader.read(100).unwrap_err().kind(), ErrorKind::OutOfRange);
    /// # Ok::<(), tfr_index::Error>(())
    /// ```
    ///
    /// # Errors
    /// - [`ErrorKind::OutOfRange`]: there is no such record.
    /// - [`ErrorKind::Mismatch`]: by the index, the record ends after the data, or the data has
    ///   another frame there: the index does not match the data.
    /// - [`ErrorKind::LengthCrc`], [`ErrorKind::PayloadCrc`]: the record is damaged.
    /// - [`ErrorKind::Truncated`]: the data has become shorter.
    /// - [`ErrorKind::Io`], [`ErrorKind::OutOfMemory`].
    pub fn read(&self, record: usize) -> Result<Vec<u8>> {
        let mut payload = Vec::new();
        self.read_into(record, &mut payload)?;
        Ok(payload)
    }

    /// Like [`read`](Self::read), but reuses the memory of `payload`, whose contents are replaced.
    /// After an error it is empty.
    ///
    /// ```
    /// use tfr_index::{Options, Reader};
    ///
    /// let reader = Reader::open("tests/data/examples.tfrecord", &Options::new())?;
    /// let mut payload = Vec::new();
    /// for record in [3, 1, 4] {
    ///     reader.read_into(record, &mut payload)?;
    ///     assert_eq!(payload.len(), reader.size_of(record)?);
    /// }
    /// # Ok::<(), tfr_index::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`read`](Self::read).
    pub fn read_into(&self, record: usize, payload: &mut Vec<u8>) -> Result<()> {
        self.named(|reader| reader.read_into(record, payload))
    }

    /// Like [`read`](Self::read), but writes to the start of `buffer` and returns the number of
    /// bytes. After an error, the contents of the buffer are unspecified.
    ///
    /// ```
    /// use tfr_index::{Options, Reader};
    ///
    /// let reader = Reader::open("tests/data/examples.tfrecord", &Options::new())?;
    /// let mut buffer = [0; 4096];
    /// let size = reader.read_into_slice(42, &mut buffer)?;
    /// assert_eq!(buffer[..size], reader.read(42)?);
    /// # Ok::<(), tfr_index::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`read`](Self::read); [`ErrorKind::InvalidArgument`] if the buffer is smaller than
    /// [`size_of`](Self::size_of).
    pub fn read_into_slice(&self, record: usize, buffer: &mut [u8]) -> Result<usize> {
        self.named(|reader| reader.read_into_slice(record, buffer))
    }

    /// Returns how many bytes [`read`](Self::read) returns for a record. For a record of more than
    /// a MiB, this reads and checks its header first, so that a wrong index cannot make callers
    /// allocate too much. For others it reads nothing.
    ///
    /// # Errors
    /// [`ErrorKind::OutOfRange`] if there is no such record; [`ErrorKind::Mismatch`] if it would
    /// end after the data. For a record of more than a MiB, those of [`read`](Self::read).
    pub fn size_of(&self, record: usize) -> Result<usize> {
        self.named(|reader| reader.true_size_of(record))
    }

    /// Reads many payloads and returns them in the order of `records`. Internally it reads in the
    /// order of the data, merges reads of records that are close together, and uses several threads
    /// if that helps.
    ///
    /// ```
    /// use tfr_index::{Options, Reader};
    ///
    /// let reader = Reader::open("tests/data/examples.tfrecord", &Options::new())?;
    /// let payloads = reader.read_many(&[99, 0])?;
    /// assert_eq!(payloads[0], reader.read(99)?[..]);
    /// for payload in &payloads {
    ///     assert!(!payload.is_empty());
    /// }
    /// # Ok::<(), tfr_index::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`read`](Self::read), for the first bad record in the order of `records`. Records
    /// that do not exist or would end after the data are reported before anything is read.
    ///
    /// [`ErrorKind::OutOfMemory`] if the payloads take more than a GiB and more than the available
    /// memory: on Linux that of `/proc/meminfo` and of the process's control groups, including free
    /// swap space.
    pub fn read_many(&self, records: &[usize]) -> Result<Payloads> {
        let mut payloads = Payloads::default();
        self.read_many_into(records, &mut payloads)?;
        Ok(payloads)
    }

    /// Like [`read_many`](Self::read_many), but reuses the memory of `payloads`. After an error it
    /// holds no payloads.
    ///
    /// # Errors
    /// Those of [`read_many`](Self::read_many).
    pub fn read_many_into(&self, records: &[usize], payloads: &mut Payloads) -> Result<()> {
        self.named(|reader| payloads.refill(reader, records))
    }

    /// Like [`read_many`](Self::read_many), but writes to the start of `buffer` and returns the
    /// [offsets](Self::offsets). After an error, the contents of the buffer are unspecified.
    ///
    /// ```
    /// use tfr_index::{Options, Reader};
    ///
    /// let reader = Reader::open("tests/data/examples.tfrecord", &Options::new())?;
    /// let mut buffer = vec![0; *reader.offsets(&[5, 7])?.last().unwrap()];
    /// let offsets = reader.read_many_into_slice(&[5, 7], &mut buffer)?;
    /// assert_eq!(buffer[offsets[1]..offsets[2]], reader.read(7)?);
    /// # Ok::<(), tfr_index::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`read_many`](Self::read_many); [`ErrorKind::InvalidArgument`] if the buffer is too
    /// small.
    pub fn read_many_into_slice(&self, records: &[usize], buffer: &mut [u8]) -> Result<Vec<usize>> {
        self.named(|reader| {
            let offsets = reader.offsets(records)?;
            reader.read_many(records, &offsets, buffer)?;
            Ok(offsets)
        })
    }

    /// Like [`read_many`](Self::read_many), but writes each payload to the start of its own buffer.
    /// After an error, the contents of the buffers are unspecified.
    ///
    /// ```
    /// use tfr_index::{Options, Reader};
    ///
    /// let reader = Reader::open("tests/data/examples.tfrecord", &Options::new())?;
    /// let (mut one, mut other) = (vec![0; reader.size_of(9)?], vec![0; reader.size_of(7)?]);
    /// reader.read_each(&[9, 7], &mut [&mut one, &mut other])?;
    /// assert_eq!((one, other), (reader.read(9)?, reader.read(7)?));
    /// # Ok::<(), tfr_index::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`read_many`](Self::read_many); [`ErrorKind::InvalidArgument`] if a buffer is too
    /// small, or the numbers of buffers and records differ.
    pub fn read_each(&self, records: &[usize], buffers: &mut [&mut [u8]]) -> Result<()> {
        self.named(|reader| reader.read_each(records, buffers))
    }

    /// Returns where each payload starts if those of `records` are concatenated. Payload `i` is at
    /// `offsets[i]..offsets[i + 1]`; the last offset is the total size. This reads nothing unless
    /// the total is more than a GiB: then it checks the headers of large records, like
    /// [`size_of`](Self::size_of).
    ///
    /// # Errors
    /// Those of [`size_of`](Self::size_of); [`ErrorKind::OutOfMemory`] as for
    /// [`read_many`](Self::read_many).
    pub fn offsets(&self, records: &[usize]) -> Result<Vec<usize>> {
        self.named(|reader| {
            let offsets = reader.offsets(records)?;
            reader.ensure_sizes(records, &offsets)?;
            ensure_memory(offsets[records.len()])?;
            Ok(offsets)
        })
    }

    /// Iterates over all payloads in the order of the index. A background thread reads ahead in
    /// pieces of about a MiB; it ends when the iterator is dropped. A bad record yields an error,
    /// and the iterator continues with the next record.
    ///
    /// ```
    /// use tfr_index::{Options, Reader};
    ///
    /// let reader = Reader::open("tests/data/examples.tfrecord", &Options::new())?;
    /// for (record, payload) in reader.iter().enumerate() {
    ///     assert_eq!(payload?, reader.read(record)?);
    /// }
    /// # Ok::<(), tfr_index::Error>(())
    /// ```
    #[must_use]
    pub fn iter(&self) -> Records<'_> {
        Records::new(self)
    }

    /// Runs `work`, whose errors then name the file.
    fn named<T>(&self, work: impl FnOnce(&Inner) -> Result<T>) -> Result<T> {
        work(&self.0).map_err(|error| match &self.0.path {
            Some(path) => error.of(path),
            None => error,
        })
    }
}

impl<'a> IntoIterator for &'a Reader {
    type Item = Result<Vec<u8>>;
    type IntoIter = Records<'a>;

    fn into_iter(self) -> Records<'a> {
        self.iter()
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { path, table, .. } = &*self.0;
        f.debug_struct("Reader").field("path", path).field("records", &table.len()).finish()
    }
}

impl Inner {
    /// Returns a record's entry, whose frame ends inside the data.
    #[inline]
    fn entry(&self, record: usize) -> Result<Entry> {
        match self.table.get(record) {
            Some(entry) => self.ensure_inside(record, entry).map(|()| entry),
            None => Err(self.no_record(record)),
        }
    }

    #[cold]
    fn no_record(&self, record: usize) -> Error {
        let detail = format!("out of range, the index has {} records", self.table.len());
        Error::new(ErrorKind::OutOfRange, detail).of_record(record as u64)
    }

    /// Fails unless the frame ends inside the data.
    #[inline]
    fn ensure_inside(&self, record: usize, entry: Entry) -> Result<()> {
        match entry.end() > self.size {
            true => self.ensure_room(record, entry),
            false => Ok(()),
        }
    }

    /// Fails unless the data has grown enough to hold the frame.
    #[cold]
    fn ensure_room(&self, record: usize, entry: Entry) -> Result<()> {
        let size = self
            .source
            .size()
            .map_err(|error| Error::io("find the size", error).at(record as u64, entry.offset))?;
        if entry.end() <= size {
            return Ok(());
        }
        Err(check::ends_after_data(ErrorKind::Mismatch, record as u64, entry, size, ""))
    }

    fn size_of(&self, record: usize) -> Result<usize> {
        self.size_in(record, self.entry(record)?)
    }

    /// The size of a record that has this entry.
    #[inline]
    fn size_in(&self, record: usize, entry: Entry) -> Result<usize> {
        let size = entry.size - if self.raw_frames { 0 } else { OVERHEAD };
        usize::try_from(size).map_err(|_| out_of_memory().of_record(record as u64))
    }

    /// The size. For a large record this checks the header, so that a wrong index does not cause a
    /// large allocation.
    fn true_size_of(&self, record: usize) -> Result<usize> {
        self.true_size_in(record, self.entry(record)?)
    }

    #[inline]
    fn true_size_in(&self, record: usize, entry: Entry) -> Result<usize> {
        let size = self.size_in(record, entry)?;
        // To check a distant one would take as long as to read it.
        let is_trusted = self.known && self.source.cost().is_some();
        if size > LARGE && !is_trusted {
            self.ensure_header(record, entry)?;
        }
        Ok(size)
    }

    /// Checks the headers of large records, if the batch needs much memory.
    fn ensure_sizes(&self, records: &[usize], offsets: &[usize]) -> Result<()> {
        match offsets[records.len()] > LARGE_BATCH {
            true => records.iter().try_for_each(|&record| self.true_size_of(record).map(drop)),
            false => Ok(()),
        }
    }

    fn read_into(&self, record: usize, payload: &mut Vec<u8>) -> Result<()> {
        let read = self.entry(record).and_then(|entry| {
            let size = self.true_size_in(record, entry)?;
            make_room(payload, size)?;
            payload.resize(size, 0);
            self.read_frame(&mut Slot { record, entry, bytes: payload })
        });
        if read.is_err() {
            payload.clear();
        }
        read
    }

    fn read_into_slice(&self, record: usize, buffer: &mut [u8]) -> Result<usize> {
        let entry = self.entry(record)?;
        let size = self.size_in(record, entry)?;
        let capacity = buffer.len();
        let bytes = buffer.get_mut(..size).ok_or_else(|| too_small(record, capacity, size))?;
        self.read_frame(&mut Slot { record, entry, bytes })?;
        Ok(size)
    }
}

fn too_small(record: usize, capacity: usize, size: usize) -> Error {
    let detail = format!("the buffer has {capacity} bytes, but the record needs {size}");
    Error::new(ErrorKind::InvalidArgument, detail).of_record(record as u64)
}

/// Fails if a large `size` exceeds the available memory. The system might grant it, but kill the
/// process when it writes to the memory.
fn ensure_memory(size: usize) -> Result<()> {
    if size <= LARGE_BATCH {
        return Ok(());
    }
    match sys::available_memory() {
        Some(available) if size as u64 > available => {
            let detail = format!(
                "out of memory: the payloads need {size} bytes, but {available} are available; \
                 read fewer records per call"
            );
            Err(Error::new(ErrorKind::OutOfMemory, detail))
        }
        _ => Ok(()),
    }
}

fn out_of_memory() -> Error {
    Error::out_of_memory("the payloads")
}

/// Makes the capacity at least `size` bytes. The contents may be lost.
fn make_room(bytes: &mut Vec<u8>, size: usize) -> Result<()> {
    if size > bytes.capacity() {
        ensure_memory(size)?;
        bytes.clear(); // so that growing copies nothing
        bytes.try_reserve_exact(size).map_err(|_| out_of_memory())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
