//! JSON: read in one pass, without a tree of values, and written.
//!
//! A manifest of a million shards is 100 MB of text. This reads it straight into columns, and an
//! error names the place. (serde_json needs a newer compiler than this library promises.)

use std::borrow::Cow;

/// Values may be nested this deep. Skipping a value recurses.
const MAX_DEPTH: u32 = 64;

/// What is wrong, and the byte where.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub at: usize,
    pub what: String,
}

pub(crate) type Parsed<T> = Result<T, Fault>;

/// Reads one JSON text, value by value.
pub(crate) struct Parser<'t> {
    text: &'t str,
    at: usize,
    depth: u32,
}

impl<'t> Parser<'t> {
    pub fn new(text: &'t str) -> Parser<'t> {
        Parser { text, at: 0, depth: 0 }
    }

    /// The fault `what` at the current place.
    #[cold]
    pub fn fault<T>(&self, what: impl Into<String>) -> Parsed<T> {
        Err(Fault { at: self.at, what: what.into() })
    }

    /// The byte at which the next value starts.
    pub fn place(&mut self) -> usize {
        self.skip_spaces();
        self.at
    }

    /// Reads an object. `member` gets each key and must read its value.
    pub fn object(&mut self, mut member: impl FnMut(&mut Self, &str) -> Parsed<()>) -> Parsed<()> {
        self.open(b'{', "an object")?;
        if !self.take(b'}') {
            loop {
                let key = self.string()?;
                if !self.take(b':') {
                    return self.unexpected("':'");
                }
                member(self, &key)?;
                if !self.take(b',') {
                    break;
                }
            }
            if !self.take(b'}') {
                return self.unexpected("',' or '}'");
            }
        }
        self.depth -= 1;
        Ok(())
    }

    /// Reads an array. `item` gets each number, from 0, and must read the item.
    pub fn array(&mut self, mut item: impl FnMut(&mut Self, usize) -> Parsed<()>) -> Parsed<()> {
        self.open(b'[', "an array")?;
        if !self.take(b']') {
            for number in 0.. {
                item(self, number)?;
                if !self.take(b',') {
                    break;
                }
            }
            if !self.take(b']') {
                return self.unexpected("',' or ']'");
            }
        }
        self.depth -= 1;
        Ok(())
    }

    pub fn string(&mut self) -> Parsed<Cow<'t, str>> {
        if !self.take(b'"') {
            return self.unexpected("a string");
        }
        let start = self.at;
        match self.end_of_plain() {
            Some(b'"') => {
                let plain = &self.text[start..self.at];
                self.at += 1;
                Ok(Cow::Borrowed(plain))
            }
            Some(b'\\') => self.escaped(start).map(Cow::Owned),
            Some(_) => self.fault("a control character in a string"),
            None => self.fault("the text ends inside a string"),
        }
    }

    /// Moves to the first byte that does not stand for itself in a string.
    fn end_of_plain(&mut self) -> Option<u8> {
        let bytes = &self.text.as_bytes()[self.at..];
        let ends = |&byte: &u8| byte == b'"' || byte == b'\\' || byte < b' ';
        let end = bytes.iter().position(ends);
        self.at += end.unwrap_or(bytes.len());
        end.map(|end| bytes[end])
    }

