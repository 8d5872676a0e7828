//! An index in little memory: one to three bytes per record, where frames follow each other.
//!
//! The entries are in order, and kept in blocks. In a block without gaps each frame starts where
//! the one before ends, so that the ends alone say everything. They ascend, and are encoded by the
//! method of Elias and Fano: the low bits of each end are stored as they are, and the high bits in
//! unary, as a string of bits in which end `i` is one number `i` and each zero before it adds one to
//! its high bits. With as many low bits as the mean size of a frame has, the high bits take two to
//! three bits per record. A block with gaps, which is rare, has plain entries.

use std::mem;
use std::ops::Range;

use super::{push, Entry};
use crate::error::{Error, Result};

/// Entries in a block: enough that the block's start costs little, few enough to search quickly.
const BLOCK: usize = 256;
/// Blocks in a chunk. Chunks are allocated one by one: a growing index is never copied.
const CHUNK: usize = if cfg!(any(test, fuzzing)) { 3 } else { 256 };
/// The most words for the high bits of a block: three bits per entry.
const HIGH_WORDS: usize = 3 * BLOCK / 64;
/// Stands for the number of low bits in a block of plain entries, of two words each.
const PLAIN: u32 = u32::MAX;

/// Entries in the order of their offsets, which do not overlap.
#[derive(Default)]
pub(crate) struct CompactIndex {
    chunks: Vec<Chunk>,
    len: usize,
    covered: u64,
}

/// [`CHUNK`] blocks; the last chunk of an index may have fewer.
struct Chunk {
    blocks: Box<[Block]>,
    words: Box<[u64]>,
}

/// [`BLOCK`] entries; the last block of an index may have fewer.
struct Block {
    /// Where the first frame starts.
    start: u64,
    /// The number of the block's first word in its chunk: first the low bits, then the high bits.
    at: u32,
    /// The number of low bits per entry, or [`PLAIN`].
    low_bits: u32,
}

impl CompactIndex {
    pub fn len(&self) -> usize {
        self.len
    }

    /// The number of bytes of the data that the entries cover.
    pub fn covered(&self) -> u64 {
        self.covered
    }

    /// The number of bytes of memory that the index takes.
    pub fn bytes(&self) -> usize {
        let bytes = |chunk: &Chunk| {
            mem::size_of::<Chunk>()
                + mem::size_of_val(&*chunk.blocks)
                + mem::size_of_val(&*chunk.words)
        };
        self.chunks.iter().map(bytes).sum()
    }

    #[inline]
    pub fn get(&self, record: usize) -> Option<Entry> {
        (record < self.len).then(|| self.walk(record).next())
    }

    /// The entries of some records, all of which must exist.
    pub fn range(&self, records: Range<usize>) -> Iter<'_> {
        Iter { index: self, records, walk: None }
    }

    /// A walk over the entries of a block, from a record that exists.
    #[inline]
    fn walk(&self, record: usize) -> Walk<'_> {
        let (block, number) = (record / BLOCK, record % BLOCK);
        let chunk = &self.chunks[block / CHUNK];
        let count = BLOCK.min(self.len - (record - number));
        let block = &chunk.blocks[block % CHUNK];
        let words = &chunk.words[block.at as usize..];
        match block.low_bits {
            PLAIN => Walk::Plain(&words[2 * number..]),
            low_bits => Walk::Run(Run::at(number, count, block.start, low_bits, words)),
        }
    }
}

/// A walk over the entries of a block. The caller knows how many there are.
enum Walk<'a> {
    Run(Run<'a>),
    Plain(&'a [u64]),
}

impl Walk<'_> {
    #[inline]
    fn next(&mut self) -> Entry {
        match self {
            Walk::Run(run) => run.next(),
            Walk::Plain(words) => {
                let entry = Entry { offset: words[0], size: words[1] };
                *words = &words[2..];
                entry
            }
        }
    }
}

/// A walk over a block without gaps.
struct Run<'a> {
    low: &'a [u64],
    high: &'a [u64],
    low_bits: u32,
    block_start: u64,
    /// The number of the next entry in the block, and where its frame starts.
    number: usize,
    start: u64,
    /// The word of high bits that the walk has reached, and its ones that are not passed yet.
    word: usize,
    ones: u64,
}

