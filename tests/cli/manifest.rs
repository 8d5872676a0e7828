//! `tfr-index manifest`: the manifest of a data set.

use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use serde_json::{json, Value};
use tfr_index::{Index, Manifest, Options};

use crate::programs::{ended, folder_with, tfr_index, EXAMPLES};

fn run(directory: &Path, arguments: &[&str]) -> (i32, String, String) {
    ended(&tfr_index(directory, arguments))
}

/// A directory with three files of 100, 100 and 0 records in `data`, the first with an index.
fn set() -> tempfile::TempDir {
    let data = fs::read(EXAMPLES).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("data");
    fs::create_dir(&directory).unwrap();
    for (name, bytes) in [("a.tfrecord", &data[..]), ("b.tfrecord", &data), ("c.tfrecord", b"")] {
        fs::write(directory.join(name), bytes).unwrap();
    }
    assert_eq!(run(folder.path(), &["create", "data/a.tfrecord"]).0, 0);
    folder
}

#[test]
fn a_manifest_is_written_and_refreshed() {
    let folder = set();
    let path = folder.path();
    let write = |more: &[&str]| run(path, &[&["manifest", "data", "-o", "m.json"], more].concat());
    let done = (0, "m.json: 200 records in 3 shards\n".to_owned(), String::new());
    assert_eq!(write(&[]), done);
    let manifest = Manifest::read(path.join("m.json")).unwrap();
    assert_eq!((manifest.len(), manifest.total_records()), (3, 200));
    assert_eq!(manifest[0].index_path, Some(path.join("data/a.tfrecord.idx")));

    let before = fs::metadata(path.join("m.json")).unwrap().modified().unwrap();
    let (status, stdout, _) = write(&["--refresh"]);
    assert_eq!((status, &*stdout), (0, "m.json: 200 records in 3 shards, up to date\n"));
    assert_eq!(fs::metadata(path.join("m.json")).unwrap().modified().unwrap(), before);

    let data = fs::read(EXAMPLES).unwrap();
    fs::write(path.join("data/b.tfrecord"), [&data[..], &data].concat()).unwrap();
    fs::write(path.join("data/d.tfrecord"), &data).unwrap();
    fs::remove_file(path.join("data/c.tfrecord")).unwrap();
    let (status, stdout, _) = write(&["--refresh"]);
    let expected = "added: data/d.tfrecord\nchanged: data/b.tfrecord\ngone: data/c.tfrecord\n\
                    m.json: 400 records in 3 shards, refreshed\n";
    assert_eq!((status, &*stdout), (0, expected));

    // Without paths, the files are those of the manifest.
    fs::write(path.join("data/b.tfrecord"), &data).unwrap();
    let (status, stdout, _) = run(path, &["manifest", "--refresh", "-o", "m.json", "--json"]);
    let object: Value = serde_json::from_str(&stdout).unwrap();
    let expected = json!({
        "path": "m.json", "shards": 3, "records": 300, "bytes": 3 * data.len(), "added": [],
        "changed": ["data/b.tfrecord"], "gone": [], "indexed": [], "reordered": false,
    });
    assert_eq!((status, object), (0, expected));
    assert_eq!(write(&["-q"]), (0, String::new(), String::new()));
    // A manifest stands for its files.
    fs::rename(path.join("m.json"), path.join("m.manifest.json")).unwrap();
    let (status, stdout, _) = run(path, &["manifest", "m.manifest.json", "-o", "data/n.json"]);
    assert_eq!((status, &*stdout), (0, "data/n.json: 300 records in 3 shards\n"));
    assert_eq!(
        Manifest::read(path.join("data/n.json")).unwrap()[0].path,
        path.join("data/a.tfrecord")
    );
}

