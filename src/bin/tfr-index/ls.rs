//! `tfr-index ls`: lists files.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::builder::ArgPredicate;
use clap::Args;
use serde_json::json;
use tfr_index::internal::Comparison;
use tfr_index::{CheckLevel, Options, Shard};

use crate::each::for_each;
use crate::paths::{listed, Indexes, Set};
use crate::shared::stdio::{fail, name, print};
use crate::show::bytes;
use crate::terminal::colored;
use crate::verdict::{self, Place, State, Total};
use crate::{input, json};

/// List files: one line each, with the records, the bytes, and how the index fits
///
/// INDEX is ok, or the reason why a reader does not use the index or would fail: partial (leaves out
/// valid records), stale, of another file, damaged (at least one record of the data), no index, not an
/// index, or the detected format of the data, such as gzip or HTML; and of files that a manifest
/// lists, missing, or changed (another size, time or number of records). The command reads only as
/// much as check --level quick; if no index fits, and no manifest says it, the number of records is
/// unknown. With several files, the
/// last line is the total. On a terminal states have colours, unless NO_COLOR is set.
///
/// The exit status is 0 if all are ok, and 1 if any is not. An index in the directory of --index, or
/// where a manifest says it is, may leave out valid records.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Ls {
    /// Data files, indexes, directories, patterns and manifests; or - for an index on stdin
    #[arg(default_value = ".", default_value_if("files_from", ArgPredicate::IsPresent, None))]
    #[arg(value_name = "PATH")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    set: Set,
    #[command(flatten)]
    indexes: Indexes,
    /// Print a JSON object for each file and, if there are several, one with their total
    ///
    /// "state" is INDEX in lower case with underscores, such as other_file, no_index and gzip.
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  tfr-index ls                      # the files in this directory and below it
  tfr-index ls train-*.tfrecord
  tfr-index ls data -i indexes      # data/a/x.tfrecord: indexes/a/x.tfrecord.idx
  tfr-index ls data/train@8         # train-00000-of-00008 and so on: is one missing?";

impl Ls {
    pub fn run(self) -> ExitCode {
        let Ls { files, set, indexes, json } = self;
        let found = set.find_present(files);
        let found = found.and_then(|(shards, lacks_some)| Ok((indexes.of(shards)?, lacks_some)));
        let (shards, lacks_some) = match found {
            Ok(found) => found,
            Err(error) => return fail(&error),
        };
        let comparison = Comparison::new(&shards);
        let (total, records, bytes) = (Total::default(), Some(0), 0);
        let mut listing = Listing { json, comparison, total, records, bytes };
        if !json {
            if let Err(error) = print(LS_HEAD) {
                return fail(&error);
            }
        }
        let exit = for_each(shards.iter().enumerate(), |shard| listing.report(shard));
        let exit = if lacks_some { ExitCode::FAILURE } else { exit };
        match listing.report_total() {
            Ok(()) => exit,
            Err(error) => fail(&error),
        }
    }
}

const LS_HEAD: &str = "     records            bytes  index            file\n";

fn line(records: Option<usize>, bytes: u64, state: Option<State>, file: &str) -> String {
    let records = records.map_or("?".to_owned(), |records| records.to_string());
    let word = format!("{:<15}", state.map_or("", State::word));
    let word = match state {
        Some(state) => colored(word, state),
        None => word,
    };
    format!("{records:>12} {bytes:>16}  {word}  {file}\n")
}

/// The sums of the files listed so far.
struct Listing<'a> {
    json: bool,
    comparison: Comparison<'a>,
    total: Total,
    /// None if it is unknown for a file.
    records: Option<usize>,
    bytes: u64,
}

impl Listing<'_> {
    fn report(&mut self, (number, shard): (usize, &Shard)) -> anyhow::Result<ExitCode> {
        let file = &*shard.path;
        let listed = self.ls(number, shard);
        if listed.is_err() {
            self.total.add(State::Unreadable);
            self.records = None;
        }
        let (state, text) = json::report_failure(file, self.json, listed)?;
        print(&text)?;
        Ok(if state.is_fine_for(shard) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn ls(&mut self, number: usize, shard: &Shard) -> anyhow::Result<(State, String)> {
        let file = &*shard.path;
        let (state, records, bytes) = if input::is_index(file) {
            let index = input::stored_index(file)?;
            (State::Index, Some(index.records()), bytes(&index)?)
        } else {
            let (level, options) = (CheckLevel::Quick, Options::new());
            let outcome = verdict::check(file, Place::of(shard), level, &options);
            let outcome = outcome.compared(&self.comparison, number, &options);
            match file.metadata() {
                Err(_) if outcome.state == State::Missing => (State::Missing, Some(0), 0),
                Err(error) => return Err(error).with_context(|| file.display().to_string()),
                Ok(metadata) => {
                    // Readers use no other index.
                    let is_used = |state: State| {
                        let is_fine = state.is_fine_for(shard);
                        is_fine || matches!(state, State::Damaged | State::Changed)
                    };
                    let records = outcome.records.filter(|_| is_used(outcome.state));
                    let listed = outcome.listed.map(|records| records as usize);
                    (outcome.state, records.or(listed), metadata.len())
                }
            }
        };
        self.total.add(state);
        self.records = self.records.zip(records).map(|(sum, records)| sum + records);
        self.bytes = self.bytes.saturating_add(bytes);
        let text = match self.json {
            true => {
                let object = json!({"records": records, "bytes": bytes, "state": state.code()});
                json::line(&[("path", Some(file))], object)
            }
            false => line(records, bytes, Some(state), &name(file)),
        };
        Ok((state, text))
    }

    /// Prints the sums, if there is more than one file.
    fn report_total(&self) -> anyhow::Result<()> {
        if !self.total.is_of_many() {
            return Ok(());
        }
        if self.json {
            let mut total = self.total.object();
            total["records"] = json!(self.records);
            total["bytes"] = json!(self.bytes);
            if let Some(listed) = self.comparison.listed_records() {
                total["listed_records"] = json!(listed);
            }
            return print(&json::line(&[], json!({ "total": total })));
        }
        let listed = listed(&self.comparison, self.records.map(|records| records as u64));
        print(&line(self.records, self.bytes, None, &format!("{}{listed}", self.total)))
    }
}
