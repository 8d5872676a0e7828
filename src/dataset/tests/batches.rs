//! Batches: what they have, in which order, and from where they continue.

use super::*;
use crate::{Order, Remainder};

fn records(batches: &mut Batches) -> Vec<Vec<u64>> {
    batches.map(|batch| batch.unwrap().records().to_vec()).collect()
}

proptest! {
    #[test]
    fn batches_have_the_records_of_their_order(
        shards in sizes(),
        size in 1..9_usize,
        prefetch in 0..12_usize,
        seed: Option<u64>,
        chunk_records in 0..5_u64,
        world in 1..4_u64,
        drop_last: bool,
    ) {
        let dataset = in_memory(&shards, &DatasetOptions::new().max_open_files(2));
        let all = all(&shards);
        let mut seen: Vec<u64> = Vec::new();
        for rank in 0..world {
            let order = Order::new(dataset.len()).epoch(3);
            let order = match (seed, chunk_records) {
                (None, _) => order,
                (Some(seed), 0) => order.shuffle(seed),
                (Some(seed), size) => order.shuffle_chunks(seed, size).unwrap(),
            };
            let order = order.shard(rank, world, Remainder::Keep).unwrap();
            let expected: Vec<_> = order.iter().collect();
            let batches = dataset.batches(size, order.clone(), prefetch).unwrap();
            let mut batches = batches.drop_last(drop_last);
            let mut ours: Vec<u64> = Vec::new();
            while let Some(batch) = batches.next() {
                let batch = batch.unwrap();
                prop_assert_eq!(batch.len(), batch.payloads().len());
                for (&record, bytes) in batch.records().iter().zip(batch.payloads()) {
                    prop_assert_eq!(&all[record as usize][..], bytes);
                }
                ours.extend(batch.records());
                prop_assert_eq!(batches.state(), ours.len() as u64);
                // Batches resumed here are those that follow.
                if ours.len() == 2 * size {
                    let rest = order.clone().start(batches.state()).unwrap();
                    let mut rest = dataset.batches(size, rest, prefetch).unwrap();
                    let next = rest.next().transpose().unwrap().unwrap_or_default();
                    let end = expected.len().min(3 * size);
                    prop_assert_eq!(next.records(), &expected[2 * size..end]);
                    prop_assert_eq!(rest.state(), end as u64);
                }
            }
            let whole = if drop_last { expected.len() / size * size } else { expected.len() };
            prop_assert_eq!(&ours, &expected[..whole]);
            seen.extend(ours);
        }
        seen.sort_unstable();
        prop_assert!(drop_last || seen == (0..dataset.len()).collect::<Vec<_>>());
    }
}

#[test]
fn a_chunk_has_about_two_mebibytes() {
    let of =
        |shards: &[Vec<usize>]| in_memory(shards, &DatasetOptions::new()).chunk_records().unwrap();
    assert_eq!(of(&[]), 1);
    assert_eq!(of(&[vec![], vec![]]), 1);
    assert_eq!(of(&[vec![], vec![(1 << 20) - 16; 3]]), 2);
    assert_eq!(of(&[vec![3 << 20]]), 1);
    assert_eq!(of(&[vec![0; 5000]]), (2 << 20) / 16);
    // The first, the middle and the last shard count.
    let (small, large) = (vec![84; 10], vec![984; 10]);
    assert_eq!(of(&[small.clone(), large.clone(), small.clone(), large]), (2 << 20) / 700);
}

#[test]
fn arguments_are_checked() {
    let dataset = in_memory(&[vec![1; 10]], &DatasetOptions::new());
    let error = dataset.batches(0, Order::new(10), 2).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    let error = dataset.batches(4, Order::new(11), 2).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert!(error.to_string().contains("11 records, but the data set has 10"), "{error}");
}