#[test]
fn nothing_is_overwritten_and_errors_name_the_file() {
    let folder = set();
    let path = folder.path();
    fs::write(path.join("labels.json"), "[\"cat\", \"dog\"]").unwrap();
    let (status, _, stderr) = run(path, &["manifest", "data", "-o", "labels.json"]);
    assert_eq!(status, 1);
    let text =
        "error: labels.json: refusing to overwrite: the file is not a manifest; give another \
                path\n";
    assert_eq!(stderr, text);
    let name =
        "the name of a manifest must end with .json, by which programs know it: give another \
                path\n";
    for output in ["data/a.tfrecord", "data/b.tfrecord", "m.txt"] {
        let (status, _, stderr) = run(path, &["manifest", "data", "-o", output]);
        assert_eq!((status, &*stderr), (1, &*format!("error: {output}: {name}")));
    }
    assert!(fs::read(path.join("data/a.tfrecord")).unwrap() == fs::read(EXAMPLES).unwrap());
    assert_eq!(fs::read(path.join("labels.json")).unwrap(), b"[\"cat\", \"dog\"]");

    fs::write(path.join("data/b.tfrecord"), "no records").unwrap();
    let (status, stdout, stderr) = run(path, &["manifest", "data", "-o", "m.json"]);
    assert_eq!((status, &*stdout), (1, ""));
    assert!(stderr.starts_with("error: data/b.tfrecord: "), "{stderr}");
    assert!(!path.join("m.json").exists());

    for arguments in [
        &["manifest", "data", "-o", "-"][..],
        &["manifest", "-o", "m.json"],
        &["manifest", "data"],
        &["manifest", "data", "-o", "m.json", "--refresh", "--split", "train"],
    ] {
        assert_eq!(run(path, arguments).0, 2, "{arguments:?}");
    }
    let (status, _, stderr) = run(path, &["manifest", "--refresh", "-o", "m.json"]);
    assert_eq!(
        (status, &*stderr),
        (1, "error: m.json: there is no manifest to refresh: give its files\n")
    );
}

#[test]
fn counts_come_from_tfds_and_go_there() {
    let data = fs::read(EXAMPLES).unwrap();
    let payloads = data.len() - 16 * 100;
    let info = format!(
        r#"{{"name": "x", "fileFormat": "tfrecord", "splits": [{{"name": "train", "numBytes": "{}",
        "shardLengths": ["100", "100"]}}]}}"#,
        2 * payloads
    );
    let names = ["x-train.tfrecord-00000-of-00002", "x-train.tfrecord-00001-of-00002"];
    let folder = folder_with(&[
        ("dataset_info.json", info.as_bytes()),
        (names[0], &data),
        (names[1], &data),
    ]);
    let path = folder.path();
    let command = ["manifest", ".", "--split", "train", "-o", "train.manifest.json"];
    let (status, stdout, stderr) = run(path, &command);
    assert_eq!(
        (status, &*stdout, &*stderr),
        (0, "train.manifest.json: 200 records in 2 shards\n", "")
    );

    let (status, ..) = run(path, &["manifest", ".", "-o", "m.json", "--tfds", "train"]);
    assert_eq!(status, 0);
    let written: Value =
        serde_json::from_str(&fs::read_to_string(path.join("train-info.json")).unwrap()).unwrap();
    let expected = json!({
        "filepathTemplate": "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}", "name": "train",
        "numBytes": (2 * payloads).to_string(), "shardLengths": ["100", "100"],
    });
    assert_eq!(written, expected);

    // Cut between two records.
    let index = Index::from_bytes(&data, &Options::new()).unwrap();
    fs::write(path.join(names[1]), &data[..index[60].offset as usize]).unwrap();
    let (status, _, stderr) = run(path, &command);
    assert_eq!(status, 1);
    let what = "has 60 records, but dataset_info.json says 100: the file was cut or replaced";
    assert!(stderr.contains(names[1]) && stderr.contains(what), "{stderr}");
    fs::remove_file(path.join(names[0])).unwrap();
    let (status, _, stderr) = run(path, &command);
    assert_eq!(status, 1);
    assert!(stderr.contains(names[0]) && stderr.contains("lists this shard"), "{stderr}");
}

/// The lines of the total and of the errors.
fn total_and_errors(done: &(i32, String, String)) -> (i32, &str, Vec<&str>) {
    (done.0, done.1.lines().last().unwrap(), done.2.lines().collect())
}

