//! Creates of a set that are killed or interrupted, two at once, and with few open files: each index
//! is complete or missing, and the same command with --update does the rest.

#![cfg(all(feature = "cli", target_os = "linux"))]

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tfr_index::{Index, Options};

#[path = "../support/child.rs"]
mod child;
#[path = "../support/frames.rs"]
mod frames;

use child::with_defaults;
use frames::frame;

const FILES: usize = 80;
/// A fast machine has indexed all files before most signals, so there are many rounds, until one is in
/// time.
const ROUNDS: usize = 200;

/// Writes a set; returns the text of each index.
fn write_set(directory: &Path) -> Vec<String> {
    let write = |number: usize| {
        let path = directory.join(name(number));
        fs::write(&path, frame(&vec![7; number % 50]).repeat(4000 + number)).unwrap();
        Index::scan(&path, &Options::new()).unwrap().to_text().unwrap()
    };
    (0..FILES).map(write).collect()
}

fn name(number: usize) -> String {
    format!("{number:05}.tfrecord")
}

/// Starts to create the set's indexes, checking all payloads.
fn start(directory: &Path, arguments: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tfr-index"));
    command.current_dir(directory).args(["--quiet", "create", "--checksums", "full"]);
    command.args(arguments).args((0..FILES).map(name));
    with_defaults(&mut command).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn finish(mut child: Child) {
    assert!(child.wait().unwrap().success());
}

/// The number of indexes, each of which must be whole, and of temporary files.
fn look(directory: &Path, texts: &[String]) -> (usize, usize) {
    let names = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name());
    let names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
    let mut indexes = 0;
    for (number, text) in texts.iter().enumerate() {
        if let Ok(found) = fs::read_to_string(directory.join(name(number) + ".idx")) {
            assert!(found == *text, "the index of {} is not whole", name(number));
            indexes += 1;
        }
    }
    (indexes, names.len() - FILES - indexes)
}

fn remove_indexes(directory: &Path) {
    (0..FILES).for_each(|number| drop(fs::remove_file(directory.join(name(number) + ".idx"))));
}

/// Waits until that many indexes are there, or the process has ended.
fn wait_for(directory: &Path, count: usize, child: &mut Child) {
    let is_index = |entry: &fs::DirEntry| entry.path().extension().is_some_and(|end| end == "idx");
    let indexes = || fs::read_dir(directory).unwrap().flatten().filter(is_index).count();
    while child.try_wait().unwrap().is_none() && indexes() < count {}
}

#[test]
fn after_a_kill_an_update_does_the_rest() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let texts = write_set(directory);
    let mut partial = 0;
    for round in 1..ROUNDS {
        if round >= 8 && partial > 0 {
            break;
        }
        let mut child = start(directory, &["-j", "4"]);
        wait_for(directory, FILES * (round % 8) / 8, &mut child);
        let _ = child.kill();
        child.wait().unwrap();
        let (indexes, temporary) = look(directory, &texts);
        assert!(temporary <= 4, "{temporary}");
        partial += usize::from(0 < indexes && indexes < FILES);
        finish(start(directory, &["--update"]));
        assert_eq!(look(directory, &texts), (FILES, 0));
        remove_indexes(directory);
    }
    assert!(partial > 0, "none was killed in time");
}

#[test]
fn an_interrupted_create_leaves_whole_indexes_alone() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let texts = write_set(directory);
    let mut interrupted = 0;
    for round in 1..ROUNDS {
        if round >= 8 && interrupted > 0 {
            break;
        }
        let mut child = start(directory, &["-j", "3"]);
        wait_for(directory, FILES * (round % 8) / 8, &mut child);
        // SAFETY: the child is not waited for yet, so the number is still its own.
        unsafe { libc::kill(child.id() as libc::pid_t, libc::SIGINT) };
        let status = child.wait().unwrap();
        let (indexes, temporary) = look(directory, &texts);
        assert_eq!(temporary, 0);
        match status.signal() {
            Some(signal) => {
                assert_eq!(signal, libc::SIGINT);
                interrupted += usize::from(indexes < FILES);
            }
            None => assert_eq!((status.code(), indexes), (Some(0), FILES)),
        }
        finish(start(directory, &["--update"]));
        assert_eq!(look(directory, &texts), (FILES, 0));
        remove_indexes(directory);
    }
    assert!(interrupted > 0, "none was interrupted in time");
}

#[test]
fn two_creates_of_one_set_are_both_right() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let texts = write_set(directory);
    for arguments in [["-j", "2"], ["--update", "-j2"]] {
        let both = [start(directory, &arguments), start(directory, &arguments)];
        both.into_iter().for_each(finish);
        // Two that end at once may leave a temporary file to the next one.
        finish(start(directory, &[]));
        assert_eq!(look(directory, &texts), (FILES, 0));
        remove_indexes(directory);
    }
}

#[test]
fn few_open_files_are_enough() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let texts = write_set(directory);
    for (limit, jobs) in [(64, "40"), (12, "40"), (64, "0")] {
        let script = format!("ulimit -n {limit}; exec \"$0\" --quiet create -j {jobs} \"$@\"");
        let mut command = Command::new("sh");
        command.current_dir(directory).args(["-c", &script, env!("CARGO_BIN_EXE_tfr-index")]);
        let output = with_defaults(command.args((0..FILES).map(name))).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(look(directory, &texts), (FILES, 0));
        remove_indexes(directory);
    }
}
