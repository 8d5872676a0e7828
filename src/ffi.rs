//! The C ABI: one module for each C type, each function a call of the public Rust API.
//!
//! The doc comments here are the C header's (cbindgen copies them, in the order of the modules), so
//! they are written for C programmers. Names are those of C, in Rust too.

#![allow(non_camel_case_types, unsafe_code)]

// What the C types share, and the header doesn't show.
mod guard;
mod member;
mod pointer;

// The header's parts, in its order. (The blank lines keep rustfmt from sorting them.)
mod version;

mod status;

mod error;

mod options;

mod callback;

mod index;

mod index_file;

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

mod owner;