#[test]
fn batches_are_read_while_the_caller_works() {
    let (dataset, reads) = slow_shards();
    let mut batches = dataset.batches(10, Order::new(400), 3).unwrap();
    assert!(batches.next().unwrap().is_ok());
    // The next ones come without another call, but no more than three.
    while !batches.wait(Duration::from_millis(50)) {}
    thread::sleep(Duration::from_millis(300));
    assert_eq!(reads[0].load(SeqCst), 0);
    reads[1].store(0, SeqCst);
    assert!(batches.next().unwrap().is_ok());
    drop(batches); // waits for the threads
    assert_eq!(reads[0].load(SeqCst), 0);
    assert_eq!(Arc::strong_count(&dataset.0), 1, "the threads have ended");
}

#[test]
fn one_thread_reads_nothing_ahead() {
    let dataset = in_memory(&[vec![1; 10]], &DatasetOptions::new().threads(1));
    let mut batches = dataset.batches(3, Order::new(10), 4).unwrap();
    assert!(batches.wait(Duration::ZERO), "nothing to wait for");
    assert_eq!(records(&mut batches), [vec![0, 1, 2], vec![3, 4, 5], vec![6, 7, 8], vec![9]]);
    assert_eq!(Arc::strong_count(&dataset.0), 2);
    assert!(batches.next().is_none() && batches.wait(Duration::ZERO));
    assert_eq!(batches.state(), 10);
}

#[test]
fn an_error_ends_its_batch_alone() {
    let mut data = shard(0, &[5; 10]);
    data[21 * 4 + 12] ^= 1; // the payload of record 4
    let open = move |_| Ok(ShardSource::new(data.clone()));
    let dataset = opened(1, &DatasetOptions::new(), open).unwrap();
    for prefetch in [0, 1, 5] {
        let mut batches = dataset.batches(3, Order::new(10), prefetch).unwrap();
        assert_eq!(batches.next().unwrap().unwrap().records(), [0, 1, 2]);
        let error = batches.next().unwrap().unwrap_err();
        assert_eq!((error.kind(), error.record()), (ErrorKind::PayloadCrc, Some(4)));
        assert_eq!(batches.state(), 3, "the batch that failed");
        assert_eq!(batches.next().unwrap().unwrap().records(), [6, 7, 8]);
        assert_eq!(batches.state(), 9);
        assert_eq!(records(&mut batches), [[9]]);
    }
}

/// No more wait than there are, nor more than a sane number.
#[test]
fn any_number_of_batches_may_be_asked_for_ahead() {
    let dataset = in_memory(&[vec![1; 3000]], &DatasetOptions::new());
    for prefetch in [10_000_000_000, usize::MAX] {
        let last = Order::new(3000).start(2990).unwrap();
        let mut batches = dataset.batches(3, last.clone(), prefetch).unwrap();
        assert_eq!(batches.ahead(), 4);
        assert_eq!(
            records(&mut batches),
            [&[2990, 2991, 2992][..], &[2993, 2994, 2995], &[2996, 2997, 2998], &[2999]]
        );
        // With a limit of bytes, only the number of records is known.
        let mut batches = dataset.batches(3, last, prefetch).unwrap().max_bytes(1);
        assert_eq!(batches.ahead(), 10);
        assert_eq!(batches.by_ref().map(|batch| batch.unwrap().len()).sum::<usize>(), 10);

        let mut batches = dataset.batches(1, Order::new(3000), prefetch).unwrap();
        assert_eq!(batches.ahead(), 1024);
        assert_eq!(records(&mut batches).len(), 3000);
    }
}

/// The first record, the step and the number of records of a part.
fn part(records: u64) -> impl Strategy<Value = (u64, i64, u64)> {
    (0..records.max(1), -3..4_i64, 0..40_u64).prop_map(move |(first, step, most)| {
        let is_there = |i: &u64| {
            let record = i128::from(first) + i128::from(step) * i128::from(*i);
            (0..records.into()).contains(&record)
        };
        (first, step, (0..most).take_while(is_there).count() as u64)
    })
}

