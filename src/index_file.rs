//! Index files: created from a TFRecord file, read and written, by path.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};
use crate::file::{self, NewFile};
use crate::index::{Decoder, Encoder, Entry, Index};
use crate::options::Options;
use crate::scan::{parallel, Batch};

/// Where the index of a TFRecord file stands unless one says otherwise: at its path with `.idx`
/// appended.
///
/// ```
/// let path = tfr_index::default_index_path("train.tfrecord");
/// assert_eq!(path, std::path::Path::new("train.tfrecord.idx"));
/// ```
pub fn default_index_path(tfrecord_path: impl AsRef<Path>) -> PathBuf {
    let mut path = OsString::from(tfrecord_path.as_ref());
    path.push(".idx");
    path.into()
}

/// Indexes a TFRecord file into an index file; returns the number of records.
///
/// Takes some megabytes of memory, whatever the file's size. The index file is written beside its
/// place and renamed over it when it is whole: on any error nothing is left behind, and an index
/// that was there stays as it was.
///
/// ```
/// use tfr_index::{create_index, Index, Options};
///
/// let folder = tempfile::tempdir()?;
/// let index_path = folder.path().join("examples.tfrecord.idx");
/// let count = create_index("tests/data/examples.tfrecord", &index_path, &Options::new())?;
/// assert_eq!(Index::read(&index_path)?.len() as u64, count);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// When the TFRecord file is not whole records, with the first bad one's number and offset; when a
/// file cannot be opened, read or written; when both paths lead to one file.
pub fn create_index(
    tfrecord_path: impl AsRef<Path>,
    index_path: impl AsRef<Path>,
    options: &Options<'_>,
) -> Result<u64> {
    let (tfrecord_path, index_path) = (tfrecord_path.as_ref(), index_path.as_ref());
    let data = file::open_regular(tfrecord_path)?;
    if file::is_same(&data, index_path) {
        let detail = "the index path leads to the TFRecord file itself; give another one";
        return Err(Error::new(ErrorKind::InvalidArgument, detail).of(index_path));
    }
    let mut index_file = NewFile::create(index_path)?;
    let count = parallel::scan(&data, options, |text: &mut Encoder| {
        index_file.write(text.text())?;
        text.clear();
        Ok(())
    });
    let count = count.map_err(|error| error.of(tfrecord_path))?;
    index_file.commit()?;
    Ok(count)
}

impl Batch for Encoder {
    #[inline]
    fn push(&mut self, entry: Entry) -> Result<()> {
        Encoder::push(self, entry)
    }

    #[inline]
    fn size(&self) -> usize {
        self.text().len()
    }
}

impl Index {
    /// The index of a TFRecord file; no file is written.
    ///
    /// ```
    /// use tfr_index::{Index, Options};
    ///
    /// let index = Index::scan("tests/data/examples.tfrecord", &Options::new())?;
    /// assert_eq!(index.len(), 100);
    /// # Ok::<(), tfr_index::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`create_index`].
    pub fn scan(tfrecord_path: impl AsRef<Path>, options: &Options<'_>) -> Result<Index> {
        let path = tfrecord_path.as_ref();
        let data = file::open_regular(path)?;
        Index::from_shared_source(&data, options).map_err(|error| error.of(path))
    }

    /// Reads an index file.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("train.tfrecord.idx");
    /// std::fs::write(&path, "0 21\n21 16\n")?;
    /// assert_eq!(tfr_index::Index::read(&path)?[1].offset, 21);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// When the file cannot be read; when it is not an index, as [`Index::from_text`].
    pub fn read(index_path: impl AsRef<Path>) -> Result<Index> {
        let path = index_path.as_ref();
        let mut decoder = Decoder::new();
        file::read_chunks(path, |text| decoder.push(text))?;
        decoder.finish().map_err(|error| error.of(path))
    }

    /// Writes the index to a file, whole or not at all.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("train.tfrecord.idx");
    /// tfr_index::Index::from_text("0 21")?.write(&path)?;
    /// assert_eq!(std::fs::read_to_string(&path)?, "0 21\n");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// When the file cannot be written; what was there stays as it was.
    pub fn write(&self, index_path: impl AsRef<Path>) -> Result<()> {
        let mut index_file = NewFile::create(index_path.as_ref())?;
        let mut encoder = Encoder::default();
        for entries in self.chunks(4096) {
            entries.iter().try_for_each(|entry| encoder.push(*entry))?;
            index_file.write(encoder.text())?;
            encoder.clear();
        }
        index_file.commit()
    }
}
