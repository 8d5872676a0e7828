//! Writers that are killed or exceed a limit: the old data stays, and can be appended to.

#![cfg(target_os = "linux")]

use std::fs::{self, OpenOptions};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use tfr_index::{
    create_index, CheckLevel, ErrorKind, Index, Options, RecordWriter, Result, Skipped,
};

#[path = "../support/child.rs"]
mod child;

const RECORDS: u64 = 5000;

/// Runs in a child process, in its own directory: writes files of many records, or appends records,
/// without an end. The child runs this test alone.
#[test]
fn written_without_an_end() {
    let Ok(how) = std::env::var("TFR_TEST_WRITER") else { return };
    let write_one_file = |round: usize| -> Result<()> {
        let mut writer = match how.starts_with("create") {
            true => RecordWriter::create("x", "x.idx", &Options::new())?,
            false => RecordWriter::append("x", "x.idx", &Options::new())?,
        };
        let flushes = !how.ends_with("unflushed");
        for record in 0..RECORDS as usize {
            let size = if flushes { (record * round) % 300 } else { 300 };
            writer.write(&vec![record as u8; size])?;
            if record % 10 == 0 && flushes {
                writer.flush()?;
            }
        }
        writer.finish().map(drop)
    };
    for round in 0.. {
        if let Err(error) = write_one_file(round) {
            println!("error: {error}");
            return;
        }
    }
}

/// Starts that process from a shell, which may set limits first.
fn writer(folder: &Path, how: &str, limits: &str) -> Command {
    let mut shell = Command::new("sh");
    let test = std::env::current_exe().unwrap();
    let arguments = "--exact --nocapture written_without_an_end";
    shell.args(["-c", &format!("{limits} exec '{}' {arguments}", test.display())]);
    shell.current_dir(folder).env("TFR_TEST_WRITER", how).stdout(Stdio::null());
    child::with_defaults(&mut shell);
    shell
}

fn run_for(folder: &Path, how: &str, time: Duration) {
    let mut process = writer(folder, how, "").spawn().unwrap();
    std::thread::sleep(time);
    process.kill().unwrap();
    process.wait().unwrap();
}

fn files(folder: &Path) -> usize {
    fs::read_dir(folder).unwrap().count()
}

/// Checks the index against all of the data.
fn check(folder: &Path, options: &Options<'_>) -> Result<usize> {
    let index = Index::read(folder.join("x.idx"))?;
    index.check(folder.join("x"), CheckLevel::Full, options)?;
    Ok(index.len())
}

/// Kills processes at random times until enough of them were killed while writing.
fn kill_often(mut was_amid: impl FnMut(Duration) -> bool) {
    let mut amid = 0;
    for round in 0..1000 {
        amid += usize::from(was_amid(Duration::from_millis(5 + 2 * (round % 20))));
        if round > 30 && amid > 5 {
            return;
        }
    }
    panic!("{amid}: too few were killed in time");
}

#[test]
fn killed_while_it_writes_a_new_file() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    kill_often(|time| {
        run_for(folder, "create", time);
        if folder.join("x").exists() {
            Index::scan(folder.join("x"), &Options::new()).unwrap();
            match check(folder, &Options::new()) {
                Ok(count) => assert!([0, RECORDS].contains(&(count as u64)), "{count}"),
                // Between the two renames.
                Err(error) => assert!(
                    [ErrorKind::Mismatch, ErrorKind::Stale].contains(&error.kind())
                        || error.os_error() == Some(libc::ENOENT),
                    "{error}"
                ),
            }
        }
        let left = files(folder);
        assert!(left <= 4, "{left}");
        // The next writer removes what was left.
        let writer =
            RecordWriter::create(folder.join("x"), folder.join("x.idx"), &Options::new()).unwrap();
        writer.finish().unwrap();
        assert_eq!(files(folder), 2);
        left > 2
    });
}

#[test]
fn killed_while_it_appends() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (path, index_path) = (folder.join("x"), folder.join("x.idx"));
    RecordWriter::create(&path, &index_path, &Options::new()).unwrap().finish().unwrap();
    kill_often(|time| {
        run_for(folder, "append", time);
        // Every record of the index is in the data.
        let count = check(folder, &Options::new().allow_partial(true)).unwrap() as u64;
        assert_eq!(count % RECORDS, 0);
        // Everything that reached the file is indexed, except a record that is cut off.
        let size = fs::metadata(&path).unwrap().len();
        let end = Mutex::new(size);
        let cut = |tail: Skipped| {
            assert_eq!((tail.error.kind(), tail.bytes.end), (ErrorKind::Truncated, size));
            *end.lock().unwrap() = tail.bytes.start;
            ControlFlow::Continue(())
        };
        let options = Options::new().resume(true).allow_incomplete_tail(true).on_skipped(&cut);
        let whole = create_index(&path, &index_path, &options);
        let is_amid = whole.unwrap() > count;
        let end = end.into_inner().unwrap();
        if end < size {
            let error = RecordWriter::append(&path, &index_path, &Options::new()).err().unwrap();
            let advice = format!("cut it to {} bytes", end);
            assert!(error.to_string().contains(&advice), "{error}");
            OpenOptions::new().write(true).open(&path).unwrap().set_len(end).unwrap();
        }
        // For the next round, a whole number of rounds.
        let mut writer = RecordWriter::append(&path, &index_path, &Options::new()).unwrap();
        while writer.num_records() % RECORDS != 0 {
            writer.write(b"").unwrap();
        }
        writer.finish().unwrap();
        check(folder, &Options::new()).unwrap();
        assert_eq!(files(folder), 2);
        is_amid
    });
}

#[test]
fn a_file_size_limit_leaves_what_was_there() {
    // Without a flush, the writer's thread exceeds the limit.
    for how in ["create", "append", "create unflushed", "append unflushed"] {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let (path, index_path) = (folder.join("x"), folder.join("x.idx"));
        let mut old = RecordWriter::create(&path, &index_path, &Options::new()).unwrap();
        old.write(b"old").unwrap();
        old.finish().unwrap();
        let was = (fs::read(&path).unwrap(), fs::read(&index_path).unwrap());
        // The signal is ignored, as in Python.
        let mut limited = writer(folder, how, "trap '' XFSZ; ulimit -f 8;");
        let Output { stdout, status, .. } = limited.stdout(Stdio::piped()).output().unwrap();
        let printed = String::from_utf8(stdout).unwrap();
        assert!(status.success(), "{printed}");
        assert!(printed.contains("error: x: cannot write: File too large"), "{printed}");
        assert_eq!((fs::read(&path).unwrap(), fs::read(&index_path).unwrap()), was);
        assert_eq!(files(folder), 2);
    }
}
