use super::*;
use proptest::collection::vec;
use proptest::prelude::*;

/// Consecutive frames of these sizes: no two entries are the same.
fn index_of(sizes: &[u64]) -> Index {
    let mut offset = 0;
    let entries = sizes.iter().map(|&size| {
        offset += size;
        Entry { offset: offset - size, size }
    });
    Index::from_entries(entries).unwrap()
}

/// The numbers of the records in `whole` that `part` has.
fn numbers(whole: &Index, part: &Index) -> Vec<usize> {
    part.iter().map(|entry| whole.iter().position(|other| other == entry).unwrap()).collect()
}

fn sizes() -> impl Strategy<Value = Vec<u64>> {
    vec(prop_oneof![8 => 16..200_u64, 1 => 16..100_000_u64], 0..60)
}

const REMAINDERS: [Remainder; 3] = [Remainder::Keep, Remainder::Drop, Remainder::Pad];

proptest! {
    #[test]
    fn selections_have_what_was_asked_for(sizes in sizes(), picks: Vec<prop::sample::Index>) {
        let index = index_of(&sizes);
        let picks: Vec<_> = match sizes.len() {
            0 => Vec::new(),
            len => picks.iter().map(|pick| pick.index(len)).collect(),
        };
        prop_assert_eq!(numbers(&index, &index.select(&picks).unwrap()), picks.clone());
        let mask: Vec<_> = (0..sizes.len()).map(|record| picks.contains(&record)).collect();
        let masked = numbers(&index, &index.select_mask(&mask).unwrap());
        let sorted = (0..sizes.len()).filter(|record| mask[*record]);
        prop_assert_eq!(masked, sorted.collect::<Vec<_>>());
    }

    #[test]
    fn filters_go_by_the_payload(sizes in sizes(), min in 0..200_u64, max in 0..300_u64) {
        let index = index_of(&sizes);
        let kept = numbers(&index, &index.filter_size(min..=max).unwrap());
        let expected = (0..sizes.len()).filter(|&i| sizes[i] >= min + 16 && sizes[i] <= max + 16);
        prop_assert_eq!(kept, expected.collect::<Vec<_>>());
    }

    #[test]
    fn shuffles_are_permutations_and_samples_are_their_starts(
        sizes in sizes(), seed: u64, count: prop::sample::Index,
    ) {
        let index = index_of(&sizes);
        let shuffled = numbers(&index, &index.shuffle(seed).unwrap());
        let mut sorted = shuffled.clone();
        sorted.sort_unstable();
        prop_assert_eq!(sorted, (0..sizes.len()).collect::<Vec<_>>());
        let count = count.index(sizes.len() + 1);
        let mut start = shuffled[..count].to_vec();
        start.sort_unstable();
        prop_assert_eq!(numbers(&index, &index.sample(count, seed).unwrap()), start);
        prop_assert!(index.sample(sizes.len() + 1, seed).is_err());
    }

    #[test]
    fn shards_by_records_have_each_record_once(sizes in sizes(), world_size in 1..70_usize) {
        let index = index_of(&sizes);
        let shards = |remainder| (0..world_size).map(move |rank| (rank, remainder));
        let shard = |(rank, remainder)| index.shard(rank, world_size, ShardBy::Records, remainder).unwrap();
        let [kept, dropped, padded] =
            REMAINDERS.map(|remainder| shards(remainder).map(shard).collect::<Vec<_>>());
        prop_assert_eq!(kept.iter().flat_map(|shard| shard.to_vec()).collect::<Vec<_>>(), &*index);
        let smaller = sizes.len() / world_size;
        let larger = (sizes.len() + world_size - 1) / world_size;
        for ((kept, dropped), padded) in kept.iter().zip(&dropped).zip(&padded) {
            prop_assert!(kept.len() == smaller || kept.len() == larger);
            prop_assert_eq!((dropped.len(), padded.len()), (smaller, larger));
            prop_assert_eq!(&kept[..smaller], &**dropped);
            prop_assert_eq!(&padded[..kept.len()], &**kept);
        }
    }

    #[test]
    fn the_runs_are_those_of_the_shards(sizes in sizes(), world_size in 1..70_usize) {
        let index = index_of(&sizes);
        let ways = REMAINDERS.map(|remainder| (ShardBy::Records, remainder));
        for (by, remainder) in ways.into_iter().chain([(ShardBy::Bytes, Remainder::Keep)]) {
            let runs: Vec<_> = index.shards(world_size, by, remainder).unwrap().collect();
            prop_assert_eq!(runs.len(), world_size);
            for (rank, run) in runs.into_iter().enumerate() {
                prop_assert_eq!(&index[run], &*index.shard(rank, world_size, by, remainder).unwrap());
            }
        }
    }

    /// Finds the cuts by trying every record boundary: the nearest one, or the first of two.
    #[test]
    fn shards_by_bytes_are_cut_where_it_is_nearest(sizes in sizes(), world_size in 1..70_usize) {
        let index = index_of(&sizes);
        let total: u64 = sizes.iter().sum();
        let largest = sizes.iter().max().copied().unwrap_or(0);
        let cut = |rank: usize| {
            let distance = |cut: usize| {
                let before: u64 = sizes[..cut].iter().sum();
                (before * world_size as u64).abs_diff(total * rank as u64)
            };
            (0..=sizes.len()).min_by_key(|cut| distance(*cut)).unwrap()
        };
        for rank in 0..world_size {
            let shard = index.shard(rank, world_size, ShardBy::Bytes, Remainder::Keep).unwrap();
            prop_assert_eq!(&*shard, &index[cut(rank)..cut(rank + 1)]);
            let bytes: u64 = shard.iter().map(|entry| entry.size).sum();
            prop_assert!((bytes * world_size as u64).abs_diff(total) <= largest * world_size as u64);
        }
        prop_assert_eq!((cut(0), cut(world_size)), (0, sizes.len()));
    }

    #[test]
    fn what_is_put_together_can_be_cut_again(parts in vec(sizes(), 0..5)) {
        let (indexes, whole): (Vec<_>, Vec<_>) =
            parts.iter().map(|sizes| (index_of(sizes), sizes.clone())).unzip();
        let ends = parts.iter().map(|sizes| sizes.iter().sum());
        let parts: Vec<_> = indexes.iter().zip(ends).collect();
        prop_assert_eq!(Index::concat(&parts).unwrap(), index_of(&whole.concat()));
    }
}

