//! The C ABI, from C and C++: the headers compile everywhere, the programs of tests/c and tests/cpp
//! pass against both libraries, and the libraries export what they should.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tfr_index::{Report, ReportOptions, Shards};

use crate::child;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/examples.tfrecord");
const STRICT: [&str; 4] = ["-Wall", "-Wextra", "-Werror", "-pedantic"];
/// Warnings that users may enable for the headers they include.
const STRICTER: [&str; 3] = ["-Wshadow", "-Wconversion", "-Wsign-conversion"];
const SANITIZE: [&str; 2] = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
/// The system libraries that the static library needs.
const SYSTEM: [&str; 7] = ["-lgcc_s", "-lutil", "-lrt", "-lpthread", "-lm", "-ldl", "-lc"];

/// A Python with the package ziglang (clang with libc++), which then compiles everything.
fn clang() -> Option<String> {
    std::env::var("TFR_TEST_CLANG").ok()
}

/// Clang if TFR_TEST_CLANG names it, else the compiler that the `cc` crate would use.
fn compiler(cpp: bool) -> Command {
    let mut command = match clang() {
        Some(python) => {
            let mut command = Command::new(python);
            command.args(["-m", "ziglang", if cpp { "c++" } else { "cc" }, "-O1"]);
            let cache = concat!(env!("CARGO_TARGET_TMPDIR"), "/zig");
            command.env("ZIG_GLOBAL_CACHE_DIR", cache).env("ZIG_LOCAL_CACHE_DIR", cache);
            command
        }
        None => {
            let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
            let mut build = cc::Build::new();
            build.cpp(cpp).target(&target).host(&target).opt_level(1).cargo_metadata(false);
            build.get_compiler().to_command()
        }
    };
    command.args(STRICT).arg(format!("-I{ROOT}/include"));
    command
}

/// Runs a command that must succeed, and returns its output.
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    if !output.status.success() {
        // Not `{command:?}`, which may print the whole environment.
        let words = [command.get_program()].into_iter().chain(command.get_args());
        let line = words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ");
        panic!("{line}: {}\n{stdout}{stderr}", output.status);
    }
    stdout
}

/// The directory where Cargo puts this package's libraries before it runs the tests.
fn libraries() -> PathBuf {
    std::env::current_exe().unwrap().parent().unwrap().to_owned()
}

/// Not with clang, which uses every instruction of this processor: valgrind may not know them all.
fn valgrind() -> Option<Command> {
    let found = clang().is_none() && Command::new("valgrind").arg("--version").output().is_ok();
    let mut command = Command::new("valgrind");
    command.args(["--quiet", "--error-exitcode=99", "--leak-check=full"]);
    // Rust's standard library keeps pointers into the middle of its thread handles.
    command.arg("--errors-for-leak-kinds=definite,indirect");
    found.then_some(command)
}

/// Whether gcc has the libraries of its sanitizers.
fn has_sanitizers() -> bool {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("empty.c");
    fs::write(&source, "int main(void) { return 0; }\n").unwrap();
    let mut compiler = compiler(false);
    compiler.args(SANITIZE).arg(&source).arg("-o").arg(folder.path().join("empty"));
    compiler.output().unwrap().status.success()
}

/// A program of tests/c or tests/cpp, and the directory to build and run it in.
struct Program {
    source: PathBuf,
    arguments: Vec<PathBuf>,
    folder: tempfile::TempDir,
}

impl Program {
    /// `source` is a path below tests/.
    fn new(source: &str) -> Program {
        let folder = tempfile::tempdir().unwrap();
        // The program looks for the library by its SONAME.
        let library = folder.path().join("libtfr_index.so.1");
        fs::copy(libraries().join("libtfr_index.so"), library).unwrap();
        let source = Path::new(ROOT).join("tests").join(source);
        Program { source, arguments: Vec::new(), folder }
    }

    fn is_cpp(&self) -> bool {
        self.source.extension().is_some_and(|extension| extension == "cpp")
    }

