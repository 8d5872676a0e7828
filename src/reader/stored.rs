//! An index whose entries are used where they are, for programs that need few of them, or each once.

use std::ops::Range;
use std::path::Path;

use super::open::{index_beside, scan_file, Candidate};
use crate::check::{self, CheckLevel, Fit};
use crate::error::{Error, Result};
use crate::file;
use crate::index::{Entries, Entry, EntryOrder, EntryTable, Index, TextEntries, TextIndex};
use crate::open::open;
use crate::options::Options;
use crate::source::DataFile;

/// The entries of an index file. Those of a large file stay in it, unless they are in another order
/// than the data.
#[allow(missing_debug_implementations)]
pub struct StoredIndex(Stored);

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
        file::open_to_read(path).and_then(|file| StoredIndex::read_open(file, path))
    }

    /// Finds the index of a data file as [`Reader::open`](super::Reader::open) does, or scans the
    /// data. Also returns the warning that the reader would have.
    ///
    /// # Errors
    /// Those of `Reader::open`.
    pub fn of_data(path: &Path, options: &Options<'_>) -> Result<(StoredIndex, Option<Error>)> {
        let data = open(path)?;
        let scan = || scan_file(path, &data, options).map(StoredIndex::from);
        let found = || match index_beside(path, &data, options, StoredIndex::read_open)? {
            Candidate::Index(index) => Ok((index, None)),
            Candidate::None => Ok((scan()?, None)),
            Candidate::Unused(warning) => match scan() {
                Ok(index) => Ok((index, Some(warning))),
                Err(error) => Err(error.adding(&format!(" ({warning})"))),
            },
        };
        found().map_err(|error: Error| error.of(path))
    }

    fn read_open(file: DataFile, path: &Path) -> Result<StoredIndex> {
        let file = match file.is_shared() {
            true => file, // it is read once, from its position
            false => match TextIndex::new(file, path) {
                Ok(text) => return Ok(StoredIndex(Stored::Text(text))),
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

impl From<EntryTable> for StoredIndex {
    fn from(table: EntryTable) -> StoredIndex {
        StoredIndex(Stored::Table(table))
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
        match &self.0 {
            Stored::Text(text) => text.len(),
            Stored::Table(table) => table.len(),
        }
    }

    fn get(&self, record: usize) -> Result<Entry> {
        match &self.0 {
            Stored::Text(text) => text.get(record),
            Stored::Table(table) => Entries::get(table, record),
        }
    }

    fn range(&self, records: Range<usize>) -> StoredEntries<'_> {
        match &self.0 {
            Stored::Text(text) => StoredEntries::Text(text.range(records)),
            Stored::Table(table) => StoredEntries::Table(Entries::range(table, records)),
        }
    }

    fn order(&self) -> EntryOrder<'_> {
        match &self.0 {
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
