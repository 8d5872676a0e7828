//! Detects the format of data that is not TFRecord, by its first bytes.
//!
//! A diagnosis only improves the message of an existing error; it never causes one.

use crate::catalog::text::says_format;
use crate::error::{Error, ErrorKind};
use crate::frame::{Header, HEADER_LEN};

/// How many bytes at the start are examined.
pub(crate) const START: usize = 4 << 10;

/// A format's name, and what to do with a file in that format.
#[derive(Debug, PartialEq, Eq)]
struct Format {
    name: &'static str,
    advice: &'static str,
}

const fn format(name: &'static str, advice: &'static str) -> Format {
    Format { name, advice }
}

/// The magic bytes of formats, with their position.
const MAGIC: [(usize, &[u8], Format); 14] = [
    (0, b"\x1f\x8b\x08", format("gzip", "decompress it first (gunzip)")),
    (0, b"\x28\xb5\x2f\xfd", format("Zstandard", "decompress it first (unzstd)")),
    (0, b"\xff\x06\0\0sNaPpY", format("Snappy", "decompress it first")),
    (0, b"\x04\x22\x4d\x18", format("LZ4", "decompress it first (unlz4)")),
    (4, b"1AY&SY", format("bzip2", "decompress it first (bunzip2)")),
    (0, b"\xfd7zXZ\0", format("xz", "decompress it first (unxz)")),
    (0, b"PK\x03\x04", format("zip", "unpack it first (unzip)")),
    (0, b"\x89HDF\r\n\x1a\n", format("HDF5", CONVERT)),
    (0, b"PAR1", format("Parquet", CONVERT)),
    (0, b"Obj\x01", format("Avro", CONVERT)),
    (0, b"ARROW1", format("Arrow", CONVERT)),
    (0, b"\x93NUMPY", format("npy", CONVERT)),
    // The hash of the first block header, the same in all files: riegeli_records_file_format.md of
    // google/riegeli. ArrayRecord's files start with the same chunk.
    (0, b"\x83\xaf\x70\xd1\x0d\x88\x4a\x3f", format("ArrayRecord or Riegeli", CONVERT)),
    (0, b"version https://git-lfs", format("Git LFS pointer", "fetch the data (git lfs pull)")),
];
const CONVERT: &str = "write its records to a TFRecord file first";
const TAR: Format = format("tar", "unpack it first (tar xf)");
const ZLIB: Format = format("zlib", "decompress it first (zlib.decompress in Python)");
const HTML: Format = format("HTML", SAVED);
const XML: Format = format("XML", SAVED);
const JSON: Format = format("JSON", SAVED);
const MANIFEST: Format =
    format("manifest", "it lists the files of a data set; give one of these files");
const SAVED: &str = "it may be an error message saved as data; read what it says";
const INDEX: Format = format("index", "it lists where records are; give the data file");
const TEXT: Format = format("text", "read what it says, and give the data file");

/// Replaces the error by one that names the format, if data that starts with `start` is in another
/// format. Where the scan failed does not matter.
pub(crate) fn explain(error: Error, start: &[u8]) -> Error {
    let Some(Format { name, advice }) = format_of(start) else { return error };
    // An incomplete header says nothing about what would follow it.
    let kind = if start.len() < HEADER_LEN { error.kind() } else { ErrorKind::NotTfRecord };
    Error::new(kind, format!("not a TFRecord file but {name}: {advice}")).at(0, 0).with_format(name)
}

/// The format of data that is not TFRecord: not even damaged or without valid checksums.
fn format_of(start: &[u8]) -> Option<&'static Format> {
    let Some(header) = start.get(..HEADER_LEN) else { return text_format(start) };
    let header = Header::decode(header.try_into().expect("12 bytes"));
    if header.crc_holds() {
        return None;
    }
    if is_tar(start) {
        return Some(&TAR);
    }
    if header.is_one_bit_off() || header.foreign_checksums().is_some() {
        return None;
    }
    let marked = |at: usize, magic| start.get(at..).is_some_and(|bytes| bytes.starts_with(magic));
    match MAGIC.iter().find(|(at, magic, _)| marked(*at, magic)) {
        Some((_, _, format)) => Some(format),
        None if is_zlib(start) => Some(&ZLIB),
        None => text_format(start),
    }
}

