//! The command-line programs, run as a user runs them.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};

use tfr_index::Index;

use crate::programs::{ended, folder_with, tfr_index, EXAMPLES};

use crate::child;

#[test]
fn creates_reads_and_shows() {
    let data = fs::read(EXAMPLES).unwrap();
    let folder = folder_with(&[("a.tfrecord", &data), ("empty.tfrecord", b"")]);
    let output = tfr_index(folder.path(), &["create", "a.tfrecord", "empty.tfrecord"]);
    let said = "a.tfrecord: 100 records -> a.tfrecord.idx\n\
                empty.tfrecord: 0 records -> empty.tfrecord.idx\n\
                2 files: 2 created (100 records, 79.94 kB)\n";
    assert_eq!(ended(&output), (0, said.to_owned(), String::new()));

    let text = fs::read_to_string(folder.path().join("a.tfrecord.idx")).unwrap();
    assert_eq!(text, tfr_index::tfrecord_index::index_text_from_bytes(&data).unwrap());
    let output = tfr_index(folder.path(), &["dump", "a.tfrecord.idx"]);
    assert_eq!(ended(&output), (0, text, String::new()));

    let output = tfr_index(folder.path(), &["show", "a.tfrecord.idx", "empty.tfrecord.idx"]);
    let (status, stdout, _) = ended(&output);
    assert_eq!(status, 0);
    let start = format!("a.tfrecord.idx: 100 records, {} bytes\npayload bytes: min ", data.len());
    assert!(stdout.starts_with(&start), "{stdout}");
    let end = "\nempty.tfrecord.idx: 0 records, 0 bytes\n2 files: 100 records, 79942 bytes\n";
    assert!(stdout.ends_with(end), "{stdout}");
}

#[test]
fn output_is_a_file_or_a_folder() {
    let data = fs::read(EXAMPLES).unwrap();
    let folder = folder_with(&[("a", &data), ("b", &data)]);
    fs::create_dir(folder.path().join("out")).unwrap();
    fs::write(folder.path().join("out/a"), &data).unwrap();
    let run = |arguments: &[&str]| ended(&tfr_index(folder.path(), arguments)).0;
    assert_eq!(run(&["create", "a", "-o", "my.idx"]), 0);
    assert_eq!(run(&["create", "a", "b", "-o", "out"]), 0);
    let expected = fs::read(folder.path().join("my.idx")).unwrap();
    for name in ["out/a.idx", "out/b.idx"] {
        assert_eq!(fs::read(folder.path().join(name)).unwrap(), expected);
    }
    // Two files cannot share an index.
    assert_eq!(run(&["create", "a", "b", "-o", "my.idx"]), 2);
    assert_eq!(run(&["create", "a", "./a", "-o", "out"]), 1);
}

#[test]
fn a_failure_is_one_line_and_the_others_are_done() {
    let data = fs::read(EXAMPLES).unwrap();
    let cut = &data[..data.len() - 1];
    let folder = folder_with(&[("cut", cut), ("cut.idx", b"0 16\n"), ("good", &data)]);
    let output = tfr_index(folder.path(), &["create", "missing", "cut", "good"]);
    let (status, stdout, stderr) = ended(&output);
    assert_eq!(
        (status, stdout.as_str()),
        (
            1,
            "good: 100 records -> good.idx\n3 files: 1 created (100 records, 79.94 kB), 2 failed\n"
        )
    );
    let lines: Vec<_> = stderr.lines().collect();
    assert_eq!(lines.len(), 2, "{stderr}");
    assert!(lines[0].starts_with("error: missing: cannot open: "), "{stderr}");
    assert!(lines[1].starts_with("error: cut: record 99 at byte "), "{stderr}");
    assert_eq!(fs::read(folder.path().join("cut.idx")).unwrap(), b"0 16\n");
    assert_eq!(ended(&tfr_index(folder.path(), &["dump", "cut", "good.idx"])).0, 1);
}

