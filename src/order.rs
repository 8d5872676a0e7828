//! Orders of records: which record comes when, for each rank and epoch. An order is a plain value,
//! whatever the number of records: no list of numbers is made.

mod chunks;
mod permutation;

use std::ops::Range;

use crate::error::{Error, ErrorKind, Result};
use crate::index::{ensure_rank, run_of_records, Remainder};

use chunks::ChunkShuffle;
pub use permutation::Permutation;

/// The order in which one rank reads the records of a data set in one epoch.
///
/// The epoch's sequence has all record numbers: from 0 on, or shuffled. Each rank has a run of
/// neighbouring positions of the sequence, as [`Index::shard`](crate::Index::shard) cuts an index
/// by records. The order gives the i-th record of the rank's run without the ones before it, so
/// training resumes in the middle of an epoch at no cost.
///
/// ```
/// use tfr_index::{Order, Remainder};
///
/// // The second of four ranks, in epoch 3, after 100 records.
/// let order = Order::new(1_000_000_000).shuffle(7).epoch(3).shard(1, 4, Remainder::Keep)?;
/// let resumed = order.clone().start(100)?;
/// assert_eq!(order.len(), 250_000_000);
/// assert_eq!(resumed.len(), 249_999_900);
/// assert_eq!(resumed.get(0), order.get(100));
///
/// assert_eq!(Order::new(3).iter().collect::<Vec<_>>(), [0, 1, 2]);
/// # Ok::<(), tfr_index::Error>(())
/// ```
///
/// The sequence of an epoch is the [`Permutation`] of all records with the seed
/// `seed ^ mix(epoch)`, where `mix` is that of [`Permutation`](Permutation#construction). So epoch
/// 0 has the permutation of the seed itself, and it is the same for all ranks.
/// [`shuffle_chunks`](Order::shuffle_chunks) makes another sequence of the same seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    state: OrderState,
    sequence: Sequence,
    /// The positions of the epoch's sequence that are left for this rank.
    run: Range<u64>,
}

/// The sequence of an epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Sequence {
    /// From 0 on.
    InOrder,
    Shuffled(Permutation),
    Chunks(ChunkShuffle),
}

/// What an [`Order`] consists of, to store it and to make it again: see [`Order::state`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct OrderState {
    /// The number of records of the data set.
    pub num_records: u64,
    /// The seed, if the records are shuffled.
    pub seed: Option<u64>,
    /// The number of records of a chunk, if chunks are shuffled.
    pub chunk_records: Option<u64>,
    /// The number of the epoch.
    pub epoch: u64,
    /// Which part of the data set this is, from 0 on.
    pub rank: u64,
    /// How many parts there are.
    pub world_size: u64,
    /// What to do if the number of records is not a multiple of `world_size`.
    pub remainder: Remainder,
    /// How many of the rank's records in this epoch come before the order's first one.
    pub start: u64,
}

impl Order {
    /// Makes the order of all records from 0 to `num_records - 1`, in sequence, for one rank.
    #[must_use]
    pub fn new(num_records: u64) -> Order {
        let state = OrderState {
            num_records,
            seed: None,
            chunk_records: None,
            epoch: 0,
            rank: 0,
            world_size: 1,
            remainder: Remainder::Keep,
            start: 0,
        };
        Order { state, sequence: Sequence::InOrder, run: 0..num_records }
    }

    /// Shuffles all records: in each epoch in another order, and all ranks alike. Starts at the
    /// rank's first record.
    ///
    /// ```
    /// use tfr_index::{Order, Permutation};
    ///
    /// let order = Order::new(1000).shuffle(7);
    /// assert!(order.iter().eq(Permutation::new(1000, 7).iter()));
    /// ```
    #[must_use]
    pub fn shuffle(mut self, seed: u64) -> Order {
        self.state = OrderState { seed: Some(seed), chunk_records: None, ..self.state };
        self.restarted()
    }

