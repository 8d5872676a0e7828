//! `tfr_indexer`: indexes a stream as it arrives.

use super::error::tfr_error;
use super::guard::guard;
use super::index::tfr_entry;
use super::options::tfr_options;
use super::pointer;
use super::status::tfr_status;
use crate::error::{Error, ErrorKind};
use crate::{Entry, Indexer};

/// Indexes a TFRecord stream (a download, a pipe, the output of a decompressor). It takes the bytes
/// in pieces of any size and returns the entries of the records that are complete. It needs a few
/// kilobytes of memory, whatever the size of the records.
///
/// Threads: one thread at a time.
pub struct tfr_indexer(Indexer);

/// Makes an indexer for the start of a stream. It applies the checksum policy of the options, calls
/// no callback, and does not use the options after this call.
///
/// Parameters: `indexer_out` is required. `options` is optional; NULL means the defaults.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if `indexer_out` is NULL, or if the options set salvage, resume
/// or allow_incomplete_tail: these need data that can be read at any position.
///
/// Ownership: free *indexer_out with tfr_indexer_free(). It is NULL on failure.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_indexer_new(
    options: *const tfr_options,
    indexer_out: *mut *mut tfr_indexer,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let store = pointer::handle_out(indexer_out, "indexer_out")?;
        let indexer = tfr_options::with(options, Indexer::new)?;
        store(pointer::give(tfr_indexer(indexer)));
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Takes the next bytes of the stream, until it has taken all of them or `capacity` records are
/// complete. The caller pushes the remaining bytes next.
///
/// Parameters: `indexer`, `entries_out`, `taken_out` and `count_out` are required. `data` points to
/// `size` bytes and may be NULL if `size` is 0. `entries_out` has room for `capacity` entries, at
/// least 1; size / 16 + 1 is always enough. *taken_out receives the number of bytes taken, and
/// *count_out the number of entries written.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL or `capacity` is 0. Those of
/// tfr_index_create() for bad data, with the bad record. If records are complete before the bad
/// one, this call succeeds with their entries, and the next call fails. After that, every call
/// fails with the same error.
///
/// Ownership: the call borrows the data.
///
/// Threads: no other thread may use the indexer during the call.
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
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let indexer = &mut pointer::borrow_mut(indexer, "indexer")?.0;
        let mut bytes = pointer::slice(data, size, "data")?;
        if capacity == 0 {
            let detail = "capacity is 0, but must be at least 1";
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
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Checks that the stream may end here. You may still push more afterwards: for a file that is
/// growing, this tells whether it is complete so far.
///
/// Parameters: `indexer` is required.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if it is NULL. TFR_ERR_TRUNCATED and others if the stream ends
/// inside a record. The error that tfr_indexer_push() found.
///
/// Threads: no other thread may use the indexer during the call.
#[no_mangle]
pub unsafe extern "C" fn tfr_indexer_finish(
    indexer: *mut tfr_indexer,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe { pointer::borrow(indexer, "indexer") }?.0.finish();
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Frees an indexer. NULL does nothing.
#[no_mangle]
pub unsafe extern "C" fn tfr_indexer_free(indexer: *mut tfr_indexer) {
    // SAFETY: the caller upholds the contract.
    unsafe { pointer::free(indexer) }
}
