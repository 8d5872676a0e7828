//! Adds to an error what the source shows: another format, or what follows the damage.

use super::search::position_of_header;
use crate::diagnose::{self, START};
use crate::error::{Error, ErrorKind, Result};
use crate::frame::at::header_at;
use crate::frame::{Header, HEADER_LEN};
use crate::source::{fill_at, ReadAt};

/// How many bytes after the damage to search for valid records, and bytes per read.
const SEARCH: u64 = if cfg!(any(test, fuzzing)) { 1 << 10 } else { 64 << 20 };
const PIECE: usize = if cfg!(any(test, fuzzing)) { 100 } else { 128 << 10 };

/// Adds to the error that ended a walk what the source shows about its cause.
pub(super) fn explain(error: Error, source: &impl ReadAt) -> Error {
    use ErrorKind::{Length, LengthCrc, NotTfRecord, PayloadCrc, Truncated};
    let (kind, Some(record), Some(offset)) = (error.kind(), error.record(), error.offset()) else {
        return error;
    };
    if !matches!(kind, NotTfRecord | Truncated | Length | LengthCrc | PayloadCrc) {
        return error;
    }
    // If a read fails here, the error stays as it is.
    let Ok(size) = source.size() else { return error };
    let Ok(start) = read(source, 0, START) else { return error };
    let error = diagnose::explain(error, &start);
    let of_zeros = error.format() == Some("zeros");
    if error.format().is_some() && !of_zeros {
        return error;
    }
    if offset >= size {
        return error; // the source has become shorter
    }
    let Ok(first) = header_at(source, 0) else { return error };
    let checked = first.is_some_and(Header::crc_holds);
    let more = match kind {
        PayloadCrc => what_is_next(source, offset, size),
        Length | LengthCrc | NotTfRecord if record == 0 || checked => after(source, offset, size),
        _ => return error,
    };
    match more {
        Ok(more) => error.adding(&format!(" ({more})")),
        Err(_) => error,
    }
}

/// Where the next record starts, after one with a damaged payload.
fn what_is_next(source: &impl ReadAt, offset: u64, size: u64) -> Result<String> {
    let frame = header_at(source, offset)?
        .and_then(|header| header.frame_size(size.saturating_sub(offset)));
    let end = frame.map_or(size, |frame| offset + frame);
    Ok(match end < size {
        true => format!("its header is good, and the next record starts at byte {end}"),
        false => "its header is good, and it is the last record".to_owned(),
    })
}

/// Describes what follows the damaged header at `offset`: good records, zeros, or neither.
fn after(source: &impl ReadAt, offset: u64, size: u64) -> Result<String> {
    let end = size.min(offset.saturating_add(SEARCH));
    let mut zeros = true;
    let mut at = offset;
    while at < end {
        // A header may start in this piece and end in the next one.
        let count = (PIECE + HEADER_LEN - 1).min(usize::try_from(size - at).unwrap_or(usize::MAX));
        let bytes = read(source, at, count)?;
        if let Some(ahead) = position_of_header(&bytes, size - at) {
            return Ok(format!("records go on at byte {}", at + ahead as u64));
        }
        zeros &= bytes.iter().all(|&byte| byte == 0);
        at += PIECE as u64;
    }
    let found = if zeros { "nothing but zeros follows" } else { "no good record follows" };
    let cause = if zeros { ": an upload or a copy was cut short" } else { "" };
    Ok(match end == size {
        true => format!("{found}{cause}"),
        false => format!("{found} for {} MiB{cause}", SEARCH >> 20),
    })
}

/// Reads at most `count` bytes from `offset`.
fn read(source: &impl ReadAt, offset: u64, count: usize) -> Result<Vec<u8>> {
    let mut bytes = vec![0; count];
    let count = fill_at(source, &mut bytes, offset).map_err(|error| Error::io("read", error))?;
    bytes.truncate(count);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame;
    use crate::{Checksums, Index, Options};

    fn fails(data: &[u8], checksums: Checksums) -> String {
        let options = Options::new().checksums(checksums);
        let text = Index::from_bytes(data, &options).unwrap_err().to_string();
        let streamed = Index::from_source(data, &options).unwrap_err().to_string();
        assert_eq!(text, streamed);
        text
    }

    fn frames(sizes: &[usize]) -> Vec<u8> {
        sizes.iter().flat_map(|&size| frame::encode(&vec![0xa5; size])).collect()
    }

    #[test]
    fn records_that_go_on_are_found_across_pieces() {
        for size in (0..2 * PIECE).chain([SEARCH as usize - 40]) {
            let mut data = frames(&[5, size, 7, 7]);
            for at in [21, 30] {
                data[at] ^= 0xff;
                let text = fails(&data, Checksums::Auto);
                assert!(text.starts_with("record 1 at byte 21: length"), "{text}");
                let next = 21 + 16 + size;
                assert!(text.ends_with(&format!(" (records go on at byte {next})")), "{text}");
                data[at] ^= 0xff;
            }
        }
    }

    #[test]
    fn a_first_header_that_is_damaged_says_where_records_go_on() {
        let mut data = frames(&[5, 6]);
        data[7] = 0x55;
        let text = fails(&data, Checksums::Auto);
        assert!(text.contains("record 0 at byte 0: not a TFRecord file, or a"), "{text}");
        assert!(text.ends_with(" (records go on at byte 21)"), "{text}");
    }

    #[test]
    fn nothing_that_follows_is_said_too() {
        let far = SEARCH as usize;
        for (tail, said) in [
            (vec![0; 12], " (nothing but zeros follows: an upload or a copy was cut short)"),
            (vec![0; far], " (nothing but zeros follows: an upload or a copy was cut short)"),
            // Tests search less than a MiB.
            (
                vec![0; far + 1],
                " (nothing but zeros follows for 0 MiB: an upload or a copy was cut short)",
            ),
            (vec![0x55; 12], " (no good record follows)"),
            (vec![0x55; far], " (no good record follows)"),
            (vec![0x55; far + 1], " (no good record follows for 0 MiB)"),
            ([vec![0; 200], vec![1]].concat(), " (no good record follows)"),
        ] {
            let text = fails(&[frames(&[5]), tail].concat(), Checksums::Auto);
            assert!(text.ends_with(said), "{text}");
        }
    }

    #[test]
    fn of_files_without_checksums_nothing_is_said_that_only_checksums_show() {
        let mut data = frames(&[5, 6]);
        data[8..12].fill(0);
        data[28] = 0x55; // a giant length
        data[29..33].fill(0);
        let text = fails(&data, Checksums::Auto);
        assert!(text.ends_with("the header is damaged; copy the file again"), "{text}");
    }

    #[test]
    fn a_damaged_payload_leaves_the_next_record_good() {
        for (at, said) in [
            (12, " (its header is good, and the next record starts at byte 21)"),
            (33, " (its header is good, and it is the last record)"),
        ] {
            let mut data = frames(&[5, 6]);
            data[at] ^= 1;
            let text = fails(&data, Checksums::Full);
            assert!(text.contains("payload CRC mismatch") && text.ends_with(said), "{text}");
        }
    }
}
