//! The API of `s3dlio::tfrecord_index`, implemented by this crate.
//!
//! Add this crate as `s3dlio = { package = "tfr-index", … }`, and code with
//! `use s3dlio::tfrecord_index::*;` compiles unchanged. Errors are [`anyhow::Error`]s that can be
//! downcast to [`crate::Error`].
//!
//! ```
//! use tfr_index::tfrecord_index::*;
//!
//! # let directory = tempfile::tempdir()?;
//! # let index_path = directory.path().join("examples.tfrecord.idx");
//! let num_records = write_index_for_tfrecord_file("tests/data/examples.tfrecord", &index_path)?;
//! let entries = read_index_file(&index_path)?;
//! assert_eq!(entries.len(), num_records);
//! # anyhow::Ok(())
//! ```

use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;

use anyhow::Result;

use crate::options::Options;
use crate::{Index, Indexer};

/// The `offset` and `size` of one record; another name of [`crate::Entry`].
pub use crate::index::Entry as TfRecordIndexEntry;

/// Creates the index file of a TFRecord file and returns the number of records.
///
/// The same as [`crate::create_index`] with the default options: it needs constant memory, and the
/// index file appears complete or not at all.
///
/// ```
/// use tfr_index::tfrecord_index::write_index_for_tfrecord_file;
///
/// # let directory = tempfile::tempdir()?;
/// let index_path = directory.path().join("examples.tfrecord.idx");
/// assert_eq!(write_index_for_tfrecord_file("tests/data/examples.tfrecord", index_path)?, 100);
/// # anyhow::Ok(())
/// ```
///
/// # Errors
/// Those of [`crate::create_index`].
pub fn write_index_for_tfrecord_file(
    tfrecord_path: impl AsRef<Path>,
    index_path: impl AsRef<Path>,
) -> Result<usize> {
    Ok(usize::try_from(crate::create_index(tfrecord_path, index_path, &Options::new())?)?)
}

/// Reads an index file.
///
/// ```
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("train.tfrecord.idx");
/// std::fs::write(&path, "0 21\n21 16\n")?;
/// let entries = tfr_index::tfrecord_index::read_index_file(&path)?;
/// assert_eq!((entries[1].offset, entries[1].size), (21, 16));
/// # anyhow::Ok(())
/// ```
///
/// # Errors
/// Those of [`Index::read`].
pub fn read_index_file(index_path: impl AsRef<Path>) -> Result<Vec<TfRecordIndexEntry>> {
    Ok(Index::read(index_path)?.into_entries())
}

/// Returns the index entries of TFRecord data in memory.
///
/// ```
/// use tfr_index::tfrecord_index::index_entries_from_bytes;
///
/// let data = std::fs::read("tests/data/examples.tfrecord")?;
/// let entries = index_entries_from_bytes(&data)?;
/// assert_eq!(entries[0].offset, 0);
/// assert_eq!(entries.iter().map(|entry| entry.size).sum::<u64>(), data.len() as u64);
/// # anyhow::Ok(())
/// ```
///
/// # Errors
/// Those of [`Index::from_bytes`].
pub fn index_entries_from_bytes(data: &[u8]) -> Result<Vec<TfRecordIndexEntry>> {
    Ok(Index::from_bytes(data, &Options::new())?.into_entries())
}

/// Returns the index text of TFRecord data in memory: a line `"{offset} {size}\n"` for each record.
///
/// ```
/// use tfr_index::tfrecord_index::index_text_from_bytes;
///
/// let text = index_text_from_bytes(&std::fs::read("tests/data/examples.tfrecord")?)?;
/// assert_eq!(text.lines().count(), 100);
/// # anyhow::Ok(())
/// ```
///
/// # Errors
/// Those of [`Index::from_bytes`].
pub fn index_text_from_bytes(data: &[u8]) -> Result<String> {
    Ok(Index::from_bytes(data, &Options::new())?.to_text()?)
}

/// Indexes a stream (any [`Read`]) in constant memory.
///
/// ```
/// use tfr_index::tfrecord_index::TfRecordIndexer;
///
/// let reader = std::fs::File::open("tests/data/examples.tfrecord")?;
/// let mut indexer = TfRecordIndexer::new(reader)?;
/// let mut end = 0;
/// while let Some(entry) = indexer.next_entry()? {
///     assert_eq!(entry.offset, end);
///     end += entry.size;
/// }
/// assert_eq!(end, std::fs::metadata("tests/data/examples.tfrecord")?.len());
/// # anyhow::Ok(())
/// ```
#[derive(Debug)]
pub struct TfRecordIndexer<R> {
    reader: R,
    indexer: Indexer,
    buffer: Vec<u8>,
    /// The part of the buffer that is read, but not yet pushed.
    unpushed: std::ops::Range<usize>,
    finished: bool,
}

