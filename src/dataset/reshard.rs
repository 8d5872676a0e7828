//! Copies a data set to files of other sizes, in order or shuffled.

mod copy;
mod names;
mod plan;
mod queue;
mod read;
mod sources;

use std::path::Path;

use super::{Dataset, DatasetOptions, Manifest};
use crate::catalog::ManifestRow;
use crate::create::default_index_path;
use crate::error::{Error, ErrorKind, Result};
use crate::file::NewDirectory;
use crate::options::{Checksums, Options};
use crate::order::Order;
use crate::shards::Shards;

use copy::Copy;
use names::Names;
use plan::Plan;
use sources::Sources;

/// How [`reshard`] copies a data set: into how many shards, in which order, and under which names.
///
/// ```
/// use tfr_index::{Options, Reshard};
///
/// let eight_files = Reshard::shards(8);
/// let shuffled = Reshard::shard_bytes(256 << 20).shuffle(7).name("train");
/// let checked = shuffled.options(Options::new().threads(2).sync(true));
/// # let _ = (eight_files, checked);
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Reshard<'a> {
    size: Size,
    seed: Option<u64>,
    name: String,
    options: Options<'a>,
}

/// How large the new shards are.
#[derive(Debug, Clone, Copy)]
enum Size {
    /// How many there are.
    Shards(u64),
    /// About how many bytes each has.
    Bytes(u64),
}

impl<'a> Reshard<'a> {
    /// Makes this many shards. The numbers of their records differ by at most 1.
    pub fn shards(shards: u64) -> Reshard<'a> {
        Reshard::new(Size::Shards(shards))
    }

    /// Makes shards of about this many bytes: as many as the bytes of all frames need. They are
    /// divided evenly, at the borders of records, so a shard is larger than `bytes` by less than a
    /// record.
    pub fn shard_bytes(bytes: u64) -> Reshard<'a> {
        Reshard::new(Size::Bytes(bytes))
    }

    fn new(size: Size) -> Reshard<'a> {
        Reshard { size, seed: None, name: "train".to_owned(), options: Options::new() }
    }

    /// Shuffles all records: the `i`-th record of the new data set is record
    /// `Permutation::new(records, seed).get(i)` of the old one. So a seed gives the same order in
    /// every version. By default the order stays.
    pub fn shuffle(mut self, seed: u64) -> Reshard<'a> {
        self.seed = Some(seed);
        self
    }

    /// Sets how the files' names begin: `train`, the default, makes `train-00000-of-00008.tfrecord`
    /// and so on.
    pub fn name(mut self, name: impl Into<String>) -> Reshard<'a> {
        self.name = name.into();
        self
    }

    /// Sets the options:
    ///
    /// - [`checksums`](Options::checksums): [`Checksums::Auto`] checks each record, except those of
    ///   files that were written without valid checksums; [`Checksums::Full`] refuses such files.
    /// - [`salvage`](Options::salvage): leaves out damaged records instead of failing. This reads
    ///   each shard twice, and does not use indexes.
    /// - [`threads`](Options::threads), [`progress`](Options::progress), [`sync`](Options::sync).
    /// - [`compression`](Options::compression): the new files are compressed, and `.gz` is added to their
    ///   names. The size of [`shard_bytes`](Self::shard_bytes) is that of the decompressed data.
    pub fn options(mut self, options: Options<'a>) -> Reshard<'a> {
        self.options = options;
        self
    }
}

/// What [`reshard`] did.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Resharded {
    /// The new data set.
    pub manifest: Manifest,
    /// What programs should report, in the order of the old shards: indexes that were found but not
    /// used; damage that was left out because of [`Options::salvage`]; files without valid
    /// checksums, whose records could not be checked.
    pub warnings: Vec<Error>,
}

