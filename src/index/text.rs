//! Entries ⇄ index text: a line `"{offset} {size}\n"` for each record, as NVIDIA DALI reads it.
//!
//! DALI's reader (`dali/operators/reader/loader/indexed_file_loader.h`) is `while (in >> pos >>
//! size)`: it ends silently at the first token that is no number. [`Decoder`] takes everything
//! that DALI reads whole, and makes an error of what it would lose.

mod decode;
mod digits;
mod encode;
mod parallel;

pub(crate) use decode::Decoder;
pub(crate) use encode::Encoder;
pub(crate) use parallel::decode_in_parts;

use crate::error::Result;
use crate::index::Index;

impl Index {
    /// The index as text, as it stands in an index file.
    ///
    /// # Errors
    /// When there is not enough memory.
    pub fn to_text(&self) -> Result<String> {
        let mut encoder = Encoder::default();
        for entry in self.entries() {
            encoder.push(*entry)?;
        }
        Ok(encoder.into_text())
    }

    /// The index that this text holds: a line `offset size` for each record, decimal.
    ///
    /// Spaces, tabs and carriage returns may stand around the numbers, blank lines are skipped,
    /// the last line needs no line feed.
    ///
    /// # Errors
    /// When a line is anything but two numbers, the size is under 16, or the record's end passes
    /// `i64::MAX`. The error names the line.
    pub fn from_text(text: impl AsRef<[u8]>) -> Result<Index> {
        let mut decoder = Decoder::new();
        decoder.push(text.as_ref())?;
        decoder.finish()
    }
}

#[cfg(test)]
mod tests;
