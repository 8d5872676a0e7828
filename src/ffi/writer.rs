//! `tfr_writer`: writes TFRecord files together with their indexes.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard};

use libc::c_char;

use super::error::tfr_error;
use super::guard::guard;
use super::index_file::index_path_or_default;
use super::options::tfr_options;
use super::pointer;
use super::status::tfr_status;
use crate::error::{Error, ErrorKind, Result};
use crate::fork::Owner;
use crate::{Options, RecordWriter};

/// Writes records to a TFRecord file, with valid checksums, and the index of the file at the same
/// time, without reading the data again. It needs less than 2 MB of memory, whatever it writes;
/// tfr_writer_write_examples() needs twice the size of the largest record, too.
///
/// Threads: many threads may use a writer at the same time; it writes their records one after
/// another. The writer starts one thread of its own once it has half a megabyte of small records,
/// if the system can start one; tfr_writer_finish() and tfr_writer_free() wait for this thread.
/// After a fork(), every call in the child fails immediately with TFR_ERR_INVALID_ARGUMENT, and
/// tfr_writer_free() changes nothing.
///
/// If the file system supports locks, only one writer at a time writes a file and its index: any
/// other writer, and a tfr_index_create() of the same index, fails with EBUSY. If two start at the
/// same moment, both may fail.
pub struct tfr_writer {
    /// Checked before the lock, which another thread may have held at a fork.
    owner: Owner,
    state: Mutex<State>,
}

struct State {
    /// None after `finish`.
    writer: Option<RecordWriter>,
    /// The number of records in the file after `finish`.
    count: u64,
}

impl tfr_writer {
    fn lock(&self) -> Result<MutexGuard<'_, State>> {
        self.owner.check()?;
        let panicked =
            |_| Error::new(ErrorKind::Panic, "an earlier call with this writer panicked");
        self.state.lock().map_err(panicked)
    }

    /// Calls `work` with the writer, unless it is finished.
    pub(super) fn with(&self, work: impl FnOnce(&mut RecordWriter) -> Result<()>) -> Result<()> {
        work(self.lock()?.writer.as_mut().ok_or_else(finished)?)
    }
}

fn finished() -> Error {
    Error::new(ErrorKind::InvalidArgument, "the writer is finished: nothing more can be written")
}

/// Writes a new TFRecord file and its index. The writer writes both to temporary files next to
/// their final paths. tfr_writer_finish() renames them, the data first, and only then replaces
/// existing files. If the process is killed, the existing files stay unchanged and temporary files
/// remain, which the next writer of the same file removes. If the process is killed between the two
/// renames, the new data is left with the old index or with none: tfr_index_check() detects that,
/// and tfr_index_create() repairs it.
///
/// Parameters: `tfrecord_path` and `writer_out` are required. `index_path` is optional; NULL means
/// `tfrecord_path` with ".idx" appended, except for a TensorBoard event file, as for
/// tfr_index_create(). `options` is optional; NULL means the defaults. Only tfr_options_set_sync() and
/// tfr_options_set_compression() apply. A compressed file's seek file appears before the index; its
/// path is that of the index with ".seek" instead of ".idx". The writer then needs 3 MB of memory, and
/// up to the size of the largest payload.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL, if the TFRecord path is an event
/// file and `index_path` is NULL, or if both paths lead to the same file. TFR_ERR_IO if a file
/// cannot be created, with EBUSY if another writer is writing it. TFR_ERR_OUT_OF_MEMORY.
///
/// Ownership: free *writer_out with tfr_writer_free(). It is NULL on failure.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_writer_create(
    tfrecord_path: *const c_char,
    index_path: *const c_char,
    options: *const tfr_options,
    writer_out: *mut *mut tfr_writer,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    unsafe { open(RecordWriter::create, tfrecord_path, index_path, options, writer_out, error_out) }
}

/// Appends records to a TFRecord file, or creates the file if it does not exist.
/// tfr_writer_finish() replaces the index with one that has all records. The call verifies the
/// existing index as tfr_options_set_resume() describes, and scans what the index does not cover:
/// the whole file, if there is no index. The existing file must consist of complete records with
/// valid checksums.
///
/// The file grows while it is written. Readers that use its index do not see the new records yet.
/// Scans with tfr_options_set_allow_incomplete_tail() see the complete ones. If the process is
/// killed, it leaves the old index, and the file with the data it had passed to the system so far,
/// possibly with the last record cut short. tfr_options_set_resume() with
/// tfr_options_set_allow_incomplete_tail() repairs the index. Truncate the file to remove an
/// incomplete record before you append again; the error says where.
///
/// Parameters: `tfrecord_path` and `writer_out` are required. `index_path` is optional, as for
/// tfr_writer_create(). `options` is optional; NULL means the defaults. Only tfr_options_set_sync()
/// applies, and to the scan tfr_options_set_threads() and tfr_options_set_progress().
///
/// Errors: those of tfr_writer_create(). TFR_ERR_INVALID_ARGUMENT if `options` has a compression: a
/// compressed file cannot be appended to. Those of tfr_index_create() if the file does not consist
/// of complete records. TFR_ERR_MISMATCH if the index is not the index of the first records of the
/// file.
///
/// Ownership: free *writer_out with tfr_writer_free(). It is NULL on failure.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_writer_append(
    tfrecord_path: *const c_char,
    index_path: *const c_char,
    options: *const tfr_options,
    writer_out: *mut *mut tfr_writer,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    unsafe { open(RecordWriter::append, tfrecord_path, index_path, options, writer_out, error_out) }
}