/// Whether the data starts with a tar header. Its checksum is the sum of its bytes, where the
/// checksum itself counts as blanks.
fn is_tar(start: &[u8]) -> bool {
    let Some(header) = start.get(..512).filter(|header| header[257..].starts_with(b"ustar")) else {
        return false;
    };
    let (before, stored, after) = (&header[..148], &header[148..156], &header[156..]);
    let sum: u32 = before.iter().chain(after).chain(&[b' '; 8]).map(|&byte| u32::from(byte)).sum();
    let stored = std::str::from_utf8(stored).unwrap_or_default();
    let digits = stored.trim_matches(|character| matches!(character, ' ' | '\0'));
    u32::from_str_radix(digits, 8) == Ok(sum)
}

/// Whether the data starts like zlib data (RFC 1950), and not like a record of less than 2^40
/// bytes.
fn is_zlib(start: &[u8]) -> bool {
    let deflate_without_dictionary = start[0] & 0x8f == 8 && start[1] & 0x20 == 0;
    let checked = (u32::from(start[0]) << 8 | u32::from(start[1])) % 31 == 0;
    deflate_without_dictionary && checked && start[5..8] != [0; 3]
}

/// The format of text data. (Text has no zero bytes, which the length of any record has.)
fn text_format(start: &[u8]) -> Option<&'static Format> {
    let text = match std::str::from_utf8(start) {
        Ok(text) => text,
        // The text is truncated inside a character.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&start[..error.valid_up_to()]).expect("valid")
        }
        Err(_) => return None,
    };
    let is_binary = |character: char| character.is_control() && !character.is_ascii_whitespace();
    if start.len() < 5 || text.contains(is_binary) {
        return None;
    }
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let starts_with =
        |tag: &str| text.get(..tag.len()).is_some_and(|start| start.eq_ignore_ascii_case(tag));
    let numbers = |line: &str| line.split_ascii_whitespace().count() == 2;
    let digits = |byte: u8| byte.is_ascii_digit() || byte.is_ascii_whitespace();
    Some(match text {
        _ if starts_with("<!doctype html") || starts_with("<html") => &HTML,
        _ if starts_with("<?xml") => &XML,
        _ if starts_with("{") && says_format(text) => &MANIFEST,
        _ if starts_with("{") || starts_with("[") => &JSON,
        _ if text.lines().next().is_some_and(numbers) && text.bytes().all(digits) => &INDEX,
        _ => &TEXT,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crc;
    use crate::{frame, Checksums, Index, Indexer, Options};
    use proptest::prelude::*;

    const POLICIES: [Checksums; 4] =
        [Checksums::Auto, Checksums::None, Checksums::Length, Checksums::Full];

    fn tar(name: &str) -> Vec<u8> {
        let mut header = [0; 1024];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[100..108].copy_from_slice(b"0000644\0");
        header[124..136].copy_from_slice(b"00000000000\0");
        header[257..265].copy_from_slice(b"ustar\x0000");
        header[148..156].copy_from_slice(b"        ");
        let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        header.to_vec()
    }

    #[test]
    fn formats_are_known_by_their_first_bytes() {
        let riegeli = b"\x83\xaf\x70\xd1\x0d\x88\x4a\x3f\0\0\0\0\0\0\0\0\x40\0\0\0";
        let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 12345\n";
        let cut_text = "ö".repeat(START);
        let cases: [(&str, &[u8]); 34] = [
            ("gzip", b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xcb\x48\xcd"),
            ("gzip", b"\x1f\x8b\x08\x08\x15\xcd\x5b\x67\x00\x03name\0"),
            ("Zstandard", b"\x28\xb5\x2f\xfd\x24\x05\x29\x00\x00hello\x0b\x6f\xf7"),
            ("Snappy", b"\xff\x06\x00\x00sNaPpY\x01\x09\x00\x00\xbb\x1f\x1c\x19hello"),
            ("LZ4", b"\x04\x22\x4d\x18\x64\x40\xa7\x05\x00\x00\x80hello"),
            ("bzip2", b"BZh91AY&SY\x19\x31\x65\x3d\x00\x00"),
            ("xz", b"\xfd7zXZ\0\0\x04\xe6\xd6\xb4\x46"),
            ("zip", b"PK\x03\x04\x14\0\0\0\x08\0\x9a\x50\x21\x59"),
            ("zip", b"PK\x03\x04\x2d\0\0\0\0\0\0\0\x21\x00"), // numpy's .npz: stored, no time
            ("tar", &tar("shard/0000.jpg")),
            ("tar", &tar("a")), // a length of 97 without a checksum
            ("HDF5", b"\x89HDF\r\n\x1a\n\0\0\0\0\0\x08\x08\0"),
            ("Parquet", b"PAR1\x15\x04\x15\x10\x15\x14\x4c\x15"),
            ("Avro", b"Obj\x01\x04\x14avro.codec\x08null"),
            ("Arrow", b"ARROW1\0\0\xff\xff\xff\xff\x08\x01\0\0"),
            ("npy", b"\x93NUMPY\x01\0\x76\0{'descr'"),
            ("ArrayRecord or Riegeli", riegeli),
            ("Git LFS pointer", pointer),
            ("zlib", b"\x78\x9c\xcb\x48\xcd\xc9\xc9\xcf\xc0\x45\0\0\xc0\xe4"),
            ("zlib", b"\x78\x01\x01\x05\x00\xfa\xffhello\x06\x2c"),
            ("zlib", b"\x78\xda\xcb\x48\xcd\xc9\xc9\xcf\xc0\x45\0\0\xc0\xe4"),
            ("HTML", b"<!DOCTYPE html>\n<html><body>404 Not Found</body></html>\n"),
            ("HTML", b"\xef\xbb\xbf\r\n<HTML>\n<HEAD><TITLE>302 Moved</TITLE></HEAD>\n"),
            ("XML", b"<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>"),
            ("JSON", b"{\"error\": \"not found\"}\n"),
            ("JSON", b" [1, 2]"),
            ("manifest", b"{\n  \"format\": \"tfr-index manifest\",\n"),
            ("index", b"0 21\n21 16\n37 24\n"),
            ("index", b"0 21\n"),
            ("index", b"0 21\r\n21 16"),
            ("text", b"hello, this is a text\n"),
            ("text", b"0 21\n# a comment\n"),
            ("text", b"hello"),
            ("text", &cut_text.as_bytes()[..START - 1]),
        ];
        for (name, start) in cases {
            let found = format_of(start).map(|format| format.name);
            assert_eq!(found, Some(name), "{}", start.escape_ascii());
            for checksums in POLICIES {
                let error = Index::from_bytes(start, &Options::new().checksums(checksums));
                let error = error.unwrap_err();
                assert_eq!(error.format(), Some(name), "{error}");
                let text = error.to_string();
                let said = format!("record 0 at byte 0: not a TFRecord file but {name}: ");
                assert!(text.starts_with(&said) && text.lines().count() == 1, "{text}");
                let expected = match start.len() < HEADER_LEN {
                    true => ErrorKind::Truncated,
                    false => ErrorKind::NotTfRecord,
                };
                assert_eq!(error.kind(), expected, "{error}");
            }
        }
    }

    #[test]
    fn other_bytes_are_of_no_known_format() {
        let length_of_40_056 = b"\x78\x9c\0\0\0\0\0\0\xde\xad\xbe\xef"; // as zlib starts
        let cut: [&[u8]; 6] = [b"", b"hi", b"\0\0\0\0\0", b"hello\0", b"\x1f\x8b\x08", b"\x78\x9c"];
        for start in cut.into_iter().chain([&length_of_40_056[..]]) {
            assert_eq!(format_of(start), None, "{}", start.escape_ascii());
        }
        let tar_of_another_sum = [&b"b"[..], &tar("a")[1..]].concat();
        assert_eq!(format_of(&tar_of_another_sum), None);
    }

    /// Its first bytes look like a length of 559,903 and a checksum: the scan fails only after
    /// that.
    #[test]
    fn a_large_gzip_file_is_not_taken_for_a_damaged_one() {
        let mut data = b"\x1f\x8b\x08\0\0\0\0\0\x02\x03\xec\xd2".to_vec();
        data.extend((0..600_000u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8));
        let judge = |error: Error| {
            assert_eq!((error.kind(), error.format()), (ErrorKind::NotTfRecord, Some("gzip")));
            assert_eq!((error.record(), error.offset()), (Some(0), Some(0)));
        };
        for checksums in POLICIES {
            let options = Options::new().checksums(checksums);
            judge(Index::from_bytes(&data, &options).unwrap_err());
            judge(Index::from_source(&data[..], &options).unwrap_err());
        }
        let mut indexer = Indexer::new(&Options::new()).unwrap();
        let pushed = data.chunks(1000).try_for_each(|mut piece| {
            while indexer.push(&mut piece)?.is_some() {}
            Ok(())
        });
        judge(pushed.and_then(|()| indexer.finish()).unwrap_err());
    }

    #[test]
    fn crc_32_ieee_and_zeros_are_known() {
        // The CRC-32 of an 8-byte 5, from zlib.
        let ieee = 0x2dc2_d10d_u32;
        for (crc, name) in [
            (ieee, "TFRecord with CRC-32 IEEE checksums"),
            (crc::mask(ieee), "TFRecord with CRC-32 IEEE checksums"),
            (0, "TFRecord without checksums"),
        ] {
            let mut data = 5u64.to_le_bytes().to_vec();
            data.extend(crc.to_le_bytes());
            data.extend(b"hello\0\0\0\0");
            let strict = Options::new().checksums(Checksums::Length);
            let error = Index::from_bytes(&data, &strict).unwrap_err();
            assert_eq!((error.kind(), error.format()), (ErrorKind::LengthCrc, Some(name)));
            assert_eq!(error.stored_crc(), Some(crc));
            assert!(error.to_string().ends_with("accept it with checksum policy none"), "{error}");
            let error = Index::from_bytes(&data[..20], &Options::new()).unwrap_err();
            assert_eq!((error.kind(), error.format()), (ErrorKind::NotTfRecord, Some(name)));
            assert!(error.to_string().contains("cut short"), "{error}");
            let none = Options::new().checksums(Checksums::None);
            assert_eq!(Index::from_bytes(&data, &none).unwrap().len(), 1);
        }
    }

    /// Lengths that are the first bytes of another format, and others.
    fn lengths() -> impl Strategy<Value = u64> {
        prop_oneof![
            Just(0x0008_8b1f),
            Just(u64::from(b'a')),
            Just(0x9c78),
            0u64..1 << 32,
            any::<u32>().prop_map(|length| u64::from(length) << 8),
        ]
    }

    proptest! {
        /// Arbitrary bytes cause no panic, and messages of one line.
        #[test]
        fn any_bytes_can_be_looked_at(
            magic in 0..MAGIC.len() + 1,
            bytes in prop::collection::vec(any::<u8>(), 0..600),
        ) {
            let mut data = MAGIC.get(magic).map_or(vec![], |(at, magic, _)| {
                [&vec![b'9'; *at], *magic].concat()
            });
            data.extend(bytes);
            format_of(&data);
            if let Err(error) = Index::from_bytes(&data, &Options::new()) {
                prop_assert_eq!(error.to_string().lines().count(), 1);
            }
        }

        /// No TFRecord file is detected as another format, whatever its payload, with checksums
        /// that are valid, one bit off, CRC-32 IEEE, or zeros.
        #[test]
        fn tfrecords_are_of_no_other_format(
            length in lengths(),
            kind in 0..5,
            bit in 0..96usize,
            payload in prop::collection::vec(any::<u8>(), 0..600),
        ) {
            let ieee = crc::crc_of_length(crc::IEEE, length);
            let crc = match kind {
                0 | 1 => crc::masked_length(length),
                2 => ieee,
                3 => crc::mask(ieee),
                _ => 0,
            };
            let mut data = [&length.to_le_bytes()[..], &crc.to_le_bytes(), &payload].concat();
            if kind == 1 {
                data[bit / 8] ^= 1 << (bit % 8);
            }
            prop_assume!(kind < 4 || length <= u64::from(u32::MAX));
            prop_assert_eq!(format_of(&data), None);
        }

        /// Nor is one that is truncated in its first header.
        #[test]
        fn tfrecords_that_are_cut_are_of_no_other_format(
            length in 0u64..1 << 32,
            size in 0..HEADER_LEN,
        ) {
            let mut header = length.to_le_bytes().to_vec();
            header.extend(crc::masked_length(length).to_le_bytes());
            prop_assert_eq!(format_of(&header[..size]), None);
        }
    }

    #[test]
    fn a_frame_is_of_no_other_format() {
        assert_eq!(format_of(&frame::encode(b"\x1f\x8b\x08")), None);
    }
}