#[test]
fn commands_compare_the_files_of_a_manifest_with_what_it_says() {
    let folder = set();
    let path = folder.path();
    // Its name does not end in .manifest.json.
    assert_eq!(run(path, &["manifest", "data", "-o", "sizes.json"]).0, 0);
    let good = run(path, &["show", "sizes.json"]);
    let total = "3 files: 200 records, 159884 bytes";
    assert_eq!(total_and_errors(&good), (0, total, vec![]));
    // The manifest knows the records of a file without an index.
    let (status, stdout, _) = run(path, &["ls", "sizes.json"]);
    let expected = "         100            79942  no index         data/b.tfrecord";
    assert!(status == 1 && stdout.lines().any(|line| line == expected), "{stdout}");
    assert_eq!(run(path, &["create", "-q", "sizes.json"]), (0, String::new(), String::new()));
    assert_eq!(run(path, &["check", "-q", "sizes.json"]), (0, String::new(), String::new()));
    let payloads = |given| tfr_index(path, &["cat", given]).stdout;
    assert!(payloads("sizes.json") == payloads("data"));

    // b is cut at the border of a record, with an index that fits, and a is gone.
    let data = fs::read(EXAMPLES).unwrap();
    let index = Index::from_bytes(&data, &Options::new()).unwrap();
    fs::write(path.join("data/b.tfrecord"), &data[..index[60].offset as usize]).unwrap();
    assert_eq!(run(path, &["create", "-q", "data/b.tfrecord"]).0, 0);
    fs::remove_file(path.join("data/a.tfrecord")).unwrap();
    assert_eq!(run(path, &["check", "-q", "data"]).0, 0);

    let missing = "error: data/a.tfrecord: cannot open: No such file or directory (os error 2); \
                   sizes.json lists this shard";
    let cut = "error: data/b.tfrecord: has 60 records, but sizes.json says 100: the file was cut \
               or replaced";
    let (status, stdout, stderr) = run(path, &["ls", "sizes.json"]);
    let expected = "     records            bytes  index            file
           0                0  missing          data/a.tfrecord
          60            47795  changed          data/b.tfrecord
           0                0  ok               data/c.tfrecord
          60            47795                   3 files: 1 missing, 1 changed, 1 ok; sizes.json lists 200 records
";
    assert_eq!((status, &*stdout, &*stderr), (1, expected, ""));
    let (_, stdout, _) = run(path, &["ls", "--json", "sizes.json"]);
    let total: Value = serde_json::from_str(stdout.lines().last().unwrap()).unwrap();
    assert_eq!(total["total"]["listed_records"], json!(200));
    let done = run(path, &["check", "sizes.json"]);
    let total = "3 files: 1 missing, 1 changed, 1 ok; sizes.json lists 200 records";
    assert_eq!(total_and_errors(&done), (1, total, vec![missing, cut]));
    let done = run(path, &["show", "sizes.json"]);
    let total = "3 files: 0 records, 0 bytes, 2 failed; sizes.json lists 200 records";
    let short = "error: data/b.tfrecord: has 47795 bytes, but sizes.json says 79942: the file was \
                 cut or replaced";
    assert_eq!(total_and_errors(&done), (1, total, vec![missing, short]));
    let (status, _, stderr) = run(path, &["cat", "sizes.json"]);
    assert_eq!((status, stderr.lines().last()), (1, Some(cut)));
    for command in [
        &["shuffle", "sizes.json", "-o", "out", "--seed", "1"][..],
        &["shard", "sizes.json", "--world-size", "2", "-o", "out"],
        &["reshard", "sizes.json", "--shards", "2", "-o", "out"],
    ] {
        let (status, _, stderr) = run(path, command);
        assert_eq!(status, 1, "{command:?}");
        assert!(
            stderr.starts_with("error: data/a.tfrecord: cannot open: No such file"),
            "{stderr}"
        );
        assert!(!path.join("out").exists(), "{command:?}");
    }

    // What is missing can be allowed, but not what is changed.
    let (status, stdout, stderr) = run(path, &["ls", "--allow-missing", "sizes.json"]);
    assert_eq!((status, stdout.lines().count()), (1, 4));
    let note = "note: data/a.tfrecord: cannot find: No such file or directory (os error 2): \
                sizes.json lists 3 files, and it is the only one that is missing";
    assert!(stderr.starts_with(note), "{stderr}");
    let refreshed = run(path, &["manifest", "-q", "--refresh", "data", "-o", "sizes.json"]);
    assert_eq!(refreshed.0, 0);
    assert_eq!(run(path, &["check", "-q", "sizes.json"]), (0, String::new(), String::new()));

    // Only the time differs, as after a copy.
    let file = File::options().write(true).open(path.join("data/c.tfrecord")).unwrap();
    let modified = file.metadata().unwrap().modified().unwrap() - Duration::from_secs(60);
    file.set_modified(modified).unwrap();
    let (status, stdout, stderr) = run(path, &["check", "sizes.json"]);
    assert_eq!((status, stdout.lines().last().unwrap()), (1, "2 files: 1 ok, 1 changed"));
    let text = "error: data/c.tfrecord: was modified or copied after sizes.json was written; if \
                that was intended, refresh sizes.json\n";
    assert_eq!(stderr, text);
}

