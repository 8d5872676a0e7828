//! Edits: indexes made of indexes. An index may select, repeat and reorder records, so an edit of
//! an index is an edit of its data set that copies none of the data.

use std::ops::{Range, RangeBounds};

use super::random::Random;
use super::{push, Entry, Index};
use crate::error::{Error, ErrorKind, Result};
use crate::frame::OVERHEAD;

/// What [`Index::shard`] shares out evenly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum ShardBy {
    /// Records: the shards' numbers of them differ by one at most.
    #[default]
    Records,
    /// Bytes: a shard's frames have as many as its equal share, give or take the largest frame's.
    Bytes,
}

/// What becomes of the remainder where the records are no multiple of the shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Remainder {
    /// Some shards have one record more than the others; no record is lost or there twice.
    #[default]
    Keep,
    /// All have as many as the smaller ones: the last record of each larger one is in none.
    Drop,
    /// All have as many as the larger ones: the smaller ones end with the next one's first record.
    Pad,
}

/// Edits: each makes another index, of the same data, and reads none of it.
impl Index {
    /// The records of these numbers, in their order; a number may be there more than once.
    ///
    /// ```
    /// use tfr_index::Index;
    ///
    /// let index = Index::from_text("0 21\n21 16\n37 19\n")?;
    /// assert_eq!(index.select(&[2, 0, 2])?.to_text()?, "37 19\n0 21\n37 19\n");
    /// # Ok::<(), tfr_index::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::OutOfRange`] for a number that is not below the index's length.
    pub fn select(&self, records: &[usize]) -> Result<Index> {
        let mut entries = Vec::new();
        for &record in records {
            let entry = self.get(record).ok_or_else(|| {
                let detail = format!("out of range, the index has {} records", self.len());
                Error::new(ErrorKind::OutOfRange, detail).of_record(record as u64)
            })?;
            push(&mut entries, *entry)?;
        }
        Ok(Index::from_checked(entries))
    }

    /// The records that the mask is true for, in the order of the index.
    ///
    /// ```
    /// use tfr_index::Index;
    ///
    /// let index = Index::from_text("0 21\n21 16\n37 19\n")?;
    /// assert_eq!(index.select_mask(&[true, false, true])?.to_text()?, "0 21\n37 19\n");
    /// # Ok::<(), tfr_index::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] when the mask is longer or shorter than the index.
    pub fn select_mask(&self, mask: &[bool]) -> Result<Index> {
        if mask.len() != self.len() {
            let (mask, records) = (mask.len(), self.len());
            return Err(invalid(format!(
                "the mask is for {mask} records, the index has {records}"
            )));
        }
        let chosen = self.iter().zip(mask).filter(|(_, chosen)| **chosen);
        gather(chosen.map(|(entry, _)| *entry)).map(Index::from_checked)
    }

    /// The records whose payloads have a number of bytes in this range, in the order of the index.
    ///
    /// ```
    /// use tfr_index::Index;
    ///
    /// let index = Index::from_text("0 21\n21 16\n37 19\n")?;
    /// assert_eq!(index.filter_size(1..=3)?.to_text()?, "37 19\n");
    /// assert_eq!(index.filter_size(3..)?.to_text()?, "0 21\n37 19\n");
    /// # Ok::<(), tfr_index::Error>(())
    /// ```
    ///
    /// # Errors
    /// When there is not enough memory.
    pub fn filter_size(&self, payload_bytes: impl RangeBounds<u64>) -> Result<Index> {
        let fits = |entry: &Entry| payload_bytes.contains(&(entry.size - OVERHEAD));
        gather(self.iter().copied().filter(fits)).map(Index::from_checked)
    }

    /// All records in a random order, each order as likely as the others.
    ///
    /// A seed stands for one order of so many records, with any version, platform and language:
    /// record after record is drawn from those that are left, the first ones first (a
    /// Fisher–Yates shuffle) by numbers from SplitMix64 that Lemire's method brings into range.
    ///
    /// ```
    /// use tfr_index::Index;
    ///
    /// let index = Index::from_text("0 21\n21 16\n37 19\n")?;
    /// assert_eq!(index.shuffle(7)?.to_text()?, "21 16\n0 21\n37 19\n");
    /// # Ok::<(), tfr_index::Error>(())
    /// ```
    ///
    /// # Errors
    /// When there is not enough memory.
    pub fn shuffle(&self, seed: u64) -> Result<Index> {
        let mut entries = gather(self.iter().copied())?;
        Random::new(seed).draw(&mut entries, self.len());
        Ok(Index::from_checked(entries))
    }

