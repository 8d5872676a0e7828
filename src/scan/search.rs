//! Where records may go on: headers looked for in the middle of data.

use crate::frame::{Header, HEADER_LEN};

/// Where in `bytes` the first header is whose CRC holds, and whose frame fits into the `rest` from
/// their start.
pub(super) fn position_of_header(bytes: &[u8], rest: u64) -> Option<usize> {
    // So many of the 8 bytes of a length that fits are zeros, the last ones: another byte at the
    // place of the very last excludes all places where it would be one of them.
    let zeros = rest.leading_zeros() as usize / 8;
    let mut at = 0;
    while let Some(header) = bytes.get(at..at + HEADER_LEN) {
        if zeros > 0 && header[7] != 0 {
            at += zeros;
            continue;
        }
        let header = Header::decode(header.try_into().expect("12 bytes"));
        if header.frame_size(rest - at as u64).is_some() && header.crc_holds() {
            return Some(at);
        }
        at += 1;
    }
    None
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
