//! Which feature a key is.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Wanted features by their keys.
pub(super) type ByKey = HashMap<Vec<u8>, usize, BuildHasherDefault<KeyHasher>>;

/// A hash of keys, which a caller chooses and not the data.
#[derive(Default)]
pub(super) struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn write(&mut self, bytes: &[u8]) {
        for eight in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..eight.len()].copy_from_slice(eight);
            // As rustc's own hash.
            let mixed = self.0.rotate_left(5) ^ u64::from_le_bytes(word);
            self.0 = mixed.wrapping_mul(0x517c_c1b7_2722_0a95);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// The most keys, their most bytes, and the longest key, that are remembered.
const KEYS: usize = 1 << 16;
const MOST: usize = 1 << 20;
const LONGEST: usize = 1 << 10;

/// The keys of the record before, in their order: most files have the same order in each record, and
/// then each key is compared with one other.
#[derive(Default)]
pub(super) struct Order {
    keys: Vec<u8>,
    /// Where each key ends, and its feature.
    entries: Vec<(usize, Option<usize>)>,
}

impl Order {
    /// The feature of the key at place `at` of a record. `None`: an unwanted one.
    #[inline]
    pub fn find(&mut self, at: usize, key: &[u8], by_key: &ByKey) -> Option<usize> {
        if let Some(&(end, feature)) = self.entries.get(at) {
            let known = &self.keys[..end];
            let start = at.checked_sub(1).map_or(0, |before| self.entries[before].0);
            if known.len() - start == key.len() && known[start..] == *key {
                return feature;
            }
        }
        self.find_other(at, key, by_key)
    }

    #[cold]
    fn find_other(&mut self, at: usize, key: &[u8], by_key: &ByKey) -> Option<usize> {
        let feature = by_key.get(key).copied();
        // What followed the old key probably follows no more.
        self.entries.truncate(at);
        let start = self.entries.last().map_or(0, |&(end, _)| end);
        self.keys.truncate(start);
        let is_next = self.entries.len() == at && at < KEYS;
        if is_next && key.len() <= LONGEST && start + key.len() <= MOST {
            self.keys.extend_from_slice(key);
            self.entries.push((start + key.len(), feature));
        }
        feature
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_in_any_order() {
        let names = ["a", "bb", "image/encoded", "image/encodee", ""];
        let by_key: ByKey =
            names.iter().enumerate().map(|(i, name)| (name.as_bytes().to_vec(), i)).collect();
        let find = |name: &str| by_key.get(name.as_bytes()).copied();
        let mut order = Order::default();
        for record in [
            &["a", "bb", "x", "image/encoded"][..],
            &["a", "bb", "x", "image/encodee"],
            &["bb", "a", "", "x", "image/encoded"],
            &["bb"],
            &["bb", "a", "", "x", "image/encoded", "y"],
        ] {
            for (at, name) in record.iter().enumerate() {
                assert_eq!(order.find(at, name.as_bytes(), &by_key), find(name));
            }
        }
        // Keys that are too long to remember, and those after them.
        let long = "k".repeat(LONGEST + 1);
        for (at, name) in [&*long, "a", "bb"].into_iter().enumerate() {
            assert_eq!(order.find(at, name.as_bytes(), &by_key), find(name));
        }
    }

    #[test]
    fn not_all_keys_of_a_hostile_record_are_remembered() {
        let by_key: ByKey = [(Vec::new(), 3)].into_iter().collect();
        let mut order = Order::default();
        for at in 0..KEYS + 10 {
            assert_eq!(order.find(at, b"", &by_key), Some(3));
        }
        assert_eq!(order.entries.len(), KEYS);
    }
}
