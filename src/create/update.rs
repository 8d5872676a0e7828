//! Creates index files only where needed: an index that is up to date stays as it is.

use std::fs::{Metadata, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use super::create_index;
use crate::error::{Error, Result};
use crate::file;
use crate::index::Index;
use crate::open::decompressed_size;
use crate::options::Options;
use crate::sys::identity;

/// Which indexes [`update_index`] creates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Only {
    /// Indexes that do not exist.
    Missing,
    /// Also indexes that are older than their data, end elsewhere than the data, or cannot be read.
    #[default]
    Stale,
}

/// Creates an index like [`create_index`], but only if it is missing or stale. Returns the number
/// of records, or `None` if the index stays as it is.
///
/// An index is stale if it was modified before its data, or if its last entry does not end where
/// the data ends. This reads only both files' metadata and the last line of the index; of a compressed
/// file, also what its seek file says. It does not notice data that was changed without changing its size and then given an older modification
/// time; [`Index::check`](crate::Index::check) reads the data.
///
/// Several processes may update the same index at the same time. What a killed process left beside
/// the index is removed.
///
/// ```
/// use tfr_index::{update_index, Only, Options};
///
/// # let directory = tempfile::tempdir()?;
/// # let (path, index_path) = (directory.path().join("x"), directory.path().join("x.idx"));
/// let data = std::fs::read("tests/data/examples.tfrecord")?;
/// std::fs::write(&path, &data)?;
/// let options = Options::new();
/// assert_eq!(update_index(&path, &index_path, Only::Stale, &options)?, Some(100));
/// assert_eq!(update_index(&path, &index_path, Only::Stale, &options)?, None);
/// std::fs::write(&path, [&data[..], &data[..]].concat())?;
/// assert_eq!(update_index(&path, &index_path, Only::Missing, &options)?, None);
/// assert_eq!(update_index(&path, &index_path, Only::Stale, &options)?, Some(200));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Those of [`create_index`].
pub fn update_index(
    tfrecord_path: impl AsRef<Path>,
    index_path: impl AsRef<Path>,
    only: Only,
    options: &Options<'_>,
) -> Result<Option<u64>> {
    let (tfrecord_path, index_path) = (tfrecord_path.as_ref(), index_path.as_ref());
    match is_up_to_date(tfrecord_path, index_path, only, options)? {
        true => {
            file::clear_abandoned(index_path);
            Ok(None)
        }
        false => create_index(tfrecord_path, index_path, options).map(Some),
    }
}

/// Whether an index stays as it is. If so, and the options say so, it is synced to storage.
pub fn is_up_to_date(
    tfrecord_path: &Path,
    index_path: &Path,
    only: Only,
    options: &Options<'_>,
) -> Result<bool> {
    let is_up_to_date = needs_nothing(tfrecord_path, index_path, only)?;
    if is_up_to_date && options.sync {
        file::sync(index_path)?;
    }
    Ok(is_up_to_date)
}

/// Paths that are not regular files are not up to date, so that create_index rejects them.
fn needs_nothing(tfrecord_path: &Path, index_path: &Path, only: Only) -> Result<bool> {
    for path in [tfrecord_path, index_path] {
        file::ensure_path(path)?;
    }
    let failed = |error| Error::io("open", error).of(tfrecord_path);
    let Some(data) = file::metadata(tfrecord_path) else { return Ok(false) };
    let data = data.map_err(failed)?;
    let index = match file::metadata(index_path) {
        Some(Ok(index)) => index,
        Some(Err(error)) if error.kind() != ErrorKind::NotFound => {
            return Err(Error::io("open", error).of(index_path));
        }
        _ => return Ok(false),
    };
    if !data.is_file() || !index.is_file() || identity(&data) == identity(&index) {
        return Ok(false);
    }
    let modified = |file: &Metadata| (file.mtime(), file.mtime_nsec());
    Ok(match only {
        Only::Missing => true,
        Only::Stale if modified(&index) < modified(&data) => false,
        Only::Stale => match end_of_index(index_path, index.len()) {
            None => false,
            Some(end) => {
                end == data.len() || decompressed_size(tfrecord_path, index_path) == Some(end)
            }
        },
    })
}

/// More bytes than the longest line.
const TAIL: u64 = 128;