/// These orders never change: programs rely on a seed to mean the same data.
#[test]
fn orders_are_fixed() {
    for (len, seed, order) in [
        (10, 0, [8, 4, 2, 9, 1, 6, 5, 3]),
        (10, 1, [5, 7, 9, 6, 3, 8, 2, 0]),
        (10, u64::MAX, [8, 9, 3, 5, 0, 1, 2, 7]),
        (1000, 42, [741, 160, 280, 346, 41, 868, 223, 802]),
    ] {
        let index = index_of(&vec![16; len]);
        assert_eq!(numbers(&index, &index.shuffle(seed).unwrap())[..8], order);
    }
}

#[test]
fn giant_numbers_do_not_overflow() {
    let max = Entry { offset: 0, size: i64::MAX as u64 };
    let index = Index::from_entries([max; 5]).unwrap();
    for (by, last) in [(ShardBy::Records, 1), (ShardBy::Bytes, 0)] {
        let len =
            |rank, world_size| index.shard(rank, world_size, by, Remainder::Keep).unwrap().len();
        assert_eq!((0..5).map(|rank| len(rank, 5)).collect::<Vec<_>>(), [1; 5]);
        assert_eq!([0, usize::MAX - 1].map(|rank| len(rank, usize::MAX)), [0, last]);
    }
    let error = Index::concat(&[(&index, i64::MAX as u64), (&index, u64::MAX)]).unwrap_err();
    assert_eq!((error.kind(), error.record()), (ErrorKind::InvalidIndex, Some(0)));
    let error = Index::concat(&[(&index, i64::MAX as u64 - 1)]).unwrap_err();
    assert_eq!((error.kind(), error.record()), (ErrorKind::Mismatch, Some(0)));
    assert!(Index::concat(&[(&Index::default(), u64::MAX); 3]).unwrap().is_empty());
}

#[test]
fn what_makes_no_sense_is_refused() {
    let index = index_of(&[21, 16, 19]);
    let error = index.select(&[0, 3]).unwrap_err();
    assert_eq!((error.kind(), error.record()), (ErrorKind::OutOfRange, Some(3)));
    let refused = |result: Result<Index>| {
        assert_eq!(result.unwrap_err().kind(), ErrorKind::InvalidArgument);
    };
    refused(index.select_mask(&[true; 2]));
    refused(index.select_mask(&[true; 4]));
    refused(index.sample(4, 0));
    refused(index.shard(0, 0, ShardBy::Records, Remainder::Keep));
    refused(index.shard(3, 3, ShardBy::Bytes, Remainder::Keep));
    refused(index.shard(0, 3, ShardBy::Bytes, Remainder::Drop));
    refused(index.shard(0, 3, ShardBy::Bytes, Remainder::Pad));
    assert!(index.shards(3, ShardBy::Bytes, Remainder::Pad).is_err());
    assert_eq!(index.shards(0, ShardBy::Bytes, Remainder::Keep).unwrap().count(), 0);
}
