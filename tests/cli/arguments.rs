//! Arguments of the commands: numbers, `-` and directories.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::programs::{ended, folder_with, tfr_index, EXAMPLES};
use tfr_index::{Index, Options};

fn run(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    ended(&tfr_index(folder, arguments))
}

/// Runs a command with this stdin.
fn pipe(folder: &Path, arguments: &[&str], input: &str) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tfr-index"));
    command.current_dir(folder).args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes()); // it may have ended
    ended(&child.wait_with_output().unwrap())
}

/// The data file `x` of 100 records and its index.
fn example() -> (tempfile::TempDir, Index) {
    let folder = folder_with(&[("x", &fs::read(EXAMPLES).unwrap())]);
    assert_eq!(run(folder.path(), &["create", "x"]).0, 0);
    (folder, Index::scan(EXAMPLES, &Options::new()).unwrap())
}

/// A word that is not a number is a usage error; a number that the file lacks is a failure of the file.
#[test]
fn numbers_are_wrong_in_two_ways() {
    let (folder, _) = example();
    for word in ["1.0", "x", "-1"] {
        assert_eq!(run(folder.path(), &["select", "x", "--", word]).0, 2, "{word}");
    }
    for command in ["cat", "select"] {
        for (word, status) in [
            ("100", 1),
            ("99", 0),
            ("5-3", 2),
            ("-", 2),
            ("1-2-3", 2),
            ("98-99", 0),
            ("99-", 0),
            ("99-100", 1),
            ("100-", 1),
            ("18446744073709551615-", 1),
            ("18446744073709551616", 2),
        ] {
            let output = tfr_index(folder.path(), &[command, "x", "--", word]);
            assert_eq!(output.status.code(), Some(status), "{command} {word}: {output:?}");
            assert_eq!(output.stdout.is_empty(), status != 0, "{command} {word}");
        }
        let (_, _, stderr) = run(folder.path(), &[command, "x", "0", "99-100"]);
        assert_eq!(stderr, "error: x: record 100: out of range, the index has 100 records\n");
    }
    // A file of numbers is data.
    fs::write(folder.path().join("list"), "1 x").unwrap();
    let (status, _, stderr) = run(folder.path(), &["select", "x", "--from", "list"]);
    assert!(
        status == 1
            && stderr.starts_with("error: x: list: invalid record number or range 'x' (expected"),
        "{stderr}"
    );
    let (_, help, _) = run(folder.path(), &["--help"]);
    assert!(help.contains("1  at least one file failed\n"), "{help}");
}

#[test]
fn stdin_is_an_index() {
    let (folder, index) = example();
    let text = index.to_text().unwrap();
    let shown = |arguments: &[&str]| {
        let (status, stdout, stderr) = pipe(folder.path(), arguments, &text);
        assert_eq!((status, stderr.as_str()), (0, ""), "{arguments:?}");
        stdout
    };
    assert_eq!(shown(&["dump", "-"]), text);
    assert!(shown(&["show", "-"]).starts_with("-: 100 records, 79942 bytes\n"));
    assert!(shown(&["ls", "-"]).ends_with("         100            79942  -                -\n"));
    assert_eq!(shown(&["check", "x", "--index", "-"]), "x: ok (100 records)\n");
    assert_eq!(shown(&["select", "-", "1"]), index.select(&[1]).unwrap().to_text().unwrap());
    let expected = index.shuffle(3).unwrap().to_text().unwrap();
    assert_eq!(shown(&["shuffle", "-", "--seed=3"]), expected);
    shown(&["cat", "x", "--frames", "--index", "-", "-o", "copy"]);
    let copy = fs::read(folder.path().join("copy")).unwrap();
    assert_eq!(copy, fs::read(EXAMPLES).unwrap());

    // Stdin holds only one index.
    for command in ["dump", "show", "ls"] {
        let (status, _, stderr) = pipe(folder.path(), &[command, "-", "-"], &text);
        assert!(status == 1 && stderr.starts_with("error: -: is given twice"), "{stderr}");
    }
    // A stream has no name.
    for (files, out) in [(&["-"][..], "out/"), (&["-"], "."), (&["-", "x"], "out")] {
        let shuffle = [&["shuffle", "--seed=3", "-o", out][..], files].concat();
        let (status, _, stderr) = pipe(folder.path(), &shuffle, &text);
        assert!(status == 2 && stderr.contains("- is a stream, which has no name"), "{stderr}");
    }
    assert!(!folder.path().join("out").exists());
}

