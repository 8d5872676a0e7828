//! Makes data sets: of shards, which are opened to count their records, or of numbers that are known.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use super::inner::Inner;
use super::opener::{Expected, ProgressFn};
use super::{Dataset, DatasetOptions, Manifest, ShardSource};
use crate::error::{Error, ErrorKind, Result};
use crate::index::Index;
use crate::options::Progress;
use crate::shards::{given_twice, Listed, Shard, Shards};

/// Opens a shard by its number, as a caller's function does.
type OpenSource = dyn Fn(usize) -> std::io::Result<ShardSource> + Send + Sync;

impl Dataset {
    /// Opens the shards to count their records, several at the same time. A shard with an
    /// [`index_path`](Shard::index_path) has that index, used as it is; for the others, see
    /// [`Reader::open`](crate::Reader::open). Shards that [`Shards::find`] took from a manifest are
    /// not opened, as by [`from_manifest`](Self::from_manifest).
    ///
    /// # Errors
    /// Those of [`Reader::open`](crate::Reader::open), for the first shard that fails.
    /// [`ErrorKind::Mismatch`] if a shard has another number of records than the `dataset_info.json`
    /// of TensorFlow Datasets says. If the caller gives the shard's index, which may select records,
    /// the shard must have the size and the time that a manifest says, and the number of records
    /// only if the index covers the whole file. With [salvage](DatasetOptions::salvage), another
    /// number is a warning, and size and time are not compared.
    /// [`ErrorKind::InvalidArgument`] if a file occurs twice without an index that says which of
    /// its records are meant, or if the options contradict each other.
    pub fn open(shards: &Shards, options: &DatasetOptions) -> Result<Dataset> {
        Dataset::with_indexes(shards, Vec::new(), options)
    }

    /// Like [`open`](Self::open), with indexes in memory: `indexes[i]` is that of shard `i`, if
    /// there is one. It is used as it is: it may select, reorder and repeat records.
    ///
    /// ```
    /// use tfr_index::{Dataset, DatasetOptions, Index, Options, Shards};
    ///
    /// let path = "tests/data/examples.tfrecord";
    /// let index = Index::scan(path, &Options::new())?;
    /// let ten = Index::from_entries(index[..10].iter().copied())?;
    /// let shards = Shards::from_paths([path, path]);
    /// let indexes = vec![Some(ten), Some(index)];
    /// let dataset = Dataset::with_indexes(&shards, indexes, &DatasetOptions::new())?;
    /// assert_eq!(dataset.len(), 110);
    /// assert_eq!(dataset.read(9)?, dataset.read(19)?);
    /// # Ok::<(), tfr_index::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`open`](Self::open).
    pub fn with_indexes(
        shards: &Shards,
        indexes: Vec<Option<Index>>,
        options: &DatasetOptions,
    ) -> Result<Dataset> {
        Dataset::counted(shards, indexes, options, None)
    }

    /// Like [`with_indexes`](Self::with_indexes), with a callback that receives the progress and can
    /// cancel. It runs on the caller's thread: at the start, and at least every 50 ms. The bytes and
    /// the records are those of the shards so far; `bytes_total` is `u64::MAX`, as the sizes of the
    /// others are not known yet.
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use tfr_index::{Dataset, DatasetOptions, ErrorKind, Progress, Shards};
    ///
    /// let shards = Shards::from_paths(["tests/data/examples.tfrecord"]);
    /// let stop = |_: Progress| ControlFlow::Break(());
    /// let opened = Dataset::with_progress(&shards, Vec::new(), &DatasetOptions::new(), &stop);
    /// assert_eq!(opened.unwrap_err().kind(), ErrorKind::Cancelled);
    /// ```
    ///
    /// # Errors
    /// Those of [`open`](Self::open), and [`ErrorKind::Cancelled`].
    pub fn with_progress(
        shards: &Shards,
        indexes: Vec<Option<Index>>,
        options: &DatasetOptions,
        progress: &(dyn Fn(Progress) -> ControlFlow<()> + Sync),
    ) -> Result<Dataset> {
        Dataset::counted(shards, indexes, options, Some(progress))
    }

