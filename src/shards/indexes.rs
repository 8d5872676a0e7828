//! Where the index of a file is, by the file's name.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::parts::parts;
use crate::create::default_index_path;
use crate::error::{Error, ErrorKind, Result};
use crate::file;
use crate::gzip::seek_path;

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
    has_extension(path, "idx") || has_extension(path, "tfindex")
}

/// Whether a path is named like the seek file of a compressed file.
pub(super) fn is_named_as_seek_file(path: &Path) -> bool {
    has_extension(path, "seek")
}

/// As [`Path::extension`] says, in less time.
fn has_extension(path: &Path, extension: &str) -> bool {
    let name = parts(path).1.unwrap_or_default().as_bytes();
    let stem = name.strip_suffix(extension.as_bytes()).and_then(|stem| stem.strip_suffix(b"."));
    stem.is_some_and(|stem| !stem.is_empty())
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
    let advice = match directory {
        Some(_) => "; create one, or leave the file out if none of its records are selected",
        None => "",
    };
    let (others, path) = (names.join(" or "), path.display());
    let why = format!(" (nor {others}): there is no index of {path}{advice}");
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

/// Removes indexes and seek files of data files that are also in the list: patterns such as `train*`
/// match all of them.
pub(super) fn remove_indexes<T: AsRef<Path>>(files: &mut Vec<T>) {
    let is_beside = |path: &Path| is_named_as_index(path) || is_named_as_seek_file(path);
    // Most have the name of the data and an extension. To hash the bytes of 20,000 names takes a
    // tenth of the time of hashing, as paths, where each of their indexes may be.
    let bytes = |file: &T| file.as_ref().as_os_str().as_bytes().to_vec();
    if files.iter().any(|file| is_beside(file.as_ref())) {
        let names: HashSet<_> = files.iter().map(bytes).collect();
        files.retain(|file| !is_beside(file.as_ref()) || !names.contains(stem(file.as_ref())));
    }
    if files.iter().any(|file| is_beside(file.as_ref())) {
        let places = files.iter().flat_map(|file| {
            let path = file.as_ref();
            places_beside(path).into_iter().chain([seek_path(&default_index_path(path))])
        });
        let places: HashSet<_> = places.collect();
        files.retain(|file| !is_beside(file.as_ref()) || !places.contains(file.as_ref()));
    }
}

/// A path without the extension of its name.
fn stem(path: &Path) -> &[u8] {
    let bytes = path.as_os_str().as_bytes();
    let end = path.extension().map_or(0, |extension| extension.len() + 1);
    &bytes[..bytes.len().saturating_sub(end)]
}
