//! Which files a command line means.

use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::Args;
use tfr_index::internal::{given_twice, list, without_indexes, Skipped};

use crate::refuse;
use crate::shared::stdio::{is_quiet, name, note};
use crate::shared::streams::is_descriptor;

/// Whether directories are looked into.
#[derive(Args, Default)]
pub struct Recursive {
    /// Take the TFRecord files in directories, and in those within
    ///
    /// A TFRecord file is one whose name has tfrec or tfevents in it, or ends as in -00003-of-00010;
    /// or that starts with a header whose checksum holds. Hidden files and linked directories do not
    /// count.
    #[arg(short, long)]
    recursive: bool,
}

impl Recursive {
    /// The files that are meant: those that are given, and with --recursive those in directories; of a
    /// file and its index, which a pattern such as `train*` catches too, the file. Ends the program
    /// if one is given twice.
    pub fn files(&self, command: &str, given: Vec<PathBuf>) -> anyhow::Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for path in given {
            if !self.recursive || !path.is_dir() {
                files.push(path);
                continue;
            }
            let found = list(&path, true)?;
            if found.data.is_empty() {
                bail!("{}: no TFRecord file is in it", path.display());
            }
            // Indexes beside their data are where they should be.
            tell_skipped(&path, Skipped { side_files: 0, ..found.skipped }, "");
            files.extend(found.data);
        }
        Ok(each_once(command, files))
    }
}

/// Without the indexes of files that are given, too. Ends the program if a file is given twice.
pub fn each_once(command: &str, files: Vec<PathBuf>) -> Vec<PathBuf> {
    let files = without_indexes(files);
    // A stream that is given twice is read once: who reads it says so.
    let named: Vec<_> = files.iter().filter(|file| !is_descriptor(file)).cloned().collect();
    if let Some((one, other)) = given_twice(&named) {
        let (one, other) = (name(one), name(other));
        refuse(
            command,
            match one == other {
                true => format!("{one} is given twice"),
                false => format!("{one} and {other} are one file: give it once"),
            },
        );
    }
    files
}

/// Says on stderr what in a directory is not looked at, unless the user wants it quiet.
pub fn tell_skipped(directory: &Path, skipped: Skipped, hint: &str) {
    if skipped != Skipped::default() && !is_quiet() {
        note(&format_args!("note: {}: skipped {skipped}{hint}", directory.display()));
    }
}

/// An error for a directory.
pub fn refuse_directory(path: &Path) -> anyhow::Result<()> {
    if path.is_dir() {
        bail!("{}: is a directory; -r takes the TFRecord files in it", path.display());
    }
    Ok(())
}
