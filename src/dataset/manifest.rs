//! `Manifest`: the files of a data set, and how many records each has, in one JSON file.

mod compare;
mod count;
mod refresh;
mod tfds;

use std::fs;
use std::ops::Deref;
use std::path::Path;

use crate::catalog::{self, sum, text, ManifestRow, Rows};
use crate::error::{Error, ErrorKind, Result};
use crate::file::{self, NewFile};
use crate::options::Options;
use crate::shards::{Shard, Shards};
use crate::source::Stamp;

pub(super) use compare::other_count;
pub use compare::Comparison;
pub use refresh::Changes;

/// The shards of a data set, in order: the path, the size, the time of modification and the number
/// of records of each. A manifest is kept in a JSON file, so that a program knows the length of the
/// set without opening a shard.
///
/// It dereferences to a slice of rows. A manifest file names its shards relative to itself: the
/// directory that holds both can be moved. [The format] is described in docs/format.md.
///
/// [The format]: https://github.com/tfr-index/tfr-index/blob/main/docs/format.md
///
/// ```
/// use tfr_index::{FindShards, Manifest, Options, Shards};
///
/// # let temporary = tempfile::tempdir()?;
/// # let directory = temporary.path();
/// for shard in ["train-0.tfrecord", "train-1.tfrecord"] {
///     std::fs::copy("tests/data/examples.tfrecord", directory.join(shard))?;
/// }
/// let shards = Shards::find([directory], &FindShards::new())?;
/// let path = directory.join("train.manifest.json");
/// Manifest::build(&shards, &Options::new())?.write(&path)?;
///
/// let manifest = Manifest::read(&path)?;
/// assert_eq!((manifest.len(), manifest.total_records()), (2, 200));
/// assert_eq!(manifest[1].path, directory.join("train-1.tfrecord"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Manifest {
    rows: Vec<ManifestRow>,
    total: u64,
}

impl Manifest {
    /// Makes a manifest of these shards, in this order: looks at each file, and counts its records.
    ///
    /// The number of records is that of a [`Reader`](crate::Reader) of the file. It comes from the
    /// shard's index; without one that fits, the data is scanned, but no index is written. So call
    /// [`create_index`](crate::create_index) before, if there will be readers. An index whose path is
    /// given must exist.
    ///
    /// [`Options::threads`] is how many shards are counted at the same time. The
    /// [progress](Options::progress) is that of all shards together.
    ///
    /// # Errors
    /// - An index whose path is given does not exist.
    /// - A shard does not exist, or is damaged, truncated or not a TFRecord file. If there are
    ///   several errors, that of the first shard.
    /// - [`ErrorKind::Mismatch`]: a shard keeps changing while its records are counted; or it is
    ///   not what the manifest, or `dataset_info.json` of TensorFlow Datasets, says that `shards`
    ///   come from. To bring that manifest up to date, [refresh](Self::refresh) it.
    /// - [`ErrorKind::InvalidArgument`]: a file is listed twice. The options are to skip damage:
    ///   create the indexes with these options, and then the manifest without them.
    pub fn build(shards: &Shards, options: &Options<'_>) -> Result<Manifest> {
        let mut manifest = Manifest::default();
        manifest.update(shards, options, |_| true)?;
        Ok(manifest)
    }

    /// Makes a manifest of rows that are known.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if there are more than `u64::MAX` records.
    pub fn from_rows(rows: Vec<ManifestRow>) -> Result<Manifest> {
        match sum(rows.iter().map(|row| row.records)) {
            Some(total) => Ok(Manifest { rows, total }),
            None => {
                let detail = "the manifest has more than 2^64 - 1 records";
                Err(Error::new(ErrorKind::InvalidArgument, detail))
            }
        }
    }

    /// Reads a manifest file. No shard is opened or looked for.
    ///
    /// The rows' paths start with the directory of `path`, as it is given here. If that is a link to a
    /// file whose name ends with `.json`, they start with the directory of that file.
    ///
    /// # Errors
    /// - [`ErrorKind::Io`] if the file cannot be read.
    /// - [`ErrorKind::InvalidManifest`] if it is not a manifest, or a row is not valid: a path that
    ///   is absolute, leads out of the manifest's base with `..`, or is there twice; a number that
    ///   is not one. Or if a newer version of this library wrote it. The error has the number of
    ///   the row ([`Error::record`]) and the byte.
    pub fn read(path: impl AsRef<Path>) -> Result<Manifest> {
        let Rows { rows, total } = catalog::read_manifest(path.as_ref())?;
        Ok(Manifest { rows, total })
    }

    /// Writes the manifest to a file, which appears complete or not at all. The rows' paths are
    /// written relative to the directory of `path`; of a link, relative to that of the file that it
    /// leads to, as for [`read`](Self::read).
    ///
    /// # Errors
    /// - If the file cannot be written; then an existing file is unchanged.
    /// - [`ErrorKind::InvalidArgument`] if the name of the file does not end with `.json`, or it
    ///   exists and is not a manifest, at the start or when it would be replaced. Or if the path of a
    ///   shard or an index is not UTF-8, or two rows have the same path.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        catalog::ensure_manifest(path)?;
        let text = text::format(&self.rows, self.total, &catalog::place_of(path)?)?;
        let mut file = NewFile::create(path)?.with_check(catalog::ensure_manifest);
        file.write(text.as_bytes())?;
        file.commit()
    }

    /// Returns the rows.
    #[must_use]
    pub fn rows(&self) -> &[ManifestRow] {
        &self.rows
    }

    /// Returns the number of records of all shards.
    #[must_use]
    pub fn total_records(&self) -> u64 {
        self.total
    }

    /// Returns the shards of the rows.
    ///
    /// ```
    /// # let path = "tests/data/examples.tfrecord";
    /// use tfr_index::{Manifest, Options, Shards};
    ///
    /// let shards = Shards::from_paths([path]);
    /// assert_eq!(Manifest::build(&shards, &Options::new())?.shards(), shards);
    /// # Ok::<(), tfr_index::Error>(())
    /// ```
    #[must_use]
    pub fn shards(&self) -> Shards {
        self.rows.iter().map(Shard::of_row).collect()
    }
}

impl Deref for Manifest {
    type Target = [ManifestRow];

    fn deref(&self) -> &[ManifestRow] {
        &self.rows
    }
}

impl<'a> IntoIterator for &'a Manifest {
    type Item = &'a ManifestRow;
    type IntoIter = std::slice::Iter<'a, ManifestRow>;

    fn into_iter(self) -> Self::IntoIter {
        self.rows.iter()
    }
}

/// Looks at a shard, which must be a regular file.
fn stamp_of(path: &Path) -> Result<Stamp> {
    file::ensure_path(path)?;
    let metadata = fs::metadata(path).map_err(|error| Error::io("open", error).of(path))?;
    if metadata.is_file() {
        return Ok(Stamp::of(&metadata));
    }
    let detail = match metadata.is_dir() {
        true => "is a directory, not a shard",
        false => "is not a regular file; save it to a file first",
    };
    Err(Error::new(ErrorKind::InvalidArgument, detail).of(path))
}

#[cfg(test)]
mod tests;
