//! Iterates over all records, reading ahead.

use std::fmt;
use std::vec;

use super::ahead::Ahead;
use super::frames::Slot;
use super::many::with_room;
use super::{Inner, Reader};
use crate::error::Result;
use crate::index::Entry;

/// The most bytes and records per piece; a piece has at least one record.
const BYTES: u64 = if cfg!(any(test, fuzzing)) { 500 } else { 1 << 20 };
const RECORDS: usize = if cfg!(any(test, fuzzing)) { 10 } else { 4 << 10 };

/// How many spans a piece of a distant source has.
const SPANS: u64 = 8;

/// An iterator over a [`Reader`]'s payloads, in the order of the index; see [`Reader::iter`].
pub struct Records<'a> {
    reader: &'a Reader,
    /// The first record after the piece.
    next: usize,
    piece: vec::IntoIter<Result<Vec<u8>>>,
    ahead: Option<Ahead<Piece>>,
}

type Piece = Vec<Result<Vec<u8>>>;

impl fmt::Debug for Records<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Records").field("reader", self.reader).finish_non_exhaustive()
    }
}

impl<'a> Records<'a> {
    pub(super) fn new(reader: &'a Reader) -> Records<'a> {
        Records { reader, next: 0, piece: Vec::new().into_iter(), ahead: None }
    }

    fn next_piece(&mut self) -> Piece {
        if let Some(piece) = self.ahead.as_mut().and_then(Ahead::next) {
            return piece;
        }
        self.ahead = None;
        let entries = entries_at(self.reader, self.next);
        let next = self.next + entries.len();
        // The first piece is read here; start a thread only if there are more.
        if self.next == 0 && next < self.reader.len() && self.reader.0.threads != 1 {
            let (reader, mut next) = (self.reader.clone(), next);
            self.ahead = Ahead::start(0, move || {
                let (start, entries) = (next, entries_at(&reader, next));
                next += entries.len();
                (!entries.is_empty()).then(|| read(&reader, start, &entries))
            });
        }
        read(self.reader, self.next, &entries)
    }
}

impl Iterator for Records<'_> {
    type Item = Result<Vec<u8>>;

    fn next(&mut self) -> Option<Result<Vec<u8>>> {
        if self.piece.len() == 0 && self.next < self.reader.len() {
            let piece = self.next_piece();
            self.next += piece.len();
            self.piece = piece.into_iter();
        }
        self.piece.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.piece.len() + self.reader.len() - self.next;
        (left, Some(left))
    }
}

impl ExactSizeIterator for Records<'_> {}

/// The most bytes and records of the reader's pieces.
pub(super) fn piece_of(reader: &Reader) -> (u64, usize) {
    match reader.0.source.cost() {
        // Some requests at the same time.
        Some(cost) => (SPANS * cost.span(), SPANS as usize * RECORDS),
        None => (BYTES, RECORDS),
    }
}

/// The entries of the piece that starts at `start`; none after the last record.
fn entries_at(reader: &Reader, start: usize) -> Vec<Entry> {
    let (most_bytes, most) = piece_of(reader);
    let mut bytes = 0_u64;
    let mut entries = Vec::new();
    for entry in reader.0.table.range(start..reader.len()).take(most) {
        bytes = bytes.saturating_add(entry.size);
        if bytes > most_bytes && !entries.is_empty() {
            break;
        }
        entries.push(entry);
    }
    entries
}

/// Reads the payloads of the records from `start` on; one by one if any of them is bad.
fn read(reader: &Reader, start: usize, entries: &[Entry]) -> Piece {
    match read_all(&reader.0, start, entries) {
        Ok(payloads) => payloads.into_iter().map(Ok).collect(),
        Err(_) => (start..).take(entries.len()).map(|record| reader.read(record)).collect(),
    }
}

fn read_all(reader: &Inner, start: usize, entries: &[Entry]) -> Result<Vec<Vec<u8>>> {
    let mut payloads: Vec<Vec<u8>> = with_room(entries.len())?;
    for (record, &entry) in (start..).zip(entries) {
        reader.ensure_inside(record, entry)?;
        let size = reader.true_size_in(record, entry)?;
        let mut payload = with_room(size)?;
        payload.resize(size, 0);
        payloads.push(payload);
    }
    let places = entries.iter().zip(&mut payloads).enumerate();
    reader.read_to(places.map(|(number, (&entry, bytes))| Slot {
        record: start + number,
        entry,
        bytes,
    }))?;
    Ok(payloads)
}
