//! `tfr-index shard`: divides the records evenly among ranks.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{bail, Context};
use clap::{Args, ValueEnum};
use tfr_index::internal::ensure_index;
use tfr_index::{Index, ShardBy};

use crate::edit::{edit_shards, exit_code, refuse_index_beside_data, Concatenation, Files};
use crate::shared::stdio::{count, name, report};
use crate::{input, output, refuse};

/// Make the indexes of one shard, or of all shards
///
/// Divides all records of all files, in their order: each shard is a contiguous run of records.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Shard {
    #[command(flatten)]
    files: Files,
    /// Which shard, starting at 0 [default: all, in the directories OUT/0, OUT/1 and so on]
    #[arg(long, value_name = "N")]
    rank: Option<usize>,
    /// The number of shards
    #[arg(long, value_name = "N")]
    world_size: NonZeroUsize,
    /// What to divide evenly
    #[arg(long, value_enum, default_value_t)]
    by: By,
    /// What to do if the number of records is not a multiple of the number of shards
    #[arg(long, value_enum, default_value_t)]
    remainder: Remainder,
}

const EXAMPLES: &str = "\
Examples:
  tfr-index shard train-*.tfrecord --world-size 4 -o shards # shards/0/train-….tfrecord.idx, …
  tfr-index shard train-*.tfrecord --world-size 4 --rank $RANK -o mine
  tfr-index shard train.tfrecord --world-size 4 --rank 0 --remainder drop -o mine.idx";

impl Shard {
    pub fn run(self) -> ExitCode {
        let world_size = self.world_size;
        if let Some(rank) = self.rank.filter(|rank| *rank >= world_size.get()) {
            refuse("shard", format!("--rank {rank} must be less than --world-size {world_size}"));
        }
        exit_code(self.shard())
    }

    fn shard(self) -> anyhow::Result<()> {
        let Shard { files: Files { inputs, set, output }, rank, world_size, by, remainder } = self;
        let files = set.find_as_listed(inputs)?;
        let (world_size, by, remainder) = (world_size.get(), by.into(), remainder.into());
        let output = output.as_deref().filter(|path| *path != Path::new("-"));
        let directory = match (rank, output) {
            (Some(_), Some(path)) if output::is_directory(path, files.len()) => path,
            (Some(rank), _) => {
                let shard = |index: &Index| Ok(index.shard(rank, world_size, by, remainder)?);
                return edit_shards("shard", &files, output, shard);
            }
            (None, Some(path)) => path,
            (None, None) => refuse(
                "shard",
                "give a directory for all shards (--output), or choose one shard (--rank)",
            ),
        };
        let places = output::places("shard", directory, &files, input::index_name);
        let Some(rank) = rank else {
            let mut existing = existing_shards(directory, world_size, &places)?;
            let shards = RankShards { all: Concatenation::read(&files)?, places };
            let numbered = shards.all.numbered()?;
            for (rank, run) in numbered.shards(world_size, by, remainder)?.enumerate() {
                let old = existing.remove(&rank).unwrap_or_default();
                shards.write(&directory.join(rank.to_string()), run, old)?;
            }
            return Ok(());
        };
        places.iter().try_for_each(|place| refuse_index_beside_data(&directory.join(place)))?;
        existing_shards(directory, 0, &[])?; // those of all ranks
        let old = places.iter().filter(|place| directory.join(place).exists());
        let old = old.cloned().collect();
        let shards = RankShards { all: Concatenation::read(&files)?, places };
        let shard = shards.all.numbered()?.shard(rank, world_size, by, remainder)?;
        let start = shard.first().map_or(0, |entry| entry.offset as usize);
        shards.write(directory, start..start + shard.len(), old)
    }
}

struct RankShards {
    all: Concatenation,
    /// The path of each file's index, relative to a shard's directory.
    places: Vec<PathBuf>,
}

