//! The options of a data set.

use crate::error::{Error, ErrorKind, Result};
use crate::options::{Checksums, Options};
use crate::sys;

/// What a data set does with a record or a shard that it cannot read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum OnError {
    /// The call fails.
    #[default]
    Fail,
    /// Batches leave the record out, or all records of the shard.
    /// [`Dataset::skipped`](crate::Dataset::skipped) reports it.
    Skip,
}

/// The options of a [`Dataset`](crate::Dataset).
///
/// ```
/// use tfr_index::{Checksums, Dataset, DatasetOptions, OnError, Shards};
///
/// let shards = Shards::from_paths(["tests/data/examples.tfrecord"]);
/// let options = DatasetOptions::new().checksums(Checksums::Full).on_error(OnError::Skip);
/// assert_eq!(Dataset::open(&shards, &options)?.len(), 100);
/// # Ok::<(), tfr_index::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct DatasetOptions {
    checksums: Checksums,
    pub(super) threads: usize,
    raw_frames: bool,
    max_open_files: usize,
    index_memory: u64,
    pub(super) on_error: OnError,
    pub(super) salvage: bool,
}

/// The most files that are open by default, if the system would allow even more.
const MOST_OPEN_FILES: u64 = 1 << 16;

impl DatasetOptions {
    /// Returns the defaults.
    pub fn new() -> DatasetOptions {
        DatasetOptions::default()
    }

    /// Sets the checksum policy, as for a [`Reader`](crate::Reader).
    pub fn checksums(mut self, checksums: Checksums) -> DatasetOptions {
        self.checksums = checksums;
        self
    }

    /// Sets the number of threads of a call. 1 uses only the calling thread, so that batches are
    /// not read ahead. 0, the default, starts one per processor if that helps, and up to 32 where
    /// reads wait for storage.
    pub fn threads(mut self, threads: usize) -> DatasetOptions {
        self.threads = threads;
        self
    }

    /// Sets whether whole frames are read instead of payloads, as
    /// [`Options::raw_frames`](crate::Options::raw_frames).
    pub fn raw_frames(mut self, raw_frames: bool) -> DatasetOptions {
        self.raw_frames = raw_frames;
        self
    }

    /// Sets how many data files may be open at the same time. The seek file of a compressed file
    /// counts, too. The data set closes the least
    /// recently used ones, and opens them again when they are needed. 0, the default, is half of
    /// the process's limit of open files (`ulimit -n`), at most 65,536.
    pub fn max_open_files(mut self, max_open_files: usize) -> DatasetOptions {
        self.max_open_files = max_open_files;
        self
    }

    /// Sets how many bytes of memory the indexes may take. The data set drops the least recently
    /// used ones, and loads them again when they are needed. Those of files that are being read
    /// stay. 0, the default, is no limit.
    pub fn index_memory(mut self, index_memory: u64) -> DatasetOptions {
        self.index_memory = index_memory;
        self
    }

    /// Sets what happens to records and shards that cannot be read: see
    /// [`Dataset::read_batch`](crate::Dataset::read_batch) and
    /// [`Dataset::batches`](crate::Dataset::batches). With [`OnError::Skip`], a shard that cannot
    /// be opened when the data set is opened counts as empty, and is among the
    /// [warnings](crate::Dataset::warnings).
    ///
    /// Other calls fail at the first error in any case, and so do these calls if memory or
    /// descriptors run out.
    pub fn on_error(mut self, on_error: OnError) -> DatasetOptions {
        self.on_error = on_error;
        self
    }

    /// Sets whether each shard is scanned, without its index, for the records that are whole: see
    /// [`Options::salvage`](crate::Options::salvage). Unless the policy is
    /// [`Checksums::Length`], this reads all payloads, to leave out those with a wrong checksum.
    /// [`Dataset::warnings`](crate::Dataset::warnings) has what was left out, and a shard that has
    /// another number of records than a manifest says.
    pub fn salvage(mut self, salvage: bool) -> DatasetOptions {
        self.salvage = salvage;
        self
    }

    /// The most files that are open.
    pub(super) fn open_files(&self) -> usize {
        match self.max_open_files {
            0 => {
                let allowed = sys::open_file_limit().map_or(MOST_OPEN_FILES, |limit| limit / 2);
                allowed.clamp(1, MOST_OPEN_FILES) as usize
            }
            most => most,
        }
    }

    pub(super) fn is_raw(&self) -> bool {
        self.raw_frames
    }

    /// The most bytes of indexes.
    pub(super) fn index_bytes(&self) -> u64 {
        match self.index_memory {
            0 => u64::MAX,
            bytes => bytes,
        }
    }

    /// The options of the files' readers.
    pub(super) fn of_readers(&self) -> Options<'static> {
        Options::new().checksums(self.checksums).threads(self.threads).raw_frames(self.raw_frames)
    }

    /// The options of a scan for whole records.
    pub(super) fn of_salvage(&self) -> Options<'static> {
        let checksums = match self.checksums {
            Checksums::Length => Checksums::Length,
            _ => Checksums::Full,
        };
        Options::new().checksums(checksums).threads(self.threads).salvage(true)
    }

    /// Fails if the options contradict each other.
    pub(super) fn ensure_consistent(&self, are_indexes_given: bool) -> Result<()> {
        let detail = match self {
            _ if !self.salvage => return Ok(()),
            _ if are_indexes_given => {
                "salvage and indexes cannot be used together: an index already says which records \
                 to read; create the index with salvage, to leave out damaged records"
            }
            DatasetOptions { checksums: Checksums::None, .. } => {
                "salvage needs checksums to find damage: the checksum policy cannot be none"
            }
            _ => return Ok(()),
        };
        Err(Error::new(ErrorKind::InvalidArgument, detail))
    }
}
