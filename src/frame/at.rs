//! The frame at an offset of a source: its header, its payload's CRC, and the errors that name it.

use std::io;

use super::{decode_footer, Checksum, Header, FOOTER_LEN, HEADER_LEN, MAX_OFFSET, OVERHEAD};
use crate::crc;
use crate::error::{Error, ErrorKind, Result};
use crate::source::{fill_at, ReadAt, Window};

/// The most bytes of a payload whose CRC one step computes: callers report progress in between.
pub(crate) const CRC_STEP: usize = 1 << 20;

/// The record and its offset, which errors name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// The record's number.
    pub record: u64,
    /// Where its frame starts.
    pub offset: u64,
}

/// Errors of the record at a place.
impl Place {
    pub fn error(self, kind: ErrorKind, detail: impl Into<String>) -> Error {
        Error::new(kind, detail).at(self.record, self.offset)
    }

    /// The error for data that ends `rest` bytes after the record's start, inside its header.
    #[cold]
    pub fn header_is_cut(self, rest: u64) -> Error {
        self.error(
            ErrorKind::Truncated,
            format!(
                "the data ends after {rest} of the {HEADER_LEN} bytes of a record header: it was \
                 cut short, or something was appended; copy the file again"
            ),
        )
    }

    /// The error for data that ends `rest` bytes after the record's start, before the end of its
    /// frame.
    #[cold]
    pub fn does_not_fit(self, header: Header, rest: u64) -> Error {
        let length = header.length;
        if header.crc_holds() {
            let detail = format!(
                "the data ends {rest} bytes into a record with {length} bytes of payload: it was \
                 cut short; copy the file again"
            );
            return self.error(ErrorKind::Truncated, detail);
        }
        let end = match rest == MAX_OFFSET - self.offset {
            true => "what an index can address".to_owned(), // a stream, whose end is not known
            false => format!("the remaining {rest} bytes of data"),
        };
        let why = format!("length {length} exceeds {end}, and its CRC is wrong");
        if let (0, Some(name)) = (self.record, header.foreign_checksums()) {
            let detail = format!("probably a {name} that was cut short: {why}; copy it again");
            return self.error(ErrorKind::NotTfRecord, detail).with_format(name);
        }
        if self.record == 0 {
            let detail = format!(
                "not a TFRecord file, or a compressed or damaged one: {why}; decompress it, or \
                 copy it again"
            );
            return self.error(ErrorKind::NotTfRecord, detail);
        }
        let detail = format!("{why}: the header is damaged; copy the file again");
        let Checksum { stored, computed } = header.checksum();
        self.error(ErrorKind::Length, detail).with_crcs(stored, computed)
    }

    #[cold]
    pub fn length_crc_mismatch(self, header: Header) -> Error {
        let Checksum { stored, computed } = header.checksum();
        let error = self.error(ErrorKind::LengthCrc, mismatch("length", header.checksum()));
        let error = error.with_crcs(stored, computed);
        if self.record > 0 {
            return error.adding(": the header is damaged; copy the file again");
        }
        match header.foreign_checksums() {
            Some(name) => error
                .adding(&format!(": a {name}; accept it with checksum policy none"))
                .with_format(name),
            None => error.adding(
                "; if the file was written without valid checksums, use checksum policy none",
            ),
        }
    }

    /// The error if the length CRC of the record at this place is valid, but that of the `first`
    /// record is not.
    #[cold]
    pub fn first_is_damaged(self, first: Header) -> Error {
        let Checksum { stored, computed } = first.checksum();
        let detail = format!(
            "{}, but the CRC of record {} at byte {} is valid: the first header is damaged; copy \
             the file again, or accept it with checksum policy none",
            mismatch("length", first.checksum()),
            self.record,
            self.offset
        );
        Error::new(ErrorKind::LengthCrc, detail).at(0, 0).with_crcs(stored, computed)
    }

    /// Fails if the payload's CRC is wrong.
    #[inline]
    pub fn ensure_payload(self, checksum: Checksum) -> Result<()> {
        match checksum.holds() {
            true => Ok(()),
            false => Err(self.payload_crc_mismatch(checksum)),
        }
    }

