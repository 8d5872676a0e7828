//! What is around deflate data: the headers and trailers of members.

use super::snappy;

/// A container's format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// RFC 1952: any number of members, each with a CRC-32 and its size.
    Gzip,
    /// RFC 1950: one stream, with an Adler-32.
    Zlib,
    /// TensorFlow's own: any number of blocks, without a checksum.
    Snappy,
}

/// A header takes at most this many bytes here: the names in gzip headers have no limit.
const MOST_HEADER: usize = 256 << 10;

/// The flags of a gzip header.
const HEADER_CRC: u8 = 2;
const EXTRA: u8 = 4;
const NAME: u8 = 8;
const COMMENT: u8 = 16;
const RESERVED: u8 = 0xe0;

/// The first bytes of a member, as far as they are there.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Header {
    /// The deflate data starts after this many bytes.
    Size(usize),
    /// The header goes on.
    Incomplete,
    /// This is no header, and why.
    Bad(&'static str),
}

impl Kind {
    /// The name of the format.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Gzip => "gzip",
            Kind::Zlib => "zlib",
            Kind::Snappy => "Snappy",
        }
    }

    /// The size of a member's trailer.
    pub(super) fn trailer(self) -> usize {
        match self {
            Kind::Gzip => 8,
            Kind::Zlib => 4,
            Kind::Snappy => 0,
        }
    }

    /// Reads a member's header.
    pub(super) fn header(self, bytes: &[u8]) -> Header {
        let header = match self {
            Kind::Gzip => gzip_header(bytes),
            Kind::Zlib => zlib_header(bytes),
            Kind::Snappy => snappy::header(bytes),
        };
        match header {
            Header::Incomplete if bytes.len() > MOST_HEADER => {
                Header::Bad("its gzip header has more than 256 KiB")
            }
            header => header,
        }
    }
}

fn zlib_header(bytes: &[u8]) -> Header {
    let &[method, flags, ..] = bytes else { return Header::Incomplete };
    let is_checked = u16::from_be_bytes([method, flags]) % 31 == 0;
    match () {
        _ if method & 0x8f != 8 || !is_checked => Header::Bad("it has no zlib header"),
        _ if flags & 0x20 != 0 => Header::Bad("it needs a preset dictionary"),
        () => Header::Size(2),
    }
}

fn gzip_header(bytes: &[u8]) -> Header {
    let magic = b"\x1f\x8b\x08";
    let known = bytes.len().min(magic.len());
    if bytes[..known] != magic[..known] {
        return Header::Bad("it has no gzip header");
    }
    let Some(&flags) = bytes.get(3) else { return Header::Incomplete };
    if flags & RESERVED != 0 {
        return Header::Bad("its gzip header has unknown flags");
    }
    let mut size = 10;
    if flags & EXTRA != 0 {
        let Some(extra) = bytes.get(size..size + 2) else { return Header::Incomplete };
        size += 2 + usize::from(u16::from_le_bytes([extra[0], extra[1]]));
    }
    for text in [NAME, COMMENT] {
        if flags & text != 0 {
            let rest = bytes.get(size..).unwrap_or_default();
            let Some(end) = rest.iter().position(|&byte| byte == 0) else {
                return Header::Incomplete;
            };
            size += end + 1;
        }
    }
    if flags & HEADER_CRC != 0 {
        let Some(stored) = bytes.get(size..size + 2) else { return Header::Incomplete };
        if stored != &crc32fast::hash(&bytes[..size]).to_le_bytes()[..2] {
            return Header::Bad("the CRC of its gzip header is wrong");
        }
        size += 2;
    }
    match size <= bytes.len() {
        true => Header::Size(size),
        false => Header::Incomplete,
    }
}

/// Whether data that starts like this may be a container.
pub(crate) fn may_start(kind: Kind, start: &[u8]) -> bool {
    !matches!(kind.header(start), Header::Bad(_))
}

/// The checksum of a member's decompressed bytes, while they are decoded.
pub(super) enum Checksum {
    Gzip { crc: crc32fast::Hasher, size: u32 },
    Zlib { low: u32, high: u32 },
    Snappy,
}

