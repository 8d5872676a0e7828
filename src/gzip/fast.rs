//! Deflate data (RFC 1951), decoded by zlib-rs: in three quarters of miniz_oxide's time, but it does
//! not stop where blocks end, and keeps a window of its own.

use zlib_rs::{decompress_slice, Inflate, InflateConfig, InflateFlush, ReturnCode, Status};

use super::decoder::Stop;
use super::WINDOW;

/// A decoder of one deflate stream.
pub(super) struct Fast(Inflate);

impl Fast {
    /// A decoder at the start of a stream.
    pub fn new() -> Fast {
        Fast(Inflate::new(false, 15))
    }

    /// Goes to the start of another stream.
    pub fn restart(&mut self) {
        self.0.reset(false);
    }

    /// Goes to the start of a block, whose first `bits` bits are the upper ones of `byte`, and which
    /// may refer to `window`.
    pub fn restart_at(&mut self, bits: u8, byte: u8, window: &[u8]) {
        self.restart();
        // Fails only for zlib streams.
        let _ = self.0.set_dictionary(window);
        let (start, size) = start_at(bits, byte);
        let _ = self.0.decompress(&start.to_le_bytes()[..size], &mut [], InflateFlush::NoFlush);
    }

    /// Decodes. Returns how many bytes it took and wrote.
    pub fn decode(&mut self, input: &[u8], output: &mut [u8]) -> (usize, usize, Stop) {
        let (total_in, total_out) = (self.0.total_in(), self.0.total_out());
        let result = self.0.decompress(input, output, InflateFlush::NoFlush);
        let taken = (self.0.total_in() - total_in) as usize;
        let written = (self.0.total_out() - total_out) as usize;
        let stop = match result {
            Ok(Status::StreamEnd) => Stop::End,
            Ok(Status::Ok | Status::BufError) => Stop::Piece,
            Err(_) => Stop::Bad,
        };
        (taken, written, stop)
    }

    /// About how many bytes of memory it takes: codes, and a window.
    pub fn bytes(&self) -> usize {
        48 << 10
    }
}

/// An empty block with fixed codes: 0 (not the last block), 1 (fixed codes), the code of the end.
const EVEN: (u128, u8) = (0b010, 10);

/// An empty block of an odd number of bits, which needs codes of its own. After the numbers of
/// codes (257, 1, 18) are the sizes of the codes of code sizes: 2 for 18, 1 for 0, 2 for 1. The
/// codes: 1 bit for the byte 0 and for the end, and 255 zeros between them as 138 and 117; none for
/// distances. Then the end.
const ODD: (u128, u8) = {
    let numbers = 0b100 | 14 << 13;
    let sizes = 2 << (17 + 3 * 2) | 1 << (17 + 3 * 3) | 2 << (17 + 3 * 17);
    let codes = 0b01 | (0b11 | (138 - 11) << 2) << 2 | (0b11 | (117 - 11) << 2) << 11 | 0b01 << 20;
    (numbers | sizes | codes << 71 | 1 << 94, 95)
};

/// Empty blocks, followed by the upper `bits` bits of a byte, which end at the end of a byte: the
/// number that they are, and how many bytes. A decoder that takes them is inside a byte, where
/// zlib-rs has no other way to go (its C library has `inflatePrime`).
fn start_at(bits: u8, byte: u8) -> (u128, usize) {
    let (mut start, mut size) = if bits % 2 == 1 { ODD } else { (0, 0) };
    while (size + bits) % 8 != 0 {
        start |= EVEN.0 << size;
        size += EVEN.1;
    }
    if bits > 0 {
        start |= u128::from(byte >> (8 - bits)) << size;
    }
    (start, usize::from(size + bits) / 8)
}

/// Decompresses zlib data of at most [`WINDOW`] bytes; `None` if it is damaged.
pub(super) fn unpack(packed: &[u8]) -> Option<Vec<u8>> {
    let mut window = vec![0; WINDOW];
    let (bytes, code) = decompress_slice(&mut window, packed, InflateConfig::default());
    let size = bytes.len();
    window.truncate(size);
    (code == ReturnCode::Ok).then_some(window)
}

#[cfg(test)]
mod tests {
    use zlib_rs::{Deflate, DeflateFlush};

    use super::*;

    /// A deflate stream that refers to a window, with this many other bits before it.
    fn shifted(bytes: &[u8], window: &[u8], ahead: u8) -> Vec<u8> {
        let (mut deflate, mut stream) = (Deflate::new(6, false, 15), vec![0; bytes.len() + 100]);
        deflate.set_dictionary(window).unwrap();
        deflate.compress(bytes, &mut stream, DeflateFlush::Finish).unwrap();
        let mut before = u16::MAX;
        let shift = |byte: &u8| {
            let bits = u16::from(*byte) << ahead | before & ((1 << ahead) - 1);
            before = bits >> 8;
            bits as u8
        };
        stream.iter().map(shift).collect()
    }

    #[test]
    fn blocks_start_at_any_bit() {
        let noise = |i: u32| (i.wrapping_mul(i) ^ i).wrapping_mul(0x9e37_79b1) >> 24;
        let window: Vec<u8> = (0..WINDOW as u32).map(|i| noise(i) as u8).collect();
        let bytes = [&window[..300], b"something else", &window[9000..12_000]].concat();
        for bits in 0..8 {
            let stream = shifted(&bytes, &window, (8 - bits) % 8);
            let (byte, rest) = if bits > 0 { (stream[0], &stream[1..]) } else { (0, &stream[..]) };
            let mut decoder = Fast::new();
            let mut output = vec![0; bytes.len() + 1];
            for _ in 0..2 {
                decoder.restart_at(bits, byte, &window);
                let (_, written, stop) = decoder.decode(rest, &mut output);
                assert_eq!((written, stop), (bytes.len(), Stop::End), "{bits} bits");
                assert!(output.starts_with(&bytes));
            }
            decoder.restart_at(bits, byte, &window[WINDOW - 20_000..]);
            let (_, written, stop) = decoder.decode(rest, &mut output);
            // Refers to what this window lacks.
            assert!(written < bytes.len() && stop == Stop::Bad);
        }
    }
}
