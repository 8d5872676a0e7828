//! Entries ⇄ index text: a line `"{offset} {size}\n"` for each record, as NVIDIA DALI reads it.
//!
//! DALI's reader (`dali/operators/reader/loader/indexed_file_loader.h`) is `while (in >> pos >>
//! size)`: it ends silently at the first token that is no number. [`Decoder`] takes everything
//! that DALI reads whole, and makes an error of what it would lose.

use crate::error::{Error, ErrorKind, Result};
use crate::frame::OVERHEAD;
use crate::index::{push, Entry, Index, MAX_OFFSET};

/// The longest line: two numbers of 20 digits, a space and a line feed.
const LINE_MAX: usize = 42;
/// What is written to at once for a line, and for the first digits of its offset: digits come by
/// eight, also where fewer are wanted.
const LINE_ROOM: usize = LINE_MAX + 8;
const HEAD_ROOM: usize = 16;

/// A longer line is no index's: the decoder keeps no more than this of a line that is not whole.
const DECODED_LINE_MAX: usize = 1 << 16;

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
        encoder.bytes.truncate(encoder.len);
        Ok(String::from_utf8(encoder.bytes).expect("digits"))
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

/// Gathers entries as text.
#[derive(Default)]
pub(crate) struct Encoder {
    /// All of it may be written to; the first `len` bytes are text.
    bytes: Vec<u8>,
    len: usize,
    /// The digits of the last offset before its last eight, which are those of the next one mostly.
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

/// Numbers below this have eight digits at most.
const EIGHT_DIGITS: u64 = 100_000_000;
/// The digit 0 in each lane of a word.
const ZEROS: u64 = EACH * 0x30;

/// Writes the number's digits at the start of `text`; returns how many.
#[cold]
fn encode_any(number: u64, text: &mut [u8]) -> usize {
    let digits = number.to_string();
    text[..digits.len()].copy_from_slice(digits.as_bytes());
    digits.len()
}

/// The same for a number of eight digits at most; eight bytes are written in any case.
#[inline]
fn encode_short(number: u64, text: &mut [u8]) -> usize {
    let digits = eight_digits(number);
    // No zeros before the first digit, but the one zero of 0.
    let zeros = (digits | (1 << 56)).trailing_zeros() / 8;
    text[..8].copy_from_slice(&((digits | ZEROS) >> (8 * zeros)).to_le_bytes());
    8 - zeros as usize
}

/// The eight digits of a number below 10^8, in the lanes of a word, the first in the lowest one: the
/// number is split into lanes of four digits, those into lanes of two, those into lanes of one.
#[inline]
fn eight_digits(number: u64) -> u64 {
    let fours = (number / 10_000) | ((number % 10_000) << 32);
    let hundreds = ((fours * 10_486) >> 20) & 0x0000_007f_0000_007f; // n / 100, for n < 10,000
    let twos = hundreds | ((fours - hundreds * 100) << 16);
    let tens = ((twos * 103) >> 10) & 0x000f_000f_000f_000f; // n / 10, for n < 100
    tens | ((twos - tens * 10) << 8)
}

/// Takes index text in pieces of any size and gathers its entries.
pub(crate) struct Decoder {
    entries: Vec<Entry>,
    /// Entries that were taken out before.
    taken: u64,
    /// Lines before the current one, and the byte where that starts.
    lines: u64,
    offset: u64,
    /// The current line, as far as it came with earlier pieces.
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

    /// Takes out the entries of the lines that are whole.
    pub fn take(&mut self) -> Vec<Entry> {
        self.taken += self.entries.len() as u64;
        std::mem::take(&mut self.entries)
    }

    pub fn finish(mut self) -> Result<Index> {
        let line = std::mem::take(&mut self.begun);
        self.line(&line)?;
        Ok(Index::from_checked(self.entries))
    }

    /// Takes lines from the front of `text` while they are as [`Encoder`] writes them; returns the
    /// rest. Faster than [`line`](Self::line), which takes all others, and all errors.
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

    /// Keeps the start of a line whose end comes with a later piece.
    fn begin(&mut self, text: &[u8]) -> Result<()> {
        if self.begun.len() + text.len() > DECODED_LINE_MAX {
            return Err(self.error("longer than any line of an index"));
        }
        self.begun.extend_from_slice(text);
        Ok(())
    }

    /// Takes one whole line.
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

/// The entry in the first line of `text` and the line's size, if both numbers have 16 digits at
/// most, one space is between them and a line feed behind them.
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

/// What [`plain_line`] looks at: two numbers, for each of which two words are read, and the bytes
/// behind them.
const PLAIN_LINE_MAX: usize = 2 * 17;

/// The digits of an offset before its last eight: those of the next line mostly, too. So the place
/// of the next line needs no count of digits, which would have to be waited for.
#[derive(Default)]
struct OffsetHead {
    len: usize,
    /// The digits in the lowest bytes of a word, and which ones these are.
    digits: u64,
    mask: u64,
    /// What they add to the offset.
    value: u64,
}

/// As [`plain_number`], faster for an offset that starts with the digits of `head`.
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

/// The number at the start of `text` and how many digits it has, from 1 to 16.
#[inline]
fn plain_number(text: &[u8]) -> Option<(u64, usize)> {
    let (high, count) = leading_digits(text);
    if count < 8 {
        return (count > 0).then_some((high, count));
    }
    let (low, more) = leading_digits(&text[8..]);
    Some((high * POWERS[more] + low, 8 + more))
}

const POWERS: [u64; 9] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];

/// The number that the digits at the start of the first 8 bytes of `text` make, and how many there
/// are: all at once, in the lanes of a word.
#[inline]
fn leading_digits(text: &[u8]) -> (u64, usize) {
    let word = word(text) ^ ZEROS;
    let count = others(word).trailing_zeros() as usize / 8;
    match count {
        0 => (0, 0),
        _ => (value(word << (64 - 8 * count)), count), // to the top, zeros before them
    }
}

#[inline]
fn word(text: &[u8]) -> u64 {
    u64::from_le_bytes(text[..8].try_into().expect("8 bytes"))
}

/// The top bit of each lane that holds more than 9.
#[inline]
fn others(word: u64) -> u64 {
    // Adding 0x76 sets it, but for lanes that have it set already; no sum of the lower 7 bits
    // carries into the next lane.
    (((word & (EACH * 0x7f)) + EACH * 0x76) | word) & (EACH * 0x80)
}

/// The number whose eight digits are in the lanes: neighbours are added up, to 2, 4, 8 digits.
#[inline]
fn value(word: u64) -> u64 {
    let word = (word * 10 + (word >> 8)) & (EACH_OTHER * 0xff);
    let word = (word * 100 + (word >> 16)) & 0x0000_ffff_0000_ffff;
    (word * 10_000 + (word >> 32)) & 0xffff_ffff
}

/// 1 in each byte of a word, and in each other one.
const EACH: u64 = 0x0101_0101_0101_0101;
const EACH_OTHER: u64 = 0x0001_0001_0001_0001;

/// What C's `isspace` takes for white space, but for the line feed.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\x0b' | b'\x0c')
}

#[cfg(test)]
mod tests;
