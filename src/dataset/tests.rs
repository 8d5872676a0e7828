//! Compares data sets with loops over their shards.

mod batches;
mod counting;
mod features;
mod files;
mod opener;
mod skipping;

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::error::{Error, ErrorKind};
use crate::{frame, Checksums, Index, Options, ReadAt, Shards};

/// The payload of a record of a shard.
fn payload(shard: usize, record: usize, size: usize) -> Vec<u8> {
    (0..size).map(|at| (at * 7 + record * 31 + shard * 101) as u8).collect()
}

/// A shard with payloads of these sizes.
fn shard(number: usize, sizes: &[usize]) -> Vec<u8> {
    let payloads = sizes.iter().enumerate().map(|(record, &size)| payload(number, record, size));
    payloads.flat_map(|payload| frame::encode(&payload)).collect()
}

/// All payloads of a data set.
fn all(shards: &[Vec<usize>]) -> Vec<Vec<u8>> {
    let of = |(number, sizes): (usize, &Vec<usize>)| {
        let payloads = sizes.iter().enumerate();
        payloads.map(|(record, &size)| payload(number, record, size)).collect::<Vec<_>>()
    };
    shards.iter().enumerate().flat_map(of).collect()
}

/// A source whose reads take a while.
#[derive(Clone)]
struct Slow {
    data: Arc<Vec<u8>>,
    time: Duration,
    /// How many reads of all sources there are at the same time, and how many there were at most.
    reads: Arc<[AtomicUsize; 2]>,
}

impl ReadAt for Slow {
    fn size(&self) -> io::Result<u64> {
        self.data.size()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.reads[1].fetch_max(self.reads[0].fetch_add(1, SeqCst) + 1, SeqCst);
        thread::sleep(self.time);
        self.reads[0].fetch_sub(1, SeqCst);
        self.data.read_at(buffer, offset)
    }
}

/// A data set of shards in memory.
fn in_memory(shards: &[Vec<usize>], options: &DatasetOptions) -> Dataset {
    let data: Vec<_> = shards.iter().enumerate().map(|(i, sizes)| shard(i, sizes)).collect();
    opened(shards.len(), options, move |i| Ok(ShardSource::new(data[i].clone()))).unwrap()
}

/// A data set of shards that a function opens.
fn opened(
    count: usize,
    options: &DatasetOptions,
    open: impl Fn(usize) -> crate::Result<ShardSource> + Send + Sync + 'static,
) -> crate::Result<Dataset> {
    let shards = Shards::from_paths((0..count).map(|shard| format!("shard {shard}")));
    Dataset::with_opener(&shards, Vec::new(), None, options, move |shard| Ok(open(shard)?))
}

fn sizes() -> impl Strategy<Value = Vec<Vec<usize>>> {
    prop::collection::vec(prop::collection::vec(0..80_usize, 0..8), 0..7)
}

proptest! {
    #[test]
    fn many_records_are_those_of_a_loop(
        shards in sizes(),
        picks: Vec<prop::sample::Index>,
        open in 1..4_usize,
        memory in prop::sample::select(vec![0, 1, 500]),
        threads in 0..4_usize,
    ) {
        let options = DatasetOptions::new().max_open_files(open).index_memory(memory);
        let dataset = in_memory(&shards, &options.threads(threads));
        let all = all(&shards);
        prop_assert_eq!(dataset.len(), all.len() as u64);
        prop_assert!(dataset.read(dataset.len()).is_err());
        let picks: Vec<_> = match all.len() {
            0 => Vec::new(),
            len => picks.iter().map(|pick| pick.index(len)).collect(),
        };
        let records: Vec<_> = picks.iter().map(|&pick| pick as u64).collect();
        let expected: Vec<&[u8]> = picks.iter().map(|&pick| &all[pick][..]).collect();
        let read = dataset.read_many(&records).unwrap();
        prop_assert_eq!(read.iter().collect::<Vec<_>>(), expected.clone());
        prop_assert_eq!(read.offsets(), dataset.offsets(&records).unwrap());
        let entries = dataset.entries(&records).unwrap();
        prop_assert_eq!(entries.len(), records.len());
        for (&record, entry) in records.iter().zip(&entries) {
            let place = dataset.locate(record).unwrap();
            let index = dataset.index_of(place.shard).unwrap();
            prop_assert_eq!(*entry, index[place.record as usize]);
        }
        let mut buffer = vec![0; read.bytes().len() + 3];
        let offsets = dataset.read_many_into_slice(&records, &mut buffer).unwrap();
        prop_assert_eq!((&buffer[..read.bytes().len()], &offsets[..]), (read.bytes(), read.offsets()));
        let mut each: Vec<_> = expected.iter().map(|bytes| vec![1; bytes.len() + 2]).collect();
        let mut buffers: Vec<_> = each.iter_mut().map(Vec::as_mut_slice).collect();
        dataset.read_each(&records, &mut buffers).unwrap();
        for (buffer, expected) in each.iter().zip(&expected) {
            prop_assert_eq!(&buffer[..expected.len()], *expected);
            prop_assert_eq!(&buffer[expected.len()..], [1, 1]);
        }
        for (&record, expected) in records.iter().zip(&expected) {
            prop_assert_eq!(&dataset.read(record).unwrap()[..], *expected);
            prop_assert_eq!(dataset.size_of(record).unwrap(), expected.len());
            let place = dataset.locate(record).unwrap();
            let first = dataset.records_of(place.shard).unwrap().start;
            prop_assert_eq!(first + place.record, record);
            prop_assert!((place.record as usize) < shards[place.shard].len());
        }
    }
}

