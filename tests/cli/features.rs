//! `tfr-index features`, `cat --json` and `show --features`: what is in `tf.train.Example` records.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::programs::{ended, folder_with, tfr_index, EXAMPLES};
use serde_json::{json, Value};
use tfr_index::{default_index_path, encode_examples, FeatureValues, Options, RecordWriter};

fn run(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    ended(&tfr_index(folder, arguments))
}

fn create(path: &Path) -> Result<RecordWriter, tfr_index::Error> {
    RecordWriter::create(path, default_index_path(path), &Options::new())
}

/// Writes a file of `records` records with these features.
fn write(path: &Path, records: usize, features: &[FeatureValues<'_>]) {
    let (payloads, ends) = encode_examples(records, features).unwrap();
    let mut writer = create(path).unwrap();
    for ends in ends.windows(2) {
        writer.write(&payloads[ends[0]..ends[1]]).unwrap();
    }
    writer.finish().unwrap();
}

#[test]
fn features_are_listed_with_what_reads_them() {
    let folder = folder_with(&[("x.tfrecord", &fs::read(EXAMPLES).unwrap())]);
    let (status, stdout, stderr) = run(folder.path(), &["features", "x.tfrecord"]);
    assert_eq!((status, stderr.as_str()), (0, ""));
    let right = "     records        values   bytes  kind   feature
         100             1    1.4%  int64  id
         100             1   93.5%  bytes  image
         100             1    2.3%  bytes  label
         100           0-4    2.8%  float  scores
100 records

# Python
spec = {
    \"id\": tfr_index.Int64(),
    \"image\": tfr_index.Bytes(),
    \"label\": tfr_index.Bytes(),
    \"scores\": tfr_index.Float(ragged=True),
}

# NVIDIA DALI
features = {
    \"id\": tfrec.FixedLenFeature([], tfrec.int64, 0),
    \"image\": tfrec.FixedLenFeature([], tfrec.string, \"\"),
    \"label\": tfrec.FixedLenFeature([], tfrec.string, \"\"),
    \"scores\": tfrec.VarLenFeature(tfrec.float32, 0.0),
}
";
    assert_eq!(stdout, right);

    let (status, stdout, _) = run(folder.path(), &["features", "x.tfrecord", "-n", "2", "--json"]);
    let object: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((status, &object["records"]), (0, &json!(2)));
    assert_eq!(object["features_json"], Value::Null);
    let scores = json!({"name": "scores", "kind": "float", "shape": null, "records": 2,
                        "min_values": 0, "max_values": object["features"][3]["max_values"],
                        "bytes": object["features"][3]["bytes"], "bytes_records": 0,
                        "float_records": 2, "int64_records": 0, "kindless_records": 0});
    assert_eq!(object["features"][3], scores);
    assert_eq!(object["features"][0]["shape"], json!([]));
    assert!(object["python"]
        .as_str()
        .unwrap()
        .starts_with("spec = {\n    \"id\": tfr_index.Int64(),\n"));
}

#[test]
fn names_and_kinds_of_all_sorts_are_listed() {
    let folder = folder_with(&[]);
    let grid = [7; 12];
    let features = [
        FeatureValues::int64("grid", &grid),
        FeatureValues::int64(b"\xff\n", &grid[..2]),
        FeatureValues::int64("both", &grid[..2]),
    ];
    write(&folder.path().join("a"), 2, &features);
    write(&folder.path().join("b"), 1, &[FeatureValues::float("both", &[0.5])]);
    let json = r#"{"featuresDict": {"features": {
        "grid": {"tensor": {"shape": {"dimensions": ["2", "3"]}, "dtype": "int32"}}}}}"#;
    fs::write(folder.path().join("features.json"), json).unwrap();
    let (status, stdout, stderr) = run(folder.path(), &["features", "a"]);
    assert_eq!((status, stderr.as_str()), (0, ""));
    for line in [
        "           2           2x3   42.9%  int64  grid\n",
        "           2             1   26.2%  int64  \\xff\\n\n",
        "2 records; shapes from features.json\n",
        "    \"grid\": tfr_index.Int64(2, 3),\n",
        "    b\"\\xff\\n\": tfr_index.Int64(),\n",
        "    \"grid\": tfrec.FixedLenFeature([2, 3], tfrec.int64, 0),\n",
    ] {
        assert!(stdout.contains(line), "{line}{stdout}");
    }
    let (status, stdout, stderr) = run(folder.path(), &["features", "a", "b"]);
    assert_eq!(status, 0);
    assert!(stdout.contains("  int64|float  both\n"), "{stdout}");
    // The file says that all records have it.
    assert!(stderr.starts_with("warning: features.json: feature \"grid\": "), "{stderr}");
    let (_, stdout, _) = run(folder.path(), &["features", "a", "--json"]);
    let object: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(object["features"][2]["name_bytes"], "/wo=");
    assert_eq!(object["features_json"], "features.json");
}

