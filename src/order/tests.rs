use proptest::prelude::*;

use super::*;
use crate::{Entry, Index, ShardBy};

const REMAINDERS: [Remainder; 3] = [Remainder::Keep, Remainder::Drop, Remainder::Pad];

fn remainder() -> impl Strategy<Value = Remainder> {
    prop::sample::select(&REMAINDERS[..])
}

fn all(order: &Order) -> Vec<u64> {
    order.iter().collect()
}

/// Shuffles a list.
fn shuffled<T: Clone>(list: &[T], seed: u64) -> Vec<T> {
    let permutation = Permutation::new(list.len() as u64, seed);
    permutation.iter().map(|i| list[i as usize].clone()).collect()
}

/// The naive way: the epoch's whole sequence as an index, whose offsets are the record numbers,
/// and `Index::shard` cuts it.
fn naive(state: &OrderState) -> Vec<u64> {
    let records: Vec<u64> = (0..state.num_records).collect();
    let seed = state.seed.map(|seed| seed ^ permutation::mix(state.epoch));
    let sequence = match (seed, state.chunk_records) {
        (None, _) => records,
        (Some(seed), None) => shuffled(&records, seed),
        (Some(seed), Some(size)) => {
            let chunks: Vec<&[u64]> = records.chunks(size as usize).collect();
            let chunks = shuffled(&chunks, seed);
            let first = permutation::mix(seed.wrapping_add(permutation::GAMMA));
            let windows = chunks.chunks(12).zip(0..);
            let window = |(chunks, number): (&[&[u64]], u64)| {
                shuffled(&chunks.concat(), first.wrapping_add(number))
            };
            windows.flat_map(window).collect()
        }
    };
    let entries = sequence.into_iter().map(|record| Entry { offset: record, size: 16 });
    let index = Index::from_entries(entries).unwrap();
    let (rank, world_size) = (state.rank as usize, state.world_size as usize);
    let shard = index.shard(rank, world_size, ShardBy::Records, state.remainder).unwrap();
    shard.iter().skip(state.start as usize).map(|entry| entry.offset).collect()
}

