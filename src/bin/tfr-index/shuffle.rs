//! `tfr-index shuffle`: indexes of the same records in a random order.

use std::process::ExitCode;

use clap::Args;

use crate::edit::{ended, Files};

/// Make indexes of the same records in a random order
///
/// Of several files, each keeps its own records.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Shuffle {
    #[command(flatten)]
    files: Files,
    /// Which order: a seed stands for the same one everywhere
    #[arg(long, value_name = "N")]
    seed: u64,
}

const EXAMPLES: &str = "\
Examples:
  tfr-index shuffle train.tfrecord --seed 7 -o epoch7.idx";

impl Shuffle {
    pub fn run(self) -> ExitCode {
        ended(self.files.edit("shuffle", |index| Ok(index.shuffle(self.seed)?)))
    }
}
