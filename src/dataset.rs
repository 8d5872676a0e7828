//! Many files as one sequence.

pub mod files;
