//! Packed runs of numbers: varints, one after the other.
//!
//! Most of the time of decoding numbers is spent here. A loop from byte to byte waits for each byte.
//! Instead, the ends of all numbers in 64 bytes are found first, one bit each. Then no number waits
//! for the one before it: this takes three quarters of the time. With SSSE3, which processors of x86
//! have had since 2006, up to four numbers are decoded at once: this takes half of the time.

use std::collections::TryReserveError;

use super::wire::Wire;
use crate::varint;

/// The longest run for which there may be memory for as many numbers as it has bytes. Those of longer
/// ones are counted first.
const SHORT: usize = if cfg!(test) { 200 } else { 16 << 10 };

/// The number of varints in a run, which ends with a whole one. `None`: it does not.
pub(super) fn count(run: &[u8]) -> Option<usize> {
    if run.last().is_some_and(|&byte| byte >= 0x80) {
        return None;
    }
    // A byte of `sums` counts at most 31 of those at its place, so all of them are at most 248.
    let count = |part: &[u8]| {
        let sums: u64 = part.chunks(8).map(ends).sum();
        (sums.wrapping_mul(ONES) >> 56) as usize
    };
    Some(run.chunks(31 * 8).map(count).sum())
}

/// Appends the numbers of a run. `None`: it does not end with a whole one, or one is too long; then
/// nothing is appended.
#[allow(unsafe_code)]
#[inline]
pub(super) fn push(run: &[u8], values: &mut Vec<i64>) -> Option<Result<(), TryReserveError>> {
    let most = match run.len() {
        0..=SHORT if run.last().map_or(true, |&byte| byte < 0x80) => run.len(),
        _ => count(run)?,
    };
    #[cfg(target_arch = "x86_64")]
    if std::is_x86_feature_detected!("ssse3") {
        if let Err(error) = values.try_reserve(most + ssse3::MORE) {
            return Some(Err(error));
        }
        let room = values.spare_capacity_mut();
        // SAFETY: the processor has SSSE3.
        let read = unsafe { ssse3::read(run, room) }?;
        // SAFETY: it has written as many numbers.
        unsafe { values.set_len(values.len() + read) };
        return Some(Ok(()));
    }
    if let Err(error) = values.try_reserve(most) {
        return Some(Err(error));
    }
    let start = values.len();
    values.resize(start + count(run)?, 0);
    if read_one_by_one(run, &mut values[start..]).is_none() {
        values.truncate(start);
        return None;
    }
    Some(Ok(()))
}

/// Decodes a run. `values` has the length that [`count`] returned. `None`: a number is too long.
fn read_one_by_one(run: &[u8], values: &mut [i64]) -> Option<()> {
    let (mut values, mut start) = (values.iter_mut(), 0);
    for (number, block) in run.chunks(64).enumerate() {
        let mut left = 0;
        for (i, eight) in block.chunks(8).enumerate() {
            // The product has bit 0 of byte i as bit 56 + i.
            left |= ends(eight).wrapping_mul(0x0102_0408_1020_4080) >> 56 << (8 * i);
        }
        while left != 0 {
            let end = 64 * number + left.trailing_zeros() as usize + 1;
            left &= left - 1;
            *values.next()? = match (end - start, run.get(start..start + 4)) {
                (size @ 1..=4, Some(word)) => {
                    let word = u32::from_le_bytes(word.try_into().expect("4 bytes"));
                    // Its groups of 7 bits: by twos, and then both twos.
                    let x = word & (0x7f7f_7f7f >> (32 - 8 * size));
                    let x = x - ((x & 0x7f00_7f00) >> 1);
                    i64::from(x & 0x3fff | x >> 16 << 14)
                }
                _ => long(&run[start..end])?,
            };
            start = end;
        }
    }
    Some(())
}

/// The number of bytes of a run.
pub(super) fn size(values: &[i64]) -> usize {
    values.iter().map(|&value| varint::len(value as u64)).sum()
}

/// Encodes a run of [`size`] bytes. `None`: its size is another one.
pub(super) fn write(values: &[i64], run: &mut [u8]) -> Option<()> {
    let mut at = 0;
    for &value in values {
        let (mut value, size) = (value as u64, varint::len(value as u64));
        match run.get_mut(at..at + 4) {
            // Its groups of 7 bits, without a branch for each: the reverse of reading.
            Some(four) if size <= 4 => {
                let x = value as u32;
                let x = x & 0x3fff | (x & !0x3fff) << 2;
                let x = x + (x & 0x3f80_3f80);
                let continued = 0x0080_8080 & ((1 << (8 * (size - 1))) - 1);
                four.copy_from_slice(&(x | continued).to_le_bytes());
            }
            _ => {
                for byte in run.get_mut(at..at + size)? {
                    *byte = value as u8 | 0x80;
                    value >>= 7;
                }
                run[at + size - 1] &= 0x7f;
            }
        }
        at += size;
    }
    (at == run.len()).then_some(())
}

