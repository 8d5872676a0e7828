//! Compares checks with plain loops over data in memory, for randomly edited files and indexes.

use std::io;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::index::Entry;
use crate::options::Checksums;
use crate::source::Far;
use crate::{crc, frame};

type Outcome = std::result::Result<Fit, (ErrorKind, Option<u64>, Option<u64>)>;

fn outcome(result: Result<Fit>) -> Outcome {
    result.map_err(|error| (error.kind(), error.record(), error.offset()))
}

/// What [`Index::check`] promises for data with valid checksums, or if none are checked.
fn judged(entries: &[Entry], data: &[u8], payloads: bool, partial: bool, crcs: bool) -> Outcome {
    let size = data.len() as u64;
    let fault = |kind, record, offset| Err((kind, Some(record as u64), Some(offset)));
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_by_key(|&record| (entries[record].offset, entries[record].size, record));
    order.dedup_by_key(|record| entries[*record]);
    for pair in order.windows(2) {
        if entries[pair[0]].end() > entries[pair[1]].offset {
            let record = pair[0].max(pair[1]);
            return fault(ErrorKind::Mismatch, record, entries[record].offset);
        }
    }

    // The headers: is it the index of another file?
    let (mut damaged, mut good, mut half_right) = (None, false, false);
    let header_at = |offset: u64| data.get(offset as usize..).and_then(|rest| rest.get(..12));
    let holds = |header: &[u8]| crc::masked(&header[..8]).to_le_bytes() == header[8..];
    let is_valid = |entry: Entry| {
        let meant = |header: &[u8]| header[..8] == (entry.size - 16).to_le_bytes();
        header_at(entry.offset).is_some_and(|header| meant(header) && (holds(header) || !crcs))
    };
    // Whether the entry's frame must be there, by the entries beside it and the data's own chain.
    let is_enclosed = |position: usize| {
        let entry = entries[order[position]];
        let neighbour = |position: Option<usize>| Some(entries[*order.get(position?)?]);
        let neighbour = match entry.end() < size {
            true => neighbour(Some(position + 1)).filter(|next| next.offset == entry.end()),
            false => neighbour(position.checked_sub(1))
                .filter(|before| before.end() == entry.offset && entry.end() == size),
        };
        let is_split = crcs && gaps::naive_chain(data, entry.offset, entry.end()) == entry.end();
        neighbour.is_some_and(is_valid) && !is_split
    };
    for (position, &record) in order.iter().enumerate() {
        let Entry { offset, size } = entries[record];
        let Some(header) = data.get(offset as usize..).and_then(|rest| rest.get(..12)) else {
            continue;
        };
        let (length, stored) = header.split_at(8);
        let meant = (size - 16).to_le_bytes();
        let valid = crc::masked(length).to_le_bytes() == stored;
        if length == meant && (valid || !crcs) {
            good = true;
        } else if (valid || !crcs) && !is_enclosed(position) {
            return fault(ErrorKind::Mismatch, record, offset);
        } else if damaged.is_none() {
            let kind = if valid || !crcs { ErrorKind::Length } else { ErrorKind::LengthCrc };
            damaged = Some((kind, record));
            half_right = length == meant || stored == crc::masked(&meant).to_le_bytes();
        }
    }
    if let Some((_, record)) = damaged {
        // The data may have another record there.
        let at = entries[record].offset;
        let before = order.iter().map(|&other| entries[other].end()).filter(|end| *end <= at).max();
        let chain = gaps::naive_chain(data, before.unwrap_or(0), at);
        if chain > at || !good && !half_right {
            return fault(ErrorKind::Mismatch, record, at);
        }
    }

    // The data: is it longer or shorter than it was?
    let beyond = order.iter().find(|&&record| entries[record].end() > size);
    if let Some(&record) = beyond {
        return fault(ErrorKind::Stale, record, entries[record].offset);
    }
    let index = Index::from_checked(entries.to_vec());
    let layout = Layout::of(&index).unwrap();
    let some = layout.some().unwrap();
    let trust = match crcs && good {
        true => Trust::Checked,
        false => {
            let offsets = || some.iter().map(|entry| entry.offset);
            Trust::decide(&data, Checksums::Auto, offsets).unwrap()
        }
    };
    let left_out = match (entries.is_empty(), trust) {
        (false, Trust::Checked) => gaps::naive(data, entries),
        _ => gaps::first_record(&data, size, &layout, trust, &|_| ControlFlow::Continue(()))
            .map_err(|error| (error.kind(), error.record(), error.offset()))?,
    };
    let end = order.last().map_or(0, |&last| entries[last].end());
    if let Some(offset) = left_out.filter(|offset| *offset >= end && !partial) {
        return fault(ErrorKind::Stale, order.len(), offset);
    }

    // The first damage in the data.
    for &record in &order {
        let Entry { offset, size } = entries[record];
        let frame = &data[offset as usize..][..size as usize];
        if let Some((kind, record)) = damaged.filter(|(_, damaged)| *damaged == record) {
            return fault(kind, record, offset);
        }
        let (payload, stored) = frame[12..].split_at(frame.len() - 16);
        if payloads && crcs && crc::masked(payload).to_le_bytes() != stored {
            return fault(ErrorKind::PayloadCrc, record, offset);
        }
    }
    Ok(Fit {
        uncovered_bytes: size - layout.covered,
        partial: left_out.is_some(),
        reordered: entries.windows(2).any(|pair| pair[0].offset > pair[1].offset),
        repeated: order.len() < entries.len(),
        checksums_skipped: !crcs && !entries.is_empty(),
    })
}

