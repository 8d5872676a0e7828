//! `tfr_index_select()` and similar functions: indexes made from indexes.

use super::error::tfr_error;
use super::guard::guard;
use super::index::tfr_index;
use super::member::member;
use super::pointer;
use super::status::tfr_status;
use crate::error::{Error, ErrorKind, Result};
use crate::{Index, Remainder, ShardBy};

/// What tfr_index_shard() divides evenly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub enum tfr_shard_by {
    /// Records: the numbers of records in two shards differ by at most one.
    TFR_SHARD_BY_RECORDS = 0,
    /// Bytes: the size of a shard differs from an equal share by at most the size of the largest
    /// frame.
    TFR_SHARD_BY_BYTES = 1,
}

/// What tfr_index_shard() does if the number of records is not a multiple of the number of shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub enum tfr_remainder {
    /// Some shards have one record more than the others. Every record is in exactly one shard.
    TFR_REMAINDER_KEEP = 0,
    /// All shards get the smaller size. The last record of each larger shard is left out.
    TFR_REMAINDER_DROP = 1,
    /// All shards get the larger size. Each smaller shard also gets the first record of the next
    /// shard.
    TFR_REMAINDER_PAD = 2,
}

/// Makes an index of the given records, in the given order. A number may occur more than once. Like
/// all edits, the new index refers to the same data, and the call reads none of the data.
///
/// Parameters: `index` and `index_out` are required. `records` points to `count` record numbers and
/// may be NULL if `count` is 0.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. TFR_ERR_OUT_OF_RANGE if a number
/// is not less than tfr_index_len(). TFR_ERR_OUT_OF_MEMORY.
///
/// Ownership: free *index_out with tfr_index_free(). It is NULL on failure. The caller keeps
/// `index`, which does not change.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_index_select(
    index: *const tfr_index,
    records: *const usize,
    count: usize,
    index_out: *mut *mut tfr_index,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    let edit = |index: &Index| {
        // SAFETY: the caller upholds the contract.
        let records = unsafe { pointer::slice(records, count, "records") }?;
        index.select(records)
    };
    // SAFETY: the caller upholds the contract.
    unsafe { make(index, index_out, error_out, edit) }
}

/// Makes an index of the records with payloads of `min` to `max` bytes, both inclusive, in the
/// order of `index`.
///
/// Parameters: `index` and `index_out` are required.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. TFR_ERR_OUT_OF_MEMORY.
///
/// Ownership: as tfr_index_select().
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_index_filter_size(
    index: *const tfr_index,
    min: u64,
    max: u64,
    index_out: *mut *mut tfr_index,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    unsafe { make(index, index_out, error_out, |index| index.filter_size(min..=max)) }
}

/// Makes an index of all records in a random order. Every order is equally likely. The same seed
/// and number of records give the same order in every version, on every platform and in every
/// language: a Fisher-Yates shuffle that fills the positions from first to last, each with a record
/// drawn from the remaining ones, with numbers from SplitMix64 that Lemire's method brings into
/// range.
///
/// Parameters: `index` and `index_out` are required.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. TFR_ERR_OUT_OF_MEMORY.
///
/// Ownership: as tfr_index_select().
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_index_shuffle(
    index: *const tfr_index,
    seed: u64,
    index_out: *mut *mut tfr_index,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    unsafe { make(index, index_out, error_out, |index| index.shuffle(seed)) }
}

/// Makes an index of `count` different random records, in the order of `index`. Every choice is
/// equally likely. The records are the first `count` ones of tfr_index_shuffle() with the same
/// seed.
///
/// Parameters: `index` and `index_out` are required.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL or the index has fewer than
/// `count` records. TFR_ERR_OUT_OF_MEMORY.
///
/// Ownership: as tfr_index_select().
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_index_sample(
    index: *const tfr_index,
    count: usize,
    seed: u64,
    index_out: *mut *mut tfr_index,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    unsafe { make(index, index_out, error_out, |index| index.sample(count, seed)) }
}

/// Makes an index of shard `rank` of `world_size` shards: a contiguous run of records, in the order
/// of `index`. By records, the shard starts at record len * rank / world_size, rounded down, like
/// the shards of NVIDIA DALI's readers. By bytes, it starts at the record boundary closest to rank
/// / world_size of the frames' total bytes. A shard may be empty if there are few records, or a few
/// very large ones.
///
/// Parameters: `index` and `index_out` are required. `by` is a member of tfr_shard_by. `remainder`
/// is a member of tfr_remainder; with TFR_SHARD_BY_BYTES it must be TFR_REMAINDER_KEEP.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL, `by` or `remainder` is any other
/// number, or `rank` is not less than `world_size`. TFR_ERR_OUT_OF_MEMORY.
///
/// Ownership: as tfr_index_select().
///
/// Threads: safe on any thread.
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
    // SAFETY: the caller upholds the contract.
    unsafe { make(index, index_out, error_out, edit) }
}

/// Makes the index of concatenated files, as `cat a b` concatenates them.
///
/// Parameters: `indexes` points to the indexes of the files, in that order, and `data_sizes` to the
/// sizes of the files in bytes. Both have `count` elements and may be NULL if `count` is 0.
/// `index_out` is required.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer or an element of `indexes` is NULL, or if
/// `index_out` points to an element of `indexes`, which then stays unchanged. TFR_ERR_MISMATCH if
/// an entry ends after the end of its file. TFR_ERR_INVALID_INDEX if the end of a record exceeds
/// INT64_MAX. TFR_ERR_OUT_OF_MEMORY.
///
/// Ownership: free *index_out with tfr_index_free(). It is NULL on failure. The caller keeps
/// `indexes`, which do not change.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_index_concat(
    indexes: *const *const tfr_index,
    data_sizes: *const u64,
    count: usize,
    index_out: *mut *mut tfr_index,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        if pointer::is_within(index_out as *const *const tfr_index, indexes, count) {
            let detail = "index_out points into indexes: the call would overwrite an index there";
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
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Makes an index from another one and gives it to C.
///
/// # Safety
///
/// The contract of the functions for C.
unsafe fn make(
    index: *const tfr_index,
    index_out: *mut *mut tfr_index,
    error_out: *mut *mut tfr_error,
    edit: impl FnOnce(&Index) -> Result<Index>,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let store = pointer::handle_out(index_out, "index_out")?;
        let index = &pointer::borrow(index, "index")?.0;
        store(pointer::give(tfr_index(edit(index)?)));
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

fn shard_by(number: i32) -> Result<ShardBy> {
    let members = [
        (tfr_shard_by::TFR_SHARD_BY_RECORDS as i32, ShardBy::Records),
        (tfr_shard_by::TFR_SHARD_BY_BYTES as i32, ShardBy::Bytes),
    ];
    member("by", number, "tfr_shard_by", &members)
}

pub(super) fn remainder_of(number: i32) -> Result<Remainder> {
    let members = [
        (tfr_remainder::TFR_REMAINDER_KEEP as i32, Remainder::Keep),
        (tfr_remainder::TFR_REMAINDER_DROP as i32, Remainder::Drop),
        (tfr_remainder::TFR_REMAINDER_PAD as i32, Remainder::Pad),
    ];
    member("remainder", number, "tfr_remainder", &members)
}
