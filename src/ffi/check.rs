//! `tfr_index_check()`: does this index fit this data?

use libc::c_char;

use super::error::tfr_error;
use super::guard::guard;
use super::index::tfr_index;
use super::member::member;
use super::options::tfr_options;
use super::pointer;
use super::status::tfr_status;
use crate::error::Result;
use crate::{CheckLevel, Fit};

/// How much of the data tfr_index_check() reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub enum tfr_check_level {
    /// The headers of the first record, of the last and of 64 between them: milliseconds, however
    /// large data and index are.
    TFR_CHECK_QUICK = 0,
    /// Every header.
    TFR_CHECK_HEADERS = 1,
    /// Every header and every payload.
    TFR_CHECK_FULL = 2,
}

/// Bits of tfr_fit's flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub enum tfr_fit_flags {
    /// An entry starts before the previous one.
    TFR_FIT_REORDERED = 1,
    /// An entry is there twice.
    TFR_FIT_REPEATED = 2,
    /// No checksum was looked at: the data has no true ones, or TFR_CHECKSUMS_NONE asked for it.
    TFR_FIT_CHECKSUMS_SKIPPED = 4,
    /// The index leaves out valid records: what finds it beside its data does not use it.
    TFR_FIT_PARTIAL = 8,
}

/// How an index fits its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct tfr_fit {
    /// The number of bytes of the data that no entry covers: damage, or, with TFR_FIT_PARTIAL, also
    /// records.
    pub uncovered_bytes: u64,
    /// Members of tfr_fit_flags, added up. Later versions may add more.
    pub flags: u32,
}

impl From<Fit> for tfr_fit {
    fn from(fit: Fit) -> tfr_fit {
        let flags = [
            (tfr_fit_flags::TFR_FIT_REORDERED, fit.reordered),
            (tfr_fit_flags::TFR_FIT_REPEATED, fit.repeated),
            (tfr_fit_flags::TFR_FIT_CHECKSUMS_SKIPPED, fit.checksums_skipped),
            (tfr_fit_flags::TFR_FIT_PARTIAL, fit.partial),
        ];
        let flags = flags.into_iter().filter(|(_, is_so)| *is_so).map(|(bit, _)| bit as u32);
        tfr_fit { uncovered_bytes: fit.uncovered_bytes, flags: flags.sum() }
    }
}

/// Checks that an index is that of a TFRecord file. The entries must lie inside the file and may
/// not overlap; where one starts, there must be the header of a frame of its size. An index may
/// select, reorder and repeat records, and leave out damage; but one that has all records up to some
/// byte, while valid ones follow, is stale, unless tfr_options_set_allow_partial() says that it is
/// meant so. At every level the bytes that no entry covers are searched for valid records.
///
/// Inputs: `level` is a member of tfr_check_level. `options` is optional: the defaults. The policy
/// decides whether CRCs must hold, TFR_CHECKSUMS_AUTO by the file's first header; the level,
/// whether those of payloads are looked at.
/// `fit_out` is optional; it says how the index fits.
///
/// Errors: TFR_ERR_MISMATCH when it is the index of another file; TFR_ERR_STALE when the data has
/// grown or become shorter; TFR_ERR_LENGTH, TFR_ERR_LENGTH_CRC, TFR_ERR_PAYLOAD_CRC when the index fits
/// and the data is damaged; each with the number of the entry: of all bad ones, the first in the data; of a stale
/// index, the first that is missing. TFR_ERR_NOT_TFRECORD when the data that it does not fit is
/// compressed or the like; TFR_ERR_INVALID_ARGUMENT for NULL and for a number that is no level;
/// TFR_ERR_IO when the file cannot be read; TFR_ERR_CANCELLED; TFR_ERR_OUT_OF_MEMORY.
///
/// Threads: any.
///
/// # Safety
/// - `index`: required; an index that is not yet freed.
/// - `tfrecord_path`: required; NUL-terminated.
/// - `options`: optional; options that are not yet freed.
/// - `fit_out`, `error_out`: optional; may be written to.
#[no_mangle]
pub unsafe extern "C" fn tfr_index_check(
    index: *const tfr_index,
    tfrecord_path: *const c_char,
    level: i32,
    options: *const tfr_options,
    fit_out: *mut tfr_fit,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller's.
    let body = || unsafe {
        let store = pointer::optional_out(fit_out, "fit_out")?;
        let index = &pointer::borrow(index, "index")?.0;
        let path = pointer::path(tfrecord_path, "tfrecord_path")?;
        let level = check_level(level)?;
        let fit = tfr_options::with(options, |options| index.check(path, level, options))?;
        store(fit.into());
        Ok(())
    };
    // SAFETY: the caller's.
    unsafe { guard(error_out, body) }
}

pub(super) fn check_level(number: i32) -> Result<CheckLevel> {
    let levels = [
        (tfr_check_level::TFR_CHECK_QUICK as i32, CheckLevel::Quick),
        (tfr_check_level::TFR_CHECK_HEADERS as i32, CheckLevel::Headers),
        (tfr_check_level::TFR_CHECK_FULL as i32, CheckLevel::Full),
    ];
    member("level", number, "tfr_check_level", &levels)
}
