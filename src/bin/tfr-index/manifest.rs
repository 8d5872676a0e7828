//! `tfr-index manifest`: writes the manifest of a data set.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{anyhow, bail};
use clap::Args;
use serde_json::json;
use tfr_index::internal::ensure_manifest;
use tfr_index::{Changes, Error, Manifest, Options, Shards};

use crate::paths::{Indexes, Set};
use crate::policy::Policy;
use crate::shared::interrupts::Interrupts;
use crate::shared::progress;
use crate::shared::stdio::{self, count, name, print};
use crate::shared::streams::is_descriptor;
use crate::watched::{records, Watched};
use crate::{json, refuse, remote};

/// Write the manifest of a data set: its files, and how many records each has
///
/// A program that reads the manifest knows the length of the set without opening a file. The numbers
/// come from the indexes; a file without one beside it is scanned, and no index is written. Create the
/// indexes first.
///
/// The manifest names its files relative to itself, so that the directory of both can be moved. It is
/// written completely or not at all.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct WriteManifest {
    /// TFRecord files, directories, patterns, or another manifest [default with --refresh: the files in
    /// the manifest]
    #[arg(required_unless_present_any = ["refresh", "files_from"], value_name = "PATH")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    set: Set,
    #[command(flatten)]
    indexes: Indexes,
    /// The manifest to write
    #[arg(short, long, value_name = "MANIFEST")]
    output: PathBuf,
    /// Bring an existing manifest up to date: count only what changed, and print it
    #[arg(long)]
    refresh: bool,
    /// Take the numbers of records of a split from the dataset_info.json of TensorFlow Datasets (TFDS) in
    /// the directory PATH, such as train
    #[arg(long, value_name = "NAME", conflicts_with_all = ["refresh", "allow_missing", "pattern", "files_from", "index"])]
    split: Option<String>,
    /// Also write NAME-info.json next to the files, from which tfds.folder_dataset.write_metadata makes
    /// the dataset_info.json of a set with the split NAME
    #[arg(long, value_name = "NAME")]
    tfds: Option<String>,
    /// Which checksums to verify of files that are scanned
    #[arg(short, long, value_enum, default_value_t, value_name = "POLICY")]
    checksums: Policy,
    /// How many files to count at the same time; 0 chooses
    #[arg(short, long, default_value_t, value_name = "N")]
    threads: usize,
    /// Print a JSON object with the numbers of shards, records and bytes, and the changes
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  tfr-index create --update data
  tfr-index manifest data -o data/train.manifest.json
  tfr-index manifest data -i indexes -o train.manifest.json
  tfr-index manifest data -o data/train.manifest.json --refresh
  tfr-index manifest mnist/3.0.1 --split train -o train.manifest.json";

impl WriteManifest {
    pub fn run(self) -> ExitCode {
        if self.output == Path::new("-") || is_descriptor(&self.output) {
            let why = "names its files relative to itself, so it needs a file: give its path";
            refuse("manifest", format_args!("a manifest {why}"));
        }
        let interrupts = Interrupts::listen();
        interrupts.end(match self.write(&interrupts) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) if interrupts.caught() => {
                let output = self.output.display();
                stdio::fail(&format_args!("{output}: interrupted, nothing was written"))
            }
            Err(error) => stdio::fail(&error),
        })
    }

    fn write(&self, interrupts: &Interrupts) -> anyhow::Result<()> {
        remote::ensure_local(self.files.iter().chain([&self.output]))?;
        let old = self.old()?;
        let watched = Watched::begin(self.json);
        let watch = |at| watched.show(at, interrupts);
        let options = Options::new().checksums(self.checksums.into()).threads(self.threads);
        let options = options.progress(&watch);
        let (manifest, changes) = match (&self.split, old) {
            (Some(split), _) => {
                let [directory] = &self.files[..] else {
                    bail!("--split needs one directory, with a dataset_info.json");
                };
                (Manifest::from_tfds(directory, split, &options)?, None)
            }
            (None, Some(mut manifest)) => {
                let given = match self.has_files() {
                    true => self.files.clone(),
                    false => vec![self.output.clone()],
                };
                let refreshed = manifest.refresh(&self.find(given)?, &options);
                (manifest, Some(refreshed.map_err(|error| self.explain(error))?))
            }
            (None, None) => (Manifest::build(&self.find(self.files.clone())?, &options)?, None),
        };
        progress::end();
        if !changes.as_ref().is_some_and(Changes::is_empty) {
            manifest.write(&self.output)?;
        }
        if let Some(split) = &self.tfds {
            let directory = manifest.first().and_then(|row| row.path.parent());
            manifest.write_tfds(directory.unwrap_or(Path::new("")), split)?;
        }
        self.report(&manifest, changes)
    }

    fn find(&self, paths: Vec<PathBuf>) -> anyhow::Result<Shards> {
        self.indexes.of(self.set.find(paths)?)
    }

    /// The error of a refresh, with what to do if a file of the manifest is missing.
    fn explain(&self, error: Error) -> anyhow::Error {
        match error.os_error() {
            Some(libc::ENOENT) if !self.has_files() && !self.indexes.are_given() => anyhow!(
                "{error}; {} lists this shard: give the paths of the set again, or use \
                 --allow-missing",
                name(&self.output)
            ),
            _ => error.into(),
        }
    }

    fn has_files(&self) -> bool {
        !self.files.is_empty() || self.set.has_list()
    }

    /// The manifest to refresh. Fails if the file that would be replaced is not a manifest.
    fn old(&self) -> anyhow::Result<Option<Manifest>> {
        ensure_manifest(&self.output)?;
        if !self.refresh {
            return Ok(None);
        }
        match Manifest::read(&self.output) {
            Ok(old) => Ok(Some(old)),
            Err(error) if error.os_error() == Some(libc::ENOENT) && self.has_files() => Ok(None),
            Err(error) if error.os_error() == Some(libc::ENOENT) => {
                bail!("{}: there is no manifest to refresh: give its files", name(&self.output))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn report(&self, manifest: &Manifest, changes: Option<Changes>) -> anyhow::Result<()> {
        let was_there = changes.is_some();
        let changes = changes.unwrap_or_default();
        if self.json {
            let bytes: u64 = manifest.iter().map(|row| row.bytes).sum();
            let names = |paths: &[PathBuf]| {
                let names = paths.iter().map(|path| path.to_string_lossy().into_owned());
                names.collect::<Vec<_>>()
            };
            let object = json!({
                "shards": manifest.len(),
                "records": manifest.total_records(),
                "bytes": bytes,
                "added": names(&changes.added),
                "changed": names(&changes.changed),
                "gone": names(&changes.gone),
                "indexed": names(&changes.indexed),
                "reordered": changes.reordered,
            });
            return print(&json::line(&[("path", Some(&self.output))], object));
        }
        let mut text = String::new();
        let Changes { added, changed, gone, indexed, .. } = &changes;
        for (what, paths) in
            [("added", added), ("changed", changed), ("gone", gone), ("indexed", indexed)]
        {
            for path in paths {
                text += &format!("{what}: {}\n", name(path));
            }
        }
        text += &format!(
            "{}: {} in {}",
            name(&self.output),
            records(manifest.total_records()),
            count(manifest.len(), "shard")
        );
        text += match () {
            _ if !was_there => "\n",
            _ if changes.is_empty() => ", up to date\n",
            _ if changes.reordered => ", reordered\n",
            () => ", refreshed\n",
        };
        stdio::report(&text)
    }
}