    fn compile(&self, name: &str, flags: &[&str], library: &Path) -> PathBuf {
        let version = concat!("-DEXPECTED_VERSION=\"", env!("CARGO_PKG_VERSION"), "\"");
        let program = self.folder.path().join(name);
        let mut compiler = compiler(self.is_cpp());
        compiler.arg(if self.is_cpp() { "-std=c++17" } else { "-std=c99" });
        compiler.args(["-D_DEFAULT_SOURCE", "-g", version]).args(flags);
        run(compiler.arg(&self.source).arg(library).args(SYSTEM).arg("-o").arg(&program));
        program
    }

    /// Runs the command with an empty directory and the arguments.
    fn execute(&self, command: &mut Command) {
        let empty = tempfile::tempdir().unwrap();
        command.arg(empty.path()).args(&self.arguments);
        run(child::with_defaults(command).env("LD_LIBRARY_PATH", self.folder.path()));
    }

    /// Runs with each library.
    fn run(&self) {
        let shared = self.folder.path().join("libtfr_index.so.1");
        let archive = libraries().join("libtfr_index.a");
        for (name, library) in [("shared", &shared), ("static", &archive)] {
            self.execute(&mut Command::new(self.compile(name, &[], library)));
        }
    }

    /// Runs it again under valgrind, if it is installed.
    fn run_under_valgrind(&self) {
        self.run();
        if let Some(mut valgrind) = valgrind() {
            self.execute(valgrind.arg(self.folder.path().join("static")));
        }
    }

    /// Runs it again under valgrind and with gcc's sanitizers, if they are installed.
    fn run_watched(&self) {
        self.run_under_valgrind();
        if has_sanitizers() {
            let shared = self.folder.path().join("libtfr_index.so.1");
            let program = self.compile("sanitized", &SANITIZE, &shared);
            self.execute(&mut Command::new(program));
        }
    }
}

#[test]
fn every_function_does_its_work() {
    Program::new("c/test_index.c").run_watched();
}

#[test]
fn writers_do_their_work() {
    Program::new("c/test_writer.c").run_watched();
}

#[test]
fn index_files_are_found_and_updated() {
    Program::new("c/test_index_file.c").run_watched();
    Program::new("c/test_manifest.c").run_watched();
}

#[test]
fn indexes_are_edited() {
    Program::new("c/test_edit.c").run_watched();
}

#[test]
fn data_sets_are_resharded() {
    Program::new("c/test_reshard.c").run_watched();
}

#[test]
fn data_sets_are_reported() {
    Program::new("c/test_report.c").run_watched();
}

/// A program that gets the tables of permutations and orders.
fn with_orders(source: &str) -> Program {
    let data = Path::new(ROOT).join("tests/data");
    let mut program = Program::new(source);
    program.arguments = vec![data.join("permutations.tsv"), data.join("orders.tsv")];
    program
}

#[test]
fn orders_are_those_of_the_tables() {
    with_orders("c/test_order.c").run_watched();
    with_orders("cpp/test_order.cpp").run();
}

#[test]
fn every_pointer_may_be_null() {
    Program::new("c/test_null.c").run_watched();
}

#[test]
fn sources_are_read_through_a_function() {
    Program::new("c/test_source.c").run_watched();
}

#[test]
fn streams_are_indexed_as_they_come() {
    Program::new("c/test_indexer.c").run_watched();
}

#[test]
fn hostile_input_is_judged_as_the_tables_say() {
    let data = Path::new(ROOT).join("tests/data");
    let mut program = Program::new("c/test_hostile.c");
    program.arguments = vec![data.join("hostile.tsv"), data.join("hostile_index.tsv")];
    program.run_watched();
}

#[test]
fn what_was_promised_is_there() {
    Program::new("c/test_abi.c").run();
}

#[test]
fn threads_and_forks_share_an_index_and_a_reader() {
    // Not with sanitizers: a process forked while other threads run would wait for the sanitizer's locks.
    Program::new("c/test_threads.c").run_under_valgrind();
}

#[test]
fn a_cancelled_thread_ends_after_its_call() {
    Program::new("c/test_cancel.c").run_under_valgrind();
}

#[test]
fn a_fork_amid_the_first_call_harms_nobody() {
    Program::new("c/test_fork.c").run();
}

#[test]
fn a_forked_process_does_a_writer_no_harm() {
    Program::new("c/test_fork_writer.c").run();
}

