//! `tfr-index cat` of one file and of several.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::programs::{ended, folder_with, tfr_index, EXAMPLES};
use tfr_index::{Index, Options};

fn run(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    ended(&tfr_index(folder, arguments))
}

/// Files `a` with 100 records and `b` with 3.
struct Files {
    folder: tempfile::TempDir,
    data: Vec<u8>,
    index: Index,
}

fn files() -> Files {
    let data = fs::read(EXAMPLES).unwrap();
    let index = Index::from_bytes(&data, &Options::new()).unwrap();
    let b = &data[..index[3].offset as usize];
    Files { folder: folder_with(&[("a", &data), ("b", b)]), data: data.clone(), index }
}

impl Files {
    fn payloads(&self, records: impl IntoIterator<Item = usize>) -> Vec<u8> {
        let payload = |record: usize| self.index[record].payload();
        let bytes =
            |range: std::ops::Range<u64>| &self.data[range.start as usize..range.end as usize];
        records.into_iter().map(payload).map(bytes).collect::<Vec<_>>().concat()
    }

    fn printed(&self, arguments: &[&str]) -> Vec<u8> {
        let output = tfr_index(self.folder.path(), arguments);
        assert!(output.status.success() && output.stderr.is_empty(), "{arguments:?}: {output:?}");
        output.stdout
    }
}

#[test]
fn several_files_are_printed_in_their_order() {
    let files = files();
    let (a, b) = (files.payloads(0..100), files.payloads(0..3));
    assert_eq!(files.printed(&["cat", "a", "b"]), [&a[..], &b].concat());
    assert_eq!(files.printed(&["cat", "b", "a", "b"]), [&b[..], &a, &b].concat());
    files.printed(&["cat", "b", "b", "--frames", "-o", "twice"]);
    let twice = Index::scan(files.folder.path().join("twice"), &Options::new()).unwrap();
    assert_eq!(twice.len(), 6);

    // Each with its index, in the same order.
    let write = |records: &[usize], name: &str| {
        files.index.select(records).unwrap().write(files.folder.path().join(name)).unwrap()
    };
    write(&[5, 4], "a.some");
    write(&[2, 0], "b.some");
    let some = files.payloads([5, 4, 2, 0]);
    assert_eq!(files.printed(&["cat", "a", "b", "--index", "a.some", "b.some"]), some);
    assert_eq!(files.printed(&["cat", "a", "b", "-i", "a.some", "-i", "b.some"]), some);
    // A record number is not an index.
    assert_eq!(files.printed(&["cat", "a", "-i", "a.some", "1"]), files.payloads([4]));
    for wrong in [
        &["cat", "a", "b", "--index", "a.some"][..],
        &["cat", "a", "--index", "a.some", "b.some"],
        &["cat", "a", "b", "0"],
        &["cat", "a", "0", "b"],
        &["cat"],
    ] {
        let (status, stdout, stderr) = run(files.folder.path(), wrong);
        assert_eq!((status, stdout.as_str()), (2, ""), "{wrong:?}: {stderr}");
    }
}

#[test]
fn a_file_that_fails_leaves_the_others() {
    let files = files();
    let directory = files.folder.path();
    let (b, missing) = (files.payloads(0..3), "error: none: cannot open");
    let output = tfr_index(directory, &["cat", "b", "none", "b"]);
    assert_eq!((output.status.code(), &output.stdout), (Some(1), &[&b[..], &b].concat()));
    assert!(String::from_utf8(output.stderr).unwrap().starts_with(missing));
    // But not a file that lacks some of the records.
    let (status, stdout, stderr) = run(directory, &["cat", "b", "none", "b", "-o", "out"]);
    assert_eq!((status, stdout.as_str()), (1, ""));
    assert!(stderr.starts_with(missing) && stderr.lines().count() == 1, "{stderr}");
    assert!(!directory.join("out").exists());
}

