//! `tfr-index manifest`: the manifest of a data set.

use std::fs;
use std::path::Path;

use serde_json::{json, Value};
use tfr_index::{Index, Manifest, Options};

use crate::programs::{ended, folder_with, tfr_index, EXAMPLES};

fn run(directory: &Path, arguments: &[&str]) -> (i32, String, String) {
    ended(&tfr_index(directory, arguments))
}

/// A directory with three files of 100, 100 and 0 records in `data`, the first with an index.
fn set() -> tempfile::TempDir {
    let data = fs::read(EXAMPLES).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("data");
    fs::create_dir(&directory).unwrap();
    for (name, bytes) in [("a.tfrecord", &data[..]), ("b.tfrecord", &data), ("c.tfrecord", b"")] {
        fs::write(directory.join(name), bytes).unwrap();
    }
    assert_eq!(run(folder.path(), &["create", "data/a.tfrecord"]).0, 0);
    folder
}

#[test]
fn a_manifest_is_written_and_refreshed() {
    let folder = set();
    let path = folder.path();
    let write = |more: &[&str]| run(path, &[&["manifest", "data", "-o", "m.json"], more].concat());
    let done = (0, "m.json: 200 records in 3 shards\n".to_owned(), String::new());
    assert_eq!(write(&[]), done);
    let manifest = Manifest::read(path.join("m.json")).unwrap();
    assert_eq!((manifest.len(), manifest.total_records()), (3, 200));
    assert_eq!(manifest[0].index_path, Some(path.join("data/a.tfrecord.idx")));

    let before = fs::metadata(path.join("m.json")).unwrap().modified().unwrap();
    let (status, stdout, _) = write(&["--refresh"]);
    assert_eq!((status, &*stdout), (0, "m.json: 200 records in 3 shards, up to date\n"));
    assert_eq!(fs::metadata(path.join("m.json")).unwrap().modified().unwrap(), before);

    let data = fs::read(EXAMPLES).unwrap();
    fs::write(path.join("data/b.tfrecord"), [&data[..], &data].concat()).unwrap();
    fs::write(path.join("data/d.tfrecord"), &data).unwrap();
    fs::remove_file(path.join("data/c.tfrecord")).unwrap();
    let (status, stdout, _) = write(&["--refresh"]);
    let expected = "added: data/d.tfrecord\nchanged: data/b.tfrecord\ngone: data/c.tfrecord\n\
                    m.json: 400 records in 3 shards, refreshed\n";
    assert_eq!((status, &*stdout), (0, expected));

    // Without paths, the files are those of the manifest.
    fs::write(path.join("data/b.tfrecord"), &data).unwrap();
    let (status, stdout, _) = run(path, &["manifest", "--refresh", "-o", "m.json", "--json"]);
    let object: Value = serde_json::from_str(&stdout).unwrap();
    let expected = json!({
        "path": "m.json", "shards": 3, "records": 300, "bytes": 3 * data.len(), "added": [],
        "changed": ["data/b.tfrecord"], "gone": [], "reordered": false,
    });
    assert_eq!((status, object), (0, expected));
    assert_eq!(write(&["-q"]), (0, String::new(), String::new()));
    // A manifest stands for its files.
    fs::rename(path.join("m.json"), path.join("m.manifest.json")).unwrap();
    let (status, stdout, _) = run(path, &["manifest", "m.manifest.json", "-o", "data/n.json"]);
    assert_eq!((status, &*stdout), (0, "data/n.json: 300 records in 3 shards\n"));
    assert_eq!(
        Manifest::read(path.join("data/n.json")).unwrap()[0].path,
        path.join("data/a.tfrecord")
    );
}

#[test]
fn nothing_is_overwritten_and_errors_name_the_file() {
    let folder = set();
    let path = folder.path();
    fs::write(path.join("labels.json"), "[\"cat\", \"dog\"]").unwrap();
    let (status, _, stderr) = run(path, &["manifest", "data", "-o", "labels.json"]);
    assert_eq!(status, 1);
    assert!(stderr.contains("refusing to overwrite; give another path"), "{stderr}");
    assert!(stderr.contains("labels.json: "), "{stderr}");
    assert_eq!(fs::read(path.join("labels.json")).unwrap(), b"[\"cat\", \"dog\"]");

    fs::write(path.join("data/b.tfrecord"), "no records").unwrap();
    let (status, stdout, stderr) = run(path, &["manifest", "data", "-o", "m.json"]);
    assert_eq!((status, &*stdout), (1, ""));
    assert!(stderr.starts_with("error: data/b.tfrecord: "), "{stderr}");
    assert!(!path.join("m.json").exists());

    for arguments in [
        &["manifest", "data", "-o", "-"][..],
        &["manifest", "-o", "m.json"],
        &["manifest", "data"],
        &["manifest", "data", "-o", "m.json", "--refresh", "--split", "train"],
    ] {
        assert_eq!(run(path, arguments).0, 2, "{arguments:?}");
    }
    let (status, _, stderr) = run(path, &["manifest", "--refresh", "-o", "m.json"]);
    assert_eq!(
        (status, &*stderr),
        (1, "error: m.json: there is no manifest to refresh: give its files\n")
    );
}

#[test]
fn counts_come_from_tfds_and_go_there() {
    let data = fs::read(EXAMPLES).unwrap();
    let payloads = data.len() - 16 * 100;
    let info = format!(
        r#"{{"name": "x", "fileFormat": "tfrecord", "splits": [{{"name": "train", "numBytes": "{}",
        "shardLengths": ["100", "100"]}}]}}"#,
        2 * payloads
    );
    let names = ["x-train.tfrecord-00000-of-00002", "x-train.tfrecord-00001-of-00002"];
    let folder = folder_with(&[
        ("dataset_info.json", info.as_bytes()),
        (names[0], &data),
        (names[1], &data),
    ]);
    let path = folder.path();
    let command = ["manifest", ".", "--split", "train", "-o", "train.manifest.json"];
    let (status, stdout, stderr) = run(path, &command);
    assert_eq!(
        (status, &*stdout, &*stderr),
        (0, "train.manifest.json: 200 records in 2 shards\n", "")
    );

    let (status, ..) = run(path, &["manifest", ".", "-o", "m.json", "--tfds", "train"]);
    assert_eq!(status, 0);
    let written: Value =
        serde_json::from_str(&fs::read_to_string(path.join("train-info.json")).unwrap()).unwrap();
    let expected = json!({
        "filepathTemplate": "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}", "name": "train",
        "numBytes": (2 * payloads).to_string(), "shardLengths": ["100", "100"],
    });
    assert_eq!(written, expected);

    // Cut between two records.
    let index = Index::from_bytes(&data, &Options::new()).unwrap();
    fs::write(path.join(names[1]), &data[..index[60].offset as usize]).unwrap();
    let (status, _, stderr) = run(path, &command);
    assert_eq!(status, 1);
    let what = "has 60 records, but dataset_info.json says 100: the file was cut or replaced";
    assert!(stderr.contains(names[1]) && stderr.contains(what), "{stderr}");
    fs::remove_file(path.join(names[0])).unwrap();
    let (status, _, stderr) = run(path, &command);
    assert_eq!(status, 1);
    assert!(stderr.contains(names[0]) && stderr.contains("lists this shard"), "{stderr}");
}
