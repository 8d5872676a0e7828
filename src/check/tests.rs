//! Checks against plain loops over data in memory, for files and indexes edited at random.

use std::cell::Cell;
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
use crate::{crc, frame};

type Outcome = std::result::Result<Fit, (ErrorKind, Option<u64>, Option<u64>)>;

fn outcome(result: Result<Fit>) -> Outcome {
    result.map_err(|error| (error.kind(), error.record(), error.offset()))
}

/// What [`Index::check`] promises of data that has true checksums, or of which none is looked at.
fn judged(entries: &[Entry], data: &[u8], payloads: bool, partial: bool, crcs: bool) -> Outcome {
    let size = data.len() as u64;
    let fault = |kind, record, offset| Err((kind, Some(record as u64), Some(offset)));
    if entries.is_empty() && size > 0 && !partial {
        return Err((ErrorKind::Mismatch, None, None));
    }
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_by_key(|&record| (entries[record].offset, entries[record].size, record));
    order.dedup_by_key(|record| entries[*record]);
    for pair in order.windows(2) {
        if entries[pair[0]].end() > entries[pair[1]].offset {
            let record = pair[0].max(pair[1]);
            return fault(ErrorKind::Mismatch, record, entries[record].offset);
        }
    }
    let beyond = order.iter().find(|&&record| entries[record].end() > size);
    let mut covered = vec![false; data.len()];
    for entry in entries.iter().filter(|entry| entry.end() <= size) {
        covered[entry.offset as usize..entry.end() as usize].fill(true);
    }
    let end = covered.iter().position(|covered| !covered).unwrap_or(data.len());
    let is_part = end < data.len() && !covered[end..].contains(&true) && !partial;
    let is_faulty = beyond.is_some() || is_part;
    for &record in &order {
        let Entry { offset, size } = entries[record];
        let at = offset as usize;
        let Some(header) = data.get(at..at + 12) else { continue };
        let length = &header[..8];
        let stored = u32::from_le_bytes(header[8..].try_into().unwrap());
        let meant = (size - 16).to_le_bytes();
        if crcs && (length == meant) != (stored == crc::masked(&meant)) {
            return fault(ErrorKind::LengthCrc, record, offset);
        }
        if length != meant {
            return fault(ErrorKind::Mismatch, record, offset);
        }
        if payloads && crcs && !is_faulty {
            let (payload, stored) =
                data[at + 12..(offset + size) as usize].split_at(size as usize - 16);
            if crc::masked(payload) != u32::from_le_bytes(stored.try_into().unwrap()) {
                return fault(ErrorKind::PayloadCrc, record, offset);
            }
        }
    }
    if let Some(&record) = beyond {
        return fault(ErrorKind::Mismatch, record, entries[record].offset);
    }
    if is_part {
        return fault(ErrorKind::Mismatch, order.len(), end as u64);
    }
    Ok(Fit {
        skipped: covered.iter().filter(|covered| !**covered).count() as u64,
        reordered: entries.windows(2).any(|pair| pair[0].offset > pair[1].offset),
        repeated: order.len() < entries.len(),
        unchecked: !crcs && !entries.is_empty(),
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
    ) {
        let mut data = file_of(&lengths);
        let mut entries = index_of(&data);
        edits.iter().for_each(|edit| apply(edit, &mut entries, &mut data));
        let index = Index::from_entries(entries.clone()).unwrap();
        let options = Options::new().threads(threads).allow_partial(partial);
        for (checksums, crcs) in [(Checksums::Length, true), (Checksums::None, false)] {
            let options = options.checksums(checksums);
            // So few entries are all among the samples.
            for level in [CheckLevel::Quick, CheckLevel::Headers, CheckLevel::Full] {
                let found = outcome(index.check_source(&data[..], level, &options));
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
fn samples_are_spread_from_the_first_to_the_last() {
    for count in (0..300).chain([1 << 20, usize::MAX]) {
        let positions: Vec<usize> = samples(count).collect();
        assert_eq!(positions.len(), count.min(SAMPLES));
        assert!(positions.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(positions.first().copied(), (count > 0).then_some(0));
        assert_eq!(positions.last().copied(), count.checked_sub(1));
    }
}

#[test]
fn policy_auto_goes_by_the_first_header() {
    let check = |data: &[u8], policy| {
        let index = Index::from_entries(index_of(data)).unwrap();
        let options = Options::new().checksums(policy);
        outcome(index.check_source(data, CheckLevel::Full, &options))
    };
    let unchecked = Ok(Fit { unchecked: true, ..Fit::default() });
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
    // Zeros alone are nobody's headers.
    let hole = [&others[..], &[0; 16]].concat();
    let empty = (ErrorKind::Mismatch, Some(0), Some(0));
    assert_eq!(check(&[0; 32], Checksums::Auto), Err(empty));
    assert_eq!(check(&hole, Checksums::Auto), Err((ErrorKind::Mismatch, Some(2), Some(35))));
    assert_eq!(check(&hole, Checksums::None), unchecked);
    // A first header that is damaged is no proof of missing checksums.
    let mut damaged = file_of(&[3, 0]);
    damaged[8] ^= 1;
    let error = (ErrorKind::LengthCrc, Some(0), Some(0));
    assert_eq!(check(&damaged, Checksums::Auto), Err(error));
}

/// Counts reads, and the bytes that they ask for.
struct Counted<'a>(&'a [u8], Mutex<(usize, usize)>);

impl ReadAt for Counted<'_> {
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
fn payloads_are_hopped_over() {
    let data = file_of(&[100_000; 200]);
    let index = Index::from_entries(index_of(&data)).unwrap();
    for (level, reads) in [(CheckLevel::Quick, 67), (CheckLevel::Headers, 201)] {
        let source = Counted(&data, Default::default());
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
            let (calls, last) = (Cell::new(0), Cell::new(None));
            let watch = |progress| {
                calls.set(calls.get() + 1);
                last.set(Some(progress));
                ControlFlow::Continue(())
            };
            let options = Options::new().threads(threads).progress(&watch);
            index.check_source(&data[..], level, &options).unwrap();
            let size = data.len() as u64;
            let end = Progress { bytes_done: size, bytes_total: size, records: 500 };
            assert!(calls.get() >= 2 && last.get() == Some(end));
            let stop = |_| ControlFlow::Break(());
            let error = index.check_source(&data[..], level, &options.progress(&stop)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Cancelled);
        }
    }
    // Of a frame that was cut short, no more is done than is there.
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
        ("", &data[..], "the index is empty, but the data has 60 bytes"),
        (
            "0 21\n21 16\n",
            &data,
            "record 2 at byte 37: the index ends here, but the data goes on for 23",
        ),
        (
            "0 21\n21 16\n37 23\n",
            &data[..59],
            "record 2 at byte 37: the index has a frame up to byte 60",
        ),
        (
            "0 21\n21 16\n37 24\n",
            &data,
            "record 2 at byte 37: the index has a frame of 24 bytes here, the data one of 23",
        ),
        (
            "0 21\n22 16\n",
            &data,
            "record 1 at byte 22: the index has a frame of 16 bytes here, the data none",
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

/// Answers slowly, and not at all until it is told to go on.
struct Stuck {
    data: Vec<u8>,
    goes_on: AtomicBool,
    reads: AtomicUsize,
}

impl ReadAt for Stuck {
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

/// The callback is heard while threads wait for a medium, and they stop.
#[test]
fn waiting_is_cancelled() {
    let data = file_of(&[40_000; 200]);
    let index = Index::from_entries(index_of(&data)).unwrap();
    let source = Stuck { data, goes_on: false.into(), reads: 0.into() };
    let calls = Cell::new(0);
    let watch = |_| {
        calls.set(calls.get() + 1);
        if calls.get() < 3 {
            return ControlFlow::Continue(());
        }
        source.goes_on.store(true, Ordering::Relaxed);
        ControlFlow::Break(())
    };
    let options = Options::new().threads(2).progress(&watch);
    let error = index.check_source(&source, CheckLevel::Headers, &options).unwrap_err();
    assert_eq!((error.kind(), calls.get()), (ErrorKind::Cancelled, 3));
    assert!(source.reads.into_inner() < 200);
}
