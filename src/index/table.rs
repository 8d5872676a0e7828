//! An index in memory, compact if possible.

use std::iter::Copied;
use std::ops::Range;
use std::sync::Arc;
use std::{mem, slice};

use super::compact::{self, Builder, CompactIndex};
use super::entries::{Entries, EntryOrder};
use super::{Collect, Entry, Index};
use crate::error::{Error, Result};

/// Entries in any order: compact if they are in order, otherwise plain. Clones share the entries.
#[derive(Clone)]
pub(crate) enum EntryTable {
    Compact(Arc<CompactIndex>),
    Plain(Index),
}

/// A plain index becomes compact if it has at most one gap per this many entries. Around a gap the
/// compact form is not smaller.
const ENTRIES_PER_GAP: usize = if cfg!(any(test, fuzzing)) { 4 } else { 1 << 10 };

impl EntryTable {
    /// Makes a table of an index; shares it if the compact form would not be smaller.
    pub fn of(index: Index) -> Result<EntryTable> {
        let mut gaps = 0;
        let mut pairs = index.windows(2).map(|pair| (pair[0].end(), pair[1].offset));
        let has_few_gaps = pairs.all(|(end, next)| {
            gaps += usize::from(end != next);
            end <= next && gaps <= index.len() / ENTRIES_PER_GAP
        });
        let mut builder = Builder::default();
        if has_few_gaps && builder.append(&mut index.entries())? {
            if let Ok(compact) = builder.finish()? {
                return Ok(EntryTable::Compact(Arc::new(compact)));
            }
        }
        Ok(EntryTable::Plain(index))
    }

    pub fn len(&self) -> usize {
        match self {
            EntryTable::Compact(index) => index.len(),
            EntryTable::Plain(index) => index.len(),
        }
    }

    /// The number of bytes of memory that the entries take.
    pub fn bytes(&self) -> usize {
        match self {
            EntryTable::Compact(index) => index.bytes(),
            EntryTable::Plain(index) => mem::size_of_val(index.entries()),
        }
    }

    #[inline]
    pub fn get(&self, record: usize) -> Option<Entry> {
        match self {
            EntryTable::Compact(index) => index.get(record),
            EntryTable::Plain(index) => index.entries().get(record).copied(),
        }
    }

    /// The entries of some records, all of which must exist.
    pub fn range(&self, records: Range<usize>) -> TableIter<'_> {
        match self {
            EntryTable::Compact(index) => TableIter::Compact(index.range(records)),
            EntryTable::Plain(index) => TableIter::Plain(index[records].iter().copied()),
        }
    }

    /// Where the frame that is first in the data starts.
    pub fn start(&self) -> Option<u64> {
        match self {
            EntryTable::Compact(index) => index.get(0).map(|entry| entry.offset),
            EntryTable::Plain(index) => index.iter().map(|entry| entry.offset).min(),
        }
    }

    /// Makes a plain index; shares the table's, if that is plain.
    pub fn to_index(&self) -> Result<Index> {
        let index = match self {
            EntryTable::Compact(index) => index,
            EntryTable::Plain(index) => return Ok(index.clone()),
        };
        let mut entries = Vec::new();
        entries.try_reserve_exact(index.len()).map_err(|_| Error::out_of_memory("the index"))?;
        entries.extend(index.range(0..index.len()));
        Ok(Index::from_checked(entries))
    }
}

/// The entries of some records; see [`EntryTable::range`].
pub(crate) enum TableIter<'a> {
    Compact(compact::Iter<'a>),
    Plain(Copied<slice::Iter<'a, Entry>>),
}

impl Iterator for TableIter<'_> {
    type Item = Entry;

    #[inline]
    fn next(&mut self) -> Option<Entry> {
        match self {
            TableIter::Compact(entries) => entries.next(),
            TableIter::Plain(entries) => entries.next(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match self {
            TableIter::Compact(entries) => entries.size_hint(),
            TableIter::Plain(entries) => entries.size_hint(),
        }
    }
}

impl ExactSizeIterator for TableIter<'_> {}

impl Entries for EntryTable {
    type Range<'a> = std::iter::Map<TableIter<'a>, fn(Entry) -> Result<Entry>>;

    fn len(&self) -> usize {
        EntryTable::len(self)
    }

    fn get(&self, record: usize) -> Result<Entry> {
        Ok(EntryTable::get(self, record).expect("the record exists"))
    }

    fn range(&self, records: Range<usize>) -> Self::Range<'_> {
        EntryTable::range(self, records).map(Ok)
    }

    fn order(&self) -> EntryOrder<'_> {
        match self {
            EntryTable::Compact(index) => EntryOrder::Ascending { covered: index.covered() },
            EntryTable::Plain(index) => index.order(),
        }
    }
}

/// Makes a [`EntryTable`] of entries as they come.
pub(crate) enum EntryTableBuilder {
    Compact(Builder),
    Plain(Vec<Entry>),
}

impl Default for EntryTableBuilder {
    fn default() -> EntryTableBuilder {
        EntryTableBuilder::Compact(Builder::default())
    }
}

impl EntryTableBuilder {
    pub fn finish(self) -> Result<EntryTable> {
        let entries = match self {
            EntryTableBuilder::Compact(builder) => match builder.finish()? {
                Ok(index) => return Ok(EntryTable::Compact(Arc::new(index))),
                Err(entries) => entries,
            },
            EntryTableBuilder::Plain(entries) => entries,
        };
        Ok(EntryTable::Plain(Index::from_checked(entries)))
    }
}

impl Collect for EntryTableBuilder {
    fn collect(&mut self, entries: &mut Vec<Entry>) -> Result<()> {
        if let EntryTableBuilder::Compact(builder) = self {
            let mut rest = &entries[..];
            if builder.append(&mut rest)? {
                entries.clear();
                return Ok(());
            }
            let taken = entries.len() - rest.len();
            entries.drain(..taken);
            *self = EntryTableBuilder::Plain(mem::take(builder).into_entries()?);
        }
        match self {
            EntryTableBuilder::Plain(plain) => plain.collect(entries),
            EntryTableBuilder::Compact(_) => Ok(()),
        }
    }
}
