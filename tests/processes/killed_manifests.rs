//! Manifests that are killed while they are written, and two refreshes at once: the file is always
//! whole, old or new, and the next run removes what a killed one left.

#![cfg(all(feature = "cli", target_os = "linux"))]

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;

use tfr_index::Manifest;

#[path = "../support/child.rs"]
mod child;
#[path = "../support/frames.rs"]
mod frames;

use child::with_defaults;
use frames::frame;

const FILE: &str = "set.manifest.json";

/// Ends the process before, amid or after the call that TFR_TEST_KILL names.
const KILL: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static int is_time(const char *name) {
    const char *when = getenv("TFR_TEST_KILL");
    return when != NULL && strcmp(when, name) == 0;
}

ssize_t writev(int file, const struct iovec *pieces, int count) {
    ssize_t (*next)(int, const struct iovec *, int) = dlsym(RTLD_NEXT, "writev");
    if (is_time("write") && count > 0 && pieces[0].iov_len > 100) {
        struct iovec half = {pieces[0].iov_base, pieces[0].iov_len / 2};
        next(file, &half, 1);
        raise(SIGKILL);
    }
    return next(file, pieces, count);
}

ssize_t write(int file, const void *bytes, size_t size) {
    struct iovec piece = {(void *)bytes, size};
    return writev(file, &piece, 1);
}

int renameat(int from, const char *name, int to, const char *other) {
    int (*next)(int, const char *, int, const char *) = dlsym(RTLD_NEXT, "renameat");
    if (is_time("before renaming"))
        raise(SIGKILL);
    int renamed = next(from, name, to, other);
    if (is_time("after renaming"))
        raise(SIGKILL);
    return renamed;
}
"#;

/// Writes a shard with this many records.
fn write_shard(directory: &Path, name: &str, records: usize) {
    fs::write(directory.join(name), frame(b"hello").repeat(records)).unwrap();
}

/// Builds or refreshes the manifest of these files.
fn manifest(directory: &Path, files: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tfr-index"));
    command.current_dir(directory).args(["manifest", "-o", FILE, "--refresh"]).args(files);
    with_defaults(&mut command).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn start(directory: &Path, files: &[&str]) -> Child {
    manifest(directory, files).spawn().unwrap()
}

fn run(directory: &Path, files: &[&str]) {
    assert!(manifest(directory, files).status().unwrap().success());
}

/// The numbers of records of the shards that the manifest lists.
fn counts(directory: &Path) -> Vec<u64> {
    let manifest = Manifest::read(directory.join(FILE)).unwrap();
    manifest.iter().map(|row| row.records).collect()
}

fn names(directory: &Path) -> Vec<String> {
    let names = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

fn library(directory: &Path) -> PathBuf {
    let (source, library) = (directory.join("kill.c"), directory.join("kill.so"));
    fs::write(&source, KILL).unwrap();
    let mut compiler = Command::new("gcc");
    compiler.args(["-shared", "-fPIC", "-o"]).args([&library, &source]).arg("-ldl");
    assert!(compiler.status().unwrap().success());
    library
}

#[test]
fn killed_while_it_is_written_the_manifest_is_whole() {
    let other = tempfile::tempdir().unwrap();
    let library = library(other.path());
    for (when, is_new, is_left) in
        [("write", false, true), ("before renaming", false, true), ("after renaming", true, false)]
    {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        write_shard(directory, "a.tfrecord", 3);
        write_shard(directory, "b.tfrecord", 5);
        for (files, old, new) in [
            (&["a.tfrecord"][..], None, vec![3]),
            (&["a.tfrecord", "b.tfrecord"], Some(vec![3]), vec![3, 5]),
        ] {
            let mut command = manifest(directory, files);
            command.env("LD_PRELOAD", &library).env("TFR_TEST_KILL", when);
            let status = command.status().unwrap();
            assert_eq!(status.signal(), Some(libc::SIGKILL), "{when}");
            match old.filter(|_| !is_new) {
                Some(old) => assert_eq!(counts(directory), old, "{when}"),
                None if is_new => assert_eq!(counts(directory), new, "{when}"),
                None => assert!(!directory.join(FILE).exists(), "{when}"),
            }
            let is_temporary = |name: &String| name.ends_with(".tmp");
            assert_eq!(names(directory).iter().any(is_temporary), is_left, "{when}");
            run(directory, files);
            assert_eq!(counts(directory), new, "{when}");
            if !is_new {
                assert_eq!(names(directory), ["a.tfrecord", "b.tfrecord", FILE], "{when}");
            }
        }
    }
}

/// Ends the loop of another thread, even if this one panics.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}

#[test]
fn of_two_refreshes_at_once_one_has_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let shards: Vec<_> = (0..40).map(|number| format!("{number:02}.tfrecord")).collect();
    for (records, shard) in shards.iter().enumerate() {
        write_shard(directory, shard, records);
    }
    let all: Vec<&str> = shards.iter().map(String::as_str).collect();
    let (last, first) = (&all[1..], &all[..39]);
    let expected = [(1..40).collect::<Vec<u64>>(), (0..39).collect()];
    run(directory, last);
    let done = AtomicBool::new(false);
    let mut had = [0, 0];
    thread::scope(|scope| {
        // Whoever reads meanwhile has one of the two.
        scope.spawn(|| {
            while !done.load(SeqCst) {
                assert!(expected.contains(&counts(directory)));
            }
        });
        let _done = Done(&done);
        for round in 0..40 {
            let mut both = [start(directory, last), start(directory, first)];
            if round % 4 == 3 {
                let _ = both[round / 4 % 2].kill();
            }
            let statuses = both.map(|mut child| child.wait().unwrap());
            assert!(statuses.iter().all(|s| s.success() || s.signal() == Some(libc::SIGKILL)));
            let found = counts(directory);
            had[expected.iter().position(|whole| *whole == found).expect("one of the two")] += 1;
        }
    });
    assert!(had.iter().all(|&rounds| rounds > 0), "{had:?}");
    for files in [last, first] {
        run(directory, files);
    }
    assert!(names(directory).iter().all(|name| *name == FILE || shards.contains(name)));
}
