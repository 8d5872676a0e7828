//! Iterates over all records, reading ahead.

use std::fmt;
use std::ops::Range;
use std::vec;

use super::ahead::Ahead;
use super::many::with_room;
use super::{Inner, Reader};
use crate::error::Result;

/// The most bytes and records per piece; a piece has at least one record.
pub(super) const BYTES: u64 = if cfg!(any(test, fuzzing)) { 500 } else { 1 << 20 };
pub(super) const RECORDS: usize = if cfg!(any(test, fuzzing)) { 10 } else { 4 << 10 };

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
        let records = piece_at(self.reader, self.next);
        // The first piece is read here; start a thread only if there are more.
        if self.next == 0 && records.end < self.reader.len() && self.reader.0.threads != 1 {
            let (reader, mut next) = (self.reader.clone(), records.end);
            self.ahead = Ahead::start(0, move || {
                let records = piece_at(&reader, next);
                next = records.end;
                (!records.is_empty()).then(|| read(&reader, records))
            });
        }
        read(self.reader, records)
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

/// The records of the piece that starts at `start`; empty after the last record.
fn piece_at(reader: &Reader, start: usize) -> Range<usize> {
    let mut bytes = 0_u64;
    let entries = reader.index()[start..].iter().take(RECORDS);
    let fitting = entries.take_while(|entry| {
        bytes = bytes.saturating_add(entry.size);
        bytes <= BYTES
    });
    start..reader.len().min(start + fitting.count().max(1))
}

/// Reads the payloads of these records; one by one if any of them is bad.
fn read(reader: &Reader, records: Range<usize>) -> Piece {
    match read_all(&reader.0, records.clone()) {
        Ok(payloads) => payloads.into_iter().map(Ok).collect(),
        Err(_) => records.map(|record| reader.read(record)).collect(),
    }
}

fn read_all(reader: &Inner, records: Range<usize>) -> Result<Vec<Vec<u8>>> {
    let mut payloads = with_room(records.len())?;
    for record in records.clone() {
        let size = reader.true_size_of(record)?;
        let mut payload = with_room(size)?;
        payload.resize(size, 0);
        payloads.push(payload);
    }
    reader.read_to(records.zip(payloads.iter_mut().map(Vec::as_mut_slice)))?;
    Ok(payloads)
}
