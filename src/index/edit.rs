//! Edits make new indexes from indexes. An index may select, repeat and reorder records, so an edit
//! of an index is an edit of its data set that copies no data.

use std::ops::{Range, RangeBounds};

use super::random::Random;
use super::{push, Entry, Index};
use crate::error::{Error, ErrorKind, Result};
use crate::frame::OVERHEAD;

/// How [`Index::shard`] balances shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum ShardBy {
    /// By records: the numbers of records differ by at most one.
    #[default]
    Records,
    /// By bytes: the total size of a shard's frames differs from an equal share by at most the
    /// largest frame.
    Bytes,
}

/// What to do if the number of records is not a multiple of the number of shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Remainder {
    /// Some shards have one more record than the others. Each record is in exactly one shard.
    #[default]
    Keep,
    /// All shards are as large as the smaller ones: the last record of each larger one is in no
    /// shard.
    Drop,
    /// All shards are as large as the larger ones: each smaller one also has the next record, the
    /// first of the next shard.
    Pad,
}

/// Edits: each makes another index of the same data, without reading the data.
impl Index {
    /// Selects the records with these numbers, in this order; numbers may repeat.
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
    /// [`ErrorKind::OutOfRange`] if a number is not less than the index's length.
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

    /// Selects the records for which the mask is true, in the order of the index.
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
    /// [`ErrorKind::InvalidArgument`] if the mask and the index have different lengths.
    pub fn select_mask(&self, mask: &[bool]) -> Result<Index> {
        if mask.len() != self.len() {
            let (mask, records) = (mask.len(), self.len());
            return Err(invalid(format!(
                "the mask has {mask} items, but the index has {records} records"
            )));
        }
        let chosen = self.iter().zip(mask).filter(|(_, chosen)| **chosen);
        gather(chosen.map(|(entry, _)| *entry)).map(Index::from_checked)
    }

    /// Selects the records whose payload size in bytes is in this range, in the order of the index.
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
    /// [`ErrorKind::OutOfMemory`].
    pub fn filter_size(&self, payload_bytes: impl RangeBounds<u64>) -> Result<Index> {
        let fits = |entry: &Entry| payload_bytes.contains(&(entry.size - OVERHEAD));
        gather(self.iter().copied().filter(fits)).map(Index::from_checked)
    }

    /// Puts all records in a random order; all orders are equally likely.
    ///
    /// For a number of records, a seed always means the same order, in every version, platform and
    /// language: a Fisher–Yates shuffle from the first record on, with numbers from SplitMix64 that
    /// Lemire's method brings into range.
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
    /// [`ErrorKind::OutOfMemory`].
    pub fn shuffle(&self, seed: u64) -> Result<Index> {
        let mut entries = gather(self.iter().copied())?;
        Random::new(seed).draw(&mut entries, self.len());
        Ok(Index::from_checked(entries))
    }

