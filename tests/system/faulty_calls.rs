//! Fails each system call of an operation, one at a time. Either the operation fails and leaves each
//! file as it was, or it succeeds and everything is right. Calls that are interrupted, or that read or
//! write fewer bytes, make no difference.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use tfr_index::{CheckLevel, Index, Options, Reader, RecordWriter, Result};

use crate::frames::frame;

use crate::child;

/// Files by name. `NAME@` is a symbolic link; its value is the link's target.
type Files = BTreeMap<String, Vec<u8>>;

/// Records that the command-line program handles.
const FEW: usize = 600;
/// More than the writer holds back: its thread writes some, and the index takes several writes.
const MANY: usize = 6500;
/// Calls of one function that are failed, about: the first ones, and some of the others.
const CALLS: usize = 12;
/// The exit status of an operation that fails.
const FAILURE: i32 = 1;
/// A fault that is not an error: fewer bytes.
const FEWER: i32 = 0;

/// Small payloads, and large ones, which are skipped.
fn payloads(small: usize) -> Vec<Vec<u8>> {
    let sizes =
        (0..small).map(|number| number % 150).chain([20_000, 20_000, 20_000, 20_000, 40_000, 3]);
    sizes.enumerate().map(|(number, size)| vec![number as u8; size]).collect()
}

/// A TFRecord file and its index.
fn encode(payloads: &[Vec<u8>]) -> (Vec<u8>, Vec<u8>) {
    let (mut data, mut index) = (Vec::new(), String::new());
    for payload in payloads {
        index += &format!("{} {}\n", data.len(), payload.len() + 16);
        data.extend(frame(payload));
    }
    (data, index.into_bytes())
}

/// An operation, and what it does to a directory.
struct Operation {
    /// Its arguments for tfr-index. If empty, the operation calls the library.
    arguments: &'static [&'static str],
    library: &'static str,
    stdin: Option<&'static str>,
    before: Files,
    after: Files,
    /// Its exit status without a fault.
    code: i32,
}

fn files<const N: usize>(files: [(&str, &[u8]); N]) -> Files {
    files.into_iter().map(|(name, bytes)| (name.to_owned(), bytes.to_owned())).collect()
}

/// An operation of the command-line program that succeeds, and adds or changes these files.
fn program(arguments: &'static [&'static str], before: Files, changed: Files) -> Operation {
    let after = before.clone().into_iter().chain(changed).collect();
    Operation { arguments, library: "", stdin: None, before, after, code: 0 }
}

/// As [`program`], but by the library.
fn library(library: &'static str, before: Files, changed: Files) -> Operation {
    Operation { library, ..program(&[], before, changed) }
}

/// A directory for the operations, and the library to preload into them.
struct Place {
    folder: tempfile::TempDir,
    tools: tempfile::TempDir,
}

impl Place {
    fn new() -> Place {
        let place =
            Place { folder: tempfile::tempdir().unwrap(), tools: tempfile::tempdir().unwrap() };
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/c/faulty.c");
        let mut gcc = Command::new("gcc");
        gcc.args(["-Wall", "-Wextra", "-Werror", "-O1", "-shared", "-fPIC", source, "-ldl", "-o"]);
        assert!(gcc.arg(place.tool("faulty.so")).status().unwrap().success());
        place
    }

    fn tool(&self, name: &str) -> PathBuf {
        self.tools.path().join(name)
    }

    fn path(&self) -> PathBuf {
        fs::canonicalize(&self.folder).unwrap()
    }

    fn files(&self) -> Files {
        let read = |file: fs::DirEntry| {
            let name = file.file_name().into_string().unwrap();
            match fs::read_link(file.path()) {
                Ok(to) => (format!("{name}@"), to.into_os_string().into_vec()),
                Err(_) => (name, fs::read(file.path()).unwrap()),
            }
        };
        fs::read_dir(&self.folder).unwrap().map(|file| read(file.unwrap())).collect()
    }

