//! Data that is damaged, truncated, or does not match the index.

use super::*;

#[test]
fn every_flipped_bit_is_seen_as_the_policy_says() {
    let (mut data, index) = frames(&[3, 0, 130, 9, 41, 1]);
    let all: Vec<_> = (0..index.len()).collect();
    for bit in 0..data.len() * 8 {
        data[bit / 8] ^= 1 << (bit % 8);
        for checksums in POLICIES {
            let options = Options::new().checksums(checksums).threads(1 + bit % 2);
            let reader = Reader::from_source(data.clone(), Some(index.clone()), &options);
            // One bit is wrong; the other records are still valid.
            let held_to = if checksums == Checksums::Auto { Checksums::Full } else { checksums };
            let expected = |record| judged(&data, index[record], held_to, false);
            expect(&reader.unwrap(), &all, expected);
        }
        data[bit / 8] ^= 1 << (bit % 8);
    }
}

#[test]
fn data_that_ends_early_or_becomes_shorter_is_an_error() {
    let (data, index) = frames(&[3, 0, 130, 9, 41, 350]);
    let file = tempfile::NamedTempFile::new().unwrap();
    let all: Vec<_> = (0..index.len()).collect();
    for checksums in POLICIES {
        let options = Options::new().checksums(checksums);
        for end in 0..=data.len() {
            let left = |record: usize| {
                let expected = judged(&data, index[record], Checksums::Full, false);
                expected.filter(|_| index[record].end() <= end as u64)
            };
            fs::write(file.path(), &data).unwrap();
            let open = || Reader::with_index(file.path(), index.clone(), &options).unwrap();
            let shrinking = open();
            fs::write(file.path(), &data[..end]).unwrap();
            if end > 11 {
                expect(&open(), &all, left);
            }
            expect(&shrinking, &all, left);
            if let Err(error) = shrinking.read(5) {
                assert_eq!((error.kind(), error.record()), (ErrorKind::Truncated, Some(5)));
                assert_eq!(
                    (error.path(), error.offset()),
                    (Some(file.path()), Some(index[5].offset))
                );
            }
        }
    }
}

#[test]
fn only_true_entries_give_records() {
    let (data, truth) = frames(&[3, 0, 60]);
    let places = 0..data.len() as u64;
    let entries = places.flat_map(|offset| {
        let sizes = (16..90).chain([1 << 40, i64::MAX as u64 - offset]);
        sizes.map(move |size| Entry { offset, size })
    });
    let index = Index::from_entries(entries).unwrap();
    let options = Options::new();
    let reader = Reader::from_source(data.clone(), Some(index.clone()), &options).unwrap();
    for (record, &entry) in index.iter().enumerate() {
        match reader.read(record) {
            Ok(payload) => {
                assert!(truth.contains(&entry));
                assert_eq!(Some(payload), judged(&data, entry, Checksums::Full, false));
            }
            Err(error) => {
                assert!(!truth.contains(&entry));
                let kinds = [ErrorKind::Mismatch, ErrorKind::LengthCrc];
                assert!(kinds.contains(&error.kind()), "{entry:?}: {error}");
                assert_eq!(error.offset(), Some(entry.offset));
            }
        }
    }
    let all: Vec<_> = (0..index.len()).collect();
    assert_eq!(reader.read_many(&all).unwrap_err().kind(), ErrorKind::Mismatch);
    assert_eq!(reader.iter().filter(Result::is_ok).count(), 3);
}

#[test]
fn data_without_true_checksums_is_held_to_its_lengths() {
    let (mut data, whole) = frames(&[3, 70, 0, 60]);
    for entry in &whole {
        data[entry.offset as usize + 8..][..4].fill(0);
        data[entry.end() as usize - 4..][..4].fill(0);
    }
    let wrong = whole.iter().map(|&Entry { offset, size }| Entry { offset, size: size - 1 });
    let index = whole.iter().copied().chain(wrong.filter(|entry| entry.size > 15));
    let index = Index::from_entries(index).unwrap();
    let reader = |checksums| {
        let options = Options::new().checksums(checksums);
        Reader::from_source(data.clone(), Some(index.clone()), &options).unwrap()
    };
    for checksums in POLICIES {
        let judged = |record: usize| judged(&data, index[record], checksums, false);
        expect_all(&reader(checksums), judged);
    }
    assert_eq!(reader(Checksums::Auto).read(4).unwrap_err().kind(), ErrorKind::Mismatch);
    assert_eq!(reader(Checksums::Length).read(0).unwrap_err().kind(), ErrorKind::LengthCrc);
}

