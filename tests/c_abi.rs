//! The C ABI, from C: the header compiles everywhere, the programs of tests/c pass against both
//! libraries, and the libraries export what they should.

#![cfg(target_os = "linux")]

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const STRICT: [&str; 4] = ["-Wall", "-Wextra", "-Werror", "-pedantic"];

/// The compiler that the `cc` crate would use.
fn compiler(cpp: bool) -> Command {
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let mut build = cc::Build::new();
    build.cpp(cpp).target(&target).host(&target).opt_level(1).cargo_metadata(false);
    let mut command = build.get_compiler().to_command();
    command.args(STRICT).arg(format!("-I{ROOT}/include"));
    command
}

/// Runs a command to success and returns what it printed.
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{stdout}{stderr}", output.status);
    stdout
}

/// The folder where Cargo puts this package's libraries before it runs its tests.
fn libraries() -> PathBuf {
    std::env::current_exe().unwrap().parent().unwrap().to_owned()
}

fn valgrind() -> Option<Command> {
    let found = Command::new("valgrind").arg("--version").output().is_ok();
    let mut command = Command::new("valgrind");
    command.args(["--quiet", "--error-exitcode=99", "--leak-check=full", "--show-leak-kinds=all"]);
    found.then_some(command)
}

/// Compiles a C program, runs it with an empty folder and `arguments` against each library, and
/// once more under valgrind where that is installed.
fn compile_and_run(source: &Path, arguments: &[&OsStr]) {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    // Found by the name that the linker took from the library: its SONAME.
    fs::copy(libraries().join("libtfr_index.so"), at("libtfr_index.so.1")).unwrap();
    let program = |name: &str, link: &[&OsStr]| {
        let version = concat!("-DEXPECTED_VERSION=\"", env!("CARGO_PKG_VERSION"), "\"");
        let mut compiler = compiler(false);
        compiler.args(["-std=c99", "-g", version]).arg(source);
        run(compiler.args(link).arg("-o").arg(at(name)));
        let data = at(&format!("{name}-data"));
        fs::create_dir(&data).unwrap();
        data
    };
    let execute = |command: &mut Command, data: &Path| {
        run(command.arg(data).args(arguments).env("LD_LIBRARY_PATH", folder.path()))
    };

    let shared = at("libtfr_index.so.1");
    let data = program("shared", &[shared.as_os_str()]);
    execute(&mut Command::new(at("shared")), &data);

    let archive = libraries().join("libtfr_index.a");
    let system = ["-lgcc_s", "-lutil", "-lrt", "-lpthread", "-lm", "-ldl", "-lc"].map(OsStr::new);
    let data = program("static", &[&[archive.as_os_str()], &system[..]].concat());
    execute(&mut Command::new(at("static")), &data);

    if let Some(mut valgrind) = valgrind() {
        fs::remove_dir_all(&data).unwrap();
        fs::create_dir(&data).unwrap();
        execute(valgrind.arg(at("static")), &data);
    }
}

#[test]
fn every_function_does_its_work() {
    compile_and_run(&Path::new(ROOT).join("tests/c/test_index.c"), &[]);
}

#[test]
fn every_pointer_may_be_null() {
    compile_and_run(&Path::new(ROOT).join("tests/c/test_null.c"), &[]);
}

#[test]
fn hostile_input_is_judged_as_the_tables_say() {
    let data = Path::new(ROOT).join("tests/data");
    let (table, index_table) = (data.join("hostile.tsv"), data.join("hostile_index.tsv"));
    let arguments = [table.as_os_str(), index_table.as_os_str()];
    compile_and_run(&Path::new(ROOT).join("tests/c/test_hostile.c"), &arguments);
}

#[test]
fn the_headers_example_runs() {
    let header = fs::read_to_string(format!("{ROOT}/include/tfr_index.h")).unwrap();
    let lines = header.lines().skip_while(|line| !line.contains("#include <inttypes.h>"));
    let lines = lines.map(|line| line.strip_prefix(" *").unwrap().trim_start_matches("     "));
    let mut example = String::new();
    for line in lines {
        example += &format!("{line}\n");
        if line == "}" {
            break;
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("example.c");
    fs::write(&source, &example).unwrap();
    let program = folder.path().join("example");
    let library = libraries().join("libtfr_index.so");
    fs::copy(&library, folder.path().join("libtfr_index.so.1")).unwrap();
    run(compiler(false).arg("-std=c99").arg(source).arg(library).arg("-o").arg(&program));
    let printed = run(Command::new(&program)
        .arg(format!("{ROOT}/tests/data/examples.tfrecord"))
        .env("LD_LIBRARY_PATH", folder.path()));
    assert!(printed.contains(" bytes of payload at byte "), "{printed}");
}

#[test]
fn header_compiles_alone_in_every_standard() {
    let header = format!("{ROOT}/include/tfr_index.h");
    for (cpp, standard, language) in
        [(false, "c99", "c"), (false, "c11", "c"), (true, "c++11", "c++"), (true, "c++17", "c++")]
    {
        let mut compiler = compiler(cpp);
        compiler.arg(format!("-std={standard}")).args(["-fsyntax-only", "-x", language, &header]);
        run(&mut compiler);
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
