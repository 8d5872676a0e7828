//! `tfr-index select`, `filter`, `shuffle`, `sample`, `shard` and `concat`, compared with the library.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::programs::{ended, folder_with, tfr_index, EXAMPLES};
use tfr_index::{Index, Options, Remainder, ShardBy};

fn run(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    ended(&tfr_index(folder, arguments))
}

fn read(folder: &Path, name: &str) -> Index {
    Index::read(folder.join(name)).unwrap()
}

/// The data file `a.tfrecord` of 100 records and its index.
fn example() -> (tempfile::TempDir, Index) {
    let folder = folder_with(&[("a.tfrecord", &fs::read(EXAMPLES).unwrap())]);
    assert_eq!(run(folder.path(), &["create", "a.tfrecord"]).0, 0);
    let index = read(folder.path(), "a.tfrecord.idx");
    (folder, index)
}

/// The same, and the data files `b.tfrecord` of 3 records and `c.tfrecord` of 7, without indexes.
fn examples() -> (tempfile::TempDir, [Index; 3]) {
    let (folder, index) = example();
    let data = fs::read(EXAMPLES).unwrap();
    let part = |name: &str, count: usize| {
        let end = index[count].offset as usize;
        fs::write(folder.path().join(name), &data[..end]).unwrap();
        Index::from_bytes(&data[..end], &Options::new()).unwrap()
    };
    let (b, c) = (part("b.tfrecord", 3), part("c.tfrecord", 7));
    (folder, [index, b, c])
}

#[test]
fn edits_are_those_of_the_library() {
    let (folder, index) = example();
    let by_bytes = index.shard(1, 3, ShardBy::Bytes, Remainder::Keep).unwrap();
    let padded = index.shard(2, 3, ShardBy::Records, Remainder::Pad).unwrap();
    let dropped = index.shard(2, 3, ShardBy::Records, Remainder::Drop).unwrap();
    let edits: [(&[&str], Index); 10] = [
        (&["shuffle", "--seed", "7"], index.shuffle(7).unwrap()),
        (&["shuffle", "--seed", "18446744073709551615"], index.shuffle(u64::MAX).unwrap()),
        (&["sample", "-n", "9", "--seed", "7"], index.sample(9, 7).unwrap()),
        (&["filter", "--min", "900"], index.filter_size(900..).unwrap()),
        (&["filter", "--max", "900"], index.filter_size(..=900).unwrap()),
        (&["filter", "--min", "62", "--max", "62"], index.filter_size(62..=62).unwrap()),
        (&["shard", "--rank=1", "--world-size=3", "--by=bytes"], by_bytes),
        (&["shard", "--rank=2", "--world-size=3", "--remainder=pad"], padded),
        (&["shard", "--rank=2", "--world-size=3", "--remainder=drop"], dropped),
        (&["concat"], index.clone()),
    ];
    for (arguments, expected) in edits {
        let text = expected.to_text().unwrap();
        let on = |rest: &[&str]| run(folder.path(), &[arguments, rest].concat());
        // From a data file or its index, to stdout or a file.
        assert_eq!(on(&["a.tfrecord"]), (0, text.clone(), String::new()), "{arguments:?}");
        if arguments[0] != "concat" {
            assert_eq!(on(&["a.tfrecord.idx", "-o", "-"]), (0, text.clone(), String::new()));
            let (path, kept) = ("a.tfrecord.idx", expected.len());
            let said = format!("{path}: {kept} of 100 records -> x\n");
            assert_eq!(on(&[path, "-o", "x"]), (0, said, String::new()));
            assert_eq!(fs::read_to_string(folder.path().join("x")).unwrap(), text);
        }
    }
}

