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
        world in 1..4_u64,
        drop_last: bool,
    ) {
        let dataset = in_memory(&shards, &DatasetOptions::new().max_open_files(2));
        let all = all(&shards);
        let mut seen: Vec<u64> = Vec::new();
        for rank in 0..world {
            let order = Order::new(dataset.len()).epoch(3);
            let order = seed.map_or(order.clone(), |seed| order.shuffle(seed));
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
    let open = move |_| Reader::from_source(data.clone(), None, &Options::new());
    let dataset = Dataset::with_hook(1, &DatasetOptions::new(), open).unwrap();
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
