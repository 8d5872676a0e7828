use super::*;
use crate::{create_index, encode_examples, CheckLevel, Index, ReadAt, Reader, Skipped};
use proptest::prelude::*;
use std::fs;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

type Open = fn(&Path, &Path) -> Result<RecordWriter>;
const OPENS: [Open; 2] = [
    |x, index| RecordWriter::create(x, index, &Options::new()),
    |x, index| RecordWriter::append(x, index, &Options::new()),
];

/// A directory, and the paths of a TFRecord file and its index in it.
fn places() -> (tempfile::TempDir, PathBuf, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let (path, index_path) = (directory.path().join("x"), directory.path().join("x.idx"));
    (directory, path, index_path)
}

fn payload(size: usize) -> Vec<u8> {
    (0..size).map(|byte| (size * 7 + byte) as u8).collect()
}

/// The expected data, encoded without a writer.
fn expected(sizes: &[usize]) -> Vec<u8> {
    sizes.iter().flat_map(|size| frame::encode(&payload(*size))).collect()
}

fn write_all(mut writer: RecordWriter, sizes: &[usize]) -> Result<(u64, Vec<Entry>)> {
    let entries = sizes.iter().map(|size| writer.write(&payload(*size))).collect::<Result<_>>()?;
    Ok((writer.finish()?, entries))
}

fn names(directory: &tempfile::TempDir) -> Vec<String> {
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name();
    let mut names: Vec<_> = fs::read_dir(directory).unwrap().map(name).collect();
    names.sort();
    names.into_iter().map(|name| name.into_string().unwrap()).collect()
}

/// Sizes around the writer's thresholds, and arbitrary ones.
fn sizes() -> impl Strategy<Value = Vec<usize>> {
    let edges =
        [0, 1, DIRECT - 1, DIRECT, DIRECT + 1, BUFFER - 28, BUFFER - 12, BUFFER, 3 * BUFFER];
    prop::collection::vec(prop_oneof![prop::sample::select(edges.to_vec()), 0..300usize], 0..40)
}

/// The writer of a compressed file.
fn gzip(path: &Path, index_path: &Path) -> Result<RecordWriter> {
    RecordWriter::create(path, index_path, &Options::new().compression(Compression::Gzip))
}

proptest! {
    #[test]
    fn what_is_compressed_is_what_was_given(sizes in sizes(), flush in 1..20usize) {
        let (directory, path, index_path) = places();
        let mut writer = gzip(&path, &index_path).unwrap();
        for (number, size) in sizes.iter().enumerate() {
            writer.write(&payload(*size)).unwrap();
            if number % flush == 0 {
                writer.flush().unwrap();
            }
        }
        prop_assert_eq!(writer.finish().unwrap(), sizes.len() as u64);
        prop_assert_eq!(names(&directory), ["x", "x.idx", "x.seek"]);
        let data = crate::open::open(&path).unwrap();
        let mut decompressed = vec![0; data.size().unwrap() as usize];
        crate::source::fill_at(&data, &mut decompressed, 0).unwrap();
        prop_assert_eq!(decompressed, expected(&sizes));
        let points = data.compressed().unwrap().known_points().unwrap();
        prop_assert!(points.are_complete() && points.records == Some(sizes.len() as u64));
        let index = Index::read(&index_path).unwrap();
        index.check(&path, CheckLevel::Full, &Options::new()).unwrap();
        let reader = crate::Reader::open(&path, &Options::new()).unwrap();
        for number in (0..sizes.len()).rev() {
            prop_assert_eq!(reader.read(number).unwrap(), payload(sizes[number]));
        }
        create_index(&path, &index_path, &Options::new()).unwrap();
        prop_assert_eq!(Index::read(&index_path).unwrap(), index);
        prop_assert_eq!(names(&directory), ["x", "x.idx", "x.seek"]);
    }
}