/// A number of more than four bytes.
#[inline(never)]
fn long(bytes: &[u8]) -> Option<i64> {
    Wire(bytes).varint().map(|value| value as i64)
}

const ONES: u64 = 0x0101_0101_0101_0101;

/// Bit 0 of each of up to eight bytes that is the last one of a varint.
#[inline(always)]
fn ends(bytes: &[u8]) -> u64 {
    let word = match bytes.try_into() {
        Ok(eight) => u64::from_le_bytes(eight),
        Err(_) => {
            let mut word = [0xff; 8];
            word[..bytes.len()].copy_from_slice(bytes);
            u64::from_le_bytes(word)
        }
    };
    !word >> 7 & ONES
}

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
mod ssse3 {
    use std::arch::x86_64::{
        _mm_and_si128, _mm_loadu_si128, _mm_movemask_epi8, _mm_or_si128, _mm_set1_epi32,
        _mm_setzero_si128, _mm_shuffle_epi8, _mm_slli_epi32, _mm_srli_epi32, _mm_storeu_si128,
        _mm_sub_epi32, _mm_unpackhi_epi32, _mm_unpacklo_epi32,
    };

    use std::mem::MaybeUninit;

    use super::long;

    /// The bytes whose ends are found at once, and those that may be loaded with the last one.
    const BLOCK: usize = 64;
    const LOADED: usize = BLOCK + 16;

    /// The numbers of up to four bytes that eight bytes begin with, by the ends among these.
    #[derive(Clone, Copy)]
    struct Step {
        /// Which byte goes to each byte of four numbers of four bytes.
        places: [u8; 16],
        /// How many numbers there are: up to four.
        numbers: u8,
        /// How many bytes they have.
        bytes: u8,
    }

    static STEPS: [Step; 256] = steps();

    const fn steps() -> [Step; 256] {
        const ZERO: u8 = 0x80; // a place that no byte goes to
        let mut steps = [Step { places: [ZERO; 16], numbers: 0, bytes: 0 }; 256];
        let mut ends = 0;
        while ends < steps.len() {
            let mut places = [ZERO; 16];
            let (mut number, mut start, mut end) = (0, 0, 0);
            while number < 4 && end < 8 && end < start + 4 {
                if ends >> end & 1 == 1 {
                    let mut byte = start;
                    while byte <= end {
                        places[4 * number + byte - start] = byte as u8;
                        byte += 1;
                    }
                    number += 1;
                    start = end + 1;
                }
                end += 1;
            }
            steps[ends] = Step { places, numbers: number as u8, bytes: start as u8 };
            ends += 1;
        }
        steps
    }

    /// How many numbers more than a run has must have room: four are written at once.
    pub(super) const MORE: usize = 3;

    /// Decodes the numbers of a run to the start of `room`, and returns how many there are. `None`: one
    /// is too long, is cut, or has no room.
    #[target_feature(enable = "ssse3")]
    pub unsafe fn read(mut run: &[u8], room: &mut [MaybeUninit<i64>]) -> Option<usize> {
        let (mut last, mut numbers) = ([0xff; LOADED], 0);
        while !run.is_empty() {
            let block: &[u8; LOADED] = match run.get(..LOADED) {
                Some(block) => block.try_into().expect("80 bytes"),
                None => {
                    last[..run.len()].copy_from_slice(run);
                    last[run.len()..].fill(0xff);
                    &last
                }
            };
            // SAFETY: the caller's.
            let (ends, mut used) = (unsafe { ends(block) }, 0);
            while used < BLOCK && ends >> used != 0 {
                let left = ends >> used;
                let step = &STEPS[(left & 0xff) as usize];
                let count = usize::from(step.numbers);
                if count == 0 {
                    let size = left.trailing_zeros() as usize + 1;
                    room.get_mut(numbers)?.write(long(&block[used..used + size])?);
                    (numbers, used) = (numbers + 1, used + size);
                    continue;
                }
                let bytes = block[used..used + 16].try_into().ok()?;
                let four_of_room = room.get_mut(numbers..numbers + 4)?.try_into().ok()?;
                // SAFETY: the caller's.
                unsafe { four(bytes, &step.places, four_of_room) };
                numbers += count;
                used += usize::from(step.bytes);
            }
            if used == 0 {
                return None;
            }
            run = run.get(used..)?;
        }
        Some(numbers)
    }

    /// A bit for each byte of a block that is the last one of a number.
    #[inline]
    #[target_feature(enable = "ssse3")]
    unsafe fn ends(block: &[u8; LOADED]) -> u64 {
        let mut ends = 0;
        for (i, bytes) in block[..BLOCK].chunks_exact(16).enumerate() {
            // SAFETY: there are 16 bytes.
            let others = unsafe { _mm_movemask_epi8(_mm_loadu_si128(bytes.as_ptr().cast())) };
            ends |= u64::from(!others as u16) << (16 * i);
        }
        ends
    }

