use std::fs;

use super::*;

#[test]
fn manifests_are_recognised_by_their_names_or_their_format() {
    let directory = tempfile::tempdir().unwrap();
    let format = "\"format\": \"tfr-index manifest\"";
    for (name, text, kind) in [
        ("train.manifest.json", "".to_owned(), Some(Kind::Manifest)),
        ("dataset_info.json", "".to_owned(), Some(Kind::Tfds)),
        ("a.json", format!("{{{format}"), Some(Kind::Manifest)),
        ("a.json", format!("\n {{ \"x\": [1, {{}}], {format}, ?"), Some(Kind::Manifest)),
        ("a.json", format!("{{{format}, \"shards\": \"{}", "é".repeat(4000)), Some(Kind::Manifest)),
        ("a.json", format!("{{\"x\": {{{format}}}}}"), None),
        ("a.json", format!("[{{{format}}}]"), None),
        ("a.json", "{\"format\": \"other\"}".to_owned(), None),
        ("a.json", "".to_owned(), None),
        ("a.tfrecord", format!("{{{format}}}"), None),
    ] {
        let path = directory.path().join(name);
        fs::write(&path, &text).unwrap();
        assert_eq!(kind_of(&path), kind, "{name}: {text}");
    }
    assert_eq!(kind_of(&directory.path().join("none.json")), None);
}
