//! TensorFlow's own Snappy container: blocks, each a big-endian size and raw Snappy data. No other
//! file knows which crate decodes these.

use super::container::Header;
use super::decoder::Stop;

/// The bytes of a block's size.
const SIZE: usize = 4;
/// A block holds at most this many decompressed bytes for each compressed one: a copy of 64 bytes
/// takes three.
const MOST_RATIO: u64 = 22;

/// A decoder of one block, which it decodes when it has all of it.
#[derive(Clone, Default)]
pub(super) struct Block {
    input: Vec<u8>,
    output: Vec<u8>,
    is_decoded: bool,
    /// How many bytes of the output have been passed on.
    given: usize,
}

impl Block {
    pub fn restart(&mut self) {
        self.input.clear();
        self.output.clear();
        (self.is_decoded, self.given) = (false, 0);
    }

    /// The bytes of memory that it takes.
    pub fn bytes(&self) -> usize {
        self.input.capacity() + self.output.capacity()
    }

    /// Takes bytes from `input` and writes to `output`. Returns how many bytes it took and wrote.
    pub fn decode(&mut self, input: &[u8], output: &mut [u8]) -> (usize, usize, Stop) {
        let before = self.input.len();
        if !self.is_decoded {
            let decoded = self.fill(input).and_then(|()| self.decode_all());
            if let Err(stop) = decoded {
                return (self.input.len() - before, 0, stop);
            }
            self.is_decoded = true;
        }
        let rest = &self.output[self.given..];
        let count = rest.len().min(output.len());
        output[..count].copy_from_slice(&rest[..count]);
        self.given += count;
        let stop = if count == rest.len() { Stop::End } else { Stop::Piece };
        (self.input.len() - before, count, stop)
    }

    /// Takes bytes of the block, until it is complete.
    fn fill(&mut self, input: &[u8]) -> Result<(), Stop> {
        let (head, rest) = input.split_at(input.len().min(SIZE.saturating_sub(self.input.len())));
        self.input.extend_from_slice(head);
        let size = size_of(&self.input).ok_or(Stop::Piece)?;
        let missing = SIZE as u64 + u64::from(size) - self.input.len() as u64;
        let more = &rest[..rest.len().min(usize::try_from(missing).unwrap_or(usize::MAX))];
        self.input.try_reserve(more.len()).map_err(|_| Stop::OutOfMemory)?;
        self.input.extend_from_slice(more);
        match more.len() as u64 == missing {
            true => Ok(()),
            false => Err(Stop::Piece),
        }
    }

    fn decode_all(&mut self) -> Result<(), Stop> {
        let block = &self.input[SIZE..];
        let size = snap::raw::decompress_len(block).map_err(|_| Stop::Bad)?;
        self.output.try_reserve_exact(size).map_err(|_| Stop::OutOfMemory)?;
        self.output.resize(size, 0);
        let decoded = snap::raw::Decoder::new().decompress(block, &mut self.output);
        decoded.map(drop).map_err(|_| Stop::Bad)
    }
}

fn size_of(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(..SIZE)?.try_into().ok()?))
}

/// The compressed bytes of the block that starts like this, with its size.
pub(super) fn block_size(bytes: &[u8]) -> Option<u64> {
    Some(SIZE as u64 + u64::from(size_of(bytes)?))
}

/// Looks at the start of a block: its two sizes must fit each other. The decoder takes all of it.
pub(super) fn header(bytes: &[u8]) -> Header {
    let Some(size) = size_of(bytes).map(u64::from) else { return Header::Incomplete };
    let Some((decompressed, _)) = decompressed_size(&bytes[SIZE..]) else {
        let is_cut = bytes.len() < SIZE + 5 && size > 0;
        return if is_cut { Header::Incomplete } else { Header::Bad(NO_BLOCK) };
    };
    // Snappy's own bound for data that cannot be compressed.
    let most = 32 + decompressed + decompressed / 6;
    match size > 0 && size <= most && decompressed <= size * MOST_RATIO {
        true => Header::Size(0),
        false => Header::Bad(NO_BLOCK),
    }
}

