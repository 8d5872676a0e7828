//! Compares the search for records left out with a search at every byte.

use std::cell::Cell;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;

use super::*;
use crate::index::{Entry, Index};
use crate::{check, crc, frame, CheckLevel, Error};

/// Like [`first_record`] for data with valid checksums, but tries every byte that no entry covers.
pub(in crate::check) fn naive(data: &[u8], entries: &[Entry]) -> Option<u64> {
    let index = Index::from_checked(entries.to_vec());
    let some = Layout::of(&index).unwrap().some().unwrap();
    let has_payloads =
        some.iter().any(|entry| is_record(&data[entry.offset as usize..entry.end() as usize]));
    let is_record = |frame: &[u8]| !has_payloads || is_record(frame);
    let mut covered = vec![false; data.len()];
    for entry in entries {
        covered[entry.offset as usize..entry.end() as usize].fill(true);
    }
    let mut start = 0;
    while let Some(gap) = covered[start..].iter().position(|covered| !covered) {
        start += gap;
        let end = covered[start..].iter().position(|covered| *covered);
        let end = end.map_or(data.len(), |ahead| start + ahead);
        let mut at = start;
        while let Some(size) = (at < end).then(|| frame_size(&data[at..])).flatten() {
            if is_record(&data[at..][..size]) {
                return Some(at as u64);
            }
            at += size;
        }
        if start == 0 || end == data.len() {
            for at in start..end {
                let fitting = frame_size(&data[at..]);
                if fitting.is_some_and(|size| is_record(&data[at..][..size])) {
                    return Some(at as u64);
                }
            }
        }
        start = end;
    }
    None
}

/// The end of the chain of valid headers from `at`, or its first offset at or after `end`.
pub(in crate::check) fn naive_chain(data: &[u8], mut at: u64, end: u64) -> u64 {
    while let Some(size) = (at < end).then(|| frame_size(&data[at as usize..])).flatten() {
        at += size as u64;
    }
    at
}

/// The size of the frame at the start of `data`, if its header is valid and it fits.
fn frame_size(data: &[u8]) -> Option<usize> {
    let (length, crc) = data.get(..12)?.split_at(8);
    let holds = crc::masked(length).to_le_bytes() == crc;
    let size = u64::from_le_bytes(length.try_into().unwrap()).checked_add(16)?;
    (holds && size <= data.len() as u64).then_some(size as usize)
}

fn is_record(frame: &[u8]) -> bool {
    frame::encode(&frame[12..frame.len() - 4]) == frame
}

fn found(data: &[u8], entries: &[Entry]) -> Option<u64> {
    let index = Index::from_checked(entries.to_vec());
    let layout = Layout::of(&index).unwrap();
    let size = data.len() as u64;
    first_record(&data, size, &layout, Trust::Checked, &|_| ControlFlow::Continue(())).unwrap()
}

fn reason_against(index: &Index, data: &[u8]) -> Option<Error> {
    check::reason_against(index, &data, &Options::new()).unwrap()
}

fn salvage(data: &[u8], checksums: Checksums) -> crate::Result<Index> {
    Index::from_bytes(data, &Options::new().checksums(checksums).salvage(true))
}

/// A piece of a file: a record, valid or damaged, or junk.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let record =
        || prop::collection::vec(any::<u8>(), 0..60).prop_map(|bytes| frame::encode(&bytes));
    let damaged =
        (record(), any::<prop::sample::Index>(), 1..=255u8).prop_map(|(mut frame, at, bits)| {
            let at = at.index(frame.len());
            frame[at] ^= bits;
            frame
        });
    prop_oneof![
        6 => record(),
        2 => damaged,
        1 => prop::collection::vec(any::<u8>(), 0..40),
        1 => (0..100usize).prop_map(|count| vec![0; count]),
    ]
}

fn pieces(most: usize) -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::vec(piece(), 0..most)
}

/// This includes truncated records, and records inside records: if a header is damaged, salvage may
/// search the payload for the next one, depending on the damage.
fn any_pieces() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let cut = (piece(), any::<prop::sample::Index>()).prop_map(|(mut frame, at)| {
        frame.truncate(at.index(frame.len() + 1));
        frame
    });
    let wrapped = (pieces(5), any::<prop::sample::Index>(), 0..=255u8);
    let wrapped = wrapped.prop_map(|(pieces, at, bits)| {
        let mut frame = frame::encode(&pieces.concat());
        let at = at.index(frame.len().min(40));
        frame[at] ^= bits;
        frame
    });
    prop::collection::vec(prop_oneof![3 => piece(), 1 => cut, 1 => wrapped], 0..10)
}