    /// So many random records, none drawn twice, each choice as likely as the others.
    ///
    /// They are the first records of [`shuffle`](Index::shuffle) with the same seed, so that a
    /// larger sample has those of a smaller one; but in the order of the index, in which they are
    /// read fastest. Shuffle them where that is to be random, too.
    ///
    /// ```
    /// use tfr_index::Index;
    ///
    /// let index = Index::from_text("0 21\n21 16\n37 19\n")?;
    /// assert_eq!(index.sample(2, 7)?.to_text()?, "0 21\n21 16\n");
    /// # Ok::<(), tfr_index::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] when there are fewer records.
    pub fn sample(&self, count: usize, seed: u64) -> Result<Index> {
        if count > self.len() {
            let records = self.len();
            return Err(invalid(format!("{count} records cannot be drawn from {records}")));
        }
        let out_of_memory = |_| Error::out_of_memory("the sample");
        let (mut drawn, mut mask) = (Vec::new(), Vec::new());
        drawn.try_reserve_exact(self.len()).map_err(out_of_memory)?;
        drawn.extend(0..self.len());
        Random::new(seed).draw(&mut drawn, count);
        mask.try_reserve_exact(self.len()).map_err(out_of_memory)?;
        mask.resize(self.len(), false);
        drawn[..count].iter().for_each(|record| mask[*record] = true);
        drop(drawn);
        self.select_mask(&mask)
    }

    /// Shard `rank` of `world_size`: a run of the records, in the order of the index. So that no record
    /// is read by two, the shards lie one behind the other, as those of NVIDIA DALI's readers do.
    ///
    /// By records, it starts at record `len * rank / world_size`, rounded down. By bytes, it starts
    /// between the two records where what is before comes nearest to `rank / world_size` of the frames'
    /// bytes. A shard may be empty where there are few records, or some that are very large.
    ///
    /// ```
    /// use tfr_index::{Index, ShardBy, Remainder};
    ///
    /// let index = Index::from_text("0 21\n21 16\n37 19\n")?;
    /// let shard = |remainder| index.shard(0, 2, ShardBy::Records, remainder);
    /// assert_eq!(shard(Remainder::Keep)?.to_text()?, "0 21\n");
    /// assert_eq!(shard(Remainder::Pad)?.to_text()?, "0 21\n21 16\n");
    /// let shard = index.shard(1, 2, ShardBy::Bytes, Remainder::Keep)?;
    /// assert_eq!(shard.to_text()?, "21 16\n37 19\n");
    /// # Ok::<(), tfr_index::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] when `rank` is not below `world_size`; when shards by bytes should
    /// have equal numbers of records.
    pub fn shard(
        &self,
        rank: usize,
        world_size: usize,
        by: ShardBy,
        remainder: Remainder,
    ) -> Result<Index> {
        if rank >= world_size {
            return Err(invalid(format!(
                "rank is {rank}, but must be below world_size, {world_size}"
            )));
        }
        let mut run = self.run_of_shard(world_size, by, remainder)?;
        gather(self[run(rank)].iter().copied()).map(Index::from_checked)
    }