const NO_BLOCK: &str = "it has no Snappy block";

/// The decompressed size that a block starts with, and what follows it.
fn decompressed_size(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut rest = bytes;
    let size = crate::varint::take(&mut rest, 5)?;
    (size <= u64::from(u32::MAX)).then_some((size, rest))
}

/// The first decompressed bytes, at most `size`, of a block of which `bytes` is the start: fewer if
/// they need more of it, or if it is damaged.
pub(crate) fn start_of_block(bytes: &[u8], size: usize) -> Vec<u8> {
    let mut output = Vec::new();
    let _ = decode_start(bytes, size, &mut output);
    output.truncate(size);
    output
}

/// A tag's lower bits say what it is: 0 a literal, 1 to 3 a copy.
fn decode_start(bytes: &[u8], most: usize, output: &mut Vec<u8>) -> Option<()> {
    let (_, mut rest) = decompressed_size(bytes.get(SIZE..)?)?;
    let number = |count: usize, rest: &mut &[u8]| {
        let (bytes, after) = (rest.get(..count)?, rest.get(count..)?);
        *rest = after;
        Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte)))
    };
    while output.len() < most {
        let tag = number(1, &mut rest)?;
        let (upper, kind) = (tag >> 2, tag & 3);
        let (length, offset) = match kind {
            0 if upper < 60 => (upper + 1, 0),
            0 => (number(upper - 59, &mut rest)? + 1, 0),
            1 => ((upper & 7) + 4, (tag >> 5) << 8 | number(1, &mut rest)?),
            2 => (upper + 1, number(2, &mut rest)?),
            _ => (upper + 1, number(4, &mut rest)?),
        };
        if kind == 0 {
            let literal = &rest[..rest.len().min(length).min(most)];
            output.extend_from_slice(literal);
            rest = rest.get(length..)?;
            continue;
        }
        for _ in 0..length {
            let from = output.len().checked_sub(offset).filter(|_| offset > 0)?;
            output.push(output[from]);
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn block(bytes: &[u8]) -> Vec<u8> {
        let packed = snap::raw::Encoder::new().compress_vec(bytes).unwrap();
        [&(packed.len() as u32).to_be_bytes()[..], &packed].concat()
    }

    proptest! {
        /// The start of a block is that of what the crate decodes.
        #[test]
        fn starts_of_blocks_are_those_of_the_whole(
            bytes in prop::collection::vec(0..4_u8, 0..400),
            size in 0..500_usize,
        ) {
            let block = block(&bytes);
            let start = start_of_block(&block, size);
            prop_assert_eq!(&start, &bytes[..size.min(bytes.len())]);
            for end in 0..block.len() {
                prop_assert!(start.starts_with(&start_of_block(&block[..end], size)));
                prop_assert!(!matches!(header(&block[..end]), Header::Bad(_)));
            }
            prop_assert_eq!(header(&block), Header::Size(0));
        }

        #[test]
        fn any_bytes_can_be_looked_at(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = header(&bytes);
            prop_assert!(start_of_block(&bytes, 50).len() <= 50);
        }
    }

    #[test]
    fn sizes_that_contradict_each_other_are_no_block() {
        for bad in [
            &[0, 0, 0, 0, 0][..],
            &[0, 0, 0, 0],
            &[0, 0, 0, 50, 1],
            &[0, 0, 0, 1, 30],
            &[0, 0, 0, 9, 255, 255, 255, 255, 255],
            &[0, 0, 0, 9, 255, 255, 255, 255, 127],
        ] {
            assert!(matches!(header(bad), Header::Bad(_)), "{bad:?}");
        }
        assert_eq!(header(&[0, 0, 0, 9, 255, 255, 255]), Header::Incomplete);
    }
}
