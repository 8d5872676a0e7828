//! What is in a data set, for people and for programs: totals, the state of each file, damage, features
//! and some records. One page of HTML, or JSON.

mod chart;
mod contents;
mod histogram;
mod html;
mod json;
mod judge;
mod media;
mod page;
mod record;
mod sample;
mod snippets;
mod spec;
mod state;
mod text;
mod walk;

pub use spec::{dali as dali_spec, printable, python as python_spec};
pub use state::State;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use crate::catalog::ensure_replaceable;
use crate::dataset::{OpenShard, ShardSource};
use crate::error::{Error, Result};
use crate::example::Feature;
use crate::file::NewFile;
use crate::index::Index;
use crate::options::{Options, Progress};
use crate::reader::Reader;
use crate::several::{in_order, until_over, DISTANT};
use crate::shards::{Shard, Shards};
use crate::threads::{processors, Pool};
use contents::{for_each_payload, Contents, Limits};
use histogram::Histogram;
use sample::key;
use snippets::Snippets;
use walk::{walk, Place, Region, Row, Walked};

/// The most bytes of the records that are read, and of one of them.
const READ: u64 = if cfg!(test) { 100_000 } else { 1 << 30 };
const READ_RECORD: u64 = if cfg!(test) { 50_000 } else { 64 << 20 };

/// What a [`Report`] looks at.
///
/// ```
/// use tfr_index::{Checksums, Options, ReportOptions};
///
/// let full = Options::new().checksums(Checksums::Full);
/// let options = ReportOptions::new().options(full).sample(100).seed(7).values(false);
/// # let _ = options;
/// ```
#[derive(Debug, Clone, Copy)]
#[must_use]
pub struct ReportOptions<'a> {
    options: Options<'a>,
    sample: usize,
    seed: u64,
    max_bytes: u64,
    values: bool,
}

impl Default for ReportOptions<'_> {
    fn default() -> Self {
        ReportOptions {
            options: Options::new(),
            sample: 1000,
            seed: 0,
            max_bytes: 2 << 20,
            values: true,
        }
    }
}

impl<'a> ReportOptions<'a> {
    /// Returns the defaults.
    pub fn new() -> ReportOptions<'a> {
        ReportOptions::default()
    }

    /// Sets the options for each file. [`Checksums::Full`](crate::Checksums::Full) reads and checks
    /// every payload. [`Options::threads`] is how many files are looked at at once.
    /// [`Options::progress`] gets the progress of all files together, and can cancel. Damage is
    /// always skipped, and is in the report.
    pub fn options(mut self, options: Options<'a>) -> ReportOptions<'a> {
        self.options = options;
        self
    }

    /// Sets how many random records are read, to find out which features they have: 1000 by default.
    /// The report shows some of them.
    pub fn sample(mut self, records: usize) -> ReportOptions<'a> {
        self.sample = records;
        self
    }

    /// Sets the seed of the random choice, 0 by default. A seed always chooses the same records.
    pub fn seed(mut self, seed: u64) -> ReportOptions<'a> {
        self.seed = seed;
        self
    }

    /// Sets the most bytes of pictures that the report embeds, all together: 2 MiB by default.
    pub fn max_bytes(mut self, bytes: u64) -> ReportOptions<'a> {
        self.max_bytes = bytes;
        self
    }

    /// Sets whether the report may have values of records, as it does by default. If not, it has the
    /// names, kinds, numbers and sizes of features, and nothing that was computed from their values.
    pub fn values(mut self, values: bool) -> ReportOptions<'a> {
        self.values = values;
        self
    }
}

/// What is in a data set: the files and their states, damage, features, and some records.
///
/// ```
/// use tfr_index::{Report, ReportOptions, Shards};
///
/// # let directory = tempfile::tempdir()?;
/// # let page = directory.path().join("report.html");
/// let shards = Shards::from_paths(["tests/data/examples.tfrecord"]);
/// let report = Report::of(&shards, &ReportOptions::new())?;
/// assert_eq!((report.failed(), report.damaged_regions()), (0, 0));
/// assert!(report.to_json().contains("\"records\":100"));
/// report.write(&page)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Report {
    shards: Vec<Shard>,
    /// The paths as they were given.
    given: Vec<PathBuf>,
    rows: Vec<Row>,
    sizes: Histogram,
    regions: Vec<Region>,
    contents: Contents,
    features: Vec<Feature>,
    snippets: Snippets,
    /// Records of the sample that were read, and those that could not be, or are too large.
    sampled: u64,
    unread: u64,
    settings: Settings,
}

/// The settings that a report was made with.
#[derive(Debug, Clone, Copy)]
struct Settings {
    sample: usize,
    seed: u64,
    max_bytes: u64,
    values: bool,
}

/// The start of a report's page.
const MARK: &str = "<!doctype html>\n<!-- tfr-index report -->\n";

