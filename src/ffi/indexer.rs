//! `tfr_indexer`: the index of a stream, as it comes.

use super::error::tfr_error;
use super::guard::guard;
use super::index::tfr_entry;
use super::options::tfr_options;
use super::pointer;
use super::status::tfr_status;
use crate::error::{Error, ErrorKind};
use crate::{Entry, Indexer};

/// Takes a TFRecord stream (a download, a pipe, what a decompressor gives) in pieces of any size,
/// and gives the entries of the records that are complete. It keeps a few kilobytes, whatever the
/// size of the records.
///
/// Threads: one at a time.
pub struct tfr_indexer(Indexer);

/// Makes an indexer at the start of a stream, which it holds to the options' checksum policy. It
/// calls no callback, and keeps nothing of the options.
///
/// Inputs: `options` is optional: the defaults.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT for NULL, and where the options ask to salvage, to append, or
/// for a growing file: that takes data that can be read at any position.
///
/// Ownership: the caller frees *indexer_out with tfr_indexer_free(); it is NULL on failure.
///
/// Threads: any.
///
/// # Safety
/// - `options`: optional; options that are not yet freed.
/// - `indexer_out`: required; `error_out`: optional; both may be written to.
#[no_mangle]
pub unsafe extern "C" fn tfr_indexer_new(
    options: *const tfr_options,
    indexer_out: *mut *mut tfr_indexer,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller's.
    let body = || unsafe {
        let store = pointer::handle_out(indexer_out, "indexer_out")?;
        let indexer = tfr_options::with(options, Indexer::new)?;
        store(pointer::give(tfr_indexer(indexer)));
        Ok(())
    };
    // SAFETY: the caller's.
    unsafe { guard(error_out, body) }
}

/// Takes the stream's next bytes, until all are taken or `capacity` records are complete: what is
/// not taken, the caller pushes next.
///
/// Inputs: `data` is optional if `size` is 0. `entries_out` has room for `capacity` entries: 1 at
/// least; size / 16 + 1 is always enough. *taken_out gets how many bytes are taken, *count_out how
/// many entries are written.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT for NULL and for a `capacity` of 0; those of
/// tfr_index_create() for bad data, with the bad record. When records are complete before the bad
/// one, this call succeeds with their entries, and the next one fails. From then on, each call
/// fails with that error.
///
/// Ownership: the data is borrowed during the call.
///
/// Threads: no other may use the indexer meanwhile.
///
/// # Safety
/// - `indexer`: required; an indexer that is not yet freed.
/// - `data`: `size` bytes that may be read.
/// - `entries_out`: required; `capacity` entries that may be written to.
/// - `taken_out`, `count_out`: required; `error_out`: optional; all may be written to.
#[no_mangle]
pub unsafe extern "C" fn tfr_indexer_push(
    indexer: *mut tfr_indexer,
    data: *const u8,
    size: usize,
    entries_out: *mut tfr_entry,
    capacity: usize,
    taken_out: *mut usize,
    count_out: *mut usize,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller's.
    let body = || unsafe {
        let indexer = &mut pointer::borrow_mut(indexer, "indexer")?.0;
        let mut bytes = pointer::slice(data, size, "data")?;
        if capacity == 0 {
            let detail = "capacity is 0, but must leave room for an entry";
            return Err(Error::new(ErrorKind::InvalidArgument, detail));
        }
        let room = pointer::room(entries_out, capacity, "entries_out")?;
        let store_taken = pointer::out(taken_out, "taken_out")?;
        let store_count = pointer::out(count_out, "count_out")?;
        let mut count = 0;
        while count < room.len() {
            match indexer.push(&mut bytes) {
                Ok(Some(Entry { offset, size })) => room[count].write(tfr_entry { offset, size }),
                Err(error) if count == 0 => return Err(error),
                Ok(None) | Err(_) => break,
            };
            count += 1;
        }
        store_taken(size - bytes.len());
        store_count(count);
        Ok(())
    };
    // SAFETY: the caller's.
    unsafe { guard(error_out, body) }
}

/// Says that the stream is at its end. More may be pushed nevertheless: of a file that grows, this
/// says whether it is whole.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT for NULL; TFR_ERR_TRUNCATED and others when the end is inside a
/// record; the error that tfr_indexer_push() found.
///
/// Threads: no other may use the indexer meanwhile.
///
/// # Safety
/// - `indexer`: required; an indexer that is not yet freed.
/// - `error_out`: optional; may be written to.
#[no_mangle]
pub unsafe extern "C" fn tfr_indexer_finish(
    indexer: *mut tfr_indexer,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller's.
    let body = || unsafe { pointer::borrow(indexer, "indexer") }?.0.finish();
    // SAFETY: the caller's.
    unsafe { guard(error_out, body) }
}

/// Frees an indexer. NULL is allowed.
///
/// # Safety
/// - `indexer`: optional; an indexer that is not yet freed and not used again.
#[no_mangle]
pub unsafe extern "C" fn tfr_indexer_free(indexer: *mut tfr_indexer) {
    // SAFETY: the caller's.
    unsafe { pointer::free(indexer) }
}
