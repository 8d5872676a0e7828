//! Opens the path of a TFRecord file, plain or compressed, as a source.
//!
//! All paths of data that is read go through here. Paths of indexes do not: they are plain files.

use std::ffi::OsString;
use std::io::{self, IoSliceMut};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use crate::error::{Error, ErrorKind, Result};
use crate::file;
use crate::frame::{Header, HEADER_LEN};
use crate::gzip::{self, Found, Kind, Points};
use crate::source::{fill_at, DataFile, Opened, ReadAt};
use crate::sys::Identity;

/// How many bytes at the start are read when a file is opened: those that a scan reads first.
const START: usize = 4 << 10;

/// An open file of data.
pub(crate) enum Data {
    Plain(Plain),
    Compressed(Box<Compressed>),
}

/// The decompressed bytes of a compressed file.
pub(crate) type Compressed = gzip::Decompressed<DataFile>;

/// A file that is not compressed.
pub(crate) struct Plain {
    file: DataFile,
    /// The first bytes, for the first read: to find out whether a file is compressed takes no
    /// further call of the system. A lock that a fork leaves locked stops nothing.
    start: Mutex<Vec<u8>>,
}

/// Opens the data at `path`: a regular file, or one of the process's own descriptors. Uses the seek
/// file beside a compressed file, if it belongs to it.
pub(crate) fn open(path: &Path) -> Result<Data> {
    open_beside(path, &default_index_path(path))
}

/// Like [`open`], but prefers the seek file beside this index.
pub(crate) fn open_beside(path: &Path, index_path: &Path) -> Result<Data> {
    open_with(path, |kind, file| {
        if file.is_shared() {
            return Ok(None); // the path is not that of the file
        }
        let default = default_index_path(path);
        let found = Found::open(&gzip::seek_path(index_path), kind, file)?;
        match found.is_none() && index_path != default {
            true => Found::open(&gzip::seek_path(&default), kind, file),
            false => Ok(found),
        }
    })
}

/// Like [`open`], but ignores seek files.
pub(crate) fn open_alone(path: &Path) -> Result<Data> {
    open_with(path, |_, _| Ok(None))
}

/// Like [`open`], with points that are known from an earlier time.
pub(crate) fn open_again(path: &Path, points: Option<&Arc<Points>>) -> Result<Data> {
    let Some(points) = points.filter(|points| points.are_complete()) else { return open(path) };
    Ok(match open_alone(path)? {
        Data::Compressed(source) => {
            Data::Compressed(Box::new(source.with_points(points.clone(), None)))
        }
        plain => plain,
    })
}

/// The size of a file's data: of a compressed file, that of the decompressed data. If that has no seek
/// file, all of it is decompressed.
///
/// # Errors
/// If the file cannot be opened or read.
pub fn data_size(path: &Path) -> Result<u64> {
    let size = || open(path)?.size().map_err(|error| Error::io("find the size", error));
    size().map_err(|error: Error| error.of(path))
}

/// The size of the decompressed data, if the file is compressed and a seek file beside the index
/// says it.
pub(crate) fn decompressed_size(path: &Path, index_path: &Path) -> Option<u64> {
    let data = open_beside(path, index_path).ok()?;
    data.compressed()?.known_points().map(|points| points.size)
}

/// Returns the default path of a TFRecord file's index: the file's path with `.idx` appended.
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

fn open_with(
    path: &Path,
    find: impl FnOnce(Kind, &DataFile) -> Result<Option<Found>>,
) -> Result<Data> {
    let file = file::open_regular(path)?;
    let size = usize::try_from(file.opened().stamp.bytes).unwrap_or(START).min(START);
    let mut start = vec![0; size];
    let count = fill_at(&file, &mut start, 0);
    start.truncate(count.map_err(|error| Error::io("read", error).of(path))?);
    let kind = kind_of(&start, &file).map_err(|error| error.of(path))?;
    let Some(kind) = kind else {
        return Ok(Data::Plain(Plain { file, start: Mutex::new(start) }));
    };
    let found = find(kind, &file)?;
    let source = gzip::Decompressed::new(file, kind);
    Ok(Data::Compressed(Box::new(match found {
        Some(Found { points, file }) => source.with_points(Arc::new(points), Some(file)),
        None => source,
    })))
}

/// The format of a source's data, if it is compressed.
pub(crate) fn kind_at_start(source: &impl ReadAt) -> Result<Option<Kind>> {
    let mut start = vec![0; START];
    let failed = |error| Error::io("read", error);
    // Whoever opens a source again may have kept its first bytes, and not as many as these.
    let count = fill_at(source, &mut start[..HEADER_LEN], 0).map_err(failed)?;
    if count == HEADER_LEN && starts_plain(&start) {
        return Ok(None);
    }
    let count = fill_at(source, &mut start, 0).map_err(failed)?;
    kind_of(&start[..count], source)
}