#[test]
fn compressed_files_are_not_appended_to() {
    let (directory, path, index_path) = places();
    write_all(gzip(&path, &index_path).unwrap(), &[3, 4]).unwrap();
    let before = fs::read(&path).unwrap();
    let error = RecordWriter::append(&path, &index_path, &Options::new()).unwrap_err();
    assert!(error.to_string().contains("compressed"), "{error}");
    let options = Options::new().compression(Compression::Gzip);
    let error = RecordWriter::append(&path, &index_path, &options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(names(&directory), ["x", "x.idx", "x.seek"]);
}

#[test]
fn no_other_file_is_taken_for_a_seek_file() {
    let (directory, path, index_path) = places();
    fs::write(directory.path().join("x.seek"), "mine").unwrap();
    let error = gzip(&path, &index_path).unwrap_err();
    assert!(error.to_string().contains("refusing to overwrite"), "{error}");
    assert_eq!(names(&directory), ["x.seek"]);
    let error = gzip(&directory.path().join("y.seek"), &directory.path().join("y.idx"));
    assert_eq!(error.unwrap_err().kind(), ErrorKind::InvalidArgument);
    // A writer that is dropped leaves nothing.
    gzip(&directory.path().join("z"), &directory.path().join("z.idx")).unwrap();
    assert_eq!(names(&directory), ["x.seek"]);
}

proptest! {
    #[test]
    fn what_is_written_is_what_was_given(
        parts in prop::collection::vec(sizes(), 1..4),
        flush in 1..20usize,
    ) {
        let (directory, path, index_path) = places();
        let mut all = Vec::new();
        for (number, part) in parts.iter().enumerate() {
            let mut writer = match number {
                0 => RecordWriter::create(&path, &index_path, &Options::new()).unwrap(),
                _ => RecordWriter::append(&path, &index_path, &Options::new()).unwrap(),
            };
            prop_assert_eq!(writer.num_records(), all.len() as u64);
            let mut entries = Vec::new();
            for (number, size) in part.iter().enumerate() {
                entries.push(writer.write(&payload(*size)).unwrap());
                if number % flush == 0 {
                    writer.flush().unwrap();
                }
            }
            all.extend(part);
            prop_assert!(writer.frames.capacity() <= BUFFER + DIRECT + OVERHEAD as usize);
            prop_assert_eq!(writer.finish().unwrap(), all.len() as u64);
            let data = fs::read(&path).unwrap();
            prop_assert!(data == expected(&all));
            let full = Options::new().checksums(Checksums::Full);
            let index = Index::from_bytes(&data, &full).unwrap();
            prop_assert!(index.ends_with(&entries));
            prop_assert_eq!(fs::read_to_string(&index_path).unwrap(), index.to_text().unwrap());
        }
        prop_assert_eq!(names(&directory), ["x", "x.idx"]);
    }

    #[test]
    fn examples_are_the_payloads_that_are_encoded(
        sizes in sizes(), compression in prop::sample::select(vec![Compression::None, Compression::Gzip]),
    ) {
        let strings: Vec<_> = sizes.iter().map(|size| payload(*size)).collect();
        let strings: Vec<_> = strings.iter().map(Vec::as_slice).collect();
        let numbers: Vec<_> = sizes.iter().map(|size| *size as i64 - 1).collect();
        let features = [FeatureValues::bytes("k", &strings), FeatureValues::int64("a", &numbers)];
        let (_directory, path, index_path) = places();
        let options = Options::new().compression(compression);
        let mut writer = RecordWriter::create(&path, &index_path, &options).unwrap();
        writer.write(b"before").unwrap();
        writer.write_examples(sizes.len(), &features).unwrap();
        writer.write(b"after").unwrap();
        prop_assert_eq!(writer.finish().unwrap(), sizes.len() as u64 + 2);

        let (payloads, offsets) = encode_examples(sizes.len(), &features).unwrap();
        let mut right: Vec<_> = offsets.windows(2).map(|two| &payloads[two[0]..two[1]]).collect();
        right.insert(0, b"before");
        right.push(b"after");
        let reader = Reader::open(&path, &Options::new()).unwrap();
        let found = reader.iter().collect::<Result<Vec<_>>>().unwrap();
        prop_assert_eq!(found, right);
        Index::read(&index_path).unwrap().check(&path, CheckLevel::Full, &Options::new()).unwrap();
    }

    #[test]
    fn what_is_dropped_leaves_what_was_there(
        before in sizes(),
        more in sizes(),
        append: bool,
        flush: bool,
    ) {
        let (directory, path, index_path) = places();
        for was_there in [false, true] {
            if was_there {
                let writer = RecordWriter::create(&path, &index_path, &Options::new()).unwrap();
                write_all(writer, &before).unwrap();
            }
            let index_text = fs::read_to_string(&index_path).ok();
            let mut writer = match append {
                true => RecordWriter::append(&path, &index_path, &Options::new()).unwrap(),
                false => RecordWriter::create(&path, &index_path, &Options::new()).unwrap(),
            };
            more.iter().for_each(|size| assert!(writer.write(&payload(*size)).is_ok()));
            if flush {
                writer.flush().unwrap();
            }
            drop(writer);
            prop_assert_eq!(fs::read(&path).ok(), was_there.then(|| expected(&before)));
            prop_assert_eq!(fs::read_to_string(&index_path).ok(), index_text);
            prop_assert_eq!(names(&directory).len(), 2 * usize::from(was_there));
        }
    }
}

#[test]
fn nothing_is_there_before_the_end() {
    let (directory, path, index_path) = places();
    fs::write(&path, "old").unwrap();
    let mut writer = RecordWriter::create(&path, &index_path, &Options::new()).unwrap();
    writer.write(&payload(3 * BUFFER)).unwrap();
    writer.flush().unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"old");
    assert!(!index_path.exists());
    writer.finish().unwrap();
    assert_eq!(fs::read(&path).unwrap(), expected(&[3 * BUFFER]));
    assert_eq!(names(&directory), ["x", "x.idx"]);
}