#[test]
fn the_checksum_policy_is_chosen() {
    let mut data = fs::read(EXAMPLES).unwrap();
    data[12] ^= 1; // the first payload
    let folder = folder_with(&[("x", &data)]);
    for (policy, status) in [("auto", 0), ("none", 0), ("length", 0), ("full", 1), ("some", 2)] {
        let output = tfr_index(folder.path(), &["create", "x", "--checksums", policy]);
        assert_eq!(ended(&output).0, status, "{policy}");
    }
    // An error names the option.
    let zeros = b"\x05\0\0\0\0\0\0\0\0\0\0\0hello\0\0\0\0";
    fs::write(folder.path().join("zeros"), zeros.repeat(3)).unwrap();
    let (status, _, stderr) = ended(&tfr_index(folder.path(), &["create", "zeros", "-cfull"]));
    assert!(status == 1 && stderr.contains("--checksums none"), "{stderr}");
    assert_eq!(ended(&tfr_index(folder.path(), &["create", "zeros", "-cnone"])).0, 0);
}

#[test]
fn damage_is_left_out_where_that_is_wanted() {
    let mut data = fs::read(EXAMPLES).unwrap();
    let entries = tfr_index::tfrecord_index::index_entries_from_bytes(&data).unwrap();
    let lost = entries[41];
    data[lost.offset as usize] ^= 1;
    let folder = folder_with(&[("bad", &data), ("good", &fs::read(EXAMPLES).unwrap())]);
    assert_eq!(ended(&tfr_index(folder.path(), &["create", "bad"])).0, 1);
    let (status, stdout, stderr) =
        ended(&tfr_index(folder.path(), &["create", "--salvage", "bad", "good"]));
    assert_eq!(status, 3);
    let said = "bad: 99 records -> bad.idx, 1 damaged region skipped\n\
                good: 100 records -> good.idx\n\
                2 files: 2 created (199 records, 159.88 kB)\n";
    assert_eq!(stdout, said);
    let (start, end) = (lost.offset, lost.offset + lost.size);
    let region = format!("bytes {start} to {end} ({} bytes), after 41 good records\n", lost.size);
    assert!(stderr.starts_with("bad: record 41 at byte ") && stderr.ends_with(&region), "{stderr}");
    assert_eq!(stderr.lines().count(), 1);
    let text = fs::read_to_string(folder.path().join("bad.idx")).unwrap();
    assert_eq!(text.lines().count(), 99);
    assert!(!text.contains(&format!("\n{} {}\n", lost.offset, lost.size)));

    // A failure outranks skipped damage; a good file has no effect on the exit status.
    assert_eq!(ended(&tfr_index(folder.path(), &["create", "--salvage", "bad", "none"])).0, 1);
    assert_eq!(ended(&tfr_index(folder.path(), &["create", "--salvage", "good"])).0, 0);
}

#[test]
fn a_growing_file_is_indexed_bit_by_bit() {
    let data = fs::read(EXAMPLES).unwrap();
    let folder = folder_with(&[("x", &data[..1000])]);
    let arguments = ["create", "--append", "--growing", "x"];
    let (status, stdout, stderr) = ended(&tfr_index(folder.path(), &arguments));
    assert_eq!((status, stdout.as_str()), (0, "x: 2 records -> x.idx\n"));
    assert!(stderr.starts_with("x: skipped the last ") && stderr.lines().count() == 1, "{stderr}");
    assert_eq!(ended(&tfr_index(folder.path(), &["create", "--append", "x"])).0, 1);
    fs::write(folder.path().join("x"), &data).unwrap();
    let said = "x: 100 records -> x.idx\n".to_owned();
    assert_eq!(ended(&tfr_index(folder.path(), &arguments)), (0, said, String::new()));
    let text = fs::read_to_string(folder.path().join("x.idx")).unwrap();
    assert_eq!(text, tfr_index::tfrecord_index::index_text_from_bytes(&data).unwrap());

    fs::write(folder.path().join("x"), &data[5..]).unwrap();
    let (status, _, stderr) = ended(&tfr_index(folder.path(), &["create", "--append", "x"]));
    assert_eq!(status, 1);
    assert!(stderr.starts_with("error: x.idx: ") && stderr.contains("another file"), "{stderr}");
    assert_eq!(ended(&tfr_index(folder.path(), &["create", "--append", "x", "-o", "-"])).0, 2);
}

