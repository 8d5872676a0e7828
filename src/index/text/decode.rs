//! Index text → entries.

use super::digits::{others, plain_number, value, word, EIGHT_DIGITS, ZEROS};
use crate::error::{Error, ErrorKind, Result};
use crate::frame::{MAX_OFFSET, OVERHEAD};
use crate::index::entries::Collect;
use crate::index::{push, Entry, Index};

/// No index has a longer line: the decoder keeps at most this much of an incomplete line.
const DECODED_LINE_MAX: usize = 1 << 16;

/// Decodes index text in pieces of any size, and collects its entries.
pub(crate) struct Decoder {
    entries: Vec<Entry>,
    /// The number of entries that [`take`](Self::take) has returned.
    taken: u64,
    /// The number of lines before the current one, and the byte where it starts.
    lines: u64,
    offset: u64,
    /// The part of the current line that came with earlier pieces.
    begun: Vec<u8>,
}

impl Decoder {
    pub fn new() -> Decoder {
        Decoder::appending_to(Vec::new())
    }

    pub fn appending_to(entries: Vec<Entry>) -> Decoder {
        Decoder { entries, taken: 0, lines: 0, offset: 0, begun: Vec::new() }
    }

    pub fn push(&mut self, mut text: &[u8]) -> Result<()> {
        loop {
            if self.begun.is_empty() {
                text = self.plain_lines(text)?;
            }
            let Some(end) = text.iter().position(|&byte| byte == b'\n') else { break };
            let (line, rest) = (&text[..end], &text[end + 1..]);
            if self.begun.is_empty() {
                self.line(line)?;
            } else {
                self.begin(line)?;
                let line = std::mem::take(&mut self.begun);
                self.line(&line)?;
            }
            text = rest;
        }
        self.begin(text)
    }

    /// Returns and removes the entries of complete lines.
    pub fn take(&mut self) -> Vec<Entry> {
        self.taken += self.entries.len() as u64;
        std::mem::take(&mut self.entries)
    }

    /// Moves the entries of complete lines to `to`.
    pub fn move_to(&mut self, to: &mut impl Collect) -> Result<()> {
        self.taken += self.entries.len() as u64;
        to.collect(&mut self.entries)
    }

    pub fn finish(mut self) -> Result<Index> {
        let line = std::mem::take(&mut self.begun);
        self.line(&line)?;
        Ok(Index::from_checked(self.entries))
    }

    /// Decodes lines from the front of `text` while they are as [`Encoder`] writes them, and
    /// returns the rest. This is faster than [`line`](Self::line), which handles all other lines
    /// and all errors.
    fn plain_lines<'t>(&mut self, mut text: &'t [u8]) -> Result<&'t [u8]> {
        let mut head = OffsetHead::default();
        while let Some((entry, size)) = plain_line(text, &mut head) {
            push(&mut self.entries, entry)?;
            self.lines += 1;
            self.offset += size as u64;
            text = &text[size..];
        }
        Ok(text)
    }

    /// Keeps the start of a line, whose end comes with a later piece.
    fn begin(&mut self, text: &[u8]) -> Result<()> {
        if self.begun.len() + text.len() > DECODED_LINE_MAX {
            return Err(self.error("longer than any line of an index"));
        }
        self.begun.extend_from_slice(text);
        Ok(())
    }

    /// Decodes one complete line.
    fn line(&mut self, line: &[u8]) -> Result<()> {
        if line.len() > DECODED_LINE_MAX {
            return Err(self.error("longer than any line of an index"));
        }
        let mut tokens = line.split(|byte| is_space(*byte)).filter(|token| !token.is_empty());
        match (tokens.next(), tokens.next(), tokens.next()) {
            (None, ..) => {}
            (Some(offset), Some(size), None) => {
                let entry = Entry { offset: self.number(offset)?, size: self.number(size)? };
                if let Some(fault) = entry.fault() {
                    return Err(self.error(&fault));
                }
                push(&mut self.entries, entry)?;
            }
            (Some(token), None, _) => {
                self.number(token)?;
                return Err(self.error("only one number, expected \"offset size\""));
            }
            (Some(offset), Some(size), Some(token)) => {
                for token in [offset, size, token] {
                    self.number(token)?;
                }
                return Err(self.error("more than two numbers, expected \"offset size\""));
            }
        }
        self.lines += 1;
        self.offset += line.len() as u64 + 1;
        Ok(())
    }

    fn number(&self, token: &[u8]) -> Result<u64> {
        let mut number = 0u64;
        for &byte in token {
            if !byte.is_ascii_digit() {
                let token = String::from_utf8_lossy(&token[..token.len().min(40)]);
                return Err(self.error(&format!("{token:?} is not a decimal number")));
            }
            number = match number.checked_mul(10).map(|n| n.saturating_add((byte - b'0').into())) {
                Some(number) if number <= MAX_OFFSET => number,
                _ => return Err(self.error(&format!("a number over {MAX_OFFSET}"))),
            };
        }
        Ok(number)
    }

    #[cold]
    fn error(&self, what: &str) -> Error {
        let detail = format!(
            "line {}: {what}: not an index, or a damaged one; create it again",
            self.lines + 1
        );
        Error::new(ErrorKind::InvalidIndex, detail)
            .at(self.taken + self.entries.len() as u64, self.offset)
    }
}

/// Returns the entry in the first line of `text` and the line's size, if both numbers have at most
/// 16 digits, with one space between them and a line feed after them.
#[inline]
fn plain_line(text: &[u8], head: &mut OffsetHead) -> Option<(Entry, usize)> {
    let text = text.get(..PLAIN_LINE_MAX)?;
    let (offset, space) = plain_offset(text, head)?;
    let (size, end) = plain_number(&text[space + 1..])?;
    let end = space + 1 + end;
    let entry = Entry { offset, size };
    // Both are under 10^16: their sum cannot pass i64::MAX.
    (text[space] == b' ' && text[end] == b'\n' && size >= OVERHEAD).then_some((entry, end + 1))
}

/// The bytes that [`plain_line`] reads: for each of two numbers, two words and the byte after them.
const PLAIN_LINE_MAX: usize = 2 * 17;

/// The digits of an offset before its last eight, which are mostly the same in the next line. If
/// so, the position of the next line does not depend on counting digits, which the processor would
/// wait for.
#[derive(Default)]
struct OffsetHead {
    len: usize,
    /// The digits in the lowest bytes of a word, and the mask of these bytes.
    digits: u64,
    mask: u64,
    /// Their value in the offset.
    value: u64,
}

/// Like [`plain_number`], but faster for an offset that starts with the digits of `head`.
#[inline]
fn plain_offset(text: &[u8], head: &mut OffsetHead) -> Option<(u64, usize)> {
    let space = head.len + 8;
    if word(text) & head.mask == head.digits && text[space] == b' ' {
        let tail = word(&text[head.len..]) ^ ZEROS;
        if others(tail) == 0 {
            return Some((head.value + value(tail), space));
        }
    }
    let (offset, space) = plain_number(text)?;
    if let Some(len) = space.checked_sub(8) {
        let mask = if len == 8 { u64::MAX } else { (1 << (8 * len)) - 1 };
        let value = offset - offset % EIGHT_DIGITS;
        *head = OffsetHead { len, digits: word(text) & mask, mask, value };
    }
    Some((offset, space))
}

/// Whether C's `isspace` accepts the byte; except the line feed.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\x0b' | b'\x0c')
}
