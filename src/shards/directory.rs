//! The TFRecord files of a directory.

use std::fmt;
use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};

use super::indexes::{is_named_as_index, without_indexes};
use crate::error::{Error, Result};
use crate::frame::at::header_at;
use crate::open::open;

/// The files of a directory.
#[derive(Debug, Default)]
pub struct Listing {
    /// The TFRecord files, recognised by their names or their first header.
    pub data: Vec<PathBuf>,
    /// Index files without data beside them.
    pub indexes: Vec<PathBuf>,
    /// Counts of the other files.
    pub skipped: Skipped,
}

/// Counts of files that a [`Listing`] skipped.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Skipped {
    /// Directories that were not listed: all, if the listing is not recursive; otherwise links to
    /// directories.
    pub directories: usize,
    /// Indexes beside their data.
    pub side_files: usize,
    /// Files that are neither data nor indexes, by name and content.
    pub others: usize,
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = [
            (self.directories, "directory", "directories"),
            (self.side_files, "side file", "side files"),
            (self.others, "other file", "other files"),
        ];
        let said = counts
            .iter()
            .filter(|(count, ..)| *count > 0)
            .map(|(count, one, many)| format!("{count} {}", if *count == 1 { one } else { many }));
        f.write_str(&said.collect::<Vec<_>>().join(", "))
    }
}

/// Lists the files of a directory and, if `recursive`, of its subdirectories. Links to directories
/// are not followed. Hidden files and directories, whose names start with a dot, are ignored.
///
/// A file counts as TFRecord if its name contains `tfrec` or `tfevents`, or ends like
/// `-00003-of-00010`, whatever its content: damaged, compressed and empty files must not be skipped
/// silently. Any other file counts if it starts with a header with a valid CRC.
///
/// # Errors
/// If a directory cannot be listed.
pub fn list(directory: &Path, recursive: bool) -> Result<Listing> {
    let mut listing = Listing::default();
    let mut directories = vec![directory.to_owned()];
    while let Some(directory) = directories.pop() {
        list_one(&directory, recursive, &mut listing, &mut directories)
            .map_err(|error| Error::io("list the directory", error).of(&directory))?;
    }
    listing.data.sort();
    listing.indexes.sort();
    Ok(listing)
}

fn list_one(
    directory: &Path,
    recursive: bool,
    listing: &mut Listing,
    directories: &mut Vec<PathBuf>,
) -> io::Result<()> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)?.collect::<io::Result<Vec<DirEntry>>>()? {
        let path = entry.path();
        match entry.file_type()?.is_dir() {
            _ if entry.file_name().to_string_lossy().starts_with('.') => {}
            true if recursive => directories.push(path),
            _ if path.is_dir() => listing.skipped.directories += 1,
            _ if path.is_file() => files.push(path),
            _ => listing.skipped.others += 1,
        }
    }
    let count = files.len();
    let files = without_indexes(files);
    listing.skipped.side_files += count - files.len();
    for path in files {
        if is_named_as_index(&path) {
            listing.indexes.push(path);
        } else if is_named_as_data(&path) || starts_as_data(&path) {
            listing.data.push(path);
        } else {
            listing.skipped.others += 1;
        }
    }
    Ok(())
}

fn is_named_as_data(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let is_number = |text: &str| text.len() > 1 && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_shard = name.rsplit_once("-of-").is_some_and(|(start, count)| {
        is_number(count) && start.rsplit_once('-').is_some_and(|(_, number)| is_number(number))
    });
    is_shard || name.contains("tfrec") || name.contains("tfevents")
}

fn starts_as_data(path: &Path) -> bool {
    let header = open(path).and_then(|data| header_at(&data, 0));
    matches!(header, Ok(Some(header)) if header.crc_holds())
}