impl Checksum {
    pub fn new(kind: Kind) -> Checksum {
        match kind {
            Kind::Gzip => Checksum::Gzip { crc: crc32fast::Hasher::new(), size: 0 },
            Kind::Zlib => Checksum::Zlib { low: 1, high: 0 },
            Kind::Snappy => Checksum::Snappy,
        }
    }

    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Checksum::Gzip { crc, size } => {
                crc.update(bytes);
                *size = size.wrapping_add(bytes.len() as u32); // modulo 2^32, as in the trailer
            }
            Checksum::Zlib { low, high } => {
                // The most bytes whose sums cannot overflow: from zlib's adler32.c.
                for run in bytes.chunks(5552) {
                    for &byte in run {
                        *low += u32::from(byte);
                        *high += *low;
                    }
                    *low %= 65521;
                    *high %= 65521;
                }
            }
            Checksum::Snappy => {}
        }
    }

    /// Compares it with the trailer; an error says what differs.
    pub fn ensure(self, trailer: &[u8]) -> Result<(), String> {
        let word = |at: usize| -> [u8; 4] { trailer[at..at + 4].try_into().expect("4 bytes") };
        let (name, stored, computed) = match self {
            Checksum::Gzip { crc, size } => {
                let stored_size = u32::from_le_bytes(word(4));
                let (stored, computed) = (u32::from_le_bytes(word(0)), crc.finalize());
                if stored == computed && stored_size != size {
                    return Err(format!(
                        "the size of a member is wrong (stored {stored_size}, decompressed {size})"
                    ));
                }
                ("CRC-32", stored, computed)
            }
            Checksum::Zlib { low, high } => {
                ("Adler-32", u32::from_be_bytes(word(0)), high << 16 | low)
            }
            Checksum::Snappy => return Ok(()),
        };
        if stored == computed {
            return Ok(());
        }
        Err(format!(
            "the {name} of a member is wrong (stored {stored:#010x}, computed {computed:#010x})"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_when_they_are_complete() {
        let plain = b"\x1f\x8b\x08\0\0\0\0\0\x02\x03".to_vec();
        let named =
            [b"\x1f\x8b\x08\x1c\0\0\0\0\x02\x03\x03\0abc", &b"name\0comment\0"[..]].concat();
        let mut checked = b"\x1f\x8b\x08\x02\0\0\0\0\x02\x03".to_vec();
        checked.extend(&crc32fast::hash(&checked).to_le_bytes()[..2]);
        for header in [plain, named, checked.clone()] {
            for size in 0..header.len() {
                assert_eq!(Kind::Gzip.header(&header[..size]), Header::Incomplete);
            }
            let more = [&header[..], b"more"].concat();
            assert_eq!(Kind::Gzip.header(&header), Header::Size(header.len()));
            assert_eq!(Kind::Gzip.header(&more), Header::Size(header.len()));
        }
        checked[11] ^= 1;
        assert!(matches!(Kind::Gzip.header(&checked), Header::Bad(_)));
        for bad in [&b"\x1f\x8c"[..], b"\x1f\x8b\x07", b"\x1f\x8b\x08\x20", b"x"] {
            assert!(matches!(Kind::Gzip.header(bad), Header::Bad(_)));
        }
        let endless = [b"\x1f\x8b\x08\x08\0\0\0\0\0\0", &[b'a'; MOST_HEADER][..]].concat();
        assert!(matches!(Kind::Gzip.header(&endless), Header::Bad(_)));
        assert_eq!(Kind::Zlib.header(b"\x78\x9c\x03"), Header::Size(2));
        assert_eq!(Kind::Zlib.header(b"\x78"), Header::Incomplete);
        for bad in [&b"\x78\x9d"[..], b"\x79\x9c", b"\x78\xbb"] {
            assert!(matches!(Kind::Zlib.header(bad), Header::Bad(_)), "{bad:?}");
        }
    }

    #[test]
    fn checksums_are_those_of_zlib() {
        let bytes: Vec<u8> = (0..20_000_u32).map(|at| ((at * at) >> 5) as u8).collect();
        let mut crc = Checksum::new(Kind::Gzip);
        let mut adler = Checksum::new(Kind::Zlib);
        for piece in bytes.chunks(7000) {
            crc.update(piece);
            adler.update(piece);
        }
        let packed = miniz_oxide::deflate::compress_to_vec_zlib(&bytes, 6);
        adler.ensure(&packed[packed.len() - 4..]).unwrap();
        let stored = crc32fast::hash(&bytes);
        let trailer = [stored.to_le_bytes(), 20_000_u32.to_le_bytes()].concat();
        crc.ensure(&trailer).unwrap();
        for at in 0..8 {
            let mut crc = Checksum::new(Kind::Gzip);
            crc.update(&bytes);
            let mut trailer = trailer.clone();
            trailer[at] ^= 1;
            let error = crc.ensure(&trailer).unwrap_err();
            assert!(error.contains(if at < 4 { "CRC-32" } else { "size" }), "{error}");
        }
    }
}
