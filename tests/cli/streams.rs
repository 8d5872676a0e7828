//! Descriptors, pipes and devices instead of files; names with control characters.

use std::ffi::OsStr;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::child::with_defaults;
use crate::programs::{ended, folder_with, tfr_index, EXAMPLES};
use tfr_index::{Index, Options};

/// Runs a shell script in which `tfr-index` is the program.
fn shell(directory: &Path, script: &str) -> Command {
    let mut shell = Command::new("bash");
    let program = format!("tfr-index() {{ '{}' \"$@\"; }};", env!("CARGO_BIN_EXE_tfr-index"));
    shell.current_dir(directory).args(["-c", &format!("{program} {script}")]);
    with_defaults(&mut shell).stdin(Stdio::null());
    shell
}

fn run(directory: &Path, script: &str) -> (i32, String, String) {
    ended(&shell(directory, script).output().unwrap())
}

/// The data file `x` of 100 records and its index, with the index's text.
fn example() -> (tempfile::TempDir, String) {
    let directory = folder_with(&[("x", &fs::read(EXAMPLES).unwrap())]);
    assert_eq!(run(directory.path(), "tfr-index create x"), done("x: 100 records -> x.idx\n"));
    let text = Index::scan(EXAMPLES, &Options::new()).unwrap().to_text().unwrap();
    (directory, text)
}

fn done(stdout: &str) -> (i32, String, String) {
    (0, stdout.to_owned(), String::new())
}

#[test]
fn programs_write_to_a_descriptor_in_turn() {
    let (directory, text) = example();
    let path = directory.path();
    for (out, redirection) in [
        ("-", ">log"),
        ("/dev/stdout", ">log"),
        ("/proc/self/fd/1", ">>log"),
        ("/dev/fd/3", "3>log"),
    ] {
        for command in [
            &format!("tfr-index create x -o {out}"),
            &format!("tfr-index create - -o {out} <x"),
            &format!("tfr-index select x.idx 0-99 -o {out}"),
            &format!("tfr-index cat x 0 -o {out}"),
        ] {
            let to = if out == "/dev/fd/3" { ">&3" } else { "" };
            let script = format!(
                "rm -f log; {{ echo first {to}; {command}; echo last {to}; }} {redirection}"
            );
            assert_eq!(run(path, &script), done(""), "{script}");
            let payload = &fs::read(EXAMPLES).unwrap()[12..];
            let index = Index::read(path.join("x.idx")).unwrap();
            let payload = &payload[..index[0].size as usize - 16];
            let written = if command.contains(" cat ") { payload } else { text.as_bytes() };
            let expected = [b"first\n", written, b"last\n"].concat();
            assert_eq!(fs::read(path.join("log")).unwrap(), expected, "{script}");
        }
    }
}

#[test]
fn a_descriptor_is_read_from_its_position() {
    let (directory, text) = example();
    let path = directory.path();
    let (data, headed) = (fs::read(EXAMPLES).unwrap(), format!("a line\n{text}"));
    fs::write(path.join("headed.idx"), &headed).unwrap();
    fs::write(path.join("headed"), [b"a line\n", &data[..]].concat()).unwrap();
    let shown = format!("100 records, {} bytes\n", data.len());
    for (input, from) in [("-", "<headed.idx"), ("/dev/stdin", "<headed.idx")] {
        let with = |command: &str| run(path, &format!("{{ read -r; {command}; }} {from}"));
        assert_eq!(with(&format!("tfr-index dump {input}")), done(&text));
        assert!(with(&format!("tfr-index show {input}")).1.contains(&shown));
        assert_eq!(with(&format!("tfr-index select {input} 0-99")), done(&text));
        assert_eq!(with(&format!("tfr-index check x --index {input}")).0, 0);
    }
    for input in ["-", "/dev/stdin"] {
        let script = format!("{{ read -r; tfr-index create {input}; }} <headed");
        assert_eq!(run(path, &script), done(&text), "{script}");
    }
    assert_eq!(run(path, "{ read -r <&3; tfr-index create /dev/fd/3; } 3<headed"), done(&text));
    assert_eq!(run(path, "{ read -r <&3; tfr-index dump /dev/fd/3; } 3<headed.idx"), done(&text));
    let script = "printf '9\\n5 6\\n' | { read -r; tfr-index select x --from -; }";
    let selected = run(path, script).1;
    assert_eq!(
        selected,
        text.lines().skip(5).take(2).map(|line| format!("{line}\n")).collect::<String>()
    );
    // A process substitution of a shell.
    assert_eq!(run(path, "tfr-index create <(cat x)"), done(&text));
    assert_eq!(run(path, "tfr-index create <(cat x) -o out.idx").0, 0);
    assert_eq!(fs::read_to_string(path.join("out.idx")).unwrap(), text);
    assert_eq!(run(path, "tfr-index dump <(cat x.idx) <(cat x.idx)"), done(&text.repeat(2)));
    let (status, _, stderr) = run(path, "tfr-index dump /dev/stdin - <x.idx");
    assert!(status == 1 && stderr.contains("-: is given twice"), "{stderr}");
}