impl Report {
    /// Looks at the files of a data set: at each record's header, or at the index instead if it fits,
    /// and at a random sample of the payloads. Writes nothing. A file that fails does not stop the
    /// others: the report says why.
    ///
    /// Its memory does not grow with the number of records. It takes one thread per processor; of
    /// compressed files without a seek file, those with records of the sample are decompressed twice.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`](crate::ErrorKind::Cancelled).
    pub fn of(shards: &Shards, options: &ReportOptions<'_>) -> Result<Report> {
        Report::new(shards, None, options)
    }

    /// Looks at a data set of shards that are no local files, such as objects in a store: `open` opens
    /// the shard of a number, as for [`Dataset::with_opener`](crate::Dataset::with_opener). The paths
    /// of `shards` name them in the report. Several threads call `open` at the same time, unless the
    /// number of threads is 1; it is called again to read the records of the sample.
    ///
    /// ```
    /// use tfr_index::{Report, ReportOptions, ShardSource, Shards};
    ///
    /// let shards = Shards::from_paths(["s3://bucket/a.tfrecord"]);
    /// let open = |_| {
    ///     let data = std::fs::read("tests/data/examples.tfrecord")?; // a program opens the object here
    ///     Ok(ShardSource::new(data))
    /// };
    /// let report = Report::with_opener(&shards, &ReportOptions::new(), open)?;
    /// assert!(report.to_json().contains("\"records\":100"));
    /// # Ok::<(), tfr_index::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`](crate::ErrorKind::Cancelled).
    pub fn with_opener(
        shards: &Shards,
        options: &ReportOptions<'_>,
        open: impl Fn(usize) -> std::io::Result<ShardSource> + Send + Sync,
    ) -> Result<Report> {
        let open = |shard| open(shard).map_err(|error| Error::io("open", error));
        Report::new(shards, Some(&open), options)
    }

    fn new(
        shards: &Shards,
        open: Option<&OpenShard<'_>>,
        options: &ReportOptions<'_>,
    ) -> Result<Report> {
        let ReportOptions { options, sample, seed, max_bytes, values } = *options;
        let settings = Settings { sample, seed, max_bytes, values };
        let threads = match options.threads {
            0 if open.is_some() => DISTANT,
            0 => processors(),
            threads => threads,
        };
        let mut walked = walk(shards, open, &options, (sample, seed), threads)?;
        let sampled = std::mem::replace(&mut walked.sample, sample::Sample::of(0));
        let mut report = Report {
            shards: shards.to_vec(),
            given: shards.given().to_vec(),
            rows: Vec::new(),
            sizes: Histogram::default(),
            regions: Vec::new(),
            contents: Contents::default(),
            features: Vec::new(),
            snippets: Snippets::default(),
            sampled: 0,
            unread: 0,
            settings,
        };
        report.read(sampled.into_sorted(), open, &mut walked, &options, threads)?;
        walked.regions.sort_by_key(|region| (region.shard, region.start));
        (report.rows, report.sizes, report.regions) = (walked.rows, walked.sizes, walked.regions);
        report.contents.finish(max_bytes);
        report.features = report.contents.schema.suggest();
        let paths = snippets::paths(&report.shards, &report.given);
        report.snippets = Snippets::new(&paths, &report.features, report.sizes.count());
        Ok(report)
    }

    /// Reads the records of the sample.
    fn read(
        &mut self,
        sample: Vec<(u64, Place)>,
        open: Option<&OpenShard<'_>>,
        walked: &mut Walked,
        options: &Options<'_>,
        threads: usize,
    ) -> Result<()> {
        let Settings { values, max_bytes, seed, .. } = self.settings;
        let limits = Limits { values, max_bytes, seed: key(seed, 1, 1) };
        let (mut by_shard, mut bytes) = (BTreeMap::<usize, Vec<(usize, Place)>>::new(), 0);
        for (rank, (_, place)) in sample.into_iter().enumerate() {
            let size = place.entry.size;
            if size > READ_RECORD || bytes + size > READ {
                self.unread += 1;
                continue;
            }
            bytes += size;
            by_shard.entry(place.shard).or_default().push((rank, place));
        }
        let mut files: Vec<_> = by_shard.into_iter().collect();
        files.iter_mut().for_each(|(_, places)| places.sort_by_key(|(_, place)| place.record));
        let is_over = AtomicBool::new(false);
        let watch = until_over(&is_over);
        let (total, records) = walked.rows.iter().fold((0, 0), |(bytes, records), row| {
            (bytes + row.bytes, records + row.records.unwrap_or(0))
        });
        let done = Progress { bytes_done: total, bytes_total: total, records };
        let shards = &self.shards;
        let work = |number: usize, _: &Pool| {
            let (shard, places) = &files[number];
            let options = Options { pool: None, ..*options }.progress(&watch);
            let index = Index::from_entries(places.iter().map(|(_, place)| place.entry));
            let reader = index.and_then(|index| match open {
                Some(open) => {
                    let (data, _) = open(*shard)?.into_data()?;
                    Reader::from_source(data, Some(index), &options)
                }
                None => reader_of(&shards[*shard], index, &options),
            });
            let reader = reader.map_err(|error| error.of(&shards[*shard].path));
            read_file(reader, places, limits)
        };
        let take = |number: usize, part: ReadPart| {
            let shard = files[number].0;
            self.sampled += files[number].1.len() as u64 - part.failed.len() as u64;
            self.contents.merge(part.contents);
            for (place, error) in part.failed {
                self.unread += 1;
                let (start, end) = (place.entry.offset, place.entry.end());
                let row = &mut walked.rows[shard];
                if state::is_damage(error.kind()) {
                    row.damaged_regions += 1;
                    row.damaged_bytes += end - start;
                    walked.add_region(Region { shard, start, end, record: place.record, error });
                } else if row.reason.is_none() {
                    (row.reason, row.failed) = (Some(error), true);
                }
            }
            Ok(())
        };
        in_order(files.len(), threads, &is_over, work, || options.report(done), take)
    }