#[test]
fn the_indexes_of_a_manifest_are_those_that_are_edited() {
    let directory = set();
    let path = directory.path();
    fs::remove_file(path.join("data/c.tfrecord")).unwrap();
    assert_eq!(run(path, &["filter", "-q", "data", "--min", "800", "-o", "large"]).0, 0);
    let (status, stdout, _) = run(path, &["manifest", "data", "-i", "large", "-o", "l.json"]);
    assert_eq!((status, &*stdout), (0, "l.json: 96 records in 2 shards\n"));

    // None of them takes the other records of the files.
    let count = |directory: &str| {
        let names = ["a.tfrecord.idx", "b.tfrecord.idx"];
        // A file without remaining records has no index.
        let read =
            |name| Index::read(path.join(directory).join(name)).map_or(0, |index| index.len());
        names.map(read).iter().sum::<usize>()
    };
    for (command, left) in [
        (&["shuffle", "l.json", "--seed", "1", "-o", "out"][..], 96),
        (&["filter", "l.json", "--max", "900", "-o", "out"], 12),
        (&["sample", "l.json", "-n", "50", "--seed", "1", "-o", "out"], 50),
        (
            &["shard", "l.json", "--world-size", "2", "--rank", "0", "--by", "bytes", "-o", "out"],
            48,
        ),
    ] {
        let (status, _, stderr) = run(path, command);
        assert_eq!((status, &*stderr, count("out")), (0, "", left), "{command:?}");
        fs::remove_dir_all(path.join("out")).unwrap();
    }
    let (status, _, stderr) = run(path, &["concat", "l.json", "-o", "both.idx"]);
    assert_eq!((status, &*stderr), (0, ""));
    assert_eq!(Index::read(path.join("both.idx")).unwrap().len(), 96);

    // They are not stale, but an index that ends before its file is.
    fs::write(path.join("large/b.tfrecord.idx"), "0 16\n").unwrap();
    let before = fs::read(path.join("large/a.tfrecord.idx")).unwrap();
    assert_eq!(run(path, &["create", "-q", "--update", "l.json"]).0, 0);
    assert!(fs::read(path.join("large/a.tfrecord.idx")).unwrap() == before);
    assert_eq!(Index::read(path.join("large/b.tfrecord.idx")).unwrap().len(), 100);

    // Nor is one that is older than its file kept.
    let file = File::options().write(true).open(path.join("large/a.tfrecord.idx")).unwrap();
    file.set_modified(file.metadata().unwrap().modified().unwrap() - Duration::from_secs(3600))
        .unwrap();
    assert_eq!(run(path, &["create", "-q", "--update", "l.json"]).0, 0);
    assert_eq!(count("large"), 200);

    // One that is not there does not stand for all records, also if the manifest is refreshed.
    fs::remove_file(path.join("large/b.tfrecord.idx")).unwrap();
    let (status, _, stderr) = run(path, &["manifest", "data", "-i", "large", "-o", "l.json"]);
    assert_eq!(status, 1);
    assert!(stderr.contains("there is no index of data/b.tfrecord; create one, or"), "{stderr}");
    fs::create_dir(path.join("none")).unwrap();
    assert_eq!(run(path, &["manifest", "-q", "data", "-o", "all.json"]).0, 0);
    fs::remove_file(path.join("data/b.tfrecord.idx")).ok();
    let refreshed = run(path, &["manifest", "data", "-i", "none", "-o", "all.json", "--refresh"]);
    assert!(
        refreshed.0 == 1 && refreshed.2.contains("there is no index of data/b"),
        "{refreshed:?}"
    );
}

#[test]
fn files_that_are_no_manifests_are_said_to_be_none() {
    let folder = folder_with(&[
        ("x.manifest.json", b"{\"format\": \"other\"}" as &[u8]),
        ("x.json", b"{\"format\": \"other\"}"),
    ]);
    for command in ["ls", "check", "show", "create"] {
        let (status, _, stderr) = run(folder.path(), &[command, "x.manifest.json"]);
        assert_eq!(status, 1, "{command}");
        assert!(stderr.starts_with("error: x.manifest.json: not a manifest"), "{stderr}");
        let (status, stdout, stderr) = run(folder.path(), &[command, "x.json"]);
        assert_eq!(status, 1, "{command}");
        assert!((stdout + &stderr).contains("JSON"), "{command}: {stderr}");
    }
}

