//! `tfr-index show` and `ls`: what is in indexes and data files.

use std::collections::HashSet;
use std::fs::{self, DirEntry};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Subcommand;
use serde_json::json;
use tfr_index::{default_index_path, CheckLevel, ErrorKind, Index, Options};

use crate::cli::{self, Damaged};
use crate::stdio::name;
use crate::{input, json};

#[derive(Subcommand)]
pub enum Look {
    /// Print how many records files have and how large their payloads are
    Show {
        /// Indexes, or data files; or - for an index on stdin
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Scan data files, and leave damage out
        #[arg(long)]
        salvage: bool,
        /// Print a JSON object for each file
        #[arg(long)]
        json: bool,
    },
    /// List files: a line with the records, the bytes, and whether there is an index that fits
    ///
    /// The index beside a data file fits, is partial (leaves out valid records), stale, bad (of
    /// another file, or no index), or fits data that is damaged. No more of the data is read than a
    /// quick check of its index reads: where none fits, the number of records is not known.
    Ls {
        /// Indexes, data files, or folders, for the files in them; or - for an index on stdin
        #[arg(default_value = ".", value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Print a JSON object for each file
        #[arg(long)]
        json: bool,
    },
}

pub fn look(command: Look) -> ExitCode {
    match command {
        Look::Show { files, salvage, json } => crate::for_each(&files, |file| {
            let damaged = Damaged::default();
            tell(file, json, show(file, json, salvage.then_some(&damaged)))?;
            Ok(cli::done(damaged.regions()))
        }),
        Look::Ls { files, json } => {
            let head = if json { "" } else { LS_HEAD };
            if let Err(error) = crate::print(head) {
                return cli::fail(&error);
            }
            crate::for_each(data_and_other_indexes(files), |path| {
                if !path.is_dir() {
                    return crate::done(tell(&path, json, ls(&path, json)));
                }
                let files = tell_failure(&path, json, files_in(&path))?;
                Ok(crate::for_each(data_and_other_indexes(files), |file| {
                    crate::done(tell(&file, json, ls(&file, json)))
                }))
            })
        }
    }
}

/// Prints what is to be shown of a file.
fn tell(file: &Path, as_json: bool, shown: anyhow::Result<String>) -> anyhow::Result<()> {
    crate::print(&tell_failure(file, as_json, shown)?)
}

/// Prints a failure as JSON, if that is wanted; it stays one.
fn tell_failure<T>(file: &Path, as_json: bool, shown: anyhow::Result<T>) -> anyhow::Result<T> {
    if let (true, Err(error)) = (as_json, &shown) {
        crate::print(&json::failure(file, error))?;
    }
    shown
}

/// Without the indexes that stand beside their data: `ls *` names them, too.
fn data_and_other_indexes(mut files: Vec<PathBuf>) -> Vec<PathBuf> {
    let defaults: HashSet<_> = files.iter().map(default_index_path).collect();
    files.retain(|file| !defaults.contains(file));
    files
}

/// The files in a folder, but for hidden ones, by their names.
fn files_in(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let entries = entries.with_context(|| folder.display().to_string())?;
    let is_hidden = |entry: &DirEntry| entry.file_name().as_bytes().starts_with(b".");
    let shown = entries.iter().filter(|entry| !is_hidden(entry));
    let mut files: Vec<_> = shown.map(DirEntry::path).filter(|path| path.is_file()).collect();
    files.sort();
    Ok(files)
}

fn show(file: &Path, as_json: bool, salvage: Option<&Damaged>) -> anyhow::Result<String> {
    let index = match salvage {
        Some(damaged) if !input::is_index(file) => {
            Index::scan(file, &Options::new().salvage(&|damage| damaged.tell(damage)))?
        }
        _ => input::read_index(file)?,
    };
    let sizes = Sizes::of(&index);
    let (records, bytes) = (index.len(), bytes(&index));
    if as_json {
        let payload = sizes.summary().map(
            |[min, median, p99, max]| json!({"min": min, "median": median, "p99": p99, "max": max}),
        );
        let ranges = sizes.histogram().into_iter().map(
            |(from, below, records)| json!({"from": from, "below": below, "records": records}),
        );
        let object = json!({
            "records": records,
            "bytes": bytes,
            "payload": payload,
            "histogram": ranges.collect::<Vec<_>>(),
            "damaged_regions": salvage.map(Damaged::regions),
        });
        return Ok(json::line(&[("path", Some(file))], object));
    }
    let mut text = format!("{}: {}, {bytes} bytes\n", name(file), count(records));
    if let Some([min, median, p99, max]) = sizes.summary() {
        text += &format!("payload bytes: min {min}, median {median}, p99 {p99}, max {max}\n");
    }
    let histogram = sizes.histogram();
    let most = histogram.iter().map(|(_, _, records)| *records).max().unwrap_or(0);
    for (from, below, records) in histogram {
        let range = format!("[{}, {})", rounded(from), rounded(below));
        // At least one where there is a record at all.
        let bar = "#".repeat((records * BAR + most - 1) / most);
        text += format!("{range:>20}{records:>14}  {bar}").trim_end();
        text += "\n";
    }
    Ok(text)
}