#[test]
fn a_pipe_is_no_data_file() {
    let (folder, _) = example();
    for arguments in [
        &["check", "-"][..],
        &["check", "x", "-"],
        &["locate", "-", "5"],
        &["cat", "-", "5"],
        &["cat", "x", "-"],
        &["concat", "x", "-"],
    ] {
        let (status, stdout, stderr) = pipe(folder.path(), arguments, "");
        assert_eq!((status, stdout.as_str()), (2, ""), "{arguments:?}");
        assert!(stderr.contains("save it to a file"), "{arguments:?}: {stderr}");
    }
}

/// One rule for all commands that write indexes of files.
#[test]
fn folders_are_made() {
    let (folder, index) = example();
    fs::copy(EXAMPLES, folder.path().join("y")).unwrap();
    let text = index.to_text().unwrap();
    for command in [&["create"][..], &["filter", "--min=0"]] {
        let out = |name: &str| format!("{}-{name}", command[0]);
        let made = |files: &[&str], out: &str| {
            let all = [command, files, &["-o", out]].concat();
            let (status, stdout, stderr) = run(folder.path(), &all);
            assert_eq!((status, stderr.as_str()), (0, ""), "{all:?}");
            for file in files {
                let index = format!("{}/{file}.idx", out.trim_end_matches('/'));
                assert!(stdout.contains(&index), "{all:?}: {stdout}");
                assert_eq!(fs::read_to_string(folder.path().join(index)).unwrap(), text);
            }
        };
        made(&["x"], &out("slash/in/it/"));
        made(&["x", "y"], &out("several"));
        made(&["x"], &out("several")); // it is there
        let file = out("file");
        assert_eq!(run(folder.path(), &[command, &["x", "-o", &file]].concat()).0, 0);
        assert!(folder.path().join(&file).is_file());
        for one in [&file, "-", "/dev/stdout"] {
            let several = [command, &["x", "y", "-o", one]].concat();
            let (status, stdout, stderr) = run(folder.path(), &several);
            assert_eq!((status, stdout.as_str()), (2, ""));
            assert!(stderr.contains("directory"), "{stderr}");
        }
    }
    // concat makes one index from several files.
    for out in [".", "new/"] {
        let (status, _, stderr) = run(folder.path(), &["concat", "x", "y", "-o", out]);
        assert!(
            status == 2 && stderr.contains("is a directory; give the path of an index"),
            "{stderr}"
        );
    }
    let (status, _, stderr) = run(folder.path(), &["create", "x", "-o", "x/"]);
    assert!(status == 1 && stderr.starts_with("error: x: File exists"), "{stderr}");
}

