//! Which headers count as valid: what a checksum policy means for given data.

use super::at::header_at;
use super::Header;
use crate::error::Result;
use crate::options::Checksums;
use crate::source::ReadAt;

/// Which headers count as valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    /// Those whose length CRC holds.
    Checked,
    /// All: policy `none` ignores length CRCs.
    Ignored,
    /// Policy `auto`, for data that was written without valid checksums: this is its first header.
    /// Lengths alone count.
    Absent(Header),
}

impl Trust {
    /// What a policy says before any data is read; none if the first header decides.
    pub fn of_policy(checksums: Checksums) -> Option<Trust> {
        match checksums {
            Checksums::None => Some(Trust::Ignored),
            Checksums::Auto => None,
            Checksums::Length | Checksums::Full => Some(Trust::Checked),
        }
    }

    /// What a policy says of this data. `auto` goes by the first header and, if its CRC does not
    /// hold, by the headers at some `offsets`: if one CRC holds, the writer stored valid ones. Data
    /// that is still empty counts as checked.
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

    /// Whether a header counts as valid, as far as it alone can tell.
    pub fn accepts(self, header: Header) -> bool {
        match self {
            Trust::Checked => header.crc_holds(),
            Trust::Ignored => true,
            // A writer that stores anything but zeros as the first checksum stores none later.
            Trust::Absent(first) => {
                !header.is_zero() || (first.length_crc == 0 && !first.is_zero())
            }
        }
    }
}
