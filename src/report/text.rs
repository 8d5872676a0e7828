//! Numbers and paths, as people write them.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// A number in groups of three digits.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number with its noun: "1 file", "2,000 files".
pub(super) fn count(count: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// A number of bytes with three digits, and its unit.
pub(super) fn size(bytes: f64) -> String {
    let (mut value, mut unit) = (bytes, "B");
    for larger in ["kB", "MB", "GB", "TB", "PB", "EB"] {
        if value < 999.5 {
            break;
        }
        (value, unit) = (value / 1000.0, larger);
    }
    let decimals = match value {
        _ if unit == "B" && value.fract() == 0.0 => 0,
        value if value < 9.995 => 2,
        value if value < 99.95 => 1,
        _ => 0,
    };
    format!("{value:.decimals$} {unit}")
}

/// A number with about four digits.
pub(super) fn short(number: f64) -> String {
    let magnitude = number.abs();
    if magnitude != 0.0 && !(1e-3..1e7).contains(&magnitude) {
        return format!("{number:.3e}");
    }
    if number.fract() == 0.0 {
        let sign = if number < 0.0 { "\u{2212}" } else { "" };
        return sign.to_owned() + &grouped(magnitude as u64);
    }
    let decimals = match magnitude {
        magnitude if magnitude < 1.0 => 4,
        magnitude if magnitude < 10.0 => 3,
        magnitude if magnitude < 100.0 => 2,
        magnitude if magnitude < 1000.0 => 1,
        _ => 0,
    };
    let text = format!("{number:.decimals$}").replace('-', "\u{2212}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// A share in percent. Only all of it is 100 %.
pub(super) fn percent(part: u64, whole: u64) -> String {
    let percent = part as f64 / whole.max(1) as f64 * 100.0;
    match part == whole {
        _ if part == 0 => "0 %".to_owned(),
        true => "100 %".to_owned(),
        false => format!("{:.1} %", percent.clamp(0.1, 99.9)),
    }
}

/// A range of numbers: "4", "0–16".
pub(super) fn range(min: u64, max: u64) -> String {
    match min == max {
        true => grouped(min),
        false => format!("{}\u{2013}{}", grouped(min), grouped(max)),
    }
}

/// A path as a word of a shell.
pub(super) fn shell_word(path: &Path) -> String {
    let bytes = path.as_os_str().as_bytes();
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_./-+=:,@%".contains(byte);
    let start = if bytes.first() == Some(&b'-') { "./" } else { "" };
    if !bytes.is_empty() && bytes.iter().all(is_plain) {
        return start.to_owned() + &path.to_string_lossy();
    }
    match path.to_str().filter(|text| !text.contains(crate::error::is_unprintable)) {
        Some(text) => format!("{start}'{}'", text.replace('\'', "'\\''")),
        // As bash, zsh and POSIX 2024 read it.
        None => {
            let escape = |byte: &u8| match byte {
                b'\'' | b'\\' => format!("\\{}", char::from(*byte)),
                b' '..=b'~' => char::from(*byte).to_string(),
                byte => format!("\\{byte:03o}"),
            };
            format!("{start}$'{}'", bytes.iter().map(escape).collect::<String>())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;

    #[test]
    fn numbers_are_written_as_people_do() {
        let numbers = [0, 7, 999, 1000, 1_234_567, u64::MAX].map(grouped);
        let right = ["0", "7", "999", "1,000", "1,234,567", "18,446,744,073,709,551,615"];
        assert_eq!(numbers, right);
        let sizes = [0.0, 1.0, 0.5, 999.0, 1000.0, 79_942.0, 999_600.0, 1.5e9, 1.8e19].map(size);
        let right = [
            "0 B", "1 B", "0.50 B", "999 B", "1.00 kB", "79.9 kB", "1.00 MB", "1.50 GB", "18.0 EB",
        ];
        assert_eq!(sizes, right);
        let short =
            [0.0, 7.0, -1234.0, 0.5, -0.123_456, 2.345_67, 1234.5, 1e9, 1e-9, 99.99].map(short);
        let right = [
            "0",
            "7",
            "\u{2212}1,234",
            "0.5",
            "\u{2212}0.1235",
            "2.346",
            "1234",
            "1.000e9",
            "1.000e-9",
            "99.99",
        ];
        assert_eq!(short, right);
        let shares = [(0, 0), (0, 9), (9, 9), (1, 100_000), (99_999, 100_000), (1, 3)];
        let shares = shares.map(|(part, whole)| percent(part, whole));
        assert_eq!(shares, ["0 %", "0 %", "100 %", "0.1 %", "99.9 %", "33.3 %"]);
        assert_eq!((range(4, 4), range(0, 1600)), ("4".into(), "0\u{2013}1,600".into()));
        assert_eq!(
            (count(1, "file"), count(2000, "file")),
            ("1 file".into(), "2,000 files".into())
        );
    }

    #[test]
    fn paths_are_words_of_a_shell() {
        for (path, word) in [
            (&b"data/train-00000-of-00008.tfrecord"[..], "data/train-00000-of-00008.tfrecord"),
            (b"-rf", "./-rf"),
            (b"a b", "'a b'"),
            (b"it's*", "'it'\\''s*'"),
            (b"", "''"),
            ("\u{e9}".as_bytes(), "'\u{e9}'"),
            (b"$(rm)\n'\xff", "$'$(rm)\\012\\'\\377'"),
        ] {
            assert_eq!(shell_word(Path::new(OsStr::from_bytes(path))), word);
        }
    }
}
