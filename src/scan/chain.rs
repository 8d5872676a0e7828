//! The chain of headers: which record comes next, and whether its header can be believed.
//!
//! Knows nothing of where bytes come from, so that files, memory and streams are judged alike.

use crate::diagnose;
use crate::error::{Error, ErrorKind, Result};
use crate::frame::{Header, HEADER_LEN};
use crate::index::{Entry, MAX_OFFSET};
use crate::options::Checksums;

/// Where the chain stands, and how far its checksums are trusted.
#[derive(Debug)]
pub(crate) struct Chain {
    trust: Trust,
    record: u64,
    offset: u64,
}

#[derive(Debug, Clone, Copy)]
enum Trust {
    /// Policy `none`: length CRCs are not looked at.
    Ignored,
    /// Policy `auto` before the first header.
    Undecided,
    /// Every length CRC must hold.
    Checked,
    /// Policy `auto` after this first header, whose CRC does not hold: no later one may hold.
    Unchecked(Header),
}

impl Chain {
    pub fn new(checksums: Checksums) -> Chain {
        let trust = match checksums {
            Checksums::None => Trust::Ignored,
            Checksums::Auto => Trust::Undecided,
            Checksums::Length | Checksums::Full => Trust::Checked,
        };
        Chain { trust, record: 0, offset: 0 }
    }

    /// A chain that starts in the middle of data whose length CRCs are known to be true.
    pub fn checked_from(offset: u64) -> Chain {
        Chain { trust: Trust::Checked, record: 0, offset }
    }

    /// Whether every length CRC must hold from here on.
    pub fn is_checked(&self) -> bool {
        matches!(self.trust, Trust::Checked)
    }

    /// The number of the record that comes next: how many were passed.
    pub fn record(&self) -> u64 {
        self.record
    }

    /// Where its frame starts.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Judges the next record's header, with `rest` bytes from its start to the data's end;
    /// returns its frame's size.
    #[inline]
    pub fn accept(&mut self, header: Header, rest: u64) -> Result<u64> {
        match self.size_at_first_sight(header, rest) {
            Some(size) => Ok(size),
            None => self.decide(header, rest),
        }
    }

    /// As [`accept`](Chain::accept) for a header about which there is nothing to decide.
    #[inline]
    pub fn size_at_first_sight(&self, header: Header, rest: u64) -> Option<u64> {
        let believed = match self.trust {
            Trust::Ignored => true,
            Trust::Checked => header.crc_holds(),
            Trust::Undecided | Trust::Unchecked(_) => false,
        };
        header.frame_size(rest).filter(|_| believed)
    }

    /// Goes past a frame of `size` bytes.
    #[inline]
    pub fn pass(&mut self, size: u64) -> Entry {
        let entry = Entry { offset: self.offset, size };
        self.record += 1;
        self.offset += size;
        entry
    }

    /// Goes to a record further on, where this very chain is known to arrive.
    pub fn go_to(&mut self, record: u64, offset: u64) {
        (self.record, self.offset) = (record, offset);
    }

    /// What [`accept`](Chain::accept) doesn't see at first sight.
    fn decide(&mut self, header: Header, rest: u64) -> Result<u64> {
        let holds = header.crc_holds();
        match self.trust {
            Trust::Undecided if holds => self.trust = Trust::Checked,
            Trust::Undecided => {
                self.ensure_header(header, rest)?;
                if header.is_one_bit_off() {
                    return Err(self.length_crc_mismatch(header));
                }
                self.trust = Trust::Unchecked(header);
            }
            Trust::Checked if !holds => {
                self.ensure_header(header, rest)?;
                return Err(self.length_crc_mismatch(header));
            }
            Trust::Unchecked(first) if holds => return Err(self.first_is_damaged(first)),
            // A writer that stores anything but zeros as checksums stores none here either.
            Trust::Unchecked(first) if header.is_zero() && first.length_crc != 0 => {
                return Err(self.length_crc_mismatch(header));
            }
            _ => {}
        }
        header.frame_size(rest).ok_or_else(|| self.does_not_fit(header, rest))
    }

