//! Records of shards that are counted, or whose numbers are given.

use std::fs;
use std::ops::ControlFlow;
use std::sync::Mutex;

use super::*;
use crate::Progress;

fn set(directory: &tempfile::TempDir, count: usize) -> Shards {
    let write = |number: usize| {
        let path = directory.path().join(format!("{number}.tfrecord"));
        fs::write(&path, shard(number, &[5; 4])).unwrap();
        path
    };
    Shards::from_paths((0..count).map(write))
}

#[test]
fn progress_comes_on_the_callers_thread() {
    let directory = tempfile::tempdir().unwrap();
    let caller = thread::current().id();
    for (shards, threads) in [(0, 0), (1, 0), (9, 0), (9, 1), (9, 3)] {
        let told = Mutex::new(Vec::new());
        let tell = |at: Progress| {
            assert_eq!((thread::current().id(), at.bytes_total), (caller, u64::MAX));
            told.lock().unwrap().push((at.bytes_done, at.records));
            ControlFlow::Continue(())
        };
        let options = DatasetOptions::new().threads(threads);
        let shards = set(&directory, shards);
        let dataset = Dataset::with_progress(&shards, Vec::new(), &options, &tell).unwrap();
        assert_eq!(dataset.len(), 4 * shards.len() as u64);
        let told = told.into_inner().unwrap();
        assert_eq!(told[0], (0, 0));
        assert!(told.windows(2).all(|pair| pair[0] <= pair[1]), "{told:?}");
        if shards.len() == 1 || threads == 1 {
            assert_eq!(*told.last().unwrap(), (84 * dataset.len() / 4, dataset.len()));
        }
    }
}

#[test]
fn counting_can_be_cancelled() {
    let directory = tempfile::tempdir().unwrap();
    // More bytes than a test can read. Only the first header is there: the scan goes on in a hole.
    let endless = |number: usize| {
        let path = directory.path().join(format!("{number}.tfrecord"));
        let length = (1_u64 << 38) - 16;
        let file = fs::File::create(&path).unwrap();
        file.set_len(1 << 38).unwrap();
        let header = frame::Header::of(length).encode();
        std::os::unix::fs::FileExt::write_all_at(&file, &header, 0).unwrap();
        path
    };
    let full = DatasetOptions::new().salvage(true).checksums(Checksums::Full);
    for (count, threads) in [(1, 0), (3, 0), (3, 1)] {
        let shards = Shards::from_paths((0..count).map(endless));
        for on_error in [OnError::Fail, OnError::Skip] {
            let calls = AtomicUsize::new(0);
            let stop = |_: Progress| match calls.fetch_add(1, SeqCst) {
                0 | 1 => ControlFlow::Continue(()),
                _ => ControlFlow::Break(()),
            };
            let options = full.clone().threads(threads).on_error(on_error);
            let opened = Dataset::with_progress(&shards, Vec::new(), &options, &stop);
            assert_eq!(opened.unwrap_err().kind(), ErrorKind::Cancelled);
        }
    }
}

#[test]
fn numbers_that_are_given_open_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let shards = set(&directory, 3);
    let options = DatasetOptions::new();
    let hidden = directory.path().join("hidden");
    fs::rename(&shards[1].path, &hidden).unwrap();
    let dataset = Dataset::with_counts(&shards, Vec::new(), &[4, 4, 5], &options).unwrap();
    assert_eq!(dataset.len(), 13);
    assert_eq!(dataset.0.files.known(), 0);
    assert_eq!(dataset.read(3).unwrap(), payload(0, 3, 5));
    assert_eq!(dataset.read(4).unwrap_err().os_error(), Some(libc::ENOENT));
    fs::rename(&hidden, &shards[1].path).unwrap();
    assert_eq!(dataset.read(4).unwrap(), payload(1, 0, 5));
    let error = dataset.read(8).unwrap_err();
    assert_eq!((error.kind(), error.path()), (ErrorKind::Mismatch, Some(&*shards[2].path)));
    assert!(error.to_string().contains("has 4 records, but 5 are expected"), "{error}");

    let error = Dataset::with_counts(&shards, Vec::new(), &[4, 4], &options).unwrap_err();
    assert!(error.to_string().contains("2 counts for 3 shards"), "{error}");
    let twice = Shards::from_paths([&shards[0].path, &shards[0].path]);
    let error = Dataset::with_counts(&twice, Vec::new(), &[4, 4], &options).unwrap_err();
    assert!(error.to_string().contains("listed twice"), "{error}");
}
