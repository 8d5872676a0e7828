//! Seek files: the points of a compressed file, for those who open it later.
//!
//! A seek file is an index of gztool's version 0, which gztool and rapidgzip read, and a trailer,
//! which they do not look at. Numbers are big-endian, varints are those of protobuf.
//!
//! | bytes | gztool's index |
//! |---|---|
//! | 8, 8 | zeros, `gzipindx` |
//! | 8, 8 | the number of points, twice |
//! | 8, 8, 4, 4 | of each point: decompressed offset, compressed offset, bits, size of the window |
//! | … | and its window, as zlib data |
//! | 8 | the decompressed size |
//!
//! | bytes | our trailer |
//! |---|---|
//! | … | of each point, as varints: both offsets less those before, bits, size of the window |
//! | 8 | the size of these varints |
//! | 8, 8 | the number of points, the compressed size |
//! | 8, 8 | the decompressed size, the number of records |
//! | 4, 4, 4 | 1 for gzip, 2 for zlib or 3 for Snappy, the CRC-32 of the file's first and last 4 KiB |
//! | 4, 8 | the CRC-32 of the trailer up to here, `tfrseek` and 1 |

use std::path::{Path, PathBuf};

use super::container::Kind;
use super::points::{Point, Points};
use crate::error::{Error, Result};
use crate::file::{self, NewFile};
use crate::source::{fill_at, DataFile, ReadAt};
use crate::varint;

const MAGIC: &[u8; 16] = b"\0\0\0\0\0\0\0\0gzipindx";
const END: &[u8; 8] = b"tfrseek\x01";
/// The bytes before the first point, before a window, and after the varints.
const HEAD: u64 = 32;
const POINT: u64 = 24;
const FOOT: usize = 64;
/// The first read, from the end: enough for the points of a gigabyte.
const TAIL: u64 = 32 << 10;
/// How much of the compressed file says which one it is, at its start and its end.
const SAMPLE: usize = 4 << 10;

/// The seek file of an index: its path with `.seek` in place of `.idx` or `.tfindex`. For the data
/// `x.gz`, whose index is `x.gz.idx`, that is `x.gz.seek`.
pub(crate) fn seek_path(index_path: &Path) -> PathBuf {
    match index_path.extension() {
        Some(end) if end == "idx" || end == "tfindex" => index_path.with_extension("seek"),
        _ => {
            let mut path = index_path.as_os_str().to_owned();
            path.push(".seek");
            path.into()
        }
    }
}

/// Whether a file that starts like this is a seek file, or empty.
pub(crate) fn is_seek_file(start: &[u8]) -> bool {
    start.is_empty() || start.starts_with(MAGIC)
}

/// The most bytes of a compressed window: more than those of one that cannot be compressed.
const MOST_PACKED: u32 = 2 * super::WINDOW as u32;

/// What says which compressed file points belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identification {
    size: u64,
    first: u32,
    last: u32,
}

impl Identification {
    pub fn of(compressed: &impl ReadAt) -> Result<Identification> {
        let failed = |error| Error::io("read", error);
        let size = compressed.size().map_err(|error| Error::io("find the size", error))?;
        let mut sample = vec![0; SAMPLE];
        let mut crc_at = |offset: u64| {
            let count = fill_at(compressed, &mut sample, offset).map_err(failed)?;
            Ok(crc32fast::hash(&sample[..count]))
        };
        let (first, last) = (crc_at(0)?, crc_at(size.saturating_sub(SAMPLE as u64))?);
        Ok(Identification { size, first, last })
    }
}

/// Collects what says which file it is while the file is written.
#[derive(Debug, Default)]
pub(super) struct Sample {
    size: u64,
    first: Vec<u8>,
    last: Vec<u8>,
}

impl Sample {
    /// The bytes of the file so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    pub fn add(&mut self, bytes: &[u8]) {
        self.size += bytes.len() as u64;
        let more = bytes.len().min(SAMPLE - self.first.len());
        self.first.extend_from_slice(&bytes[..more]);
        self.last.extend_from_slice(&bytes[bytes.len().saturating_sub(SAMPLE)..]);
        self.last.drain(..self.last.len().saturating_sub(SAMPLE));
    }

    pub fn identification(&self) -> Identification {
        let (first, last) = (crc32fast::hash(&self.first), crc32fast::hash(&self.last));
        Identification { size: self.size, first, last }
    }
}

impl Points {
    /// Writes a seek file. The file appears complete or not at all.
    pub(crate) fn write(&self, path: &Path, file: Identification, sync: bool) -> Result<()> {
        let mut output = NewFile::create(path)?.with_sync(sync);
        self.write_to(&mut output, file)?;
        output.commit()
    }

