//! `tfr-index select` and the like: indexes made of indexes.

mod files;

use std::fs;
use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{bail, Context};
use clap::{ArgGroup, Subcommand, ValueEnum};
use tfr_index::{own_descriptor, Index, ShardBy, ShardEven};

use crate::input::Numbers;
use crate::stdio::name;
use crate::{cli, input, output};
use files::{Files, Target};

#[derive(Subcommand)]
pub enum Edit {
    /// Make an index of some records, by their numbers
    Select {
        /// An index, or a data file
        file: PathBuf,
        /// Numbers of records, from 0, in the order that the index is to have: 5, 9-20 or 90-
        #[arg(required_unless_present = "from", value_name = "RECORD")]
        records: Vec<Numbers>,
        /// A file with more of them, or - for stdin
        #[arg(long, value_name = "LIST")]
        from: Option<PathBuf>,
        /// Where to write the index: a file, a folder, or - for stdout [default: -]
        #[arg(short, long, value_name = "OUT")]
        output: Option<PathBuf>,
    },
    /// Make indexes of the records of some sizes
    #[command(group(ArgGroup::new("size").required(true).multiple(true)))]
    Filter {
        #[command(flatten)]
        files: Files,
        /// The fewest bytes that a payload has
        #[arg(long, group = "size", default_value_t = 0, value_name = "BYTES")]
        min: u64,
        /// The most bytes that a payload has
        #[arg(long, group = "size", default_value_t = u64::MAX, hide_default_value = true)]
        #[arg(value_name = "BYTES")]
        max: u64,
    },
    /// Make indexes of the same records in a random order
    ///
    /// Of several files, each keeps its own records.
    Shuffle {
        #[command(flatten)]
        files: Files,
        /// Which order: a seed stands for the same one everywhere
        #[arg(long, value_name = "N")]
        seed: u64,
    },
    /// Make indexes of so many random records, in the order of the files
    Sample {
        #[command(flatten)]
        files: Files,
        /// How many records, of all files together
        #[arg(short = 'n', long, value_name = "N")]
        count: usize,
        /// Which ones: a seed stands for the same ones everywhere
        #[arg(long, value_name = "N")]
        seed: u64,
    },
    /// Make the indexes of a shard, or of each
    ///
    /// All records of all files are shared out, in their order: a shard has a run of them.
    Shard {
        #[command(flatten)]
        files: Files,
        /// Which shard, from 0 [default: each, in folders OUT/0, OUT/1 and so on]
        #[arg(long, value_name = "N")]
        rank: Option<usize>,
        /// How many shards there are
        #[arg(long, value_name = "N")]
        world: NonZeroUsize,
        /// What is shared out evenly
        #[arg(long, value_enum, default_value_t)]
        by: By,
        /// What becomes of the remainder of shards by records
        #[arg(long, value_enum, default_value_t)]
        even: Even,
    },
    /// Make the index of data files that are put one behind the other, as by cat
    Concat {
        /// Data files
        #[arg(required = true, value_name = "FILE", value_parser = input::data_file())]
        files: Vec<PathBuf>,
        /// Where to write the index: a file, or - for stdout [default: -]
        #[arg(short, long, value_name = "OUT")]
        output: Option<PathBuf>,
    },
}

/// [`ShardBy`], for the command line.
#[derive(Clone, Copy, Default, ValueEnum)]
pub enum By {
    /// Records: the shards' numbers of them differ by one at most
    #[default]
    Records,
    /// Bytes: give or take the largest frame's
    Bytes,
}

/// [`ShardEven`], for the command line.
#[derive(Clone, Copy, Default, ValueEnum)]
pub enum Even {
    /// Some have one record more than the others
    #[default]
    Keep,
    /// All have as many as the smaller ones
    Drop,
    /// All have as many as the larger ones: the smaller ones end with the next one's first record
    Pad,
}

pub fn edit(command: Edit) -> ExitCode {
    let done = match command {
        Edit::Select { file, records, from, output } => {
            if cli::is_descriptor(&file) && from.as_deref() == Some(&file) {
                crate::refuse("select", "stdin has either the index or the numbers");
            }
            let select = |index: &Index| {
                let selected = select(index, &records, from.as_deref());
                selected.with_context(|| file.display().to_string())
            };
            Files { inputs: vec![file.clone()], output }.edit("select", select)
        }
        Edit::Filter { min, max, .. } if min > max => {
            crate::refuse("filter", format!("--min {min} is more than --max {max}"))
        }
        Edit::Filter { files, min, max } => {
            files.edit("filter", |index| Ok(index.filter_size(min..=max)?))
        }
        Edit::Shuffle { files, seed } => files.edit("shuffle", |index| Ok(index.shuffle(seed)?)),
        Edit::Sample { files, count, seed } => {
            files.edit("sample", |index| Ok(index.sample(count, seed)?))
        }
        Edit::Shard { files, rank, world, by, even } => {
            let by = match by {
                By::Records => ShardBy::Records,
                By::Bytes => ShardBy::Bytes,
            };
            let even = match even {
                Even::Keep => ShardEven::Keep,
                Even::Drop => ShardEven::Drop,
                Even::Pad => ShardEven::Pad,
            };
            let shard = |index: &Index, rank| Ok(index.shard(rank, world.get(), by, even)?);
            match rank {
                Some(rank) if rank >= world.get() => {
                    crate::refuse("shard", format!("--rank {rank} is none of --world {world}"))
                }
                Some(rank) => files.edit("shard", |index| shard(index, rank)),
                None => files.edit_each(world.get(), shard),
            }
        }
        Edit::Concat { files, output } => concat(&files, output),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => cli::fail(&error),
    }
}

fn select(index: &Index, numbers: &[Numbers], from: Option<&Path>) -> anyhow::Result<Index> {
    let mut numbers = numbers.to_vec();
    if let Some(path) = from {
        let list = numbers_in(path).with_context(|| path.display().to_string());
        numbers.extend(list?);
    }
    Ok(index.select(&input::records(&numbers, index.len())?)?)
}

fn numbers_in(path: &Path) -> anyhow::Result<Vec<Numbers>> {
    let list = match own_descriptor(cli::stdin_path(path)) {
        Some(stream) => io::read_to_string(stream?)?,
        None => fs::read_to_string(path)?,
    };
    list.split_whitespace().map(str::parse).collect()
}

fn concat(files: &[PathBuf], output: Option<PathBuf>) -> anyhow::Result<()> {
    if let Some(folder) = output.as_ref().filter(|path| output::is_folder(path, 1)) {
        let folder = name(folder);
        crate::refuse("concat", format!("{folder} is a folder; name the index"));
    }
    let mut parts = Vec::new();
    for file in files {
        let size = file.metadata().with_context(|| file.display().to_string())?.len();
        if size > 0 && input::is_index(file) {
            bail!("{}: is an index; give the data file, whose size is needed", file.display());
        }
        parts.push((input::read_index(file)?, size));
    }
    let whole =
        Index::concat(&parts.iter().map(|(index, size)| (index, *size)).collect::<Vec<_>>())?;
    let target = Target::File(output.unwrap_or_else(|| "-".into()));
    target.write(&whole, &format!("{} files: {} records", files.len(), whole.len()))
}
