use std::fs;
use std::ops::ControlFlow;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::{
    create_index, default_index_path, frame, Dataset, DatasetOptions, ErrorKind, FindShards, Index,
    Only,
};

/// The bytes of a TFRecord file with payloads of these sizes.
fn data(sizes: &[usize]) -> Vec<u8> {
    sizes.iter().flat_map(|&size| frame::encode(&vec![7; size])).collect()
}

/// A directory with shards of 3, 0 and 2 records, the last one with an index.
fn set() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, sizes) in
        [("a.tfrecord", &[1, 2, 3][..]), ("b.tfrecord", &[]), ("c.tfrecord", &[9, 9])]
    {
        fs::write(directory.path().join(name), data(sizes)).unwrap();
    }
    index(&directory.path().join("c.tfrecord"));
    directory
}

fn index(path: &Path) {
    create_index(path, default_index_path(path), &Options::new()).unwrap();
}

fn find(directory: &Path) -> Shards {
    Shards::find([directory], &FindShards::new()).unwrap()
}

fn build(directory: &Path) -> Manifest {
    Manifest::build(&find(directory), &Options::new()).unwrap()
}

fn counts(manifest: &Manifest) -> Vec<u64> {
    manifest.iter().map(|row| row.records).collect()
}

fn names(paths: &[PathBuf]) -> Vec<&str> {
    paths.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect()
}

#[test]
fn rows_say_what_the_files_are() {
    let set = set();
    for threads in [0, 1, 2, 7] {
        let options = Options::new().threads(threads);
        let manifest = Manifest::build(&find(set.path()), &options).unwrap();
        assert_eq!((counts(&manifest), manifest.total_records()), (vec![3, 0, 2], 5));
        for (row, name) in manifest.iter().zip(["a.tfrecord", "b.tfrecord", "c.tfrecord"]) {
            let path = set.path().join(name);
            let metadata = fs::metadata(&path).unwrap();
            assert_eq!((&row.path, row.bytes), (&path, metadata.len()));
            assert_eq!(row.mtime_ns, Some(Stamp::of(&metadata).mtime_ns));
            let index_path = default_index_path(&path);
            assert_eq!(row.index_path, index_path.exists().then_some(index_path));
        }
    }
    assert_eq!(build(set.path()).shards()[..], find(set.path())[..]);
}

#[test]
fn counts_are_those_of_readers() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.tfrecord");
    let index_path = default_index_path(&path);
    fs::write(&path, data(&[1, 2, 3, 4])).unwrap();
    let whole = Index::scan(&path, &Options::new()).unwrap();
    let text = whole.to_text().unwrap();
    let line = |record: usize| format!("{} {}\n", whole[record].offset, whole[record].size);
    // A reader that finds an index uses it only if it has all records.
    for (text, is_used) in [
        (text.clone(), true),
        (text.replace('\n', "  \r\n"), true),
        (line(3) + &line(2) + &line(1) + &line(0), true),
        (line(0) + &line(1), false),
        (line(1) + &line(2) + &line(3), false),
        (line(0) + &line(3), false),
        ("0 17\n17 40\n".to_owned(), false),
        ("no index".to_owned(), false),
        (String::new(), false),
    ] {
        fs::write(&index_path, &text).unwrap();
        let row = build(directory.path()).rows()[0].clone();
        assert_eq!(row.records, 4, "{text}");
        assert_eq!(row.index_path.is_some(), is_used, "{text}");
        assert_eq!(crate::Reader::open(&path, &Options::new()).unwrap().len(), 4);
    }
    // One that leaves out damage.
    let mut damaged = data(&[1, 2, 3, 4]);
    damaged[whole[1].offset as usize] ^= 1;
    fs::write(&path, damaged).unwrap();
    let error = Manifest::build(&find(directory.path()), &Options::new()).unwrap_err();
    assert_eq!((error.path(), error.record()), (Some(&*path), Some(1)));
    create_index(&path, &index_path, &Options::new().salvage(true)).unwrap();
    assert_eq!(counts(&build(directory.path())), [3]);
}

#[test]
fn an_index_older_than_its_data_is_checked() {
    let set = set();
    let path = set.path().join("c.tfrecord");
    // Two records again, in as many bytes, but the index is of the old ones.
    let index_path = default_index_path(&path);
    let old = std::time::SystemTime::UNIX_EPOCH;
    fs::File::options().write(true).open(&index_path).unwrap().set_modified(old).unwrap();
    fs::write(&path, data(&[2, 16])).unwrap();
    let row = build(set.path()).rows()[2].clone();
    assert_eq!((row.records, row.index_path), (2, None));
}

