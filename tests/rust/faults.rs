//! Sources that fail, files that change while they are read, targets that cannot be written to.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::os::unix::fs::{symlink, PermissionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use tfr_index::{create_index, Checksums, Entry, ErrorKind, Index, Options, Progress, ReadAt};

use crate::frames::frame;

const POLICIES: [Checksums; 2] = [Checksums::Auto, Checksums::Full];

/// A file of records with payloads of these sizes.
fn tfrecord(sizes: impl IntoIterator<Item = usize>) -> Vec<u8> {
    sizes.into_iter().flat_map(|size| frame(&vec![b'x'; size])).collect()
}

/// A few records of all kinds: small ones, and large ones, whose payloads a scan skips.
fn mixed() -> (Vec<u8>, Index) {
    let data = tfrecord([5, 0, 100, 20_000, 3, 70_000, 70_000, 70_000, 70_000, 1]);
    let index = Index::from_bytes(&data, &Options::new()).unwrap();
    (data, index)
}

/// Gives one byte or a few for each read, is interrupted before each read, and fails from a byte on.
struct Faulty<'a> {
    data: &'a [u8],
    fails_from: usize,
    most: usize,
    interrupt: AtomicBool,
}

impl ReadAt for Faulty<'_> {
    fn size(&self) -> io::Result<u64> {
        Ok(self.data.len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        if self.interrupt.fetch_xor(true, Ordering::Relaxed) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        if offset >= self.fails_from as u64 {
            return Err(io::Error::from_raw_os_error(libc::EIO));
        }
        let most = buffer.len().min(self.most);
        self.data[..self.fails_from].read_at(&mut buffer[..most], offset)
    }
}

/// Whether the error names a record, and none after the first record whose header isn't before `byte`.
fn names_a_record_up_to(error: &tfr_index::Error, index: &[Entry], byte: u64) -> bool {
    let most = index.iter().find(|entry| entry.offset + 12 > byte).or(index.last()).unwrap();
    let last = index.last().unwrap();
    match index.get(error.record().unwrap() as usize) {
        Some(named) => error.offset() == Some(named.offset) && named.offset <= most.offset,
        // Noticed only at the end.
        None => error.offset() == Some(last.offset + last.size) && byte >= last.offset + 12,
    }
}

#[test]
fn a_source_may_be_reluctant_and_its_failure_is_named() {
    let (data, index) = mixed();
    let positions = (0..200).chain((200..data.len()).step_by(997)).chain([data.len()]);
    for fails_from in positions {
        for (checksums, most) in POLICIES.into_iter().zip([7, 4001]) {
            let source = Faulty { data: &data, fails_from, most, interrupt: AtomicBool::new(true) };
            let options = Options::new().checksums(checksums);
            match Index::from_source(&source, &options) {
                Ok(found) => {
                    assert_eq!(found, index);
                    // The scan did not need the bytes that fail: at most the last payload.
                    let last = index.last().unwrap().offset as usize + 12;
                    let needed = if checksums == Checksums::Full { data.len() } else { last };
                    assert!(fails_from >= needed, "{fails_from}");
                }
                Err(error) => {
                    assert_eq!((error.kind(), error.os_error()), (ErrorKind::Io, Some(libc::EIO)));
                    assert!(names_a_record_up_to(&error, &index, fails_from as u64), "{error}");
                    assert!(fails_from < data.len());
                }
            }
        }
    }
}

/// Runs `change` on the file after its scan has begun, before it has read anything.
fn scan_while(
    path: &Path,
    checksums: Checksums,
    change: impl Fn() + Sync,
) -> tfr_index::Result<Index> {
    let watch = |progress: Progress| {
        if progress.bytes_done == 0 {
            change();
        }
        ControlFlow::Continue(())
    };
    Index::scan(path, &Options::new().checksums(checksums).progress(&watch))
}

#[test]
fn a_file_that_shrinks_is_an_error() {
    let (data, index) = mixed();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    let sizes = (0..200).chain((200..data.len()).step_by(997)).chain(data.len() - 30..data.len());
    for size in sizes {
        for checksums in POLICIES {
            fs::write(&path, &data).unwrap();
            let shrink = || {
                let file = OpenOptions::new().write(true).open(&path).unwrap();
                file.set_len(size as u64).unwrap();
            };
            let error = scan_while(&path, checksums, shrink).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Truncated, "{error}");
            assert_eq!(error.path(), Some(&*path));
            // The first 4 KiB were read when the file was opened.
            let read = (size as u64).max(4096);
            assert!(names_a_record_up_to(&error, &index, read), "{size}: {error}");
        }
    }
}

#[test]
fn what_is_appended_meanwhile_is_not_seen() {
    let (data, index) = mixed();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    for more in [&data[..], &b"no record"[..], &[0; 100_000]] {
        for checksums in POLICIES {
            fs::write(&path, &data).unwrap();
            let grow = || {
                let mut file = OpenOptions::new().append(true).open(&path).unwrap();
                file.write_all(more).unwrap();
            };
            assert_eq!(scan_while(&path, checksums, grow).unwrap(), index);
        }
    }
}

/// Tries to create an index of good data there; returns the error's number.
fn refused(data: &Path, index_path: &Path) -> Option<i32> {
    let error = create_index(data, index_path, &Options::new()).unwrap_err();
    assert_eq!((error.kind(), error.path()), (ErrorKind::Io, Some(index_path)), "{error}");
    error.os_error()
}

#[test]
fn targets_that_cannot_be_written_to() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("x");
    fs::write(&data, tfrecord(0..100)).unwrap();
    assert_eq!(refused(&data, Path::new("/dev/full")), Some(libc::ENOSPC));
    // Not even for root.
    assert!(refused(&data, Path::new("/proc/x.idx")).is_some());

    let read_only = folder.path().join("read-only");
    fs::create_dir(&read_only).unwrap();
    fs::write(read_only.join("x.idx"), "0 16\n").unwrap();
    fs::set_permissions(&read_only, fs::Permissions::from_mode(0o555)).unwrap();
    if File::create(read_only.join("anything")).is_err() {
        assert_eq!(refused(&data, &read_only.join("x.idx")), Some(libc::EACCES));
        assert_eq!(fs::read_to_string(read_only.join("x.idx")).unwrap(), "0 16\n");
    }
}

#[test]
fn the_data_is_never_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let data = tfrecord(0..10);
    fs::write(at("x"), &data).unwrap();
    symlink("x", at("soft")).unwrap();
    symlink("soft", at("softer")).unwrap();
    fs::hard_link(at("x"), at("hard")).unwrap();
    fs::create_dir(at("inner")).unwrap();
    for from in ["x", "softer", "hard"] {
        for to in ["x", "soft", "softer", "hard", "inner/../x"] {
            let error = create_index(at(from), at(to), &Options::new()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{from} {to}");
            assert_eq!(fs::read(at("x")).unwrap(), data);
        }
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 5);
}
