//! What states and damage mean, and what to do about them.

use super::super::state::State;
use crate::error::ErrorKind;

/// What a damaged region is, and what to do.
pub(crate) fn of_damage(kind: ErrorKind) -> (&'static str, &'static str) {
    match kind {
        ErrorKind::PayloadCrc => (
            "damaged payload",
            "The payload of one record was changed. The records around it are good.",
        ),
        ErrorKind::Length | ErrorKind::LengthCrc => (
            "overwritten header",
            "The header of a record was changed, so that nothing says where the next one starts. The \
             next good record was found by its checksums.",
        ),
        ErrorKind::Truncated => (
            "cut short",
            "The data ends inside a record: a copy ended early, or a program is still writing.",
        ),
        ErrorKind::Compressed => (
            "damaged compressed data",
            "The compressed bytes were changed. What they hold up to the next good place is lost.",
        ),
        _ => ("damaged", "These bytes are no records."),
    }
}

/// What a state means, and the command that changes it.
pub(super) fn of_state(state: State) -> (&'static str, Option<&'static str>) {
    match state {
        State::Ok | State::Index => ("The index fits the file.", None),
        State::DamageLeftOut => {
            ("The index leaves out damage: readers get the good records.", None)
        }
        State::Partial => (
            "The index leaves out valid records. A reader does not use it, unless it is given.",
            Some("tfr-index create"),
        ),
        State::Stale => (
            "The file has changed since its index was made. A reader scans the file instead.",
            Some("tfr-index create --update"),
        ),
        State::OtherFile => (
            "The index belongs to another file. A reader scans the file instead.",
            Some("tfr-index create"),
        ),
        State::Damaged => (
            "The index fits, but the file is damaged. Copy it again, or leave the damage out:",
            Some("tfr-index create --salvage"),
        ),
        State::NoIndex => (
            "Without an index, each reader scans the file when it opens it.",
            Some("tfr-index create --update"),
        ),
        State::InvalidIndex => {
            ("What is in the place of the index is none. Move it away, and create the index.", None)
        }
        State::NotTfRecord(_) => ("This is no TFRecord file, or its start is damaged.", None),
        State::Unreadable => ("The file cannot be read.", None),
        State::Missing => ("A manifest lists the file, but it does not exist.", None),
        State::Changed => ("The file is not what the manifest says.", None),
    }
}
