//! Packed runs of numbers: varints, one after the other.
//!
//! Most of the time of decoding numbers is spent here. A loop from byte to byte waits for each byte.
//! Instead, the ends of all numbers in 64 bytes are found first, one bit each. Then no number waits
//! for the one before it: this takes three quarters of the time. With SSSE3, which processors of x86
//! have had since 2006, up to four numbers are decoded at once: this takes half of the time. To encode
//! four at once takes half of the time, too, if they have up to four bytes each.

use std::collections::TryReserveError;

use super::wire::Wire;
use crate::varint;

/// The longest run for which there may be memory for as many numbers as it has bytes. Those of longer
/// ones are counted first.
const SHORT: usize = if cfg!(test) { 200 } else { 16 << 10 };

/// Numbers are encoded in chunks of this many, each with room for the longest.
const CHUNK: usize = if cfg!(test) { 50 } else { 256 };

/// How many bytes of four numbers are written at once, even if they have fewer.
const FOUR: usize = 16;

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

/// Appends the run of some numbers.
pub(super) fn write(values: &[i64], run: &mut Vec<u8>) -> Result<(), TryReserveError> {
    for values in values.chunks(CHUNK) {
        let (start, most) = (run.len(), varint::MOST * values.len());
        run.try_reserve(most + FOUR)?;
        run.resize(start + most + FOUR, 0);
        let written = write_chunk(values, &mut run[start..]);
        run.truncate(start + written);
    }
    Ok(())
}

/// Encodes numbers, each with room for the longest and [`FOUR`] bytes after them, and returns how many
/// bytes they have.
#[allow(unsafe_code)]
fn write_chunk(values: &[i64], run: &mut [u8]) -> usize {
    #[cfg(target_arch = "x86_64")]
    if std::is_x86_feature_detected!("ssse3") {
        // SAFETY: the processor has SSSE3.
        return unsafe { ssse3::write(values, run) };
    }
    write_one_by_one(values, run)
}