    /// The runs of records that [`shard`](Index::shard) gives to the ranks, from rank 0 on: where each
    /// starts and ends in the index. All of them take one pass over it.
    ///
    /// ```
    /// use tfr_index::{Index, ShardBy, Remainder};
    ///
    /// let index = Index::from_text("0 21\n21 16\n37 19\n")?;
    /// let runs = index.shards(2, ShardBy::Records, Remainder::Keep)?;
    /// assert_eq!(runs.collect::<Vec<_>>(), [0..1, 1..3]);
    /// # Ok::<(), tfr_index::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] when shards by bytes should have equal numbers of records.
    pub fn shards(
        &self,
        world_size: usize,
        by: ShardBy,
        remainder: Remainder,
    ) -> Result<impl Iterator<Item = Range<usize>> + '_> {
        self.run_of_shard(world_size, by, remainder).map(|run| (0..world_size).map(run))
    }

    /// The run of a rank's records; of ranks that are asked for in ascending order.
    fn run_of_shard(
        &self,
        world_size: usize,
        by: ShardBy,
        remainder: Remainder,
    ) -> Result<Box<dyn FnMut(usize) -> Range<usize> + '_>> {
        Ok(match (by, remainder) {
            (ShardBy::Records, remainder) => {
                Box::new(move |rank| range_by_records(self.len(), rank, world_size, remainder))
            }
            (ShardBy::Bytes, Remainder::Keep) => {
                let mut cut = cut_by_bytes(self, world_size);
                Box::new(move |rank| cut(rank)..cut(rank + 1))
            }
            (ShardBy::Bytes, _) => {
                return Err(invalid(
                    "shards by bytes cannot have equal numbers of records: share out by records",
                ));
            }
        })
    }

    /// The index of files that are put one behind the other, as by `cat a b`: of each its index and
    /// how many bytes the file has.
    ///
    /// ```
    /// use tfr_index::Index;
    ///
    /// let (a, b) = (Index::from_text("0 21\n")?, Index::from_text("0 16\n16 19\n")?);
    /// assert_eq!(Index::concat(&[(&a, 21), (&b, 35)])?.to_text()?, "0 21\n21 16\n37 19\n");
    /// # Ok::<(), tfr_index::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Mismatch`] when an entry ends behind its file; [`ErrorKind::InvalidIndex`] when
    /// a record's end passes `i64::MAX`.
    pub fn concat(parts: &[(&Index, u64)]) -> Result<Index> {
        let (mut entries, mut start) = (Vec::new(), 0_u64);
        for (part, &(index, size)) in parts.iter().enumerate() {
            for (record, &entry) in (0..).zip(index) {
                if entry.end() > size {
                    let end = entry.end();
                    let detail = format!(
                        "its frame in part {part} ends at byte {end}, but that part's data at byte {size}"
                    );
                    return Err(Error::new(ErrorKind::Mismatch, detail).at(record, entry.offset));
                }
                let moved = Entry { offset: start.saturating_add(entry.offset), ..entry };
                if let Some(fault) = moved.fault() {
                    let detail = format!("in part {part}: {fault}");
                    return Err(Error::new(ErrorKind::InvalidIndex, detail).of_record(record));
                }
                push(&mut entries, moved)?;
            }
            start = start.saturating_add(size);
        }
        Ok(Index::from_checked(entries))
    }
}

fn invalid(detail: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidArgument, detail)
}

fn gather(entries: impl Iterator<Item = Entry>) -> Result<Vec<Entry>> {
    let mut gathered = Vec::new();
    // As many as are known to come: those of a filter are not.
    let reserved = gathered.try_reserve_exact(entries.size_hint().0);
    reserved.map_err(|_| Error::out_of_memory("the index"))?;
    for entry in entries {
        push(&mut gathered, entry)?;
    }
    Ok(gathered)
}

/// The records of a shard.
fn range_by_records(
    records: usize,
    rank: usize,
    world_size: usize,
    remainder: Remainder,
) -> Range<usize> {
    let start = |rank| (records as u128 * rank as u128 / world_size as u128) as usize;
    let smaller = records / world_size;
    let end = match remainder {
        Remainder::Keep => start(rank + 1),
        Remainder::Drop => start(rank) + smaller,
        Remainder::Pad => start(rank) + smaller + usize::from(records % world_size > 0),
    };
    start(rank)..end
}

/// Where a rank's records start, by bytes; of ranks that are asked for in ascending order. All is
/// doubled, so that what lies half-way into a record is a whole number.
fn cut_by_bytes(entries: &[Entry], world_size: usize) -> impl FnMut(usize) -> usize + '_ {
    let doubled: u128 = entries.iter().map(|entry| 2 * u128::from(entry.size)).sum();
    let world_size = world_size as u128;
    let share = move |rank: u128| {
        // doubled * rank / world_size, rounded up, in numbers that do not overflow.
        doubled / world_size * rank + (doubled % world_size * rank + world_size - 1) / world_size
    };
    let (mut before, mut records) = (0, 0);
    move |rank| {
        let bound = share(rank as u128);
        while let Some(entry) = entries.get(records) {
            if before + u128::from(entry.size) >= bound {
                break;
            }
            before += 2 * u128::from(entry.size);
            records += 1;
        }
        records
    }
}

#[cfg(test)]
mod tests;
