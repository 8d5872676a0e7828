//! `tfr_options`: what a caller may choose about a scan.

use std::ops::ControlFlow;

use libc::c_void;

use super::callback::call_back;
use super::error::tfr_error;
use super::guard::guard;
use super::member::member;
use super::pointer;
use super::status::tfr_status;
use crate::{Checksums, Options, Progress, Skipped};

/// Which checksums a scan holds a file to. Structure is always checked: every frame lies inside
/// the file and the last one ends exactly at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub enum tfr_checksums {
    /// The default. If the first header's CRC holds, every length CRC must; if it doesn't, none
    /// may: the file then counts as written without checksums. A first header that is one bit
    /// away from a true CRC, or all zeros, is an error; so is a later one that is all zeros, if the
    /// first isn't zero in its CRC.
    TFR_CHECKSUMS_AUTO = 0,
    /// None: structure only.
    TFR_CHECKSUMS_NONE = 1,
    /// Every length CRC.
    TFR_CHECKSUMS_LENGTH = 2,
    /// Every length CRC and every payload CRC; all of the file is read.
    TFR_CHECKSUMS_FULL = 3,
}

/// Told how far a scan is: bytes of data passed, bytes in all, records found. A return value
/// other than 0 cancels the scan, which then ends with TFR_ERR_CANCELLED. It must return: no
/// longjmp, no C++ exception.
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
    /// Its first byte: the end of the last good record.
    pub start: u64,
    /// The byte after its last one: the start of the next good record, or the end of the data.
    pub end: u64,
    /// The number of good records before it, which is the number of the first one after it.
    pub record: u64,
    /// What is wrong at its start. Borrowed: it is gone when the callback returns.
    pub error: *const tfr_error,
    /// 1 if it is the last record, of which a part is still to be written; 0 if it is damage.
    pub incomplete_tail: i32,
}

/// Called for each region that a scan skips. A return value other than 0 cancels the scan, which
/// then ends with TFR_ERR_CANCELLED. It must return: no longjmp, no C++ exception.
///
/// Ownership: `skipped` is borrowed, and gone when the function returns.
pub type tfr_skipped_fn =
    Option<unsafe extern "C" fn(context: *mut c_void, skipped: *const tfr_skipped) -> i32>;

/// Choices for a scan. NULL stands for the defaults wherever options are asked for.
///
/// Threads: options may be used by many threads at once while none changes them.
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
}

/// A caller's function, and its first argument.
#[derive(Clone, Copy)]
struct Callback<F> {
    function: F,
    context: *mut c_void,
}

// SAFETY: the library passes the context on and does nothing else with it. The caller knows that the
// function is called on the thread that scans, on many at once where many scan with these options.
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
    };

    /// Does `work` with the Rust form of these options.
    ///
    /// # Safety
    /// `options` is NULL or valid for reads.
    pub(super) unsafe fn with<T>(
        options: *const tfr_options,
        work: impl FnOnce(&Options<'_>) -> T,
    ) -> T {
        // SAFETY: the caller's.
        let options = unsafe { options.as_ref() }.unwrap_or(&tfr_options::DEFAULT);
        let report = |progress| options.report(progress);
        let on_skipped = |skipped| options.report_skipped(skipped);
        let mut all = Options::new().checksums(options.checksums).threads(options.threads);
        all = all.salvage(options.salvage).allow_incomplete_tail(options.allow_incomplete_tail);
        all = all.resume(options.resume).allow_partial(options.allow_partial);
        all = all.raw_frames(options.raw_frames).sync(options.sync);
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
        // SAFETY: the caller gave this context for this function; the region lives that long.
        let answer = call_back(|| unsafe { function(context, &region) });
        // SAFETY: made above, not freed yet.
        unsafe { pointer::free(error) };
        go_on(answer)
    }
}

/// What a callback's answer means; None is that of one that may not be called any more.
fn go_on(answer: Option<i32>) -> ControlFlow<()> {
    match answer {
        Some(0) => ControlFlow::Continue(()),
        _ => ControlFlow::Break(()),
    }
}

/// Makes options that hold the defaults.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT for NULL.
///
/// Ownership: the caller frees *options_out with tfr_options_free(); it is NULL on failure.
///
/// Threads: any.
///
/// # Safety
/// - `options_out`: required; may be written to.
/// - `error_out`: optional; may be written to.
#[no_mangle]
pub unsafe extern "C" fn tfr_options_new(
    options_out: *mut *mut tfr_options,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller's.
    let body = || unsafe {
        let store = pointer::handle_out(options_out, "options_out")?;
        store(pointer::give(tfr_options::DEFAULT));
        Ok(())
    };
    // SAFETY: the caller's.
    unsafe { guard(error_out, body) }
}

