//! The answers that the library should give, from slow, plain code that shares nothing with it.

use tfr_index::{Checksums, Entry, Error, ErrorKind, Index};

/// An error: its kind, the record's number, the byte where the record starts.
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

/// The walk over a file's records, as in `tests/data/make_hostile.py`.
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

/// The digits' number, or a larger one if it is very large.
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

/// Entries, and the regions between them with the number of records before each.
pub type Salvaged = (Vec<Entry>, Vec<(std::ops::Range<u64>, u64)>);

/// What a salvaging scan finds; none if nothing says that the data is a TFRecord file. `full`: under
/// that policy.
pub fn salvage(data: &[u8], full: bool) -> Option<Salvaged> {
    let size = data.len();
    let (mut entries, mut regions) = (Vec::new(), Vec::new());
    // The budgets: bytes of payloads, and headers far ahead, that may be read.
    let payloads = 4 * size + (64 << 20);
    let mut allowance = (payloads, payloads / 4096);
    let mut at = 0;
    while at < size {
        match frame_at(data, at, size) {
            Some(frame) if !full || payload_holds(data, at, frame) => {
                entries.push(Entry { offset: at as u64, size: frame as u64 });
                at += frame;
            }
            _ => {
                let end = next_good(data, at, full, &mut allowance);
                if entries.is_empty() && end == size && !is_header(data, at) {
                    return None;
                }
                regions.push((at as u64..end as u64, entries.len() as u64));
                at = end;
            }
        }
    }
    Some((entries, regions))
}

fn length_at(data: &[u8], at: usize) -> Option<u64> {
    let header = data.get(at..at + 12)?;
    Some(u64::from_le_bytes(header[..8].try_into().unwrap()))
}

fn is_header(data: &[u8], at: usize) -> bool {
    length_at(data, at).is_some() && holds(&data[at..at + 8], &data[at + 8..at + 12])
}

fn size_within(length: u64, at: usize, end: usize) -> Option<usize> {
    let size = length.checked_add(16)?;
    (size <= (end - at) as u64).then_some(size as usize)
}

/// The size of the frame at `at`, if its header is good and it ends before `end`.
fn frame_at(data: &[u8], at: usize, end: usize) -> Option<usize> {
    let size = size_within(length_at(data, at)?, at, end)?;
    is_header(data, at).then_some(size)
}

fn payload_holds(data: &[u8], at: usize, frame: usize) -> bool {
    let (payload, footer) = data[at + 12..at + frame].split_at(frame - 16);
    holds(payload, footer)
}

/// Where records go on after the damaged one at `start`.
fn next_good(data: &[u8], start: usize, full: bool, allowance: &mut (usize, usize)) -> usize {
    let size = data.len();
    if let Some(length) = length_at(data, start) {
        let fits = size_within(length, start, size);
        if is_header(data, start) {
            return fits.map_or(size, |frame| start + frame); // it is cut short, or its payload is damaged
        }
        let header = &data[start..start + 12];
        let corrected = (0..96).find_map(|bit| {
            let mut flipped = header.to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            holds(&flipped[..8], &flipped[8..]).then(|| length_at(&flipped, 0).unwrap())
        });
        if let Some(corrected) = corrected {
            if let Some(frame) = size_within(corrected, start, size) {
                return start + frame;
            }
        } else if let Some(end) = fits.map(|frame| start + frame) {
            if end == size || is_header(data, end) {
                let leads_to_end = |&first: &usize| {
                    let mut at = first;
                    while at < end {
                        let Some(frame) = frame_at(data, at, end) else { break };
                        at += frame;
                    }
                    at == end
                };
                return (start + 1..end).find(leads_to_end).unwrap_or(end);
            }
        }
    }
    for at in start + 1..size {
        let Some(frame) = frame_at(data, at, size) else { continue };
        let next = at + frame;
        let far = frame > 4096;
        let may_look = !far || allowance.1 > 0;
        if !full && may_look {
            if next == size || is_header(data, next) {
                return at;
            }
            allowance.1 -= usize::from(far);
        }
        if frame <= allowance.0 {
            if payload_holds(data, at, frame) {
                return at;
            }
            allowance.0 -= frame;
        }
    }
    size
}
