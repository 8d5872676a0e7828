use std::fs;
use std::path::PathBuf;

use super::*;
use crate::example::{encode_examples, FeatureValues};
use crate::frame;

/// Writes a file of records of these payloads.
fn write(path: PathBuf, payloads: impl IntoIterator<Item = Vec<u8>>) -> PathBuf {
    let data: Vec<u8> = payloads.into_iter().flat_map(|payload| frame::encode(&payload)).collect();
    fs::write(&path, data).unwrap();
    path
}

/// A payload that has `count` integers.
fn ints(name: &str, count: usize) -> Vec<u8> {
    encode_examples(1, &[FeatureValues::int64(name, &vec![7; count])]).unwrap().0
}

fn names(schema: &Schema) -> Vec<&str> {
    schema.features().map(|(name, _)| std::str::from_utf8(name).unwrap()).collect()
}

fn infer(files: &[PathBuf], records: Option<u64>) -> Result<Inferred> {
    infer_features(&Shards::from_paths(files), records, &Options::new())
}

#[test]
fn records_are_taken_from_all_files() {
    let directory = tempfile::tempdir().unwrap();
    let file = |number: usize, records: usize| {
        let payloads = (0..records).map(|record| ints(&format!("{number}.{record}"), 1));
        write(directory.path().join(number.to_string()), payloads)
    };
    // More of larger files, where smaller ones have too few.
    let files = [file(0, 9), file(1, 1), file(2, 0), file(3, 8)];
    for (records, right) in [
        (0, &[][..]),
        (1, &["0.0"]),
        (2, &["0.0", "1.0"]),
        (3, &["0.0", "1.0", "3.0"]),
        (6, &["0.0", "0.1", "1.0", "3.0", "3.1", "3.2"]),
    ] {
        let inferred = infer(&files, Some(records)).unwrap();
        assert_eq!(names(&inferred.schema), right, "{records}");
    }
    for records in [None, Some(18), Some(1000), Some(u64::MAX)] {
        assert_eq!(infer(&files, records).unwrap().schema.records(), 9 + 1 + 8);
    }
    assert!(infer(&[], None).unwrap().features.is_empty());
}

/// Opens files as if they were elsewhere.
fn infer_elsewhere(
    files: &[PathBuf],
    records: Option<u64>,
    options: &Options<'_>,
) -> Result<Inferred> {
    let open = |shard: usize| Ok(crate::ShardSource::new(fs::read(&files[shard])?));
    infer_features_with_opener(&Shards::from_paths(files), records, options, open)
}

#[test]
fn as_many_records_of_each_shard_are_read() {
    let directory = tempfile::tempdir().unwrap();
    let file = |number: usize, records: usize| {
        let payloads = (0..records).map(|record| ints(&format!("{number}.{record}"), 1));
        write(directory.path().join(number.to_string()), payloads)
    };
    let files = [file(0, 9), file(1, 1), file(2, 0), file(3, 8)];
    for threads in [0, 1, 3] {
        let options = Options::new().threads(threads);
        for (records, right) in [
            (0, &[][..]),
            (1, &["3.0"]),
            (2, &["1.0", "3.0"]),
            (8, &["0.0", "0.1", "1.0", "3.0", "3.1"]),
        ] {
            let inferred = infer_elsewhere(&files, Some(records), &options).unwrap();
            assert_eq!(names(&inferred.schema), right, "{records}");
        }
        for records in [None, Some(100), Some(u64::MAX)] {
            let inferred = infer_elsewhere(&files, records, &options).unwrap();
            assert_eq!(inferred.schema.records(), 9 + 1 + 8);
            assert_eq!(inferred.features, infer(&files, None).unwrap().features);
        }
        assert!(infer_elsewhere(&[], None, &options).unwrap().features.is_empty());
        let error = infer_elsewhere(&["none".into()], None, &options).unwrap_err();
        assert_eq!((error.os_error(), error.path()), (Some(libc::ENOENT), Some(Path::new("none"))));
    }
}

