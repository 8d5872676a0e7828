//! `ChunkShuffle`: chunks of neighbouring records in a random order, and the records of some chunks
//! at a time in a random order.

use super::permutation::{mix, Permutation, GAMMA};

/// How many chunks a window has.
pub(super) const WINDOW: u64 = 12;

/// A sequence of all records in which those of a window, a dozen chunks, come together. Constant
/// memory: a position's record is computed. [`Order::shuffle_chunks`](super::Order::shuffle_chunks)
/// defines it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ChunkShuffle {
    num_records: u64,
    /// The records of each chunk but the last one.
    chunk_records: u64,
    /// Which chunk comes when.
    chunks: Permutation,
    /// When the last chunk comes, and where it ends in the sequence.
    last: u64,
    end_of_last: u64,
    /// The seed of the first window.
    seed: u64,
}

/// The records of some chunks that come one after the other.
struct Window {
    start: u64,
    end: u64,
    permutation: Permutation,
    /// The turn of its first chunk.
    first_turn: u64,
    /// Its chunks, as far as they are known.
    chunks: [Option<u64>; WINDOW as usize],
}

impl ChunkShuffle {
    /// The seed is that of the epoch. A chunk has at least one record.
    pub fn new(num_records: u64, chunk_records: u64, seed: u64) -> ChunkShuffle {
        let count = num_records / chunk_records + u64::from(num_records % chunk_records > 0);
        let chunks = Permutation::new(count, seed);
        let last = count.checked_sub(1).and_then(|last| chunks.position(last)).unwrap_or(0);
        let records_of_last = num_records - count.saturating_sub(1) * chunk_records;
        let end_of_last = last * chunk_records + records_of_last;
        let seed = mix(seed.wrapping_add(GAMMA));
        ChunkShuffle { num_records, chunk_records, chunks, last, end_of_last, seed }
    }

    /// The record at a position, which is less than the number of records.
    pub fn at(&self, position: u64) -> u64 {
        self.record(&mut self.window(position), position)
    }

    /// The records from a position on. There are as many.
    pub fn fill(&self, start: u64, records: &mut [u64]) {
        let mut window: Option<Window> = None;
        for (record, position) in records.iter_mut().zip(start..) {
            let here = window.take().filter(|window| position < window.end);
            let mut here = here.unwrap_or_else(|| self.window(position));
            *record = self.record(&mut here, position);
            window = Some(here);
        }
    }

    fn record(&self, window: &mut Window, position: u64) -> u64 {
        let place = window.start + window.permutation.at(position - window.start);
        let turn = self.turn(place);
        let chunk = &mut window.chunks[(turn - window.first_turn) as usize];
        let chunk = *chunk.get_or_insert_with(|| self.chunks.at(turn));
        chunk * self.chunk_records + (place - self.start(turn))
    }

    /// The window of a position.
    fn window(&self, position: u64) -> Window {
        let number = self.turn(position) / WINDOW;
        let first_turn = number * WINDOW;
        let start = self.start(first_turn);
        let next = first_turn + WINDOW.min(self.chunks.len() - first_turn);
        let end = self.start(next);
        let permutation = Permutation::new(end - start, self.seed.wrapping_add(number));
        Window { start, end, permutation, first_turn, chunks: [None; WINDOW as usize] }
    }

    /// How many chunks come before that of a position, if only chunks are shuffled.
    fn turn(&self, position: u64) -> u64 {
        match position.checked_sub(self.end_of_last) {
            None => position / self.chunk_records,
            Some(after) => self.last + 1 + after / self.chunk_records,
        }
    }

    /// The position of the first record of the chunk with this turn; at the end, of no record.
    fn start(&self, turn: u64) -> u64 {
        match turn.checked_sub(self.last + 1) {
            None => turn * self.chunk_records,
            Some(after) => self.end_of_last + after * self.chunk_records,
        }
    }
}
