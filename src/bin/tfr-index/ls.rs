//! `tfr-index ls`: lists files.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use serde_json::json;
use tfr_index::internal::list;
use tfr_index::{CheckLevel, Options};

use crate::each::for_each;
use crate::paths::{each_once, report_skipped};
use crate::shared::stdio::{fail, name, print};
use crate::show::bytes;
use crate::verdict::{self, Place, State, Total};
use crate::{input, json};

/// List files: one line each, with the records, the bytes, and how the index fits
///
/// INDEX is ok, or the reason why a reader does not use the index or would fail: partial (leaves out
/// valid records), stale, of another file, damaged (at least one record of the data), no index, not an
/// index, or the detected format of the data, such as gzip or HTML. The command reads only as much as
/// check --level quick; if no index fits, the number of records is unknown. With several files, the
/// last line is the total.
///
/// The exit status is 0 if all are ok, and 1 if any is not.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Ls {
    /// Data files, indexes, or directories (their TFRecord files, and indexes without data); or - for
    /// an index on stdin
    #[arg(default_value = ".", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// List subdirectories, too
    #[arg(short, long)]
    recursive: bool,
    /// Print a JSON object for each file, without a total
    ///
    /// "state" is INDEX in lower case with underscores, such as other_file, no_index and gzip.
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  tfr-index ls                      # the files in this directory
  tfr-index ls train-*.tfrecord
  tfr-index ls -r data              # data and its subdirectories";

impl Ls {
    pub fn run(self) -> ExitCode {
        let Ls { files, recursive, json } = self;
        let mut listing = Listing { json, total: Total::default(), records: Some(0), bytes: 0 };
        if !json {
            if let Err(error) = print(LS_HEAD) {
                return fail(&error);
            }
        }
        let exit = for_each(each_once("ls", files), |path| {
            if !path.is_dir() {
                return listing.report(&path);
            }
            let found =
                json::report_failure(&path, json, list(&path, recursive).map_err(Into::into))?;
            let hint = match found.skipped.directories > 0 && !recursive {
                true => " (-r lists subdirectories)",
                false => "",
            };
            report_skipped(&path, found.skipped, hint);
            let mut files = [found.data, found.indexes].concat();
            files.sort();
            Ok(for_each(files, |file| listing.report(&file)))
        });
        let printed =
            if json || !listing.total.is_of_many() { Ok(()) } else { listing.report_total() };
        match printed {
            Ok(()) => exit,
            Err(error) => fail(&error),
        }
    }
}

const LS_HEAD: &str = "     records            bytes  index            file\n";

fn line(records: Option<usize>, bytes: u64, state: &str, file: &str) -> String {
    let records = records.map_or("?".to_owned(), |records| records.to_string());
    format!("{records:>12} {bytes:>16}  {state:<15}  {file}\n")
}

/// The sums of the files listed so far.
struct Listing {
    json: bool,
    total: Total,
    /// None if it is unknown for a file.
    records: Option<usize>,
    bytes: u64,
}

impl Listing {
    fn report(&mut self, file: &Path) -> anyhow::Result<ExitCode> {
        let listed = self.ls(file);
        if listed.is_err() {
            self.total.add(State::Unreadable);
            self.records = None;
        }
        let (state, text) = json::report_failure(file, self.json, listed)?;
        print(&text)?;
        Ok(if state.is_fine() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn ls(&mut self, file: &Path) -> anyhow::Result<(State, String)> {
        let (state, records, bytes) = if input::is_index(file) {
            let index = input::stored_index(file)?;
            (State::Index, Some(index.records()), bytes(&index)?)
        } else {
            let bytes = file.metadata().with_context(|| file.display().to_string())?.len();
            let (level, options) = (CheckLevel::Quick, Options::new());
            let outcome = verdict::check(file, Place::Beside, level, &options);
            // Readers use no other index.
            let is_used = outcome.state.is_fine() || outcome.state == State::Damaged;
            let records = outcome.records.filter(|_| is_used);
            (outcome.state, records, bytes)
        };
        self.total.add(state);
        self.records = self.records.zip(records).map(|(sum, records)| sum + records);
        self.bytes = self.bytes.saturating_add(bytes);
        let text = match self.json {
            true => {
                let object = json!({"records": records, "bytes": bytes, "state": state.code()});
                json::line(&[("path", Some(file))], object)
            }
            false => line(records, bytes, state.word(), &name(file)),
        };
        Ok((state, text))
    }

    fn report_total(&self) -> anyhow::Result<()> {
        print(&line(self.records, self.bytes, "", &self.total.to_string()))
    }
}
