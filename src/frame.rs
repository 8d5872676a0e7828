//! The frame of one record, as bytes.
//!
//! ```text
//! u64le length | u32le masked_crc32c(length) | payload | u32le masked_crc32c(payload)
//! ```
//!
//! From `tensorflow/core/lib/io/record_writer.cc`: 16 bytes around each payload, no file header or
//! footer.

pub(crate) mod at;
pub(crate) mod trust;

use crate::crc;

/// Bytes before the payload: the length and its CRC.
pub(crate) const HEADER_LEN: usize = 12;
/// Bytes after the payload: its CRC.
pub(crate) const FOOTER_LEN: usize = 4;
/// Bytes of a frame besides its payload, and so the smallest size of a frame.
pub(crate) const OVERHEAD: u64 = (HEADER_LEN + FOOTER_LEN) as u64;

/// The largest offset and the largest end of a frame: NVIDIA DALI reads both into `int64_t`.
pub(crate) const MAX_OFFSET: u64 = i64::MAX as u64;

/// A masked CRC-32C, as stored and as computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Checksum {
    /// The checksum stored in the data.
    pub stored: u32,
    /// The checksum computed from the bytes that it covers.
    pub computed: u32,
}

impl Checksum {
    /// Returns whether the checksum is valid: both are the same.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.stored == self.computed
    }
}

/// A frame's first 12 bytes, decoded but not checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    /// The payload's size in bytes, as stored.
    pub length: u64,
    /// Masked CRC-32C of the length's 8 bytes, as stored.
    pub length_crc: u32,
}

impl Header {
    #[inline]
    pub fn decode(bytes: &[u8; HEADER_LEN]) -> Header {
        let [l0, l1, l2, l3, l4, l5, l6, l7, c0, c1, c2, c3] = *bytes;
        Header {
            length: u64::from_le_bytes([l0, l1, l2, l3, l4, l5, l6, l7]),
            length_crc: u32::from_le_bytes([c0, c1, c2, c3]),
        }
    }

    /// The header of a payload of `length` bytes.
    pub fn of(length: u64) -> Header {
        Header { length, length_crc: crc::masked_length(length) }
    }

    pub fn encode(self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        bytes[..8].copy_from_slice(&self.length.to_le_bytes());
        bytes[8..].copy_from_slice(&self.length_crc.to_le_bytes());
        bytes
    }

    /// The masked CRC-32C computed from the stored length.
    #[inline]
    pub fn computed_crc(self) -> u32 {
        crc::masked_length(self.length)
    }

    /// The length's checksum.
    pub fn checksum(self) -> Checksum {
        Checksum { stored: self.length_crc, computed: self.computed_crc() }
    }

    #[inline]
    pub fn crc_holds(self) -> bool {
        self.length_crc == self.computed_crc()
    }

    pub fn is_zero(self) -> bool {
        self.length == 0 && self.length_crc == 0
    }

    /// Whether flipping one of the header's 96 bits makes its CRC valid. Such a header is damaged;
    /// one that was written without a valid checksum is not one bit off.
    pub fn is_one_bit_off(self) -> bool {
        self.corrected().is_some()
    }

    /// The original header, if exactly one bit of it was flipped.
    pub fn corrected(self) -> Option<Header> {
        let computed = self.computed_crc();
        if (self.length_crc ^ computed).count_ones() == 1 {
            return Some(Header { length_crc: computed, ..self });
        }
        let flipped_length = |bit: u32| Header { length: self.length ^ (1 << bit), ..self };
        (0..u64::BITS).map(flipped_length).find(|header| header.crc_holds())
    }

    /// The name of a TFRecord variant without masked CRC-32C checksums, if this first header shows
    /// one.
    pub fn foreign_checksums(self) -> Option<&'static str> {
        let ieee = crc::crc_of_length(crc::IEEE, self.length);
        match self.length_crc {
            crc if crc == ieee || crc == crc::mask(ieee) => {
                Some("TFRecord with CRC-32 IEEE checksums")
            }
            // Other formats may have zeros here, too, but then the length would be giant.
            0 if self.length <= u64::from(u32::MAX) => Some("TFRecord without checksums"),
            _ => None,
        }
    }

    /// The whole frame's size, if it fits in `rest` bytes.
    #[inline]
    pub fn frame_size(self, rest: u64) -> Option<u64> {
        let size = self.length.checked_add(OVERHEAD)?;
        (size <= rest).then_some(size)
    }
}

/// The payload's masked CRC-32C, as stored in the frame's last 4 bytes.
pub(crate) fn decode_footer(bytes: [u8; FOOTER_LEN]) -> u32 {
    u32::from_le_bytes(bytes)
}

/// The frame's last 4 bytes.
pub(crate) fn encode_footer(payload_crc: u32) -> [u8; FOOTER_LEN] {
    payload_crc.to_le_bytes()
}

/// A frame around `payload`, for tests.
#[cfg(test)]
pub(crate) fn encode(payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u64).to_le_bytes();
    let mut frame = length.to_vec();
    frame.extend(crc::masked(&length).to_le_bytes());
    frame.extend(payload);
    frame.extend(crc::masked(payload).to_le_bytes());
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_what_tensorflow_writes() {
        // The header of an 82-byte payload.
        let bytes = [82, 0, 0, 0, 0, 0, 0, 0, 0x25, 0xeb, 0x07, 0xb7];
        assert_eq!(Header::decode(&bytes), Header::of(82));
        assert_eq!(Header::of(82).encode(), bytes);
        assert!(Header::decode(&bytes).crc_holds());
    }

    #[test]
    fn encode_and_decode_agree() {
        let frame = encode(b"payload");
        let header = Header::decode(frame[..HEADER_LEN].try_into().unwrap());
        assert_eq!(header.length, 7);
        assert!(header.crc_holds());
        assert_eq!(header.frame_size(frame.len() as u64), Some(frame.len() as u64));
        let footer = decode_footer(frame[HEADER_LEN + 7..].try_into().unwrap());
        assert_eq!(footer, crc::masked(b"payload"));
        assert_eq!(frame[..HEADER_LEN], header.encode());
        assert_eq!(frame[HEADER_LEN + 7..], encode_footer(footer));
    }

    #[test]
    fn zeros_are_no_header() {
        let zero = Header::decode(&[0; HEADER_LEN]);
        assert!(zero.is_zero() && !zero.crc_holds() && !zero.is_one_bit_off());
    }

    #[test]
    fn every_single_bit_flip_is_one_bit_off() {
        for length in [0, 1, 82, 1 << 20, u64::MAX] {
            let good = Header::of(length);
            assert!(!good.is_one_bit_off());
            for bit in 0..64 {
                let flipped = Header { length: length ^ (1 << bit), ..good };
                assert!(!flipped.crc_holds());
                assert_eq!(flipped.corrected(), Some(good));
            }
            for bit in 0..32 {
                let flipped = Header { length_crc: good.length_crc ^ (1 << bit), ..good };
                assert!(!flipped.crc_holds());
                assert_eq!(flipped.corrected(), Some(good));
            }
        }
    }

    #[test]
    fn sizes_do_not_overflow() {
        assert_eq!(Header::of(5).frame_size(21), Some(21));
        assert_eq!(Header::of(5).frame_size(20), None);
        for length in [u64::MAX, u64::MAX - 15, u64::MAX - 16, 1 << 63] {
            assert_eq!(Header::of(length).frame_size(i64::MAX as u64), None);
        }
    }
}
