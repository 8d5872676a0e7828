//! Reproducible random numbers: a seed must mean the same order on every platform, in every
//! language and in every version.

/// SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators).
pub(super) struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A uniformly distributed number below `bound` (Lemire: Fast Random Integer Generation in an
    /// Interval): the upper half of a product. If `bound` does not divide 2^64, products that would
    /// make some numbers more likely are drawn again.
    fn below(&mut self, bound: u64) -> u64 {
        let mut product = u128::from(self.next()) * u128::from(bound);
        if (product as u64) < bound {
            let surplus = bound.wrapping_neg() % bound;
            while (product as u64) < surplus {
                product = u128::from(self.next()) * u128::from(bound);
            }
        }
        (product >> 64) as u64
    }

    /// Draws `count` of the items without replacement to the front (Fisher and Yates).
    pub fn draw<T>(&mut self, items: &mut [T], count: usize) {
        for drawn in 0..count {
            let left = (items.len() - drawn) as u64;
            items.swap(drawn, drawn + self.below(left) as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_splitmix64() {
        // As published with the generator.
        let mut random = Random::new(1_234_567);
        let numbers = [random.next(), random.next(), random.next()];
        let expected = [6_457_827_717_110_365_317, 3_203_168_211_198_807_973];
        assert_eq!(numbers[..2], expected);
        assert_eq!(numbers[2], 9_817_491_932_198_370_423);
        assert_eq!(Random::new(0).next(), 0xe220_a839_7b1d_cdaf);
    }

    /// With a bound just above half of all numbers, nearly every second product is drawn again.
    #[test]
    fn draws_are_below_their_bound_and_even() {
        let bound = (1 << 63) + 1;
        let mut random = Random::new(5);
        let draws: Vec<u64> = (0..10_000).map(|_| random.below(bound)).collect();
        assert!(draws.iter().all(|draw| *draw < bound));
        let low = draws.iter().filter(|draw| **draw < bound / 2).count();
        assert!((4_800..5_200).contains(&low), "{low}");
        let mut words = Random::new(5);
        let words = (0..).take_while(|_| {
            words.next();
            words.0 != random.0
        });
        assert!((18_000..22_000).contains(&words.count()));
        assert_eq!(random.below(1), 0);
    }

    #[test]
    fn every_order_is_as_likely() {
        let mut counts = std::collections::HashMap::new();
        for seed in 0..24_000 {
            let mut items = [0, 1, 2, 3];
            Random::new(seed).draw(&mut items, 4);
            *counts.entry(items).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 24);
        assert!(counts.values().all(|count| (880..1120).contains(count)), "{counts:?}");
    }
}