#[test]
fn json_is_an_object_for_each_file() {
    let data = fs::read(EXAMPLES).unwrap();
    let mut damaged = data.clone();
    damaged[78..86].fill(0x55); // the second length
    let page = "a \"page\"\n\u{1}\\ö";
    let files: [(&str, &[u8]); 5] = [
        ("good", &data),
        ("damaged", &damaged),
        (page, b"<html></html>\n"),
        ("no", &data),
        ("no.idx", b"data"),
    ];
    let folder = folder_with(&files);
    let run = |arguments: &[&str]| {
        let (status, stdout, stderr) = ended(&tfr_index(folder.path(), arguments));
        let parse = |line| serde_json::from_str::<serde_json::Value>(line).unwrap();
        (status, stdout.lines().map(parse).collect::<Vec<_>>(), stderr.lines().count())
    };
    let names = ["create", "--json", "good", "damaged", page, "missing", "no"];
    let (status, objects, errors) = run(&names);
    assert_eq!((status, objects.len(), errors), (1, 5, 4));
    let good = serde_json::json!({
        "path": "good", "index": "good.idx", "records": 100, "damaged_regions": 0,
        "up_to_date": false
    });
    assert_eq!(objects[0], good);
    let error = &objects[1]["error"];
    assert_eq!(error["status"], "TFR_ERR_LENGTH_CRC");
    assert!(error["message"].as_str().unwrap().starts_with("damaged: record 1 at byte 78: "));
    assert_eq!((error["record"].as_u64(), error["offset"].as_u64()), (Some(1), Some(78)));
    assert!(error["format"].is_null());
    let crc = crc32c::crc32c(&damaged[78..86]).rotate_right(15).wrapping_add(0xa282_ead8);
    assert_eq!(error["computed_crc"], crc);
    assert_eq!(error["stored_crc"], u32::from_le_bytes(data[86..90].try_into().unwrap()));
    assert_eq!(
        (&objects[2]["path"], &objects[2]["error"]["format"]),
        (&page.into(), &"HTML".into())
    );
    assert_eq!(objects[3]["error"]["status"], "TFR_ERR_IO");
    assert_eq!(objects[4]["error"]["status"], "TFR_ERR_INVALID_ARGUMENT");

    let (status, objects, errors) = run(&["create", "--json", "--salvage", "damaged"]);
    assert_eq!((status, errors), (3, 1));
    assert_eq!(objects[0]["damaged_regions"], 1);
    assert_eq!(ended(&tfr_index(folder.path(), &["create", "--json", "good", "-o", "-"])).0, 2);
}

#[test]
fn a_byte_is_located() {
    let mut data = fs::read(EXAMPLES).unwrap();
    data[90] ^= 1; // the second payload
    let folder = folder_with(&[("x", &data), ("page", b"<html></html>\n")]);
    let run = |arguments: &[&str]| ended(&tfr_index(folder.path(), arguments));
    let (status, stdout, stderr) = run(&["locate", "x", "90"]);
    assert_eq!((status, stderr.as_str()), (0, ""));
    let lines: Vec<_> = stdout.lines().collect();
    assert_eq!(lines[0], "x: byte 90 is in the payload of record 1");
    assert_eq!(lines[1], "starts at byte: 78");
    assert!(lines[2].starts_with("payload bytes:  "), "{stdout}");
    assert!(lines[3].starts_with("length CRC:     valid (0x"), "{stdout}");
    assert!(lines[4].starts_with("payload CRC:    mismatch (stored 0x"), "{stdout}");
    assert!(run(&["locate", "x", "89", "--checksums", "none"])
        .1
        .contains("length CRC of record 1"));
    for (arguments, said) in [
        (["locate", "x", "79942"], "error: x: there is no byte 79942: "),
        (
            ["locate", "page", "0"],
            "error: page: record 0 at byte 0: not a TFRecord file but HTML: ",
        ),
    ] {
        let (status, stdout, stderr) = run(&arguments);
        assert_eq!((status, stdout.as_str()), (1, ""));
        assert!(stderr.starts_with(said) && stderr.lines().count() == 1, "{stderr}");
    }
}