#[test]
fn records_that_do_not_exist_are_errors() {
    let dataset = in_memory(&[vec![1, 2], vec![], vec![3]], &DatasetOptions::new());
    for error in [
        dataset.read(3).unwrap_err(),
        dataset.locate(3).unwrap_err(),
        dataset.offsets(&[0, 3]).unwrap_err(),
        dataset.read_many(&[1, 3, 9]).unwrap_err(),
        dataset.read_batch(&[3]).unwrap_err(),
    ] {
        assert_eq!((error.kind(), error.record()), (ErrorKind::OutOfRange, Some(3)), "{error}");
        assert!(error.to_string().ends_with("the data set has 3 records"), "{error}");
    }
    assert_eq!(dataset.index_of(3).unwrap_err().kind(), ErrorKind::OutOfRange);
    assert_eq!(dataset.index_of(2).unwrap().len(), 1);
    assert_eq!(dataset.records_of(1).unwrap(), 2..2);
    let empty = in_memory(&[], &DatasetOptions::new());
    assert!(empty.is_empty() && empty.read(0).is_err());
    assert!(empty.read_many(&[]).unwrap().is_empty());
}

#[test]
fn buffers_that_are_too_small_are_errors() {
    let dataset = in_memory(&[vec![5], vec![9]], &DatasetOptions::new());
    let error = dataset.read_many_into_slice(&[0, 1], &mut [0; 13]).unwrap_err();
    assert!(error.to_string().contains("need 14"), "{error}");
    let (mut five, mut eight) = ([0; 5], [0; 8]);
    let error = dataset.read_each(&[0, 1], &mut [&mut five, &mut eight]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "shard 1: record 0: the buffer has 8 bytes, but the record needs 9"
    );
    let error = dataset.read_each(&[0], &mut []).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
}

/// 200 shards on storage that takes a millisecond for each read.
fn slow_shards() -> (Dataset, Arc<[AtomicUsize; 2]>) {
    let reads: Arc<[AtomicUsize; 2]> = Arc::default();
    let counted = reads.clone();
    let open = move |i: usize| {
        let data = Arc::new(shard(i, &[100, 100]));
        let time = Duration::from_millis(1);
        let slow = Slow { data, time, reads: counted.clone() };
        slow.read_at(&mut [], 0).unwrap(); // as opening a file would
        Ok(ShardSource::new(slow))
    };
    (opened(200, &DatasetOptions::new(), open).unwrap(), reads)
}

#[test]
fn slow_shards_are_read_side_by_side() {
    let (dataset, reads) = slow_shards();
    let most = reads[1].swap(0, SeqCst);
    assert!((8..=64).contains(&most), "{most} at once while opening");
    let records: Vec<_> = (0..256).map(|i| i * 37 % 400).collect();
    let read = dataset.read_many(&records).unwrap();
    let expected = all(&vec![vec![100, 100]; 200]);
    assert!(records.iter().zip(&read).all(|(&record, bytes)| expected[record as usize] == bytes));
    let most = reads[1].load(SeqCst);
    assert!((16..=64).contains(&most), "{most} at once");
}

#[test]
fn threads_share_a_data_set() {
    let shards: Vec<_> = (0..20).map(|i| vec![i; 5]).collect();
    let options = DatasetOptions::new().max_open_files(3).index_memory(900);
    let dataset = in_memory(&shards, &options);
    let all = all(&shards);
    thread::scope(|scope| {
        for thread in 0..6 {
            let (dataset, all) = (&dataset, &all);
            scope.spawn(move || {
                for i in 0..100 {
                    let records =
                        [thread * 17 + i, i * 7, 99 - i].map(|record| record as u64 % 100);
                    let read = dataset.read_many(&records).unwrap();
                    assert!(read
                        .iter()
                        .zip(records)
                        .all(|(bytes, record)| bytes == all[record as usize]));
                    assert_eq!(dataset.read(records[0]).unwrap(), all[records[0] as usize]);
                }
            });
        }
    });
    assert!(dataset.0.files.open() <= 3);
    assert!(dataset.0.files.known() < 20, "index_memory bounds what is kept");
    dataset.close_files();
    assert_eq!(dataset.0.files.open(), 0);
    assert_eq!(dataset.read(99).unwrap(), all[99]);
}
