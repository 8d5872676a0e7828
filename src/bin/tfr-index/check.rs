//! `tfr-index check`: checks that indexes fit their data.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::anyhow;
use clap::{Args, ValueEnum};
use serde_json::json;
use tfr_index::internal::{is_named_as_index, Comparison, StoredIndex};
use tfr_index::{find_index, CheckLevel, Options, Shards};

use crate::paths::{listed, paths, Set};
use crate::policy::Policy;
use crate::shared::{progress, stdio};
use crate::verdict::{self, Outcome, Place, State, Total};
use crate::{input, json};

/// Check that indexes fit their TFRecord files
///
/// An index may select, reorder and repeat records, and leave out damage. The check fails for an index
/// that is stale or belongs to another file. It also fails for an index that leaves out valid records,
/// unless you name the index or use --allow-partial. If an index fits another of the files, a note
/// says so.
///
/// Files that a manifest lists must have the sizes, times and numbers of records that it says; the
/// dataset_info.json of TensorFlow Datasets in a directory counts as one without sizes. This finds a
/// file that was cut between two records, which nothing else can.
///
/// Prints one line for each file on stdout: ok, partial, stale, of another file, damaged, no index, not
/// an index, unreadable, missing, changed, not TFRecord, or the detected format, such as gzip or HTML;
/// the reasons go to stderr. With several files, the last line is the total. The exit status is 0 if all indexes fit,
/// and 1 if any does not.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
#[command(override_usage = "tfr-index check [OPTIONS] <PATH>... [--index <INDEX>...]")]
pub struct Check {
    /// TFRecord files, directories, patterns and manifests; or one file and its index, whose name ends in .idx or
    /// .tfindex
    #[arg(required_unless_present = "files_from", value_name = "PATH")]
    #[arg(value_parser = input::data_file())]
    files: Vec<PathBuf>,
    /// The indexes of the files, in the same order, or - for stdin; or a directory that mirrors those
    /// of the files, with an index for each file [default: the first that exists of FILE.idx, FILE.tfindex
    /// and STEM.tfindex]
    #[arg(short, long = "index", num_args = 1.., value_name = "INDEX")]
    indexes: Vec<PathBuf>,
    #[command(flatten)]
    set: Set,
    /// How much of each file to read
    #[arg(short, long, value_enum, default_value_t, value_name = "LEVEL")]
    level: Level,
    /// Accept an index that leaves out valid records, such as one that covers only the first records
    #[arg(long)]
    allow_partial: bool,
    /// Whether length checksums must be valid; --level decides about payload checksums
    #[arg(short, long, value_enum, default_value_t, value_name = "POLICY")]
    checksums: Policy,
    /// Threads for each file; 0 chooses by the number of processors
    #[arg(short, long, default_value_t, value_name = "N")]
    threads: usize,
    /// Print a JSON object for each file and, if there are several, one with their total
    ///
    /// "state" is the result in lower case with underscores, such as ok, other_file, no_index,
    /// invalid_index and gzip.
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  tfr-index check train-*.tfrecord               # does each train-….tfrecord.idx fit?
  tfr-index check train.tfrecord my.idx
  tfr-index check a.tfrecord b.tfrecord --index idx/a.idx idx/b.idx
  tfr-index check data --index indexes           # data/a/x.tfrecord: indexes/a/x.tfrecord.idx
  tfr-index check --level full train.tfrecord";

impl Check {
    pub fn run(self) -> ExitCode {
        let Check { files, indexes, set, level, allow_partial, checksums, threads, json } = self;
        let (shards, lacks_some, indexes) = match pair_up(files, indexes, &set) {
            Ok(pairs) => pairs,
            Err(error) => return stdio::fail(&error),
        };
        let comparison = Comparison::new(&shards);
        let files = paths(&shards);
        let places: Vec<_> = match &indexes[..] {
            [] => shards.iter().map(Place::of).collect(),
            indexes => indexes.iter().map(|path| Place::At(path)).collect(),
        };
        let pair = |number| Pair {
            data: files.get(number).map(PathBuf::as_path),
            place: places.get(number).copied(),
            number,
        };
        let pairs: Vec<_> = (0..files.len().max(places.len())).map(pair).collect();
        let options = Options::new().checksums(checksums.into()).threads(threads);
        let options = options.allow_partial(allow_partial).progress(&progress::watch);
        let is_named = places.iter().any(|place| !matches!(place, Place::Beside));
        let takes_partial = allow_partial || is_named;
        if !json {
            progress::begin(&files);
        }
        let exit = check(&pairs, &comparison, level, &options, takes_partial, json);
        if lacks_some {
            return ExitCode::FAILURE;
        }
        exit
    }
}

/// The files, whether their set lacks some, and the indexes that were named. The second of two files
/// may be an index.
fn pair_up(
    mut files: Vec<PathBuf>,
    mut indexes: Vec<PathBuf>,
    set: &Set,
) -> anyhow::Result<(Shards, bool, Vec<PathBuf>)> {
    if indexes.is_empty() && files.len() == 2 && is_named_as_index(&files[1]) {
        indexes = files.split_off(1);
    }
    let directory = indexes.first().filter(|path| indexes.len() == 1 && path.is_dir()).cloned();
    if directory.is_none() && !indexes.is_empty() {
        // A file may be listed more than once, each time with another index.
        return Ok((set.find_repeated(files)?, false, indexes));
    }
    let (mut shards, lacks_some) = set.find_present(files)?;
    if let Some(directory) = directory {
        shards.set_index_dir(directory);
    }
    Ok((shards, lacks_some, Vec::new()))
}

/// [`CheckLevel`], for the command line.
#[derive(Clone, Copy, Default, ValueEnum)]
enum Level {
    /// The headers of the first record, the last record and 64 records in between
    #[default]
    Quick,
    /// Every header
    Headers,
    /// Every header and every payload; this reads the whole file
    Full,
}

impl From<Level> for CheckLevel {
    fn from(level: Level) -> CheckLevel {
        match level {
            Level::Quick => CheckLevel::Quick,
            Level::Headers => CheckLevel::Headers,
            Level::Full => CheckLevel::Full,
        }
    }
}

/// A data file and the place of its index.
struct Pair<'a> {
    data: Option<&'a Path>,
    place: Option<Place<'a>>,
    number: usize,
}

