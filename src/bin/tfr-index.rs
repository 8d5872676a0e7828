//! `tfr-index`: create and look at indexes of TFRecord files.

mod check;
mod cli;
mod edit;
mod generate;
mod get;
mod input;
mod json;
mod locate;
mod output;
mod show;
mod stdin;
mod stdio;

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use check::Level;
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand, ValueEnum};
use cli::{Interrupts, LeaveOut};
use edit::Edit;
use generate::Generate;
use get::Get;
use locate::Locate;
use show::Look;
use stdio::print;
use tfr_index::{default_index_path, Checksums, Options};

/// Indexes for TFRecord files: where each record starts and how large it is.
///
/// An index is a text file with a line "OFFSET SIZE" for each record, as NVIDIA DALI reads it.
/// SIZE is that of the whole frame: the payload is the SIZE - 16 bytes from OFFSET + 12.
#[derive(Parser)]
#[command(version, after_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  tfr-index create train-*.tfrecord          # write train-….tfrecord.idx beside each
  tfr-index create train.tfrecord -o my.idx  # say where
  tfr-index create --checksums full *.tfrecord
  tfr-index create --salvage damaged.tfrecord      # index what is good
  tfr-index create --append --growing log.tfrecord # index what was written since
  tfr-index show train.tfrecord              # how many records, how large
  tfr-index ls train-*.tfrecord              # a line for each; has it an index?
  tfr-index read train.tfrecord.idx | sed -n 43p   # where record 42 is
  tfr-index create train.tfrecord -o - | wc -l
  set -o pipefail  # or the shell hides that zcat failed
  zcat train.tfrecord.gz | tfr-index create - -o my.idx || rm my.idx
  tfr-index check train-*.tfrecord           # does train-….tfrecord.idx fit each?
  tfr-index check train.tfrecord my.idx      # does this one?
  tfr-index check a.tfrecord b.tfrecord --index idx/a.idx idx/b.idx
  tfr-index locate train.tfrecord 9132       # TensorFlow says: corrupted record at 9132
  tfr-index get train.tfrecord 42 -o record  # its payload
  tfr-index cat train.tfrecord 0-9 --frames -o small.tfrecord
  tfr-index shuffle train.tfrecord --seed 7 -o epoch7.idx
  tfr-index shard train-*.tfrecord --world 4 -o shards # shards/0/train-….tfrecord.idx, …

Exit status: 0 done, 1 a file failed or lacks a record (the others are done), 2 wrong command line,
3 done, but for damage that was left out (--salvage).";

