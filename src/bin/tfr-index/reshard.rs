//! `tfr-index reshard`: copies a data set to files of other sizes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use tfr_index::{Checksums, Compression, Options, Resharded};

use crate::bytes::Bytes;
use crate::paths::{Indexes, Set};
use crate::refuse;
use crate::shared::exit::done;
use crate::shared::interrupts::Interrupts;
use crate::shared::progress;
use crate::shared::stdio::{self, count, name, note};

/// Copy a data set to files of other sizes, in order or shuffled
///
/// Writes TFRecord files, their indexes and a manifest to a new directory: train-00000-of-00008.tfrecord,
/// train-00000-of-00008.tfrecord.idx and so on, and train.manifest.json. Each record is checked on the
/// way. The directory appears complete or not at all; what a killed reshard left beside it, the next one
/// for the same directory removes.
///
/// With --index, the copy has the records of edited indexes: those that select, filter, shuffle, sample
/// or shard wrote.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Reshard {
    /// TFRecord files, directories, manifests, or patterns in quotes
    #[arg(required_unless_present = "files_from", value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    set: Set,
    #[command(flatten)]
    indexes: Indexes,
    #[command(flatten)]
    size: Size,
    /// The new directory, which must not exist, or be empty
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Shuffle all records; a seed gives the same order in every version
    #[arg(long, value_name = "SEED")]
    shuffle: Option<u64>,
    /// How the new files' names begin
    #[arg(long, value_name = "NAME", default_value = "train")]
    name: String,
    /// Which files to accept: auto also those that were written without valid checksums
    ///
    /// Records of such files cannot be checked. The copies get valid checksums.
    #[arg(short, long, value_enum, default_value_t, value_name = "POLICY")]
    checksums: Policy,
    /// Leave out damaged records instead of failing; this reads the files twice, and uses no indexes
    ///
    /// Prints each damaged region on stderr. The exit status is 3 if there is any.
    #[arg(long, conflicts_with = "index")]
    salvage: bool,
    /// Threads; 0 chooses by the number of processors
    #[arg(short, long, default_value_t, value_name = "N")]
    threads: usize,
    /// Compress the new files, whose names then end with .tfrecord.gz
    ///
    /// TensorFlow reads them with compression_type="GZIP". Any record can be read without the bytes
    /// before. --shard-bytes is the size of the decompressed data.
    #[arg(long)]
    gzip: bool,
    /// Flush the files to the storage device (fsync) before the directory appears
    #[arg(long)]
    sync: bool,
}

/// How large the new files are.
#[derive(Args)]
#[group(required = true, multiple = false)]
struct Size {
    /// Make N files with the same number of records, give or take one
    #[arg(long, value_name = "N")]
    shards: Option<u64>,
    /// Make files of about this size, such as 256MB or 1GiB, by dividing all bytes evenly
    #[arg(long, value_name = "SIZE", value_parser = Bytes::some)]
    shard_bytes: Option<Bytes>,
}

/// The checksum policies that check every record.
#[derive(Clone, Copy, Default, ValueEnum)]
enum Policy {
    /// Every checksum, unless the file was written without valid ones
    #[default]
    Auto,
    /// Every checksum
    Full,
}

const EXAMPLES: &str = "\
Examples:
  tfr-index reshard data -o new --shard-bytes 256MB
  tfr-index reshard data -o shuffled --shards 128 --shuffle 7
  tfr-index reshard a.tfrecord b.tfrecord -o one --shards 1";

impl Reshard {
    pub fn run(self) -> ExitCode {
        let interrupts = Interrupts::listen();
        let resharded = self.reshard(&interrupts);
        interrupts.end(match resharded {
            Ok(exit) => exit,
            Err(_) if interrupts.caught() => stdio::fail(&format_args!(
                "{}: interrupted, nothing was written",
                self.output.display()
            )),
            Err(error) => stdio::fail(&error),
        })
    }

    fn reshard(&self, interrupts: &Interrupts) -> anyhow::Result<ExitCode> {
        let shards = self.indexes.of(self.set.find(self.paths.clone())?)?;
        let bytes = shards.iter().map(|shard| shard.path.metadata().map_or(0, |file| file.len()));
        if progress::is_on_terminal() && !stdio::is_quiet() {
            progress::start(vec![bytes.sum()]);
        }
        let watch = |at| interrupts.watch(at);
        let checksums = match self.checksums {
            Policy::Auto => Checksums::Auto,
            Policy::Full => Checksums::Full,
        };
        let options = Options::new().checksums(checksums).salvage(self.salvage);
        let options = options.threads(self.threads).sync(self.sync).progress(&watch);
        let options =
            options.compression(if self.gzip { Compression::Gzip } else { Compression::None });
        let how = match (self.size.shards, self.size.shard_bytes) {
            (Some(shards), _) => tfr_index::Reshard::shards(shards),
            (_, Some(Bytes(bytes))) => tfr_index::Reshard::shard_bytes(bytes),
            (None, None) => refuse("reshard", "give --shards or --shard-bytes"),
        };
        let how = how.name(&self.name).options(options);
        let how = self.shuffle.map_or(how.clone(), |seed| how.shuffle(seed));
        let Resharded { manifest, warnings, .. } = tfr_index::reshard(&shards, &self.output, &how)?;
        progress::end();
        for warning in &warnings {
            let level = if self.salvage { "" } else { "warning: " };
            note(&format_args!("{level}{warning}"));
        }
        if let Some(around) = self.paths.iter().find(|path| is_inside(&self.output, path)) {
            let (output, around) = (name(&self.output), name(around));
            note(&format_args!(
                "note: {output} is in {around}, so {around} now has both data sets"
            ));
        }
        let bytes: u64 = manifest.iter().map(|row| row.bytes).sum();
        let (shards, records) = (count(manifest.len(), "shard"), manifest.total_records());
        let records = count(usize::try_from(records).unwrap_or(usize::MAX), "record");
        stdio::report(&format!("{}: {shards}, {records}, {bytes} bytes\n", name(&self.output)))?;
        Ok(done(if self.salvage { warnings.len() as u64 } else { 0 }))
    }
}

/// Whether a directory is inside another one.
fn is_inside(directory: &Path, around: &Path) -> bool {
    let real = |path: &Path| fs::canonicalize(path).ok();
    let inner = real(directory).filter(|_| around.is_dir());
    inner.zip(real(around)).is_some_and(|(inner, around)| inner.starts_with(around))
}
