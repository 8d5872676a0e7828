//! `s3-cli tfrecord-index FILE`: the command of that name in s3dlio.

mod cli;
mod stdin;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use cli::{Interrupts, LeaveOut};
use tfr_index::Options;

/// The TFRecord part of s3dlio's command line. `tfr-index` can do more.
#[derive(Parser)]
#[command(name = "s3-cli", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Create the index of a TFRecord file, as NVIDIA DALI reads it
    TfrecordIndex {
        /// The TFRecord file
        tfrecord_path: PathBuf,
        /// The index file to write [default: the TFRecord file's path with .idx appended]
        index_path: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    let Command::TfrecordIndex { tfrecord_path, index_path } = Arguments::parse().command;
    let index_path = index_path.unwrap_or_else(|| cli::index_path(&tfrecord_path));
    let interrupts = Interrupts::listen();
    let (data, index, options) = (&tfrecord_path, &index_path, Options::new());
    let created = cli::create(data, index, &options, LeaveOut::default(), &interrupts);
    interrupts.end(match created {
        Ok(created) => {
            cli::tell(data, index, &created);
            created.exit()
        }
        Err(error) => cli::fail(&error),
    })
}
