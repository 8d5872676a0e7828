//! Data sets of real files: how many are open, and what happens if they change.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::*;
use crate::dataset::inner::Inner;
use crate::dataset::opener::Expected;
use crate::{create_index, default_index_path, Compression, RecordWriter};

fn write(directory: &tempfile::TempDir, number: usize, records: usize) -> PathBuf {
    let path = directory.path().join(format!("{number:05}.tfrecord"));
    fs::write(&path, shard(number, &vec![5; records])).unwrap();
    path
}

fn set(directory: &tempfile::TempDir, shards: usize) -> Shards {
    Shards::from_paths((0..shards).map(|number| write(directory, number, 2)))
}

#[test]
fn a_file_that_was_replaced_is_noticed() {
    let directory = tempfile::tempdir().unwrap();
    let shards = set(&directory, 3);
    let options = DatasetOptions::new().max_open_files(1);
    let dataset = Dataset::open(&shards, &options).unwrap();
    assert_eq!(dataset.read(5).unwrap(), payload(2, 1, 5));
    // Another content with as many records.
    fs::write(&shards[0].path, shard(7, &[9, 4])).unwrap();
    assert_eq!(dataset.read(0).unwrap(), payload(7, 0, 9));
    assert_eq!(dataset.read_many(&[5, 1]).unwrap()[1], payload(7, 1, 4)[..]);
    dataset.read(5).unwrap();
    write(&directory, 0, 3);
    let error = dataset.read(0).unwrap_err();
    assert_eq!((error.kind(), error.path()), (ErrorKind::Mismatch, Some(&*shards[0].path)));
    assert!(error.to_string().contains("has 3 records, but 2 are expected"), "{error}");
    assert_eq!(dataset.read_many(&[2, 1]).unwrap_err().kind(), ErrorKind::Mismatch);
    assert_eq!(dataset.read(2).unwrap(), payload(1, 0, 5));
}

#[test]
fn a_file_may_be_replaced_while_it_is_open() {
    let directory = tempfile::tempdir().unwrap();
    let shards = set(&directory, 2);
    let dataset = Dataset::open(&shards, &DatasetOptions::new()).unwrap();
    fs::rename(&shards[1].path, &shards[0].path).unwrap();
    assert_eq!(dataset.read_many(&[0, 3]).unwrap()[1], payload(1, 1, 5)[..]);
    assert_eq!(dataset.read(0).unwrap(), payload(0, 0, 5));
}

#[test]
fn shards_must_be_what_they_are_expected_to_be() {
    let directory = tempfile::tempdir().unwrap();
    let shards = set(&directory, 4);
    let stamp = |i: usize| {
        let metadata = fs::metadata(&shards[i].path).unwrap();
        crate::source::Stamp::of(&metadata)
    };
    let expected = |i: usize| Expected {
        records: 2,
        bytes: Some(stamp(i).bytes),
        mtime_ns: Some(stamp(i).mtime_ns),
        ..Expected::default()
    };
    let expected = vec![
        Expected { records: 3, ..Expected::default() },
        Expected { bytes: Some(43), ..expected(1) },
        Expected { mtime_ns: Some(1), ..expected(2) },
        expected(3),
    ];
    let expected = expected.into_iter().map(Some).collect();
    let inner = Inner::new(shards.to_vec(), Vec::new(), expected, &DatasetOptions::new(), None);
    let dataset = Dataset(Arc::new(inner));
    assert_eq!((dataset.len(), dataset.0.files.known()), (9, 0), "nothing is opened");
    for (record, what) in
        [(0, "2 records, but 3"), (3, "42 bytes, but the manifest says 43"), (6, "was modified")]
    {
        let error = dataset.read(record).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Mismatch);
        assert!(error.to_string().contains(what), "{error}");
        assert_eq!(dataset.read_many(&[8, record]).unwrap_err().to_string(), error.to_string());
    }
    assert_eq!(dataset.read(8).unwrap(), payload(3, 1, 5));
}

