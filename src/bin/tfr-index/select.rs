//! `tfr-index select`: makes an index of some records.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use tfr_index::{own_descriptor, Index, Shards};

use crate::edit::{edit_shards, exit_code};
use crate::input::{self, Numbers};
use crate::refuse;
use crate::shared::streams;

/// Make an index of some records, by number
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Select {
    /// An index, or a data file
    file: PathBuf,
    /// Record numbers, starting at 0, in the order of the new index: 5, 9-20 or 90-
    #[arg(required_unless_present = "from", value_name = "RECORD")]
    records: Vec<Numbers>,
    /// A file with more record numbers, or - for stdin
    #[arg(long, value_name = "LIST")]
    from: Option<PathBuf>,
    /// Where to write the index: a file, a directory, or - for stdout [default: -]
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  tfr-index select train.tfrecord 0 9-20 90- -o some.idx
  tfr-index select train.tfrecord --from numbers.txt -o some.idx";

impl Select {
    pub fn run(self) -> ExitCode {
        let Select { file, records, from, output } = self;
        if streams::is_descriptor(&file) && from.as_deref() == Some(&file) {
            refuse("select", "FILE and --from cannot both be stdin");
        }
        let select = |index: &Index| {
            let selected = select(index, &records, from.as_deref());
            selected.with_context(|| file.display().to_string())
        };
        let one = Shards::from_paths([&file]);
        exit_code(edit_shards("select", &one, output.as_deref(), select))
    }
}

fn select(index: &Index, numbers: &[Numbers], from: Option<&Path>) -> anyhow::Result<Index> {
    let mut numbers = numbers.to_vec();
    if let Some(path) = from {
        let list = numbers_in(path).with_context(|| path.display().to_string());
        numbers.extend(list?);
    }
    let records = input::records(&numbers, index.len())?;
    Ok(index.select(&records.into_iter().flatten().collect::<Vec<_>>())?)
}

fn numbers_in(path: &Path) -> anyhow::Result<Vec<Numbers>> {
    let list = match own_descriptor(streams::stdin_path(path)) {
        Some(stream) => io::read_to_string(stream?)?,
        None => fs::read_to_string(path)?,
    };
    list.split_whitespace().map(str::parse).collect()
}
