//! Data sets: many TFRecord files as one.

mod batches;
mod chunks;
mod count;
mod create;
mod decode;
mod inner;
mod least_recent;
mod log;
mod manifest;
mod open;
mod open_files;
mod opener;
mod options;
mod read;
mod reshard;
mod sequence;
mod shard_source;
mod spares;

pub use batches::{Batch, Batches};
pub use create::{create_indexes, CreateIndexes, CreateProgress, CreateTotals, Created, Creation};
pub use log::Skips;
pub use manifest::{Changes, Comparison, Manifest};
pub(crate) use opener::OpenShard;
pub use options::{DatasetOptions, OnError};
pub use reshard::{reshard, Reshard, Resharded};
pub use sequence::{Dataset, Place};
pub use shard_source::ShardSource;
pub(crate) use shard_source::{open_with_text, Bytes, IndexText};
pub(crate) use spares::{Reused, Spares};

#[cfg(test)]
mod tests;
