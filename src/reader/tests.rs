//! Compares readers with slices of the data.

mod bad_data;

use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::frame::{self, HEADER_LEN};
use crate::source::Far;
use crate::{
    crc, create_index, default_index_path, threads, CheckLevel, Checksums, Options, Skipped,
};

/// A record as the policy accepts it; `None` if it does not. `checked`: the data has valid
/// checksums.
fn judged(data: &[u8], entry: Entry, checksums: Checksums, raw: bool) -> Option<Vec<u8>> {
    let frame = data.get(entry.offset as usize..entry.end() as usize)?;
    let (header, rest) = frame.split_at(HEADER_LEN);
    let (payload, footer) = rest.split_at(rest.len() - 4);
    let good_length = header[..8] == (payload.len() as u64).to_le_bytes();
    let good_header = header[8..] == crc::masked(&header[..8]).to_le_bytes();
    let good_payload = footer == crc::masked(payload).to_le_bytes();
    let passes = match checksums {
        Checksums::None => true,
        Checksums::Length => good_length && good_header,
        Checksums::Full => good_length && good_header && good_payload,
        Checksums::Auto => good_length,
    };
    passes.then(|| if raw { frame } else { payload }.to_vec())
}

/// Frames around payloads of these sizes, and their index.
fn frames(sizes: &[usize]) -> (Vec<u8>, Index) {
    let payload = |(i, &size): (usize, &usize)| -> Vec<u8> {
        (0..size).map(|at| (at * 7 + i * 31) as u8).collect()
    };
    let data = sizes.iter().enumerate().map(payload).flat_map(|bytes| frame::encode(&bytes));
    let data: Vec<u8> = data.collect();
    let index = Index::from_bytes(&data, &Options::new()).unwrap();
    (data, index)
}

/// A source that reads fewer bytes than requested, slowly.
struct OddSource {
    data: Vec<u8>,
    /// The most bytes per read.
    most: usize,
    /// How long each read takes.
    time: Duration,
    reads: &'static AtomicUsize,
    under_way: AtomicUsize,
    most_under_way: &'static AtomicUsize,
}

impl ReadAt for OddSource {
    fn size(&self) -> io::Result<u64> {
        self.data[..].size()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.reads.fetch_add(1, SeqCst);
        self.most_under_way.fetch_max(self.under_way.fetch_add(1, SeqCst) + 1, SeqCst);
        thread::sleep(self.time);
        self.under_way.fetch_sub(1, SeqCst);
        let count = buffer.len().min(self.most);
        self.data[..].read_at(&mut buffer[..count], offset)
    }
}

fn odd(data: &[u8], most: usize, time: Duration) -> OddSource {
    let (data, under_way) = (data.to_vec(), AtomicUsize::new(0));
    let (reads, most_under_way) = (Box::leak(Box::default()), Box::leak(Box::default()));
    OddSource { data, most, time, reads, under_way, most_under_way }
}

