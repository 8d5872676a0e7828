//! `tfr_locate()`: which record contains this byte?

use libc::c_char;

use super::error::tfr_error;
use super::guard::guard;
use super::options::tfr_options;
use super::pointer;
use super::status::tfr_status;
use super::version::TFR_UNKNOWN;
use crate::{locate, Location, Part};

/// The part of a record's frame that contains a byte.
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

/// Where a byte of a TFRecord file lies. A stored checksum is valid if it equals the computed one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct tfr_location {
    /// The record's number, starting at 0.
    pub record: u64,
    /// The byte where the record's frame starts.
    pub offset: u64,
    /// The stored length of the payload.
    pub length: u64,
    /// The stored masked CRC-32C of the length.
    pub stored_length_crc: u64,
    /// The masked CRC-32C that the length should have.
    pub computed_length_crc: u64,
    /// The stored masked CRC-32C of the payload; TFR_UNKNOWN if the end of the frame is unknown,
    /// because the header is damaged or the data is cut short.
    pub stored_payload_crc: u64,
    /// The masked CRC-32C that the payload should have; TFR_UNKNOWN in the same cases.
    pub computed_payload_crc: u64,
    /// The part of the frame that contains the byte.
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

/// Finds the record of a TFRecord file that contains a byte, and computes its checksums.
///
/// TensorFlow's "corrupted record at N" means the record that starts at byte N if the length's
/// checksum is wrong, and the record that starts at byte N - 12 if the payload's checksum is wrong.
///
/// Parameters: `tfrecord_path` and `location_out` are required. `options` is optional; NULL means
/// the defaults. Three settings apply: the checksum policy, the progress callback, and
/// tfr_options_set_salvage(), which skips damage before the byte. Record numbers are those of the
/// index.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. TFR_ERR_OUT_OF_RANGE if the file
/// ends before the byte. TFR_ERR_IO if it cannot be read. Those of tfr_index_scan() if it is not a
/// TFRecord file, or is damaged before the record that contains the byte, with the number and the
/// offset of the bad record.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_locate(
    tfrecord_path: *const c_char,
    byte: u64,
    options: *const tfr_options,
    location_out: *mut tfr_location,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let store = pointer::out(location_out, "location_out")?;
        let path = pointer::path(tfrecord_path, "tfrecord_path")?;
        let location = tfr_options::with(options, |options| locate(path, byte, options))?;
        store(location.into());
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}
