//! `tfr_writer`: TFRecord files written with their indexes.

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

/// Writes records to a TFRecord file, with true checksums, and the file's index along with it:
/// nothing is read again. It takes less than two megabytes of memory, whatever it writes.
///
/// Threads: a writer may be used by many threads at once, and writes their records one after the
/// other. It starts a thread of its own when it has half a megabyte of small records, and where the
/// system has one to spare; tfr_writer_finish() and tfr_writer_free() wait until that is gone. In a
/// process that is forked meanwhile all calls fail with TFR_ERR_INVALID_ARGUMENT, at once, and
/// tfr_writer_free() changes nothing.
///
/// Where the file system has locks, one writer at a time writes a file and its index: while it does,
/// any other, and a tfr_index_create() of that index, fails with EBUSY. Of two that begin at the same
/// moment, both may fail.
pub struct tfr_writer {
    /// Looked at before the lock, which another thread may have held when the process was forked.
    owner: Owner,
    state: Mutex<State>,
}

struct State {
    /// None when it is finished,
    writer: Option<RecordWriter>,
    /// with so many records in the file.
    count: u64,
}

impl tfr_writer {
    fn lock(&self) -> Result<MutexGuard<'_, State>> {
        self.owner.check()?;
        let panicked = |_| Error::new(ErrorKind::Panic, "an earlier call with the writer panicked");
        self.state.lock().map_err(panicked)
    }

    /// Does some work with the writer, unless it is finished.
    fn with(&self, work: impl FnOnce(&mut RecordWriter) -> Result<()>) -> Result<()> {
        work(self.lock()?.writer.as_mut().ok_or_else(finished)?)
    }
}

fn finished() -> Error {
    Error::new(ErrorKind::InvalidArgument, "the writer is finished: nothing more can be written")
}

/// Writes a new TFRecord file and its index. Both are written beside their places and renamed when
/// they are whole, by tfr_writer_finish(), the data first; what was there is replaced then, and
/// stays until then. A process that is killed leaves everything as it was, but for temporary files,
/// which the next writer of the same file clears. Killed in the instant between the two renames, it
/// leaves the new data beside the index of the old, or beside none: tfr_index_check() finds that,
/// tfr_index_create() mends it.
///
/// Inputs: `index_path` is optional: the index then stands at `tfrecord_path` with ".idx" appended, but
/// not beside an event file of TensorBoard, as with tfr_index_create(). `options` is optional: the
/// defaults; of them, tfr_options_set_sync() counts.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT for NULL, for an event file without an index path, and when both
/// paths lead to one file; TFR_ERR_IO when
/// a file cannot be created, with EBUSY when another writer writes it; TFR_ERR_OUT_OF_MEMORY.
///
/// Ownership: the caller frees *writer_out with tfr_writer_free(); it is NULL on failure.
///
/// Threads: any.
///
/// # Safety
/// - `tfrecord_path`: required; `index_path`: optional; both NUL-terminated.
/// - `options`: optional; options that are not yet freed.
/// - `writer_out`: required; `error_out`: optional; both may be written to.
#[no_mangle]
pub unsafe extern "C" fn tfr_writer_create(
    tfrecord_path: *const c_char,
    index_path: *const c_char,
    options: *const tfr_options,
    writer_out: *mut *mut tfr_writer,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller's.
    unsafe { open(RecordWriter::create, tfrecord_path, index_path, options, writer_out, error_out) }
}