/// Checks that every way to read these records returns what `expected` says, or the record's error.
fn expect(reader: &Reader, records: &[usize], expected: impl Fn(usize) -> Option<Vec<u8>>) {
    let mut payload = vec![7; 50];
    for &record in records {
        let wanted = expected(record);
        assert_eq!(reader.read(record).ok(), wanted);
        let got = reader.read_into(record, &mut payload);
        assert_eq!(
            (got.is_ok(), &payload),
            (wanted.is_some(), &wanted.clone().unwrap_or_default())
        );
        let mut buffer = vec![0; reader.size_of(record).unwrap_or(0) + 3];
        match (reader.read_into_slice(record, &mut buffer), wanted) {
            (Ok(size), Some(wanted)) => assert_eq!(buffer[..size], wanted),
            (got, wanted) => assert_eq!(got.ok(), wanted.map(|payload| payload.len())),
        }
    }
    let wanted: Vec<_> = records.iter().map(|&record| expected(record)).collect();
    expect_pieces(reader, records, &wanted);
    let sizes = reader.offsets(records);
    let mut payloads = reader.read_many(&[]).unwrap();
    assert!(payloads.is_empty() && payloads.bytes().is_empty());
    match (reader.read_many_into(records, &mut payloads), wanted.iter().position(Option::is_none)) {
        (Ok(()), None) => {
            let wanted: Vec<_> = wanted.into_iter().flatten().collect();
            assert!(payloads.iter().eq(wanted.iter().map(Vec::as_slice)));
            assert_eq!(payloads.bytes(), wanted.concat());
            let mut buffer = vec![0; wanted.concat().len() + 1];
            assert_eq!(
                reader.read_many_into_slice(records, &mut buffer).unwrap(),
                payloads.offsets()
            );
            assert_eq!(sizes.unwrap(), payloads.offsets());
            assert_eq!(buffer[..buffer.len() - 1], wanted.concat());
            let mut each: Vec<_> = wanted.iter().map(|payload| vec![0; payload.len()]).collect();
            let mut buffers: Vec<_> = each.iter_mut().map(Vec::as_mut_slice).collect();
            reader.read_each(records, &mut buffers).unwrap();
            assert_eq!(each, wanted);
            assert_eq!(reader.read_each(records, &mut []).is_ok(), records.is_empty());
        }
        (Err(error), Some(bad)) => {
            assert!(payloads.is_empty());
            // Records that do not exist come first.
            let bad = match sizes {
                Err(missing) => missing.record().unwrap() as usize,
                Ok(_) => records[bad],
            };
            assert_eq!(error.record(), Some(bad as u64), "{error}");
            let alone = reader.read(bad).unwrap_err();
            assert_eq!(error.to_string(), alone.to_string());
        }
        (got, wanted) => panic!("{got:?} but {wanted:?}"),
    }
}

/// Checks that pieces have each payload and each error in order.
fn expect_pieces(reader: &Reader, records: &[usize], wanted: &[Option<Vec<u8>>]) {
    let is_all = records.iter().copied().eq(0..records.len());
    let mut pieces = Pieces::new(reader, Some(records).filter(|_| !is_all), records.len()).unwrap();
    let mut got = Vec::new();
    while let Some(Piece { payloads, error }) = pieces.next() {
        assert!(!payloads.is_empty() || error.is_some());
        got.extend(payloads.iter().map(|payload| Some(payload.to_vec())));
        if let Some(error) = error {
            assert_eq!(error.to_string(), reader.read(records[got.len()]).unwrap_err().to_string());
            got.push(None);
        }
    }
    assert!(pieces.next().is_none());
    assert_eq!(got, wanted);
}

fn expect_all(reader: &Reader, expected: impl Fn(usize) -> Option<Vec<u8>>) {
    let all: Vec<_> = (0..reader.len()).collect();
    let mut payloads = reader.iter();
    for &record in &all {
        assert_eq!(payloads.len(), all.len() - record);
        assert_eq!(payloads.next().unwrap().ok(), expected(record), "{record}");
    }
    assert!(payloads.next().is_none() && payloads.next().is_none());
    expect(reader, &all, expected);
}

const POLICIES: [Checksums; 4] =
    [Checksums::None, Checksums::Length, Checksums::Full, Checksums::Auto];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 300 }))]

    #[test]
    fn records_are_slices_of_the_data(
        sizes in prop::collection::vec(prop_oneof![0..30_usize, 0..400_usize], 1..40),
        picks in prop::collection::vec(any::<prop::sample::Index>(), 0..60),
        records in prop::collection::vec(any::<prop::sample::Index>(), 0..60),
        policy in 0..4_usize,
        threads in 0..5_usize,
        raw: bool,
        kind in 0..4,
        gap in 0..300_u64,
    ) {
        let (data, whole) = frames(&sizes);
        let picked = picks.iter().map(|pick| *pick.get(whole.entries()));
        let index = match picks.is_empty() {
            true => whole.clone(),
            false => Index::from_entries(picked).unwrap(),
        };
        let options = Options::new().checksums(POLICIES[policy]).threads(threads).raw_frames(raw);
        let file = tempfile::NamedTempFile::new().unwrap();
        let reader = match kind {
            0 => {
                fs::write(file.path(), &data).unwrap();
                Reader::with_index(file.path(), index.clone(), &options)
            }
            1 => Reader::from_source(data.clone(), Some(index.clone()), &options),
            2 => {
                let far = Far::new(Vec::leak(data.clone()), gap);
                Reader::from_source(far, Some(index.clone()), &options)
            }
            _ => {
                let source = odd(&data, sizes[0] + 1, Duration::ZERO);
                Reader::from_source(source, Some(index.clone()), &options)
            }
        };
        let reader = reader.unwrap();
        let records: Vec<_> = records.iter().map(|record| record.index(index.len())).collect();
        expect(&reader, &records, |record| judged(&data, index[record], Checksums::Full, raw));
        expect_all(&reader, |record| judged(&data, index[record], Checksums::Full, raw));
    }
}