impl<R: Read> TfRecordIndexer<R> {
    /// Makes an indexer of the records from the reader's position on. It reads in large pieces, so
    /// the reader needs no buffer of its own.
    ///
    /// # Errors
    /// None today.
    pub fn new(reader: R) -> Result<Self> {
        Ok(Self::from_reader(reader))
    }

    /// Like [`new`](Self::new), but cannot fail.
    ///
    /// ```
    /// use tfr_index::tfrecord_index::TfRecordIndexer;
    ///
    /// let mut indexer = TfRecordIndexer::from_reader(std::io::empty());
    /// assert!(indexer.next_entry()?.is_none());
    /// # anyhow::Ok(())
    /// ```
    pub fn from_reader(reader: R) -> Self {
        TfRecordIndexer {
            reader,
            indexer: Indexer::with_checksums(Options::new().checksums),
            buffer: vec![0; 128 << 10],
            unpushed: 0..0,
            finished: false,
        }
    }

    /// Returns the next entry, or `None` at the end and after an error.
    ///
    /// # Errors
    /// If the stream cannot be read or ends inside a record; otherwise those of
    /// [`Index::from_bytes`].
    pub fn next_entry(&mut self) -> Result<Option<TfRecordIndexEntry>> {
        if self.finished {
            return Ok(None);
        }
        let entry = self.scan();
        self.finished = !matches!(entry, Ok(Some(_)));
        Ok(entry?)
    }

    fn scan(&mut self) -> crate::Result<Option<TfRecordIndexEntry>> {
        loop {
            let mut bytes = &self.buffer[self.unpushed.clone()];
            let entry = self.indexer.push(&mut bytes)?;
            self.unpushed.start = self.unpushed.end - bytes.len();
            if entry.is_some() {
                return Ok(entry);
            }
            match self.reader.read(&mut self.buffer) {
                Ok(0) => return self.indexer.finish().map(|()| None),
                Ok(count) => self.unpushed = 0..count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.indexer.read_failed(error)),
            }
        }
    }
}

impl<R: Read + Seek> TfRecordIndexer<R> {
    /// Returns the entries of all records, from the reader's first byte on, whatever its position.
    ///
    /// ```
    /// use tfr_index::tfrecord_index::TfRecordIndexer;
    ///
    /// let file = std::fs::File::open("tests/data/examples.tfrecord")?;
    /// assert_eq!(TfRecordIndexer::from_reader(file).index()?.len(), 100);
    /// # anyhow::Ok(())
    /// ```
    ///
    /// # Errors
    /// Those of [`next_entry`](Self::next_entry); if the reader cannot seek.
    pub fn index(&mut self) -> Result<Vec<TfRecordIndexEntry>> {
        self.rewind()?;
        let mut entries = Vec::new();
        while let Some(entry) = self.next_entry()? {
            entries.push(entry);
        }
        Ok(entries)
    }

    /// Writes the index file of all records, from the reader's first byte on, and returns their
    /// number. The file appears complete or not at all.
    ///
    /// ```
    /// use tfr_index::tfrecord_index::TfRecordIndexer;
    ///
    /// # let directory = tempfile::tempdir()?;
    /// # let index_path = directory.path().join("examples.tfrecord.idx");
    /// let file = std::fs::File::open("tests/data/examples.tfrecord")?;
    /// assert_eq!(TfRecordIndexer::from_reader(file).write_index(&index_path)?, 100);
    /// # anyhow::Ok(())
    /// ```
    ///
    /// # Errors
    /// Those of [`index`](Self::index); if the index file cannot be written.
    pub fn write_index(&mut self, index_path: impl AsRef<Path>) -> Result<usize> {
        self.rewind()?;
        let count = crate::create_index_from_reader(&mut self.reader, index_path, &Options::new())?;
        self.finished = true;
        Ok(usize::try_from(count)?)
    }

