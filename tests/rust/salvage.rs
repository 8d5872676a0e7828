//! Salvage gives the same answer as a naive implementation of its rule, for any source and any number
//! of threads.

use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::sync::Mutex;

use proptest::prelude::*;
use tfr_index::{Checksums, Entry, Index, Options, ReadAt, Result, Scanner, Skipped};

use crate::oracle::{self, crc, Salvaged};

/// A source that gives at most this many bytes for each read.
struct Pieces<'a>(&'a [u8], usize);

impl ReadAt for Pieces<'_> {
    fn size(&self) -> io::Result<u64> {
        self.0.size()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let most = buffer.len().min(self.1);
        self.0.read_at(&mut buffer[..most], offset)
    }
}

fn salvaged(
    checksums: Checksums,
    threads: usize,
    scan: impl FnOnce(&Options<'_>) -> Result<Vec<Entry>>,
) -> Option<Salvaged> {
    let regions = Mutex::new(Vec::new());
    let keep = |skipped: Skipped| {
        regions.lock().unwrap().push((skipped.bytes, skipped.record));
        ControlFlow::Continue(())
    };
    let options = Options::new().checksums(checksums).threads(threads);
    let entries = scan(&options.salvage(true).on_skipped(&keep));
    Some((entries.ok()?, regions.into_inner().unwrap()))
}

/// Compares every way to scan the data with the rule, and returns the rule's outcome.
fn assert_salvages(data: &[u8], checksums: Checksums) -> Option<Salvaged> {
    let expected = oracle::salvage(data, checksums == Checksums::Full);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), data).unwrap();
    for threads in [1, 2, 8] {
        let found = salvaged(checksums, threads, |options| {
            Index::from_bytes(data, options).map(Index::into_entries)
        });
        assert_eq!(found, expected, "memory, {threads} threads");
        let found = salvaged(checksums, threads, |options| {
            Index::scan(file.path(), options).map(Index::into_entries)
        });
        assert_eq!(found, expected, "by path, {threads} threads");
        let found = salvaged(checksums, threads, |options| {
            Index::from_source(File::open(file.path()).unwrap(), options).map(Index::into_entries)
        });
        assert_eq!(found, expected, "a file, {threads} threads");
    }
    for most in [1, 1000] {
        let found = salvaged(checksums, 2, |options| {
            Index::from_source(Pieces(data, most), options).map(Index::into_entries)
        });
        assert_eq!(found, expected, "{most} bytes at once");
    }
    let found = salvaged(checksums, 1, |options| Scanner::new(data, options)?.collect());
    assert_eq!(found, expected, "memory, a scanner");
    let found =
        salvaged(checksums, 1, |options| Scanner::new(Pieces(data, 1 << 20), options)?.collect());
    assert_eq!(found, expected, "a scanner");
    expected
}

fn header(length: u64) -> Vec<u8> {
    let length = length.to_le_bytes();
    [&length[..], &crc(&length).to_le_bytes()].concat()
}

fn frame(payload: &[u8]) -> Vec<u8> {
    [&header(payload.len() as u64), payload, &crc(payload).to_le_bytes()].concat()
}

/// Random bytes from a seed.
fn junk(count: usize, seed: u64) -> Vec<u8> {
    let mut random = seed | 1;
    let next = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random as u8
    };
    std::iter::repeat_with(next).take(count).collect()
}

/// A stretch of data.
#[derive(Debug, Clone)]
enum Piece {
    Records {
        size: usize,
        count: usize,
    },
    /// Records that each hold a TFRecord file of some records.
    Nested {
        size: usize,
        inner: usize,
        count: usize,
    },
    Zeros {
        size: usize,
    },
    Junk {
        size: usize,
        seed: u64,
    },
    /// Small numbers of eight bytes each.
    Numbers {
        size: usize,
    },
    Headers {
        length: u64,
        count: usize,
    },
    /// Records; the first one's header has four wrong bytes.
    Overwritten {
        size: usize,
        count: usize,
        at: usize,
        bytes: [u8; 4],
    },
    /// Records with one wrong byte.
    Damaged {
        size: usize,
        count: usize,
        at: prop::sample::Index,
        bits: u8,
    },
}

impl Piece {
    fn bytes(&self) -> Vec<u8> {
        match *self {
            Piece::Records { size, count } => {
                let count = count.min(1 + 400_000 / (size + 1));
                frame(&junk(size, size as u64)).repeat(count)
            }
            Piece::Nested { size, inner, count } => {
                frame(&Piece::Records { size, count: inner }.bytes()).repeat(count)
            }
            Piece::Zeros { size } => vec![0; size],
            Piece::Junk { size, seed } => junk(size, seed),
            Piece::Numbers { size } => (0..size as u64 / 8).flat_map(u64::to_le_bytes).collect(),
            Piece::Headers { length, count } => header(length).repeat(count),
            Piece::Overwritten { size, count, at, bytes } => {
                let mut data = Piece::Records { size, count }.bytes();
                data[at..at + 4].copy_from_slice(&bytes);
                data
            }
            Piece::Damaged { size, count, at, bits } => {
                let mut data = Piece::Records { size, count }.bytes();
                let at = at.index(data.len());
                data[at] ^= bits;
                data
            }
        }
    }
}

