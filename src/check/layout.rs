//! The layout of entries: checks that do not need the data.

use std::iter;
use std::ops::Range;

use crate::error::{Error, ErrorKind, Result};
use crate::index::Entry;

/// Distinct entries in the order of their offsets, which do not overlap.
pub(super) struct Layout<'a> {
    entries: &'a [Entry],
    /// The numbers of the entries in that order; `None` if the index is in order already.
    order: Option<Vec<usize>>,
    /// Bytes that the entries cover.
    pub covered: u64,
}

impl<'a> Layout<'a> {
    /// Fails if two different entries overlap, or if memory runs out.
    pub fn of(entries: &'a [Entry]) -> Result<Layout<'a>> {
        let in_order = entries.windows(2).all(|pair| pair[0].end() <= pair[1].offset);
        let order = if in_order { None } else { Some(sorted(entries)?) };
        let mut layout = Layout { entries, order, covered: 0 };
        let covered = (0..layout.len()).map(|position| layout.get(position).1.size).sum();
        layout.covered = covered;
        Ok(layout)
    }

    pub fn len(&self) -> usize {
        self.order.as_ref().map_or(self.entries.len(), Vec::len)
    }

    /// The entry at a position in the order of offsets, and its number in the index.
    #[inline]
    pub fn get(&self, position: usize) -> (u64, Entry) {
        let record = self.order.as_ref().map_or(position, |order| order[position]);
        (record as u64, self.entries[record])
    }

    /// Some entries: the first ones, the middle one and the last.
    pub fn some(&self) -> impl Iterator<Item = Entry> + '_ {
        let (count, last) = (self.len(), self.len().saturating_sub(1));
        let positions = [0, 1, count / 2, last].into_iter().take(count);
        positions.map(|position| self.get(position).1)
    }

    /// Where the last entry ends.
    pub fn end(&self) -> u64 {
        self.len().checked_sub(1).map_or(0, |last| self.get(last).1.end())
    }

    /// The bytes that no entry covers, of data of `size` bytes that holds all entries.
    pub fn gaps(&self, size: u64) -> impl Iterator<Item = Range<u64>> + '_ {
        let entries = || (0..self.len()).map(|position| self.get(position).1);
        let starts = iter::once(0).chain(entries().map(|entry| entry.end()));
        let ends = entries().map(|entry| entry.offset).chain([size]);
        starts.zip(ends).map(|(start, end)| start..end).filter(|gap| !gap.is_empty())
    }

    /// The number of leading entries for which `is_before` is true. It must be false for all
    /// others.
    pub fn count_before(&self, is_before: impl Fn(Entry) -> bool) -> usize {
        let (mut least, mut most) = (0, self.len());
        while least < most {
            let middle = least + (most - least) / 2;
            match is_before(self.get(middle).1) {
                true => least = middle + 1,
                false => most = middle,
            }
        }
        least
    }
}

/// The numbers of the entries in the order of their offsets, without those that repeat another.
fn sorted(entries: &[Entry]) -> Result<Vec<usize>> {
    let mut order = Vec::new();
    order.try_reserve_exact(entries.len()).map_err(|_| Error::out_of_memory("the check"))?;
    order.extend(0..entries.len());
    order.sort_unstable_by_key(|&record| (entries[record], record));
    order.dedup_by_key(|record| entries[*record]);
    match order.windows(2).find(|pair| entries[pair[0]].end() > entries[pair[1]].offset) {
        Some(pair) => Err(overlap(entries, pair[0].min(pair[1]), pair[0].max(pair[1]))),
        None => Ok(order),
    }
}

fn overlap(entries: &[Entry], one: usize, other: usize) -> Error {
    let detail = format!(
        "overlaps record {one} at byte {}: the index is damaged, or contains entries of several \
         files; create it again",
        entries[one].offset
    );
    Error::new(ErrorKind::Mismatch, detail).at(other as u64, entries[other].offset)
}
