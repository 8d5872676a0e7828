//! How an index fits its data, or why it does not: in a word.

use crate::error::{Error, ErrorKind};
use crate::shards::Shard;

/// The state of a data file and its index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// A reader uses the index, and gets all records.
    Ok,
    /// The same, but for damage.
    DamageLeftOut,
    /// The index leaves out valid records.
    Partial,
    /// The data has changed since.
    Stale,
    /// The index belongs to another file.
    OtherFile,
    /// The index fits, but the data is damaged.
    Damaged,
    /// There is no index.
    NoIndex,
    /// What is there is not an index.
    InvalidIndex,
    /// The data is not a TFRecord file. The detected format, if known.
    NotTfRecord(Option<&'static str>),
    /// A file cannot be read.
    Unreadable,
    /// A manifest lists the file, but it does not exist.
    Missing,
    /// The file is not what a manifest says.
    Changed,
    /// The file is an index, without data.
    Index,
}

impl State {
    /// The state as text.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            State::Ok => "ok",
            State::DamageLeftOut => "damage left out",
            State::Partial => "partial",
            State::Stale => "stale",
            State::OtherFile => "of another file",
            State::Damaged => "damaged",
            State::NoIndex => "no index",
            State::InvalidIndex => "not an index",
            State::NotTfRecord(Some(format)) => format,
            State::NotTfRecord(None) => "not TFRecord",
            State::Unreadable => "unreadable",
            State::Missing => "missing",
            State::Changed => "changed",
            State::Index => "-",
        }
    }

    /// The state as a JSON code: the text in lower case, with underscores.
    #[must_use]
    pub fn code(self) -> String {
        match self {
            State::Index => "index".to_owned(),
            State::OtherFile => "other_file".to_owned(),
            State::InvalidIndex => "invalid_index".to_owned(),
            state => {
                let word = state.word().to_ascii_lowercase();
                word.replace(|character: char| !character.is_ascii_alphanumeric(), "_")
            }
        }
    }

    /// Whether a reader gets all valid records and finds no damage.
    #[must_use]
    pub fn is_fine(self) -> bool {
        matches!(self, State::Ok | State::DamageLeftOut | State::Index)
    }

    /// Whether a reader of the shard's index finds no damage. An index whose place is given may leave
    /// out valid records.
    #[must_use]
    pub fn is_fine_for(self, shard: &Shard) -> bool {
        self.is_fine() || self == State::Partial && shard.index_path.is_some()
    }

    /// The state of a file whose index, or data, has this error.
    #[must_use]
    pub fn of_error(error: &Error) -> State {
        match error.kind() {
            ErrorKind::Stale => State::Stale,
            ErrorKind::Mismatch => State::OtherFile,
            ErrorKind::InvalidIndex => State::InvalidIndex,
            ErrorKind::NotTfRecord => {
                // Files named "TFRecord with ... checksums" are still TFRecord files.
                State::NotTfRecord(error.format().filter(|name| !name.starts_with("TFRecord")))
            }
            kind if is_damage(kind) => State::Damaged,
            _ => State::Unreadable,
        }
    }
}

/// Whether an error of this kind says that data is damaged.
pub(super) fn is_damage(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Truncated
            | ErrorKind::Compressed
            | ErrorKind::Length
            | ErrorKind::LengthCrc
            | ErrorKind::PayloadCrc
    )
}
