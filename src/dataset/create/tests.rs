//! Sets of small files, against what the same calls on each file do.

use super::*;
use crate::frame::{self, Header};
use crate::Index;
use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use tempfile::TempDir;

/// A directory with data files of 0, 1, 2… records.
fn files(count: usize) -> (TempDir, Vec<PathBuf>) {
    let directory = tempfile::tempdir().unwrap();
    let paths = (0..count).map(|number| directory.path().join(format!("{number:03}.tfrecord")));
    let paths: Vec<_> = paths.collect();
    for (number, path) in paths.iter().enumerate() {
        fs::write(path, frame::encode(&vec![7; number % 40]).repeat(number)).unwrap();
    }
    (directory, paths)
}

fn run(shards: &Shards, options: &CreateIndexes<'_>) -> (CreateTotals, Vec<Created>) {
    let mut all = Vec::new();
    let caller = std::thread::current().id();
    let totals = create_indexes(shards, options, |created| {
        assert_eq!(std::thread::current().id(), caller);
        all.push(created);
        ControlFlow::Continue(())
    });
    (totals.unwrap(), all)
}

fn names(directory: &Path) -> Vec<String> {
    let names = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn each_index_is_that_of_its_file_and_results_are_in_order() {
    for jobs in [0, 1, 2, 7, 50] {
        let (_directory, paths) = files(30);
        let shards = Shards::from_paths(paths.clone());
        let (totals, all) = run(&shards, &CreateIndexes::new().jobs(jobs));
        assert_eq!((totals.created, totals.records, totals.failed), (30, 29 * 30 / 2, 0));
        let sizes: u64 = paths.iter().map(|path| path.metadata().unwrap().len()).sum();
        assert_eq!(totals.bytes, sizes);
        assert_eq!(
            all.iter().map(|created| &created.path).collect::<Vec<_>>(),
            paths.iter().collect::<Vec<_>>()
        );
        for (number, created) in all.iter().enumerate() {
            let expected = Creation::Created { records: number as u64, skipped_regions: 0 };
            assert_eq!(*created.result.as_ref().unwrap(), expected);
            assert_eq!(created.bytes, created.path.metadata().unwrap().len());
            let index = Index::read(&created.index_path).unwrap();
            assert_eq!(index, Index::scan(&created.path, &Options::new()).unwrap());
        }
    }
}

#[test]
fn an_update_creates_what_is_missing_or_stale_and_touches_nothing_else() {
    let (directory, paths) = files(12);
    let shards = Shards::from_paths(paths.clone());
    run(&shards, &CreateIndexes::new());
    let index = |number: usize| crate::default_index_path(&paths[number]);
    let before = fs::metadata(index(5)).unwrap();
    fs::remove_file(index(3)).unwrap();
    fs::write(index(7), "0 16\n").unwrap();
    let update = CreateIndexes::new().only(Only::Stale);

    let (totals, all) = run(&shards, &update.dry_run(true));
    assert_eq!((totals.planned, totals.up_to_date, totals.created), (2, 10, 0));
    assert!(matches!(all[7].result, Ok(Creation::Planned)));
    assert!(!index(3).exists());

    let (totals, all) = run(&shards, &update);
    assert_eq!((totals.created, totals.up_to_date, totals.records), (2, 10, 10));
    assert!(matches!(all[3].result, Ok(Creation::Created { records: 3, .. })));
    let after = fs::metadata(index(5)).unwrap();
    assert_eq!((before.ino(), before.mtime_nsec()), (after.ino(), after.mtime_nsec()));
    assert_eq!(names(directory.path()).len(), 24);
}

#[test]
fn a_bad_file_stops_no_other_one() {
    let (directory, mut paths) = files(9);
    fs::write(&paths[2], b"damaged damaged damaged").unwrap();
    fs::remove_file(&paths[4]).unwrap();
    fs::write(directory.path().join("other"), "precious\n").unwrap();
    paths[6] = directory.path().join("events.out.tfevents.1");
    fs::write(&paths[6], frame::encode(b"x")).unwrap();
    let mut shards: Vec<_> = Shards::from_paths(paths.clone()).into_iter().collect();
    shards[7].index_path = Some(directory.path().join("other"));
    shards[8].index_path = Some(paths[8].clone());
    for jobs in [1, 4] {
        let shards: Shards = shards.iter().cloned().collect();
        let (totals, all) = run(&shards, &CreateIndexes::new().jobs(jobs));
        assert_eq!((totals.created, totals.failed), (4, 5));
        let kinds = all.iter().map(|created| created.result.as_ref().err().map(Error::kind));
        use ErrorKind::{InvalidArgument, Io};
        let found: Vec<_> = kinds.collect();
        assert_eq!(
            found[4..],
            [Some(Io), None, Some(InvalidArgument), Some(InvalidArgument), Some(InvalidArgument)]
        );
        assert!(found[2].is_some() && found[..2] == [None; 2] && found[3].is_none());
        let error = all[2].result.as_ref().unwrap_err();
        assert_eq!(error.path(), Some(&*paths[2]));
    }
    assert_eq!(fs::read_to_string(directory.path().join("other")).unwrap(), "precious\n");
    assert!(names(directory.path()).iter().all(|name| !name.ends_with(".tmp")));
}

#[test]
fn directories_of_indexes_are_made() {
    let (directory, paths) = files(6);
    let place = |path: &PathBuf| {
        let name = Path::new(path.file_name().unwrap()).with_extension("idx");
        directory.path().join("new").join(path.file_stem().unwrap()).join(name)
    };
    let mut shards: Vec<_> = Shards::from_paths(paths).into_iter().collect();
    shards.iter_mut().for_each(|shard| shard.index_path = Some(place(&shard.path)));
    let shards: Shards = shards.into_iter().collect();
    let (totals, all) = run(&shards, &CreateIndexes::new());
    assert_eq!(totals.created, 6);
    assert!(all.iter().all(|created| created.index_path.is_file()));
}

#[test]
fn large_files_share_the_threads_that_small_ones_leave() {
    let directory = tempfile::tempdir().unwrap();
    let large = (0..2000u32).flat_map(|number| frame::encode(&vec![3; number as usize % 90]));
    let large: Vec<u8> = large.collect();
    let paths: Vec<_> = (0..5).map(|number| directory.path().join(format!("{number}"))).collect();
    for (number, path) in paths.iter().enumerate() {
        fs::write(path, if number == 1 { &large[..] } else { b"" }).unwrap();
    }
    let expected = Index::from_bytes(&large, &Options::new().threads(1)).unwrap();
    for threads in [0, 1, 2, 8] {
        let options = CreateIndexes::new().options(Options::new().threads(threads)).jobs(3);
        let (totals, all) = run(&Shards::from_paths(paths.clone()), &options);
        assert_eq!((totals.created, totals.records), (5, 2000));
        assert_eq!(Index::read(&all[1].index_path).unwrap(), expected);
    }
}

#[test]
fn callbacks_cancel_and_leave_whole_indexes() {
    for jobs in [1, 3] {
        let (directory, paths) = files(40);
        let shards = Shards::from_paths(paths.clone());
        let options = CreateIndexes::new().jobs(jobs);
        let mut seen = 0;
        let cancelled = create_indexes(&shards, &options, |_| {
            seen += 1;
            if seen == 5 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        assert_eq!(cancelled.unwrap_err().kind(), ErrorKind::Cancelled);
        assert_eq!(seen, 5);
        let stop = |_: CreateProgress| ControlFlow::Break(());
        let cancelled =
            create_indexes(&shards, &options.progress(&stop), |_| ControlFlow::Continue(()));
        assert_eq!(cancelled.unwrap_err().kind(), ErrorKind::Cancelled);
        for name in names(directory.path()).iter().filter(|name| name.ends_with(".idx")) {
            let index = directory.path().join(name);
            let data = Index::scan(index.with_extension(""), &Options::new()).unwrap();
            assert_eq!(Index::read(&index).unwrap(), data);
        }
        assert!(names(directory.path()).iter().all(|name| !name.ends_with(".tmp")));
        // The same call, for what is missing, does the rest.
        let (totals, _) = run(&shards, &options.only(Only::Missing));
        assert_eq!(totals.created + totals.up_to_date, 40);
    }
}

#[test]
fn progress_ends_with_everything() {
    let (_directory, paths) = files(20);
    fs::write(&paths[3], b"damaged damaged damaged").unwrap();
    let last = std::sync::Mutex::new(CreateProgress::default());
    let note = |progress| {
        *last.lock().unwrap() = progress;
        ControlFlow::Continue(())
    };
    for jobs in [1, 2] {
        let options = CreateIndexes::new().jobs(jobs).progress(&note);
        let (totals, _) = run(&Shards::from_paths(paths.clone()), &options);
        let last = *last.lock().unwrap();
        assert_eq!((last.files_done, last.files_total, last.files_failed), (20, 20, 1));
        assert_eq!((last.bytes_done, last.records), (totals.bytes, totals.records));
    }
}

#[test]
fn skipped_regions_are_counted_for_each_file_and_named() {
    let (_directory, paths) = files(8);
    let damaged = [frame::encode(b"one"), vec![9; 30], frame::encode(b"two")].concat();
    for number in [2, 5] {
        fs::write(&paths[number], &damaged).unwrap();
    }
    let told = std::sync::Mutex::new(Vec::new());
    let tell = |skipped: crate::Skipped| {
        told.lock().unwrap().push(skipped.error.path().unwrap().to_owned());
        ControlFlow::Continue(())
    };
    for jobs in [1, 4] {
        let options = Options::new().salvage(true).on_skipped(&tell);
        let options = CreateIndexes::new().options(options).jobs(jobs);
        let (totals, all) = run(&Shards::from_paths(paths.clone()), &options);
        assert_eq!((totals.created, totals.skipped_regions), (8, 2));
        assert!(matches!(all[5].result, Ok(Creation::Created { records: 2, skipped_regions: 1 })));
        let mut told = std::mem::take(&mut *told.lock().unwrap());
        told.sort();
        assert_eq!(told, [&paths[2], &paths[5]].map(Clone::clone));
    }
}

#[test]
fn an_empty_set_is_done_at_once() {
    let calls = AtomicUsize::new(0);
    let note = |progress: CreateProgress| {
        assert_eq!((progress.files_done, progress.files_total), (0, 0));
        calls.fetch_add(1, Ordering::Relaxed);
        ControlFlow::Continue(())
    };
    let options = CreateIndexes::new().progress(&note);
    let (totals, all) = run(&Shards::default(), &options);
    assert_eq!((totals, all.len()), (CreateTotals::default(), 0));
    assert_eq!(calls.into_inner(), 1);
}

/// A file that changes nothing but is slow to read to its end: sparse, with one huge record.
#[test]
fn work_on_a_huge_file_is_cancelled() {
    let directory = tempfile::tempdir().unwrap();
    let paths = ["huge", "small"].map(|name| directory.path().join(name));
    let huge = File::create(&paths[0]).unwrap();
    huge.set_len(1 << 38).unwrap();
    huge.write_all_at(&Header::of((1 << 38) - 16).encode(), 0).unwrap();
    fs::write(&paths[1], "").unwrap();
    let full = Options::new().checksums(crate::Checksums::Full);
    let stop = |progress: CreateProgress| match progress.bytes_done > 1 << 20 {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    };
    for jobs in [1, 2] {
        let options = CreateIndexes::new().options(full).jobs(jobs).progress(&stop);
        let shards = Shards::from_paths(paths.clone());
        let done = create_indexes(&shards, &options, |_| ControlFlow::Continue(()));
        assert_eq!(done.unwrap_err().kind(), ErrorKind::Cancelled);
    }
    assert!(!names(directory.path()).contains(&"huge.idx".to_owned()));
}
