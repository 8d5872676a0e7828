//! Reads frames into their buffers and checks them.

use std::io::{self, IoSliceMut};

use super::Inner;
use crate::check::frames::judge;
use crate::crc;
use crate::error::Result;
use crate::frame::at::Place;
use crate::frame::{decode_footer, Checksum, Header, FOOTER_LEN, HEADER_LEN, OVERHEAD};
use crate::index::Entry;
use crate::source::{fill_at, fill_many_at};

/// A frame up to this size is read whole, and its payload copied: this costs less than a vectored
/// read of its parts.
pub(super) const SMALL: usize = if cfg!(any(test, fuzzing)) { 40 } else { 4 << 10 };

/// A record and the buffer for its payload or frame.
pub(crate) struct Slot<'b> {
    pub record: usize,
    pub entry: Entry,
    pub bytes: &'b mut [u8],
}

impl Slot<'_> {
    /// Where the record is, for errors.
    #[inline]
    fn place(&self) -> Place {
        Place { record: self.record as u64, offset: self.entry.offset }
    }
}

impl Inner {
    /// Reads a frame and checks it.
    pub fn read_frame(&self, slot: &mut Slot<'_>) -> Result<()> {
        if let Some(frame) = self.in_memory(slot.entry.offset, slot.entry.size) {
            return self.take(frame, slot);
        }
        if slot.entry.size <= SMALL as u64 {
            let frame = &mut [0; SMALL][..slot.entry.size as usize];
            let read = fill_at(&*self.source, frame, slot.entry.offset);
            return self.expect(read, frame.len(), slot).and_then(|()| self.take(frame, slot));
        }
        let bytes = std::mem::take(&mut slot.bytes);
        let mut ends = [0; OVERHEAD as usize];
        let read = match self.raw_frames {
            true => {
                let (header, rest) = bytes.split_at_mut(HEADER_LEN);
                let (payload, footer) = rest.split_at_mut(rest.len() - FOOTER_LEN);
                self.read_large(slot, header, payload, footer)
            }
            false => {
                let (header, footer) = ends.split_at_mut(HEADER_LEN);
                self.read_large(slot, header, bytes, footer)
            }
        };
        slot.bytes = bytes;
        read
    }

    /// Returns bytes of the data, if it is in memory.
    pub fn in_memory(&self, offset: u64, size: u64) -> Option<&[u8]> {
        let bytes = self.source.as_bytes()?.get(usize::try_from(offset).ok()?..)?;
        bytes.get(..usize::try_from(size).ok()?)
    }

    /// Fails if the header there is not that of a frame of the entry's size, as far as headers are
    /// checked.
    pub fn ensure_header(&self, record: usize, entry: Entry) -> Result<()> {
        let (mut header, slot) = ([0; HEADER_LEN], Slot { record, entry, bytes: &mut [] });
        let read = fill_at(&*self.source, &mut header, entry.offset);
        self.expect(read, HEADER_LEN, &slot)?;
        self.check_header(&header, &slot)
    }

    /// Reads a large frame into three buffers.
    fn read_large(
        &self,
        slot: &Slot<'_>,
        header: &mut [u8],
        payload: &mut [u8],
        footer: &mut [u8],
    ) -> Result<()> {
        let (mut offset, mut left, mut crc) = (slot.entry.offset, payload.len(), 0);
        for (number, block) in payload.chunks_mut(self.block).enumerate() {
            left -= block.len();
            let before = if number == 0 { HEADER_LEN } else { 0 };
            let after = if left == 0 { FOOTER_LEN } else { 0 };
            let size = before + block.len() + after;
            let buffers = [&mut header[..before], &mut *block, &mut footer[..after]];
            let read = fill_many_at(&*self.source, &mut buffers.map(IoSliceMut::new), offset);
            self.expect(read, size, slot)?;
            offset += size as u64;
            if number == 0 {
                self.check_header(header, slot)?;
            }
            if self.payloads {
                crc = crc::append(crc, block);
            }
        }
        match self.payloads {
            true => self.check_payload(crc, footer, slot),
            false => Ok(()),
        }
    }

    /// Checks a frame and copies it, or only its payload, to the slot.
    pub fn take(&self, frame: &[u8], slot: &mut Slot<'_>) -> Result<()> {
        let (header, rest) = frame.split_at(HEADER_LEN);
        let (payload, footer) = rest.split_at(rest.len() - FOOTER_LEN);
        self.check_header(header, slot)?;
        if self.payloads {
            self.check_payload(crc::append(0, payload), footer, slot)?;
        }
        slot.bytes.copy_from_slice(if self.raw_frames { frame } else { payload });
        Ok(())
    }

    /// Fails if fewer bytes were read than the data had when it was opened.
    #[inline]
    fn expect(&self, read: io::Result<usize>, size: usize, slot: &Slot<'_>) -> Result<()> {
        match read {
            Ok(count) if count == size => Ok(()),
            Ok(_) => Err(slot.place().shrank()),
            Err(error) => Err(slot.place().read_failed(error)),
        }
    }

    fn check_header(&self, header: &[u8], slot: &Slot<'_>) -> Result<()> {
        let Some(trust) = self.trust else { return Ok(()) };
        let header = Header::decode(header.try_into().expect("12 bytes"));
        judge(trust, header, slot.entry, slot.place(), self.known)
    }

    /// `crc` is the computed, unmasked CRC of the payload.
    fn check_payload(&self, crc: u32, footer: &[u8], slot: &Slot<'_>) -> Result<()> {
        let stored = decode_footer(footer.try_into().expect("4 bytes"));
        slot.place().ensure_payload(Checksum { stored, computed: crc::mask(crc) })
    }
}
