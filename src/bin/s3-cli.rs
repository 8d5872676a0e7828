//! `s3-cli tfrecord-index FILE`, like the command of s3dlio.

mod shared;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};
use shared::create;
use shared::interrupts::Interrupts;
use shared::streams::is_descriptor;
use shared::{progress, stdio};
use tfr_index::{default_index_path, Options};

/// The TFRecord part of s3dlio's command line. `tfr-index` can do more.
#[derive(Parser)]
#[command(name = "s3-cli", version)]
struct Arguments {
    /// Print nothing but errors
    #[arg(short, long, global = true)]
    quiet: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Create the index of a TFRecord file, in the format of NVIDIA DALI
    TfrecordIndex {
        /// The TFRecord file, or - for stdin
        tfrecord_path: PathBuf,
        /// The index file to write [default: the TFRecord file's path with .idx appended]
        index_path: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    let Arguments { quiet, command } = stdio::parse();
    stdio::be_quiet(quiet);
    let Command::TfrecordIndex { tfrecord_path, index_path } = command;
    if index_path.as_deref() == Some(Path::new("-")) {
        // s3dlio itself would create a file named -.
        let data = stdio::name(&tfrecord_path);
        let message = format!(
            "- is not an index file; to write to stdout, use `tfr-index create {data} -o -`"
        );
        Arguments::command().error(ErrorKind::ValueValidation, message).exit();
    }
    if index_path.is_none() {
        if let Err(error) = create::ensure_place_beside(&tfrecord_path, "give another INDEX_PATH") {
            return stdio::fail(&error);
        }
    }
    let index_path = index_path.unwrap_or_else(|| index_path_of(&tfrecord_path));
    progress::begin([&tfrecord_path]);
    let interrupts = Interrupts::of_writing([&index_path].into_iter());
    let (data, index, options) = (&tfrecord_path, &index_path, Options::new());
    let created = create::create(data, index, &options, false, &interrupts);
    progress::file_done();
    let printed = created.and_then(|created| {
        create::report(data, index, &created)?;
        Ok(created.exit())
    });
    interrupts.end(printed.unwrap_or_else(|error| stdio::fail(&error)))
}

/// The default path of an index: next to its file; for a stream, stdout.
fn index_path_of(data: &Path) -> PathBuf {
    match is_descriptor(data) {
        true => "/dev/stdout".into(),
        false => default_index_path(data),
    }
}
