//! Where the new shards begin.

use super::Size;
use crate::dataset::Dataset;
use crate::error::{Error, ErrorKind, Result};
use crate::order::Order;

/// How many sizes of records are found at a time.
const CHUNK: usize = if cfg!(any(test, fuzzing)) { 5 } else { 1 << 16 };

pub(super) struct Plan {
    /// The position in the order at which each shard begins, and at the end the number of records.
    starts: Vec<u64>,
    /// The bytes of all frames.
    bytes: u64,
}

impl Plan {
    pub fn new(dataset: &Dataset, order: &Order, size: Size) -> Result<Plan> {
        let records = dataset.len();
        if records == 0 {
            let detail = "the data set has no records to copy";
            return Err(Error::new(ErrorKind::InvalidArgument, detail));
        }
        let bytes = total_bytes(dataset)?;
        let starts = match size {
            Size::Shards(shards) => by_records(records, shards)?,
            Size::Bytes(size) => by_bytes(dataset, order, bytes, (bytes - 1) / size + 1)?,
        };
        Ok(Plan { starts, bytes })
    }

    /// The number of shards.
    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    pub fn records(&self) -> u64 {
        self.starts[self.len()]
    }

    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The positions of a shard's records: from the first to the second.
    pub fn run(&self, shard: usize) -> (u64, u64) {
        (self.starts[shard], self.starts[shard + 1])
    }
}

fn total_bytes(dataset: &Dataset) -> Result<u64> {
    let mut total = 0_u64;
    for shard in 0..dataset.shards().len() {
        let bytes = dataset.table_of(shard)?.frame_bytes();
        total = bytes.and_then(|bytes| total.checked_add(bytes)).ok_or_else(|| {
            let detail = "the records have more than 2^64 bytes: the index repeats too many";
            Error::new(ErrorKind::InvalidIndex, detail).of(&dataset.shards()[shard].path)
        })?;
    }
    Ok(total)
}

fn by_records(records: u64, shards: u64) -> Result<Vec<u64>> {
    if shards > records {
        let detail = format!(
            "{records} records cannot be divided into {shards} shards: some would be empty; make \
             fewer shards"
        );
        return Err(Error::new(ErrorKind::InvalidArgument, detail));
    }
    let start = |shard| (u128::from(records) * u128::from(shard) / u128::from(shards)) as u64;
    Ok((0..=shards).map(start).collect())
}

/// A shard begins with the first record that starts in its part of all bytes. Parts without one make
/// no shard.
fn by_bytes(dataset: &Dataset, order: &Order, bytes: u64, shards: u64) -> Result<Vec<u64>> {
    let part = |offset: u64| u128::from(offset) * u128::from(shards) / u128::from(bytes);
    let mut records = [0; CHUNK];
    let (mut starts, mut last) = (Vec::new(), None);
    let (mut position, mut start) = (0, 0_u64);
    while position < order.len() {
        let count = order.fill(position, &mut records);
        let offsets = dataset.offsets_by_index(&records[..count])?;
        for (record, offset) in offsets[..count].iter().enumerate() {
            let part = part(start + *offset as u64);
            if last != Some(part) {
                starts.push(position + record as u64);
                last = Some(part);
            }
        }
        start += offsets[count] as u64;
        position += count as u64;
    }
    starts.push(position);
    Ok(starts)
}