impl RankShards {
    /// Writes the indexes of a run of all records, and removes old indexes of files without records in
    /// it, because NVIDIA DALI rejects empty indexes.
    fn write(&self, directory: &Path, run: Range<usize>, old: Vec<PathBuf>) -> anyhow::Result<()> {
        let mut old: HashSet<_> = old.into_iter().collect();
        let (records, mut files) = (run.len(), 0);
        for (part, entries) in self.all.run(run) {
            let path = directory.join(&self.places[part]);
            ensure_index(&path)?;
            let parent = path.parent().unwrap_or(directory);
            fs::create_dir_all(parent).with_context(|| parent.display().to_string())?;
            Index::from_entries(entries.iter().copied())?.write(&path)?;
            old.remove(&self.places[part]);
            files += 1;
        }
        for place in &old {
            let path = directory.join(place);
            ensure_index(&path)?;
            fs::remove_file(&path).with_context(|| path.display().to_string())?;
        }
        let removed = match old.len() {
            0 => String::new(),
            files => format!(", removed {}", count(files, "old index file")),
        };
        let (records, files) = (count(records, "record"), count(files, "file"));
        report(&format!("{}: {records} of {files}{removed}\n", name(directory)))
    }
}

/// The indexes of shards that already exist in the directory. Fails if they belong to another number
/// of shards or to other files: together with the new ones, they would lose or repeat records.
fn existing_shards(
    directory: &Path,
    world_size: usize,
    places: &[PathBuf],
) -> anyhow::Result<HashMap<usize, Vec<PathBuf>>> {
    let places: HashSet<_> = places.iter().collect();
    let mut existing = HashMap::new();
    for shard in fs::read_dir(directory).into_iter().flatten().flatten() {
        let rank = shard.file_name().to_str().and_then(|name| name.parse::<usize>().ok());
        let Some(rank) = rank else { continue };
        let is_one = rank < world_size && shard.file_name() == *rank.to_string();
        let mut found = Vec::new();
        add_files(&shard.path(), Path::new(""), &mut found);
        if let Some(other) = found.iter().find(|place| !is_one || !places.contains(place)) {
            bail!(
                "{}: belongs to other shards than the new ones; remove the old shards, or give \
                 another directory (--output)",
                shard.path().join(other).display()
            );
        }
        existing.insert(rank, found);
    }
    Ok(existing)
}

/// Adds the files in the directory, as paths relative to it, without temporary files of a killed
/// process.
fn add_files(directory: &Path, below: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory.join(below)).into_iter().flatten().flatten() {
        let place = below.join(entry.file_name());
        if entry.file_type().is_ok_and(|file| file.is_dir()) {
            add_files(directory, &place, found);
        } else if !entry.file_name().to_string_lossy().starts_with(".tfr-index.") {
            found.push(place);
        }
    }
}

/// [`ShardBy`], for the command line.
#[derive(Clone, Copy, Default, ValueEnum)]
enum By {
    /// The numbers of records in two shards differ by at most one
    #[default]
    Records,
    /// The size of a shard differs from an equal share by at most the largest frame
    Bytes,
}

/// [`tfr_index::Remainder`], for the command line.
#[derive(Clone, Copy, Default, ValueEnum)]
enum Remainder {
    /// Some shards have one record more than the others; every record is in exactly one shard
    #[default]
    Keep,
    /// All shards get the smaller size; the last record of each larger one is left out
    Drop,
    /// All shards get the larger size; each smaller one also gets the next shard's first record
    Pad,
}

impl From<By> for ShardBy {
    fn from(by: By) -> ShardBy {
        match by {
            By::Records => ShardBy::Records,
            By::Bytes => ShardBy::Bytes,
        }
    }
}

impl From<Remainder> for tfr_index::Remainder {
    fn from(remainder: Remainder) -> tfr_index::Remainder {
        match remainder {
            Remainder::Keep => tfr_index::Remainder::Keep,
            Remainder::Drop => tfr_index::Remainder::Drop,
            Remainder::Pad => tfr_index::Remainder::Pad,
        }
    }
}