impl<'a> Run<'a> {
    #[inline]
    fn at(number: usize, count: usize, start: u64, low_bits: u32, words: &'a [u64]) -> Run<'a> {
        let (low, high) = words.split_at(low_words(count, low_bits));
        let mut run =
            Run { low, high, low_bits, block_start: start, number, start, word: 0, ones: high[0] };
        if let Some(before) = number.checked_sub(1) {
            run.number = before;
            run.skip_ones(before);
            run.next(); // its end is where the entry starts
        }
        run
    }

    #[inline]
    fn skip_ones(&mut self, mut count: usize) {
        loop {
            let ones = self.ones.count_ones() as usize;
            if ones > count {
                break;
            }
            count -= ones;
            self.word += 1;
            self.ones = self.high[self.word];
        }
        for _ in 0..count {
            self.ones &= self.ones - 1;
        }
    }

    #[inline]
    fn next(&mut self) -> Entry {
        while self.ones == 0 {
            self.word += 1;
            self.ones = self.high[self.word];
        }
        let one = 64 * self.word + self.ones.trailing_zeros() as usize;
        self.ones &= self.ones - 1;
        let high = (one - self.number) as u64;
        let end = self.block_start + (high << self.low_bits | self.low());
        let entry = Entry { offset: self.start, size: end - self.start };
        self.number += 1;
        self.start = end;
        entry
    }

    /// The low bits of the next entry's end.
    #[inline]
    fn low(&self) -> u64 {
        let bit = self.number * self.low_bits as usize;
        let (word, shift) = (bit / 64, bit % 64);
        let mut low = self.low[word] >> shift;
        if shift + self.low_bits as usize > 64 {
            low |= self.low[word + 1] << (64 - shift);
        }
        low & ((1 << self.low_bits) - 1)
    }
}

/// The number of words for the low bits of `count` entries.
fn low_words(count: usize, low_bits: u32) -> usize {
    (count * low_bits as usize + 63) / 64
}

/// The entries of some records; see [`CompactIndex::range`].
pub(crate) struct Iter<'a> {
    index: &'a CompactIndex,
    records: Range<usize>,
    /// A walk over the next record's block, if it has begun.
    walk: Option<Walk<'a>>,
}

impl Iterator for Iter<'_> {
    type Item = Entry;

    #[inline]
    fn next(&mut self) -> Option<Entry> {
        let record = self.records.next()?;
        if self.walk.is_none() || record % BLOCK == 0 {
            self.walk = Some(self.index.walk(record));
        }
        self.walk.as_mut().map(Walk::next)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.records.size_hint()
    }
}

impl ExactSizeIterator for Iter<'_> {}

/// Makes a [`CompactIndex`] of entries as they come.
#[derive(Default)]
pub(crate) struct Builder {
    index: CompactIndex,
    /// The blocks and words of the next chunk.
    blocks: Vec<Block>,
    words: Vec<u64>,
    /// The entries of the next block.
    pending: Vec<Entry>,
    /// Where the last entry in a block ends.
    end: u64,
}