#[test]
fn a_host_without_standard_streams_prints_into_no_file() {
    Program::new("c/test_closed_streams.c").run();
}

#[test]
fn records_are_read_by_their_numbers() {
    Program::new("c/test_reader.c").run_watched();
}

#[test]
fn records_are_iterated_over() {
    // Not with sanitizers: a process forked while other threads run would wait for the sanitizer's locks.
    Program::new("c/test_iterate.c").run_under_valgrind();
}

#[test]
fn data_sets_are_read() {
    Program::new("c/test_dataset.c").run_watched();
}

#[test]
fn features_are_decoded_and_encoded() {
    Program::new("c/test_features.c").run_watched();
    Program::new("cpp/test_features.cpp").run_watched();
}

#[test]
fn a_forked_process_decodes_with_its_parents_features() {
    Program::new("c/test_fork_features.c").run();
}

#[test]
fn a_forked_process_reads_its_parents_data_set() {
    Program::new("c/test_fork_dataset.c").run();
}

#[test]
fn data_sets_are_read_in_cpp() {
    Program::new("cpp/test_dataset.cpp").run_watched();
}

#[test]
fn panics_end_in_a_status() {
    Program::new("c/test_panic.c").run_watched();
}

/// Not under valgrind or sanitizers, which have their own functions for memory.
#[test]
fn too_little_memory_is_an_error() {
    Program::new("c/test_out_of_memory.c").run();
}

/// The program in a header's first comment, whose lines start with `mark`.
fn example_of(header: &str, mark: &str) -> String {
    let header = fs::read_to_string(Path::new(ROOT).join("include").join(header)).unwrap();
    let lines = header.lines().skip_while(|line| !line.contains("#include <"));
    let lines = lines.map(|line| line.strip_prefix(mark).unwrap());
    let lines = lines.map(|line| line.strip_prefix("     ").unwrap_or_default());
    let end = |line: &&str| *line != "}";
    lines.clone().take_while(end).chain(["}"]).map(|line| format!("{line}\n")).collect()
}

/// Compiles and runs a program with the shared library. Returns what it prints.
fn printed(name: &str, standard: &str, code: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let (source, program) = (folder.path().join(name), folder.path().join("program"));
    fs::write(&source, code).unwrap();
    let library = libraries().join("libtfr_index.so");
    fs::copy(&library, folder.path().join("libtfr_index.so.1")).unwrap();
    let mut compiler = compiler(name.ends_with("cpp"));
    run(compiler.arg(standard).arg(source).arg(library).arg("-o").arg(&program));
    let mut command = Command::new(&program);
    run(command.arg(EXAMPLES).env("LD_LIBRARY_PATH", folder.path()))
}

#[test]
fn the_headers_examples_run() {
    for (header, mark, name, standard, said) in [
        ("tfr_index.h", " *", "example.c", "-std=c99", " bytes of payload at byte "),
        ("tfr_index.hpp", "///", "example.cpp", "-std=c++17", " bytes\n"),
    ] {
        let printed = printed(name, standard, &example_of(header, mark));
        assert!(printed.contains(said), "{printed}");
    }
}

#[test]
fn the_code_that_a_report_shows_runs() {
    let shards = Shards::from_paths([EXAMPLES]);
    let report = Report::of(&shards, &ReportOptions::new()).unwrap();
    let json = report.to_json();
    let (_, code) = json.rsplit_once("\"cpp\":\"").unwrap(); // the last member
    let code = code.rsplit_once("\"}").unwrap().0.replace("\\u000a", "\n");
    let code = code.replace("\\\"", "\"").replace("\\\\", "\\");
    assert_eq!(printed("report.cpp", "-std=c++17", &code), "100 records\n", "{code}");
}

#[test]
fn the_cpp_header_does_its_work() {
    let program = Program::new("cpp/test_tfr_index.cpp");
    program.run_watched();
    // The last -std counts; C++20 has ranges and spans.
    let archive = libraries().join("libtfr_index.a");
    program.execute(&mut Command::new(program.compile("cpp20", &["-std=c++20"], &archive)));
    // One program may have units compiled for different standards.
    let unit = format!("{}/unit.o", program.folder.path().display());
    let mut compiler = compiler(true);
    compiler.args(["-std=c++20", "-Dmain=other_main", "-c", "-o", &unit]);
    run(compiler.arg(&program.source));
    program.execute(&mut Command::new(program.compile("both", &[&unit], &archive)));
}