    /// Like [`with_indexes`](Self::with_indexes), but takes the numbers of records, `counts[i]` that
    /// of shard `i`, and opens no shard. Each is opened, and its records are counted, when it is
    /// first used.
    ///
    /// ```
    /// use tfr_index::{Dataset, DatasetOptions, Shards};
    ///
    /// let shards = Shards::from_paths(["tests/data/examples.tfrecord"]);
    /// let options = DatasetOptions::new();
    /// let dataset = Dataset::with_counts(&shards, Vec::new(), &[100], &options)?;
    /// assert_eq!(dataset.len(), 100);
    /// # Ok::<(), tfr_index::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] as for [`open`](Self::open), or if there is not one count for
    /// each shard. Calls that use a shard fail with [`ErrorKind::Mismatch`] if it has another number
    /// of records.
    pub fn with_counts(
        shards: &Shards,
        indexes: Vec<Option<Index>>,
        counts: &[u64],
        options: &DatasetOptions,
    ) -> Result<Dataset> {
        let (list, _) = listed(shards, &indexes, options);
        ensure_given(&list, &indexes, options)?;
        let expected = known(counts, shards)?;
        Ok(Dataset(Arc::new(Inner::new(list, indexes, expected, options, None))))
    }

    /// Takes the shards and their numbers of records from a manifest, and opens none of them. Each
    /// is opened and compared with its row when it is first used.
    ///
    /// ```
    /// use tfr_index::{Dataset, DatasetOptions, Manifest, Options, Shards};
    ///
    /// let shards = Shards::from_paths(["tests/data/examples.tfrecord"]);
    /// let manifest = Manifest::build(&shards, &Options::new())?;
    /// let dataset = Dataset::from_manifest(&manifest, &DatasetOptions::new())?;
    /// assert_eq!(dataset.len(), 100);
    /// assert!(!dataset.read(42)?.is_empty());
    /// # Ok::<(), tfr_index::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if the options contradict each other. Calls that use a shard
    /// fail with [`ErrorKind::Mismatch`] if it has another size, time of modification or number of
    /// records than the manifest says.
    pub fn from_manifest(manifest: &Manifest, options: &DatasetOptions) -> Result<Dataset> {
        options.ensure_consistent(false)?;
        let count = manifest.len();
        let (mut shards, mut expected) = (Vec::with_capacity(count), Vec::with_capacity(count));
        for row in manifest.iter() {
            let index_path = row.index_path.clone().filter(|_| !options.salvage);
            shards.push(Shard { path: row.path.clone(), index_path });
            let (bytes, mtime_ns) = (Some(row.bytes), row.mtime_ns);
            let records = row.records;
            expected.push(Some(Expected { records, bytes, mtime_ns, ..Expected::default() }));
        }
        Ok(Dataset(Arc::new(Inner::new(shards, Vec::new(), expected, options, None))))
    }

    /// Opens a data set of shards that are no local files, such as objects in a store: `open` opens
    /// the shard of a number, when it is needed. The paths of `shards` name them in errors and in
    /// warnings.
    ///
    /// `indexes` are as for [`with_indexes`](Self::with_indexes), and `counts` as for
    /// [`with_counts`](Self::with_counts); without counts, the shards are opened to count their
    /// records, many at the same time. A shard without an index in memory has that of
    /// [`ShardSource::index_file`], or is scanned.
    ///
    /// Several threads call `open` at the same time, unless the number of threads is 1. It is
    /// called again for a shard that was closed, and in a forked process, which takes over no
    /// source. By default, 64 reads are in flight.
    ///
    /// ```
    /// use tfr_index::{Dataset, DatasetOptions, ShardSource, Shards};
    ///
    /// let stored = ["tests/data/examples.tfrecord", "tests/data/examples.tfrecord"];
    /// let shards = Shards::from_paths(["s3://bucket/a.tfrecord", "s3://bucket/b.tfrecord"]);
    /// let open = move |shard: usize| {
    ///     let data = std::fs::read(stored[shard])?; // a program opens the object here
    ///     Ok(ShardSource::new(data))
    /// };
    /// let options = DatasetOptions::new();
    /// let dataset = Dataset::with_opener(&shards, Vec::new(), None, &options, open)?;
    /// assert_eq!(dataset.len(), 200);
    /// assert_eq!(dataset.read(7)?, dataset.read(107)?);
    /// # Ok::<(), tfr_index::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of `open`, and of [`Reader::from_source`](crate::Reader::from_source), for the first
    /// shard that fails; with counts, by the calls that use it. [`ErrorKind::InvalidArgument`] as
    /// for [`with_counts`](Self::with_counts).
    pub fn with_opener(
        shards: &Shards,
        indexes: Vec<Option<Index>>,
        counts: Option<&[u64]>,
        options: &DatasetOptions,
        open: impl Fn(usize) -> std::io::Result<ShardSource> + Send + Sync + 'static,
    ) -> Result<Dataset> {
        Dataset::opened_by(shards, indexes, counts, options, Box::new(open), None)
    }

