//! Shards that a function opens.

use std::sync::Mutex;

use super::*;
use crate::{Order, ReadCost};

/// Where reads were, and how large.
type Reads = Arc<Mutex<Vec<(u64, usize)>>>;

/// Data of which each read is a request.
struct Distant(Vec<u8>, Reads);

impl ReadAt for Distant {
    fn size(&self) -> io::Result<u64> {
        self.0.size()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.1.lock().unwrap().push((offset, buffer.len()));
        self.0.read_at(buffer, offset)
    }

    fn cost(&self) -> Option<ReadCost> {
        // A gap of 400 bytes, in a batch of 25.
        let latency = Duration::from_micros(400);
        Some(ReadCost { latency, bytes_per_second: 1_000_000, at_once: 4, least_skip: None })
    }
}

fn index_of(data: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    for entry in Index::from_bytes(data, &Options::new()).unwrap().iter() {
        text.extend(format!("{} {}\n", entry.offset, entry.size).bytes());
    }
    text
}

#[test]
fn an_index_beside_distant_data_takes_few_reads() {
    let reads = Reads::default();
    let sizes = vec![300; 100];
    let (data, seen, index_reads) =
        (shard(0, &sizes), reads.clone(), Arc::new(AtomicUsize::new(0)));
    let counted = index_reads.clone();
    let open = move |_| {
        counted.fetch_add(1, SeqCst);
        let index = index_of(&data);
        Ok(ShardSource::new(Distant(data.clone(), seen.clone())).index_file(index))
    };
    let dataset = opened(1, &DatasetOptions::new(), open).unwrap();
    assert_eq!(dataset.len(), 100);
    let opening: usize = reads.lock().unwrap().drain(..).map(|(_, size)| size).sum();
    assert!(opening < 5000, "{opening} bytes, and not the {} of all", 316 * 100);

    // Neighbours are one request; others are requests of their own.
    let read = dataset.read_many(&[7, 6, 40]).unwrap();
    assert_eq!(read[0], payload(0, 7, 300));
    let mut asked = std::mem::take(&mut *reads.lock().unwrap());
    asked.sort_unstable();
    assert_eq!(asked, [(316 * 6, 632), (316 * 40, 316)]);

    // Opened again, the index is known.
    dataset.close_files();
    assert_eq!(dataset.read(99).unwrap(), payload(0, 99, 300));
    assert_eq!(index_reads.load(SeqCst), 2);
    let mut batches = dataset.batches(10, Order::new(100).shuffle(1), 2).unwrap();
    assert_eq!(batches.by_ref().map(|batch| batch.unwrap().len()).sum::<usize>(), 100);
}

#[test]
fn an_index_that_is_not_of_the_data_is_not_used() {
    let others = [&[20; 4][..], &[20, 20, 20, 20, 21], &[21, 20, 20, 20, 19]];
    let others = others.into_iter().map(|sizes| index_of(&shard(0, sizes)));
    for text in others.chain([b"no index".to_vec()]) {
        let open = move |_| Ok(ShardSource::new(shard(0, &[20; 5])).index_file(text.clone()));
        let dataset = opened(1, &DatasetOptions::new(), open).unwrap();
        assert_eq!(dataset.len(), 5);
        let warnings = dataset.warnings();
        let warning = warnings[0].to_string();
        assert!(warning.starts_with("shard 0.idx: "), "{warning}");
        assert!(warning.ends_with("this index is not used, the data is scanned"), "{warning}");
    }
}

#[test]
fn salvage_scans_a_source() {
    let open = |_| {
        let mut data = shard(0, &[50; 6]);
        data[66 * 2] ^= 1;
        let index = index_of(&shard(0, &[50; 6]));
        Ok(ShardSource::new(data).index_file(index))
    };
    let dataset = opened(1, &DatasetOptions::new().salvage(true), open).unwrap();
    assert_eq!((dataset.len(), dataset.warnings().len()), (5, 1));
    assert_eq!(dataset.read(2).unwrap(), payload(0, 3, 50));
}

#[test]
fn compressed_sources_are_decompressed() {
    let directory = tempfile::tempdir().unwrap();
    let path = |end: &str| directory.path().join(format!("x.gz{end}"));
    let options = Options::new().compression(crate::Compression::Gzip);
    let mut writer = crate::RecordWriter::create(path(""), path(".idx"), &options).unwrap();
    for record in 0..50 {
        writer.write(&payload(0, record, 100)).unwrap();
    }
    writer.finish().unwrap();
    let [data, index, seek] = ["", ".idx", ".seek"].map(|end| std::fs::read(path(end)).unwrap());
    for has_seek_file in [false, true] {
        let (data, index, seek) = (data.clone(), index.clone(), seek.clone());
        let open = move |_| {
            let shard = ShardSource::new(data.clone()).index_file(index.clone());
            Ok(if has_seek_file { shard.seek_file(seek.clone()) } else { shard })
        };
        let dataset = opened(1, &DatasetOptions::new(), open).unwrap();
        assert_eq!((dataset.len(), dataset.warnings().len()), (50, 0));
        assert_eq!(dataset.read(49).unwrap(), payload(0, 49, 100));
    }
}

#[test]
fn counts_that_are_known_open_nothing() {
    let times = Arc::new(AtomicUsize::new(0));
    let counted = times.clone();
    let open = move |i: usize| {
        counted.fetch_add(1, SeqCst);
        Ok(ShardSource::new(shard(i, &[5; 4])))
    };
    let shards = Shards::from_paths(["a", "b"]);
    let options = DatasetOptions::new();
    let dataset = Dataset::with_opener(&shards, Vec::new(), Some(&[4, 5]), &options, open).unwrap();
    assert_eq!((dataset.len(), times.load(SeqCst)), (9, 0));
    assert_eq!(dataset.read(3).unwrap(), payload(0, 3, 5));
    let error = dataset.read(4).unwrap_err();
    assert_eq!(
        error.to_string(),
        "b: has 4 records, but 5 are expected: the file was changed; open the data set again"
    );
}

#[test]
fn an_error_names_the_shard() {
    let open = |i: usize| match i {
        1 => Err(Error::io("open", io::Error::from_raw_os_error(libc::ENOENT))),
        _ => Ok(ShardSource::new(shard(i, &[5; 4]))),
    };
    let error = opened(3, &DatasetOptions::new(), open).unwrap_err();
    assert_eq!(error.path(), Some(std::path::Path::new("shard 1")));
    assert_eq!(error.os_error(), Some(libc::ENOENT));
    assert!(error.to_string().starts_with("shard 1: cannot open: "), "{error}");
}
