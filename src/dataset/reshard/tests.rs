//! Tests of resharding. The oracle: the payloads, in the order of the permutation.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use proptest::prelude::*;

use super::*;
use crate::check::CheckLevel;
use crate::frame;
use crate::index::Index;
use crate::order::Permutation;

/// Payloads of these sizes, each different from the others.
fn payloads(sizes: &[usize]) -> Vec<Vec<u8>> {
    let payload = |(i, &size): (usize, &usize)| {
        (0..size).map(|byte| (byte * 7 + i * 31) as u8).chain([i as u8, (i >> 8) as u8]).collect()
    };
    sizes.iter().enumerate().map(payload).collect()
}

/// Writes the payloads to shards.
fn write(directory: &Path, payloads: &[Vec<u8>], shards: usize) -> Shards {
    let per_shard = payloads.len().div_ceil(shards).max(1);
    let mut chunks = payloads.chunks(per_shard);
    let paths = (0..shards).map(|shard| {
        let path = directory.join(format!("old-{shard}.tfrecord"));
        let payloads = chunks.next().unwrap_or_default();
        let frames: Vec<u8> = payloads.iter().flat_map(|payload| frame::encode(payload)).collect();
        fs::write(&path, frames).unwrap();
        path
    });
    Shards::from_paths(paths.collect::<Vec<_>>())
}

