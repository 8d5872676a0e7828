//! Compares the files of a set with what manifests say of them.

use std::path::Path;

use super::count::count_file;
use super::stamp_of;
use crate::catalog::sum;
use crate::error::{Error, ErrorKind, Result};
use crate::frame::OVERHEAD;
use crate::options::Options;
use crate::shards::{Listed, Shards};
use crate::source::Stamp;

/// The files of a set, and what manifests and `dataset_info.json` say of them.
#[derive(Debug)]
pub struct Comparison<'a> {
    shards: &'a Shards,
    /// Whether the sizes of a list's files contradict it.
    contradicted: Vec<bool>,
}

impl<'a> Comparison<'a> {
    /// Looks at the files of lists that have no size for each file, but a sum.
    #[must_use]
    pub fn new(shards: &'a Shards) -> Comparison<'a> {
        let contradicted = shards.lists().iter().enumerate().map(|(number, list)| {
            list.payload_bytes.is_some_and(|bytes| payload_bytes(shards, number) != Some(bytes))
        });
        Comparison { shards, contradicted: contradicted.collect() }
    }

    /// The number of records that lists say of all files together, if they say it of each.
    #[must_use]
    pub fn listed_records(&self) -> Option<u64> {
        let records = (0..self.shards.len()).map(|shard| Some(self.shards.listed(shard)?.records));
        sum(records.collect::<Option<Vec<_>>>()?.into_iter()).filter(|_| !self.shards.is_empty())
    }

    /// The name of the file that lists the shards; that of the first, if there are several.
    #[must_use]
    pub fn list_name(&self) -> Option<String> {
        let path = &self.shards.lists().first()?.path;
        Some(path.file_name()?.to_string_lossy().into_owned())
    }

    /// Fails if a list says another number of records of a file than it has. Sizes and times of
    /// modification are not looked at.
    ///
    /// # Errors
    /// [`ErrorKind::Mismatch`].
    pub fn ensure_count(&self, shard: usize, records: u64) -> Result<()> {
        match self.shards.listed(shard) {
            Some(listed) if listed.records != records => {
                let list = self.shards.lists()[listed.list].path.file_name();
                let list = list.unwrap_or_default().to_string_lossy();
                Err(other_count(records, listed.records, &list).of(&self.shards[shard].path))
            }
            _ => Ok(()),
        }
    }

    /// Fails if a file is not what a list says. `records` is the number of its records, if that is
    /// known. If it is not, and sizes contradict the list, the records are counted. Returns the
    /// number of records that the list says.
    ///
    /// # Errors
    /// `ENOENT` if the file is missing; [`ErrorKind::Mismatch`] if it has another size, time of
    /// modification or number of records.
    pub fn ensure_as_listed(
        &self,
        shard: usize,
        mut records: Option<u64>,
        options: &Options<'_>,
    ) -> Result<Option<u64>> {
        let Some(listed) = self.shards.listed(shard) else { return Ok(None) };
        let (path, list) = (&self.shards[shard].path, &self.shards.lists()[listed.list].path);
        let list_name = list.file_name().unwrap_or_default().to_string_lossy();
        let stamp = stamp_of(path).map_err(|error| match error.os_error() {
            Some(libc::ENOENT) => error.adding(&format!("; {list_name} lists this shard")),
            _ => error,
        })?;
        let bytes = listed.bytes.unwrap_or(stamp.bytes);
        if records.is_none() && bytes == stamp.bytes && self.contradicted[listed.list] {
            records = Some(count_file(&self.shards[shard], options)?);
        }
        ensure_same(listed, list, stamp, records).map_err(|error| error.of(path))?;
        Ok(Some(listed.records))
    }
}

/// Fails if a file is not what a list says of it. `records` is the number of its records, if that is
/// known.
pub(super) fn ensure_same(
    listed: &Listed,
    list: &Path,
    stamp: Stamp,
    records: Option<u64>,
) -> Result<()> {
    let bytes = listed.bytes.unwrap_or(stamp.bytes);
    let name = list.file_name().unwrap_or_default().to_string_lossy();
    let detail = match records {
        Some(records) if records != listed.records => {
            return Err(other_count(records, listed.records, &name));
        }
        _ if stamp.bytes != bytes => format!(
            "has {} bytes, but {name} says {bytes}: the file was cut or replaced",
            stamp.bytes
        ),
        _ if listed.mtime_ns.is_some_and(|mtime_ns| mtime_ns != stamp.mtime_ns) => format!(
            "was modified or copied after {name} was written; if that was intended, refresh {name}"
        ),
        _ => return Ok(()),
    };
    Err(Error::new(ErrorKind::Mismatch, detail))
}

/// The error of a file that has another number of records than the list of this name says.
pub(in crate::dataset) fn other_count(records: u64, expected: u64, list: &str) -> Error {
    let detail =
        format!("has {records} records, but {list} says {expected}: the file was cut or replaced");
    Error::new(ErrorKind::Mismatch, detail)
}

/// The size of all payloads of a list's shards, if they have the numbers of records that it says.
/// `None` if a file is missing.
fn payload_bytes(shards: &Shards, list: usize) -> Option<u64> {
    let of_list = (0..shards.len()).filter_map(|shard| {
        let listed = shards.listed(shard).filter(|listed| listed.list == list)?;
        Some((&*shards[shard].path, listed.records))
    });
    let payloads = |(path, records): (&Path, u64)| {
        stamp_of(path).ok()?.bytes.checked_sub(records.checked_mul(OVERHEAD)?)
    };
    sum(of_list.map(payloads).collect::<Option<Vec<_>>>()?.into_iter())
}
