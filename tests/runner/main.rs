//! What the tests are run with: what their child processes inherit, what the runner shows of a log.

#![cfg(target_os = "linux")]

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
        // The 31 standard signals: posix_spawn ignores another, which is the C library's own.
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

/// What the runner shows of a log.
fn failures(log: &str) -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/runner/failures.awk");
    let mut awk = Command::new("awk");
    let mut child =
        awk.args(["-f", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(log.as_bytes()).unwrap();
    String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
}

#[test]
fn failures_are_found_in_logs() {
    let passes: String = (0..100).map(|number| format!("test t{number} ... ok\n")).collect();
    let long: String = (0..100).map(|number| format!("line {number}\n")).collect();
    let cargo = format!(
        "   Compiling x\n{passes}test long ... FAILED\n\nfailures:\n\n---- short stdout ----\nshort\n\n\
         ---- long stdout ----\n{long}\nfailures:\n    short\n    long\n\n\
         test result: FAILED. 100 passed\n\n     Running y\n{passes}\n\
         error: 1 target failed:\n    `--test x`\n"
    );
    let shown = failures(&cargo);
    let start = "\n---- short stdout ----\nshort\n\n---- long stdout ----\nline 41\n";
    assert!(shown.starts_with(start), "{shown}");
    let end = "line 99\n\n    short\n    long\n\ntest result: FAILED. 100 passed\n\
               error: 1 target failed:\n    `--test x`\n";
    assert!(shown.ends_with(end), "{shown}");

    let compiler = format!("{passes}error[E0425]: no x\n --> src/a.rs:1\n\nwarning: y\n{passes}");
    assert_eq!(failures(&compiler), "error[E0425]: no x\n --> src/a.rs:1\n");

    let pytest = format!(
        "tests/test_x.py ..F\n____ test_a ____\n    def test_a():\n>       assert 1 == 2\n\
         E       assert 1 == 2\n\ntests/test_x.py:7: AssertionError\n{long}\
         === short test summary info ===\nFAILED tests/test_x.py::test_a - assert 1 == 2\n"
    );
    let shown = "____ test_a ____\nE       assert 1 == 2\ntests/test_x.py:7: AssertionError\n\
                 FAILED tests/test_x.py::test_a - assert 1 == 2\n";
    assert_eq!(failures(&pytest), shown);

    assert_eq!(failures(&long), long[long.find("line 40").unwrap()..]);
    assert_eq!(failures("one\ntwo\n"), "one\ntwo\n");
}
