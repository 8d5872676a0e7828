//! Searches for headers in the middle of data.

use std::io;

use crate::frame::{Header, HEADER_LEN};
use crate::source::{ReadAt, Window};

/// The most bytes searched by one call of [`look`]: in between, the caller reports progress.
const PIECE: usize = if cfg!(any(test, fuzzing)) { 100 } else { 1 << 20 };

/// The result of searching a piece of the data.
pub(super) enum Look {
    /// A header starts here.
    Header(u64),
    /// No header starts before this offset.
    NoneBefore(u64),
    /// The source ends before the end of a header.
    End,
}

/// Searches the piece at `at` for the first header that starts before `until`, has a valid CRC, and
/// whose frame ends at or before `end`.
pub(super) fn look(
    window: &mut Window,
    source: &impl ReadAt,
    at: u64,
    until: u64,
    end: u64,
) -> io::Result<Look> {
    let bytes = window.bytes_at(source, at, HEADER_LEN)?;
    if bytes.len() < HEADER_LEN {
        return Ok(Look::End);
    }
    let starts = usize::try_from(until - at).unwrap_or(PIECE).min(PIECE);
    let bytes = &bytes[..bytes.len().min(starts + HEADER_LEN - 1)];
    if let Some(ahead) = position_of_header(bytes, end - at) {
        return Ok(Look::Header(at + ahead as u64));
    }
    let mut next = at + bytes.len() as u64;
    if leading_zeros(bytes) == bytes.len() {
        next = source.next_data(next).max(next);
    }
    Ok(Look::NoneBefore(next - (HEADER_LEN as u64 - 1)))
}

/// The position in `bytes` of the first header with a valid CRC whose frame fits into the `rest`
/// bytes from their start.
pub(super) fn position_of_header(bytes: &[u8], rest: u64) -> Option<usize> {
    // That many of the last bytes of a length that fits are zeros. If the very last one is not, no
    // header starts where that byte would be one of them.
    let zeros = rest.leading_zeros() as usize / 8;
    let mut at = 0;
    while let Some(header) = bytes.get(at..at + HEADER_LEN) {
        if zeros > 0 && header[7] != 0 {
            at += zeros;
            continue;
        }
        let header = Header::decode(header.try_into().expect("12 bytes"));
        if header.is_zero() {
            // Continue with the first header that contains the byte after the zeros.
            at += leading_zeros(&bytes[at..]) - (HEADER_LEN - 1);
            continue;
        }
        if header.frame_size(rest - at as u64).is_some() && header.crc_holds() {
            return Some(at);
        }
        at += 1;
    }
    None
}

/// The number of zeros at the start of the bytes, counted in blocks for speed.
fn leading_zeros(bytes: &[u8]) -> usize {
    let is_zero = |block: &&[u8]| block.iter().fold(0, |all, byte| all | byte) == 0;
    let blocks: usize = bytes.chunks(64).take_while(is_zero).map(<[u8]>::len).sum();
    blocks + bytes[blocks..].iter().take_while(|byte| **byte == 0).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn finds_the_header_that_a_look_at_each_byte_finds(
            before in prop::collection::vec(prop_oneof![3 => Just(0), 1 => any::<u8>()], 0..60),
            payload in prop::collection::vec(any::<u8>(), 0..300),
            beyond in prop::sample::select(&[0, 1 << 20, 1 << 33, 1 << 50, 1 << 62][..]),
        ) {
            let mut bytes = before;
            bytes.extend(frame::encode(&payload));
            let rest = bytes.len() as u64 + beyond;
            for from in 0..bytes.len() {
                let bytes = &bytes[from..];
                let rest = rest - from as u64;
                let naive = bytes.windows(HEADER_LEN).enumerate().position(|(at, header)| {
                    let header = Header::decode(header.try_into().unwrap());
                    header.crc_holds() && header.frame_size(rest - at as u64).is_some()
                });
                prop_assert_eq!(position_of_header(bytes, rest), naive);
            }
        }
    }
}
