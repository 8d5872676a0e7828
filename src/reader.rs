//! Records by their numbers: an index and the data that it is of.

mod ahead;
mod frames;
mod many;
mod open;
mod payloads;
mod pieces;
mod records;

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::AtomicUsize;
use std::sync::Arc;

pub use payloads::Payloads;
pub(crate) use pieces::{Piece, Pieces};
pub use records::Records;

use crate::check::{self, frames::Trust};
use crate::error::{Error, ErrorKind, Result};
use crate::frame::OVERHEAD;
use crate::index::{Entry, Index};
use crate::memory;
use crate::source::ReadAt;
use frames::Slot;

/// Reads the records of a TFRecord file by their numbers: record `i` is where entry `i` of its
/// index says. The file stays open; it may grow meanwhile.
///
/// Many threads may read at once, and wait for each other in nothing. Clones are cheap and share
/// index and file.
///
/// Of a record that is read, the policy says what must hold: with [`Checksums::Full`] the CRCs of
/// length and payload, with [`Checksums::Length`] that of the length; and the length must be the
/// index's. [`Checksums::Auto`] is as `Full`, but of data that was written without true checksums
/// only lengths are looked at. With [`Checksums::None`] nothing is: bytes are given as they are.
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
/// assert_eq!(bytes, reader.index().iter().map(|entry| entry.size - 16).sum::<u64>());
/// # Ok::<(), tfr_index::Error>(())
/// ```
///
/// [`Checksums::Full`]: crate::Checksums::Full
/// [`Checksums::Length`]: crate::Checksums::Length
/// [`Checksums::Auto`]: crate::Checksums::Auto
/// [`Checksums::None`]: crate::Checksums::None
#[derive(Clone)]
pub struct Reader(Arc<Inner>);

/// Bytes of a payload that are worth a look at its header before memory is taken for it.
const LARGE: usize = if cfg!(any(test, fuzzing)) { 500 } else { 1 << 20 };
/// And of many payloads: to look at one header after the other takes its time.
const LARGE_BATCH: usize = if cfg!(any(test, fuzzing)) { 500 } else { 1 << 30 };

struct Inner {
    source: Box<dyn ReadAt + Send + Sync>,
    path: Option<PathBuf>,
    index: Index,
    /// Whether the index is known to be the index of this data: it was not given.
    known: bool,
    /// Why the index found beside the data is not used.
    warning: Option<Error>,
    /// The data's size when it was opened.
    size: u64,
    /// How far headers are believed; none: nothing of frames is looked at.
    trust: Option<Trust>,
    /// Whether payload CRCs must hold.
    payloads: bool,
    /// Bytes of a payload that are read at once.
    block: usize,
    raw_frames: bool,
    threads: usize,
    processors: usize,
    /// How many threads read at once, if the caller leaves that to us: more than there are
    /// processors where they wait for the medium.
    width: AtomicUsize,
}

impl Reader {
    /// The index that says where the records are.
    #[must_use]
    pub fn index(&self) -> &Index {
        &self.0.index
    }

