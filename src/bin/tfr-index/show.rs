//! `tfr-index show`: prints the number of records and their sizes.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use serde_json::json;
use tfr_index::internal::{Comparison, StoredIndex};
use tfr_index::{Options, Reader, Shard};

use crate::each::{for_each, succeed};
use crate::example::describe;
use crate::input::Numbers;
use crate::paths::{listed, paths, report_lost, Indexes, Set};
use crate::shared::exit::done;
use crate::shared::progress;
use crate::shared::salvage::DamageReport;
use crate::shared::stdio::{count, fail, name, print};
use crate::terminal::{bar, sparkline, width};
use crate::{input, json};

/// Print the number of records in files and the sizes of their payloads
///
/// With several files, the last line is the total. On a terminal, the bars are as wide as it is, and each
/// of several files is one line, with the sizes of all files at the end. It is an error if a file has another number of
/// records than a manifest says.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Show {
    /// Data files, indexes, directories, patterns and manifests; or - for an index on stdin
    #[arg(required_unless_present = "files_from", value_name = "PATH")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    set: Set,
    #[command(flatten)]
    indexes: Indexes,
    /// Scan data files and skip damage
    #[arg(long, conflicts_with = "index")]
    salvage: bool,
    /// Print a JSON object for each file and, if there are several, one with their total
    #[arg(long)]
    json: bool,
    /// Instead, print the features of these tf.train.Example records of each file: 5, 9-20 or 90-;
    /// may be repeated
    #[arg(long, value_name = "RECORDS", conflicts_with_all = ["json", "salvage"])]
    features: Vec<Numbers>,
}

const EXAMPLES: &str = "\
Examples:
  tfr-index show train.tfrecord
  tfr-index show data -i indexes
  tfr-index show train.tfrecord --features 0-2
  tfr-index show --json train-*.tfrecord";

impl Show {
    pub fn run(self) -> ExitCode {
        let Show { files, set, indexes, salvage, json, features } = self;
        let shards = match set.find(files).and_then(|shards| indexes.of(shards)) {
            Ok(shards) => shards,
            Err(error) => return fail(&error),
        };
        if !features.is_empty() {
            return for_each(shards.iter(), |shard| succeed(show_features(shard, &features)));
        }
        let (files, comparison) = (paths(&shards), Comparison::new(&shards));
        if !json {
            progress::begin(&files);
        }
        // Scripts get the same text wherever they run.
        let form = match width() {
            _ if json => Form::Json,
            None => Form::Plain,
            Some(columns) if files.len() > 1 => Form::Line(columns),
            Some(columns) => Form::Wide(columns),
        };
        let mut total = Total::default();
        let exit = for_each(shards.iter().enumerate(), |(number, shard)| {
            let damaged = DamageReport::default();
            let ensure = |records: Option<usize>| {
                if salvage {
                    records
                        .iter()
                        .for_each(|&found| report_lost(&comparison, number, found, &damaged));
                    return Ok(());
                }
                // An index that is given may select records.
                let records =
                    records.filter(|_| !indexes.are_given()).map(|records| records as u64);
                comparison.ensure_as_listed(number, records, &Options::new()).map(drop)
            };
            let shown = show(shard, form, salvage.then_some(&damaged), ensure, &mut total);
            json::report(&shard.path, json, shown)?;
            Ok(done(damaged.regions()))
        });
        if files.len() < 2 {
            return exit;
        }
        print(&total.text(&comparison, files.len(), form))
            .map_or_else(|error| fail(&error), |()| exit)
    }
}

/// How the files are shown.
#[derive(Clone, Copy)]
enum Form {
    Json,
    Plain,
    /// On a terminal with that many columns.
    Wide(usize),
    /// The same, with a line for each file.
    Line(usize),
}

/// The sums of the files that could be read.
#[derive(Default)]
struct Total {
    records: usize,
    bytes: u64,
    files: usize,
    sizes: Ranges,
}

