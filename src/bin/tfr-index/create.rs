//! `tfr-index create`: creates the indexes of TFRecord files.

mod part;
mod progress;
mod set;

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use tfr_index::{default_index_path, CreateIndexes, Only, Options, Shard, Shards};

use crate::paths::Set;
use crate::policy::Policy;
use crate::shared::create;
use crate::shared::interrupts::Interrupts;
use crate::shared::progress::begin;
use crate::shared::stdio::{self, print};
use crate::shared::streams::{is_descriptor, is_stream};
use crate::{json, output, refuse, remote};
use part::Part;
use set::Said;

/// Create the indexes of TFRecord files
///
/// Each index is written completely or not at all: if a file is damaged, its old index stays. But a
/// stream that was cut at the end of a record looks complete; use `set -o pipefail` so that the shell
/// reports a failure of the command that writes to the pipe.
///
/// A file may be compressed with gzip, zlib or TensorFlow's Snappy. Then a seek file, NAME.seek, is
/// written beside the index, so that any record can be read without decompressing what lies before.
///
/// -, /dev/stdin, /dev/stdout, /dev/fd/N and <(COMMAND) mean the descriptors that the program was
/// started with: it reads and writes there from the current position.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Create {
    /// TFRecord files, directories, patterns and manifests; or a stream (- for stdin), whose index goes
    /// to stdout by default
    #[arg(required_unless_present = "files_from", value_name = "PATH")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    set: Set,
    /// Where to write the index: a file, - for stdout, or a directory [default: where a manifest says
    /// that it is, otherwise FILE.idx]
    ///
    /// OUT is a directory if one exists there, if OUT ends in /, or if there are several files. It is
    /// created if necessary.
    ///
    /// A directory for indexes mirrors the directories of the files.
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,
    /// Which checksums of the files to verify
    #[arg(short, long, value_enum, default_value_t, value_name = "POLICY")]
    checksums: Policy,
    /// Files to work on at once; 0 chooses by the number of processors, and more if storage is slow
    #[arg(short, long, default_value_t, value_name = "N")]
    jobs: usize,
    /// Threads for a large file, if no other file needs them; 0 chooses
    #[arg(short, long, default_value_t, value_name = "N")]
    threads: usize,
    /// Only work on one of N parts of the files: file I, I + N, I + 2N… I is 0 to N - 1
    ///
    /// This divides the work among N processes, such as the tasks of a Slurm array. Each needs the same
    /// paths, and looks for all files.
    #[arg(long, value_name = "I/N")]
    shard: Option<Part>,
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
    /// Change nothing: print which indexes would be created
    #[arg(long)]
    dry_run: bool,
    /// List the files that fail in this file, as --files-from reads it
    #[arg(long, value_name = "LIST")]
    failed: Option<PathBuf>,
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
  tfr-index create --update data                 # all in data that are missing or stale
  tfr-index create -j 32 data --failed bad.txt
  tfr-index create --files-from bad.txt
  tfr-index create --files-from list --shard $SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT
  tfr-index create 'data/*/train@8.tfrecord' -o indexes
  tfr-index create --salvage damaged.tfrecord    # indexes the good records
  tfr-index create --append --growing log.tfrecord
  set -o pipefail  # otherwise the shell hides that zcat failed
  zcat train.tfrecord.gz | tfr-index create - -o my.idx || rm my.idx";

impl Create {
    pub fn run(mut self) -> ExitCode {
        let found = remote::ensure_local(self.output.iter());
        let found = found.and_then(|()| self.set.find(std::mem::take(&mut self.files)));
        let files = match found {
            Ok(files) => files,
            Err(error) => return stdio::fail(&error),
        };
        let has_stream = self.refuse_conflicts(&files);
        let options = Options::new().checksums(self.checksums.into()).threads(self.threads);
        let options = options.salvage(self.salvage).allow_incomplete_tail(self.growing);
        let options = options.resume(self.append).sync(self.sync);
        let is_beside = self.output.is_none();
        let paths = index_paths(&files, self.output.take(), has_stream, self.dry_run);
        let index_paths = match paths {
            Ok(paths) => paths,
            Err(error) => return stdio::fail(&error),
        };
        if let ([file], [index_path]) = (&files[..], &index_paths[..]) {
            if is_stream(&file.path) || is_stream(index_path) {
                if self.shard.is_some() {
                    refuse("create", "--shard needs files, not a stream");
                }
                return self.index_stream(&file.path, index_path, &options);
            }
        }
        let pairs = files.into_iter().zip(index_paths);
        let part = self.shard.unwrap_or_default();
        let shards = part.of(pairs).map(|(shard, index_path)| Shard {
            // Without -o, it is where a manifest says, or beside the file.
            index_path: if is_beside { shard.index_path } else { Some(index_path) },
            path: shard.path,
        });
        let how = CreateIndexes::new().jobs(self.jobs).dry_run(self.dry_run);
        let how = if self.update { how.only(Only::Stale) } else { how };
        let end = self.set.list_end();
        let failed = self.failed.map(|path| (path, end));
        let said = Said { is_beside, json: self.json, failed };
        set::create(&shards.collect(), how, &options, &said)
    }

