//! Shards: which files a data set consists of, and where their indexes are.

mod directory;
mod indexes;
mod twins;

pub use directory::{list, Listing, Skipped};
pub(crate) use indexes::places_beside;
pub use indexes::{find_index, is_named_as_index, place_beside, without_indexes};
pub use twins::given_twice;

use std::ops::Deref;
use std::path::{Path, PathBuf};

use crate::create::default_index_path;
use crate::error::{Error, ErrorKind, Result};

/// One file of a data set.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Shard {
    /// The TFRecord file.
    pub path: PathBuf,
    /// Where its index is, or will be created. `None`: beside the file.
    pub index_path: Option<PathBuf>,
}

impl Shard {
    /// Finds the shard's index: the first that exists of the names that [`find_index`] tries, in
    /// the directory of `index_path` or, without one, beside the file.
    ///
    /// # Errors
    /// `ENOENT` if there is none.
    pub fn find_index(&self) -> Result<PathBuf> {
        match &self.index_path {
            Some(path) if path.exists() => Ok(path.clone()),
            Some(path) => find_index(&self.path, path.parent()),
            None => find_index(&self.path, None),
        }
    }

    /// Returns the path at which to create the shard's index: `index_path` or, without one,
    /// [`default_index_path`].
    #[must_use]
    pub fn index_path_to_create(&self) -> PathBuf {
        self.index_path.clone().unwrap_or_else(|| default_index_path(&self.path))
    }
}

/// The files of a data set, in order.
///
/// [`find`](Self::find) searches them; [`from_paths`](Self::from_paths) takes a list as it is. A
/// `Shards` is a slice of [`Shard`].
///
/// ```
/// use tfr_index::{FindShards, Shards};
///
/// # let temporary = tempfile::tempdir()?;
/// # let directory = temporary.path();
/// for name in ["train-00000-of-00002", "train-00001-of-00002", "train-00001-of-00002.idx"] {
///     std::fs::write(directory.join(name), "")?;
/// }
/// let shards = Shards::find([directory], &FindShards::new())?;
/// assert_eq!(shards.len(), 2);
/// assert_eq!(shards[1].path, directory.join("train-00001-of-00002"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shards {
    shards: Vec<Shard>,
    notes: Vec<String>,
}

impl Shards {
    /// Takes these files as they are, in this order. Nothing is searched, and no name is a pattern.
    ///
    /// ```
    /// let shards = tfr_index::Shards::from_paths(["b.tfrecord", "a.tfrecord"]);
    /// assert_eq!(shards[0].path.to_str(), Some("b.tfrecord"));
    /// ```
    pub fn from_paths<P: Into<PathBuf>>(paths: impl IntoIterator<Item = P>) -> Shards {
        paths.into_iter().map(|path| Shard { path: path.into(), index_path: None }).collect()
    }

    /// Finds the files that the paths name: files, and the TFRecord files of directories.
    ///
    /// # Errors
    /// - The error of the system, if a directory cannot be listed.
    /// - [`ErrorKind::InvalidArgument`] if a directory has no TFRecord file, or a file is given
    ///   twice.
    pub fn find<P: AsRef<Path>>(
        paths: impl IntoIterator<Item = P>,
        options: &FindShards,
    ) -> Result<Shards> {
        let FindShards {} = options;
        let (mut found, mut notes) = (Vec::new(), Vec::new());
        for path in paths {
            let path = path.as_ref();
            if !path.is_dir() {
                found.push(path.to_owned());
                continue;
            }
            let listing = list(path, true)?;
            if listing.data.is_empty() {
                let detail = "contains no TFRecord file".to_owned();
                return Err(Error::new(ErrorKind::InvalidArgument, detail).of(path));
            }
            // Indexes beside their data are not worth a note.
            let skipped = Skipped { side_files: 0, ..listing.skipped };
            if skipped != Skipped::default() {
                notes.push(format!("{}: skipped {skipped}", path.display()));
            }
            found.extend(listing.data);
        }
        let found = without_indexes(found);
        if let Some((one, other)) = given_twice(&found) {
            let detail = match one == other {
                true => "is given twice".to_owned(),
                false => format!("is also given as {}; give it once", other.display()),
            };
            return Err(Error::new(ErrorKind::InvalidArgument, detail).of(one));
        }
        Ok(Shards { notes, ..Shards::from_paths(found) })
    }

    /// Returns sentences about files that [`find`](Self::find) left out, for the user to read: one
    /// for each directory that has such files. Indexes beside their data are not mentioned.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }
}

impl Deref for Shards {
    type Target = [Shard];

    fn deref(&self) -> &[Shard] {
        &self.shards
    }
}

impl FromIterator<Shard> for Shards {
    fn from_iter<I: IntoIterator<Item = Shard>>(shards: I) -> Shards {
        Shards { shards: shards.into_iter().collect(), notes: Vec::new() }
    }
}

impl IntoIterator for Shards {
    type Item = Shard;
    type IntoIter = std::vec::IntoIter<Shard>;

    fn into_iter(self) -> Self::IntoIter {
        self.shards.into_iter()
    }
}

impl<'a> IntoIterator for &'a Shards {
    type Item = &'a Shard;
    type IntoIter = std::slice::Iter<'a, Shard>;

    fn into_iter(self) -> Self::IntoIter {
        self.shards.iter()
    }
}

/// Options of [`Shards::find`].
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct FindShards {}

impl FindShards {
    /// Returns the default options.
    #[must_use]
    pub fn new() -> FindShards {
        FindShards::default()
    }
}

#[cfg(test)]
mod tests;