impl Total {
    fn text(&self, comparison: &Comparison<'_>, files: usize, form: Form) -> String {
        let Total { records, bytes, files: read, sizes } = self;
        if let Form::Json = form {
            let mut total = json!({"files": files, "failed": files - read, "records": records,
                               "bytes": bytes});
            if let Some(listed) = comparison.listed_records() {
                total["listed_records"] = json!(listed);
            }
            return json::line(&[], json!({ "total": total }));
        }
        let failed = match files - read {
            0 => String::new(),
            failed => format!(", {failed} failed"),
        };
        let listed = listed(comparison, Some(*records as u64));
        let text = format!(
            "{files} files: {}, {bytes} bytes{failed}{listed}\n",
            count(*records, "record")
        );
        match form {
            Form::Line(columns) => text + &histogram(&sizes.histogram(), columns),
            _ => text,
        }
    }
}

fn show(
    shard: &Shard,
    form: Form,
    salvage: Option<&DamageReport>,
    ensure_as_listed: impl Fn(Option<usize>) -> tfr_index::Result<()>,
    total: &mut Total,
) -> anyhow::Result<String> {
    let file = &*shard.path;
    ensure_as_listed(None)?;
    let index = match salvage {
        Some(damaged) if !input::is_index(file) => {
            let on_skipped = |skipped| damaged.add(skipped);
            let options = Options::new().salvage(true).on_skipped(&on_skipped);
            StoredIndex::scan(file, &options.progress(&progress::watch))?
        }
        _ => input::index_of(shard)?,
    };
    ensure_as_listed(Some(index.records()))?;
    let sizes = Sizes::of(&index)?;
    let (records, bytes) = (index.records(), bytes(&index)?);
    total.files += 1;
    total.records += records;
    total.bytes = total.bytes.saturating_add(bytes);
    total.sizes.add(&sizes.ranges);
    if let Form::Json = form {
        let payload = sizes.summary.map(
            |[min, median, p99, max]| json!({"min": min, "median": median, "p99": p99, "max": max}),
        );
        let ranges = sizes.ranges.histogram().into_iter().map(
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
    let text = format!("{}: {}, {bytes} bytes", name(file), count(records, "record"));
    let ranges = sizes.ranges.histogram();
    if let Form::Line(_) = form {
        let records: Vec<_> = ranges.iter().map(|(_, _, records)| *records).collect();
        return Ok(format!("{text}  {}", sparkline(&records)).trim_end().to_owned() + "\n");
    }
    let mut text = text + "\n";
    if let Some([min, median, p99, max]) = sizes.summary {
        text += &format!("payload bytes: min {min}, median {median}, p99 {p99}, max {max}\n");
    }
    let columns = match form {
        Form::Wide(columns) => Some(columns),
        _ => None,
    };
    Ok(text + &histogram(&ranges, columns.unwrap_or(0)))
}

/// A line for each range of sizes, with a bar; on a terminal with that many columns, if there are any.
fn histogram(ranges: &[(u64, u64, usize)], columns: usize) -> String {
    let most = ranges.iter().map(|(_, _, records)| *records).max().unwrap_or(0);
    let mut text = String::new();
    for &(from, below, records) in ranges {
        let range = format!("[{}, {})", rounded(from), rounded(below));
        let bar = match columns {
            // At least one # if there is any record.
            0 => "#".repeat((records * BAR + most - 1) / most),
            columns => bar(records, most, columns.saturating_sub(BEFORE_BAR).max(10)),
        };
        text += format!("{range:>20}{records:>14}  {bar}").trim_end();
        text += "\n";
    }
    text
}

/// Prints the features of some records.
fn show_features(shard: &Shard, records: &[Numbers]) -> anyhow::Result<()> {
    let file = &*shard.path;
    let reader = Reader::with_index(file, input::read_index_of(shard)?, &Options::new())?;
    let records = input::records(records, reader.len());
    for record in records.with_context(|| file.display().to_string())?.into_iter().flatten() {
        let place = format!("record {record} at byte {}", reader.entry(record)?.offset);
        let payload = reader.read(record)?;
        let described = describe(&payload);
        let described = described.with_context(|| format!("{}: {place}", file.display()))?;
        let bytes = count(payload.len(), "byte");
        print(&format!("{}: {place}, {bytes}\n{described}", name(file)))?;
    }
    Ok(())
}

/// The length of the longest bar: a line has fewer than 80 columns.
const BAR: usize = 40;
/// The columns before a bar, and one after it.
const BEFORE_BAR: usize = 37;

/// The total size of all frames. It saturates: an index that repeats huge records could exceed 2^64.
pub fn bytes(index: &StoredIndex) -> tfr_index::Result<u64> {
    index.entries().try_fold(0_u64, |sum, entry| Ok(sum.saturating_add(entry?.size)))
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

/// The sizes of payloads.
struct Sizes {
    /// The minimum, median, 99th percentile and maximum, by the nearest-rank method: each is one of
    /// the sizes. `None` if there are none.
    summary: Option<[u64; 4]>,
    ranges: Ranges,
}

/// How many sizes are 0, and how many there are from each power of two to the next.
#[derive(Clone, Copy)]
struct Ranges([usize; 64]);

impl Default for Ranges {
    fn default() -> Ranges {
        Ranges([0; 64])
    }
}

impl Ranges {
    fn add(&mut self, other: &Ranges) {
        for (count, more) in self.0.iter_mut().zip(&other.0) {
            *count += more;
        }
    }

    /// The number of records from each power of two to the next, from the smallest size to the
    /// largest: (from, below, records).
    fn histogram(&self) -> Vec<(u64, u64, usize)> {
        let is_used = |count: &usize| *count > 0;
        let (first, last) = (self.0.iter().position(is_used), self.0.iter().rposition(is_used));
        let ranges = first.unwrap_or(1)..=last.unwrap_or(0);
        ranges.map(|range| (start_of(range), 1 << range, self.0[range])).collect()
    }
}

impl Sizes {
    /// Reads the index a few times, so that the memory for it is constant.
    fn of(index: &StoredIndex) -> tfr_index::Result<Sizes> {
        let (mut min, mut max, mut counts) = (u64::MAX, 0, [0; 64]);
        for entry in index.entries() {
            let size = entry?.payload_len();
            (min, max) = (size.min(min), size.max(max));
            counts[range_of(size)] += 1;
        }
        let count = index.records();
        if count == 0 {
            return Ok(Sizes { summary: None, ranges: Ranges(counts) });
        }
        let rank = |percent: usize| Rank::among(&counts, (count * percent + 99) / 100);
        let mut ranks = [rank(50), rank(99)];
        while ranks.iter().any(|rank| rank.bits > 0) {
            let mut bins = ranks.map(Rank::bins);
            for entry in index.entries() {
                let size = entry?.payload_len();
                for (rank, bins) in ranks.iter().zip(&mut bins) {
                    rank.count(size, bins);
                }
            }
            ranks.iter_mut().zip(&bins).for_each(|(rank, bins)| rank.narrow(bins));
        }
        let [median, p99] = ranks.map(|rank| rank.from);
        Ok(Sizes { summary: Some([min, median, p99, max]), ranges: Ranges(counts) })
    }
}

/// The number of the range of a size: 0 for 0, then one for each power of two.
fn range_of(size: u64) -> usize {
    size.checked_ilog2().map_or(0, |log| log as usize + 1)
}

fn start_of(range: usize) -> u64 {
    range.checked_sub(1).map_or(0, |log| 1 << log)
}

/// The search for the size at a rank: it is the size number `rank`, from 1, of those from `from` up
/// to `from + 2^bits`.
#[derive(Clone, Copy)]
struct Rank {
    rank: usize,
    from: u64,
    bits: u32,
}

/// The most bits by which a pass over the sizes narrows the search.
const BITS: u32 = 16;

impl Rank {
    fn among(counts: &[usize; 64], mut rank: usize) -> Rank {
        let mut range = 0;
        while rank > counts[range] {
            rank -= counts[range];
            range += 1;
        }
        Rank { rank, from: start_of(range), bits: range.saturating_sub(1) as u32 }
    }

    fn bins(self) -> Vec<usize> {
        vec![0; 1 << self.bits.min(BITS)]
    }

    fn count(&self, size: u64, bins: &mut [usize]) {
        let ahead = size.wrapping_sub(self.from);
        if ahead >> self.bits == 0 {
            bins[(ahead >> self.bits.saturating_sub(BITS)) as usize] += 1;
        }
    }

    fn narrow(&mut self, bins: &[usize]) {
        let mut bin = 0;
        // It ends before the last bin, unless the index was changed meanwhile.
        while self.rank > bins[bin] && bin + 1 < bins.len() {
            self.rank -= bins[bin];
            bin += 1;
        }
        self.bits = self.bits.saturating_sub(BITS);
        self.from += (bin as u64) << self.bits;
    }
}