#[test]
fn what_is_appended_and_flushed_is_seen_by_those_who_look_for_it() {
    let (_folder, path, index_path) = places();
    write_all(RecordWriter::create(&path, &index_path, &Options::new()).unwrap(), &[5, 6]).unwrap();
    let old = fs::read_to_string(&index_path).unwrap();
    let mut writer = RecordWriter::append(&path, &index_path, &Options::new()).unwrap();
    let never = |tail: Skipped| panic!("{}", tail.error);
    let options = Options::new().allow_incomplete_tail(true).on_skipped(&never);
    let found = || Index::scan(&path, &options).unwrap().len();
    writer.write(&payload(7)).unwrap();
    assert_eq!(found(), 2);
    writer.flush().unwrap();
    assert_eq!(found(), 3);
    assert_eq!(fs::read_to_string(&index_path).unwrap(), old);
    assert_eq!(writer.finish().unwrap(), 3);
    let index = Index::read(&index_path).unwrap();
    index.check(&path, CheckLevel::Full, &Options::new()).unwrap();
}

/// The file that a process killed while appending leaves, truncated at any byte.
#[test]
fn a_file_with_more_than_its_index_is_appended_to_if_it_is_whole() {
    let (directory, path, index_path) = places();
    let (old, all) = (expected(&[5, 0, 9]), expected(&[5, 0, 9, 3, 4]));
    for has_index in [true, false] {
        for end in old.len()..=all.len() {
            let _ = fs::remove_file(&index_path);
            if has_index {
                fs::write(&path, &old).unwrap();
                create_index(&path, &index_path, &Options::new()).unwrap();
            }
            fs::write(&path, &all[..end]).unwrap();
            match RecordWriter::append(&path, &index_path, &Options::new()) {
                Ok(writer) => {
                    let count = write_all(writer, &[8]).unwrap().0 as usize;
                    let sizes = [&[5, 0, 9, 3, 4][..count - 1], &[8]].concat();
                    assert_eq!(fs::read(&path).unwrap(), expected(&sizes));
                    let index = Index::read(&index_path).unwrap();
                    index.check(&path, CheckLevel::Full, &Options::new()).unwrap();
                }
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Truncated, "{end}: {error}");
                    let whole = error.offset().unwrap() as usize;
                    assert!(error.to_string().contains(&format!("cut it to {whole} bytes")));
                    assert_eq!(fs::read(&path).unwrap(), all[..end]);
                    // As the error says.
                    fs::write(&path, &all[..whole]).unwrap();
                    assert!(RecordWriter::append(&path, &index_path, &Options::new()).is_ok());
                }
            }
            assert_eq!(names(&directory).len(), if index_path.exists() { 2 } else { 1 });
        }
    }
}

