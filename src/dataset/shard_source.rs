//! `ShardSource`: a shard of a data set that is no local file, as a function of the caller opens it.

use std::fmt;
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::gzip_source::GzipSource;
use crate::index::Index;
use crate::options::Options;
use crate::reader::{Reader, Table};
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
    index_file: Option<Bytes>,
    seek_file: Option<Bytes>,
}

impl ShardSource {
    /// A shard with this data, plain or compressed.
    pub fn new(data: impl ReadAt + Send + Sync + 'static) -> ShardSource {
        ShardSource { data: Arc::new(data), index_file: None, seek_file: None }
    }

    /// Adds the text of the index that is beside the data. If it is not an index of this data, the
    /// data is scanned, with a warning.
    ///
    /// The whole text is read. It is not checked as thoroughly as that of a local file: of data
    /// where each read is a request, it must account for each byte, and the headers of the first
    /// and the last record must be there.
    pub fn index_file(mut self, text: impl ReadAt + Send + Sync + 'static) -> ShardSource {
        self.index_file = Some(Arc::new(text));
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

    /// Returns the data, decompressed, and the text of the index beside it.
    pub(crate) fn into_data(self) -> Result<(GzipSource<Bytes>, Option<Bytes>)> {
        let ShardSource { data, index_file, seek_file } = self;
        let with_points = seek_file.map(|file| GzipSource::with_seek_file(data.clone(), file));
        let data = match with_points {
            Some(Err(error)) if error.kind() == ErrorKind::Mismatch => GzipSource::new(data)?,
            Some(opened) => opened?,
            None => GzipSource::new(data)?,
        };
        Ok((data, index_file))
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
        let (data, index_file) = self.into_data()?;
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
            None => Reader::from_source_beside(data, index_file, options),
        }
    }
}

impl fmt::Debug for ShardSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (has_index, has_seek_file) = (self.index_file.is_some(), self.seek_file.is_some());
        f.debug_struct("ShardSource")
            .field("has_index_file", &has_index)
            .field("has_seek_file", &has_seek_file)
            .finish_non_exhaustive()
    }
}