#[test]
fn folders_are_listed() {
    let (folder, _) = example();
    let sub = folder.path().join("sub");
    fs::create_dir(&sub).unwrap();
    fs::write(sub.join("b.idx"), "0 16\n").unwrap();
    fs::write(sub.join(".hidden"), "").unwrap();
    fs::write(sub.join("a.tfrecord"), "data").unwrap();
    fs::write(sub.join("notes"), "data").unwrap();
    fs::create_dir(sub.join("deep")).unwrap();
    fs::copy(EXAMPLES, sub.join("deep/c")).unwrap();
    assert!(Command::new("mkfifo").arg(sub.join("pipe")).status().unwrap().success());
    let head = "     records            bytes  index            file\n";
    let a = "           ?                4  no index         sub/a.tfrecord\n";
    let c = "           ?            79942  no index         sub/deep/c\n";
    let total = "           ?            79946                   2 files: 2 no index\n";
    let skipped = "note: sub: skipped 1 index without data, 2 other files\n".to_owned();
    let listed = [head, a, c, total].concat();
    let (status, stdout, stderr) = run(folder.path(), &["ls", "sub"]);
    assert_eq!((status, &stdout, stderr.lines().next()), (1, &listed, skipped.lines().next()));
    let x = "         100            79942  ok               ./x\n";
    let all = "           ?           159888                   3 files: 2 no index, 1 ok\n";
    let here = [head, &a.replace("sub", "./sub"), &c.replace("sub", "./sub"), x, all].concat();
    assert_eq!(run(folder.path(), &["ls"]).1, here);
    assert_eq!(run(folder.path(), &["ls", "."]).1, here);
    let (status, stdout, stderr) =
        run(folder.path(), &["ls", "none/", "x", "sub/deep", "sub/b.idx"]);
    let b = "           1               16  -                sub/b.idx\n";
    let total = "           ?           159900                   4 files: 1 unreadable, 1 ok, 1 no index, 1 index\n";
    assert_eq!((status, stdout), (1, [head, &x.replace("./", ""), c, b, total].concat()));
    assert!(stderr.starts_with("error: none/: No such file"), "{stderr}");
    let (_, json, _) = run(folder.path(), &["ls", "--json", "sub"]);
    assert!(json.lines().count() == 3 && json.contains("\"path\":\"sub/deep/c\""), "{json}");
}

#[test]
fn checks_and_locations_are_objects() {
    let (folder, index) = example();
    let parse = |text: &str| -> Vec<serde_json::Value> {
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    index.select(&[5, 3, 3]).unwrap().write(folder.path().join("some.idx")).unwrap();
    let check = ["check", "--json", "x", "x", "none", "-i", "x.idx", "some.idx"];
    let (status, stdout, stderr) = run(folder.path(), &check);
    assert_eq!((status, stderr.lines().count()), (1, 1));
    let [whole, some, none, total] = <[_; 4]>::try_from(parse(&stdout)).unwrap();
    assert_eq!((&total["total"]["files"], &total["total"]["records"]), (&3.into(), &103.into()));
    let expected = serde_json::json!({
        "path": "x", "index": "x.idx", "state": "ok", "records": 100,
        "uncovered_bytes": 0, "reordered": false, "repeated": false, "checksums_skipped": false
    });
    assert_eq!(whole, expected);
    assert_eq!((&some["records"], &some["reordered"]), (&3.into(), &true.into()));
    assert_eq!(some["uncovered_bytes"], 79942 - index[3].size - index[5].size);
    assert_eq!((&none["path"], &none["index"]), (&"none".into(), &serde_json::Value::Null));
    assert!(none["error"]["message"].is_string(), "{none}");
    fs::write(folder.path().join("bad.idx"), "0 78\n78 99\n").unwrap();
    let (_, stdout, _) = run(folder.path(), &["check", "--json", "x", "bad.idx"]);
    let error = &parse(&stdout)[0]["error"];
    assert_eq!((&error["status"], &error["offset"]), (&"TFR_ERR_MISMATCH".into(), &78.into()));
    assert!(error["message"].as_str().unwrap().starts_with("bad.idx: x: record 1 at byte 78: "));

    let (status, stdout, _) = run(folder.path(), &["locate", "--json", "x", "90"]);
    let found = &parse(&stdout)[0];
    assert_eq!((status, &found["path"], &found["byte"]), (0, &"x".into(), &90.into()));
    assert_eq!((&found["record"], &found["offset"]), (&1.into(), &78.into()));
    assert_eq!(
        (&found["length"], &found["part"]),
        (&(index[1].size - 16).into(), &"payload".into())
    );
    for crc in ["length_crc", "payload_crc"] {
        assert!(found[crc]["stored"].is_u64() && found[crc]["stored"] == found[crc]["computed"]);
    }
    let (status, stdout, stderr) = run(folder.path(), &["locate", "--json", "x", "79942"]);
    assert_eq!((status, stderr.lines().count()), (1, 1));
    assert_eq!(parse(&stdout)[0]["error"]["status"], "TFR_ERR_OUT_OF_RANGE");
}
