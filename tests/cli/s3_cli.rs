//! `s3-cli tfrecord-index`, as s3dlio's users call it.

#![cfg(feature = "s3-cli")]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::programs::{ended, folder_with, EXAMPLES};
use tfr_index::{Index, Options};

/// Runs a shell script in which `s3-cli` is the program.
fn run(directory: &Path, script: &str) -> (i32, String, String) {
    let script = format!("s3-cli() {{ '{}' \"$@\"; }}; {script}", env!("CARGO_BIN_EXE_s3-cli"));
    let mut shell = Command::new("bash");
    shell.current_dir(directory).args(["-c", &script]).stdin(Stdio::null());
    ended(&shell.output().unwrap())
}

fn example() -> (tempfile::TempDir, String) {
    let data = fs::read(EXAMPLES).unwrap();
    let text = Index::from_bytes(&data, &Options::new()).unwrap().to_text().unwrap();
    (folder_with(&[("train.tfrecord", &data), ("b.tfrecord", &data)]), text)
}

#[test]
fn it_does_what_the_quick_reference_shows() {
    let (directory, text) = example();
    let path = directory.path();
    let said = "train.tfrecord: 100 records -> train.tfrecord.idx\n".to_owned();
    assert_eq!(run(path, "s3-cli tfrecord-index train.tfrecord"), (0, said, String::new()));
    let quiet = run(path, "s3-cli -q tfrecord-index train.tfrecord my.idx");
    assert_eq!(quiet, (0, String::new(), String::new()));
    for index in ["train.tfrecord.idx", "my.idx"] {
        assert_eq!(fs::read_to_string(path.join(index)).unwrap(), text);
    }
    assert_eq!(run(path, "s3-cli tfrecord-index missing").0, 1);
    assert_eq!(run(path, "s3-cli tfrecord-index").0, 2);
}

#[test]
fn an_index_named_as_stdout_is_refused() {
    let (directory, _) = example();
    let (status, stdout, stderr) = run(directory.path(), "s3-cli tfrecord-index train.tfrecord -");
    assert_eq!((status, stdout.as_str()), (2, ""));
    assert!(stderr.contains("tfr-index create train.tfrecord -o -"), "{stderr}");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
}

#[test]
fn what_is_no_index_is_not_overwritten() {
    let (directory, _) = example();
    let (status, _, stderr) = run(directory.path(), "s3-cli tfrecord-index *.tfrecord");
    assert!(status == 1 && stderr.contains("train.tfrecord: refusing to overwrite"), "{stderr}");
    let data = fs::read(directory.path().join("train.tfrecord")).unwrap();
    assert_eq!(data, fs::read(EXAMPLES).unwrap());
}

#[test]
fn streams_are_read_and_written() {
    let (directory, text) = example();
    let path = directory.path();
    for script in [
        "s3-cli tfrecord-index <(cat b.tfrecord)",
        "s3-cli tfrecord-index - <b.tfrecord",
        "s3-cli tfrecord-index b.tfrecord /dev/stdout",
        "s3-cli tfrecord-index b.tfrecord /dev/fd/3 3>&1",
    ] {
        assert_eq!(run(path, script), (0, text.clone(), String::new()), "{script}");
    }
    fs::write(path.join("x.idx"), "0 16\n").unwrap();
    let (status, _, stderr) = run(path, "true | s3-cli tfrecord-index - x.idx");
    assert!(status == 1 && stderr.contains("is empty"), "{stderr}");
    assert_eq!(fs::read(path.join("x.idx")).unwrap(), b"0 16\n");
    for arguments in ["tfrecord-index b.tfrecord", "--help"] {
        let (status, _, stderr) = run(path, &format!("s3-cli {arguments} >&-"));
        assert!(status == 1 && stderr.contains("cannot write"), "{stderr}");
    }
}
