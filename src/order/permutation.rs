//! `Permutation`: a random order of a billion numbers that takes no memory.

use std::fmt;

/// The rounds of the shortest permutations, which need the most.
const MAX_ROUNDS: usize = 32;

/// A random permutation of the numbers from 0 to `len - 1`, in constant memory: no table is made,
/// and each number is computed when it is needed, in some 50 ns.
///
/// It is the order for a data set that is too large to shuffle in memory. A length and a seed
/// always mean the same permutation, in every version, on every platform and in every language.
/// All 64 bits of the seed count, and the permutations of neighbouring seeds have nothing in
/// common. Do not use it for secrets.
///
/// ```
/// use tfr_index::Permutation;
///
/// let permutation = Permutation::new(1_000_000_000, 7);
/// assert_eq!(permutation.get(0), Some(666_120_653));
/// assert_eq!(permutation.position(666_120_653), Some(0));
/// assert_eq!(permutation.get(1_000_000_000), None);
///
/// let shuffled: Vec<u64> = Permutation::new(5, 7).iter().collect();
/// assert_eq!(shuffled, [3, 0, 2, 1, 4]);
/// ```
///
/// # Construction
///
/// It is an alternating Feistel network with cycle walking (Black and Rogaway: Ciphers with
/// Arbitrary Finite Domains, 2002). All numbers are unsigned integers of 64 bits, whose sums and
/// products wrap.
///
/// - `mix(z)`, the last step of SplitMix64: `z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9`,
///   `z = (z ^ z >> 27) * 0x94d049bb133111eb`, `z ^ z >> 31`.
/// - There are 8 rounds if `len` is at least 65,536, 16 if it is at least 256, and 32 otherwise.
///   Round `j`, from 0 on, has the key `mix(mix(seed + G) + (j + 1) * G)`, where
///   `G = 0x9e3779b97f4a7c15`: the keys are the numbers of a SplitMix64 generator, which starts
///   from the first number of a generator with the seed.
/// - Numbers are places in a table of `rows` by `columns`: `x = row * columns + column`. With `bits`
///   the number of binary digits of `len - 1`, `columns` is `2^(bits / 2)`, rounded down in the
///   exponent, and `rows` is `len / columns`, rounded up.
/// - `draw(key, x, bound)` is below `bound`: `z = (x ^ key) * 0xbf58476d1ce4e5b9`,
///   `z = (z ^ z >> 32) * 0x94d049bb133111eb`, and then the upper 64 bits of the product of 128
///   bits `z * bound`.
/// - Rounds 0, 2, 4, …: `row = (row + draw(key, column, rows)) % rows`. Rounds 1, 3, 5, …:
///   `column = (column + draw(key, row, columns)) % columns`.
/// - The number at position `i` is what all rounds make of `i`. As long as this is not less than
///   `len`, all rounds are applied again. The table has fewer than `columns` places too many, so
///   that is rare.
///
/// Additions instead of XOR make odd permutations as likely as even ones. The number of rounds
/// keeps the difference to truly random permutations too small to measure: with 20 million seeds,
/// all orders of up to 7 numbers are equally likely.
#[derive(Clone, Copy)]
pub struct Permutation {
    len: u64,
    seed: u64,
    rows: u64,
    /// The number of columns is a power of two; this is its exponent.
    column_bits: u32,
    rounds: usize,
    keys: [u64; MAX_ROUNDS],
}

impl Permutation {
    /// Makes the permutation of `len` numbers that the seed means.
    ///
    /// It may have any length. There is one permutation of 0 numbers, and one of 1.
    #[must_use]
    pub fn new(len: u64, seed: u64) -> Permutation {
        let last = len.saturating_sub(1);
        let column_bits = (u64::BITS - last.leading_zeros()) / 2;
        let rounds = match len {
            0x1_0000.. => 8,
            0x100.. => 16,
            _ => MAX_ROUNDS,
        };
        let mut keys = [0; MAX_ROUNDS];
        let mut state = mix(seed.wrapping_add(GAMMA));
        for key in &mut keys[..rounds] {
            state = state.wrapping_add(GAMMA);
            *key = mix(state);
        }
        Permutation { len, seed, rows: (last >> column_bits) + 1, column_bits, rounds, keys }
    }

