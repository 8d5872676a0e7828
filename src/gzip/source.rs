//! The decompressed bytes of a container, as a source.

use std::io::{self, IoSliceMut};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::Arc;

use super::cache::{self, Access};
use super::chunk::{skip_header, Chunk};
use super::container::Kind;
use super::decoder::{out_of_memory, unpack, Decoder, Stop};
use super::input::Input;
use super::pass::Pass;
use super::points::{contradicted, Point, Points, PointsBuilder};
use super::WINDOW;
use crate::error::{Error, ErrorKind, Result};
use crate::source::{fill_at, DataFile, ReadAt};
use crate::sys::SharedCell;

/// How many bytes at the start are read without points.
const START: usize = 4 << 10;

/// The decompressed bytes of a container. Many threads may read at the same time.
///
/// Without points, the first call that needs them makes them, with a pass over all bytes.
/// `F` is the type of a seek file.
pub(crate) struct Decompressed<S, F = DataFile> {
    compressed: S,
    kind: Kind,
    points: SharedCell<Arc<Points>>,
    /// The seek file that has the windows of the points.
    seek_file: Option<F>,
    /// Its number, in the cache.
    id: u64,
}

impl<S: ReadAt, F: ReadAt> Decompressed<S, F> {
    pub fn new(compressed: S, kind: Kind) -> Decompressed<S, F> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let id = NEXT.fetch_add(1, Relaxed);
        Decompressed { compressed, kind, points: SharedCell::new(), seek_file: None, id }
    }

    /// Sets the points, whose windows may be in a seek file.
    pub fn with_points(mut self, points: Arc<Points>, seek_file: Option<F>) -> Decompressed<S, F> {
        self.points = SharedCell::new();
        self.points.set(points);
        self.seek_file = seek_file;
        self
    }

    /// The compressed bytes.
    pub fn compressed(&self) -> &S {
        &self.compressed
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The points, if they are known.
    pub fn known_points(&self) -> Option<&Arc<Points>> {
        self.points.get()
    }

    /// Whether the windows are in a seek file.
    pub fn has_seek_file(&self) -> bool {
        self.seek_file.is_some()
    }

    /// The seek file that has the windows.
    pub fn seek_file(&self) -> Option<&F> {
        self.seek_file.as_ref()
    }

    /// Sets the points that a pass has made, with windows in memory.
    pub fn set_points(&self, points: Points) {
        self.points.set(Arc::new(points));
    }

    /// The points. If they are not known, `progress` is called with the number of compressed bytes
    /// that are passed, and may stop the pass.
    pub fn points(&self, progress: &dyn Fn(u64) -> Result<()>) -> Result<&Arc<Points>> {
        if let Some(points) = self.points.get() {
            return Ok(points);
        }
        let mut points = PointsBuilder::new(self.kind);
        let pass = Pass::new(&self.compressed, self.kind);
        let passed = pass.run(true, &mut points, &mut |_, compressed| progress(compressed))?;
        Ok(self.points.set(Arc::new(points.finish(passed.size, passed.damage))))
    }

    /// Checks the checksum and the size of every member. `progress` is as for [`points`](Self::points).
    ///
    /// # Errors
    /// The first damage, of the data or the seek file; if points are known that are not those of this
    /// data.
    pub fn verify(&self, progress: &dyn Fn(u64) -> Result<()>) -> Result<()> {
        if !self.has_seek_file() {
            return self.points(progress)?.ensure_whole();
        }
        let (pass, mut points) =
            (Pass::new(&self.compressed, self.kind), PointsBuilder::without_points(self.kind));
        let passed = pass.run(false, &mut points, &mut |_, compressed| progress(compressed))?;
        let known = self.points(progress)?;
        if known.size != passed.size {
            return Err(contradicted(0));
        }
        for point in &known.list {
            progress(point.input)?;
            self.window(known, point)?;
        }
        Ok(())
    }

    /// Reads bytes. Those before `until` will be read next, so they are decoded, too, as far as they are
    /// in the same chunk.
    fn read(&self, bytes: &mut [u8], offset: u64, until: u64) -> Result<usize> {
        let is_start = offset.saturating_add(bytes.len() as u64) <= START as u64;
        if is_start && self.points.get().is_none() {
            match start_of(&self.compressed, self.kind, offset as usize + bytes.len()) {
                Ok(start) => {
                    let here = start.get(offset as usize..).unwrap_or_default();
                    bytes[..here.len()].copy_from_slice(here);
                    return Ok(here.len());
                }
                Err(error) if error.kind() == ErrorKind::Compressed => {} // the pass finds out more
                Err(error) => return Err(error),
            }
        }
        let points = self.points(&|_| Ok(()))?;
        let mut done = 0;
        while done < bytes.len() {
            let offset = offset.saturating_add(done as u64);
            if offset >= points.size {
                break;
            }
            done += self.read_chunk(points, &mut bytes[done..], offset, until)?;
        }
        Ok(done)
    }

    /// Reads bytes of one chunk.
    fn read_chunk(
        &self,
        points: &Points,
        bytes: &mut [u8],
        offset: u64,
        until: u64,
    ) -> Result<usize> {
        let number = points.before(offset);
        let (Some(point), end) = (points.list.get(number), points.end(number)) else {
            return Err(contradicted(0));
        };
        let wanted = end.min(offset.saturating_add(bytes.len() as u64));
        match cache::get((self.id, number), offset, wanted) {
            Access::Read(decoded) => Ok(decoded.copy(bytes, offset)),
            Access::Decode(decoding) => decoding.work(
                |buffer, before| {
                    let unpacked;
                    let known = before.as_ref().and_then(|bytes| bytes.window_before(point.out));
                    let window = match known {
                        Some(window) if point.window_size > 0 => window,
                        _ => {
                            unpacked = match self.window(points, point) {
                                Err(error) if error.kind() == ErrorKind::Stale => {
                                    self.bytes_before(points, number)?
                                }
                                window => window?,
                            };
                            &unpacked
                        }
                    };
                    Chunk::new(&self.compressed, self.kind, point, window, end, buffer)
                },
                |chunk| chunk.read(&self.compressed, self.kind, bytes, offset, until),
            ),
        }
    }

    fn window(&self, points: &Points, point: &Point) -> Result<Vec<u8>> {
        let size = point.window_size as usize;
        if size == 0 {
            return Ok(Vec::new());
        }
        let Some(file) = &self.seek_file else {
            let window = points.window(point).and_then(unpack);
            return window.ok_or_else(|| contradicted(point.input));
        };
        let mut packed = vec![0; size];
        let read = fill_at(file, &mut packed, point.window);
        read.map_err(|error| Error::io("read the seek points", error))?;
        unpack(&packed).ok_or_else(|| {
            let at = point.window;
            let detail = format!("its seek file is damaged near byte {at}: create the index again");
            Error::new(ErrorKind::Stale, detail)
        })
    }

    /// The bytes that the damaged window of a point should have, decompressed from the last point before
    /// it whose window is good. The first point has none.
    fn bytes_before(&self, points: &Points, number: usize) -> Result<Vec<u8>> {
        let end = points.list[number].out;
        for point in points.list[..number].iter().rev() {
            let mut bytes = match self.window(points, point) {
                Err(error) if error.kind() == ErrorKind::Stale => continue,
                window => window?,
            };
            let mut chunk =
                Chunk::new(&self.compressed, self.kind, point, &bytes, end, Vec::new())?;
            let start = point.out.max(end.saturating_sub(WINDOW as u64));
            let before = bytes.len();
            bytes.resize(before + (end - start) as usize, 0);
            chunk.read(&self.compressed, self.kind, &mut bytes[before..], start, end)?;
            bytes.drain(..bytes.len().saturating_sub(WINDOW));
            return Ok(bytes);
        }
        Err(contradicted(points.list[number].input))
    }
}

