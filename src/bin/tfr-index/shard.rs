//! `tfr-index shard`: an even share of the records for each rank.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{bail, Context};
use clap::{Args, ValueEnum};
use tfr_index::{Index, ShardBy};

use crate::edit::{ended, refuse_the_whole_index, Files, Whole};
use crate::shared::overwrite::refuse_to_overwrite;
use crate::shared::stdio::{count, name, tell};
use crate::{input, output, refuse};

/// Make the indexes of a shard, or of all of them
///
/// All records of all files are shared out, in their order: a shard is a run of them.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Shard {
    #[command(flatten)]
    files: Files,
    /// Which shard, from 0 [default: all, in the directories OUT/0, OUT/1 and so on]
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

const EXAMPLES: &str = "\
Examples:
  tfr-index shard train-*.tfrecord --world-size 4 -o shards # shards/0/train-….tfrecord.idx, …
  tfr-index shard train-*.tfrecord --world-size 4 --rank $RANK -o mine
  tfr-index shard train.tfrecord --world-size 4 --rank 0 --remainder drop -o mine.idx";

impl Shard {
    pub fn run(self) -> ExitCode {
        let world_size = self.world_size;
        if let Some(rank) = self.rank.filter(|rank| *rank >= world_size.get()) {
            refuse("shard", format!("--rank {rank} must be below --world-size {world_size}"));
        }
        ended(self.shard())
    }

    fn shard(self) -> anyhow::Result<()> {
        let Shard { mut files, rank, world_size, by, remainder } = self;
        files.inputs = files.recursive.files("shard", files.inputs)?;
        let (world_size, by, remainder) = (world_size.get(), by.into(), remainder.into());
        let output = files.output.clone().filter(|path| path != Path::new("-"));
        let is_directory = |path: &PathBuf| output::is_directory(path, files.inputs.len());
        let directory = match (rank, output) {
            (Some(_), Some(path)) if is_directory(&path) => path,
            (Some(rank), _) => {
                let shard = |index: &Index| Ok(index.shard(rank, world_size, by, remainder)?);
                return files.edit("shard", shard);
            }
            (None, Some(path)) => path,
            (None, None) => {
                refuse("shard", "name a directory for the shards (--output), or one shard (--rank)")
            }
        };
        let places = output::places("shard", &directory, &files.inputs, input::index_name);
        let Some(rank) = rank else {
            let mut there = shards_there(&directory, world_size, &places)?;
            let shards = Shards { whole: Whole::read(files.inputs)?, places };
            let numbered = shards.whole.numbered()?;
            for (rank, run) in numbered.shards(world_size, by, remainder)?.enumerate() {
                let old = there.remove(&rank).unwrap_or_default();
                shards.write(&directory.join(rank.to_string()), run, old)?;
            }
            return Ok(());
        };
        places.iter().try_for_each(|place| refuse_the_whole_index(&directory.join(place)))?;
        let old = places.iter().filter(|place| directory.join(place).exists());
        let old = old.cloned().collect();
        let shards = Shards { whole: Whole::read(files.inputs)?, places };
        let shard = shards.whole.numbered()?.shard(rank, world_size, by, remainder)?;
        let start = shard.first().map_or(0, |entry| entry.offset as usize);
        shards.write(&directory, start..start + shard.len(), old)
    }
}

struct Shards {
    whole: Whole,
    /// Where the index of each file is in a shard's directory.
    places: Vec<PathBuf>,
}

impl Shards {
    /// Writes the indexes of a run of all records, and removes the old ones of other files. NVIDIA
    /// DALI takes no empty index.
    fn write(&self, directory: &Path, run: Range<usize>, old: Vec<PathBuf>) -> anyhow::Result<()> {
        let mut old: HashSet<_> = old.into_iter().collect();
        let (records, mut files) = (run.len(), 0);
        for (part, entries) in self.whole.run(run) {
            let path = directory.join(&self.places[part]);
            refuse_to_overwrite(&path)?;
            let parent = path.parent().unwrap_or(directory);
            fs::create_dir_all(parent).with_context(|| parent.display().to_string())?;
            Index::from_entries(entries.iter().copied())?.write(&path)?;
            old.remove(&self.places[part]);
            files += 1;
        }
        for place in &old {
            let path = directory.join(place);
            refuse_to_overwrite(&path)?;
            fs::remove_file(&path).with_context(|| path.display().to_string())?;
        }
        let removed = match old.len() {
            0 => String::new(),
            files => format!(", removed {}", count(files, "old index file")),
        };
        let (records, files) = (count(records, "record"), count(files, "file"));
        tell(&format!("{}: {records} of {files}{removed}\n", name(directory)))
    }
}

/// The indexes of the shards that are in the directory already. Fails if some are of another number of
/// shards, or of other files: together with the new ones, records would be lost or there twice.
fn shards_there(
    directory: &Path,
    world_size: usize,
    places: &[PathBuf],
) -> anyhow::Result<HashMap<usize, Vec<PathBuf>>> {
    let places: HashSet<_> = places.iter().collect();
    let mut there = HashMap::new();
    for shard in fs::read_dir(directory).into_iter().flatten().flatten() {
        let rank = shard.file_name().to_str().and_then(|name| name.parse::<usize>().ok());
        let Some(rank) = rank else { continue };
        let is_one = rank < world_size && shard.file_name() == *rank.to_string();
        let mut found = Vec::new();
        add_files(&shard.path(), Path::new(""), &mut found);
        if let Some(other) = found.iter().find(|place| !is_one || !places.contains(place)) {
            bail!(
                "{}: is of other shards than those that would be written; remove them, or name \
                 another directory",
                shard.path().join(other).display()
            );
        }
        there.insert(rank, found);
    }
    Ok(there)
}

/// Adds the files in the directory, as paths below it; none that a killed process left.
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