/// Where the last entry of an index ends; `None` if it cannot be read.
fn end_of_index(path: &Path, size: u64) -> Option<u64> {
    // Do not block if the path has become a pipe meanwhile.
    let mut options = OpenOptions::new();
    let file = file::open(options.read(true).custom_flags(libc::O_NONBLOCK), path).ok()?;
    let start = size.saturating_sub(TAIL);
    let mut tail = [0; TAIL as usize];
    let tail = &mut tail[..(size - start) as usize];
    file.read_exact_at(tail, start).ok()?;
    let tail = std::str::from_utf8(tail).ok()?.trim_end();
    // If the tail holds only the end of the last line, the entry is unknown.
    let last = match tail.rfind('\n') {
        Some(end) => &tail[end + 1..],
        None if start == 0 => tail,
        None => return None,
    };
    let index = Index::from_text(last).ok()?;
    Some(index.last().map_or(0, |entry| entry.end()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame;
    use std::fs::{self, File};
    use std::time::{Duration, SystemTime};

    fn set_modified(path: &Path, seconds: u64) {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
    }

    #[test]
    fn ends_are_those_of_the_last_entry() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.idx");
        let long = format!("{}{} 16\n", "0 16\n".repeat(1000), i64::MAX - 16);
        for (text, end) in [
            ("", Some(0)),
            ("\n", Some(0)),
            ("0 16\n", Some(16)),
            ("0 16\n16 21", Some(37)),
            ("0 16\r\n16 21\r\n\r\n", Some(37)),
            ("0 16\n16 2x\n", None),
            ("0 16\n16\n", None),
            ("0 16\n16 21 5\n", None),
            (&long, Some(i64::MAX as u64)),
            (&"9".repeat(200), None),
            ("0 16\n\u{e4}", None),
        ] {
            fs::write(&path, text).unwrap();
            assert_eq!(end_of_index(&path, text.len() as u64), end, "{text:?}");
        }
        assert_eq!(end_of_index(&path, 1000), None); // shorter than it was
        assert_eq!(end_of_index(directory.path(), 1000), None);
    }

    #[test]
    fn only_what_is_stale_is_made() {
        let directory = tempfile::tempdir().unwrap();
        let (path, index_path) = (directory.path().join("x"), directory.path().join("x.idx"));
        let data = frame::encode(b"hello").repeat(3);
        fs::write(&path, &data).unwrap();
        let update = |only| update_index(&path, &index_path, only, &Options::new()).unwrap();
        assert_eq!(update(Only::Missing), Some(3));
        let before = fs::metadata(&index_path).unwrap();
        assert_eq!((update(Only::Missing), update(Only::Stale)), (None, None));
        let after = fs::metadata(&index_path).unwrap();
        assert_eq!((before.ino(), before.mtime_nsec()), (after.ino(), after.mtime_nsec()));

        // The times decide, and so does the end of the last entry.
        set_modified(&path, 1000);
        set_modified(&index_path, 1000);
        assert_eq!(update(Only::Stale), None);
        set_modified(&index_path, 999);
        assert_eq!(update(Only::Missing), None);
        assert_eq!(update(Only::Stale), Some(3));
        for text in ["0 21\n21 21\n", "0 21\n21 21\n42 2", "", "no index"] {
            fs::write(&index_path, text).unwrap();
            assert_eq!(update(Only::Missing), None);
            assert_eq!(update(Only::Stale), Some(3), "{text:?}");
        }
        fs::write(&path, "").unwrap();
        assert_eq!((update(Only::Stale), update(Only::Stale)), (Some(0), None));
    }

    #[test]
    fn what_cannot_be_indexed_is_an_error_as_ever() {
        let directory = tempfile::tempdir().unwrap();
        let (path, none) = (directory.path().join("x"), directory.path().join("none"));
        fs::write(&path, frame::encode(b"hello")).unwrap();
        fs::write(directory.path().join("none.idx"), "").unwrap();
        for (data, index, errno) in [
            (&none, &directory.path().join("none.idx"), Some(libc::ENOENT)),
            (&path, &directory.path().to_owned(), Some(libc::EISDIR)),
            (&path, &path, None),
        ] {
            for only in [Only::Missing, Only::Stale] {
                let error = update_index(data, index, only, &Options::new()).unwrap_err();
                assert_eq!(error.os_error(), errno, "{error}");
            }
        }
    }
}