/// The entries of the pieces that are valid records.
fn entries_of(pieces: &[Vec<u8>]) -> Vec<Entry> {
    let mut offset = 0;
    let mut entries = Vec::new();
    for piece in pieces {
        if frame_size(piece) == Some(piece.len()) && is_record(piece) {
            entries.push(Entry { offset, size: piece.len() as u64 });
        }
        offset += piece.len() as u64;
    }
    entries
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    #[test]
    fn finds_what_a_look_at_each_byte_finds(
        pieces in pieces(25),
        cut in any::<prop::sample::Index>(),
        kept in prop::collection::vec(prop::bool::weighted(0.8), 25),
        reversed in any::<bool>(),
    ) {
        let all = entries_of(&pieces);
        let kept = all.iter().zip(kept).filter(|(_, kept)| *kept).map(|(entry, _)| *entry);
        let mut kept: Vec<Entry> = kept.collect();
        if reversed {
            kept.reverse();
        }
        if kept.is_empty() {
            return Ok(());
        }
        let mut data = pieces.concat();
        let end = kept.iter().map(Entry::end).max().unwrap_or(0) as usize;
        data.truncate(end + cut.index(data.len() - end + 1));
        prop_assert_eq!(found(&data, &kept), naive(&data, &kept));
    }

    /// An index that salvage makes, or that leaves an incomplete record out, accounts for all.
    #[test]
    fn what_is_salvaged_is_used(pieces in any_pieces(), cut in any::<prop::sample::Index>()) {
        let data = pieces.concat();
        prop_assume!(data.len() < 1 << 10); // small enough that salvage checks all payload CRCs
        for data in [&data[..], &data[..cut.index(data.len() + 1)]] {
            for checksums in [Checksums::Auto, Checksums::Full] {
                if let Ok(index) = salvage(data, checksums) {
                    prop_assert!(reason_against(&index, data).is_none(), "{index:?}");
                    // For any policy of the reader.
                    let options = Options::new().checksums(Checksums::None);
                    prop_assert!(check::reason_against(&index, &data, &options).unwrap().is_none());
                }
            }
            let options = Options::new().allow_incomplete_tail(true);
            if let Ok(index) = Index::from_bytes(data, &options) {
                let reason = reason_against(&index, data);
                prop_assert!(reason.is_none() || reason.unwrap().format().is_some());
            }
        }
    }

    /// An index of an earlier version is stale as soon as one more valid record follows its last.
    /// (Between two of its entries, growth can reveal a record, too: if a damaged length reached
    /// exactly to the end of the data, salvage took what lies in that frame for its payload.)
    #[test]
    fn what_has_grown_or_was_repaired_is_noticed(pieces in pieces(15), more in pieces(15)) {
        let data = pieces.concat();
        let Ok(index) = salvage(&data, Checksums::Full) else { return Ok(()) };
        for more in [more.concat(), data.clone(), frame::encode(b"more")] {
            let grown = [&data[..], &more].concat();
            let Ok(now) = salvage(&grown, Checksums::Full) else { continue };
            if index.iter().all(|entry| now.contains(entry)) {
                let end = index.iter().map(Entry::end).max().unwrap_or(0);
                let is_noticed = reason_against(&index, &grown).is_some();
                if now.iter().any(|entry| entry.offset >= end) {
                    prop_assert!(is_noticed);
                } else if now.len() == index.len() {
                    prop_assert!(!is_noticed);
                }
            }
        }
    }
}

/// Records of these sizes, without checksums.
fn unchecked(sizes: &[usize]) -> (Vec<u8>, Index) {
    let mut data: Vec<u8> = sizes.iter().flat_map(|&size| frame::encode(&vec![7; size])).collect();
    let index = Index::from_bytes(&data, &Options::new()).unwrap();
    for entry in &index {
        data[entry.offset as usize + 8..][..4].fill(0x77);
        data[entry.end() as usize - 4..][..4].fill(0x77);
    }
    (data, index)
}

#[test]
fn without_checksums_a_frame_that_fits_is_a_record() {
    let (data, whole) = unchecked(&[5, 30, 0, 9, 1]);
    assert!(reason_against(&whole, &data).is_none());
    let stray = [&data[..], b"stray"].concat(); // too short for a frame
    assert!(reason_against(&whole, &stray).is_none());
    for left_out in 0..5 {
        let kept = whole.iter().enumerate().filter(|(record, _)| *record != left_out);
        let part = Index::from_entries(kept.map(|(_, entry)| *entry)).unwrap();
        let reason = reason_against(&part, &data).unwrap();
        assert_eq!(reason.kind(), ErrorKind::Stale, "{reason}");
    }
    assert_eq!(reason_against(&Index::default(), &data).unwrap().kind(), ErrorKind::Stale);
}

