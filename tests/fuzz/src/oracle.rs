//! What the library should say, by code that is slow and plain and shares nothing with it.

use tfr_index::{Checksums, Entry, Error, ErrorKind, Index};

/// What an error says: its kind, the record's number, the byte where it starts.
pub type Fault = (ErrorKind, Option<u64>, Option<u64>);

pub type Outcome = Result<Vec<Entry>, Fault>;

pub const POLICIES: [Checksums; 4] =
    [Checksums::Auto, Checksums::None, Checksums::Length, Checksums::Full];

pub fn fault(error: &Error) -> Fault {
    (error.kind(), error.record(), error.offset())
}

pub fn outcome(result: Result<Index, Error>) -> Outcome {
    result.map(Index::into_entries).map_err(|error| fault(&error))
}

/// CRC-32C, masked.
pub fn crc(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut byte = 0;
        while byte < 256 {
            let mut value = byte as u32;
            let mut bit = 0;
            while bit < 8 {
                value = (value >> 1) ^ ((value & 1) * 0x82f6_3b78);
                bit += 1;
            }
            table[byte] = value;
            byte += 1;
        }
        table
    };
    let crc = bytes
        .iter()
        .fold(u32::MAX, |crc, byte| (crc >> 8) ^ TABLE[((crc ^ u32::from(*byte)) & 0xff) as usize]);
    (!crc).rotate_right(15).wrapping_add(0xa282_ead8)
}

fn holds(data: &[u8], stored: &[u8]) -> bool {
    crc(data).to_le_bytes() == stored
}

fn one_bit_off(header: &[u8]) -> bool {
    (0..96).any(|bit| {
        let mut flipped = header.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        holds(&flipped[..8], &flipped[8..])
    })
}

/// The walk over a file's records, as `tests/data/make_hostile.py` has it.
pub fn walk(data: &[u8], policy: Checksums) -> Outcome {
    let mut entries = Vec::new();
    let mut offset = 0;
    let mut checked = policy != Checksums::None; // are length CRCs trusted to be there?
    while offset < data.len() {
        let (record, rest) = (entries.len(), &data[offset..]);
        let fault = |kind| Err((kind, Some(record as u64), Some(offset as u64)));
        let first_fault = |kind| Err((kind, Some(0), Some(0)));
        if rest.len() < 12 {
            return fault(ErrorKind::Truncated);
        }
        let header = &rest[..12];
        let size = 16 + u128::from(u64::from_le_bytes(header[..8].try_into().unwrap()));
        let fits = size <= rest.len() as u128;
        let header_holds = holds(&header[..8], &header[8..]);
        if policy != Checksums::None && record == 0 && !header_holds {
            if header == [0; 12] {
                return fault(ErrorKind::NotTfRecord);
            }
            if one_bit_off(header) {
                return fault(ErrorKind::LengthCrc);
            }
            if !fits {
                return fault(ErrorKind::NotTfRecord);
            }
            if policy != Checksums::Auto {
                return fault(ErrorKind::LengthCrc);
            }
            checked = false;
        } else if checked && !header_holds {
            return fault(ErrorKind::LengthCrc);
        } else if policy == Checksums::Auto && !checked && header_holds {
            return first_fault(ErrorKind::LengthCrc); // true ones after all: the first is damaged
        } else if policy == Checksums::Auto
            && !checked
            && header == [0; 12]
            && data[8..12] != [0; 4]
        {
            return fault(ErrorKind::LengthCrc); // zeros where the others' checksums are not
        }
        if !fits {
            return fault(match (header_holds, record) {
                (true, _) => ErrorKind::Truncated,
                (false, 0) => ErrorKind::NotTfRecord,
                (false, _) => ErrorKind::Length,
            });
        }
        let frame = &rest[..size as usize];
        let (payload, footer) = frame[12..].split_at(frame.len() - 16);
        if policy == Checksums::Full && !holds(payload, footer) {
            return fault(ErrorKind::PayloadCrc);
        }
        entries.push(Entry { offset: offset as u64, size: size as u64 });
        offset += frame.len();
    }
    Ok(entries)
}

/// Whether an index can hold the entry.
pub fn is_entry(offset: u128, size: u128) -> bool {
    size >= 16 && offset + size <= i64::MAX as u128
}

/// The entries of an index text.
pub fn read_index(text: &[u8]) -> Outcome {
    let mut entries = Vec::new();
    let mut start = 0;
    for line in text.split(|byte| *byte == b'\n') {
        let numbers: Vec<Option<u128>> = line
            .split(|byte| b" \t\r\x0b\x0c".contains(byte))
            .filter(|token| !token.is_empty())
            .map(number)
            .collect();
        match numbers[..] {
            [] => {}
            [Some(offset), Some(size)] if is_entry(offset, size) => {
                entries.push(Entry { offset: offset as u64, size: size as u64 });
            }
            _ => return Err((ErrorKind::InvalidIndex, Some(entries.len() as u64), Some(start))),
        }
        start += line.len() as u64 + 1;
    }
    Ok(entries)
}

/// The number that the digits make, or a larger one where it is very large.
fn number(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0u128, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| u128::from(digit - b'0'))?;
        Some((10 * number + digit).min(1 << 100))
    })
}

/// The text of an index of these entries.
pub fn write_index(entries: &[Entry]) -> String {
    entries.iter().map(|entry| format!("{} {}\n", entry.offset, entry.size)).collect()
}
