//! Entries → index text.

use super::digits::{eight_digits, encode_any, encode_short, EIGHT_DIGITS, ZEROS};
use crate::error::{Error, Result};
use crate::index::Entry;

/// The longest line: two numbers of 20 digits, a space and a line feed.
pub(super) const LINE_MAX: usize = 42;
/// The room for a line, and for the first digits of its offset: digits are written eight at a time,
/// even if there are fewer.
const LINE_ROOM: usize = LINE_MAX + 8;
const HEAD_ROOM: usize = 16;

/// Encodes entries as text.
#[derive(Default)]
pub(crate) struct Encoder {
    /// The buffer; its first `len` bytes are text.
    bytes: Vec<u8>,
    len: usize,
    /// The last offset's digits before its last eight; they are mostly the same in the next offset.
    head: u64,
    head_digits: [u8; HEAD_ROOM],
    head_len: usize,
}

impl Encoder {
    /// Appends the entry's line.
    #[inline]
    pub fn push(&mut self, entry: Entry) -> Result<()> {
        if self.bytes.len() - self.len < LINE_ROOM {
            self.grow()?;
        }
        let (head, tail) = (entry.offset / EIGHT_DIGITS, entry.offset % EIGHT_DIGITS);
        if head != self.head {
            self.head_len = encode_any(head, &mut self.head_digits);
            self.head = head;
        }
        let line = &mut self.bytes[self.len..][..LINE_ROOM];
        let mut end = match head {
            0 => encode_short(tail, line),
            _ => {
                line[..HEAD_ROOM].copy_from_slice(&self.head_digits);
                let digits = eight_digits(tail) | ZEROS;
                line[self.head_len..][..8].copy_from_slice(&digits.to_le_bytes());
                self.head_len + 8
            }
        };
        line[end] = b' ';
        end += 1;
        end += match entry.size < EIGHT_DIGITS {
            true => encode_short(entry.size, &mut line[end..]),
            false => encode_any(entry.size, &mut line[end..]),
        };
        line[end] = b'\n';
        self.len += end + 1;
        Ok(())
    }

    pub fn text(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    pub fn into_text(mut self) -> String {
        self.bytes.truncate(self.len);
        String::from_utf8(self.bytes).expect("digits")
    }

    pub fn clear(&mut self) {
        self.len = 0;
    }

    #[cold]
    fn grow(&mut self) -> Result<()> {
        let more = self.bytes.len().max(8 * LINE_ROOM);
        self.bytes.try_reserve(more).map_err(|_| Error::out_of_memory("the index text"))?;
        self.bytes.resize(self.bytes.capacity(), 0);
        Ok(())
    }
}
