//! TFRecord frames, by the format's description.

fn masked_crc(bytes: &[u8]) -> [u8; 4] {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

pub fn header(length: usize) -> Vec<u8> {
    let length = (length as u64).to_le_bytes();
    [&length[..], &masked_crc(&length)].concat()
}

pub fn frame(payload: &[u8]) -> Vec<u8> {
    [&header(payload.len()), payload, &masked_crc(payload)].concat()
}
