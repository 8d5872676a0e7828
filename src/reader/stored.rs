//! An index whose entries are used where they are, for programs that need few of them, or each once.

use std::ops::Range;
use std::path::{Path, PathBuf};

use super::open::{index_beside, scan_file, Candidate};
use super::{Payloads, Reader};
use crate::check::{self, CheckLevel, Fit};
use crate::error::{Error, Result};
use crate::file;
use crate::index::{Entries, Entry, EntryOrder, EntryTable, Index, TextEntries, TextIndex};
use crate::open::{open, open_beside, Data};
use crate::options::Options;
use crate::source::DataFile;

/// The entries of an index file. Those of a large file stay in it, unless they are in another order
/// than the data.
#[allow(missing_debug_implementations)]
pub struct StoredIndex {
    stored: Stored,
    /// The index file, if it was given: a seek file may be beside it.
    path: Option<PathBuf>,
}

enum Stored {
    Text(TextIndex<DataFile>),
    Table(EntryTable),
}

impl StoredIndex {
    /// Reads an index file like [`Index::read`].
    ///
    /// # Errors
    /// Those of [`Index::read`].
    pub fn read(index_path: impl AsRef<Path>) -> Result<StoredIndex> {
        let path = index_path.as_ref();
        let index = file::open_to_read(path).and_then(|file| StoredIndex::read_open(file, path))?;
        Ok(StoredIndex { path: Some(path.to_owned()), ..index })
    }

    /// Finds the index of a data file as [`Reader::open`](super::Reader::open) does, or scans the
    /// data. Also returns the warning that the reader would have.
    ///
    /// # Errors
    /// Those of `Reader::open`.
    pub fn of_data(path: &Path, options: &Options<'_>) -> Result<(StoredIndex, Option<Error>)> {
        StoredIndex::of_open(path, &open(path)?, options).map_err(|error| error.of(path))
    }

    fn of_open(
        path: &Path,
        data: &Data,
        options: &Options<'_>,
    ) -> Result<(StoredIndex, Option<Error>)> {
        let scan = || scan_file(path, data, options).map(StoredIndex::from);
        match index_beside(path, data, options, StoredIndex::read_open)? {
            Candidate::Index(index) => Ok((index, None)),
            Candidate::None => Ok((scan()?, None)),
            Candidate::Unused(warning) => match scan() {
                Ok(index) => Ok((index, Some(warning))),
                Err(error) => Err(error.adding(&format!(" ({warning})"))),
            },
        }
    }

    /// Scans a file like [`Index::scan`].
    ///
    /// # Errors
    /// Those of [`Index::scan`].
    pub fn scan(path: &Path, options: &Options<'_>) -> Result<StoredIndex> {
        let data = open(path)?;
        let scan = |options: &Options<'_>| EntryTable::of_data(&data, options);
        options.of_file(path, scan).map(StoredIndex::from).map_err(|error| error.of(path))
    }

    fn read_open(file: DataFile, path: &Path) -> Result<StoredIndex> {
        let file = match file.is_shared() {
            true => file, // it is read once, from its position
            false => match TextIndex::new(file, path) {
                Ok(text) => return Ok(StoredIndex { stored: Stored::Text(text), path: None }),
                Err(file) => file,
            },
        };
        EntryTable::read_open(&file, path).map(StoredIndex::from)
    }

    /// Returns the number of records.
    #[must_use]
    pub fn records(&self) -> usize {
        Entries::len(self)
    }

    /// Iterates over the entries. An error means that the file was changed meanwhile.
    pub fn entries(&self) -> impl Iterator<Item = Result<Entry>> + '_ {
        self.range(0..self.records())
    }

    /// Checks the index like [`Index::check`].
    ///
    /// # Errors
    /// Those of [`Index::check`].
    pub fn check(&self, path: &Path, level: CheckLevel, options: &Options<'_>) -> Result<Fit> {
        check::check_path(self, path, level, options)
    }
}

