//! `tfr-index report`: what is in a data set.

use std::fs;
use std::path::Path;

use crate::programs::{ended, folder_with, tfr_index, EXAMPLES};
use serde_json::{json, Value};

fn run(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    ended(&tfr_index(folder, arguments))
}

fn facts(folder: &Path, arguments: &[&str]) -> (i32, Value) {
    let (status, stdout, stderr) = run(folder, &[&["report", "--json"], arguments].concat());
    let facts: Value = serde_json::from_str(&stdout).unwrap();
    // Each failure is a line.
    let files = facts["files"].as_array().unwrap().iter();
    let failed = files.filter(|file| file["failed"] == true);
    let errors =
        failed.map(|file| format!("error: {}\n", file["error"]["message"].as_str().unwrap()));
    assert_eq!(stderr, errors.collect::<String>(), "{arguments:?}");
    (status, facts)
}

/// The example file, whose record 1 has a damaged payload and whose record 4 has a damaged header.
fn damaged() -> Vec<u8> {
    let mut data = fs::read(EXAMPLES).unwrap();
    data[90] ^= 1;
    data[2877] ^= 1;
    data
}

#[test]
fn a_page_is_written() {
    let data = fs::read(EXAMPLES).unwrap();
    let folder = folder_with(&[("x.tfrecord", &data)]);
    let (status, stdout, stderr) = run(folder.path(), &["report", "x.tfrecord", "-o", "x.html"]);
    assert_eq!((status, &*stdout, &*stderr), (0, "x.html: 1 file\n", ""));
    let page = fs::read_to_string(folder.path().join("x.html")).unwrap();
    assert!(page.starts_with("<!doctype html>\n<!-- tfr-index report -->\n<html lang=en>\n"));
    assert!(page.ends_with("</html>\n"));
    let (status, stdout, _) = run(folder.path(), &["report", "x.tfrecord", "-o", "-"]);
    assert_eq!((status, stdout), (0, page));
    // An older report is replaced, quietly if that is asked for.
    let again = ["report", "-q", "x.tfrecord", "-o", "x.html", "--seed", "1"];
    assert_eq!(run(folder.path(), &again), (0, String::new(), String::new()));
}