#[test]
fn a_file_is_listed_twice_only_with_indexes() {
    let directory = tempfile::tempdir().unwrap();
    let path = write(&directory, 0, 4);
    let index = Index::scan(&path, &Options::new()).unwrap();
    let halves = [&index[..2], &index[2..]]
        .map(|half| Some(Index::from_entries(half.iter().rev().copied()).unwrap()));
    let shards = Shards::from_paths([path.clone(), directory.path().join("./00000.tfrecord")]);
    let error = Dataset::open(&shards, &DatasetOptions::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert!(error.to_string().contains("listed twice (also as "), "{error}");
    let options = DatasetOptions::new().max_open_files(1);
    let dataset = Dataset::with_indexes(&shards, halves.to_vec(), &options).unwrap();
    let read = dataset.read_many(&[0, 1, 2, 3]).unwrap();
    let order: Vec<_> =
        read.iter().map(|bytes| (0..4).find(|&i| payload(0, i, 5) == bytes)).collect();
    assert_eq!(order, [1, 0, 3, 2].map(Some));
    assert_eq!(dataset.index_of(1).unwrap(), *halves[1].as_ref().unwrap());
}

#[test]
fn indexes_are_found_or_given_by_path() {
    let directory = tempfile::tempdir().unwrap();
    let mut shards = set(&directory, 3).to_vec();
    // That of shard 0 leaves out a record, so it is used only if it is given.
    let first = Index::scan(&shards[0].path, &Options::new()).unwrap();
    let part = Index::from_entries([first[1]]).unwrap();
    part.write(default_index_path(&shards[0].path)).unwrap();
    create_index(&shards[1].path, directory.path().join("other.idx"), &Options::new()).unwrap();
    shards[1].index_path = Some(directory.path().join("other.idx"));
    let set: Shards = shards.iter().cloned().collect();
    let dataset = Dataset::open(&set, &DatasetOptions::new()).unwrap();
    assert_eq!(dataset.len(), 6);
    let warnings = dataset.warnings();
    assert_eq!((warnings.len(), warnings[0].kind()), (1, ErrorKind::Stale));
    dataset.close_files();
    dataset.read(0).unwrap();
    assert_eq!(dataset.warnings().len(), 1, "said once");

    shards[0].index_path = Some(default_index_path(&shards[0].path));
    let set: Shards = shards.iter().cloned().collect();
    let dataset = Dataset::open(&set, &DatasetOptions::new()).unwrap();
    assert_eq!((dataset.len(), dataset.warnings().len()), (5, 0));
    assert_eq!(dataset.read(0).unwrap(), payload(0, 1, 5));
    let both = DatasetOptions::new().salvage(true);
    let error = Dataset::open(&set, &both).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    // In the words of all interfaces.
    assert!(error
        .to_string()
        .ends_with("create the index with salvage, to leave out damaged records"));
}

#[test]
fn salvage_leaves_out_damage() {
    let directory = tempfile::tempdir().unwrap();
    let shards = set(&directory, 2);
    let mut data = shard(1, &[5; 6]);
    data[21] ^= 1; // the header of record 1
    data[21 * 3 + 12] ^= 1; // the payload of record 3
    fs::write(&shards[1].path, data).unwrap();
    assert!(Dataset::open(&shards, &DatasetOptions::new()).is_err());
    let options = DatasetOptions::new().salvage(true).max_open_files(1).index_memory(1);
    let dataset = Dataset::open(&shards, &options).unwrap();
    assert_eq!(dataset.len(), 6);
    assert_eq!(dataset.read(3).unwrap(), payload(1, 2, 5));
    let warnings = dataset.warnings();
    assert_eq!(warnings.len(), 2);
    assert!(warnings[0].to_string().contains("skipped bytes 21 to 42"), "{}", warnings[0]);
    assert!(warnings.iter().all(|warning| warning.path() == Some(&*shards[1].path)));
    let none = options.checksums(Checksums::None);
    assert_eq!(Dataset::open(&shards, &none).unwrap_err().kind(), ErrorKind::InvalidArgument);
}

/// Runs this same test in a process that may open few files.
#[test]
fn more_shards_than_files_may_be_open() {
    const SHARDS: usize = 2000;
    if let Some(directory) = std::env::var_os("TFR_TEST_SHARDS") {
        let path = |number| PathBuf::from(&directory).join(format!("{number:05}.tfrecord"));
        let shards = Shards::from_paths((0..SHARDS).map(path));
        // The limit is 64. With more allowed, the data set finds out by itself.
        for most in [0, 1000] {
            let options = DatasetOptions::new().max_open_files(most);
            let dataset = Dataset::open(&shards, &options).unwrap();
            assert_eq!((dataset.len(), dataset.warnings().len()), (SHARDS as u64, 0));
            let records: Vec<_> = (0..300).map(|i| i * 77 % SHARDS as u64).collect();
            thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        let read = dataset.read_many(&records).unwrap();
                        let right = |(&record, bytes): (&u64, &[u8])| {
                            payload(record as usize, 0, 3) == bytes
                        };
                        assert!(records.iter().zip(&read).all(right));
                    });
                }
            });
            assert!(dataset.0.files.open() < 64);
        }
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    for number in 0..SHARDS {
        let path = directory.path().join(format!("{number:05}.tfrecord"));
        fs::write(path, shard(number, &[3])).unwrap();
    }
    let name = "dataset::tests::files::more_shards_than_files_may_be_open";
    let limited = format!("ulimit -n 64 && exec \"$0\" --exact --nocapture {name}");
    let mut child = Command::new("sh");
    child.args(["-c", &limited]).arg(std::env::current_exe().unwrap());
    let output = child.env("TFR_TEST_SHARDS", directory.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn few_files_are_open_also_while_they_are_opened() {
    struct Counted(Vec<u8>, Arc<[AtomicUsize; 2]>);
    impl ReadAt for Counted {
        fn size(&self) -> io::Result<u64> {
            self.0.size()
        }
        fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
            self.0.read_at(buffer, offset)
        }
    }
    impl Drop for Counted {
        fn drop(&mut self) {
            self.1[0].fetch_sub(1, SeqCst);
        }
    }
    let counts: Arc<[AtomicUsize; 2]> = Arc::default();
    for most in [1, 3, 7] {
        let counted = counts.clone();
        let open = move |i: usize| {
            counted[1].fetch_max(counted[0].fetch_add(1, SeqCst) + 1, SeqCst);
            thread::sleep(Duration::from_micros(100));
            let source = Counted(shard(i, &[5]), counted.clone());
            Ok(ShardSource::new(source))
        };
        counts[1].store(0, SeqCst);
        let options = DatasetOptions::new().max_open_files(most);
        let dataset = opened(40, &options, open).unwrap();
        thread::scope(|scope| {
            for thread in 0..8 {
                let dataset = &dataset;
                scope.spawn(move || {
                    for i in 0..30 {
                        let record = (i * (thread + 1) + thread) % 40;
                        assert_eq!(dataset.read(record as u64).unwrap(), payload(record, 0, 5));
                    }
                });
            }
        });
        let seen = [0, 1].map(|i| counts[i].load(SeqCst));
        assert_eq!((seen, dataset.0.files.open()), ([most, most], most));
        drop(dataset);
        assert_eq!(counts[0].load(SeqCst), 0);
    }
}