#[test]
fn distant_records_that_are_close_together_are_one_request() {
    let (data, index) = frames(&[100; 64]); // 116 bytes each
    let far = Arc::new(Far::new(Vec::leak(data), 600)); // spans of 1200 bytes
    let reader = Reader::from_source(far.clone(), Some(index), &Options::new()).unwrap();
    let requests = |records: Vec<usize>| {
        far.reads.lock().unwrap().clear();
        reader.read_many(&records).unwrap();
        far.reads.lock().unwrap().len()
    };
    assert_eq!(requests((0..64).collect()), 7); // ten records each
    assert_eq!(requests(vec![0, 5]), 2); // a sixteenth of the gap
    assert_eq!(requests(vec![20, 0, 40]), 3);
    far.reads.lock().unwrap().clear();
    assert_eq!(reader.iter().count(), 64);
    assert_eq!(far.reads.lock().unwrap().len(), 7);
}

#[test]
fn numbers_and_buffers_out_of_range_are_errors() {
    let (data, index) = frames(&[3, 70]);
    let reader = Reader::from_source(data, Some(index), &Options::new()).unwrap();
    for record in [2, 3, usize::MAX] {
        let many = reader.read_many(&[1, record]).map(drop);
        let these = Pieces::new(&reader, Some(&[0, record]), 2).map(drop);
        let all = [reader.read(record).map(drop), reader.size_of(record).map(drop), many, these];
        for read in all {
            let error = read.unwrap_err();
            assert_eq!(
                (error.kind(), error.record()),
                (ErrorKind::OutOfRange, Some(record as u64))
            );
        }
    }
    assert_eq!(Pieces::new(&reader, None, 3).map(drop).unwrap_err().record(), Some(2));
    let mut payloads = reader.read_many(&[1]).unwrap();
    reader.read_many_into(&[0, 2], &mut payloads).unwrap_err();
    assert!(payloads.is_empty());
    let error = reader.read_into_slice(1, &mut [0; 69]).unwrap_err();
    assert_eq!((error.kind(), error.record()), (ErrorKind::InvalidArgument, Some(1)));
    assert!(error.to_string().ends_with("has 69 bytes, but the record needs 70"), "{error}");
    let error = reader.read_many_into_slice(&[1, 0], &mut [0; 72]).unwrap_err();
    assert!(error.to_string().ends_with("has 72 bytes, but the payloads need 73"), "{error}");
}

#[test]
fn the_index_beside_the_data_is_used_if_it_accounts_for_all_records() {
    let directory = tempfile::tempdir().unwrap();
    let (path, index_path) = (directory.path().join("x"), directory.path().join("x.idx"));
    let (data, whole) = frames(&[3, 70, 0, 60]);
    fs::write(&path, &data).unwrap();
    let open = || Reader::open(&path, &Options::new()).unwrap();
    let reversed = Index::from_entries(whole.iter().rev().copied()).unwrap();
    reversed.write(&index_path).unwrap();
    assert_eq!(open().to_index().unwrap(), reversed);
    expect_all(&open(), |record| judged(&data, reversed[record], Checksums::Full, false));

    assert!(open().warning().is_none());

    let left_aside = |kind: ErrorKind| {
        let reader = open();
        let warning = reader.warning().unwrap();
        assert_eq!(reader.to_index().unwrap(), whole);
        assert_eq!(warning.path(), Some(&*index_path));
        assert_eq!(warning.kind(), kind, "{warning}");
        let text = warning.to_string();
        assert!(text.ends_with("; this index is not used, the data is scanned"), "{text}");
    };
    for kept in [0..2, 1..4, 2..3, 0..0] {
        let part = Index::from_entries(whole[kept].iter().copied()).unwrap();
        part.write(&index_path).unwrap();
        left_aside(ErrorKind::Stale);
        // But an index that is given is used.
        let given = Reader::with_index(&path, part.clone(), &Options::new()).unwrap();
        assert!(given.to_index().unwrap() == part && given.warning().is_none());
        expect_all(&given, |record| judged(&data, part[record], Checksums::Full, false));
    }
    for (text, kind) in [("x", ErrorKind::InvalidIndex), ("0 19\n19 77\n", ErrorKind::Mismatch)] {
        fs::write(&index_path, text).unwrap();
        left_aside(kind);
    }
    fs::remove_file(&index_path).unwrap();
    assert!(open().to_index().unwrap() == whole && open().warning().is_none());
    let status = std::process::Command::new("mkfifo").arg(&index_path).status().unwrap();
    assert!(status.success());
    left_aside(ErrorKind::InvalidArgument); // nobody writes to it
    let names: Vec<_> = fs::read_dir(directory.path()).unwrap().collect();
    assert_eq!(names.len(), 2, "no index file is written: {names:?}");
}

