//! Bytes, files and directories of other programs stay as they are.

#![cfg(unix)]

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::ops::ControlFlow;
use std::os::unix::fs::symlink;
use std::path::Path;

use tfr_index::{create_index, ErrorKind, Index, Options, Progress, RecordWriter};

use crate::written::{places, write};

fn append(path: &Path, index_path: &Path) -> RecordWriter {
    RecordWriter::append(path, index_path, &Options::new()).unwrap()
}

/// Appends to the file as another program would.
fn add(path: &Path, bytes: &[u8]) {
    OpenOptions::new().append(true).open(path).unwrap().write_all(bytes).unwrap();
}

fn names(directory: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name();
    let mut names: Vec<_> = fs::read_dir(directory).unwrap().map(name).collect();
    names.sort();
    names.into_iter().map(|name| name.into_string().unwrap()).collect()
}

#[test]
fn what_another_program_appends_is_not_taken_back() {
    // Records to write, whether to flush them, and the bytes that the file then gains.
    for (records, flush, written) in [(0, false, 0), (0, true, 0), (1, false, 0), (1, true, 16)] {
        let (_directory, path, index_path) = places();
        write(&path, &index_path, 5);
        let mut expected = fs::read(&path).unwrap();
        let mut writer = append(&path, &index_path);
        (0..records).for_each(|_| assert!(writer.write(b"").is_ok()));
        if flush {
            writer.flush().unwrap();
        }
        add(&path, b"of another program");
        drop(writer);
        let now = fs::read(&path).unwrap();
        expected.extend(&now[expected.len()..expected.len() + written]);
        expected.extend(b"of another program");
        assert!(now == expected, "{} bytes", now.len());
    }
}

/// Another program writes to the file during the scan, and then the scan fails.
#[test]
fn an_append_that_cannot_be_opened_takes_nothing_back() {
    let (directory, path, index_path) = places();
    write(&path, &index_path, 5);
    let mut expected = fs::read(&path).unwrap();
    expected.extend(b"of another program");
    let meanwhile = |_: Progress| {
        add(&path, b"of another program");
        ControlFlow::Break(())
    };
    let options = Options::new().progress(&meanwhile);
    let error = RecordWriter::append(&path, &index_path, &options).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Cancelled, "{error}");
    assert!(fs::read(&path).unwrap() == expected);

    // The writer removes a file that it created, but not one that another program put in its place.
    for replace in [false, true] {
        fs::remove_file(&path).unwrap();
        fs::write(&index_path, "").unwrap();
        let meanwhile = |_: Progress| {
            if replace {
                fs::write(directory.path().join("new"), "of another program").unwrap();
                fs::rename(directory.path().join("new"), &path).unwrap();
            }
            ControlFlow::Break(())
        };
        let options = Options::new().progress(&meanwhile);
        let error = RecordWriter::append(&path, &index_path, &options).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Cancelled, "{error}");
        assert_eq!(path.exists(), replace);
        fs::write(&path, "").unwrap();
    }
}

#[test]
fn a_link_to_nothing_stays_when_an_append_is_abandoned() {
    let (directory, path, index_path) = places();
    let link = directory.path().join("link");
    symlink("x", &link).unwrap();
    for flush in [false, true] {
        let mut writer = append(&link, &index_path);
        writer.write(b"record").unwrap();
        if flush {
            writer.flush().unwrap();
        }
        assert!(path.exists());
        drop(writer);
        assert_eq!(names(directory.path()), ["link"]);
    }
    append(&link, &index_path).finish().unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(names(directory.path()), ["link", "x", "x.idx"]);
}

/// If the path cannot be examined, that does not mean that the file was replaced.
#[test]
fn a_place_that_cannot_be_looked_at_is_an_error() {
    let (directory, _, index_path) = places();
    let (inner, moved) = (directory.path().join("inner"), directory.path().join("moved"));
    fs::create_dir(&inner).unwrap();
    write(&inner.join("x"), &index_path, 5);
    let before = fs::read(inner.join("x")).unwrap();
    let mut writer = append(&inner.join("x"), &index_path);
    writer.write(b"record").unwrap();
    fs::rename(&inner, &moved).unwrap();
    fs::write(&inner, "a file where the directory was").unwrap();
    let error = writer.finish().unwrap_err();
    assert_eq!((error.kind(), error.os_error()), (ErrorKind::Io, Some(libc::ENOTDIR)), "{error}");
    assert!(error.to_string().contains("cannot access"), "{error}");
    assert!(fs::read(moved.join("x")).unwrap() == before);
}

