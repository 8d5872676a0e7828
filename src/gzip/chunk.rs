//! The decompressed bytes from one seek point to the next, as far as they are decoded.

use std::sync::Arc;

use super::container::{Header, Kind};
use super::decoder::{out_of_memory, Decoder, Stop};
use super::input::Input;
use super::points::{contradicted, Point};
use super::{TINY, WINDOW};
use crate::error::{Error, ErrorKind, Result};
use crate::source::{fill_at, ReadAt};
use crate::sys::advise_filling;

/// The most bytes that a chunk keeps: of a larger one (some writers make one block of a whole
/// file), the last ones.
pub(super) const MOST: usize = if TINY { WINDOW + 4000 } else { 2 << 20 };
/// A chunk's memory is a multiple of this.
const ROUND: usize = if TINY { 100 } else { 64 << 10 };
/// Compressed bytes per read: as many as are to be decompressed, but between these limits. A chunk
/// that is decoded in several parts reads no part's bytes many times.
const STEP: usize = if TINY { 200 } else { 64 << 10 };
const LEAST_STEP: usize = if TINY { 20 } else { 4 << 10 };
/// Decoding a piece of this size is little slower than decoding all at once.
const PIECE: u64 = if TINY { 50 } else { 16 << 10 };
/// From this size on, the pages of a buffer come in one call. With page faults one by one, a random
/// record of 110 KB takes a tenth longer.
const POPULATED: usize = if TINY { 100 } else { 32 << 10 };

/// A chunk.
pub(super) struct Chunk {
    decoded: Arc<Decoded>,
    rest: Rest,
}

/// What decodes the rest of a chunk.
struct Rest {
    /// `None` once all is decoded.
    decoder: Option<Decoder>,
    /// The first byte of the buffer that the current member may refer to.
    history: usize,
    /// Where the next compressed byte is.
    input: u64,
    /// Where the chunk ends.
    end: u64,
    /// Why no more can be decoded.
    failed: Option<Error>,
}

/// The bytes of a chunk that are decoded. Other threads may read them while one decodes more, in a
/// copy.
#[derive(Clone)]
pub(super) struct Decoded {
    /// The window, unless the decoder has it, and the decompressed bytes.
    buffer: Vec<u8>,
    /// Which decompressed byte the buffer's first one is.
    base: u64,
    /// The first byte of the buffer that is one of the chunk.
    first: usize,
}

/// Errors are of the compressed data, not of a record.
fn failed(error: std::io::Error) -> Error {
    Error::io("read", error)
}

impl Chunk {
    /// A chunk that starts at a point and ends at the decompressed byte `end`. It takes the memory of
    /// `buffer`.
    pub fn new(
        source: &(impl ReadAt + ?Sized),
        kind: Kind,
        point: &Point,
        window: &[u8],
        end: u64,
        mut buffer: Vec<u8>,
    ) -> Result<Chunk> {
        let mut byte = [0];
        if point.bits > 0 {
            fill_at(source, &mut byte, point.input - 1).map_err(failed)?;
        }
        let mut decoder = Decoder::fast(kind);
        decoder.restart_at(point.bits, byte[0], window);
        let window = if decoder.has_window() { &[] } else { window };
        let first = window.len();
        let size = usize::try_from(end - point.out).unwrap_or(usize::MAX).min(MOST);
        // Full steps, so that a buffer fits another chunk.
        let size = (first + size + ROUND - 1) / ROUND * ROUND;
        buffer.clear();
        buffer.try_reserve_exact(size).map_err(|_| Error::out_of_memory("a chunk"))?;
        buffer.extend(window);
        let base = point.out.checked_sub(first as u64).ok_or_else(|| contradicted(point.input))?;
        let decoded = Arc::new(Decoded { buffer, base, first });
        let rest =
            Rest { decoder: Some(decoder), history: 0, input: point.input, end, failed: None };
        Ok(Chunk { decoded, rest })
    }

    /// Whether all is decoded.
    pub fn is_complete(&self) -> bool {
        self.rest.decoder.is_none()
    }

    pub fn decoded(&self) -> &Arc<Decoded> {
        &self.decoded
    }

    /// Whether it can get this byte: it is not before what is kept.
    pub fn reaches(&self, offset: u64) -> bool {
        offset >= self.decoded.base + self.decoded.first as u64
    }

    /// Whether it has all bytes before `end`, as far as they are in the chunk.
    pub fn has(&self, end: u64) -> bool {
        self.decoded.end() >= end.min(self.rest.end)
    }

    /// Whether more can be decoded, or cannot for ever: not if a read failed.
    pub fn is_sound(&self) -> bool {
        self.rest.failed.as_ref().map_or(true, |error| error.kind() == ErrorKind::Compressed)
    }

    fn is_begun(&self) -> bool {
        self.decoded.buffer.len() > self.decoded.first
    }

    /// Whether all of the chunk may be kept.
    fn fits(&self) -> bool {
        let start = self.decoded.base + self.decoded.first as u64;
        self.rest.end - start <= MOST as u64
    }

    /// The bytes of memory that it takes.
    pub fn bytes(&self) -> usize {
        let decoder = self.rest.decoder.as_ref().map_or(0, Decoder::bytes);
        self.decoded.buffer.capacity() + decoder
    }

    /// Its memory, unless other threads still read it.
    pub fn into_buffer(self) -> Option<Vec<u8>> {
        Arc::try_unwrap(self.decoded).ok().map(|decoded| decoded.buffer)
    }

