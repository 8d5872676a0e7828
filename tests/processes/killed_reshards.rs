//! Reshards that are killed or interrupted, and two at once: the new directory is complete or missing,
//! and the next reshard removes what a killed one left.

#![cfg(all(feature = "cli", target_os = "linux"))]

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use tfr_index::{CheckLevel, Index, Manifest, Options};

#[path = "../support/child.rs"]
mod child;
#[path = "../support/frames.rs"]
mod frames;

use child::with_defaults;
use frames::frame;

const RECORDS: usize = 500_000;

/// Writes a data set that takes a while to copy.
fn write_data(directory: &Path) {
    fs::write(directory.join("data.tfrecord"), frame(&[7; 84]).repeat(RECORDS)).unwrap();
}

fn start(directory: &Path) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tfr-index"));
    command.current_dir(directory).args(["reshard", "data.tfrecord", "-o", "new"]);
    command.args(["--shards", "7", "--shuffle", "1", "--name", "x"]);
    with_defaults(&mut command).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The temporary directories.
fn temporary(directory: &Path) -> Vec<PathBuf> {
    let names = names(directory).into_iter().filter(|name| name.contains(".directory."));
    names.map(|name| directory.join(name)).collect()
}

/// Waits until the child writes files. Returns false if it has ended.
fn wait_until_it_writes(directory: &Path, child: &mut Child) -> bool {
    while !temporary(directory).iter().any(|directory| !names(directory).is_empty()) {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    true
}

/// Whether the directory has nothing but the data and the whole copy, which is removed.
fn take_copy(directory: &Path) {
    assert_eq!(names(directory), ["data.tfrecord", "new"]);
    let manifest = Manifest::read(directory.join("new/x.manifest.json")).unwrap();
    assert_eq!((manifest.len(), manifest.total_records()), (7, RECORDS as u64));
    assert_eq!(names(&directory.join("new")).len(), 15);
    for row in &manifest {
        let index = Index::read(row.index_path.as_ref().unwrap()).unwrap();
        index.check(&row.path, CheckLevel::Full, &Options::new()).unwrap();
    }
    fs::remove_dir_all(directory.join("new")).unwrap();
}

fn finish(mut child: Child) -> ExitStatus {
    child.wait().unwrap()
}

#[test]
fn the_next_one_removes_what_a_killed_one_left() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    write_data(directory);
    let mut killed = 0;
    for round in 0..3 {
        let mut child = start(directory);
        if wait_until_it_writes(directory, &mut child) {
            std::thread::sleep(Duration::from_millis(20 * round));
        }
        let _ = child.kill();
        match finish(child).signal() {
            Some(_) => {
                assert!(!directory.join("new").exists());
                killed += temporary(directory).len();
            }
            None => take_copy(directory),
        }
    }
    assert!(killed > 0, "none was killed in time");
    assert!(temporary(directory).len() <= 1);
    // What is not ours stays.
    let left = &temporary(directory)[0];
    fs::write(left.join("precious"), "").unwrap();
    assert!(finish(start(directory)).success());
    assert_eq!(names(left), ["precious"]);
    fs::remove_dir_all(left).unwrap();
    take_copy(directory);
}

#[test]
fn an_interrupted_one_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    write_data(directory);
    let mut child = start(directory);
    assert!(wait_until_it_writes(directory, &mut child), "it ended too soon");
    // SAFETY: the child is not waited for yet, so the number is still its own.
    unsafe { libc::kill(child.id() as libc::pid_t, libc::SIGINT) };
    assert_eq!(finish(child).signal(), Some(libc::SIGINT));
    assert_eq!(names(directory), ["data.tfrecord"]);
}

#[test]
fn two_at_once_do_no_harm() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    write_data(directory);
    let mut first = start(directory);
    assert!(wait_until_it_writes(directory, &mut first), "it ended too soon");
    let second = finish(start(directory));
    assert_eq!(second.code(), Some(1));
    assert!(finish(first).success());
    take_copy(directory);
    // At the same moment, both may fail.
    let both = [start(directory), start(directory)].map(finish);
    assert!(both.iter().filter(|status| status.success()).count() <= 1);
    if directory.join("new").exists() {
        take_copy(directory);
    }
    assert!(finish(start(directory)).success());
    take_copy(directory);
}