/// Sockets cannot be opened by a path.
#[test]
fn sockets_are_read_and_written_to() {
    let (directory, text) = example();
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    let out = theirs.try_clone().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tfr-index"));
    command.args(["dump", "-"]).stdin(std::os::fd::OwnedFd::from(theirs));
    command.stdout(Stdio::piped());
    let child = command.spawn().unwrap();
    drop((command, out));
    ours.write_all(text.as_bytes()).unwrap();
    ours.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(ended(&child.wait_with_output().unwrap()).1, text);

    let (mut ours, theirs) = UnixStream::pair().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tfr-index"));
    command.current_dir(directory.path()).args(["create", "x", "-o", "-"]);
    let mut child = command.stdout(std::os::fd::OwnedFd::from(theirs)).spawn().unwrap();
    drop(command);
    let mut written = String::new();
    ours.read_to_string(&mut written).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(written, text);
}

/// Data on stdin is read from the start of a regular file, whatever the descriptor's position.
#[test]
fn stdin_is_data_if_it_is_a_regular_file() {
    let (directory, _) = example();
    let path = directory.path();
    let script = "{ read -rn 1; tfr-index cat - --frames -o copy; } <x && cmp x copy && rm copy";
    assert_eq!(run(path, script), done(""));
    let script = "tfr-index check /dev/stdin --index x.idx <x";
    assert_eq!(run(path, script), done("/dev/stdin: ok (100 records)\n"));
    assert_eq!(run(path, "tfr-index locate - 90 <x").0, 0);
    for script in
        ["cat x | tfr-index cat -", "tfr-index cat <(cat x) 5", "tfr-index check - </dev/zero"]
    {
        let (status, _, stderr) = run(path, script);
        assert!(status == 2 && stderr.contains("not seekable; save it to a file"), "{stderr}");
    }
}

/// All commands that print.
const PRINTING: [&str; 17] = [
    "create x",
    "create x --json",
    "create x -o -",
    "check x",
    "check x --json",
    "ls -q",
    "ls x",
    "show x",
    "dump x.idx",
    "locate x 5",
    "cat x 5",
    "cat x 0-9",
    "select x 5 -o some.idx",
    "sample x -n 5 --seed 1 -o -",
    "generate completions bash",
    "--help",
    "--version",
];

#[test]
fn what_cannot_be_printed_is_a_failure() {
    let (directory, _) = example();
    for arguments in PRINTING {
        for to in [">/dev/full", ">&-", "1</dev/null", ">&- <&- 2>log"] {
            let script = format!("tfr-index {arguments} {to}");
            let (status, stdout, mut stderr) = run(directory.path(), &script);
            if to.ends_with("log") {
                stderr = fs::read_to_string(directory.path().join("log")).unwrap();
            }
            assert_eq!((status, &*stdout), (1, ""), "{script}: {stderr}");
            assert!(stderr.starts_with("error: ") && stderr.lines().count() == 1, "{stderr}");
            assert!(stderr.contains("cannot write"), "{script}: {stderr}");
        }
        // /dev/null: no output is wanted. A parent may have opened it for reading only.
        for to in [">/dev/null", "1<>/dev/null", "2>&- >/dev/null"] {
            let script = format!("tfr-index {arguments} {to}");
            assert_eq!(run(directory.path(), &script), done(""), "{script}");
        }
        // The reader has seen enough.
        let script = format!("exec 3> >(true); wait $!; tfr-index {arguments} >&3; echo $? >&2");
        let (_, _, stderr) = run(directory.path(), &script);
        assert_eq!(stderr, "0\n", "{script}");
    }
}

