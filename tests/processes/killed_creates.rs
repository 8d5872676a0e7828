//! Creates that are killed, and concurrent creates of one index: the index is complete, old or new, and
//! the next create removes what a killed one left.

#![cfg(all(feature = "cli", target_os = "linux"))]

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tfr_index::{update_index, Index, Only, Options};

#[path = "../support/child.rs"]
mod child;
#[path = "../support/frames.rs"]
mod frames;

use child::with_defaults;
use frames::{frame, header};

/// Writes data files a and b; returns the text of their indexes.
fn two_data_files(folder: &Path, records: usize) -> [String; 2] {
    [("a", &b""[..]), ("b", b"b")].map(|(name, payload)| {
        fs::write(folder.join(name), frame(payload).repeat(records)).unwrap();
        Index::scan(folder.join(name), &Options::new()).unwrap().to_text().unwrap()
    })
}

/// Starts to write the data file's index at x.idx.
fn create(folder: &Path, data: &str) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tfr-index"));
    command.current_dir(folder).args(["create", data, "-o", "x.idx", "--checksums", "full"]);
    with_defaults(&mut command).stdout(Stdio::null()).spawn().unwrap()
}

fn kill(mut child: Child) {
    let _ = child.kill(); // kill -9, unless it has ended
    child.wait().unwrap();
}

/// The number of temporary files: indexes being written or abandoned.
fn temporary_files(folder: &Path) -> usize {
    names(folder).iter().filter(|name| name.ends_with(".tmp") && !name.contains("crowd")).count()
}

/// Whether the directory holds only files of these names: data and the index.
fn holds_only(folder: &Path, expected: &[&str]) -> bool {
    names(folder).iter().all(|name| expected.contains(&name.as_str()))
}

fn names(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    names.map(|name| name.into_string().unwrap()).collect()
}

/// A file that takes more than a minute to check, but no disk space.
fn write_endless_data(folder: &Path) {
    let file = fs::File::create(folder.join("endless")).unwrap();
    let size = 1u64 << 38;
    file.set_len(size).unwrap();
    file.write_all_at(&header(size as usize - 16), 0).unwrap();
}

/// Returns when the create has opened its files, and reads.
fn wait_until_it_reads(child: &Child) {
    let read = || {
        let counts = fs::read_to_string(format!("/proc/{}/io", child.id())).unwrap();
        let read = counts.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap();
        read.parse::<u64>().unwrap()
    };
    while read() < 4 << 20 {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Starts creates that do not end.
fn endless_creates(folder: &Path, count: usize) -> Vec<Child> {
    let start = |_| {
        let child = create(folder, "endless");
        wait_until_it_reads(&child);
        child
    };
    (0..count).map(start).collect()
}

#[test]
fn killed_at_any_time_the_index_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let texts = two_data_files(folder, 500_000);
    let begun = Instant::now();
    assert!(create(folder, "a").wait().unwrap().success());
    let all = begun.elapsed();
    let mut was = 0;
    let mut replaced = [0, 0];
    for round in 0..60 {
        let new = 1 - was;
        let child = create(folder, ["a", "b"][new]);
        std::thread::sleep(all * (round % 20) / 16);
        kill(child);
        let text = fs::read_to_string(folder.join("x.idx")).unwrap();
        let now = texts.iter().position(|whole| *whole == text).expect("one of the two, whole");
        replaced[usize::from(now == new)] += 1;
        assert!(temporary_files(folder) <= 1);
        was = now;
    }
    assert!(replaced[0] > 5, "{replaced:?}: too few were killed in time");
    for (data, text) in ["a", "b"].iter().zip(&texts) {
        assert!(create(folder, data).wait().unwrap().success());
        assert_eq!(&fs::read_to_string(folder.join("x.idx")).unwrap(), text);
        assert!(holds_only(folder, &["a", "b", "x.idx"]));
    }
}

#[test]
fn what_the_killed_leave_is_cleared_and_what_runs_is_let_run() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    two_data_files(folder, 10);
    write_endless_data(folder);
    for count in 1..4 {
        endless_creates(folder, count).into_iter().for_each(kill);
        assert_eq!(temporary_files(folder), count);
        assert!(create(folder, "a").wait().unwrap().success());
        assert!(holds_only(folder, &["a", "b", "endless", "x.idx"]));
    }
    let mut running = endless_creates(folder, 2);
    for data in ["a", "b", "a"] {
        assert!(create(folder, data).wait().unwrap().success());
        assert_eq!(temporary_files(folder), 2);
    }
    kill(running.remove(0));
    for data in ["b", "a"] {
        assert!(create(folder, data).wait().unwrap().success());
        assert_eq!(temporary_files(folder), 1);
        assert!(running[0].try_wait().unwrap().is_none());
    }
    kill(running.remove(0));
    assert!(create(folder, "a").wait().unwrap().success());
    assert!(holds_only(folder, &["a", "b", "endless", "x.idx"]));
}