#[derive(Debug, Clone)]
enum Edit {
    Drop(prop::sample::Index),
    Swap(prop::sample::Index, prop::sample::Index),
    Repeat(prop::sample::Index),
    Shift(prop::sample::Index, i64),
    Resize(prop::sample::Index, i64),
    Reverse,
    Truncate(prop::sample::Index),
    Append(Vec<u8>),
    Flip(prop::sample::Index, u32),
    Replace(usize),
}

fn edit() -> impl Strategy<Value = Edit> {
    let at = any::<prop::sample::Index>;
    prop_oneof![
        4 => at().prop_map(Edit::Drop),
        4 => (at(), at()).prop_map(|(a, b)| Edit::Swap(a, b)),
        4 => at().prop_map(Edit::Repeat),
        1 => (at(), -40..40i64).prop_map(|(at, by)| Edit::Shift(at, by)),
        1 => (at(), -40..40i64).prop_map(|(at, by)| Edit::Resize(at, by)),
        2 => Just(Edit::Reverse),
        1 => at().prop_map(Edit::Truncate),
        1 => prop::collection::vec(any::<u8>(), 1..40).prop_map(Edit::Append),
        1 => (at(), 0..8u32).prop_map(|(at, bit)| Edit::Flip(at, bit)),
        1 => (0..50usize).prop_map(Edit::Replace),
    ]
}

fn apply(edit: &Edit, entries: &mut Vec<Entry>, data: &mut Vec<u8>) {
    match edit {
        Edit::Append(bytes) => return data.extend(bytes),
        Edit::Truncate(at) => return data.truncate(at.index(data.len() + 1)),
        Edit::Flip(at, bit) if !data.is_empty() => {
            let at = at.index(data.len());
            data[at] ^= 1 << bit;
        }
        Edit::Replace(length) => return *data = frame::encode(&vec![7; *length]).repeat(3),
        _ if entries.is_empty() => return,
        _ => {}
    }
    let count = entries.len().max(1);
    match edit {
        Edit::Drop(at) => drop(entries.remove(at.index(count))),
        Edit::Swap(a, b) => entries.swap(a.index(count), b.index(count)),
        Edit::Repeat(at) => entries.push(entries[at.index(count)]),
        Edit::Shift(at, by) => {
            let entry = &mut entries[at.index(count)];
            entry.offset = entry.offset.saturating_add_signed(*by);
        }
        Edit::Resize(at, by) => {
            let entry = &mut entries[at.index(count)];
            entry.size = entry.size.saturating_add_signed(*by).max(16);
        }
        Edit::Reverse => entries.reverse(),
        _ => {}
    }
}

