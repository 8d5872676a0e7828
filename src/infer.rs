//! Which features a data set has: some of its records are read, and what TensorFlow Datasets wrote
//! beside them.

mod tfds;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::dataset::{open_with_text, ShardSource};
use crate::error::{Error, ErrorKind, Result};
use crate::example::{Feature, FeatureStats, Features, Schema};
use crate::index::Index;
use crate::open::open;
use crate::options::{Options, Progress, Skipped};
use crate::reader::{Payloads, Reader};
use crate::scan::Scanner;
use crate::several::{in_order, until_over, DISTANT};
use crate::shards::{find_index, Shard, Shards};
use crate::threads::Pool;

/// The most records of a file for which the file is not scanned to its end.
const FEW: u64 = if cfg!(test) { 10 } else { 1 << 20 };
/// The most records, and about the most bytes, that are read at a time.
const BATCH: usize = if cfg!(test) { 3 } else { 4096 };
const BATCH_BYTES: u64 = 4 << 20;

/// Which features a data set has: what [`infer_features`] returns.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Inferred {
    /// What the records have that were read.
    pub schema: Schema,
    /// Features that fit these records: those of [`Schema::suggest`], with the shapes of
    /// [`declared_in`](Self::declared_in) where they fit.
    pub features: Vec<Feature>,
    /// The `features.json` of TensorFlow Datasets beside the first file. `None`: there is none, or
    /// it cannot be read, which is then a warning.
    pub declared_in: Option<PathBuf>,
    /// What programs should report: indexes that were found but not used, sequences that have the
    /// name of a feature, and where `features.json` contradicts the records.
    pub warnings: Vec<Error>,
}

/// Finds out which features the `tf.train.Example` records of a data set have.
///
/// Reads `records` records, or all if that is `None`: the first ones of each file, the same number
/// of each, and more of larger files where smaller ones have too few. Files without an index are
/// scanned only that far. The options are those of reading; [`Options::salvage`] skips damaged regions.
///
/// If `features.json` is beside the first file, which TensorFlow Datasets writes, it says which
/// features have a fixed shape; see [`Features::from_tfds`].
///
/// ```
/// use tfr_index::{infer_features, Feature, FeatureValues, Options, RecordWriter, Shards};
///
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("train.tfrecord");
/// let label = FeatureValues::int64("label", &[7, 8]);
/// let words = FeatureValues::bytes("words", &[b"a", b"few", b"words"]).offsets(&[0, 1, 3]);
/// let (payloads, ends) = tfr_index::encode_examples(2, &[label, words])?;
/// let mut writer = RecordWriter::create(&path, path.with_extension("idx"), &Options::new())?;
/// writer.write(&payloads[..ends[1]])?;
/// writer.write(&payloads[ends[1]..])?;
/// writer.finish()?;
///
/// let inferred = infer_features(&Shards::from_paths([&path]), Some(1000), &Options::new())?;
/// assert_eq!(inferred.schema.records(), 2);
/// assert_eq!(inferred.features, [Feature::int64("label"), Feature::bytes("words").ragged()]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Those of [`Reader::open`] and [`Reader::read_many`]. [`ErrorKind::Example`] if a record is no
/// `Example`. The error names the file, the record and the byte.
pub fn infer_features(
    shards: &Shards,
    records: Option<u64>,
    options: &Options<'_>,
) -> Result<Inferred> {
    let (mut schema, mut warnings) = (Schema::new(), Vec::new());
    let files = shards.len() as u128;
    let mut by_size: Vec<_> = shards.iter().collect();
    by_size.sort_by_cached_key(|shard| shard.path.metadata().map_or(0, |file| file.len()));
    for (number, shard) in (1..).zip(by_size) {
        let most = match records {
            None => u64::MAX,
            // What smaller files lack is due, too.
            Some(records) => (u128::from(records) * number / files) as u64 - schema.records(),
        };
        if most > 0 {
            let opened = open_some(shard, most, options);
            let added = opened.and_then(|reader| add_records(&reader, most, options, &mut schema));
            warnings.extend(added.map_err(|error| error.of(&shard.path))?);
        }
    }
    let mut features = schema.suggest();
    warnings.extend(hidden_sequences(&schema, &features));
    let directory = shards.iter().next().map(|shard| shard.path.parent().unwrap_or(Path::new("")));
    let declared = directory.map(|directory| directory.join(tfds::FEATURES));
    let declared_in = declared.filter(|path| path.is_file()).and_then(|path| {
        let declared = tfds::read(&path).map_err(|error| warnings.push(error)).ok()?;
        warnings.extend(declare(&mut features, &declared, &schema, &path));
        Some(path)
    });
    Ok(Inferred { schema, features, declared_in, warnings })
}