    /// An error if the data's first 12 bytes, whose CRC does not hold, cannot be meant as a header.
    fn ensure_header(&self, header: Header, rest: u64) -> Result<()> {
        if self.record > 0 {
            return Ok(());
        }
        if header.is_zero() {
            let detail = "not a TFRecord file: it starts with zeros; if they are empty records \
                          without checksums, say so with checksum policy none";
            return Err(self.error(ErrorKind::NotTfRecord, detail).with_format("zeros"));
        }
        if header.frame_size(rest).is_none() && !header.is_one_bit_off() {
            return Err(self.does_not_fit(header, rest));
        }
        Ok(())
    }

    /// The data ends `rest` bytes after the next record's start, inside its header.
    #[cold]
    pub fn header_is_cut(&self, rest: u64) -> Error {
        self.error(
            ErrorKind::Truncated,
            format!(
                "the data ends after {rest} of the {HEADER_LEN} bytes of a record header: it was \
                 cut short, or something was appended; copy the file again"
            ),
        )
    }

    /// The data ends `rest` bytes after the next record's start, before its frame does.
    #[cold]
    pub fn does_not_fit(&self, header: Header, rest: u64) -> Error {
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
            false => format!("the end of the data, {rest} bytes on"),
        };
        let why = format!("length {length} passes {end}, and its CRC does not hold");
        if let (0, Some(name)) = (self.record, diagnose::checksums_of(header)) {
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
        self.error(ErrorKind::Length, detail).with_crcs(header.length_crc, header.computed_crc())
    }

    #[cold]
    pub fn length_crc_mismatch(&self, header: Header) -> Error {
        let (stored, computed) = (header.length_crc, header.computed_crc());
        let error = self.error(ErrorKind::LengthCrc, mismatch("length", stored, computed));
        let error = error.with_crcs(stored, computed);
        if self.record > 0 {
            return error.adding(": the header is damaged; copy the file again");
        }
        match diagnose::checksums_of(header) {
            Some(name) => error
                .adding(&format!(": a {name}; accept it with checksum policy none"))
                .with_format(name),
            None => error.adding(
                "; if the file was written without true checksums, say so with checksum policy none",
            ),
        }
    }

    #[cold]
    fn first_is_damaged(&self, first: Header) -> Error {
        let detail = format!(
            "{}, but the CRC of record {} at byte {} holds: the first header is damaged; copy the \
             file again, or accept it as it is with checksum policy none",
            mismatch("length", first.length_crc, first.computed_crc()),
            self.record,
            self.offset
        );
        let error = Error::new(ErrorKind::LengthCrc, detail).at(0, 0);
        error.with_crcs(first.length_crc, first.computed_crc())
    }

    #[cold]
    pub fn payload_crc_mismatch(&self, stored: u32, computed: u32) -> Error {
        let detail = mismatch("payload", stored, computed);
        self.error(ErrorKind::PayloadCrc, detail + ": the payload is damaged; copy the file again")
            .with_crcs(stored, computed)
    }

    /// `source` happened at the next record.
    #[cold]
    pub fn read_failed(&self, source: std::io::Error) -> Error {
        Error::io("read", source).at(self.record, self.offset)
    }

    /// The data ended before the size that it had at the start.
    #[cold]
    pub fn shrank(&self) -> Error {
        self.error(ErrorKind::Truncated, "the data became shorter while it was read; try again")
    }

    fn error(&self, kind: ErrorKind, detail: impl Into<String>) -> Error {
        Error::new(kind, detail).at(self.record, self.offset)
    }
}

fn mismatch(what: &str, stored: u32, computed: u32) -> String {
    format!("{what} CRC mismatch (stored {stored:#010x}, computed {computed:#010x})")
}