#[test]
fn records_are_selected_by_numbers_and_ranges() {
    let (folder, index) = example();
    let select = |rest: &[&str]| run(folder.path(), &[&["select", "a.tfrecord"], rest].concat());
    let expected =
        |records: &[usize]| (0, index.select(records).unwrap().to_text().unwrap(), String::new());
    assert_eq!(select(&["5", "0", "5"]), expected(&[5, 0, 5]));
    assert_eq!(select(&["9-12", "98-"]), expected(&[9, 10, 11, 12, 98, 99]));
    fs::write(folder.path().join("list"), "3\n1-2\n\n 7 8\r\n").unwrap();
    assert_eq!(select(&["--from", "list"]), expected(&[3, 1, 2, 7, 8]));
    assert_eq!(select(&["4", "--from", "list"]), expected(&[4, 3, 1, 2, 7, 8]));
    for bad in ["100", "99-100", "100-"] {
        let (status, stdout, stderr) = select(&["--", bad]);
        assert_eq!((status, stdout.as_str()), (1, ""), "{bad}");
        assert!(
            stderr.starts_with("error: a.tfrecord: ") && stderr.lines().count() == 1,
            "{stderr}"
        );
    }
    assert_eq!(select(&["--from", "none"]).0, 1);
}

#[test]
fn the_index_and_the_numbers_come_from_stdin() {
    let (folder, index) = example();
    let pipe = |arguments: &[&str], input: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tfr-index"));
        command.current_dir(folder.path()).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        ended(&child.wait_with_output().unwrap())
    };
    let text = index.to_text().unwrap();
    let shuffled = index.shuffle(1).unwrap().to_text().unwrap();
    for stdin in ["-", "/dev/stdin"] {
        let shuffle = ["shuffle", "--seed=1", stdin];
        assert_eq!(pipe(&shuffle, &text), (0, shuffled.clone(), String::new()));
    }
    let selected = index.select(&[2, 1]).unwrap().to_text().unwrap();
    let arguments = ["select", "a.tfrecord", "--from", "-"];
    assert_eq!(pipe(&arguments, "2\n1\n"), (0, selected, String::new()));
    assert_eq!(run(folder.path(), &["select", "-", "--from", "-"]).0, 2);
}

#[test]
fn shards_of_a_set_have_each_record_once() {
    let (folder, whole) = examples();
    let names = ["a.tfrecord.idx", "b.tfrecord.idx", "c.tfrecord.idx"];
    let files = ["a.tfrecord", "b.tfrecord", "c.tfrecord"];
    for (world, by) in [("1", "records"), ("4", "records"), ("8", "bytes")] {
        let out = format!("{world}-{by}");
        let shard = ["shard", "--world-size", world, "--by", by, "-o", &out];
        let (status, stdout, stderr) = run(folder.path(), &[&shard[..], &files[..]].concat());
        assert_eq!((status, stderr.as_str()), (0, ""));
        let world: usize = world.parse().unwrap();
        let lines: Vec<_> = stdout.lines().collect();
        assert_eq!(lines.len(), world);
        assert!(lines[0].starts_with(&format!("{out}/0: ")), "{stdout}");
        let mut counts = vec![0; world];
        for (name, whole) in names.iter().zip(&whole) {
            let mut records = Vec::new();
            for (rank, count) in counts.iter_mut().enumerate() {
                let path = folder.path().join(format!("{out}/{rank}/{name}"));
                if path.exists() {
                    let part = Index::read(path).unwrap();
                    assert!(!part.is_empty()); // NVIDIA DALI takes no empty one
                    *count += part.len();
                    records.extend(part.into_entries());
                }
            }
            assert_eq!(&**whole, records);
        }
        let even = counts.iter().max().unwrap() - counts.iter().min().unwrap();
        assert!(by == "bytes" || even <= 1, "{counts:?}");
    }
    // One shard, in a directory that held another: nothing of the old one remains.
    let rank = |number| ["shard", "--world-size=4", "--rank", number, "-o", "mine"];
    assert_eq!(run(folder.path(), &[&rank("0")[..], &files[..]].concat()).0, 0);
    let (status, stdout, _) = run(folder.path(), &[&rank("3")[..], &files[..]].concat());
    assert_eq!(status, 0);
    assert_eq!(stdout, "mine: 28 records of 3 files\n");
    let (_, stdout, _) = run(folder.path(), &[&rank("1")[..], &files[..]].concat());
    assert_eq!(stdout, "mine: 28 records of 1 file, removed 2 old index files\n");
    let left = fs::read_dir(folder.path().join("mine")).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["a.tfrecord.idx"]);
}

