//! Records in any order, read ahead in pieces of about a MiB, for the iterators of the C API.

use std::sync::Arc;

use super::ahead::Ahead;
use super::many::with_room;
use super::records::piece_of;
use super::{Payloads, Reader};
use crate::error::{Error, Result};
use crate::index::Entry;

/// Some payloads, and the error of the record after them, if that one is bad.
#[derive(Default)]
pub(crate) struct Piece {
    pub payloads: Payloads,
    pub error: Option<Error>,
}

/// The pieces of some records. A thread reads the next piece while the caller uses one.
pub(crate) struct Pieces {
    walk: Walk,
    ahead: Option<Ahead<Piece>>,
    has_begun: bool,
}

/// The records and how many of them have been read.
#[derive(Clone)]
struct Walk {
    reader: Reader,
    /// The record numbers; `None`: the first `count` records.
    records: Option<Arc<Vec<usize>>>,
    count: usize,
    /// How many of the records have been read.
    next: usize,
    /// Records up to here are read one by one, because one of them is bad.
    alone: usize,
}

impl Pieces {
    /// The pieces of `records` or, if that is `None`, of the first `count` records.
    ///
    /// # Errors
    /// [`OutOfRange`](crate::ErrorKind::OutOfRange) for the first record that does not exist.
    pub fn new(reader: &Reader, records: Option<&[usize]>, count: usize) -> Result<Pieces> {
        let is_there = |record| record < reader.len();
        let missing = match records {
            Some(records) => records.iter().copied().find(|&record| !is_there(record)),
            None => count.checked_sub(1).filter(|&last| !is_there(last)).map(|_| reader.len()),
        };
        if let Some(missing) = missing {
            reader.named(|inner| inner.entry(missing))?;
        }
        let records = match records {
            Some(records) => {
                let mut copy = with_room(count)?;
                copy.extend_from_slice(records);
                Some(Arc::new(copy))
            }
            None => None,
        };
        let walk = Walk { reader: reader.clone(), records, count, next: 0, alone: 0 };
        Ok(Pieces { walk, ahead: None, has_begun: false })
    }

    /// Returns the next piece; `None` if there are no more records.
    pub fn next(&mut self) -> Option<Piece> {
        let is_amid_own = self.walk.next < self.walk.alone;
        match self.ahead.as_mut().filter(|_| !is_amid_own).and_then(Ahead::next) {
            Some(piece) => {
                // Keep up with the thread: a forked process does not have it, and continues from
                // here.
                self.walk.pass(&piece);
                Some(piece)
            }
            None => self.read(),
        }
    }

    fn read(&mut self) -> Option<Piece> {
        if !std::mem::replace(&mut self.has_begun, true) && self.walk.reader.0.threads != 1 {
            let mut walk = self.walk.clone();
            walk.next = walk.piece_end();
            // The first piece is read here; start a thread only if there are more.
            if walk.next < walk.count {
                self.ahead = Ahead::start(0, move || walk.read());
            }
        }
        self.walk.read()
    }
}

impl Walk {
    fn record(&self, i: usize) -> usize {
        self.records.as_ref().map_or(i, |records| records[i])
    }

    /// The end of the next piece, which has at least one record.
    fn piece_end(&self) -> usize {
        let table = &self.reader.0.table;
        let (most_bytes, most) = piece_of(&self.reader);
        let mut bytes = 0_u64;
        let mut fits = |entry: Entry| {
            bytes = bytes.saturating_add(entry.size);
            bytes <= most_bytes
        };
        let most = self.count.min(self.next + most);
        let fitting = match &self.records {
            Some(records) => {
                let entries = records[self.next..most].iter().map_while(|&i| table.get(i));
                entries.take_while(|entry| fits(*entry)).count()
            }
            None => table.range(self.next..most).take_while(|entry| fits(*entry)).count(),
        };
        self.next + fitting.max(1)
    }

    fn read(&mut self) -> Option<Piece> {
        if self.next >= self.count {
            return None;
        }
        let mut piece = Piece::default();
        if self.alone <= self.next {
            self.alone = self.piece_end();
            // A single record is read below, which checks a large one's header before it allocates.
            if self.alone > self.next + 1 && self.read_all(&mut piece.payloads).is_ok() {
                self.pass(&piece);
                return Some(piece);
            }
        }
        for i in self.next..self.alone {
            let pushed = self.reader.named(|inner| piece.payloads.push(inner, self.record(i)));
            if let Err(error) = pushed {
                piece.error = Some(error);
                break;
            }
        }
        self.pass(&piece);
        Some(piece)
    }

    fn read_all(&self, payloads: &mut Payloads) -> Result<()> {
        let mut records = with_room(self.alone - self.next)?;
        records.extend((self.next..self.alone).map(|i| self.record(i)));
        self.reader.read_many_into(&records, payloads)
    }

    fn pass(&mut self, piece: &Piece) {
        self.next += piece.payloads.len() + usize::from(piece.error.is_some());
    }
}