    /// Reads the rest of a string that started at `start`, from its first escape on.
    fn escaped(&mut self, mut start: usize) -> Parsed<String> {
        let mut string = String::new();
        loop {
            let end = self.end_of_plain();
            string.push_str(&self.text[start..self.at]);
            match end {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(string);
                }
                Some(b'\\') => string.push(self.escape()?),
                Some(_) => return self.fault("a control character in a string"),
                None => return self.fault("the text ends inside a string"),
            }
            start = self.at;
        }
    }

    fn escape(&mut self) -> Parsed<char> {
        let character = match self.text.as_bytes().get(self.at + 1) {
            Some(&byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode_escape(),
            _ => return self.fault("not an escape of JSON"),
        };
        self.at += 2;
        Ok(character)
    }

    fn unicode_escape(&mut self) -> Parsed<char> {
        let units = self.code_unit(0).map(|first| [first, self.code_unit(6).unwrap_or(0)]);
        match units.and_then(|units| char::decode_utf16(units).next()) {
            Some(Ok(character)) => {
                self.at += 6 * character.len_utf16();
                Ok(character)
            }
            _ => self.fault("not a \\u escape of a character"),
        }
    }

    /// The number in the escape `\uXXXX` that is `ahead` bytes from here.
    fn code_unit(&self, ahead: usize) -> Option<u16> {
        let escape = self.text.as_bytes().get(self.at + ahead..self.at + ahead + 6)?;
        let digits = escape.strip_prefix(b"\\u")?;
        // from_str_radix accepts a sign.
        let digits = digits.iter().map(|&digit| char::from(digit).to_digit(16));
        digits.sum::<Option<u32>>()?; // all are digits
        let digits = std::str::from_utf8(&escape[2..]).ok()?;
        u16::from_str_radix(digits, 16).ok()
    }

    /// Reads an integer from 0 to 2^64 - 1.
    pub fn unsigned(&mut self) -> Parsed<u64> {
        let start = self.place();
        let mut number = Some(0u64);
        while let Some(digit @ b'0'..=b'9') = self.text.as_bytes().get(self.at) {
            let digit = u64::from(digit - b'0');
            number = number.and_then(|number| number.checked_mul(10)?.checked_add(digit));
            self.at += 1;
        }
        let digits = self.at - start;
        let is_number = digits > 0 && (digits == 1 || self.text.as_bytes()[start] != b'0');
        let continues = matches!(self.text.as_bytes().get(self.at), Some(b'.' | b'e' | b'E'));
        match number {
            Some(number) if is_number && !continues => Ok(number),
            _ => {
                self.at = start;
                match number {
                    None => self.fault("the number is over 2^64 - 1"),
                    _ => self.unexpected("an integer from 0 on"),
                }
            }
        }
    }

    /// Reads an integer from -2^63 to 2^63 - 1.
    pub fn signed(&mut self) -> Parsed<i64> {
        let start = self.place();
        let is_negative = self.take(b'-');
        let number = self.unsigned().map(i128::from);
        let number = number.map(|number| if is_negative { -number } else { number });
        match number.map(i64::try_from) {
            Ok(Ok(number)) => Ok(number),
            Ok(Err(_)) => Err(Fault { at: start, what: "the number is over 2^63 - 1".to_owned() }),
            Err(fault) => Err(fault),
        }
    }

    /// Reads a `null`, if that is what comes next.
    pub fn is_null(&mut self) -> bool {
        self.skip_spaces();
        let is_null = self.text[self.at..].starts_with("null");
        self.at += if is_null { 4 } else { 0 };
        is_null
    }

    /// Returns the first byte of the next value.
    pub fn peek(&mut self) -> Option<u8> {
        self.skip_spaces();
        self.text.as_bytes().get(self.at).copied()
    }

    /// Reads a value of any type, and drops it.
    pub fn skip(&mut self) -> Parsed<()> {
        match self.peek() {
            Some(b'{') => self.object(|parser, _| parser.skip()),
            Some(b'[') => self.array(|parser, _| parser.skip()),
            Some(b'"') => self.string().map(drop),
            _ => {
                let rest = &self.text[self.at..];
                let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
                let size = rest.bytes().take_while(|&byte| is_part(byte)).count();
                let word = &rest[..size];
                // This accepts more than JSON's numbers, such as 01.
                let is_value = matches!(word, "null" | "true" | "false")
                    || word.starts_with(|first: char| first == '-' || first.is_ascii_digit())
                        && word.parse::<f64>().is_ok();
                if !is_value {
                    return self.unexpected("a value");
                }
                self.at += size;
                Ok(())
            }
        }
    }

    /// Fails unless only spaces are left.
    pub fn end(&mut self) -> Parsed<()> {
        match self.peek() {
            None => Ok(()),
            Some(_) => self.unexpected("the end"),
        }
    }

    fn open(&mut self, bracket: u8, kind: &str) -> Parsed<()> {
        if !self.take(bracket) {
            return self.unexpected(kind);
        }
        self.depth += 1;
        match self.depth > MAX_DEPTH {
            true => self.fault(format!("values are nested deeper than {MAX_DEPTH}")),
            false => Ok(()),
        }
    }

    /// Reads this byte, if it comes next.
    fn take(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn skip_spaces(&mut self) {
        let bytes = &self.text.as_bytes()[self.at..];
        let is_space = |&&byte: &&u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        self.at += bytes.iter().take_while(is_space).count();
    }

    #[cold]
    fn unexpected<T>(&mut self, wanted: &str) -> Parsed<T> {
        self.skip_spaces();
        let found: String = self.text[self.at..].chars().take(20).collect();
        let found = found.split(['\n', '\r']).next().unwrap_or_default();
        match found.is_empty() {
            true => self.fault(format!("expected {wanted}, but the text ends")),
            false => self.fault(format!("expected {wanted}, not {found:?}")),
        }
    }
}

/// Appends a string in quotes.
pub(crate) fn push_string(json: &mut String, string: &str) {
    json.push('"');
    let is_special = |character: char| matches!(character, '"' | '\\' | '\0'..='\u{1f}');
    if !string.contains(is_special) {
        json.push_str(string);
    } else {
        for character in string.chars() {
            match character {
                '"' | '\\' => json.extend(['\\', character]),
                '\0'..='\u{1f}' => json.push_str(&format!("\\u{:04x}", u32::from(character))),
                _ => json.push(character),
            }
        }
    }
    json.push('"');
}

#[cfg(test)]
mod tests;