/// A compressed shard has its seek file open, too.
#[test]
fn seek_files_count_as_open_files() {
    let directory = tempfile::tempdir().unwrap();
    let path = |number: usize| directory.path().join(format!("{number}.gz"));
    let options = Options::new().compression(Compression::Gzip);
    for number in 0..8 {
        let index_path = default_index_path(path(number));
        let mut writer = RecordWriter::create(path(number), index_path, &options).unwrap();
        writer.write(&payload(number, 0, 5)).unwrap();
        writer.finish().unwrap();
    }
    let open = || {
        let descriptors = fs::read_dir("/proc/self/fd").unwrap().filter_map(Result::ok);
        let paths = descriptors.filter_map(|entry| fs::read_link(entry.path()).ok());
        paths.filter(|path| path.starts_with(directory.path())).count()
    };
    let shards = Shards::from_paths((0..8).map(path));
    for most in 1..8_usize {
        let options = DatasetOptions::new().max_open_files(most);
        let dataset = Dataset::open(&shards, &options).unwrap();
        for number in [0, 5, 1, 6, 2, 7, 3, 4, 0] {
            assert_eq!(dataset.read(number).unwrap(), payload(number as usize, 0, 5));
            assert!(open() <= most.max(2), "{} of {most}", open());
            assert_eq!(dataset.0.files.open(), open());
        }
    }
}
