//! Any source, decompressed if it is compressed.

use std::fmt;
use std::io::{self, IoSliceMut};
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::gzip::{Decompressed, Found, Kind};
use crate::open::kind_at_start;
use crate::source::{ReadAt, ReadCost};

/// The decompressed bytes of any source, such as a compressed object in a store. (The paths of
/// compressed files need no such source.)
///
/// What is decompressed is what a path may be: gzip, zlib and TensorFlow's Snappy container, by the
/// content. Data that is not compressed is read as it is.
///
/// With the bytes of the object's seek file, each read fetches and decompresses little more than it
/// needs. Without it, the first use that needs the size, such as opening a [`Reader`](crate::Reader),
/// reads and decompresses all data once, checks each member, and keeps the seek points in memory.
/// [`create_index`](crate::create_index) writes seek files: run it where the file is.
///
/// Many threads may read at the same time, and then read the source at the same time.
///
/// ```
/// use tfr_index::{create_index, GzipSource, Index, Options, Reader, RecordWriter};
///
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("x.gz");
/// # let options = Options::new().compression(tfr_index::Compression::Gzip);
/// # let mut writer = RecordWriter::create(&path, directory.path().join("x.gz.idx"), &options)?;
/// # for number in 0..1000_u32 {
/// #     writer.write(&number.to_le_bytes())?;
/// # }
/// # writer.finish()?;
/// # let index_path = directory.path().join("x.gz.idx");
/// # let seek_path = directory.path().join("x.gz.seek");
/// // These may come from a store.
/// let object = std::fs::read(&path)?;
/// let (index, seek_file) = (Index::read(&index_path)?, std::fs::read(&seek_path)?);
///
/// let source = GzipSource::with_seek_file(object, seek_file)?;
/// let reader = Reader::from_source(source, Some(index), &Options::new())?;
/// assert_eq!(reader.read(999)?, 999_u32.to_le_bytes());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct GzipSource<S>(Bytes<S>);

type SeekFile = Box<dyn ReadAt + Send + Sync>;

enum Bytes<S> {
    Plain(S),
    Compressed(Box<Decompressed<S, SeekFile>>),
}

impl<S: ReadAt> GzipSource<S> {
    /// Wraps a source, of which it reads the first 4 KiB.
    ///
    /// # Errors
    /// Those of the source.
    pub fn new(source: S) -> Result<GzipSource<S>> {
        Ok(GzipSource(match kind_at_start(&source)? {
            None => Bytes::Plain(source),
            Some(kind) => Bytes::Compressed(Box::new(Decompressed::new(source, kind))),
        }))
    }

    /// Wraps a source whose seek points are in a seek file.
    ///
    /// # Errors
    /// Those of the source. [`ErrorKind::Mismatch`] if the seek file is damaged or does not belong
    /// to this data.
    pub fn with_seek_file(
        source: S,
        seek_file: impl ReadAt + Send + Sync + 'static,
    ) -> Result<GzipSource<S>> {
        let Bytes::Compressed(source) = GzipSource::new(source)?.0 else {
            return Err(no_fit("the data is not compressed"));
        };
        let seek_file: SeekFile = Box::new(seek_file);
        let found = Found::read(seek_file, source.kind(), source.compressed());
        let Some(Found { points, file }) = found else {
            return Err(no_fit("the seek file is damaged, or not that of this data"));
        };
        let source = source.with_points(Arc::new(points), Some(file));
        Ok(GzipSource(Bytes::Compressed(Box::new(source))))
    }

    /// How the data is compressed.
    pub(crate) fn kind(&self) -> Option<Kind> {
        match &self.0 {
            Bytes::Plain(_) => None,
            Bytes::Compressed(source) => Some(source.kind()),
        }
    }

    /// Whether the data is compressed.
    pub fn is_compressed(&self) -> bool {
        matches!(self.0, Bytes::Compressed(_))
    }
}

impl<S> fmt::Debug for GzipSource<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_compressed = matches!(self.0, Bytes::Compressed(_));
        f.debug_struct("GzipSource").field("is_compressed", &is_compressed).finish_non_exhaustive()
    }
}

fn no_fit(what: &str) -> Error {
    let detail = format!("{what}: create the index again, and use the seek file beside it");
    Error::new(ErrorKind::Mismatch, detail)
}

impl<S: ReadAt> ReadAt for GzipSource<S> {
    /// # Errors
    /// Those of the source; the first damage in compressed data. Part of a damaged file is not
    /// taken for all of it.
    fn size(&self) -> io::Result<u64> {
        match &self.0 {
            Bytes::Plain(source) => source.size(),
            Bytes::Compressed(source) => {
                let points = source.points(&|_| Ok(()))?;
                points.ensure_whole()?;
                Ok(points.size)
            }
        }
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        match &self.0 {
            Bytes::Plain(source) => source.read_at(buffer, offset),
            Bytes::Compressed(source) => source.read_at(buffer, offset),
        }
    }