#[test]
fn what_is_not_records_with_true_checksums_is_not_appended_to() {
    let (_folder, path, index_path) = places();
    let mut no_checksums = expected(&[5]);
    no_checksums[8..12].fill(0);
    let mut damaged = expected(&[5, 6]);
    damaged[21] ^= 1;
    for (data, index, kind) in [
        (&no_checksums[..], Some("0 21\n"), ErrorKind::LengthCrc),
        (&no_checksums, None, ErrorKind::LengthCrc),
        (&damaged, Some("0 21\n"), ErrorKind::LengthCrc),
        (b"something else, a text", None, ErrorKind::NotTfRecord),
        (&expected(&[5, 6]), Some("0 22\n"), ErrorKind::Mismatch),
        (&expected(&[5, 6]), Some("21 22\n"), ErrorKind::Mismatch),
        (b"", Some("0 21\n"), ErrorKind::Mismatch),
        (&expected(&[5, 6]), Some("none"), ErrorKind::InvalidIndex),
    ] {
        fs::write(&path, data).unwrap();
        let _ = fs::remove_file(&index_path);
        index.into_iter().for_each(|text| fs::write(&index_path, text).unwrap());
        let error = RecordWriter::append(&path, &index_path, &Options::new()).err().unwrap();
        assert_eq!(error.kind(), kind, "{error}");
        assert_eq!(fs::read(&path).unwrap(), data);
        assert_eq!(fs::read_to_string(&index_path).ok().as_deref(), index);
    }
}

#[test]
fn one_writer_at_a_time() {
    let (directory, path, index_path) = places();
    for open in OPENS {
        let writer = open(&path, &index_path).unwrap();
        let error = open(&path, &directory.path().join("other")).err().unwrap();
        assert_eq!((error.path(), error.os_error()), (Some(&*path), Some(libc::EBUSY)));
        assert!(error.to_string().contains("another writer"), "{error}");
        writer.finish().unwrap();
        open(&path, &index_path).unwrap().finish().unwrap();
    }
    assert_eq!(names(&directory), ["x", "x.idx"]);
}

/// On file systems without locks, or with writers that ignore them.
#[test]
fn a_file_that_others_write_to_is_left_as_it_is() {
    let (_folder, path, index_path) = places();
    let old = expected(&[5]);
    let cases: [&dyn Fn(); 3] = [
        &|| fs::write(&path, expected(&[8, 9])).unwrap(),
        &|| fs::remove_file(&path).unwrap(),
        &|| {
            fs::remove_file(&path).unwrap();
            fs::write(&path, expected(&[5, 6])).unwrap();
        },
    ];
    for change in cases {
        let _ = fs::remove_file(&path);
        fs::write(&path, &old).unwrap();
        fs::write(&index_path, "0 21\n").unwrap();
        let mut writer = RecordWriter::append(&path, &index_path, &Options::new()).unwrap();
        change();
        let changed = fs::read(&path).ok();
        writer.write(&payload(6)).unwrap();
        let error = writer.finish().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Mismatch, "{error}");
        assert!(changed.map_or(!path.exists(), |was| fs::read(&path).unwrap().starts_with(&was)));
        assert_eq!(fs::read_to_string(&index_path).unwrap(), "0 21\n");
    }
}

#[test]
fn what_others_cut_or_replaced_is_not_undone() {
    let (_folder, path, index_path) = places();
    let mut writer = RecordWriter::append(&path, &index_path, &Options::new()).unwrap();
    writer.write(b"x").unwrap();
    writer.flush().unwrap();
    fs::rename(&path, path.with_extension("moved")).unwrap();
    fs::write(&path, expected(&[5])).unwrap();
    drop(writer);
    assert_eq!(fs::read(&path).unwrap(), expected(&[5]));
    let writer = RecordWriter::append(&path, &index_path, &Options::new()).unwrap();
    fs::write(&path, "").unwrap();
    drop(writer);
    assert_eq!(fs::read(&path).unwrap(), b"");
}

#[test]
fn data_and_index_are_two_files() {
    let (directory, path, index_path) = places();
    let link = directory.path().join("link");
    std::os::unix::fs::symlink("x", &link).unwrap();
    fs::create_dir(directory.path().join("inner")).unwrap();
    for is_there in [false, true] {
        for other in [&path, &link, &directory.path().join("inner/../x")] {
            for error in [
                RecordWriter::create(&path, other, &Options::new()),
                RecordWriter::append(other, &path, &Options::new()),
            ] {
                assert_eq!(error.err().unwrap().kind(), ErrorKind::InvalidArgument);
            }
        }
        assert_eq!(path.exists(), is_there);
        RecordWriter::create(&path, &index_path, &Options::new()).unwrap().finish().unwrap();
    }
}

