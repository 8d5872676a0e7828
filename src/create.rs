//! Index files by path: created from TFRecord files, read and written.

mod compressed;
mod overwrite;
mod resume;
mod stream;
mod update;

use std::path::Path;

use crate::error::{Error, ErrorKind, Result};
use crate::file::{self, NewFile};
use crate::index::{
    decode_in_parts, Collect, Decoder, Encoder, Entry, EntryTable, EntryTableBuilder, Index,
};
use crate::open::{open, open_alone, Data};
use crate::options::Options;
use crate::scan::{parallel, Batch};
use crate::source::{DataFile, ReadAt};
use crate::sys::Identity;

pub use crate::open::default_index_path;
pub use overwrite::{ensure_index, holds_numbers};
pub use stream::create_index_from_reader;
pub use update::{is_up_to_date, update_index, Only};

/// Creates the index file of a TFRecord file and returns the number of records.
///
/// Needs a few megabytes of memory, whatever the file's size. The index is written to a temporary
/// file in the same directory and then renamed: after an error, an existing index is unchanged and
/// no file is left. A pipe, a device or [one of the process's own
/// descriptors](crate::own_descriptor) is written to directly.
///
/// A file may be compressed with gzip, zlib or TensorFlow's Snappy, here and wherever a TFRecord
/// file is named. Offsets are then those of the decompressed data, and a seek file is written
/// beside the index, for `x.gz.idx` as `x.gz.seek`: with both, any record can be read without
/// decompressing what lies before.
///
/// ```
/// use tfr_index::{create_index, Index, Options};
///
/// let directory = tempfile::tempdir()?;
/// let index_path = directory.path().join("examples.tfrecord.idx");
/// let count = create_index("tests/data/examples.tfrecord", &index_path, &Options::new())?;
/// assert_eq!(Index::read(&index_path)?.len() as u64, count);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// - The TFRecord file is damaged, truncated or in another format: the error has the number and the
///   offset of the first bad record.
/// - [`ErrorKind::Compressed`]: the compressed data is damaged.
/// - [`ErrorKind::Io`]: a file cannot be opened, read or written. `EBUSY`: a
///   [`RecordWriter`](crate::RecordWriter) writes the index, or another call
///   [continues](Options::resume) it. (Several calls may create the same index at the same time;
///   the last one wins.)
/// - [`ErrorKind::InvalidArgument`]: both paths lead to the same file.
/// - [`ErrorKind::Mismatch`]: the index to [continue](Options::resume) does not match the data.
pub fn create_index(
    tfrecord_path: impl AsRef<Path>,
    index_path: impl AsRef<Path>,
    options: &Options<'_>,
) -> Result<u64> {
    create_index_unless(tfrecord_path.as_ref(), index_path.as_ref(), |_| Ok(()), options)
}

/// Like [`create_index`], but fails if `ensure` does for a file at the index path.
pub(crate) fn create_index_unless(
    tfrecord_path: &Path,
    index_path: &Path,
    ensure: impl FnOnce(&Path) -> Result<()>,
    options: &Options<'_>,
) -> Result<u64> {
    let data = open_alone(tfrecord_path)?;
    let ensure_other = |index: Identity| match index == data.identity() {
        true => Err(index_is_data(index_path)),
        false => ensure(index_path),
    };
    // Errors of the index file already name it.
    let created = options.of_file(tfrecord_path, |options| {
        create_over(index_path, ensure_other, options, |file| match &data {
            Data::Plain(_) => write_index(file, index_path, &data, options),
            Data::Compressed(data) => compressed::write_index(file, index_path, data, options),
        })
    });
    created.map_err(|error| error.of(tfrecord_path))
}

/// Like [`create_index`], for any source.
///
/// Unless [`Options::threads`] is 1, several threads read the source at the same time.
///
/// ```
/// use tfr_index::{create_index_from_source, Index, Options};
///
/// # let directory = tempfile::tempdir()?;
/// # let index_path = directory.path().join("examples.tfrecord.idx");
/// let data = std::fs::read("tests/data/examples.tfrecord")?;
/// assert_eq!(create_index_from_source(&data[..], &index_path, &Options::new())?, 100);
/// assert_eq!(Index::read(&index_path)?.len(), 100);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Those of [`create_index`] and of the source.
pub fn create_index_from_source(
    source: impl ReadAt + Sync,
    index_path: impl AsRef<Path>,
    options: &Options<'_>,
) -> Result<u64> {
    let index_path = index_path.as_ref();
    let write = |file: &mut NewFile| write_index(file, index_path, &source, options);
    create_over(index_path, |_| Ok(()), options, write)
}

