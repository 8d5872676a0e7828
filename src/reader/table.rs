//! What a data set needs of its readers: their tables, which outlive them, and reads of slots.

use std::sync::Arc;

use super::slots::{Medium, Request};
use super::{ensure_memory, Reader, LARGE, LARGE_BATCH};
use crate::error::{Error, Result};
use crate::gzip::Points;
use crate::index::{Entry, EntryTable, Index};
use crate::source::{ReadCost, Stamp};

/// What a reader knows of its file. It is enough to open the file again, or to find the sizes of
/// records while the file is closed.
#[derive(Clone)]
pub(crate) struct Table {
    pub(super) entries: EntryTable,
    pub(super) known: bool,
    /// The state of the file; `None` for other sources.
    pub(super) stamp: Option<Stamp>,
    /// The data's size when it was opened.
    size: u64,
    /// The seek points of a compressed file.
    pub(crate) points: Option<Arc<Points>>,
    /// What a read of it costs, if it is distant.
    cost: Option<ReadCost>,
}

impl Table {
    /// About how many bytes of memory it takes.
    pub fn bytes(&self) -> u64 {
        let points = self.points.as_ref().map_or(0, |points| points.bytes());
        (self.entries.bytes() + points) as u64 + 200
    }

    /// Whether it is that of data of this size, as far as that says so.
    pub fn is_of_size(&self, size: u64) -> bool {
        self.known && self.size == size
    }

    pub fn medium(&self) -> Medium {
        Medium::new(self.points.as_ref(), self.cost)
    }

    /// The bytes of all frames; `None` if that is no 64-bit number.
    pub fn frame_bytes(&self) -> Option<u64> {
        let mut entries = self.entries.range(0..self.entries.len());
        entries.try_fold(0_u64, |total, entry| total.checked_add(entry.size))
    }

    /// Makes an index of the entries.
    pub fn to_index(&self) -> Result<Index> {
        self.entries.to_index()
    }

    /// The entry of a record that ends inside the data; for others [`Reader::entry_inside`] may
    /// know more.
    pub fn entry(&self, record: usize) -> Option<Entry> {
        self.entries.get(record).filter(|entry| entry.end() <= self.size)
    }
}

impl Reader {
    pub(crate) fn table(&self) -> Table {
        let (entries, size) = (self.0.table.clone(), self.0.size);
        let (points, cost) = (self.0.points.clone(), self.0.source.cost());
        Table { entries, known: self.0.known, stamp: self.stamp(), size, points, cost }
    }

    /// The state of the file when it was opened; `None` for other sources.
    pub(crate) fn stamp(&self) -> Option<Stamp> {
        self.0.opened.map(|opened| opened.stamp)
    }

    /// The data's size when it was opened: of a compressed file, that of the decompressed data.
    pub(crate) fn data_size(&self) -> u64 {
        self.0.size
    }

    /// Whether a forked process can use it: its files are still open, see
    /// [`Opened::is_intact`](crate::source::Opened::is_intact). Other sources may be connections,
    /// which such a process cannot use.
    pub(crate) fn outlives_fork(&self) -> bool {
        let files = [self.0.opened, self.0.opened_seek_file];
        self.0.opened.is_some() && files.iter().flatten().all(|opened| opened.is_intact())
    }

    /// How many files it has open: a compressed one may have its seek file, too.
    pub(crate) fn open_files(&self) -> usize {
        1 + usize::from(self.0.opened_seek_file.is_some())
    }

    /// Returns a record's entry.
    ///
    /// # Errors
    /// If there is no such record, or if it ends after the data.
    pub(crate) fn entry_inside(&self, record: usize) -> Result<Entry> {
        self.named(|reader| reader.entry(record))
    }

    /// Fails unless the data has the header that the index says.
    pub(crate) fn ensure_header(&self, record: usize, entry: Entry) -> Result<()> {
        self.named(|reader| reader.ensure_header(record, entry))
    }

    /// Reads records, which must be in the order of the data; see `Inner::read_slots`.
    pub(crate) fn read_slots(
        &self,
        slots: &mut [Request<'_>],
        scratch: &mut Vec<u8>,
        whole_chunks: bool,
        is_needed: impl Fn(usize) -> bool,
        note: impl Fn(usize, Error),
    ) -> bool {
        self.0.read_slots(slots, scratch, whole_chunks, is_needed, |place, read| {
            if let Err(error) = self.named(|_| read) {
                note(place, error);
            }
        })
    }
}

/// Whether a record's header should be read before memory for it is allocated, in a batch of
/// `total` bytes.
pub(crate) fn is_large(size: usize, total: usize) -> bool {
    total > LARGE_BATCH && size > LARGE
}

/// Fails if the payloads of a batch need more memory than there is.
pub(crate) fn ensure_room(total: usize) -> Result<()> {
    ensure_memory(total)
}