/// Writes at the end of a TFRecord file, or of none if there is none yet; its index, which
/// tfr_writer_finish() replaces, then has all records. What the index has is looked at as
/// tfr_options_set_resume() says, and what it lacks is walked: all of the file, if there is no
/// index. The file must consist of whole records with true checksums.
///
/// The file grows while it is written: those who go by its index see nothing of that, those who
/// index it with tfr_options_set_allow_incomplete_tail() see its whole records. A process that is killed leaves
/// the old index and the file with what it had handed over, the last record maybe cut:
/// tfr_options_set_resume() and tfr_options_set_allow_incomplete_tail() mend the index. What is cut must be cut
/// off before the file can be appended to: the error says where.
///
/// Inputs: `index_path` is optional: as with tfr_writer_create(). `options` is optional: the
/// defaults; of them, tfr_options_set_sync() counts, and for the walk
/// tfr_options_set_threads() and tfr_options_set_progress().
///
/// Errors: as tfr_writer_create(); those of tfr_index_create() when the file is not whole records;
/// TFR_ERR_MISMATCH when the index is not that of its first ones.
///
/// Ownership: the caller frees *writer_out with tfr_writer_free(); it is NULL on failure.
///
/// Threads: any.
///
/// # Safety
/// - `tfrecord_path`: required; `index_path`: optional; both NUL-terminated.
/// - `options`: optional; options that are not yet freed.
/// - `writer_out`: required; `error_out`: optional; both may be written to.
#[no_mangle]
pub unsafe extern "C" fn tfr_writer_append(
    tfrecord_path: *const c_char,
    index_path: *const c_char,
    options: *const tfr_options,
    writer_out: *mut *mut tfr_writer,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller's.
    unsafe { open(RecordWriter::append, tfrecord_path, index_path, options, writer_out, error_out) }
}