#[test]
fn several_files_are_edited_as_one() {
    let (folder, [a, b, c]) = examples();
    let files = ["a.tfrecord", "b.tfrecord", "c.tfrecord", "-o", "out/"];
    let edited = |name: &str| {
        let path = folder.path().join(format!("out/{name}.tfrecord.idx"));
        match path.exists() {
            true => Index::read(path).unwrap(),
            false => Index::default(),
        }
    };
    let edit = |arguments: &[&str]| run(folder.path(), &[arguments, &files[..]].concat()).0;
    assert_eq!(edit(&["sample", "--seed=5", "-n", "60"]), 0);
    let parts = [(&a, edited("a")), (&b, edited("b")), (&c, edited("c"))];
    assert_eq!(parts.iter().map(|(_, part)| part.len()).sum::<usize>(), 60);
    for (whole, part) in parts {
        let mask: Vec<_> = whole.iter().map(|entry| part.contains(entry)).collect();
        assert_eq!(whole.select_mask(&mask).unwrap(), part);
    }
    assert_eq!(edit(&["shuffle", "--seed=5"]), 0);
    for (whole, name) in [(&a, "a"), (&b, "b"), (&c, "c")] {
        let mut entries = edited(name).into_entries();
        entries.sort_unstable();
        assert_eq!(&**whole, entries);
    }
    assert_ne!(edited("a"), a);
    assert_eq!(edit(&["filter", "--max=700"]), 0);
    assert_eq!(edited("a"), a.filter_size(..=700).unwrap());
    assert_eq!(edited("c"), c.filter_size(..=700).unwrap());
}

#[test]
fn files_put_together_have_the_index_that_concat_makes() {
    let (folder, _) = examples();
    let files = ["b.tfrecord", "a.tfrecord", "c.tfrecord"];
    let said = "3 files: 110 records -> all.idx\n".to_owned();
    let concat = [&["concat"], &files[..], &["-o", "all.idx"]].concat();
    assert_eq!(run(folder.path(), &concat), (0, said, String::new()));
    let all: Vec<u8> =
        files.iter().flat_map(|name| fs::read(folder.path().join(name)).unwrap()).collect();
    let expected = Index::from_bytes(&all, &Options::new()).unwrap();
    assert_eq!(read(folder.path(), "all.idx"), expected);
    let (status, _, stderr) = run(folder.path(), &["concat", "b.tfrecord", "a.tfrecord.idx"]);
    assert!(status == 1 && stderr.contains("give the data file"), "{stderr}");
}

#[test]
fn an_index_that_does_not_fit_is_not_taken_for_the_files() {
    let (folder, index) = example();
    index.select(&[0, 1]).unwrap().write(folder.path().join("a.tfrecord.idx")).unwrap();
    let expected = index.shuffle(7).unwrap().to_text().unwrap();
    assert_eq!(run(folder.path(), &["shuffle", "--seed=7", "a.tfrecord"]).1, expected);
    // Nor is an index that skips valid records, unless it is given explicitly.
    let odd = index.select(&(1..100).step_by(2).collect::<Vec<_>>()).unwrap();
    odd.write(folder.path().join("a.tfrecord.idx")).unwrap();
    let (_, stdout, stderr) = run(folder.path(), &["shuffle", "--seed=7", "a.tfrecord"]);
    assert_eq!(stdout, expected);
    assert!(stderr.starts_with("warning: a.tfrecord.idx: "), "{stderr}");
    let expected = odd.shuffle(7).unwrap().to_text().unwrap();
    assert_eq!(run(folder.path(), &["shuffle", "--seed=7", "a.tfrecord.idx"]).1, expected);
}

