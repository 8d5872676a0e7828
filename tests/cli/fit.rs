//! Indexes given explicitly, and indexes found beside their data, on the command line.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::programs::{ended, folder_with, tfr_index, EXAMPLES};
use serde_json::Value;
use tfr_index::{Index, Options};

fn run(directory: &Path, arguments: &[&str]) -> (i32, String, String) {
    ended(&tfr_index(directory, arguments))
}

/// The exit status of `check`, and its one word.
fn checked(directory: &Path, arguments: &[&str]) -> (i32, String) {
    let (status, stdout, _) = run(directory, &[&["check", "--json"], arguments].concat());
    let object: Value = serde_json::from_str(&stdout).unwrap();
    (status, object["state"].as_str().unwrap_or("null").to_owned())
}

/// The index column of `ls`.
fn listed(directory: &Path) -> String {
    let (_, stdout, _) = run(directory, &["ls", "x"]);
    // The third column, between the sizes and the name.
    let line = stdout.lines().nth(1).unwrap();
    line[31..46].trim_end().to_owned()
}

/// How many records `cat` prints, and its warnings.
fn read(directory: &Path, arguments: &[&str]) -> (usize, String) {
    let output = tfr_index(directory, &[&["cat", "x", "--frames"], arguments].concat());
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{stderr}");
    (Index::from_bytes(&output.stdout, &Options::new()).unwrap().len(), stderr)
}

/// Every command that finds an index leaves it aside, and says so.
fn assert_left_aside(directory: &Path, records: usize) {
    let (count, warning) = read(directory, &[]);
    assert_eq!(count, records);
    assert!(warning.starts_with("warning: x.idx: ") && warning.lines().count() == 1, "{warning}");
    assert!(warning.ends_with("; this index is not used, the data is scanned\n"), "{warning}");
    for command in [&["show", "x"][..], &["cat", "x", "0"], &["shuffle", "x", "--seed", "1"]] {
        let (status, _, stderr) = run(directory, command);
        assert_eq!((status, &stderr), (0, &warning), "{command:?}");
    }
}

/// 2,000 records.
fn data() -> Vec<u8> {
    fs::read(EXAMPLES).unwrap().repeat(20)
}

#[test]
fn shards_of_every_rank_are_used_when_they_are_given() {
    let folder = folder_with(&[("x", &data())]);
    let directory = folder.path();
    assert_eq!(run(directory, &["create", "x"]).0, 0);
    assert_eq!(run(directory, &["shard", "x", "--world-size", "4", "-o", "shards"]).0, 0);
    for rank in 0..4 {
        let shard = format!("shards/{rank}/x.idx");
        assert_eq!(read(directory, &["--index", &shard]), (500, String::new()));
        // The first shard looks like a stale index.
        let expected = if rank == 0 { (1, "stale") } else { (0, "partial") };
        let expected = (expected.0, expected.1.to_owned());
        assert_eq!(checked(directory, &["x", &shard]), expected);
        assert_eq!(checked(directory, &["x", "--index", &shard]), expected);
        let partial = (0, "partial".to_owned());
        assert_eq!(checked(directory, &["x", &shard, "--allow-partial"]), partial);
    }
    for rank in 0..4 {
        fs::copy(directory.join(format!("shards/{rank}/x.idx")), directory.join("x.idx")).unwrap();
        assert_left_aside(directory, 2000);
        let word = if rank == 0 { "stale" } else { "partial" };
        assert_eq!(
            (listed(directory), checked(directory, &["x"])),
            (word.into(), (1, word.into()))
        );
        let (status, _, stderr) = run(directory, &["check", "x"]);
        assert!(status == 1 && stderr.starts_with("error: x.idx: "), "{stderr}");
        assert_eq!(checked(directory, &["x", "--allow-partial"]), (0, "partial".to_owned()));
        assert_eq!(run(directory, &["check", "x", "--allow-partial"]).2, "");
    }
}

#[test]
fn what_leaves_a_damaged_end_out_fits() {
    let data = data();
    let cut = data.len() - 300;
    let zeroed = [&data[..cut], &[0; 300]].concat();
    let junk = [&data[..], &[0xaa; 5000]].concat();
    let stray = [&data[..], b"\n"].concat();
    for (name, damaged, records) in [
        ("cut", &data[..cut], 1999),
        ("zeroed", &zeroed, 1999),
        ("junk", &junk, 2000),
        ("stray", &stray, 2000),
    ] {
        let folder = folder_with(&[("x", damaged)]);
        let directory = folder.path();
        assert_eq!(run(directory, &["create", "x"]).0, 1, "{name}");
        let mut ways = vec![("--salvage", 3)];
        if name == "cut" || name == "stray" {
            ways.push(("--growing", 0)); // a file that is still being written
        }
        for (way, status) in ways {
            assert_eq!(run(directory, &["create", "x", way]).0, status, "{name}");
            assert_eq!(checked(directory, &["x"]), (0, "damage_left_out".into()), "{name}");
            let (_, said, _) = run(directory, &["check", "x"]);
            assert!(said.starts_with(&format!("x: ok ({records} records, ")), "{said}");
            assert!(said.ends_with(" bytes of damage left out)\n"), "{said}");
            assert_eq!(listed(directory), "damage left out");
            assert_eq!(read(directory, &[]), (records, String::new()), "{name}");
        }
    }
}

