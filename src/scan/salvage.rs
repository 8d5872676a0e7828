//! Skips damage: finds where records go on after it.
//!
//! A damaged header does not say where the next one is. So the scan searches for a header with a
//! valid CRC that is confirmed by what follows it: another valid header, the end of the data, or a
//! valid payload CRC. Random bytes look like one valid header at one of 2^32 positions, and
//! practically never like two that belong together. If the header of a payload that contains a
//! TFRecord file is damaged, the scan cannot tell the inner records from the others.
//!
//! The result depends only on the bytes, not on how they are read or by how many threads.

use super::search::{look, Look};
use super::{Scanner, PROGRESS_STEP};
use crate::error::{Error, ErrorKind, Result};
use crate::frame::{Header, HEADER_LEN, OVERHEAD};
use crate::options::{Checksums, Skipped};
use crate::source::ReadAt;

/// What a scan may spend on headers that turn out to be false: crafted data could have one at every
/// twelfth byte, each with a payload as long as the rest of the data. It depends on the data alone,
/// not on how the data is read. It is four times what data without overlapping records needs, where
/// each byte is read once.
pub(super) struct Allowance {
    /// Bytes of payloads whose CRC may be computed.
    payloads: u64,
    /// Headers that may be read after frames of more than [`NEAR`] bytes.
    looks: u64,
}

/// Up to this size of a frame, its successor is probably in memory already.
const NEAR: u64 = 4 << 10;
/// The least allowance: payloads of a small file may be the starts of larger files.
const LEAST: u64 = 64 << 20;
/// The most chains of headers to follow at the same time: more than any nesting of files.
const CHAINS: usize = 64;

impl Allowance {
    /// The allowance for `size` bytes of data.
    pub fn of(size: u64) -> Allowance {
        let payloads = size.saturating_mul(4).saturating_add(LEAST);
        Allowance { payloads, looks: payloads / NEAR }
    }
}