/// Some writers store valid CRCs only for lengths.
#[test]
fn without_payload_checksums_a_valid_header_makes_a_record() {
    let mut data: Vec<u8> = (0..9).flat_map(|size| frame::encode(&vec![7; size])).collect();
    let whole = Index::from_bytes(&data, &Options::new()).unwrap();
    for entry in &whole {
        data[entry.end() as usize - 4..][..4].fill(0);
    }
    assert!(reason_against(&whole, &data).is_none());
    for kept in [0..8, 1..9, 3..4] {
        let part = Index::from_entries(whole[kept].iter().copied()).unwrap();
        assert_eq!(reason_against(&part, &data).unwrap().kind(), ErrorKind::Stale);
    }
    // After junk, too.
    let junk = [&data[..], &[0x55; 30], &data[..40]].concat();
    assert_eq!(reason_against(&whole, &junk).unwrap().kind(), ErrorKind::Stale);
}

#[test]
fn an_empty_index_fits_what_has_no_whole_record_yet() {
    let empty = Index::default();
    let record = frame::encode(&[7; 50]);
    for end in 0..record.len() {
        assert!(reason_against(&empty, &record[..end]).is_none(), "{end}");
    }
    let mut damaged = record.clone();
    damaged[20] ^= 1;
    assert!(reason_against(&empty, &damaged).is_none());
    assert_eq!(reason_against(&empty, &record).unwrap().kind(), ErrorKind::Stale);
    // After a damaged header, too.
    damaged[..12].fill(0x55);
    let reason = reason_against(&empty, &[&damaged[..], &record].concat()).unwrap();
    assert_eq!(reason.kind(), ErrorKind::Stale, "{reason}");
    for data in [&[0; 100][..], b"hello", b"<html>404 Not Found</html>", &[0x55; 99]] {
        for partial in [false, true] {
            let options = Options::new().allow_partial(partial);
            let checked = empty.check_source(data, CheckLevel::Quick, &options);
            let error = checked.unwrap_err();
            let kinds = [ErrorKind::NotTfRecord, ErrorKind::Truncated];
            assert!(kinds.contains(&error.kind()), "{error}");
        }
    }
}

/// A record inside a payload is not a record of the file.
#[test]
fn records_inside_of_records_are_not_left_out() {
    let nested = frame::encode(&[frame::encode(b"one"), frame::encode(b"two")].concat());
    let mut data = [frame::encode(b"first"), nested, frame::encode(b"last")].concat();
    let whole = Index::from_bytes(&data, &Options::new()).unwrap();
    data[whole[1].offset as usize + 3] ^= 1; // one bit of its header
    for kept in [vec![whole[0], whole[2]], vec![whole[2]]] {
        let index = Index::from_entries(kept.clone()).unwrap();
        let reason = reason_against(&index, &data);
        assert_eq!(reason.is_none(), kept.len() == 2);
    }
    let cut = &data[..whole[2].offset as usize];
    let index = Index::from_entries([whole[0]]).unwrap();
    assert!(reason_against(&index, cut).is_none());
}

/// Counts the bytes that are read.
struct CountingSource<'a>(&'a [u8], Cell<usize>);

impl ReadAt for CountingSource<'_> {
    fn size(&self) -> io::Result<u64> {
        self.0.size()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let count = self.0.read_at(buffer, offset)?;
        self.1.set(self.1.get() + count);
        Ok(count)
    }
}

#[test]
fn no_more_is_read_than_the_answer_takes() {
    let data: Vec<u8> = (0..100).flat_map(|_| frame::encode(&[7; 1000])).collect();
    let whole = Index::from_bytes(&data, &Options::new()).unwrap();
    let bytes_read = |entries: &[Entry], data: &[u8]| {
        let source = CountingSource(data, Cell::new(0));
        let index = Index::from_checked(entries.to_vec());
        let layout = Layout::of(&index).unwrap();
        let watch = |_| ControlFlow::Continue(());
        let size = data.len() as u64;
        first_record(&source, size, &layout, Trust::Checked, &watch).unwrap();
        source.1.get()
    };
    assert_eq!(bytes_read(&whole, &data), 0);
    let odd: Vec<Entry> = whole.iter().copied().step_by(2).collect();
    assert!(bytes_read(&odd, &data) < 10_000); // the search ends at the first one
    let mut damaged = data.clone();
    odd.iter().for_each(|entry| damaged[entry.end() as usize % data.len()..][..8].fill(0x55));
    assert!(bytes_read(&odd, &damaged[..99 * 1016]) < 50 * 12 + 5000);
}

#[test]
fn a_search_is_cancelled() {
    let mut data = frame::encode(b"a");
    let index = Index::from_bytes(&data, &Options::new()).unwrap();
    data.resize(40 << 20, 0x55);
    let calls = AtomicUsize::new(0);
    let watch = |_| match calls.fetch_add(1, Ordering::Relaxed) < 2 {
        true => ControlFlow::Continue(()),
        false => ControlFlow::Break(()),
    };
    let options = Options::new().progress(&watch);
    let error = check::reason_against(&index, &&data[..], &options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
}
