//! `tfr-index show`, `ls` and `cat`: the contents of files.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::programs::{ended, folder_with, tfr_index, EXAMPLES};
use serde_json::{json, Value};
use tfr_index::{Index, Options};

fn run(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    ended(&tfr_index(folder, arguments))
}

fn objects(lines: &str) -> Vec<Value> {
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn sizes_are_shown() {
    // Payloads of 0, 0, 1, 2, 3, 1023 and 1024 bytes, and 93 of 5.
    let sizes = [&[0, 0, 1, 2, 3, 1023, 1024][..], &[5; 93]].concat();
    let mut offset = 0;
    let mut text = String::new();
    for size in sizes {
        text += &format!("{offset} {}\n", size + 16);
        offset += size + 16;
    }
    let folder = folder_with(&[("x.idx", text.as_bytes()), ("empty", b"")]);
    let (status, stdout, _) = run(folder.path(), &["show", "x.idx", "empty"]);
    assert_eq!(status, 0);
    let rows = [
        ("[0, 1)", 2, 1),
        ("[1, 2)", 1, 1),
        ("[2, 4)", 2, 1),
        ("[4, 8)", 93, 40),
        ("[8, 16)", 0, 0),
        ("[16, 32)", 0, 0),
        ("[32, 64)", 0, 0),
        ("[64, 128)", 0, 0),
        ("[128, 256)", 0, 0),
        ("[256, 512)", 0, 0),
        ("[512, 1 KiB)", 1, 1),
        ("[1 KiB, 2 KiB)", 1, 1),
    ];
    let mut expected = format!("x.idx: 100 records, {offset} bytes\n");
    expected += "payload bytes: min 0, median 5, p99 1023, max 1024\n";
    for (range, records, bar) in rows {
        let row = format!("{range:>20}{records:>14}  {}", "#".repeat(bar));
        expected += &format!("{}\n", row.trim_end());
    }
    expected += &format!("empty: 0 records, 0 bytes\n2 files: 100 records, {offset} bytes\n");
    assert_eq!(stdout, expected);
    assert!(stdout.lines().all(|line| line.len() < 80));

    let (status, stdout, _) = run(folder.path(), &["show", "--json", "x.idx", "empty", "none"]);
    assert_eq!(status, 1);
    let [shown, empty, none, total] = <[Value; 4]>::try_from(objects(&stdout)).unwrap();
    let sums = json!({"files": 3, "failed": 1, "records": 100, "bytes": offset});
    assert_eq!(total, json!({ "total": sums }));
    assert_eq!((&shown["records"], &shown["bytes"]), (&json!(100), &json!(offset)));
    assert_eq!(shown["payload"], json!({"min": 0, "median": 5, "p99": 1023, "max": 1024}));
    let ranges = shown["histogram"].as_array().unwrap();
    assert_eq!(ranges.len(), rows.len());
    assert_eq!(ranges[0], json!({"from": 0, "below": 1, "records": 2}));
    assert_eq!(ranges[11], json!({"from": 1024, "below": 2048, "records": 1}));
    assert_eq!((&empty["payload"], &empty["histogram"]), (&Value::Null, &json!([])));
    assert_eq!(none["error"]["status"], "TFR_ERR_IO");
}

/// Sizes that an index may hold, but no file has: nothing overflows.
#[test]
fn giant_sizes_are_shown() {
    let folder = folder_with(&[("x.idx", format!("0 {0}\n0 {0}\n0 {0}\n", i64::MAX).as_bytes())]);
    let (status, stdout, _) = run(folder.path(), &["show", "x.idx"]);
    assert_eq!(status, 0);
    let start = format!("x.idx: 3 records, {} bytes\n", u64::MAX);
    assert!(stdout.starts_with(&start), "{stdout}");
    assert!(stdout.contains("    [4 EiB, 8 EiB)             3  ####"), "{stdout}");
}

#[test]
fn files_are_listed() {
    let data = fs::read(EXAMPLES).unwrap();
    let folder = folder_with(&[
        ("fits", &data),
        ("none", &data),
        ("pipe", &data),
        ("stale", &data),
        ("stale.idx", b"0 78\n"),
        ("half.idx", b"0 78\n"),
    ]);
    assert_eq!(run(folder.path(), &["create", "fits"]).0, 0);
    let pipe = folder.path().join("pipe.idx");
    assert!(Command::new("mkfifo").arg(pipe).status().unwrap().success());
    let names = ["fits", "fits.idx", "half.idx", "missing", "none", "pipe", "stale", "stale.idx"];
    let (status, stdout, stderr) = run(folder.path(), &[&["ls"], &names[..]].concat());
    assert_eq!(status, 1);
    assert_eq!(stderr, "error: missing: No such file or directory (os error 2)\n");
    assert_eq!(
        stdout,
        "     records            bytes  index            file\n\
         \x20        100            79942  ok               fits\n\
         \x20          1               78  -                half.idx\n\
         \x20          ?            79942  no index         none\n\
         \x20          ?            79942  not an index     pipe\n\
         \x20          ?            79942  stale            stale\n\
         \x20          ?           319846                   6 files: 1 ok, 1 index, \
         1 unreadable, 1 no index, 1 not an index, 1 stale\n"
    );
    let (_, stdout, _) = run(folder.path(), &["ls", "--json", "fits", "stale", "missing"]);
    let [fits, stale, missing, total] = <[Value; 4]>::try_from(objects(&stdout)).unwrap();
    assert_eq!((&total["total"]["files"], &total["total"]["records"]), (&json!(3), &Value::Null));
    let object = json!({"path": "fits", "records": 100, "bytes": 79942, "state": "ok"});
    assert_eq!(fits, object);
    assert_eq!((&stale["records"], &stale["state"]), (&Value::Null, &json!("stale")));
    assert!(missing["error"]["message"].is_string());
}

#[test]
fn payloads_and_frames_are_printed() {
    let data = fs::read(EXAMPLES).unwrap();
    let index = Index::from_bytes(&data, &Options::new()).unwrap();
    let folder = folder_with(&[("x", &data)]);
    let stdout = |arguments: &[&str]| {
        let output = tfr_index(folder.path(), arguments);
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        output.stdout
    };
    let payload = |record: usize| {
        let range = index[record].payload();
        &data[range.start as usize..range.end as usize]
    };
    assert_eq!(stdout(&["cat", "x", "42"]), payload(42));
    assert_eq!(stdout(&["cat", "x", "42", "-o", "-"]), payload(42));
    assert_eq!(stdout(&["cat", "x", "42", "-o", "payload"]), b"");
    assert_eq!(fs::read(folder.path().join("payload")).unwrap(), payload(42));
    let some = [99, 3, 4, 5, 3].map(payload).concat();
    assert_eq!(stdout(&["cat", "x", "99", "3-5", "3"]), some);
    assert_eq!(stdout(&["cat", "x"]), (0..100).map(payload).collect::<Vec<_>>().concat());
    assert_eq!(stdout(&["cat", "--frames", "x"]), data);

    // An edited index gives edited data.
    let shuffled = index.shuffle(3).unwrap();
    shuffled.write(folder.path().join("epoch.idx")).unwrap();
    stdout(&["cat", "x", "--frames", "-i", "epoch.idx", "-o", "shuffled"]);
    let copy = fs::read(folder.path().join("shuffled")).unwrap();
    let copied = Index::from_bytes(&copy, &Options::new()).unwrap();
    for (there, here) in copied.iter().zip(&shuffled) {
        let (there, here) = (there.payload(), here.payload());
        let copy = &copy[there.start as usize..there.end as usize];
        assert_eq!(copy, &data[here.start as usize..here.end as usize]);
    }
    assert_eq!(copied.len(), 100);
    assert_eq!(stdout(&["cat", "x", "0", "-i", "epoch.idx"]), stdout(&["cat", "shuffled", "0"]));
}

#[test]
fn bad_records_are_errors_and_leave_no_file() {
    let mut data = fs::read(EXAMPLES).unwrap();
    data[90] ^= 1; // the second payload
    let folder = folder_with(&[("x", &data), ("there", b"precious")]);
    let fails = |arguments: &[&str], said: &str| {
        let (status, stdout, stderr) = run(folder.path(), arguments);
        assert_eq!((status, stdout.as_str()), (1, ""), "{arguments:?}");
        assert!(stderr.contains(said) && stderr.lines().count() == 1, "{stderr}");
    };
    fails(&["cat", "x", "1"], "error: x: record 1 at byte 78: payload CRC mismatch");
    fails(&["cat", "x", "-o", "out"], "error: x: record 1 at byte 78: payload CRC");
    assert!(!folder.path().join("out").exists());
    fails(&["cat", "x", "100"], "error: x: record 100");
    fails(&["cat", "x", "98-100"], "error: x: record 100: out of range");
    fails(&["cat", "none", "0"], "error: none: cannot open");
    fails(&["cat", "x", "0", "-o", "there"], "error: there: File exists");
    fails(&["cat", "x", "0", "-o", "x"], "error: x: File exists");
    assert_eq!(fs::read(folder.path().join("there")).unwrap(), b"precious");
    let damaged = tfr_index(folder.path(), &["cat", "x", "1", "--checksums", "length"]);
    assert!(damaged.status.success() && !damaged.stdout.is_empty());
}

#[test]
fn a_reader_that_leaves_early_is_no_failure() {
    let data = fs::read(EXAMPLES).unwrap();
    let folder = folder_with(&[("x", &data.repeat(4))]); // more than a pipe holds
    assert_eq!(run(folder.path(), &["create", "x"]).0, 0);
    for arguments in
        [&["cat", "x"][..], &["show", "x"], &["ls", "x"], &["shuffle", "--seed=1", "x"]]
    {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tfr-index"));
        command.current_dir(folder.path()).args(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        assert_eq!(ended(&child.wait_with_output().unwrap()), (0, String::new(), String::new()));
    }
}

/// On a terminal, as `script` makes one.
#[cfg(target_os = "linux")]
#[test]
fn only_text_is_printed_to_a_terminal() {
    let frame = b"\x05\0\0\0\0\0\0\0\xea\xb2\x04\x3ehello\xbb\x1f\x1c\x19";
    let folder = folder_with(&[("binary", &fs::read(EXAMPLES).unwrap()), ("text", frame)]);
    let on_terminal = |arguments: &str| {
        let program = env!("CARGO_BIN_EXE_tfr-index");
        let mut script = Command::new("script");
        script.args(["-qec", &format!("'{program}' {arguments}"), "/dev/null"]);
        script.current_dir(folder.path()).stdin(Stdio::null());
        script.output().ok().map(|output| (output.status.code(), output.stdout))
    };
    let Some(text) = on_terminal("cat text 0") else {
        return; // there is no such program
    };
    assert_eq!(text, (Some(0), b"hello".to_vec()));
    let (status, printed) = on_terminal("cat binary 0").unwrap();
    assert_eq!(status, Some(1));
    assert!(printed.starts_with(b"error: the records are not text"));
    assert_eq!(on_terminal("cat binary 0 -o -").unwrap().0, Some(0));
}

/// On a terminal, as `script` makes one: bars as wide as it is, and colours.
#[cfg(target_os = "linux")]
#[test]
fn output_suits_the_terminal() {
    let data = fs::read(EXAMPLES).unwrap();
    let folder = folder_with(&[("a", &data), ("b", &data), ("b.idx", b"0 78\n"), ("c", &data)]);
    assert_eq!(run(folder.path(), &["create", "a"]).0, 0);
    let on_terminal = |variables: &str, arguments: &str| {
        let program = env!("CARGO_BIN_EXE_tfr-index");
        let command = format!(
            "stty rows 20 cols 60 <&1; env -u NO_COLOR -u LC_ALL {variables} '{program}' {arguments}"
        );
        let mut script = Command::new("script");
        script.args(["-qec", &command, "/dev/null"]).env("TERM", "xterm");
        let output = script.current_dir(folder.path()).stdin(Stdio::null()).output().ok()?;
        Some(String::from_utf8(output.stdout).unwrap().replace('\r', ""))
    };
    let Some(listed) = on_terminal("LANG=C.UTF-8", "ls a b") else {
        return; // there is no such program
    };
    assert!(listed.contains("\x1b[32mok             \x1b[0m  a\n"), "{listed}");
    assert!(listed.contains("\x1b[33mstale          \x1b[0m  b\n"), "{listed}");
    let plain = on_terminal("NO_COLOR=1", "ls a b").unwrap();
    assert_eq!(plain, run(folder.path(), &["ls", "a", "b"]).1);

    let one = on_terminal("LANG=C.UTF-8", "show a").unwrap();
    let last = one.lines().last().unwrap();
    assert!(last.starts_with("      [1 KiB, 2 KiB)            31  █████████"), "{one}");
    assert!(one.lines().all(|line| line.chars().count() < 60), "{one}");
    let ascii = on_terminal("LANG=C", "show a").unwrap();
    assert!(ascii.lines().last().unwrap().ends_with("  ####################"), "{ascii}");
    // Of several files, a line each, and the sizes of all at the end.
    let two = on_terminal("LANG=C.UTF-8", "show a c").unwrap();
    let lines: Vec<_> = two.lines().collect();
    assert_eq!(lines[0], "a: 100 records, 79942 bytes  ▁▁▃▅█▇");
    assert_eq!(lines[2], "2 files: 200 records, 159884 bytes");
    assert_eq!(lines.len(), 3 + 6);
}

/// An index of any size takes little memory: 3 million entries would take 48 MB.
#[test]
fn large_indexes_stay_in_their_files() {
    let folder = folder_with(&[]);
    let frame = [&[0; 8][..], &[0x29, 0x03, 0x98, 0x07], &[0xd8, 0xea, 0x82, 0xa2]].concat();
    let count = 3_000_000;
    fs::write(folder.path().join("x.tfrecord"), frame.repeat(count)).unwrap();
    let lines: String = (0..count).map(|record| format!("{} 16\n", record * 16)).collect();
    fs::write(folder.path().join("x.tfrecord.idx"), lines).unwrap();
    let within = |limit: &str, arguments: &str| {
        let program = env!("CARGO_BIN_EXE_tfr-index");
        let command = format!("ulimit -d {limit} && exec '{program}' {arguments}");
        ended(
            &Command::new("sh").args(["-c", &command]).current_dir(folder.path()).output().unwrap(),
        )
    };
    for (arguments, expected) in [
        ("check x.tfrecord", "x.tfrecord: ok (3000000 records)\n"),
        ("ls x.tfrecord.idx", "     3000000         48000000  -                x.tfrecord.idx\n"),
        ("ls x.tfrecord", "     3000000         48000000  ok               x.tfrecord\n"),
        ("show x.tfrecord", "x.tfrecord: 3000000 records, 48000000 bytes\n"),
    ] {
        let (status, stdout, stderr) = within("40000", arguments);
        assert_eq!((status, &*stderr), (0, ""), "{arguments}");
        assert!(stdout.contains(expected), "{arguments}: {stdout}");
    }
    // The limit does what it should: a selection is in memory.
    let (status, _, stderr) = within("40000", "shuffle --seed 7 x.tfrecord.idx -o y.idx");
    assert!(status != 0, "{stderr}");
}