fn file_of(lengths: &[usize]) -> Vec<u8> {
    lengths.iter().flat_map(|length| frame::encode(&vec![0x5a; *length])).collect()
}

fn index_of(data: &[u8]) -> Vec<Entry> {
    Index::from_bytes(data, &Options::new().checksums(Checksums::None)).unwrap().into_entries()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn agrees_with_plain_loops(
        lengths in prop::collection::vec(0..60usize, 0..30),
        edits in prop::collection::vec(edit(), 0..5),
        partial in any::<bool>(),
        threads in 1..4usize,
        gap in prop::option::of(0..300u64),
    ) {
        let mut data = file_of(&lengths);
        let mut entries = index_of(&data);
        edits.iter().for_each(|edit| apply(edit, &mut entries, &mut data));
        let index = Index::from_entries(entries.clone()).unwrap();
        let options = Options::new().threads(threads).allow_partial(partial);
        for (checksums, crcs) in [(Checksums::Length, true), (Checksums::None, false)] {
            let options = options.checksums(checksums);
            // There are few enough entries that all are sampled.
            for level in [CheckLevel::Quick, CheckLevel::Headers, CheckLevel::Full] {
                let found = outcome(match gap {
                    None => index.check_source(&data[..], level, &options),
                    Some(gap) => index.check_source(Far::new(&data, gap), level, &options),
                });
                let payloads = level == CheckLevel::Full;
                prop_assert_eq!(found, judged(&entries, &data, payloads, partial, crcs));
            }
        }
    }

    /// Any number of threads finds the same bad frame.
    #[test]
    fn threads_agree(
        lengths in prop::collection::vec(0..30usize, 100..300),
        bad in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
        reverse in any::<bool>(),
        repeat in any::<bool>(),
    ) {
        let mut data = file_of(&lengths);
        let mut entries = index_of(&data);
        for bad in bad {
            let at = bad.index(data.len());
            data[at] ^= 0x10;
        }
        if reverse {
            entries.reverse();
        }
        if repeat {
            entries.extend_from_within(..);
        }
        let index = Index::from_entries(entries.clone()).unwrap();
        for level in [CheckLevel::Headers, CheckLevel::Full] {
            let expected = judged(&entries, &data, level == CheckLevel::Full, false, true);
            for threads in [1, 2, 3, 8] {
                let options = Options::new().threads(threads).checksums(Checksums::Length);
                let found = outcome(index.check_source(&data[..], level, &options));
                prop_assert_eq!(&found, &expected);
            }
        }
    }
}

#[test]
fn policy_auto_goes_by_the_first_header() {
    let check = |data: &[u8], policy| {
        let index = Index::from_entries(index_of(data)).unwrap();
        let options = Options::new().checksums(policy);
        outcome(index.check_source(data, CheckLevel::Full, &options))
    };
    let unchecked = Ok(Fit { checksums_skipped: true, ..Fit::default() });
    let frame_with = |length: usize, crc: u32| {
        let mut frame = frame::encode(&vec![1; length]);
        frame[8..12].copy_from_slice(&crc.to_le_bytes());
        frame[length + 12..].copy_from_slice(&crc.to_le_bytes());
        frame
    };
    // Writers that store zeros, or something else.
    let zeros = [frame_with(3, 0), frame_with(0, 0)].concat();
    let others = [frame_with(3, 77), frame_with(0, 77)].concat();
    for data in [&zeros, &others] {
        assert_eq!(check(data, Checksums::Auto), unchecked);
        assert_eq!(check(data, Checksums::None), unchecked);
        let error = (ErrorKind::LengthCrc, Some(0), Some(0));
        assert_eq!(check(data, Checksums::Length), Err(error));
    }
    // No writer stores headers of zeros only.
    let hole = [&others[..], &[0; 16]].concat();
    let empty = (ErrorKind::Mismatch, Some(0), Some(0));
    assert_eq!(check(&[0; 32], Checksums::Auto), Err(empty));
    assert_eq!(check(&hole, Checksums::Auto), Err((ErrorKind::Length, Some(2), Some(35))));
    assert_eq!(check(&hole, Checksums::None), unchecked);
    // A first header that is damaged is no proof of missing checksums.
    let mut damaged = file_of(&[3, 0]);
    damaged[8] ^= 1;
    let error = (ErrorKind::LengthCrc, Some(0), Some(0));
    assert_eq!(check(&damaged, Checksums::Auto), Err(error));
}