    /// Like [`with_opener`](Self::with_opener), with a callback as of
    /// [`with_progress`](Self::with_progress).
    pub(crate) fn opened_by(
        shards: &Shards,
        indexes: Vec<Option<Index>>,
        counts: Option<&[u64]>,
        options: &DatasetOptions,
        open: Box<OpenSource>,
        progress: Option<ProgressFn<'_>>,
    ) -> Result<Dataset> {
        let (list, expected) = listed(shards, &indexes, options);
        ensure_given(&list, &indexes, options)?;
        let expected = match counts {
            Some(counts) => known(counts, shards)?,
            None => expected,
        };
        let open = move |shard| open(shard).map_err(|error| Error::io("open", error));
        let inner = Inner::new(list, indexes, expected, options, Some(Box::new(open)));
        let inner = if counts.is_some() { inner } else { inner.count(progress)? };
        Ok(Dataset(Arc::new(inner)))
    }

    fn counted(
        shards: &Shards,
        indexes: Vec<Option<Index>>,
        options: &DatasetOptions,
        progress: Option<ProgressFn<'_>>,
    ) -> Result<Dataset> {
        let (list, expected) = listed(shards, &indexes, options);
        ensure_given(&list, &indexes, options)?;
        let inner = Inner::new(list, indexes, expected, options, None);
        Ok(Dataset(Arc::new(inner.count(progress)?)))
    }
}

/// What shards are whose numbers of records are given.
fn known(counts: &[u64], shards: &Shards) -> Result<Vec<Option<Expected>>> {
    if counts.len() != shards.len() {
        let (given, needed) = (counts.len(), shards.len());
        let detail = format!("{given} counts for {needed} shards: each shard needs one");
        return Err(Error::new(ErrorKind::InvalidArgument, detail));
    }
    let expected = |&records| Some(Expected { records, ..Expected::default() });
    Ok(counts.iter().map(expected).collect())
}

/// The shards, and what lists say of them. Salvage uses no index.
fn listed(
    shards: &Shards,
    indexes: &[Option<Index>],
    options: &DatasetOptions,
) -> (Vec<Shard>, Vec<Option<Expected>>) {
    let is_given = |i: usize| indexes.get(i).is_some_and(Option::is_some);
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into();
    let lists: Vec<Arc<str>> = shards.lists().iter().map(|list| name(&list.path)).collect();
    let (mut list, mut expected) = (shards.to_vec(), Vec::new());
    for (i, shard) in list.iter_mut().enumerate() {
        let listed = shards.listed(i);
        if options.salvage && listed.is_some() {
            shard.index_path = None;
        }
        expected.push(listed.map(|listed| {
            let &Listed { records, bytes, mtime_ns, list, has_given_index } = listed;
            let list = Some(lists[list].clone());
            let is_of_file = options.salvage || has_given_index || is_given(i);
            match options.salvage {
                // It is for files that are not what they were.
                true => Expected { records, is_of_file, list, ..Expected::default() },
                false => Expected { records, is_of_file, bytes, mtime_ns, list },
            }
        }));
    }
    (list, expected)
}

/// Fails if a file occurs twice without an index that says which records are meant, or if the
/// options contradict each other.
fn ensure_given(
    shards: &[Shard],
    indexes: &[Option<Index>],
    options: &DatasetOptions,
) -> Result<()> {
    let has_index = |i: usize, shard: &Shard| {
        shard.index_path.is_some() || indexes.get(i).is_some_and(Option::is_some)
    };
    let (mut whole, mut are_given) = (Vec::new(), false);
    for (i, shard) in shards.iter().enumerate() {
        match has_index(i, shard) {
            true => are_given = true,
            false => whole.push(shard.path.clone()),
        }
    }
    options.ensure_consistent(are_given)?;
    if let Some((one, other)) = given_twice(&whole) {
        // Compared as they are written: paths are equal if their components are.
        let also = match one.as_os_str() == other.as_os_str() {
            true => String::new(),
            false => format!(" (also as {})", one.display()),
        };
        let detail = format!(
            "the file is listed twice{also}, so its records would appear twice: list each file \
             once, or give indexes that say which records are meant"
        );
        return Err(Error::new(ErrorKind::InvalidArgument, detail).of(other));
    }
    Ok(())
}