#[derive(Subcommand)]
enum Command {
    /// Create the indexes of TFRecord files
    ///
    /// Each index is written whole or not at all: when a file is damaged, its old index stays. But a
    /// stream that is cut where a record ends looks whole: with `set -o pipefail`, a shell tells that
    /// what wrote to the pipe failed.
    ///
    /// -, /dev/stdin, /dev/stdout, /dev/fd/N and <(COMMAND) stand for what the program was started
    /// with: it reads and writes there from the current position on.
    Create {
        /// TFRecord files, or a stream (- for stdin), whose index goes to stdout by default
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Where to write the index: a file, or - for stdout; or a folder, made if need be: one that
        /// is there, ends in /, or is for several files [default: FILE.idx]
        #[arg(short, long, value_name = "OUT")]
        output: Option<PathBuf>,
        /// Which checksums the files are held to
        #[arg(short, long, value_enum, default_value_t, value_name = "POLICY")]
        checksums: Policy,
        /// Threads that walk each file; 0 decides by the file and the processors
        #[arg(short, long, default_value_t, value_name = "N")]
        threads: usize,
        /// Leave damage out instead of failing: the index has the good records
        ///
        /// Each damaged region is named on stderr, and the exit status is 3 if there is any.
        #[arg(long)]
        salvage: bool,
        /// Go on where the index ends, if there is one, with what was appended to the file since
        ///
        /// Of what the index covers, only some headers are looked at again. One with gaps, as
        /// --salvage leaves them, cannot be appended to.
        #[arg(long)]
        append: bool,
        /// Leave a record at the end that is not whole yet for next time, instead of failing
        #[arg(long)]
        growing: bool,
        /// Take a stream of no bytes for a file of no records
        ///
        /// By default this is an error: nothing comes from a pipe, either, when what should write to
        /// it fails.
        #[arg(long)]
        allow_empty: bool,
        /// Wait until each index is on the medium (fsync)
        ///
        /// Without it, a crash of the system or a power cut may leave an empty index, or a part.
        #[arg(long)]
        sync: bool,
        /// Print a JSON object for each file on stdout
        ///
        /// Names that are not UTF-8 are there twice: path and index approximate them, path_bytes and
        /// index_bytes are their bytes in Base64.
        #[arg(long)]
        json: bool,
    },
    /// Check that indexes fit their TFRecord files
    ///
    /// An index may select, reorder and repeat records, and leave out damage. One that is stale,
    /// another file's, or out of place among others, is named; so is one that leaves out valid
    /// records, unless it is named here or --allow-partial says that it is meant so.
    #[command(override_usage = "tfr-index check [OPTIONS] <FILE>... [--index <INDEX>...]")]
    Check {
        /// TFRecord files; or one, and its index, whose name ends in .idx
        #[arg(required = true, value_name = "FILE", value_parser = input::data_file())]
        files: Vec<PathBuf>,
        /// Their indexes, in the same order, or - for stdin [default: FILE.idx for each]
        #[arg(short, long = "index", num_args = 1.., value_name = "INDEX")]
        indexes: Vec<PathBuf>,
        /// How much of each file is read
        #[arg(short, long, value_enum, default_value_t, value_name = "LEVEL")]
        level: Level,
        /// Accept an index that leaves out valid records, such as all after the first ones
        #[arg(long)]
        allow_partial: bool,
        /// Whether the length checksums must hold; --level decides about those of payloads
        #[arg(short, long, value_enum, default_value_t, value_name = "POLICY")]
        checksums: Policy,
        /// Threads that check each file; 0 decides by the processors
        #[arg(short, long, default_value_t, value_name = "N")]
        threads: usize,
        /// Print a JSON object for each file
        #[arg(long)]
        json: bool,
    },
    /// Say which record a byte of a TFRecord file is in, and whether its checksums hold
    ///
    /// TensorFlow names a byte when it finds a corrupted record: where the record starts if the
    /// checksum of its length does not hold, 12 bytes on if it is that of its payload.
    Locate(Locate),
    /// Check index files and print their entries, a line "OFFSET SIZE" for each record
    Read {
        /// Index files, or - for stdin
        #[arg(required = true, value_name = "INDEX")]
        indexes: Vec<PathBuf>,
    },
    #[command(flatten)]
    Look(Look),
    #[command(flatten)]
    Get(Get),
    #[command(flatten)]
    Edit(Edit),
    /// Make manual pages and completions, to install them
    #[command(subcommand, hide = true)]
    Generate(Generate),
}

/// [`Checksums`], for the command line.
#[derive(Clone, Copy, Default, ValueEnum)]
enum Policy {
    /// Length checksums, unless the file was written without true ones
    #[default]
    Auto,
    /// No checksum, only the structure
    None,
    /// Every length checksum
    Length,
    /// Every length and payload checksum; reads all of the file
    Full,
}

impl From<Policy> for Checksums {
    fn from(policy: Policy) -> Checksums {
        match policy {
            Policy::Auto => Checksums::Auto,
            Policy::None => Checksums::None,
            Policy::Length => Checksums::Length,
            Policy::Full => Checksums::Full,
        }
    }
}