#[test]
fn what_cannot_be_read_at_a_position_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let fifo = directory.path().join("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let missing = directory.path().join("missing");
    for (path, kind) in [
        (directory.path(), ErrorKind::Io),
        (&missing, ErrorKind::Io),
        (&fifo, ErrorKind::InvalidArgument),
        (Path::new("/dev/zero"), ErrorKind::InvalidArgument),
    ] {
        let options = Options::new();
        for opened in
            [Reader::open(path, &options), Reader::with_index(path, Index::default(), &options)]
        {
            let error = opened.unwrap_err();
            assert_eq!((error.kind(), error.path()), (kind, Some(path)));
        }
    }
}

#[test]
fn damage_is_left_out_of_a_scan_if_it_is_salvaged() {
    let (mut data, whole) = frames(&[3, 70, 0, 60]);
    data[whole[1].offset as usize] ^= 1;
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), &data).unwrap();
    let error = Reader::open(file.path(), &Options::new()).unwrap_err();
    assert_eq!((error.record(), error.path()), (Some(1), Some(file.path())));
    let keep = |skipped: Skipped| {
        assert_eq!(skipped.error.path(), Some(file.path()));
        ControlFlow::Continue(())
    };
    let options = Options::new().salvage(true).on_skipped(&keep);
    let reader = Reader::open(file.path(), &options).unwrap();
    let index = reader.to_index().unwrap();
    assert_eq!(index[..], [whole[0], whole[2], whole[3]]);
    expect_all(&reader, |record| judged(&data, index[record], Checksums::Full, false));
}

#[test]
fn one_damaged_header_makes_no_data_without_checksums() {
    let (mut data, whole) = frames(&[3, 70, 0, 60]);
    data[..12].fill(0x55);
    let rest = Index::from_entries([whole[3], whole[1]]).unwrap();
    data[whole[1].offset as usize + 20] ^= 1;
    let reader = Reader::from_source(data, Some(rest), &Options::new()).unwrap();
    assert!(reader.read(0).is_ok());
    assert_eq!(reader.read(1).unwrap_err().kind(), ErrorKind::PayloadCrc);
}

/// Two bits of the first header's CRC, so that no single flip explains it.
#[test]
fn what_a_damaged_first_header_says_is_not_believed() {
    let (mut data, whole) = frames(&[3, 70, 0, 60]);
    data[8] ^= 3;
    data[whole[1].offset as usize + 20] ^= 1;
    for level in [CheckLevel::Quick, CheckLevel::Headers, CheckLevel::Full] {
        let error = whole.check_source(&data[..], level, &Options::new()).unwrap_err();
        assert_eq!((error.kind(), error.record()), (ErrorKind::LengthCrc, Some(0)));
    }
    let reader = Reader::from_source(data, Some(whole), &Options::new()).unwrap();
    assert_eq!(reader.read(0).unwrap_err().kind(), ErrorKind::LengthCrc);
    assert_eq!(reader.read(1).unwrap_err().kind(), ErrorKind::PayloadCrc);
    assert!(reader.read(3).is_ok());
}

#[test]
fn data_that_is_not_there_yet_will_be_checked() {
    let (mut data, whole) = frames(&[3, 70, 0, 60]);
    data[whole[1].offset as usize + 20] ^= 1;
    let file = tempfile::NamedTempFile::new().unwrap();
    let reader = Reader::with_index(file.path(), whole, &Options::new()).unwrap();
    fs::write(file.path(), &data).unwrap();
    assert_eq!(reader.read(1).unwrap_err().kind(), ErrorKind::PayloadCrc);
    assert!(reader.read(3).is_ok());
}