/// The payloads of a new data set, each of whose shards has a valid index.
fn read(manifest: &Manifest) -> Vec<Vec<Vec<u8>>> {
    let read = |row: &ManifestRow| {
        let index = Index::read(row.index_path.as_ref().unwrap()).unwrap();
        let options = Options::new().checksums(Checksums::Full);
        index.check(&row.path, CheckLevel::Full, &options).unwrap();
        assert_eq!(row.records, index.len() as u64);
        let reader = crate::Reader::with_index(&row.path, index, &options).unwrap();
        reader.iter().map(Result::unwrap).collect()
    };
    manifest.iter().map(read).collect()
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

struct Fixture {
    directory: tempfile::TempDir,
    payloads: Vec<Vec<u8>>,
    shards: Shards,
    new: PathBuf,
}

/// 40 records in 3 shards.
fn fixture() -> Fixture {
    let directory = tempfile::tempdir().unwrap();
    let payloads = payloads(&(0..40).map(|i| i * 13 % 90).collect::<Vec<_>>());
    let shards = write(directory.path(), &payloads, 3);
    let new = directory.path().join("new");
    Fixture { directory, payloads, shards, new }
}

impl Fixture {
    /// Nothing of the new directory is left.
    fn assert_clean(&self) {
        let names = names(self.directory.path());
        assert!(names.iter().all(|name| name.starts_with("old-")), "{names:?}");
    }

    /// Changes a byte of a shard.
    fn damage(&self, shard: usize, byte: usize) {
        let path = &self.shards[shard].path;
        let mut data = fs::read(path).unwrap();
        data[byte] ^= 1;
        fs::write(path, data).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// The new data set has the records of the old one in the right order, whatever the sizes.
    #[test]
    fn has_all_records(
        sizes in prop::collection::vec(0..200_usize, 1..80),
        old in 1..5_usize,
        shards in 1..10_u64,
        bytes in prop::option::of(1..4000_u64),
        seed in prop::option::of(any::<u64>()),
        threads in 0..4_usize,
    ) {
        let directory = tempfile::tempdir().unwrap();
        let payloads = payloads(&sizes);
        let old = write(directory.path(), &payloads, old);
        let shards = shards.min(sizes.len() as u64);
        let how = match bytes {
            Some(bytes) => Reshard::shard_bytes(bytes),
            None => Reshard::shards(shards),
        };
        let how = how.options(Options::new().threads(threads));
        let how = seed.map_or(how.clone(), |seed| how.shuffle(seed));
        let new = directory.path().join("new");
        let done = reshard(&old, &new, &how).unwrap();
        prop_assert!(done.warnings.is_empty());
        prop_assert_eq!(&Manifest::read(new.join("train.manifest.json")).unwrap(), &done.manifest);

        let count = payloads.len() as u64;
        let permutation = seed.map(|seed| Permutation::new(count, seed));
        let record = |i| permutation.as_ref().map_or(i, |order| order.get(i).unwrap());
        let expected: Vec<_> = (0..count).map(|i| payloads[record(i) as usize].clone()).collect();
        let found = read(&done.manifest);
        prop_assert_eq!(found.concat(), expected);
        prop_assert!(found.iter().all(|payloads| !payloads.is_empty()));
        match bytes {
            None => {
                let lengths: Vec<_> = found.iter().map(|shard| shard.len() as u64).collect();
                prop_assert_eq!(lengths.len() as u64, shards);
                let even = count / shards..=count.div_ceil(shards);
                prop_assert!(lengths.iter().all(|length| even.contains(length)));
            }
            Some(bytes) => {
                let size = |payload: &Vec<u8>| payload.len() as u64 + 16;
                let total: u64 = payloads.iter().map(size).sum();
                prop_assert!(found.len() as u64 <= total.div_ceil(bytes));
                for (payloads, row) in found.iter().zip(&done.manifest) {
                    let last = size(payloads.last().unwrap());
                    prop_assert!(row.bytes - last < bytes, "{} {} {}", row.bytes, last, bytes);
                }
            }
        }
    }
}

#[test]
fn makes_files_with_indexes_and_a_manifest() {
    let it = fixture();
    let how = Reshard::shards(2).name("x").options(Options::new().sync(true));
    let done = reshard(&it.shards, &it.new, &how).unwrap();
    let expected = [
        "x-00000-of-00002.tfrecord",
        "x-00000-of-00002.tfrecord.idx",
        "x-00001-of-00002.tfrecord",
        "x-00001-of-00002.tfrecord.idx",
        "x.manifest.json",
    ];
    assert_eq!(names(&it.new), expected);
    // In order, the bytes are those of the concatenated files.
    let bytes = |shards: &Shards| -> Vec<u8> {
        shards.iter().flat_map(|shard| fs::read(&shard.path).unwrap()).collect()
    };
    assert_eq!(bytes(&done.manifest.shards()), bytes(&it.shards));
    // The manifest is that of the files.
    assert_eq!(Manifest::build(&done.manifest.shards(), &Options::new()).unwrap(), done.manifest);
    // The directory is not replaced.
    let error = reshard(&it.shards, &it.new, &how).unwrap_err();
    assert_eq!(error.os_error(), Some(libc::ENOTEMPTY));
    assert_eq!(names(&it.new), expected);
}

#[test]
fn a_damaged_record_is_an_error_that_names_it() {
    let it = fixture();
    let index = Index::scan(&it.shards[1].path, &Options::new()).unwrap();
    let entry = index[3];
    it.damage(1, entry.offset as usize + 13);
    for how in [Reshard::shards(4), Reshard::shards(1).shuffle(1)] {
        let error = reshard(&it.shards, &it.new, &how).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PayloadCrc);
        assert_eq!(error.path(), Some(&*it.shards[1].path));
        assert_eq!((error.record(), error.offset()), (Some(3), Some(entry.offset)));
        it.assert_clean();
    }
    // Salvage leaves it out.
    let how = Reshard::shards(1).options(Options::new().salvage(true));
    let done = reshard(&it.shards, &it.new, &how).unwrap();
    let (records, payload) = (read(&done.manifest).concat(), &it.payloads[14 + 3]);
    assert_eq!((records.len(), records.contains(payload)), (39, false));
    assert_eq!(done.warnings.len(), 1);
    assert_eq!(done.warnings[0].path(), Some(&*it.shards[1].path));
}

/// A file must not have records with and without valid checksums.
#[test]
fn copies_of_unchecked_records_have_valid_checksums() {
    let it = fixture();
    let path = &it.shards[1].path;
    let index = Index::scan(path, &Options::new()).unwrap();
    let mut data = fs::read(path).unwrap();
    for entry in &index {
        data[entry.offset as usize + 8..][..4].fill(0);
        data[entry.end() as usize - 4..entry.end() as usize].fill(0);
    }
    fs::write(path, data).unwrap();
    for how in [Reshard::shards(2), Reshard::shards(3).shuffle(5)] {
        let full = how.clone().options(Options::new().checksums(Checksums::Full));
        let error = reshard(&it.shards, &it.new, &full).unwrap_err();
        assert_eq!((error.kind(), error.path()), (ErrorKind::LengthCrc, Some(&**path)));
        it.assert_clean();

        let done = reshard(&it.shards, &it.new, &how).unwrap();
        let mut records = read(&done.manifest).concat();
        let mut expected = it.payloads.clone();
        records.sort();
        expected.sort();
        assert_eq!(records, expected);
        let [warning] = &done.warnings[..] else { panic!("{:?}", done.warnings) };
        assert_eq!((warning.kind(), warning.path()), (ErrorKind::LengthCrc, Some(&**path)));
        assert!(warning.to_string().contains("14 records"), "{warning}");
        fs::remove_dir_all(&it.new).unwrap();
    }
}

#[test]
fn a_file_that_changes_meanwhile_is_an_error() {
    let it = fixture();
    let path = &it.shards[0].path;
    let is_first = AtomicBool::new(true);
    let change = |_| {
        if is_first.swap(false, Ordering::Relaxed) {
            let data = fs::read(path).unwrap();
            fs::write(path, [&data[..], &frame::encode(b"one more")[..]].concat()).unwrap();
        }
        ControlFlow::Continue(())
    };
    let how = Reshard::shards(2).options(Options::new().progress(&change));
    let error = reshard(&it.shards, &it.new, &how).unwrap_err();
    assert_eq!((error.kind(), error.path()), (ErrorKind::Mismatch, Some(&**path)), "{error}");
    it.assert_clean();
}

#[test]
fn can_be_cancelled() {
    let it = fixture();
    for threads in [0, 1] {
        for calls in 1..3 {
            let left = std::sync::atomic::AtomicUsize::new(calls);
            let cancel = |progress: crate::Progress| {
                assert!(progress.bytes_done <= progress.bytes_total);
                match left.fetch_sub(1, Ordering::Relaxed) {
                    1 => ControlFlow::Break(()),
                    _ => ControlFlow::Continue(()),
                }
            };
            let how = Reshard::shards(4).options(Options::new().threads(threads).progress(&cancel));
            let error = reshard(&it.shards, &it.new, &how).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Cancelled);
            it.assert_clean();
        }
    }
}