impl<S, F> Drop for Decompressed<S, F> {
    fn drop(&mut self) {
        if let Some(points) = self.points.take() {
            cache::forget(self.id, points.list.len());
        }
    }
}

impl<S: ReadAt, F: ReadAt> ReadAt for Decompressed<S, F> {
    fn size(&self) -> io::Result<u64> {
        Ok(self.points(&|_| Ok(()))?.size)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        Ok(self.read(buffer, offset, offset)?)
    }

    fn read_many_at(&self, buffers: &mut [IoSliceMut<'_>], offset: u64) -> io::Result<usize> {
        let size: usize = buffers.iter().map(|buffer| buffer.len()).sum();
        let (mut done, until) = (0, offset.saturating_add(size as u64));
        for buffer in buffers {
            let count = self.read(buffer, offset + done as u64, until)?;
            done += count;
            if count < buffer.len() {
                break;
            }
        }
        Ok(done)
    }

    /// Several threads in a chunk that is too large to be kept would decode it again and again.
    fn is_sequential(&self) -> bool {
        self.points.get().is_some_and(|points| points.have_large_chunk())
    }
}

/// The first decompressed bytes, at most `size`; fewer if there are no more.
///
/// # Errors
/// If they cannot be read or decoded.
pub(crate) fn start_of(compressed: &impl ReadAt, kind: Kind, size: usize) -> Result<Vec<u8>> {
    let failed = |error| Error::io("read", error);
    let mut input = Input::new(compressed, 0, START);
    let (mut output, mut at, mut decoder) = (vec![0; size], 0, Decoder::fast(kind));
    'members: while at < size && input.has(1).map_err(failed)? {
        if at > 0 && input.bytes()[0] == 0 {
            break; // zeros at the end
        }
        skip_header(kind, &mut input)?;
        decoder.restart();
        let history = at;
        while at < size {
            let output = &mut output[history..];
            let (taken, written, stop) = decoder.decode(input.bytes(), output, at - history, false);
            input.take(taken);
            at += written;
            match stop {
                Stop::End => {
                    if !input.has(kind.trailer()).map_err(failed)? {
                        return Err(contradicted(input.position()));
                    }
                    input.take(kind.trailer());
                    if kind == Kind::Zlib {
                        break 'members;
                    }
                    continue 'members;
                }
                Stop::Bad => return Err(contradicted(input.position())),
                Stop::OutOfMemory => return Err(out_of_memory()),
                _ if at < size && input.bytes().is_empty() && !input.more().map_err(failed)? => {
                    return Err(contradicted(input.position()));
                }
                _ => {}
            }
        }
    }
    output.truncate(at);
    Ok(output)
}