    /// Returns how many numbers it permutes.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Returns whether it permutes no numbers.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns the seed.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Returns the number at a position, or none if `position` is not less than the length.
    #[must_use]
    pub fn get(&self, position: u64) -> Option<u64> {
        (position < self.len).then(|| self.at(position))
    }

    /// Returns the position of a number: the inverse of [`get`](Permutation::get). None if
    /// `number` is not less than the length.
    #[must_use]
    pub fn position(&self, number: u64) -> Option<u64> {
        (number < self.len).then(|| {
            let mut place = self.undo_rounds(number);
            while place >= self.len {
                place = self.undo_rounds(place);
            }
            place
        })
    }

    /// Writes the numbers at the positions from `start` on to `numbers`, and returns how many: fewer
    /// than there is room for if the permutation ends before. This is faster than to get them one
    /// by one.
    ///
    /// ```
    /// let permutation = tfr_index::Permutation::new(1000, 7);
    /// let mut batch = [0; 256];
    /// assert_eq!(permutation.fill(512, &mut batch), 256);
    /// assert_eq!(permutation.get(515), Some(batch[3]));
    /// assert_eq!(permutation.fill(768, &mut batch), 232);
    /// ```
    pub fn fill(&self, start: u64, numbers: &mut [u64]) -> usize {
        let left = usize::try_from(self.len.saturating_sub(start)).unwrap_or(usize::MAX);
        let count = left.min(numbers.len());
        for (number, position) in numbers[..count].iter_mut().zip(start..) {
            *number = self.at(position);
        }
        count
    }

    /// Iterates over the numbers in their order.
    #[must_use]
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = u64> + '_ {
        (0..self.len).map(|position| self.at(position))
    }

    /// The number at a position that is less than the length. The cycle that the rounds make of a
    /// position comes back to it, so it has a place that is less than the length.
    #[inline]
    pub(super) fn at(&self, position: u64) -> u64 {
        let mut place = self.do_rounds(position);
        while place >= self.len {
            place = self.do_rounds(place);
        }
        place
    }

    #[inline]
    fn do_rounds(&self, place: u64) -> u64 {
        let mask = (1 << self.column_bits) - 1;
        let (mut row, mut column) = (place >> self.column_bits, place & mask);
        for keys in self.keys[..self.rounds].chunks_exact(2) {
            row += draw(keys[0], column, self.rows);
            if row >= self.rows {
                row -= self.rows;
            }
            column = (column + draw(keys[1], row, mask + 1)) & mask;
        }
        row << self.column_bits | column
    }

    #[inline]
    fn undo_rounds(&self, place: u64) -> u64 {
        let mask = (1 << self.column_bits) - 1;
        let (mut row, mut column) = (place >> self.column_bits, place & mask);
        for keys in self.keys[..self.rounds].chunks_exact(2).rev() {
            column = column.wrapping_sub(draw(keys[1], row, mask + 1)) & mask;
            let drawn = draw(keys[0], column, self.rows);
            row = if row >= drawn { row - drawn } else { row + self.rows - drawn };
        }
        row << self.column_bits | column
    }
}

/// Permutations are equal if their lengths and seeds are.
impl PartialEq for Permutation {
    fn eq(&self, other: &Permutation) -> bool {
        (self.len, self.seed) == (other.len, other.seed)
    }
}

impl Eq for Permutation {}

impl fmt::Debug for Permutation {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter
            .debug_struct("Permutation")
            .field("len", &self.len)
            .field("seed", &self.seed)
            .finish()
    }
}

/// What SplitMix64 adds to its state for each number (Steele, Lea, Flood: Fast Splittable
/// Pseudorandom Number Generators).
pub(super) const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// The number that SplitMix64 makes of its state.
pub(super) fn mix(state: u64) -> u64 {
    let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// A number below `bound` that depends on key and `x`. This is `mix` without the shifts that change
/// nothing: `x` has at most 32 bits, and only the upper bits of the result count.
#[inline]
fn draw(key: u64, x: u64, bound: u64) -> u64 {
    let mixed = (x ^ key).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 32)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((u128::from(mixed) * u128::from(bound)) >> 64) as u64
}

#[cfg(test)]
mod tests;
