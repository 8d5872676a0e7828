//! What is wrong with a compressed file, and where.

use crate::error::{Error, ErrorKind};

/// Damage in the compressed data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Damage {
    /// The compressed byte where it was noticed.
    pub at: u64,
    /// Whether the data ends there, too early.
    pub is_cut: bool,
    /// What is wrong.
    pub what: String,
    /// How many bytes had been decompressed before.
    pub decompressed: u64,
}

impl Damage {
    /// The error for this damage.
    pub fn to_error(&self) -> Error {
        let Damage { at, is_cut, what, decompressed } = self;
        let (kind, place) = match is_cut {
            true => (ErrorKind::Truncated, "ends at byte"),
            false => (ErrorKind::Compressed, "is damaged at byte"),
        };
        let detail = format!(
            "the compressed data {place} {at}, after {decompressed} decompressed bytes: {what}; \
             copy the file again"
        );
        Error::new(kind, detail)
    }
}
