//! Files that list the shards of a data set: manifests, and `dataset_info.json` of TensorFlow Datasets.

pub(crate) mod json;
pub(crate) mod places;
pub(crate) mod text;
pub(crate) mod tfds;

use std::fs::Metadata;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};
use crate::file;

/// What a [`Manifest`](crate::Manifest) says of one shard.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ManifestRow {
    /// The TFRecord file.
    pub path: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
    /// The number of its records.
    pub records: u64,
    /// When it was last modified, in nanoseconds since 1970. `None`: unknown.
    pub mtime_ns: Option<i64>,
    /// Its index, which the number of records was read from. `None`: it had none.
    pub index_path: Option<PathBuf>,
    /// What names the version of an object in a store: its entity tag. `None` for files.
    pub etag: Option<String>,
}

/// The rows of a manifest.
#[derive(Debug)]
pub(crate) struct Rows {
    pub rows: Vec<ManifestRow>,
    /// The number of records of all rows.
    pub total: u64,
}

/// Reads a manifest. The rows' paths start with the directory of `path`, or of the file that it leads
/// to.
pub(crate) fn read_manifest(path: &Path) -> Result<Rows> {
    let place = place_of(path)?;
    let mut bytes = Vec::new();
    file::open_to_read(path)?
        .read_chunks(|chunk| {
            let reserved = bytes.try_reserve(chunk.len());
            reserved.map_err(|_| Error::out_of_memory("the manifest"))?;
            bytes.extend_from_slice(chunk);
            Ok(())
        })
        .and_then(|()| text::parse(&bytes, place.parent().unwrap_or(Path::new(""))))
        .map_err(|error| error.of(path))
}

/// Where a manifest is, for its relative paths: the file that a link leads to. But a file of another
/// name is a store's, as in caches of hubs, and what it belongs to is beside the link.
pub(crate) fn place_of(path: &Path) -> Result<PathBuf> {
    let place = file::follow_links(path).map_err(|error| Error::io("open", error).of(path))?;
    Ok(place.filter(|place| is_named_as_list(place)).unwrap_or_else(|| path.to_owned()))
}

/// Fails if a manifest must not be written to a path: programs would not read it there, or it would
/// replace another file. Devices are only written to.
///
/// # Errors
/// [`ErrorKind::InvalidArgument`] for such a path; [`ErrorKind::Io`] if the file cannot be read.
pub fn ensure_manifest(path: &Path) -> Result<()> {
    let is_stream = file::metadata(path).map_or(true, |found| found.is_ok_and(is_device));
    let detail = match () {
        _ if is_stream => return Ok(()),
        _ if !is_named_as_list(path) => {
            "the name of a manifest must end with .json, by which programs know it: give another path"
        }
        _ if is_named_as_tfds(path) => {
            "is the name of a file of TensorFlow Datasets, not of a manifest: give another path"
        }
        () => return ensure_replaceable(path, "a manifest; give another path", text::says_format),
    };
    file::ensure_path(path)?;
    Err(Error::new(ErrorKind::InvalidArgument, detail).of(path))
}

/// Fails if there is a file at a path, and it has other contents. An empty file has none. `expected` is
/// what the file should be, and what to do.
pub(crate) fn ensure_replaceable(
    path: &Path,
    expected: &str,
    is_expected: impl FnOnce(&str) -> bool,
) -> Result<()> {
    file::ensure_path(path)?;
    let is_free = |start: &[u8]| start.is_empty() || is_expected(&String::from_utf8_lossy(start));
    file::ensure_contents(path, expected, is_free)
}

/// A kind of file that lists shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Manifest,
    Tfds,
}

/// Which kind a regular file is. A manifest is named `NAME.manifest.json`, or `NAME.json` and its
/// first 4 KiB say its format. Files with other names are not opened.
pub(crate) fn kind_of(path: &Path) -> Option<Kind> {
    if !is_named_as_list(path) {
        return None;
    }
    if is_named_as_tfds(path) {
        return Some(Kind::Tfds);
    }
    (is_named_as_manifest(path) || says_manifest(path)).then_some(Kind::Manifest)
}

/// Whether a file is a manifest.
#[must_use]
pub fn is_manifest(path: &Path) -> bool {
    path.is_file() && kind_of(path) == Some(Kind::Manifest)
}

/// Whether a path is named like a manifest.
pub(crate) fn is_named_as_manifest(path: &Path) -> bool {
    path.as_os_str().as_bytes().ends_with(b".manifest.json")
}

fn is_device(metadata: Metadata) -> bool {
    !metadata.is_file() && !metadata.is_dir()
}

fn is_named_as_tfds(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == tfds::INFO)
}

/// Whether a path is named like a file that may list shards.
fn is_named_as_list(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "json")
}

/// Whether the file starts with an object that has the format of a manifest.
fn says_manifest(path: &Path) -> bool {
    let start = file::open_regular(path).and_then(|file| file::start_of(&file));
    start.is_ok_and(|start| text::says_format(&String::from_utf8_lossy(&start)))
}

/// The sum, unless it is over `u64::MAX`.
pub(crate) fn sum(mut numbers: impl Iterator<Item = u64>) -> Option<u64> {
    numbers.try_fold(0u64, u64::checked_add)
}

#[cfg(test)]
mod tests;