/// Sets the checksum policy: a member of tfr_checksums.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT for NULL, and for a number that is no policy.
///
/// Threads: no other may use the options meanwhile.
///
/// # Safety
/// - `options`: required; options that are not yet freed.
/// - `error_out`: optional; may be written to.
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
        // SAFETY: the caller's.
        let options = unsafe { pointer::borrow_mut(options, "options") }?;
        options.checksums = member("checksums", checksums, "tfr_checksums", &policies)?;
        Ok(())
    };
    // SAFETY: the caller's.
    unsafe { guard(error_out, body) }
}

/// Sets how many threads work. 1: the caller's alone. More: so many others walk the data for it, each
/// with up to 1 MiB of memory. 0, the default: as many as there are processors, or more where they
/// wait for the medium. The result is the same with any number.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT for NULL.
///
/// Threads: no other may use the options meanwhile.
///
/// # Safety
/// - `options`: required; options that are not yet freed.
/// - `error_out`: optional; may be written to.
#[no_mangle]
pub unsafe extern "C" fn tfr_options_set_threads(
    options: *mut tfr_options,
    threads: usize,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    let body = || {
        // SAFETY: the caller's.
        unsafe { pointer::borrow_mut(options, "options") }?.threads = threads;
        Ok(())
    };
    // SAFETY: the caller's.
    unsafe { guard(error_out, body) }
}

/// Sets whether tfr_index_check() accepts an index that has all records up to some byte, while valid
/// ones follow: 0, the default, for no; it is stale then, the data has grown since.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT for NULL.
///
/// Threads: no other may use the options meanwhile.
///
/// # Safety
/// - `options`: required; options that are not yet freed.
/// - `error_out`: optional; may be written to.
#[no_mangle]
pub unsafe extern "C" fn tfr_options_set_allow_partial(
    options: *mut tfr_options,
    allow: i32,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    let body = || {
        // SAFETY: the caller's.
        unsafe { pointer::borrow_mut(options, "options") }?.allow_partial = allow != 0;
        Ok(())
    };
    // SAFETY: the caller's.
    unsafe { guard(error_out, body) }
}

/// Sets a callback that is called at the start of a scan, at the end, and between them at least
/// about every 16 MiB of data that is read, and every 50 ms of waiting; `context` is its first
/// argument. NULL as `progress`: none.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT for NULL as `options`.
///
/// Ownership: the context stays the caller's and must outlive the options' use.
///
/// Threads: no other may use the options meanwhile. The callback is called on the thread that
/// called the function that scans: on many at once, where many scan with the same options.
///
/// # Safety
/// - `options`: required; options that are not yet freed.
/// - `progress`: optional; a function that may be called with `context`.
/// - `error_out`: optional; may be written to.
#[no_mangle]
pub unsafe extern "C" fn tfr_options_set_progress(
    options: *mut tfr_options,
    progress: tfr_progress_fn,
    context: *mut c_void,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    let body = || {
        // SAFETY: the caller's.
        let options = unsafe { pointer::borrow_mut(options, "options") }?;
        options.progress = Callback { function: progress, context };
        Ok(())
    };
    // SAFETY: the caller's.
    unsafe { guard(error_out, body) }
}

/// Sets whether a scan skips damage instead of ending with an error: 0, the default, for no. The index
/// then has the good records, with a gap for each region that is lost.
/// tfr_options_set_on_skipped() reports each region.
///
/// After a damaged header the scan searches for the next record: a header with a valid CRC that is
/// confirmed by what follows it, which is another valid header, the end of the data, or a valid
/// payload CRC; with TFR_CHECKSUMS_FULL, the payload CRC alone. TFR_CHECKSUMS_AUTO counts as
/// TFR_CHECKSUMS_LENGTH; with TFR_CHECKSUMS_NONE the scan ends with TFR_ERR_INVALID_ARGUMENT. A
/// TFRecord file inside a payload whose own header is lost cannot be told from the records around
/// it. Data without any valid header is an error. The result depends on the bytes alone: it is the
/// same for any source and any number of threads.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT for NULL.
///
/// Threads: no other may use the options meanwhile.
///
/// # Safety
/// - `options`: required; options that are not yet freed.
/// - `error_out`: optional; may be written to.
#[no_mangle]
pub unsafe extern "C" fn tfr_options_set_salvage(
    options: *mut tfr_options,
    salvage: i32,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    let body = || {
        // SAFETY: the caller's.
        unsafe { pointer::borrow_mut(options, "options") }?.salvage = salvage != 0;
        Ok(())
    };
    // SAFETY: the caller's.
    unsafe { guard(error_out, body) }
}

/// Sets whether the data may end inside a record, as a file does that is still being written: 0, the
/// default, for no. The scan then leaves that record for next time instead of ending with an error,
/// and tfr_options_set_on_skipped() reports it. This needs valid checksums: with TFR_CHECKSUMS_NONE
/// the scan ends with TFR_ERR_INVALID_ARGUMENT.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT for NULL.
///
/// Threads: no other may use the options meanwhile.
///
/// # Safety
/// - `options`: required; options that are not yet freed.
/// - `error_out`: optional; may be written to.
#[no_mangle]
pub unsafe extern "C" fn tfr_options_set_allow_incomplete_tail(
    options: *mut tfr_options,
    allow_incomplete_tail: i32,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    let body = || {
        // SAFETY: the caller's.
        unsafe { pointer::borrow_mut(options, "options") }?.allow_incomplete_tail =
            allow_incomplete_tail != 0;
        Ok(())
    };
    // SAFETY: the caller's.
    unsafe { guard(error_out, body) }
}

