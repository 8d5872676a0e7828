//! An index: the offset and size of each record's frame.

mod compact;
mod edit;
mod entries;
mod random;
mod table;
mod text;

pub(crate) use edit::{ensure_rank, run_of_records};
pub use edit::{Remainder, ShardBy};
pub(crate) use entries::{Collect, Entries, EntryOrder};
pub(crate) use table::{EntryTable, EntryTableBuilder};
pub(crate) use text::{decode_in_parts, Decoder, Encoder, TextEntries, TextIndex};

use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::frame::{HEADER_LEN, MAX_OFFSET, OVERHEAD};

/// The position of one record in its TFRecord file.
///
/// The payload is the `size - 16` bytes from `offset + 12`.
///
/// ```
/// let entry = tfr_index::Entry { offset: 21, size: 16 }; // an empty payload
/// assert_eq!(entry.payload(), 33..33);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(C)]
pub struct Entry {
    /// The byte where the record's frame starts.
    pub offset: u64,
    /// The size of the whole frame in bytes: the payload plus 16.
    pub size: u64,
}

impl Entry {
    /// Returns the payload's byte range in the file. It is empty if the entry is not valid.
    #[must_use]
    pub fn payload(&self) -> std::ops::Range<u64> {
        let start = self.offset.saturating_add(HEADER_LEN as u64);
        start..start.saturating_add(self.payload_len())
    }

    /// Returns the payload's size in bytes. It is 0 if the entry is not valid.
    ///
    /// ```
    /// assert_eq!(tfr_index::Entry { offset: 21, size: 19 }.payload_len(), 3);
    /// ```
    #[must_use]
    pub fn payload_len(&self) -> u64 {
        self.size.saturating_sub(OVERHEAD)
    }

    /// Returns the byte after the record's frame, at most `u64::MAX`.
    ///
    /// ```
    /// assert_eq!(tfr_index::Entry { offset: 21, size: 19 }.end(), 40);
    /// ```
    #[must_use]
    pub fn end(&self) -> u64 {
        self.offset.saturating_add(self.size)
    }

    /// Returns what is wrong with the entry, if no file could contain its frame.
    fn fault(&self) -> Option<String> {
        let Entry { offset, size } = *self;
        if size < OVERHEAD {
            return Some(format!("size {size} is less than the {OVERHEAD} bytes of a frame"));
        }
        match offset.checked_add(size) {
            Some(end) if end <= MAX_OFFSET => None,
            _ => Some(format!("offset {offset} plus size {size} is over {MAX_OFFSET}")),
        }
    }
}

/// An immutable list of [`Entry`]s: entry `i` is the position of record `i`.
///
/// Any order, gaps and overlaps are legal: an index may select and reorder records. It dereferences
/// to a slice of entries. Clones share the entries.
///
/// ```
/// use tfr_index::{Entry, Index};
///
/// let index = Index::from_text("0 21\n21 16\n")?;
/// assert_eq!(index.len(), 2);
/// assert_eq!(index[1], Entry { offset: 21, size: 16 });
/// let reversed = Index::from_entries(index.iter().rev().copied())?;
/// assert_eq!(reversed.to_text()?, "21 16\n0 21\n");
/// # Ok::<(), tfr_index::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Index {
    entries: Arc<Vec<Entry>>,
}

impl Index {
    /// Makes an index of these entries, in this order.
    ///
    /// # Errors
    /// If an entry's size is less than 16, or its end is over `i64::MAX`.
    pub fn from_entries(entries: impl IntoIterator<Item = Entry>) -> Result<Index> {
        let mut checked = Vec::new();
        for (record, entry) in (0..).zip(entries) {
            if let Some(fault) = entry.fault() {
                let detail = format!("entry {record}: {fault}");
                return Err(Error::new(ErrorKind::InvalidIndex, detail).of_record(record));
            }
            push(&mut checked, entry)?;
        }
        Ok(Index::from_checked(checked))
    }

    /// Makes an index of entries that are known to be valid.
    pub(crate) fn from_checked(entries: Vec<Entry>) -> Index {
        Index { entries: Arc::new(entries) }
    }

    /// Returns the entries.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Converts the index into its entries.
    #[must_use]
    pub fn into_entries(self) -> Vec<Entry> {
        Arc::try_unwrap(self.entries).unwrap_or_else(|shared| shared.to_vec())
    }
}

impl std::ops::Deref for Index {
    type Target = [Entry];

    fn deref(&self) -> &[Entry] {
        &self.entries
    }
}

impl<'a> IntoIterator for &'a Index {
    type Item = &'a Entry;
    type IntoIter = std::slice::Iter<'a, Entry>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.iter()
    }
}

/// Pushes an entry; returns an error instead of aborting if memory runs out.
pub(crate) fn push(entries: &mut Vec<Entry>, entry: Entry) -> Result<()> {
    if entries.len() == entries.capacity() {
        entries.try_reserve(1).map_err(|_| Error::out_of_memory("the index"))?;
    }
    entries.push(entry);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_entries_that_no_file_can_hold() {
        let max = i64::MAX as u64;
        for (offset, size) in [(0, 15), (0, 0), (max, 16), (0, max + 1), (u64::MAX, u64::MAX)] {
            let good = Entry { offset: 0, size: 16 };
            let error = Index::from_entries([good, Entry { offset, size }]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidIndex);
            assert_eq!(error.record(), Some(1));
        }
        assert_eq!(Index::from_entries([Entry { offset: max - 16, size: 16 }]).unwrap().len(), 1);
    }
}
