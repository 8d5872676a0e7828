//! `ShardSource`: a shard of a data set that is no local file, as a function of the caller opens it.

use std::fmt;
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::gzip_source::GzipSource;
use crate::index::Index;
use crate::options::Options;
use crate::reader::{read_index, Reader, Table};
use crate::source::ReadAt;

/// What the caller gave.
pub(crate) type Bytes = Arc<dyn ReadAt + Send + Sync>;

/// A shard that is no local file, such as an object in a store, with the files beside it. The
/// function of [`Dataset::with_opener`](crate::Dataset::with_opener) makes one each time that a data
/// set opens the shard.
///
/// ```
/// use tfr_index::ShardSource;
///
/// let data = std::fs::read("tests/data/examples.tfrecord")?;
/// let shard = ShardSource::new(data).index_file(&b"0 78\n"[..]);
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use]
pub struct ShardSource {
    data: Bytes,
    index: Option<IndexText>,
    seek_file: Option<Bytes>,
}

/// The text of a shard's index.
pub(crate) enum IndexText {
    /// Of the index beside the data, which is used if it has all records.
    Beside(Bytes),
    /// Of an index that is used as it is.
    Given(Bytes),
}

impl IndexText {
    pub fn bytes(&self) -> &Bytes {
        let (IndexText::Beside(bytes) | IndexText::Given(bytes)) = self;
        bytes
    }
}

impl ShardSource {
    /// A shard with this data, plain or compressed.
    pub fn new(data: impl ReadAt + Send + Sync + 'static) -> ShardSource {
        ShardSource { data: Arc::new(data), index: None, seek_file: None }
    }

    /// Adds the text of the index that is beside the data. If it is not an index of this data, the
    /// data is scanned, with a warning.
    ///
    /// The whole text is read. It is not checked as thoroughly as that of a local file: of data
    /// where each read is a request, it must account for each byte, and the headers of the first
    /// and the last record must be there.
    pub fn index_file(mut self, text: impl ReadAt + Send + Sync + 'static) -> ShardSource {
        self.index = Some(IndexText::Beside(Arc::new(text)));
        self
    }

    /// Adds the text of an index that is used as it is, in place of the one beside the data: it may
    /// select, reorder and repeat records. A manifest may name such an index.
    ///
    /// ```
    /// use tfr_index::{Dataset, DatasetOptions, ShardSource, Shards};
    ///
    /// let data = std::fs::read("tests/data/examples.tfrecord")?;
    /// let open = move |_| Ok(ShardSource::new(data.clone()).given_index(&b"0 78\n0 78\n"[..]));
    /// let (shards, options) = (Shards::from_paths(["s3://b/x.tfrecord"]), DatasetOptions::new());
    /// let dataset = Dataset::with_opener(&shards, Vec::new(), None, &options, open)?;
    /// assert_eq!(dataset.len(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn given_index(mut self, text: impl ReadAt + Send + Sync + 'static) -> ShardSource {
        self.index = Some(IndexText::Given(Arc::new(text)));
        self
    }

    /// Adds the seek file that is beside compressed data. Without it, or if it does not belong to this
    /// data, opening the shard reads and decompresses all data once.
    pub fn seek_file(mut self, bytes: impl ReadAt + Send + Sync + 'static) -> ShardSource {
        self.seek_file = Some(Arc::new(bytes));
        self
    }

    /// The size of the data as it is stored.
    pub(crate) fn bytes(&self) -> Result<u64> {
        self.data.size().map_err(|error| Error::io("find the size", error))
    }

    /// Returns the data, decompressed, and the text of its index.
    pub(crate) fn into_data(self) -> Result<(GzipSource<Bytes>, Option<IndexText>)> {
        let ShardSource { data, index, seek_file } = self;
        let with_points = seek_file.map(|file| GzipSource::with_seek_file(data.clone(), file));
        let data = match with_points {
            Some(Err(error)) if error.kind() == ErrorKind::Mismatch => GzipSource::new(data)?,
            Some(opened) => opened?,
            None => GzipSource::new(data)?,
        };
        Ok((data, index))
    }

    /// Opens a reader with `index`, the table of an earlier reader, the index file or a scan. With
    /// `of_salvage`, the scan is one of these options.
    pub(super) fn open(
        self,
        index: Option<Index>,
        table: Option<&Table>,
        of_salvage: Option<&Options<'_>>,
        options: &Options<'_>,
    ) -> Result<Reader> {
        let (data, text) = self.into_data()?;
        if index.is_some() {
            return Reader::from_source(data, index, options);
        }
        if let Some(table) = table {
            let size = data.size().map_err(|error| Error::io("find the size", error))?;
            if table.is_of_size(size) {
                return Reader::from_source_again(data, table, options);
            }
        }
        match of_salvage {
            Some(of_scan) => Reader::scan_source(data, of_scan, options),
            None => open_with_text(data, text, options),
        }
    }
}

/// Opens data with the text of its index, or with a scan.
pub(crate) fn open_with_text(
    data: GzipSource<Bytes>,
    text: Option<IndexText>,
    options: &Options<'_>,
) -> Result<Reader> {
    match text {
        Some(IndexText::Given(text)) => {
            let index = Index::from_text(read_index(&text)?)?;
            Reader::from_source(data, Some(index), options)
        }
        text => Reader::from_source_beside(data, text.as_ref().map(IndexText::bytes), options),
    }
}

impl fmt::Debug for ShardSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (has_index, has_seek_file) = (self.index.is_some(), self.seek_file.is_some());
        f.debug_struct("ShardSource")
            .field("has_index", &has_index)
            .field("has_seek_file", &has_seek_file)
            .finish_non_exhaustive()
    }
}
