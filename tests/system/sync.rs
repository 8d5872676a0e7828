//! `Options::sync`: the order in which files, their names and their directories reach the disk.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tfr_index::{Options, RecordWriter, Result};

use crate::child;

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/examples.tfrecord");

/// Runs in a child process, in its own directory: "create" or "append", with or without "sync".
#[test]
fn written() {
    let Ok(how) = std::env::var("TFR_TEST_WRITE") else { return };
    let write = || -> Result<u64> {
        let options = Options::new().sync(how.contains("sync"));
        let mut writer = match how.starts_with("create") {
            true => RecordWriter::create("x", "x.idx", &options)?,
            false => RecordWriter::append("x", "x.idx", &options)?,
        };
        for size in 0..20_000 {
            writer.write(&vec![7; size % 100])?;
        }
        writer.flush()?; // which syncs nothing
        writer.finish()
    };
    write().unwrap();
}

/// A directory for commands, and the library that traces their calls.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Place {
        let place = Place(tempfile::tempdir().unwrap());
        let mut gcc = Command::new("gcc");
        gcc.args(["-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]);
        gcc.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/c/trace.c"));
        assert!(gcc.args(["-ldl", "-o"]).arg(place.path("trace.so")).status().unwrap().success());
        fs::create_dir(place.path("files")).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The calls of a command. Names of temporary files are replaced by "temporary".
    fn trace(&self, command: &mut Command) -> Vec<String> {
        let trace = self.path("trace");
        let _ = fs::remove_file(&trace);
        command.current_dir(self.path("files")).env("TRACE", &trace);
        command.env("LD_PRELOAD", self.path("trace.so"));
        let output = child::with_defaults(command).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let lines = fs::read_to_string(trace).unwrap_or_default();
        let plain = |line: &str| match line.ends_with(".tmp") {
            true => "sync temporary".to_owned(),
            false => line.to_owned(),
        };
        lines.lines().map(plain).collect()
    }

    fn write(&self, how: &str) -> Vec<String> {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "sync::written"]).env("TFR_TEST_WRITE", how);
        self.trace(&mut command)
    }
}

#[test]
fn a_writer_syncs_the_data_before_its_index() {
    let place = Place::new();
    let index = ["sync temporary", "rename x.idx", "sync directory"];
    let new = ["sync temporary", "rename x", "sync directory"];
    assert_eq!(place.write("create sync"), [new, index].concat());
    assert_eq!(place.write("append sync"), [&["sync x"][..], &index].concat());
    fs::remove_file(place.path("files/x")).unwrap();
    fs::remove_file(place.path("files/x.idx")).unwrap();
    assert_eq!(place.write("append sync"), [&["sync x", "sync directory"][..], &index].concat());
}

#[test]
fn an_index_is_synced() {
    let place = Place::new();
    let new = (&["sync temporary", "rename x.idx", "sync directory"][..], &["rename x.idx"][..]);
    for (arguments, stdin, (synced, not_synced)) in [
        (&["create", EXAMPLES, "-o", "x.idx"][..], None, new),
        // With nothing to append, the existing file is synced: an earlier call may not have done so.
        (
            &["create", EXAMPLES, "-o", "x.idx", "--append"],
            None,
            (&["sync x.idx", "sync directory"], &[]),
        ),
        (&["create", "-", "-o", "x.idx"], Some(Path::new(EXAMPLES)), new),
    ] {
        for sync in [false, true] {
            let mut command = Command::new(env!("CARGO_BIN_EXE_tfr-index"));
            command.args(arguments).args(sync.then_some("--sync"));
            if let Some(path) = stdin {
                command.stdin(fs::File::open(path).unwrap());
            }
            let expected = if sync { synced } else { not_synced };
            assert_eq!(place.trace(&mut command), expected, "{arguments:?}");
        }
    }
}

#[test]
fn by_default_nothing_is_synced() {
    let place = Place::new();
    assert_eq!(place.write("create"), ["rename x", "rename x.idx"]);
    assert_eq!(place.write("append"), ["rename x.idx"]);
}

/// A target that cannot be synced is still written to.
#[test]
fn a_stream_is_not_synced() {
    let program = env!("CARGO_BIN_EXE_tfr-index");
    let mut command = Command::new(program);
    let output = command.args(["create", EXAMPLES, "-o", "-", "--sync"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.stdout.split(|byte| *byte == b'\n').count(), 101);
    let mut command = Command::new(program);
    command.args(["create", EXAMPLES, "-o", "/dev/null", "--sync"]);
    assert!(command.status().unwrap().success());
}
