//! `tfr-index concat`: makes the index of concatenated files.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use tfr_index::internal::{data_size, is_one_place, Comparison};
use tfr_index::{Index, Options, Shards};

use crate::edit::{exit_code, refuse_index_beside_data, Target};
use crate::paths::{paths, Set};
use crate::shared::progress;
use crate::shared::stdio::{count, name};
use crate::{input, output, refuse};

/// Make the index of concatenated data files, such as the output of `cat`
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Concat {
    /// Data files, directories and patterns, in order
    #[arg(required_unless_present = "files_from", value_name = "PATH")]
    #[arg(value_parser = input::data_file())]
    files: Vec<PathBuf>,
    #[command(flatten)]
    set: Set,
    /// Where to write the index: a file, or - for stdout [default: -]
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  cat a.tfrecord b.tfrecord > both.tfrecord
  tfr-index concat a.tfrecord b.tfrecord -o both.tfrecord.idx";

impl Concat {
    pub fn run(self) -> ExitCode {
        let files = self.set.find_repeated(self.files);
        exit_code(files.and_then(|files| concat(&files, self.output)))
    }
}

/// Fails if the index of several files would replace that of one of them.
fn refuse_index_of_an_input(output: &Path, files: &[PathBuf]) -> anyhow::Result<()> {
    let data = output.with_extension("");
    match files.len() > 1 && data.is_file() && files.iter().any(|file| is_one_place(file, &data)) {
        true => refuse_index_beside_data(output),
        false => Ok(()),
    }
}

fn concat(shards: &Shards, output: Option<PathBuf>) -> anyhow::Result<()> {
    if let Some(directory) = output.as_ref().filter(|path| output::is_directory(path, 1)) {
        let directory = name(directory);
        refuse(
            "concat",
            format!("{directory} is a directory; give the path of an index file (--output)"),
        );
    }
    let (files, comparison) = (paths(shards), Comparison::new(shards));
    if let Some(output) = &output {
        refuse_index_of_an_input(output, &files)?;
    }
    progress::begin(&files);
    let mut parts = Vec::new();
    for (number, file) in files.iter().enumerate() {
        let size = data_size(file)?;
        if size > 0 && input::is_index(file) {
            bail!(
                "{}: is an index, but concat needs the size of the data; give the data file",
                file.display()
            );
        }
        let index = input::read_index_of(&shards[number])?;
        comparison.ensure_as_listed(number, Some(index.len() as u64), &Options::new())?;
        parts.push((index, size));
        progress::file_done();
    }
    progress::end();
    let index =
        Index::concat(&parts.iter().map(|(index, size)| (index, *size)).collect::<Vec<_>>())?;
    let target = Target::File(output.unwrap_or_else(|| "-".into()));
    let said = format!("{}: {}", count(files.len(), "file"), count(index.len(), "record"));
    target.write(&index, &said)
}