/// Reads records like a [`Reader`], in the memory of few entries.
#[allow(missing_debug_implementations)]
pub struct StoredReader {
    /// It has no entries of its own.
    data: Reader,
    index: StoredIndex,
}

/// How many entries are in memory at a time.
const WINDOW: usize = if cfg!(test) { 3 } else { 64 << 10 };

impl StoredReader {
    /// Opens a file like [`Reader::open`]. Also returns the warning that the reader would have.
    ///
    /// # Errors
    /// Those of [`Reader::open`].
    pub fn open(path: &Path, options: &Options<'_>) -> Result<(StoredReader, Option<Error>)> {
        let open = || {
            let data = open(path)?;
            let (index, warning) = StoredIndex::of_open(path, &data, options)?;
            let reader = StoredReader::new(path, data, index, options)?;
            Ok((StoredReader { data: reader.data.scanned(), ..reader }, warning))
        };
        open().map_err(|error: Error| error.of(path))
    }

    /// Opens a file like [`Reader::with_index`].
    ///
    /// # Errors
    /// Those of [`Reader::with_index`].
    pub fn with_index(
        path: &Path,
        index: StoredIndex,
        options: &Options<'_>,
    ) -> Result<StoredReader> {
        let data = match &index.path {
            Some(index_path) => open_beside(path, index_path)?,
            None => open(path)?,
        };
        StoredReader::new(path, data, index, options).map_err(|error| error.of(path))
    }

    fn new(
        path: &Path,
        data: Data,
        index: StoredIndex,
        options: &Options<'_>,
    ) -> Result<StoredReader> {
        let offsets = || {
            let start = match &index.stored {
                Stored::Text(_) => None, // that of record 0
                Stored::Table(table) => table.start(),
            };
            let some = [0, 1, index.records() / 2, index.records().wrapping_sub(1)].into_iter();
            let some = some.filter(|record| *record < index.records());
            let some = some.filter_map(|record| Some(Entries::get(&index, record).ok()?.offset));
            start.into_iter().chain(some).collect()
        };
        let data = Reader::without_table(path, data, offsets, options)?;
        Ok(StoredReader { data, index })
    }

    /// Returns the number of records.
    #[must_use]
    pub fn records(&self) -> usize {
        self.index.records()
    }

    /// Iterates over these records, some at a time. An error means that the index was changed
    /// meanwhile.
    pub fn views(&self, records: Range<usize>) -> impl Iterator<Item = Result<View>> + '_ {
        let mut first = records.start as u64;
        let mut entries = self.index.range(records);
        std::iter::from_fn(move || {
            let view = entries.by_ref().take(WINDOW).collect::<Result<Vec<_>>>();
            let view =
                view.and_then(|entries| Ok(View { reader: self.data.view(entries)?, first }));
            first += view.as_ref().map_or(0, |view| view.len() as u64);
            view.map(|view| (view.len() > 0).then_some(view)).transpose()
        })
    }
}

/// Some records of a [`StoredReader`], from 0 on. Errors have their numbers in the index.
#[allow(missing_debug_implementations, clippy::len_without_is_empty)]
pub struct View {
    reader: Reader,
    /// The number of its first record in the index.
    first: u64,
}

impl View {
    /// Returns the number of records.
    #[must_use]
    pub fn len(&self) -> usize {
        self.reader.len()
    }

    /// Returns the size of a record like [`Reader::size_of`].
    ///
    /// # Errors
    /// Those of [`Reader::size_of`].
    pub fn size_of(&self, record: usize) -> Result<usize> {
        self.reader.size_of(record).map_err(|error| self.numbered(error))
    }

    /// Reads records like [`Reader::read_many_into`].
    ///
    /// # Errors
    /// Those of [`Reader::read_many_into`].
    pub fn read_many_into(&self, records: &[usize], payloads: &mut Payloads) -> Result<()> {
        self.reader.read_many_into(records, payloads).map_err(|error| self.numbered(error))
    }