    /// Replaces the directory's contents by these files.
    fn set_files(&self, files: &Files) {
        let found = self.files();
        for name in found.keys().filter(|name| found.get(*name) != files.get(*name)) {
            fs::remove_file(self.path().join(name.trim_end_matches('@'))).unwrap();
        }
        for (name, bytes) in files.iter().filter(|(name, bytes)| found.get(*name) != Some(bytes)) {
            match name.strip_suffix('@') {
                Some(link) => symlink(OsStr::from_bytes(bytes), self.path().join(link)).unwrap(),
                None => fs::write(self.path().join(name), bytes).unwrap(),
            }
        }
    }

    /// Runs the operation on its files; returns how it ended and the files.
    fn run(&self, operation: &Operation, call: &str) -> (Output, Files) {
        self.run_beside(operation, call, Files::new())
    }

    /// As [`run`](Self::run), with other files in the directory.
    fn run_beside(&self, operation: &Operation, call: &str, others: Files) -> (Output, Files) {
        self.set_files(&operation.before.clone().into_iter().chain(others).collect());
        let mut command = match operation.arguments {
            [] => {
                let mut command = Command::new(std::env::current_exe().unwrap());
                command.args([
                    "--exact",
                    "--nocapture",
                    "--test-threads=1",
                    "faulty_calls::library_operation",
                ]);
                command
            }
            _ => Command::new(env!("CARGO_BIN_EXE_tfr-index")),
        };
        command.args(operation.arguments).current_dir(self.path());
        command.env("TFR_TEST_OPERATION", operation.library).env("RUST_BACKTRACE", "0");
        command.env("LD_PRELOAD", self.tool("faulty.so")).env("FAULTY_FOLDER", self.path());
        command.env("FAULTY_CALL", call).env("FAULTY_COUNTS", self.tool("counts"));
        let open = |name| File::open(self.path().join(name)).unwrap();
        command.stdin(operation.stdin.map_or_else(Stdio::null, |name| open(name).into()));
        if operation.before.contains_key("stdout") {
            let stdout = OpenOptions::new().append(true).open(self.path().join("stdout"));
            command.stdout(stdout.unwrap());
        }
        let output = child::with_defaults(&mut command).output().unwrap();
        (output, self.files())
    }

    /// How often the last operation called each function.
    fn counts(&self) -> Vec<(String, usize)> {
        let text = fs::read_to_string(self.tool("counts")).unwrap();
        let count = |line: &str| {
            let (name, count) = line.split_once(' ').unwrap();
            (name.to_owned(), count.parse().unwrap())
        };
        text.lines().map(count).collect()
    }

    /// Fails the operation's calls one by one.
    fn check(&self, operation: &Operation) {
        let name = [operation.library, &operation.arguments.join(" ")].concat();
        let (output, after) = self.run(operation, "none 0 0");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(operation.code), "{name}: {stderr}");
        assert_eq!(difference(&after, &operation.after), None, "{name}");
        let (mut runs, mut failures, mut problems) = (0, 0, Vec::new());
        for (function, count) in self.counts() {
            // libtest starts threads, too.
            if function == "pthread_create" && operation.arguments.is_empty() {
                continue;
            }
            for fault in faults_of(&function) {
                let step = (count / CALLS).max(1);
                let every = if *fault == FEWER { 0..1 } else { 0..0 };
                let some = (1..=count).filter(|n| *n <= CALLS / 2 || n % step == 0 || *n == count);
                for number in every.chain(some) {
                    let call = format!("{function} {number} {fault}");
                    let (output, after) = self.run(operation, &call);
                    runs += 1;
                    failures += usize::from(output.status.code() != Some(operation.code));
                    let mut problem = operation.problem(&function, *fault, &output, &after);
                    // Files that it could not remove, or recognize as its own, remain for the next run.
                    let left = operation.left(&after);
                    if problem.is_none() && !left.is_empty() {
                        let (_, after) = self.run_beside(operation, "none 0 0", left);
                        problem = difference(&after, &operation.after);
                    }
                    problems.extend(problem.map(|problem| format!("{name}, {call}: {problem}")));
                }
            }
        }
        println!("{name}: {runs} faults, {failures} failures");
        assert!(problems.is_empty(), "{}", problems.join("\n"));
        assert!(failures > 0 || operation.code == FAILURE, "{name}: the faults have no effect");
    }
}

