//! `tfr_report`: what is in a data set.

use std::ffi::CString;

use libc::{c_char, c_void};

use super::dataset::given_shards;
use super::error::tfr_error;
use super::guard::guard;
use super::opener::{tfr_open_shard_fn, Context, Opener};
use super::options::tfr_options;
use super::pointer;
use super::shards::tfr_shards;
use super::status::tfr_status;
use crate::error::Error;
use crate::{Report, ReportOptions};

/// What is in a data set: totals, the state of each file and its index, damaged regions, features of
/// tf.train.Example records and some records. As a page of HTML that needs no network, or as JSON.
///
/// Threads: many threads may use a report at the same time.
pub struct tfr_report {
    report: Report,
}

fn how<'a>(sample: usize, seed: u64, max_bytes: u64, values: i32) -> ReportOptions<'a> {
    ReportOptions::new().sample(sample).seed(seed).max_bytes(max_bytes).values(values != 0)
}

/// Looks at the files of a data set: at each record's header, or at the index instead if it fits, and
/// at a random sample of the payloads. Writes nothing. Damage is skipped, and a file that fails does
/// not stop the others: the report says why.
///
/// Parameters: `shards` and `report_out` are required. `sample` is how many random records are read,
/// `seed` chooses them: a seed always chooses the same ones. `max_bytes` is the most bytes of pictures
/// in the page, all together. With `values` 0, the report has the names, kinds, numbers and sizes of
/// features, but nothing that was computed from their values. `options` is optional; NULL means the
/// defaults. Its number of threads is how many files are looked at at the same time; its progress
/// callback gets the progress of all files together.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. TFR_ERR_CANCELLED if the callback
/// cancelled. Errors of files are in the report.
///
/// Ownership: free *report_out with tfr_report_free(). It is NULL on failure.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_report_new(
    shards: *const tfr_shards,
    sample: usize,
    seed: u64,
    max_bytes: u64,
    values: i32,
    options: *const tfr_options,
    report_out: *mut *mut tfr_report,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let store = pointer::handle_out(report_out, "report_out")?;
        let shards = &pointer::borrow(shards, "shards")?.shards;
        let how = how(sample, seed, max_bytes, values);
        let report =
            tfr_options::with(options, |options| Report::of(shards, &how.options(*options)))?;
        store(pointer::give(tfr_report { report }));
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Looks at a data set of shards that are no local files, such as objects in a store: `open` opens the
/// shard of a number, as for tfr_dataset_from_opener(), and again if it has records of the sample.
///
/// Parameters: `paths` are `count` paths that name the shards in the report; they, `open` and
/// `report_out` are required. `context` is passed to `open` as its first argument and may be NULL.
/// The other parameters are as for tfr_report_new(). With 0 threads, the call works on 32 files at the
/// same time.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. TFR_ERR_CANCELLED if the callback
/// cancelled. Errors of files are in the report.
///
/// Ownership: free *report_out with tfr_report_free(). It is NULL on failure. The report does not keep
/// the context.
///
/// Threads: safe on any thread. Several threads call `open` at the same time, unless
/// tfr_options_set_threads() is 1.
#[no_mangle]
pub unsafe extern "C" fn tfr_report_from_opener(
    paths: *const *const c_char,
    count: usize,
    open: tfr_open_shard_fn,
    context: *mut c_void,
    sample: usize,
    seed: u64,
    max_bytes: u64,
    values: i32,
    options: *const tfr_options,
    report_out: *mut *mut tfr_report,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let store = pointer::handle_out(report_out, "report_out")?;
        let opener = Opener::new(open, Context { pointer: context, free: None })?;
        let shards = given_shards(paths, count)?;
        let how = how(sample, seed, max_bytes, values);
        let report = tfr_options::with(options, |options| {
            Report::with_opener(&shards, &how.options(*options), |shard| opener.open(shard))
        })?;
        store(pointer::give(tfr_report { report }));
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Returns the report as a page: one HTML file in UTF-8 that needs no other, and no network.
///
/// Parameters: `report` and `text_out` are required.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL.
///
/// Ownership: NUL-terminated. Free *text_out with tfr_text_free(). It is NULL on failure.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_report_to_html(
    report: *const tfr_report,
    text_out: *mut *mut c_char,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    unsafe { text(report, text_out, Report::to_html, error_out) }
}

/// Returns the report as a JSON object in UTF-8, for programs.
///
/// Parameters: `report` and `text_out` are required.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL.
///
/// Ownership: NUL-terminated. Free *text_out with tfr_text_free(). It is NULL on failure.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_report_to_json(
    report: *const tfr_report,
    text_out: *mut *mut c_char,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    unsafe { text(report, text_out, Report::to_json, error_out) }
}

/// # Safety
///
/// The pointers are as the callers' texts say.
unsafe fn text(
    report: *const tfr_report,
    text_out: *mut *mut c_char,
    write: fn(&Report) -> String,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let store = pointer::handle_out(text_out, "text_out")?;
        let text = write(&pointer::borrow(report, "report")?.report);
        // Control characters are escaped in both.
        let text = CString::new(text).map_err(|_| Error::out_of_memory("the report"))?;
        store(text.into_raw());
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Writes the page to a file, completely or not at all. It replaces an older report, but no other file.
///
/// Parameters: `report` and `path` are required.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL, or if the path is that of a file that
/// is no report. TFR_ERR_IO if the file cannot be written.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_report_write(
    report: *const tfr_report,
    path: *const c_char,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let report = &pointer::borrow(report, "report")?.report;
        report.write(pointer::path(path, "path")?)
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Frees a report. NULL does nothing.
///
/// Threads: no other thread may use the report any more.
#[no_mangle]
pub unsafe extern "C" fn tfr_report_free(report: *mut tfr_report) {
    // SAFETY: the caller upholds the contract.
    unsafe { pointer::free(report) };
}