#[test]
fn newer_and_damaged_manifests_are_named() {
    let newer =
        "the manifest has version 2 of the format, but this program reads version 1: update \
                 tfr-index, or create the manifest again";
    let start = "{\"format\": \"tfr-index manifest\",";
    // What is new may also be before the version.
    let shards = "\"shards\": {\"path\": [{\"new\": 1}]}";
    let folder = folder_with(&[
        ("a.json", format!("{start} \"version\": 2, {shards}}}").as_bytes()),
        ("b.manifest.json", format!("{start} {shards}, \"version\": 2}}").as_bytes()),
        ("c.json", &[start.as_bytes(), b"\n\xff"].concat()),
        ("data.tfrecord", &fs::read(EXAMPLES).unwrap()),
    ]);
    for (name, what) in [
        ("a.json", newer),
        ("b.manifest.json", newer),
        (
            "c.json",
            "byte 33: the text is not UTF-8; not a manifest, or a damaged one: create it again",
        ),
    ] {
        for command in [
            &["ls", name][..],
            &["show", name],
            &["check", name],
            &["cat", name],
            &["create", name],
            &["manifest", name, "-o", "new.json"],
            &["manifest", "--refresh", "-o", name],
            &["reshard", name, "--shards", "1", "-o", "new"],
        ] {
            let (status, _, stderr) = run(folder.path(), command);
            assert_eq!(
                (status, &*stderr),
                (1, &*format!("error: {name}: {what}\n")),
                "{command:?}"
            );
        }
    }
}

#[test]
fn a_directory_of_tfds_is_compared_with_its_dataset_info() {
    let data = fs::read(EXAMPLES).unwrap();
    let index = Index::from_bytes(&data, &Options::new()).unwrap();
    let bytes = 2 * (data.len() - 16 * 100);
    let info = format!(
        r#"{{"name": "x", "splits": [{{"name": "train", "numBytes": "{bytes}",
        "shardLengths": ["100", "100"]}}, {{"name": "test", "shardLengths": ["100"]}}]}}"#,
    );
    let names = ["x-train.tfrecord-00000-of-00002", "x-train.tfrecord-00001-of-00002"];
    let folder = folder_with(&[
        ("tf/1.0.0/dataset_info.json", info.as_bytes()),
        (&format!("tf/1.0.0/{}", names[0]), &data),
        (&format!("tf/1.0.0/{}", names[1]), &data),
        ("tf/1.0.0/x-test.tfrecord-00000-of-00001", &data),
    ]);
    let path = folder.path();
    for given in ["tf", "tf/1.0.0", "tf/1.0.0/dataset_info.json"] {
        let (status, stdout, stderr) = run(path, &["ls", given]);
        let total = "         300           239826                   3 files: 3 no index";
        assert_eq!((status, stdout.lines().last(), &*stderr), (1, Some(total), ""), "{given}");
    }

    // Cut at the border of a record, without an index and with one that fits.
    let cut = path.join("tf/1.0.0").join(names[1]);
    fs::write(&cut, &data[..index[60].offset as usize]).unwrap();
    let text = format!(
        "error: tf/1.0.0/{}: has 60 records, but dataset_info.json says 100: the file was cut or \
         replaced",
        names[1]
    );
    for _ in 0..2 {
        let (status, stdout, stderr) = run(path, &["check", "tf"]);
        assert_eq!(status, 1);
        assert!(stdout.ends_with("1 changed; dataset_info.json lists 300 records\n"), "{stdout}");
        assert_eq!(stderr.lines().last(), Some(&*text));
        let (status, stdout, _) = run(path, &["ls", "tf"]);
        assert!(status == 1 && stdout.contains(" changed "), "{stdout}");
        assert_eq!(run(path, &["show", "tf"]).2, format!("{text}\n"));
        assert_eq!(run(path, &["manifest", "tf", "-o", "m.json"]).2, format!("{text}\n"));
        assert_eq!(run(path, &["create", "-q", "tf"]).0, 0);
    }

    fs::remove_file(&cut).unwrap();
    let (status, stdout, stderr) = run(path, &["check", "tf"]);
    let total = "3 files: 2 ok, 1 missing; dataset_info.json lists 300 records";
    assert_eq!((status, stdout.lines().last()), (1, Some(total)));
    assert!(stderr.contains(&format!("{}: cannot open: No such file", names[1])), "{stderr}");
    let (status, stdout, stderr) = run(path, &["show", "tf"]);
    let text = format!(
        "error: tf/1.0.0/{}: cannot find: No such file or directory (os error 2): \
         tf/1.0.0/dataset_info.json lists 3 files, and it is the only one that is missing; restore \
         what is missing, or use --allow-missing\n",
        names[1]
    );
    assert_eq!((status, &*stdout, stderr), (1, "", text));
    let allowed = run(path, &["show", "--allow-missing", "tf"]);
    assert_eq!(total_and_errors(&allowed).1, "2 files: 200 records, 159884 bytes");
    // A pattern may leave out a split.
    assert_eq!(run(path, &["check", "-q", "tf", "--pattern", "x-test*"]).0, 0);

    // Another program's file of this name.
    fs::write(path.join("tf/1.0.0/dataset_info.json"), "{\"splits\": {}}").unwrap();
    let (status, _, stderr) = run(path, &["check", "--allow-missing", "tf"]);
    assert!(status == 0 && stderr.contains("so the files count as they are"), "{stderr}");
}

