//! Damage left out: where records go on behind it.
//!
//! A damaged header says nothing of where the next one is, so this is looked for: a header whose
//! CRC holds, and which is borne out by what it leads to. Random bytes pass for one once in 2^32
//! places, and for two that belong together never. What is not told apart is a TFRecord file inside
//! a payload whose own header is lost: its records are as true as the others.

use std::ops::ControlFlow;

use super::search::position_of_header;
use super::Scanner;
use crate::error::{Error, ErrorKind, Result};
use crate::frame::{Header, HEADER_LEN};
use crate::options::{Checksums, Damage, DamageFn};
use crate::source::ReadAt;

/// Bytes of payloads that a scan may read for nothing, beside as many as it searches: crafted data
/// could hold a header at each twelfth byte, each with a payload as long as all the rest.
pub(super) const FUTILE: u64 = if cfg!(test) { 1 << 10 } else { 64 << 20 };

impl<S: ReadAt> Scanner<'_, S> {
    /// Reports what `error` says is damaged, and goes to where records go on, or to the end; gives
    /// the error back if that is not wanted, or if it is no damage.
    pub(super) fn skip_damage(&mut self, error: Error) -> Result<()> {
        let Some(report) = self.options.salvage else { return Err(error) };
        let damaged = matches!(
            error.kind(),
            ErrorKind::NotTfRecord
                | ErrorKind::Truncated
                | ErrorKind::Length
                | ErrorKind::LengthCrc
                | ErrorKind::PayloadCrc
        );
        if !damaged || self.has_shrunk()? {
            return Err(error);
        }
        let (record, start) = (self.chain.record(), self.chain.offset());
        let end = self.next_good(start, error.kind())?;
        if record == 0 && end == self.size && !self.is_header_at(start)? {
            return Err(error); // nothing that says that this is a TFRecord file at all
        }
        self.report_left_out(report, end, error)?;
        self.chain.go_to(record, end);
        Ok(())
    }

    /// Says that the bytes from the next record to `end` are left out, and why.
    pub(super) fn report_left_out(
        &mut self,
        report: DamageFn<'_>,
        end: u64,
        error: Error,
    ) -> Result<()> {
        let (record, start) = (self.chain.record(), self.chain.offset());
        match report(Damage { bytes: start..end, record, error }) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => {
                let detail = "cancelled by the callback that hears of what is left out";
                Err(Error::new(ErrorKind::Cancelled, detail))
            }
        }
    }

    /// Where records go on behind the damaged one at `start`; the end, if they don't.
    fn next_good(&mut self, start: u64, kind: ErrorKind) -> Result<u64> {
        let mut end = None;
        if let Some(header) = self.header_at(start)? {
            if header.crc_holds() && header.frame_size(self.size - start).is_none() {
                return Ok(self.size); // cut short: what is left of its payload is no records
            }
            let corrected = header.corrected();
            if let Some(size) = corrected.unwrap_or(header).frame_size(self.size - start) {
                // What the payload holds is not searched.
                if kind == ErrorKind::PayloadCrc || corrected.is_some() {
                    return Ok(start + size);
                }
                // The length seems right, and no more than its CRC to be damaged.
                if self.is_end_or_header(start + size)? {
                    end = Some(start + size);
                }
            }
        }
        let mut at = start + 1;
        let last = end.unwrap_or(self.size);
        while last - at.min(last) >= HEADER_LEN as u64 {
            if at >= self.next_report {
                self.report(at)?;
            }
            let rest = self.size - at;
            let bytes = self.bytes_at(at, HEADER_LEN)?;
            let Some(ahead) = position_of_header(bytes, rest) else {
                at += (bytes.len() - (HEADER_LEN - 1)) as u64;
                continue;
            };
            at += ahead as u64;
            self.futile += ahead as u64;
            let found = match end {
                // Records nested in a payload end before its CRC, and so not where the record does.
                Some(end) => self.leads_to(at, end)?,
                None => self.is_borne_out(at)?,
            };
            if found {
                return Ok(at);
            }
            at += 1;
        }
        Ok(last)
    }

    /// Whether the chain of good headers from `at` arrives at `end`.
    fn leads_to(&mut self, mut at: u64, end: u64) -> Result<bool> {
        while at < end && self.futile >= HEADER_LEN as u64 {
            let Some(header) = self.header_at(at)?.filter(|header| header.crc_holds()) else {
                return Ok(false);
            };
            let Some(size) = header.frame_size(end - at) else { return Ok(false) };
            at += size;
            self.futile -= HEADER_LEN as u64;
        }
        Ok(at == end)
    }

    /// Whether the frame at `at`, whose header is good, is no chance find: another header or the end
    /// follows it, or its payload CRC holds. Under policy `full` that must.
    fn is_borne_out(&mut self, at: u64) -> Result<bool> {
        let header = self.header_at(at)?.expect("found there");
        let size = header.frame_size(self.size - at).expect("found to fit");
        let full = self.options.checksums == Checksums::Full;
        if !full && self.is_end_or_header(at + size)? {
            return Ok(true);
        }
        if size > self.futile {
            return Ok(full); // if its payload is damaged, the walk leaves it out
        }
        match self.check_payload(at, size) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::PayloadCrc => {
                self.futile -= size;
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    fn is_end_or_header(&mut self, at: u64) -> Result<bool> {
        Ok(at == self.size || self.is_header_at(at)?)
    }

    /// Whether there is a header whose CRC holds.
    fn is_header_at(&mut self, at: u64) -> Result<bool> {
        Ok(self.header_at(at)?.is_some_and(Header::crc_holds))
    }

    /// What stands where a header would; none too near to the end.
    fn header_at(&mut self, at: u64) -> Result<Option<Header>> {
        if self.size - at < HEADER_LEN as u64 {
            return Ok(None);
        }
        let bytes = self.bytes_at(at, HEADER_LEN)?[..HEADER_LEN].try_into();
        Ok(Some(Header::decode(bytes.expect("12 bytes"))))
    }
}

#[cfg(test)]
mod tests;
