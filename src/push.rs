//! The chain fed by pushed bytes: for streams that cannot be read at a position.

use crate::diagnose::{self, START};
use crate::error::{Error, Result};
use crate::frame::{Header, HEADER_LEN};
use crate::index::{Entry, MAX_OFFSET};
use crate::options::Checksums;
use crate::scan::chain::Chain;

/// Takes a TFRecord stream in pieces of any size and gives the entries of the records that are
/// complete.
#[derive(Debug)]
pub(crate) struct PushScanner {
    chain: Chain,
    /// The next record's header, as far as it has come.
    header: [u8; HEADER_LEN],
    header_len: usize,
    /// The next record's frame, once its header is whole.
    frame: Option<Frame>,
    /// The stream's first bytes, to say what it is if it is no TFRecord.
    start: Vec<u8>,
}

#[derive(Debug)]
struct Frame {
    header: Header,
    size: u64,
    /// Bytes of payload and footer still to come.
    left: u64,
}

impl PushScanner {
    /// A scanner under checksum policy `auto`.
    pub fn new() -> PushScanner {
        PushScanner {
            chain: Chain::new(Checksums::Auto),
            header: [0; HEADER_LEN],
            header_len: 0,
            frame: None,
            start: Vec::new(),
        }
    }

    /// Takes bytes from the front of `bytes` until a record is complete or none are left.
    pub fn push(&mut self, bytes: &mut &[u8]) -> Result<Option<Entry>> {
        let before = *bytes;
        let pushed = self.advance(bytes);
        let seen = match pushed {
            Ok(_) => &before[..before.len() - bytes.len()],
            Err(_) => before, // the end of it all
        };
        self.start.extend(&seen[..seen.len().min(START - self.start.len())]);
        pushed.map_err(|error| diagnose::explain(error, &self.start))
    }

    fn advance(&mut self, bytes: &mut &[u8]) -> Result<Option<Entry>> {
        loop {
            let Some(frame) = &mut self.frame else {
                let piece = take(bytes, (HEADER_LEN - self.header_len) as u64);
                self.header[self.header_len..][..piece.len()].copy_from_slice(piece);
                self.header_len += piece.len();
                if self.header_len < HEADER_LEN {
                    return Ok(None);
                }
                let header = Header::decode(&self.header);
                // How much follows isn't known: all that an index can address, at most.
                let size = self.chain.accept(header, MAX_OFFSET - self.chain.offset())?;
                let left = size - HEADER_LEN as u64;
                self.frame = Some(Frame { header, size, left });
                continue;
            };
            frame.left -= take(bytes, frame.left).len() as u64;
            if frame.left > 0 {
                return Ok(None);
            }
            let size = frame.size;
            self.frame = None;
            self.header_len = 0;
            return Ok(Some(self.chain.pass(size)));
        }
    }

    /// Says that the stream is at its end: an error if that is inside a record.
    pub fn finish(&self) -> Result<()> {
        let error = match &self.frame {
            Some(frame) => self.chain.does_not_fit(frame.header, frame.size - frame.left),
            None if self.header_len > 0 => self.chain.header_is_cut(self.header_len as u64),
            None => return Ok(()),
        };
        Err(diagnose::explain(error, &self.start))
    }

    /// Reading the stream failed.
    pub fn read_failed(&self, source: std::io::Error) -> Error {
        self.chain.read_failed(source)
    }
}

/// Takes at most `most` bytes from the front of `bytes`.
fn take<'a>(bytes: &mut &'a [u8], most: u64) -> &'a [u8] {
    let count = bytes.len().min(usize::try_from(most).unwrap_or(usize::MAX));
    let (front, back) = bytes.split_at(count);
    *bytes = back;
    front
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{frame, Index, Options};
    use proptest::prelude::*;

    fn pushed(data: &[u8], pieces: usize) -> Result<Vec<Entry>> {
        let mut scanner = PushScanner::new();
        let mut entries = Vec::new();
        for mut piece in data.chunks(pieces) {
            while let Some(entry) = scanner.push(&mut piece)? {
                entries.push(entry);
            }
            assert!(piece.is_empty());
        }
        scanner.finish()?;
        Ok(entries)
    }

    proptest! {
        /// Pushed in pieces of any size, damaged or not, data gives what it gives in memory.
        #[test]
        fn agrees_with_the_scan_of_memory(
            payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..6),
            damage in prop::option::of((any::<prop::sample::Index>(), 0..8u32)),
            cut in prop::option::of(any::<prop::sample::Index>()),
            pieces in 1usize..64,
        ) {
            let mut data: Vec<u8> = payloads.iter().flat_map(|p| frame::encode(p)).collect();
            if let (Some((at, bit)), false) = (damage, data.is_empty()) {
                let at = at.index(data.len());
                data[at] ^= 1 << bit;
            }
            if let Some(cut) = cut {
                data.truncate(cut.index(data.len() + 1));
            }
            match (pushed(&data, pieces), Index::from_bytes(&data, &Options::new())) {
                (Ok(pushed), Ok(index)) => prop_assert_eq!(&pushed[..], index.entries()),
                (Err(pushed), Err(scanned)) => {
                    // The end of a stream is seen later: what passes it is judged only then.
                    prop_assert_eq!(pushed.kind(), scanned.kind());
                    prop_assert_eq!(pushed.record(), scanned.record());
                    prop_assert_eq!(pushed.offset(), scanned.offset());
                }
                (pushed, scanned) => prop_assert!(false, "{:?} but {:?}", pushed, scanned),
            }
        }
    }
}