/// An index that is up to date was created again, in vain.
#[test]
fn an_update_clears_what_the_killed_left_and_lets_run_what_runs() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    two_data_files(folder, 10);
    write_endless_data(folder);
    let update = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tfr-index"));
        command.current_dir(folder).args(["create", "a", "-o", "x.idx", "--update"]);
        let output = with_defaults(command.args(arguments)).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && said.contains("up to date"), "{said}");
    };
    let update_by_call = || {
        let (path, index_path) = (folder.join("a"), folder.join("x.idx"));
        let updated = update_index(path, index_path, Only::Stale, &Options::new());
        assert_eq!(updated.unwrap(), None);
    };
    let run_update = || update(&[]);
    for update_index in [&run_update as &dyn Fn(), &update_by_call] {
        assert!(create(folder, "a").wait().unwrap().success());
        for count in 1..4 {
            let mut running = endless_creates(folder, count);
            update_index();
            assert_eq!(temporary_files(folder), count);
            kill(running.remove(0));
            update(&["--dry-run"]);
            assert_eq!(temporary_files(folder), count);
            running.into_iter().for_each(kill);
            update_index();
            assert!(holds_only(folder, &["a", "b", "endless", "x.idx"]));
        }
    }
}

#[test]
fn of_creates_at_once_one_has_the_index() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let texts = two_data_files(folder, 50_000);
    for round in 0..20 {
        let children = ["a", "b", "a", "b"].map(|data| create(folder, data));
        for (number, mut child) in children.into_iter().enumerate() {
            match number < round % 4 {
                true => kill(child),
                false => assert!(child.wait().unwrap().success()),
            }
        }
        assert!(texts.contains(&fs::read_to_string(folder.join("x.idx")).unwrap()));
        // At most one for each killed create; none after the next create.
        assert!(temporary_files(folder) <= round % 4);
        assert!(create(folder, "a").wait().unwrap().success());
        assert!(holds_only(folder, &["a", "b", "x.idx"]));
    }
}

/// Without locks, no file is known to be abandoned, so none is removed.
#[test]
fn without_locks_nothing_is_cleared() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let texts = two_data_files(folder, 10);
    write_endless_data(folder);
    fs::write(
        folder.join("flock.c"),
        "#include <errno.h>\n\
         int flock(int file, int how) { (void)file, (void)how; errno = ENOLCK; return -1; }\n",
    )
    .unwrap();
    let mut compiler = Command::new("gcc");
    compiler.current_dir(folder).args(["-shared", "-fPIC", "flock.c", "-o", "flock.so"]);
    assert!(compiler.status().unwrap().success());
    let create = |data: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tfr-index"));
        command.env("LD_PRELOAD", folder.join("flock.so")).current_dir(folder);
        command.args(["create", data, "-o", "x.idx", "--checksums", "full"]);
        with_defaults(&mut command).stdout(Stdio::null()).spawn().unwrap()
    };
    let running = create("endless");
    wait_until_it_reads(&running);
    for _ in 0..2 {
        assert!(create("a").wait().unwrap().success());
        assert_eq!(fs::read_to_string(folder.join("x.idx")).unwrap(), texts[0]);
        assert_eq!(temporary_files(folder), 1);
    }
    kill(running);
    assert!(create("a").wait().unwrap().success());
    assert_eq!(temporary_files(folder), 1);
}

/// Exceeding the limit on file sizes is an error, even if its signal would end the program.
#[test]
fn a_file_size_limit_leaves_the_index_whole() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let texts = two_data_files(folder, 50_000);
    assert!(create(folder, "a").wait().unwrap().success());
    for script in ["", "trap '' XFSZ; "] {
        let program = env!("CARGO_BIN_EXE_tfr-index");
        let script =
            format!("{script} ulimit -c 0; ulimit -f 8; exec '{program}' create b -o x.idx");
        let mut shell = Command::new("sh");
        shell.current_dir(folder).args(["-c", &script]);
        let output = with_defaults(&mut shell).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.starts_with("error: x.idx: cannot write: File too large"), "{stderr}");
        assert_eq!(fs::read_to_string(folder.join("x.idx")).unwrap(), texts[0]);
        assert_eq!(temporary_files(folder), 0);
    }
}
