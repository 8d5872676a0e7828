//! `tfr_columns`: the values of features in a batch of records.

use super::error::tfr_error;
use super::features::{tfr_bytes, tfr_features};
use super::guard::guard;
use super::pointer;
use super::status::tfr_status;
use crate::dataset::Reused;
use crate::error::{Error, Result};
use crate::example::Decoding;
use crate::Columns;

/// The values of features in a batch of records. Features have the numbers of their tfr_features.
///
/// A feature of a fixed shape has an array of the values of record 0, then those of record 1 and so
/// on. A ragged one has tfr_columns_offsets(), too. Byte strings are not copied: they point into the
/// payloads that were decoded.
///
/// Threads: many threads may read columns at the same time.
pub struct tfr_columns {
    columns: Columns,
    /// For each feature, its byte strings, if it has some.
    bytes: Vec<Option<Vec<tfr_bytes>>>,
    /// Gets the columns' memory, for the next ones.
    memory: Reused,
}

impl tfr_columns {
    /// `payloads` are those of the columns. They stay where they are.
    pub(super) fn of(columns: Columns, payloads: &[u8], memory: Reused) -> Result<tfr_columns> {
        let mut bytes = Vec::new();
        for feature in 0..columns.num_features() {
            let Some(spans) = columns.spans(feature) else {
                bytes.push(None);
                continue;
            };
            let mut strings = Vec::new();
            let room = strings.try_reserve_exact(spans.len());
            room.map_err(|_| Error::out_of_memory("the features: decode fewer records at a time"))?;
            strings.extend(spans.iter().map(|&span| tfr_bytes::of(columns.bytes(span, payloads))));
            bytes.push(Some(strings));
        }
        Ok(tfr_columns { columns, bytes, memory })
    }

    pub(super) fn into_inner(mut self) -> Columns {
        std::mem::take(&mut self.columns)
    }
}

impl Drop for tfr_columns {
    fn drop(&mut self) {
        self.memory.columns = Some(std::mem::take(&mut self.columns));
    }
}

/// Decodes features of records. Payload i is the bytes from offsets[i] up to, but not including,
/// offsets[i + 1], as from tfr_reader_read_many().
///
/// The bytes mean what they mean to protobuf. A record whose feature is missing, or has no kind, gets
/// the default; a ragged feature is then empty. An empty list is not missing.
///
/// Parameters: `features` and `columns_out` are required. `payloads` points to `size` bytes and may be
/// NULL if `size` is 0. `offsets` points to `count` + 1 offsets and may be NULL if `count` is 0.
/// `threads`: 0 starts one per processor if that helps; 1 uses only the calling thread.
///
/// Errors, for the first bad record, whose tfr_error_record() is its place in the batch:
/// TFR_ERR_EXAMPLE if the payload is no tf.train.Example. TFR_ERR_FEATURE if a feature is missing, of
/// another kind, or has too few or too many values; tfr_error_feature() names it.
/// TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL, if the features contradict themselves, or if
/// the offsets descend or exceed the payloads. TFR_ERR_OUT_OF_MEMORY.
///
/// Ownership: free *columns_out with tfr_columns_free(). It is NULL on failure. Its byte strings are
/// valid as long as `payloads` are; the features may be freed immediately.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_columns_decode(
    features: *const tfr_features,
    payloads: *const u8,
    size: usize,
    offsets: *const usize,
    count: usize,
    threads: usize,
    columns_out: *mut *mut tfr_columns,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let store = pointer::handle_out(columns_out, "columns_out")?;
        let (features, mut memory) = tfr_features::with_memory(features)?;
        let payloads = pointer::slice(payloads, size, "payloads")?;
        let offsets = match count {
            0 => &[0],
            _ => pointer::slice(offsets, count.saturating_add(1), "offsets")?,
        };
        let old = std::mem::take(&mut memory.old);
        let (columns, _) =
            features.decode_again(payloads, offsets, threads, old, Decoding::default())?;
        store(pointer::give(tfr_columns::of(columns, payloads, memory)?));
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Returns the number of records; 0 for NULL.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_columns_len(columns: *const tfr_columns) -> usize {
    // SAFETY: the caller upholds the contract.
    unsafe { columns.as_ref() }.map_or(0, |columns| columns.columns.len())
}

