//! `tfr_features`: which features of records are wanted.

use libc::c_char;

use super::error::tfr_error;
use super::guard::guard;
use super::member::member;
use super::pointer;
use super::status::tfr_status;
use crate::dataset::{Reused, Spares};
use crate::error::{Error, ErrorKind, Result};
use crate::sys::SharedCell;
use crate::{Feature, FeatureKind, Features};

/// The kind of a feature's values: one of the three that tf.train.Feature has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub enum tfr_feature_kind {
    /// Byte strings: text, encoded images, serialised tensors.
    TFR_FEATURE_BYTES = 1,
    /// 32-bit floating-point numbers.
    TFR_FEATURE_FLOAT = 2,
    /// 64-bit signed integers.
    TFR_FEATURE_INT64 = 3,
}

use tfr_feature_kind::*;

/// A byte string: `size` bytes from `bytes`, without a NUL at the end.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct tfr_bytes {
    /// The first byte. It may be NULL if `size` is 0.
    pub bytes: *const u8,
    /// The number of bytes.
    pub size: usize,
}

impl tfr_bytes {
    pub(super) fn of(bytes: &[u8]) -> tfr_bytes {
        tfr_bytes { bytes: bytes.as_ptr(), size: bytes.len() }
    }

    /// # Safety
    /// The bytes are NULL, or valid for reads during `'a`.
    pub(super) unsafe fn as_slice<'a>(self, name: &str) -> Result<&'a [u8]> {
        // SAFETY: the caller upholds the contract.
        unsafe { pointer::slice(self.bytes, self.size, name) }
    }
}

/// The features that are wanted of tf.train.Example records. They are numbered from 0 on, in the order
/// in which they were added. They keep up to 16 MiB of the memory of freed columns, and of freed batches
/// of tfr_reader_read_columns(), for the next ones.
///
/// Threads: many threads may use the same features, as long as no thread changes them.
pub struct tfr_features {
    list: Vec<Feature>,
    /// Made when it is first needed. Not a `OnceLock`: a process forked while another thread
    /// initialises it would wait for ever.
    made: SharedCell<Result<Features>>,
    /// What is to be reported of features that were inferred.
    pub(super) warnings: Vec<Error>,
    /// The memory of columns that were freed, for the next ones.
    memory: Spares,
}

/// How many columns, with the payloads of a batch, keep their memory for the next ones, and the most
/// bytes of each. A loop has one that it uses and one that it makes. Without this, decoding 13 features
/// in batches of 256 takes 13 % more: columns of ragged features grow, and their pages are new.
const KEPT: (usize, usize) = (2, 8 << 20);

impl tfr_features {
    pub(super) fn give(list: Vec<Feature>, warnings: Vec<Error>) -> *mut tfr_features {
        let memory = Spares::new(KEPT.0, KEPT.1);
        pointer::give(tfr_features { list, made: SharedCell::new(), warnings, memory })
    }

    /// # Safety
    /// NULL, or valid for reads while `'a` lasts.
    pub(super) unsafe fn of<'a>(features: *const tfr_features) -> Result<&'a Features> {
        // SAFETY: the caller upholds the contract.
        let features = unsafe { pointer::borrow(features, "features") }?;
        let make = || features.made.set(Features::new(features.list.iter().cloned()));
        let made = features.made.get().unwrap_or_else(make);
        made.as_ref().map_err(Clone::clone)
    }

    /// The same, and memory for their columns.
    ///
    /// # Safety
    /// As for [`of`](Self::of).
    pub(super) unsafe fn with_memory<'a>(
        features: *const tfr_features,
    ) -> Result<(&'a Features, Reused)> {
        // SAFETY: the caller upholds the contract.
        let (made, features) =
            unsafe { (Self::of(features)?, pointer::borrow(features, "features")?) };
        Ok((made, features.memory.take()))
    }

    /// # Safety
    /// NULL, or valid for reads while `'a` lasts.
    unsafe fn get<'a>(features: *const tfr_features, feature: usize) -> Option<&'a Feature> {
        // SAFETY: the caller upholds the contract.
        unsafe { features.as_ref() }?.list.get(feature)
    }

    /// Changes a feature.
    ///
    /// # Safety
    /// NULL, or valid; no other thread uses the features.
    unsafe fn change(
        features: *mut tfr_features,
        feature: usize,
        change: impl FnOnce(Feature) -> Feature,
    ) -> Result<()> {
        // SAFETY: the caller upholds the contract.
        let features = unsafe { pointer::borrow_mut(features, "features") }?;
        let count = features.list.len();
        let Some(old) = features.list.get_mut(feature) else {
            let detail = format!("feature {feature} is out of range, there are {count} features");
            return Err(Error::new(ErrorKind::OutOfRange, detail));
        };
        *old = change(old.clone());
        features.made = SharedCell::new();
        Ok(())
    }
}

