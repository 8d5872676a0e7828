//! `tfr_iterator`: records one after the other, read ahead.

use super::error::tfr_error;
use super::guard::guard;
use super::pointer;
use super::reader::tfr_reader;
use super::status::tfr_status;
use crate::error::Result;
use crate::reader::{Piece, Pieces};

/// The payloads of some records, one after the other. About a MiB of them is read at once, and unless
/// tfr_options_set_threads() said 1, a thread of the library reads the next ones meanwhile.
///
/// Threads: one at a time. In a process that is forked meanwhile it goes on without the thread.
pub struct tfr_iterator {
    pieces: Pieces,
    piece: Piece,
    /// How many payloads of the piece were given.
    given: usize,
}

impl tfr_iterator {
    /// The next payload; none at the end.
    fn next(&mut self) -> Result<Option<&[u8]>> {
        while self.given == self.piece.payloads.len() {
            if let Some(error) = self.piece.error.take() {
                return Err(error);
            }
            let Some(piece) = self.pieces.next() else { return Ok(None) };
            (self.piece, self.given) = (piece, 0);
        }
        self.given += 1;
        Ok(self.piece.payloads.get(self.given - 1))
    }
}

/// Begins to read records one after the other.
///
/// Inputs: `records` are `count` numbers, in any order, also more than once. It is optional: without it, the first
/// `count` records, so that all are (NULL, tfr_reader_len(reader)).
///
/// Errors: TFR_ERR_INVALID_ARGUMENT for NULL; TFR_ERR_OUT_OF_RANGE when a number is not below
/// tfr_reader_len().
///
/// Ownership: the numbers are copied, and the reader is shared: the caller may free both at once. The
/// caller frees *iterator_out with tfr_iterator_free(); it is NULL on failure.
///
/// Threads: any.
///
/// # Safety
/// - `reader`: required; a reader that is not yet freed.
/// - `records`: `count` numbers that may be read.
/// - `iterator_out`: required; `error_out`: optional; both may be written to.
#[no_mangle]
pub unsafe extern "C" fn tfr_reader_iterate(
    reader: *const tfr_reader,
    records: *const usize,
    count: usize,
    iterator_out: *mut *mut tfr_iterator,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller's.
    let body = || unsafe {
        let store = pointer::handle_out(iterator_out, "iterator_out")?;
        let reader = &pointer::borrow(reader, "reader")?.reader;
        let records = match records.is_null() {
            true => None,
            false => Some(pointer::slice(records, count, "records")?),
        };
        let pieces = Pieces::new(reader, records, count)?;
        store(pointer::give(tfr_iterator { pieces, piece: Piece::default(), given: 0 }));
        Ok(())
    };
    // SAFETY: the caller's.
    unsafe { guard(error_out, body) }
}

/// The next record's payload; its frame, if tfr_options_set_raw_frames() asked for it. At the end
/// *payload_out is NULL, which it is not for an empty payload.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT for NULL; those of tfr_reader_read() when the record is bad, at its
/// turn: the next call goes on with the record after it.
///
/// Ownership: the payload is borrowed from the iterator, and gone at the next call with it.
///
/// Threads: no other may use the iterator meanwhile.
///
/// # Safety
/// - `iterator`: required; an iterator that is not yet freed.
/// - `payload_out`, `size_out`: required; `error_out`: optional; all may be written to.
#[no_mangle]
pub unsafe extern "C" fn tfr_iterator_next(
    iterator: *mut tfr_iterator,
    payload_out: *mut *const u8,
    size_out: *mut usize,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller's.
    let body = || unsafe {
        let store_payload = pointer::out(payload_out, "payload_out")?;
        let store_size = pointer::out(size_out, "size_out")?;
        let payload = pointer::borrow_mut(iterator, "iterator")?.next()?;
        store_payload(payload.map_or(std::ptr::null(), <[u8]>::as_ptr));
        store_size(payload.map_or(0, <[u8]>::len));
        Ok(())
    };
    // SAFETY: the caller's.
    unsafe { guard(error_out, body) }
}

/// Frees an iterator, and with it its last payload. It waits for the thread that reads ahead. NULL is
/// allowed.
///
/// # Safety
/// - `iterator`: optional; an iterator that is not yet freed and not used again.
#[no_mangle]
pub unsafe extern "C" fn tfr_iterator_free(iterator: *mut tfr_iterator) {
    // SAFETY: the caller's.
    unsafe { pointer::free(iterator) }
}