/// A directory in memory.
#[cfg(target_os = "linux")]
#[test]
fn a_folder_of_files_in_memory_is_as_others() {
    let folder = tempfile::tempdir_in("/dev/shm").unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::copy(EXAMPLES, path("a")).unwrap();
    fs::copy(EXAMPLES, path("b")).unwrap();
    assert_eq!(run(folder.path(), &["shuffle", "--seed=1", &path("a"), "-o", &path("x")]).0, 0);
    let (status, _, stderr) = run(folder.path(), &["shuffle", "--seed=1", "a", "-o", &path("b")]);
    assert!(status == 1 && stderr.contains("refusing to overwrite"), "{stderr}");
    assert_eq!(run(folder.path(), &["cat", "a", "1", "-o", &path("payload")]).0, 0);
}

#[test]
fn nothing_else_is_overwritten_and_nothing_is_written_in_part() {
    let (folder, _) = examples();
    let data = fs::read(folder.path().join("b.tfrecord")).unwrap();
    let (status, _, stderr) =
        run(folder.path(), &["shuffle", "--seed=1", "a.tfrecord", "-o", "b.tfrecord"]);
    assert!(status == 1 && stderr.contains("b.tfrecord: refusing to overwrite"), "{stderr}");
    assert_eq!(fs::read(folder.path().join("b.tfrecord")).unwrap(), data);

    fs::write(folder.path().join("bad.idx"), "0 16\n# a comment\n").unwrap();
    for (file, said) in
        [("bad.idx", "error: bad.idx: line 2"), ("none", "error: none: cannot open")]
    {
        let shard = ["shard", "--world-size=2", "a.tfrecord", file, "-o", "out"];
        let (status, stdout, stderr) = run(folder.path(), &shard);
        assert_eq!((status, stdout.as_str()), (1, ""));
        assert!(stderr.starts_with(said) && stderr.lines().count() == 1, "{stderr}");
        assert!(!folder.path().join("out").exists());
    }
    let (status, _, stderr) = run(folder.path(), &["filter", "--max=0", "a.tfrecord", "-o", "x"]);
    assert_eq!((status, stderr.as_str()), (0, "note: x has no records\n"));
    assert_eq!(fs::read(folder.path().join("x")).unwrap(), b"");
}

#[test]
fn wrong_command_lines_exit_with_2() {
    let (folder, _) = examples();
    for arguments in [
        &["select", "a.tfrecord"][..],
        &["filter", "a.tfrecord"],
        &["shuffle", "a.tfrecord"],
        &["shuffle", "a.tfrecord", "b.tfrecord", "--seed=1"],
        &["sample", "a.tfrecord", "--seed=1"],
        &["sample", "a.tfrecord", "--seed=-1", "-n=1"],
        &["shard", "a.tfrecord", "--rank=0"],
        &["shard", "a.tfrecord", "--world-size=0", "-o", "out"],
        &["shard", "a.tfrecord", "--world-size=2"],
        &["shard", "a.tfrecord", "--world-size=2", "--rank=2"],
        &["filter", "a.tfrecord", "--min=5", "--max=3"],
        &["shard", "a.tfrecord", "--world-size=2", "-o", "-"],
        &["concat"],
    ] {
        let (status, stdout, _) = run(folder.path(), arguments);
        assert_eq!((status, stdout.as_str()), (2, ""), "{arguments:?}");
    }
    // An error that only the library can detect is a failure, not a usage error.
    assert_eq!(run(folder.path(), &["sample", "b.tfrecord", "-n", "4", "--seed=1"]).0, 1);
    let twice = ["shuffle", "a.tfrecord", "./a.tfrecord", "--seed=1", "-o", "out"];
    assert_eq!(run(folder.path(), &twice).0, 1);
    assert!(!folder.path().join("out").exists());
}

