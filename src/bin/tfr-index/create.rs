//! `tfr-index create`: creates the indexes of TFRecord files.

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
/// Each index is written completely or not at all: if a file is damaged, its old index stays. But a
/// stream that was cut at the end of a record looks complete; use `set -o pipefail` so that the shell
/// reports a failure of the command that writes to the pipe.
///
/// -, /dev/stdin, /dev/stdout, /dev/fd/N and <(COMMAND) mean the descriptors that the program was
/// started with: it reads and writes there from the current position.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Create {
    /// TFRecord files, or a stream (- for stdin), whose index goes to stdout by default
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    recursive: Recursive,
    /// Where to write the index: a file, - for stdout, or a directory [default: FILE.idx]
    ///
    /// OUT is a directory if one exists there, if OUT ends in /, or if there are several files. It is
    /// created if necessary.
    ///
    /// If files have the same name, the indexes keep the files' paths below their common directory.
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,
    /// Which checksums of the files to verify
    #[arg(short, long, value_enum, default_value_t, value_name = "POLICY")]
    checksums: Policy,
    /// Threads for each file; 0 chooses by the file and the number of processors
    #[arg(short, long, default_value_t, value_name = "N")]
    threads: usize,
    /// Skip damage instead of failing: the index contains the good records
    ///
    /// Prints each damaged region on stderr. The exit status is 3 if there is any.
    #[arg(long)]
    salvage: bool,
    /// Create only indexes that are missing or stale
    ///
    /// An index is stale if it is older than its file, or if its last record does not end where the
    /// file ends. The check command is more thorough.
    #[arg(short, long)]
    update: bool,
    /// Continue an existing index with the records that were appended to the file since
    ///
    /// This reads only some headers of the part that the index covers. An index with gaps, such as one
    /// of --salvage, cannot be continued. An index that already has all records stays untouched.
    #[arg(long)]
    append: bool,
    /// Skip an incomplete record at the end, which is still being written, instead of failing
    #[arg(long)]
    growing: bool,
    /// Accept an empty stream as a file without records
    ///
    /// By default this is an error, because a pipe is also empty if the command that writes to it
    /// fails.
    #[arg(long)]
    allow_empty: bool,
    /// Flush each index to the storage device (fsync)
    ///
    /// Without it, a system crash or power cut may leave an empty or incomplete index.
    #[arg(long)]
    sync: bool,
    /// Print a JSON object for each file on stdout
    ///
    /// If a path is not UTF-8, path and index approximate it, and path_bytes and index_bytes have its
    /// bytes in Base64.
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  tfr-index create train-*.tfrecord              # writes train-….tfrecord.idx next to each
  tfr-index create train.tfrecord -o my.idx
  tfr-index create train-*.tfrecord -o indexes
  tfr-index create train.tfrecord -o - | wc -l
  tfr-index create -r --update data              # all in data that are missing or stale
  tfr-index create --salvage damaged.tfrecord    # indexes the good records
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
            refuse("create", "--update needs an index file, not stdout");
        }
        if append && output.as_deref().is_some_and(is_descriptor) {
            refuse("create", "--append needs an index file, not stdout");
        }
        let has_stream = files.iter().any(|file| is_descriptor(file));
        if has_stream {
            if files.len() > 1 {
                output::refuse_streams("create", &files);
            }
            if salvage || update || append || growing {
                let message =
                    "--salvage, --update, --append and --growing need a file, not a stream";
                refuse("create", message);
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
            refuse(
                "create",
                "the index and --json cannot both go to stdout: write the index to a file (-o)",
            );
        }
        if !json {
            progress::begin(&files);
        }
        let interrupts = Interrupts::of_writing(index_paths.iter());
        let begun = files.iter().zip(&index_paths).take_while(|_| !interrupts.caught());
        let mut up_to_date = 0;
        let create = |file: &Path, index_path: &Path| {
            if is_beside {
                create::ensure_place_beside(file, "give a path with -o")?;
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
                (false, Ok(Some(created))) => create::report(file, index_path, created)?,
                (false, Err(_)) => {}
            }
            created.map(|created| created.map_or(ExitCode::SUCCESS, |created| created.exit()))
        });
        interrupts.end(match up_to_date {
            0 => exit,
            count => match stdio::report(&format!("{count} up to date\n")) {
                Ok(()) => exit,
                Err(error) => stdio::fail(&error),
            },
        })
    }
}

/// The paths of the files' indexes. Creates their directories.
fn index_paths(
    files: &[PathBuf],
    output: Option<PathBuf>,
    has_stream: bool,
) -> anyhow::Result<Vec<PathBuf>> {
    Ok(match output {
        None if has_stream => vec!["/dev/stdout".into()], // a stream is the only file
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