/// If a disk fills up just before the end, only the last buffer fails to be written.
#[test]
fn no_end_is_lost() {
    let (directory, _) = example();
    for arguments in ["cat x 5", "cat x", "dump x.idx", "create x -o -"] {
        // Blocks of 1024 bytes; the shell's file has room for what was not printed.
        let script = format!("ulimit -f 1; head -c 1020 x >log; tfr-index {arguments} >>log");
        let (status, _, stderr) = run(directory.path(), &script);
        assert!(status == 1 && stderr.contains("File too large"), "{arguments}: {stderr}");
    }
}

#[test]
fn an_empty_stream_replaces_no_index() {
    let (directory, text) = example();
    let path = directory.path();
    for script in [
        "false | tfr-index create - -o x.idx",
        "tfr-index create - -o x.idx <&-",
        "tfr-index create /dev/stdin -o x.idx </dev/null",
        "tfr-index create <(true) -o x.idx",
        "false | tfr-index filter - --min 0 -o x.idx",
        "tfr-index shuffle - --seed 1 -o x.idx <&-",
        "true | tfr-index create -",
    ] {
        let (status, stdout, stderr) = run(path, script);
        assert_eq!((status, &*stdout), (1, ""), "{script}");
        assert!(stderr.contains("is empty") && stderr.contains("pipefail"), "{script}: {stderr}");
        assert_eq!(fs::read_to_string(path.join("x.idx")).unwrap(), text, "{script}");
    }
    let script = "true | tfr-index create - --allow-empty -o empty.idx";
    assert_eq!(run(path, script), done("-: 0 records -> empty.idx\n"));
    assert_eq!(fs::read(path.join("empty.idx")).unwrap(), b"");
    assert_eq!(run(path, ": >empty; tfr-index create empty").0, 0);
    assert_eq!(run(path, "tfr-index filter /dev/null --min 0"), done(""));
    let help = run(path, "tfr-index create --help").1;
    assert!(help.contains("set -o pipefail"), "{help}");
}

/// Opening the FIFO would let its writer start, and closing it would end the writer.
#[test]
fn a_fifo_is_no_data_and_its_writer_goes_on_waiting() {
    let (directory, text) = example();
    let path = directory.path();
    for command in [
        "create fifo",
        "cat fifo 5",
        "cat fifo",
        "check -q fifo -i x.idx",
        "locate fifo 5",
        "show fifo",
        "select fifo 5",
    ] {
        // The process that reads it at last gets everything.
        let script = format!(
            "rm -f fifo; mkfifo fifo; cat x >fifo & tfr-index {command}; echo $?; \
             tfr-index create - <fifo; wait $!; echo $?"
        );
        let (_, stdout, stderr) = run(path, &script);
        assert_eq!(stdout, format!("1\n{text}0\n"), "{command}: {stderr}");
        assert!(
            stderr.starts_with("error: fifo: is a pipe") && stderr.lines().count() == 1,
            "{stderr}"
        );
        assert!(stderr.contains("not a regular file"), "{stderr}");
        assert_eq!(stderr.contains("tfr-index create - < fifo"), command == "create fifo");
    }
    // Nor is a FIFO at the index's path.
    let script = "rm x.idx; mkfifo x.idx; tfr-index ls x; tfr-index cat x 5 | wc -c; rm x.idx";
    let (status, stdout, _) = run(path, script);
    assert_eq!(status, 0);
    assert!(stdout.lines().count() == 3 && !stdout.ends_with("\n0\n"), "{stdout}");
}

#[test]
fn fifos_hold_indexes_and_outputs() {
    let (directory, text) = example();
    let path = directory.path();
    let with_fifo = |script: &str| run(path, &format!("rm -f fifo; mkfifo fifo; {script}"));
    for command in ["create x", "create - <x", "select x 0-99", "filter x.idx --min 0"] {
        let command = format!("tfr-index {command} -o fifo & cat fifo; wait $!");
        assert_eq!(with_fifo(&command), done(&text), "{command}");
    }
    let (data, script) =
        (fs::read(EXAMPLES).unwrap(), "tfr-index cat x --frames -o fifo & cat fifo");
    let output = shell(path, &format!("rm fifo; mkfifo fifo; {script}; wait $!")).output().unwrap();
    assert!(output.status.success() && output.stdout == data);
    assert_eq!(with_fifo("cat x.idx >fifo & tfr-index dump fifo; wait $!"), done(&text));
    let script = "cat x.idx >fifo & tfr-index check x -i fifo; wait $!";
    assert_eq!(with_fifo(script), done("x: ok (100 records)\n"));
    assert_eq!(with_fifo("tfr-index create x -o fifo & head -n 1 fifo; wait $!").0, 0);
}