/// `check || create --salvage` succeeds in the end, wherever the damage is.
#[test]
fn a_repair_loop_converges() {
    let data = data();
    let middle = data.len() / 2;
    let in_the_middle = [&data[..middle], &[0; 5000], &data[middle + 5000..]].concat();
    let first = [&[0xaa; 40], &data[40..]].concat();
    let zeroed = [&data[..middle], &vec![0; middle]].concat();
    for damaged in [&data[..middle], &in_the_middle, &first, &zeroed, &data] {
        let folder = folder_with(&[("x", &data)]);
        let directory = folder.path();
        assert_eq!(run(directory, &["create", "x"]).0, 0);
        fs::write(directory.join("x"), damaged).unwrap();
        let script = "for round in 1 2 3; do
            \"$0\" check x && exit; \"$0\" create --salvage x; done; exit 9";
        let mut shell = Command::new("sh");
        shell.current_dir(directory).args(["-c", script, env!("CARGO_BIN_EXE_tfr-index")]);
        let output = shell.output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn a_salvaged_index_of_what_is_whole_again_is_left_aside() {
    let data = data();
    let mut damaged = data.clone();
    damaged[100_000..800_000].fill(0);
    let folder = folder_with(&[("x", &damaged)]);
    let directory = folder.path();
    assert_eq!(run(directory, &["create", "--salvage", "-cfull", "x"]).0, 3);
    let left = read(directory, &[]);
    assert!(left.0 < 2000 && left.1.is_empty());
    assert_eq!(listed(directory), "damage left out");

    // Copied again, whole.
    fs::write(directory.join("x"), &data).unwrap();
    assert_left_aside(directory, 2000);
    assert_eq!((listed(directory).as_str(), checked(directory, &["x"]).0), ("partial", 1));

    // It doubles; the damage is still there, and a scan fails as it does without an index.
    fs::write(directory.join("x"), [&damaged[..], &damaged].concat()).unwrap();
    assert_eq!(
        (listed(directory), checked(directory, &["x"])),
        ("stale".into(), (1, "stale".into()))
    );
    let (status, _, stderr) = run(directory, &["cat", "x"]);
    assert!(status == 1 && stderr.starts_with("error: x: record "), "{stderr}");
    assert!(stderr.contains(" (x.idx: record "), "{stderr}");

    // The cut record is completed.
    fs::write(directory.join("x"), &data[..700_000]).unwrap();
    assert_eq!(run(directory, &["create", "--salvage", "x"]).0, 3);
    assert_eq!(listed(directory), "damage left out");
    for whole in [&data[..], &data.repeat(2)] {
        fs::write(directory.join("x"), whole).unwrap();
        assert_left_aside(directory, whole.len() / data.len() * 2000);
        let expected = ("stale".into(), (1, "stale".into()));
        assert_eq!((listed(directory), checked(directory, &["x"])), expected);
    }
}

#[test]
fn partial_takes_nothing_that_is_stale_or_of_another_file() {
    let data = data();
    let folder = folder_with(&[("x", &data), ("cut", &data[..1000]), ("other", &data[5..])]);
    let directory = folder.path();
    assert_eq!(run(directory, &["create", "x"]).0, 0);
    let check = |file: &str| checked(directory, &[file, "--index", "x.idx", "--allow-partial"]);
    assert_eq!(check("x"), (0, "ok".into()));
    assert_eq!(check("cut"), (1, "stale".into()));
    assert_eq!(check("other"), (1, "other_file".into()));
    fs::write(directory.join("no.idx"), "0 16\n").unwrap();
    let no = checked(directory, &["x", "no.idx", "--allow-partial"]);
    assert_eq!(no, (1, "other_file".into()));
}

/// No message advises to create an index again if that would change nothing.
#[test]
fn damage_of_the_data_is_damage() {
    let data = data();
    let whole = Index::from_bytes(&data, &Options::new()).unwrap();
    let folder = folder_with(&[("x", &data)]);
    let directory = folder.path();
    assert_eq!(run(directory, &["create", "x"]).0, 0);
    for (at, level) in
        [(0, "quick"), (whole[1000].offset, "headers"), (whole[7].offset + 12, "full")]
    {
        let mut damaged = data.clone();
        damaged[at as usize..][..12].fill(0);
        fs::write(directory.join("x"), damaged).unwrap();
        assert_eq!(checked(directory, &["x", "-l", level]), (1, "damaged".into()));
        let (_, _, stderr) = run(directory, &["check", "x", "-l", level]);
        assert!(!stderr.contains("create"), "{stderr}");
        // The index still gives the other records.
        assert_eq!(read(directory, &["1999"]), (1, String::new()));
    }
    fs::write(directory.join("x"), vec![0; data.len()]).unwrap();
    assert_eq!(checked(directory, &["x"]), (1, "other_file".into()));
    fs::write(directory.join("x"), b"").unwrap();
    assert_eq!(checked(directory, &["x"]), (1, "stale".into()));
    fs::write(directory.join("x.idx"), b"").unwrap();
    assert_eq!(checked(directory, &["x"]), (0, "ok".into()));
    fs::write(directory.join("x"), b"<html>404 Not Found</html>").unwrap();
    let (status, _, stderr) = run(directory, &["check", "x"]);
    assert!(status == 1 && stderr.contains("not a TFRecord file but HTML"), "{stderr}");
}
