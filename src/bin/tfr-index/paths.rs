//! The files that a command line names.

use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::Args;
use tfr_index::internal::{given_twice, list, without_indexes, Skipped};

use crate::refuse;
use crate::shared::stdio::{is_quiet, name, note};
use crate::shared::streams::is_descriptor;

/// The option to search directories.
#[derive(Args, Default)]
pub struct Recursive {
    /// Use the TFRecord files in directories and their subdirectories
    ///
    /// A file counts as a TFRecord file if its name contains tfrec or tfevents or ends like
    /// -00003-of-00010, or if it starts with a header with a valid checksum. Hidden files and symbolic
    /// links to directories are skipped.
    #[arg(short, long)]
    recursive: bool,
}

impl Recursive {
    /// The files of a command line; with --recursive also those in directories. Drops the index of a
    /// file that is also given, because a pattern such as `train*` matches both. Ends the program if a
    /// file is given twice.
    pub fn files(&self, command: &str, given: Vec<PathBuf>) -> anyhow::Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for path in given {
            if !self.recursive || !path.is_dir() {
                files.push(path);
                continue;
            }
            let found = list(&path, true)?;
            if found.data.is_empty() {
                bail!("{}: contains no TFRecord file", path.display());
            }
            // Indexes next to their data are not worth a note.
            report_skipped(&path, Skipped { side_files: 0, ..found.skipped }, "");
            files.extend(found.data);
        }
        Ok(each_once(command, files))
    }
}

/// Drops the index of a file that is also given. Ends the program if a file is given twice.
pub fn each_once(command: &str, files: Vec<PathBuf>) -> Vec<PathBuf> {
    let files = without_indexes(files);
    // For a stream that is given twice, the code that reads it reports the error.
    let named: Vec<_> = files.iter().filter(|file| !is_descriptor(file)).cloned().collect();
    if let Some((one, other)) = given_twice(&named) {
        let (one, other) = (name(one), name(other));
        refuse(
            command,
            match one == other {
                true => format!("{one} is given twice"),
                false => format!("{one} and {other} are the same file; give it once"),
            },
        );
    }
    files
}

/// Prints what was skipped in a directory on stderr, unless --quiet is set.
pub fn report_skipped(directory: &Path, skipped: Skipped, hint: &str) {
    if skipped != Skipped::default() && !is_quiet() {
        note(&format_args!("note: {}: skipped {skipped}{hint}", directory.display()));
    }
}

/// Fails for a directory.
pub fn refuse_directory(path: &Path) -> anyhow::Result<()> {
    if path.is_dir() {
        bail!("{}: is a directory; to use the TFRecord files in it, add -r", path.display());
    }
    Ok(())
}