#[test]
fn what_is_no_index_is_not_overwritten() {
    let data = fs::read(EXAMPLES).unwrap();
    let folder = folder_with(&[("a.tfrecord", &data), ("b.tfrecord", &data)]);
    let arguments = ["create", "a.tfrecord", "-o", "b.tfrecord"];
    let (status, _, stderr) = ended(&tfr_index(folder.path(), &arguments));
    assert!(status == 1 && stderr.contains("b.tfrecord: refusing to overwrite"), "{stderr}");
    assert_eq!(fs::read(folder.path().join("b.tfrecord")).unwrap(), data);
}

#[test]
fn the_index_goes_to_stdout_and_nothing_else_does() {
    let data = fs::read(EXAMPLES).unwrap();
    let text = tfr_index::tfrecord_index::index_text_from_bytes(&data).unwrap();
    let folder = folder_with(&[("x", &data)]);
    for out in ["-", "/dev/stdout"] {
        let output = tfr_index(folder.path(), &["create", "x", "-o", out]);
        assert_eq!(ended(&output), (0, text.clone(), String::new()));
        // A file that the shell has open is appended to, not replaced.
        let script = format!(
            "echo first > log; '{}' create x -o {out} >> log; echo last >> log",
            env!("CARGO_BIN_EXE_tfr-index")
        );
        let mut shell = Command::new("sh");
        assert!(shell.current_dir(folder.path()).args(["-c", &script]).status().unwrap().success());
        let log = fs::read_to_string(folder.path().join("log")).unwrap();
        assert_eq!(log, format!("first\n{text}last\n"));
    }
}

/// Runs the program with this data on stdin.
fn of_stdin(folder: &Path, arguments: &[&str], data: &[u8]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tfr-index"));
    command.current_dir(folder).arg("create").args(arguments).stdin(Stdio::piped());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let _ = child.stdin.take().unwrap().write_all(data); // it may have ended
    ended(&child.wait_with_output().unwrap())
}