    /// Goes back to the first record.
    fn rewind(&mut self) -> Result<()> {
        self.reader.seek(SeekFrom::Start(0))?;
        self.indexer = Indexer::with_checksums(Options::new().checksums);
        (self.unpushed, self.finished) = (0..0, false);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame;

    #[test]
    fn all_records_again_and_again() {
        let data = file_of(&[b"first", b"", b"third one"]);
        let expected = index_entries_from_bytes(&data).unwrap();
        let mut indexer = TfRecordIndexer::from_reader(std::io::Cursor::new(&data));
        indexer.next_entry().unwrap();
        assert_eq!(indexer.index().unwrap(), expected);
        assert_eq!(indexer.next_entry().unwrap(), None);
        let directory = tempfile::tempdir().unwrap();
        let index_path = directory.path().join("x.idx");
        assert_eq!(indexer.write_index(&index_path).unwrap(), 3);
        assert_eq!(indexer.next_entry().unwrap(), None);
        assert_eq!(read_index_file(&index_path).unwrap(), expected);
        assert_eq!(indexer.index().unwrap(), expected);

        let cut = &data[..30];
        let mut indexer = TfRecordIndexer::from_reader(std::io::Cursor::new(cut));
        indexer.write_index(&index_path).unwrap_err();
        indexer.index().unwrap_err();
        assert_eq!(read_index_file(&index_path).unwrap(), expected);
    }

    fn file_of(payloads: &[&[u8]]) -> Vec<u8> {
        payloads.iter().flat_map(|payload| frame::encode(payload)).collect()
    }

    #[test]
    fn entries_and_text_of_bytes() {
        let data = file_of(&[b"first", b"", b"third one"]);
        let entries = index_entries_from_bytes(&data).unwrap();
        let pairs: Vec<_> = entries.iter().map(|entry| (entry.offset, entry.size)).collect();
        assert_eq!(pairs, [(0, 21), (21, 16), (37, 25)]);
        assert_eq!(index_text_from_bytes(&data).unwrap(), "0 21\n21 16\n37 25\n");
    }

    #[test]
    fn no_bytes_are_an_empty_index() {
        assert_eq!(index_entries_from_bytes(b"").unwrap(), []);
        assert_eq!(index_text_from_bytes(b"").unwrap(), "");
        assert_eq!(TfRecordIndexer::new(&b""[..]).unwrap().next_entry().unwrap(), None);
    }

    #[test]
    fn checksums_left_zero_are_accepted() {
        let mut data = 5u64.to_le_bytes().to_vec();
        data.extend(b"\0\0\0\0first\0\0\0\0");
        assert_eq!(index_text_from_bytes(&data).unwrap(), "0 21\n");
    }

    #[test]
    fn files_round_trip_through_two_types_of_path() {
        let directory = tempfile::tempdir().unwrap();
        let data_path = directory.path().join("train.tfrecord");
        let index_path = format!("{}.idx", data_path.display());
        let data = file_of(&[b"a", b"bb", b"ccc"]);
        std::fs::write(&data_path, &data).unwrap();
        assert_eq!(write_index_for_tfrecord_file(&data_path, index_path.as_str()).unwrap(), 3);
        let entries = read_index_file(index_path).unwrap();
        assert_eq!(entries, index_entries_from_bytes(&data).unwrap());
    }

    #[test]
    fn a_stream_gives_what_memory_gives() {
        let payload = vec![7; 300_000]; // more than one piece
        let data = file_of(&[b"a", &payload, b"", &payload]);
        let mut indexer = TfRecordIndexer::new(std::io::Cursor::new(&data)).unwrap();
        let mut entries = Vec::new();
        while let Some(entry) = indexer.next_entry().unwrap() {
            entries.push(entry);
        }
        assert_eq!(entries, index_entries_from_bytes(&data).unwrap());
    }

    #[test]
    fn a_stream_ends_at_its_first_error() {
        let data = file_of(&[b"a", b"b"]);
        let mut indexer = TfRecordIndexer::new(&data[..data.len() - 1]).unwrap();
        assert!(indexer.next_entry().unwrap().is_some());
        let error = indexer.next_entry().unwrap_err();
        let error: &crate::Error = error.downcast_ref().unwrap();
        assert_eq!(error.kind(), crate::ErrorKind::Truncated);
        assert_eq!((error.record(), error.offset()), (Some(1), Some(17)));
        assert!(indexer.next_entry().unwrap().is_none());
    }

    #[test]
    fn a_giant_length_allocates_nothing_and_ends() {
        for length in [1 << 40, 1 << 63, u64::MAX - 15, u64::MAX] {
            let mut data = u64::to_le_bytes(length).to_vec();
            data.extend([0; 20]);
            let error = index_entries_from_bytes(&data).unwrap_err();
            let error: &crate::Error = error.downcast_ref().unwrap();
            assert_eq!(error.kind(), crate::ErrorKind::NotTfRecord);
            assert!(TfRecordIndexer::new(&data[..]).unwrap().next_entry().is_err());
        }
    }

    #[test]
    fn errors_downcast_and_name_the_file() {
        let error = read_index_file("no/such.idx").unwrap_err();
        let error: &crate::Error = error.downcast_ref().unwrap();
        assert_eq!(error.os_error(), Some(libc::ENOENT));
        assert!(error.to_string().starts_with("no/such.idx: cannot open: "), "{error}");
    }
}