#[test]
fn the_index_of_all_records_is_kept() {
    let data = fs::read(EXAMPLES).unwrap();
    let folder = folder_with(&[("a", &data), ("b", &data)]);
    let run = |arguments: &[&str]| ended(&tfr_index(folder.path(), arguments));
    assert_eq!(run(&["create", "a", "b"]).0, 0);
    let whole = fs::read(folder.path().join("a.idx")).unwrap();
    for edit in [
        &["select", "a", "90-", "-o", "a.idx"][..],
        &["filter", "a", "b", "--min", "100000", "-o", "."],
        &["sample", "a.idx", "b.idx", "-n", "0", "--seed", "1", "-o", "."],
        &["shuffle", "a.idx", "--seed", "1", "-o", "a.idx"],
    ] {
        let (status, _, stderr) = run(edit);
        assert!(status == 1 && stderr.contains("the index of all records"), "{edit:?} {stderr}");
        assert_eq!(fs::read(folder.path().join("a.idx")).unwrap(), whole);
        assert_eq!(fs::read(folder.path().join("b.idx")).unwrap(), whole);
    }
}

#[test]
fn shards_of_another_number_are_not_mixed() {
    let data = fs::read(EXAMPLES).unwrap();
    let folder = folder_with(&[("a", &data), ("b", &data)]);
    let run = |arguments: &[&str]| ended(&tfr_index(folder.path(), arguments));
    let four = ["shard", "a", "b", "--world-size", "4", "-o", "shards"];
    assert_eq!((run(&four).0, run(&four).0), (0, 0));
    for other in [
        &["shard", "a", "b", "--world-size", "2", "-o", "shards"][..],
        &["shard", "a", "--world-size", "4", "-o", "shards"],
        &["shard", "a", "b", "--world-size", "2", "--rank", "1", "-o", "shards"],
    ] {
        let (status, _, stderr) = run(other);
        assert!(status == 1 && stderr.contains("belongs to other shards"), "{other:?} {stderr}");
    }
}

#[test]
fn the_index_of_all_does_not_replace_that_of_one() {
    let data = fs::read(EXAMPLES).unwrap();
    let both = [&data[..], &data].concat();
    let directory = folder_with(&[("a", &data), ("b", &data), ("both", &both)]);
    let concat =
        |output: &str| ended(&tfr_index(directory.path(), &["concat", "a", "b", "-o", output]));
    let (status, _, stderr) = concat("./a.idx");
    assert!(status == 1 && stderr.contains("is reserved for the index of all records"), "{stderr}");
    assert!(!directory.path().join("a.idx").exists());
    assert_eq!(concat("both.idx").0, 0);
    assert_eq!(Index::read(directory.path().join("both.idx")).unwrap().len(), 200);
}

/// All files below a directory, as relative paths.
fn below(directory: &Path) -> Vec<String> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        match entry.path().is_dir() {
            true => files.extend(below(&entry.path()).iter().map(|file| format!("{name}/{file}"))),
            false => files.push(name),
        }
    }
    files.sort();
    files
}

#[test]
fn files_of_the_same_name_keep_their_directories() {
    let data = fs::read(EXAMPLES).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for directory in ["set/a", "set/b/deep"] {
        fs::create_dir_all(path(directory)).unwrap();
        fs::write(path(directory).join("x"), &data).unwrap();
    }
    let absolute = path("set/a/x").into_os_string().into_string().unwrap();
    // However they are named, nothing is written outside of OUT.
    for (number, a) in ["set/a/x", "set/b/../a/x", &absolute].into_iter().enumerate() {
        for command in [&["create"][..], &["shuffle", "--seed=1"], &["filter", "--min=0"]] {
            let out = format!("{}{number}", command[0]);
            let arguments = [command, &[a, "set/b/deep/x", "-o", &out]].concat();
            assert_eq!(run(folder.path(), &arguments).0, 0, "{arguments:?}");
            assert_eq!(below(&path(&out)), ["a/x.idx", "b/deep/x.idx"], "{arguments:?}");
        }
        let out = format!("shards{number}");
        let shard = ["shard", "--world-size=2", a, "set/b/deep/x", "-o", &out];
        for _ in 0..2 {
            let said = format!("{out}/0: 100 records of 1 file\n{out}/1: 100 records of 1 file\n");
            assert_eq!(run(folder.path(), &shard), (0, said, String::new()));
        }
        assert_eq!(below(&path(&out)), ["0/a/x.idx", "1/b/deep/x.idx"]);
    }
    assert_eq!(below(&path("set")), ["a/x", "b/deep/x"]);
    // A directory, however little it has.
    let create = ["create", "set", "-o", "whole"];
    assert_eq!(run(folder.path(), &create).0, 0);
    assert_eq!(below(&path("whole")), ["a/x.idx", "b/deep/x.idx"]);
    fs::rename(path("set/a/x"), path("y")).unwrap();
    assert_eq!(run(folder.path(), &["create", "set", "-o", "less/"]).0, 0);
    assert_eq!(below(&path("less")), ["b/deep/x.idx"]);
    assert_eq!(run(folder.path(), &["check", "set", "--index", "less"]).0, 0);
    fs::rename(path("y"), path("set/a/y")).unwrap();
    // Each file has only one index in the directory.
    let (status, _, stderr) =
        run(folder.path(), &["create", "set/a/y", "set/b/../a/y", "-o", "flat"]);
    assert_eq!(status, 1);
    assert!(stderr.contains("set/a/y: is also given as set/b/../a/y; give it once"), "{stderr}");
}