/// Finds out which features the records of a data set have whose shards are no local files, such as
/// objects in a store: `open` opens the shard of a number, as for
/// [`Dataset::with_opener`](crate::Dataset::with_opener). The paths of `shards` name them in errors.
///
/// Reads at most `records` records, or all if that is `None`: the first ones of each shard, the same
/// number of each. If there are more shards than records, it opens as many. Several threads call
/// `open` at the same time, unless [`Options::threads`] is 1. No `features.json` is looked for.
///
/// ```
/// use tfr_index::{infer_features_with_opener, Options, ShardSource, Shards};
///
/// let shards = Shards::from_paths(["s3://bucket/a.tfrecord"]);
/// let open = |_| {
///     let data = std::fs::read("tests/data/examples.tfrecord")?; // a program opens the object here
///     Ok(ShardSource::new(data))
/// };
/// let inferred = infer_features_with_opener(&shards, Some(10), &Options::new(), open)?;
/// assert_eq!(inferred.schema.records(), 10);
/// # Ok::<(), tfr_index::Error>(())
/// ```
///
/// # Errors
/// Those of [`infer_features`], and of `open`.
pub fn infer_features_with_opener(
    shards: &Shards,
    records: Option<u64>,
    options: &Options<'_>,
    open: impl Fn(usize) -> std::io::Result<ShardSource> + Send + Sync,
) -> Result<Inferred> {
    let files = shards.len() as u128;
    let share = |shard: usize| match records {
        None => u64::MAX,
        Some(records) => {
            let before = |shard: usize| (u128::from(records) * shard as u128 / files) as u64;
            before(shard + 1) - before(shard)
        }
    };
    let wanted: Vec<_> = (0..shards.len()).filter(|&shard| share(shard) > 0).collect();
    let threads = if options.threads == 0 { DISTANT } else { options.threads };
    let is_over = AtomicBool::new(false);
    let watch = until_over(&is_over);
    let work = |number: usize, pool: &Pool| {
        let (shard, mut part) = (wanted[number], Part::default());
        let regions = Mutex::new(Vec::new());
        let note = |region: Skipped| {
            regions.lock().unwrap_or_else(PoisonError::into_inner).push(region);
            ControlFlow::Continue(())
        };
        let how = Options { pool: Some(pool), ..*options }.progress(&watch);
        let how = if options.on_skipped.is_some() { how.on_skipped(&note) } else { how };
        let source = open(shard).map_err(|error| Error::io("open", error));
        let reader = source.and_then(|source| open_some_of(source, share(shard), &how));
        let added =
            reader.and_then(|reader| add_records(&reader, share(shard), &how, &mut part.schema));
        part.skipped = regions.into_inner().unwrap_or_else(PoisonError::into_inner);
        part.warning = added?;
        Ok(part)
    };
    let (mut schema, mut warnings) = (Schema::new(), Vec::new());
    let read = AtomicU64::new(0);
    let poll = || {
        let records = read.load(Ordering::Relaxed);
        options.report(Progress { bytes_done: 0, bytes_total: 0, records })
    };
    let take = |number: usize, part: Result<Part>| {
        let shard = &shards[wanted[number]];
        let part = part.map_err(|error| error.of(&shard.path))?;
        options.of_file(&shard.path, |options| {
            part.skipped.into_iter().try_for_each(|region| options.report_skipped(region))
        })?;
        schema.merge(&part.schema)?;
        read.store(schema.records(), Ordering::Relaxed);
        warnings.extend(part.warning.map(|warning| warning.of(&shard.index_path_to_create())));
        Ok(())
    };
    in_order(wanted.len(), threads, &is_over, work, poll, take)?;
    poll()?;
    let features = schema.suggest();
    warnings.extend(hidden_sequences(&schema, &features));
    Ok(Inferred { schema, features, declared_in: None, warnings })
}

/// What one shard has, and what is to be reported of it.
#[derive(Default)]
struct Part {
    schema: Schema,
    skipped: Vec<Skipped>,
    warning: Option<Error>,
}

