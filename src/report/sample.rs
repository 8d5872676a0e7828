//! A random sample of items that come one after the other, in any order and from any thread.
//!
//! Each item has a number that only depends on the seed and on what it is: those with the least ones
//! are the sample. So the sample is the same whoever finds the items, and two samples can be merged.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// The items with the least keys.
#[derive(Debug, Clone)]
pub(super) struct Sample<T> {
    most: usize,
    kept: BinaryHeap<Keyed<T>>,
}

#[derive(Debug, Clone)]
struct Keyed<T>(u64, T);

impl<T> Sample<T> {
    /// A sample of at most that many items.
    pub fn of(most: usize) -> Sample<T> {
        Sample { most, kept: BinaryHeap::new() }
    }

    /// Whether an item with this key would be in the sample.
    #[inline]
    pub fn takes(&self, key: u64) -> bool {
        self.kept.len() < self.most || self.kept.peek().is_some_and(|last| key < last.0)
    }

    #[inline]
    pub fn add(&mut self, key: u64, item: T) {
        if self.takes(key) {
            self.kept.push(Keyed(key, item));
            if self.kept.len() > self.most {
                self.kept.pop();
            }
        }
    }

    pub fn merge(&mut self, other: Sample<T>) {
        for Keyed(key, item) in other.kept {
            self.add(key, item);
        }
    }

    /// Items with a greater key are not in the sample.
    pub fn limit(&self) -> u64 {
        match self.kept.peek() {
            Some(last) if self.kept.len() == self.most => last.0,
            _ => u64::MAX,
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.kept.iter().map(|Keyed(_, item)| item)
    }

    /// The items, by their keys: that is a random order.
    pub fn into_sorted(self) -> Vec<(u64, T)> {
        self.kept.into_sorted_vec().into_iter().map(|Keyed(key, item)| (key, item)).collect()
    }
}

/// A random number that the seed and these two numbers give: by the last steps of SplitMix64.
#[inline]
pub(super) fn key(seed: u64, one: u64, other: u64) -> u64 {
    mix(mix(mix(seed).wrapping_add(one)).wrapping_add(other))
}

#[inline]
fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

impl<T> PartialEq for Keyed<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<T> Eq for Keyed<T> {}

impl<T> PartialOrd for Keyed<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Keyed<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_does_not_depend_on_the_order() {
        let sample = |items: &mut dyn Iterator<Item = u64>| {
            let mut sample = Sample::of(10);
            items.for_each(|item| sample.add(key(7, 1, item), item));
            sample
        };
        let all = sample(&mut (0..1000));
        let limit = all.limit();
        let (one, two) = (sample(&mut (0..500).rev()), sample(&mut (500..1000)));
        let mut merged = two;
        merged.merge(one);
        let all = all.into_sorted();
        assert_eq!((all.len(), all[9].0), (10, limit));
        assert_eq!(merged.into_sorted(), all);
        assert_ne!(
            all.iter().map(|(_, item)| *item).collect::<Vec<_>>(),
            (0..10).collect::<Vec<_>>()
        );
        assert_eq!(sample(&mut (0..3)).limit(), u64::MAX);
        let mut none = Sample::of(0);
        none.add(0, ());
        assert_eq!(none.into_sorted(), []);
    }

    #[test]
    fn every_item_is_as_likely() {
        let mut counts = [0; 10];
        for seed in 0..10_000 {
            let mut sample = Sample::of(3);
            (0..10).for_each(|item| sample.add(key(seed, 2, item), item as usize));
            sample.iter().for_each(|item| counts[*item] += 1);
        }
        assert!(counts.iter().all(|count| (2_800..3_200).contains(count)), "{counts:?}");
    }
}