/// Counts reads and the requested bytes.
pub(crate) struct CountingSource<'a>(pub &'a [u8], pub Mutex<(usize, usize)>);

impl ReadAt for CountingSource<'_> {
    fn size(&self) -> io::Result<u64> {
        self.0.size()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let count = self.0.read_at(buffer, offset)?;
        let mut counts = self.1.lock().unwrap();
        (counts.0, counts.1) = (counts.0 + 1, counts.1 + count);
        Ok(count)
    }
}

#[test]
fn payloads_are_skipped() {
    let data = file_of(&[100_000; 200]);
    let index = Index::from_entries(index_of(&data)).unwrap();
    for (level, reads) in [(CheckLevel::Quick, 67), (CheckLevel::Headers, 201)] {
        let source = CountingSource(&data, Default::default());
        index.check_source(&source, level, &Options::new().threads(1)).unwrap();
        let (count, bytes) = *source.1.lock().unwrap();
        assert!(count == reads && bytes < 40_000, "{count} reads of {bytes} bytes");
    }
}

#[test]
fn progress_is_told_and_cancels() {
    let data = file_of(&[40; 500]);
    let index = Index::from_entries(index_of(&data)).unwrap();
    for level in [CheckLevel::Quick, CheckLevel::Headers, CheckLevel::Full] {
        for threads in [1, 2] {
            let told = Mutex::new(Vec::new());
            let watch = |progress| {
                told.lock().unwrap().push(progress);
                ControlFlow::Continue(())
            };
            let options = Options::new().threads(threads).progress(&watch);
            index.check_source(&data[..], level, &options).unwrap();
            let size = data.len() as u64;
            let end = Progress { bytes_done: size, bytes_total: size, records: 500 };
            let seen = std::mem::take(&mut *told.lock().unwrap());
            assert!(seen.len() >= 2 && seen.last() == Some(&end));
            let stop = |_| ControlFlow::Break(());
            let error = index.check_source(&data[..], level, &options.progress(&stop)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Cancelled);
        }
    }
    // For a truncated frame, progress counts only the bytes that exist.
    let data = file_of(&[32 << 20]);
    let index = Index::from_entries(index_of(&data)).unwrap();
    let watch = |progress: Progress| {
        assert!(progress.bytes_done <= progress.bytes_total);
        ControlFlow::Continue(())
    };
    let options = Options::new().progress(&watch);
    index.check_source(&data[..100], CheckLevel::Quick, &options).unwrap_err();
}

#[test]
fn messages_say_which_case_it_is() {
    let data = file_of(&[5, 0, 7]); // 21, 16 and 23 bytes
    let check = |text: &str, data: &[u8]| {
        let index = Index::from_text(text).unwrap();
        index.check_source(data, CheckLevel::Quick, &Options::new()).unwrap_err().to_string()
    };
    for (text, data, message) in [
        (
            "",
            &data[..],
            "record 0 at byte 0: the index ends at byte 0, but up to 60 bytes of valid records follow",
        ),
        (
            "0 21\n21 16\n",
            &data,
            "record 2 at byte 37: the index ends at byte 37, but up to 23",
        ),
        (
            "0 21\n21 16\n37 23\n",
            &data[..59],
            "record 2 at byte 37: the index has a frame up to byte 60",
        ),
        (
            "0 21\n21 16\n37 24\n",
            &data,
            "record 2 at byte 37: the index has a frame of 24 bytes here, but the data has one of",
        ),
        (
            "0 21\n22 16\n",
            &data,
            "record 1 at byte 22: the index has a frame of 16 bytes here, but the data has none",
        ),
        ("21 16\n0 22\n", &data, "record 1 at byte 0: overlaps record 0 at byte 21"),
    ] {
        let found = check(text, data);
        assert!(found.starts_with(message), "{found}");
    }
}

