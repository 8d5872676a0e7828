//! `tfr_status`: the result of a call.

use libc::c_char;

use crate::error::ErrorKind;

/// The result of a call. The numbers never change. Later versions may add more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub enum tfr_status {
    /// Success.
    TFR_OK = 0,
    /// An argument is invalid: NULL, a number that is not a member of its enum, a path that is not
    /// a regular file, or an index path that leads to the TFRecord file itself.
    TFR_ERR_INVALID_ARGUMENT = 1,
    /// The operating system reported an error: see tfr_error_os_error().
    TFR_ERR_IO = 2,
    /// The data is not a TFRecord file, or it is a compressed one: see tfr_error_format().
    TFR_ERR_NOT_TFRECORD = 3,
    /// The data ends inside a record.
    TFR_ERR_TRUNCATED = 4,
    /// A length is wrong: it overflows or extends past the end of the data, and its CRC does not
    /// match. In a check: it contradicts the index, although the records around it match.
    TFR_ERR_LENGTH = 5,
    /// The masked CRC-32C of a record's length does not match.
    TFR_ERR_LENGTH_CRC = 6,
    /// The masked CRC-32C of a record's payload does not match.
    TFR_ERR_PAYLOAD_CRC = 7,
    /// The text or the entries are not a valid index.
    TFR_ERR_INVALID_INDEX = 8,
    /// A record number is not less than the length of the index, or a byte is past the end of the
    /// data.
    TFR_ERR_OUT_OF_RANGE = 9,
    /// A callback cancelled the call.
    TFR_ERR_CANCELLED = 10,
    /// There is not enough memory for the result.
    TFR_ERR_OUT_OF_MEMORY = 11,
    /// A bug in the library. The library caught the panic at its boundary.
    TFR_ERR_PANIC = 12,
    /// The index does not fit the data: it belongs to another file, or it is damaged.
    TFR_ERR_MISMATCH = 13,
    /// The index fits an earlier version of the data: valid records follow its last one, or the
    /// data has become shorter.
    TFR_ERR_STALE = 14,
    /// A file is not a manifest, or it is a damaged one. tfr_error_record() is the row.
    TFR_ERR_INVALID_MANIFEST = 15,
    /// A payload is not a tf.train.Example.
    TFR_ERR_EXAMPLE = 16,
    /// A record lacks a feature, or has values of another kind, or too few or too many of them.
    TFR_ERR_FEATURE = 17,
    /// Compressed data is damaged: a bad block, a wrong checksum or size, or bytes that belong to no
    /// member. (If it ends too early, that is TFR_ERR_TRUNCATED.)
    TFR_ERR_COMPRESSED = 18,
}

use tfr_status::*;

