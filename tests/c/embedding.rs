//! docs/embedding.md is true about linking, descriptors, signals and ThreadSanitizer; its blocks run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::child;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const STRICT: [&str; 5] = ["-std=c99", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror"];
/// The exit status of a program in which ThreadSanitizer found something.
const FOUND: i32 = 66;

/// A directory with the libraries, as a linker and a program find them.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Place {
        let place = Place(tempfile::tempdir().unwrap());
        // Cargo puts the libraries there before it runs tests.
        let libraries = std::env::current_exe().unwrap();
        for (from, to) in [
            ("libtfr_index.so", "libtfr_index.so"),
            ("libtfr_index.so", "libtfr_index.so.1"),
            ("libtfr_index.a", "libtfr_index.a"),
        ] {
            fs::copy(libraries.with_file_name(from), place.path(to)).unwrap();
        }
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Compiles a program of tests/c against the shared library.
    fn compile(&self, source: &str, flags: &[&str]) -> bool {
        let mut gcc = Command::new("gcc");
        gcc.args(STRICT).args(["-g", "-O1"]).args(flags).arg(format!("-I{ROOT}/include"));
        gcc.arg(format!("{ROOT}/tests/c/{source}")).arg(self.path("libtfr_index.so"));
        let output = gcc.args(["-ldl", "-lpthread", "-o"]).arg(self.path("program")).output();
        output.unwrap().status.success()
    }

    /// Runs the program with an empty directory and these arguments.
    fn run(&self, arguments: &[&Path], variables: &[(&str, &str)]) -> Output {
        let empty = tempfile::tempdir().unwrap();
        let mut command = Command::new(self.path("program"));
        command.arg(empty.path()).args(arguments).env("LD_LIBRARY_PATH", self.0.path());
        child::with_defaults(command.envs(variables.iter().copied())).output().unwrap()
    }
}

fn assert_success(output: &Output) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {stderr}", output.status);
}

/// The block of the page that holds `word`.
fn block(word: &str) -> String {
    let page = fs::read_to_string(format!("{ROOT}/docs/embedding.md")).unwrap();
    let blocks = page.split("```").skip(1).step_by(2);
    let mut found = blocks.filter(|block| block.contains(word));
    let block = found.next().expect(word).split_once('\n').unwrap().1.to_owned();
    assert!(found.next().is_none(), "{word}");
    block
}

#[test]
fn descriptors_signals_and_limits() {
    let place = Place::new();
    assert!(place.compile("test_embedding.c", &[]));
    assert_success(&place.run(&[], &[]));
}

#[test]
fn a_plugin_exports_only_its_own_functions_and_may_be_unloaded() {
    let place = Place::new();
    fs::copy(format!("{ROOT}/tests/c/plugin.c"), place.path("plugin.c")).unwrap();
    let command = block("--exclude-libs").replace("-o plugin.so", "-Wl,-z,nodelete -o plugin.so");
    let mut shell = Command::new("sh");
    shell.args(["-ec", &command]).current_dir(&place.0).env("CPATH", format!("{ROOT}/include"));
    assert_success(&shell.output().unwrap());
    let mut nm = Command::new("nm");
    let printed = nm.args(["-D", "--defined-only"]).arg(place.path("plugin.so")).output().unwrap();
    let printed = String::from_utf8(printed.stdout).unwrap();
    let symbols: Vec<_> = printed.lines().filter_map(|line| line.split(' ').nth(2)).collect();
    assert_eq!(symbols, ["plugin_count"]);

    assert!(place.compile("test_unloading.c", &[]));
    let (library, plugin) = (place.path("libtfr_index.so"), place.path("plugin.so"));
    assert_success(&place.run(&[&library, &plugin], &[]));
}

/// The suppressions are enough, and hide no race in the program itself.
#[test]
fn thread_sanitizer_finds_races_of_the_program_alone() {
    let place = Place::new();
    if !place.compile("test_tsan.c", &["-fsanitize=thread"]) {
        eprintln!("skipped: this takes gcc's ThreadSanitizer");
        return;
    }
    fs::write(place.path("tfr_index.supp"), block("called_from_lib")).unwrap();
    let suppressions = format!("suppressions={}", place.path("tfr_index.supp").display());
    let options = [("TSAN_OPTIONS", suppressions.as_str())];
    assert_success(&place.run(&[], &options));
    let output = place.run(&[Path::new("race")], &options);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(FOUND), "{stderr}");
    assert!(stderr.contains("data race") && stderr.contains("test_tsan.c"), "{stderr}");
}