    /// Returns how many files failed: they are missing, cannot be read, are no TFRecord files, or are
    /// not what a manifest says. Damaged files are none of these.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.rows.iter().filter(|row| row.failed).count()
    }

    /// Returns the errors of these files, in their order.
    pub fn errors(&self) -> impl Iterator<Item = &Error> {
        self.rows.iter().filter(|row| row.failed).filter_map(|row| row.reason.as_ref())
    }

    /// Returns how many damaged regions were found.
    #[must_use]
    pub fn damaged_regions(&self) -> u64 {
        self.rows.iter().map(|row| row.damaged_regions).sum()
    }

    /// Returns a page that shows the report: one file that needs no other, and no network.
    #[must_use]
    pub fn to_html(&self) -> String {
        page::write(self)
    }

    /// Returns the same facts for programs, as a JSON object.
    #[must_use]
    pub fn to_json(&self) -> String {
        json::write(self)
    }

    /// Writes the page to a file, completely or not at all. It replaces an older report, but no other
    /// file.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`](crate::ErrorKind::InvalidArgument) if the path is that of a file
    /// that is no report. [`ErrorKind::Io`](crate::ErrorKind::Io) if the file cannot be written.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        ensure_report(path)?;
        let mut file = NewFile::create(path)?.with_check(ensure_report);
        file.write(self.to_html().as_bytes())?;
        file.commit()
    }

    fn records(&self) -> u64 {
        self.sizes.count()
    }

    /// The number of files in each state.
    fn states(&self) -> BTreeMap<State, u64> {
        let mut states = BTreeMap::new();
        self.rows.iter().for_each(|row| *states.entry(row.state).or_default() += 1);
        states
    }

    /// How to read the feature of this name, if any record has values of it.
    fn feature(&self, is_sequence: bool, name: &[u8]) -> Option<&Feature> {
        let mut features = self.features.iter();
        features.find(|feature| feature.name() == name && feature.is_sequence() == is_sequence)
    }
}

impl std::fmt::Debug for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Report");
        shown.field("files", &self.shards.len()).field("records", &self.records());
        shown.field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// Fails if there is a file at a path that is no report.
///
/// # Errors
/// [`ErrorKind::InvalidArgument`](crate::ErrorKind::InvalidArgument) for such a file;
/// [`ErrorKind::Io`](crate::ErrorKind::Io) if it cannot be read.
pub fn ensure_report(path: &Path) -> Result<()> {
    let expected = "a report of tfr-index; give another path";
    ensure_replaceable(path, expected, |start| start.starts_with(MARK))
}

/// What the sampled records of one file add.
#[derive(Default)]
struct ReadPart {
    contents: Contents,
    failed: Vec<(Place, Error)>,
}

fn reader_of(shard: &Shard, index: Index, options: &Options<'_>) -> Result<Reader> {
    let index_path = shard.find_index().unwrap_or_else(|_| shard.index_path_to_create());
    Reader::with_index_beside(&shard.path, index, &index_path, options)
}

/// Reads the records of a file at these places.
fn read_file(reader: Result<Reader>, places: &[(usize, Place)], limits: Limits) -> ReadPart {
    let mut part = ReadPart::default();
    let reader = match reader {
        Ok(reader) => reader,
        Err(error) => {
            part.failed = places.iter().map(|(_, place)| (*place, error.clone())).collect();
            return part;
        }
    };
    for_each_payload(&reader, places, |(rank, place), read| match read {
        Ok(payload) => part.contents.add(*rank, *place, payload, limits),
        Err(error) => part.failed.push((*place, error)),
    });
    part
}

#[cfg(test)]
mod tests;