#[test]
fn data_of_another_format_is_named() {
    let index = Index::from_text("0 21\n21 16\n37 23\n").unwrap();
    let gzip = [&b"\x1f\x8b\x08\0\0\0\0\0\0\x03"[..], &[0x5a; 50]].concat();
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 60\n";
    for (data, format) in [(&gzip[..], "gzip"), (pointer, "Git LFS pointer")] {
        for level in [CheckLevel::Quick, CheckLevel::Headers] {
            let error = index.check_source(data, level, &Options::new()).unwrap_err();
            assert_eq!((error.kind(), error.format()), (ErrorKind::NotTfRecord, Some(format)));
        }
    }
}

/// Blocks reads until the test lets them continue, slowly.
struct StuckSource {
    data: Vec<u8>,
    goes_on: AtomicBool,
    reads: AtomicUsize,
}

impl ReadAt for StuckSource {
    fn size(&self) -> io::Result<u64> {
        self.data.size()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        while offset > 0 && !self.goes_on.load(Ordering::Relaxed) {
            thread::yield_now();
        }
        self.reads.fetch_add(1, Ordering::Relaxed);
        thread::sleep(Duration::from_millis(1));
        self.data.read_at(buffer, offset)
    }
}

/// The callback can cancel while threads wait for storage, and the threads stop.
#[test]
fn waiting_is_cancelled() {
    let data = file_of(&[40_000; 200]);
    let index = Index::from_entries(index_of(&data)).unwrap();
    let source = StuckSource { data, goes_on: false.into(), reads: 0.into() };
    let calls = AtomicUsize::new(0);
    let watch = |_| {
        if calls.fetch_add(1, Ordering::Relaxed) < 2 {
            return ControlFlow::Continue(());
        }
        source.goes_on.store(true, Ordering::Relaxed);
        ControlFlow::Break(())
    };
    let options = Options::new().threads(2).progress(&watch);
    let error = index.check_source(&source, CheckLevel::Headers, &options).unwrap_err();
    assert_eq!((error.kind(), calls.into_inner()), (ErrorKind::Cancelled, 3));
    assert!(source.reads.into_inner() < 200);
}

/// Data without a valid header at an entry is damaged, unless its records continue elsewhere.
#[test]
fn damage_is_told_from_another_version() {
    let data = file_of(&[20; 1000]);
    let entries = index_of(&data);
    let index = Index::from_entries(entries.clone()).unwrap();
    let levels = [CheckLevel::Quick, CheckLevel::Headers, CheckLevel::Full];
    let check = |data: &[u8], level| {
        let options = Options::new().checksums(Checksums::Length);
        outcome(index.check_source(data, level, &options)).unwrap_err()
    };
    for (from, to) in [(0, 1), (0, 500), (300, 500), (500, 1000), (1, 1000), (0, 999)] {
        let mut damaged = data.clone();
        damaged[36 * from..36 * to].fill(0);
        for level in levels {
            let (kind, record, _) = check(&damaged, level);
            assert_eq!(kind, ErrorKind::LengthCrc);
            assert!((from as u64..to as u64).contains(&record.unwrap()));
        }
    }
    let mut nothing = data.clone();
    nothing.fill(0xaa);
    // The same start, and then the same bytes in records of other sizes.
    let other = [&data[..36 * 100], &file_of(&[40, 0]).repeat(450)].concat();
    assert_eq!(other.len(), data.len());
    for level in levels {
        assert_eq!(check(&nothing, level).0, ErrorKind::Mismatch);
        let (kind, record, _) = check(&other, level);
        assert_eq!(kind, ErrorKind::Mismatch);
        assert!(record >= Some(100));
    }
}