/// The errors that the function is tried with.
fn faults_of(function: &str) -> &'static [i32] {
    match function {
        "open" | "open64" | "openat" | "openat64" => &[libc::EACCES, libc::EMFILE, libc::EINTR],
        "write" | "writev" | "pwrite64" => &[libc::ENOSPC, libc::EINTR, FEWER],
        "read" | "readv" | "pread64" | "preadv" => &[libc::EIO, libc::EINTR, FEWER],
        "flock" => &[libc::ENOLCK, libc::EINTR],
        "fsync" | "fdatasync" | "ftruncate64" => &[libc::EIO, libc::EINTR],
        "pthread_create" => &[libc::EAGAIN],
        _ => &[libc::EIO],
    }
}

/// Whether appended bytes cannot be cut off again if this function fails.
fn is_undone_by(function: &str) -> bool {
    function.starts_with("ftruncate") || function.contains("stat")
}

/// The difference between the files and the expected ones.
fn difference(files: &Files, expected: &Files) -> Option<String> {
    let all = files.keys().chain(expected.keys());
    let mut differing = all.filter(|name| files.get(*name) != expected.get(*name));
    let size = |files: &Files, name| files.get(name).map(Vec::len);
    differing.next().map(|name| {
        format!("{name} has {:?} bytes, not {:?}", size(files, name), size(expected, name))
    })
}

impl Operation {
    /// Whether the file is neither the old nor the new one.
    fn is_left(&self, name: &str) -> bool {
        !self.before.contains_key(name) && !self.after.contains_key(name)
    }

    /// The files that should not be there.
    fn left(&self, files: &Files) -> Files {
        files.clone().into_iter().filter(|(name, _)| self.is_left(name)).collect()
    }

    /// What is wrong after a fault.
    fn problem(
        &self,
        function: &str,
        fault: i32,
        output: &Output,
        after: &Files,
    ) -> Option<String> {
        let stderr = String::from_utf8_lossy(&output.stderr);
        let as_usual = output.status.code() == Some(self.code);
        let changes_nothing = fault == libc::EINTR || fault == FEWER;
        if as_usual && (self.code != FAILURE || changes_nothing) {
            return difference(after, &self.after);
        }
        if output.status.code() != Some(FAILURE) || changes_nothing || !stderr.contains("error: ") {
            return Some(format!("{}: {stderr}", output.status));
        }
        // Each file is the old or the new one, unless the fault prevents removing or cutting it.
        let is_removal = function.starts_with("unlink") || function.contains("stat");
        let is_right = |name: &str, now: Option<&Vec<u8>>| {
            let (old, new) = (self.before.get(name), self.after.get(name));
            let is_part = |whole: Option<&Vec<u8>>, part: Option<&Vec<u8>>| {
                whole.zip(part).is_some_and(|(whole, part)| whole.starts_with(part))
            };
            now == old
                || now == new
                || name == "stdout" && is_part(new, now)
                || is_undone_by(function) && is_part(now, old)
                || is_removal && self.is_left(name)
        };
        let all = after.keys().chain(self.before.keys());
        let wrong = |name: &&String| !is_right(name, after.get(*name));
        if let Some(name) = all.clone().find(wrong) {
            return Some(format!("{name} has {:?} bytes: {stderr}", after.get(name).map(Vec::len)));
        }
        // An index never has more than its data.
        let is_new = |name: &str| after.get(name) == self.after.get(name);
        let changes = self.before.get("x.idx") != self.after.get("x.idx");
        let is_ahead = changes && is_new("x.idx") && !is_new("x");
        is_ahead.then(|| format!("the index is new, the data is not: {stderr}"))
    }
}