    /// Shuffles chunks of `chunk_records` neighbouring records, and the records of a dozen chunks at a
    /// time: for compressed files, where a record alone costs as much as many neighbours. Starts at
    /// the rank's first record.
    ///
    /// [`Dataset::chunk_records`](crate::Dataset::chunk_records) returns a good number. All ranks
    /// must take the same one. Records that are far apart in the data set come together only by
    /// chance, chunk by chunk. So this is no replacement for [`shuffle`](Self::shuffle) if records
    /// are sorted, such as by label.
    ///
    /// ```
    /// use tfr_index::Order;
    ///
    /// let order = Order::new(1_000_000).shuffle_chunks(7, 1000)?;
    /// let mut batch = [0; 4];
    /// order.fill(0, &mut batch);
    /// assert_eq!(batch, [697_276, 409_348, 956_074, 409_438]);
    /// # Ok::<(), tfr_index::Error>(())
    /// ```
    ///
    /// The sequence depends on the arguments alone. With `seed`, `mix` and `G` as those of
    /// [`Order`] and [`Permutation`](Permutation#construction):
    ///
    /// - Chunk `c` has the records from `c * chunk_records` on. The last chunk may have fewer.
    /// - The chunks come in the order of the permutation of their numbers, with the epoch's seed
    ///   `s = seed ^ mix(epoch)`.
    /// - Window `w`, from 0 on, has the records of 12 chunks that come one after the other; the last
    ///   window may have fewer chunks. Its records come in the order of the permutation of their
    ///   places in it, with the seed `mix(s + G) + w`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if `chunk_records` is 0.
    pub fn shuffle_chunks(mut self, seed: u64, chunk_records: u64) -> Result<Order> {
        if chunk_records == 0 {
            let detail = "chunk_records must be at least 1, not 0";
            return Err(Error::new(ErrorKind::InvalidArgument, detail));
        }
        let (seed, chunk_records) = (Some(seed), Some(chunk_records));
        self.state = OrderState { seed, chunk_records, ..self.state };
        Ok(self.restarted())
    }

    /// Sets the number of the epoch, which changes the order only if it is shuffled. Starts at the
    /// rank's first record.
    #[must_use]
    pub fn epoch(mut self, epoch: u64) -> Order {
        self.state.epoch = epoch;
        self.restarted()
    }

    /// Takes part `rank` of `world_size` parts of the epoch's sequence. Starts at the rank's first
    /// record.
    ///
    /// The part starts at position `num_records * rank / world_size` of the sequence, rounded down.
    /// [`Remainder`] says which ranks have how many records; with [`Remainder::Keep`], each record
    /// is in exactly one part.
    ///
    /// ```
    /// use tfr_index::{Order, Remainder};
    ///
    /// let order = Order::new(5).shard(1, 2, Remainder::Keep)?;
    /// assert_eq!(order.iter().collect::<Vec<_>>(), [2, 3, 4]);
    /// # Ok::<(), tfr_index::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if `rank` is not less than `world_size`.
    pub fn shard(mut self, rank: u64, world_size: u64, remainder: Remainder) -> Result<Order> {
        ensure_rank(rank, world_size)?;
        self.state = OrderState { rank, world_size, remainder, ..self.state };
        Ok(self.restarted())
    }

    /// Leaves out the rank's first `start` records, which were read before. Set this last.
    ///
    /// ```
    /// use tfr_index::Order;
    ///
    /// let order = Order::new(5).start(3)?;
    /// assert_eq!(order.iter().collect::<Vec<_>>(), [3, 4]);
    /// assert!(order.start(5)?.is_empty());
    /// # Ok::<(), tfr_index::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if the rank has fewer records in this epoch.
    pub fn start(self, start: u64) -> Result<Order> {
        let mut order = self.restarted();
        let records = order.len();
        if start > records {
            let OrderState { rank, world_size, .. } = order.state;
            let detail = format!(
                "start must be at most {records}, the number of records of rank {rank} of \
                 {world_size}, not {start}"
            );
            return Err(Error::new(ErrorKind::InvalidArgument, detail));
        }
        order.state.start = start;
        order.run.start += start;
        Ok(order)
    }

