//! Masked CRC-32C, the checksum of TFRecord frames.
//!
//! TensorFlow stores `rotate_right(crc, 15) + 0xa282ead8` instead of the CRC itself, so that a CRC
//! over bytes that hold CRCs stays strong (`tensorflow/core/lib/hash/crc32c.h`, after LevelDB).

/// The plain CRC-32C (Castagnoli) of `bytes`, continued from `crc` (0 at the start).
pub(crate) fn append(crc: u32, bytes: &[u8]) -> u32 {
    crc32c::crc32c_append(crc, bytes)
}

/// The form in which a TFRecord stores the plain CRC-32C `crc`.
pub(crate) fn mask(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// The masked CRC-32C of `bytes`.
pub(crate) fn masked(bytes: &[u8]) -> u32 {
    mask(append(0, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_vectors() {
        assert_eq!(append(0, b"123456789"), 0xe306_9283); // the CRC catalogue's check value
        assert_eq!(masked(b""), 0xa282_ead8);
        assert_eq!(masked(&0u64.to_le_bytes()), 0x0798_0329);
        assert_eq!(masked(&82u64.to_le_bytes()), 0xb707_eb25);
    }

    #[test]
    fn parts_append_to_the_whole() {
        let bytes = b"The quick brown fox jumps over the lazy dog";
        for cut in 0..=bytes.len() {
            let (head, tail) = bytes.split_at(cut);
            assert_eq!(mask(append(append(0, head), tail)), masked(bytes));
        }
    }
}