#[test]
fn examples_with_invalid_values_write_nothing() {
    let (_directory, path, index_path) = places();
    let mut writer = OPENS[0](&path, &index_path).unwrap();
    let error = writer.write_examples(2, &[FeatureValues::int64("k", &[1, 2, 3])]).unwrap_err();
    assert_eq!((error.kind(), error.feature()), (ErrorKind::InvalidArgument, Some("k")));
    writer.write_examples(0, &[FeatureValues::int64("k", &[])]).unwrap();
    assert_eq!(writer.num_records(), 0);
    writer.write_examples(2, &[]).unwrap();
    let error = writer.write_examples(usize::MAX, &[]).unwrap_err();
    assert_eq!((error.kind(), writer.num_records()), (ErrorKind::OutOfMemory, 2));
    assert_eq!(writer.finish().unwrap(), 2);
}

#[test]
fn examples_after_an_error_have_that_error() {
    let (_directory, path, index_path) = places();
    let mut writer = RecordWriter::create("/dev/full", index_path, &Options::new()).unwrap();
    let payload = payload(BUFFER);
    let values = [&payload[..]];
    let features = [FeatureValues::bytes("k", &values)];
    let error = writer.write_examples(1, &features).unwrap_err();
    assert_eq!(error.os_error(), Some(libc::ENOSPC));
    for features in [&features[..], &[features[0], features[0]]] {
        let again = writer.write_examples(1, features).unwrap_err();
        assert_eq!(again.to_string(), error.to_string());
    }
    assert!(!path.exists());
}

#[test]
fn after_an_error_there_is_nothing_but_that_error() {
    let (directory, _, index_path) = places();
    let mut writer = RecordWriter::create("/dev/full", &index_path, &Options::new()).unwrap();
    writer.write(b"x").unwrap();
    let first = writer.flush().unwrap_err();
    assert_eq!((first.kind(), first.os_error()), (ErrorKind::Io, Some(libc::ENOSPC)));
    assert_eq!(first.path(), Some(Path::new("/dev/full")));
    let all = [writer.write(b"").err(), writer.flush().err(), writer.finish().err()];
    for error in all.map(Option::unwrap) {
        assert_eq!((error.to_string(), error.os_error()), (first.to_string(), first.os_error()));
    }
    assert_eq!(names(&directory).len(), 0);
}

/// The error of a buffer is reported with a later one, or at the end.
#[test]
fn an_error_of_the_thread_comes_with_a_later_call() {
    let (directory, _, index_path) = places();
    for buffers in [1, 2, 20] {
        for end in [RecordWriter::finish, |mut writer: RecordWriter| writer.flush().map(|()| 0)] {
            let mut writer =
                RecordWriter::create("/dev/full", &index_path, &Options::new()).unwrap();
            let mut records = 0..buffers * BUFFER / 32;
            assert_eq!(records.all(|_| writer.write(&payload(16)).is_ok()), buffers == 1);
            let error = end(writer).unwrap_err();
            assert_eq!((error.kind(), error.os_error()), (ErrorKind::Io, Some(libc::ENOSPC)));
            assert_eq!(error.path(), Some(Path::new("/dev/full")));
            assert_eq!(names(&directory).len(), 0);
        }
    }
}

/// The buffer does not fit into a pipe: the thread is blocked when the writer is dropped.
#[test]
fn dropped_while_the_thread_writes() {
    let (_folder, path, index_path) = places();
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let mut pipe = fs::File::options();
    let mut pipe = pipe.read(true).custom_flags(libc::O_NONBLOCK).open(&path).unwrap();
    let mut writer = RecordWriter::create(&path, &index_path, &Options::new()).unwrap();
    crate::sys::let_wait(&pipe).unwrap();
    let reading = std::thread::spawn(move || {
        let mut all = Vec::new();
        pipe.read_to_end(&mut all).unwrap();
        all
    });
    let sizes = [16; 100 * BUFFER / 32];
    sizes.iter().for_each(|size| assert!(writer.write(&payload(*size)).is_ok()));
    drop(writer);
    assert!(reading.join().unwrap() == expected(&sizes));
    assert!(!index_path.exists());
}

#[test]
fn paths_that_cannot_be_written_to() {
    let (directory, path, _) = places();
    let nowhere = directory.path().join("none/x");
    for open in OPENS {
        for (path, index_path) in [(&nowhere, &path), (&path, &nowhere)] {
            let error = open(path, index_path).err().unwrap();
            assert_eq!((error.path(), error.os_error()), (Some(&*nowhere), Some(libc::ENOENT)));
        }
        let error = open(&path, directory.path()).err().unwrap();
        assert_eq!(error.os_error(), Some(libc::EISDIR));
        assert_eq!(names(&directory).len(), 0);
    }
    let error = RecordWriter::append("/dev/null", &path, &Options::new()).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
}