/// Copies the records of a data set to new shards in a new directory, each with its index, and
/// writes a manifest of them: `train-00000-of-00008.tfrecord`, `train-00000-of-00008.tfrecord.idx`
/// and so on, and `train.manifest.json`.
///
/// The directory appears complete or not at all: it is written under a temporary name beside
/// `directory`, and then renamed. `directory` must not exist, or be empty. The next call for the
/// same directory removes what a killed process left. Of two calls for the same directory at the
/// same time, one fails.
///
/// Each record is checked on the way, and its frame is copied as it is. Records of files that were
/// written without valid checksums cannot be checked; their copies get valid ones, because a file
/// must not have both. [`Resharded::warnings`] names these files.
///
/// The index of an old shard is [found](crate::find_index) beside it, or the one that
/// [`Shard::index_path`](crate::Shard::index_path) says. The latter is used as it is: it may
/// select, reorder and repeat records, and so an edited data set becomes a real one.
///
/// The memory needed is that of the old shards' indexes, and up to 64 MiB for each thread. If the
/// process has too many open files, fewer threads write.
///
/// ```
/// use tfr_index::{reshard, Dataset, DatasetOptions, Permutation, Reshard, Shards};
///
/// # let temporary = tempfile::tempdir()?;
/// # let directory = temporary.path().join("new");
/// let shards = Shards::from_paths(["tests/data/examples.tfrecord"]);
/// let done = reshard(&shards, &directory, &Reshard::shards(3).shuffle(7))?;
/// assert_eq!((done.manifest.len(), done.manifest.total_records()), (3, 100));
/// assert!(directory.join("train-00002-of-00003.tfrecord.idx").exists());
///
/// let old = Dataset::open(&shards, &DatasetOptions::new())?;
/// let new = Dataset::open(&done.manifest.shards(), &DatasetOptions::new())?;
/// let first = Permutation::new(100, 7).get(0).unwrap();
/// assert_eq!(new.read(0)?, old.read(first)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// After an error, nothing is left of the new directory.
///
/// - A record is damaged: [`ErrorKind::PayloadCrc`], [`ErrorKind::LengthCrc`] and the other errors
///   of [`Reader::open`](crate::Reader::open) and [`Reader::read`](crate::Reader::read), with the
///   file, the record and the byte.
/// - [`ErrorKind::Mismatch`]: an old shard was changed meanwhile.
/// - The error of the system, if a file or the directory cannot be written: `ENOTEMPTY` if the
///   directory is not empty, `EBUSY` if another call is writing it. It names a file as one of
///   `directory`.
/// - [`ErrorKind::InvalidArgument`] if there would be shards without records; if the name is not
///   usable; if the checksum policy would not check payloads.
/// - [`ErrorKind::Cancelled`], by the progress callback.
pub fn reshard(
    shards: &Shards,
    directory: impl AsRef<Path>,
    reshard: &Reshard<'_>,
) -> Result<Resharded> {
    let (target, options) = (directory.as_ref(), reshard.options);
    reshard.ensure_usable()?;
    let new = NewDirectory::create(target, names::is_ours)?;
    let sources = Sources::of(shards)?;
    let settings = DatasetOptions::new().checksums(options.checksums).raw_frames(true);
    let settings = settings.threads(options.threads).salvage(options.salvage);
    let dataset = Dataset::open(shards, &settings)?;
    let mut warnings = dataset.warnings();
    let order = Order::new(dataset.len());
    let order = reshard.seed.map_or(order.clone(), |seed| order.shuffle(seed));
    let plan = Plan::new(&dataset, &order, reshard.size)?;
    let names = Names { name: &reshard.name, count: plan.len(), compression: options.compression };
    let temporary = new.path();

    let copy = Copy::new(&dataset, &order, &plan, &sources, options.threads);
    let asked = |error: Error| error.moved(&temporary, target);
    let (rows, unchecked) = copy.run(&temporary, &names, &options).map_err(asked)?;
    dataset.close_files();
    sources.ensure_unchanged()?;
    warnings.extend(unchecked);
    let manifest = temporary.join(names.manifest());
    Manifest::from_rows(rows.clone())?.write(&manifest).map_err(asked)?;
    if options.sync {
        crate::file::sync(&manifest).map_err(asked)?;
    }
    new.commit(options.sync)?;
    let moved = |(number, row): (usize, ManifestRow)| {
        let path = target.join(names.shard(number));
        ManifestRow { index_path: Some(default_index_path(&path)), path, ..row }
    };
    let rows = rows.into_iter().enumerate().map(moved).collect();
    Ok(Resharded { manifest: Manifest::from_rows(rows)?, warnings })
}

impl Reshard<'_> {
    fn ensure_usable(&self) -> Result<()> {
        let detail = match (self.size, self.options.checksums) {
            (Size::Shards(0) | Size::Bytes(0), _) => "the size or number of shards must not be 0",
            (_, Checksums::None | Checksums::Length) => {
                "the checksum policy must be auto or full: records are not copied unchecked"
            }
            _ => return names::ensure_usable(&self.name),
        };
        Err(Error::new(ErrorKind::InvalidArgument, detail))
    }
}

#[cfg(test)]
mod tests;
