//! `tfr-index dump`: prints the entries of index files.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::each::{for_each, succeed};
use crate::input;
use crate::shared::stdio::print;

/// Check index files and print their entries, one line "OFFSET SIZE" for each record
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Dump {
    /// Index files, or - for stdin
    #[arg(required = true, value_name = "INDEX")]
    indexes: Vec<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  tfr-index dump train.tfrecord.idx | sed -n 43p   # where record 42 is";

impl Dump {
    pub fn run(self) -> ExitCode {
        for_each(&self.indexes, |path| succeed(print(&input::index_file(path)?.to_text()?)))
    }
}
