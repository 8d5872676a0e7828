//! The files that a command line names.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use anyhow::{bail, Context};
use clap::Args;
use tfr_index::internal::{find_listed, Comparison};
use tfr_index::{FindShards, Options, Shards};

use crate::remote;
use crate::shared::salvage::DamageReport;
use crate::shared::stdio::{is_quiet, name, note};

/// The option that says where the indexes of files are.
#[derive(Args)]
pub struct Indexes {
    /// A directory with an index for each file, under the files' paths below their common directory
    #[arg(short, long, value_name = "DIR")]
    index: Option<PathBuf>,
}

impl Indexes {
    /// Whether the option is given.
    pub fn are_given(&self) -> bool {
        self.index.is_some()
    }

    /// The files, with their indexes in the directory, if one is given.
    pub fn of(&self, mut shards: Shards) -> anyhow::Result<Shards> {
        if let Some(directory) = &self.index {
            let metadata = directory.metadata().with_context(|| name(directory))?;
            if !metadata.is_dir() {
                bail!("{}: is not a directory of indexes", name(directory));
            }
            shards.set_index_dir(directory);
        }
        Ok(shards)
    }
}

/// The options that say which files paths stand for.
#[derive(Args, Default)]
pub struct Set {
    /// Use the files in directories whose names match, such as '*.tfr'
    ///
    /// By default, these are the files whose names contain tfrec or tfevents or end like
    /// -00003-of-00010, and those that start with a header with a valid checksum.
    #[arg(long, value_name = "PATTERN")]
    pattern: Option<String>,
    /// Read more paths from a file, one per line, or from stdin (-). Lines may end with CR LF
    #[arg(long, value_name = "LIST")]
    files_from: Option<PathBuf>,
    /// Paths in lists end with NUL bytes, as those of find -print0
    #[arg(short = '0', long)]
    null: bool,
    /// Accept a set that lacks files, such as train-00003-of-00008
    #[arg(long)]
    allow_missing: bool,
}

impl Set {
    /// The files that the paths stand for.
    pub fn find(&self, given: Vec<PathBuf>) -> anyhow::Result<Shards> {
        self.find_as(given, &self.options().allow_missing(self.allow_missing))
    }

    /// As [`find`](Self::find). Fails if a file is not what a manifest says of it.
    pub fn find_as_listed(&self, given: Vec<PathBuf>) -> anyhow::Result<Shards> {
        let shards = self.find(given)?;
        let comparison = Comparison::new(&shards);
        for shard in 0..shards.len() {
            comparison.ensure_as_listed(shard, None, &Options::new())?;
        }
        Ok(shards)
    }

    /// As [`find`](Self::find), for a command that says more of a set that lacks files. Returns
    /// whether it must fail, too. Files of a manifest that are missing stay in the set, unless that is
    /// allowed.
    pub fn find_present(&self, given: Vec<PathBuf>) -> anyhow::Result<(Shards, bool)> {
        if self.allow_missing {
            return Ok((self.find(given)?, false));
        }
        let (given, stdin) = self.with_list(given)?;
        let shards = self.local(find_listed(given, &self.options())?, stdin.as_deref())?;
        let fails = !shards.incomplete().is_empty();
        Ok((shards, fails))
    }

    /// As [`find`](Self::find), but a file may be given twice.
    pub fn find_repeated(&self, given: Vec<PathBuf>) -> anyhow::Result<Shards> {
        let options = self.options().allow_missing(self.allow_missing).allow_repeated(true);
        self.find_as(given, &options)
    }

    /// Whether there are paths in a list.
    pub fn has_list(&self) -> bool {
        self.files_from.is_some()
    }

    /// The byte after each path of a list.
    pub fn list_end(&self) -> u8 {
        if self.null {
            0
        } else {
            b'\n'
        }
    }

    fn options(&self) -> FindShards {
        match &self.pattern {
            Some(pattern) => FindShards::new().pattern(pattern),
            None => FindShards::new(),
        }
    }

    fn find_as(&self, given: Vec<PathBuf>, options: &FindShards) -> anyhow::Result<Shards> {
        let (given, stdin) = self.with_list(given)?;
        self.local(Shards::find(given, options)?, stdin.as_deref())
    }

    /// The paths, and those of the list; and what stdin had, if that is the list. If a path is a URL,
    /// the process becomes one of Python.
    fn with_list(
        &self,
        mut given: Vec<PathBuf>,
    ) -> anyhow::Result<(Vec<PathBuf>, Option<Vec<u8>>)> {
        let mut stdin = None;
        if let Some(list) = &self.files_from {
            let text = list_text(list)?;
            given.extend(paths_in(&text, self.list_end()));
            stdin = (list == Path::new("-")).then_some(text);
        }
        if let Some(url) = remote::find(given.iter()) {
            remote::hand_over(url, stdin.as_deref())?;
        }
        Ok((given, stdin))
    }

    /// The files, after printing what there is to say of them. If a manifest lists URLs, the process
    /// becomes one of Python.
    fn local(&self, shards: Shards, stdin: Option<&[u8]>) -> anyhow::Result<Shards> {
        if let Some(url) = remote::find(shards.iter().map(|shard| &shard.path)) {
            remote::hand_over(url, stdin)?;
        }
        let level = if self.allow_missing { "note" } else { "error" };
        for message in shards.incomplete() {
            note(&format_args!("{level}: {message}"));
        }
        for message in shards.notes().iter().filter(|_| !is_quiet()) {
            note(&format_args!("note: {message}"));
        }
        Ok(shards)
    }
}

fn list_text(list: &Path) -> anyhow::Result<Vec<u8>> {
    let mut text = Vec::new();
    let read = match list == Path::new("-") {
        true => io::stdin().lock().read_to_end(&mut text).map(drop),
        false => fs::read(list).map(|bytes| text = bytes),
    };
    read.with_context(|| list.display().to_string())?;
    Ok(text)
}

/// The paths in a list, each of which ends with `end`.
fn paths_in(text: &[u8], end: u8) -> impl Iterator<Item = PathBuf> + '_ {
    let paths = text.split(move |byte| *byte == end);
    let paths = paths.map(move |path| match end {
        b'\n' => path.strip_suffix(b"\r").unwrap_or(path),
        _ => path,
    });
    let paths = paths.filter(|path| !path.is_empty());
    paths.map(|path| OsStr::from_bytes(path).into())
}

/// The paths of shards.
pub fn paths(shards: &Shards) -> Vec<PathBuf> {
    shards.iter().map(|shard| shard.path.clone()).collect()
}

/// What to add to a total line if the files have other numbers of records than a manifest says.
pub fn listed(comparison: &Comparison<'_>, records: Option<u64>) -> String {
    let listed = comparison.listed_records().filter(|listed| records != Some(*listed));
    match listed.zip(comparison.list_name()) {
        Some((listed, list)) => format!("; {list} lists {listed} records"),
        None => String::new(),
    }
}

/// Prints how many records of a file are left, if that is not what a manifest says. It counts as damage.
pub fn report_lost(
    comparison: &Comparison<'_>,
    number: usize,
    records: usize,
    damaged: &DamageReport,
) {
    if let Err(error) = comparison.ensure_count(number, records as u64) {
        damaged.count();
        note(&error);
    }
}

/// Fails for a directory.
pub fn refuse_directory(path: &Path) -> anyhow::Result<()> {
    if path.is_dir() {
        bail!("{}: is a directory; give a file", path.display());
    }
    Ok(())
}