#[test]
fn no_other_file_is_replaced() {
    let data = fs::read(EXAMPLES).unwrap();
    let folder = folder_with(&[("x.tfrecord", &data), ("notes.html", b"<!doctype html>")]);
    for name in ["x.tfrecord", "notes.html"] {
        let before = fs::read(folder.path().join(name)).unwrap();
        let (status, stdout, stderr) = run(folder.path(), &["report", "x.tfrecord", "-o", name]);
        let why = "refusing to overwrite: the file is not a report of tfr-index; give another path";
        assert_eq!((status, stdout), (1, String::new()));
        assert_eq!(stderr, format!("error: {name}: {why}\n"));
        assert_eq!(fs::read(folder.path().join(name)).unwrap(), before);
    }
    let (status, _, stderr) = run(folder.path(), &["report", "x.tfrecord"]);
    assert!(status == 2 && stderr.contains("--output <FILE>"), "{stderr}");
    let (status, _, stderr) = run(folder.path(), &["report", "x.tfrecord", "--json", "-o", "-"]);
    assert!(status == 2 && stderr.contains("--json prints to stdout"), "{stderr}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn facts_are_printed() {
    let data = fs::read(EXAMPLES).unwrap();
    let folder = folder_with(&[("x.tfrecord", &data)]);
    let (status, facts) = facts(folder.path(), &["x.tfrecord", "-n", "40", "--no-values"]);
    assert_eq!(status, 0);
    let total = json!({"files": 1, "failed": 0, "records": 100, "bytes": 79942,
                       "damaged_regions": 0, "damaged_bytes": 0, "states": {"no_index": 1}});
    assert_eq!(facts["total"], total);
    let file = json!({"path": "x.tfrecord", "records": 100, "bytes": 79942, "state": "no_index",
                      "compression": null, "checksums": "CRC-32C", "damaged_regions": 0,
                      "damaged_bytes": 0, "failed": false, "error": null});
    assert_eq!(facts["files"], json!([file]));
    assert_eq!(facts["record_bytes"]["min"], 62);
    assert_eq!(facts["record_bytes"]["max"], 1585);
    assert_eq!((&facts["sample"]["records"], &facts["records"]), (&json!(40), &json!([])));
}

#[test]
fn damage_is_reported_and_skipped() {
    let folder = folder_with(&[("x.tfrecord", &damaged())]);
    let (status, facts) = facts(folder.path(), &["x.tfrecord"]);
    assert_eq!(status, 3);
    assert_eq!(
        (&facts["total"]["records"], &facts["total"]["damaged_regions"]),
        (&json!(99), &json!(2))
    );
    let damage = |place: usize| &facts["damage"][place];
    assert_eq!((&damage(0)["start"], &damage(0)["what"]), (&json!(78), &json!("damaged payload")));
    assert_eq!(
        (&damage(1)["start"], &damage(1)["what"]),
        (&json!(2876), &json!("overwritten header"))
    );
    assert_eq!(damage(1)["records_before"], 4);
    let (status, stdout, _) = run(folder.path(), &["report", "x.tfrecord", "-o", "x.html"]);
    assert_eq!((status, &*stdout), (3, "x.html: 1 file, 2 damaged regions\n"));
}

/// The states are those of `ls`, whatever is wrong.
#[test]
fn states_are_those_of_ls() {
    let data = fs::read(EXAMPLES).unwrap();
    let folder = folder_with(&[
        ("ok", &data),
        ("none", &data),
        ("stale", &[&data[..], &data].concat()),
        ("other", &data[78..]),
        ("partial", &data),
        ("damaged", &damaged()),
        ("skipped", &damaged()),
        ("odd", &data),
        ("odd.idx", b"no index"),
        ("html", b"<!doctype html><html><head><title>404</title></head></html>"),
        ("cut", &data[..5000]),
        ("empty", b""),
    ]);
    let index = |name: &str| {
        assert_eq!(run(folder.path(), &["create", "ok", "-o", name]).0, 0);
    };
    ["ok.idx", "stale.idx", "other.idx", "damaged.idx"].into_iter().for_each(index);
    let text = fs::read_to_string(folder.path().join("ok.idx")).unwrap();
    let some: Vec<_> = text.lines().step_by(2).collect();
    fs::write(folder.path().join("partial.idx"), some.join("\n") + "\n").unwrap();
    assert_eq!(run(folder.path(), &["create", "-c", "full", "--salvage", "skipped"]).0, 3);
    let names = [
        "ok", "none", "stale", "other", "partial", "damaged", "skipped", "odd", "html", "cut",
        "empty", "missing",
    ];
    let (_, listed, _) = run(folder.path(), &[&["ls", "--json"], &names[..]].concat());
    let mut listed: Vec<Value> =
        listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    listed.pop(); // the total
    let (status, facts) = facts(folder.path(), &names);
    assert_eq!(status, 1);
    let files = facts["files"].as_array().unwrap();
    assert_eq!(files.len(), listed.len());
    for (file, listed) in files.iter().zip(&listed) {
        let path = &file["path"];
        match listed["state"].is_null() {
            true => assert_eq!((path, &file["state"]), (&json!("missing"), &json!("unreadable"))),
            false => assert_eq!((path, &file["state"]), (&listed["path"], &listed["state"])),
        }
    }
    let failed: Vec<_> = files.iter().filter(|file| file["failed"] == true).collect();
    let failed: Vec<_> = failed.iter().map(|file| file["path"].as_str().unwrap()).collect();
    assert_eq!(failed, ["html", "missing"]);
    let records = |name: &str| {
        let file = files.iter().find(|file| file["path"] == name).unwrap();
        (file["records"].as_u64(), file["damaged_regions"].as_u64().unwrap())
    };
    assert_eq!((records("stale"), records("partial")), ((Some(200), 0), (Some(100), 0)));
    assert_eq!((records("cut"), records("empty")), ((Some(7), 1), (Some(0), 0)));
    assert_eq!(records("html"), (None, 0));
    assert_eq!((records("skipped"), records("damaged").1), ((Some(98), 2), 2));
}

/// Indexes that are given select records; those of a manifest that are gone are missing.
#[test]
fn indexes_and_manifests_count() {
    let data = fs::read(EXAMPLES).unwrap();
    let folder = folder_with(&[("data/a.tfrecord", &data), ("data/b.tfrecord", &data)]);
    let at = |arguments: &[&str]| {
        let (status, _, stderr) = run(folder.path(), arguments);
        assert_eq!((status, &*stderr), (0, ""), "{arguments:?}");
    };
    at(&["create", "data"]);
    at(&["manifest", "data", "-o", "set.manifest.json"]);
    at(&[
        "sample",
        "--count",
        "10",
        "--seed",
        "1",
        "data/a.tfrecord.idx",
        "data/b.tfrecord.idx",
        "-o",
        "some",
    ]);
    let (status, selected) = facts(folder.path(), &["data", "-i", "some"]);
    assert_eq!((status, &selected["total"]["records"]), (0, &json!(10)));
    fs::remove_file(folder.path().join("data/b.tfrecord")).unwrap();
    let (status, stdout, _) = run(folder.path(), &["report", "--json", "set.manifest.json"]);
    let gone: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((status, &gone["files"][1]["state"]), (1, &json!("missing")));
    assert_eq!(gone["total"]["records"], 100);
}
