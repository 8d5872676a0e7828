//! Shards: which files a data set consists of, and where their indexes are.

mod braces;
mod directory;
mod glob;
mod indexes;
mod listed;
mod listings;
mod members;
mod mirror;
mod parts;
mod search;
mod twins;

pub(crate) use indexes::places_beside;
pub use indexes::{find_index, is_named_as_index, place_beside};
pub(crate) use listed::{List, Listed};

use std::io;
use std::ops::Deref;
use std::path::{Path, PathBuf};

use indexes::remove_indexes;
use mirror::Mirror;
use search::{Found, Search};
pub(crate) use twins::given_twice;

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
    /// Finds the shard's index: `index_path`; without one, the first that exists of the names that
    /// [`find_index`] tries beside the file. An `index_path` with the default name, as those in an
    /// index directory have, also stands for the other names in its directory.
    ///
    /// ```
    /// use tfr_index::Shard;
    ///
    /// # let temporary = tempfile::tempdir()?;
    /// # let directory = temporary.path();
    /// let shard = Shard { path: directory.join("train.tfrecord"), index_path: None };
    /// assert!(shard.find_index().is_err());
    /// std::fs::write(shard.index_path_to_create(), "")?;
    /// assert_eq!(shard.find_index()?, directory.join("train.tfrecord.idx"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// `ENOENT` if there is none.
    pub fn find_index(&self) -> Result<PathBuf> {
        match &self.index_path {
            Some(path) if path.exists() => Ok(path.clone()),
            Some(path) if path.file_name() == default_index_path(&self.path).file_name() => {
                find_index(&self.path, path.parent())
            }
            // Another index in the directory is not the one that the caller means.
            Some(path) => {
                let missing = io::Error::from_raw_os_error(libc::ENOENT);
                Err(Error::io("open", missing).of(path))
            }
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
    incomplete: Vec<String>,
    /// What lists say of the shards, in their order. Empty if they say nothing.
    listed: Vec<Option<Listed>>,
    lists: Vec<List>,
    /// What an index directory mirrors is what these directories have in common. If there is none,
    /// the directories of the shards.
    roots: Vec<PathBuf>,
    /// The paths that were given to find them.
    given: Vec<PathBuf>,
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

    /// Finds the files that paths stand for, in the order of the paths:
    ///
    /// | path | files |
    /// |---|---|
    /// | a file | that one; a path that exists is never a pattern |
    /// | a directory | the TFRecord files in it and in its subdirectories, see [`FindShards::pattern`] |
    /// | `train-*.tfrecord`, `data/**/*.tfrecord` | those that match: `*`, `?` and `[a-z]` in a name, `**` for any directories |
    /// | `train-{00..09}.tfrecord`, `{train,valid}/*` | each of these paths, all of which must exist |
    /// | `train.manifest.json` | those that the [manifest](crate::Manifest) lists, in its order |
    /// | `train@8`, `train@8.tfrecord`, `train@*` | `train-00000-of-00008` to `train-00007-of-00008`, with `.tfrecord` at the end; any number of files |
    ///
    /// The files of a directory or a pattern are sorted by the bytes of their paths. Hidden files
    /// are left out, and so are indexes of files that are found, and manifests beside other files
    /// that match a pattern.
    ///
    /// A manifest is a file that is named `NAME.manifest.json`, or `NAME.json` and says so. If a
    /// directory has a `dataset_info.json` of TensorFlow Datasets, the shards that it lists must be
    /// there; the file itself stands for these shards, too. [`Dataset::open`](crate::Dataset::open)
    /// takes the numbers of records from a manifest.
    ///
    /// A set of files that are named `-00000-of-00008` and so on must be complete, unless all of
    /// its files are given one by one, and no file may be left of a set of another size.
    ///
    /// ```
    /// use tfr_index::{FindShards, Shards};
    ///
    /// # let temporary = tempfile::tempdir()?;
    /// # let directory = temporary.path();
    /// for number in 0..3 {
    ///     std::fs::write(directory.join(format!("train-{number:05}-of-00004")), "")?;
    /// }
    /// let find = |name: &str| Shards::find([directory.join(name)], &FindShards::new());
    /// assert_eq!(find("train-00002-of-00004")?.len(), 1);
    ///
    /// let error = find("train@4").unwrap_err();
    /// assert_eq!(error.path().unwrap(), directory.join("train-00003-of-00004"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The error names the path.
    /// - [`ErrorKind::Io`], with `ENOENT`, if a pattern matches nothing, or a file of a set is
    ///   missing. (For a path without wildcards, the call that opens the file fails.)
    /// - [`ErrorKind::Io`] if a directory cannot be listed.
    /// - [`ErrorKind::InvalidArgument`] if there is no path, a directory has no TFRecord file, a
    ///   file does not belong to its set, a file is given twice, or an option is invalid.
    pub fn find<P: AsRef<Path>>(
        paths: impl IntoIterator<Item = P>,
        options: &FindShards,
    ) -> Result<Shards> {
        Shards::find_as(paths, options, false)
    }

    fn find_as<P: AsRef<Path>>(
        paths: impl IntoIterator<Item = P>,
        options: &FindShards,
        keeps_missing: bool,
    ) -> Result<Shards> {
        let mut search = Search::new(options, keeps_missing)?;
        let paths: Vec<_> = paths.into_iter().collect();
        search.add_all(&paths)?;
        let Search { mut found, lists, roots, notes, mut incomplete, .. } = search;
        if roots.is_empty() {
            let detail = "no files are given: give at least one path".to_owned();
            return Err(Error::new(ErrorKind::InvalidArgument, detail));
        }
        remove_indexes(&mut found);
        incomplete.extend(members::check(&found, options.allow_missing)?);
        if !keeps_missing {
            incomplete.iter_mut().for_each(|note| *note = note.replace(ADVICE, ""));
        }
        let twice = given_twice(found.iter().map(|file| file.path.as_path()));
        if let Some((one, other)) = twice.filter(|_| !options.allow_repeated) {
            let same = found.iter().filter(|found| found.path == one || found.path == other);
            let by = same.filter_map(|found| Some(&*lists[found.listed.as_ref()?.list].path));
            let detail = match &by.map(Path::display).collect::<Vec<_>>()[..] {
                [] if one == other => {
                    "is given twice, so its records would count twice; give it once".to_owned()
                }
                [] => format!("is also given as {}; give it once", other.display()),
                [list] => format!("is given, and {list} lists it, too; give one of the two"),
                [list, other, ..] => {
                    format!("is listed twice, by {list} and by {other}; give one of the two")
                }
            };
            return Err(Error::new(ErrorKind::InvalidArgument, detail).of(one));
        }
        let listed = match lists.is_empty() {
            true => Vec::new(),
            false => found.iter_mut().map(|found| found.listed.take()).collect(),
        };
        let shard = |Found { path, index_path, .. }| Shard { path, index_path };
        let shards = found.into_iter().map(shard).collect();
        let given = paths.iter().map(|path| path.as_ref().to_owned()).collect();
        let mut shards = Shards { shards, notes, incomplete, listed, lists, roots, given };
        if let Some(directory) = &options.index_dir {
            shards.set_index_dir(directory);
        }
        Ok(shards)
    }

    /// Sets where the indexes are, or will be created, as [`FindShards::index_dir`] does.
    ///
    /// They may select records. A shard that a manifest lists must still have the size and the time
    /// of modification that it says and, if the shard's index covers the whole file, the number of
    /// records.
    ///
    /// ```
    /// use std::path::Path;
    /// use tfr_index::Shards;
    ///
    /// let mut shards = Shards::from_paths(["data/a/x.tfrecord", "data/b/x.tfrecord"]);
    /// shards.set_index_dir("indexes");
    /// let index_path = shards[1].index_path.as_deref();
    /// assert_eq!(index_path, Some(Path::new("indexes/b/x.tfrecord.idx")));
    /// ```
    pub fn set_index_dir(&mut self, directory: impl AsRef<Path>) {
        let name = |path: &Path| default_index_path(path.file_name().unwrap_or_default());
        let places = mirrored(self, directory.as_ref(), name);
        self.set_index_paths(places.into_iter().map(Some));
    }

    /// Sets where the indexes of some shards are. Those with `None` stay as they are.
    pub(crate) fn set_index_paths(&mut self, paths: impl IntoIterator<Item = Option<PathBuf>>) {
        for (number, path) in paths.into_iter().enumerate().take(self.shards.len()) {
            let Some(path) = path else { continue };
            self.shards[number].index_path = Some(path);
            if let Some(Some(listed)) = self.listed.get_mut(number) {
                listed.has_given_index = true;
            }
        }
    }

    /// The paths that were given to find the shards; none if they were not searched.
    pub(crate) fn given(&self) -> &[PathBuf] {
        &self.given
    }

    /// What a list says of a shard.
    pub(crate) fn listed(&self, shard: usize) -> Option<&Listed> {
        self.listed.get(shard)?.as_ref()
    }

    pub(crate) fn lists(&self) -> &[List] {
        &self.lists
    }

    /// Returns sentences about what [`find`](Self::find) left out, for the user to read: one for
    /// each directory that has other files. Indexes of data beside them are not mentioned.
    ///
    /// ```
    /// # let temporary = tempfile::tempdir()?;
    /// # let directory = temporary.path();
    /// std::fs::write(directory.join("train.tfrecord"), "")?;
    /// std::fs::write(directory.join("labels.txt"), "cat\ndog\n")?;
    /// let shards = tfr_index::Shards::find([directory], &tfr_index::FindShards::new())?;
    /// assert!(shards.notes()[0].ends_with(": skipped 1 other file"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Returns the errors that [`FindShards::allow_missing`] accepted, as text.
    ///
    /// ```
    /// # let temporary = tempfile::tempdir()?;
    /// # let directory = temporary.path();
    /// std::fs::write(directory.join("train-00000-of-00002"), "")?;
    /// let options = tfr_index::FindShards::new().allow_missing(true);
    /// let shards = tfr_index::Shards::find([directory], &options)?;
    /// assert!(shards.incomplete()[0].contains("train-00001-of-00002: cannot find"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn incomplete(&self) -> &[String] {
        &self.incomplete
    }
}

