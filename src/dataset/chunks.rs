//! How many records are worth reading together.

use std::collections::BTreeSet;

use super::Dataset;
use crate::error::Result;

/// About how many bytes a chunk has: of a compressed file, some eight pieces between seek points.
/// A chunk begins anywhere in a piece, of which half is then decompressed twice: 6 %. The dozen
/// chunks of a window, and those of the next one, are less than the cache of decompressed pieces.
const BYTES: u64 = 2 << 20;
/// Of how many records of a shard the sizes count.
const SAMPLES: usize = 1000;

impl Dataset {
    /// Returns how many neighbouring records have about 2 MiB together, decompressed: a good size for
    /// the chunks of [`Order::shuffle_chunks`](crate::Order::shuffle_chunks). It is at least 1.
    ///
    /// It comes from the sizes of some records of the first, the middle and the last shard, which this
    /// opens if their indexes are not in memory. The same files give the same number.
    ///
    /// ```
    /// use tfr_index::{Dataset, DatasetOptions, Order, Shards};
    ///
    /// let shards = Shards::from_paths(["tests/data/examples.tfrecord"]);
    /// let dataset = Dataset::open(&shards, &DatasetOptions::new())?;
    /// let order = Order::new(dataset.len()).shuffle_chunks(7, dataset.chunk_records()?)?;
    /// assert_eq!(dataset.batches(32, order, 2)?.count(), 4);
    /// # Ok::<(), tfr_index::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`entries`](Self::entries).
    pub fn chunk_records(&self) -> Result<u64> {
        let Some(last) = self.len().checked_sub(1) else { return Ok(1) };
        let shards = [0, last / 2, last].map(|record| self.locate(record).map(|at| at.shard));
        let shards: BTreeSet<usize> = shards.into_iter().collect::<Result<_>>()?;
        let mut records = Vec::new();
        for shard in shards {
            let all = self.records_of(shard)?;
            let step = (all.end - all.start) / SAMPLES as u64 + 1;
            records.extend(all.step_by(usize::try_from(step).unwrap_or(usize::MAX)));
        }
        let bytes: u64 = self.entries(&records)?.iter().map(|entry| entry.size).sum();
        Ok((BYTES.saturating_mul(records.len() as u64) / bytes.max(1)).max(1))
    }
}
