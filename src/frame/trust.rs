//! Which headers count as valid, by the checksum policy and the data.

use super::at::header_at;
use super::Header;
use crate::error::Result;
use crate::options::Checksums;
use crate::source::ReadAt;

/// Which headers count as valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    /// Those with a valid length CRC.
    Checked,
    /// All: policy `none` ignores length CRCs.
    Ignored,
    /// Policy `auto`, for data without valid checksums: only lengths count. This is the first
    /// header of the data.
    Absent(Header),
}

impl Trust {
    /// The trust by the policy alone; `None` if the first header decides.
    pub fn of_policy(checksums: Checksums) -> Option<Trust> {
        match checksums {
            Checksums::None => Some(Trust::Ignored),
            Checksums::Auto => None,
            Checksums::Length | Checksums::Full => Some(Trust::Checked),
        }
    }

    /// The trust by the policy and the data. `auto` looks at the first header and, if its CRC is
    /// wrong, at the headers at some `offsets`: if one CRC is valid, the writer stored valid ones.
    /// Empty data counts as checked.
    pub fn decide<O: IntoIterator<Item = u64>>(
        source: &impl ReadAt,
        checksums: Checksums,
        offsets: impl FnOnce() -> O,
    ) -> Result<Trust> {
        if let Some(trust) = Trust::of_policy(checksums) {
            return Ok(trust);
        }
        let Some(first) = header_at(source, 0)? else { return Ok(Trust::Checked) };
        if first.crc_holds() || first.is_one_bit_off() {
            return Ok(Trust::Checked);
        }
        for offset in offsets() {
            if header_at(source, offset)?.is_some_and(Header::crc_holds) {
                return Ok(Trust::Checked);
            }
        }
        Ok(Trust::Absent(first))
    }

    /// Whether a header counts as valid, judged alone.
    pub fn accepts(self, header: Header) -> bool {
        match self {
            Trust::Checked => header.crc_holds(),
            Trust::Ignored => true,
            // If the writer stored a nonzero first checksum, it stores no headers of zeros later.
            Trust::Absent(first) => {
                !header.is_zero() || (first.length_crc == 0 && !first.is_zero())
            }
        }
    }
}