/// One Ctrl-C, wherever the program waits.
#[cfg(target_os = "linux")]
#[test]
fn waiting_is_interrupted() {
    let (directory, _) = example();
    let path = directory.path();
    assert!(Command::new("mkfifo").arg(path.join("fifo")).status().unwrap().success());
    let names = || fs::read_dir(path).unwrap().count();
    let before = names();
    for arguments in [
        &["create", "-", "-o", "y.idx"][..],
        &["create", "-", "--json", "-o", "y.idx"],
        &["create", "/dev/stdin"],
        &["create", "x", "-o", "fifo"],
        &["dump", "-"],
        &["dump", "fifo"],
        &["show", "-"],
        &["ls", "-"],
        &["check", "x", "-i", "-"],
        &["check", "x", "-i", "fifo"],
        &["cat", "x", "5", "-i", "-", "-o", "y"],
        &["cat", "x", "-o", "fifo"],
        &["select", "x", "--from", "-", "-o", "y.idx"],
        &["shuffle", "-", "--seed", "1", "-o", "y.idx"],
        &["filter", "x", "--min", "0", "-o", "fifo"],
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tfr-index"));
        with_defaults(&mut command).args(arguments).current_dir(path).stdin(Stdio::piped());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let stdin = child.stdin.take();
        // All of its threads wait for a pipe's other end, not for a time.
        let waits = || {
            let tasks = fs::read_dir(format!("/proc/{}/task", child.id())).unwrap();
            tasks.flatten().all(|task| {
                let read = |name| fs::read_to_string(task.path().join(name)).unwrap_or_default();
                read("stat").contains(") S ") && read("comm").starts_with("tfr-index")
            })
        };
        let is_program = || {
            let name = fs::read_to_string(format!("/proc/{}/comm", child.id())).unwrap();
            name == "tfr-index\n"
        };
        while !(is_program() && waits()) {
            std::thread::yield_now();
        }
        let kill = format!("kill -INT {}", child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGINT), "{arguments:?}");
        assert_eq!(names(), before, "{arguments:?}");
        drop(stdin);
    }
}

/// Exceeding the limit on file sizes is an error, and leaves no file.
#[test]
fn a_file_that_grows_too_large_is_an_error() {
    let directory = folder_with(&[("x.idx", "0 16\n".repeat(1 << 10).as_bytes())]);
    let path = directory.path();
    let frame = b"\0\0\0\0\0\0\0\0\x29\x03\x98\x07\xd8\xea\x82\xa2";
    fs::write(path.join("x"), frame.repeat(1 << 10)).unwrap();
    for command in [
        "tfr-index create x -o y.idx",
        "tfr-index create - -o y.idx <x",
        "tfr-index cat x --frames -o y",
        "tfr-index shuffle x.idx --seed 1 -o y.idx",
        "tfr-index generate man .",
        "tfr-index dump x.idx >y; status=$?; rm y; exit $status",
    ] {
        let (status, _, stderr) = run(path, &format!("ulimit -f 1; {command}"));
        assert!(status == 1 && stderr.contains("File too large"), "{command}: {status} {stderr}");
        let pages = |name: &OsStr| name.as_bytes().ends_with(b".1"); // those that are whole
        let names = fs::read_dir(path).unwrap().flatten().map(|entry| entry.file_name());
        let mut names: Vec<_> = names.filter(|name| !pages(name)).collect();
        names.sort();
        assert_eq!(names, ["x", "x.idx"], "{command}");
    }
}

