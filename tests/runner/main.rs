//! The signals and limits that child processes inherit; the lines of a log that the test command shows.

#![cfg(target_os = "linux")]

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

#[path = "../support/child.rs"]
mod child;

/// Runs this test again from a shell that ignores signals.
#[test]
fn children_have_default_signals_and_a_limit() {
    let is_inner = std::env::var_os("TFR_TEST_SIGNALS_IGNORED").is_some();
    if !is_inner {
        let test = std::env::current_exe().unwrap();
        let name = "children_have_default_signals_and_a_limit";
        let run = format!("exec '{}' --exact {name}", test.display());
        let script = format!("trap '' HUP INT QUIT PIPE ALRM TERM XFSZ; {run}");
        let mut shell = Command::new("sh");
        shell.args(["-c", &script]).env("TFR_TEST_SIGNALS_IGNORED", "");
        assert!(shell.status().unwrap().success());
    }
    let mut command = Command::new("cat");
    command.args(["/proc/self/status", "/proc/self/limits"]);
    let inherited = |command: &mut Command| {
        let printed = String::from_utf8(command.output().unwrap().stdout).unwrap();
        let value = |name| printed.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        // The 31 standard signals. posix_spawn ignores one more, which the C library uses itself.
        let number = |name| u64::from_str_radix(value(name).trim(), 16).unwrap() & 0x7fff_ffff;
        let limit = value("Max file size").split_whitespace().next().unwrap().to_owned();
        ([number("SigIgn:"), number("SigBlk:")], limit)
    };
    if is_inner {
        assert_ne!(inherited(&mut command).0, [0, 0]);
    }
    let (signals, limit) = inherited(child::with_defaults(&mut command));
    assert_eq!(signals, [0, 0]);
    assert!(limit.parse::<u64>().unwrap() <= 1 << 30, "{limit}");
}

/// The lines that the test command shows of a log.
fn failures(log: &str) -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/runner/failures.awk");
    let mut awk = Command::new("awk");
    let mut child =
        awk.args(["-f", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(log.as_bytes()).unwrap();
    String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
}

/// Each NAME.log is the output of a real run, and NAME.shown the lines of it that are shown.
/// `TFR_UPDATE=1` writes the latter.
#[test]
fn the_lines_of_a_log_that_say_what_failed_are_shown() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/runner/logs");
    for name in ["c_program", "cargo_test", "compiler", "pytest", "python_crash"] {
        let shown = failures(&fs::read_to_string(format!("{directory}/{name}.log")).unwrap());
        let path = format!("{directory}/{name}.shown");
        if std::env::var_os("TFR_UPDATE").is_some() {
            fs::write(&path, &shown).unwrap();
        }
        assert_eq!(shown, fs::read_to_string(path).unwrap(), "{name}");
    }
}

#[test]
fn the_end_of_any_other_log_is_shown() {
    let long: String = (0..100).map(|number| format!("line {number}\n")).collect();
    assert_eq!(failures(&long), long[long.find("line 40").unwrap()..]);
    assert_eq!(failures("one\ntwo\n"), "one\ntwo\n");
}