impl Pair<'_> {
    fn check(&self, level: Level, options: &Options<'_>) -> Outcome {
        let missing = |error| Outcome::failed(State::NoIndex, error);
        match (self.data, self.place) {
            (Some(data), Some(place)) => verdict::check(data, place, level.into(), options),
            (Some(data), None) => {
                missing(anyhow!("{}: --index has no index for it", data.display()))
            }
            (None, _) => {
                let index = self.index().unwrap_or_default();
                missing(anyhow!("{}: there is no FILE for this index", index.display()))
            }
        }
    }

    /// The path of the index, if there is one.
    fn index(&self) -> Option<PathBuf> {
        match self.place? {
            Place::At(path) => Some(path.to_owned()),
            Place::In(directory) => find_index(self.data?, Some(directory)).ok(),
            Place::Beside => find_index(self.data?, None).ok(),
        }
    }
}

/// Checks each pair and prints the result. Then tries to find the data of the indexes that do not fit.
/// A partial index fails unless `takes_partial`.
fn check(
    pairs: &[Pair<'_>],
    comparison: &Comparison<'_>,
    level: Level,
    options: &Options<'_>,
    takes_partial: bool,
    as_json: bool,
) -> ExitCode {
    let mut exit = ExitCode::SUCCESS;
    let (mut total, mut records, mut present) = (Total::default(), 0, 0);
    let (mut left_data, mut left_indexes) = (Vec::new(), Vec::new());
    for pair in pairs {
        let outcome = pair.check(level, options).compared(comparison, pair.number, options);
        progress::file_done();
        let state = outcome.state;
        total.add(state);
        records += outcome.records.filter(|_| outcome.fit.is_ok()).unwrap_or(0);
        present += outcome.listed.or(outcome.records.map(|records| records as u64)).unwrap_or(0);
        let text = match (as_json, pair.data) {
            (true, _) => object(pair, &outcome),
            (false, Some(data)) => line(data, &outcome),
            (false, None) => String::new(),
        };
        let printed = if as_json { stdio::print(&text) } else { stdio::report(&text) };
        if let Err(error) = printed {
            exit = stdio::fail(&error);
        }
        if state == State::Partial && !takes_partial {
            let index = pair.index().unwrap_or_default();
            exit = stdio::fail(&format_args!(
                "{}: leaves out valid records, so readers that find it next to its data do not use \
                 it; create it again, or, if this is intended, name it with --index",
                index.display()
            ));
        }
        if let Err(error) = outcome.fit {
            exit = stdio::fail(&error);
            let is_lost = pair.data.is_none() || pair.place.is_none();
            if is_lost || matches!(state, State::Stale | State::OtherFile) {
                left_data.extend(pair.data);
                left_indexes.extend(pair.index());
            }
        }
    }
    let printed = match (total.is_of_many(), as_json) {
        (false, _) => Ok(()),
        (true, false) => {
            let listed = listed(comparison, Some(present));
            stdio::report(&format!("{total}{listed}\n"))
        }
        (true, true) => {
            let mut object = total.object();
            object["records"] = json!(records);
            if let Some(listed) = comparison.listed_records() {
                object["listed_records"] = json!(listed);
            }
            stdio::print(&json::line(&[], json!({ "total": object })))
        }
    };
    if let Err(error) = printed {
        exit = stdio::fail(&error);
    }
    progress::end();
    let left_data = by_size(left_data);
    for index in left_indexes {
        if let Some(data) = find_data(&index, &left_data, options) {
            stdio::note(&format_args!("note: {} fits {}", index.display(), data.display()));
        }
    }
    exit
}

/// The result for one file, as JSON.
fn object(pair: &Pair<'_>, outcome: &Outcome) -> String {
    let object = match &outcome.fit {
        Ok(fit) => json!({
            "state": outcome.state.code(),
            "records": outcome.records,
            "uncovered_bytes": fit.uncovered_bytes,
            "reordered": fit.reordered,
            "repeated": fit.repeated,
            "checksums_skipped": fit.checksums_skipped,
        }),
        Err(error) => json!({"state": outcome.state.code(), "error": json::fields(error)}),
    };
    json::line(&[("path", pair.data), ("index", pair.index().as_deref())], object)
}

/// Files by size.
type BySize<'a> = HashMap<u64, Vec<&'a Path>>;

fn by_size(files: Vec<&Path>) -> BySize<'_> {
    let mut by_size = BySize::new();
    for file in files {
        if let Ok(metadata) = file.metadata() {
            by_size.entry(metadata.len()).or_default().push(file);
        }
    }
    by_size
}

