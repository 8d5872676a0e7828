//! Data sets: many TFRecord files as one.

mod manifest;

pub use manifest::{Changes, Manifest, ManifestRow};
