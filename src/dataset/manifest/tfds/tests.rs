use std::fs;

use super::*;
use crate::frame;

/// A set as TFDS 4.9.10 writes it: `counts` records of a byte in each shard of the split "train".
fn set(counts: &[usize]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let lengths: Vec<_> = counts.iter().map(|count| format!("\"{count}\"")).collect();
    let (lengths, bytes) = (lengths.join(", "), counts.iter().sum::<usize>());
    let info = format!(
        r#"{{
  "fileFormat": "tfrecord",
  "moduleName": "pics.pics_dataset_builder",
  "name": "pics",
  "splits": [
    {{"filepathTemplate": "{TEMPLATE}", "name": "test", "numBytes": "0", "shardLengths": ["0"]}},
    {{
      "filepathTemplate": "{TEMPLATE}",
      "name": "train",
      "numBytes": "{bytes}",
      "shardLengths": [{lengths}]
    }}
  ],
  "version": "1.0.0"
}}"#
    );
    fs::write(directory.path().join(INFO), info).unwrap();
    for (number, count) in counts.iter().enumerate() {
        write(directory.path(), number, counts.len(), *count);
    }
    fs::write(directory.path().join("pics-test.tfrecord-00000-of-00001"), "").unwrap();
    directory
}

fn write(directory: &Path, number: usize, shards: usize, records: usize) -> PathBuf {
    let path = directory.join(format!("pics-train.tfrecord-{}", x_of_y(number, shards)));
    fs::write(&path, frame::encode(b"x").repeat(records)).unwrap();
    path
}

fn train(directory: &Path) -> Result<Manifest> {
    Manifest::from_tfds(directory, "train", &Options::new())
}

#[test]
fn counts_are_those_of_tfds() {
    let set = set(&[3, 0, 2]);
    let manifest = train(set.path()).unwrap();
    assert_eq!(manifest.iter().map(|row| row.records).collect::<Vec<_>>(), [3, 0, 2]);
    assert_eq!(manifest.total_records(), 5);
    assert!(manifest[2].path.ends_with("pics-train.tfrecord-00002-of-00003"));
    assert_eq!(manifest, Manifest::build(&manifest.shards(), &Options::new()).unwrap());
}

#[test]
fn a_shard_that_is_missing_or_cut_is_named() {
    let set = set(&[3, 1, 2]);
    // Between two records: nothing in the file shows it.
    let path = write(set.path(), 2, 3, 1);
    let error = train(set.path()).unwrap_err();
    assert_eq!((error.kind(), error.path()), (ErrorKind::Mismatch, Some(&*path)));
    let text = "has 1 records, but dataset_info.json says 2: the file was cut or replaced";
    assert!(error.to_string().ends_with(text), "{error}");
    fs::remove_file(&path).unwrap();
    let error = train(set.path()).unwrap_err();
    assert_eq!((error.os_error(), error.path()), (Some(libc::ENOENT), Some(&*path)));
    assert!(error.to_string().ends_with("dataset_info.json lists this shard"), "{error}");
    // In the middle of one.
    fs::write(&path, &frame::encode(b"x").repeat(2)[..30]).unwrap();
    assert_eq!(train(set.path()).unwrap_err().kind(), ErrorKind::Truncated);
    // Payloads of other sizes than TFDS says, but as many.
    fs::write(&path, frame::encode(b"xyz").repeat(2)).unwrap();
    assert_eq!(train(set.path()).unwrap().total_records(), 6);
}

#[test]
fn what_is_no_set_of_tfrecord_files_is_refused() {
    let set = set(&[1]);
    let path = set.path().join(INFO);
    let good = fs::read_to_string(&path).unwrap();
    let error = Manifest::from_tfds(set.path(), "dev", &Options::new()).unwrap_err();
    assert!(error.to_string().ends_with("no split \"dev\"; its splits: test, train"), "{error}");
    for (from, to, kind, what) in [
        ("\"tfrecord\"", "\"array_record\"", ErrorKind::InvalidArgument, "the format array_record"),
        ("[\"1\"]", "[\"-1\"]", ErrorKind::InvalidManifest, "\"-1\" is not a number"),
        ("[\"1\"]", "[\"18446744073709551616\"]", ErrorKind::InvalidManifest, "is not a number"),
        ("[\"1\"]", "[1.5]", ErrorKind::InvalidManifest, "expected an integer"),
        ("\"1\"]", "\"1\"", ErrorKind::InvalidManifest, "not what TFDS writes"),
        ("{SHARD_X_OF_Y}\",\n", "{OTHER}\",\n", ErrorKind::InvalidManifest, "is no template"),
        (
            "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}\",\n",
            "../x\",\n",
            ErrorKind::InvalidManifest,
            "is no template",
        ),
    ] {
        assert!(good.contains(from), "{from}");
        fs::write(&path, good.replace(from, to)).unwrap();
        let error = train(set.path()).unwrap_err();
        assert_eq!(error.kind(), kind, "{to}: {error}");
        assert!(error.to_string().contains(what), "{to}: {error}");
    }
    fs::remove_file(&path).unwrap();
    assert_eq!(train(set.path()).unwrap_err().os_error(), Some(libc::ENOENT));
}

