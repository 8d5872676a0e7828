//! Varints: numbers of seven bits a byte, the lowest first, of which all bytes but the last have their
//! highest bit set ([protobuf's encoding](https://protobuf.dev/programming-guides/encoding/#varints)).

/// The most bytes of a number of 64 bits.
pub(crate) const MOST: usize = 10;

/// The number of bytes of a varint.
#[inline]
pub(crate) fn len(value: u64) -> usize {
    // A seventh of the bits, rounded up, as protobuf computes it. With a division by 7, encoding takes
    // a tenth more.
    ((value | 1).ilog2() as usize * 9 + 73) / 64
}

/// Appends a varint.
#[inline]
pub(crate) fn push(bytes: &mut Vec<u8>, mut value: u64) {
    while value > 0x7f {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// Takes a varint of at most `most` bytes off the start. Bits above 64 are dropped, as by protobuf.
/// `None`: there is none.
#[inline]
pub(crate) fn take(bytes: &mut &[u8], most: usize) -> Option<u64> {
    let mut value = 0;
    for (i, &byte) in bytes.iter().take(most).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * i);
        if byte < 0x80 {
            *bytes = &bytes[i + 1..];
            return Some(value);
        }
    }
    None
}
