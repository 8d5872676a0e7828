//! `tfr-index sample`: indexes of random records.

use std::process::ExitCode;

use clap::Args;

use crate::edit::{ended, Files};

/// Draw N records at random, and keep them in the order of the files
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Sample {
    #[command(flatten)]
    files: Files,
    /// How many records, of all files together
    #[arg(short = 'n', long, value_name = "N")]
    count: usize,
    /// Which ones: a seed stands for the same ones everywhere
    #[arg(long, value_name = "N")]
    seed: u64,
}

const EXAMPLES: &str = "\
Examples:
  tfr-index sample train.tfrecord -n 1000 --seed 7 -o thousand.idx
  tfr-index sample train-*.tfrecord -n 1000 --seed 7 -o thousand";

impl Sample {
    pub fn run(self) -> ExitCode {
        ended(self.files.edit("sample", |index| Ok(index.sample(self.count, self.seed)?)))
    }
}
