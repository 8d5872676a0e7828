//! Data sets of many files.

pub mod files;