    /// Ends the program if a stream cannot be indexed as asked. Returns whether there is one.
    fn refuse_conflicts(&self, files: &Shards) -> bool {
        for (is_set, name) in [(self.update, "--update"), (self.append, "--append")] {
            if is_set && self.output.as_deref().is_some_and(is_descriptor) {
                refuse("create", format!("{name} needs an index file, not stdout"));
            }
        }
        // A link to a descriptor is looked for only where a stream is allowed: each look may be a
        // request to a server.
        let has_stream = match &files[..] {
            [file] => is_descriptor(&file.path),
            files => files.iter().any(|file| is_named_descriptor(&file.path)),
        };
        if has_stream && files.len() > 1 {
            output::refuse_streams("create", files);
        }
        if has_stream && (self.salvage || self.update || self.append || self.growing) {
            let message = "--salvage, --update, --append and --growing need a file, not a stream";
            refuse("create", message);
        }
        has_stream
    }

    /// Reads or writes a stream.
    fn index_stream(&self, file: &Path, index_path: &Path, options: &Options<'_>) -> ExitCode {
        if self.dry_run || self.failed.is_some() {
            refuse("create", "--dry-run and --failed need files, not a stream");
        }
        if self.json && is_stream(index_path) {
            let message = "the index and --json cannot both go to stdout: write the index to a \
                           file (-o)";
            refuse("create", message);
        }
        if !self.json {
            begin([file]);
        }
        let interrupts = Interrupts::of_writing([index_path].into_iter());
        let created = create::create(file, index_path, options, self.allow_empty, &interrupts);
        let created = created.map(Some);
        let said = match &created {
            created if self.json => print(&json::outcome(file, index_path, created, false)),
            Ok(Some(created)) => create::report(file, index_path, created),
            _ => Ok(()),
        };
        let exit = created.and_then(|created| {
            said.map(|()| created.map_or(ExitCode::SUCCESS, |created| created.exit()))
        });
        interrupts.end(exit.unwrap_or_else(|error| stdio::fail(&error)))
    }
}

/// Whether the path itself, without links, is that of a descriptor.
fn is_named_descriptor(path: &Path) -> bool {
    let starts = ["/dev/fd", "/dev/stdin", "/dev/stdout", "/dev/stderr"];
    // To compare components takes longer than all else, for thousands of paths: most end otherwise.
    let end = path.as_os_str().as_bytes().last();
    let may_be = matches!(end, Some(b'n' | b't' | b'r' | b'0'..=b'9' | b'-' | b'/' | b'.'));
    let is_below = || starts.iter().any(|start| path.starts_with(start)) && is_descriptor(path);
    may_be && (path == Path::new("-") || is_below())
}

/// The paths of the files' indexes. Creates their directories, unless nothing is to be changed.
fn index_paths(
    files: &Shards,
    output: Option<PathBuf>,
    has_stream: bool,
    dry_run: bool,
) -> anyhow::Result<Vec<PathBuf>> {
    Ok(match output {
        None if has_stream => vec!["/dev/stdout".into()], // a stream is the only file
        None => files.iter().map(Shard::index_path_to_create).collect(),
        Some(path) if path == Path::new("-") && files.len() == 1 => vec!["/dev/stdout".into()],
        Some(path) if output::is_directory(&path, files.len()) => {
            let name = |file: &Path| default_index_path(file.file_name().unwrap_or_default());
            let paths = output::in_directory("create", &path, files, name);
            if !dry_run {
                let path: PathBuf = path.components().collect(); // without a slash at its end
                fs::create_dir_all(&path).with_context(|| path.display().to_string())?;
            }
            paths
        }
        Some(path) => vec![path],
    })
}
