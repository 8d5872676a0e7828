//! The features of `tf.train.Example` records, as columns.
//!
//! Knows nothing of files, and of records only their payloads. The messages are those of
//! [`example.proto` and `feature.proto`](https://github.com/tensorflow/tensorflow/tree/master/tensorflow/core/example),
//! in [protobuf's encoding](https://protobuf.dev/programming-guides/encoding/).

mod columns;
mod decode;
mod encode;
mod features;
mod keys;
mod message;
mod schema;
mod varints;
mod wire;

pub use columns::{Columns, Span};
pub(crate) use decode::Decoding;
pub use encode::{encode_examples, FeatureValues};
pub(crate) use encode::{Example, ExampleEncoder};
pub use features::{Feature, FeatureKind, Features};
pub use schema::{FeatureStats, Schema};

#[cfg(test)]
mod tests;
