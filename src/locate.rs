//! Finds the record that a byte belongs to and checks it, for errors that name only a byte.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use crate::error::{Error, ErrorKind, Result};
use crate::frame::at::header_at;
use crate::frame::{Checksum, Header, FOOTER_LEN, HEADER_LEN, OVERHEAD};
use crate::index::Entry;
use crate::open::{open, Data};
use crate::options::{Checksums, Options, Skipped, SkippedFn};
use crate::scan::Scanner;
use crate::source::ReadAt;

/// The part of a frame that a byte belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// The payload's length, 8 bytes.
    Length,
    /// The length's checksum, 4 bytes.
    LengthCrc,
    /// The payload.
    Payload,
    /// The payload's checksum, 4 bytes.
    PayloadCrc,
}

/// The result of [`locate`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Location {
    /// The record number, from 0.
    pub record: u64,
    /// The byte where the record's frame starts.
    pub offset: u64,
    /// The length of its payload in bytes, as stored.
    pub length: u64,
    /// The part of the frame that the byte belongs to.
    pub part: Part,
    /// The length's checksum.
    pub length_crc: Checksum,
    /// The payload's checksum. `None` if the header is damaged (the end of the payload is unknown),
    /// or if the data is truncated (the end of the payload is missing).
    pub payload_crc: Option<Checksum>,
}

/// Finds the record of a TFRecord file that the byte `byte` belongs to, and computes its checksums.
///
/// TensorFlow's message `corrupted record at N` names the byte N where the record starts if the
/// length's checksum is wrong, and the start plus 12 if the payload's checksum is wrong. `locate`
/// accepts both.
///
/// Uses the checksum policy, the progress callback and [`Options::salvage`]. With salvage it skips
/// damage before the byte and passes it to [`Options::on_skipped`], and records have the same
/// numbers as in a salvaged index. Payloads before the byte are checked only with salvage and
/// [`Checksums::Full`].
///
/// ```
/// use tfr_index::{locate, Options, Part};
///
/// let location = locate("tests/data/examples.tfrecord", 90, &Options::new())?;
/// assert_eq!((location.record, location.offset, location.part), (1, 78, Part::Payload));
/// assert!(location.length_crc.holds() && location.payload_crc.unwrap().holds());
/// # Ok::<(), tfr_index::Error>(())
/// ```
///
/// # Errors
/// - [`ErrorKind::Io`]: the file cannot be read.
/// - [`ErrorKind::OutOfRange`]: the file ends before the byte.
/// - [`ErrorKind::NotTfRecord`]: the file is not a TFRecord file.
/// - Without salvage, the errors of [`Index::scan`](crate::Index::scan) if a record before the byte
///   is damaged. They name that record and its offset.
pub fn locate(path: impl AsRef<Path>, byte: u64, options: &Options<'_>) -> Result<Location> {
    let path = path.as_ref();
    let data = open(path)?;
    let located = options.of_file(path, |options| locate_in(&data, byte, options));
    located.map_err(|error| data.explain(error).of(path))
}