#[test]
fn a_given_index_counts_as_it_is() {
    let set = set();
    let path = set.path().join("a.tfrecord");
    let indexes = tempfile::tempdir().unwrap();
    let index_path = indexes.path().join("some.idx");
    let whole = Index::scan(&path, &Options::new()).unwrap();
    whole.select(&[2, 0]).unwrap().write(&index_path).unwrap();
    let shard = Shard { path: path.clone(), index_path: Some(index_path.clone()) };
    let shards: Shards = [shard.clone()].into_iter().collect();
    let manifest = Manifest::build(&shards, &Options::new()).unwrap();
    assert_eq!(counts(&manifest), [2]);
    assert_eq!(manifest.shards()[..], [shard]);
    // And is found again.
    let file = set.path().join("m.json");
    manifest.write(&file).unwrap();
    let mut read = Manifest::read(&file).unwrap();
    assert!(read.refresh(&manifest.shards(), &Options::new()).unwrap().is_empty());
    assert_eq!(Index::read(read[0].index_path.as_ref().unwrap()).unwrap().len(), 2);
    fs::write(&index_path, "0 99\n").unwrap();
    let error = Manifest::build(&shards, &Options::new()).unwrap_err();
    assert!(error.to_string().contains("some.idx; create it again"), "{error}");
}