#[test]
fn damage_elsewhere_is_told_on_the_callers_thread() {
    let directory = tempfile::tempdir().unwrap();
    let path = write(directory.path().join("x"), (0..20).map(|_| ints("a", 1)));
    let mut data = fs::read(&path).unwrap();
    let middle = data.len() / 2;
    data[middle..middle + 4].fill(0xff);
    fs::write(&path, &data).unwrap();
    let files = [path.clone(), path];
    let (caller, told) = (std::thread::current().id(), Mutex::new(Vec::new()));
    let note = |region: Skipped| {
        assert_eq!(std::thread::current().id(), caller);
        told.lock().unwrap().push(region.error.path().map(Path::to_owned));
        ControlFlow::Continue(())
    };
    let options = Options::new().salvage(true);
    let inferred = infer_elsewhere(&files, None, &options.on_skipped(&note)).unwrap();
    assert_eq!(*told.lock().unwrap(), files.clone().map(Some));
    assert!((36..40).contains(&inferred.schema.records()));
    let stop = |_| ControlFlow::Break(());
    let stopped = infer_elsewhere(&files, None, &options.on_skipped(&stop)).unwrap_err();
    assert_eq!(stopped.kind(), ErrorKind::Cancelled);
}

/// A shard of which each read tells that it began, and takes its time.
struct Slow(Vec<u8>, std::sync::Arc<AtomicU64>);

impl crate::ReadAt for Slow {
    fn size(&self) -> std::io::Result<u64> {
        self.0.size()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> std::io::Result<usize> {
        self.1.fetch_add(1, Ordering::Relaxed);
        std::thread::sleep(std::time::Duration::from_millis(1));
        self.0.read_at(buffer, offset)
    }
}

#[test]
fn a_call_that_is_cancelled_ends_the_reading() {
    let payloads = (0..3000).map(|_| frame::encode(&ints("a", 1)));
    let (offsets, data) = payloads.fold((String::new(), Vec::new()), |(text, data), frame| {
        (format!("{text}{} {}\n", data.len(), frame.len()), [data, frame].concat())
    });
    let reads = std::sync::Arc::new(AtomicU64::new(0));
    let open = |_| {
        let slow = Slow(data.clone(), reads.clone());
        Ok(crate::ShardSource::new(slow).index_file(offsets.clone().into_bytes()))
    };
    let shards = Shards::from_paths(["a", "b"]);
    let stop = |_| match reads.load(Ordering::Relaxed) > 20 {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    };
    let options = Options::new().progress(&stop);
    let stopped = infer_features_with_opener(&shards, None, &options, open).unwrap_err();
    assert_eq!(stopped.kind(), ErrorKind::Cancelled);
    let all = 2 * 3000 / BATCH as u64;
    assert!(reads.load(Ordering::Relaxed) < all / 2, "{reads:?}");
}

#[test]
fn only_the_records_that_are_wanted_are_scanned() {
    let directory = tempfile::tempdir().unwrap();
    let path = write(directory.path().join("x"), (0..20).map(|_| ints("a", 1)));
    let mut data = fs::read(&path).unwrap();
    let frame = data.len() / 20;
    data[15 * frame] ^= 1;
    fs::write(&path, &data).unwrap();
    let files = [path.clone()];
    assert_eq!(infer(&files, Some(FEW)).unwrap().schema.records(), FEW);
    for records in [None, Some(16)] {
        let error = infer(&files, records).unwrap_err();
        assert_eq!((error.kind(), error.record()), (ErrorKind::LengthCrc, Some(15)));
        assert_eq!(error.path(), Some(&*path));
    }
    for (records, right) in [(None, 19), (Some(3), 3), (Some(17), 17)] {
        let options = Options::new().salvage(true);
        let inferred = infer_features(&Shards::from_paths(&files), records, &options).unwrap();
        assert_eq!(inferred.schema.records(), right);
    }
    // An index beside the data counts, as for readers, and one that is given.
    let entry = |record: usize| format!("{} {frame}\n", record * frame);
    let without_damage: String = (0..20).filter(|&record| record != 15).map(entry).collect();
    let index_path = directory.path().join("x.idx");
    fs::write(&index_path, without_damage).unwrap();
    assert_eq!(infer(&files, Some(3)).unwrap().schema.records(), 3);
    assert_eq!(infer(&files, None).unwrap().schema.records(), 19);
    fs::write(&index_path, entry(4) + &entry(2)).unwrap();
    let mut shards = Shards::from_paths(&files);
    shards.set_index_dir(directory.path());
    assert_eq!(infer_features(&shards, None, &Options::new()).unwrap().schema.records(), 2);
    data[15 * frame] ^= 1;
    fs::write(&path, &data).unwrap();
    let inferred = infer(&files, Some(3)).unwrap();
    assert_eq!((inferred.schema.records(), inferred.warnings.len()), (3, 1));
}

#[test]
fn the_record_that_is_no_example_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let payloads = (0..7).map(|record| if record == 5 { vec![0xff] } else { ints("a", 1) });
    let path = write(directory.path().join("x"), payloads);
    let error = infer(&[path], None).unwrap_err();
    let offset = 5 * (16 + ints("a", 1).len() as u64);
    assert_eq!((error.kind(), error.record()), (ErrorKind::Example, Some(5)));
    assert_eq!(error.offset(), Some(offset));
    assert!(error.to_string().contains("x: record 5 at byte"), "{error}");
}

