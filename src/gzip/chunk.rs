//! The decompressed bytes from one seek point to the next, as far as they are decoded.

use super::container::{Header, Kind};
use super::decoder::{Decoder, Stop};
use super::input::Input;
use super::points::{contradicted, Point};
use super::{TINY, WINDOW};
use crate::error::{Error, Result};
use crate::source::{fill_at, ReadAt};

/// The most bytes that a chunk keeps: of a larger one (some writers make one block of a whole
/// file), the last ones.
const MOST: usize = if TINY { WINDOW + 4000 } else { 2 << 20 };
/// A chunk's memory is a multiple of this.
const ROUND: usize = if TINY { 100 } else { 64 << 10 };
/// Compressed bytes per read: as many as are to be decompressed, but between these limits. A chunk
/// that is decoded in several parts reads no part's bytes many times.
const STEP: usize = if TINY { 200 } else { 64 << 10 };
const LEAST_STEP: usize = if TINY { 20 } else { 4 << 10 };

/// A chunk.
#[derive(Clone)]
pub(super) struct Chunk {
    /// The window, and the decompressed bytes so far.
    buffer: Vec<u8>,
    /// Which decompressed byte the buffer's first one is.
    base: u64,
    /// The first byte of the buffer that is one of the chunk.
    first: usize,
    /// The first byte of the buffer that the current member may refer to.
    history: usize,
    /// Where the next compressed byte is.
    input: u64,
    /// Where the chunk ends.
    end: u64,
    /// `None` once all is decoded.
    decoder: Option<Decoder>,
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
        let mut decoder = Decoder::new(kind);
        decoder.restart_at(point.bits, byte[0]);
        let first = window.len();
        let size = usize::try_from(end - point.out).unwrap_or(usize::MAX).min(MOST);
        // Full steps, so that a buffer fits another chunk.
        let size = (first + size + ROUND - 1) / ROUND * ROUND;
        buffer.clear();
        buffer.try_reserve_exact(size).map_err(|_| Error::out_of_memory("a chunk"))?;
        buffer.extend(window);
        let base = point.out.checked_sub(first as u64).ok_or_else(|| contradicted(point.input))?;
        let (input, decoder) = (point.input, Some(decoder));
        Ok(Chunk { buffer, base, first, history: 0, input, end, decoder })
    }

    /// The next decompressed byte that it does not have.
    pub fn position(&self) -> u64 {
        self.base + self.buffer.len() as u64
    }

    /// Whether it can get this byte: it is not before what is kept.
    pub fn reaches(&self, offset: u64) -> bool {
        offset >= self.base + self.first as u64
    }

    /// Whether it has all bytes before `end`, as far as they are in the chunk.
    pub fn has(&self, end: u64) -> bool {
        self.position() >= end.min(self.end)
    }

    /// The bytes of memory that it takes.
    pub fn bytes(&self) -> usize {
        let decoder = self.decoder.as_ref().map_or(0, Decoder::bytes);
        self.buffer.capacity() + decoder
    }

    pub fn into_buffer(self) -> Vec<u8> {
        self.buffer
    }

    /// Copies bytes that it has, and returns their number.
    pub fn copy(&self, bytes: &mut [u8], offset: u64) -> usize {
        let from = usize::try_from(offset - self.base).unwrap_or(usize::MAX);
        let here = self.buffer.get(from..).unwrap_or_default();
        let count = here.len().min(bytes.len());
        bytes[..count].copy_from_slice(&here[..count]);
        count
    }

    /// Reads bytes from `offset` on, up to the end of the chunk, and decodes as many as it needs.
    pub fn read(
        &mut self,
        source: &(impl ReadAt + ?Sized),
        kind: Kind,
        bytes: &mut [u8],
        offset: u64,
    ) -> Result<usize> {
        let end = self.end.min(offset.saturating_add(bytes.len() as u64));
        let mut done = 0;
        loop {
            done += self.copy(&mut bytes[done..], offset + done as u64);
            if offset + done as u64 >= end {
                return Ok(done);
            }
            self.decode(source, kind, end)?;
        }
    }

    /// Decodes up to the decompressed byte `end`, or less if there is no more room.
    fn decode(&mut self, source: &(impl ReadAt + ?Sized), kind: Kind, end: u64) -> Result<()> {
        if self.buffer.len() - self.first >= MOST {
            let gone = self.buffer.len() - WINDOW;
            self.buffer.drain(..gone);
            self.base += gone as u64;
            self.first = self.first.saturating_sub(gone);
            self.history = self.history.saturating_sub(gone);
        }
        let mut at = self.buffer.len();
        let wanted = usize::try_from(end - self.position()).unwrap_or(usize::MAX);
        self.buffer.resize(at + wanted.min(MOST - (at - self.first)), 0);
        let decoded = self.decode_to(source, kind, &mut at);
        self.buffer.truncate(at);
        if self.position() == self.end {
            self.decoder = None;
        }
        decoded
    }

    /// Fills the buffer from `at` on.
    fn decode_to(
        &mut self,
        source: &(impl ReadAt + ?Sized),
        kind: Kind,
        at: &mut usize,
    ) -> Result<()> {
        // Where each read is a request, fewer of them.
        let least = if source.cost().is_some() { STEP } else { LEAST_STEP };
        let step = (self.buffer.len() - *at).clamp(least, STEP);
        let mut input = Input::new(source, self.input, step);
        let Some(decoder) = &mut self.decoder else { return Err(contradicted(self.input)) };
        while *at < self.buffer.len() {
            let history = self.history;
            let output = &mut self.buffer[history..];
            let (taken, written, stop) =
                decoder.decode(input.bytes(), output, *at - history, false);
            input.take(taken);
            *at += written;
            match stop {
                Stop::End if self.base + *at as u64 == self.end => {}
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
                _ if *at == self.buffer.len() => {} // what is wrong after it does not matter
                Stop::Bad => return Err(contradicted(input.position())),
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
