//! `tfr_options`: the settings of a scan or a reader.

use std::ops::ControlFlow;

use libc::c_void;

use super::callback::call_back;
use super::error::tfr_error;
use super::guard::guard;
use super::member::member;
use super::pointer;
use super::status::tfr_status;
use crate::{Checksums, Compression, DatasetOptions, OnError, Options, Progress, Skipped};

/// Which checksums a scan verifies. It always checks the structure: every frame lies inside the
/// file, and the last one ends exactly at the end of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub enum tfr_checksums {
    /// The default. If the first header's CRC is valid, every length CRC must be valid. Otherwise
    /// no length CRC may be valid: the file counts as written without checksums. A first header
    /// that is all zeros, or one bit away from a valid CRC, is an error. So is a later header that
    /// is all zeros, unless the first header's CRC is zero.
    TFR_CHECKSUMS_AUTO = 0,
    /// No checksum: structure only.
    TFR_CHECKSUMS_NONE = 1,
    /// Every length CRC.
    TFR_CHECKSUMS_LENGTH = 2,
    /// Every length CRC and every payload CRC. This reads the whole file.
    TFR_CHECKSUMS_FULL = 3,
}

/// How the data that a tfr_writer or tfr_reshard() writes is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub enum tfr_compression {
    /// The default: the data is not compressed.
    TFR_COMPRESSION_NONE = 0,
    /// A gzip file (RFC 1952) of level 6, which TensorFlow reads with the compression type "GZIP".
    /// Each 256 KiB are a member of their own, so that any record can be read without the bytes
    /// before; this costs one percent of the size. The seek file appears next to the index.
    TFR_COMPRESSION_GZIP = 1,
}

/// A callback that reports the progress of a scan: bytes of data done, bytes of data in total,
/// records found. A nonzero return value cancels the scan, which then fails with TFR_ERR_CANCELLED.
/// The callback must return: no longjmp, no C++ exception.
pub type tfr_progress_fn = Option<
    unsafe extern "C" fn(
        context: *mut c_void,
        bytes_done: u64,
        bytes_total: u64,
        records: u64,
    ) -> i32,
>;

/// A region of the data that a scan skips. Later versions may add members at the end.
#[repr(C)]
pub struct tfr_skipped {
    /// The first byte of the region: the end of the last good record.
    pub start: u64,
    /// The byte after the region: the start of the next good record, or the end of the data.
    pub end: u64,
    /// The number of good records before the region. This is also the number of the first good
    /// record after it.
    pub record: u64,
    /// What is wrong at the start of the region. Borrowed: valid until the callback returns.
    pub error: *const tfr_error,
    /// 1 if the region is the last record, which is still being written; 0 if it is damage.
    pub incomplete_tail: i32,
}

/// A callback for each region that a scan skips. A nonzero return value cancels the scan, which
/// then fails with TFR_ERR_CANCELLED. The callback must return: no longjmp, no C++ exception.
///
/// Ownership: `skipped` is borrowed. It is valid until the callback returns.
pub type tfr_skipped_fn =
    Option<unsafe extern "C" fn(context: *mut c_void, skipped: *const tfr_skipped) -> i32>;

/// The settings of a scan or a reader. Wherever a function takes options, NULL means the defaults.
///
/// Threads: many threads may use the same options, as long as no thread changes them.
pub struct tfr_options {
    checksums: Checksums,
    threads: usize,
    allow_partial: bool,
    progress: Callback<tfr_progress_fn>,
    salvage: bool,
    allow_incomplete_tail: bool,
    on_skipped: Callback<tfr_skipped_fn>,
    resume: bool,
    raw_frames: bool,
    sync: bool,
    compression: Compression,
    pub(super) max_open_files: usize,
    pub(super) index_memory: u64,
    pub(super) on_error: OnError,
}

/// A caller's function and its first argument.
#[derive(Clone, Copy)]
struct Callback<F> {
    function: F,
    context: *mut c_void,
}

// SAFETY: the library passes the context on and does nothing else with it. The header tells the
// caller which threads call the function.
unsafe impl<F> Sync for Callback<F> {}

impl tfr_options {
    const DEFAULT: tfr_options = tfr_options {
        checksums: Checksums::Auto,
        threads: 0,
        allow_partial: false,
        progress: Callback { function: None, context: std::ptr::null_mut() },
        salvage: false,
        allow_incomplete_tail: false,
        on_skipped: Callback { function: None, context: std::ptr::null_mut() },
        resume: false,
        raw_frames: false,
        sync: false,
        compression: Compression::None,
        max_open_files: 0,
        index_memory: 0,
        on_error: OnError::Fail,
    };