impl tfr_status {
    /// All statuses with their names, NUL-terminated.
    const NAMES: [(tfr_status, &'static str); 19] = [
        (TFR_OK, "TFR_OK\0"),
        (TFR_ERR_INVALID_ARGUMENT, "TFR_ERR_INVALID_ARGUMENT\0"),
        (TFR_ERR_IO, "TFR_ERR_IO\0"),
        (TFR_ERR_NOT_TFRECORD, "TFR_ERR_NOT_TFRECORD\0"),
        (TFR_ERR_TRUNCATED, "TFR_ERR_TRUNCATED\0"),
        (TFR_ERR_LENGTH, "TFR_ERR_LENGTH\0"),
        (TFR_ERR_LENGTH_CRC, "TFR_ERR_LENGTH_CRC\0"),
        (TFR_ERR_PAYLOAD_CRC, "TFR_ERR_PAYLOAD_CRC\0"),
        (TFR_ERR_INVALID_INDEX, "TFR_ERR_INVALID_INDEX\0"),
        (TFR_ERR_OUT_OF_RANGE, "TFR_ERR_OUT_OF_RANGE\0"),
        (TFR_ERR_CANCELLED, "TFR_ERR_CANCELLED\0"),
        (TFR_ERR_OUT_OF_MEMORY, "TFR_ERR_OUT_OF_MEMORY\0"),
        (TFR_ERR_PANIC, "TFR_ERR_PANIC\0"),
        (TFR_ERR_MISMATCH, "TFR_ERR_MISMATCH\0"),
        (TFR_ERR_STALE, "TFR_ERR_STALE\0"),
        (TFR_ERR_INVALID_MANIFEST, "TFR_ERR_INVALID_MANIFEST\0"),
        (TFR_ERR_EXAMPLE, "TFR_ERR_EXAMPLE\0"),
        (TFR_ERR_FEATURE, "TFR_ERR_FEATURE\0"),
        (TFR_ERR_COMPRESSED, "TFR_ERR_COMPRESSED\0"),
    ];
}

impl From<ErrorKind> for tfr_status {
    fn from(kind: ErrorKind) -> tfr_status {
        match kind {
            ErrorKind::InvalidArgument => TFR_ERR_INVALID_ARGUMENT,
            ErrorKind::Io => TFR_ERR_IO,
            ErrorKind::NotTfRecord => TFR_ERR_NOT_TFRECORD,
            ErrorKind::Truncated => TFR_ERR_TRUNCATED,
            ErrorKind::Length => TFR_ERR_LENGTH,
            ErrorKind::LengthCrc => TFR_ERR_LENGTH_CRC,
            ErrorKind::PayloadCrc => TFR_ERR_PAYLOAD_CRC,
            ErrorKind::InvalidIndex => TFR_ERR_INVALID_INDEX,
            ErrorKind::OutOfRange => TFR_ERR_OUT_OF_RANGE,
            ErrorKind::Cancelled => TFR_ERR_CANCELLED,
            ErrorKind::OutOfMemory => TFR_ERR_OUT_OF_MEMORY,
            ErrorKind::Panic => TFR_ERR_PANIC,
            ErrorKind::Mismatch => TFR_ERR_MISMATCH,
            ErrorKind::Stale => TFR_ERR_STALE,
            ErrorKind::InvalidManifest => TFR_ERR_INVALID_MANIFEST,
            ErrorKind::Example => TFR_ERR_EXAMPLE,
            ErrorKind::Feature => TFR_ERR_FEATURE,
            ErrorKind::Compressed => TFR_ERR_COMPRESSED,
        }
    }
}

impl ErrorKind {
    /// Returns the name of the status in the C ABI, which the other languages use too.
    ///
    /// ```
    /// assert_eq!(tfr_index::ErrorKind::NotTfRecord.name(), "TFR_ERR_NOT_TFRECORD");
    /// ```
    #[must_use]
    pub fn name(self) -> &'static str {
        let names = tfr_status::NAMES;
        let name = names[tfr_status::from(self) as usize].1;
        name.trim_end_matches('\0')
    }
}

/// Returns the name of a status, such as "TFR_ERR_IO"; "TFR_UNKNOWN_STATUS" for any other number.
///
/// Ownership: static. Never free it.
///
/// Threads: safe on any thread.
#[no_mangle]
pub extern "C" fn tfr_status_name(status: i32) -> *const c_char {
    let mut names = tfr_status::NAMES.iter();
    let name = names.find(|(member, _)| *member as i32 == status);
    name.map_or("TFR_UNKNOWN_STATUS\0", |(_, name)| name).as_ptr().cast()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_is_named_as_it_is_spelt() {
        for (number, (status, name)) in (0..).zip(tfr_status::NAMES) {
            assert_eq!(status as i32, number);
            assert_eq!(format!("{status:?}\0"), name);
        }
    }

    #[test]
    fn every_kind_has_the_name_of_its_status() {
        for kind in [
            ErrorKind::InvalidArgument,
            ErrorKind::Io,
            ErrorKind::NotTfRecord,
            ErrorKind::Truncated,
            ErrorKind::Length,
            ErrorKind::LengthCrc,
            ErrorKind::PayloadCrc,
            ErrorKind::InvalidIndex,
            ErrorKind::OutOfRange,
            ErrorKind::Cancelled,
            ErrorKind::OutOfMemory,
            ErrorKind::Panic,
            ErrorKind::Mismatch,
            ErrorKind::Stale,
            ErrorKind::InvalidManifest,
            ErrorKind::Example,
            ErrorKind::Feature,
            ErrorKind::Compressed,
        ] {
            assert_eq!(format!("{:?}", tfr_status::from(kind)), kind.name());
        }
    }
}