    fn read_many_at(&self, buffers: &mut [IoSliceMut<'_>], offset: u64) -> io::Result<usize> {
        match &self.0 {
            Bytes::Plain(source) => source.read_many_at(buffers, offset),
            Bytes::Compressed(source) => source.read_many_at(buffers, offset),
        }
    }

    fn as_bytes(&self) -> Option<&[u8]> {
        match &self.0 {
            Bytes::Plain(source) => source.as_bytes(),
            Bytes::Compressed(_) => None,
        }
    }

    fn next_data(&self, offset: u64) -> u64 {
        match &self.0 {
            Bytes::Plain(source) => source.next_data(offset),
            Bytes::Compressed(_) => offset,
        }
    }

    fn cost(&self) -> Option<ReadCost> {
        match &self.0 {
            Bytes::Plain(source) => source.cost(),
            Bytes::Compressed(_) => None, // a read decompresses a chunk
        }
    }

    fn is_sequential(&self) -> bool {
        match &self.0 {
            Bytes::Plain(source) => source.is_sequential(),
            Bytes::Compressed(source) => source.is_sequential(),
        }
    }

    fn advise_sparse(&self, sparse: bool) {
        match &self.0 {
            Bytes::Plain(source) => source.advise_sparse(sparse),
            Bytes::Compressed(source) => source.compressed().advise_sparse(sparse),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::check::tests::CountingSource;
    use crate::check::CheckLevel;
    use crate::options::{Compression, Options};
    use crate::reader::Reader;
    use crate::writer::RecordWriter;
    use crate::Index;

    /// A gzip file of 500 records, its index and its seek file.
    fn parts() -> (Vec<u8>, Index, Vec<u8>) {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let options = Options::new().compression(Compression::Gzip);
        let mut writer = RecordWriter::create(path("x"), path("x.idx"), &options).unwrap();
        for number in 0..500_u32 {
            writer.write(&number.to_le_bytes()).unwrap();
        }
        writer.finish().unwrap();
        let read = |name: &str| std::fs::read(path(name)).unwrap();
        (read("x"), Index::read(path("x.idx")).unwrap(), read("x.seek"))
    }

    #[test]
    fn any_source_may_be_compressed() {
        let (data, index, seek_file) = parts();
        let plain = GzipSource::new(data.clone()).unwrap();
        let mut bytes = vec![0; plain.size().unwrap() as usize];
        assert!(plain.is_compressed() && plain.read_at(&mut bytes, 0).unwrap() == bytes.len());
        let sources = [
            GzipSource::new(data.clone()).unwrap(),
            GzipSource::with_seek_file(data, seek_file).unwrap(),
            GzipSource::new(bytes).unwrap(),
        ];
        assert!(!sources[2].is_compressed() && sources[2].as_bytes().is_some());
        for source in sources {
            assert_eq!(Index::from_source(&source, &Options::new()).unwrap(), index);
            let reader = Reader::from_source(source, Some(index.clone()), &Options::new()).unwrap();
            assert_eq!(reader.read(321).unwrap(), 321_u32.to_le_bytes());
            assert_eq!(reader.iter().filter_map(Result::ok).count(), 500);
        }
    }

    /// Several threads in one block, which can only be decoded from its start, would begin it again
    /// and again.
    #[test]
    fn one_thread_reads_what_is_one_block() {
        let bytes = crate::frame::encode(&[0; 1000]).repeat(1000);
        let deflated = miniz_oxide::deflate::compress_to_vec(&bytes, 6);
        let crc = crc32fast::hash(&bytes).to_le_bytes();
        let size = (bytes.len() as u32).to_le_bytes();
        let data = [b"\x1f\x8b\x08\0\0\0\0\0\0\xff", &deflated[..], &crc, &size].concat();
        let whole = data.len();
        let source = GzipSource::new(CountingSource(&data, Mutex::default())).unwrap();
        let bytes_read = || match &source.0 {
            Bytes::Compressed(source) => {
                std::mem::take(&mut source.compressed().1.lock().unwrap().1)
            }
            Bytes::Plain(_) => unreachable!(),
        };
        let options = Options::new().threads(4);
        let index = Index::from_source(&source, &options).unwrap();
        // Each record is some bytes, of which every read takes 20.
        let most = 40 * whole;
        let read = bytes_read();
        assert!(read < most, "{read} of {whole} bytes");
        for level in [CheckLevel::Headers, CheckLevel::Full] {
            index.check_source(&source, level, &options).unwrap();
            let read = bytes_read();
            assert!(read < most, "{level:?}: {read} of {whole} bytes");
        }
    }

    #[test]
    fn damaged_data_is_not_taken_for_all_and_seek_files_must_fit() {
        let (data, index, seek_file) = parts();
        for end in [data.len() - 1, data.len() / 2, 100] {
            let source = GzipSource::new(data[..end].to_vec()).unwrap();
            let error = Index::from_source(&source, &Options::new()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Truncated, "{error}");
            let error = Reader::from_source(source, Some(index.clone()), &Options::new());
            assert_eq!(error.err().unwrap().kind(), ErrorKind::Truncated);
        }
        let refused = |data: &[u8], seek_file: &[u8]| {
            let source = GzipSource::with_seek_file(data.to_vec(), seek_file.to_vec());
            assert_eq!(source.err().unwrap().kind(), ErrorKind::Mismatch);
        };
        refused(&data[..data.len() - 1], &seek_file);
        refused(&data, &seek_file[..seek_file.len() - 1]);
        refused(b"plain", &seek_file);
    }
}
