//! `tfr-index cat`, `show` and `locate` of damaged files that have no index: `--salvage`.

use std::fs;

use crate::programs::{ended, folder_with, tfr_index, EXAMPLES};
use tfr_index::{Entry, Index, Options};

/// The file `x`, whose record 41 has a damaged header, and the entries of the other records.
fn damaged() -> (tempfile::TempDir, Vec<u8>, Entry, Vec<Entry>) {
    let mut data = fs::read(EXAMPLES).unwrap();
    let mut entries = Index::from_bytes(&data, &Options::new()).unwrap().into_entries();
    let lost = entries.remove(41);
    data[lost.offset as usize..][..8].fill(0x55);
    (folder_with(&[("x", &data)]), data, lost, entries)
}

#[test]
fn what_is_good_is_looked_at() {
    let (folder, data, lost, entries) = damaged();
    let payload = |record: usize| {
        let range = entries[record].payload();
        &data[range.start as usize..range.end as usize]
    };
    let region = format!("; skipped bytes {} to {} ", lost.offset, lost.offset + lost.size);
    let run = |arguments: &[&str]| {
        let output = tfr_index(folder.path(), arguments);
        let stderr = String::from_utf8(output.stderr.clone()).unwrap();
        assert_eq!(output.status.code(), Some(3), "{stderr}");
        assert!(stderr.starts_with("x: record 41 ") && stderr.contains(&region), "{stderr}");
        assert_eq!(stderr.lines().count(), 1);
        output.stdout
    };
    for command in [&["show", "x"][..], &["cat", "x", "50"], &["cat", "x"]] {
        let (status, stdout, stderr) = ended(&tfr_index(folder.path(), command));
        assert_eq!((status, stdout.as_str()), (1, ""), "{command:?}");
        assert!(stderr.starts_with("error: x: record 41 "), "{stderr}");
    }
    let size: u64 = entries.iter().map(|entry| entry.size).sum();
    let shown = String::from_utf8(run(&["show", "--salvage", "x"])).unwrap();
    assert!(shown.starts_with(&format!("x: 99 records, {size} bytes\n")), "{shown}");
    let json = run(&["show", "--salvage", "--json", "x"]);
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!((&json["records"], &json["damaged_regions"]), (&99.into(), &1.into()));
    assert_eq!(run(&["cat", "--salvage", "x", "41"]), payload(41));
    let all: Vec<u8> = (0..99).flat_map(payload).copied().collect();
    assert_eq!(run(&["cat", "--salvage", "x"]), all);
    run(&["cat", "--salvage", "--frames", "x", "-o", "good"]);
    let good = Index::scan(folder.path().join("good"), &Options::new()).unwrap();
    assert_eq!(good.len(), 99);

    // Nothing is damaged here.
    let (status, stdout, stderr) =
        ended(&tfr_index(folder.path(), &["show", "--salvage", "--json", "good"]));
    assert_eq!((status, stderr.as_str()), (0, ""));
    assert!(stdout.contains("\"damaged_regions\":0"), "{stdout}");
    assert_eq!(ended(&tfr_index(folder.path(), &["cat", "--salvage", "x", "99"])).0, 1);
    let both = ["cat", "--salvage", "x", "--index", "x.idx"];
    assert_eq!(ended(&tfr_index(folder.path(), &both)).0, 2);
}

/// Under policy `full`, salvage skips records with a damaged payload.
#[test]
fn damaged_payloads_are_left_out_by_their_checksums() {
    let mut data = fs::read(EXAMPLES).unwrap();
    let index = Index::from_bytes(&data, &Options::new()).unwrap();
    data[index[7].offset as usize + 12] ^= 1;
    let folder = folder_with(&[("x", &data)]);
    let run = |arguments: &[&str]| ended(&tfr_index(folder.path(), arguments));
    let (status, _, stderr) = run(&["cat", "--salvage", "x", "-o", "out"]);
    assert_eq!(status, 1);
    assert!(stderr.ends_with("; to skip damaged payloads, use --checksums full\n"), "{stderr}");
    assert_eq!(run(&["cat", "--salvage", "-cfull", "--frames", "x", "-o", "out"]).0, 3);
    let out = Index::scan(folder.path().join("out"), &Options::new()).unwrap();
    assert_eq!(out.len(), 99);
}

#[test]
fn a_byte_behind_damage_is_located() {
    let (folder, _, lost, entries) = damaged();
    let locate = |byte: u64, options: &[&str]| {
        let byte = byte.to_string();
        ended(&tfr_index(folder.path(), &[&["locate", "x", &byte], options].concat()))
    };
    let behind = entries[60].offset + 12;
    let (status, _, stderr) = locate(behind, &[]);
    assert!(status == 1 && stderr.starts_with("error: x: record 41 at byte "), "{stderr}");
    let (status, stdout, stderr) = locate(behind, &["--salvage"]);
    assert_eq!(status, 3);
    let said = format!("x: byte {behind} is in the payload of record 60\nstarts at byte: {}\n", {
        entries[60].offset
    });
    assert!(stdout.starts_with(&said), "{stdout}");
    assert!(stderr.contains(&format!("; skipped bytes {} to ", lost.offset)), "{stderr}");
    // Inside the damage: the header is known to be one, the bytes after it are not known to be a record's.
    let (status, stdout, stderr) = locate(lost.offset + 3, &["--salvage"]);
    assert_eq!((status, stderr.as_str()), (0, ""));
    assert!(stdout.contains("is in the length of record 41\n"), "{stdout}");
    let (status, _, stderr) = locate(lost.offset + 20, &["--salvage"]);
    let lost = format!("(bytes {} to {} are lost)\n", lost.offset, lost.offset + lost.size);
    assert!(status == 1 && stderr.ends_with(&lost) && stderr.lines().count() == 1, "{stderr}");
}
