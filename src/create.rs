//! Index files: created from a TFRecord file, read and written, by path.

mod resume;
mod stream;
mod update;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};
use crate::file::{self, NewFile};
use crate::index::{decode_in_parts, Decoder, Encoder, Entry, Index};
use crate::open::open;
use crate::options::Options;
use crate::scan::{parallel, Batch};
use crate::source::{DataFile, ReadAt};

pub use stream::create_index_from_reader;
pub use update::{is_up_to_date, update_index, Only};

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
/// that was there stays as it was. A pipe, a device and [one of the process's own
/// descriptors](crate::own_descriptor) are written to directly.
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
/// file cannot be opened, read or written; when both paths lead to one file; when what is to be
/// [appended to](Options::resume) is not the index of what the data was. `EBUSY` when a
/// [`RecordWriter`](crate::RecordWriter) writes the index, or something appends to it: many may
/// create one index at once, and the last one stays.
pub fn create_index(
    tfrecord_path: impl AsRef<Path>,
    index_path: impl AsRef<Path>,
    options: &Options<'_>,
) -> Result<u64> {
    let (tfrecord_path, index_path) = (tfrecord_path.as_ref(), index_path.as_ref());
    let data = open(tfrecord_path)?;
    if file::is_same(&data, index_path) {
        return Err(index_is_data(index_path));
    }
    // Errors of the index file name it already.
    let created = options
        .of_file(tfrecord_path, |options| create_index_from_source(&data, index_path, options));
    created.map_err(|error| error.of(tfrecord_path))
}

/// Indexes any source into an index file, as [`create_index`] does a file; returns the number of
/// records.
///
/// With more [threads](Options::threads) than one, the source is read by many at once.
///
/// ```
/// use tfr_index::{create_index_from_source, Index, Options};
///
/// # let folder = tempfile::tempdir()?;
/// # let index_path = folder.path().join("examples.tfrecord.idx");
/// let data = std::fs::read("tests/data/examples.tfrecord")?;
/// assert_eq!(create_index_from_source(&data[..], &index_path, &Options::new())?, 100);
/// assert_eq!(Index::read(&index_path)?.len(), 100);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`create_index`], and those of the source.
pub fn create_index_from_source(
    source: impl ReadAt + Sync,
    index_path: impl AsRef<Path>,
    options: &Options<'_>,
) -> Result<u64> {
    let index_path = index_path.as_ref();
    let index_file = match options.resume {
        true => NewFile::create_alone(index_path)?,
        false => NewFile::create(index_path)?,
    };
    let mut index_file = index_file.with_sync(options.sync);
    let written = write_index(&mut index_file, index_path, &source, options)?;
    match written.is_new {
        true => index_file.commit()?,
        false if options.sync => file::sync(index_path)?,
        false => {}
    }
    Ok(written.records)
}

/// What [`write_index`] did.
pub(crate) struct Outcome {
    /// How many records the index has.
    pub records: u64,
    /// Whether it has any that the one at its place has not.
    pub is_new: bool,
}

pub(crate) fn index_is_data(index_path: &Path) -> Error {
    let detail = "the index path leads to the TFRecord file itself; give another one";
    Error::new(ErrorKind::InvalidArgument, detail).of(index_path)
}

/// Writes the index of a source to a file that replaces the one at `index_path`, going on with what
/// is there if `options` say so.
pub(crate) fn write_index(
    index_file: &mut NewFile,
    index_path: &Path,
    source: &(impl ReadAt + Sync),
    options: &Options<'_>,
) -> Result<Outcome> {
    if options.resume && index_file.is_target() {
        let detail = "only an index in a regular file can be appended to";
        return Err(Error::new(ErrorKind::InvalidArgument, detail).of(index_path));
    }
    let copied = match options.resume {
        true => resume::copy_index(index_path, index_file, source, options)?,
        false => None,
    };
    let from = copied.unwrap_or((0, 0));
    let records = parallel::scan(source, options, from, |text: &mut Encoder| {
        index_file.write(text.text())?;
        text.clear();
        Ok(())
    })?;
    let is_new = copied.map_or(true, |(before, _)| records > before);
    Ok(Outcome { records, is_new })
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
        let data = open(path)?;
        let scanned = options.of_file(path, |options| Index::from_source(&data, options));
        scanned.map_err(|error| error.of(path))
    }

    /// Reads an index file; of [one of the process's own descriptors](crate::own_descriptor), what
    /// is left from its position on.
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
        file::open_to_read(path).and_then(|file| Index::read_open(&file, path))
    }

    /// As [`read`](Self::read), of a file that is open.
    pub(crate) fn read_open(file: &DataFile, path: &Path) -> Result<Index> {
        // What is shared is read from its position.
        let whole = if file.is_shared() { None } else { decode_in_parts(file) };
        if let Some(index) = whole {
            return Ok(index);
        }
        let mut decoder = Decoder::new();
        let read = file.read_chunks(|text| decoder.push(text)).and_then(|()| decoder.finish());
        read.map_err(|error| error.of(path))
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

#[cfg(test)]
mod tests {
    use super::*;

    /// An index that is large enough to be read in parts.
    #[test]
    fn large_indexes_are_read_whole_and_errors_name_their_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.idx");
        let lines: String = (0..400_000).map(|i| format!("{} 21\n", i * 21)).collect();
        assert!(lines.len() > 4 << 20);
        std::fs::write(&path, &lines).unwrap();
        assert_eq!(Index::read(&path).unwrap(), Index::from_text(&lines).unwrap());
        std::fs::write(&path, format!("{lines}7 15\n")).unwrap();
        let error = Index::read(&path).unwrap_err();
        assert_eq!((error.record(), error.offset()), (Some(400_000), Some(lines.len() as u64)));
        assert_eq!(error.path(), Some(&*path));
    }
}
