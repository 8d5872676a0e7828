//! Unit tests of the whole report.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::{encode_examples, frame, Checksums, ErrorKind, FeatureValues};

fn report<P: AsRef<Path>>(paths: &[P], options: &ReportOptions<'_>) -> Report {
    Report::of(&Shards::from_paths(paths.iter().map(AsRef::as_ref)), options).unwrap()
}

/// A file of frames around these payloads.
fn file(directory: &Path, name: &str, payloads: &[Vec<u8>]) -> PathBuf {
    let path = directory.join(name);
    let data: Vec<u8> = payloads.iter().flat_map(|payload| frame::encode(payload)).collect();
    fs::write(&path, data).unwrap();
    path
}

fn example(values: &[FeatureValues<'_>]) -> Vec<u8> {
    encode_examples(1, values).unwrap().0
}

fn labels(count: i64) -> Vec<Vec<u8>> {
    (0..count).map(|label| example(&[FeatureValues::int64("label", &[label % 3])])).collect()
}

/// A member of the JSON object, as text: what follows the first such key.
fn member<'j>(json: &'j str, key: &str) -> &'j str {
    let start = json.find(&format!("\"{key}\":")).unwrap_or_else(|| panic!("{key}: {json}"));
    &json[start + key.len() + 3..]
}

#[test]
fn the_report_is_the_same_for_any_number_of_threads() {
    let directory = tempfile::tempdir().unwrap();
    let paths: Vec<_> = (0..20)
        .map(|shard| file(directory.path(), &format!("{shard}"), &labels(shard * 3)))
        .collect();
    let of = |threads: usize, seed: u64| {
        let options = Options::new().threads(threads);
        report(&paths, &ReportOptions::new().options(options).sample(50).seed(seed))
    };
    let right = of(1, 7);
    assert_eq!((right.records(), right.sampled, right.failed()), (570, 50, 0));
    for threads in [2, 8] {
        assert_eq!(of(threads, 7).to_json(), right.to_json());
        assert_eq!(of(threads, 7).to_html(), right.to_html());
    }
    let other = of(2, 8);
    assert_eq!(other.records(), 570);
    assert_ne!(other.to_json(), right.to_json().replace("\"seed\":7", "\"seed\":8"));
    // The same, if indexes say where the records are.
    for path in &paths {
        crate::create_index(path, crate::default_index_path(path), &Options::new()).unwrap();
    }
    let indexed = of(2, 7).to_json().replace("\"state\":\"ok\"", "\"state\":\"no_index\"");
    assert_eq!(indexed.replace("\"ok\":20", "\"no_index\":20"), right.to_json());
}

#[test]
fn values_are_counted() {
    let directory = tempfile::tempdir().unwrap();
    let path = file(directory.path(), "x", &labels(9));
    let json = report(&[&path], &ReportOptions::new()).to_json();
    assert!(member(&json, "frequent").starts_with(
        "[{\"value\":0,\"count\":3},{\"value\":1,\"count\":3},{\"value\":2,\"count\":3}]"
    ));
    assert!(member(&json, "mean").contains("\"min\":0,\"max\":2,\"mean\":1.0"), "{json}");
    let shown = member(&json, "records\":[{\"path");
    assert_eq!(shown.matches("\"name\":\"label\"").count(), contents::SHOWN, "{shown}");

    let private = report(&[&path], &ReportOptions::new().values(false));
    for text in [private.to_json(), private.to_html()] {
        assert!(!text.contains("frequent\":") && !text.contains("Most frequent"), "{text}");
        assert!(!text.contains("\"mean\":1.0") && !text.contains("<article"), "{text}");
        assert!(text.contains("label"), "{text}");
    }
}