fn main() -> ExitCode {
    match stdio::parse::<Arguments>().command {
        Command::Create {
            files,
            output,
            checksums,
            threads,
            salvage,
            append,
            growing,
            allow_empty,
            sync,
            json,
        } => {
            if append && output.as_deref().is_some_and(cli::is_descriptor) {
                refuse("create", "there is nothing to append to on stdout");
            }
            if files.iter().any(|file| cli::is_descriptor(file)) {
                if files.len() > 1 {
                    output::refuse_streams("create", &files);
                }
                if salvage || append || growing {
                    let takes = "--salvage, --append and --growing take a file, not a stream";
                    refuse("create", takes);
                }
            }
            let options = Options::new().checksums(checksums.into()).threads(threads);
            let options = options.append(append).sync(sync);
            let leave_out = LeaveOut { damage: salvage, rest: growing, all: allow_empty };
            let index_paths = match index_paths(&files, output) {
                Ok(paths) => paths,
                Err(error) => return cli::fail(&error),
            };
            if json && index_paths.iter().any(|path| cli::is_stream(path)) {
                refuse("create", "the index goes where --json prints");
            }
            let interrupts = Interrupts::of_writing(index_paths.iter());
            let begun = files.iter().zip(&index_paths).take_while(|_| !interrupts.heard());
            interrupts.end(for_each(begun, |(file, index_path)| {
                let created = cli::create(file, index_path, &options, leave_out, &interrupts);
                match (json, &created) {
                    (true, _) => print(&json::outcome(file, index_path, &created))?,
                    (false, Ok(created)) => cli::tell(file, index_path, created)?,
                    (false, Err(_)) => {}
                }
                created.map(|created| created.exit())
            }))
        }
        Command::Check {
            mut files,
            mut indexes,
            level,
            allow_partial,
            checksums,
            threads,
            json,
        } => {
            let is_index = |path: &PathBuf| path.extension().is_some_and(|end| end == "idx");
            if indexes.is_empty() && files.len() == 2 && is_index(&files[1]) {
                indexes = files.split_off(1);
            }
            let takes_partial = allow_partial || !indexes.is_empty();
            if indexes.is_empty() {
                // `check *` names them, too.
                let defaults: HashSet<_> = files.iter().map(default_index_path).collect();
                files.retain(|file| !defaults.contains(file));
                indexes = files.iter().map(default_index_path).collect();
            }
            let options = Options::new().checksums(checksums.into()).threads(threads);
            let options = options.allow_partial(allow_partial);
            check::check(&files, &indexes, level, &options, takes_partial, json)
        }
        Command::Locate(locate) => for_each([locate], |locate| locate.run()),
        Command::Read { indexes } => {
            for_each(&indexes, |path| done(print(&input::index_file(path)?.to_text()?)))
        }
        Command::Look(command) => show::look(command),
        Command::Get(command) => get::get(command),
        Command::Edit(command) => edit::edit(command),
        Command::Generate(what) => {
            for_each([what], |what| done(print(&generate::generate(what, Arguments::command())?)))
        }
    }
}

/// Does all of the work; says what failed. That counts more than what was not whole.
fn for_each<T>(
    items: impl IntoIterator<Item = T>,
    work: impl Fn(T) -> anyhow::Result<ExitCode>,
) -> ExitCode {
    let (mut failed, mut exit) = (false, ExitCode::SUCCESS);
    for item in items {
        match work(item) {
            Ok(code) if code != ExitCode::SUCCESS => exit = code,
            Ok(_) => {}
            Err(error) => {
                cli::fail(&error);
                failed = true;
            }
        }
    }
    if failed {
        ExitCode::FAILURE
    } else {
        exit
    }
}

fn done(result: anyhow::Result<()>) -> anyhow::Result<ExitCode> {
    result.map(|()| ExitCode::SUCCESS)
}

/// Where the files' indexes go; their folder is made.
fn index_paths(files: &[PathBuf], output: Option<PathBuf>) -> anyhow::Result<Vec<PathBuf>> {
    Ok(match output {
        None => files.iter().map(|file| cli::index_path(file)).collect(),
        Some(path) if path == Path::new("-") && files.len() == 1 => vec!["/dev/stdout".into()],
        Some(path) if output::is_folder(&path, files.len()) => {
            let name =
                |file: &Path| default_index_path(file.file_name().unwrap_or_default()).into();
            let paths = output::in_folder("create", &path, files, name);
            fs::create_dir_all(&path).with_context(|| path.display().to_string())?;
            paths
        }
        Some(path) => vec![path],
    })
}

/// Ends the program because of its command line.
fn refuse(subcommand: &str, message: impl std::fmt::Display) -> ! {
    let mut command = Arguments::command();
    let command = command.find_subcommand_mut(subcommand).expect("declared");
    let mut command = command.clone().bin_name(format!("tfr-index {subcommand}"));
    command.error(ErrorKind::ValueValidation, message).exit()
}
