//! Creates the indexes of many files at once.

mod counts;
mod one;
mod waits;
mod work;

use std::ops::ControlFlow;
use std::path::PathBuf;

use crate::create::Only;
use crate::error::{Error, ErrorKind, Result};
use crate::options::Options;
use crate::shards::Shards;
use work::Work;

/// Which indexes [`create_indexes`] creates, and how.
///
/// ```
/// use tfr_index::{Checksums, CreateIndexes, Only, Options};
///
/// let full = Options::new().checksums(Checksums::Full);
/// let options = CreateIndexes::new().options(full).only(Only::Stale).jobs(4);
/// # let _ = options;
/// ```
#[derive(Clone, Copy, Default)]
#[must_use]
pub struct CreateIndexes<'a> {
    options: Options<'a>,
    jobs: usize,
    only: Option<Only>,
    dry_run: bool,
    progress: Option<ProgressFn<'a>>,
}

type ProgressFn<'a> = &'a (dyn Fn(CreateProgress) -> ControlFlow<()> + Sync + 'a);

impl<'a> CreateIndexes<'a> {
    /// Returns the defaults: the indexes of all files, as many files at once as suits the machine.
    pub fn new() -> CreateIndexes<'a> {
        CreateIndexes::default()
    }

    /// Sets the options for each file. Of their callbacks, only [`Options::on_skipped`] is called.
    ///
    /// [`Options::threads`] is the number of threads for a file to which no other file has a claim:
    /// the last ones, if they are large.
    pub fn options(mut self, options: Options<'a>) -> CreateIndexes<'a> {
        self.options = options;
        self
    }

    /// Sets how many files are worked on at once. 0, the default, takes one per processor, or more
    /// if work on files mostly waits for storage.
    pub fn jobs(mut self, jobs: usize) -> CreateIndexes<'a> {
        self.jobs = jobs;
        self
    }

    /// Leaves indexes as they are that are up to date, as [`update_index`](crate::update_index)
    /// does. By default all are created.
    pub fn only(mut self, only: Only) -> CreateIndexes<'a> {
        self.only = Some(only);
        self
    }

    /// Sets whether to change nothing, and report what would be done.
    pub fn dry_run(mut self, dry_run: bool) -> CreateIndexes<'a> {
        self.dry_run = dry_run;
        self
    }

    /// Sets a callback for progress, which can cancel the work. It is called on the caller's thread,
    /// at the end and about 20 times a second.
    pub fn progress(
        mut self,
        progress: &'a (dyn Fn(CreateProgress) -> ControlFlow<()> + Sync + 'a),
    ) -> CreateIndexes<'a> {
        self.progress = Some(progress);
        self
    }
}

impl std::fmt::Debug for CreateIndexes<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("CreateIndexes");
        shown.field("options", &self.options).field("jobs", &self.jobs).field("only", &self.only);
        shown.field("dry_run", &self.dry_run).finish_non_exhaustive()
    }
}

/// How far [`create_indexes`] is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CreateProgress {
    /// Files that are done, also those that failed.
    pub files_done: usize,
    /// Files in all.
    pub files_total: usize,
    /// Files that failed.
    pub files_failed: usize,
    /// Files whose index was up to date.
    pub files_up_to_date: usize,
    /// Bytes of data that were indexed, also of files that are not done yet.
    pub bytes_done: u64,
    /// Records of the files that are done.
    pub records: u64,
}

/// What [`create_indexes`] did with one file.
#[derive(Debug)]
#[non_exhaustive]
pub struct Created {
    /// The TFRecord file.
    pub path: PathBuf,
    /// The path of its index.
    pub index_path: PathBuf,
    /// The file's size in bytes; 0 if it was not indexed.
    pub bytes: u64,
    /// What was done, or why the file failed.
    pub result: Result<Creation>,
}