/// As [`write_chunk`].
#[inline(always)]
fn write_one_by_one(values: &[i64], run: &mut [u8]) -> usize {
    let mut at = 0;
    for &value in values {
        let (mut value, size) = (value as u64, varint::len(value as u64));
        if size <= 4 {
            // Its groups of 7 bits, without a branch for each: the reverse of reading.
            let x = value as u32;
            let x = x & 0x3fff | (x & !0x3fff) << 2;
            let x = x + (x & 0x3f80_3f80);
            let continued = 0x0080_8080 & ((1 << (8 * (size - 1))) - 1);
            run[at..at + 4].copy_from_slice(&(x | continued).to_le_bytes());
        } else {
            for byte in &mut run[at..at + size] {
                *byte = value as u8 | 0x80;
                value >>= 7;
            }
            run[at + size - 1] &= 0x7f;
        }
        at += size;
    }
    at
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
        _mm_add_epi32, _mm_and_si128, _mm_andnot_si128, _mm_castps_si128, _mm_castsi128_ps,
        _mm_cmpgt_epi32, _mm_cvtsi128_si32, _mm_loadu_si128, _mm_movemask_epi8, _mm_or_si128,
        _mm_packs_epi16, _mm_packs_epi32, _mm_set1_epi32, _mm_setzero_si128, _mm_shuffle_epi8,
        _mm_shuffle_ps, _mm_slli_epi32, _mm_srli_epi32, _mm_storeu_si128, _mm_sub_epi32,
        _mm_unpackhi_epi32, _mm_unpacklo_epi32,
    };

    use std::mem::MaybeUninit;

    use super::{long, write_one_by_one, FOUR};

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

    /// A place that no byte goes to.
    const ZERO: u8 = 0x80;

    static STEPS: [Step; 256] = steps();

    const fn steps() -> [Step; 256] {
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

    /// Four numbers of up to four bytes, by how many bytes follow the first one of each: two bits each.
    #[derive(Clone, Copy)]
    struct Layout {
        /// Which of 16 bytes goes to each byte of them.
        places: [u8; 16],
        /// How many bytes they have.
        bytes: u8,
    }

    static LAYOUTS: [Layout; 256] = layouts();

    const fn layouts() -> [Layout; 256] {
        let mut all = [Layout { places: [ZERO; 16], bytes: 0 }; 256];
        let mut more = 0;
        while more < all.len() {
            let (mut byte, mut end) = (0, 0);
            while byte < 16 {
                if byte % 4 <= more >> (byte / 4 * 2) & 3 {
                    all[more].places[end] = byte as u8;
                    end += 1;
                }
                byte += 1;
            }
            all[more].bytes = end as u8;
            more += 1;
        }
        all
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

    /// As [`super::write_chunk`].
    #[target_feature(enable = "ssse3")]
    pub unsafe fn write(values: &[i64], run: &mut [u8]) -> usize {
        let mut at = 0;
        for four in values.chunks(4) {
            at += match (four.try_into(), (&mut run[at..at + FOUR]).try_into()) {
                (Ok(four), Ok(room)) if is_short(four) => {
                    // SAFETY: the caller's.
                    unsafe { write_four(four, room) }
                }
                _ => write_one_by_one(four, &mut run[at..]),
            };
        }
        at
    }

    /// Whether the numbers have up to four bytes each.
    #[inline]
    fn is_short(four: &[i64; 4]) -> bool {
        ((four[0] | four[1] | four[2] | four[3]) as u64) < 1 << 28
    }

    /// Encodes numbers of up to four bytes each, and returns how many bytes they have.
    #[inline]
    #[target_feature(enable = "ssse3")]
    unsafe fn write_four(four: &[i64; 4], room: &mut [u8; FOUR]) -> usize {
        // SAFETY: each half of `four`, `places` and `room` have 16 bytes.
        unsafe {
            let low = _mm_loadu_si128(four[..2].as_ptr().cast());
            let high = _mm_loadu_si128(four[2..].as_ptr().cast());
            let (low, high) = (_mm_castsi128_ps(low), _mm_castsi128_ps(high));
            let x = _mm_castps_si128(_mm_shuffle_ps::<0b10_00_10_00>(low, high));
            // Another thread, of a caller in another language, may have changed them by now.
            let x = _mm_and_si128(x, _mm_set1_epi32((1 << 28) - 1));
            // Which bytes of each are followed by one more: all ones.
            let more = |at_least| _mm_cmpgt_epi32(x, _mm_set1_epi32(at_least - 1));
            let (two, three, last) = (more(1 << 7), more(1 << 14), more(1 << 21));
            // As one by one.
            let high = _mm_slli_epi32::<2>(_mm_andnot_si128(_mm_set1_epi32(0x3fff), x));
            let x = _mm_or_si128(_mm_and_si128(x, _mm_set1_epi32(0x3fff)), high);
            let x = _mm_add_epi32(x, _mm_and_si128(x, _mm_set1_epi32(0x3f80_3f80)));
            let x = _mm_or_si128(x, _mm_and_si128(two, _mm_set1_epi32(0x80)));
            let x = _mm_or_si128(x, _mm_and_si128(three, _mm_set1_epi32(0x8000)));
            let x = _mm_or_si128(x, _mm_and_si128(last, _mm_set1_epi32(0x0080_0000)));
            // How many bytes follow the first one of each: two bits each, one after the other.
            let more = _mm_add_epi32(_mm_add_epi32(two, three), last);
            let more = _mm_sub_epi32(_mm_setzero_si128(), more);
            let more = _mm_packs_epi16(_mm_packs_epi32(more, more), more);
            let more = (_mm_cvtsi128_si32(more) as u32).wrapping_mul(0x0104_1040) >> 24;
            let layout = &LAYOUTS[more as usize];
            let places = _mm_loadu_si128(layout.places.as_ptr().cast());
            _mm_storeu_si128(room.as_mut_ptr().cast(), _mm_shuffle_epi8(x, places));
            usize::from(layout.bytes)
        }
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

    fn one_by_one(values: &[i64]) -> Vec<u8> {
        let mut run = vec![0xff; varint::MOST * values.len() + FOUR];
        let size = write_one_by_one(values, &mut run);
        run.truncate(size);
        run
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
            let mut written = vec![0xff; 3];
            write(&right, &mut written).unwrap();
            prop_assert_eq!(&written, &[&[0xff; 3][..], &run].concat());
            prop_assert_eq!(&one_by_one(&right), &run);
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
    fn four_numbers_of_any_sizes() {
        let edges: [i64; 10] =
            [0, 0x7f, 0x80, 0x3fff, 0x4000, 0x1f_ffff, 0x20_0000, 0xfff_ffff, 0x1000_0000, -1];
        for four in 0..10_000 {
            let values =
                [four % 10, four / 10 % 10, four / 100 % 10, four / 1000].map(|i| edges[i]);
            let (mut run, mut right) = (Vec::new(), Vec::new());
            write(&values, &mut run).unwrap();
            values.iter().for_each(|&value| varint::push(&mut right, value as u64));
            assert_eq!(run, right, "{values:?}");
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
    }
}
