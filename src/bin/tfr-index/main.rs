//! `tfr-index`: create and look at indexes of TFRecord files. A command is a module of its name.

mod cat;
mod check;
mod concat;
mod create;
mod dump;
mod each;
mod edit;
mod filter;
mod generate;
mod input;
mod json;
mod locate;
mod ls;
mod output;
mod policy;
mod sample;
mod select;
mod shard;
#[path = "../shared/mod.rs"]
mod shared;
mod show;
mod shuffle;

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};

use shared::stdio;

/// Indexes for TFRecord files: where each record starts and how large it is.
///
/// An index is a text file with a line "OFFSET SIZE" for each record, as NVIDIA DALI reads it.
/// SIZE is that of the whole frame: the payload is the SIZE - 16 bytes from OFFSET + 12.
#[derive(Parser)]
#[command(version, after_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  tfr-index create train-*.tfrecord          # write train-….tfrecord.idx beside each
  tfr-index create train.tfrecord -o my.idx  # say where
  tfr-index create --checksums full *.tfrecord
  tfr-index create --salvage damaged.tfrecord      # index what is good
  tfr-index create --append --growing log.tfrecord # index what was written since
  tfr-index show train.tfrecord              # how many records, how large
  tfr-index ls train-*.tfrecord              # a line for each; has it an index?
  tfr-index read train.tfrecord.idx | sed -n 43p   # where record 42 is
  tfr-index create train.tfrecord -o - | wc -l
  set -o pipefail  # or the shell hides that zcat failed
  zcat train.tfrecord.gz | tfr-index create - -o my.idx || rm my.idx
  tfr-index check train-*.tfrecord           # does train-….tfrecord.idx fit each?
  tfr-index check train.tfrecord my.idx      # does this one?
  tfr-index check a.tfrecord b.tfrecord --index idx/a.idx idx/b.idx
  tfr-index locate train.tfrecord 9132       # TensorFlow says: corrupted record at 9132
  tfr-index get train.tfrecord 42 -o record  # its payload
  tfr-index cat train.tfrecord 0-9 --frames -o small.tfrecord
  tfr-index shuffle train.tfrecord --seed 7 -o epoch7.idx
  tfr-index shard train-*.tfrecord --world 4 -o shards # shards/0/train-….tfrecord.idx, …

Exit status: 0 done, 1 a file failed or lacks a record (the others are done), 2 wrong command line,
3 done, but for damage that was left out (--salvage).";

#[derive(Subcommand)]
enum Command {
    Create(create::Create),
    Check(check::Check),
    Locate(locate::Locate),
    Dump(dump::Dump),
    Show(show::Show),
    Ls(ls::Ls),
    Cat(cat::Cat),
    Select(select::Select),
    Filter(filter::Filter),
    Shuffle(shuffle::Shuffle),
    Sample(sample::Sample),
    Shard(shard::Shard),
    Concat(concat::Concat),
    #[command(subcommand, hide = true)]
    Generate(generate::Generate),
}

fn main() -> ExitCode {
    match stdio::parse::<Arguments>().command {
        Command::Create(command) => command.run(),
        Command::Check(command) => command.run(),
        Command::Locate(command) => command.run(),
        Command::Dump(command) => command.run(),
        Command::Show(command) => command.run(),
        Command::Ls(command) => command.run(),
        Command::Cat(command) => command.run(),
        Command::Select(command) => command.run(),
        Command::Filter(command) => command.run(),
        Command::Shuffle(command) => command.run(),
        Command::Sample(command) => command.run(),
        Command::Shard(command) => command.run(),
        Command::Concat(command) => command.run(),
        Command::Generate(command) => command.run(Arguments::command()),
    }
}

/// Ends the program because of its command line.
fn refuse(subcommand: &str, message: impl std::fmt::Display) -> ! {
    let mut command = Arguments::command();
    let command = command.find_subcommand_mut(subcommand).expect("declared");
    let mut command = command.clone().bin_name(format!("tfr-index {subcommand}"));
    command.error(ErrorKind::ValueValidation, message).exit()
}
