//! Concurrent writers of one file: the second one is refused, and no record that a writer reported as
//! written is lost. Several plain creates of one index may run at the same time.

#![cfg(target_os = "linux")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Barrier;
use std::thread;

use tfr_index::{create_index, CheckLevel, Index, Options, Progress, RecordWriter, Result};

#[path = "../support/child.rs"]
mod child;
#[path = "../support/written.rs"]
mod written;

use written::{places, write};

/// What writes a file, its index, or both.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Work {
    Create,
    Append,
    Index,
    ContinueIndex,
}

impl Work {
    const ALL: [Work; 4] = [Work::Create, Work::Append, Work::Index, Work::ContinueIndex];

    /// Does the work. Calls `opened` once, when it has opened its files or failed to.
    fn run(self, path: &Path, index_path: &Path, opened: &(dyn Fn(bool) + Sync)) -> Result<()> {
        let options = Options::new();
        let write = |writer: Result<RecordWriter>| {
            opened(writer.is_ok());
            let mut writer = writer?;
            writer.write(b"record")?;
            writer.finish().map(drop)
        };
        let index = |options: &Options<'_>| {
            let is_first = AtomicBool::new(true);
            let progress = |_: Progress| {
                if is_first.swap(false, Ordering::Relaxed) {
                    opened(true);
                }
                ControlFlow::Continue(())
            };
            let created = create_index(path, index_path, &options.progress(&progress)).map(drop);
            if is_first.into_inner() {
                opened(false);
            }
            created
        };
        match self {
            Work::Create => write(RecordWriter::create(path, index_path, &options)),
            Work::Append => write(RecordWriter::append(path, index_path, &options)),
            Work::Index => index(&options),
            Work::ContinueIndex => index(&options.resume(true).allow_incomplete_tail(true)),
        }
    }
}

fn is_busy(result: &Result<()>) -> bool {
    matches!(result, Err(error) if error.os_error() == Some(libc::EBUSY)
        && error.to_string().contains("another writer is writing it"))
}

const ROUNDS: usize = 50;

/// Two writers, with or without an existing file: both open their files before either continues.
#[test]
fn of_two_one_is_refused() {
    for one in Work::ALL {
        for other in Work::ALL {
            let share = one == Work::Index && other == Work::Index;
            let mut both_refused = 0;
            for round in 0..ROUNDS {
                let (directory, path, index_path) = places();
                let is_there = round % 2 == 0 || one == Work::Index || other == Work::Index;
                if is_there || one == Work::ContinueIndex || other == Work::ContinueIndex {
                    write(&path, &index_path, 3);
                }
                let (begin, both_opened) = (Barrier::new(2), Barrier::new(2));
                let run = |work: Work| {
                    begin.wait();
                    let ok = AtomicBool::new(false);
                    let opened = |is_open: bool| {
                        ok.store(is_open, Ordering::Relaxed);
                        both_opened.wait();
                    };
                    let result = work.run(&path, &index_path, &opened);
                    assert_eq!(result.is_ok(), ok.into_inner(), "{work:?}: {result:?}");
                    assert!(result.is_ok() || is_busy(&result), "{work:?}: {result:?}");
                    result.is_ok()
                };
                let (first, second) = thread::scope(|scope| {
                    let second = scope.spawn(|| run(other));
                    (run(one), second.join().unwrap())
                });
                assert_eq!(first && second, share, "{one:?} {other:?}");
                both_refused += usize::from(!first && !second);
                if path.exists() {
                    let index = Index::read(&index_path).unwrap();
                    index.check(&path, CheckLevel::Full, &Options::new()).unwrap();
                }
                let left = fs::read_dir(&directory).unwrap().count();
                assert!(left == 2 || left == 0, "{left}");
            }
            println!("{one:?} and {other:?}: both refused {both_refused} of {ROUNDS} times");
        }
    }
}

/// Without a barrier: each tries again until it succeeds, and every record is there.
#[test]
fn no_record_is_lost_among_many() {
    const EACH: usize = 100;
    let (directory, path, index_path) = places();
    write(&path, &index_path, 0);
    let retry = |work: Work| {
        while let Err(error) = work.run(&path, &index_path, &|_| {}) {
            assert_eq!(error.os_error(), Some(libc::EBUSY), "{error}");
            thread::yield_now();
        }
    };
    thread::scope(|scope| {
        for work in [Work::Append, Work::Append, Work::ContinueIndex, Work::Index] {
            scope.spawn(move || (0..EACH).for_each(|_| retry(work)));
        }
    });
    let index = Index::read(&index_path).unwrap();
    assert_eq!(index.len(), 2 * EACH);
    index.check(&path, CheckLevel::Full, &Options::new()).unwrap();
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 2);
}