/// What to do if files are missing. It is not said of those that are allowed to be.
const ADVICE: &str = "; restore what is missing, or use option allow_missing";

/// A number with its noun: "1 file", "2 files".
fn files_of(count: u64) -> String {
    format!("{count} file{}", if count == 1 { "" } else { "s" })
}

/// As [`Shards::find`] with [`FindShards::allow_missing`], but shards that a manifest lists stay in
/// the set if they do not exist.
pub fn find_listed<P: AsRef<Path>>(
    paths: impl IntoIterator<Item = P>,
    options: &FindShards,
) -> Result<Shards> {
    Shards::find_as(paths, &options.clone().allow_missing(true), true)
}

/// The paths of files beside the shards, with these names, in a directory that mirrors the shards'.
pub fn mirrored<P: AsRef<Path>>(
    shards: &Shards,
    directory: &Path,
    name: impl Fn(&Path) -> P,
) -> Vec<PathBuf> {
    let parent = |shard: &'_ Shard| shard.path.parent().unwrap_or(&shard.path).to_owned();
    let common = match &shards.roots[..] {
        [] => mirror::common(shards.iter().map(parent)),
        roots => mirror::common(roots.iter().cloned()),
    };
    let mut mirror = Mirror::new(directory, common);
    let place = |shard: &Shard| mirror.place(&shard.path, name(&shard.path).as_ref());
    shards.iter().map(place).collect()
}