/// Even if that has as many records and bytes, and the same first record.
#[test]
fn the_index_of_another_compressed_file_is_not_used() {
    let directory = tempfile::tempdir().unwrap();
    let (path, index_path) = (directory.path().join("x"), directory.path().join("x.idx"));
    let options = Options::new().compression(crate::Compression::Gzip);
    for count in [4, 300] {
        let mut sizes: Vec<usize> = (0..count).map(|record| 1 + record * 7 % 90).collect();
        let mut writer = crate::RecordWriter::create(&path, &index_path, &options).unwrap();
        for size in &sizes {
            writer.write(&vec![7_u8; *size]).unwrap();
        }
        writer.finish().unwrap();
        let right = Index::read(&index_path).unwrap();
        let open = || Reader::open(&path, &Options::new()).unwrap();
        assert!(open().warning().is_none());

        sizes[1..].reverse();
        frames(&sizes).1.write(&index_path).unwrap();
        assert_eq!(open().warning().map(Error::kind), Some(ErrorKind::Mismatch));
        assert!(open().to_index().unwrap() == right);
    }
}

/// Damage after the index was made is no reason to scan, which would fail: only one record is bad.
#[test]
fn the_index_beside_damaged_data_is_used() {
    let directory = tempfile::tempdir().unwrap();
    let (path, index_path) = (directory.path().join("x"), directory.path().join("x.idx"));
    let (data, whole) = frames(&[3, 70, 0, 60]);
    whole.write(&index_path).unwrap();
    for bad in 0..4 {
        for (fill, count) in [(0, 12), (0x55, 12), (0x55, 8), (0x55, 2)] {
            let mut data = data.clone();
            data[whole[bad].offset as usize..][..count].fill(fill);
            fs::write(&path, &data).unwrap();
            let reader = Reader::open(&path, &Options::new()).unwrap();
            assert!(reader.to_index().unwrap() == whole && reader.warning().is_none());
            let good = |record| judged(&data, whole[record], Checksums::Full, false);
            expect_all(&reader, |record| good(record).filter(|_| record != bad));
            assert_eq!(reader.read(bad).unwrap_err().kind(), ErrorKind::LengthCrc);
        }
    }
    // If no record matches the index, it may be the index of any file.
    fs::write(&path, vec![0x55; data.len()]).unwrap();
    let error = Reader::open(&path, &Options::new()).unwrap_err();
    assert_eq!((error.kind(), error.path()), (ErrorKind::NotTfRecord, Some(&*path)));
    let said = format!("({}: record 0 at byte 0: ", index_path.display());
    assert!(error.to_string().contains(&said), "{error}");
}

#[test]
fn data_may_grow_while_it_is_open() {
    let (data, whole) = frames(&[3, 70, 0, 60]);
    let file = tempfile::NamedTempFile::new().unwrap();
    let start = &data[..whole[1].offset as usize];
    fs::write(file.path(), start).unwrap();
    let reader = Reader::with_index(file.path(), whole.clone(), &Options::new()).unwrap();
    expect(&reader, &[0, 1, 2, 3], |record| judged(start, whole[record], Checksums::Full, false));
    assert_eq!(reader.read(3).unwrap_err().kind(), ErrorKind::Mismatch);
    fs::write(file.path(), &data).unwrap();
    expect_all(&reader, |record| judged(&data, whole[record], Checksums::Full, false));
}

