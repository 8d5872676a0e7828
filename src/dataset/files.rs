//! Which files are data, and which stand beside them: the one place that says so.

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

/// Where the index of a TFRecord file may stand beside it, the first one that exists counts:
/// `NAME.idx`, which is what this crate, NVIDIA DALI and DLIO write; `NAME.tfindex`; and
/// `STEM.tfindex`, with the name's last extension replaced.
pub(crate) fn places_beside(path: &Path) -> Vec<PathBuf> {
    let mut appended = OsString::from(path);
    appended.push(".tfindex");
    let mut places = vec![default_index_path(path), appended.into()];
    // A path such as `..` has no name to extend.
    if path.file_name().is_some() && !is_named_as_index(path) {
        places.push(path.with_extension("tfindex"));
    }
    places
}

/// Whether a path is that of an index, by its name.
#[must_use]
pub fn is_named_as_index(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "idx" || end == "tfindex")
}

/// The path of a TFRecord file's index, by the file's name: in a directory, or beside the file if
/// `directory` is `None`.
///
/// That is the first one that exists of `NAME.idx`, `NAME.tfindex` and `STEM.tfindex`: of
/// `data/train.tfrecord`, `train.tfrecord.idx`, `train.tfrecord.tfindex` and `train.tfindex`. So an
/// index is found where DLIO has it: `find_index("data/train/x.tfrecord", Some("index/train"))`.
///
/// ```
/// use std::path::Path;
/// use tfr_index::find_index;
///
/// # let folder = tempfile::tempdir()?;
/// # let directory = folder.path();
/// std::fs::write(directory.join("train.tfindex"), "0 21\n")?;
/// let found = find_index("data/train.tfrecord", Some(directory))?;
/// assert_eq!(found, directory.join("train.tfindex"));
/// assert!(find_index("data/train.tfrecord", None).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// `ENOENT` if there is none. Whether what is found is an index is not looked at.
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
    let why = format!(" (nor {}): there is no index of {}", names.join(", nor "), path.display());
    let missing = io::Error::from_raw_os_error(libc::ENOENT);
    Err(Error::io("find", missing).adding(&why).of(&places[0]))
}

/// Where the index of a TFRecord file stands unless one says otherwise, as [`default_index_path`]; an
/// error where it would do harm there.
///
/// # Errors
/// [`ErrorKind::InvalidArgument`] for an event file of TensorBoard.
pub fn place_beside(tfrecord_path: &Path) -> Result<PathBuf> {
    let name = tfrecord_path.file_name().unwrap_or_default().to_string_lossy();
    if !name.contains("tfevents") {
        return Ok(default_index_path(tfrecord_path));
    }
    let detail = format!(
        "an index is not put beside a TensorBoard event file: TensorBoard would take {name}.idx for a \
         newer event file, and miss all that is written to this one"
    );
    Err(Error::new(ErrorKind::InvalidArgument, detail).of(tfrecord_path))
}

/// Leaves out the indexes of files that are given, too: patterns such as `train*` catch both.
#[must_use]
pub fn without_indexes(mut paths: Vec<PathBuf>) -> Vec<PathBuf> {
    let indexes: HashSet<_> = paths.iter().flat_map(|path| places_beside(path)).collect();
    paths.retain(|path| !indexes.contains(path));
    paths
}

/// The first two of the paths that name one file: the same name in the same directory, whichever way
/// the directory is written. (Two links to one file are two names.)
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

/// What is in a directory.
#[derive(Debug, Default)]
pub struct Listing {
    /// The TFRecord files, by their names, or by the header that they start with.
    pub data: Vec<PathBuf>,
    /// Index files whose data is not beside them.
    pub indexes: Vec<PathBuf>,
    /// How many are neither.
    pub skipped: Skipped,
}

/// What is neither data nor an index alone.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Skipped {
    /// Directories that were not looked into: all if the listing is not recursive, or those that
    /// links lead to.
    pub directories: usize,
    /// Indexes beside their data.
    pub side_files: usize,
    /// Files that are neither, by name and content.
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

/// Lists a directory, and, if `recursive`, those in it, but for what links lead to. Hidden files and
/// directories, whose names start with a dot, do not count.
///
/// A TFRecord file is one whose name has `tfrec` or `tfevents` in it, or ends as in
/// `-00003-of-00010`, whatever it holds: one that is damaged, compressed or empty is not passed over
/// without a word. Any other file is one if it starts with a header whose checksum holds.
///
/// # Errors
/// A directory cannot be listed.
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
