//! Files that gzip compressed: what works with plain files works with them.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::programs::{ended, tfr_index, EXAMPLES};

fn run(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    ended(&tfr_index(folder, arguments))
}

fn data() -> Vec<u8> {
    fs::read(EXAMPLES).unwrap()
}

/// Compresses a file as `NAME.gz`.
fn gzip(folder: &Path, name: &str) {
    let status = Command::new("gzip").args(["-kf", name]).current_dir(folder).status();
    assert!(status.expect("gzip is installed").success());
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("x.tfrecord"), data()).unwrap();
    gzip(folder.path(), "x.tfrecord");
    folder
}

/// Runs a command that must succeed, and returns what it prints.
fn print(folder: &Path, arguments: &[&str]) -> String {
    let (status, stdout, stderr) = run(folder, arguments);
    assert_eq!(status, 0, "{arguments:?}: {stderr}");
    stdout + &stderr
}

/// The payload of a record, as `cat` writes it to a file.
fn cat(folder: &Path, arguments: &[&str]) -> Vec<u8> {
    print(folder, &[&["cat", "-o", "payload"], arguments].concat());
    let payload = fs::read(folder.join("payload")).unwrap();
    fs::remove_file(folder.join("payload")).unwrap();
    payload
}

#[test]
fn each_command_takes_compressed_files() {
    let folder = folder();
    let path = folder.path();
    let same = |command: &str, arguments: &[&str]| {
        let of = |name: &str| print(path, &[&[command, name], arguments].concat());
        let (packed, plain) = (of("x.tfrecord.gz"), of("x.tfrecord"));
        assert_eq!(packed.replace(".gz", ""), plain, "{command}");
    };
    same("show", &[]); // without index
    same("create", &[]);
    let read = |name: &str| fs::read(path.join(name)).unwrap();
    assert_eq!(read("x.tfrecord.gz.idx"), read("x.tfrecord.idx"));
    assert!(read("x.tfrecord.gz.seek").starts_with(b"\0\0\0\0\0\0\0\0gzipindx"));
    same("check", &[]);
    same("check", &["--level", "full"]);
    same("show", &[]);
    assert_eq!(cat(path, &["x.tfrecord.gz", "42"]), cat(path, &["x.tfrecord", "42"]));
    same("locate", &["9000"]);
    same("concat", &["x.tfrecord", "-o", "-"]);
    let listed = print(path, &["ls", "."]);
    assert_eq!(listed.lines().count(), 4, "{listed}"); // no seek file
    assert!(listed.contains("ok") && listed.contains("200"), "{listed}");
}

#[test]
fn an_index_is_up_to_date_with_its_seek_file() {
    let folder = folder();
    let path = folder.path();
    let update = |expected: &str| {
        let printed = print(path, &["create", "--update", "x.tfrecord.gz"]);
        assert!(printed.contains(expected), "{printed}");
    };
    update("100 records");
    update("up to date");
    fs::remove_file(path.join("x.tfrecord.gz.seek")).unwrap();
    update("100 records");
    // Other data, and so another decompressed size.
    let twice = [data(), data()].concat();
    fs::write(path.join("x.tfrecord"), twice).unwrap();
    gzip(path, "x.tfrecord");
    update("200 records");
}

#[test]
fn indexes_may_be_elsewhere() {
    let folder = folder();
    let path = folder.path();
    print(path, &["create", "-q", "x.tfrecord.gz", "-o", "indexes/"]);
    let names = |directory: &str| {
        let entries = fs::read_dir(path.join(directory)).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(names("indexes"), ["x.tfrecord.gz.idx", "x.tfrecord.gz.seek"]);
    assert_eq!(names(".").len(), 3);
    let record = cat(path, &["x.tfrecord.gz", "42", "-i", "indexes"]);
    assert_eq!(record, cat(path, &["x.tfrecord", "42"]));
    // To a pipe, there is only the index.
    print(path, &["create", "x.tfrecord.gz", "-o", "-"]);
    assert_eq!(names(".").len(), 3);
}

#[test]
fn what_cannot_work_says_why() {
    let folder = folder();
    let path = folder.path();
    for (option, why) in [("--append", "cannot be continued"), ("--growing", "when it is complete")]
    {
        let (status, _, stderr) = run(path, &["create", option, "x.tfrecord.gz"]);
        assert_eq!(status, 1, "{stderr}");
        assert!(stderr.contains(why), "{stderr}");
    }
    assert_eq!(fs::read_dir(path).unwrap().count(), 2);
}