    /// Why the index found beside the data is not used: it does not account for all valid records of
    /// the data, or cannot be read. The data was scanned instead. Programs should say so.
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
    /// // An index that is given is used as it is.
    /// let reader = Reader::with_index(&path, part, &Options::new())?;
    /// assert!(reader.len() == 90 && reader.warning().is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn warning(&self) -> Option<&Error> {
        self.0.warning.as_ref()
    }

    /// The number of records.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.index.len()
    }

    /// Whether there are no records.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.index.is_empty()
    }

    /// A record's payload; its frame, if [`Options::raw_frames`](crate::Options::raw_frames)
    /// asked for it.
    ///
    /// ```
    /// use tfr_index::{ErrorKind, Options, Reader};
    ///
    /// let reader = Reader::open("tests/data/examples.tfrecord", &Options::new())?;
    /// assert_eq!(reader.read(42)?.len() as u64, reader.index()[42].size - 16);
    /// assert_eq!(reader.read(100).unwrap_err().kind(), ErrorKind::OutOfRange);
    /// # Ok::<(), tfr_index::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::OutOfRange`] when there is no such record. [`ErrorKind::Mismatch`] when it
    /// would end behind the data, or another frame is there: the index is not that of the data.
    /// [`ErrorKind::LengthCrc`] and [`ErrorKind::PayloadCrc`] when it is damaged;
    /// [`ErrorKind::Truncated`] when the data became shorter; [`ErrorKind::Io`];
    /// [`ErrorKind::OutOfMemory`].
    pub fn read(&self, record: usize) -> Result<Vec<u8>> {
        let mut payload = Vec::new();
        self.read_into(record, &mut payload)?;
        Ok(payload)
    }

    /// As [`read`](Self::read), into memory that is used again: what was in it is replaced. After an
    /// error it is empty.
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
    /// As [`read`](Self::read).
    pub fn read_into(&self, record: usize, payload: &mut Vec<u8>) -> Result<()> {
        self.named(|reader| reader.read_into(record, payload))
    }

    /// As [`read`](Self::read), to the start of `buffer`; returns how many bytes that were. After an
    /// error it holds anything.
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
    /// As [`read`](Self::read); [`ErrorKind::InvalidArgument`] when the buffer is smaller than
    /// [`size_of`](Self::size_of) says.
    pub fn read_into_slice(&self, record: usize, buffer: &mut [u8]) -> Result<usize> {
        self.named(|reader| reader.read_into_slice(record, buffer))
    }

    /// How many bytes [`read`](Self::read) gives of a record. Of a large one (over a MiB) the header
    /// is read, so that nobody takes memory for what an index alone says; of others nothing is.
    ///
    /// # Errors
    /// [`ErrorKind::OutOfRange`] when there is no such record; [`ErrorKind::Mismatch`] when it
    /// would end behind the data. Of a large record those of [`read`](Self::read).
    pub fn size_of(&self, record: usize) -> Result<usize> {
        self.named(|reader| reader.true_size_of(record))
    }

    /// Many payloads, in the order in which they are asked for. They are read in the order of the
    /// data, those that lie close together at once, by as many threads as it takes.
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
    /// As [`read`](Self::read), of the first bad record in the order in which they are asked for; of
    /// those that are not there or would end behind the data, before anything is read.
    /// [`ErrorKind::OutOfMemory`] for payloads of more than a GiB, if they are larger than the memory
    /// that is available: on Linux that of `/proc/meminfo` and of the process's control groups, with
    /// the free swap space.
    pub fn read_many(&self, records: &[usize]) -> Result<Payloads> {
        let mut payloads = Payloads::default();
        self.read_many_into(records, &mut payloads)?;
        Ok(payloads)
    }

    /// As [`read_many`](Self::read_many), into memory that is used again. After an error there are no
    /// payloads in it.
    ///
    /// # Errors
    /// As [`read_many`](Self::read_many).
    pub fn read_many_into(&self, records: &[usize], payloads: &mut Payloads) -> Result<()> {
        self.named(|reader| payloads.refill(reader, records))
    }

    /// As [`read_many`](Self::read_many), to the start of `buffer`; returns the
    /// [offsets](Self::offsets). After an error the buffer holds anything.
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
    /// As [`read_many`](Self::read_many); [`ErrorKind::InvalidArgument`] when the buffer is too
    /// small.
    pub fn read_many_into_slice(&self, records: &[usize], buffer: &mut [u8]) -> Result<Vec<usize>> {
        self.named(|reader| {
            let offsets = reader.offsets(records)?;
            reader.read_many(records, &offsets, buffer)?;
            Ok(offsets)
        })
    }

    /// As [`read_many`](Self::read_many), each to the start of a buffer of its own. After an error the
    /// buffers hold anything.
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
    /// As [`read_many`](Self::read_many); [`ErrorKind::InvalidArgument`] when a buffer is too small, or
    /// there are not as many as records.
    pub fn read_each(&self, records: &[usize], buffers: &mut [&mut [u8]]) -> Result<()> {
        self.named(|reader| reader.read_each(records, buffers))
    }

    /// Where each payload is among those of these records, one behind the other: payload `i` from
    /// number `i` on to number `i + 1`, so there is one more, which is their size. Nothing is read,
    /// unless it takes more than a GiB: then the headers of large records are, as by
    /// [`size_of`](Self::size_of).
    ///
    /// # Errors
    /// As [`size_of`](Self::size_of); [`ErrorKind::OutOfMemory`] as [`read_many`](Self::read_many).
    pub fn offsets(&self, records: &[usize]) -> Result<Vec<usize>> {
        self.named(|reader| {
            let offsets = reader.offsets(records)?;
            reader.ensure_sizes(records, &offsets)?;
            ensure_memory(offsets[records.len()])?;
            Ok(offsets)
        })
    }

    /// All payloads in the index's order. They are read ahead, about a MiB at once, by a thread of
    /// their own, which is gone when the iterator is dropped. A record that is bad is an error in
    /// its place, and the iterator goes on behind it.
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

    /// Does something, and names the file in its error.
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
        let Inner { path, index, .. } = &*self.0;
        f.debug_struct("Reader").field("path", path).field("records", &index.len()).finish()
    }
}