#[test]
fn what_comes_from_data_is_escaped() {
    let directory = tempfile::tempdir().unwrap();
    let hostile = "<script>alert(1)</script>\"'&\u{202e}\u{0}";
    let texts = [hostile.as_bytes()];
    let values = [
        FeatureValues::int64(hostile, &[1]),
        FeatureValues::bytes("text", &texts),
        FeatureValues::bytes("", &[b"</style><img src=x onerror=alert(1)>"]),
        FeatureValues::bytes(b"\xff", &[b"<b>"]),
    ];
    let path = file(directory.path(), "'\"><script>", &vec![example(&values); 3]);
    let page = report(&[&path], &ReportOptions::new()).to_html();
    assert_eq!(page.matches("<script>").count(), 1, "{page}");
    for markup in ["<img src=x", "<b>", "\u{202e}", "\0", "</style><"] {
        let body = &page[page.find("<body>").unwrap()..];
        assert!(!body.contains(markup), "{markup}: {body}");
    }
    for text in ["&lt;script&gt;alert(1)", "\\u{202e}", "\\xff", "(no name)"] {
        assert!(page.contains(text), "{text}: {page}");
    }
}

#[test]
fn pictures_are_embedded_up_to_a_limit() {
    let directory = tempfile::tempdir().unwrap();
    let picture = [&b"\x89PNG\r\n\x1a\n"[..], &[7; 92]].concat();
    let records = vec![example(&[FeatureValues::bytes("image", &[&picture])]); 3];
    let path = file(directory.path(), "x", &records);
    for (most, pictures) in [(0, 0), (99, 0), (100, 1), (250, 2), (1000, 3)] {
        let page = report(&[&path], &ReportOptions::new().max_bytes(most)).to_html();
        assert_eq!(page.matches("data:image/png;base64,").count(), pictures, "{most}");
        assert!(page.contains("3 PNG"), "{page}");
    }
}

#[test]
fn damage_is_kept_up_to_a_limit() {
    let directory = tempfile::tempdir().unwrap();
    let path = file(directory.path(), "x", &vec![b"some payload".to_vec(); 40]);
    let mut data = fs::read(&path).unwrap();
    for record in 0..10 {
        data[28 * (record * 4 + 1)] ^= 1; // a bit of its length
    }
    fs::write(&path, &data).unwrap();
    let found = report(&[&path], &ReportOptions::new().sample(5));
    assert_eq!((found.damaged_regions(), found.regions.len()), (10, 3));
    assert_eq!((found.records(), found.failed()), (30, 0));
    assert!(found.to_html().contains("Not all regions are shown"));
    // A payload is found only if it is read.
    let mut data = fs::read(&path).unwrap();
    data.truncate(28);
    data[13] ^= 1;
    fs::write(&path, &data).unwrap();
    let of = |sample, checksums| {
        let options = Options::new().checksums(checksums);
        let found = report(&[&path], &ReportOptions::new().options(options).sample(sample));
        (found.records(), found.damaged_regions(), found.unread)
    };
    assert_eq!(of(0, Checksums::Auto), (1, 0, 0));
    assert_eq!(of(5, Checksums::Auto), (1, 1, 1));
    assert_eq!(of(0, Checksums::Full), (0, 1, 0));
}

#[test]
fn large_records_are_not_read() {
    let directory = tempfile::tempdir().unwrap();
    let payloads = [vec![0; READ_RECORD as usize], vec![0xff; 9_000], vec![0xff; 9_000]];
    let path = file(directory.path(), "x", &payloads);
    let found = report(&[&path], &ReportOptions::new());
    assert_eq!((found.records(), found.sampled, found.unread), (3, 2, 1));
    assert_eq!(found.contents.not_examples, 2);
    assert!(found.to_html().contains("Left out, because they are damaged or too large: 1."));
}

#[test]
fn nothing_is_a_report_too() {
    let found = report::<PathBuf>(&[], &ReportOptions::new());
    assert!(found.to_html().contains("There are no files"));
    assert!(member(&found.to_json(), "total").starts_with("{\"files\":0,"));
    let directory = tempfile::tempdir().unwrap();
    let missing = report(&[directory.path().join("none")], &ReportOptions::new());
    assert_eq!((missing.failed(), missing.records()), (1, 0));
    assert!(missing.to_html().contains("cannot open: No such file"));
}

