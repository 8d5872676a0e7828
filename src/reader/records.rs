//! All records, one after the other, read ahead.

use std::fmt;
use std::ops::Range;
use std::sync::mpsc::{sync_channel, Receiver};
use std::thread::{self, JoinHandle};
use std::{panic, vec};

use super::many::with_room;
use super::{Inner, Reader};
use crate::error::Result;
use crate::threads;

/// What is read at once, at most, if it is more than one record.
const BYTES: u64 = if cfg!(any(test, fuzzing)) { 500 } else { 1 << 20 };
const RECORDS: usize = if cfg!(any(test, fuzzing)) { 10 } else { 4 << 10 };

/// The payloads of a [`Reader`]'s records, in the index's order: see [`Reader::iter`].
pub struct Records<'a> {
    reader: &'a Reader,
    /// The first record behind the piece.
    next: usize,
    piece: vec::IntoIter<Result<Vec<u8>>>,
    ahead: Option<Ahead>,
}

impl fmt::Debug for Records<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Records").field("reader", self.reader).finish_non_exhaustive()
    }
}

/// The thread that reads ahead. It has the next piece at hand, and ends when nobody asks for it.
struct Ahead {
    pieces: Receiver<Vec<Result<Vec<u8>>>>,
    thread: JoinHandle<()>,
}

impl<'a> Records<'a> {
    pub(super) fn new(reader: &'a Reader) -> Records<'a> {
        Records { reader, next: 0, piece: Vec::new().into_iter(), ahead: None }
    }

    fn next_piece(&mut self) -> Vec<Result<Vec<u8>>> {
        if let Some(ahead) = &self.ahead {
            match ahead.pieces.recv() {
                Ok(piece) => return piece,
                Err(_) => self.stop(), // it ends before the last piece only by a panic
            }
        }
        let records = piece_at(self.reader, self.next);
        // Not all is in the first piece, which is read here.
        if self.next == 0 && records.end < self.reader.len() && self.reader.0.threads != 1 {
            self.ahead = Ahead::start(self.reader.clone(), records.end);
        }
        read(self.reader, records)
    }

    /// Ends the thread; panics if it did.
    fn stop(&mut self) {
        let Some(Ahead { pieces, thread }) = self.ahead.take() else { return };
        drop(pieces);
        match thread.join() {
            Err(panic) if !thread::panicking() => panic::resume_unwind(panic),
            _ => {}
        }
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

impl Drop for Records<'_> {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Ahead {
    /// None if the system has no thread to spare.
    fn start(reader: Reader, mut next: usize) -> Option<Ahead> {
        let (send, pieces) = sync_channel(0);
        let work = move || {
            while next < reader.len() {
                let records = piece_at(&reader, next);
                next = records.end;
                if send.send(read(&reader, records)).is_err() {
                    break;
                }
            }
        };
        let thread = thread::Builder::new().name(threads::NAME.into()).spawn(work).ok()?;
        Some(Ahead { pieces, thread })
    }
}

/// The records of the piece that starts with this one.
fn piece_at(reader: &Reader, start: usize) -> Range<usize> {
    let mut bytes = 0_u64;
    let entries = reader.index()[start..].iter().take(RECORDS);
    let fitting = entries.take_while(|entry| {
        bytes = bytes.saturating_add(entry.size);
        bytes <= BYTES
    });
    start..start + fitting.count().max(1)
}

/// The payloads of these records; where not all are good, each is read alone.
fn read(reader: &Reader, records: Range<usize>) -> Vec<Result<Vec<u8>>> {
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
