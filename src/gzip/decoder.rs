//! The decoders of members. Only this file and `fast.rs` know which crates decode deflate data.

use miniz_oxide::deflate::compress_to_vec_zlib;
use miniz_oxide::inflate::core::inflate_flags::{
    TINFL_FLAG_HAS_MORE_INPUT, TINFL_FLAG_STOP_ON_BLOCK_BOUNDARY,
    TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF,
};
use miniz_oxide::inflate::core::{decompress, BlockBoundaryState, DecompressorOxide};
use miniz_oxide::inflate::TINFLStatus;

use super::container::Kind;
#[cfg(feature = "fast-gzip")]
use super::fast::Fast;
use super::snappy::Block;
use crate::error::Error;

/// A decoder of one member: a deflate stream, or a Snappy block.
pub(super) enum Decoder {
    Deflate(Box<DecompressorOxide>),
    #[cfg(feature = "fast-gzip")]
    Fast(Box<Fast>),
    Snappy(Block),
}

/// Why [`Decoder::decode`] stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// A block has ended, and another one follows.
    Block,
    /// It needs more input, or has no room for more output.
    Piece,
    /// The stream has ended.
    End,
    /// The data is damaged.
    Bad,
    /// There is no memory for a Snappy block.
    OutOfMemory,
}

/// The error for [`Stop::OutOfMemory`].
pub(super) fn out_of_memory() -> Error {
    Error::out_of_memory("a Snappy block")
}

impl Decoder {
    /// A decoder at the start of a member, which can stop after each block.
    pub fn new(kind: Kind) -> Decoder {
        match kind {
            Kind::Gzip | Kind::Zlib => Decoder::Deflate(Box::default()),
            Kind::Snappy => Decoder::Snappy(Block::default()),
        }
    }

    /// The fastest decoder at the start of a member. It cannot stop after blocks.
    pub fn fast(kind: Kind) -> Decoder {
        match kind {
            #[cfg(feature = "fast-gzip")]
            Kind::Gzip | Kind::Zlib => Decoder::Fast(Box::new(Fast::new())),
            kind => Decoder::new(kind),
        }
    }

    /// Goes to the start of another member.
    pub fn restart(&mut self) {
        match self {
            Decoder::Deflate(state) => state.init(),
            #[cfg(feature = "fast-gzip")]
            Decoder::Fast(decoder) => decoder.restart(),
            Decoder::Snappy(block) => block.restart(),
        }
    }

    /// Goes to the start of a block, whose first `bits` bits are the upper ones of `byte`, and which
    /// may refer to `window`.
    #[cfg_attr(not(feature = "fast-gzip"), allow(unused_variables))]
    pub fn restart_at(&mut self, bits: u8, byte: u8, window: &[u8]) {
        let decoder = match self {
            Decoder::Deflate(decoder) => decoder,
            #[cfg(feature = "fast-gzip")]
            Decoder::Fast(decoder) => return decoder.restart_at(bits, byte, window),
            Decoder::Snappy(block) => return block.restart(),
        };
        let bit_buf = if bits > 0 { byte >> (8 - bits) } else { 0 };
        let state = BlockBoundaryState { num_bits: bits, bit_buf, ..BlockBoundaryState::default() };
        **decoder = DecompressorOxide::from_block_boundary_state(&state);
    }

    /// Whether it keeps its window, so that the output need not start with it.
    pub fn has_window(&self) -> bool {
        !matches!(self, Decoder::Deflate(_))
    }

    /// Decodes from `input` to `output[at..]`; what is before `at` is the history of the member.
    /// Returns how many bytes it took and wrote. `at_blocks`: whether to stop after each block.
    pub fn decode(
        &mut self,
        input: &[u8],
        output: &mut [u8],
        at: usize,
        at_blocks: bool,
    ) -> (usize, usize, Stop) {
        let decoder = match self {
            Decoder::Deflate(decoder) => decoder,
            #[cfg(feature = "fast-gzip")]
            Decoder::Fast(decoder) => return decoder.decode(input, &mut output[at..]),
            Decoder::Snappy(block) => return block.decode(input, &mut output[at..]),
        };
        let flags = TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF | TINFL_FLAG_HAS_MORE_INPUT;
        let flags = flags | if at_blocks { TINFL_FLAG_STOP_ON_BLOCK_BOUNDARY } else { 0 };
        let (status, taken, written) = decompress(decoder, input, output, at, flags);
        let stop = match status {
            TINFLStatus::Done => Stop::End,
            TINFLStatus::BlockBoundary => Stop::Block,
            TINFLStatus::NeedsMoreInput | TINFLStatus::HasMoreOutput => Stop::Piece,
            _ => Stop::Bad,
        };
        (taken, written, stop)
    }

    /// After [`Stop::Block`]: how many bits of the last byte taken belong to the next block.
    pub fn bits(&self) -> u8 {
        match self {
            Decoder::Deflate(decoder) => {
                decoder.block_boundary_state().map_or(0, |state| state.num_bits)
            }
            #[cfg(feature = "fast-gzip")]
            Decoder::Fast(_) => 0,
            Decoder::Snappy(_) => 0,
        }
    }

    /// About how many bytes of memory it takes.
    pub fn bytes(&self) -> usize {
        match self {
            Decoder::Deflate(_) => 11 << 10,
            #[cfg(feature = "fast-gzip")]
            Decoder::Fast(decoder) => decoder.bytes(),
            Decoder::Snappy(block) => block.bytes(),
        }
    }
}

/// Compresses a window, as zlib data.
pub(super) fn pack(window: &[u8]) -> Vec<u8> {
    // Level 1 takes a third of the time of level 6, for 4 % more bytes.
    compress_to_vec_zlib(window, 1)
}

/// Decompresses a window; `None` if it is damaged.
#[cfg(not(feature = "fast-gzip"))]
pub(super) fn unpack(packed: &[u8]) -> Option<Vec<u8>> {
    miniz_oxide::inflate::decompress_to_vec_zlib_with_limit(packed, super::WINDOW).ok()
}

#[cfg(feature = "fast-gzip")]
pub(super) use super::fast::unpack;
