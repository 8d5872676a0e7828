//! `tfr_iterator`: reads records in sequence, and reads ahead.

use super::error::tfr_error;
use super::guard::guard;
use super::pointer;
use super::reader::tfr_reader;
use super::status::tfr_status;
use crate::error::Result;
use crate::reader::{Piece, Pieces};

/// Iterates over the payloads of records. It reads about 1 MiB at a time. Unless
/// tfr_options_set_threads() is 1, a thread of the library reads ahead in the meantime.
///
/// Threads: one thread at a time. After a fork(), the iterator continues in the child without the
/// reading thread.
pub struct tfr_iterator {
    pieces: Pieces,
    piece: Piece,
    /// How many payloads of the piece were returned.
    returned: usize,
}

impl tfr_iterator {
    /// The next payload; none at the end.
    fn next(&mut self) -> Result<Option<&[u8]>> {
        while self.returned == self.piece.payloads.len() {
            if let Some(error) = self.piece.error.take() {
                return Err(error);
            }
            let Some(piece) = self.pieces.next() else { return Ok(None) };
            (self.piece, self.returned) = (piece, 0);
        }
        self.returned += 1;
        Ok(self.piece.payloads.get(self.returned - 1))
    }
}

/// Starts to read records one by one.
///
/// Parameters: `reader` and `iterator_out` are required. `records` points to `count` record
/// numbers, in any order, with repetitions allowed. It is optional: NULL means the first `count`
/// records, so NULL and tfr_reader_len(reader) mean all records.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. TFR_ERR_OUT_OF_RANGE if a number
/// is not less than tfr_reader_len().
///
/// Ownership: the iterator copies the numbers and shares the reader; the caller may free both
/// immediately. Free *iterator_out with tfr_iterator_free(). It is NULL on failure.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_reader_iterate(
    reader: *const tfr_reader,
    records: *const usize,
    count: usize,
    iterator_out: *mut *mut tfr_iterator,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let store = pointer::handle_out(iterator_out, "iterator_out")?;
        let reader = &pointer::borrow(reader, "reader")?.reader;
        let records = match records.is_null() {
            true => None,
            false => Some(pointer::slice(records, count, "records")?),
        };
        let pieces = Pieces::new(reader, records, count)?;
        store(pointer::give(tfr_iterator { pieces, piece: Piece::default(), returned: 0 }));
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Returns the payload of the next record, or its frame with tfr_options_set_raw_frames(). At the
/// end *payload_out is NULL. For an empty payload it is not NULL.
///
/// Parameters: `iterator`, `payload_out` and `size_out` are required.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. Those of tfr_reader_read() if
/// this record is bad; the next call continues with the record after it.
///
/// Ownership: the payload is borrowed from the iterator. It is valid until the next call with the
/// iterator.
///
/// Threads: no other thread may use the iterator during the call.
#[no_mangle]
pub unsafe extern "C" fn tfr_iterator_next(
    iterator: *mut tfr_iterator,
    payload_out: *mut *const u8,
    size_out: *mut usize,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let store_payload = pointer::out(payload_out, "payload_out")?;
        let store_size = pointer::out(size_out, "size_out")?;
        let payload = pointer::borrow_mut(iterator, "iterator")?.next()?;
        store_payload(payload.map_or(std::ptr::null(), <[u8]>::as_ptr));
        store_size(payload.map_or(0, <[u8]>::len));
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Frees an iterator, including its last payload. It waits for the thread that reads ahead. NULL
/// does nothing.
#[no_mangle]
pub unsafe extern "C" fn tfr_iterator_free(iterator: *mut tfr_iterator) {
    // SAFETY: the caller upholds the contract.
    unsafe { pointer::free(iterator) }
}
