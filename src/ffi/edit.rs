//! `tfr_index_select()` and the like: indexes made of indexes.

use super::error::tfr_error;
use super::guard::guard;
use super::index::tfr_index;
use super::member::member;
use super::pointer;
use super::status::tfr_status;
use crate::error::{Error, ErrorKind, Result};
use crate::{Index, Remainder, ShardBy};

/// What tfr_index_shard() shares out evenly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub enum tfr_shard_by {
    /// Records: the shards' numbers of them differ by one at most.
    TFR_SHARD_BY_RECORDS = 0,
    /// Bytes: a shard's frames have as many as its equal share, give or take the largest frame's.
    TFR_SHARD_BY_BYTES = 1,
}

/// What becomes of the remainder where the records are no multiple of the shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub enum tfr_remainder {
    /// Some shards have one record more than the others; no record is lost or there twice.
    TFR_REMAINDER_KEEP = 0,
    /// All have as many as the smaller ones: the last record of each larger one is in none.
    TFR_REMAINDER_DROP = 1,
    /// All have as many as the larger ones: the smaller ones end with the next one's first record.
    TFR_REMAINDER_PAD = 2,
}

/// An index of the records of these numbers, in their order; a number may be there more than once.
/// As all edits, it is of the same data, and none of that is read.
///
/// Inputs: `records` is optional if `count` is 0.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT for NULL; TFR_ERR_OUT_OF_RANGE when a number is not below
/// tfr_index_len(); TFR_ERR_OUT_OF_MEMORY.
///
/// Ownership: the caller frees *index_out with tfr_index_free(); it is NULL on failure. `index`
/// stays the caller's, as it is.
///
/// Threads: any.
///
/// # Safety
/// - `index`: required; an index that is not yet freed.
/// - `records`: `count` numbers that may be read.
/// - `index_out`: required; `error_out`: optional; both may be written to.
#[no_mangle]
pub unsafe extern "C" fn tfr_index_select(
    index: *const tfr_index,
    records: *const usize,
    count: usize,
    index_out: *mut *mut tfr_index,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    let edit = |index: &Index| {
        // SAFETY: the caller's.
        let records = unsafe { pointer::slice(records, count, "records") }?;
        index.select(records)
    };
    // SAFETY: the caller's.
    unsafe { make(index, index_out, error_out, edit) }
}

/// An index of the records whose payloads have from `min` to `max` bytes, in the order of `index`.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT for NULL; TFR_ERR_OUT_OF_MEMORY.
///
/// Ownership: as tfr_index_select().
///
/// Threads: any.
///
/// # Safety
/// - `index`: required; an index that is not yet freed.
/// - `index_out`: required; `error_out`: optional; both may be written to.
#[no_mangle]
pub unsafe extern "C" fn tfr_index_filter_size(
    index: *const tfr_index,
    min: u64,
    max: u64,
    index_out: *mut *mut tfr_index,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller's.
    unsafe { make(index, index_out, error_out, |index| index.filter_size(min..=max)) }
}

/// An index of all records in a random order, each order as likely as the others. A seed stands for
/// one order of so many records, with any version, platform and language: record after record is
/// drawn from those that are left, the first ones first (a Fisher-Yates shuffle) by numbers from
/// SplitMix64 that Lemire's method brings into range.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT for NULL; TFR_ERR_OUT_OF_MEMORY.
///
/// Ownership: as tfr_index_select().
///
/// Threads: any.
///
/// # Safety
/// - `index`: required; an index that is not yet freed.
/// - `index_out`: required; `error_out`: optional; both may be written to.
#[no_mangle]
pub unsafe extern "C" fn tfr_index_shuffle(
    index: *const tfr_index,
    seed: u64,
    index_out: *mut *mut tfr_index,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller's.
    unsafe { make(index, index_out, error_out, |index| index.shuffle(seed)) }
}

/// An index of `count` random records, none drawn twice, each choice as likely as the others: the
/// first ones of tfr_index_shuffle() with the same seed, but in the order of `index`.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT for NULL and when there are fewer records;
/// TFR_ERR_OUT_OF_MEMORY.
///
/// Ownership: as tfr_index_select().
///
/// Threads: any.
///
/// # Safety
/// - `index`: required; an index that is not yet freed.
/// - `index_out`: required; `error_out`: optional; both may be written to.
#[no_mangle]
pub unsafe extern "C" fn tfr_index_sample(
    index: *const tfr_index,
    count: usize,
    seed: u64,
    index_out: *mut *mut tfr_index,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller's.
    unsafe { make(index, index_out, error_out, |index| index.sample(count, seed)) }
}