#[test]
fn names_stay_within_their_lines() {
    let data = fs::read(EXAMPLES).unwrap();
    let name = "a\nb\x1b[31m\u{9b}2J\r\t.tf";
    let directory = folder_with(&[(name, &data), ("x", &data)]);
    let path = directory.path();
    fs::create_dir(path.join("out")).unwrap();
    let cut = format!("cut{name}");
    fs::write(path.join(&cut), &data[..data.len() - 1]).unwrap();
    let shards = format!("shards{name}");
    let (index, missing) = (format!("{name}.idx"), format!("none{name}"));
    for arguments in [
        &["create", name][..],
        &["create", name, &cut, "-o", "out"],
        &["create", name, "-o", &cut],
        &["create", "--growing", &cut],
        &["create", "--salvage", &cut],
        &["create", &missing],
        &["create", "x", name, "-o", &cut],
        &["create", name, name, "-o", "out"],
        &["check", name],
        &["check", name, &missing, "x", "-i", &index, &index, &cut],
        &["ls"],
        &["ls", &missing],
        &["show", name, &missing],
        &["dump", name],
        &["cat", name, "999"],
        &["cat", name, "0", "-o", &cut],
        &["locate", name, "90"],
        &["select", name, "1", "-o", "some.idx"],
        &["select", name, "--from", &cut],
        &["filter", name, "--min", "999999999", "-o", "none.idx"],
        &["filter", name, "--min", "999999999", "-o", "out/"],
        &["concat", "x", "-o", &cut],
        &["shard", name, "--world-size", "2", "-o", &shards],
        &[name],
        &["create", &format!("--{name}")],
        &["select", "x", name],
    ] {
        let output = tfr_index(path, arguments);
        for text in [&output.stdout, &output.stderr] {
            let text = String::from_utf8(text.clone()).unwrap();
            let is_control = |c: char| c.is_control() && c != '\n';
            assert!(!text.contains(is_control), "{arguments:?}: {text:?}");
            assert!(!text.lines().any(|line| line.starts_with('b')), "{arguments:?}: {text:?}");
        }
        let text = [output.stdout, output.stderr].concat();
        let escaped = b"a\\nb\\u{1b}[31m\\u{9b}2J\\r\\t.tf";
        assert!(
            text.windows(escaped.len()).any(|part| part == escaped),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&text)
        );
    }
}

#[test]
fn json_says_every_byte_of_a_name() {
    let (name, index) = (OsStr::from_bytes(b"a\xff\n\xfe"), OsStr::from_bytes(b"a\xff\n\xfe.idx"));
    let directory = folder_with(&[("x", b"")]);
    fs::copy(EXAMPLES, directory.path().join(name)).unwrap();
    let objects = |arguments: &[&OsStr]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tfr-index"));
        command.current_dir(directory.path()).args(arguments).arg("--json");
        let stdout = String::from_utf8(command.output().unwrap().stdout).unwrap();
        let lines = stdout.lines().map(|line| serde_json::from_str(line).unwrap());
        lines.collect::<Vec<serde_json::Value>>()
    };
    let words =
        |line: &str| line.split(' ').map(|word| OsStr::new(word).to_owned()).collect::<Vec<_>>();
    for (words, has_index) in [
        (words("create"), true),
        (words("check"), true),
        (words("show"), false),
        (words("ls"), false),
        (words("locate"), false),
    ] {
        let mut arguments: Vec<&OsStr> = words.iter().map(AsRef::as_ref).collect();
        arguments.push(name);
        if arguments[0] == "locate" {
            arguments.push(OsStr::new("90"));
        }
        let object = &objects(&arguments)[0];
        assert_eq!(object["path"], name.to_string_lossy().as_ref(), "{object}");
        assert_eq!(object["path_bytes"], "Yf8K/g==", "{object}");
        if has_index {
            assert_eq!(object["index"], index.to_string_lossy().as_ref(), "{object}");
            assert_eq!(object["index_bytes"], "Yf8K/i5pZHg=", "{object}");
        }
    }
    let missing = OsStr::from_bytes(b"none\xff");
    let object = &objects(&[OsStr::new("create"), missing])[0];
    assert_eq!((&object["path_bytes"], object["error"].is_object()), (&"bm9uZf8=".into(), true));
    // If the text equals the name, nothing is added.
    let object = &objects(&[OsStr::new("create"), OsStr::new("x")])[0];
    assert!(object.get("path_bytes").is_none() && object.get("index_bytes").is_none(), "{object}");
}

/// A program that writes a record of a megabyte many times to `y`, and has begun.
fn writing(directory: &Path) -> std::process::Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tfr-index"));
    command.args(["cat", "big"]).args(["0"; 100]).args(["-o", "y"]).current_dir(directory);
    with_defaults(&mut command);
    let child = command.stderr(Stdio::null()).spawn().unwrap();
    while fs::read_dir(directory).unwrap().count() == 1 {
        std::thread::yield_now();
    }
    child
}

