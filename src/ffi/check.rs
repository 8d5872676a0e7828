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
    /// The headers of the first record, the last record and 64 records in between. This takes
    /// milliseconds, however large the data and the index are.
    TFR_CHECK_QUICK = 0,
    /// Every header.
    TFR_CHECK_HEADERS = 1,
    /// Every header and every payload.
    TFR_CHECK_FULL = 2,
}

/// The bits of tfr_fit's flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub enum tfr_fit_flags {
    /// An entry starts before the previous one.
    TFR_FIT_REORDERED = 1,
    /// An entry occurs more than once.
    TFR_FIT_REPEATED = 2,
    /// The check verified no checksum: the data has no valid ones, or the policy is
    /// TFR_CHECKSUMS_NONE.
    TFR_FIT_CHECKSUMS_SKIPPED = 4,
    /// The index leaves out valid records. A reader that finds this index next to its data does not
    /// use it.
    TFR_FIT_PARTIAL = 8,
}

/// How an index fits its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct tfr_fit {
    /// The number of bytes of the data that no entry covers. They are damage, or, with
    /// TFR_FIT_PARTIAL, also records.
    pub uncovered_bytes: u64,
    /// A bitwise OR of members of tfr_fit_flags. Later versions may add more.
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

/// Checks that an index belongs to a TFRecord file. The entries must lie inside the file and must
/// not overlap. Where an entry starts, the data must have the header of a frame of that size. An
/// index may select, reorder and repeat records, and leave out damage. But an index that has all
/// records up to some byte, followed by more valid records, is stale, unless
/// tfr_options_set_allow_partial() allows it. At every level the check searches the bytes that no
/// entry covers for valid records.
///
/// Parameters: `index` and `tfrecord_path` are required. `level` is a member of tfr_check_level.
/// `options` is optional; NULL means the defaults. The checksum policy decides whether CRCs must be
/// valid (TFR_CHECKSUMS_AUTO decides by the first header of the file); the level decides whether
/// payload CRCs are verified. `fit_out` is optional; it receives how the index fits.
///
/// Errors: TFR_ERR_MISMATCH if the index belongs to another file. TFR_ERR_STALE if the data has
/// grown or become shorter. TFR_ERR_LENGTH, TFR_ERR_LENGTH_CRC or TFR_ERR_PAYLOAD_CRC if the index
/// fits but the data is damaged. Each of these has the number of an entry: of several bad ones, the
/// first in the data; for a stale index, the first that is missing. TFR_ERR_NOT_TFRECORD if the
/// index does not fit and the data is compressed or similar. TFR_ERR_INVALID_ARGUMENT if a required
/// pointer is NULL or `level` is any other number. TFR_ERR_IO if the file cannot be read.
/// TFR_ERR_CANCELLED. TFR_ERR_OUT_OF_MEMORY.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_index_check(
    index: *const tfr_index,
    tfrecord_path: *const c_char,
    level: i32,
    options: *const tfr_options,
    fit_out: *mut tfr_fit,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let store = pointer::optional_out(fit_out, "fit_out")?;
        let index = &pointer::borrow(index, "index")?.0;
        let path = pointer::path(tfrecord_path, "tfrecord_path")?;
        let level = check_level(level)?;
        let fit = tfr_options::with(options, |options| index.check(path, level, options))?;
        store(fit.into());
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
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
