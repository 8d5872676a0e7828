//! The features of `tf.train.Example` records, as columns.
//!
//! Knows nothing of files, and of records only their payloads. The messages are those of
//! [`example.proto` and `feature.proto`](https://github.com/tensorflow/tensorflow/tree/master/tensorflow/core/example),
//! in [protobuf's encoding](https://protobuf.dev/programming-guides/encoding/).

mod columns;
mod decode;
mod features;
mod keys;
mod wire;

pub use columns::{Columns, Span};
pub use features::{Feature, FeatureKind, Features};

#[cfg(test)]
mod tests;
