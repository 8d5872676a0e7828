//! What the bytes of a value are, by their start. Nothing is decoded.

use crate::error::on_one_line;

/// The longest text that is shown, and the first bytes of other values.
const TEXT: usize = 600;
const START: usize = 48;

/// A picture that browsers show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Format {
    Jpeg,
    Png,
    Gif,
    WebP,
}

impl Format {
    pub fn name(self) -> &'static str {
        match self {
            Format::Jpeg => "JPEG",
            Format::Png => "PNG",
            Format::Gif => "GIF",
            Format::WebP => "WebP",
        }
    }

    /// The start of a data URI of such a picture.
    pub fn data_uri(self) -> &'static str {
        match self {
            Format::Jpeg => "data:image/jpeg;base64,",
            Format::Png => "data:image/png;base64,",
            Format::Gif => "data:image/gif;base64,",
            Format::WebP => "data:image/webp;base64,",
        }
    }

    pub fn of(bytes: &[u8]) -> Option<Format> {
        match bytes {
            [0xff, 0xd8, 0xff, ..] => Some(Format::Jpeg),
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(Format::Png),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Format::Gif),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Format::WebP),
            _ => None,
        }
    }
}

/// Bytes, as far as they are shown.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Piece {
    Text {
        text: String,
        is_whole: bool,
    },
    /// A picture. `None`: it is not embedded.
    Picture {
        format: Format,
        data: Option<Vec<u8>>,
    },
    /// The first bytes.
    Other(Vec<u8>),
}

impl Piece {
    /// What to show of a value. Pictures of more than `most` bytes are not embedded.
    pub fn of(bytes: &[u8], most: u64) -> Piece {
        if let Some(format) = Format::of(bytes) {
            let data = (bytes.len() as u64 <= most).then(|| bytes.to_vec());
            return Piece::Picture { format, data };
        }
        match text(bytes) {
            Some(text) => {
                let shown: String = text.chars().take(TEXT).collect();
                Piece::Text { is_whole: shown.len() == text.len(), text: shown }
            }
            None => Piece::Other(bytes[..bytes.len().min(START)].to_vec()),
        }
    }
}

/// The text that bytes are, if they are.
pub(super) fn text(bytes: &[u8]) -> Option<&str> {
    let is_binary =
        |character: char| character.is_control() && !matches!(character, '\n' | '\r' | '\t');
    std::str::from_utf8(bytes).ok().filter(|text| !text.contains(is_binary))
}

/// Bytes as text on one line, in which everything is visible: what is not UTF-8, and characters that
/// would hide something.
pub(super) fn visible(bytes: &[u8]) -> String {
    let mut visible = String::new();
    let mut rest = bytes;
    loop {
        let (valid, bad) = match std::str::from_utf8(rest) {
            Ok(text) => (text, 0),
            Err(error) => {
                let valid = std::str::from_utf8(&rest[..error.valid_up_to()]).unwrap_or_default();
                (valid, error.error_len().unwrap_or(rest.len() - error.valid_up_to()))
            }
        };
        visible += &on_one_line(valid);
        rest = &rest[valid.len()..];
        if bad == 0 {
            return visible;
        }
        visible += &rest[..bad].escape_ascii().to_string();
        rest = &rest[bad..];
    }
}

/// Bytes in hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Bytes in Base64.
pub(super) fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity((bytes.len() + 2) / 3 * 4);
    for three in bytes.chunks(3) {
        let byte = |place: usize| u32::from(three.get(place).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            text.push(match digit <= three.len() {
                true => char::from(DIGITS[(bits >> (18 - 6 * digit) & 63) as usize]),
                false => '=',
            });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_known_by_their_start() {
        for (bytes, format) in [
            (&b"\xff\xd8\xff\xe0"[..], Some(Format::Jpeg)),
            (b"\x89PNG\r\n\x1a\n\0\0", Some(Format::Png)),
            (b"GIF89a..", Some(Format::Gif)),
            (b"GIF87a..", Some(Format::Gif)),
            (b"RIFF\x01\0\0\0WEBPVP8 ", Some(Format::WebP)),
            (b"RIFF\x01\0\0\0WAVEfmt ", None),
            (b"<svg onload=alert(1)>", None),
            (b"\xff\xd8", None),
            (b"", None),
        ] {
            assert_eq!(Format::of(bytes), format, "{bytes:?}");
        }
    }

    #[test]
    fn values_are_shown_as_what_they_are() {
        let text = |text: &str, is_whole| Piece::Text { text: text.to_owned(), is_whole };
        assert_eq!(Piece::of(b"", 9), text("", true));
        assert_eq!(Piece::of("a\n\tb\u{e9}".as_bytes(), 9), text("a\n\tb\u{e9}", true));
        let long = "\u{e9}".repeat(1000);
        assert_eq!(Piece::of(long.as_bytes(), 9), text(&"\u{e9}".repeat(TEXT), false));
        assert_eq!(Piece::of(b"a\0b", 9), Piece::Other(b"a\0b".to_vec()));
        assert_eq!(Piece::of(&[0xff; 100], 9), Piece::Other(vec![0xff; START]));
        let picture = b"\xff\xd8\xff\xe0";
        let of = |data| Piece::Picture { format: Format::Jpeg, data };
        assert_eq!(Piece::of(picture, 4), of(Some(picture.to_vec())));
        assert_eq!(Piece::of(picture, 3), of(None));
    }

    #[test]
    fn everything_is_visible() {
        for (bytes, right) in [
            (&b"train"[..], "train"),
            ("\u{e9}\u{202e}\n".as_bytes(), "\u{e9}\\u{202e}\\n"),
            (b"a\xffb\xc3", "a\\xffb\\xc3"),
            (b"\xff\xfe", "\\xff\\xfe"),
            (b"", ""),
        ] {
            assert_eq!(visible(bytes), right);
        }
        assert_eq!(hex(b"\0\xff1"), "00 ff 31");
    }

    #[test]
    fn base64_is_that_of_rfc_4648() {
        for (bytes, right) in [
            (&b""[..], ""),
            (b"f", "Zg=="),
            (b"fo", "Zm8="),
            (b"foo", "Zm9v"),
            (b"foob", "Zm9vYg=="),
            (b"foobar", "Zm9vYmFy"),
            (b"\xfb\xff\xfe", "+//+"),
        ] {
            assert_eq!(base64(bytes), right);
        }
    }
}