/// Returns the values of a feature of integers, in the order of the records.
///
/// Parameters: `count_out` is optional; it receives the number of values.
///
/// Ownership: borrowed from the columns, until they are freed. NULL, with 0 values, if there is no
/// such feature, if it is of another kind, and for NULL.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_columns_int64(
    columns: *const tfr_columns,
    feature: usize,
    count_out: *mut usize,
) -> *const i64 {
    // SAFETY: the caller upholds the contract.
    let columns = unsafe { columns.as_ref() };
    let values = columns.and_then(|columns| columns.columns.int64(feature));
    // SAFETY: the same.
    unsafe { pointer::array(values, count_out) }
}

/// Returns the values of a feature of floating-point numbers, like tfr_columns_int64().
///
/// Parameters, ownership and threads: as for tfr_columns_int64().
#[no_mangle]
pub unsafe extern "C" fn tfr_columns_float(
    columns: *const tfr_columns,
    feature: usize,
    count_out: *mut usize,
) -> *const f32 {
    // SAFETY: the caller upholds the contract.
    let columns = unsafe { columns.as_ref() };
    let values = columns.and_then(|columns| columns.columns.float(feature));
    // SAFETY: the same.
    unsafe { pointer::array(values, count_out) }
}

/// Returns the values of a feature of byte strings, like tfr_columns_int64(). The strings themselves
/// are in the payloads that were decoded, and those of defaults in the columns.
///
/// Parameters, ownership and threads: as for tfr_columns_int64().
#[no_mangle]
pub unsafe extern "C" fn tfr_columns_bytes(
    columns: *const tfr_columns,
    feature: usize,
    count_out: *mut usize,
) -> *const tfr_bytes {
    // SAFETY: the caller upholds the contract.
    let columns = unsafe { columns.as_ref() };
    let values = columns.and_then(|columns| columns.bytes.get(feature)?.as_deref());
    // SAFETY: the same.
    unsafe { pointer::array(values, count_out) }
}

/// Returns where the values of each record start, and where the last one's end: an array of
/// tfr_columns_len() + 1 places in the array of values. Of a sequence it returns where the steps of
/// each record start; the steps of all records are numbered from 0.
///
/// Ownership: borrowed from the columns, until they are freed. NULL if there is no such feature, if it
/// is neither ragged nor a sequence, and for NULL.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_columns_offsets(
    columns: *const tfr_columns,
    feature: usize,
) -> *const usize {
    // SAFETY: the caller upholds the contract.
    let columns = unsafe { columns.as_ref() };
    let offsets = columns.and_then(|columns| columns.columns.offsets(feature));
    offsets.map_or(std::ptr::null(), <[usize]>::as_ptr)
}

/// Returns where the values of each step of a ragged sequence start, and where the last one's end: an
/// array with one place more than there are steps.
///
/// Ownership: borrowed from the columns, until they are freed. NULL for other features, if there is no
/// such feature, and for NULL.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_columns_step_offsets(
    columns: *const tfr_columns,
    feature: usize,
) -> *const usize {
    // SAFETY: the caller upholds the contract.
    let columns = unsafe { columns.as_ref() };
    let offsets = columns.and_then(|columns| columns.columns.step_offsets(feature));
    offsets.map_or(std::ptr::null(), <[usize]>::as_ptr)
}

/// Frees columns. NULL does nothing. Those of a batch are freed with the batch.
#[no_mangle]
pub unsafe extern "C" fn tfr_columns_free(columns: *mut tfr_columns) {
    // SAFETY: the caller upholds the contract.
    unsafe { pointer::free(columns) }
}
