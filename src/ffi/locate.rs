//! `tfr_locate()`: which record does this byte belong to?

use libc::c_char;

use super::error::tfr_error;
use super::guard::guard;
use super::options::tfr_options;
use super::pointer;
use super::status::tfr_status;
use super::version::TFR_UNKNOWN;
use crate::{locate, Location, Part};

/// The part of a record's frame that a byte lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub enum tfr_part {
    /// The payload's length, 8 bytes.
    TFR_PART_LENGTH = 0,
    /// The length's checksum, 4 bytes.
    TFR_PART_LENGTH_CRC = 1,
    /// The payload.
    TFR_PART_PAYLOAD = 2,
    /// The payload's checksum, 4 bytes.
    TFR_PART_PAYLOAD_CRC = 3,
}

/// Where a byte of a TFRecord file lies. A checksum that is stored holds if it is the computed one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct tfr_location {
    /// The record's number, from 0.
    pub record: u64,
    /// The byte where its frame starts.
    pub offset: u64,
    /// The length of its payload, as it is stored.
    pub length: u64,
    /// The length's masked CRC-32C, as it is stored,
    pub stored_length_crc: u64,
    /// and as it should be.
    pub computed_length_crc: u64,
    /// The payload's masked CRC-32C, as it is stored; TFR_UNKNOWN if nobody knows where the frame
    /// ends: its header is damaged, or the data is cut short.
    pub stored_payload_crc: u64,
    /// As it should be, or TFR_UNKNOWN.
    pub computed_payload_crc: u64,
    /// Where in the frame the byte lies.
    pub part: tfr_part,
}

impl From<Location> for tfr_location {
    fn from(location: Location) -> tfr_location {
        let payload_crc = location.payload_crc;
        let or_unknown = |crc: Option<u32>| crc.map_or(TFR_UNKNOWN, u64::from);
        tfr_location {
            record: location.record,
            offset: location.offset,
            length: location.length,
            stored_length_crc: location.length_crc.stored.into(),
            computed_length_crc: location.length_crc.computed.into(),
            stored_payload_crc: or_unknown(payload_crc.map(|crc| crc.stored)),
            computed_payload_crc: or_unknown(payload_crc.map(|crc| crc.computed)),
            part: match location.part {
                Part::Length => tfr_part::TFR_PART_LENGTH,
                Part::LengthCrc => tfr_part::TFR_PART_LENGTH_CRC,
                Part::Payload => tfr_part::TFR_PART_PAYLOAD,
                Part::PayloadCrc => tfr_part::TFR_PART_PAYLOAD_CRC,
            },
        }
    }
}

/// Finds the record of a TFRecord file that a byte belongs to, and looks at its checksums.
///
/// TensorFlow's "corrupted record at N" is about the record that starts at byte N, if the length's
/// checksum does not hold, and about the one that starts at N - 12, if the payload's does not.
///
/// Inputs: `options` is optional: the defaults. The checksum policy, the progress callback and
/// tfr_options_set_salvage() count: damage before the byte is then skipped, and records have the
/// numbers that they have in the index.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT for NULL; TFR_ERR_OUT_OF_RANGE when the file ends before the byte;
/// TFR_ERR_IO when it cannot be read; those of tfr_index_scan() when it is not a TFRecord file, or
/// damaged before the record that the byte is in, with the number and the offset of the bad record.
///
/// Threads: any.
///
/// # Safety
/// - `tfrecord_path`: required; NUL-terminated.
/// - `options`: optional; options that are not yet freed.
/// - `location_out`: required; `error_out`: optional; both may be written to.
#[no_mangle]
pub unsafe extern "C" fn tfr_locate(
    tfrecord_path: *const c_char,
    byte: u64,
    options: *const tfr_options,
    location_out: *mut tfr_location,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller's.
    let body = || unsafe {
        let store = pointer::out(location_out, "location_out")?;
        let path = pointer::path(tfrecord_path, "tfrecord_path")?;
        let location = tfr_options::with(options, |options| locate(path, byte, options))?;
        store(location.into());
        Ok(())
    };
    // SAFETY: the caller's.
    unsafe { guard(error_out, body) }
}