impl Builder {
    /// Takes entries from the front of `entries`: all of them, or fewer if one starts before the
    /// one before it ends. Then it returns false, and the index cannot be made.
    pub fn append(&mut self, entries: &mut &[Entry]) -> Result<bool> {
        while !entries.is_empty() {
            if self.pending.is_empty() && entries.len() >= BLOCK {
                let (block, rest) = entries.split_at(BLOCK);
                if !self.seal(block)? {
                    return Ok(false);
                }
                *entries = rest;
                continue;
            }
            let (some, rest) = entries.split_at(entries.len().min(BLOCK - self.pending.len()));
            some.iter().try_for_each(|entry| push(&mut self.pending, *entry))?;
            *entries = rest;
            if self.pending.len() == BLOCK && !self.seal_pending()? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Returns the index or, if the entries are not in order, the entries.
    pub fn finish(mut self) -> Result<std::result::Result<CompactIndex, Vec<Entry>>> {
        if !self.seal_pending()? {
            return self.into_entries().map(Err);
        }
        self.seal_chunk()?;
        self.index.chunks.shrink_to_fit();
        Ok(Ok(self.index))
    }

    /// The entries so far.
    pub fn into_entries(mut self) -> Result<Vec<Entry>> {
        self.seal_chunk()?;
        let mut entries = Vec::new();
        let count = self.index.len() + self.pending.len();
        entries.try_reserve_exact(count).map_err(|_| out_of_memory())?;
        entries.extend(self.index.range(0..self.index.len()));
        entries.append(&mut self.pending);
        Ok(entries)
    }

    fn seal_pending(&mut self) -> Result<bool> {
        let mut pending = mem::take(&mut self.pending);
        let is_sealed = pending.is_empty() || self.seal(&pending)?;
        if is_sealed {
            pending.clear();
        }
        self.pending = pending;
        Ok(is_sealed)
    }

    /// Makes a block of some entries; false if they are not in order.
    fn seal(&mut self, entries: &[Entry]) -> Result<bool> {
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else { return Ok(true) };
        if first.offset < self.end {
            return Ok(false);
        }
        let pairs = || entries.windows(2).map(|pair| (pair[0].end(), pair[1].offset));
        let has_gaps = pairs().any(|(end, next)| end != next);
        if has_gaps && pairs().any(|(end, next)| end > next) {
            return Ok(false);
        }
        let at = self.words.len() as u32;
        let low_bits = match has_gaps {
            true => {
                self.reserve_words(2 * entries.len())?;
                self.words.extend(entries.iter().flat_map(|entry| [entry.offset, entry.size]));
                PLAIN
            }
            false => self.seal_run(entries, last.end() - first.offset)?,
        };
        self.blocks.try_reserve(1).map_err(|_| out_of_memory())?;
        self.blocks.push(Block { start: first.offset, at, low_bits });
        self.index.len += entries.len();
        self.index.covered += entries.iter().map(|entry| entry.size).sum::<u64>();
        self.end = last.end();
        if self.blocks.len() == CHUNK {
            self.seal_chunk()?;
        }
        Ok(true)
    }

    /// Encodes the ends of entries without gaps, which cover `covered` bytes. Returns the number of
    /// low bits.
    fn seal_run(&mut self, entries: &[Entry], covered: u64) -> Result<u32> {
        // Not 0: a frame has at least 16 bytes.
        let low_bits = (covered / entries.len() as u64).ilog2();
        let mask = (1 << low_bits) - 1;
        let mut high = [0_u64; HIGH_WORDS];
        self.reserve_words(low_words(entries.len(), low_bits) + HIGH_WORDS)?;
        let (mut end, mut low, mut filled, mut one) = (0, 0, 0, 0);
        for (number, entry) in entries.iter().enumerate() {
            end += entry.size;
            let bits = end & mask;
            low |= bits << filled;
            filled += low_bits;
            if filled >= 64 {
                self.words.push(low);
                filled -= 64;
                low = bits >> (low_bits - filled);
            }
            one = (end >> low_bits) as usize + number;
            high[one / 64] |= 1 << (one % 64);
        }
        if filled > 0 {
            self.words.push(low);
        }
        self.words.extend_from_slice(&high[..=one / 64]);
        Ok(low_bits)
    }

    fn reserve_words(&mut self, count: usize) -> Result<()> {
        self.words.try_reserve(count).map_err(|_| out_of_memory())
    }

    fn seal_chunk(&mut self) -> Result<()> {
        if self.blocks.is_empty() {
            return Ok(());
        }
        self.index.chunks.try_reserve(1).map_err(|_| out_of_memory())?;
        let chunk = Chunk { blocks: boxed(&mut self.blocks)?, words: boxed(&mut self.words)? };
        self.index.chunks.push(chunk);
        Ok(())
    }
}

/// Moves the items to memory of their size.
fn boxed<T>(items: &mut Vec<T>) -> Result<Box<[T]>> {
    let mut exact = Vec::new();
    exact.try_reserve_exact(items.len()).map_err(|_| out_of_memory())?;
    exact.append(items);
    Ok(exact.into_boxed_slice())
}

fn out_of_memory() -> Error {
    Error::out_of_memory("the index")
}

#[cfg(test)]
mod tests;