#[test]
fn an_index_is_no_change_of_its_file() {
    let folder = set();
    let path = folder.path();
    let refresh = ["manifest", "data", "-o", "m.json", "--refresh"];
    assert_eq!(run(path, &refresh).0, 0);
    assert_eq!(run(path, &["create", "-q", "data/b.tfrecord"]).0, 0);
    let expected = "indexed: data/b.tfrecord\nm.json: 200 records in 3 shards, refreshed\n";
    assert_eq!(run(path, &refresh), (0, expected.to_owned(), String::new()));
    let index_path = Manifest::read(path.join("m.json")).unwrap()[1].index_path.clone();
    assert_eq!(index_path, Some(path.join("data/b.tfrecord.idx")));
    let expected = "m.json: 200 records in 3 shards, up to date\n";
    assert_eq!(run(path, &refresh).1, expected);
}

#[test]
fn a_refresh_can_leave_out_what_is_missing() {
    let folder = set();
    let path = folder.path();
    assert_eq!(run(path, &["manifest", "data", "-o", "m.json"]).0, 0);
    fs::remove_file(path.join("data/b.tfrecord")).unwrap();
    let refresh = ["manifest", "-o", "m.json", "--refresh"];
    let (status, _, stderr) = run(path, &refresh);
    let expected =
        "error: data/b.tfrecord: cannot open: No such file or directory (os error 2); m.json \
                    lists this shard: give the paths of the set again, or use --allow-missing\n";
    assert_eq!((status, &*stderr), (1, expected));
    let (status, stdout, stderr) = run(path, &[&refresh[..], &["--allow-missing"]].concat());
    let expected = "gone: data/b.tfrecord\nm.json: 100 records in 2 shards, refreshed\n";
    let note =
        "note: data/b.tfrecord: cannot find: No such file or directory (os error 2): m.json \
                lists 3 files, and it is the only one that is missing\n";
    assert_eq!((status, &*stdout, &*stderr), (0, expected, note));

    // A split is read as it is listed.
    for more in [&["--allow-missing"][..], &["--pattern", "*"], &["--files-from", "list"]] {
        let split = ["manifest", "data", "--split", "train", "-o", "n.json"];
        let (status, _, stderr) = run(path, &[&split[..], more].concat());
        assert_eq!(status, 2, "{more:?}");
        assert!(stderr.contains("cannot be used with"), "{stderr}");
    }
}

/// A directory of TFDS, `tf`, whose second shard is cut after 60 of 100 records, a manifest that was
/// written before, and indexes that were made afterwards, in `ix`.
fn cut_set() -> (tempfile::TempDir, String) {
    let data = fs::read(EXAMPLES).unwrap();
    let index = Index::from_bytes(&data, &Options::new()).unwrap();
    let info = r#"{"name": "x", "splits": [{"name": "train", "shardLengths": ["100", "100"]}]}"#;
    let names = ["x-train.tfrecord-00000-of-00002", "x-train.tfrecord-00001-of-00002"];
    let folder = folder_with(&[
        ("tf/dataset_info.json", info.as_bytes()),
        (&format!("tf/{}", names[0]), &data),
        (&format!("tf/{}", names[1]), &data),
    ]);
    let path = folder.path();
    assert_eq!(run(path, &["manifest", "tf", "-o", "all.manifest.json"]).0, 0);
    let cut = path.join("tf").join(names[1]);
    fs::write(&cut, &data[..index[60].offset as usize]).unwrap();
    assert_eq!(run(path, &["create", "-q", "tf", "-o", "ix"]).0, 0);
    (folder, format!("tf/{}", names[1]))
}