/// Opens a writer and gives it to C.
///
/// # Safety
///
/// The contract of the functions for C.
unsafe fn open(
    open: fn(PathBuf, PathBuf, &Options<'_>) -> Result<RecordWriter>,
    tfrecord_path: *const c_char,
    index_path: *const c_char,
    options: *const tfr_options,
    writer_out: *mut *mut tfr_writer,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let store = pointer::handle_out(writer_out, "writer_out")?;
        let tfrecord_path = pointer::path(tfrecord_path, "tfrecord_path")?.to_owned();
        let index_path = index_path_or_default(index_path, &tfrecord_path)?;
        let writer =
            tfr_options::with(options, |options| open(tfrecord_path, index_path, options))?;
        let state = Mutex::new(State { writer: Some(writer), count: 0 });
        store(pointer::give(tfr_writer { owner: Owner::this_process(), state }));
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Writes a record. The writer collects small records and passes them to the system together.
///
/// Parameters: `writer` is required. `payload` points to `size` bytes and may be NULL if `size` is
/// 0.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL or the writer is finished.
/// TFR_ERR_IO if a file cannot be written, perhaps with the data of an earlier call. After that, all
/// calls fail with the same error.
///
/// Ownership: the call borrows the payload.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_writer_write(
    writer: *mut tfr_writer,
    payload: *const u8,
    size: usize,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let writer = pointer::borrow(writer, "writer")?;
        let payload = pointer::slice(payload, size, "payload")?;
        writer.with(|writer| writer.write(payload).map(drop))
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Writes many records, without records of other threads between them. Payload i is the bytes of
/// `payloads` from offsets[i] up to, but not including, offsets[i + 1].
///
/// Parameters: `writer` is required. `offsets` points to `count` + 1 numbers in ascending order
/// (equal ones are allowed) and may be NULL if `count` is 0. `payloads` points to the bytes and may
/// be NULL if the last offset is 0.
///
/// Errors: those of tfr_writer_write(). TFR_ERR_INVALID_ARGUMENT if the offsets descend; then the
/// call writes nothing.
///
/// Ownership: the call borrows the payloads and the offsets.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_writer_write_many(
    writer: *mut tfr_writer,
    payloads: *const u8,
    offsets: *const usize,
    count: usize,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let writer = pointer::borrow(writer, "writer")?;
        let count = if count == 0 { 0 } else { count.saturating_add(1) };
        let offsets = pointer::slice(offsets, count, "offsets")?;
        if offsets.windows(2).any(|pair| pair[0] > pair[1]) {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                "offsets must be in ascending order",
            ));
        }
        let size = offsets.last().copied().unwrap_or(0);
        let payloads = pointer::slice(payloads, size, "payloads")?;
        writer.with(|writer| {
            let mut pairs = offsets.windows(2);
            pairs.try_for_each(|pair| writer.write(&payloads[pair[0]..pair[1]]).map(drop))
        })
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Passes everything written so far to the system. If the writer appends to a file, other processes
/// can then read the records. If it writes a new file, nothing is visible before
/// tfr_writer_finish(). This is not an fsync, even with tfr_options_set_sync(): a power cut may
/// lose this data.
///
/// Parameters: `writer` is required.
///
/// Errors: those of tfr_writer_write().
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_writer_flush(
    writer: *mut tfr_writer,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe { pointer::borrow(writer, "writer")?.with(RecordWriter::flush) };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Returns the number of records in the file, including those that were there before. Returns 0 for
/// NULL, after an error of tfr_writer_finish(), and in a process that was forked from the writer's
/// process.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_writer_num_records(writer: *const tfr_writer) -> u64 {
    // SAFETY: the caller upholds the contract.
    let writer = unsafe { writer.as_ref() };
    match writer.map(tfr_writer::lock) {
        Some(Ok(state)) => state.writer.as_ref().map_or(state.count, RecordWriter::num_records),
        _ => 0,
    }
}

/// Writes the remaining data, and renames the data file and the index file to their final paths.
/// Whatever this call returns, the writer accepts no more records.
///
/// Parameters: `writer` is required. `count_out` is optional; it receives the number of records in
/// the file.
///
/// Errors: those of tfr_writer_write(). TFR_ERR_IO if a file cannot be renamed. TFR_ERR_MISMATCH if
/// another program wrote to the file that the writer appends to, or created or replaced one of the
/// files in the meantime. On failure nothing of what was written remains, unless the error says
/// otherwise.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_writer_finish(
    writer: *mut tfr_writer,
    count_out: *mut u64,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let store_count = pointer::optional_out(count_out, "count_out")?;
        let mut state = pointer::borrow(writer, "writer")?.lock()?;
        state.count = state.writer.take().ok_or_else(finished)?.finish()?;
        store_count(state.count);
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Frees a writer. If it is not finished, this discards what it wrote: existing files stay
/// unchanged, and a file it appended to is truncated to its old size. In a process that was forked
/// from the writer's process, the call does nothing and does not free the memory. NULL does
/// nothing.
#[no_mangle]
pub unsafe extern "C" fn tfr_writer_free(writer: *mut tfr_writer) {
    // SAFETY: the caller upholds the contract.
    let is_foreign = unsafe { writer.as_ref() }.is_some_and(|w| !w.owner.is_this_process());
    if !is_foreign {
        // SAFETY: the caller upholds the contract.
        unsafe { pointer::free(writer) }
    }
}