fn locate_in(data: &Data, byte: u64, options: &Options<'_>) -> Result<Location> {
    let checksums = match options.checksums {
        Checksums::Full if !options.salvage => Checksums::Length,
        other => other,
    };
    let around = Mutex::new(None); // the damaged region that contains the byte
    let on_skipped = |skipped: Skipped| match options.on_skipped {
        _ if skipped.bytes.contains(&byte) => {
            *around.lock().unwrap_or_else(PoisonError::into_inner) = Some(skipped);
            ControlFlow::Break(())
        }
        Some(tell) => tell(skipped),
        None => ControlFlow::Continue(()),
    };
    let on_skipped = Some(&on_skipped as SkippedFn<'_>);
    let options = Options { checksums, on_skipped, allow_incomplete_tail: false, ..*options };
    let mut scanner = Scanner::new(data, &options)?;
    let mut record = 0;
    while let Some(entry) = scanner.next() {
        match entry {
            Ok(Entry { offset, size }) if byte - offset < size => {
                let Some(header) = header_at(data, offset)? else { break };
                let payload_crc = scanner.payload_checksum(offset, size);
                let payload_crc = payload_crc.map_err(|error| error.at(record, offset))?;
                return Ok(location(record, offset, header, byte, Some(payload_crc)));
            }
            Ok(_) => record += 1,
            Err(error) => {
                let around = around.lock().unwrap_or_else(PoisonError::into_inner).take();
                let error = around.map_or(error, |Skipped { bytes, error, .. }| {
                    error.adding(&format!(" (bytes {} to {} are lost)", bytes.start, bytes.end))
                });
                return in_damaged(data, byte, error);
            }
        }
    }
    let size = data.size().map_err(|error| Error::io("find the size", error))?;
    let detail = format!("there is no byte {byte}: the data ends at byte {size}");
    Err(Error::new(ErrorKind::OutOfRange, detail))
}

/// The location of a byte in the record where the scan failed. If the header is damaged and the
/// byte is after it, the scan's error: such bytes may belong to any record.
fn in_damaged(data: &Data, byte: u64, error: Error) -> Result<Location> {
    let (Some(record), Some(offset)) = (error.record(), error.offset()) else { return Err(error) };
    let Ok(Some(header)) = header_at(data, offset) else { return Err(error) };
    let (reach, payload_crc) = match error.kind() {
        ErrorKind::LengthCrc | ErrorKind::Length => (HEADER_LEN as u64, None),
        ErrorKind::Truncated => (data.size().unwrap_or(0).saturating_sub(offset), None),
        ErrorKind::PayloadCrc => {
            let crcs = error.stored_crc().zip(error.computed_crc());
            let crc = crcs.map(|(stored, computed)| Checksum { stored, computed });
            (header.length.saturating_add(OVERHEAD), crc)
        }
        _ => return Err(error),
    };
    match byte.checked_sub(offset) {
        Some(ahead) if ahead < reach => Ok(location(record, offset, header, byte, payload_crc)),
        _ => Err(error),
    }
}

fn location(
    record: u64,
    offset: u64,
    header: Header,
    byte: u64,
    payload_crc: Option<Checksum>,
) -> Location {
    let footer = header.length.saturating_add(OVERHEAD - FOOTER_LEN as u64);
    let part = match byte - offset {
        0..=7 => Part::Length,
        8..=11 => Part::LengthCrc,
        ahead if ahead < footer => Part::Payload,
        _ => Part::PayloadCrc,
    };
    let (length, length_crc) = (header.length, header.checksum());
    Location { record, offset, length, part, length_crc, payload_crc }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame;

    fn located(data: &[u8], byte: u64, checksums: Checksums) -> Result<Location> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x");
        std::fs::write(&path, data).unwrap();
        locate(&path, byte, &Options::new().checksums(checksums))
    }

    #[test]
    fn what_options_leave_out_is_found_all_the_same() {
        let mut data =
            [frame::encode(b"one"), frame::encode(b"two"), frame::encode(b"three")].concat();
        data[19] ^= 1; // the second length
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, &data).unwrap();
        let never = |skipped| panic!("{skipped:?}");
        let options = Options::new().salvage(true).allow_incomplete_tail(true).on_skipped(&never);
        let location = locate(file.path(), 25, &options).unwrap();
        assert_eq!((location.record, location.offset), (1, 19));
        assert!(!location.length_crc.holds());
    }

    /// Tries every byte of some records.
    /// Tries every byte of some records.
    #[test]
    fn every_byte_is_in_its_part_of_its_record() {
        let payloads = [&b"hello"[..], b"", b"TFRecord"];
        let data: Vec<u8> = payloads.into_iter().flat_map(frame::encode).collect();
        let (mut byte, mut offset) = (0, 0);
        for (record, payload) in (0..).zip(payloads) {
            let parts = [Part::Length; 8].into_iter().chain([Part::LengthCrc; 4]);
            let parts = parts.chain(payload.iter().map(|_| Part::Payload));
            for part in parts.chain([Part::PayloadCrc; 4]) {
                for checksums in [Checksums::Auto, Checksums::None, Checksums::Full] {
                    let found = located(&data, byte, checksums).unwrap();
                    assert_eq!((found.record, found.offset, found.part), (record, offset, part));
                    assert_eq!(found.length, payload.len() as u64);
                    assert!(found.length_crc.holds() && found.payload_crc.unwrap().holds());
                }
                byte += 1;
            }
            offset = byte;
        }
        assert_eq!(byte, data.len() as u64);
        for beyond in [byte, u64::MAX] {
            let error = located(&data, beyond, Checksums::Auto).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::OutOfRange);
        }
    }

    #[test]
    fn damaged_payloads_are_passed_and_found() {
        let mut data: Vec<u8> =
            [b"hello", b"world"].into_iter().flat_map(|p| frame::encode(p)).collect();
        data[12] ^= 1;
        data[21 + 12] ^= 1;
        let found = located(&data, 21 + 12, Checksums::Full).unwrap(); // as TensorFlow says it
        assert_eq!((found.record, found.part), (1, Part::Payload));
        let crc = found.payload_crc.unwrap();
        assert!(found.length_crc.holds() && !crc.holds());
        assert_eq!(crc.computed, crate::crc::masked(&data[33..38]));
    }

    #[test]
    fn a_damaged_header_is_found_and_what_is_after_it_is_not() {
        let mut data: Vec<u8> =
            [b"hello", b"world"].into_iter().flat_map(|p| frame::encode(p)).collect();
        data[21] ^= 1;
        for byte in 21..33 {
            let found = located(&data, byte, Checksums::Auto).unwrap();
            assert_eq!((found.record, found.offset), (1, 21));
            assert!(!found.length_crc.holds() && found.payload_crc.is_none());
        }
        let error = located(&data, 33, Checksums::Auto).unwrap_err();
        assert_eq!((error.kind(), error.offset()), (ErrorKind::LengthCrc, Some(21)));
        assert_eq!(located(&data, 20, Checksums::Auto).unwrap().record, 0);
    }

    #[test]
    fn after_salvaged_damage_records_have_the_numbers_of_the_index() {
        let payloads = [&b"one"[..], b"two", b"three", b"", b"five"];
        let mut data: Vec<u8> = payloads.into_iter().flat_map(frame::encode).collect();
        data[19..31].fill(0x55); // the second header
        let told = Mutex::new(Vec::new());
        let tell = |skipped: Skipped| {
            told.lock().unwrap().push((skipped.bytes, skipped.error.path().is_some()));
            ControlFlow::Continue(())
        };
        let options = Options::new().salvage(true).on_skipped(&tell);
        let index = crate::Index::from_bytes(&data, &options).unwrap();
        assert_eq!(
            (index.len(), std::mem::take(&mut *told.lock().unwrap())),
            (4, vec![(19..38, false)])
        );
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, &data).unwrap();
        for byte in 0..data.len() as u64 {
            let found = locate(file.path(), byte, &options);
            let told = std::mem::take(&mut *told.lock().unwrap());
            let is_in = |entry: &Entry| (entry.offset..entry.end()).contains(&byte);
            match (index.iter().position(is_in), found) {
                (Some(record), Ok(found)) => {
                    assert_eq!((found.record, found.offset), (record as u64, index[record].offset));
                    assert_eq!(told, if record == 0 { vec![] } else { vec![(19..38, true)] });
                }
                (None, Ok(found)) => assert!(byte < 31 && found.offset == 19 && told.is_empty()),
                (None, Err(error)) => {
                    assert!(byte >= 31 && told.is_empty());
                    assert!(error.to_string().ends_with("(bytes 19 to 38 are lost)"), "{error}");
                }
                (Some(_), Err(error)) => panic!("byte {byte}: {error}"),
            }
        }
    }

    #[test]
    fn salvaged_payloads_count_under_the_full_policy_alone() {
        let mut data = [&b"one"[..], b"two", b"six"].map(frame::encode).concat();
        data[19 + 12] ^= 1;
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, &data).unwrap();
        let options = Options::new().salvage(true);
        for (checksums, record) in [(Checksums::Auto, 2), (Checksums::Full, 1)] {
            let options = options.checksums(checksums);
            assert_eq!(locate(file.path(), 38, &options).unwrap().record, record);
            for byte in 19..38 {
                let found = locate(file.path(), byte, &options).unwrap();
                assert_eq!((found.record, found.offset, found.length), (1, 19, 3));
                assert!(!found.payload_crc.unwrap().holds());
            }
        }
    }

    #[test]
    fn a_record_that_is_cut_has_no_payload_checksum() {
        let data = frame::encode(b"hello");
        for size in 12..data.len() {
            let found = located(&data[..size], size as u64 - 1, Checksums::Auto).unwrap();
            assert!(found.length_crc.holds() && found.payload_crc.is_none());
        }
        for size in 1..12 {
            let error = located(&data[..size], 0, Checksums::Auto).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Truncated);
        }
    }

    #[test]
    fn what_is_no_tfrecord_has_no_records() {
        let error = located(b"<!DOCTYPE html>\n<html></html>\n", 3, Checksums::Auto).unwrap_err();
        assert_eq!(error.format(), Some("HTML"));
    }
}
