//! `tfr-index shard`: an even share of the records for each rank.

use std::num::NonZeroUsize;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use tfr_index::{Index, ShardBy};

use crate::edit::{ended, Files};
use crate::refuse;

/// Make the indexes of a shard, or of each
///
/// All records of all files are shared out, in their order: a shard has a run of them.
#[derive(Args)]
pub struct Shard {
    #[command(flatten)]
    files: Files,
    /// Which shard, from 0 [default: each, in folders OUT/0, OUT/1 and so on]
    #[arg(long, value_name = "N")]
    rank: Option<usize>,
    /// How many shards there are
    #[arg(long, value_name = "N")]
    world_size: NonZeroUsize,
    /// What is shared out evenly
    #[arg(long, value_enum, default_value_t)]
    by: By,
    /// What to do with the remainder, if the records are no multiple of the shards
    #[arg(long, value_enum, default_value_t)]
    remainder: Remainder,
}

impl Shard {
    pub fn run(self) -> ExitCode {
        let Shard { files, rank, world_size, by, remainder } = self;
        let by = match by {
            By::Records => ShardBy::Records,
            By::Bytes => ShardBy::Bytes,
        };
        let world_size = world_size.get();
        let remainder = match remainder {
            Remainder::Keep => tfr_index::Remainder::Keep,
            Remainder::Drop => tfr_index::Remainder::Drop,
            Remainder::Pad => tfr_index::Remainder::Pad,
        };
        let shard = |index: &Index, rank| Ok(index.shard(rank, world_size, by, remainder)?);
        ended(match rank {
            Some(rank) if rank >= world_size => {
                refuse("shard", format!("--rank {rank} must be below --world-size {world_size}"))
            }
            Some(rank) => files.edit("shard", |index| shard(index, rank)),
            None => files.edit_each(world_size, shard),
        })
    }
}

/// [`ShardBy`], for the command line.
#[derive(Clone, Copy, Default, ValueEnum)]
enum By {
    /// Records: the shards' numbers of them differ by one at most
    #[default]
    Records,
    /// Bytes: give or take the largest frame's
    Bytes,
}

/// [`tfr_index::Remainder`], for the command line.
#[derive(Clone, Copy, Default, ValueEnum)]
enum Remainder {
    /// Some have one record more than the others
    #[default]
    Keep,
    /// All have as many as the smaller ones
    Drop,
    /// All have as many as the larger ones: the smaller ones end with the next one's first record
    Pad,
}