impl Inner {
    /// A record's entry, for whose frame the data has room.
    fn entry(&self, record: usize) -> Result<Entry> {
        let entry = *self.index.get(record).ok_or_else(|| {
            let detail = format!("out of range, the index has {} records", self.index.len());
            Error::new(ErrorKind::OutOfRange, detail).of_record(record as u64)
        })?;
        if entry.end() > self.size {
            self.ensure_room(record, entry)?;
        }
        Ok(entry)
    }

    /// An error if the data has not grown to hold the frame.
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
        let size = self.entry(record)?.size - if self.raw_frames { 0 } else { OVERHEAD };
        usize::try_from(size).map_err(|_| out_of_memory().of_record(record as u64))
    }

    /// The size, of a large record after a look at its header: no memory is taken for what an index
    /// alone says.
    fn true_size_of(&self, record: usize) -> Result<usize> {
        let size = self.size_of(record)?;
        if size > LARGE {
            self.ensure_header(record, self.entry(record)?)?;
        }
        Ok(size)
    }

    /// Looks at the headers of large records, if they take much memory.
    fn ensure_sizes(&self, records: &[usize], offsets: &[usize]) -> Result<()> {
        match offsets[records.len()] > LARGE_BATCH {
            true => records.iter().try_for_each(|&record| self.true_size_of(record).map(drop)),
            false => Ok(()),
        }
    }

    fn read_into(&self, record: usize, payload: &mut Vec<u8>) -> Result<()> {
        let read = self.true_size_of(record).and_then(|size| {
            make_room(payload, size)?;
            payload.resize(size, 0);
            self.read_into_slice(record, payload)
        });
        if read.is_err() {
            payload.clear();
        }
        read.map(drop)
    }

    fn read_into_slice(&self, record: usize, buffer: &mut [u8]) -> Result<usize> {
        let entry = self.entry(record)?;
        let size = self.size_of(record)?;
        let capacity = buffer.len();
        let bytes = buffer.get_mut(..size).ok_or_else(|| too_small(record, capacity, size))?;
        self.read_frame(&mut Slot { record, entry, bytes })?;
        Ok(size)
    }
}

fn too_small(record: usize, capacity: usize, size: usize) -> Error {
    let detail = format!("the buffer has {capacity} bytes, but it takes {size}");
    Error::new(ErrorKind::InvalidArgument, detail).of_record(record as u64)
}

/// An error if `size` bytes, where they are many, are more than the process can get: the system might
/// give them, and end the process when it writes to them.
fn ensure_memory(size: usize) -> Result<()> {
    if size <= LARGE_BATCH {
        return Ok(());
    }
    match memory::available() {
        Some(available) if size as u64 > available => {
            let detail = format!(
                "out of memory: the payloads take {size} bytes, and {available} are available; \
                 read fewer records at once"
            );
            Err(Error::new(ErrorKind::OutOfMemory, detail))
        }
        _ => Ok(()),
    }
}

fn out_of_memory() -> Error {
    Error::out_of_memory("the payloads")
}

/// Has memory for `size` bytes at hand; what is in the vector may be lost.
fn make_room(bytes: &mut Vec<u8>, size: usize) -> Result<()> {
    if size > bytes.capacity() {
        ensure_memory(size)?;
        bytes.clear(); // nothing to be copied
        bytes.try_reserve_exact(size).map_err(|_| out_of_memory())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