/// Creates an index with `write`. Fails if `ensure_other` does for the file that is there.
fn create_over(
    index_path: &Path,
    ensure_other: impl FnOnce(Identity) -> Result<()>,
    options: &Options<'_>,
    write: impl FnOnce(&mut NewFile) -> Result<Outcome>,
) -> Result<u64> {
    let index_file = NewFile::create_over(index_path, options.resume, ensure_other)?;
    let mut index_file = index_file.with_sync(options.sync);
    let written = write(&mut index_file)?;
    match written.is_new {
        true => index_file.commit()?,
        false if options.sync => file::sync(index_path)?,
        false => {}
    }
    Ok(written.records)
}

/// The result of [`write_index`].
pub(crate) struct Outcome {
    /// The number of records in the index.
    pub records: u64,
    /// Whether it has more records than the existing index.
    pub is_new: bool,
}

pub(crate) fn index_is_data(index_path: &Path) -> Error {
    let detail = "the index path leads to the TFRecord file itself; give another index path";
    Error::new(ErrorKind::InvalidArgument, detail).of(index_path)
}

/// Writes the index of a source to a file that replaces the one at `index_path`, or continues that
/// one if `options` say so.
pub(crate) fn write_index(
    index_file: &mut NewFile,
    index_path: &Path,
    source: &(impl ReadAt + Sync),
    options: &Options<'_>,
) -> Result<Outcome> {
    if options.resume && index_file.is_target() {
        let detail = "only an index in a regular file can be continued; give another index path";
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
    /// Indexes a TFRecord file in memory, without writing a file.
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
    /// Those of [`create_index`], except for the index file.
    pub fn scan(tfrecord_path: impl AsRef<Path>, options: &Options<'_>) -> Result<Index> {
        let path = tfrecord_path.as_ref();
        let data = open(path)?;
        let scanned = options.of_file(path, |options| Index::of_data(&data, options));
        scanned.map_err(|error| error.of(path))
    }

    /// Reads an index file. [One of the process's own descriptors](crate::own_descriptor) is read
    /// from its position on.
    ///
    /// ```
    /// # let directory = tempfile::tempdir()?;
    /// # let path = directory.path().join("train.tfrecord.idx");
    /// std::fs::write(&path, "0 21\n21 16\n")?;
    /// assert_eq!(tfr_index::Index::read(&path)?[1].offset, 21);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If the file cannot be read; if it is not an index, those of [`Index::from_text`].
    pub fn read(index_path: impl AsRef<Path>) -> Result<Index> {
        let path = index_path.as_ref();
        file::open_to_read(path).and_then(|file| Index::read_open(&file, path))
    }

    /// Like [`read`](Self::read), for an open file.
    pub(crate) fn read_open(file: &DataFile, path: &Path) -> Result<Index> {
        // A shared descriptor is read from its position.
        let size = file.opened().stamp.bytes;
        let whole = if file.is_shared() { None } else { decode_in_parts(file, size) };
        if let Some(entries) = whole {
            return Ok(Index::from_checked(entries));
        }
        let mut decoder = Decoder::new();
        let read = file.read_chunks(|text| decoder.push(text)).and_then(|()| decoder.finish());
        read.map_err(|error| error.of(path))
    }

    /// Writes the index to a file, which appears complete or not at all.
    ///
    /// ```
    /// # let directory = tempfile::tempdir()?;
    /// # let path = directory.path().join("train.tfrecord.idx");
    /// tfr_index::Index::from_text("0 21")?.write(&path)?;
    /// assert_eq!(std::fs::read_to_string(&path)?, "0 21\n");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If the file cannot be written; then an existing file is unchanged.
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

impl EntryTable {
    /// Like [`Index::read`], for an open file.
    pub(crate) fn read_open(file: &DataFile, path: &Path) -> Result<EntryTable> {
        let size = file.opened().stamp.bytes;
        let whole = match file.is_shared() {
            true => None,
            false => decode_in_parts::<EntryTableBuilder>(file, size),
        };
        if let Some(builder) = whole {
            return builder.finish();
        }
        let (mut decoder, mut builder) = (Decoder::new(), EntryTableBuilder::default());
        let read = file.read_chunks(|text| {
            decoder.push(text)?;
            decoder.move_to(&mut builder)
        });
        let rest = read.and_then(|()| decoder.finish()).map(Index::into_entries);
        rest.and_then(|mut rest| builder.collect(&mut rest))
            .and_then(|()| builder.finish())
            .map_err(|error| error.of(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An index that is large enough to be read in parts.
    #[test]
    fn large_indexes_are_read_whole_and_errors_name_their_place() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.idx");
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