/// What TensorFlow Datasets 4.9.10 wrote.
const PICTURES: &str = include_str!("tests/features.json");

fn declared(json: &str) -> Result<Vec<Feature>> {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("features.json"), json).unwrap();
    Features::from_tfds(directory.path()).map(|features| features.as_slice().to_vec())
}

#[test]
fn features_of_tensorflow_datasets_are_read() {
    let right = [
        Feature::float("boxes/bbox").ragged(),
        Feature::bytes("boxes/name").ragged(),
        Feature::int64("boxes/opt").ragged(),
        Feature::bytes("image"),
        Feature::int64("label"),
        Feature::int64("ragged/ragged_flat_values").ragged(),
        Feature::int64("ragged/ragged_row_lengths_0").ragged(),
        Feature::float("score"),
        Feature::bytes("tensor"),
    ];
    assert_eq!(declared(PICTURES).unwrap(), right);

    for (feature, right) in [
        (r#""tensor": {"shape": {}, "dtype": "bool"}"#, vec![Feature::int64("a")]),
        (
            r#""tensor": {"shape": {"dimensions": ["2", 3]}, "dtype": "uint8", "encoding": "none"}"#,
            vec![Feature::int64("a").shape(&[2, 3])],
        ),
        (
            r#""tensor": {"shape": {"dimensions": ["-1", "3"]}, "dtype": "bfloat16"}"#,
            vec![Feature::float("a").ragged()],
        ),
        (r#""tensor": {"shape": {}, "dtype": "string"}"#, vec![Feature::bytes("a")]),
        (r#""tensor": {"shape": {}, "dtype": "int64", "optional": true}"#, vec![]),
        (r#""tensor": {"shape": {}, "dtype": "complex64"}"#, vec![]),
        (
            r#""tensor": {"shape": {"dimensions": ["-1", "-1"]}, "dtype": "int8", "encoding": "zlib"}"#,
            vec![Feature::int64("a/shape").shape(&[2]), Feature::bytes("a/value")],
        ),
        (
            r#""sequence": {"length": "5", "feature": {"bounding_box": {"dtype": "float32",
                "shape": {"dimensions": ["4"]}}}}"#,
            vec![Feature::float("a").shape(&[5, 4])],
        ),
        (
            r#""sequence": {"length": "2", "feature": {"sequence": {"length": "-1",
                "feature": {"sequence": {"feature": {"text": {}}}}}}}"#,
            vec![
                Feature::bytes("a/ragged_flat_values").ragged(),
                Feature::int64("a/ragged_row_lengths_0").ragged(),
                Feature::int64("a/ragged_row_lengths_1").ragged(),
            ],
        ),
        (
            r#""video": {"shape": {"dimensions": ["10", "2", "2", "3"]}, "dtype": "uint8"}"#,
            vec![Feature::bytes("a").shape(&[10])],
        ),
        (r#""audio": {"shape": {"dimensions": ["-1"]}, "dtype": "int64"}"#, vec![]),
        (r#""jsonFeature": {"json": "{}"}, "description": "x""#, vec![]),
        (
            r#""features_dict": {"features": {"b": {"classLabel": {}}}}"#,
            vec![Feature::int64("a/b")],
        ),
    ] {
        let json = format!(r#"{{"featuresDict": {{"features": {{"a": {{{feature}}}}}}}}}"#);
        assert_eq!(declared(&json).unwrap(), right, "{feature}");
    }
    for (json, why) in [
        ("", "byte 0: expected an object, but the text ends"),
        ("{}", "byte 0: there is no featuresDict"),
        (r#"{"featuresDict": 1}"#, "byte 17: expected an object"),
        (
            r#"{"featuresDict": {"features": {"a": {"sequence": {"length": "x"}}}}}"#,
            r#"byte 60: expected a number, not "x""#,
        ),
    ] {
        let error = declared(json).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidManifest);
        let text = error.to_string();
        assert!(text.contains(&format!("features.json: {why}")), "{text}");
    }
    let missing = Features::from_tfds("/none").unwrap_err();
    assert_eq!((missing.kind(), missing.os_error()), (ErrorKind::Io, Some(libc::ENOENT)));
}

#[test]
fn declared_shapes_count_where_records_have_them() {
    let directory = tempfile::tempdir().unwrap();
    let (twelve, floats) = ([7; 12], [0.5; 2]);
    let columns = [
        FeatureValues::int64("grid", &twelve),
        FeatureValues::int64("label", &twelve[..2]),
        FeatureValues::float("many", &floats),
        FeatureValues::int64("other", &twelve[..2]),
    ];
    let (payloads, ends) = encode_examples(2, &columns).unwrap();
    let payloads = ends.windows(2).map(|ends| payloads[ends[0]..ends[1]].to_vec());
    let files = [write(directory.path().join("x"), payloads)];
    let suggested = [
        Feature::int64("grid").shape(&[6]),
        Feature::int64("label"),
        Feature::float("many"),
        Feature::int64("other"),
    ];
    let inferred = infer(&files, None).unwrap();
    assert_eq!((&inferred.features[..], inferred.declared_in), (&suggested[..], None));

    let json = r#"{"featuresDict": {"features": {
        "grid": {"tensor": {"shape": {"dimensions": ["2", "3"]}, "dtype": "int32"}},
        "many": {"sequence": {"feature": {"tensor": {"shape": {}, "dtype": "float32"}}}},
        "none": {"text": {}},
        "label": {"tensor": {"shape": {"dimensions": ["2"]}, "dtype": "int32"}},
        "other": {"text": {}}
    }}}"#;
    let path = directory.path().join("features.json");
    fs::write(&path, json).unwrap();
    let inferred = infer(&files, None).unwrap();
    let right = [
        Feature::int64("grid").shape(&[2, 3]),
        Feature::int64("label"),
        Feature::float("many").ragged(),
        Feature::int64("other"),
    ];
    assert_eq!(inferred.features, right);
    assert_eq!(inferred.declared_in.as_deref(), Some(&*path));
    let warnings: Vec<_> = inferred.warnings.iter().map(ToString::to_string).collect();
    let start = path.display();
    assert_eq!(
        warnings,
        [
            format!(
                r#"{start}: feature "label": the file says int64 of shape [2], but the records have int64 of shape []; the records count"#
            ),
            format!(
                r#"{start}: feature "other": the file says bytes of shape [], but the records have int64 of shape []; the records count"#
            ),
        ]
    );

    fs::write(&path, "[]").unwrap();
    let inferred = infer(&files, None).unwrap();
    assert_eq!((&inferred.features[..], inferred.declared_in), (&suggested[..], None));
    assert_eq!(inferred.warnings.len(), 1);
}
