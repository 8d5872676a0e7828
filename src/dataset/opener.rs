//! Opens the files of a data set, and notices if one is not what it was.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use super::manifest::other_count;
use super::options::DatasetOptions;
use super::shard_source::ShardSource;
use crate::error::{Error, ErrorKind, Result};
use crate::index::Index;
use crate::options::{Options, Progress, Skipped};
use crate::reader::{Reader, Table};
use crate::shards::Shard;

/// What a shard is known to be before it is opened.
#[derive(Debug, Clone, Default)]
pub(super) struct Expected {
    pub records: u64,
    /// Whether `records` is the number of all records of the file, of which the shard's index, or
    /// salvage, may leave out some. So the shard must be opened to count its records.
    pub is_of_file: bool,
    /// The file's size.
    pub bytes: Option<u64>,
    /// When it was last changed, in nanoseconds since 1970.
    pub mtime_ns: Option<i64>,
    /// The name of the file that says so. `None`: a manifest in memory, or a count.
    pub list: Option<Arc<str>>,
}

pub(super) struct Opener {
    pub shards: Vec<Shard>,
    /// The indexes that the caller has in memory. Shorter than `shards` if there are no more.
    pub given: Vec<Option<Index>>,
    /// What each shard is known to be, once it is counted.
    pub expected: Vec<Option<Expected>>,
    pub options: DatasetOptions,
    /// Opens the shards, if they are no local files.
    pub open: Option<Box<OpenShard<'static>>>,
}

/// Is called while a file is scanned, and may cancel.
pub(super) type ProgressFn<'a> = &'a (dyn Fn(Progress) -> ControlFlow<()> + Sync + 'a);

/// Opens a shard by its number.
pub(crate) type OpenShard<'a> = dyn Fn(usize) -> Result<ShardSource> + Send + Sync + 'a;

impl Opener {
    /// Opens a shard, with its table if it was open before. Also returns warnings.
    pub fn open(
        &self,
        shard: usize,
        table: Option<&Table>,
        progress: Option<ProgressFn<'_>>,
    ) -> Result<(Reader, Vec<Error>)> {
        let path = &self.shards[shard].path;
        let opened = self.open_as_it_was(shard, table, progress);
        let (reader, mut warnings) = opened.map_err(|error| error.of(path))?;
        match self.ensure_expected(shard, &reader) {
            Err(error) if self.options.salvage && self.is_of_file(shard) => {
                warnings.push(error.of(path));
            }
            checked => checked.map_err(|error| error.of(path))?,
        }
        Ok((reader, warnings))
    }

    fn open_as_it_was(
        &self,
        shard: usize,
        table: Option<&Table>,
        progress: Option<ProgressFn<'_>>,
    ) -> Result<(Reader, Vec<Error>)> {
        let path = &self.shards[shard].path;
        let options = Options { progress, ..self.options.of_readers() };
        if let Some(open) = &self.open {
            return self.open_source(shard, open(shard)?, table, &options);
        }
        if let Some(Some(index)) = self.given.get(shard) {
            return Ok((Reader::with_index(path, index.clone(), &options)?, Vec::new()));
        }
        if let Some(table) = table {
            if let Some(reader) = Reader::open_again(path, table, &options)? {
                return Ok((reader, Vec::new()));
            }
        }
        if self.shards[shard].index_path.is_some() {
            let index_path = self.shards[shard].find_index()?;
            return Ok((Reader::with_index_file(path, &index_path, &options)?, Vec::new()));
        }
        if self.options.salvage {
            return self.salvage(progress, |of_salvage| {
                Reader::scan(path, of_salvage, &self.options.of_readers())
            });
        }
        Ok(with_warning(Reader::open(path, &options)?))
    }

    fn open_source(
        &self,
        shard: usize,
        source: ShardSource,
        table: Option<&Table>,
        options: &Options<'_>,
    ) -> Result<(Reader, Vec<Error>)> {
        let index = self.given.get(shard).cloned().flatten();
        if self.options.salvage {
            return self.salvage(options.progress, |of_salvage| {
                source.open(index, table, Some(of_salvage), &self.options.of_readers())
            });
        }
        let (reader, warnings) = with_warning(source.open(index, table, None, options)?);
        let index_path = self.shards[shard].index_path_to_create();
        let named = warnings.into_iter().map(|warning| warning.of(&index_path));
        Ok((reader, named.collect()))
    }

    /// Opens a shard with an index of its good records. Each region that is left out is a warning.
    fn salvage(
        &self,
        progress: Option<ProgressFn<'_>>,
        open: impl FnOnce(&Options<'_>) -> Result<Reader>,
    ) -> Result<(Reader, Vec<Error>)> {
        let regions = Mutex::new(Vec::new());
        let note = |region: Skipped| {
            let bytes = format!("; skipped bytes {} to {}", region.bytes.start, region.bytes.end);
            let mut regions = regions.lock().unwrap_or_else(PoisonError::into_inner);
            regions.push(region.error.adding(&bytes));
            ControlFlow::Continue(())
        };
        let options = Options { progress, ..self.options.of_salvage() };
        let reader = open(&options.on_skipped(&note))?;
        Ok((reader, regions.into_inner().unwrap_or_else(PoisonError::into_inner)))
    }

    fn is_of_file(&self, shard: usize) -> bool {
        matches!(self.expected.get(shard), Some(Some(Expected { is_of_file: true, .. })))
    }

    fn ensure_expected(&self, shard: usize, reader: &Reader) -> Result<()> {
        let Some(Some(expected)) = self.expected.get(shard) else { return Ok(()) };
        let (stamp, records) = (reader.stamp(), reader.len() as u64);
        let bytes = stamp.map(|stamp| stamp.bytes);
        let mtime_ns = stamp.map(|stamp| stamp.mtime_ns);
        let may_select = expected.is_of_file && !self.options.salvage;
        let is_counted = expected.list.is_none() && expected.bytes.is_none();
        let list = expected.list.as_deref().unwrap_or("the manifest");
        let is_count_right = records == expected.records || may_select && !covers_file(reader);
        let detail = match () {
            _ if differ(bytes, expected.bytes) => format!(
                "has {} bytes, but {list} says {}: the file was cut or replaced; if that was intended, \
                 refresh {list}",
                bytes.unwrap_or_default(),
                expected.bytes.unwrap_or_default()
            ),
            _ if is_count_right && differ(mtime_ns, expected.mtime_ns) => format!(
                "was modified or copied after {list} was written; if that was intended, \
                 refresh {list}"
            ),
            _ if is_count_right => return Ok(()),
            _ if is_counted => format!(
                "has {records} records, but {} are expected: the file was changed; open the data \
                 set again",
                expected.records
            ),
            () if self.options.salvage => {
                format!("has {records} records, but {list} says {}", expected.records)
            }
            () => return Err(other_count(records, expected.records, list)),
        };
        Err(Error::new(ErrorKind::Mismatch, detail))
    }
}

fn with_warning(reader: Reader) -> (Reader, Vec<Error>) {
    let warnings = reader.warning().cloned().into_iter().collect();
    (reader, warnings)
}

/// Whether both are known, and are not equal.
fn differ<T: PartialEq>(found: Option<T>, expected: Option<T>) -> bool {
    matches!((found, expected), (Some(found), Some(expected)) if found != expected)
}

/// Whether the reader has all records of its file, in the file's order.
fn covers_file(reader: &Reader) -> bool {
    let mut end = 0;
    let is_whole = reader.entries().all(|entry| {
        let follows = entry.offset == end;
        end = entry.end();
        follows
    });
    is_whole && reader.data_size() == end
}
