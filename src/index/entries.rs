//! What checks need of an index, whether its entries are in memory or in a file.

use std::iter::{Copied, Map};
use std::ops::Range;
use std::slice;

use super::{Entry, Index};
use crate::error::{Error, Result};
use crate::sys;

/// The entries of an index.
pub(crate) trait Entries: Sync {
    type Range<'a>: Iterator<Item = Result<Entry>>
    where
        Self: 'a;

    fn len(&self) -> usize;

    /// The entry of a record, which must exist.
    fn get(&self, record: usize) -> Result<Entry>;

    /// The entries of some records, all of which must exist.
    fn range(&self, records: Range<usize>) -> Self::Range<'_>;

    fn order(&self) -> EntryOrder<'_>;
}

/// The order of entries.
pub(crate) enum EntryOrder<'a> {
    /// Each entry starts where the one before ends, or later. They cover this many bytes.
    Ascending { covered: u64 },
    /// Any other order.
    Other(&'a [Entry]),
}

impl Entries for Index {
    type Range<'a> = Map<Copied<slice::Iter<'a, Entry>>, fn(Entry) -> Result<Entry>>;

    fn len(&self) -> usize {
        self.entries().len()
    }

    fn get(&self, record: usize) -> Result<Entry> {
        Ok(self[record])
    }

    fn range(&self, records: Range<usize>) -> Self::Range<'_> {
        self[records].iter().copied().map(Ok)
    }

    fn order(&self) -> EntryOrder<'_> {
        match self.windows(2).all(|pair| pair[0].end() <= pair[1].offset) {
            true => EntryOrder::Ascending { covered: self.iter().map(|entry| entry.size).sum() },
            false => EntryOrder::Other(self),
        }
    }
}

/// Collects entries in their order.
pub(crate) trait Collect: Default {
    /// Takes some entries, which leaves `entries` empty.
    fn collect(&mut self, entries: &mut Vec<Entry>) -> Result<()>;
}

impl Collect for Vec<Entry> {
    fn collect(&mut self, entries: &mut Vec<Entry>) -> Result<()> {
        self.try_reserve(entries.len()).map_err(|_| Error::out_of_memory("the index"))?;
        sys::advise_filling(&mut self.spare_capacity_mut()[..entries.len()]);
        self.append(entries);
        Ok(())
    }
}
