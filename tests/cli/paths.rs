//! Which files the command line selects, where their indexes are, and which ones are created.

use std::fs;
use std::os::unix::fs::{symlink, MetadataExt};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{json, Value};
use tfr_index::Index;

use crate::programs::{ended, folder_with, tfr_index, EXAMPLES};

const EVENTS: &str = "events.out.tfevents.1700000000.host";

fn run(directory: &Path, arguments: &[&str]) -> (i32, String, String) {
    ended(&tfr_index(directory, arguments))
}

fn objects(json: &str) -> Vec<Value> {
    json.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn indexes_that_a_pattern_catches_are_left_out() {
    let data = fs::read(EXAMPLES).unwrap();
    let folder = folder_with(&[("ds1", &data), ("ds2", &data), ("ds3", b"")]);
    let path = folder.path();
    let names = || {
        let mut names: Vec<_> = fs::read_dir(path)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    let all = |command: &[&str]| {
        let names = names();
        let given = names.iter().map(String::as_str).filter(|name| name.starts_with("ds"));
        run(path, &[command, &given.collect::<Vec<_>>()].concat())
    };
    for _ in 0..2 {
        let (status, stdout, stderr) = all(&["create"]);
        assert_eq!((status, stdout.lines().count(), stderr.as_str()), (0, 4, ""));
        // and totals
    }
    assert_eq!(names(), ["ds1", "ds1.idx", "ds2", "ds2.idx", "ds3", "ds3.idx"]);
    fs::write(path.join("ds1.tfindex"), "0 16\n").unwrap();
    assert_eq!(all(&["show", "--json"]).1.lines().count(), 3 + 1); // with the total
    assert_eq!(all(&["ls", "--json"]).1.lines().count(), 3 + 1);
    assert_eq!(all(&["check"]).1.lines().last(), Some("3 files: 3 ok"));
    assert_eq!(all(&["concat"]).1.lines().count(), 200);
    assert_eq!(all(&["cat", "--frames", "-o", "all"]).0, 0);
    assert_eq!(fs::metadata(path.join("all")).unwrap().len(), 2 * 79942);
    let (status, stdout, stderr) = all(&["shard", "-o", "shards", "--world-size", "2"]);
    assert_eq!((status, stderr.as_str()), (0, ""), "{stdout}");
    assert_eq!(Index::read(path.join("shards/1/ds2.idx")).unwrap().len(), 100);
}

#[test]
fn a_file_that_is_given_twice_is_named() {
    let data = fs::read(EXAMPLES).unwrap();
    let folder = folder_with(&[("a", &data), ("b", &data)]);
    let path = folder.path();
    symlink("a", path.join("link")).unwrap();
    for command in [
        &["create"][..],
        &["check"],
        &["show"],
        &["ls"],
        &["shard", "--world-size", "2", "-o", "out"],
        &["shuffle", "--seed", "1", "-o", "out"],
    ] {
        let (status, _, stderr) = run(path, &[command, &["a", "b", "./a"]].concat());
        let message = "error: a: is also given as ./a; give it once\n";
        assert_eq!((status, stderr.as_str()), (1, message), "{command:?}");
        let (status, _, stderr) = run(path, &[command, &["a", "a"]].concat());
        assert_eq!(
            (status, stderr.as_str()),
            (1, "error: a: is given twice, so its records would count twice; give it once\n")
        );
    }
    assert_eq!(fs::read_dir(path).unwrap().count(), 3);
    assert_eq!(run(path, &["create", "a", "link"]).0, 0); // two names, two indexes
    assert_eq!(run(path, &["concat", "a", "a"]).1.lines().count(), 200);
    assert_eq!(run(path, &["check", "a", "a", "-i", "a.idx", "link.idx"]).0, 0);
}

#[test]
fn directories_and_patterns_stand_for_files() {
    let data = fs::read(EXAMPLES).unwrap();
    let folder = folder_with(&[]);
    let path = folder.path();
    fs::create_dir_all(path.join("set/deep")).unwrap();
    for name in ["set/x.tfrecord", "set/deep/plain", "y.tfrecord"] {
        fs::write(path.join(name), &data).unwrap();
    }
    fs::write(path.join("set/info.json"), "{}").unwrap();

    let (status, stdout, stderr) = run(path, &["create", "set", "y.tfrecord"]);
    assert_eq!((status, stdout.lines().count()), (0, 4), "{stderr}");
    assert!(path.join("set/deep/plain.idx").exists() && path.join("set/x.tfrecord.idx").exists());
    assert_eq!(stderr, "note: set: skipped 1 other file\n");
    assert_eq!(run(path, &["-q", "create", "set"]).2, "");
    for files in ["set", "set/**", "set/{deep/plain,x.tfrecord}"] {
        assert_eq!(run(path, &["check", files, "-q"]).1, "", "{files}");
        assert_eq!(run(path, &["check", files]).1.lines().last(), Some("2 files: 2 ok"));
        let shown = objects(&run(path, &["show", "--json", files]).1);
        assert_eq!(shown.len(), 3);
        let total = json!({"files": 2, "failed": 0, "records": 200, "bytes": 2 * 79942});
        assert_eq!(shown[2], json!({ "total": total }));
        let total = "2 files: 200 records, 159884 bytes";
        assert_eq!(run(path, &["show", files]).1.lines().last(), Some(total));
        let listed = objects(&run(path, &["ls", "--json", files]).1);
        let total = json!({"files": 2, "states": {"ok": 2}, "records": 200, "bytes": 2 * 79942});
        assert_eq!((listed.len(), &listed[2]), (3, &json!({ "total": total })));
        let checked = objects(&run(path, &["check", "--json", files]).1);
        let total = json!({"files": 2, "states": {"ok": 2}, "records": 200});
        assert_eq!((checked.len(), &checked[2]), (3, &json!({ "total": total })));
        assert_eq!(run(path, &["concat", files]).1.lines().count(), 200);
        let shard = ["shard", "--world-size", "2", "-o", "shards", files];
        assert_eq!(run(path, &shard).0, 0);
        assert!(path.join("shards/0/deep/plain.idx").exists());
        assert!(path.join("shards/1/x.tfrecord.idx").exists());
    }
    let cat = ["cat", "--frames", "set", "-o", "all"];
    assert_eq!(run(path, &cat).0, 0);
    assert_eq!(fs::metadata(path.join("all")).unwrap().len(), 2 * 79942);
    let (status, listed, _) = run(path, &["ls", "--pattern", "p*"]);
    assert!(status == 0 && listed.ends_with(" ./set/deep/plain\n"), "{listed}");

    let (status, _, stderr) = run(path, &["create", "set", "set/deep/plain"]);
    assert!(status == 1 && stderr.contains("error: set/deep/plain: is given twice"), "{stderr}");
    fs::create_dir(path.join("empty")).unwrap();
    for (files, message) in [
        (
            "empty",
            "error: empty: contains no TFRecord file; if its files have unusual names, give a",
        ),
        (
            "*.rec",
            "error: *.rec: cannot find: No such file or directory (os error 2): no file matches",
        ),
    ] {
        let (status, _, stderr) = run(path, &["create", files]);
        assert!(status == 1 && stderr.starts_with(message), "{stderr}");
    }
    // One file, or one index.
    for command in [&["select", "set", "1"][..], &["locate", "set", "1"], &["dump", "set"]] {
        assert_eq!(run(path, command).0, 1, "{command:?}");
    }
}

#[test]
fn a_set_that_lacks_a_file_is_not_taken() {
    let data = fs::read(EXAMPLES).unwrap();
    let names = ["t-00000-of-00003", "t-00002-of-00003"];
    let folder = folder_with(&[(names[0], &data), (names[1], &data)]);
    let path = folder.path();
    let missing =
        "t-00001-of-00003: cannot find: No such file or directory (os error 2): the set of ";
    for command in [
        &["create"][..],
        &["show"],
        &["cat"],
        &["concat"],
        &["shuffle", "--seed=1", "-o", "out"],
        &["shard", "--world-size", "2", "-o", "out"],
    ] {
        let (status, stdout, stderr) = run(path, &[command, &["t@3"]].concat());
        assert_eq!((status, stdout.as_str()), (1, ""), "{command:?}");
        assert!(stderr.starts_with(&format!("error: {missing}")), "{stderr}");
        assert_eq!(stderr.lines().count(), 1);
    }
    assert_eq!(run(path, &[&["create"], &names[..]].concat()).0, 0); // one by one
    let (status, _, stderr) = run(path, &["show", "t@3", "--allow-missing"]);
    assert!(status == 0 && stderr.starts_with(&format!("note: {missing}")), "{stderr}");
    // These say what is there all the same.
    for command in ["check", "ls"] {
        let (status, stdout, stderr) = run(path, &[command, "t@3"]);
        assert!(status == 1 && stdout.contains("2 files: 2 ok"), "{stdout}");
        assert!(stderr.starts_with(&format!("error: {missing}")), "{stderr}");
        assert_eq!(run(path, &[command, ".", "--allow-missing"]).0, 0);
    }
    let (status, _, stderr) = run(path, &["show", "t@0"]);
    let none =
        "error: t@0: a set has at least one file: give the number of its files, as in train@8, \
                or train@*\n";
    assert_eq!((status, &*stderr), (1, none));
    fs::write(path.join("t-00001-of-00002"), &data).unwrap();
    let (status, _, stderr) = run(path, &["create", "."]);
    assert!(status == 1 && stderr.contains("t-00001-of-00002: does not belong to the set of"));
    fs::write(path.join("t-00001-of-00003"), &data).unwrap();
    assert_eq!(run(path, &["create", "t@3"]).1.lines().count(), 4);
}

#[test]
fn sets_may_be_named_with_underscores() {
    let data = fs::read(EXAMPLES).unwrap();
    let names = (0..12).map(|number| format!("data_{number}_of_12.tfrecord")).collect::<Vec<_>>();
    let files = names.iter().map(|name| (&**name, &*data)).collect::<Vec<_>>();
    let folder = folder_with(&files);
    let path = folder.path();
    assert!(run(path, &["show", "."]).1.contains("12 files: 1200 records"));
    for missing in ["data_0_of_12.tfrecord", "data_9_of_12.tfrecord"] {
        fs::rename(path.join(missing), path.join("away")).unwrap();
        for given in [".", "data_*"] {
            let (status, _, stderr) = run(path, &["show", given]);
            let why = ": cannot find: No such file or directory (os error 2): the set of ";
            assert!(status == 1 && stderr.contains(&format!("{missing}{why}")), "{stderr}");
            assert_eq!(run(path, &["show", given, "--allow-missing"]).0, 0);
        }
        fs::rename(path.join("away"), path.join(missing)).unwrap();
    }
    fs::write(path.join("data_1_of_4.tfrecord"), &data).unwrap();
    let (status, _, stderr) = run(path, &["show", "data_*"]);
    let which = "data_*_of_12.tfrecord or data_*_of_4.tfrecord";
    assert!(status == 1 && stderr.contains(which), "{stderr}");
    assert_eq!(run(path, &["show", "data_*_of_12.tfrecord"]).0, 0);
}

#[test]
fn paths_come_from_a_list() {
    let data = fs::read(EXAMPLES).unwrap();
    let folder = folder_with(&[("a", &data), ("b c", &data), ("d\ne", &data), ("f[1]", &data)]);
    let path = folder.path();
    let listed = |arguments: &[&str], list: &[u8]| {
        fs::write(path.join("list"), list).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_tfr-index"));
        command.current_dir(path).args(arguments);
        command.stdin(fs::File::open(path.join("list")).unwrap());
        ended(&command.output().unwrap())
    };
    let count = |list: &[u8], arguments: &[&str]| {
        let (status, stdout, stderr) = listed(&[&["show", "--json"], arguments].concat(), list);
        assert_eq!(status, 0, "{stderr}");
        objects(&stdout).last().unwrap()["total"]["files"].as_u64().unwrap_or(1)
    };
    assert_eq!(count(b"a\nb c\n\nf[1]", &["--files-from", "list"]), 3);
    assert_eq!(count(b"a\nb c\n", &["--files-from", "-", "f[1]"]), 3);
    assert_eq!(count(b"a\0d\ne\0", &["--files-from=-", "-0"]), 2);
    assert_eq!(count(b"a\0d\ne", &["--files-from=list", "--null"]), 2);
    assert_eq!(count(b"?*[]c1]\n", &["--files-from=list"]), 2);
    assert_eq!(count(b"a\r\nb c\r\n\r\nf[1]", &["--files-from", "list"]), 3);
    for command in ["create", "check", "ls", "concat", "cat -oout"] {
        let words = command.split(' ').chain(["--files-from", "list", "-q"]).collect::<Vec<_>>();
        let (status, _, stderr) = listed(&words, b"b c\na\n");
        assert_eq!((status, stderr.as_str()), (0, ""), "{command}");
    }
    assert_eq!(listed(&["ls", "--files-from", "-"], b"a\n").1.lines().count(), 2); // not `.`, too
    let (status, _, stderr) = listed(&["show", "--files-from", "-"], b"");
    assert_eq!(
        (status, stderr.as_str()),
        (1, "error: no files are given: give at least one path\n")
    );
    let (status, _, stderr) = listed(&["show", "--files-from", "none"], b"");
    assert!(status == 1 && stderr.starts_with("error: none: "), "{stderr}");
    assert_eq!(listed(&["show"], b"").0, 2);
}

#[test]
fn several_processes_share_the_files() {
    let data = fs::read(EXAMPLES).unwrap();
    let names: Vec<String> = (0..7).map(|number| format!("t-0000{number}-of-00007")).collect();
    let files = names.iter().map(|name| (name.as_str(), &data[..])).collect::<Vec<_>>();
    let folder = folder_with(&files);
    let path = folder.path();
    fs::write(path.join("list"), "t@7\n").unwrap();
    let part = |part: &str, more: &[&str]| {
        run(path, &[&["create", "--files-from", "list", "--shard", part], more].concat())
    };
    assert_eq!(
        part("1/3", &[]),
        (
            0,
            "t-00001-of-00007: 100 records -> t-00001-of-00007.idx\n\
             t-00004-of-00007: 100 records -> t-00004-of-00007.idx\n\
             2 files: 2 created (200 records, 159.88 kB)\n"
                .to_owned(),
            String::new()
        )
    );
    assert_eq!(part("0/3", &["-q"]), (0, String::new(), String::new()));
    assert_eq!(part("0/1", &["--update"]).1.lines().last().unwrap().split(": ").last(), {
        Some("2 created (200 records, 159.88 kB), 5 up to date")
    });
    // A part of one file takes OUT for a directory, as the others do; one of no file does nothing.
    assert_eq!(
        part("6/9", &["-o", "out"]).1,
        "t-00006-of-00007: 100 records -> out/t-00006-of-00007.idx\n"
    );
    assert_eq!(part("8/9", &["-o", "out"]), (0, String::new(), String::new()));
    assert_eq!(part("8/9", &["--json", "--failed", "bad"]), (0, String::new(), String::new()));
    assert_eq!(fs::read(path.join("bad")).unwrap(), b"");
    let (status, _, stderr) = part("3/3", &[]);
    assert!(status == 2 && stderr.contains("there is no part 3 of 3: they are 0 to 2"), "{stderr}");
    let (status, _, stderr) = run(path, &["create", "-", "--shard", "0/2"]);
    assert!(status == 2 && stderr.contains("--shard needs files, not a stream"), "{stderr}");
}

#[test]
fn tensorboards_directory_gets_no_index_unasked() {
    let data = fs::read(EXAMPLES).unwrap();
    let folder = folder_with(&[(EVENTS, &data), ("x", &data)]);
    let path = folder.path();
    let (status, stdout, stderr) = run(path, &["create", EVENTS, "x"]);
    assert_eq!(
        (status, stdout.as_str()),
        (1, "x: 100 records -> x.idx\n2 files: 1 created (100 records, 79.94 kB), 1 failed\n")
    );
    assert!(stderr.contains("TensorBoard would take"), "{stderr}");
    assert!(stderr.ends_with("; give a path with -o, outside the log directory\n"), "{stderr}");
    let s3_cli = Command::new(env!("CARGO_BIN_EXE_s3-cli"))
        .current_dir(path)
        .args(["tfrecord-index", EVENTS])
        .output()
        .unwrap();
    let stderr = String::from_utf8(s3_cli.stderr).unwrap();
    assert_eq!(s3_cli.status.code(), Some(1));
    assert!(stderr.ends_with("; give another INDEX_PATH, outside the log directory\n"), "{stderr}");
    assert!(!path.join(format!("{EVENTS}.idx")).exists());
    assert_eq!(run(path, &["create", EVENTS, "-o", "indexes/"]).0, 0);
    assert!(path.join(format!("indexes/{EVENTS}.idx")).exists());
}

#[test]
fn indexes_are_found_by_name() {
    let data = fs::read(EXAMPLES).unwrap();
    let folder = folder_with(&[("a.tfrecord", &data), ("b.tfrecord", &data)]);
    let path = folder.path();
    assert_eq!(run(path, &["create", "a.tfrecord", "b.tfrecord", "-o", "index/train"]).0, 0);
    fs::rename(path.join("index/train/b.tfrecord.idx"), path.join("index/train/b.tfindex"))
        .unwrap();
    let check = ["check", "a.tfrecord", "b.tfrecord", "--index", "index/train"];
    assert_eq!(run(path, &check).1.lines().last(), Some("2 files: 2 ok"));
    let first = Index::read(path.join("index/train/b.tfindex")).unwrap();
    let first = Index::from_entries(first[..10].iter().copied()).unwrap();
    first.write(path.join("index/train/b.tfindex")).unwrap();
    let cat = ["cat", "--frames", "a.tfrecord", "b.tfrecord", "-i", "index/train", "-o", "out"];
    assert_eq!(run(path, &cat).0, 0);
    let printed = Index::scan(path.join("out"), &tfr_index::Options::new()).unwrap();
    assert_eq!(printed.len(), 110);
    fs::remove_file(path.join("index/train/b.tfindex")).unwrap();
    let (status, stdout, stderr) = run(path, &check);
    assert_eq!(status, 1);
    assert_eq!(stdout.lines().last(), Some("2 files: 1 ok, 1 no index"));
    assert!(stderr.starts_with("error: index/train/b.tfrecord.idx: cannot find: "), "{stderr}");

    // Beside the data, too.
    first.write(path.join("b.tfindex")).unwrap();
    assert!(run(path, &["check", "b.tfrecord"]).1.starts_with("b.tfrecord: stale"));
    assert_eq!(run(path, &["check", "b.tfrecord", "--allow-partial"]).0, 0);
    assert!(run(path, &["ls", "b.tfrecord"]).1.contains("  stale  "));
    assert!(run(path, &["cat", "b.tfrecord", "5", "-o", "5"]).2.contains("b.tfindex: "));
}

#[test]
fn each_state_has_a_word_and_a_code() {
    let data = fs::read(EXAMPLES).unwrap();
    let index = Index::from_bytes(&data, &tfr_index::Options::new()).unwrap();
    let some = |numbers: &[usize]| index.select(numbers).unwrap().to_text().unwrap();
    let all: Vec<usize> = (0..100).collect();
    let whole = some(&all);
    let mut damaged = data.clone();
    damaged[index[0].offset as usize..][..12].copy_from_slice(b"<!doctype ht");
    let shorter = &data[..index[50].offset as usize];
    let gzip = [&b"\x1f\x8b\x08\0\0\0\0\0\0\x03"[..], &[0x5a; 90]].concat();
    let folder = folder_with(&[
        ("damaged", &damaged),
        ("damaged.idx", whole.as_bytes()),
        ("grown", &data),
        ("grown.idx", some(&all[..50]).as_bytes()),
        ("gz", &gzip),
        ("html", b"<!DOCTYPE html>\n<html></html>\n"),
        ("html.idx", b""),
        ("invalid", &data),
        ("invalid.idx", b"0 78\nno index\n"),
        ("left", &data),
        ("left.idx", some(&all[1..]).as_bytes()),
        ("none", &data),
        ("noise", &[0xa5; 100]),
        ("other", &data),
        ("other.idx", b"0 79942\n"),
        ("short", shorter),
        ("short.idx", whole.as_bytes()),
        ("sound", &data),
        ("sound.idx", whole.as_bytes()),
    ]);
    let path = folder.path();
    let states = [
        ("damaged", "damaged", "damaged"),
        ("grown", "stale", "stale"),
        ("gz", "damaged", "damaged"),
        ("html", "HTML", "html"),
        ("invalid", "not an index", "invalid_index"),
        ("left", "partial", "partial"),
        ("none", "no index", "no_index"),
        ("noise", "not TFRecord", "not_tfrecord"),
        ("other", "of another file", "other_file"),
        ("short", "stale", "stale"),
        ("sound", "ok", "ok"),
    ];
    let names = states.map(|(name, ..)| name);
    let (status, checked, stderr) = run(path, &[&["check"], &names[..]].concat());
    assert_eq!(status, 1);
    let (listed_status, listed, _) = run(path, &[&["ls"], &names[..]].concat());
    assert_eq!(listed_status, 1);
    for ((name, word, _), (checked, listed)) in
        states.iter().zip(checked.lines().zip(listed.lines().skip(1)))
    {
        assert!(checked.starts_with(&format!("{name}: {word}")), "{checked}");
        assert!(listed.ends_with(&format!("  {word:<15}  {name}")), "{listed}");
    }
    let total = "11 files: 2 damaged, 2 stale, 1 HTML, 1 not an index, 1 partial, 1 no index, \
                 1 not TFRecord, 1 of another file, 1 ok";
    assert_eq!(checked.lines().last(), Some(total));
    assert!(listed.lines().last().unwrap().ends_with(total), "{listed}");
    // Each state but "ok" has a reason. No reason advises something that create refuses.
    let errors = stderr.lines().filter(|line| line.starts_with("error: "));
    assert_eq!(errors.count(), 10, "{stderr}");
    let about =
        |name: &str| stderr.lines().find(|line| line.contains(&format!("{name}: "))).unwrap();
    assert!(about("gz").contains("the compressed data ends at byte"), "{stderr}");
    assert!(!about("gz").contains("create") && about("none").contains("has no index; create it"));
    for command in ["check", "ls"] {
        let (_, json, _) = run(path, &[&[command, "--json"], &names[..]].concat());
        for ((name, _, code), object) in states.iter().zip(objects(&json)) {
            assert_eq!((&object["path"], &object["state"]), (&json!(name), &json!(code)));
        }
        let total = &objects(&json)[11]["total"];
        assert_eq!((&total["files"], &total["states"]["stale"]), (&json!(11), &json!(2)));
        for (name, word, _) in states {
            let status = i32::from(word != "ok");
            let (found, stdout, _) = run(path, &[command, name]);
            assert_eq!((found, stdout.contains("1 files")), (status, false), "{command} {name}");
        }
    }
}

fn state_of(path: &Path) -> (u64, i64, i64) {
    let metadata = fs::metadata(path).unwrap();
    (metadata.ino(), metadata.mtime(), metadata.mtime_nsec())
}

#[test]
fn only_what_is_missing_or_stale_is_updated() {
    let data = fs::read(EXAMPLES).unwrap();
    let folder = folder_with(&[("a", &data), ("b", &data), ("c", &data), ("bad", b"no record")]);
    let path = folder.path();
    assert_eq!(run(path, &["create", "a", "b"]).0, 0);
    let before = ["a.idx", "b.idx"].map(|name| state_of(&path.join(name)));
    let update = ["create", "--update", "a", "b", "c"];
    let said = "c: 100 records -> c.idx\n\
                3 files: 1 created (100 records, 79.94 kB), 2 up to date\n";
    assert_eq!(run(path, &update), (0, said.to_owned(), String::new()));
    assert_eq!(["a.idx", "b.idx"].map(|name| state_of(&path.join(name))), before);
    assert_eq!(run(path, &[&update[..], &["--sync"]].concat()).1, "3 files: 3 up to date\n");
    assert_eq!(["a.idx", "b.idx"].map(|name| state_of(&path.join(name))), before);

    fs::write(path.join("a"), data.repeat(2)).unwrap();
    fs::write(path.join("b.idx"), "0 78\n").unwrap();
    let (status, json, _) = run(path, &[&update[..], &["--json", "bad"]].concat());
    assert_eq!(status, 1);
    let [a, b, c, bad] = <[Value; 4]>::try_from(objects(&json)).unwrap();
    assert_eq!((&a["records"], &a["up_to_date"]), (&json!(200), &json!(false)));
    assert_eq!((&b["records"], &b["up_to_date"]), (&json!(100), &json!(false)));
    assert_eq!((&c["records"], &c["up_to_date"]), (&Value::Null, &json!(true)));
    assert!(bad["error"]["message"].is_string());

    // Only an index is overwritten, and a stream is not one.
    fs::write(path.join("b.idx"), "notes\n").unwrap();
    assert_eq!(run(path, &["create", "--update", "b"]).0, 1);
    for arguments in [&["create", "-u", "-"][..], &["create", "-u", "a", "-o", "-"]] {
        assert_eq!(run(path, arguments).0, 2, "{arguments:?}");
    }
}

#[test]
fn appending_nothing_touches_nothing() {
    let data = fs::read(EXAMPLES).unwrap();
    let folder = folder_with(&[("x", &data)]);
    let path = folder.path();
    assert_eq!(run(path, &["create", "x"]).0, 0);
    let before = state_of(&path.join("x.idx"));
    let append = ["create", "--append", "--growing", "x"];
    assert_eq!(run(path, &append).1, "x: 100 records -> x.idx\n");
    assert_eq!(state_of(&path.join("x.idx")), before);
    fs::write(path.join("x"), data.repeat(2)).unwrap();
    assert_eq!(run(path, &append).1, "x: 200 records -> x.idx\n");
    assert_ne!(state_of(&path.join("x.idx")), before);
}

#[test]
fn many_may_update_at_once() {
    let data = fs::read(EXAMPLES).unwrap();
    let names: Vec<String> = (0..20).map(|number| format!("x{number}")).collect();
    let files: Vec<(&str, &[u8])> = names.iter().map(|name| (&**name, &data[..])).collect();
    let folder = folder_with(&files);
    let children: Vec<_> = (0..4)
        .map(|_| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_tfr-index"));
            command.current_dir(folder.path()).args(["create", "--update"]).args(&names);
            command.stdout(Stdio::null()).spawn().unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 40);
    let arguments: Vec<_> = ["check"].into_iter().chain(names.iter().map(|name| &**name)).collect();
    assert_eq!(run(folder.path(), &arguments).1.lines().last(), Some("20 files: 20 ok"));
}