/// An index at another path and a scan are not refused.
#[test]
fn what_is_appended_to_can_be_indexed_elsewhere() {
    let (directory, path, index_path) = places();
    write(&path, &index_path, 3);
    let mut writer = RecordWriter::append(&path, &index_path, &Options::new()).unwrap();
    writer.write(b"record").unwrap();
    writer.flush().unwrap();
    let options = Options::new().resume(true).allow_incomplete_tail(true);
    for _ in 0..2 {
        assert_eq!(create_index(&path, directory.path().join("other"), &options).unwrap(), 4);
    }
    assert_eq!(Index::scan(&path, &Options::new()).unwrap().len(), 4);
    assert_eq!(writer.finish().unwrap(), 4);
}

/// Runs in a child process, in its own directory: opens a writer and waits until standard input ends.
/// With "fork", a process forked from the writer's waits too.
#[test]
fn opened_and_held() {
    let Ok(how) = std::env::var("TFR_TEST_HELD") else { return };
    let mut writer = match how.starts_with("create") {
        true => RecordWriter::create("x", "x.idx", &Options::new()).unwrap(),
        false => RecordWriter::append("x", "x.idx", &Options::new()).unwrap(),
    };
    writer.write(b"record").unwrap();
    writer.flush().unwrap();
    let is_forked = how.ends_with("fork");
    // SAFETY: the forked process calls nothing that waits for another thread.
    if is_forked && unsafe { libc::fork() } != 0 {
        loop {
            thread::park();
        }
    }
    println!("\nheld");
    std::io::stdout().flush().unwrap();
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    drop(writer);
    // SAFETY: this ends the process.
    unsafe { libc::_exit(0) };
}

/// Starts that process, and returns when it holds its files.
fn hold(directory: &Path, how: &str) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "--nocapture", "opened_and_held"]).current_dir(directory);
    command.env("TFR_TEST_HELD", how).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = child::with_defaults(&mut command).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while line != "held\n" {
        line.clear();
        assert_ne!(stdout.read_line(&mut line).unwrap(), 0, "it ended");
    }
    child.stdout = Some(stdout.into_inner());
    child
}

/// A process forked from a writer's continues after the writer is killed.
#[test]
fn a_killed_writers_child_keeps_no_lock() {
    for how in ["create fork", "append fork"] {
        let (directory, path, index_path) = places();
        write(&path, &index_path, 3);
        let old = fs::read(&path).unwrap();
        let mut child = hold(directory.path(), how);
        let error = RecordWriter::append(&path, &index_path, &Options::new()).err().unwrap();
        assert_eq!(error.os_error(), Some(libc::EBUSY), "{error}");
        child.kill().unwrap();
        // The forked process still has the standard streams.
        let (stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        child.wait().unwrap();
        let appended = fs::read(&path).unwrap();
        assert_eq!(appended.len(), old.len() + if how == "append fork" { 22 } else { 0 });

        let mut writer = RecordWriter::append(&path, &index_path, &Options::new()).unwrap();
        writer.write(b"more").unwrap();
        writer.flush().unwrap();
        let before = fs::read(&path).unwrap();
        drop(stdin); // the forked process ends now
        stdout.read_to_end(&mut Vec::new()).unwrap();
        assert!(fs::read(&path).unwrap() == before);
        let error = RecordWriter::append(&path, &index_path, &Options::new()).err().unwrap();
        assert_eq!(error.os_error(), Some(libc::EBUSY), "{error}");
        writer.finish().unwrap();
        RecordWriter::create(&path, &index_path, &Options::new()).unwrap().finish().unwrap();
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 2);
    }
}

/// A killed writer leaves temporary files. Several writers that find them do not take one another for
/// the killed one.
#[test]
fn many_create_an_index_where_a_writer_was_killed() {
    let (directory, path, index_path) = places();
    write(&path, &index_path, 1000);
    let expected = fs::read(&index_path).unwrap();
    for _ in 0..10 {
        let mut child = hold(directory.path(), "create");
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 4);
        let begin = Barrier::new(16);
        thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    begin.wait();
                    for _ in 0..5 {
                        create_index(&path, &index_path, &Options::new()).unwrap();
                    }
                });
            }
        });
        assert!(fs::read(&index_path).unwrap() == expected);
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 3); // the data's is not the index's
    }
    RecordWriter::create(&path, &index_path, &Options::new()).unwrap().finish().unwrap();
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 2);
}
