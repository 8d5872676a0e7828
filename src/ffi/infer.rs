//! `tfr_features_infer()`: which features a data set has.

use libc::{c_char, c_void};

use super::dataset::given_shards;
use super::error::tfr_error;
use super::features::tfr_features;
use super::guard::guard;
use super::opener::{tfr_open_shard_fn, Context, Opener};
use super::options::tfr_options;
use super::pointer;
use super::shards::tfr_shards;
use super::status::tfr_status;
use crate::{infer_features, infer_features_with_opener};

/// Finds the features of a data set: reads up to `records` of its records, from all files, and returns
/// features that fit them, by name; where kinds differ, those with the most frequent one. A feature
/// that all records have, with the same number of values, has that shape; one value has no dimensions.
/// The others are ragged. If there is a features.json of TensorFlow Datasets beside the files, which
/// fits the records, it says the shapes.
///
/// Parameters: `shards` and `features_out` are required. `records` 0 means all. `options` is optional;
/// NULL means the defaults.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. TFR_ERR_EXAMPLE if a record is no
/// tf.train.Example, or if there are more than 65,536 different features. TFR_ERR_CANCELLED if a callback
/// cancelled. Otherwise those of tfr_reader_open() and tfr_reader_read_many().
///
/// Ownership: free *features_out with tfr_features_free(). It is NULL on failure.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_features_infer(
    shards: *const tfr_shards,
    records: u64,
    options: *const tfr_options,
    features_out: *mut *mut tfr_features,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let store = pointer::handle_out(features_out, "features_out")?;
        let shards = &pointer::borrow(shards, "shards")?.shards;
        let most = Some(records).filter(|&records| records > 0);
        let inferred = tfr_options::with(options, |options| infer_features(shards, most, options))?;
        store(tfr_features::give(inferred.features, inferred.warnings));
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Finds the features of a data set of shards that are no local files, such as objects in a store:
/// `open` opens the shard of a number, as for tfr_dataset_from_opener(). Reads at most `records` of its
/// records, the same number of each shard; if there are fewer records than shards, it opens as many. No
/// features.json is looked for. Otherwise as tfr_features_infer().
///
/// Parameters: `paths` are `count` paths that name the shards in errors; they, `open` and
/// `features_out` are required. `context` is passed to `open` as its first argument and may be NULL.
/// `records` 0 means all. `options` is optional; NULL means the defaults. With 0 threads, the call works
/// on 32 shards at the same time.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. Those of tfr_features_infer() and of
/// `open`.
///
/// Ownership: free *features_out with tfr_features_free(). It is NULL on failure. The features do not
/// keep the context.
///
/// Threads: safe on any thread. Several threads call `open` at the same time, unless
/// tfr_options_set_threads() is 1.
#[no_mangle]
pub unsafe extern "C" fn tfr_features_infer_from_opener(
    paths: *const *const c_char,
    count: usize,
    open: tfr_open_shard_fn,
    context: *mut c_void,
    records: u64,
    options: *const tfr_options,
    features_out: *mut *mut tfr_features,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let store = pointer::handle_out(features_out, "features_out")?;
        let opener = Opener::new(open, Context { pointer: context, free: None })?;
        let shards = given_shards(paths, count)?;
        let most = Some(records).filter(|&records| records > 0);
        let inferred = tfr_options::with(options, |options| {
            infer_features_with_opener(&shards, most, options, |shard| opener.open(shard))
        })?;
        store(tfr_features::give(inferred.features, inferred.warnings));
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Returns warning `number` of those that tfr_features_infer() has: an index that was found but is not
/// used, a features.json that does not fit the records, or a sequence that is left out because a feature
/// has its name. Programs should report them.
///
/// Parameters: `features` and `warning_out` are required. If there are no more warnings, *warning_out is
/// NULL.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL.
///
/// Ownership: free *warning_out with tfr_error_free().
///
/// Threads: safe on any thread, if no thread changes the features.
#[no_mangle]
pub unsafe extern "C" fn tfr_features_warning(
    features: *const tfr_features,
    number: usize,
    warning_out: *mut *mut tfr_error,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let store = pointer::handle_out(warning_out, "warning_out")?;
        if let Some(warning) = pointer::borrow(features, "features")?.warnings.get(number) {
            store(tfr_error::new(warning.clone()));
        }
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}