    #[cold]
    fn payload_crc_mismatch(self, checksum: Checksum) -> Error {
        let detail = mismatch("payload", checksum);
        self.error(ErrorKind::PayloadCrc, detail + ": the payload is damaged; copy the file again")
            .with_crcs(checksum.stored, checksum.computed)
    }

    #[cold]
    pub fn read_failed(self, source: io::Error) -> Error {
        Error::io("read", source).at(self.record, self.offset)
    }

    /// The error for data that became shorter during the work.
    #[cold]
    pub fn shrank(self) -> Error {
        self.error(ErrorKind::Truncated, "the data became shorter while it was read; try again")
    }

    /// Returns at least `least` bytes of the source from `offset`, for the record at this place.
    #[inline]
    pub fn bytes_at<'w>(
        self,
        window: &'w mut Window,
        source: &'w impl ReadAt,
        offset: u64,
        least: usize,
    ) -> Result<&'w [u8]> {
        match window.bytes_at(source, offset, least) {
            Ok(bytes) if bytes.len() >= least => Ok(bytes),
            Ok(_) => Err(self.shrank()),
            Err(error) => Err(self.read_failed(error)),
        }
    }

    /// Reads the header at `offset`, for the record at this place.
    #[inline]
    pub fn header_at(
        self,
        window: &mut Window,
        source: &impl ReadAt,
        offset: u64,
    ) -> Result<Header> {
        let bytes = self.bytes_at(window, source, offset, HEADER_LEN)?[..HEADER_LEN].try_into();
        Ok(Header::decode(bytes.expect("12 bytes")))
    }
}

fn mismatch(what: &str, Checksum { stored, computed }: Checksum) -> String {
    format!("{what} CRC mismatch (stored {stored:#010x}, computed {computed:#010x})")
}

/// Reads the header at `offset`; `None` if the source ends before the end of the header.
pub(crate) fn header_at(source: &impl ReadAt, offset: u64) -> Result<Option<Header>> {
    let mut bytes = [0; HEADER_LEN];
    match fill_at(source, &mut bytes, offset) {
        Ok(count) => Ok((count == HEADER_LEN).then(|| Header::decode(&bytes))),
        Err(error) => Err(Error::io("read", error)),
    }
}

/// The size of the frame at `offset`, if its length CRC is valid and it fits into `size` bytes of
/// data.
pub(crate) fn valid_frame_at(source: &impl ReadAt, offset: u64, size: u64) -> Result<Option<u64>> {
    let header = header_at(source, offset)?.filter(|header| header.crc_holds());
    Ok(header.and_then(|header| header.frame_size(size - offset)))
}

/// Computes the CRC of a frame's payload in steps.
pub(crate) struct PayloadCrc {
    /// The payload's next byte, and where it ends.
    position: u64,
    end: u64,
    crc: u32,
}

impl PayloadCrc {
    /// For the frame of `size` bytes at `offset`.
    pub fn of(offset: u64, size: u64) -> PayloadCrc {
        let position = offset + HEADER_LEN as u64;
        PayloadCrc { position, end: position + (size - OVERHEAD), crc: 0 }
    }

    /// Where the next step starts.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Reads the payload's next bytes; returns how many, 0 at its end.
    #[inline]
    pub fn step(&mut self, place: Place, window: &mut Window, source: &impl ReadAt) -> Result<u64> {
        let left = self.end - self.position;
        if left == 0 {
            return Ok(0);
        }
        let bytes = place.bytes_at(window, source, self.position, 1)?;
        let count = bytes.len().min(CRC_STEP).min(usize::try_from(left).unwrap_or(CRC_STEP));
        self.crc = crc::append(self.crc, &bytes[..count]);
        self.position += count as u64;
        Ok(count as u64)
    }

    /// Returns the checksum, after the last step.
    #[inline]
    pub fn finish(
        self,
        place: Place,
        window: &mut Window,
        source: &impl ReadAt,
    ) -> Result<Checksum> {
        let footer = place.bytes_at(window, source, self.end, FOOTER_LEN)?[..FOOTER_LEN].try_into();
        let stored = decode_footer(footer.expect("4 bytes"));
        Ok(Checksum { stored, computed: crc::mask(self.crc) })
    }
}