#[test]
fn errors_name_the_first_bad_shard() {
    let set = set();
    for threads in [1, 8] {
        let options = Options::new().threads(threads);
        for name in ["a2.tfrecord", "b2.tfrecord", "d.tfrecord"] {
            fs::write(set.path().join(name), b"not a record").unwrap();
        }
        let error = Manifest::build(&find(set.path()), &options).unwrap_err();
        assert_eq!(error.path(), Some(&*set.path().join("a2.tfrecord")));
        let missing = Shards::from_paths([set.path().join("none"), set.path().join("a.tfrecord")]);
        let error = Manifest::build(&missing, &options).unwrap_err();
        assert_eq!((error.os_error(), error.path()), (Some(libc::ENOENT), Some(&*missing[0].path)));
        let error = Manifest::build(&Shards::from_paths([set.path()]), &options).unwrap_err();
        assert!(error.to_string().ends_with("is a directory, not a shard"), "{error}");
    }
    let twice =
        Shards::from_paths([set.path().join("a.tfrecord"), set.path().join("./a.tfrecord")]);
    let error = Manifest::build(&twice, &Options::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    let error = Manifest::build(&twice, &Options::new().salvage(true)).unwrap_err();
    assert!(error.to_string().contains("create the indexes"), "{error}");
}

#[test]
fn progress_is_that_of_the_set_and_cancels() {
    let set = set();
    let total = 6 + 3 * 16 + 18 + 2 * 16;
    for threads in [1, 4] {
        let (most, records) = (AtomicU64::new(0), AtomicU64::new(0));
        let watch = |progress: crate::Progress| {
            assert!(progress.bytes_done <= progress.bytes_total);
            assert!([0, total].contains(&progress.bytes_total));
            most.fetch_max(progress.bytes_done, Ordering::Relaxed);
            records.fetch_max(progress.records, Ordering::Relaxed);
            ControlFlow::Continue(())
        };
        let options = Options::new().threads(threads).progress(&watch);
        Manifest::build(&find(set.path()), &options).unwrap();
        assert_eq!((most.load(Ordering::Relaxed), records.load(Ordering::Relaxed)), (total, 5));
        let stop = |_| ControlFlow::Break(());
        let options = options.progress(&stop);
        let error = Manifest::build(&find(set.path()), &options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Cancelled);
        let stop = |progress: crate::Progress| match progress.records {
            0 => ControlFlow::Continue(()),
            _ => ControlFlow::Break(()),
        };
        let error = Manifest::build(&find(set.path()), &options.progress(&stop)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Cancelled);
    }
}

#[test]
fn refresh_does_what_changed() {
    let set = set();
    let mut manifest = build(set.path());
    let before = manifest.clone();
    let nothing = manifest.refresh(&find(set.path()), &Options::new()).unwrap();
    assert!(nothing.is_empty() && manifest == before, "{nothing:?}");

    let place = |name| set.path().join(name);
    fs::remove_file(place("b.tfrecord")).unwrap();
    fs::write(place("a.tfrecord"), data(&[1, 2, 3, 4])).unwrap();
    fs::write(place("aa.tfrecord"), data(&[5])).unwrap();
    fs::write(place("d.tfrecord"), data(&[5, 6])).unwrap();
    let changes = manifest.refresh(&find(set.path()), &Options::new()).unwrap();
    assert_eq!(names(&changes.added), ["aa.tfrecord", "d.tfrecord"]);
    assert_eq!(names(&changes.changed), ["a.tfrecord"]);
    assert_eq!(names(&changes.gone), ["b.tfrecord"]);
    assert!(!changes.reordered && !changes.is_empty());
    assert_eq!(counts(&manifest), [4, 1, 2, 2]);
    assert_eq!(manifest, build(set.path()));

    // The same size at another time; and an index that was created since.
    let old = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(7);
    let data = fs::File::options().write(true).open(place("d.tfrecord")).unwrap();
    data.set_modified(old).unwrap();
    index(&place("aa.tfrecord"));
    let changes = manifest.refresh(&find(set.path()), &Options::new()).unwrap();
    assert_eq!(names(&changes.changed), ["d.tfrecord"]);
    assert_eq!(names(&changes.indexed), ["aa.tfrecord"]);
    assert!(!changes.is_empty());
    assert_eq!(manifest[3].mtime_ns, Some(7_000_000_000));
    assert!(manifest[1].index_path.is_some());

    // Only the files that changed are read.
    let mut lies = manifest.rows().to_vec();
    lies[0].records = 77;
    let mut lying = Manifest::from_rows(lies).unwrap();
    assert!(lying.refresh(&find(set.path()), &Options::new()).unwrap().is_empty());
    assert_eq!(lying[0].records, 77);

    let reversed: Shards = manifest.shards().into_iter().rev().collect();
    let changes = manifest.refresh(&reversed, &Options::new()).unwrap();
    assert!(changes.reordered && changes.added.is_empty() && changes.changed.is_empty());
    assert_eq!(counts(&manifest), [2, 2, 1, 4]);

    // After an error, all is as before.
    fs::write(place("c.tfrecord"), "damage").unwrap();
    let before = manifest.clone();
    assert!(manifest.refresh(&find(set.path()), &Options::new()).is_err());
    assert_eq!(manifest, before);
}

#[test]
fn a_file_is_written_with_columns_and_relative_paths() {
    let set = set();
    let mut manifest = build(set.path());
    for row in &mut manifest.rows {
        row.mtime_ns = Some(1_700_000_000_123_456_789);
    }
    manifest.rows[1].mtime_ns = None;
    let path = set.path().join("train.manifest.json");
    manifest.write(&path).unwrap();
    let expected = r#"{
"format": "tfr-index manifest",
"version": 1,
"base": ".",
"total_records": 5,
"shards": {
"path": ["a.tfrecord","b.tfrecord","c.tfrecord"],
"bytes": [54,0,50],
"records": [3,0,2],
"mtime_ns": [1700000000123456789,null,1700000000123456789],
"index": [null,null,"c.tfrecord.idx"]
}
}
"#;
    assert_eq!(fs::read_to_string(&path).unwrap(), expected);
    assert_eq!(Manifest::read(&path).unwrap(), manifest);
    // An empty set is one, too.
    Manifest::default().write(&path).unwrap();
    assert_eq!(Manifest::read(&path).unwrap(), Manifest::default());
}