/// For any bytes in place of a header, and any checksums in the others.
#[test]
fn one_damaged_header_is_damage() {
    let lengths: Vec<usize> = (0..200).map(|number| 1 + number * 7 % 90).collect();
    let with_crcs = file_of(&lengths);
    let mut without = with_crcs.clone();
    for entry in index_of(&with_crcs) {
        without[entry.offset as usize + 8..][..4].fill(0);
    }
    let options = Options::new().threads(1);
    let other = frame::encode(&[9; 95]);
    let true_header = other[..12].try_into().unwrap();
    let headers = [[0; 12], [0xff; 12], *b"<!doctype ht", true_header];
    // Among headers without checksums, a valid checksum would mean that the others are damaged.
    for (data, first, headers) in [(with_crcs, 0, &headers[..]), (without, 1, &headers[..3])] {
        let entries = index_of(&data);
        let index = Index::from_entries(entries.iter().copied()).unwrap();
        for (record, entry) in entries.iter().enumerate().skip(first) {
            for header in headers {
                let mut damaged = data.clone();
                damaged[entry.offset as usize..][..12].copy_from_slice(header);
                for level in [CheckLevel::Headers, CheckLevel::Full] {
                    let error = index.check_source(&damaged[..], level, &options);
                    let error = error.unwrap_err();
                    let is_damage =
                        matches!(error.kind(), ErrorKind::Length | ErrorKind::LengthCrc);
                    assert!(is_damage && error.record() == Some(record as u64), "{error:?}");
                }
                match index.check_source(&damaged[..], CheckLevel::Quick, &options) {
                    Ok(_) => {} // not among the samples
                    Err(error) => assert_eq!(error.record(), Some(record as u64), "{error:?}"),
                }
                let found = reason_against(&index, &&damaged[..], &options).unwrap();
                assert!(found.is_none(), "{found:?}");
            }
        }
    }
}

/// Memory that takes a millisecond a read.
struct Slow<'a> {
    data: &'a [u8],
    reading: AtomicUsize,
    most: AtomicUsize,
}

impl ReadAt for Slow<'_> {
    fn size(&self) -> io::Result<u64> {
        self.data.size()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let reading = self.reading.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(reading, Ordering::Relaxed);
        thread::sleep(Duration::from_millis(1));
        self.reading.fetch_sub(1, Ordering::Relaxed);
        self.data.read_at(buffer, offset)
    }
}

/// The samples of slow data are read at the same time; the answer is that of fast data.
#[test]
fn slow_samples_are_read_at_once() {
    let data = frame::encode(&[7; 20_000]).repeat(100);
    let index = Index::from_bytes(&data, &Options::new()).unwrap();
    let mut damaged = data.clone();
    damaged[index[60].offset as usize + 9] ^= 1;
    let shifted = [&frame::encode(&[7; 90])[..], &data[..data.len() - 106]].concat();
    for (number, data) in [&data, &damaged, &shifted].into_iter().enumerate() {
        let fast = index.check_source(&data[..], CheckLevel::Quick, &Options::new());
        for threads in [0, 1] {
            let slow = Slow { data, reading: AtomicUsize::new(0), most: AtomicUsize::new(0) };
            let options = Options::new().threads(threads);
            let found = index.check_source(&slow, CheckLevel::Quick, &options);
            assert_eq!(outcome(found), outcome(fast.clone()), "{number}");
            let most = slow.most.into_inner();
            // The first sample shows that the shifted data is of another file.
            let is_alone = threads == 1 || number == 2;
            assert!(if is_alone { most == 1 } else { most > 4 }, "{number}: {most} at once");
        }
    }
}
