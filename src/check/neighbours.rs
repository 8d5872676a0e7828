//! A header that contradicts its entry, while the neighbouring records match, is damaged. In
//! another file, or another version of this one, the neighbours would not match either.

use super::frames::{is_header_of, Frames};
use super::layout::Layout;
use crate::error::{Error, ErrorKind, Result};
use crate::frame::at::{header_at, valid_frame_at};
use crate::frame::trust::Trust;
use crate::index::{Entries, Entry};
use crate::source::ReadAt;

impl<S: ReadAt> Frames<'_, S> {
    /// The error for a header that contradicts its entry: damage if the records around it match the
    /// index, otherwise `mismatch`.
    pub(super) fn damage_or(
        &self,
        layout: &Layout<'_, impl Entries>,
        position: usize,
        mismatch: Error,
    ) -> Result<Error> {
        let (record, entry) = layout.get(position)?;
        if !self.ends_where_meant(layout, position)? || self.is_split(entry)? {
            return Ok(mismatch);
        }
        let detail = format!(
            "the header does not match a frame of {} bytes, but the records around it match the index: \
             the header is damaged; copy the file again",
            entry.size
        );
        Ok(Error::new(ErrorKind::Length, detail).at(record, entry.offset))
    }

    /// Whether a valid record of the index starts where the entry ends or, at the end of the data,
    /// ends where the entry starts.
    fn ends_where_meant(&self, layout: &Layout<'_, impl Entries>, position: usize) -> Result<bool> {
        let (_, entry) = layout.get(position)?;
        if entry.end() < self.size {
            let next = (position + 1 < layout.len()).then(|| layout.get(position + 1));
            let next = next.transpose()?.filter(|(_, next)| next.offset == entry.end());
            return next.map_or(Ok(false), |(_, next)| self.is_valid(next));
        }
        let before = position.checked_sub(1).map(|before| layout.get(before)).transpose()?;
        let before = before.filter(|(_, before)| before.end() == entry.offset);
        match before {
            Some((_, before)) if entry.end() == self.size => self.is_valid(before),
            _ => Ok(false),
        }
    }

    fn is_valid(&self, entry: Entry) -> Result<bool> {
        let header = header_at(self.source, entry.offset)?;
        Ok(header.is_some_and(|header| is_header_of(self.trust, header, entry)))
    }

    /// Whether the entry's bytes consist of several valid frames.
    fn is_split(&self, entry: Entry) -> Result<bool> {
        if self.trust != Trust::Checked {
            return Ok(false); // any bytes could be such frames
        }
        let mut at = entry.offset;
        while at < entry.end() {
            match valid_frame_at(self.source, at, self.size)? {
                Some(size) => at += size,
                None => return Ok(false),
            }
        }
        Ok(at == entry.end())
    }
}
