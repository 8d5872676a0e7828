//! `tfr-index`: creates and reads indexes of TFRecord files. Each command has a module of its name.

mod bytes;
mod cat;
mod check;
mod concat;
mod create;
mod dump;
mod each;
mod edit;
mod example;
mod features;
mod filter;
mod generate;
mod input;
mod json;
mod lines;
mod locate;
mod ls;
mod manifest;
mod output;
mod paths;
mod policy;
mod remote;
mod report;
mod reshard;
mod sample;
mod select;
mod shard;
#[path = "../shared/mod.rs"]
mod shared;
mod show;
mod shuffle;
mod terminal;
mod verdict;
mod watched;

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};

use shared::stdio;

/// Indexes for TFRecord files: where each record starts and how large it is.
///
/// An index is a text file with one line "OFFSET SIZE" for each record, the format of NVIDIA DALI.
/// SIZE is the size of the whole frame: the payload has SIZE - 16 bytes and starts at OFFSET + 12.
#[derive(Parser)]
#[command(version, after_help = EXAMPLES)]
struct Arguments {
    /// Print only results and errors: no line for each finished file, no progress
    #[arg(short, long, global = true)]
    quiet: bool,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  tfr-index create train-*.tfrecord          # writes train-….tfrecord.idx next to each
  tfr-index check train-*.tfrecord           # does each index fit its file?
  tfr-index cat train.tfrecord 42 -o record  # the payload of a record
  tfr-index shard train-*.tfrecord --world-size 4 -o shards
  tfr-index report data -o report.html       # a page that shows what is in the files
  tfr-index manifest data -o data/train.manifest.json  # how many records are in all files?

For more examples, see tfr-index COMMAND --help.

create, check, ls, cat, manifest and report also take URLs, such as s3://bucket/train/, if the Python
package is installed: pip install \"tfr-index[remote]\"

Exit status:
  0  success
  1  at least one file failed
  2  usage error
  3  success, but damaged regions were skipped";

#[derive(Subcommand)]
enum Command {
    Create(create::Create),
    Check(check::Check),
    Locate(locate::Locate),
    Dump(dump::Dump),
    Show(show::Show),
    Ls(ls::Ls),
    Cat(cat::Cat),
    Features(features::Features),
    Report(report::WriteReport),
    Select(select::Select),
    Filter(filter::Filter),
    Shuffle(shuffle::Shuffle),
    Sample(sample::Sample),
    Shard(shard::Shard),
    Concat(concat::Concat),
    Manifest(manifest::WriteManifest),
    Reshard(reshard::Reshard),
    #[command(subcommand, hide = true)]
    Generate(generate::Generate),
}

impl Command {
    /// Whether the Python package has the command, too, for URLs.
    fn reads_urls(&self) -> bool {
        use Command::{Cat, Check, Create, Ls, Manifest, Report};
        matches!(self, Create(_) | Check(_) | Ls(_) | Cat(_) | Manifest(_) | Report(_))
    }
}

fn main() -> ExitCode {
    let Arguments { quiet, command } = stdio::parse();
    stdio::be_quiet(quiet);
    remote::set_reads_urls(command.reads_urls());
    match command {
        Command::Create(command) => command.run(),
        Command::Check(command) => command.run(),
        Command::Locate(command) => command.run(),
        Command::Dump(command) => command.run(),
        Command::Show(command) => command.run(),
        Command::Ls(command) => command.run(),
        Command::Cat(command) => command.run(),
        Command::Features(command) => command.run(),
        Command::Report(command) => command.run(),
        Command::Select(command) => command.run(),
        Command::Filter(command) => command.run(),
        Command::Shuffle(command) => command.run(),
        Command::Sample(command) => command.run(),
        Command::Shard(command) => command.run(),
        Command::Concat(command) => command.run(),
        Command::Manifest(command) => command.run(),
        Command::Reshard(command) => command.run(),
        Command::Generate(command) => command.run(Arguments::command()),
    }
}

/// Ends the program with a usage error.
fn refuse(subcommand: &str, message: impl std::fmt::Display) -> ! {
    let mut command = Arguments::command();
    let command = command.find_subcommand_mut(subcommand).expect("declared");
    let mut command = command.clone().bin_name(format!("tfr-index {subcommand}"));
    command.error(ErrorKind::ValueValidation, message).exit()
}
