//! `s3-cli tfrecord-index FILE`: the command of that name in s3dlio.

mod shared;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use shared::create;
use shared::interrupts::Interrupts;
use shared::stdio;
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
        /// The TFRecord file, or - for stdin
        tfrecord_path: PathBuf,
        /// The index file to write, or - for stdout [default: the TFRecord file's path with .idx
        /// appended]
        index_path: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    let Command::TfrecordIndex { tfrecord_path, index_path } = stdio::parse::<Arguments>().command;
    let index_path = match index_path {
        Some(path) if path == Path::new("-") => "/dev/stdout".into(),
        Some(path) => path,
        None => create::index_path(&tfrecord_path),
    };
    let interrupts = Interrupts::of_writing([&index_path].into_iter());
    let (data, index, options) = (&tfrecord_path, &index_path, Options::new());
    let created = create::create(data, index, &options, false, &interrupts);
    let told = created.and_then(|created| {
        create::tell(data, index, &created)?;
        Ok(created.exit())
    });
    interrupts.end(told.unwrap_or_else(|error| stdio::fail(&error)))
}