#[test]
fn many_reads_are_under_way_where_each_takes_long() {
    let (data, index) = frames(&[50; 300]);
    let source = odd(&data, usize::MAX, Duration::from_millis(2));
    let most_under_way = source.most_under_way;
    let reader = Reader::from_source(source, Some(index.clone()), &Options::new()).unwrap();
    let all: Vec<_> = (0..300).collect();
    let payloads = reader.read_many(&all).unwrap();
    for (record, payload) in payloads.iter().enumerate() {
        assert_eq!(Some(payload), judged(&data, index[record], Checksums::Full, false).as_deref());
    }
    assert!(most_under_way.load(SeqCst) > threads::processors());
}

#[test]
fn small_records_that_lie_close_together_are_read_at_once() {
    let (data, index) = frames(&[1, 2, 3, 4, 5, 90, 6, 7]);
    let source = odd(&data, usize::MAX, Duration::ZERO);
    let reads = source.reads;
    let reader = Reader::from_source(source, Some(index), &Options::new().threads(1)).unwrap();
    for (records, expected) in [(&[4, 2, 0, 3, 1][..], 1), (&[7, 6], 1), (&[6, 5, 4], 3), (&[], 0)]
    {
        let before = reads.load(SeqCst);
        reader.read_many(records).unwrap();
        assert_eq!(reads.load(SeqCst) - before, expected, "{records:?}");
    }
}

#[test]
fn many_threads_share_a_reader() {
    let (data, index) = frames(&[20, 0, 90, 400, 7]);
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), &data).unwrap();
    create_index(file.path(), default_index_path(file.path()), &Options::new()).unwrap();
    let reader = Reader::open(file.path(), &Options::new()).unwrap();
    fs::remove_file(default_index_path(file.path())).unwrap();
    thread::scope(|scope| {
        for _ in 0..4 {
            let clone = reader.clone();
            let (data, index) = (&data, &index);
            scope.spawn(move || {
                for _ in 0..20 {
                    expect_all(&clone, |i| judged(data, index[i], Checksums::Full, false));
                }
            });
        }
    });
}

#[test]
fn what_is_read_ahead_of_an_iterator_that_is_dropped_is_given_up() {
    let (data, index) = frames(&[50; 300]);
    for taken in [0, 1, 10, 11, 25, 299] {
        let source = odd(&data, usize::MAX, Duration::ZERO);
        let reader = Reader::from_source(source, Some(index.clone()), &Options::new()).unwrap();
        assert_eq!(reader.iter().take(taken).filter(Result::is_ok).count(), taken);
        let mut pieces = Pieces::new(&reader, None, 300).unwrap();
        for _ in 0..taken / 7 {
            assert_eq!(pieces.next().unwrap().payloads.len(), 7); // of 66 bytes each
        }
        drop(pieces);
        assert_eq!(Arc::strong_count(&reader.0), 1); // no thread uses it any more
    }
}

/// Repeats a record until its payloads exceed any memory. (The file is sparse.)
#[test]
fn payloads_larger_than_memory_are_refused_before_memory_is_taken() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let length = 1 << 40;
    fs::write(file.path(), frame::Header::of(length).encode()).unwrap();
    let entry = Entry { offset: 0, size: length + OVERHEAD };
    file.as_file().set_len(entry.size).unwrap();
    let index = Index::from_entries([entry]).unwrap();
    let reader = Reader::with_index(file.path(), index, &Options::new()).unwrap();
    let records = [0; 100];
    let mut payloads = Payloads::default();
    for error in [
        reader.read_many(&records).err(),
        reader.read_many_into(&records, &mut payloads).err(),
        reader.offsets(&records).err(),
        reader.read(0).err(),
    ] {
        let error = error.unwrap();
        assert_eq!((error.kind(), error.path()), (ErrorKind::OutOfMemory, Some(file.path())));
        assert!(!cfg!(target_os = "linux") || error.to_string().contains("available"), "{error}");
    }
}