    /// Draws `count` random records without replacement; all choices are equally likely.
    ///
    /// These are the first records of [`shuffle`](Index::shuffle) with the same seed, so a larger
    /// sample contains a smaller one. They are in the order of the index, in which they are read
    /// fastest; shuffle the sample for a random order.
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
    /// [`ErrorKind::InvalidArgument`] if there are fewer than `count` records.
    pub fn sample(&self, count: usize, seed: u64) -> Result<Index> {
        if count > self.len() {
            let records = self.len();
            return Err(invalid(format!("cannot sample {count} of {records} records")));
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

    /// Returns shard `rank` of `world_size`: a run of consecutive records, in the order of the
    /// index. The shards follow one another, like those of NVIDIA DALI's readers.
    ///
    /// By records, the shard starts at record `len * rank / world_size`, rounded down. By bytes, it
    /// starts at the record boundary closest to `rank / world_size` of the frames' total size. A
    /// shard may be empty if there are few records, or some very large ones.
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
    /// [`ErrorKind::InvalidArgument`] if `rank` is not less than `world_size`, or if
    /// [`ShardBy::Bytes`] is combined with another remainder than [`Remainder::Keep`].
    pub fn shard(
        &self,
        rank: usize,
        world_size: usize,
        by: ShardBy,
        remainder: Remainder,
    ) -> Result<Index> {
        ensure_rank(rank as u64, world_size as u64)?;
        let mut run = self.run_of_shard(world_size, by, remainder)?;
        gather(self[run(rank)].iter().copied()).map(Index::from_checked)
    }

    /// Returns the runs of records that [`shard`](Index::shard) selects for the ranks, from rank 0
    /// on, as ranges of record numbers. All of them need one pass over the index.
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
    /// [`ErrorKind::InvalidArgument`] if [`ShardBy::Bytes`] is combined with another remainder than
    /// [`Remainder::Keep`].
    pub fn shards(
        &self,
        world_size: usize,
        by: ShardBy,
        remainder: Remainder,
    ) -> Result<impl Iterator<Item = Range<usize>> + '_> {
        self.run_of_shard(world_size, by, remainder).map(|run| (0..world_size).map(run))
    }

    /// Returns a function from ranks to runs of records, to be called with ascending ranks.
    fn run_of_shard(
        &self,
        world_size: usize,
        by: ShardBy,
        remainder: Remainder,
    ) -> Result<Box<dyn FnMut(usize) -> Range<usize> + '_>> {
        Ok(match (by, remainder) {
            (ShardBy::Records, remainder) => {
                let (records, world_size) = (self.len() as u64, world_size as u64);
                Box::new(move |rank| {
                    let run = run_of_records(records, rank as u64, world_size, remainder);
                    run.start as usize..run.end as usize
                })
            }
            (ShardBy::Bytes, Remainder::Keep) => {
                let mut cut = cut_by_bytes(self, world_size);
                Box::new(move |rank| cut(rank)..cut(rank + 1))
            }
            (ShardBy::Bytes, _) => {
                return Err(invalid(
                    "shards by bytes cannot have equal numbers of records: shard by records, or keep \
                     the remainder",
                ));
            }
        })
    }

    /// Makes the index of concatenated files, as from `cat a b`. Each part is a file's index and
    /// the file's size in bytes.
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
    /// [`ErrorKind::Mismatch`] if an entry ends after its file; [`ErrorKind::InvalidIndex`] if a
    /// record would end after `i64::MAX`.
    pub fn concat(parts: &[(&Index, u64)]) -> Result<Index> {
        let (mut entries, mut start) = (Vec::new(), 0_u64);
        for (part, &(index, size)) in parts.iter().enumerate() {
            for (record, &entry) in (0..).zip(index) {
                if entry.end() > size {
                    let end = entry.end();
                    let detail = format!(
                        "its frame ends at byte {end} of part {part}, which has only {size} bytes"
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
    // The lower bound is exact, except for filters.
    let reserved = gathered.try_reserve_exact(entries.size_hint().0);
    reserved.map_err(|_| Error::out_of_memory("the index"))?;
    for entry in entries {
        push(&mut gathered, entry)?;
    }
    Ok(gathered)
}

/// Fails unless there is such a rank.
pub(crate) fn ensure_rank(rank: u64, world_size: u64) -> Result<()> {
    match (rank, world_size) {
        (_, 0) => Err(invalid("world_size must be at least 1, not 0")),
        _ if rank < world_size => Ok(()),
        _ => Err(invalid(format!("rank must be less than world_size, {world_size}, not {rank}"))),
    }
}

/// The run of neighbouring records that rank `rank` of `world_size` has.
pub(crate) fn run_of_records(
    records: u64,
    rank: u64,
    world_size: u64,
    remainder: Remainder,
) -> Range<u64> {
    let start = |rank: u128| (u128::from(records) * rank / u128::from(world_size)) as u64;
    let (first, smaller) = (start(rank.into()), records / world_size);
    let end = match remainder {
        Remainder::Keep => start(u128::from(rank) + 1),
        Remainder::Drop => first + smaller,
        Remainder::Pad => first + smaller + u64::from(records % world_size > 0),
    };
    first..end
}

/// Returns a function from ranks to the first record of their shards by bytes, to be called with
/// ascending ranks. All sizes are doubled, so that the middle of a record is a whole number.
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