/// Makes an empty list of features. Add some with tfr_features_add().
///
/// Parameters: `features_out` is required.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if it is NULL.
///
/// Ownership: free *features_out with tfr_features_free(). It is NULL on failure.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_features_new(
    features_out: *mut *mut tfr_features,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        pointer::handle_out(features_out, "features_out")?(tfr_features::give(
            Vec::new(),
            Vec::new(),
        ));
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Adds a feature. It has one value in each record, and a record that lacks it is an error: change
/// that with tfr_features_set_shape(), tfr_features_set_ragged() and tfr_features_set_default_int64()
/// and similar functions.
///
/// Parameters: `features` is required. `name` points to `name_size` bytes, the key in the records,
/// usually UTF-8. `kind` is a member of tfr_feature_kind. `feature_out` is optional; it receives the
/// feature's number.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL, or `kind` is any other number. A
/// name that is there twice is an error of the calls that use the features.
///
/// Threads: no other thread may use the features during the call.
#[no_mangle]
pub unsafe extern "C" fn tfr_features_add(
    features: *mut tfr_features,
    name: *const c_char,
    name_size: usize,
    kind: i32,
    feature_out: *mut usize,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let store = pointer::optional_out(feature_out, "feature_out")?;
        let features = pointer::borrow_mut(features, "features")?;
        let name = pointer::slice(name.cast::<u8>(), name_size, "name")?;
        store(features.list.len());
        features.list.push(Feature::new(name, kind_of(kind)?));
        features.made = SharedCell::new();
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

pub(super) fn kind_of(kind: i32) -> Result<FeatureKind> {
    let kinds = [
        (TFR_FEATURE_BYTES as i32, FeatureKind::Bytes),
        (TFR_FEATURE_FLOAT as i32, FeatureKind::Float),
        (TFR_FEATURE_INT64 as i32, FeatureKind::Int64),
    ];
    member("kind", kind, "tfr_feature_kind", &kinds)
}

/// Sets the shape of a feature's values in each record: their number is the product of the dimensions.
/// No dimensions, the default, mean one value. The feature is not ragged then.
///
/// Parameters: `features` is required. `shape` points to `dimensions` sizes and may be NULL if
/// `dimensions` is 0.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. TFR_ERR_OUT_OF_RANGE if there is no
/// feature with this number. A shape that is too large, or another than that of the default, is an
/// error of the calls that use the features.
///
/// Threads: no other thread may use the features during the call.
#[no_mangle]
pub unsafe extern "C" fn tfr_features_set_shape(
    features: *mut tfr_features,
    feature: usize,
    shape: *const usize,
    dimensions: usize,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let shape = pointer::slice(shape, dimensions, "shape")?;
        tfr_features::change(features, feature, |feature| feature.shape(shape))
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Accepts any number of values in each record, also none: tfr_columns_offsets() then says where those
/// of each record start. A record that lacks the feature has none.
///
/// Parameters: `features` is required.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if it is NULL. TFR_ERR_OUT_OF_RANGE if there is no feature with
/// this number. A ragged feature with a default is an error of the calls that use the features.
///
/// Threads: no other thread may use the features during the call.
#[no_mangle]
pub unsafe extern "C" fn tfr_features_set_ragged(
    features: *mut tfr_features,
    feature: usize,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe { tfr_features::change(features, feature, Feature::ragged) };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Reads a list of steps from the feature_lists of a tf.train.SequenceExample, instead of a feature of
/// its context, which decodes like a tf.train.Example. Each step has values of the feature's shape, or
/// any number of them if it is ragged. tfr_columns_offsets() then says where the steps of each record
/// start, and tfr_columns_step_offsets() where the values of each step of a ragged feature do.
///
/// Parameters: `features` is required. A record without the list is an error if `allow_missing` is 0;
/// otherwise it has no steps.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if `features` is NULL. TFR_ERR_OUT_OF_RANGE if there is no feature
/// with this number. A sequence with a default is an error of the calls that use the features.
///
/// Threads: no other thread may use the features during the call.
#[no_mangle]
pub unsafe extern "C" fn tfr_features_set_sequence(
    features: *mut tfr_features,
    feature: usize,
    allow_missing: i32,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    let sequence = |feature: Feature| feature.sequence(allow_missing != 0);
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, || tfr_features::change(features, feature, sequence)) }
}

/// Sets what stands in for the integers of a record that lacks the feature.
///
/// Parameters: `features` is required. `values` points to `count` values: one for all, or one for each
/// value of the shape.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. TFR_ERR_OUT_OF_RANGE if there is no
/// feature with this number. A default of another kind, or with another number of values, is an error
/// of the calls that use the features.
///
/// Threads: no other thread may use the features during the call.
#[no_mangle]
pub unsafe extern "C" fn tfr_features_set_default_int64(
    features: *mut tfr_features,
    feature: usize,
    values: *const i64,
    count: usize,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let values = pointer::slice(values, count, "values")?;
        tfr_features::change(features, feature, |feature| feature.default_int64(values))
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Sets what stands in for floating-point numbers, like tfr_features_set_default_int64().
///
/// Parameters, errors and threads: as for tfr_features_set_default_int64().
#[no_mangle]
pub unsafe extern "C" fn tfr_features_set_default_float(
    features: *mut tfr_features,
    feature: usize,
    values: *const f32,
    count: usize,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let values = pointer::slice(values, count, "values")?;
        tfr_features::change(features, feature, |feature| feature.default_float(values))
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Sets what stands in for byte strings, like tfr_features_set_default_int64(). The call copies the
/// bytes.
///
/// Parameters, errors and threads: as for tfr_features_set_default_int64().
#[no_mangle]
pub unsafe extern "C" fn tfr_features_set_default_bytes(
    features: *mut tfr_features,
    feature: usize,
    values: *const tfr_bytes,
    count: usize,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let values = pointer::slice(values, count, "values")?.iter();
        let values: Vec<_> =
            values.map(|value| value.as_slice("a value")).collect::<Result<_>>()?;
        tfr_features::change(features, feature, |feature| feature.default_bytes(&values))
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Returns the number of features; 0 for NULL.
///
/// Threads: safe on any thread, if no thread changes the features.
#[no_mangle]
pub unsafe extern "C" fn tfr_features_len(features: *const tfr_features) -> usize {
    // SAFETY: the caller upholds the contract.
    unsafe { features.as_ref() }.map_or(0, |features| features.list.len())
}

/// Returns the name of a feature; NULL, and no bytes, if there is no such feature, and for NULL.
///
/// Ownership: borrowed from the features, until they are changed or freed.
///
/// Threads: safe on any thread, if no thread changes the features.
#[no_mangle]
pub unsafe extern "C" fn tfr_features_name(
    features: *const tfr_features,
    feature: usize,
) -> tfr_bytes {
    // SAFETY: the caller upholds the contract.
    let feature = unsafe { tfr_features::get(features, feature) };
    let none = tfr_bytes { bytes: std::ptr::null(), size: 0 };
    feature.map_or(none, |feature| tfr_bytes::of(feature.name()))
}

/// Returns the kind of a feature, a member of tfr_feature_kind; 0 if there is no such feature, and for
/// NULL.
///
/// Threads: safe on any thread, if no thread changes the features.
#[no_mangle]
pub unsafe extern "C" fn tfr_features_kind(features: *const tfr_features, feature: usize) -> i32 {
    // SAFETY: the caller upholds the contract.
    unsafe { tfr_features::get(features, feature) }.map_or(0, |feature| feature.kind() as i32)
}

/// Returns whether a feature is ragged: 1 or 0. 0 if there is no such feature, and for NULL.
///
/// Threads: safe on any thread, if no thread changes the features.
#[no_mangle]
pub unsafe extern "C" fn tfr_features_is_ragged(
    features: *const tfr_features,
    feature: usize,
) -> i32 {
    // SAFETY: the caller upholds the contract.
    let feature = unsafe { tfr_features::get(features, feature) };
    feature.map_or(0, |feature| feature.dimensions().is_none().into())
}

/// Returns whether a feature is a list of steps: 1 or 0. 0 if there is no such feature, and for NULL.
///
/// Threads: safe on any thread, if no thread changes the features.
#[no_mangle]
pub unsafe extern "C" fn tfr_features_is_sequence(
    features: *const tfr_features,
    feature: usize,
) -> i32 {
    // SAFETY: the caller upholds the contract.
    let feature = unsafe { tfr_features::get(features, feature) };
    feature.map_or(0, |feature| feature.is_sequence().into())
}

/// Returns whether records may lack a list of steps: 1 or 0. 0 if the feature is not a list of steps, if
/// there is no such feature, and for NULL.
///
/// Threads: safe on any thread, if no thread changes the features.
#[no_mangle]
pub unsafe extern "C" fn tfr_features_allows_missing(
    features: *const tfr_features,
    feature: usize,
) -> i32 {
    // SAFETY: the caller upholds the contract.
    let feature = unsafe { tfr_features::get(features, feature) };
    feature.map_or(0, |feature| feature.allows_missing().into())
}

/// Returns the shape of a feature's values in each record, or in each step of a sequence: an array of
/// dimensions. If there are none, the feature has one value, or is ragged.
///
/// Parameters: `dimensions_out` is optional; it receives the number of dimensions.
///
/// Ownership: borrowed from the features, until they are changed or freed. NULL if there is no such
/// feature, and for NULL.
///
/// Threads: safe on any thread, if no thread changes the features.
#[no_mangle]
pub unsafe extern "C" fn tfr_features_shape(
    features: *const tfr_features,
    feature: usize,
    dimensions_out: *mut usize,
) -> *const usize {
    // SAFETY: the caller upholds the contract.
    let feature = unsafe { tfr_features::get(features, feature) };
    let shape = feature.map(|feature| feature.dimensions().unwrap_or_default());
    // SAFETY: the same.
    unsafe { pointer::array(shape, dimensions_out) }
}

/// Frees features. NULL does nothing.
#[no_mangle]
pub unsafe extern "C" fn tfr_features_free(features: *mut tfr_features) {
    // SAFETY: the caller upholds the contract.
    unsafe { pointer::free(features) }
}
