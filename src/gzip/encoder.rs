//! Writes gzip files in members that are decoded alone: seek points in them need no window.

use miniz_oxide::deflate::core::{
    compress, create_comp_flags_from_zip_params, CompressorOxide, TDEFLFlush, TDEFLStatus,
};

use super::container::Kind;
use super::points::{Points, PointsBuilder};
use super::seek_file::Sample;
use super::{Identification, TINY};
use crate::error::{Error, ErrorKind, Result};

/// Decompressed bytes of a member. It costs one percent of the size of the compressed file.
const MEMBER: usize = if TINY { 700 } else { 256 << 10 };
/// As gzip's own default.
const LEVEL: i32 = 6;
/// RFC 1952: no name, no time, an unknown system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// Compresses what is written to it.
pub(crate) struct Encoder {
    deflater: Box<CompressorOxide>,
    /// The decompressed bytes of the member that is being filled.
    member: Vec<u8>,
    compressed: Vec<u8>,
    points: PointsBuilder,
    sample: Sample,
    size: u64,
}

impl Encoder {
    pub fn new() -> Result<Encoder> {
        let (mut member, mut compressed) = (Vec::new(), Vec::new());
        let room = MEMBER + MEMBER / 8 + 1024; // for bytes that cannot be compressed
        let reserved = member.try_reserve_exact(MEMBER).and(compressed.try_reserve_exact(room));
        reserved.map_err(|_| Error::out_of_memory("a writer"))?;
        compressed.resize(room, 0);
        let window_bits = -15; // deflate data without a header
        let flags = create_comp_flags_from_zip_params(LEVEL, window_bits, 0);
        Ok(Encoder {
            deflater: Box::new(CompressorOxide::new(flags)),
            member,
            compressed,
            points: PointsBuilder::new(Kind::Gzip),
            sample: Sample::default(),
            size: 0,
        })
    }

    /// Appends decompressed bytes, and passes members that are full to `write`.
    pub fn push(
        &mut self,
        mut bytes: &[u8],
        mut write: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(MEMBER - self.member.len()));
            self.member.extend_from_slice(now);
            bytes = later;
            if self.member.len() == MEMBER {
                self.end_member(&mut write)?;
            }
        }
        Ok(())
    }

    /// Passes what was pushed to `write`.
    pub fn flush(&mut self, write: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        match self.member.is_empty() {
            true => Ok(()),
            false => self.end_member(write),
        }
    }

    /// Passes the rest to `write`.
    pub fn finish(&mut self, write: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        match self.sample.size() > 0 {
            true => self.flush(write),
            false => self.end_member(write), // a file without a member is no gzip file
        }
    }

    /// The seek points of what was written, and what identifies the file.
    pub fn into_points(self, records: u64) -> (Points, Identification) {
        let points = self.points.finish(self.size, Vec::new());
        (points.with_records(records), self.sample.identification())
    }

    fn end_member(&mut self, mut write: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        self.points.add_member(self.size, self.sample.size() + HEADER.len() as u64);
        let mut put = |bytes: &[u8]| {
            self.sample.add(bytes);
            write(bytes)
        };
        put(&HEADER)?;
        self.deflater.reset();
        let mut input = &*self.member;
        loop {
            let (status, read, written) =
                compress(&mut self.deflater, input, &mut self.compressed, TDEFLFlush::Finish);
            put(&self.compressed[..written])?;
            input = &input[read..];
            match status {
                TDEFLStatus::Done => break,
                TDEFLStatus::Okay => {}
                _ => {
                    return Err(Error::new(ErrorKind::Panic, "a bug in tfr-index: deflate failed"))
                }
            }
        }
        let crc = crc32fast::hash(&self.member);
        let size = self.member.len() as u32; // of at most 256 KiB
        put(&[crc.to_le_bytes(), size.to_le_bytes()].concat())?;
        self.size += u64::from(size);
        self.member.clear();
        Ok(())
    }
}
