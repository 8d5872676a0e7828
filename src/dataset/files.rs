//! Decides which files are data and which are indexes, by name and content.

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};

use crate::create::default_index_path;
use crate::error::{Error, ErrorKind, Result};
use crate::file;
use crate::frame::at::header_at;
use crate::open::open;

/// The paths where the index of a TFRecord file may be, in order of precedence: `NAME.idx`, which
/// this crate, NVIDIA DALI and DLIO write; `NAME.tfindex`; and `STEM.tfindex`, where the name's
/// last extension is replaced.
pub(crate) fn places_beside(path: &Path) -> Vec<PathBuf> {
    let mut appended = OsString::from(path);
    appended.push(".tfindex");
    let mut places = vec![default_index_path(path), appended.into()];
    // Without an extension, STEM is NAME. (A path such as `..` has neither.)
    if path.extension().is_some() && !is_named_as_index(path) {
        places.push(path.with_extension("tfindex"));
    }
    places
}

/// Whether a path is named like an index.
#[must_use]
pub fn is_named_as_index(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "idx" || end == "tfindex")
}

/// Finds the index of a TFRecord file by the file's name, in `directory`, or beside the file if
/// that is `None`.
///
/// Returns the first existing path of `NAME.idx`, `NAME.tfindex` and `STEM.tfindex`. For
/// `data/train.tfrecord` these are `train.tfrecord.idx`, `train.tfrecord.tfindex` and
/// `train.tfindex`. For DLIO's layout: `find_index("data/train/x.tfrecord", Some("index/train"))`.
///
/// ```
/// use std::path::Path;
/// use tfr_index::find_index;
///
/// # let temporary = tempfile::tempdir()?;
/// # let directory = temporary.path();
/// std::fs::write(directory.join("train.tfindex"), "0 21\n")?;
/// let found = find_index("data/train.tfrecord", Some(directory))?;
/// assert_eq!(found, directory.join("train.tfindex"));
/// assert!(find_index("data/train.tfrecord", None).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// `ENOENT` if there is none. The file's content is not checked.
pub fn find_index(tfrecord_path: impl AsRef<Path>, directory: Option<&Path>) -> Result<PathBuf> {
    let path = tfrecord_path.as_ref();
    file::ensure_path(path)?;
    let places = match (directory, path.file_name()) {
        (Some(directory), Some(name)) => places_beside(&directory.join(name)),
        _ => places_beside(path),
    };
    if let Some(found) = places.iter().find(|place| place.exists()) {
        return Ok(found.clone());
    }
    let names = places[1..].iter().map(|path| path.file_name().unwrap_or_default());
    let names: Vec<_> = names.map(OsStr::to_string_lossy).collect();
    let why = format!(" (nor {}): there is no index of {}", names.join(" or "), path.display());
    let missing = io::Error::from_raw_os_error(libc::ENOENT);
    Err(Error::io("find", missing).adding(&why).of(&places[0]))
}

/// Returns the default path of a TFRecord file's index, like [`default_index_path`], but fails if
/// an index there would do harm.
///
/// # Errors
/// [`ErrorKind::InvalidArgument`] for a TensorBoard event file.
pub fn place_beside(tfrecord_path: &Path) -> Result<PathBuf> {
    let name = tfrecord_path.file_name().unwrap_or_default().to_string_lossy();
    if !name.contains("tfevents") {
        return Ok(default_index_path(tfrecord_path));
    }
    let detail = format!(
        "no index is created beside a TensorBoard event file: TensorBoard would take {name}.idx for \
         a newer event file and ignore later writes to this one"
    );
    Err(Error::new(ErrorKind::InvalidArgument, detail).of(tfrecord_path))
}

/// Removes paths of indexes whose data files are also in the list: patterns such as `train*` match
/// both.
#[must_use]
pub fn without_indexes(mut paths: Vec<PathBuf>) -> Vec<PathBuf> {
    let indexes: HashSet<_> = paths.iter().flat_map(|path| places_beside(path)).collect();
    paths.retain(|path| !indexes.contains(path));
    paths
}

/// Returns the first two paths that name the same file: the same name in the same directory,
/// however the directory is written. (Two links to one file count as two files.)
#[must_use]
pub fn given_twice(paths: &[PathBuf]) -> Option<(&Path, &Path)> {
    let mut directories = HashMap::new();
    let mut seen = HashMap::new();
    paths.iter().find_map(|path| {
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let directory = directory.unwrap_or(Path::new("."));
        let place = directories.entry(directory).or_insert_with(|| {
            fs::canonicalize(directory).unwrap_or_else(|_| directory.to_owned())
        });
        let name = path.file_name().unwrap_or(path.as_os_str());
        seen.insert((place.clone(), name), path).map(|before| (before.as_path(), path.as_path()))
    })
}

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

#[cfg(test)]
mod tests;