fn piece() -> impl Strategy<Value = Piece> {
    let size = || prop_oneof![6 => 0..200usize, 2 => 3000..20_000usize, 1 => 100_000..300_000usize];
    let count = || prop_oneof![4 => 1..40usize, 1 => 1000..20_000usize];
    prop_oneof![
        6 => (size(), count()).prop_map(|(size, count)| Piece::Records { size, count }),
        2 => (size(), 1..5usize, 1..5usize)
            .prop_map(|(size, inner, count)| Piece::Nested { size, inner, count }),
        2 => size().prop_map(|size| Piece::Zeros { size }),
        1 => (size(), any::<u64>()).prop_map(|(size, seed)| Piece::Junk { size, seed }),
        1 => size().prop_map(|size| Piece::Numbers { size }),
        2 => (0..600_000u64, 1..50usize)
            .prop_map(|(length, count)| Piece::Headers { length, count }),
        3 => (size(), count(), 0..12usize, any::<[u8; 4]>())
            .prop_map(|(size, count, at, bytes)| Piece::Overwritten { size, count, at, bytes }),
        3 => (size(), count(), any::<prop::sample::Index>(), 1..=255u8)
            .prop_map(|(size, count, at, bits)| Piece::Damaged { size, count, at, bits }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_way_to_scan_follows_the_rule(
        pieces in prop::collection::vec(piece(), 0..20),
        cut in prop::option::weighted(0.3, 1..100usize),
    ) {
        let mut data: Vec<u8> = pieces.iter().flat_map(Piece::bytes).collect();
        data.truncate(data.len() - cut.unwrap_or(0).min(data.len()));
        for checksums in [Checksums::Auto, Checksums::Full] {
            assert_salvages(&data, checksums);
        }
    }
}

/// A record that only its payload's CRC confirms, after junk that takes many reads.
#[test]
fn a_giant_record_after_junk_is_found_however_it_is_read() {
    let giant = frame(&vec![7; 70 << 20]);
    let mut data = frame(b"first");
    data.extend(junk(8 << 20, 1));
    let offset = data.len() as u64;
    data.extend(&giant);
    data.extend(junk(100, 2));
    for checksums in [Checksums::Auto, Checksums::Full] {
        let found = assert_salvages(&data, checksums).unwrap();
        assert_eq!(found.0[1..], [Entry { offset, size: giant.len() as u64 }]);
    }
}

/// Every other header is damaged, the first one too, so no two good records are adjacent.
#[test]
fn records_that_stand_alone_are_found() {
    for size in [0, 100, 5000, 70_000] {
        let mut data = Vec::new();
        for number in 0..40 {
            let mut record = frame(&junk(size, number));
            if number % 2 == 0 {
                record[..12].fill(0xff);
            }
            data.extend(record);
        }
        for checksums in [Checksums::Auto, Checksums::Full] {
            assert_eq!(assert_salvages(&data, checksums).unwrap().0.len(), 20, "{size}");
        }
    }
}

/// Each payload is the start of another, longer file: its header fits and leads nowhere. Such headers
/// do not use up what true records need.
#[test]
fn starts_of_other_files_as_payloads_do_not_hide_records() {
    let mut data = Vec::new();
    let head = [header(300_000), junk(1000, 9)].concat();
    for number in 0..3000 {
        let mut record = frame(&head);
        if number % 3 == 0 {
            record[..12].fill(0xff);
        }
        data.extend(record);
    }
    for checksums in [Checksums::Auto, Checksums::Full] {
        assert_eq!(assert_salvages(&data, checksums).unwrap().0.len(), 2000);
    }
}

/// A header at each twelfth byte, each with a payload of half of the data: more than a scan may check.
/// Salvage still finds the records after them.
#[test]
fn crafted_headers_use_up_what_a_scan_may_look_at() {
    let crafted = header(3 << 20).repeat(60_000);
    let record = frame(&junk(100, 1));
    let mut data = [record.repeat(3), vec![0xff; 40], crafted, record.repeat(3)].concat();
    let end = data.len();
    data.extend(junk(6 << 20, 3));
    let (found, _) = assert_salvages(&data, Checksums::Auto).unwrap();
    assert_eq!(found.len(), 6);
    assert_eq!(found[5].offset as usize + found[5].size as usize, end);
    assert_salvages(&data, Checksums::Full);
}

/// A sparse file of 128 GiB: only its data is read.
#[test]
fn holes_of_a_file_are_skipped() {
    use std::io::{Seek, SeekFrom, Write};

    let mut file = tempfile::NamedTempFile::new().unwrap();
    let record = frame(&[1; 100]);
    let mut expected = Vec::new();
    for offset in [0, 1 << 35, 3 << 35] {
        file.seek(SeekFrom::Start(offset)).unwrap();
        file.write_all(&record.repeat(2)).unwrap();
        let size = record.len() as u64;
        expected.extend([offset, offset + size].map(|offset| Entry { offset, size }));
    }
    file.as_file().set_len(4 << 35).unwrap();
    for threads in [1, 0, 8] {
        let scan = |options: &Options<'_>| Index::scan(file.path(), options);
        let found =
            salvaged(Checksums::Full, threads, |options| scan(options).map(Index::into_entries));
        let (found, regions) = found.unwrap();
        assert_eq!((found, regions.len()), (expected.clone(), 3));
    }
}