/// An index of shard `rank` of `world_size`: a run of the records, in the order of `index`. By records,
/// it starts at record len * rank / world_size, rounded down, as those of NVIDIA DALI's readers do. By
/// bytes, it starts between the two records where what is before comes nearest to rank / world_size of
/// the frames' bytes. It may be empty where there are few records, or some that are very large.
///
/// Inputs: `by` is a member of tfr_shard_by, `remainder` of tfr_remainder; of shards by bytes it must
/// be TFR_REMAINDER_KEEP.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT for NULL, for a number that is no member, and when `rank` is
/// not below `world_size`; TFR_ERR_OUT_OF_MEMORY.
///
/// Ownership: as tfr_index_select().
///
/// Threads: any.
///
/// # Safety
/// - `index`: required; an index that is not yet freed.
/// - `index_out`: required; `error_out`: optional; both may be written to.
#[no_mangle]
pub unsafe extern "C" fn tfr_index_shard(
    index: *const tfr_index,
    rank: usize,
    world_size: usize,
    by: i32,
    remainder: i32,
    index_out: *mut *mut tfr_index,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    let edit = |index: &Index| {
        let (by, remainder) = (shard_by(by)?, remainder_of(remainder)?);
        index.shard(rank, world_size, by, remainder)
    };
    // SAFETY: the caller's.
    unsafe { make(index, index_out, error_out, edit) }
}

/// The index of files that are put one behind the other, as by `cat a b`.
///
/// Inputs: `indexes` are theirs, in that order, and `data_sizes` how many bytes each file has; both
/// have `count` members, and are optional if that is 0.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT for NULL, and when `index_out` is a member of `indexes`, which
/// then stays as it is; TFR_ERR_MISMATCH when an entry ends behind its file; TFR_ERR_INVALID_INDEX
/// when a record's end passes INT64_MAX; TFR_ERR_OUT_OF_MEMORY.
///
/// Ownership: the caller frees *index_out with tfr_index_free(); it is NULL on failure. `indexes`
/// stay the caller's, as they are.
///
/// Threads: any.
///
/// # Safety
/// - `indexes`: `count` of them, each NULL, or an index that is not yet freed.
/// - `data_sizes`: `count` numbers that may be read.
/// - `index_out`: required; `error_out`: optional; both may be written to.
#[no_mangle]
pub unsafe extern "C" fn tfr_index_concat(
    indexes: *const *const tfr_index,
    data_sizes: *const u64,
    count: usize,
    index_out: *mut *mut tfr_index,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller's.
    let body = || unsafe {
        if pointer::is_within(index_out as *const *const tfr_index, indexes, count) {
            let detail = "index_out is a member of indexes, which would be lost";
            return Err(Error::new(ErrorKind::InvalidArgument, detail));
        }
        let store = pointer::handle_out(index_out, "index_out")?;
        let indexes = pointer::slice(indexes, count, "indexes")?.iter();
        let sizes = pointer::slice(data_sizes, count, "data_sizes")?;
        let parts = indexes.zip(sizes).map(|(index, size)| {
            let index = pointer::borrow(*index, "an index")?;
            Ok((&index.0, *size))
        });
        store(pointer::give(tfr_index(Index::concat(&parts.collect::<Result<Vec<_>>>()?)?)));
        Ok(())
    };
    // SAFETY: the caller's.
    unsafe { guard(error_out, body) }
}

/// Gives C an index that is made of another one.
///
/// # Safety
/// As [`tfr_index_shuffle`].
unsafe fn make(
    index: *const tfr_index,
    index_out: *mut *mut tfr_index,
    error_out: *mut *mut tfr_error,
    edit: impl FnOnce(&Index) -> Result<Index>,
) -> tfr_status {
    // SAFETY: the caller's.
    let body = || unsafe {
        let store = pointer::handle_out(index_out, "index_out")?;
        let index = &pointer::borrow(index, "index")?.0;
        store(pointer::give(tfr_index(edit(index)?)));
        Ok(())
    };
    // SAFETY: the caller's.
    unsafe { guard(error_out, body) }
}

fn shard_by(number: i32) -> Result<ShardBy> {
    let members = [
        (tfr_shard_by::TFR_SHARD_BY_RECORDS as i32, ShardBy::Records),
        (tfr_shard_by::TFR_SHARD_BY_BYTES as i32, ShardBy::Bytes),
    ];
    member("by", number, "tfr_shard_by", &members)
}

fn remainder_of(number: i32) -> Result<Remainder> {
    let members = [
        (tfr_remainder::TFR_REMAINDER_KEEP as i32, Remainder::Keep),
        (tfr_remainder::TFR_REMAINDER_DROP as i32, Remainder::Drop),
        (tfr_remainder::TFR_REMAINDER_PAD as i32, Remainder::Pad),
    ];
    member("remainder", number, "tfr_remainder", &members)
}