    /// Says which record an error is of, and where that is.
    #[must_use]
    pub fn placed(&self, record: usize, error: Error) -> Error {
        let error = self.numbered(self.reader.placed(record, error));
        match &self.reader.0.path {
            Some(path) => error.of(path),
            None => error,
        }
    }

    fn numbered(&self, error: Error) -> Error {
        match error.record() {
            Some(record) => error.of_record(self.first + record),
            None => error,
        }
    }
}

impl From<EntryTable> for StoredIndex {
    fn from(table: EntryTable) -> StoredIndex {
        StoredIndex { stored: Stored::Table(table), path: None }
    }
}

impl TryFrom<Index> for StoredIndex {
    type Error = Error;

    fn try_from(index: Index) -> Result<StoredIndex> {
        EntryTable::of(index).map(StoredIndex::from)
    }
}

impl Entries for StoredIndex {
    type Range<'a> = StoredEntries<'a>;

    fn len(&self) -> usize {
        match &self.stored {
            Stored::Text(text) => text.len(),
            Stored::Table(table) => table.len(),
        }
    }

    fn get(&self, record: usize) -> Result<Entry> {
        match &self.stored {
            Stored::Text(text) => text.get(record),
            Stored::Table(table) => Entries::get(table, record),
        }
    }

    fn range(&self, records: Range<usize>) -> StoredEntries<'_> {
        match &self.stored {
            Stored::Text(text) => StoredEntries::Text(text.range(records)),
            Stored::Table(table) => StoredEntries::Table(Entries::range(table, records)),
        }
    }

    fn order(&self) -> EntryOrder<'_> {
        match &self.stored {
            Stored::Text(text) => text.order(),
            Stored::Table(table) => table.order(),
        }
    }
}

/// The entries of some records.
pub(crate) enum StoredEntries<'a> {
    Text(TextEntries<'a, DataFile>),
    Table(<EntryTable as Entries>::Range<'a>),
}

impl Iterator for StoredEntries<'_> {
    type Item = Result<Entry>;

    #[inline]
    fn next(&mut self) -> Option<Result<Entry>> {
        match self {
            StoredEntries::Text(entries) => entries.next(),
            StoredEntries::Table(entries) => entries.next(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{frame, ErrorKind};

    #[test]
    fn records_are_those_of_a_reader() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x");
        let mut data: Vec<u8> = (0..10).flat_map(|size| frame::encode(&vec![7; size])).collect();
        std::fs::write(&path, &data).unwrap();
        let options = Options::new();
        let index = Index::scan(&path, &options).unwrap();
        let reader = || StoredReader::open(&path, &options).unwrap().0;
        let given = StoredIndex::scan(&path, &options).unwrap();
        let given = StoredReader::with_index(&path, given, &options).unwrap();
        for stored in [reader(), given] {
            assert_eq!(stored.records(), 10);
            for range in [0..10, 3..9, 4..5, 2..2] {
                let (mut payloads, mut sizes) = (Payloads::default(), Vec::new());
                for view in stored.views(range.clone()) {
                    let view = view.unwrap();
                    let all: Vec<_> = (0..view.len()).collect();
                    view.read_many_into(&all, &mut payloads).unwrap();
                    sizes.extend(payloads.iter().map(<[u8]>::len));
                    assert_eq!(view.size_of(0).unwrap(), payloads[0].len());
                }
                assert_eq!(sizes, range.collect::<Vec<_>>());
            }
        }
        // The error has the number of the record in the index.
        let stored = reader();
        data[index[8].offset as usize + 13] ^= 1;
        std::fs::write(&path, &data).unwrap();
        let view = stored.views(6..10).next().unwrap().unwrap();
        let error = view.read_many_into(&[0, 1, 2], &mut Payloads::default()).unwrap_err();
        assert_eq!((error.kind(), error.record()), (ErrorKind::PayloadCrc, Some(8)));
        assert_eq!(error.path(), Some(&*path));
    }
}