proptest! {
    #[test]
    fn parts_are_read_in_pieces_of_bytes(
        (shards, (first, step, count)) in sizes().prop_flat_map(|shards| {
            let records = shards.iter().map(Vec::len).sum::<usize>() as u64;
            (Just(shards), part(records))
        }),
        size in 1..9_usize,
        max_bytes: Option<u8>,
        prefetch in 0..4_usize,
    ) {
        let dataset = in_memory(&shards, &DatasetOptions::new().max_open_files(2));
        let all = all(&shards);
        let order = Order::new(count).shuffle(7);
        let record = |i: u64| (first as i64 + step * i as i64) as u64;
        let expected: Vec<u64> = order.iter().map(record).collect();
        let batches = dataset.batches_of(first, step, size, order, prefetch).unwrap();
        let mut batches = match max_bytes {
            Some(most) => batches.max_bytes(most.into()),
            None => batches,
        };
        let mut seen: Vec<u64> = Vec::new();
        while let Some(batch) = batches.next() {
            let batch = batch.unwrap();
            let bytes = batch.payloads().bytes().len();
            prop_assert!(batch.len() == 1 || bytes <= max_bytes.unwrap_or(255) as usize * 100);
            prop_assert!(batch.len() == 1 || max_bytes.map_or(true, |most| bytes <= most.into()));
            prop_assert!(batch.len() <= size);
            for (&record, bytes) in batch.records().iter().zip(batch.payloads()) {
                prop_assert_eq!(&all[record as usize][..], bytes);
            }
            seen.extend(batch.records());
            prop_assert_eq!(batches.state(), seen.len() as u64);
        }
        prop_assert_eq!(seen, expected);
    }
}

#[test]
fn a_part_must_be_in_the_data_set() {
    let dataset = in_memory(&[vec![1; 10]], &DatasetOptions::new());
    for (first, step, count) in [(10, 1, 1), (0, 1, 11), (9, -1, 11), (5, 5, 2), (3, i64::MIN, 2)] {
        let error = dataset.batches_of(first, step, 3, Order::new(count), 2).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{first} {step} {count}");
    }
    assert!(dataset.batches_of(3, i64::MIN, 3, Order::new(1), 2).is_ok());
    assert!(dataset.batches_of(77, 1, 3, Order::new(0), 2).unwrap().next().is_none());
}

#[test]
fn in_pieces_of_bytes_a_bad_record_fails_alone() {
    for skip in [false, true] {
        let mut data = shard(0, &[5; 12]);
        data[21 * 4 + 12] ^= 1; // the payload of record 4
        data[21 * 8] ^= 1; // the header of record 8
        let index = Index::from_entries((0..12).map(|i| crate::Entry { offset: 21 * i, size: 21 }));
        let index = index.unwrap();
        let open = move |_| Ok(ShardSource::new(data.clone()));
        let on_error = if skip { OnError::Skip } else { OnError::Fail };
        let options = DatasetOptions::new().on_error(on_error);
        let (shards, indexes) = (Shards::from_paths(["shard"]), vec![Some(index)]);
        let dataset = Dataset::with_opener(&shards, indexes, None, &options, open).unwrap();
        for prefetch in [0, 3] {
            let batches = dataset.batches(5, Order::new(12), prefetch).unwrap();
            let mut batches = batches.max_bytes(1000);
            let (mut seen, mut failed) = (Vec::<u64>::new(), Vec::new());
            while let Some(batch) = batches.next() {
                match batch {
                    Ok(batch) => seen.extend(batch.records()),
                    Err(error) => failed.push((error.record(), batches.state())),
                }
            }
            assert_eq!(seen, [0, 1, 2, 3, 5, 6, 7, 9, 10, 11]);
            assert_eq!(failed, if skip { vec![] } else { vec![(Some(4), 4), (Some(8), 8)] });
            assert_eq!(batches.state(), 12);
        }
        assert_eq!(dataset.skipped().records, if skip { 4 } else { 0 });
    }
}