/// # Safety
/// As [`tfr_writer_create`].
unsafe fn open(
    open: fn(PathBuf, PathBuf, &Options<'_>) -> Result<RecordWriter>,
    tfrecord_path: *const c_char,
    index_path: *const c_char,
    options: *const tfr_options,
    writer_out: *mut *mut tfr_writer,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller's.
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
    // SAFETY: the caller's.
    unsafe { guard(error_out, body) }
}

/// Writes a record. Small ones are gathered, and handed to the system together.
///
/// Inputs: `payload` is optional if `size` is 0.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT for NULL, and for a writer that is finished; TFR_ERR_IO when a
/// file cannot be written, be it with what earlier calls gave: all calls after it fail with the same
/// error.
///
/// Ownership: the payload is borrowed during the call.
///
/// Threads: any.
///
/// # Safety
/// - `writer`: required; a writer that is not yet freed.
/// - `payload`: `size` bytes that may be read.
/// - `error_out`: optional; may be written to.
#[no_mangle]
pub unsafe extern "C" fn tfr_writer_write(
    writer: *mut tfr_writer,
    payload: *const u8,
    size: usize,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller's.
    let body = || unsafe {
        let writer = pointer::borrow(writer, "writer")?;
        let payload = pointer::slice(payload, size, "payload")?;
        writer.with(|writer| writer.write(payload).map(drop))
    };
    // SAFETY: the caller's.
    unsafe { guard(error_out, body) }
}

/// Writes many records, no other thread's between them: payload i is the bytes of `payloads` from
/// `offsets[i]` to before `offsets[i + 1]`.
///
/// Inputs: `offsets` are `count` + 1 numbers, none less than the one before. `payloads` is optional
/// if the last of them is 0; `offsets`, if `count` is 0.
///
/// Errors: as tfr_writer_write(); TFR_ERR_INVALID_ARGUMENT for offsets that descend: nothing is
/// written then.
///
/// Ownership: payloads and offsets are borrowed during the call.
///
/// Threads: any.
///
/// # Safety
/// - `writer`: required; a writer that is not yet freed.
/// - `offsets`: `count` + 1 numbers that may be read.
/// - `payloads`: as many bytes that may be read as the last offset says.
/// - `error_out`: optional; may be written to.
#[no_mangle]
pub unsafe extern "C" fn tfr_writer_write_many(
    writer: *mut tfr_writer,
    payloads: *const u8,
    offsets: *const usize,
    count: usize,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller's.
    let body = || unsafe {
        let writer = pointer::borrow(writer, "writer")?;
        let count = if count == 0 { 0 } else { count.saturating_add(1) };
        let offsets = pointer::slice(offsets, count, "offsets")?;
        if offsets.windows(2).any(|pair| pair[0] > pair[1]) {
            return Err(Error::new(ErrorKind::InvalidArgument, "offsets descend"));
        }
        let size = offsets.last().copied().unwrap_or(0);
        let payloads = pointer::slice(payloads, size, "payloads")?;
        writer.with(|writer| {
            let mut pairs = offsets.windows(2);
            pairs.try_for_each(|pair| writer.write(&payloads[pair[0]..pair[1]]).map(drop))
        })
    };
    // SAFETY: the caller's.
    unsafe { guard(error_out, body) }
}

/// Hands all that was written so far to the system. Of a file that is appended to, others can then
/// read it; of a new one, only tfr_writer_finish() shows anything. It is not an fsync, even with
/// tfr_options_set_sync(): a power cut may take what was handed over.
///
/// Errors: as tfr_writer_write().
///
/// Threads: any.
///
/// # Safety
/// - `writer`: required; a writer that is not yet freed.
/// - `error_out`: optional; may be written to.
#[no_mangle]
pub unsafe extern "C" fn tfr_writer_flush(
    writer: *mut tfr_writer,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller's.
    let body = || unsafe { pointer::borrow(writer, "writer")?.with(RecordWriter::flush) };
    // SAFETY: the caller's.
    unsafe { guard(error_out, body) }
}

/// The number of records in the file, with those that were there before; 0 for NULL, after an error
/// of tfr_writer_finish(), and in a process that was forked from the writer's.
///
/// Threads: any.
///
/// # Safety
/// - `writer`: optional; a writer that is not yet freed.
#[no_mangle]
pub unsafe extern "C" fn tfr_writer_num_records(writer: *const tfr_writer) -> u64 {
    // SAFETY: the caller's.
    let writer = unsafe { writer.as_ref() };
    match writer.map(tfr_writer::lock) {
        Some(Ok(state)) => state.writer.as_ref().map_or(state.count, RecordWriter::num_records),
        _ => 0,
    }
}

/// Hands over what is left, and puts data and index in their places. After it, whatever it returns,
/// nothing more can be written.
///
/// Inputs: `count_out` is optional; it gets the number of records in the file.
///
/// Errors: as tfr_writer_write(); TFR_ERR_IO when a file cannot take its place; TFR_ERR_MISMATCH
/// when something else wrote to the file that is appended to, or created or replaced one of the files
/// meanwhile. Nothing is left then of what was written, unless the error says otherwise.
///
/// Threads: any.
///
/// # Safety
/// - `writer`: required; a writer that is not yet freed.
/// - `count_out`, `error_out`: optional; may be written to.
#[no_mangle]
pub unsafe extern "C" fn tfr_writer_finish(
    writer: *mut tfr_writer,
    count_out: *mut u64,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller's.
    let body = || unsafe {
        let store_count = pointer::optional_out(count_out, "count_out")?;
        let mut state = pointer::borrow(writer, "writer")?.lock()?;
        state.count = state.writer.take().ok_or_else(finished)?.finish()?;
        store_count(state.count);
        Ok(())
    };
    // SAFETY: the caller's.
    unsafe { guard(error_out, body) }
}

/// Frees a writer. One that is not finished leaves nothing of what it wrote: what was there stays,
/// or, where it was appended to, is cut to what it was. In a process that was forked from the writer's
/// nothing is done, and its memory is not freed. NULL is allowed.
///
/// # Safety
/// - `writer`: optional; a writer that is not yet freed and not used again.
#[no_mangle]
pub unsafe extern "C" fn tfr_writer_free(writer: *mut tfr_writer) {
    // SAFETY: the caller's.
    let is_foreign = unsafe { writer.as_ref() }.is_some_and(|w| !w.owner.is_this_process());
    if !is_foreign {
        // SAFETY: the caller's.
        unsafe { pointer::free(writer) }
    }
}
