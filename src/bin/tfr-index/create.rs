//! `tfr-index create`: indexes of TFRecord files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use tfr_index::{default_index_path, internal, Only, Options};

use crate::each::for_each;
use crate::paths::{refuse_directory, Recursive};
use crate::policy::Policy;
use crate::shared::create;
use crate::shared::interrupts::Interrupts;
use crate::shared::progress;
use crate::shared::stdio::{self, print};
use crate::shared::streams::{is_descriptor, is_stream};
use crate::{json, output, refuse};

/// Create the indexes of TFRecord files
///
/// Each index is written whole or not at all: when a file is damaged, its old index stays. But a
/// stream that is cut where a record ends looks whole: with `set -o pipefail`, a shell tells that
/// what wrote to the pipe failed.
///
/// -, /dev/stdin, /dev/stdout, /dev/fd/N and <(COMMAND) stand for what the program was started
/// with: it reads and writes there from the current position on.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Create {
    /// TFRecord files, or a stream (- for stdin), whose index goes to stdout by default
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    recursive: Recursive,
    /// Where to write the index: a file, or - for stdout; or a directory, made if need be: a path
    /// that is one, ends in /, or is for several files [default: FILE.idx]
    ///
    /// Files of the same name keep their directories, from the one on that all files share.
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
    /// Make only indexes that are missing or stale, and leave the others as they are
    ///
    /// An index is stale if it is older than its file, or its last record does not end where the file
    /// ends: check looks closer.
    #[arg(short, long)]
    update: bool,
    /// Go on where the index ends, if there is one, with what was appended to the file since
    ///
    /// Of what the index covers, only some headers are looked at again. One with gaps, as
    /// --salvage leaves them, cannot be appended to. One that has all records is not touched.
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
}

const EXAMPLES: &str = "\
Examples:
  tfr-index create train-*.tfrecord              # writes train-….tfrecord.idx beside each
  tfr-index create train.tfrecord -o my.idx
  tfr-index create train-*.tfrecord -o indexes
  tfr-index create train.tfrecord -o - | wc -l
  tfr-index create -r --update data              # all that are missing or stale in it
  tfr-index create --salvage damaged.tfrecord    # indexes what is good
  tfr-index create --append --growing log.tfrecord
  set -o pipefail  # otherwise the shell hides that zcat failed
  zcat train.tfrecord.gz | tfr-index create - -o my.idx || rm my.idx";

impl Create {
    pub fn run(self) -> ExitCode {
        let Create {
            files,
            recursive,
            output,
            checksums,
            threads,
            salvage,
            update,
            append,
            growing,
            allow_empty,
            sync,
            json,
        } = self;
        let files = match recursive.files("create", files) {
            Ok(files) => files,
            Err(error) => return stdio::fail(&error),
        };
        if update && output.as_deref().is_some_and(is_descriptor) {
            refuse("create", "there is nothing to update on stdout");
        }
        if append && output.as_deref().is_some_and(is_descriptor) {
            refuse("create", "there is nothing to append to on stdout");
        }
        let has_stream = files.iter().any(|file| is_descriptor(file));
        if has_stream {
            if files.len() > 1 {
                output::refuse_streams("create", &files);
            }
            if salvage || update || append || growing {
                let takes = "--salvage, --update, --append and --growing take a file, not a stream";
                refuse("create", takes);
            }
        }
        let options = Options::new().checksums(checksums.into()).threads(threads);
        let options = options.salvage(salvage).allow_incomplete_tail(growing);
        let options = options.resume(append).sync(sync);
        let is_beside = output.is_none();
        let index_paths = match index_paths(&files, output, has_stream) {
            Ok(paths) => paths,
            Err(error) => return stdio::fail(&error),
        };
        if json && index_paths.iter().any(|path| is_stream(path)) {
            refuse("create", "the index goes where --json prints");
        }
        if !json {
            progress::begin(&files);
        }
        let interrupts = Interrupts::of_writing(index_paths.iter());
        let begun = files.iter().zip(&index_paths).take_while(|_| !interrupts.heard());
        let mut up_to_date = 0;
        let create = |file: &Path, index_path: &Path| {
            if is_beside {
                create::ensure_place_beside(file, "say where (-o)")?;
            }
            if update && internal::is_up_to_date(file, index_path, Only::Stale, &options)? {
                return Ok(None);
            }
            refuse_directory(file)?;
            create::create(file, index_path, &options, allow_empty, &interrupts).map(Some)
        };
        let exit = for_each(begun, |(file, index_path)| {
            let created = create(file, index_path);
            match (json, &created) {
                (true, _) => print(&json::outcome(file, index_path, &created))?,
                (false, Ok(None)) => up_to_date += 1,
                (false, Ok(Some(created))) => create::tell(file, index_path, created)?,
                (false, Err(_)) => {}
            }
            created.map(|created| created.map_or(ExitCode::SUCCESS, |created| created.exit()))
        });
        interrupts.end(match up_to_date {
            0 => exit,
            count => match stdio::tell(&format!("{count} up to date\n")) {
                Ok(()) => exit,
                Err(error) => stdio::fail(&error),
            },
        })
    }
}

/// Where the files' indexes go; their directories are made.
fn index_paths(
    files: &[PathBuf],
    output: Option<PathBuf>,
    has_stream: bool,
) -> anyhow::Result<Vec<PathBuf>> {
    Ok(match output {
        None if has_stream => vec!["/dev/stdout".into()], // there is no other file
        None => files.iter().map(default_index_path).collect(),
        Some(path) if path == Path::new("-") && files.len() == 1 => vec!["/dev/stdout".into()],
        Some(path) if output::is_directory(&path, files.len()) => {
            let name =
                |file: &Path| default_index_path(file.file_name().unwrap_or_default()).into();
            let paths = output::in_directory("create", &path, files, name);
            for directory in paths.iter().filter_map(|path| path.parent()) {
                let made = fs::create_dir_all(directory);
                made.with_context(|| directory.display().to_string())?;
            }
            paths
        }
        Some(path) => vec![path],
    })
}