#[test]
fn no_memory_is_taken_for_what_an_index_alone_says() {
    let (mut data, _) = frames(&[3]);
    data.resize(1000, 0);
    let claimed = Index::from_entries([Entry { offset: 0, size: 1000 }]).unwrap();
    let reader = Reader::from_source(data, Some(claimed), &Options::new()).unwrap();
    let mut payload = Vec::new();
    let error = reader.read_into(0, &mut payload).unwrap_err();
    assert_eq!((error.kind(), payload.capacity()), (ErrorKind::Mismatch, 0));
    assert_eq!(reader.read_many(&[0]).unwrap_err().kind(), ErrorKind::Mismatch);
    assert_eq!(reader.iter().next().unwrap().unwrap_err().kind(), ErrorKind::Mismatch);
}

#[test]
fn the_error_is_that_of_the_first_bad_record_asked_for() {
    let (mut data, index) = frames(&[20; 60]);
    for bad in [50, 10, 30] {
        data[index[bad].offset as usize + 15] ^= 1;
    }
    for threads in [0, 1, 2, 7] {
        let options = Options::new().threads(threads);
        let source = odd(&data, usize::MAX, Duration::ZERO);
        let reader = Reader::from_source(source, Some(index.clone()), &options).unwrap();
        let records: Vec<_> = (0..60).map(|i| (i * 7 + 33) % 60).collect();
        let first = records.iter().find(|record| [50, 10, 30].contains(record)).unwrap();
        for _ in 0..20 {
            let error = reader.read_many(&records).unwrap_err();
            assert_eq!(error.record(), Some(*first as u64));
        }
    }
}

#[test]
fn a_panic_of_the_source_reaches_the_caller() {
    struct Panics(Vec<u8>);
    impl ReadAt for Panics {
        fn size(&self) -> io::Result<u64> {
            self.0[..].size()
        }
        fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
            assert!(offset < 3000, "planted");
            self.0[..].read_at(buffer, offset)
        }
    }
    let (data, index) = frames(&[50; 300]);
    let reader = Reader::from_source(Panics(data), Some(index), &Options::new()).unwrap();
    let panics = |work: &dyn Fn()| {
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).unwrap_err();
        assert!(panic.downcast_ref::<&str>().unwrap().contains("planted"));
    };
    panics(&|| drop(reader.read(299)));
    panics(&|| drop(reader.read_many(&(0..300).collect::<Vec<_>>())));
    panics(&|| reader.iter().for_each(drop));
}

#[test]
fn a_read_that_fails_spoils_no_other_record() {
    /// FailingSource to read this byte.
    struct FailingSource(Vec<u8>, u64);
    impl ReadAt for FailingSource {
        fn size(&self) -> io::Result<u64> {
            self.0[..].size()
        }
        fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
            match (offset..offset + buffer.len() as u64).contains(&self.1) {
                true => Err(io::Error::from_raw_os_error(libc::EIO)),
                false => self.0[..].read_at(buffer, offset),
            }
        }
    }
    let (data, index) = frames(&[0, 1, 2, 3, 150, 4, 5, 6, 7]);
    for (bad, entry) in index.iter().enumerate() {
        for byte in [entry.offset, entry.offset + 12, entry.end() - 1] {
            let source = FailingSource(data.clone(), byte);
            let options = Options::new().checksums(Checksums::Full);
            let reader = Reader::from_source(source, Some(index.clone()), &options).unwrap();
            let good = |record| judged(&data, index[record], Checksums::Full, false);
            expect_all(&reader, |record| good(record).filter(|_| record != bad));
            let error = reader.read(bad).unwrap_err();
            assert_eq!((error.kind(), error.os_error()), (ErrorKind::Io, Some(libc::EIO)));
            assert_eq!((error.record(), error.offset()), (Some(bad as u64), Some(entry.offset)));
        }
    }
}
