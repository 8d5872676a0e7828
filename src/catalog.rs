//! Files that list the shards of a data set: manifests, and `dataset_info.json` of TensorFlow Datasets.

pub(crate) mod json;
pub(crate) mod places;
pub(crate) mod text;
pub(crate) mod tfds;

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
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
}

/// The rows of a manifest.
#[derive(Debug)]
pub(crate) struct Rows {
    pub rows: Vec<ManifestRow>,
    /// The number of records of all rows.
    pub total: u64,
}

/// Reads a manifest. The rows' paths start with the directory of `path`.
pub(crate) fn read_manifest(path: &Path) -> Result<Rows> {
    let mut bytes = Vec::new();
    file::open_to_read(path)?
        .read_chunks(|chunk| {
            let reserved = bytes.try_reserve(chunk.len());
            reserved.map_err(|_| Error::out_of_memory("the manifest"))?;
            bytes.extend_from_slice(chunk);
            Ok(())
        })
        .and_then(|()| text::parse(&bytes, path.parent().unwrap_or(Path::new(""))))
        .map_err(|error| error.of(path))
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
    match path.extension() {
        Some(end) if end == "json" => {}
        _ => return None,
    }
    if path.file_name().is_some_and(|name| name == tfds::INFO) {
        return Some(Kind::Tfds);
    }
    (is_named_as_manifest(path) || says_manifest(path)).then_some(Kind::Manifest)
}

/// Whether a path is named like a manifest.
pub(crate) fn is_named_as_manifest(path: &Path) -> bool {
    path.as_os_str().as_bytes().ends_with(b".manifest.json")
}

/// Whether the file starts with an object that has the format of a manifest.
fn says_manifest(path: &Path) -> bool {
    let mut start = vec![0; 4 << 10];
    let read = file::open_regular(path).and_then(|file| {
        file.file().read_at(&mut start, 0).map_err(|error| Error::io("read", error))
    });
    start.truncate(read.unwrap_or(0));
    text::says_format(&String::from_utf8_lossy(&start))
}

/// The sum, unless it is over `u64::MAX`.
pub(crate) fn sum(mut numbers: impl Iterator<Item = u64>) -> Option<u64> {
    numbers.try_fold(0u64, u64::checked_add)
}

#[cfg(test)]
mod tests;