#[test]
fn a_stream_is_indexed() {
    let data = fs::read(EXAMPLES).unwrap();
    let text = tfr_index::tfrecord_index::index_text_from_bytes(&data).unwrap();
    let folder = folder_with(&[("x.idx", b"0 16\n"), ("other", &data)]);
    let run = |arguments: &[&str], data: &[u8]| of_stdin(folder.path(), arguments, data);
    assert_eq!(run(&["-"], &data), (0, text.clone(), String::new()));
    assert_eq!(run(&["-", "-o", "-", "-cfull"], &data), (0, text.clone(), String::new()));
    assert_eq!(run(&["-", "--allow-empty"], b""), (0, String::new(), String::new()));
    let said = "-: 100 records -> my.idx\n".to_owned();
    assert_eq!(run(&["-", "-o", "my.idx"], &data), (0, said, String::new()));
    assert_eq!(fs::read_to_string(folder.path().join("my.idx")).unwrap(), text);
    let (status, json, _) = run(&["-", "-o", "my.idx", "--json"], &data);
    let good =
        r#"{"path":"-","index":"my.idx","records":100,"damaged_regions":0,"up_to_date":false}"#;
    let parse = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
    assert_eq!((status, parse(&json)), (0, parse(good)));

    // All of the index or none.
    let mut damaged = data.clone();
    damaged[90] ^= 1; // the second payload
    let cut = &data[..data.len() - 1];
    for (data, record) in [(&damaged[..], "record 1 at byte 78"), (cut, "record 99 at byte ")] {
        let arguments = ["-", "-o", "x.idx", "--json", "--checksums", "full"];
        let (status, json, stderr) = run(&arguments, data);
        assert!(status == 1 && stderr.starts_with(&format!("error: -: {record}")), "{stderr}");
        assert_eq!(stderr.lines().count(), 1);
        let error = &parse(&json)["error"];
        assert!(error["record"].is_u64() && error["status"].is_string(), "{json}");
        assert_eq!(fs::read_to_string(folder.path().join("x.idx")).unwrap(), "0 16\n");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
    let (status, _, stderr) = run(&["-", "-o", "other"], &data);
    assert!(status == 1 && stderr.contains("other: refusing to overwrite"), "{stderr}");
    for arguments in [
        &["-", "other"][..],
        &["-", "--json"],
        &["-", "-o", "."],
        &["-", "--salvage"],
        &["-", "--append", "-o", "x.idx"],
        &["-", "--growing"],
    ] {
        assert_eq!(run(arguments, b"").0, 2, "{arguments:?}");
    }
    // For any stdin: a file, a directory, nothing.
    let script = |script: &str| {
        let mut shell = Command::new("sh");
        let script =
            script.replace("create", &format!("'{}' create", env!("CARGO_BIN_EXE_tfr-index")));
        ended(&shell.current_dir(folder.path()).args(["-c", &script]).output().unwrap())
    };
    assert_eq!(script("create - <other"), (0, text, String::new()));
    let (status, _, stderr) = script("create - <.");
    assert!(status == 1 && stderr.starts_with("error: -: record 0 at byte 0: cannot read: "));
}

/// Nobody writes to the pipe or closes it.
#[test]
fn waiting_for_a_stream_is_interrupted() {
    let folder = folder_with(&[]);
    let mut command = Command::new(env!("CARGO_BIN_EXE_tfr-index"));
    command.current_dir(folder.path()).args(["create", "-", "-o", "x.idx"]).stdin(Stdio::piped());
    let mut child = child::with_defaults(&mut command).stderr(Stdio::piped()).spawn().unwrap();
    let stdin = child.stdin.take();
    while fs::read_dir(folder.path()).unwrap().count() < 1 {
        assert!(child.try_wait().unwrap().is_none());
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    let kill = format!("kill -{} {}", libc::SIGINT, child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    drop(stdin); // ends a child that missed the signal
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(stderr, "error: -: interrupted, nothing was written\n");
    assert_eq!(output.status.signal(), Some(libc::SIGINT));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_deaf_stderr_stops_nothing() {
    let data = fs::read(EXAMPLES).unwrap();
    let folder = folder_with(&[("good", &data)]);
    let script = format!("'{}' create missing good 2>/dev/full", env!("CARGO_BIN_EXE_tfr-index"));
    let mut shell = Command::new("sh");
    let output = shell.current_dir(folder.path()).args(["-c", &script]).output().unwrap();
    assert_eq!(ended(&output).0, 1);
    assert!(folder.path().join("good.idx").exists());
}

#[test]
fn what_cannot_be_printed_is_a_failure() {
    let data = fs::read(EXAMPLES).unwrap();
    let folder = folder_with(&[("x", &data)]);
    assert_eq!(ended(&tfr_index(folder.path(), &["create", "x"])).0, 0);
    for command in ["check x", "check x --json", "ls", "show x", "dump x.idx", "locate x 5"] {
        let script = format!("'{}' {command} >/dev/full", env!("CARGO_BIN_EXE_tfr-index"));
        let mut shell = Command::new("sh");
        let output = shell.current_dir(folder.path()).args(["-c", &script]).output().unwrap();
        let (status, _, stderr) = ended(&output);
        assert!(status == 1 && stderr.contains("cannot write"), "{command}: {stderr}");
    }
}

#[test]
fn an_interrupt_leaves_nothing_behind() {
    let folder = folder_with(&[]);
    let file = fs::File::create(folder.path().join("x")).unwrap();
    let size = 1u64 << 38; // a minute and more to check, but nothing on disk
    file.set_len(size).unwrap();
    file.write_all_at(&(size - 16).to_le_bytes(), 0).unwrap();
    let header_crc =
        0xa282_ead8u32.wrapping_add(crc32c::crc32c(&(size - 16).to_le_bytes()).rotate_right(15));
    file.write_all_at(&header_crc.to_le_bytes(), 8).unwrap();
    for number in [libc::SIGINT, libc::SIGTERM] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tfr-index"));
        command.current_dir(folder.path()).args(["create", "x", "--checksums", "full"]);
        let mut child = child::with_defaults(&mut command).stderr(Stdio::piped()).spawn().unwrap();
        // It has started once its temporary file exists.
        while fs::read_dir(folder.path()).unwrap().count() < 2 {
            assert!(child.try_wait().unwrap().is_none());
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        let kill = format!("kill -{number} {}", child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(stderr, "error: x: interrupted, nothing was written\n");
        assert_eq!(output.status.signal(), Some(number));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}

#[test]
fn checks_indexes() {
    let data = fs::read(EXAMPLES).unwrap();
    let text = tfr_index::tfrecord_index::index_text_from_bytes(&data).unwrap();
    let lines: Vec<_> = text.lines().collect();
    let odd = format!("{}\n{}\n{}\n", lines[3], lines[1], lines[1]);
    let folder = folder_with(&[
        ("a", &data),
        ("a.idx", text.as_bytes()),
        ("some.idx", odd.as_bytes()),
        ("first.idx", format!("{}\n", lines[0]).as_bytes()),
        ("cut", &data[..data.len() - 1]),
        ("damaged", &[&data[..12], &[!data[12]], &data[13..]].concat()),
    ]);
    let run = |arguments: &[&str]| ended(&tfr_index(folder.path(), arguments));
    for level in ["quick", "headers", "full"] {
        let said = "a: ok (100 records)\n".to_owned();
        assert_eq!(run(&["check", "a", "--level", level]), (0, said, String::new()));
    }
    let (status, stdout, _) = run(&["check", "a", "some.idx"]);
    assert_eq!(status, 0);
    let said = stdout.starts_with("a: partial (3 records, ");
    assert!(said && stdout.ends_with(" bytes left out, reordered, some repeated)\n"), "{stdout}");

    let (status, stdout, stderr) = run(&["check", "a", "-i", "first.idx"]);
    assert_eq!((status, stdout.as_str()), (1, "a: stale\n"));
    assert!(stderr.starts_with("error: first.idx: a: record 1 at byte 78: "), "{stderr}");
    assert_eq!(run(&["check", "a", "-i", "first.idx", "--allow-partial"]).0, 0);

    let (status, _, stderr) = run(&["check", "cut", "-i", "a.idx"]);
    assert!(status == 1 && stderr.starts_with("error: a.idx: cut: record 99 at "), "{stderr}");
    assert_eq!(run(&["check", "damaged", "-i", "a.idx"]).0, 0);
    let (status, _, stderr) = run(&["check", "damaged", "-i", "a.idx", "-l", "full"]);
    assert!(status == 1 && stderr.starts_with("error: damaged: record 0 at byte 0: "), "{stderr}");
    let (status, stdout, _) = run(&["check", "damaged", "-i", "a.idx", "-lfull", "-cnone"]);
    assert_eq!((status, stdout.as_str()), (0, "damaged: ok (100 records, no checksums)\n"));

    // All files are checked, even if some fail.
    let (status, stdout, stderr) = run(&["check", "missing", "cut", "a"]);
    let said = "missing: unreadable\ncut: no index\na: ok (100 records)\n\
                3 files: 1 unreadable, 1 no index, 1 ok\n";
    assert_eq!((status, stdout.as_str()), (1, said));
    let expected = "error: missing: No such file";
    assert!(
        stderr.starts_with(expected) && stderr.contains("\nerror: cut: has no index"),
        "{stderr}"
    );
    // The shell's `*` names the indexes, too.
    assert_eq!(run(&["check", "a", "a.idx", "--level", "full"]).0, 0);
}

#[test]
fn indexes_out_of_place_are_found() {
    let data = fs::read(EXAMPLES).unwrap();
    let ends: Vec<u64> = tfr_index::Index::from_bytes(&data, &tfr_index::Options::new())
        .unwrap()
        .iter()
        .map(|entry| entry.offset + entry.size)
        .collect();
    let [a, b, c] = [&data[..ends[9] as usize], &data[..ends[4] as usize], &data];
    let folder = folder_with(&[("a", a), ("b", b), ("c", c)]);
    let run = |arguments: &[&str]| ended(&tfr_index(folder.path(), arguments));
    assert_eq!(run(&["create", "a", "b", "c"]).0, 0);
    assert_eq!(run(&["check", "a", "b", "c"]).0, 0);
    let (status, stdout, stderr) = run(&["check", "a", "b", "c", "-i", "b.idx", "c.idx", "a.idx"]);
    let said = "a: stale\nb: stale\nc: stale\n3 files: 3 stale\n";
    assert_eq!((status, stdout.as_str()), (1, said));
    let lines: Vec<_> = stderr.lines().collect();
    assert!(lines[0].starts_with("error: b.idx: a: record 5 "), "{stderr}");
    assert!(lines[1].starts_with("error: c.idx: b: record 5 "), "{stderr}");
    assert!(lines[2].starts_with("error: a.idx: c: record 10 "), "{stderr}");
    assert_eq!(lines[3..], ["note: b.idx fits b", "note: c.idx fits c", "note: a.idx fits a"]);

    // The longer list has items left over.
    let (status, stdout, stderr) = run(&["check", "a", "b", "c", "-i", "a.idx", "c.idx"]);
    assert!(stdout.starts_with("a: ok (10 records)\nb: ") && status == 1, "{stdout}");
    assert!(stdout.ends_with("\nc: no index\n3 files: 1 ok, 1 stale, 1 no index\n"), "{stdout}");
    assert!(
        stderr.ends_with("error: c: --index has no index for it\nnote: c.idx fits c\n"),
        "{stderr}"
    );
    let (status, stdout, stderr) = run(&["check", "a", "--index", "a.idx", "c.idx"]);
    let said = "a: ok (10 records)\n2 files: 1 ok, 1 no index\n";
    assert_eq!((status, stdout.as_str()), (1, said));
    assert_eq!(stderr, "error: c.idx: there is no FILE for this index\n");
}

#[test]
fn wrong_command_lines_exit_with_2() {
    let folder = folder_with(&[]);
    for arguments in [&[][..], &["create"], &["creat", "x"], &["create", "x", "--chekcsums"]] {
        assert_eq!(ended(&tfr_index(folder.path(), arguments)).0, 2, "{arguments:?}");
    }
    let (status, help, _) = ended(&tfr_index(folder.path(), &["--help"]));
    assert!(status == 0 && help.contains("Examples:") && help.contains("Exit status:"), "{help}");
}

#[test]
fn a_reader_that_leaves_early_is_no_failure() {
    let lines = "0 16\n".repeat(1 << 20); // more than a pipe holds
    let folder = folder_with(&[("x.idx", lines.as_bytes())]);
    let mut command = Command::new(env!("CARGO_BIN_EXE_tfr-index"));
    command.current_dir(folder.path()).args(["dump", "x.idx"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(ended(&child.wait_with_output().unwrap()), (0, String::new(), String::new()));
}

/// Memory is limited to less than the data, and less than its entries: 16 bytes a record.
#[cfg(target_os = "linux")]
#[test]
fn memory_stays_constant() {
    // Less than the file, its entries (16 bytes each) or its index.
    const RECORDS: usize = 6 << 20;
    let frame = b"\0\0\0\0\0\0\0\0\x29\x03\x98\x07\xd8\xea\x82\xa2";
    let folder = folder_with(&[("x", &frame.repeat(RECORDS))]);
    let program = env!("CARGO_BIN_EXE_tfr-index");
    for policy in ["auto", "full"] {
        let script = format!("ulimit -v 32768; exec '{program}' create x --checksums {policy}");
        let mut command = Command::new("sh");
        let output = command.current_dir(folder.path()).args(["-c", &script]).output().unwrap();
        let said = format!("x: {RECORDS} records -> x.idx\n");
        assert_eq!(ended(&output), (0, said, String::new()));
        let script = format!("cat x | ({script})").replace("create x", "create - -o x.idx");
        let mut command = Command::new("sh");
        let output = command.current_dir(folder.path()).args(["-c", &script]).output().unwrap();
        let said = format!("-: {RECORDS} records -> x.idx\n");
        assert_eq!(ended(&output), (0, said, String::new()));
    }
}

/// A sparse terabyte in four records: too much to read.
#[test]
fn payloads_are_not_read() {
    let folder = folder_with(&[]);
    let file = fs::File::create(folder.path().join("x")).unwrap();
    let size = (1u64 << 38) + 16;
    file.set_len(4 * size).unwrap();
    for record in 0..4 {
        file.write_all_at(&(size - 16).to_le_bytes(), record * size).unwrap();
    }
    let output = tfr_index(folder.path(), &["create", "x"]);
    assert_eq!(ended(&output), (0, "x: 4 records -> x.idx\n".to_owned(), String::new()));
    let text: String = (0..4).map(|record| format!("{} {size}\n", record * size)).collect();
    assert_eq!(fs::read_to_string(folder.path().join("x.idx")).unwrap(), text);
}

/// The list of failures is what `create` takes as names; the other files are done.
#[test]
fn what_fails_is_listed_and_what_would_be_done_is_said() {
    let data = fs::read(EXAMPLES).unwrap();
    let folder = folder_with(&[("a", &data), ("bad", b"no record"), ("c", &data)]);
    let path = folder.path();
    let run = |arguments: &[&str]| ended(&tfr_index(path, arguments));
    let (status, stdout, _) = run(&["create", "--dry-run", "a", "c"]);
    assert_eq!(
        (status, stdout.as_str()),
        (0, "a: would create a.idx\nc: would create c.idx\n2 files: 2 to create\n")
    );
    assert!(!path.join("a.idx").exists());
    let files = ["a", "bad", "none", "c"];
    let (status, stdout, _) =
        run(&[&["-q", "create", "-j", "2", "--failed", "list"][..], &files].concat());
    assert_eq!((status, stdout.as_str()), (1, ""));
    assert_eq!(fs::read_to_string(path.join("list")).unwrap(), "bad\nnone\n");
    let (status, stdout, _) = run(&["create", "--update", "--dry-run", "a", "c", "bad"]);
    let said = "bad: would create bad.idx\n3 files: 1 to create, 2 up to date\n";
    assert_eq!((status, stdout.as_str()), (0, said));
    fs::write(path.join("bad"), &data).unwrap();
    assert_eq!(run(&["create", "--failed", "list", "bad"]).0, 0);
    assert_eq!(fs::read_to_string(path.join("list")).unwrap(), "");
    let (status, stdout, _) = run(&["create", "--json", "--dry-run", "bad"]);
    assert_eq!((status, stdout.contains("\"up_to_date\":false")), (0, true), "{stdout}");
}

/// Names with line breaks, quotes, blanks, wildcards and bytes that are not UTF-8.
#[test]
fn a_list_of_failures_is_read_as_it_was_written() {
    let folder = folder_with(&[]);
    let path = folder.path();
    let all: [&[u8]; 7] =
        [b"a\nb", b"\n", b"it's", b"\"q\"", b" two  blanks ", b"*?[x]{1,2}@3", b"\xff\xfe"];
    let names = all.map(OsStr::from_bytes);
    let mut made = Vec::new();
    for name in names {
        // Some file systems take only UTF-8.
        if fs::write(path.join(name), "not a record, but text").is_ok() {
            made.push(name);
        }
    }
    assert!(made.len() >= 6);
    let run = |arguments: &[&OsStr]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tfr-index"));
        command.current_dir(path).arg("create").args(arguments);
        ended(&command.output().unwrap())
    };
    let [zero, failed, from, list] = ["-0", "--failed", "--files-from", "list"].map(OsStr::new);
    let (status, _, stderr) = run(&[&[failed, list], &made[..]].concat());
    assert_eq!(status, 1);
    assert!(
        stderr.contains("list: cannot list a\\nb, whose name has a line break; use -0"),
        "{stderr}"
    );
    // The others are listed.
    let is_listed = |name: &&&OsStr| !name.as_encoded_bytes().contains(&b'\n');
    let listed = fs::read(path.join(list)).unwrap();
    let lines = listed.iter().filter(|byte| **byte == b'\n').count();
    assert_eq!(lines, made.iter().filter(is_listed).count());
    fs::remove_file(path.join(list)).unwrap();

    assert_eq!(run(&[&[zero, failed, list], &made[..]].concat()).0, 1);
    let ends_each = |name: &&OsStr| [name.as_bytes(), b"\0"].concat();
    assert_eq!(
        fs::read(path.join(list)).unwrap(),
        made.iter().flat_map(ends_each).collect::<Vec<_>>()
    );
    let data = fs::read(EXAMPLES).unwrap();
    made.iter().for_each(|name| fs::write(path.join(name), &data).unwrap());
    let (status, stdout, stderr) = run(&[zero, from, list, failed, OsStr::new("again")]);
    assert_eq!((status, &*stderr), (0, ""));
    let total = format!("{0} files: {0} created ({1} records", made.len(), 100 * made.len());
    assert!(stdout.lines().last().unwrap().starts_with(&total), "{stdout}");
    assert_eq!(fs::read(path.join("again")).unwrap(), b"");
    for name in made {
        let mut index = path.join(name).into_os_string();
        index.push(".idx");
        assert_eq!(Index::read(&index).unwrap().len(), 100);
    }
}