#[test]
fn reports_its_progress() {
    let it = fixture();
    let last = std::sync::Mutex::new(None);
    let note = |progress| {
        *last.lock().unwrap() = Some(progress);
        ControlFlow::Continue(())
    };
    let how = Reshard::shards(4).options(Options::new().progress(&note));
    reshard(&it.shards, &it.new, &how).unwrap();
    let last = last.into_inner().unwrap().unwrap();
    let bytes: u64 = it.payloads.iter().map(|payload| payload.len() as u64 + 16).sum();
    assert_eq!((last.bytes_done, last.bytes_total, last.records), (bytes, bytes, 40));
}

/// An edited index selects, reorders and repeats records.
#[test]
fn follows_the_given_indexes() {
    let it = fixture();
    let index = Index::scan(&it.shards[0].path, &Options::new()).unwrap();
    let edited = index.select(&[5, 2, 2]).unwrap();
    let index_path = it.directory.path().join("old-edited.idx");
    edited.write(&index_path).unwrap();
    let shard = crate::Shard { path: it.shards[0].path.clone(), index_path: Some(index_path) };
    let shards: Shards = [shard, it.shards[1].clone()].into_iter().collect();
    let done = reshard(&shards, &it.new, &Reshard::shards(1)).unwrap();
    let expected: Vec<_> = [5, 2, 2].into_iter().chain(14..28).collect();
    let expected: Vec<_> = expected.into_iter().map(|i: usize| it.payloads[i].clone()).collect();
    assert_eq!(read(&done.manifest).concat(), expected);
}

#[test]
fn impossible_work_is_refused() {
    let it = fixture();
    let none = Shards::default();
    let options = Options::new();
    let cases = [
        (&it.shards, Reshard::shards(0)),
        (&it.shards, Reshard::shards(41)),
        (&it.shards, Reshard::shard_bytes(0)),
        (&it.shards, Reshard::shards(1).name("")),
        (&it.shards, Reshard::shards(1).name("a/b")),
        (&it.shards, Reshard::shards(1).options(options.checksums(Checksums::None))),
        (&it.shards, Reshard::shards(1).options(options.checksums(Checksums::Length))),
        (&none, Reshard::shards(1)),
    ];
    for (shards, how) in cases {
        let error = reshard(shards, &it.new, &how).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
        it.assert_clean();
    }
    let missing = Shards::from_paths([it.directory.path().join("none")]);
    let error = reshard(&missing, &it.new, &Reshard::shards(1)).unwrap_err();
    assert_eq!((error.os_error(), error.path()), (Some(libc::ENOENT), Some(&*missing[0].path)));
    it.assert_clean();
}