/// Runs a library operation in a child process: the child runs this test alone.
#[test]
fn library_operation() {
    let name = std::env::var("TFR_TEST_OPERATION").unwrap_or_default();
    if !name.is_empty() {
        let done = operate(&name).map_err(|error| eprintln!("error: {error}"));
        std::process::exit(i32::from(done.is_err()));
    }
}

fn operate(name: &str) -> Result<()> {
    let payloads = payloads(MANY);
    let options = Options::new();
    let write = |mut writer: RecordWriter, payloads: &[Vec<u8>]| {
        payloads.iter().try_for_each(|payload| writer.write(payload).map(drop))?;
        writer.finish().map(drop)
    };
    match name {
        "create" => write(RecordWriter::create("x", "x.idx", &options)?, &payloads),
        "create, sync" => {
            write(RecordWriter::create("x", "x.idx", &options.sync(true))?, &payloads)
        }
        "append" => write(RecordWriter::append("x", "x.idx", &options)?, &payloads[3000..]),
        "append, sync" => {
            write(RecordWriter::append("x", "x.idx", &options.sync(true))?, &payloads[3000..])
        }
        "abandon" => {
            let mut writer = RecordWriter::append("x", "x.idx", &options)?;
            payloads.iter().try_for_each(|payload| writer.write(payload).map(drop))?;
            drop(writer);
            Index::read("missing").map(drop)
        }
        "write index" => Index::scan("x", &options)?.write("x.idx"),
        "read index" => {
            assert!(Index::read("x.idx")?.to_text()?.into_bytes() == many_lines());
            Ok(())
        }
        "read" => {
            for reader in [
                Reader::open("x", &options)?,
                Reader::with_index("x", Index::scan("x", &options)?, &options.threads(3))?,
            ] {
                let all: Vec<_> = (0..reader.len()).collect();
                assert!(reader.read_many(&all)?.iter().eq(payloads.iter()));
                assert!(reader
                    .read_many(&[MANY + 2, 5, 7])?
                    .iter()
                    .eq([MANY + 2, 5, 7].map(|n| &payloads[n])));
                assert!(reader.iter().collect::<Result<Vec<_>>>()? == payloads);
                assert!(reader.read(MANY + 3)? == payloads[MANY + 3]);
            }
            Ok(())
        }
        "check" => {
            let index = Index::read("x.idx")?;
            for level in [CheckLevel::Quick, CheckLevel::Headers, CheckLevel::Full] {
                index.check("x", level, &options)?;
            }
            Ok(())
        }
        _ => panic!("{name}"),
    }
}

/// An index that is read by several threads.
fn many_lines() -> Vec<u8> {
    (0..300_000).map(|line| format!("{} 100\n", line * 100)).collect::<String>().into_bytes()
}

#[test]
fn indexes_are_created() {
    let place = Place::new();
    let (data, index) = encode(&payloads(FEW));
    let (_, old) = encode(&payloads(FEW)[..10]);
    let (_, half) = encode(&payloads(FEW)[..400]);
    let other = ("other", &b"other"[..]);
    for (arguments, old) in [
        (&["create", "x"][..], &old),
        (&["create", "x", "--append", "--sync"], &half),
        (&["create", "x", "--checksums", "full", "--threads", "3"], &old),
    ] {
        let before = files([("x", &data), ("x.idx", old), other]);
        place.check(&program(arguments, before, files([("x.idx", &index)])));
    }
    let linked = files([("x", &data), ("x.idx@", b"y"), ("y", &old)]);
    place.check(&program(&["create", "x"], linked, files([("y", &index)])));
}