#[test]
fn records_are_those_that_are_asked_for() {
    let folder = folder_with(&[("empty", b"")]);
    for name in ["a", "b"] {
        write(&folder.path().join(name), 9, &[FeatureValues::int64(name, &[7; 9])]);
    }
    let records = |arguments: &[&str]| {
        let arguments = [&["features", "--json"], arguments].concat();
        let (status, stdout, stderr) = run(folder.path(), &arguments);
        assert_eq!((status, stderr.as_str()), (0, ""), "{arguments:?}");
        serde_json::from_str::<Value>(&stdout).unwrap()["records"].as_u64().unwrap()
    };
    assert_eq!(records(&["a", "b"]), 18);
    assert_eq!(records(&["a", "b", "empty", "--records", "7"]), 7);
    assert_eq!(records(&["a", "--records", "all"]), 9);
    assert_eq!(records(&["empty"]), 0);
    // An index that is given counts.
    let index = fs::read_to_string(folder.path().join("a.idx")).unwrap();
    fs::create_dir(folder.path().join("some")).unwrap();
    fs::write(folder.path().join("some/a.idx"), index.lines().next().unwrap()).unwrap();
    assert_eq!(records(&["a", "-i", "some"]), 1);
    for wrong in [&["features"][..], &["features", "a", "-n", "0"], &["features", "a", "-n", "x"]] {
        let (status, stdout, _) = run(folder.path(), wrong);
        assert_eq!((status, stdout.as_str()), (2, ""), "{wrong:?}");
    }
}

#[test]
fn bad_records_are_named_or_skipped() {
    let folder = folder_with(&[]);
    let path = folder.path().join("a");
    write(&path, 3, &[FeatureValues::int64("a", &[1, 2, 3])]);
    let good = fs::read(&path).unwrap();
    let frame = good.len() / 3;
    let (damaged, message) = (&["features", "a", "--records", "all"], "payload CRC mismatch");
    for (byte, policy) in [(frame + 14, &["--checksums", "full"][..]), (frame, &[])] {
        let mut data = good.clone();
        data[byte] ^= 1;
        fs::write(&path, &data).unwrap();
        fs::remove_file(folder.path().join("a.idx")).ok();
        let (status, stdout, stderr) = run(folder.path(), damaged);
        let is_payload = !policy.is_empty();
        let why = if is_payload { message } else { "length CRC mismatch" };
        assert_eq!((status, stdout.as_str()), (1, ""));
        assert!(
            stderr.starts_with(&format!("error: a: record 1 at byte {frame}: {why}")),
            "{stderr}"
        );
        let salvage = [&damaged[..], &["--salvage"]].concat();
        if is_payload {
            let (status, _, stderr) = run(folder.path(), &salvage);
            assert_eq!(status, 1);
            assert!(
                stderr.ends_with("to skip damaged payloads, use --checksums full\n"),
                "{stderr}"
            );
        }
        let (status, stdout, stderr) = run(folder.path(), &[&salvage[..], policy].concat());
        assert_eq!(status, 3, "{stderr}");
        assert!(stdout.contains("\n2 records\n"), "{stdout}");
        assert!(stderr.contains("skipped bytes"), "{stderr}");
    }

    let mut writer = create(&folder.path().join("text")).unwrap();
    writer.write(b"\x0a\x00").unwrap();
    writer.write(b"some text").unwrap();
    writer.finish().unwrap();
    let text = "text: record 1 at byte 18: the payload is not a tf.train.Example, or it is damaged";
    let (status, stdout, stderr) = run(folder.path(), &["features", "text"]);
    assert_eq!((status, stdout.as_str(), stderr), (1, "", format!("error: {text}\n")));
    let (status, stdout, _) = run(folder.path(), &["features", "text", "--json"]);
    let object: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((status, &object["path"]), (1, &json!("text")));
    assert_eq!(object["error"]["status"], "TFR_ERR_EXAMPLE");
    assert_eq!(object["error"]["message"], text);
}