/// A new, smaller set of shards leaves no index of the old set. Files that a killed run left do not
/// get in the way.
#[test]
fn old_shards_are_replaced() {
    let (folder, [a, ..]) = examples();
    let path = |name: &str| folder.path().join(name);
    let shard = ["shard", "a.tfrecord", "b.tfrecord", "--world-size=2", "-o", "out"];
    assert_eq!(run(folder.path(), &shard).0, 0);
    assert_eq!(below(&path("out")), ["0/a.tfrecord.idx", "1/a.tfrecord.idx", "1/b.tfrecord.idx"]);
    fs::write(path("out/0/.tfr-index.1.tmp"), "0 1").unwrap();
    fs::write(path("out/0/b.tfrecord.idx"), "0 16\n").unwrap();
    let (status, stdout, stderr) = run(folder.path(), &shard);
    assert_eq!((status, stderr.as_str()), (0, ""));
    assert_eq!(
        stdout,
        "out/0: 51 records of 1 file, removed 1 old index file\nout/1: 52 records of 2 files\n"
    );
    assert!(!path("out/0/b.tfrecord.idx").exists());
    assert_eq!(
        read(folder.path(), "out/0/a.tfrecord.idx"),
        a.select(&(0..51).collect::<Vec<_>>()).unwrap()
    );
    // Files that are not indexes stay.
    fs::write(path("out/0/b.tfrecord.idx"), "precious").unwrap();
    let (status, _, stderr) = run(folder.path(), &shard);
    assert!(
        status == 1 && stderr.contains("out/0/b.tfrecord.idx: refusing to overwrite"),
        "{stderr}"
    );
    assert_eq!(fs::read(path("out/0/b.tfrecord.idx")).unwrap(), b"precious");
}

/// `--quiet` silences success. Failures and results are still printed.
#[test]
fn quiet_is_for_what_succeeds() {
    let (folder, index) = example();
    let run = |arguments: &[&str]| run(folder.path(), arguments);
    let nothing = (0, String::new(), String::new());
    for arguments in [
        &["create", "-q", "a.tfrecord"][..],
        &["-q", "create", "a.tfrecord"],
        &["check", "--quiet", "a.tfrecord"],
        &["shuffle", "-q", "a.tfrecord", "--seed=1", "-o", "x"],
        &["shard", "-q", "a.tfrecord", "--world-size=2", "-o", "shards"],
        &["concat", "-q", "a.tfrecord", "-o", "y"],
    ] {
        assert_eq!(run(arguments), nothing, "{arguments:?}");
    }
    assert_eq!(run(&["dump", "-q", "a.tfrecord.idx"]).1, index.to_text().unwrap());
    assert_eq!(run(&["create", "-q", "a.tfrecord", "-o", "-"]).1, index.to_text().unwrap());
    let (status, stdout, stderr) = run(&["create", "-q", "a.tfrecord", "none"]);
    assert!(status == 1 && stdout.is_empty() && stderr.starts_with("error: none: "), "{stderr}");
}