    /// Returns the Rust form of these options for a data set.
    ///
    /// # Safety
    ///
    /// `options` is NULL or valid for reads.
    pub(super) unsafe fn of_dataset(options: *const tfr_options) -> DatasetOptions {
        // SAFETY: the caller upholds the contract.
        let options = unsafe { options.as_ref() }.unwrap_or(&tfr_options::DEFAULT);
        DatasetOptions::new()
            .checksums(options.checksums)
            .threads(options.threads)
            .raw_frames(options.raw_frames)
            .salvage(options.salvage)
            .max_open_files(options.max_open_files)
            .index_memory(options.index_memory)
            .on_error(options.on_error)
    }

    /// Calls `work` with the Rust form of these options.
    ///
    /// # Safety
    ///
    /// `options` is NULL or valid for reads.
    pub(super) unsafe fn with<T>(
        options: *const tfr_options,
        work: impl FnOnce(&Options<'_>) -> T,
    ) -> T {
        // SAFETY: the caller upholds the contract.
        let options = unsafe { options.as_ref() }.unwrap_or(&tfr_options::DEFAULT);
        let report = |progress| options.report(progress);
        let on_skipped = |skipped| options.report_skipped(skipped);
        let mut all = Options::new().checksums(options.checksums).threads(options.threads);
        all = all.salvage(options.salvage).allow_incomplete_tail(options.allow_incomplete_tail);
        all = all.resume(options.resume).allow_partial(options.allow_partial);
        all =
            all.raw_frames(options.raw_frames).sync(options.sync).compression(options.compression);
        if options.progress.function.is_some() {
            all = all.progress(&report);
        }
        if options.on_skipped.function.is_some() {
            all = all.on_skipped(&on_skipped);
        }
        work(&all)
    }

    fn report(&self, progress: Progress) -> ControlFlow<()> {
        let Progress { bytes_done, bytes_total, records, .. } = progress;
        let Callback { function: Some(function), context } = self.progress else {
            return ControlFlow::Continue(());
        };
        // SAFETY: the caller gave this context for this function.
        go_on(call_back(|| unsafe { function(context, bytes_done, bytes_total, records) }))
    }

    fn report_skipped(&self, skipped: Skipped) -> ControlFlow<()> {
        let Callback { function: Some(function), context } = self.on_skipped else {
            return ControlFlow::Continue(());
        };
        let error = tfr_error::new(skipped.error);
        let region = tfr_skipped {
            start: skipped.bytes.start,
            end: skipped.bytes.end,
            record: skipped.record,
            error,
            incomplete_tail: i32::from(skipped.incomplete_tail),
        };
        // SAFETY: the caller gave this context for this function; the region outlives the call.
        let answer = call_back(|| unsafe { function(context, &region) });
        // SAFETY: made above, not freed yet.
        unsafe { pointer::free(error) };
        go_on(answer)
    }
}

/// The meaning of a callback's return value. None: the callback was refused (see
/// `tfr_callbacks_allow`).
fn go_on(answer: Option<i32>) -> ControlFlow<()> {
    match answer {
        Some(0) => ControlFlow::Continue(()),
        _ => ControlFlow::Break(()),
    }
}

/// Creates options with the default settings.
///
/// Parameters: `options_out` is required.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if it is NULL.
///
/// Ownership: free *options_out with tfr_options_free(). It is NULL on failure.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_options_new(
    options_out: *mut *mut tfr_options,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let store = pointer::handle_out(options_out, "options_out")?;
        store(pointer::give(tfr_options::DEFAULT));
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Sets the checksum policy.
///
/// Parameters: `options` is required. `checksums` is a member of tfr_checksums.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if `options` is NULL or `checksums` is any other number.
///
/// Threads: no other thread may use `options` during the call.
#[no_mangle]
pub unsafe extern "C" fn tfr_options_set_checksums(
    options: *mut tfr_options,
    checksums: i32,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    let policies = [
        (tfr_checksums::TFR_CHECKSUMS_AUTO as i32, Checksums::Auto),
        (tfr_checksums::TFR_CHECKSUMS_NONE as i32, Checksums::None),
        (tfr_checksums::TFR_CHECKSUMS_LENGTH as i32, Checksums::Length),
        (tfr_checksums::TFR_CHECKSUMS_FULL as i32, Checksums::Full),
    ];
    let body = || {
        // SAFETY: the caller upholds the contract.
        let options = unsafe { pointer::borrow_mut(options, "options") }?;
        options.checksums = member("checksums", checksums, "tfr_checksums", &policies)?;
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Sets the number of threads. 1 uses only the calling thread. n > 1 starts n worker threads, each
/// with up to 1 MiB of memory. 0, the default, chooses automatically: one per processor, or more
/// where they wait for the storage. The result is the same with any number.
///
/// Parameters: `options` is required.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if it is NULL.
///
/// Threads: no other thread may use `options` during the call.
#[no_mangle]
pub unsafe extern "C" fn tfr_options_set_threads(
    options: *mut tfr_options,
    threads: usize,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    let body = || {
        // SAFETY: the caller upholds the contract.
        unsafe { pointer::borrow_mut(options, "options") }?.threads = threads;
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Sets whether tfr_index_check() accepts an index that covers only the first records of the data.
/// 0, the default, means no: such an index is stale, because the data has grown since.
///
/// Parameters: `options` is required.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if it is NULL.
///
/// Threads: no other thread may use `options` during the call.
#[no_mangle]
pub unsafe extern "C" fn tfr_options_set_allow_partial(
    options: *mut tfr_options,
    allow: i32,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    let body = || {
        // SAFETY: the caller upholds the contract.
        unsafe { pointer::borrow_mut(options, "options") }?.allow_partial = allow != 0;
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Sets a progress callback. The scan calls it at the start, at the end, and in between at least
/// about every 16 MiB of data read and every 50 ms of waiting.
///
/// Parameters: `options` is required. `progress` is optional; NULL removes the callback. `context`
/// is passed to the callback as its first argument and may be NULL.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if `options` is NULL.
///
/// Ownership: the caller keeps the context. It must stay valid as long as the options are used.
///
/// Threads: no other thread may use `options` during the call. The library calls the callback on
/// the thread that called the scanning function. If several threads scan with the same options, it
/// calls the callback on all of them, possibly at the same time.
#[no_mangle]
pub unsafe extern "C" fn tfr_options_set_progress(
    options: *mut tfr_options,
    progress: tfr_progress_fn,
    context: *mut c_void,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    let body = || {
        // SAFETY: the caller upholds the contract.
        let options = unsafe { pointer::borrow_mut(options, "options") }?;
        options.progress = Callback { function: progress, context };
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Sets whether a scan skips damage instead of failing. 0, the default, means no. The index then
/// contains the good records, with a gap for each damaged region. tfr_options_set_on_skipped()
/// reports each region.
///
/// After a damaged header the scan searches for the next record: a header with a valid CRC that is
/// confirmed by what follows it, which is another valid header, the end of the data, or a valid
/// payload CRC. With TFR_CHECKSUMS_FULL, only the payload CRC confirms it. TFR_CHECKSUMS_AUTO works
/// like TFR_CHECKSUMS_LENGTH here. With TFR_CHECKSUMS_NONE the scan fails with
/// TFR_ERR_INVALID_ARGUMENT. If the payload of a record with a damaged header contains a TFRecord
/// file, the scan cannot tell those records from the records around them. Data without any valid
/// header is an error. The result depends only on the bytes: it is the same for any source and any
/// number of threads.
///
/// Parameters: `options` is required.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if it is NULL.
///
/// Threads: no other thread may use `options` during the call.
#[no_mangle]
pub unsafe extern "C" fn tfr_options_set_salvage(
    options: *mut tfr_options,
    salvage: i32,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    let body = || {
        // SAFETY: the caller upholds the contract.
        unsafe { pointer::borrow_mut(options, "options") }?.salvage = salvage != 0;
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Sets whether the data may end inside a record, like a file that is still being written. 0, the
/// default, means no. The scan then skips that record instead of failing, and
/// tfr_options_set_on_skipped() reports it. This needs valid checksums: with TFR_CHECKSUMS_NONE the
/// scan fails with TFR_ERR_INVALID_ARGUMENT.
///
/// Parameters: `options` is required.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if it is NULL.
///
/// Threads: no other thread may use `options` during the call.
#[no_mangle]
pub unsafe extern "C" fn tfr_options_set_allow_incomplete_tail(
    options: *mut tfr_options,
    allow_incomplete_tail: i32,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    let body = || {
        // SAFETY: the caller upholds the contract.
        unsafe { pointer::borrow_mut(options, "options") }?.allow_incomplete_tail =
            allow_incomplete_tail != 0;
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Sets a callback for each region that a scan skips because of tfr_options_set_salvage() or
/// tfr_options_set_allow_incomplete_tail(). Without one, the scan skips regions silently.
///
/// Parameters: `options` is required. `on_skipped` is optional; NULL removes the callback.
/// `context` is passed to the callback as its first argument and may be NULL.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if `options` is NULL.
///
/// Ownership: the caller keeps the context. It must stay valid as long as the options are used.
///
/// Threads: as tfr_options_set_progress().
#[no_mangle]
pub unsafe extern "C" fn tfr_options_set_on_skipped(
    options: *mut tfr_options,
    on_skipped: tfr_skipped_fn,
    context: *mut c_void,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    let body = || {
        // SAFETY: the caller upholds the contract.
        let options = unsafe { pointer::borrow_mut(options, "options") }?;
        options.on_skipped = Callback { function: on_skipped, context };
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Sets whether tfr_index_create() continues an existing index file. 0, the default, means no. It
/// then scans only the data that was appended since. The index must cover all of the earlier data,
/// in its order and without gaps; otherwise tfr_index_create() fails with TFR_ERR_MISMATCH. To
/// verify that, it reads only about 64 headers of the covered part. If the index already has all
/// records, it does not touch the file.
///
/// Only one writer at a time may continue an index: while a call does, or while a tfr_writer
/// appends to the file and its index, any other writer of the same index fails with EBUSY. Indexes
/// at other paths are not affected.
///
/// Parameters: `options` is required.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if it is NULL.
///
/// Threads: no other thread may use `options` during the call.
#[no_mangle]
pub unsafe extern "C" fn tfr_options_set_resume(
    options: *mut tfr_options,
    resume: i32,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    let body = || {
        // SAFETY: the caller upholds the contract.
        unsafe { pointer::borrow_mut(options, "options") }?.resume = resume != 0;
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Sets whether a reader returns whole frames, as they are in the data, instead of payloads. Frames
/// can be written to another TFRecord file unchanged. 0, the default, means payloads.
///
/// Parameters: `options` is required.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if it is NULL.
///
/// Threads: no other thread may use `options` during the call.
#[no_mangle]
pub unsafe extern "C" fn tfr_options_set_raw_frames(
    options: *mut tfr_options,
    raw_frames: i32,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    let body = || {
        // SAFETY: the caller upholds the contract.
        unsafe { pointer::borrow_mut(options, "options") }?.raw_frames = raw_frames != 0;
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Sets whether tfr_index_create() and tfr_writer_finish() flush what they write to the storage
/// device (fsync) before they return. 0, the default, means no.
///
/// If the process is killed, each file is either the old one or the new one, complete, with or
/// without this setting. If the system crashes or loses power, it makes a difference:
///
/// - Without it, a file may be old, new, empty or cut short, and an index may be newer than its
///   data.
/// - With it, each file is either the old one or the new one, complete, and an index is never newer
///   than its data. Once the call has returned, both are the new ones.
///
/// The library syncs each file before it renames it to its final name, and the directory
/// afterwards; the data before its index. It syncs appended data before it replaces the index; if
/// power fails before that, part of the data may remain after the old end. Syncing takes some
/// milliseconds per file on a disk. The guarantee is as strong as that of the system and the disk.
///
/// Parameters: `options` is required.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if it is NULL.
///
/// Threads: no other thread may use `options` during the call.
#[no_mangle]
pub unsafe extern "C" fn tfr_options_set_sync(
    options: *mut tfr_options,
    sync: i32,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    let body = || {
        // SAFETY: the caller upholds the contract.
        unsafe { pointer::borrow_mut(options, "options") }?.sync = sync != 0;
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Sets how tfr_writer_create() and tfr_reshard() compress what they write. Reading needs no option:
/// the file says how it is compressed.
///
/// Parameters: `options` is required. `compression` is a member of tfr_compression.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if `options` is NULL or `compression` is any other number.
///
/// Threads: no other thread may use `options` during the call.
#[no_mangle]
pub unsafe extern "C" fn tfr_options_set_compression(
    options: *mut tfr_options,
    compression: i32,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    let kinds = [
        (tfr_compression::TFR_COMPRESSION_NONE as i32, Compression::None),
        (tfr_compression::TFR_COMPRESSION_GZIP as i32, Compression::Gzip),
    ];
    let body = || {
        // SAFETY: the caller upholds the contract.
        let options = unsafe { pointer::borrow_mut(options, "options") }?;
        options.compression = member("compression", compression, "tfr_compression", &kinds)?;
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Frees options. NULL does nothing.
#[no_mangle]
pub unsafe extern "C" fn tfr_options_free(options: *mut tfr_options) {
    // SAFETY: the caller upholds the contract.
    unsafe { pointer::free(options) }
}
