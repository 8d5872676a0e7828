//! The layout of entries: checks that do not need the data.

use std::ops::{Range, RangeFrom};
use std::slice;

use crate::error::{Error, ErrorKind, Result};
use crate::index::{Entries, Entry, EntryOrder};

/// Distinct entries in the order of their offsets, which do not overlap.
pub(super) struct Layout<'a, E> {
    entries: &'a E,
    /// If the index is in another order: its entries, and their numbers in the order of offsets.
    sorted: Option<(&'a [Entry], Vec<usize>)>,
    /// Bytes that the entries cover.
    pub covered: u64,
}

impl<'a, E: Entries> Layout<'a, E> {
    /// Fails if two different entries overlap, or if memory runs out.
    pub fn of(entries: &'a E) -> Result<Layout<'a, E>> {
        Ok(match entries.order() {
            EntryOrder::Ascending { covered } => Layout { entries, sorted: None, covered },
            EntryOrder::Other(all) => {
                let order = sorted(all)?;
                let covered = order.iter().map(|&record| all[record].size).sum();
                Layout { entries, sorted: Some((all, order)), covered }
            }
        })
    }

    pub fn len(&self) -> usize {
        self.sorted.as_ref().map_or_else(|| self.entries.len(), |(_, order)| order.len())
    }

    /// Whether an entry of the index starts before the previous one.
    pub fn is_reordered(&self) -> bool {
        let starts_before = |pair: &[Entry]| pair[1].offset < pair[0].offset;
        self.sorted.as_ref().is_some_and(|(all, _)| all.windows(2).any(starts_before))
    }

    /// Whether the index contains an entry more than once.
    pub fn has_repeated(&self) -> bool {
        self.sorted.as_ref().is_some_and(|(all, order)| order.len() < all.len())
    }

    /// The entry at a position in the order of offsets, and its number in the index.
    #[inline]
    pub fn get(&self, position: usize) -> Result<(u64, Entry)> {
        Ok(match &self.sorted {
            Some((all, order)) => (order[position] as u64, all[order[position]]),
            None => (position as u64, self.entries.get(position)?),
        })
    }

    /// The entries at some positions.
    pub fn range(&self, positions: Range<usize>) -> LayoutRange<'_, E> {
        match &self.sorted {
            Some((all, order)) => LayoutRange::Sorted(all, order[positions].iter()),
            None => {
                let numbers = positions.start as u64..;
                LayoutRange::Ascending(numbers, self.entries.range(positions))
            }
        }
    }

    /// Some entries: the first ones, the middle one and the last.
    pub fn some(&self) -> Result<Vec<Entry>> {
        let (count, last) = (self.len(), self.len().saturating_sub(1));
        let positions = [0, 1, count / 2, last].into_iter().take(count);
        positions.map(|position| Ok(self.get(position)?.1)).collect()
    }

    /// Where the last entry ends.
    pub fn end(&self) -> Result<u64> {
        self.len().checked_sub(1).map_or(Ok(0), |last| Ok(self.get(last)?.1.end()))
    }

    /// The bytes that no entry covers, of data of `size` bytes that holds all entries.
    pub fn gaps(&self, size: u64) -> impl Iterator<Item = Result<Range<u64>>> + '_ {
        let entries = self.range(0..self.len()).map(|entry| Some(entry.map(|(_, entry)| entry)));
        let mut start = 0;
        let gaps = entries.chain([None]).map(move |entry| {
            let (end, next) = match entry.transpose()? {
                Some(entry) => (entry.offset, entry.end()),
                None => (size, size),
            };
            Ok(std::mem::replace(&mut start, next)..end)
        });
        gaps.filter(|gap| gap.as_ref().map_or(true, |gap| !gap.is_empty()))
    }

    /// The number of leading entries for which `is_before` is true. It must be false for all
    /// others.
    pub fn count_before(&self, is_before: impl Fn(Entry) -> bool) -> Result<usize> {
        let (mut least, mut most) = (0, self.len());
        while least < most {
            let middle = least + (most - least) / 2;
            match is_before(self.get(middle)?.1) {
                true => least = middle + 1,
                false => most = middle,
            }
        }
        Ok(least)
    }
}

/// The entries at some positions, with their numbers in the index.
pub(super) enum LayoutRange<'a, E: Entries + 'a> {
    Ascending(RangeFrom<u64>, E::Range<'a>),
    Sorted(&'a [Entry], slice::Iter<'a, usize>),
}

impl<E: Entries> Iterator for LayoutRange<'_, E> {
    type Item = Result<(u64, Entry)>;

    #[inline]
    fn next(&mut self) -> Option<Result<(u64, Entry)>> {
        match self {
            LayoutRange::Ascending(numbers, entries) => {
                let entry = entries.next()?;
                let number = numbers.next()?;
                Some(entry.map(|entry| (number, entry)))
            }
            LayoutRange::Sorted(all, order) => {
                order.next().map(|&record| Ok((record as u64, all[record])))
            }
        }
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
