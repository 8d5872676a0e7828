use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

fn all(permutation: &Permutation) -> Vec<u64> {
    permutation.iter().collect()
}

/// How unlikely the deviation from equal counts is, in standard deviations: chi-square, which Wilson
/// and Hilferty's approximation makes normal.
fn deviation(counts: impl Iterator<Item = u64>, expected: f64, categories: f64) -> f64 {
    let mut seen = 0.0;
    let mut sum = 0.0;
    for count in counts {
        seen += 1.0;
        sum += (count as f64 - expected).powi(2) / expected;
    }
    sum += (categories - seen) * expected;
    let freedom = categories - 1.0;
    ((sum / freedom).cbrt() - (1.0 - 2.0 / (9.0 * freedom))) / (2.0 / (9.0 * freedom)).sqrt()
}

proptest! {
    #[test]
    fn each_number_has_one_position(len in prop_oneof![0..70_u64, 0..3000_u64], seed: u64) {
        let permutation = Permutation::new(len, seed);
        let mut sorted = all(&permutation);
        for (position, number) in (0..).zip(&sorted) {
            prop_assert_eq!(permutation.get(position), Some(*number));
            prop_assert_eq!(permutation.position(*number), Some(position));
        }
        sorted.sort_unstable();
        prop_assert!(sorted.into_iter().eq(0..len));
        prop_assert_eq!(permutation.get(len), None);
        prop_assert_eq!(permutation.position(len), None);
    }

    #[test]
    fn any_length_can_be_inverted(len: u64, seed: u64, position: u64) {
        let len = len.max(1);
        let permutation = Permutation::new(len, seed);
        let position = position % len;
        let number = permutation.get(position).unwrap();
        prop_assert!(number < len);
        prop_assert_eq!(permutation.position(number), Some(position));
    }

    #[test]
    fn fills_are_slices(len in 0..400_u64, seed: u64, start in 0..500_u64, room in 0..500_usize) {
        let permutation = Permutation::new(len, seed);
        let mut numbers = vec![u64::MAX; room];
        let count = permutation.fill(start, &mut numbers);
        let expected = all(&permutation).into_iter().skip(start as usize).take(room);
        prop_assert!(expected.eq(numbers[..count].iter().copied()));
        prop_assert!(numbers[count..].iter().all(|number| *number == u64::MAX));
    }
}

#[test]
fn the_longest_and_the_shortest() {
    let permutation = Permutation::new(u64::MAX, 3);
    assert_eq!(permutation.get(u64::MAX), None);
    assert_eq!(permutation.fill(u64::MAX, &mut [0]), 0);
    assert_eq!(permutation.fill(u64::MAX - 1, &mut [0; 5]), 1);
    for position in [0, 1, u64::MAX / 2, u64::MAX - 1] {
        let number = permutation.get(position).unwrap();
        assert_eq!(permutation.position(number), Some(position));
    }
    assert_eq!(Permutation::new(0, 3).get(0), None);
    assert_eq!(Permutation::new(0, 3).position(0), None);
    assert!(Permutation::new(0, 3).is_empty());
    assert_eq!(all(&Permutation::new(1, 3)), [0]);
}

/// All orders of 2 to 6 numbers are as likely. (With 24 rounds, 2 million seeds show a difference.)
#[test]
fn every_order_of_few_numbers_is_as_likely() {
    const SEEDS: u64 = 40_000;
    for len in 2..=6 {
        let mut counts = HashMap::new();
        for seed in 0..SEEDS {
            *counts.entry(all(&Permutation::new(len, seed))).or_insert(0) += 1;
        }
        let orders = (1..=len).product::<u64>() as f64;
        let deviation = deviation(counts.into_values(), SEEDS as f64 / orders, orders);
        assert!(deviation.abs() < 4.0, "{len}: {deviation}");
    }
}