/// The format of data that starts with `start`, if it is compressed.
///
/// A record may have a length that looks like a magic number. So a valid length CRC, and one that
/// other writers use, count more. Where it is doubtful, the first decompressed bytes decide.
fn kind_of(start: &[u8], source: &impl ReadAt) -> Result<Option<Kind>> {
    let kind = match start {
        [0x1f, 0x8b, 8, ..] if gzip::may_start(Kind::Gzip, start) => Kind::Gzip,
        [_, _, ..] if gzip::may_start(Kind::Zlib, start) => Kind::Zlib,
        [_, _, _, _, ..] if gzip::may_start(Kind::Snappy, start) => Kind::Snappy,
        _ => return Ok(None),
    };
    if starts_plain(start) {
        return Ok(None);
    }
    let plain = header(start);
    if kind == Kind::Snappy {
        let first = header(&gzip::start_of_block(start, HEADER_LEN));
        return Ok(first.filter(|header| header.crc_holds()).map(|_| kind));
    }
    let may_be_plain =
        plain.is_some_and(|header| header.is_one_bit_off() || header.foreign_checksums().is_some());
    if kind == Kind::Gzip && !may_be_plain {
        return Ok(Some(kind));
    }
    let decompressed = match gzip::start_of(source, kind, HEADER_LEN) {
        Ok(decompressed) => decompressed,
        Err(error) if error.kind() == ErrorKind::Compressed => return Ok(None),
        Err(error) => return Err(error),
    };
    let is_tfrecord = match header(&decompressed) {
        Some(header) => header.crc_holds(),
        None => decompressed.is_empty(),
    };
    // As in `diagnose`: a length has zeros there.
    let has_no_length = start.len() > 8 && start[5..8] != [0; 3];
    let is_compressed = is_tfrecord || !may_be_plain && has_no_length;
    Ok(is_compressed.then_some(kind))
}

fn header(start: &[u8]) -> Option<Header> {
    let header = start.get(..HEADER_LEN)?;
    Some(Header::decode(header.try_into().expect("12 bytes")))
}

/// Whether data starts with a header whose CRC is valid, which no compressed data does.
fn starts_plain(start: &[u8]) -> bool {
    header(start).is_some_and(Header::crc_holds)
}

impl Data {
    fn file(&self) -> &DataFile {
        match self {
            Data::Plain(plain) => &plain.file,
            Data::Compressed(source) => source.compressed(),
        }
    }

    /// What the file is and was when it was opened: a compressed one, as it is stored.
    pub fn opened(&self) -> Opened {
        self.file().opened()
    }

    /// The seek file that is open, in which the windows of a compressed file's points are.
    pub fn opened_seek_file(&self) -> Option<Opened> {
        self.compressed()?.seek_file().map(DataFile::opened)
    }

    /// Device and inode.
    pub fn identity(&self) -> Identity {
        self.file().identity()
    }

    /// The compressed file, if it is one.
    pub fn compressed(&self) -> Option<&Compressed> {
        match self {
            Data::Plain(_) => None,
            Data::Compressed(source) => Some(source),
        }
    }

    /// Replaces the error of a record by that of the compressed data, if damage there is its cause.
    pub fn explain(&self, error: Error) -> Error {
        use ErrorKind::{Length, LengthCrc, NotTfRecord, PayloadCrc, Truncated};
        let is_of_data =
            matches!(error.kind(), Truncated | Length | LengthCrc | PayloadCrc | NotTfRecord);
        let points = self.compressed().and_then(|source| source.known_points());
        let (Some(points), Some(record), Some(offset), true) =
            (points, error.record(), error.offset(), is_of_data)
        else {
            return error;
        };
        match points.damage.iter().find(|damage| damage.decompressed >= offset) {
            Some(damage) => damage.to_error().at(record, offset),
            None => error,
        }
    }

    /// Ends the time of opening: later reads are those of the file as it is then.
    pub fn is_opened(&self) {
        if let Data::Plain(plain) = self {
            if let Ok(mut start) = plain.start.try_lock() {
                *start = Vec::new();
            }
        }
    }

    /// The points of a compressed file, if they are known.
    pub fn points(&self) -> Option<Arc<Points>> {
        self.compressed()?.known_points().cloned()
    }
}

impl ReadAt for Plain {
    fn size(&self) -> io::Result<u64> {
        self.file.size()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        if offset == 0 && buffer.len() <= START {
            if let Ok(mut start) = self.start.try_lock() {
                let start = std::mem::take(&mut *start);
                if let Some(bytes) = start.get(..buffer.len()) {
                    buffer.copy_from_slice(bytes);
                    return Ok(buffer.len());
                }
            }
        }
        ReadAt::read_at(&self.file, buffer, offset)
    }

    fn read_many_at(&self, buffers: &mut [IoSliceMut<'_>], offset: u64) -> io::Result<usize> {
        self.file.read_many_at(buffers, offset)
    }

    fn next_data(&self, offset: u64) -> u64 {
        self.file.next_data(offset)
    }

    fn advise_sparse(&self, sparse: bool) {
        self.file.advise_sparse(sparse);
    }
}

impl ReadAt for Data {
    fn size(&self) -> io::Result<u64> {
        match self {
            Data::Plain(plain) => plain.size(),
            Data::Compressed(source) => source.size(),
        }
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        match self {
            Data::Plain(plain) => plain.read_at(buffer, offset),
            Data::Compressed(source) => source.read_at(buffer, offset),
        }
    }

    fn read_many_at(&self, buffers: &mut [IoSliceMut<'_>], offset: u64) -> io::Result<usize> {
        match self {
            Data::Plain(plain) => plain.read_many_at(buffers, offset),
            Data::Compressed(source) => source.read_many_at(buffers, offset),
        }
    }

    fn next_data(&self, offset: u64) -> u64 {
        match self {
            Data::Plain(plain) => plain.next_data(offset),
            Data::Compressed(_) => offset,
        }
    }

    fn is_sequential(&self) -> bool {
        self.compressed().is_some_and(ReadAt::is_sequential)
    }

    fn advise_sparse(&self, sparse: bool) {
        self.file().advise_sparse(sparse);
    }
}
