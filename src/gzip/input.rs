//! Compressed bytes, read ahead.

use std::io;

use crate::source::{fill_at, ReadAt};

/// The compressed bytes from some position on.
pub(super) struct Input<'s, S: ?Sized> {
    source: &'s S,
    buffer: Vec<u8>,
    /// Which bytes of the buffer are still to be taken.
    at: usize,
    filled: usize,
    /// Where the next read starts.
    position: u64,
    /// Bytes per read.
    step: usize,
}

impl<'s, S: ReadAt + ?Sized> Input<'s, S> {
    pub fn new(source: &'s S, position: u64, step: usize) -> Input<'s, S> {
        Input { source, buffer: vec![0; step], at: 0, filled: 0, position, step }
    }

    /// The position of the next byte.
    pub fn position(&self) -> u64 {
        self.position - (self.filled - self.at) as u64
    }

    /// The bytes that are in memory.
    pub fn bytes(&self) -> &[u8] {
        &self.buffer[self.at..self.filled]
    }

    /// Passes bytes that are in memory.
    pub fn take(&mut self, count: usize) {
        self.at += count;
    }

    /// Goes on at another position.
    pub fn seek(&mut self, position: u64) {
        (self.at, self.filled, self.position) = (0, 0, position);
    }

    /// Reads more bytes; false at the end.
    pub fn more(&mut self) -> io::Result<bool> {
        self.buffer.copy_within(self.at..self.filled, 0);
        (self.at, self.filled) = (0, self.filled - self.at);
        let end = self.filled + self.step;
        if self.buffer.len() < end {
            self.buffer.resize(end, 0);
        }
        let room = &mut self.buffer[self.filled..end];
        let count = fill_at(self.source, room, self.position)?;
        self.filled += count;
        self.position += count as u64;
        Ok(count > 0)
    }

    /// Whether this many bytes follow; then they are in memory.
    pub fn has(&mut self, count: usize) -> io::Result<bool> {
        while self.bytes().len() < count {
            if !self.more()? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
