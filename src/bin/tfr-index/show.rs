//! `tfr-index show`: prints the number of records and their sizes.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde_json::json;
use tfr_index::{Index, Options};

use crate::each::for_each;
use crate::paths::{refuse_directory, Recursive};
use crate::shared::exit::done;
use crate::shared::progress;
use crate::shared::salvage::DamageReport;
use crate::shared::stdio::{count, fail, name};
use crate::{input, json};

/// Print the number of records in files and the sizes of their payloads
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Show {
    /// Data files or indexes; or - for an index on stdin
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    recursive: Recursive,
    /// Scan data files and skip damage
    #[arg(long)]
    salvage: bool,
    /// Print a JSON object for each file
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  tfr-index show train.tfrecord
  tfr-index show --json train-*.tfrecord";

impl Show {
    pub fn run(self) -> ExitCode {
        let Show { files, recursive, salvage, json } = self;
        let files = match recursive.files("show", files) {
            Ok(files) => files,
            Err(error) => return fail(&error),
        };
        if !json {
            progress::begin(&files);
        }
        for_each(&files, |file| {
            let damaged = DamageReport::default();
            json::report(file, json, show(file, json, salvage.then_some(&damaged)))?;
            Ok(done(damaged.regions()))
        })
    }
}

fn show(file: &Path, as_json: bool, salvage: Option<&DamageReport>) -> anyhow::Result<String> {
    refuse_directory(file)?;
    let index = match salvage {
        Some(damaged) if !input::is_index(file) => {
            let on_skipped = |skipped| damaged.add(skipped);
            let options = Options::new().salvage(true).on_skipped(&on_skipped);
            Index::scan(file, &options.progress(&progress::watch))?
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
            "damaged_regions": salvage.map(DamageReport::regions),
        });
        return Ok(json::line(&[("path", Some(file))], object));
    }
    let mut text = format!("{}: {}, {bytes} bytes\n", name(file), count(records, "record"));
    if let Some([min, median, p99, max]) = sizes.summary() {
        text += &format!("payload bytes: min {min}, median {median}, p99 {p99}, max {max}\n");
    }
    let histogram = sizes.histogram();
    let most = histogram.iter().map(|(_, _, records)| *records).max().unwrap_or(0);
    for (from, below, records) in histogram {
        let range = format!("[{}, {})", rounded(from), rounded(below));
        // At least one # if there is any record.
        let bar = "#".repeat((records * BAR + most - 1) / most);
        text += format!("{range:>20}{records:>14}  {bar}").trim_end();
        text += "\n";
    }
    Ok(text)
}

/// The length of the longest bar: a line has fewer than 80 columns.
const BAR: usize = 40;

/// The total size of all frames. It saturates: an index that repeats huge records could exceed 2^64.
pub fn bytes(index: &Index) -> u64 {
    index.iter().fold(0, |sum, entry| sum.saturating_add(entry.size))
}

/// A power of two in its largest unit.
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

    /// The minimum, median, 99th percentile and maximum, by the nearest-rank method: each is one of
    /// the sizes.
    fn summary(&self) -> Option<[u64; 4]> {
        let rank = |percent: usize| (self.0.len() * percent + 99) / 100;
        let nearest = |percent| self.0.get(rank(percent).max(1) - 1).copied();
        Some([nearest(0)?, nearest(50)?, nearest(99)?, nearest(100)?])
    }

    /// The number of records from each power of two to the next, from the smallest size to the
    /// largest: (from, below, records).
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