/// Sets a callback for each region that a scan skips, because of tfr_options_set_salvage() or
/// tfr_options_set_allow_incomplete_tail(); `context` is its first argument. NULL as `on_skipped`, the
/// default: none, and regions are skipped without a word.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT for NULL as `options`.
///
/// Ownership: the context stays the caller's and must outlive the options' use.
///
/// Threads: no other may use the options meanwhile. The callback is called on the thread that
/// called the function that scans: on many at once, where many scan with the same options.
///
/// # Safety
/// - `options`: required; options that are not yet freed.
/// - `on_skipped`: optional; a function that may be called with `context`.
/// - `error_out`: optional; may be written to.
#[no_mangle]
pub unsafe extern "C" fn tfr_options_set_on_skipped(
    options: *mut tfr_options,
    on_skipped: tfr_skipped_fn,
    context: *mut c_void,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    let body = || {
        // SAFETY: the caller's.
        let options = unsafe { pointer::borrow_mut(options, "options") }?;
        options.on_skipped = Callback { function: on_skipped, context };
        Ok(())
    };
    // SAFETY: the caller's.
    unsafe { guard(error_out, body) }
}

/// Sets whether tfr_index_create() goes on where the index file ends, if there is one: 0, the default,
/// for no. It then walks only what was appended to the data since. The index must be of all that the
/// data was, without gaps and in its order; otherwise that call ends with TFR_ERR_MISMATCH. Of what it
/// covers only some 64 headers are read again, and it is not touched if it has all records already. While it runs, no other writer may write the same index,
/// nor it while another does: EBUSY. The same holds for a tfr_writer that appends to the file and its
/// index. An index at another path can be continued meanwhile.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT for NULL.
///
/// Threads: no other may use the options meanwhile.
///
/// # Safety
/// - `options`: required; options that are not yet freed.
/// - `error_out`: optional; may be written to.
#[no_mangle]
pub unsafe extern "C" fn tfr_options_set_resume(
    options: *mut tfr_options,
    resume: i32,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    let body = || {
        // SAFETY: the caller's.
        unsafe { pointer::borrow_mut(options, "options") }?.resume = resume != 0;
        Ok(())
    };
    // SAFETY: the caller's.
    unsafe { guard(error_out, body) }
}

/// Sets whether a reader gives whole frames, as they are in the data, instead of payloads: what can
/// be written to another TFRecord file. 0 as `raw_frames`: payloads, as by default; any other
/// number: frames.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT for NULL.
///
/// Threads: no other may use the options meanwhile.
///
/// # Safety
/// - `options`: required; options that are not yet freed.
/// - `error_out`: optional; may be written to.
#[no_mangle]
pub unsafe extern "C" fn tfr_options_set_raw_frames(
    options: *mut tfr_options,
    raw_frames: i32,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    let body = || {
        // SAFETY: the caller's.
        unsafe { pointer::borrow_mut(options, "options") }?.raw_frames = raw_frames != 0;
        Ok(())
    };
    // SAFETY: the caller's.
    unsafe { guard(error_out, body) }
}

/// Sets whether a file is on the medium (fsync) when tfr_index_create() or tfr_writer_finish() returns.
/// 0 as `sync`: not, as by default; any other number: it is.
///
/// Either way a process that is killed leaves each file as the old one or the new one, whole. Without,
/// a crash of the system or a power cut may leave a file old, new, empty or cut, and an index newer than
/// its data. With it, they leave each file as the old one or the new one, whole, and an index never
/// newer than its data; once the call has returned, both are the new ones. Each file is synced before
/// it takes its place, and its directory afterwards; the data before its index. Data that is appended is
/// synced before the index is replaced; a power cut before that may leave part of it after the old end.
/// On a disk this takes some milliseconds a file. It promises as much as the system and the disk do.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT for NULL.
///
/// Threads: no other may use the options meanwhile.
///
/// # Safety
/// - `options`: required; options that are not yet freed.
/// - `error_out`: optional; may be written to.
#[no_mangle]
pub unsafe extern "C" fn tfr_options_set_sync(
    options: *mut tfr_options,
    sync: i32,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    let body = || {
        // SAFETY: the caller's.
        unsafe { pointer::borrow_mut(options, "options") }?.sync = sync != 0;
        Ok(())
    };
    // SAFETY: the caller's.
    unsafe { guard(error_out, body) }
}

/// Frees options. NULL is allowed.
///
/// # Safety
/// - `options`: optional; options that are not yet freed and not used again.
#[no_mangle]
pub unsafe extern "C" fn tfr_options_free(options: *mut tfr_options) {
    // SAFETY: the caller's.
    unsafe { pointer::free(options) }
}