impl<S: ReadAt> Scanner<'_, S> {
    /// Reports the damage that `error` describes, and goes to where records go on, or to the end.
    /// Returns the error if salvage is off, or if it is not damage.
    pub(super) fn skip_damage(&mut self, error: Error) -> Result<()> {
        let damaged = matches!(
            error.kind(),
            ErrorKind::NotTfRecord
                | ErrorKind::Truncated
                | ErrorKind::Length
                | ErrorKind::LengthCrc
                | ErrorKind::PayloadCrc
        );
        if !self.options.salvage || !damaged || self.has_shrunk()? {
            return Err(error);
        }
        let (record, start) = (self.chain.record(), self.chain.offset());
        let end = self.next_good(start, error.kind())?;
        if record == 0 && end == self.size && !self.is_header_at(start)? {
            return Err(error); // nothing shows that this is a TFRecord file
        }
        self.report_skipped(end, error, false)?;
        self.chain.go_to(record, end);
        self.report_soon_after(end);
        Ok(())
    }

    /// Makes the next report due soon: progress was reported for bytes after `offset`, where the
    /// work continues.
    fn report_soon_after(&mut self, offset: u64) {
        self.next_report = self.next_report.min(offset.saturating_add(PROGRESS_STEP));
    }

    /// Reports that the scan skips the bytes from the next record to `end`, and why.
    pub(super) fn report_skipped(
        &mut self,
        end: u64,
        error: Error,
        incomplete_tail: bool,
    ) -> Result<()> {
        let (record, start) = (self.chain.record(), self.chain.offset());
        self.options.report_skipped(Skipped { bytes: start..end, record, error, incomplete_tail })
    }

    /// Where records go on after the damaged one at `start`; the end, if they don't.
    fn next_good(&mut self, start: u64, kind: ErrorKind) -> Result<u64> {
        if let Some(header) = self.header_at(start)? {
            if header.crc_holds() && header.frame_size(self.size - start).is_none() {
                return Ok(self.size); // cut short: the rest is part of its payload
            }
            let corrected = header.corrected();
            if let Some(size) = corrected.unwrap_or(header).frame_size(self.size - start) {
                // The end of the record is known: do not search its payload.
                if kind == ErrorKind::PayloadCrc || corrected.is_some() {
                    return Ok(start + size);
                }
                // The length seems right: then only its CRC is damaged.
                if self.is_end_or_header(start + size)? {
                    return self.first_that_leads_to(start + size, start + 1);
                }
            }
        }
        let mut from = start + 1;
        while let Some(at) = self.next_header(from, self.size)? {
            if self.is_confirmed(at)? {
                return Ok(at);
            }
            from = at + 1;
        }
        Ok(self.size)
    }

    /// The first header from `from` on whose chain leads to `end`; `end` if there is none. Records
    /// nested in a payload end before its CRC, so their chain does not lead to the end of the outer
    /// record.
    fn first_that_leads_to(&mut self, end: u64, mut from: u64) -> Result<u64> {
        // The start and the current end of each chain, in the order of their starts.
        let mut chains: Vec<(u64, u64)> = Vec::new();
        while let Some(at) = self.next_header(from, end)? {
            let header = self.header_at(at)?.expect("found there");
            let next = at + header.frame_size(end - at).expect("found to fit");
            match chains.iter_mut().find(|(_, arrives)| *arrives == at) {
                Some((_, arrives)) => *arrives = next,
                None => {
                    chains.retain(|(_, arrives)| *arrives > at);
                    if chains.len() < CHAINS {
                        chains.push((at, next));
                    }
                }
            }
            from = at + 1;
        }
        let arrived = chains.iter().find(|(_, arrives)| *arrives == end);
        Ok(arrived.map_or(end, |(start, _)| *start))
    }

    /// The first header from `at` on whose CRC is valid, and whose frame ends at or before `end`.
    fn next_header(&mut self, mut at: u64, end: u64) -> Result<Option<u64>> {
        while end.saturating_sub(at) >= OVERHEAD {
            if at >= self.next_report {
                self.report(at)?;
            }
            match look(&mut self.window, &self.source, at, end, end) {
                Ok(Look::Header(at)) => return Ok(Some(at)),
                Ok(Look::NoneBefore(next)) => at = next,
                Ok(Look::End) => return Err(self.chain.next().shrank()),
                Err(error) => return Err(self.chain.next().read_failed(error)),
            }
        }
        Ok(None)
    }

    /// Whether the frame at `at`, whose header is good, is confirmed: another header or the end
    /// follows it, or its payload CRC holds. Under policy `full`, the payload CRC must hold.
    fn is_confirmed(&mut self, at: u64) -> Result<bool> {
        let header = self.header_at(at)?.expect("found there");
        let size = header.frame_size(self.size - at).expect("found to fit");
        let far = u64::from(size > NEAR);
        if self.options.checksums != Checksums::Full && far <= self.allowance.looks {
            if self.is_end_or_header(at + size)? {
                return Ok(true);
            }
            self.allowance.looks -= far;
        }
        if size > self.allowance.payloads {
            return Ok(false);
        }
        if self.payload_checksum(at, size)?.holds() {
            return Ok(true);
        }
        self.allowance.payloads -= size;
        self.report_soon_after(at);
        Ok(false)
    }

    fn is_end_or_header(&mut self, at: u64) -> Result<bool> {
        Ok(at == self.size || self.is_header_at(at)?)
    }

    /// Whether there is a header with a valid CRC at `at`.
    fn is_header_at(&mut self, at: u64) -> Result<bool> {
        Ok(self.header_at(at)?.is_some_and(Header::crc_holds))
    }

    /// Decodes the header at `at`; `None` if the data ends before the end of the header.
    fn header_at(&mut self, at: u64) -> Result<Option<Header>> {
        if self.size - at < HEADER_LEN as u64 {
            return Ok(None);
        }
        self.chain.next().header_at(&mut self.window, &self.source, at).map(Some)
    }
}

#[cfg(test)]
mod tests;
