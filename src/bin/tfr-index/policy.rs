//! `--checksums`.

use clap::ValueEnum;
use tfr_index::Checksums;

/// [`Checksums`], for the command line.
#[derive(Clone, Copy, Default, ValueEnum)]
pub enum Policy {
    /// Length checksums, unless the file was written without valid ones
    #[default]
    Auto,
    /// No checksums, only the structure
    None,
    /// Every length checksum
    Length,
    /// Every length and payload checksum; this reads the whole file
    Full,
}

impl From<Policy> for Checksums {
    fn from(policy: Policy) -> Checksums {
        match policy {
            Policy::Auto => Checksums::Auto,
            Policy::None => Checksums::None,
            Policy::Length => Checksums::Length,
            Policy::Full => Checksums::Full,
        }
    }
}