#[test]
fn damage_in_any_file_is_left_out() {
    let files = files();
    let mut damaged = files.data.clone();
    damaged[90] ^= 1; // the second payload
    fs::write(files.folder.path().join("damaged"), damaged).unwrap();
    let salvaged = ["cat", "-c", "full", "--salvage", "damaged", "b"];
    let expected = files.payloads([0].into_iter().chain(2..100).chain(0..3));
    let output = tfr_index(files.folder.path(), &salvaged);
    assert_eq!((output.status.code(), &output.stdout), (Some(3), &expected));
    let to_file = [&salvaged[..], &["-o", "out"]].concat();
    assert_eq!(run(files.folder.path(), &to_file).0, 3);
    assert_eq!(fs::read(files.folder.path().join("out")).unwrap(), expected);
}

/// `cat *` where file names are numbers, as in a directory of shards.
#[test]
fn a_file_is_never_taken_for_a_record() {
    let files = files();
    let directory = files.folder.path();
    fs::rename(directory.join("a"), directory.join("0")).unwrap();
    fs::rename(directory.join("b"), directory.join("2")).unwrap();
    fs::create_dir(directory.join("5")).unwrap();
    let (status, stdout, stderr) = run(directory, &["cat", "0", "2"]);
    assert_eq!((status, stdout.as_str()), (2, ""));
    assert!(stderr.contains("write ./2 for the file, or 02 for the records"), "{stderr}");
    let both = [files.payloads(0..100), files.payloads(0..3)].concat();
    assert_eq!(files.printed(&["cat", "0", "./2"]), both);
    assert_eq!(files.printed(&["cat", "0", "02"]), files.payloads([2]));
    assert_eq!(files.printed(&["cat", "0", "5"]), files.payloads([5])); // a directory
}

/// Errors name the file that was asked for, not the temporary one.
#[test]
fn an_output_that_cannot_be_written_is_named() {
    let files = files();
    let (status, _, stderr) = run(files.folder.path(), &["cat", "a", "-o", "none/out"]);
    assert_eq!(
        (status, stderr.as_str()),
        (1, "error: none/out: No such file or directory (os error 2)\n")
    );
    let mut command = Command::new("sh");
    let script = "ulimit -f 4; exec \"$0\" cat a -o out";
    command.args(["-c", script, env!("CARGO_BIN_EXE_tfr-index")]).current_dir(files.folder.path());
    let expected = "error: out: cannot write: File too large (os error 27)\n";
    assert_eq!(ended(&command.output().unwrap()), (1, String::new(), expected.to_owned()));
    assert_eq!(fs::read_dir(files.folder.path()).unwrap().count(), 2);
}

/// Memory is limited to less than the index and its entries take: 16 bytes a record.
#[cfg(target_os = "linux")]
#[test]
fn memory_stays_constant() {
    const RECORDS: usize = 6 << 20;
    let frame = b"\0\0\0\0\0\0\0\0\x29\x03\x98\x07\xd8\xea\x82\xa2";
    let folder = folder_with(&[("x", &frame.repeat(RECORDS))]);
    assert_eq!(run(folder.path(), &["create", "-q", "x"]).0, 0);
    assert!(fs::metadata(folder.path().join("x.idx")).unwrap().len() > 2 * (32 << 20));
    let program = env!("CARGO_BIN_EXE_tfr-index");
    let last = RECORDS - 1;
    for (arguments, size) in [
        (format!("x {last} 0-2"), 64),
        (format!("x {last} 0-2 --index x.idx"), 64),
        ("x".to_owned(), 16 * RECORDS),
        ("x --index x.idx".to_owned(), 16 * RECORDS),
    ] {
        let script = format!(
            "ulimit -v 32768; '{program}' -q cat --frames {arguments} >out && cmp -n {size} out x"
        );
        let mut command = Command::new("sh");
        let output = command.current_dir(folder.path()).args(["-c", &script]).output().unwrap();
        assert_eq!(ended(&output), (0, String::new(), String::new()), "{arguments}");
        let written = fs::metadata(folder.path().join("out")).unwrap().len();
        assert_eq!(written, size as u64, "{arguments}");
    }
}
