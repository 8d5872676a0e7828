//! The TFRecord files of a directory.

use std::ffi::OsStr;
use std::fmt;
use std::fs::{self, DirEntry};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::braces;
use super::glob::{sort, Name};
use super::indexes::{is_named_as_index, is_named_as_seek_file, remove_indexes};
use super::members::is_named_as_member;
use crate::catalog::{is_named_as_manifest, tfds};
use crate::error::{Error, ErrorKind, Result};
use crate::frame::at::header_at;
use crate::open::open;

/// Which names of files in a directory are those of data.
#[derive(Debug, Clone)]
pub enum Names {
    /// Names that contain `tfrec` or `tfevents` or end like `-00003-of-00010`; and others, if the file
    /// starts with a header with a valid CRC.
    Data,
    /// Names that match one of these patterns.
    Matching(Patterns),
}

/// Patterns of names.
#[derive(Debug, Clone)]
pub struct Patterns(Vec<Name>);

impl Names {
    /// Names that match a pattern with wildcards and braces.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if it is no pattern of names.
    pub fn matching(pattern: &str) -> Result<Names> {
        let refuse =
            |why: &str| Error::new(ErrorKind::InvalidArgument, format!("pattern {pattern}: {why}"));
        if pattern.contains('/') || pattern.is_empty() {
            return Err(refuse(
                "it is matched with names of files, without directories: use a pattern such as \
                 *.tfrecord here, or give a path with wildcards instead of a directory",
            ));
        }
        let words = braces::expand(pattern.as_bytes());
        let words = words.ok_or_else(|| refuse("its braces stand for too many names"))?;
        let names = words.iter().map(|word| Name::new(OsStr::from_bytes(word)));
        let names = names.collect::<Option<Vec<_>>>();
        names.map(|names| Names::Matching(Patterns(names))).ok_or_else(|| refuse("a [ needs a ]"))
    }

    /// Whether a file is data.
    pub fn has(&self, path: &Path) -> bool {
        let name = path.file_name().unwrap_or_default();
        match self {
            Names::Data => is_named_as_data(name) || starts_as_data(path),
            Names::Matching(Patterns(patterns)) => patterns.iter().any(|one| one.matches(name)),
        }
    }
}

/// The files of a directory.
#[derive(Debug, Default)]
pub struct Listing {
    /// The TFRecord files, recognised by their names or their first header.
    pub data: Vec<PathBuf>,
    /// The directories that have a `dataset_info.json`.
    pub infos: Vec<PathBuf>,
    /// Counts of the other files.
    pub skipped: Skipped,
}

/// Counts of files that a [`Listing`] skipped.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Skipped {
    /// Links to directories.
    pub directories: usize,
    /// Indexes beside their data, manifests and files named `dataset_info.json`.
    pub side_files: usize,
    /// Indexes without data beside them.
    pub lone_indexes: usize,
    /// Files that are neither data nor indexes, by name and content.
    pub others: usize,
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = [
            (self.directories, "link to a directory", "links to directories"),
            (self.side_files, "side file", "side files"),
            (self.lone_indexes, "index without data", "indexes without data"),
            (self.others, "other file", "other files"),
        ];
        let said = counts
            .iter()
            .filter(|(count, ..)| *count > 0)
            .map(|(count, one, many)| format!("{count} {}", if *count == 1 { one } else { many }));
        f.write_str(&said.collect::<Vec<_>>().join(", "))
    }
}

/// Lists the files of a directory and its subdirectories. Links to directories
/// are not followed. Hidden files and directories, whose names start with a dot, are ignored.
///
/// Files of the right names count whatever their content: damaged, compressed and empty files, and
/// links to nothing, must not be skipped silently.
///
/// # Errors
/// If a directory cannot be listed.
pub fn list(directory: &Path, names: &Names) -> Result<Listing> {
    let mut listing = Listing::default();
    let mut directories = vec![directory.to_owned()];
    while let Some(directory) = directories.pop() {
        list_one(&directory, names, &mut listing, &mut directories)
            .map_err(|error| Error::io("list the directory", error).of(&directory))?;
    }
    sort(&mut listing.data);
    Ok(listing)
}

fn list_one(
    directory: &Path,
    names: &Names,
    listing: &mut Listing,
    directories: &mut Vec<PathBuf>,
) -> io::Result<()> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)?.collect::<io::Result<Vec<DirEntry>>>()? {
        if entry.file_name().as_bytes().starts_with(b".") {
            continue;
        }
        let (path, kind) = (entry.path(), entry.file_type()?);
        // Most are files, of which the directory tells as much.
        if kind.is_file() || kind.is_symlink() && leads_to_data(&path) {
            files.push(path);
        } else if kind.is_dir() {
            directories.push(path);
        } else if path.is_dir() {
            listing.skipped.directories += 1;
        } else {
            listing.skipped.others += 1;
        }
    }
    let count = files.len();
    remove_indexes(&mut files);
    listing.skipped.side_files += count - files.len();
    for path in files {
        if is_named_as_index(&path) || is_named_as_seek_file(&path) {
            listing.skipped.lone_indexes += 1;
        } else if names.has(&path) {
            listing.data.push(path);
        } else if is_named_as_manifest(&path) {
            listing.skipped.side_files += 1;
        } else if path.file_name().is_some_and(|name| name == tfds::INFO) {
            listing.skipped.side_files += 1;
            listing.infos.extend(path.parent().map(Path::to_owned));
        } else {
            listing.skipped.others += 1;
        }
    }
    Ok(())
}

/// Whether a link leads to a file, or to nothing although it has the name of data.
fn leads_to_data(path: &Path) -> bool {
    match path.metadata() {
        Ok(metadata) => metadata.is_file(),
        Err(_) => is_named_as_data(path.file_name().unwrap_or_default()),
    }
}

fn is_named_as_data(name: &OsStr) -> bool {
    let lower = name.to_string_lossy().to_lowercase();
    is_named_as_member(lower.as_bytes()) || lower.contains("tfrec") || lower.contains("tfevents")
}

fn starts_as_data(path: &Path) -> bool {
    let header = open(path).and_then(|data| header_at(&data, 0));
    matches!(header, Ok(Some(header)) if header.crc_holds())
}
