//! Compressed files as sources: gzip (RFC 1952) and zlib (RFC 1950), one or many members, and
//! TensorFlow's Snappy container, whose blocks are the members here.
//!
//! One pass over the compressed bytes checks every member, and makes seek points: places where a
//! decoder can start. With these, a [`Decompressed`] reads the decompressed bytes at any position.

mod cache;
mod chunk;
mod container;
mod damage;
mod decoder;
mod encoder;
#[cfg(feature = "fast-gzip")]
mod fast;
mod input;
mod pass;
mod points;
mod seek_file;
mod snappy;
mod source;
mod windows;

pub use cache::{cache_bytes, set_cache_bytes};
pub(crate) use container::{may_start, Kind};
pub(crate) use damage::Damage;
pub(crate) use encoder::Encoder;
pub(crate) use pass::Pass;
pub(crate) use points::{Points, PointsBuilder};
pub(crate) use seek_file::{is_seek_file, seek_path, Found, Identification};
pub(crate) use snappy::start_of_block;
pub(crate) use source::{start_of, Decompressed};

/// The tests' and the fuzzers' points are close together, so that small files have many.
const TINY: bool = cfg!(any(test, fuzzing));

/// How far back deflate refers to.
const WINDOW: usize = 32 << 10;
/// Bytes of decompressed data between two seek points, at least. A random read decodes half of
/// this, in 0.3 ms. At 256 KiB the windows take three quarters of the space, 3.5 % of the file.
const SPACING: u64 = if TINY { 700 } else { 192 << 10 };

#[cfg(test)]
mod tests;
