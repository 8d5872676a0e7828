//! `tfr-index sample`: makes indexes of random records.

use std::process::ExitCode;

use clap::Args;

use crate::edit::{exit_code, Files};

/// Draw N records at random, in the order of the files
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Sample {
    #[command(flatten)]
    files: Files,
    /// How many records to draw from all files together
    #[arg(short = 'n', long, value_name = "N")]
    count: usize,
    /// The seed; the same seed always draws the same records
    #[arg(long, value_name = "N")]
    seed: u64,
}

const EXAMPLES: &str = "\
Examples:
  tfr-index sample train.tfrecord -n 1000 --seed 7 -o thousand.idx
  tfr-index sample train-*.tfrecord -n 1000 --seed 7 -o thousand";

impl Sample {
    pub fn run(self) -> ExitCode {
        exit_code(self.files.edit("sample", |index| Ok(index.sample(self.count, self.seed)?)))
    }
}
