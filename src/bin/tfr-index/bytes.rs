//! A number of bytes on the command line.

use std::str::FromStr;

use anyhow::{anyhow, bail};

/// A number of bytes, such as 256MB.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bytes(pub u64);

impl Bytes {
    /// Parses a number that is not 0.
    pub fn some(text: &str) -> anyhow::Result<Bytes> {
        match text.parse()? {
            Bytes(0) => bail!("must not be 0"),
            bytes => Ok(bytes),
        }
    }
}

impl FromStr for Bytes {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Bytes> {
        let digits = text.trim_end_matches(|character: char| !character.is_ascii_digit());
        let unit: u64 = match text[digits.len()..].to_ascii_lowercase().as_str() {
            "" | "b" => 1,
            "kb" => 1000,
            "mb" => 1000_u64.pow(2),
            "gb" => 1000_u64.pow(3),
            "tb" => 1000_u64.pow(4),
            "kib" => 1 << 10,
            "mib" => 1 << 20,
            "gib" => 1 << 30,
            "tib" => 1 << 40,
            _ => bail!("expected a number of bytes, with B, KB, MB, GB, TB, KiB, MiB, GiB or TiB"),
        };
        let number: u64 = digits.parse().map_err(|_| anyhow!("expected a number, as in 256MB"))?;
        match number.checked_mul(unit) {
            Some(bytes) => Ok(Bytes(bytes)),
            None => bail!("too large"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        let cases = [
            ("0", 0),
            ("1", 1),
            ("7B", 7),
            ("256MB", 256_000_000),
            ("256mb", 256_000_000),
            ("3KiB", 3072),
            ("1GiB", 1 << 30),
            ("2TB", 2_000_000_000_000),
        ];
        for (text, bytes) in cases {
            assert_eq!(text.parse::<Bytes>().unwrap(), Bytes(bytes), "{text}");
        }
        for text in ["", "MB", "1M", "1.5GB", "-1", "1 MB", "99999999TiB", "1é"] {
            assert!(text.parse::<Bytes>().is_err(), "{text}");
        }
        assert!(Bytes::some("0MB").is_err());
        assert_eq!(Bytes::some("1kB").unwrap(), Bytes(1000));
    }
}