#[test]
fn indexes_in_another_place_do_not_hide_what_is_listed() {
    let (folder, cut) = cut_set();
    let path = folder.path();
    let reshard = ["--shards", "2", "-o", "new"];
    for (set, list) in [
        ("tf", "dataset_info.json"),
        ("tf/dataset_info.json", "dataset_info.json"),
        ("all.manifest.json", "all.manifest.json"),
    ] {
        let (status, stdout, _) = run(path, &["check", set, "-i", "ix"]);
        let total = stdout.lines().last().unwrap_or_default().to_owned();
        let expected = format!("2 files: 1 ok, 1 changed; {list} lists 200 records");
        assert_eq!((status, total), (1, expected), "{set}");
        for more in [&["-i", "ix"][..], &[]] {
            let (status, _, stderr) = run(path, &[&["reshard", set], more, &reshard].concat());
            assert!(status == 1 && stderr.contains(&cut), "{set}: {stderr}");
            assert!(stderr.contains(list), "{set}: {stderr}");
        }
        for command in [&["concat", set, "-o", "x.idx"][..], &["manifest", set, "-o", "n.json"]] {
            let (status, _, stderr) = run(path, command);
            assert!(status == 1 && stderr.contains(&cut) && stderr.contains(list), "{stderr}");
        }
        // Salvage takes what is left, and says what it lacks.
        let lacks = format!("{cut}: has 60 records, but {list} says 100");
        for command in [
            &[&["reshard", set], &reshard[..]].concat()[..],
            &["cat", set, "--frames", "-o", "left"],
            &["show", set],
            &["show", set, "--json"],
        ] {
            let (status, _, stderr) = run(path, &[command, &["--salvage"]].concat());
            assert!(status == 3 && stderr.starts_with(&lacks), "{command:?}: {status} {stderr}");
            assert_eq!(stderr.lines().count(), 1, "{command:?}: {stderr}");
        }
        assert_eq!(Index::scan(path.join("left"), &Options::new()).unwrap().len(), 160);
        fs::remove_file(path.join("left")).unwrap();
        fs::remove_dir_all(path.join("new")).unwrap();
    }
}

#[test]
fn commands_find_indexes_in_another_directory() {
    let folder = set();
    let path = folder.path();
    assert_eq!(run(path, &["create", "-q", "data", "-o", "ix"]).0, 0);
    fs::remove_file(path.join("data/a.tfrecord.idx")).unwrap();
    let manifest = ["manifest", "data", "-i", "ix", "-o", "m.manifest.json"];
    assert_eq!(run(path, &manifest).0, 0);
    let rows = Manifest::read(path.join("m.manifest.json")).unwrap();
    assert_eq!(rows[1].index_path, Some(path.join("ix/b.tfrecord.idx")));
    for set in [&["data", "-i", "ix"][..], &["m.manifest.json"]] {
        let listed = run(path, &[&["ls"], set].concat());
        assert!(listed.0 == 0 && listed.1.ends_with("3 files: 3 ok\n"), "{listed:?}");
        let shown = run(path, &[&["show"], set].concat());
        assert!(shown.0 == 0 && shown.1.contains("3 files: 200 records"), "{shown:?}");
        // They are where they are looked for.
        fs::rename(path.join("ix"), path.join("iy")).unwrap();
        assert_eq!(run(path, &[&["ls"], set].concat()).0, 1);
        let (status, _, stderr) = run(path, &[&["show"], set].concat());
        assert!(status == 1 && stderr.starts_with("error: ix"), "{stderr}");
        fs::rename(path.join("iy"), path.join("ix")).unwrap();
    }
    // An index that is missing is created where the manifest says.
    fs::remove_file(path.join("ix/b.tfrecord.idx")).unwrap();
    assert_eq!(run(path, &["create", "-q", "--update", "m.manifest.json"]).0, 0);
    assert!(path.join("ix/b.tfrecord.idx").exists());
    assert!(!path.join("data/b.tfrecord.idx").exists());
    for command in [
        &["ls", "data", "-i"][..],
        &["show", "data", "-i"],
        &["manifest", "data", "-o", "x.json", "-i"],
        &["reshard", "data", "--shards", "1", "-o", "new", "-i"],
    ] {
        let (status, _, stderr) = run(path, &[command, &["none"]].concat());
        let missing = "error: none: No such file or directory (os error 2)\n";
        assert_eq!((status, &*stderr), (1, missing), "{command:?}");
        let (status, _, stderr) = run(path, &[command, &["data/a.tfrecord"]].concat());
        let other = "error: data/a.tfrecord: is not a directory of indexes\n";
        assert_eq!((status, &*stderr), (1, other), "{command:?}");
    }
}

