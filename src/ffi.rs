//! The C ABI: one module for each C type; each function is one call of the public Rust API.
//!
//! cbindgen copies the doc comments to the C header, in the order of the modules. So they are written
//! for C programmers, and the types have their C names.
//!
//! # Safety
//!
//! All functions for C have the same contract, which the header states under "Pointers": a pointer is
//! NULL or points to what the parameter's type and the function's text say, such as a handle that is
//! not freed, a NUL-terminated string, or an array with as many elements as the text says. They have
//! no `# Safety` sections of their own, because cbindgen would copy those to the C manual.

#![allow(non_camel_case_types, unsafe_code)]

// Helpers of the C types, which are not in the header.
mod guard;
mod member;
mod pointer;

// The parts of the header, in its order. (The blank lines keep rustfmt from sorting them.)
mod version;

mod cache;

mod status;

mod error;

mod options;

mod dataset_options;

mod callback;

mod index;

mod index_file;

mod shards;

mod create_indexes;

mod edit;

mod check;

mod locate;

mod source;

mod from_source;

mod indexer;

mod reader;

mod read;

mod iterator;

mod writer;

mod permutation;

mod order;

mod features;

mod columns;

mod infer;

mod manifest;

mod changes;

mod dataset;

mod opener;

mod dataset_read;

mod batch;

mod batches;

mod encode;

mod reshard;

mod report;

mod owner;
