//! Finds valid records that an index leaves out, to see whether it accounts for all records.
//!
//! Bytes that no entry covers are a gap. Salvaged damage leaves gaps, and so do junk and the
//! incomplete record at the end of a growing file. None of these contains a valid record: a header
//! with a valid CRC whose frame fits into the data and has a valid payload CRC. (The payload CRC
//! does not count if the writer of the data stored no valid ones.)
//!
//! A record in a gap between entries is found if it directly follows the record before the gap: the
//! chain of headers leads to it. Before the first entry and after the last one, a record may be
//! anywhere, so the gap is searched like damage in salvage.

use std::ops::{ControlFlow, Range};

use super::layout::Layout;
use crate::error::{ErrorKind, Result};
use crate::frame::at::{header_at, valid_frame_at};
use crate::frame::trust::Trust;
use crate::frame::HEADER_LEN;
use crate::index::Entries;
use crate::options::{Checksums, Options, Progress};
use crate::scan::Scanner;
use crate::source::ReadAt;

/// Returns the offset of the first valid record that no entry covers, in data of `size` bytes. No
/// entry may end after the data. `watch` is called while the data is read, and may cancel.
///
/// `trust` says which checksums the data has: if it has no valid ones, a frame that fits into a gap
/// counts as a record.
///
/// Fails if the index is empty and the data is not a TFRecord file, if the data cannot be read, or
/// if `watch` cancels.
pub(super) fn first_record<S: ReadAt>(
    source: &S,
    size: u64,
    layout: &Layout<'_, impl Entries>,
    trust: Trust,
    watch: &(dyn Fn(Progress) -> ControlFlow<()> + Sync),
) -> Result<Option<u64>> {
    let options = Options::new().checksums(Checksums::Full).salvage(true).progress(watch);
    let mut gaps = Gaps { source, size, trust, options };
    if layout.covered == size {
        return Ok(None);
    }
    if layout.len() == 0 {
        return gaps.first_record_of_all();
    }
    if trust == Trust::Checked && !gaps.has_true_payloads(layout)? {
        gaps.options = options.checksums(Checksums::Length);
    }
    gaps.first_record(layout)
}

struct Gaps<'a, S> {
    source: &'a S,
    size: u64,
    trust: Trust,
    /// Options for salvage.
    options: Options<'a>,
}

impl<S: ReadAt> Gaps<'_, S> {
    fn first_record(&self, layout: &Layout<'_, impl Entries>) -> Result<Option<u64>> {
        for gap in layout.gaps(self.size) {
            let gap = gap?;
            let is_outer = gap.start == 0 || gap.end == self.size;
            let found = match self.trust {
                Trust::Checked if is_outer => self.search(&gap)?,
                Trust::Checked => self.record_at(&gap)?,
                Trust::Ignored | Trust::Absent(_) => self.frame_at(&gap)?,
            };
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// The first valid record in the chain of headers from the gap's start, past damaged payloads.
    fn record_at(&self, gap: &Range<u64>) -> Result<Option<u64>> {
        let mut at = gap.start;
        while at < gap.end {
            let Some(size) = valid_frame_at(self.source, at, self.size)? else { return Ok(None) };
            if self.options.checksums == Checksums::Length || self.payload_holds(at, size)? {
                return Ok(Some(at));
            }
            at += size;
        }
        Ok(None)
    }

    fn payload_holds(&self, at: u64, size: u64) -> Result<bool> {
        let mut scanner = Scanner::from(self.source, at, self.size, &self.options);
        Ok(scanner.payload_checksum(at, size)?.holds())
    }

    /// Whether one of a few sampled entries has a valid payload CRC.
    fn has_true_payloads(&self, layout: &Layout<'_, impl Entries>) -> Result<bool> {
        for entry in layout.some()? {
            if self.payload_holds(entry.offset, entry.size)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The frame at the gap's start, in data without valid checksums.
    fn frame_at(&self, gap: &Range<u64>) -> Result<Option<u64>> {
        let header = header_at(self.source, gap.start)?;
        let header = header.filter(|header| self.trust.accepts(*header));
        let size = header.and_then(|header| header.frame_size(gap.end - gap.start));
        Ok(size.map(|_| gap.start))
    }

    /// The first valid record in the gap that salvage from the gap's start finds.
    fn search(&self, gap: &Range<u64>) -> Result<Option<u64>> {
        self.source.advise_sparse(false);
        let mut scanner = Scanner::from(self.source, gap.start, self.size, &self.options);
        let found = scanner.next().transpose()?.map(|entry| entry.offset);
        Ok(found.filter(|&offset| offset < gap.end))
    }

    /// The first valid record of the data, for an empty index.
    fn first_record_of_all(&self) -> Result<Option<u64>> {
        let salvaged = Scanner::new(self.source, &self.options)?.next().transpose();
        let error = match salvaged {
            Ok(found) => return Ok(found.map(|entry| entry.offset)),
            Err(error) if error.kind() == ErrorKind::Cancelled => return Err(error),
            Err(error) => error,
        };
        if self.size < HEADER_LEN as u64 && error.format().is_none() {
            return Ok(None); // the start of a record that is still being written
        }
        // No valid header, but perhaps the data was written without checksums.
        let options = Options { checksums: Checksums::Auto, salvage: false, ..self.options };
        let first = Scanner::new(self.source, &options)?.next().transpose()?;
        Ok(first.map(|entry| entry.offset))
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(super) use tests::{naive, naive_chain};
