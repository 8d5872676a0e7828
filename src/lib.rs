//! Indexes for TFRecord files: where each record starts and how large it is.
//!
//! A TFRecord file has no table of contents: a program must walk records 0–41 to reach record 42.
//! This crate builds that table, in the text format of NVIDIA DALI's `tfrecord2idx`, and checks
//! every record's length. It also reads, checks and writes records.
//!
//! ```
//! use tfr_index::{create_index, Index, Options, Reader};
//!
//! # let directory = tempfile::tempdir()?;
//! # let index_path = directory.path().join("examples.tfrecord.idx");
//! # let data_path = "tests/data/examples.tfrecord";
//! create_index(data_path, &index_path, &Options::new())?;
//!
//! let index = Index::read(&index_path)?;
//! let reader = Reader::with_index(data_path, index, &Options::new())?;
//! let payload = reader.read(42)?;
//! let batch = reader.read_many(&[7, 42, 0])?;
//! assert_eq!(batch[1], payload[..]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | to | use |
//! |---|---|
//! | create index files | [`create_index`]; [`update_index`], only if they are missing or stale |
//! | create the indexes of many files | [`create_indexes`] |
//! | index memory, a source or a stream | [`Index::from_bytes`], [`Index::from_source`], [`Indexer`] |
//! | read and write index files | [`Index::read`], [`Index::write`] |
//! | read records | [`Reader`] |
//! | find the files of a data set | [`Shards`] |
//! | write TFRecord files with their indexes | [`RecordWriter`] |
//! | check an index against its data | [`Index::check`] |
//! | find the record of a byte | [`locate()`] |
//! | know the length of a data set without opening its files | [`Manifest`] |
//! | select, shuffle and shard data sets | [`Index::select`], [`Index::shuffle`], [`Index::shard`] |
//! | shuffle, shard and resume sets of any size | [`Order`], [`Permutation`] |
//! | read features of `tf.train.Example` records as columns | [`Features`]; [`Reader::read_columns`], [`Dataset::read_columns`], [`Batches::features`]; [`Features::decode`], of payloads |
//! | find out which features the records of a data set have | [`infer_features`]; [`Schema`], of payloads |
//! | make `tf.train.Example` payloads of columns | [`encode_examples`] |
//! | see what is in a data set: files, damage, features, some records | [`Report`] |
//! | copy a data set to files of other sizes, in order or shuffled | [`reshard()`] |
//! | choose checksums, threads, progress, and what to do about damage | [`Options`] |
//!
//! # Features
//!
//! - `s3dlio`, on by default: the module `tfrecord_index`, which has the API of the `s3dlio` crate.
//! - `fast-crc`: checks payloads four times as fast; needs Rust 1.89 instead of 1.70.
//! - `fast-gzip`: reads records of gzip and zlib files in three quarters of the time; needs Rust 1.75.
//! - `cli`, `programs` and `s3-cli` are for the programs of this package.
//!
//! `include/tfr_index.h` documents the C ABI.

#![deny(missing_debug_implementations, missing_docs, unsafe_code, unsafe_op_in_unsafe_fn)]
#![deny(clippy::must_use_candidate, clippy::undocumented_unsafe_blocks)]

#[cfg(not(unix))]
compile_error!("tfr-index reads files with pread, which only Unix-like systems have");

mod catalog;
mod check;
mod crc;
mod create;
mod dataset;
mod diagnose;
mod error;
mod example;

mod ffi;
mod file;
mod fork;
mod frame;
mod gzip;
mod gzip_source;
mod index;
mod indexer;
mod infer;
mod locate;
mod open;
mod options;
mod order;
mod reader;
mod report;
mod scan;
mod scan_data;
mod several;
mod shards;
mod source;
mod sys;
#[cfg(feature = "s3dlio")]
pub mod tfrecord_index;
mod threads;
mod varint;
mod writer;

pub use catalog::ManifestRow;
pub use check::{CheckLevel, Fit};
pub use create::{
    create_index, create_index_from_reader, create_index_from_source, default_index_path,
    update_index, Only,
};
pub use dataset::{
    create_indexes, reshard, Batch, Batches, Changes, CreateIndexes, CreateProgress, CreateTotals,
    Created, Creation, Dataset, DatasetOptions, Manifest, OnError, Place, Reshard, Resharded,
    ShardSource, Skips,
};
pub use error::{Error, ErrorKind, Result};
pub use example::{
    encode_examples, Columns, Feature, FeatureKind, FeatureStats, FeatureValues, Features, Schema,
    Span,
};
pub use file::own_descriptor;
pub use frame::Checksum;
pub use gzip::{cache_bytes, set_cache_bytes};
pub use gzip_source::GzipSource;
pub use index::{Entry, Index, Remainder, ShardBy};
pub use indexer::Indexer;
pub use infer::{infer_features, infer_features_with_opener, Inferred};
pub use locate::{locate, Location, Part};
pub use options::{Checksums, Compression, Options, Progress, Skipped};
pub use order::{Order, OrderState, Permutation};
pub use reader::{Payloads, Reader, Records};
pub use report::{Report, ReportOptions};
pub use scan::Scanner;
pub use shards::{find_index, FindShards, Shard, Shards};
pub use source::{ReadAt, ReadCost};
pub use writer::RecordWriter;

/// Functions that this package's programs share with the library. Not part of the API.
#[doc(hidden)]
pub mod internal {
    pub use crate::catalog::{ensure_manifest, is_manifest};
    pub use crate::create::{ensure_index, holds_numbers, is_up_to_date};
    pub use crate::dataset::Comparison;
    pub use crate::error::{is_unprintable, on_one_line};
    pub use crate::file::{is_one_place, is_url};
    pub use crate::open::data_size;
    pub use crate::reader::{StoredIndex, StoredReader, View};
    pub use crate::report::{dali_spec, ensure_report, printable, python_spec, State};
    pub use crate::scan_data::reason_at_start;
    pub use crate::shards::{find_listed, is_named_as_index, mirrored, place_beside};
}