#[test]
fn damage_is_left_out_and_errors_are_not() {
    let place = Place::new();
    let (mut data, index) = encode(&payloads(FEW));
    let mut lines: Vec<_> = index.split_inclusive(|byte| *byte == b'\n').collect();
    data[0] ^= 1;
    lines.remove(0);
    let before = files([("x", &data)]);
    let salvage =
        program(&["create", "x", "--salvage"], before, files([("x.idx", &lines.concat())]));
    place.check(&Operation { code: 3, ..salvage });
}

#[test]
fn streams_are_indexed_and_printed() {
    let place = Place::new();
    let payloads = payloads(FEW);
    let (data, index) = encode(&payloads);
    let before = files([("x", &data), ("x.idx", &index), ("stdout", b"")]);
    let stdin =
        program(&["create", "-", "-o", "y.idx"], files([("x", &data)]), files([("y.idx", &index)]));
    place.check(&Operation { stdin: Some("x"), ..stdin });
    for (arguments, printed) in [
        (&["create", "x", "-o", "-"][..], index.clone()),
        (&["dump", "x.idx"], index.clone()),
        (&["cat", "x"], payloads.concat()),
        (&["cat", "x", "602"], payloads[602].clone()),
        (&["check", "x", "--level", "full", "--quiet"], Vec::new()),
    ] {
        place.check(&program(arguments, before.clone(), files([("stdout", &printed)])));
    }
}

#[test]
fn files_are_written() {
    let place = Place::new();
    let payloads = payloads(FEW);
    let (data, index) = encode(&payloads);
    let (some_data, some) = encode(&payloads[..400]);
    let before = files([("x", &data), ("x.idx", &index)]);
    let cat = &["cat", "x", "--frames", "0-399", "-o", "y"];
    place.check(&program(cat, before.clone(), files([("y", &some_data)])));
    let select = &["select", "x", "0-399", "-o", "y.idx"];
    place.check(&program(select, before, files([("y.idx", &some)])));
}

#[test]
fn failures_stay_failures() {
    let place = Place::new();
    let (data, index) = encode(&payloads(FEW));
    let mut damaged = data.clone();
    damaged[20_000] ^= 1;
    for arguments in [
        &["check", "damaged", "x.idx", "--level", "full"][..],
        &["create", "damaged", "--checksums", "full", "-o", "x.idx"],
        &["create", "x", "-o", "damaged"],
        &["create", "x", "-o", "link"],
        &["cat", "x", "-o", "damaged"],
    ] {
        let before =
            files([("x", &data), ("damaged", &damaged), ("x.idx", &index), ("link@", b"x")]);
        place.check(&Operation { code: FAILURE, ..program(arguments, before, files([])) });
    }
}

#[test]
fn writers_write() {
    let place = Place::new();
    let payloads = payloads(MANY);
    let (data, index) = encode(&payloads);
    let (old_data, old) = encode(&payloads[..3000]);
    let new = files([("x", &data), ("x.idx", &index)]);
    let old = files([("x", &old_data), ("x.idx", &old), ("other", b"other")]);
    place.check(&library("create", old.clone(), new.clone()));
    place.check(&library("create, sync", files([]), new.clone()));
    place.check(&library("append", old.clone(), new.clone()));
    place.check(&library("append, sync", old.clone(), new));
    let abandon = library("abandon", old, files([]));
    place.check(&Operation { code: FAILURE, ..abandon });
}

#[test]
fn the_library_reads() {
    let place = Place::new();
    let (data, index) = encode(&payloads(MANY));
    let both = files([("x", &data), ("x.idx", &index)]);
    place.check(&library("read", both.clone(), files([])));
    place.check(&library("check", both.clone(), files([])));
    place.check(&library("write index", files([("x", &data)]), files([("x.idx", &index)])));
    place.check(&library("read index", files([("x.idx", &many_lines())]), files([])));
}
