//! The chain of headers: which record is next, and whether its header is accepted.
//!
//! It does not know where bytes come from, so files, memory and streams are judged the same way.

use crate::error::{ErrorKind, Result};
use crate::frame::at::Place;
use crate::frame::trust::Trust;
use crate::frame::Header;
use crate::index::Entry;
use crate::options::Checksums;

/// Where the chain is, and which headers it accepts.
#[derive(Debug)]
pub(crate) struct Chain {
    /// `None` with policy `auto` before the first header, which decides.
    trust: Option<Trust>,
    next: Place,
}

impl Chain {
    pub fn new(checksums: Checksums) -> Chain {
        Chain { trust: Trust::of_policy(checksums), next: Place { record: 0, offset: 0 } }
    }

    /// A chain that starts in the middle of data whose length CRCs are known to be valid.
    pub fn checked_from(offset: u64) -> Chain {
        Chain { trust: Some(Trust::Checked), next: Place { record: 0, offset } }
    }

    /// Whether every length CRC must be valid from here on.
    pub fn is_checked(&self) -> bool {
        matches!(self.trust, Some(Trust::Checked))
    }

    /// Where the next record is, for errors.
    #[inline]
    pub fn next(&self) -> Place {
        self.next
    }

    /// The number of the next record, which is the number of records passed.
    #[inline]
    pub fn record(&self) -> u64 {
        self.next.record
    }

    /// Where its frame starts.
    #[inline]
    pub fn offset(&self) -> u64 {
        self.next.offset
    }

    /// Checks the next record's header, which starts `rest` bytes before the data's end, and
    /// returns its frame's size.
    #[inline]
    pub fn accept(&mut self, header: Header, rest: u64) -> Result<u64> {
        match self.quick_size(header, rest) {
            Some(size) => Ok(size),
            None => self.decide(header, rest),
        }
    }

    /// The size of the header's frame, if the header can be accepted without a decision. `None`
    /// does not mean that it is bad.
    #[inline]
    pub fn quick_size(&self, header: Header, rest: u64) -> Option<u64> {
        let accepted = match self.trust {
            Some(Trust::Ignored) => true,
            Some(Trust::Checked) => header.crc_holds(),
            Some(Trust::Absent(_)) | None => false,
        };
        header.frame_size(rest).filter(|_| accepted)
    }

    /// Passes a frame of `size` bytes.
    #[inline]
    pub fn pass(&mut self, size: u64) -> Entry {
        let entry = Entry { offset: self.next.offset, size };
        self.next.record += 1;
        self.next.offset += size;
        entry
    }

    /// Jumps to a later record, to which this chain is known to lead.
    #[inline]
    pub fn go_to(&mut self, record: u64, offset: u64) {
        self.next = Place { record, offset };
    }

    /// [`accept`](Chain::accept) for a header that [`quick_size`](Chain::quick_size) does not
    /// accept.
    fn decide(&mut self, header: Header, rest: u64) -> Result<u64> {
        let holds = header.crc_holds();
        match self.trust {
            None if holds => self.trust = Some(Trust::Checked),
            None => {
                self.ensure_header(header, rest)?;
                if header.is_one_bit_off() {
                    return Err(self.next.length_crc_mismatch(header));
                }
                self.trust = Some(Trust::Absent(header));
            }
            Some(Trust::Checked) if !holds => {
                self.ensure_header(header, rest)?;
                return Err(self.next.length_crc_mismatch(header));
            }
            // If the first CRC is wrong, no later one may be valid.
            Some(Trust::Absent(first)) if holds => return Err(self.next.first_is_damaged(first)),
            Some(trust) if !trust.accepts(header) => {
                return Err(self.next.length_crc_mismatch(header));
            }
            Some(_) => {}
        }
        header.frame_size(rest).ok_or_else(|| self.next.does_not_fit(header, rest))
    }

    /// Fails if the data's first 12 bytes, whose CRC is wrong, cannot be a header.
    fn ensure_header(&self, header: Header, rest: u64) -> Result<()> {
        if self.next.record > 0 {
            return Ok(());
        }
        if header.is_zero() {
            let detail = "not a TFRecord file: it starts with zeros; if they are empty records \
                          without checksums, use checksum policy none";
            return Err(self.next.error(ErrorKind::NotTfRecord, detail).with_format("zeros"));
        }
        if header.frame_size(rest).is_none() && !header.is_one_bit_off() {
            return Err(self.next.does_not_fit(header, rest));
        }
        Ok(())
    }
}