#[test]
fn an_output_appears_whole_or_not_at_all() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let payload = vec![7; 1 << 20];
    let mut writer = tfr_index::RecordWriter::create(
        path.join("big"),
        path.join("big.idx"),
        &tfr_index::Options::new(),
    )
    .unwrap();
    writer.write(&payload).unwrap();
    writer.finish().unwrap();
    fs::remove_file(path.join("big.idx")).unwrap();
    let names = || {
        let names = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name());
        names.map(|name| name.into_string().unwrap()).filter(|name| name != "big")
    };
    let whole = || assert_eq!(fs::read(path.join("y")).unwrap(), payload.repeat(100));

    let mut child = writing(path);
    let _ = child.kill(); // kill -9, unless it is done
    child.wait().unwrap();
    for name in names().collect::<Vec<_>>() {
        match name.as_str() {
            "y" => whole(),
            name => assert!(name.starts_with(".tfr-index.") && name.ends_with(".tmp"), "{name}"),
        }
        fs::remove_file(path.join(name)).unwrap();
    }

    let mut child = writing(path);
    let kill = format!("kill -INT {}", child.id());
    Command::new("sh").args(["-c", &kill]).stderr(Stdio::null()).status().unwrap();
    match child.wait().unwrap().signal() {
        Some(signal) => assert_eq!((signal, names().count()), (libc::SIGINT, 0)),
        None => whole(),
    }
    let _ = fs::remove_file(path.join("y"));

    // A file that another program puts there meanwhile stays.
    let mut child = writing(path);
    let theirs = fs::OpenOptions::new().write(true).create_new(true).open(path.join("y"));
    let status = child.wait().unwrap();
    match theirs {
        Ok(theirs) => assert_eq!((status.code(), theirs.metadata().unwrap().len()), (Some(1), 0)),
        Err(_) => whole(),
    }
    assert_eq!(names().collect::<Vec<_>>(), ["y"]);
    let mode = |name| fs::metadata(path.join(name)).unwrap().permissions();
    fs::remove_file(path.join("y")).unwrap();
    assert!(writing(path).wait().unwrap().success());
    assert_eq!(mode("y"), mode("big"));
}

/// The progress bar appears on a terminal if the work takes a while: here, until a pipe has more data.
#[cfg(target_os = "linux")]
#[test]
fn progress_is_shown_on_a_terminal() {
    let (directory, _) = example();
    let program = env!("CARGO_BIN_EXE_tfr-index");
    let on_terminal = |arguments: &str, pause: &str| {
        let data = format!("{{ head -c 40000 x; sleep {pause}; tail -c +40001 x; }}");
        let command = format!("{data} | TERM=xterm '{program}' create - -o y.idx {arguments}");
        let mut script = Command::new("script");
        script.args(["-qec", &command, "/dev/null"]);
        script.current_dir(directory.path()).stdin(Stdio::null());
        let output = script.output().ok()?;
        Some((output.status.code(), String::from_utf8(output.stdout).unwrap()))
    };
    let Some((status, printed)) = on_terminal("", "1.2") else {
        return; // there is no such program
    };
    assert_eq!(status, Some(0), "{printed}");
    let (bar, said) = printed.split_once("-: 100 records -> y.idx").expect("it says what it did");
    // The bar disappears before other output, and at the end.
    assert!(bar.contains("39.06 KiB  ") && bar.ends_with("\r\x1b[2K"), "{printed:?}");
    assert!(said.starts_with("\r\n") && said.ends_with("\r\x1b[2K"), "{printed:?}");
    assert_eq!(on_terminal("", "0").unwrap().1, "-: 100 records -> y.idx\r\n");
    assert_eq!(on_terminal("-q", "1.2").unwrap().1, "");
    let json = on_terminal("--json", "1.2").unwrap().1;
    assert!(json.starts_with('{') && json.ends_with("}\r\n"), "{json:?}");
    let redirected = on_terminal("2>log", "1.2").unwrap().1;
    assert_eq!(redirected, "-: 100 records -> y.idx\r\n");
    assert_eq!(fs::read(directory.path().join("log")).unwrap(), b"");
}