/// A manifest of files with these names and 10 records each.
fn named(names: &[&str]) -> Manifest {
    let row = |name: &&str| ManifestRow {
        path: name.into(),
        bytes: 500,
        records: 10,
        mtime_ns: None,
        index_path: None,
        etag: None,
    };
    Manifest::from_rows(names.iter().map(row).collect()).unwrap()
}

#[test]
fn names_become_templates() {
    for (name, split, template) in [
        ("pics-train.tfrecord-00000-of-00001", "train", TEMPLATE),
        ("train.tfrecord-00000-of-00001", "train", "{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"),
        ("train-00000-of-00001.tfrecords", "train", "{SPLIT}-{SHARD_X_OF_Y}.{FILEFORMAT}s"),
        ("train-00000-of-00001", "train", "{SPLIT}-{SHARD_X_OF_Y}"),
        ("a-b-train-00000-of-00001", "train", "a-b-{SPLIT}-{SHARD_X_OF_Y}"),
        ("trains-00000-of-00001", "train", "trains-{SHARD_X_OF_Y}"),
        ("x{y}-train-00000-of-00001", "train", "x{{y}}-{SPLIT}-{SHARD_X_OF_Y}"),
    ] {
        let manifest = named(&[name]);
        assert_eq!(manifest.template(split).unwrap(), template, "{name}");
    }
    let two = named(&["a-train-00000-of-00002", "a-train-00001-of-00002"]);
    assert_eq!(two.template("train").unwrap(), "{DATASET}-{SPLIT}-{SHARD_X_OF_Y}");
    for names in [
        &["a-00000-of-00002"][..],
        &["a-00001-of-00002", "a-00000-of-00002"],
        &["a-00000-of-00002", "b-00001-of-00002"],
        &["a-00000-of-00002", "x/a-00001-of-00002"],
        &["a.tfrecord"],
    ] {
        let error = named(names).template("train").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{names:?}");
    }
}

#[test]
fn what_is_written_has_the_form_of_protocol_buffers() {
    let directory = tempfile::tempdir().unwrap();
    let names = ["pics-train.tfrecord-00000-of-00002", "pics-train.tfrecord-00001-of-00002"];
    let path = named(&names).write_tfds(directory.path(), "train").unwrap();
    let expected = r#"{
  "filepathTemplate": "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}",
  "name": "train",
  "numBytes": "680",
  "shardLengths": [
    "10",
    "10"
  ]
}
"#;
    assert_eq!(fs::read_to_string(path).unwrap(), expected);
    for split in ["", "a/b", "..", "-", "a b"] {
        assert!(named(&names).write_tfds(directory.path(), split).is_err(), "{split}");
    }
}

#[test]
fn only_such_a_file_is_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let manifest = named(&["pics-train.tfrecord-00000-of-00001"]);
    let path = directory.path().join("train-info.json");
    for text in ["{\"epochs\": 7}", "no JSON"] {
        fs::write(&path, text).unwrap();
        let error = manifest.write_tfds(directory.path(), "train").unwrap_err();
        assert_eq!((error.kind(), error.path()), (ErrorKind::InvalidArgument, Some(&*path)));
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
    for text in ["", "{\"name\": \"train\", \"shardLengths\": [\"7\"", "{\"shard_lengths\": [7]}"] {
        fs::write(&path, text).unwrap();
        manifest.write_tfds(directory.path(), "train").unwrap();
    }
    manifest.write_tfds(directory.path(), "train").unwrap();
}