/// Each number is as often first, the differences between neighbours are even, and so are the
/// numbers of fixed points, of neighbours that stay neighbours, and of odd permutations.
#[test]
fn orders_of_more_numbers_look_random() {
    const SEEDS: u64 = 2_000;
    for len in [10, 100, 300] {
        let (mut first, mut steps) = (vec![0; len as usize], vec![0; len as usize]);
        let (mut fixed, mut neighbours, mut odd) = (0, 0, 0);
        for seed in 0..SEEDS {
            let numbers = all(&Permutation::new(len, seed << 32));
            first[numbers[0] as usize] += 1;
            for pair in numbers.windows(2) {
                steps[((pair[1] + len - pair[0]) % len) as usize] += 1;
                neighbours += u64::from(pair[1] == pair[0] + 1);
            }
            fixed += (0..).zip(&numbers).filter(|(i, number)| i == *number).count();
            odd += (len as usize - cycles(&numbers)) % 2;
        }
        let (seeds, lengths) = (SEEDS as f64, len as f64);
        let of_first = deviation(first.into_iter(), seeds / lengths, lengths);
        let of_steps = deviation(steps.into_iter().skip(1), seeds, lengths - 1.0);
        let of_fixed = (fixed as f64 - seeds) / seeds.sqrt();
        let expected = seeds * (lengths - 1.0) / lengths;
        let of_neighbours = (neighbours as f64 - expected) / expected.sqrt();
        let of_odd = (odd as f64 - seeds / 2.0) / (seeds / 4.0).sqrt();
        let all = [of_first, of_steps, of_fixed, of_neighbours, of_odd];
        assert!(all.iter().all(|deviation| deviation.abs() < 4.0), "{len}: {all:?}");
    }
}

fn cycles(numbers: &[u64]) -> usize {
    let mut seen = vec![false; numbers.len()];
    let mut cycles = 0;
    for start in 0..numbers.len() {
        cycles += usize::from(!seen[start]);
        let mut at = start;
        while !std::mem::replace(&mut seen[at], true) {
            at = numbers[at] as usize;
        }
    }
    cycles
}

/// The first numbers of a long permutation, their neighbours, and those of the next seed.
#[test]
fn a_billion_numbers_look_random() {
    const COUNT: usize = 200_000;
    for len in [100_000, 1_000_000_000, (1 << 30) + 1, u64::MAX] {
        let (one, next) = (Permutation::new(len, 7), Permutation::new(len, 8));
        let (mut numbers, mut others) = (vec![0; COUNT], vec![0; COUNT]);
        let count = one.fill(0, &mut numbers).min(next.fill(0, &mut others));
        let bin = |number: u64| (u128::from(number) * 100 / u128::from(len)) as usize;
        let of = |bins: &mut dyn Iterator<Item = usize>| {
            let mut counts = vec![0; 100];
            bins.for_each(|bin| counts[bin] += 1);
            let expected = counts.iter().sum::<u64>() as f64 / 100.0;
            deviation(counts.into_iter(), expected, 100.0)
        };
        let step = |from: u64, to: u64| if to >= from { to - from } else { len - (from - to) };
        let numbers = &numbers[..count];
        let pairs = numbers.iter().zip(&others);
        let all = [
            // Of the whole permutation, the numbers are exactly even.
            of(&mut numbers.iter().map(|number| bin(*number))).max(0.0),
            of(&mut numbers.windows(2).map(|pair| bin(step(pair[0], pair[1])))),
            of(&mut numbers.windows(317).map(|part| bin(step(part[0], part[316])))),
            of(&mut pairs.map(|(one, next)| bin(step(*one, *next)))),
        ];
        assert!(all.iter().all(|deviation| deviation.abs() < 4.0), "{len}: {all:?}");
    }
}

/// A change of any bit of the seed changes the order.
#[test]
fn all_bits_of_the_seed_count() {
    let mut orders: Vec<_> = (0..64).map(|bit| all(&Permutation::new(50, 7 ^ 1 << bit))).collect();
    orders.push(all(&Permutation::new(50, 7)));
    for (i, one) in orders.iter().enumerate() {
        for other in &orders[..i] {
            let same = one.iter().zip(other).filter(|(one, other)| one == other).count();
            assert!(same < 10, "{same} of 50");
        }
    }
}