#[test]
fn records_are_printed_as_json() {
    let folder = folder_with(&[("x.tfrecord", &fs::read(EXAMPLES).unwrap())]);
    let printed = |arguments: &[&str]| {
        let (status, stdout, stderr) = run(folder.path(), &[&["cat"], arguments].concat());
        assert_eq!((status, stderr.as_str()), (0, ""), "{arguments:?}");
        stdout
    };
    let right = r#"{"id":[0],"image":[{"bytes":0}],"label":[{"bytes":3}],"scores":[]}
{"id":[1],"image":[{"bytes":654}],"label":[{"bytes":3}],"scores":[0.14984375]}
"#;
    assert_eq!(printed(&["x.tfrecord", "0-1", "--json"]), right);
    let all = printed(&["x.tfrecord", "--json"]);
    let ids = all.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].clone());
    assert_eq!(ids.collect::<Vec<_>>(), (0..100).map(|id| json!([id])).collect::<Vec<_>>());
    let some = ["x.tfrecord", "1", "--json", "--features", "label,scores", "--bytes"];
    for (form, label) in
        [("text", r#""cat""#), ("base64", r#""Y2F0""#), ("length", r#"{"bytes":3}"#)]
    {
        let line = format!("{{\"label\":[{label}],\"scores\":[0.14984375]}}\n");
        assert_eq!(printed(&[&some[..], &[form]].concat()), line);
    }
    for wrong in [
        &["cat", "x.tfrecord", "--features", "id"][..],
        &["cat", "x.tfrecord", "--bytes", "text"],
        &["cat", "x.tfrecord", "--json", "--frames"],
    ] {
        assert_eq!(run(folder.path(), wrong).0, 2, "{wrong:?}");
    }
    // A reader that has seen enough is not an error.
    let mut child = Command::new(env!("CARGO_BIN_EXE_tfr-index"));
    child.current_dir(folder.path()).args(["cat", "x.tfrecord", "--json", "--bytes", "base64"]);
    let mut child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}

#[test]
fn values_of_all_sorts_are_printed() {
    let folder = folder_with(&[]);
    let (ints, floats) = ([i64::MIN, i64::MAX], [f32::NAN, f32::NEG_INFINITY, f32::INFINITY, 0.1]);
    let strings: [&[u8]; 3] = [b"\"\n", b"\xff", "\u{e9}".as_bytes()];
    let features = [
        FeatureValues::int64("ints", &ints),
        FeatureValues::float("floats", &floats),
        FeatureValues::bytes(b"\xffs", &strings),
    ];
    let path = folder.path().join("x");
    write(&path, 1, &features);
    let line = |form: &str| {
        run(folder.path(), &["cat", "x", "--json", "--bytes", form]).1.trim_end().to_owned()
    };
    let numbers = format!(
        r#"{{"floats":["NaN","-Infinity","Infinity",0.1],"ints":[{},{}],"\\xffs":"#,
        i64::MIN,
        i64::MAX
    );
    assert_eq!(line("text"), numbers.clone() + "[\"\\\"\\n\",\"\u{fffd}\",\"\u{e9}\"]}");
    assert_eq!(line("base64"), numbers + r#"["Igo=","/w==","w6k="]}"#);
    let (status, stdout, _) = run(folder.path(), &["show", "x", "--features", "0"]);
    let right = format!(
        "  floats  float  4 values   NaN, -inf, inf, 0.1
  ints    int64  2 values   {}, {}
  \\xffs   bytes  3 values   2 bytes, 1 byte, \"\u{e9}\"
",
        i64::MIN,
        i64::MAX
    );
    assert_eq!((status, stdout.split_once('\n').unwrap().1), (0, &*right));
    // Long ones are cut.
    let (many, text) = ([7; 20], "t".repeat(51));
    let texts = [text.as_bytes()];
    let features = [FeatureValues::int64("a", &many), FeatureValues::bytes("b", &texts)];
    let kindless: &[u8] = b"\x0a\x05\x0a\x03\x0a\x01k"; // a feature "k" without a kind
    let (mut payload, _) = encode_examples(1, &features).unwrap();
    payload.extend_from_slice(kindless);
    let mut writer = create(&path).unwrap();
    writer.write(&payload).unwrap();
    writer.finish().unwrap();
    let (_, stdout, _) = run(folder.path(), &["show", "x", "--features", "0-"]);
    let bytes = payload.len();
    let right = format!(
        "x: record 0 at byte 0, {bytes} bytes
  a  int64  20 values  7, 7, 7, 7, 7, 7, 7, 7, …
  b  bytes  1 value    \"{}…\"
  k  -      0 values
",
        &text[1..]
    );
    assert_eq!(stdout, right);
    let (_, stdout, _) = run(folder.path(), &["cat", "x", "--json", "--features", "k"]);
    assert_eq!(stdout, "{\"k\":null}\n");
}

#[test]
fn wanted_features_that_no_record_has_are_noted() {
    let folder = folder_with(&[("empty", b"")]);
    let path = folder.path().join("x");
    write(
        &path,
        2,
        &[FeatureValues::int64("a,b", &[1, 2]), FeatureValues::int64("label", &[3, 4])],
    );
    let note = "note: no printed record has the feature 'lable'; there is 'label'
note: no printed record has the feature 'none'\n";
    let wanted = ["cat", "x", "--json", "--features", "lable,none,a\\x2cb"];
    let right = "{\"a,b\":[1]}\n{\"a,b\":[2]}\n";
    assert_eq!(run(folder.path(), &wanted), (0, right.to_owned(), note.to_owned()));
    let to_file = [&wanted[..], &["-o", "out"]].concat();
    assert_eq!(run(folder.path(), &to_file), (0, String::new(), note.to_owned()));
    assert_eq!(fs::read_to_string(folder.path().join("out")).unwrap(), right);
    // Without records nothing is missing.
    let of_none = ["cat", "empty", "--json", "--features", "none"];
    assert_eq!(run(folder.path(), &of_none), (0, String::new(), String::new()));
}

#[test]
fn names_and_texts_cannot_deceive_the_terminal() {
    let folder = folder_with(&[]);
    let text = "\u{9b}31m\u{202e}x\u{2028}";
    let values = [text.as_bytes()];
    write(&folder.path().join("x"), 1, &[FeatureValues::bytes(text, &values)]);
    fs::copy(folder.path().join("x"), folder.path().join(text)).unwrap();
    for (arguments, right) in [
        (&["features", "x"][..], r"  \x9b31m\u202ex\u2028"),
        (&["features", "x", "--json"], r#""name":"\u009b31m\u202ex\u2028""#),
        (&["cat", "x", "--json", "--bytes", "text"], r#"["\u009b31m\u202ex\u2028"]"#),
        (&["show", "x", "--features", "0"], r"  \x9b31m\u202ex\u2028  bytes  1 value    12 bytes"),
        (&["show", text, "--features", "0"], r"\u{9b}31m\u{202e}x\u{2028}: record 0"),
        (&["show", text, "--features", "7"], r"error: \u{9b}31m\u{202e}x\u{2028}: record 7"),
        (&["cat", "x", "--json", "--features", text], r"no printed record has the feature"),
    ] {
        let (_, stdout, stderr) = run(folder.path(), arguments);
        let printed = stdout + &stderr;
        assert!(printed.contains(right), "{arguments:?}: {printed}");
        assert!(!printed.contains(['\u{9b}', '\u{202e}', '\u{2028}']), "{arguments:?}: {printed}");
    }
    let names: Value =
        serde_json::from_str(&run(folder.path(), &["features", "x", "--json"]).1).unwrap();
    assert_eq!(names["features"][0]["name"], text);
}

#[test]
fn a_sequence_may_have_the_name_of_a_feature() {
    let folder = folder_with(&[]);
    // SequenceExample { context { t: 7 } feature_lists { t: [[1, 2], [3]] } }
    let payload = b"\x0a\x0c\x0a\x0a\x0a\x01t\x12\x05\x1a\x03\x0a\x01\x07\x12\x18\x0a\x16\x0a\x01t\x12\x11\x0a\x06\x1a\x04\x0a\x02\x01\x02\x0a\x07\x1a\x05\x0a\x01\x03\x10\x00";
    let mut writer = create(&folder.path().join("x")).unwrap();
    writer.write(payload).unwrap();
    writer.finish().unwrap();
    let printed = |arguments: &[&str], warning: &str| {
        let (status, stdout, stderr) = run(folder.path(), arguments);
        assert_eq!((status, stderr.as_str()), (0, warning), "{arguments:?}");
        stdout
    };
    let right = "{\"t\":[7],\"feature_lists\":{\"t\":[[1,2],[3]]}}\n";
    assert_eq!(printed(&["cat", "x", "--json"], ""), right);
    let right = "  t  int64  1 value    7\n  t  int64  2 steps    [1, 2], [3]\n";
    let described = printed(&["show", "x", "--features", "0"], "");
    assert_eq!(described.split_once('\n').unwrap().1, right);
    let warning = "warning: the sequence \"t\" is left out of the features that are suggested, because a \
                   feature has its name: read it in another call, with features that lack that one\n";
    let features = printed(&["features", "x"], warning);
    assert!(features.contains("    \"t\": tfr_index.Int64(),\n"), "{features}");
    let object: Value =
        serde_json::from_str(&printed(&["features", "x", "--json"], warning)).unwrap();
    assert_eq!(object["sequences"][0]["kind"], "int64");
}

#[test]
fn a_record_that_is_no_example_is_named() {
    let folder = folder_with(&[]);
    let path = folder.path().join("x");
    let mut writer = create(&path).unwrap();
    for payload in [&b""[..], b"", b"text"] {
        writer.write(payload).unwrap();
    }
    writer.finish().unwrap();
    let right = "x: record 2 at byte 32: the payload is not a tf.train.Example, or it is damaged\n";
    let index = "x.idx";
    let run = |arguments: &[&str]| run(folder.path(), arguments);
    let ended = (1, "{}\n{}\n".to_owned(), format!("error: {right}"));
    assert_eq!(run(&["cat", "x", "--json"]), ended);
    assert_eq!(run(&["cat", "x", "--json", "-i", index]), ended);
    assert_eq!(run(&["cat", "x", "--json", "--salvage"]), ended);
    let written = run(&["cat", "x", "--json", "-o", "out"]);
    assert_eq!(written, (1, String::new(), format!("error: {right}")));
    assert!(!folder.path().join("out").exists());
    fs::remove_file(folder.path().join(index)).unwrap();
    assert_eq!(run(&["cat", "x", "--json"]), ended);
    let (status, stdout, stderr) = run(&["show", "x", "--features", "1-"]);
    assert_eq!((status, &*stdout), (1, "x: record 1 at byte 16, 0 bytes\n"));
    assert_eq!(stderr, format!("error: {right}"));
    let (status, _, stderr) = run(&["show", "x", "--features", "3"]);
    assert_eq!(
        (status, &*stderr),
        (1, "error: x: record 3: out of range, the index has 3 records\n")
    );
}

#[test]
fn sequences_are_printed() {
    let folder = folder_with(&[]);
    // SequenceExample { context { label: 7 } feature_lists { t: [[1, 2], [3]] } }, and one without "t".
    let context = b"\x0a\x10\x0a\x0e\x0a\x05label\x12\x05\x1a\x03\x0a\x01\x07";
    let steps = b"\x12\x18\x0a\x16\x0a\x01t\x12\x11\x0a\x06\x1a\x04\x0a\x02\x01\x02\x0a\x07\x1a\x05\x0a\x01\x03\x10\x00";
    let mut writer = create(&folder.path().join("x")).unwrap();
    writer.write(&[&context[..], steps].concat()).unwrap();
    writer.write(context).unwrap();
    writer.finish().unwrap();
    let printed = |arguments: &[&str]| {
        let (status, stdout, stderr) = run(folder.path(), arguments);
        assert_eq!((status, stderr.as_str()), (0, ""), "{arguments:?}");
        stdout
    };
    let right = "{\"label\":[7],\"feature_lists\":{\"t\":[[1,2],[3]]}}\n{\"label\":[7]}\n";
    assert_eq!(printed(&["cat", "x", "--json"]), right);
    let right = "{\"feature_lists\":{\"t\":[[1,2],[3]]}}\n{}\n";
    assert_eq!(printed(&["cat", "x", "--json", "--features", "t"]), right);
    let described = printed(&["show", "x", "--features", "0"]);
    let right = "  label  int64  1 value    7\n  t      int64  2 steps    [1, 2], [3]\n";
    assert_eq!(described.split_once('\n').unwrap().1, right);
    let features = printed(&["features", "x"]);
    for line in [
        "           1           1-2   44.0%  int64  t, a sequence of 2 steps\n",
        "    \"t\": tfr_index.Int64(ragged=True, sequence=True, allow_missing=True),\n",
        "features = {\n    \"label\": tfrec.FixedLenFeature([], tfrec.int64, 0),\n    # \"t\": a sequence, which",
    ] {
        assert!(features.contains(line), "{features}");
    }
    let object: Value = serde_json::from_str(&printed(&["features", "x", "--json"])).unwrap();
    let sequence = &object["sequences"][0];
    assert_eq!((&sequence["name"], &sequence["min_steps"]), (&json!("t"), &json!(2)));
    assert_eq!((&sequence["max_values"], &sequence["kind"]), (&json!(2), &json!("int64")));
}
