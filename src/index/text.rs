//! Entries ⇄ index text: one line `"{offset} {size}\n"` per record, as NVIDIA DALI reads it.
//!
//! DALI's reader (`dali/operators/reader/loader/indexed_file_loader.h`) is `while (in >> pos >>
//! size)`: it ends silently at the first token that is not a number. [`Decoder`] accepts all text
//! that DALI reads completely, and rejects text of which DALI would lose a part.

mod decode;
mod digits;
mod encode;
mod parallel;
mod stored;

pub(crate) use decode::Decoder;
pub(crate) use encode::Encoder;
pub(crate) use parallel::decode_in_parts;
pub(crate) use stored::{TextEntries, TextIndex};

use crate::error::Result;
use crate::index::Index;

impl Index {
    /// Returns the index as text, in the format of index files.
    ///
    /// # Errors
    /// [`ErrorKind::OutOfMemory`](crate::ErrorKind::OutOfMemory).
    pub fn to_text(&self) -> Result<String> {
        let mut encoder = Encoder::default();
        for entry in self.entries() {
            encoder.push(*entry)?;
        }
        Ok(encoder.into_text())
    }

    /// Parses index text: one line `offset size` per record, in decimal.
    ///
    /// Spaces, tabs and carriage returns may surround the numbers, blank lines are skipped, and the
    /// last line needs no line feed.
    ///
    /// # Errors
    /// If a line is anything but two numbers, a size is less than 16, or a record would end after
    /// `i64::MAX`. The error names the line.
    pub fn from_text(text: impl AsRef<[u8]>) -> Result<Index> {
        let mut decoder = Decoder::new();
        decoder.push(text.as_ref())?;
        decoder.finish()
    }
}

#[cfg(test)]
mod tests;