impl Deref for Shards {
    type Target = [Shard];

    fn deref(&self) -> &[Shard] {
        &self.shards
    }
}

impl FromIterator<Shard> for Shards {
    fn from_iter<I: IntoIterator<Item = Shard>>(shards: I) -> Shards {
        Shards { shards: shards.into_iter().collect(), ..Shards::default() }
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
///
/// ```
/// use tfr_index::FindShards;
///
/// let options = FindShards::new().pattern("*.tfr").index_dir("indexes").allow_missing(true);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FindShards {
    pattern: Option<String>,
    index_dir: Option<PathBuf>,
    allow_missing: bool,
    allow_repeated: bool,
}

impl FindShards {
    /// Returns the default options.
    #[must_use]
    pub fn new() -> FindShards {
        FindShards::default()
    }

    /// Sets which files of a directory are data: those whose names match the pattern, such as
    /// `*.tfr` or `{train,valid}-*`, except indexes.
    ///
    /// By default, these are the files whose names contain `tfrec` or `tfevents`, or end like
    /// `-00003-of-00010`, whatever their content; and other files that start with a header with a
    /// valid CRC.
    #[must_use]
    pub fn pattern(mut self, pattern: impl Into<String>) -> FindShards {
        self.pattern = Some(pattern.into());
        self
    }

    /// Sets the directory of the indexes, instead of the directories of the files.
    ///
    /// The directory mirrors the data: the index of `data/a/x.tfrecord` is `a/x.tfrecord.idx` in
    /// it, if `data` is what all paths have in common. Of a directory, that is the directory; of a
    /// pattern, what is before the first name with a wildcard; of a file, the file's directory.
    #[must_use]
    pub fn index_dir(mut self, directory: impl Into<PathBuf>) -> FindShards {
        self.index_dir = Some(directory.into());
        self
    }

    /// Accepts sets that are not complete, or have files of a set of another size beside them, and
    /// braces that stand for files that do not exist. [`Shards::incomplete`] names
    /// them.
    #[must_use]
    pub fn allow_missing(mut self, allow: bool) -> FindShards {
        self.allow_missing = allow;
        self
    }

    /// Accepts files that are given twice, such as for an index that selects other records each
    /// time.
    #[must_use]
    pub fn allow_repeated(mut self, allow: bool) -> FindShards {
        self.allow_repeated = allow;
        self
    }
}

#[cfg(test)]
mod tests;