/// The longest bar: a line has less than 80 columns.
const BAR: usize = 40;

const LS_HEAD: &str = "     records            bytes  index    file\n";

fn ls(file: &Path, as_json: bool) -> anyhow::Result<String> {
    let (index, bytes, state) = if input::is_index(file) {
        let index = input::index_file(file)?;
        let bytes = bytes(&index);
        (Some(index), bytes, "-")
    } else {
        let bytes = file.metadata().with_context(|| file.display().to_string())?.len();
        let path = default_index_path(file);
        // A pipe would keep us waiting.
        match path.is_file().then(|| Index::read(&path).ok()).flatten() {
            Some(index) => match state(&index, file) {
                state @ ("fits" | "damaged") => (Some(index), bytes, state),
                state => (None, bytes, state),
            },
            None if path.exists() => (None, bytes, "bad"),
            None => (None, bytes, "none"),
        }
    };
    let records = index.map(|index| index.len());
    if as_json {
        let object = json!({"records": records, "bytes": bytes, "index": state});
        return Ok(json::line(&[("path", Some(file))], object));
    }
    let records = records.map_or("?".to_owned(), |records| records.to_string());
    Ok(format!("{records:>12} {bytes:>16}  {state:<7}  {}\n", name(file)))
}

/// Whether readers use the index that they find beside its data, and if not, why.
fn state(index: &Index, data: &Path) -> &'static str {
    match index.check(data, CheckLevel::Quick, &Options::new()) {
        Ok(fit) if fit.partial => "partial",
        Ok(_) => "fits",
        Err(error) => match error.kind() {
            ErrorKind::Stale => "stale",
            ErrorKind::LengthCrc => "damaged",
            _ => "bad",
        },
    }
}

fn count(records: usize) -> String {
    format!("{records} record{}", if records == 1 { "" } else { "s" })
}

/// The bytes of all frames; more than 2^64 only where an index repeats giant ones.
fn bytes(index: &Index) -> u64 {
    index.iter().fold(0, |sum, entry| sum.saturating_add(entry.size))
}

/// A power of two, by the largest unit that it is a multiple of.
fn rounded(bytes: u64) -> String {
    match bytes.checked_ilog2().map_or(0, |log| log / 10) {
        0 => bytes.to_string(),
        unit => format!(
            "{} {}iB",
            bytes >> (10 * unit),
            ["", "K", "M", "G", "T", "P", "E"][unit as usize]
        ),
    }
}

/// The sizes of payloads, from the smallest to the largest.
struct Sizes(Vec<u64>);

impl Sizes {
    fn of(index: &Index) -> Sizes {
        let payload = |entry: &tfr_index::Entry| entry.payload().end - entry.payload().start;
        let mut sizes: Vec<u64> = index.iter().map(payload).collect();
        sizes.sort_unstable();
        Sizes(sizes)
    }

    /// The smallest, the median, the 99th percentile and the largest: each one that there is, so
    /// large that as many percent of them are no larger.
    fn summary(&self) -> Option<[u64; 4]> {
        let rank = |percent: usize| (self.0.len() * percent + 99) / 100;
        let nearest = |percent| self.0.get(rank(percent).max(1) - 1).copied();
        Some([nearest(0)?, nearest(50)?, nearest(99)?, nearest(100)?])
    }

    /// How many there are from each power of two to the next, from the first that has any to the
    /// last: (from, below, records).
    fn histogram(&self) -> Vec<(u64, u64, usize)> {
        let (Some(&first), Some(&last)) = (self.0.first(), self.0.last()) else {
            return Vec::new();
        };
        let power = |size: u64| size.checked_ilog2().map_or(0, |log| 1 << log);
        let mut ranges = Vec::new();
        let mut from = power(first);
        while from <= last {
            let below = (2 * from).max(1);
            let before = |bound| self.0.partition_point(|size| *size < bound);
            ranges.push((from, below, before(below) - before(from)));
            from = below;
        }
        ranges
    }
}