#[test]
fn edited_indexes_select_from_the_files_that_are_listed() {
    let (folder, cut) = cut_set();
    let path = folder.path();
    fs::copy(EXAMPLES, path.join(&cut)).unwrap();
    assert_eq!(run(path, &["manifest", "tf", "-o", "all.manifest.json"]).0, 0);
    assert_eq!(run(path, &["sample", "-n", "30", "tf", "-o", "few", "--seed", "1"]).0, 0);
    for set in ["tf", "all.manifest.json"] {
        let reshard = ["reshard", set, "-i", "few", "--shards", "2", "-o", "new"];
        let (status, stdout, stderr) = run(path, &reshard);
        assert!(status == 0 && stdout.contains("30 records"), "{stderr}");
        fs::remove_dir_all(path.join("new")).unwrap();
        let checked = run(path, &["check", set, "-i", "few"]);
        assert_eq!((checked.0, &*checked.2), (0, ""), "{}", checked.1);
    }
    // A manifest of edited indexes stands for their records in each command.
    let written = run(path, &["manifest", "tf", "-i", "few", "-o", "few.manifest.json"]);
    assert_eq!((written.0, &*written.1), (0, "few.manifest.json: 30 records in 2 shards\n"));
    for set in [&["few.manifest.json"][..], &["all.manifest.json", "-i", "few"]] {
        let shown = run(path, &[&["show"], set].concat());
        assert!(shown.0 == 0 && shown.1.contains("2 files: 30 records"), "{shown:?}");
        let listed = run(path, &[&["ls"], set].concat());
        let total = listed.1.lines().last().unwrap().split_whitespace().next();
        assert_eq!((listed.0, total), (0, Some("30")), "{listed:?}");
        assert_eq!(run(path, &[&["check"], set].concat()).0, 0);
        assert_eq!(run(path, &[&["cat", "--frames", "-o", "few.rec"], set].concat()).0, 0);
        assert_eq!(Index::scan(path.join("few.rec"), &Options::new()).unwrap().len(), 30);
        fs::remove_file(path.join("few.rec")).unwrap();
    }
    let file = File::options().write(true).open(path.join(&cut)).unwrap();
    let modified = file.metadata().unwrap().modified().unwrap() - Duration::from_secs(60);
    file.set_modified(modified).unwrap();
    let reshard = ["reshard", "all.manifest.json", "-i", "few", "--shards", "2", "-o", "new"];
    let (status, _, stderr) = run(path, &reshard);
    assert!(status == 1 && stderr.contains("after all.manifest.json was written"), "{stderr}");
}

#[test]
fn patterns_leave_out_the_manifest_of_their_files() {
    let folder = set();
    let path = folder.path();
    assert_eq!(run(path, &["create", "-q", "data"]).0, 0);
    assert_eq!(run(path, &["manifest", "data", "-o", "data/m.manifest.json"]).0, 0);
    let total = "3 files: 200 records, 159884 bytes";
    for given in ["data/*", "data/m.*"] {
        assert_eq!(total_and_errors(&run(path, &["show", given])), (0, total, vec![]), "{given}");
    }
    fs::copy(EXAMPLES, path.join("other.tfrecord")).unwrap();
    let shown = run(path, &["show", "{data/m.manifest.json,other.tfrecord}"]);
    let total = "4 files: 300 records, 239826 bytes";
    assert_eq!(total_and_errors(&shown), (0, total, vec![]));
    // As a shell expands data/*.
    let all = ["create", "data/a.tfrecord", "data/a.tfrecord.idx", "data/m.manifest.json"];
    let (status, _, stderr) = run(path, &all);
    let text =
        "error: data/a.tfrecord: is given, and data/m.manifest.json lists it, too; give one \
                of the two\n";
    assert_eq!((status, &*stderr), (1, text));
    let (status, _, stderr) =
        run(path, &["create", "data/m.manifest.json", "data/m.manifest.json"]);
    let text = "error: data/a.tfrecord: is listed twice, by data/m.manifest.json and by \
                data/m.manifest.json; give one of the two\n";
    assert_eq!((status, &*stderr), (1, text));
    for command in [
        &["dump", "data/m.manifest.json"][..],
        &["select", "data/m.manifest.json", "0"],
        &["locate", "data/m.manifest.json", "0"],
    ] {
        let (status, _, stderr) = run(path, command);
        let says = ["manifest: it lists the files of a data set", "is a manifest, not an index"];
        assert!(status == 1 && says.iter().any(|text| stderr.contains(text)), "{stderr}");
    }
}