proptest! {
    #[test]
    fn an_order_is_what_the_naive_way_gives(
        num_records in 0..300_u64,
        seed: Option<u64>,
        chunk_records in prop::option::of(prop_oneof![1..8_u64, 1..400_u64]),
        epoch: u64,
        world_size in 1..40_u64,
        rank: prop::sample::Index,
        remainder in remainder(),
        start: prop::sample::Index,
        room in 0..100_usize,
    ) {
        let mut order = Order::new(num_records).epoch(epoch);
        order = match (seed, chunk_records) {
            (None, _) => order,
            (Some(seed), None) => order.shuffle(seed),
            (Some(seed), Some(size)) => order.shuffle_chunks(seed, size).unwrap(),
        };
        let rank = rank.index(world_size as usize) as u64;
        let order = order.shard(rank, world_size, remainder).unwrap();
        let start = start.index(order.len() as usize + 1);
        let order = order.start(start as u64).unwrap();
        let expected = naive(&order.state());
        prop_assert_eq!(all(&order), expected.clone());
        prop_assert_eq!(order.len(), expected.len() as u64);
        prop_assert_eq!(order.is_empty(), expected.is_empty());
        let got = (0..order.len() + 2).map_while(|i| order.get(i));
        prop_assert_eq!(got.collect::<Vec<_>>(), expected.clone());
        for first in [0, 1, expected.len() / 2, expected.len(), expected.len() + 1] {
            let mut records = vec![0; room];
            let count = order.fill(first as u64, &mut records);
            let expected = expected.iter().skip(first).take(room);
            prop_assert!(records[..count].iter().eq(expected));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// Each record is read once by all ranks together; with `Drop`, some are not read, and with
    /// `Pad` some are read twice, so that all ranks have the same number.
    #[test]
    fn an_epoch_has_each_record_once(
        num_records in prop_oneof![0..20_u64, 0..500_u64], world_size in 1..30_u64, seed: u64,
        chunk_records in 0..40_u64, epoch in 0..5_u64,
    ) {
        let order = Order::new(num_records).epoch(epoch);
        let order = match chunk_records {
            0 => order.shuffle(seed),
            size => order.shuffle_chunks(seed, size).unwrap(),
        };
        for remainder in REMAINDERS {
            let shard = |rank| order.clone().shard(rank, world_size, remainder).unwrap();
            let mut times = vec![0_u64; num_records as usize];
            let mut sizes = Vec::new();
            for rank in 0..world_size {
                let records = all(&shard(rank));
                sizes.push(records.len() as u64);
                records.into_iter().for_each(|record| times[record as usize] += 1);
            }
            let smaller = num_records / world_size;
            let larger = (num_records + world_size - 1) / world_size;
            let read = times.iter().sum::<u64>();
            match remainder {
                Remainder::Keep => {
                    prop_assert!(times.iter().all(|times| *times == 1));
                    prop_assert!(sizes.iter().all(|size| (smaller..=larger).contains(size)));
                }
                Remainder::Drop => {
                    prop_assert!(times.iter().all(|times| *times <= 1));
                    prop_assert!(sizes.iter().all(|size| *size == smaller));
                    prop_assert!(num_records - read < world_size);
                }
                Remainder::Pad => {
                    prop_assert!(times.iter().all(|times| *times >= 1));
                    prop_assert!(sizes.iter().all(|size| *size == larger));
                    prop_assert!(read - num_records < world_size);
                }
            }
        }
    }
}

#[test]
fn the_order_of_the_setters_does_not_matter_but_for_start() {
    let one = Order::new(1000).shuffle(7).epoch(2).shard(1, 3, Remainder::Drop).unwrap();
    let other = Order::new(1000).shard(1, 3, Remainder::Drop).unwrap().epoch(2).shuffle(7);
    assert_eq!(one, other);
    let started = one.clone().start(5).unwrap();
    assert_ne!(started, one);
    assert_eq!(started.clone().start(0).unwrap(), one);
    assert_eq!(started.clone().epoch(2), one);
    assert_eq!(started.clone().shuffle(7), one);
    assert_eq!(started.shard(1, 3, Remainder::Drop).unwrap(), one);
    let chunks = one.clone().shuffle_chunks(7, 10).unwrap();
    assert_ne!(chunks, one);
    assert_eq!(chunks.shuffle(7), one);
}

#[test]
fn each_epoch_and_seed_has_another_order() {
    let order = |seed, epoch| all(&Order::new(50).shuffle(seed).epoch(epoch));
    let orders: Vec<_> =
        (0..10).flat_map(|seed| (0..10).map(move |epoch| order(seed, epoch))).collect();
    for (i, one) in orders.iter().enumerate() {
        assert!(orders[..i].iter().all(|other| one != other));
    }
    assert_eq!(all(&Order::new(5).epoch(3)), [0, 1, 2, 3, 4]);
}

/// The records of a window come from a dozen chunks, so a reader needs no others meanwhile.
#[test]
fn a_window_of_chunks_has_records_of_a_dozen_chunks() {
    let order = Order::new(100_000).shuffle_chunks(7, 1000).unwrap();
    let records = all(&order);
    for window in records.chunks(12_000) {
        let mut chunks: Vec<_> = window.iter().map(|record| record / 1000).collect();
        let alone = chunks.windows(2).filter(|pair| pair[0] == pair[1]).count();
        assert!(alone < window.len() / 2, "the chunks are mixed");
        chunks.sort_unstable();
        chunks.dedup();
        assert_eq!(chunks.len(), window.len() / 1000);
    }
    let next = all(&order.epoch(1));
    assert_ne!(records, next);
}

#[test]
fn what_does_not_exist_is_refused() {
    let error = Order::new(9).shuffle_chunks(7, 0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert_eq!(error.to_string(), "chunk_records must be at least 1, not 0");
    let error = Order::new(9).shard(3, 3, Remainder::Keep).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert_eq!(error.to_string(), "rank must be less than world_size, 3, not 3");
    let error = Order::new(9).shard(0, 0, Remainder::Keep).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert_eq!(error.to_string(), "world_size must be at least 1, not 0");
    let order = Order::new(9).shard(1, 2, Remainder::Keep).unwrap();
    let error = order.clone().start(6).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    let expected = "start must be at most 5, the number of records of rank 1 of 2, not 6";
    assert_eq!(error.to_string(), expected);
    assert!(order.start(5).unwrap().is_empty());
}

#[test]
fn the_largest_numbers_do_not_overflow() {
    let order = Order::new(u64::MAX).shuffle(1).epoch(u64::MAX);
    let last = u64::MAX - 1;
    let chunks = |size| order.clone().shuffle_chunks(1, size).unwrap();
    let sizes = [1, 2, 1000, 1 << 32, 1 << 63, last, u64::MAX];
    for order in sizes.map(chunks).iter().chain([&order]) {
        for remainder in REMAINDERS {
            let order = order.clone().shard(last, u64::MAX, remainder).unwrap();
            assert_eq!(order.len(), 1);
            let order = order.shard(1, 2, remainder).unwrap();
            assert!(order.len() >= last / 2, "{}", order.len());
            let mut records = [0; 3];
            assert_eq!(order.fill(order.len() - 2, &mut records), 2);
            assert_eq!(order.get(order.len() - 1), Some(records[1]));
            assert_eq!(order.fill(u64::MAX, &mut [0]), 0);
        }
    }
    for order in [Order::new(0).shuffle(1), Order::new(0).shuffle_chunks(1, 5).unwrap()] {
        assert!(order.is_empty());
        assert_eq!(order.fill(0, &mut [0]), 0);
    }
}
