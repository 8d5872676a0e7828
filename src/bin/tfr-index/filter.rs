//! `tfr-index filter`: makes indexes of the records in a range of sizes.

use std::process::ExitCode;

use clap::{ArgGroup, Args};

use crate::edit::{exit_code, Files};
use crate::refuse;

/// Make indexes of the records in a range of sizes
#[derive(Args)]
#[command(after_help = EXAMPLES)]
#[command(group(ArgGroup::new("size").required(true).multiple(true)))]
pub struct Filter {
    #[command(flatten)]
    files: Files,
    /// The minimum payload size
    #[arg(long, group = "size", default_value_t = 0, value_name = "BYTES")]
    min: u64,
    /// The maximum payload size
    #[arg(long, group = "size", default_value_t = u64::MAX, hide_default_value = true)]
    #[arg(value_name = "BYTES")]
    max: u64,
}

const EXAMPLES: &str = "\
Examples:
  tfr-index filter train.tfrecord --min 100 --max 1000 -o middle.idx
  tfr-index filter train-*.tfrecord --max 1000000 -o small";

impl Filter {
    pub fn run(self) -> ExitCode {
        let Filter { files, min, max } = self;
        if min > max {
            refuse("filter", format!("--min {min} is more than --max {max}"));
        }
        exit_code(files.edit("filter", |index| Ok(index.filter_size(min..=max)?)))
    }
}