#[test]
fn a_file_that_appears_while_a_manifest_is_written_stays() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("m.json");
    let begin = || {
        let mut file = NewFile::create(&path).unwrap().with_check(catalog::ensure_manifest);
        file.write(b"new").unwrap();
        file
    };
    let new = begin();
    Manifest::default().write(&path).unwrap(); // by another program: it may be replaced
    new.commit().unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new");
    fs::remove_file(&path).unwrap();
    let new = begin();
    fs::write(&path, "labels").unwrap();
    let error = new.commit().unwrap_err();
    assert!(error.to_string().contains("refusing to overwrite"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), b"labels");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn a_set_can_be_moved_with_its_manifest() {
    let root = tempfile::tempdir().unwrap();
    let root = fs::canonicalize(root.path()).unwrap();
    for directory in ["old/data/train", "old/data/more", "old/manifests", "indexes"] {
        fs::create_dir_all(root.join(directory)).unwrap();
    }
    fs::write(root.join("old/data/train/a.tfrecord"), data(&[1])).unwrap();
    fs::write(root.join("old/data/more/b.tfrecord"), data(&[1, 2])).unwrap();
    let shards = Shards::find([root.join("old/data")], &FindShards::new()).unwrap();
    let mut manifest = Manifest::build(&shards, &Options::new()).unwrap();
    let bases = ["train.manifest.json", "data/m.json", "data/train/m.json", "manifests/m.json"];
    let written =
        [r#""base": "data""#, r#""base": ".""#, r#""base": "..""#, r#""base": "../data""#];
    for (place, base) in bases.iter().zip(written) {
        let path = root.join("old").join(place);
        manifest.write(&path).unwrap();
        assert!(fs::read_to_string(&path).unwrap().contains(base), "{place}");
        assert_eq!(Manifest::read(&path).unwrap().total_records(), 3);
    }
    fs::rename(root.join("old"), root.join("new")).unwrap();
    for place in bases {
        let mut moved = Manifest::read(root.join("new").join(place)).unwrap();
        assert_eq!(moved.total_records(), 3);
        let changes = moved.refresh(&moved.shards(), &Options::new()).unwrap();
        assert!(changes.is_empty(), "{place}: {changes:?}");
    }
    // Indexes in another directory have a base of their own.
    manifest = Manifest::read(root.join("new/data/m.json")).unwrap();
    manifest.rows[0].index_path = Some(root.join("indexes/deep/b.idx"));
    fs::create_dir(root.join("indexes/deep")).unwrap();
    manifest.write(root.join("new/data/m.json")).unwrap();
    let text = fs::read_to_string(root.join("new/data/m.json")).unwrap();
    assert!(text.contains(r#""index_base": "../../indexes/deep""#), "{text}");
    let index_path = Manifest::read(root.join("new/data/m.json")).unwrap()[0].index_path.clone();
    assert_eq!(
        fs::canonicalize(index_path.unwrap().parent().unwrap()).unwrap(),
        root.join("indexes/deep")
    );
}

/// Replaces `from` in a good manifest, reads it, and returns the error.
fn hostile(from: &str, to: &str) -> Error {
    let good = r#"{"format": "tfr-index manifest", "version": 1, "base": ".", "total_records": 5,
        "extra": [{"x": null}], "shards": {"path": ["a", "b"], "bytes": [54, 50], "new": 1,
        "records": [3, 2], "mtime_ns": [-7, null], "index": [null, "b.idx"]}}"#;
    assert_eq!(text::parse(good.as_bytes(), Path::new("x")).unwrap().total, 5);
    assert!(good.contains(from), "{from}");
    text::parse(good.replacen(from, to, 1).as_bytes(), Path::new("x")).unwrap_err()
}

#[test]
fn hostile_text_is_an_error_that_names_the_row() {
    for (from, to, row, what) in [
        ("\"tfr-index manifest\"", "\"other\"", None, "not a manifest: it has no \"format\""),
        ("\"version\": 1", "\"version\": 2", None, "reads version 1: update tfr-index"),
        ("\"version\": 1, ", "", None, "no \"version\""),
        ("\"total_records\": 5,", "", None, "no \"total_records\""),
        ("\"total_records\": 5", "\"total_records\": 6", None, "the shards have 5 records"),
        ("\"path\": [\"a\", \"b\"],", "", None, "no \"path\""),
        ("\"records\": [3, 2],", "", None, "no \"records\""),
        ("[54, 50]", "[54]", None, "2 items in \"path\", but 1 in \"bytes\""),
        ("[3, 2]", "[3, 2, 0]", None, "but 3 in \"records\""),
        ("[-7, null]", "[]", None, "but 0 in \"mtime_ns\""),
        ("[null, \"b.idx\"]", "[null]", None, "but 1 in \"index\""),
        ("[3, 2]", "[18446744073709551615, 2]", None, "more than 2^64 - 1"),
        ("[3, 2]", "[3, 18446744073709551616]", Some(1), "over 2^64 - 1"),
        ("[3, 2]", "[3, -2]", Some(1), "expected an integer from 0 on"),
        ("[3, 2]", "[3.0, 2]", Some(0), "expected an integer from 0 on"),
        ("[54, 50]", "[54, \"50\"]", Some(1), "row 1, \"bytes\", at byte"),
        ("[54, 50]", "[null, 50]", Some(0), "expected an integer"),
        ("[-7, null]", "[-7, 9223372036854775808]", Some(1), "over 2^63 - 1"),
        ("[\"a\", \"b\"]", "[\"a\", \"/etc/passwd\"]", Some(1), "an absolute path"),
        ("[\"a\", \"b\"]", "[\"a\", \"x/../../b\"]", Some(1), "a path with '..'"),
        ("[\"a\", \"b\"]", "[\"..\", \"b\"]", Some(0), "a path with '..'"),
        ("[\"a\", \"b\"]", "[\"\", \"b\"]", Some(0), "an empty path"),
        ("[\"a\", \"b\"]", "[\"a\\u0000\", \"b\"]", Some(0), "a path with a NUL byte"),
        ("[\"a\", \"b\"]", "[\"a\", \"a\"]", Some(1), "rows 0 and 1 are both \"a\""),
        ("[\"a\", \"b\"]", "[\"a\", 7]", Some(1), "expected a string"),
        ("\"b.idx\"", "\"../b.idx\"", Some(1), "row 1, \"index\""),
        ("\"base\": \".\"", "\"base\": \"\"", None, "not a path"),
        ("\"base\": \".\"", "\"base\": \"a\\u0000\"", None, "not a path"),
        ("\"base\": \".\"", "\"base\": null", None, "expected a string"),
        ("\"base\"", "\"version\": 1, \"base\"", None, "\"version\" is there twice"),
        ("\"bytes\"", "\"path\": [], \"bytes\"", None, "\"path\" is there twice"),
        ("{\"x\": null}", "{\"x\": nul}", None, "expected a value"),
        ("\"b.idx\"]}}", "\"b.idx\"]}", None, "the text ends"),
        ("\"b.idx\"]}}", "\"b.idx\"]}} x", None, "expected the end"),
    ] {
        let error = hostile(from, to);
        assert_eq!(error.kind(), ErrorKind::InvalidManifest, "{to}");
        assert_eq!(error.record(), row, "{to}: {error}");
        assert!(error.to_string().contains(what), "{to}: {error}");
        assert!(!error.to_string().contains("record 0"), "{to}: {error}");
        assert!(!error.to_string().contains("record 1"), "{to}: {error}");
    }
    let error = hostile("\"version\": 1", "\"version\": 2");
    assert!(
        error.to_string().ends_with("update tfr-index, or create the manifest again"),
        "{error}"
    );
    let other = text::parse(b"{\"version\": 2}", Path::new("x")).unwrap_err();
    assert!(other.to_string().starts_with("not a manifest"), "{other}");
    for text in [&b""[..], b"[]", b"0 21\n", b"\xff", b"{\"format\": \"\xff\"}", b"\x1f\x8b\x08"] {
        let error = text::parse(text, Path::new("x")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidManifest);
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.json");
    let error = Manifest::read(&path).unwrap_err();
    assert_eq!((error.os_error(), error.path()), (Some(libc::ENOENT), Some(&*path)));
    fs::write(&path, "{").unwrap();
    let error = Manifest::read(&path).unwrap_err().to_string();
    assert!(error.starts_with(&path.display().to_string()), "{error}");
}

#[test]
fn what_json_cannot_hold_is_refused() {
    use std::os::unix::ffi::OsStrExt;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("m.json");
    let odd = directory.path().join(std::ffi::OsStr::from_bytes(b"\xff.tfrecord"));
    fs::write(&odd, data(&[1])).unwrap();
    let error = build(directory.path()).write(&path).unwrap_err();
    assert_eq!((error.kind(), error.path()), (ErrorKind::InvalidArgument, Some(&*odd)));
    assert!(error.to_string().ends_with("rename the file"), "{error}");
    assert!(!path.exists());
    // A directory, alone and with others.
    let deep = directory.path().join(std::ffi::OsStr::from_bytes(b"\xfe"));
    fs::create_dir(&deep).unwrap();
    fs::rename(&odd, deep.join("a.tfrecord")).unwrap();
    let error = build(directory.path()).write(&path).unwrap_err();
    assert!(error.to_string().ends_with("rename the directory"), "{error}");
    fs::write(directory.path().join("b.tfrecord"), data(&[1])).unwrap();
    let error = build(directory.path()).write(&path).unwrap_err();
    assert!(error.to_string().ends_with("rename the directory"), "{error}");
    assert_eq!(error.path(), Some(&*deep.join("a.tfrecord")));
    let row = ManifestRow {
        path: "a".into(),
        bytes: 1,
        records: u64::MAX,
        mtime_ns: None,
        index_path: None,
        etag: None,
    };
    let one = Manifest::from_rows(vec![row.clone()]).unwrap();
    assert_eq!(one.total_records(), u64::MAX);
    assert!(
        Manifest::from_rows(vec![row.clone(), ManifestRow { records: 1, ..row.clone() }]).is_err()
    );
    let twice = Manifest::from_rows(vec![row.clone(), ManifestRow { records: 0, ..row }]).unwrap();
    assert!(twice.write(&path).unwrap_err().to_string().contains("as rows 0 and 1"));
    assert!(one.write("").is_err());
}

#[test]
fn an_index_is_found_however_old_the_manifest() {
    let set = set();
    let mut manifest = build(set.path());
    fs::remove_file(set.path().join("c.tfrecord.idx")).unwrap();
    let options = Options::new();
    assert!(manifest.refresh(&find(set.path()), &options).unwrap().is_empty());
    for shard in &manifest.shards() {
        assert_eq!(shard.index_path, None);
        crate::update_index(&shard.path, default_index_path(&shard.path), Only::Stale, &options)
            .unwrap();
    }
    let changes = manifest.refresh(&manifest.shards(), &options).unwrap();
    assert_eq!(names(&changes.indexed), ["a.tfrecord", "b.tfrecord"]);
    assert!(manifest.iter().all(|row| row.index_path.is_some()));
}

fn rows() -> impl Strategy<Value = Vec<ManifestRow>> {
    let name = "[a-z\u{e9}\"\\\\ \u{1f600}\n{}]{1,6}";
    let index = proptest::option::of(name);
    let row = (name, any::<u64>(), 0..u64::MAX / 100, proptest::option::of(any::<i64>()), index);
    proptest::collection::btree_map(proptest::collection::vec(name, 0..3), row, 0..20).prop_map(
        |rows| {
            let row = |(directories, (name, bytes, records, mtime_ns, index)): (
                Vec<String>,
                (String, u64, _, _, Option<String>),
            )| {
                let directory: PathBuf = ["/set"]
                    .into_iter()
                    .chain(directories.iter().map(|name| name.as_str()))
                    .collect();
                let etag = index.clone().filter(|_| bytes % 2 == 0);
                let index_path = index.map(|name: String| directory.join("indexes").join(name));
                ManifestRow {
                    path: directory.join("f").join(name),
                    bytes,
                    records,
                    mtime_ns,
                    index_path,
                    etag,
                }
            };
            rows.into_iter().map(row).collect()
        },
    )
}

proptest! {
    #[test]
    fn what_is_written_is_read(rows in rows(), home in "(/set|/set/m|/other|/set/f)") {
        let manifest = Manifest::from_rows(rows).unwrap();
        let file = Path::new(&home).join("m.json");
        let text = text::format(manifest.rows(), manifest.total_records(), &file).unwrap();
        let read = text::parse(text.as_bytes(), Path::new(&home)).unwrap();
        prop_assert_eq!(read.total, manifest.total_records());
        prop_assert_eq!(read.rows, manifest.rows);
    }
}

#[test]
fn a_data_set_has_the_records_that_a_listed_shard_must_have() {
    let set = set();
    let path = set.path().join("sizes.json");
    build(set.path()).write(&path).unwrap();
    let find = |path: &Path| Shards::find([path], &FindShards::new()).unwrap();
    let open = |shards: &Shards| Dataset::open(shards, &DatasetOptions::new());
    fs::remove_file(set.path().join("c.tfrecord")).unwrap();
    // No file is opened before it is needed.
    let dataset = open(&find(&path)).unwrap();
    assert_eq!(dataset.len(), 5);
    assert_eq!(dataset.read(0).unwrap(), [7; 1]);
    assert_eq!(dataset.read(4).unwrap_err().os_error(), Some(libc::ENOENT));
    fs::write(set.path().join("a.tfrecord"), data(&[1, 2])).unwrap();
    let dataset = open(&find(&path)).unwrap();
    assert_eq!(dataset.read(0).unwrap_err().kind(), ErrorKind::Mismatch);
    // An index that is given says which records are meant, but the file must be the same.
    let mut shards = find(&path);
    let index = Index::scan(&shards[0].path, &Options::new()).unwrap();
    let given = vec![Some(index)];
    let error = Dataset::with_indexes(&shards, given, &DatasetOptions::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Mismatch);
    shards.set_index_dir(set.path().join("none"));
    open(&shards).unwrap_err();
    let salvage = DatasetOptions::new().salvage(true).on_error(crate::OnError::Skip);
    assert_eq!(Dataset::open(&find(&path), &salvage).unwrap().len(), 2);

    // TFDS says no sizes, so the files are opened.
    let info = r#"{"name": "x", "splits": [{"name": "train", "shardLengths": ["3"]}]}"#;
    fs::write(set.path().join("dataset_info.json"), info).unwrap();
    let shard = set.path().join("x-train.tfrecord-00000-of-00001");
    for (sizes, is_right) in [(&[1, 2, 3][..], true), (&[1, 2], false)] {
        fs::write(&shard, data(sizes)).unwrap();
        let shards = find(&set.path().join("dataset_info.json"));
        let opened = open(&shards).map(|dataset| dataset.len());
        assert_eq!(
            opened.map_err(|error| error.kind()),
            if is_right { Ok(3) } else { Err(ErrorKind::Mismatch) }
        );
        let built = Manifest::build(&shards, &Options::new()).map(|built| built.total_records());
        assert_eq!(
            built.map_err(|error| error.kind()),
            if is_right { Ok(3) } else { Err(ErrorKind::Mismatch) }
        );
    }
}

#[test]
fn only_a_manifest_is_replaced() {
    let set = set();
    let (manifest, shard) = (build(set.path()), set.path().join("a.tfrecord"));
    let refused = |path: &Path, why: &str| {
        let before = fs::read(path).ok();
        let error = manifest.write(path).unwrap_err();
        assert_eq!((error.kind(), error.path()), (ErrorKind::InvalidArgument, Some(path)));
        assert!(error.to_string().contains(why), "{error}");
        assert_eq!(fs::read(path).ok(), before);
    };
    for path in [&shard, &set.path().join("train.txt"), &set.path().join("train")] {
        refused(path, "the name of a manifest must end with .json");
    }
    refused(&set.path().join("dataset_info.json"), "a file of TensorFlow Datasets");
    let path = set.path().join("m.json");
    symlink(&shard, &path).unwrap();
    refused(&path, "refusing to overwrite: the file is not a manifest");
    fs::remove_file(&path).unwrap();
    for text in ["[\"cat\"]", "{\"format\": \"other\"}", "no JSON"] {
        fs::write(&path, text).unwrap();
        refused(&path, "refusing to overwrite: the file is not a manifest");
    }
    // A new file of another program, and manifests that are damaged, or of another version.
    let start = "{\"format\": \"tfr-index manifest\"";
    for text in ["".to_owned(), start.to_owned(), format!("{start}, \"version\": 2}}")] {
        fs::write(&path, text).unwrap();
        manifest.write(&path).unwrap();
        assert_eq!(Manifest::read(&path).unwrap(), manifest);
    }
}

#[test]
fn paths_are_relative_to_the_file_that_a_link_leads_to() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    for directory in ["d", "deep/links", "blobs"] {
        fs::create_dir_all(at(directory)).unwrap();
    }
    fs::write(at("d/a.tfrecord"), data(&[1, 2])).unwrap();
    let manifest = build(&at("d"));
    let (file, link) = (at("d/m.manifest.json"), at("deep/links/x.manifest.json"));
    symlink("../../d/m.manifest.json", &link).unwrap();
    for _ in 0..2 {
        manifest.write(&link).unwrap(); // a new file, and one that is there
        assert!(fs::read_to_string(&file).unwrap().contains("\"base\": \".\""));
        assert_eq!(Manifest::read(&file).unwrap(), manifest);
        let mut linked = Manifest::read(&link).unwrap();
        assert!(linked.refresh(&find(&at("d")), &Options::new()).unwrap().is_empty());
        assert_eq!(Dataset::open(&find(&link), &DatasetOptions::new()).unwrap().len(), 2);
    }
    // A store of contents, as caches have, has the file under another name, and no shards.
    fs::rename(&file, at("blobs/1f")).unwrap();
    symlink("../blobs/1f", &file).unwrap();
    assert_eq!(Manifest::read(&file).unwrap(), manifest);
    manifest.write(&file).unwrap();
    assert_eq!(Manifest::read(&file).unwrap(), manifest);
}