/// As in log rotation: the new file at the same path belongs to another job.
#[test]
fn a_directory_that_is_rotated_keeps_the_next_jobs_files() {
    for finish in [true, false] {
        let root = tempfile::tempdir().unwrap();
        let (out, old) = (root.path().join("out"), root.path().join("out.1"));
        fs::create_dir(&out).unwrap();
        let begin = |record: &[u8]| {
            let (path, index_path) = (out.join("x"), out.join("x.idx"));
            let mut writer = RecordWriter::create(path, index_path, &Options::new()).unwrap();
            writer.write(record).unwrap();
            writer
        };
        let first = begin(b"first");
        fs::rename(&out, &old).unwrap();
        fs::create_dir(&out).unwrap();
        let second = begin(b"the second");
        let of_second = names(&out);
        assert_eq!(names(&old), of_second); // the same temporary names
        if finish {
            let error = first.finish().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Mismatch, "{error}");
            assert!(error.to_string().contains("was moved or replaced"), "{error}");
        } else {
            drop(first);
        }
        assert_eq!(names(&out), of_second);
        assert!(names(&old).is_empty());
        second.finish().unwrap();
        assert_eq!(names(&out), ["x", "x.idx"]);
        assert_eq!(Index::read(out.join("x.idx")).unwrap()[0].size, 26);
    }
}

#[test]
fn a_directory_that_is_gone_is_an_error() {
    let root = tempfile::tempdir().unwrap();
    let (out, old) = (root.path().join("out"), root.path().join("out.1"));
    fs::create_dir(&out).unwrap();
    let writer = RecordWriter::create(out.join("x"), out.join("x.idx"), &Options::new()).unwrap();
    fs::rename(&out, &old).unwrap();
    let error = writer.finish().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Mismatch, "{error}");
    assert!(!out.exists() && names(&old).is_empty());
}

#[test]
fn a_temporary_file_that_others_replaced_is_an_error_and_theirs() {
    for (replace, finish) in [(true, true), (true, false), (false, true)] {
        let (directory, path, index_path) = places();
        write(&path, &index_path, 3);
        let data = fs::read(&path).unwrap();
        let mut writer = RecordWriter::create(&path, &index_path, &Options::new()).unwrap();
        writer.write(b"record").unwrap();
        let temporary: Vec<_> =
            names(directory.path()).into_iter().filter(|name| name.ends_with(".tmp")).collect();
        assert_eq!(temporary.len(), 2);
        for name in &temporary {
            fs::remove_file(directory.path().join(name)).unwrap();
            if replace {
                fs::write(directory.path().join(name), "of others").unwrap();
            }
        }
        if finish {
            let error = writer.finish().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Mismatch, "{error}");
            assert!(error.to_string().contains("replaced or removed"), "{error}");
        } else {
            drop(writer);
        }
        assert!(fs::read(&path).unwrap() == data);
        for name in &temporary {
            let found = fs::read_to_string(directory.path().join(name)).ok();
            assert_eq!(found.as_deref(), replace.then_some("of others"));
        }
    }
}

/// On a file system without locks, or by a program that ignores them.
#[test]
fn what_appeared_in_the_place_of_a_file_is_not_replaced() {
    for was_there in [false, true] {
        for target in ["x", "x.idx"] {
            let (directory, path, index_path) = places();
            if was_there {
                write(&path, &index_path, 3);
            }
            let mut writer = RecordWriter::create(&path, &index_path, &Options::new()).unwrap();
            writer.write(b"record").unwrap();
            fs::write(directory.path().join("new"), "of others").unwrap();
            fs::rename(directory.path().join("new"), directory.path().join(target)).unwrap();
            let error = writer.finish().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Mismatch, "{error}");
            assert_eq!(error.path(), Some(&*directory.path().join(target)));
            assert_eq!(fs::read_to_string(directory.path().join(target)).unwrap(), "of others");
            assert_eq!(names(directory.path()).len(), 2 - usize::from(!was_there && target == "x"));
        }
    }
    // A file that no longer exists blocks nobody.
    let (directory, path, index_path) = places();
    write(&path, &index_path, 3);
    let writer = RecordWriter::create(&path, &index_path, &Options::new()).unwrap();
    fs::remove_file(&path).unwrap();
    fs::remove_file(&index_path).unwrap();
    writer.finish().unwrap();
    assert_eq!(create_index(&path, &index_path, &Options::new()).unwrap(), 0);
    assert_eq!(names(directory.path()), ["x", "x.idx"]);
}
