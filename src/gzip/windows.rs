//! Windows that hold only what is needed: most of the 32 KiB before a point are never referred to.

use std::io;

use super::container::Kind;
use super::decoder::{Decoder, Stop};
use super::points::Point;
use super::WINDOW;
use crate::source::{fill_at, ReadAt};

/// Compressed bytes per read, and the most that are read: a window is kept whole if its next 32 KiB
/// take more.
const STEP: usize = 16 << 10;
const MOST: usize = 128 << 10;

/// Finds out which bytes of windows are needed.
pub(super) struct Sparse {
    decoder: Decoder,
    input: Vec<u8>,
    /// The results of two decoders.
    outputs: [Vec<u8>; 2],
}

impl Sparse {
    pub fn new() -> Sparse {
        Sparse {
            decoder: Decoder::fast(Kind::Gzip),
            input: Vec::new(),
            outputs: [Vec::new(), Vec::new()],
        }
    }

    /// Sets the bytes of the window that nothing after the point refers to to zero, and drops those
    /// at its front.
    ///
    /// The 32 KiB after the point are decoded twice, with windows whose bytes say where they are:
    /// byte `i` is `(i, i + 1 + i / 256)`, modulo 256. These two are never equal, but what comes
    /// from the data itself is the same for both.
    pub fn reduce(
        &mut self,
        source: &(impl ReadAt + ?Sized),
        point: &Point,
        byte: u8,
        window: &mut Vec<u8>,
    ) -> io::Result<()> {
        let size = window.len();
        self.input.clear();
        let mut reached = [0; 2];
        for (second, reached) in [false, true].into_iter().zip(&mut reached) {
            let output = &mut self.outputs[usize::from(second)];
            output.clear();
            output.extend((0..size).map(|i| if second { i + 1 + i / 256 } else { i } as u8));
            output.resize(size + WINDOW, 0);
            self.decoder.restart_at(point.bits, byte, &output[..size]);
            let (mut at, mut taken) = (size, 0);
            loop {
                let rest = &self.input[taken..];
                let (count, written, stop) = self.decoder.decode(rest, output, at, false);
                (taken, at) = (taken + count, at + written);
                match stop {
                    Stop::End => break,
                    Stop::Piece if at == output.len() => break,
                    // Damage: which bytes are needed is not known. A Snappy block needs none.
                    Stop::Bad | Stop::OutOfMemory => return Ok(()),
                    Stop::Piece | Stop::Block => {}
                }
                if taken == self.input.len() {
                    let filled = self.input.len();
                    if filled >= MOST {
                        return Ok(());
                    }
                    self.input.resize(filled + STEP, 0);
                    let position = point.input + filled as u64;
                    let count = fill_at(source, &mut self.input[filled..], position)?;
                    self.input.truncate(filled + count);
                    if count == 0 {
                        return Ok(());
                    }
                }
            }
            *reached = at;
        }
        if reached[0] != reached[1] {
            return Ok(()); // the data has changed
        }
        let mut is_needed = vec![false; size];
        let pairs = self.outputs[0][size..reached[0]].iter().zip(&self.outputs[1][size..]);
        for (&first, &second) in pairs.filter(|(first, second)| first != second) {
            let high = second.wrapping_sub(first).wrapping_sub(1);
            match is_needed.get_mut(usize::from(high) << 8 | usize::from(first)) {
                Some(needed) => *needed = true,
                None => return Ok(()), // the data has changed
            }
        }
        for (byte, needed) in window.iter_mut().zip(&is_needed) {
            if !needed {
                *byte = 0;
            }
        }
        let first = is_needed.iter().position(|needed| *needed).unwrap_or(size);
        window.drain(..first);
        Ok(())
    }
}