    /// Returns what the order consists of. The setters make the same order of it again, in this and
    /// every later version.
    ///
    /// ```
    /// use tfr_index::{Order, Remainder};
    ///
    /// let order = Order::new(5).epoch(2).shard(1, 2, Remainder::Pad)?.start(1)?;
    /// let state = order.state();
    /// assert_eq!((state.epoch, state.rank, state.world_size, state.start), (2, 1, 2, 1));
    /// assert_eq!((state.num_records, state.seed, state.remainder), (5, None, Remainder::Pad));
    /// # Ok::<(), tfr_index::Error>(())
    /// ```
    #[must_use]
    pub fn state(&self) -> OrderState {
        self.state
    }

    /// Returns how many records the rank has in this epoch, from `start` on.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.run.end - self.run.start
    }

    /// Returns whether no records are left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.run.is_empty()
    }

    /// Returns the number of the `i`-th record, counted from `start`. None if `i` is not less than
    /// the length.
    #[must_use]
    pub fn get(&self, i: u64) -> Option<u64> {
        (i < self.len()).then(|| self.at(self.run.start + i))
    }

    /// Writes the numbers of the records from the `first` one on to `records`, and returns how many:
    /// fewer than there is room for if the order ends before. This is faster than to get them one
    /// by one.
    ///
    /// ```
    /// let order = tfr_index::Order::new(1000).shuffle(7);
    /// let mut batch = [0; 256];
    /// assert_eq!(order.fill(512, &mut batch), 256);
    /// assert_eq!(order.get(515), Some(batch[3]));
    /// assert_eq!(order.fill(768, &mut batch), 232);
    /// ```
    pub fn fill(&self, first: u64, records: &mut [u64]) -> usize {
        let left = usize::try_from(self.len().saturating_sub(first)).unwrap_or(usize::MAX);
        let count = left.min(records.len());
        let start = self.run.start + first.min(self.len());
        let records = &mut records[..count];
        match &self.sequence {
            Sequence::InOrder => {
                records.iter_mut().zip(start..).for_each(|(record, i)| *record = i)
            }
            Sequence::Shuffled(permutation) => drop(permutation.fill(start, records)),
            Sequence::Chunks(chunks) => chunks.fill(start, records),
        }
        count
    }

    /// Iterates over the numbers of the records.
    #[must_use]
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = u64> + '_ {
        self.run.clone().map(|position| self.at(position))
    }

    /// How many neighbouring records come close together, if chunks are shuffled: those of a window.
    pub(crate) fn window_records(&self) -> Option<u64> {
        let records = self.state.chunk_records.filter(|_| self.state.seed.is_some())?;
        Some(records.saturating_mul(chunks::WINDOW))
    }

    /// The record at a position of the epoch's sequence.
    fn at(&self, position: u64) -> u64 {
        match &self.sequence {
            Sequence::InOrder => position,
            Sequence::Shuffled(permutation) => permutation.at(position),
            Sequence::Chunks(chunks) => chunks.at(position),
        }
    }

    /// What follows from the state, with no records left out.
    fn restarted(mut self) -> Order {
        let OrderState { num_records, epoch, rank, world_size, remainder, .. } = self.state;
        self.state.start = 0;
        let seed = self.state.seed.map(|seed| seed ^ permutation::mix(epoch));
        self.sequence = match (seed, self.state.chunk_records) {
            (None, _) => Sequence::InOrder,
            (Some(seed), None) => Sequence::Shuffled(Permutation::new(num_records, seed)),
            (Some(seed), Some(chunk_records)) => {
                Sequence::Chunks(ChunkShuffle::new(num_records, chunk_records, seed))
            }
        };
        self.run = run_of_records(num_records, rank, world_size, remainder);
        self
    }
}

#[cfg(test)]
mod tests;