    /// Reads bytes from `offset` on, up to the end of the chunk, and decodes those, and those before
    /// `until`. If that is a second small piece, it decodes the whole chunk, unless this takes requests:
    /// to decode all of it in small pieces takes a quarter longer.
    pub fn read(
        &mut self,
        source: &(impl ReadAt + ?Sized),
        kind: Kind,
        bytes: &mut [u8],
        offset: u64,
        until: u64,
    ) -> Result<usize> {
        let end = self.rest.end.min(offset.saturating_add(bytes.len() as u64));
        let until = self.rest.end.min(until).max(end);
        let mut done = 0;
        loop {
            done += self.decoded.copy(&mut bytes[done..], offset + done as u64);
            if offset + done as u64 >= end {
                return Ok(done);
            }
            if let Some(error) = &self.rest.failed {
                return Err(error.clone());
            }
            let is_small = self.is_begun() && until - self.decoded.end() < PIECE;
            let until = match self.fits() {
                true if is_small && source.cost().is_none() => self.rest.end,
                true => until,
                false => end,
            };
            match self.decode(source, kind, until) {
                // Nobody may miss a Ctrl-C.
                Err(error) if error.os_error() == Some(libc::ECANCELED) => return Err(error),
                // What is wrong after the wanted bytes does not matter.
                decoded => self.rest.failed = decoded.err(),
            }
        }
    }

    /// Decodes up to the decompressed byte `end`, or less if there is no more room.
    fn decode(&mut self, source: &(impl ReadAt + ?Sized), kind: Kind, end: u64) -> Result<()> {
        let decoded = Arc::make_mut(&mut self.decoded);
        if decoded.buffer.len() - decoded.first >= MOST {
            let gone = decoded.drop_old();
            self.rest.history = self.rest.history.saturating_sub(gone);
        }
        let mut at = decoded.buffer.len();
        let wanted = usize::try_from(end - decoded.end()).unwrap_or(usize::MAX);
        let wanted = wanted.min(MOST - (at - decoded.first));
        if wanted >= POPULATED {
            let room = decoded.buffer.spare_capacity_mut();
            let count = wanted.min(room.len());
            advise_filling(&mut room[..count]);
        }
        decoded.buffer.resize(at + wanted, 0);
        let result = self.rest.decode(source, kind, decoded, &mut at);
        decoded.buffer.truncate(at);
        if decoded.end() == self.rest.end {
            self.rest.decoder = None;
        }
        result
    }
}

impl Decoded {
    /// The next decompressed byte.
    fn end(&self) -> u64 {
        self.base + self.buffer.len() as u64
    }

    /// Copies bytes, and returns their number.
    pub fn copy(&self, bytes: &mut [u8], offset: u64) -> usize {
        let from = usize::try_from(offset - self.base).unwrap_or(usize::MAX);
        let here = self.buffer.get(from..).unwrap_or_default();
        let count = here.len().min(bytes.len());
        bytes[..count].copy_from_slice(&here[..count]);
        count
    }

    /// The last window before a decompressed byte, where the bytes end; `None` if they are not there.
    /// (A window at the start of the buffer has only the bytes that were needed.)
    pub fn window_before(&self, end: u64) -> Option<&[u8]> {
        let start = self.buffer.len().checked_sub(WINDOW).filter(|start| *start >= self.first)?;
        (self.end() == end).then(|| &self.buffer[start..])
    }

    /// Drops all bytes except the last window, and returns their number.
    fn drop_old(&mut self) -> usize {
        let gone = self.buffer.len() - WINDOW;
        self.buffer.drain(..gone);
        self.base += gone as u64;
        self.first = self.first.saturating_sub(gone);
        gone
    }
}

impl Rest {
    /// Fills the buffer from `at` on.
    fn decode(
        &mut self,
        source: &(impl ReadAt + ?Sized),
        kind: Kind,
        decoded: &mut Decoded,
        at: &mut usize,
    ) -> Result<()> {
        let (base, buffer) = (decoded.base, &mut decoded.buffer[..]);
        // Where each read is a request, fewer of them.
        let least = if source.cost().is_some() { STEP } else { LEAST_STEP };
        let step = (buffer.len() - *at).clamp(least, STEP);
        let mut input = Input::new(source, self.input, step);
        let Some(decoder) = &mut self.decoder else { return Err(contradicted(self.input)) };
        while *at < buffer.len() {
            let history = self.history;
            let output = &mut buffer[history..];
            let (taken, written, stop) =
                decoder.decode(input.bytes(), output, *at - history, false);
            input.take(taken);
            *at += written;
            match stop {
                Stop::End if base + *at as u64 == self.end => {}
                Stop::End => {
                    // The next member. The pass has checked the checksums of this one.
                    if !input.has(kind.trailer()).map_err(failed)? {
                        return Err(contradicted(input.position()));
                    }
                    input.take(kind.trailer());
                    skip_header(kind, &mut input)?;
                    decoder.restart();
                    self.history = *at;
                }
                _ if *at == buffer.len() => {} // what is wrong after it does not matter
                Stop::Bad => return Err(contradicted(input.position())),
                Stop::OutOfMemory => return Err(out_of_memory()),
                Stop::Piece if input.bytes().is_empty() => {
                    if !input.more().map_err(failed)? {
                        return Err(contradicted(input.position()));
                    }
                }
                Stop::Piece | Stop::Block => {}
            }
        }
        self.input = input.position();
        Ok(())
    }
}

/// Passes the header of a member.
pub(super) fn skip_header<S: ReadAt + ?Sized>(kind: Kind, input: &mut Input<'_, S>) -> Result<()> {
    loop {
        match kind.header(input.bytes()) {
            Header::Size(size) => {
                input.take(size);
                return Ok(());
            }
            Header::Incomplete if input.more().map_err(failed)? => {}
            _ => return Err(contradicted(input.position())),
        }
    }
}
