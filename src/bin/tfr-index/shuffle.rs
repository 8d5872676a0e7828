//! `tfr-index shuffle`: makes indexes with the same records in a random order.

use std::process::ExitCode;

use clap::Args;

use crate::edit::{exit_code, Files};

/// Make indexes with the same records in a random order
///
/// With several files, each index keeps the records of its own file.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Shuffle {
    #[command(flatten)]
    files: Files,
    /// The seed; the same seed always gives the same order
    #[arg(long, value_name = "N")]
    seed: u64,
}

const EXAMPLES: &str = "\
Examples:
  tfr-index shuffle train.tfrecord --seed 7 -o epoch7.idx";

impl Shuffle {
    pub fn run(self) -> ExitCode {
        exit_code(self.files.edit("shuffle", |index| Ok(index.shuffle(self.seed)?)))
    }
}
