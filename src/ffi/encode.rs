//! `tfr_encode_examples()`: columns → payloads, and `tfr_writer_write_examples()`: → records.

use libc::c_char;

use super::batch::tfr_batch;
use super::error::tfr_error;
use super::features::{kind_of, tfr_bytes};
use super::guard::guard;
use super::pointer;
use super::status::tfr_status;
use super::writer::tfr_writer;
use crate::error::Result;
use crate::{encode_examples, Batch, FeatureKind, FeatureValues, Payloads};

/// The values of a feature in many records: those of record 0, then those of record 1 and so on.
#[repr(C)]
pub struct tfr_feature_values {
    /// The key in the records: `name_size` bytes, usually UTF-8.
    pub name: *const c_char,
    /// The number of bytes of the name.
    pub name_size: usize,
    /// A member of tfr_feature_kind.
    pub kind: i32,
    /// `count` values: int64_t, float, or tfr_bytes. It may be NULL if `count` is 0.
    pub values: *const libc::c_void,
    /// The number of values in all records.
    pub count: usize,
    /// Where the values of each record start, and where the last one's end: one offset more than there
    /// are records, from 0 up to `count`. NULL: all records have the same number of values.
    pub offsets: *const usize,
}

/// A feature's values, borrowed from C.
struct Borrowed<'a> {
    name: &'a [u8],
    values: Values<'a>,
    offsets: Option<&'a [usize]>,
}

enum Values<'a> {
    Bytes(Vec<&'a [u8]>),
    Float(&'a [f32]),
    Int64(&'a [i64]),
}

impl<'a> Borrowed<'a> {
    /// # Safety
    /// The pointers are NULL, or valid during `'a`, with an offset more than records.
    unsafe fn of(values: &tfr_feature_values, records: usize) -> Result<Borrowed<'a>> {
        let tfr_feature_values { name, name_size, kind, values, count, offsets } = *values;
        // SAFETY: the caller upholds the contract.
        unsafe {
            let name = pointer::slice(name.cast::<u8>(), name_size, "a name")?;
            let values = match kind_of(kind)? {
                FeatureKind::Bytes => {
                    let strings = pointer::slice(values.cast::<tfr_bytes>(), count, "values")?;
                    let strings = strings.iter().map(|string| string.as_slice("a value"));
                    Values::Bytes(strings.collect::<Result<_>>()?)
                }
                FeatureKind::Float => {
                    Values::Float(pointer::slice(values.cast(), count, "values")?)
                }
                FeatureKind::Int64 => {
                    Values::Int64(pointer::slice(values.cast(), count, "values")?)
                }
            };
            let offsets = match offsets.is_null() {
                true => None,
                false => Some(pointer::slice(offsets, records.saturating_add(1), "offsets")?),
            };
            Ok(Borrowed { name, values, offsets })
        }
    }

    fn as_values(&self) -> FeatureValues<'_> {
        let values = match &self.values {
            Values::Bytes(values) => FeatureValues::bytes(self.name, values),
            Values::Float(values) => FeatureValues::float(self.name, values),
            Values::Int64(values) => FeatureValues::int64(self.name, values),
        };
        match self.offsets {
            Some(offsets) => values.offsets(offsets),
            None => values,
        }
    }
}

/// Calls `work` with the values of features.
///
/// # Safety
/// The contract of tfr_encode_examples().
unsafe fn with_values<T>(
    records: usize,
    features: *const tfr_feature_values,
    count: usize,
    work: impl FnOnce(&[FeatureValues<'_>]) -> Result<T>,
) -> Result<T> {
    // SAFETY: the caller upholds the contract.
    let borrowed: Vec<_> = unsafe {
        let features = pointer::slice(features, count, "features")?.iter();
        features.map(|values| Borrowed::of(values, records)).collect::<Result<_>>()?
    };
    work(&borrowed.iter().map(Borrowed::as_values).collect::<Vec<_>>())
}

/// Encodes records as tf.train.Example, byte for byte as protobuf's deterministic serialisation:
/// features in the order of their names, numbers packed. A feature without values in a record has an
/// empty list there.
///
/// Parameters: `batch_out` is required. `features` points to `count` features with the values of
/// `records` records each, and may be NULL if `count` is 0.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL, if a name occurs twice, if the
/// number of values is no multiple of `records`, or if the offsets do not ascend from 0 to the number
/// of values; tfr_error_feature() names the feature. TFR_ERR_OUT_OF_MEMORY.
///
/// Ownership: free *batch_out, which has the payloads, with tfr_batch_free(). It is NULL on failure.
/// The caller may free the values immediately.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_encode_examples(
    records: usize,
    features: *const tfr_feature_values,
    count: usize,
    batch_out: *mut *mut tfr_batch,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let store = pointer::handle_out(batch_out, "batch_out")?;
        let (payloads, offsets) =
            with_values(records, features, count, |values| encode_examples(records, values))?;
        let payloads = Payloads::of(payloads, offsets);
        store(tfr_batch::give(Batch::of(payloads, (0..records as u64).collect()))?);
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Encodes records as tf.train.Example, like tfr_encode_examples(), and writes them, without records
/// of other threads between them. Small ones are encoded in the writer's buffer: there is no copy.
///
/// Parameters: `writer` is required. The others are those of tfr_encode_examples().
///
/// Errors: TFR_ERR_INVALID_ARGUMENT as for tfr_encode_examples(); then the call writes nothing.
/// TFR_ERR_OUT_OF_MEMORY; then the records before are written. Those of tfr_writer_write().
///
/// Ownership: the call borrows the values.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_writer_write_examples(
    writer: *mut tfr_writer,
    records: usize,
    features: *const tfr_feature_values,
    count: usize,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let writer = pointer::borrow(writer, "writer")?;
        with_values(records, features, count, |values| {
            writer.with(|writer| writer.write_examples(records, values))
        })
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}