#[test]
fn the_work_can_be_cancelled() {
    let directory = tempfile::tempdir().unwrap();
    let paths: Vec<_> =
        (0..9).map(|shard| file(directory.path(), &format!("{shard}"), &labels(9))).collect();
    let shards = Shards::from_paths(paths);
    let asked = AtomicU64::new(0);
    let stop = |_: Progress| {
        asked.fetch_add(1, Ordering::Relaxed);
        ControlFlow::Break(())
    };
    let how = ReportOptions::new().options(Options::new().progress(&stop));
    let error = Report::of(&shards, &how).unwrap_err();
    assert_eq!((error.kind(), asked.into_inner()), (ErrorKind::Cancelled, 1));
    let last = std::sync::Mutex::new(None);
    let watch = |at: Progress| {
        *last.lock().unwrap() = Some((at.bytes_done == at.bytes_total, at.records));
        ControlFlow::Continue(())
    };
    let how = ReportOptions::new().options(Options::new().progress(&watch));
    Report::of(&shards, &how).unwrap();
    assert_eq!(*last.lock().unwrap(), Some((true, 81)));
}

#[test]
fn a_page_replaces_only_a_page() {
    let directory = tempfile::tempdir().unwrap();
    let path = file(directory.path(), "x", &labels(3));
    let (page, empty) = (directory.path().join("page.html"), directory.path().join("empty"));
    let found = report(&[&path], &ReportOptions::new());
    fs::write(&empty, "").unwrap();
    for target in [&page, &page, &empty] {
        found.write(target).unwrap();
        assert_eq!(fs::read_to_string(target).unwrap(), found.to_html());
    }
    let before = fs::read(&path).unwrap();
    assert_eq!(found.write(&path).unwrap_err().kind(), ErrorKind::InvalidArgument);
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(found.write(directory.path()).unwrap_err().kind(), ErrorKind::Io);
}

/// What a function opens is reported like local files.
#[test]
fn shards_that_a_function_opens_are_reported() {
    let directory = tempfile::tempdir().unwrap();
    let (good, damaged) = (labels(30), labels(20));
    let paths =
        [file(directory.path(), "good", &good), file(directory.path(), "damaged", &damaged)];
    let mut bytes = fs::read(&paths[1]).unwrap();
    bytes[0] ^= 1;
    fs::write(&paths[1], &bytes).unwrap();
    let packed = directory.path().join("packed");
    let gzip = Options::new().compression(crate::Compression::Gzip);
    let mut writer =
        crate::RecordWriter::create(&packed, directory.path().join("packed.idx"), &gzip).unwrap();
    for payload in labels(25) {
        writer.write(&payload).unwrap();
    }
    writer.finish().unwrap();
    crate::create_index(&paths[0], crate::default_index_path(&paths[0]), &Options::new()).unwrap();
    let local = [&paths[0], &paths[1], &packed].map(|path| path.to_owned());
    let shards = Shards::from_paths(&local);
    let open = |shard: usize| {
        let read = |end: &str| fs::read(format!("{}{end}", local[shard].display()));
        let mut opened = ShardSource::new(read("")?);
        if let Ok(text) = read(".idx") {
            opened = opened.index_file(text);
        }
        if let Ok(seek_file) = read(".seek") {
            opened = opened.seek_file(seek_file);
        }
        Ok(opened)
    };
    let options = ReportOptions::new().sample(40);
    let right = Report::of(&shards, &options).unwrap();
    let found = Report::with_opener(&shards, &options, open).unwrap();
    assert_eq!((found.records(), found.failed(), found.damaged_regions()), (74, 0, 1));
    assert_eq!(found.to_json(), right.to_json());

    let mut fails = Shards::from_paths(["s3://bucket/gone", "s3://bucket/stale"]);
    fails.set_index_paths(vec![None, None]);
    let open = |shard: usize| match shard {
        0 => Err(std::io::Error::from(std::io::ErrorKind::NotFound)),
        _ => Ok(ShardSource::new(fs::read(&local[0])?).index_file(&b"0 5\n"[..])),
    };
    let found = Report::with_opener(&fails, &options, open).unwrap();
    assert_eq!((found.records(), found.failed()), (30, 1));
    let json = found.to_json();
    assert!(
        json.contains("s3://bucket/gone: ") && json.contains("s3://bucket/stale.idx: "),
        "{json}"
    );
}