    /// Decodes four numbers, of up to four bytes each, to where they belong. To return them took a call
    /// of `memcpy` for each four, 5 % of the instructions of decoding.
    #[inline]
    #[target_feature(enable = "ssse3")]
    unsafe fn four(bytes: &[u8; 16], places: &[u8; 16], four: &mut [MaybeUninit<i64>; 4]) {
        // SAFETY: `bytes`, `places` and each half of `four` have 16 bytes.
        unsafe {
            let places = _mm_loadu_si128(places.as_ptr().cast());
            let x = _mm_shuffle_epi8(_mm_loadu_si128(bytes.as_ptr().cast()), places);
            // As one by one.
            let x = _mm_and_si128(x, _mm_set1_epi32(0x7f7f_7f7f));
            let odd = _mm_and_si128(x, _mm_set1_epi32(0x7f00_7f00));
            let x = _mm_sub_epi32(x, _mm_srli_epi32::<1>(odd));
            let high = _mm_slli_epi32::<14>(_mm_srli_epi32::<16>(x));
            let x = _mm_or_si128(_mm_and_si128(x, _mm_set1_epi32(0x3fff)), high);
            // Their upper halves are zero.
            let zero = _mm_setzero_si128();
            _mm_storeu_si128(four[..2].as_mut_ptr().cast(), _mm_unpacklo_epi32(x, zero));
            _mm_storeu_si128(four[2..].as_mut_ptr().cast(), _mm_unpackhi_epi32(x, zero));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The slow and simple way.
    fn right(run: &[u8]) -> Option<Vec<i64>> {
        let (mut wire, mut values) = (Wire(run), Vec::new());
        while !wire.is_empty() {
            values.push(wire.varint()? as i64);
        }
        Some(values)
    }

    fn all_ways(run: &[u8]) -> Vec<Option<Vec<i64>>> {
        let pushed = || {
            let mut values = vec![-7; 3];
            match push(run, &mut values) {
                Some(pushed) => pushed.unwrap(),
                None => {
                    assert_eq!(values, [-7; 3]);
                    return None;
                }
            }
            assert_eq!(values[..3], [-7; 3]);
            Some(values.split_off(3))
        };
        let one_by_one = || {
            let mut values = vec![-7; count(run)?];
            read_one_by_one(run, &mut values)?;
            Some(values)
        };
        vec![pushed(), one_by_one()]
    }

    proptest! {
        #[test]
        fn numbers_are_those_one_by_one(
            numbers in prop::collection::vec((any::<u64>(), 0..64_u32), 0..200), shift in 0..60_u32
        ) {
            let numbers: Vec<_> =
                numbers.iter().map(|(number, more)| number >> (shift + more).min(63)).collect();
            let mut run = Vec::new();
            for &number in &numbers {
                let before = run.len();
                varint::push(&mut run, number);
                prop_assert_eq!(run.len() - before, varint::len(number));
            }
            let right: Vec<_> = numbers.iter().map(|&number| number as i64).collect();
            let mut written = vec![0xff; size(&right)];
            prop_assert_eq!(write(&right, &mut written), Some(()));
            prop_assert_eq!(&written, &run);
            for values in all_ways(&run) {
                prop_assert_eq!(values.as_ref(), Some(&right));
            }
        }

        #[test]
        fn any_bytes_are_those_one_by_one(
            run in prop::collection::vec(prop_oneof![any::<u8>(), Just(0x80), Just(0xff)], 0..300)
        ) {
            for values in all_ways(&run) {
                prop_assert_eq!(values, right(&run));
            }
        }
    }

    #[test]
    fn all_beginnings_of_eight_bytes() {
        for ends in 0..=u8::MAX {
            for more in [0, 1, 3, 80] {
                let byte = |i: u8| if ends >> i & 1 == 1 { 0x31 + i } else { 0xc1 + i };
                let mut run: Vec<u8> = (0..8).map(byte).collect();
                run.extend(std::iter::repeat(0x55).take(more));
                for values in all_ways(&run) {
                    assert_eq!(values, right(&run), "{ends:#b}, {more}");
                }
            }
        }
    }

    #[test]
    fn wrong_lengths_do_no_harm() {
        let run = [1, 0x81, 1, 2, 3, 4, 5, 6, 7, 8];
        for len in 0..9 {
            assert_eq!(read_one_by_one(&run, &mut vec![0; len]), None, "{len}");
        }
        assert_eq!(read_one_by_one(&run, &mut [0; 9]), Some(()));
        for len in 0..9 {
            let written = write(&[1, 300, -1], &mut vec![0; len]);
            assert_eq!(written, None);
        }
        assert_eq!(write(&[1, 300], &mut [0; 3]), Some(()));
        assert_eq!(write(&[1, 300], &mut [0; 4]), None);
    }
}
