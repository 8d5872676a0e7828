//! `tfr-index reshard`.

use std::fs;
use std::os::unix::fs::{symlink, PermissionsExt};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::child::with_defaults;
use crate::programs::{ended, folder_with, tfr_index, EXAMPLES};
use tfr_index::{Index, Options, Permutation, Reader};

fn run(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    ended(&tfr_index(folder, arguments))
}

/// Files `data/a.tfrecord` with 100 records and `data/b.tfrecord` with 3.
fn data_set() -> (tempfile::TempDir, Vec<Vec<u8>>) {
    let data = fs::read(EXAMPLES).unwrap();
    let index = Index::from_bytes(&data, &Options::new()).unwrap();
    let folder = folder_with(&[]);
    fs::create_dir(folder.path().join("data")).unwrap();
    fs::write(folder.path().join("data/a.tfrecord"), &data).unwrap();
    let three = &data[..index[3].offset as usize];
    fs::write(folder.path().join("data/b.tfrecord"), three).unwrap();
    let reader = Reader::open(EXAMPLES, &Options::new()).unwrap();
    let records: Vec<_> = (0..100).chain(0..3).map(|i| reader.read(i).unwrap()).collect();
    (folder, records)
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

/// The other commands read compressed files, too.
#[test]
fn the_other_commands_read_compressed_copies() {
    let (folder, records) = data_set();
    let directory = folder.path();
    let arguments = ["reshard", "data", "-o", "new", "--shard-bytes", "40KB", "--gzip"];
    let (status, stdout, stderr) = run(directory, &arguments);
    assert_eq!((status, stderr.as_str()), (0, ""));
    assert!(stdout.starts_with("new: 3 shards, 103 records, "), "{stdout}");
    let shards = [0, 1, 2].map(|i| format!("new/train-0000{i}-of-00003.tfrecord.gz"));
    for shard in &shards {
        for end in ["", ".idx", ".seek"] {
            assert!(directory.join(format!("{shard}{end}")).exists(), "{shard}{end}");
        }
        let mut gzip = Command::new("gzip");
        assert!(gzip.args(["-t", shard]).current_dir(directory).status().unwrap().success());
    }
    assert_eq!(names(&directory.join("new")).len(), 10);
    for command in ["check", "ls", "show"] {
        let (status, stdout, stderr) = run(directory, &[command, "new"]);
        assert_eq!((status, stderr.as_str()), (0, ""), "{command}: {stdout}");
    }
    assert!(tfr_index(directory, &["cat", "new"]).stdout == records.concat());
    assert!(tfr_index(directory, &["cat", &shards[0], "2"]).stdout == records[2]);
    let (status, _, stderr) = run(directory, &["manifest", "new", "-o", "again.json"]);
    assert_eq!((status, stderr.as_str()), (0, ""));
    let (status, _, _) = run(directory, &["reshard", "new", "-o", "plain", "--shards", "1"]);
    assert_eq!(status, 0);
    let plain =
        Reader::open(directory.join("plain/train-00000-of-00001.tfrecord"), &Options::new());
    let plain = plain.unwrap();
    assert!((0..103).all(|record| plain.read(record).unwrap() == records[record]));
}

/// The other commands read what reshard wrote.
#[test]
fn the_other_commands_read_the_copy() {
    let (folder, records) = data_set();
    let directory = folder.path();
    let (status, stdout, stderr) =
        run(directory, &["reshard", "data", "-o", "new", "--shards", "4"]);
    assert_eq!((status, stderr.as_str()), (0, ""));
    let bytes = records.iter().map(|record| record.len() + 16).sum::<usize>();
    assert_eq!(stdout, format!("new: 4 shards, 103 records, {bytes} bytes\n"));
    let shards = [0, 1, 2, 3].map(|i| format!("new/train-0000{i}-of-00004.tfrecord"));
    let mut expected: Vec<_> = shards
        .iter()
        .flat_map(|shard| [shard[4..].to_owned(), format!("{}.idx", &shard[4..])])
        .collect();
    expected.push("train.manifest.json".to_owned());
    assert_eq!(names(&directory.join("new")), expected);
    assert_eq!(names(directory), ["data", "new"]);

    let with = |command: &[&str]| {
        let shards = shards.iter().map(String::as_str);
        tfr_index(directory, &command.iter().copied().chain(shards).collect::<Vec<_>>())
    };
    assert_eq!(with(&["cat"]).stdout, records.concat());
    for command in [&["check"][..], &["check", "--level", "full"], &["ls"]] {
        let output = with(command);
        assert!(output.status.success(), "{command:?}: {output:?}");
    }

    // In order, one shard is the concatenation.
    let (status, ..) =
        run(directory, &["reshard", "data", "-o", "one", "--shards=1", "--name=x", "-q"]);
    assert_eq!(status, 0);
    let old =
        ["data/a.tfrecord", "data/b.tfrecord"].map(|path| fs::read(directory.join(path)).unwrap());
    assert_eq!(fs::read(directory.join("one/x-00000-of-00001.tfrecord")).unwrap(), old.concat());
}

#[test]
fn a_shuffled_copy_has_the_order_of_the_permutation() {
    let (folder, records) = data_set();
    let directory = folder.path();
    let arguments = ["reshard", "data", "-o", "new", "--shard-bytes", "3KiB", "--shuffle", "7"];
    let (status, stdout, stderr) = run(directory, &arguments);
    assert_eq!((status, stderr.as_str()), (0, ""), "{stdout}");
    let shards: Vec<_> = names(&directory.join("new"))
        .into_iter()
        .filter(|name| name.ends_with(".tfrecord"))
        .map(|name| format!("new/{name}"))
        .collect();
    assert!(shards.len() > 2, "{shards:?}");
    let arguments: Vec<_> = ["cat"].into_iter().chain(shards.iter().map(String::as_str)).collect();
    let order = Permutation::new(103, 7);
    let expected = order.iter().map(|i| records[i as usize].clone());
    assert_eq!(tfr_index(directory, &arguments).stdout, expected.collect::<Vec<_>>().concat());
}

#[test]
fn damage_is_an_error_or_left_out() {
    let (folder, records) = data_set();
    let directory = folder.path();
    let mut data = fs::read(directory.join("data/a.tfrecord")).unwrap();
    data[90] ^= 1; // the second payload
    fs::write(directory.join("data/a.tfrecord"), data).unwrap();
    let arguments = ["reshard", "data", "-o", "new", "--shards", "2"];
    let (status, stdout, stderr) = run(directory, &arguments);
    assert_eq!((status, stdout.as_str()), (1, ""));
    let place =
        format!("error: data/a.tfrecord: record 1 at byte {}: payload CRC", records[0].len() + 16);
    assert!(stderr.starts_with(&place) && stderr.lines().count() == 1, "{stderr}");
    assert_eq!(names(directory), ["data"]);

    let (status, stdout, stderr) = run(directory, &[&arguments[..], &["--salvage"]].concat());
    assert_eq!(status, 3);
    assert!(stdout.starts_with("new: 2 shards, 102 records, "), "{stdout}");
    assert!(
        stderr.starts_with("data/a.tfrecord: record 1 ") && stderr.contains("skipped"),
        "{stderr}"
    );
}

#[test]
fn files_without_checksums_are_mentioned() {
    let folder = folder_with(&[(
        "x.tfrecord",
        &[&[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], b"x", &[0; 4]].concat(),
    )]);
    let directory = folder.path();
    let arguments = ["reshard", "x.tfrecord", "-o", "new", "--shards", "1"];
    let (status, _, stderr) = run(directory, &[&arguments[..], &["-c", "full"]].concat());
    assert_eq!(status, 1, "{stderr}");
    let (status, _, stderr) = run(directory, &arguments);
    assert_eq!(status, 0);
    assert!(stderr.starts_with("warning: x.tfrecord: the file was written without"), "{stderr}");
    let copy = directory.join("new/train-00000-of-00001.tfrecord");
    let options = Options::new().checksums(tfr_index::Checksums::Full);
    assert_eq!(Reader::open(copy, &options).unwrap().read(0).unwrap(), b"x");
}

#[test]
fn a_directory_inside_the_data_set_is_mentioned() {
    let (folder, _) = data_set();
    let (status, _, stderr) =
        run(folder.path(), &["reshard", "data", "-o", "data/new", "--shards", "2"]);
    assert_eq!(status, 0);
    assert_eq!(stderr, "note: data/new is in data, so data now has both data sets\n");
    assert_eq!(names(&folder.path().join("data")), ["a.tfrecord", "b.tfrecord", "new"]);
}

#[test]
fn what_is_there_is_not_replaced() {
    let (folder, _) = data_set();
    let directory = folder.path();
    let to = |output: &str| run(directory, &["reshard", "data", "-o", output, "--shards", "2"]);
    for output in ["data", ".", "data/a.tfrecord", "none/new"] {
        let (status, stdout, stderr) = to(output);
        assert_eq!((status, stdout.as_str()), (1, ""), "{output}");
        assert!(stderr.starts_with(&format!("error: {output}: ")), "{stderr}");
    }
    assert_eq!((names(directory).len(), names(&directory.join("data")).len()), (1, 2));
    // An empty one is, through a link, too.
    fs::create_dir(directory.join("empty")).unwrap();
    symlink("empty", directory.join("link")).unwrap();
    assert_eq!(to("link/").0, 0);
    assert_eq!(names(&directory.join("empty")).len(), 5);
    // In a read-only directory nothing can be written. (Root can.)
    fs::create_dir(directory.join("closed")).unwrap();
    fs::set_permissions(directory.join("closed"), fs::Permissions::from_mode(0o555)).unwrap();
    if fs::write(directory.join("closed/x"), "").is_err() {
        let (status, _, stderr) = to("closed/new");
        assert!(status == 1 && stderr.contains("must be writable"), "{stderr}");
    }
}

/// As on a full disk.
#[test]
fn a_write_that_fails_leaves_nothing() {
    let (folder, _) = data_set();
    let mut command = Command::new("sh");
    let script = "ulimit -f 4; exec \"$0\" reshard data -o new --shards 2";
    command.args(["-c", script, env!("CARGO_BIN_EXE_tfr-index")]).current_dir(folder.path());
    let output = with_defaults(&mut command).stdin(Stdio::null()).output().unwrap();
    let (status, stdout, stderr) = ended(&output);
    assert_eq!((status, stdout.as_str()), (1, ""));
    // It names the file that was asked for, not the temporary one.
    let expected = "error: new/train-00000-of-00002.tfrecord: cannot write: File too large";
    assert!(stderr.starts_with(expected), "{stderr}");
    assert_eq!(names(folder.path()), ["data"]);

    let name = "x".repeat(250);
    let (status, _, stderr) =
        run(folder.path(), &["reshard", "data", "-o", "new", "--shards", "2", "--name", &name]);
    let expected = format!("error: new/{name}-00000-of-00002.tfrecord: cannot create: File name");
    assert!(status == 1 && stderr.starts_with(&expected), "{stderr}");
    assert_eq!(names(folder.path()), ["data"]);
}

/// With few descriptors, fewer files are written at the same time.
#[test]
fn needs_few_open_files() {
    let (folder, records) = data_set();
    for copy in 2..12 {
        let to = folder.path().join(format!("data/{copy}.tfrecord"));
        fs::copy(folder.path().join("data/b.tfrecord"), to).unwrap();
    }
    let reshard = |limit: usize, threads: usize| {
        let mut command = Command::new("sh");
        let script = format!(
            "ulimit -n {limit}; exec \"$0\" reshard data -o new-{limit}-{threads} --shards 16 \
             --shuffle 7 --threads {threads}"
        );
        command.args(["-c", &script, env!("CARGO_BIN_EXE_tfr-index")]).current_dir(folder.path());
        ended(&with_defaults(&mut command).stdin(Stdio::null()).output().unwrap())
    };
    let mut copies: Vec<Vec<u8>> = Vec::new();
    for limit in [16, 18, 20, 24, 32, 48] {
        for threads in [0, 1, 4, 16] {
            let (status, _, stderr) = reshard(limit, threads);
            assert_eq!((status, stderr.as_str()), (0, ""), "{limit} {threads}");
            let new = folder.path().join(format!("new-{limit}-{threads}"));
            let files = names(&new).into_iter().filter(|name| name.ends_with(".tfrecord"));
            copies.push(files.flat_map(|name| fs::read(new.join(name)).unwrap()).collect());
        }
    }
    let bytes: usize = records
        .iter()
        .chain((0..10).flat_map(|_| &records[100..]))
        .map(|record| record.len() + 16)
        .sum();
    assert_eq!(copies[0].len(), bytes);
    assert!(copies.iter().all(|copy| *copy == copies[0]));
    let (status, _, stderr) = reshard(7, 4);
    assert_eq!(status, 1);
    assert!(
        stderr.starts_with("error: new-7-4/train-000")
            && stderr.contains("raise the limit (ulimit -n)"),
        "{stderr}"
    );
}

#[test]
fn usage_errors() {
    let (folder, _) = data_set();
    let common = ["reshard", "data", "-o", "new"];
    for wrong in [
        &[][..],
        &["--shards", "2", "--shard-bytes", "1MB"],
        &["--shards", "x"],
        &["--shard-bytes", "0"],
        &["--shard-bytes", "1.5GB"],
        &["--shards", "1", "--checksums", "none"],
    ] {
        let (status, stdout, stderr) = run(folder.path(), &[&common[..], wrong].concat());
        assert_eq!((status, stdout.as_str()), (2, ""), "{wrong:?}: {stderr}");
    }
    for (wrong, why) in [
        (&["--shards", "104"][..], "error: 103 records cannot be divided into 104 shards"),
        (&["--shards", "1", "--name", "a/b"], "error: \"a/b\" cannot begin the names of files"),
    ] {
        let (status, _, stderr) = run(folder.path(), &[&common[..], wrong].concat());
        assert_eq!(status, 1);
        assert!(stderr.starts_with(why), "{stderr}");
    }
    assert_eq!(names(folder.path()), ["data"]);
}

/// The indexes of a directory say which records are copied, and in which order.
#[test]
fn edited_indexes_say_what_is_copied() {
    let (folder, records) = data_set();
    let directory = folder.path();
    let data = Index::scan(directory.join("data/a.tfrecord"), &Options::new()).unwrap();
    fs::create_dir(directory.join("chosen")).unwrap();
    data.select(&[7, 3]).unwrap().write(directory.join("chosen/a.tfrecord.idx")).unwrap();
    let arguments = ["reshard", "data", "-i", "chosen", "-o", "new", "--shards", "1"];
    let (status, _, stderr) = run(directory, &arguments);
    assert_eq!(status, 1);
    assert!(stderr.contains("chosen/b.tfrecord.idx"), "{stderr}");
    fs::write(directory.join("chosen/b.tfrecord.idx"), "").unwrap();
    let (status, stdout, stderr) = run(directory, &arguments);
    assert_eq!((status, stderr.as_str()), (0, ""));
    assert!(stdout.starts_with("new: 1 shard, 2 records, "), "{stdout}");
    let copy = directory.join("new/train-00000-of-00001.tfrecord");
    let copy = Reader::open(copy, &Options::new()).unwrap();
    assert_eq!([copy.read(0).unwrap(), copy.read(1).unwrap()], [&records[7][..], &records[3][..]]);
}