#[test]
fn the_cpp_header_needs_exceptions() {
    let folder = tempfile::tempdir().unwrap();
    let mut compiler = compiler(true);
    let header = format!("{ROOT}/include/tfr_index.hpp");
    compiler.args(["-std=c++17", "-fno-exceptions", "-c", "-x", "c++", &header]);
    compiler.arg("-o").arg(folder.path().join("unit.o"));
    let output = compiler.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("use tfr_index.h"), "{said}");
}

#[test]
fn headers_and_what_includes_them_compile_in_every_standard() {
    let folder = tempfile::tempdir().unwrap();
    for (source, language, standards) in [
        ("include/tfr_index.h", "c", &["c99", "c11", "c17", "c2x"][..]),
        ("include/tfr_index.h", "c++", &["c++11", "c++14", "c++17", "c++20", "c++23"]),
        ("include/tfr_index.hpp", "c++", &["c++17", "c++20", "c++23"]),
        ("tests/cpp/test_tfr_index.cpp", "c++", &["c++17", "c++20", "c++23"]),
        ("examples/random_access.c", "c", &["c99"]),
        ("examples/random_access.cpp", "c++", &["c++17"]),
        ("examples/features.c", "c", &["c99"]),
        ("examples/features.cpp", "c++", &["c++17"]),
    ] {
        for standard in standards {
            let mut compiler = compiler(language == "c++");
            compiler.arg(format!("-std={standard}")).args(STRICTER).args(["-c", "-x", language]);
            compiler.arg(Path::new(ROOT).join(source));
            run(compiler.arg("-o").arg(folder.path().join("unit.o")));
        }
    }
}

/// If Doxygen is installed: it finds every function, and every function has a comment.
#[test]
fn doxygen_finds_every_function_and_its_comment() {
    if Command::new("doxygen").arg("--version").output().is_err() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (configuration, out) = (folder.path().join("Doxyfile"), folder.path().display());
    let settings = format!(
        "INPUT = {ROOT}/include\nOUTPUT_DIRECTORY = {out}\nGENERATE_HTML = NO\n\
         GENERATE_LATEX = NO\nGENERATE_XML = YES\nQUIET = YES\nEXCLUDE_SYMBOLS = tfr::detail\n\
         PREDEFINED = __cpp_exceptions=1\n"
    );
    fs::write(&configuration, settings).unwrap();
    let output = Command::new("doxygen").arg(&configuration).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let warnings: Vec<_> = said.lines().filter(|line| line.contains("include/tfr_index")).collect();
    assert!(output.status.success() && warnings.is_empty(), "{said}");
    let found = fs::read_to_string(folder.path().join("xml/tfr__index_8h.xml")).unwrap();
    for name in fs::read_to_string(format!("{ROOT}/tests/c/symbols.txt")).unwrap().lines() {
        assert!(found.contains(&format!("<name>{name}</name>")), "{name}");
    }
}

#[test]
fn the_shared_library_exports_the_listed_symbols_and_its_soname() {
    let library = libraries().join("libtfr_index.so");
    let printed = run(Command::new("nm").args(["-D", "--defined-only"]).arg(&library));
    let mut symbols: Vec<_> = printed.lines().filter_map(|l| l.split(' ').nth(2)).collect();
    symbols.sort_unstable();
    let listed = fs::read_to_string(format!("{ROOT}/tests/c/symbols.txt")).unwrap();
    assert_eq!(symbols, listed.lines().collect::<Vec<_>>());

    let header = fs::read_to_string(format!("{ROOT}/include/tfr_index.h")).unwrap();
    let abi = header.lines().find_map(|l| l.strip_prefix("#define TFR_ABI_VERSION ")).unwrap();
    let dynamic = run(Command::new("readelf").arg("-d").arg(&library));
    assert!(dynamic.contains(&format!("Library soname: [libtfr_index.so.{abi}]")), "{dynamic}");
}