/// Adds the first records of a file. Returns what to report.
fn add_records(
    reader: &Reader,
    most: u64,
    options: &Options<'_>,
    schema: &mut Schema,
) -> Result<Option<Error>> {
    let count = most.min(reader.len() as u64) as usize;
    let (mut batch, mut payloads) = (Vec::new(), Payloads::default());
    let mut bytes = 0;
    for record in 0..count {
        batch.push(record);
        bytes += reader.entry(record)?.size;
        if batch.len() < BATCH && bytes < BATCH_BYTES && record + 1 < count {
            continue;
        }
        reader.read_many_into(&batch, &mut payloads)?;
        for (&record, payload) in batch.iter().zip(payloads.iter()) {
            schema.add(payload).map_err(|error| reader.placed(record, error))?;
        }
        let (bytes_total, records) = (reader.data_size(), record as u64 + 1);
        let bytes_done = reader.entry(record)?.end().min(bytes_total);
        options.report(Progress { bytes_done, bytes_total, records })?;
        batch.clear();
        bytes = 0;
    }
    Ok(reader.warning().cloned())
}

/// Opens a file of which only the first records are read.
fn open_some(shard: &Shard, most: u64, options: &Options<'_>) -> Result<Reader> {
    let path = &shard.path;
    if shard.index_path.is_some() && !options.salvage {
        return Reader::with_index_file(path, &shard.find_index()?, options);
    }
    let is_short = most <= FEW && find_index(path, None).is_err();
    if !is_short && !options.salvage {
        return Reader::open(path, options);
    }
    let data = open(path)?;
    if data.compressed().is_some() {
        return Reader::scan(path, options, options); // its points take a pass over all records
    }
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let scan = |options: &Options<'_>| Scanner::new(&data, options)?.take(most).collect();
    let entries: Result<Vec<_>> = options.of_file(path, scan);
    Reader::with_index(path, Index::from_entries(entries?)?, options)
}

/// Opens a shard of which only the first records are read.
fn open_some_of(source: ShardSource, most: u64, options: &Options<'_>) -> Result<Reader> {
    let (data, text) = source.into_data()?;
    if options.salvage {
        return Reader::scan_source(data, options, options);
    }
    if text.is_some() || most > FEW || data.kind().is_some() {
        return open_with_text(data, text, options);
    }
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let entries: Result<Vec<_>> = Scanner::new(&data, options)?.take(most).collect();
    Reader::from_source(data, Some(Index::from_entries(entries?)?), options)
}

/// Says which sequences are not suggested, because features have their names.
fn hidden_sequences<'s>(
    schema: &'s Schema,
    features: &'s [Feature],
) -> impl Iterator<Item = Error> + 's {
    let is_hidden = |name: &[u8]| {
        features.iter().any(|feature| feature.name() == name && !feature.is_sequence())
    };
    let hidden = schema.sequences();
    let hidden = hidden.filter(move |(name, stats)| stats.kind().is_some() && is_hidden(name));
    hidden.map(|(name, _)| {
        let detail = format!(
            "the sequence {:?} is left out of the features that are suggested, because a feature has \
             its name: read it in another call, with features that lack that one",
            String::from_utf8_lossy(name)
        );
        Error::new(ErrorKind::Mismatch, detail).of_feature(name)
    })
}

/// Gives features the shapes that they are declared to have. Returns those that records contradict.
fn declare(
    features: &mut [Feature],
    declared: &Features,
    schema: &Schema,
    path: &Path,
) -> Vec<Error> {
    let mut contradicted = Vec::new();
    for (name, stats) in schema.features() {
        let declared = declared.find(name).map(|number| &declared.as_slice()[number]);
        let suggested =
            features.iter_mut().find(|feature| feature.name() == name && !feature.is_sequence());
        let (Some(declared), Some(suggested)) = (declared, suggested) else { continue };
        if fits(declared, stats, schema.records()) {
            *suggested = declared.clone();
            continue;
        }
        let detail = format!(
            "feature {:?}: the file says {}, but the records have {}; the records count",
            String::from_utf8_lossy(name),
            described(declared),
            described(suggested),
        );
        contradicted.push(Error::new(ErrorKind::Mismatch, detail).of_feature(name).of(path));
    }
    contradicted
}

/// Whether all records can be decoded as the feature.
fn fits(feature: &Feature, stats: &FeatureStats, records: u64) -> bool {
    let is_kind = stats.kind() == Some(feature.kind());
    is_kind
        && feature.dimensions().map_or(true, |shape| {
            let count = shape.iter().try_fold(1_u64, |all, &size| all.checked_mul(size as u64));
            let counts = [stats.min_values, stats.max_values].map(Some);
            stats.records() == records && counts == [count; 2]
        })
}

fn described(feature: &Feature) -> String {
    match feature.dimensions() {
        Some(shape) => format!("{} of shape {shape:?}", feature.kind()),
        None => format!("{}, ragged", feature.kind()),
    }
}

#[cfg(test)]
mod tests;