/// The data file that the index covers completely. Files of other sizes are not even opened.
fn find_data<'a>(index: &Path, data: &BySize<'a>, options: &Options<'_>) -> Option<&'a Path> {
    let index = StoredIndex::read(index).ok()?;
    let mut ends = index.entries().map(|entry| entry.map(|entry| entry.end()));
    let first = ends.next()?.ok()?;
    let size = ends.try_fold(first, |most, end| end.map(|end| most.max(end))).ok()?;
    let mut data = data.get(&size)?.iter().copied();
    data.find(|path| index.check(path, CheckLevel::Quick, options).is_ok())
}

/// The result for one file, as text.
fn line(data: &Path, outcome: &Outcome) -> String {
    let (data, state) = (stdio::name(data), outcome.state);
    let (Some(records), Ok(fit)) = (outcome.records, &outcome.fit) else {
        return format!("{data}: {}\n", state.word());
    };
    let mut notes = stdio::count(records, "record");
    let left_out = match state {
        State::DamageLeftOut => "of damage left out",
        _ => "left out",
    };
    if fit.uncovered_bytes > 0 {
        notes += &format!(", {} bytes {left_out}", fit.uncovered_bytes);
    }
    for (note, is_so) in [
        (", reordered", fit.reordered),
        (", some repeated", fit.repeated),
        (", no checksums", fit.checksums_skipped),
    ] {
        notes += if is_so { note } else { "" };
    }
    // The notes already say what is left out.
    let state = if state == State::DamageLeftOut { State::Ok } else { state };
    format!("{data}: {} ({notes})\n", state.word())
}
