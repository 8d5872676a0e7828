//! The files that a command line names.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use anyhow::{bail, Context};
use clap::Args;
use tfr_index::{FindShards, Shards};

use crate::shared::stdio::{is_quiet, note};

/// The options that say which files paths stand for.
#[derive(Args, Default)]
pub struct Set {
    /// Use the files in directories whose names match, such as '*.tfr'
    ///
    /// By default, these are the files whose names contain tfrec or tfevents or end like
    /// -00003-of-00010, and those that start with a header with a valid checksum.
    #[arg(long, value_name = "PATTERN")]
    pattern: Option<String>,
    /// Read more paths from a file, one per line, or from stdin (-)
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

    /// As [`find`](Self::find), for a command that says more of a set that lacks files. Returns
    /// whether it must fail, too.
    pub fn find_present(&self, given: Vec<PathBuf>) -> anyhow::Result<(Shards, bool)> {
        let shards = self.find_as(given, &self.options().allow_missing(true))?;
        let fails = !self.allow_missing && !shards.incomplete().is_empty();
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

    fn find_as(&self, mut given: Vec<PathBuf>, options: &FindShards) -> anyhow::Result<Shards> {
        if let Some(list) = &self.files_from {
            given.extend(paths_in(list, self.list_end())?);
        }
        let shards = Shards::find(given, options)?;
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

/// The paths in a list, each of which ends with `end`.
fn paths_in(list: &Path, end: u8) -> anyhow::Result<Vec<PathBuf>> {
    let mut text = Vec::new();
    let read = match list == Path::new("-") {
        true => io::stdin().lock().read_to_end(&mut text).map(drop),
        false => fs::read(list).map(|bytes| text = bytes),
    };
    read.with_context(|| list.display().to_string())?;
    let paths = text.split(|byte| *byte == end).filter(|path| !path.is_empty());
    Ok(paths.map(|path| OsStr::from_bytes(path).into()).collect())
}

/// The paths of shards.
pub fn paths(shards: &Shards) -> Vec<PathBuf> {
    shards.iter().map(|shard| shard.path.clone()).collect()
}

/// Fails for a directory.
pub fn refuse_directory(path: &Path) -> anyhow::Result<()> {
    if path.is_dir() {
        bail!("{}: is a directory; give a file", path.display());
    }
    Ok(())
}