    /// Writes the contents of a seek file.
    pub(crate) fn write_to(&self, output: &mut NewFile, file: Identification) -> Result<()> {
        let count = (self.list.len() as u64).to_be_bytes();
        output.write(&[&MAGIC[..], &count, &count].concat())?;
        let mut trailer = Vec::new();
        let (mut out, mut input) = (0, 0);
        for point in &self.list {
            let window = self.window(point).unwrap_or_default();
            let mut head = Vec::with_capacity(POINT as usize);
            head.extend(point.out.to_be_bytes());
            head.extend(point.input.to_be_bytes());
            head.extend(u32::from(point.bits).to_be_bytes());
            head.extend(point.window_size.to_be_bytes());
            output.write_both(&head, window)?;
            varint::push(&mut trailer, point.out - out);
            varint::push(&mut trailer, point.input - input);
            varint::push(&mut trailer, u64::from(point.bits));
            varint::push(&mut trailer, u64::from(point.window_size));
            (out, input) = (point.out, point.input);
        }
        output.write(&self.size.to_be_bytes())?;
        let size = trailer.len() as u64;
        let records = self.records.unwrap_or(u64::MAX);
        for number in [size, self.list.len() as u64, file.size, self.size, records] {
            trailer.extend(number.to_be_bytes());
        }
        for number in [kind_number(self.kind), file.first, file.last] {
            trailer.extend(number.to_be_bytes());
        }
        let crc = crc32fast::hash(&trailer);
        trailer.extend(crc.to_be_bytes());
        output.write_both(&trailer, END)
    }
}

fn kind_number(kind: Kind) -> u32 {
    match kind {
        Kind::Gzip => 1,
        Kind::Zlib => 2,
        Kind::Snappy => 3,
    }
}

/// A seek file that belongs to a compressed file.
pub(crate) struct Found<F = DataFile> {
    pub points: Points,
    /// The file, which has the windows.
    pub file: F,
}

impl<F: ReadAt> Found<F> {
    /// Reads the trailer; `None` if the seek file is damaged, or of another file.
    pub fn read(file: F, kind: Kind, compressed: &impl ReadAt) -> Option<Found<F>> {
        read(&file, kind, compressed).map(|points| Found { points, file })
    }
}

impl Found {
    /// Opens a seek file; `None` if there is none that belongs to the file.
    ///
    /// # Errors
    /// If too many files are open: this says nothing about the seek file.
    pub fn open(path: &Path, kind: Kind, compressed: &DataFile) -> Result<Option<Found>> {
        match file::open_regular(path) {
            Ok(file) => Ok(Found::read(file, kind, compressed)),
            Err(error) if matches!(error.os_error(), Some(libc::EMFILE | libc::ENFILE)) => {
                Err(error)
            }
            Err(_) => Ok(None),
        }
    }
}

fn read(file: &impl ReadAt, kind: Kind, compressed: &impl ReadAt) -> Option<Points> {
    let size = file.size().ok()?;
    let mut start = size.saturating_sub(TAIL);
    let mut tail = read_from(file, start, size)?;
    let foot = tail.get(tail.len().checked_sub(FOOT)?..)?;
    let word = |at: usize| Some(u64::from_be_bytes(foot.get(at..at + 8)?.try_into().ok()?));
    let half = |at: usize| Some(u32::from_be_bytes(foot.get(at..at + 4)?.try_into().ok()?));
    let (varints, count, records) = (word(0)?, word(8)?, word(32)?);
    let (bytes, decompressed) = (word(16)?, word(24)?);
    let of = Identification { size: bytes, first: half(44)?, last: half(48)? };
    let (number, crc) = (half(40)?, half(52)?);
    let is_ours = foot.ends_with(END) && number == kind_number(kind);
    if !is_ours || bytes != compressed.size().ok()? {
        return None;
    }
    let trailer = varints.checked_add(FOOT as u64).filter(|trailer| *trailer <= size)?;
    if trailer > tail.len() as u64 {
        start = size - trailer;
        tail = read_from(file, start, size)?;
    }
    let trailer = &tail[tail.len() - trailer as usize..];
    let (checked, _) = trailer.split_at(trailer.len() - 12);
    if crc32fast::hash(checked) != crc || Identification::of(compressed).ok()? != of {
        return None;
    }
    let list = read_points(&trailer[..varints as usize], count, decompressed, bytes)?;
    let records = Some(records).filter(|records| *records < u64::MAX);
    let (windows, damage) = (Vec::new(), Vec::new());
    Some(Points { kind, list, windows, size: decompressed, damage, records })
}

fn read_from(file: &impl ReadAt, start: u64, end: u64) -> Option<Vec<u8>> {
    let size = usize::try_from(end - start).ok()?;
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(size).ok()?;
    bytes.resize(size, 0);
    (fill_at(file, &mut bytes, start).ok()? == size).then_some(bytes)
}

/// Reads the points; `None` if they contradict each other.
fn read_points(mut varints: &[u8], count: u64, size: u64, compressed: u64) -> Option<Vec<Point>> {
    let mut list = Vec::new();
    let most = usize::try_from(count).ok().filter(|count| *count <= varints.len())?;
    list.try_reserve_exact(most).ok()?;
    let (mut out, mut input, mut window) = (0_u64, 0_u64, HEAD);
    for number in 0..count {
        let more = varint::take(&mut varints, varint::MOST)?;
        out = out.checked_add(more)?;
        input = input.checked_add(varint::take(&mut varints, varint::MOST)?)?;
        let bits = u8::try_from(varint::take(&mut varints, varint::MOST)?)
            .ok()
            .filter(|bits| *bits < 8)?;
        let window_size = varint::take(&mut varints, varint::MOST)?;
        let window_size = u32::try_from(window_size).ok().filter(|size| *size <= MOST_PACKED)?;
        window = window.checked_add(POINT)?;
        let is_next = (number == 0) == (more == 0); // the first point is at 0
        if !is_next || out > size || input > compressed {
            return None;
        }
        list.push(Point { out, input, bits, is_after_damage: false, window, window_size });
        window = window.checked_add(u64::from(window_size))?;
    }
    (varints.is_empty() && !list.is_empty()).then_some(list)
}
