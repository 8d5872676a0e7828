//! `tfr-index report`: shows what is in a data set, on one page.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use tfr_index::internal::ensure_report;
use tfr_index::{Options, Report, ReportOptions};

use crate::bytes::Bytes;
use crate::paths::{Indexes, Set};
use crate::policy::Policy;
use crate::refuse;
use crate::shared::exit::done;
use crate::shared::interrupts::Interrupts;
use crate::shared::progress;
use crate::shared::stdio::{self, count, name, print};
use crate::watched::Watched;

/// Write a page that shows what is in a data set
///
/// The page is one HTML file that needs no network: how many records there are and how large they are,
/// the state of each file and its index, damaged regions and what to do, the features of
/// tf.train.Example records with the distribution of their values, some records with their pictures,
/// and code that reads this very set.
///
/// Reads each record's header, or the index instead if it fits, and a random sample of the records.
/// Damage is skipped, and a file that fails does not stop the others. No index is written.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct WriteReport {
    /// TFRecord files, directories, patterns and manifests
    #[arg(required_unless_present = "files_from", value_name = "PATH")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    set: Set,
    #[command(flatten)]
    indexes: Indexes,
    /// The page to write, which may be an older report; - for stdout
    #[arg(short, long, required_unless_present = "json", value_name = "FILE")]
    output: Option<PathBuf>,
    /// Print the same facts as a JSON object
    #[arg(long)]
    json: bool,
    /// How many random records to read, to find out which features they have; the page shows some
    #[arg(short = 'n', long, default_value_t = 1000, value_name = "N")]
    sample: usize,
    /// The seed of the random choice: it always chooses the same records
    #[arg(long, default_value_t, value_name = "SEED")]
    seed: u64,
    /// The most bytes of pictures in the page, all together, such as 10MB
    #[arg(long, default_value = "2MiB", value_name = "SIZE")]
    max_bytes: Bytes,
    /// Leave out values of records: only names, kinds, numbers and sizes of features are shown
    #[arg(long)]
    no_values: bool,
    /// Which checksums to verify; full reads every payload
    #[arg(short, long, value_enum, default_value_t, value_name = "POLICY")]
    checksums: Policy,
    /// How many files to look at at the same time; 0 chooses
    #[arg(short, long, default_value_t, value_name = "N")]
    threads: usize,
}

const EXAMPLES: &str = "\
Examples:
  tfr-index report data -o report.html
  tfr-index report 'train-*.tfrecord' -o report.html --sample 5000 --max-bytes 10MB
  tfr-index report data -o report.html --no-values        # for data that is private
  tfr-index report data --json | jq .total

The exit status is 1 if a file failed, and otherwise 3 if there is damage.";

impl WriteReport {
    pub fn run(self) -> ExitCode {
        let to_stdout = self.output.as_deref() == Some(Path::new("-"));
        if self.json && to_stdout {
            refuse("report", "--json prints to stdout, too: give a file for -o, or leave it out");
        }
        let interrupts = Interrupts::listen();
        interrupts.end(match self.write(to_stdout, &interrupts) {
            Ok(exit) => exit,
            Err(_) if interrupts.caught() => stdio::fail(&"interrupted, nothing was written"),
            Err(error) => stdio::fail(&error),
        })
    }

    fn write(&self, to_stdout: bool, interrupts: &Interrupts) -> anyhow::Result<ExitCode> {
        let output = self.output.as_deref().filter(|_| !to_stdout);
        if let Some(output) = output {
            ensure_report(output)?; // before the work, too
        }
        let (shards, lacks_some) = self.set.find_present(self.files.clone())?;
        let shards = self.indexes.of(shards)?;
        let watched = Watched::begin(self.json || to_stdout);
        let watch = |at| watched.show(at, interrupts);
        let options = Options::new().checksums(self.checksums.into()).threads(self.threads);
        let how = ReportOptions::new().options(options.progress(&watch)).sample(self.sample);
        let how = how.seed(self.seed).max_bytes(self.max_bytes.0).values(!self.no_values);
        let report = Report::of(&shards, &how)?;
        progress::end();
        for error in report.errors() {
            stdio::fail(error);
        }
        if let Some(output) = output {
            report.write(output)?;
        }
        if to_stdout {
            print(&report.to_html())?;
        } else if self.json {
            print(&report.to_json())?;
        } else if let Some(output) = output {
            stdio::report(&said(&report, shards.len(), output))?;
        }
        Ok(match report.failed() {
            0 if !lacks_some => done(report.damaged_regions()),
            _ => ExitCode::FAILURE,
        })
    }
}

fn said(report: &Report, files: usize, output: &Path) -> String {
    let mut text = format!("{}: {}", name(output), count(files, "file"));
    if report.failed() > 0 {
        text += &format!(", {} failed", report.failed());
    }
    let regions = usize::try_from(report.damaged_regions()).unwrap_or(usize::MAX);
    if regions > 0 {
        text += &format!(", {}", count(regions, "damaged region"));
    }
    text + "\n"
}