/// What [`create_indexes`] did with a file that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Creation {
    /// The index was created.
    Created {
        /// Records in the index.
        records: u64,
        /// Regions that [`Options::salvage`] skipped.
        skipped_regions: u64,
    },
    /// The index was up to date, and was left as it is.
    UpToDate,
    /// The index would be created, but for [`CreateIndexes::dry_run`].
    Planned,
}

/// What [`create_indexes`] did in all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CreateTotals {
    /// Files whose index was created.
    pub created: usize,
    /// Files whose index was up to date.
    pub up_to_date: usize,
    /// Files whose index would be created.
    pub planned: usize,
    /// Files that failed.
    pub failed: usize,
    /// Records in the created indexes.
    pub records: u64,
    /// Bytes of the files whose index was created.
    pub bytes: u64,
    /// Regions that were skipped.
    pub skipped_regions: u64,
}

impl CreateTotals {
    fn add(&mut self, created: &Created) {
        match &created.result {
            Ok(Creation::Created { records, skipped_regions }) => {
                self.created += 1;
                self.records += records;
                self.bytes += created.bytes;
                self.skipped_regions += skipped_regions;
            }
            Ok(Creation::UpToDate) => self.up_to_date += 1,
            Ok(Creation::Planned) => self.planned += 1,
            Err(_) => self.failed += 1,
        }
    }
}

/// Creates the indexes of the files of a data set, several at once. A file that fails does not stop
/// the others.
///
/// Calls `on_file` for each file, in the set's order and on the caller's thread; it can cancel.
/// Each index is [created](crate::create_index) complete or not at all, and replaces an older index,
/// but no other file. Directories for indexes are made where they are missing. To go on after an
/// interruption, make the same call [with `only`](CreateIndexes::only). That keeps an index whose path
/// is given and which selects some records of its file, with others between them.
///
/// Takes one thread per processor, as long as there are files; the last files share the threads that
/// are left over. If a process may open too few files for that, fewer are worked on at once.
///
/// ```
/// use std::ops::ControlFlow;
/// use tfr_index::{create_indexes, CreateIndexes, Creation, Only, Shards};
///
/// # let directory = tempfile::tempdir()?;
/// # let paths = ["a", "b", "c"].map(|name| directory.path().join(name));
/// for path in &paths[..2] {
///     std::fs::copy("tests/data/examples.tfrecord", path)?;
/// }
/// let shards = Shards::from_paths(paths.clone()); // one of which is missing
/// let mut failed = Vec::new();
/// let totals = create_indexes(&shards, &CreateIndexes::new(), |created| {
///     match created.result {
///         Ok(Creation::Created { records, .. }) => assert_eq!(records, 100),
///         Ok(_) => unreachable!("all are created"),
///         Err(_) => failed.push(created.path),
///     }
///     ControlFlow::Continue(())
/// })?;
/// assert_eq!((totals.created, totals.records, totals.failed), (2, 200, 1));
/// assert_eq!(failed, [paths[2].clone()]);
///
/// let update = CreateIndexes::new().only(Only::Stale);
/// let totals = create_indexes(&shards, &update, |_| ControlFlow::Continue(()))?;
/// assert_eq!((totals.up_to_date, totals.failed), (2, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`ErrorKind::Cancelled`] if a callback cancelled: each index is the old or the new one. The
/// errors of files, those of [`create_index`](crate::create_index), are in [`Created::result`];
/// there, [`ErrorKind::InvalidArgument`] also says that the index's path has another file, or that
/// the data is a TensorBoard event file, beside which an index would do harm.
pub fn create_indexes(
    shards: &Shards,
    options: &CreateIndexes<'_>,
    mut on_file: impl FnMut(Created) -> ControlFlow<()>,
) -> Result<CreateTotals> {
    let work = Work::new(shards, options);
    match work.run(&mut on_file) {
        ControlFlow::Continue(()) => Ok(work.totals()),
        ControlFlow::Break(()) => Err(Error::new(ErrorKind::Cancelled, "cancelled by a callback")),
    }
}

#[cfg(test)]
mod tests;
