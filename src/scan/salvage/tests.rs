//! Compares what is salvaged with what was damaged.

use std::cell::Cell;
use std::io;
use std::ops::{ControlFlow, Range};
use std::sync::Mutex;

use crate::options::{Checksums, Options, Progress, Skipped};
use crate::{frame, Entry, Error, ErrorKind, Index, ReadAt, Scanner};
use proptest::prelude::*;

/// A skipped region: where, after how many records, and why.
type LeftOut = Vec<(Range<u64>, u64, ErrorKind)>;

fn salvage(data: &[u8], options: Options<'_>) -> Result<(Vec<Entry>, LeftOut), Error> {
    let left_out = Mutex::new(Vec::new());
    let keep = |skipped: Skipped| {
        let Skipped { bytes, record, error, .. } = skipped;
        assert_eq!((error.record(), error.offset()), (Some(record), Some(bytes.start)));
        left_out.lock().unwrap().push((bytes, record, error.kind()));
        ControlFlow::Continue(())
    };
    let index = Index::from_bytes(data, &options.salvage(true).on_skipped(&keep))?;
    Ok((index.into_entries(), left_out.into_inner().unwrap()))
}

/// A file with these payloads, and its entries.
fn file_of(payloads: &[Vec<u8>]) -> (Vec<u8>, Vec<Entry>) {
    let (mut data, mut entries) = (Vec::new(), Vec::new());
    for payload in payloads {
        let record = frame::encode(payload);
        entries.push(Entry { offset: data.len() as u64, size: record.len() as u64 });
        data.extend(record);
    }
    (data, entries)
}

fn end_of(entry: &Entry) -> u64 {
    entry.offset + entry.size
}

/// Checks that entries and regions, in order, cover all of the data without overlaps.
fn assert_covers(entries: &[Entry], left_out: &LeftOut, size: u64) {
    let mut at = 0;
    let mut regions = left_out.iter().peekable();
    for number in 0..=entries.len() {
        while let Some((bytes, _, _)) = regions.next_if(|(_, record, _)| *record == number as u64) {
            assert!(bytes.start == at && bytes.end > at);
            at = bytes.end;
        }
        if let Some(entry) = entries.get(number) {
            assert_eq!(entry.offset, at);
            at = end_of(entry);
        }
    }
    assert_eq!(at, size);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Salvage returns exactly the undamaged records: with `full` for damage anywhere, with
    /// `length` for damage in headers.
    #[test]
    fn what_is_whole_is_found(
        payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..60),
        full in any::<bool>(),
        hits in prop::collection::vec((any::<prop::sample::Index>(), 0..16u64, 1..=255u8), 0..8),
        cut in prop::option::weighted(0.3, any::<prop::sample::Index>()),
        threads in 1usize..4,
    ) {
        let (mut data, entries) = file_of(&payloads);
        let mut hit = vec![false; entries.len()];
        for (record, at, bits) in hits {
            let record = record.index(entries.len());
            let Entry { offset, size } = entries[record];
            let at = if full { at * 31 % size } else { at % 12 };
            data[(offset + at) as usize] ^= bits;
            hit[record] = true;
        }
        if let Some(cut) = cut {
            data.truncate(cut.index(data.len()));
        }
        // Several flips may make a length that leads to another record's header; it is accepted.
        let starts: Vec<u64> = entries.iter().map(|entry| entry.offset).collect();
        let mut damaged = entries.iter().zip(&hit).filter(|(_, hit)| **hit).map(|(entry, _)| entry);
        prop_assume!(!damaged.any(|entry| {
            let length = data.get(entry.offset as usize..).and_then(|rest| rest.get(..8));
            let length = length.map_or(0, |length| u64::from_le_bytes(length.try_into().unwrap()));
            let end = entry.offset.saturating_add(16).saturating_add(length);
            end != end_of(entry) && (starts.contains(&end) || end == data.len() as u64)
        }));
        let size = data.len() as u64;
        let checksums = if full { Checksums::Full } else { Checksums::Auto };
        let options = Options::new().checksums(checksums).threads(threads);
        let whole: Vec<Entry> = (entries.iter().zip(&hit))
            .filter(|(entry, hit)| {
                // Flips of one byte may cancel each other.
                let frame = data.get(entry.offset as usize..end_of(entry) as usize);
                let still = |frame: &&[u8]| {
                    let start = &frame[..12];
                    start == &frame::encode(&frame[12..frame.len() - 4])[..12]
                };
                frame.is_some() && (!**hit || (!full && frame.filter(still).is_some()))
            })
            .map(|(entry, _)| *entry)
            .collect();
        match salvage(&data, options) {
            Ok((found, left_out)) => {
                assert_covers(&found, &left_out, size);
                let found: Vec<Entry> = if full {
                    // Flips that cancel each other make a record valid again.
                    found.into_iter().filter(|entry| whole.contains(entry)).collect()
                } else {
                    found
                };
                prop_assert_eq!(found, whole);
            }
            // All remaining headers are damaged.
            Err(error) => prop_assert!(whole.is_empty() && size > 0, "{error}"),
        }
    }

    /// For any data, salvage ends and accounts for all bytes, and threads do not change the result.
    #[test]
    fn any_bytes_end(
        pieces in prop::collection::vec(prop_oneof![
            prop::collection::vec(any::<u8>(), 0..100),
            prop::collection::vec(any::<u8>(), 0..40).prop_map(|payload| frame::encode(&payload)),
            (0..100u64).prop_map(|more| frame::encode(&vec![0; more as usize * 7])[..12].to_vec()),
        ], 0..40),
        checksums in prop::sample::select(
            &[Checksums::Auto, Checksums::None, Checksums::Length, Checksums::Full][..]),
    ) {
        let data = pieces.concat();
        let options = Options::new().checksums(checksums);
        let expected = salvage(&data, options.threads(1));
        match (&expected, salvage(&data, options.threads(3))) {
            (Ok(expected), Ok(found)) => {
                prop_assert_eq!(expected, &found);
                assert_covers(&found.0, &found.1, data.len() as u64);
            }
            (Err(expected), Err(found)) => {
                prop_assert_eq!(expected.to_string(), found.to_string());
            }
            (expected, found) => prop_assert!(false, "{expected:?} but {found:?}"),
        }
    }
}

#[test]
fn a_flipped_bit_of_a_length_leaves_out_that_record_alone() {
    // Frames of 64 bytes: a flipped bit may lead to the header after the next.
    let (data, entries) = file_of(&vec![vec![7; 48]; 10]);
    for bit in 0..96 {
        let mut data = data.clone();
        data[3 * 64 + bit / 8] ^= 1 << (bit % 8);
        let (found, left_out) = salvage(&data, Options::new()).unwrap();
        assert_eq!(left_out.len(), 1, "bit {bit}");
        assert_eq!(left_out[0].0, 192..256);
        assert_eq!(found, [&entries[..3], &entries[4..]].concat());
    }
}

/// The records of a TFRecord file in a payload are as valid as those around it. They are ignored if
/// the payload's own header can be corrected; if it is lost, they cannot be told apart.
#[test]
fn a_nested_file_is_found_only_where_the_payload_around_it_is_lost() {
    let (nested, inner) = file_of(&vec![b"inner".to_vec(); 3]);
    let (data, entries) = file_of(&[b"first".to_vec(), nested, b"last".to_vec()]);
    let at = entries[1].offset;

    let mut one_bit = data.clone();
    one_bit[at as usize + 2] ^= 4;
    let (found, _) = salvage(&one_bit, Options::new()).unwrap();
    assert_eq!(found, [entries[0], entries[2]]);

    let mut lost = data;
    lost[at as usize..][..12].fill(0xff);
    let (found, left_out) = salvage(&lost, Options::new().checksums(Checksums::Full)).unwrap();
    let inner = inner.iter().map(|e| Entry { offset: at + 12 + e.offset, size: e.size });
    let mut expected = vec![entries[0]];
    expected.extend(inner);
    expected.push(entries[2]);
    assert_eq!(found, expected);
    // The header, and the payload CRC after the nested records.
    assert_eq!(left_out.len(), 2);
    assert_eq!(left_out[1].0, end_of(&entries[1]) - 4..entries[2].offset);
}

#[test]
fn what_has_no_true_header_is_an_error() {
    for data in [&[0; 1000][..], &b"a text, and no record at all"[..], &[1, 0, 0][..]] {
        let error = salvage(data, Options::new()).unwrap_err();
        assert_eq!((error.record(), error.offset()), (Some(0), Some(0)), "{error}");
    }
    assert_eq!(salvage(b"", Options::new()).unwrap(), (vec![], vec![]));
}

#[test]
fn the_callback_can_stop_it() {
    let (mut data, _) = file_of(&vec![vec![1; 30]; 5]);
    data[50] ^= 1;
    let stop = |_| ControlFlow::Break(());
    let error =
        Index::from_bytes(&data, &Options::new().salvage(true).on_skipped(&stop)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
}

/// Headers at every twelfth byte, all with payloads up to the end, are not all read to the end.
#[test]
fn crafted_headers_do_not_make_it_slow() {
    let size = 4 << 20;
    let mut data = [frame::encode(b"first"), vec![0xff; 12]].concat();
    while data.len() < size {
        let length = (size - data.len()) as u64 / 2;
        data.extend(length.to_le_bytes());
        data.extend(crate::crc::masked(&length.to_le_bytes()).to_le_bytes());
    }
    let options = Options::new().checksums(Checksums::Full);
    let (found, left_out) = salvage(&data, options).unwrap();
    assert_eq!(found.len(), 1);
    assert_covers(&found, &left_out, data.len() as u64);
}

#[test]
fn progress_goes_on_while_records_are_searched_for() {
    const SIZE: usize = 100 << 20;
    // A header that leads nowhere, with a payload to the end.
    let false_start = frame::encode(&vec![0; SIZE - 1000])[..12].to_vec();
    let mut data = [frame::encode(b"first"), vec![0xff; 12], false_start].concat();
    data.resize(SIZE, 0);
    data.extend(frame::encode(b"last"));
    for stop_at in [usize::MAX, 1, 3, 8] {
        let seen = Mutex::new(Vec::new());
        let note = |progress: Progress| {
            let mut seen = seen.lock().unwrap();
            seen.push(progress.bytes_done);
            match seen.len() > stop_at {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        };
        let result = salvage(&data, Options::new().threads(1).progress(&note));
        let seen = seen.into_inner().unwrap();
        assert!(seen.windows(2).all(|pair| pair[0] <= pair[1]), "{seen:?}");
        if stop_at < usize::MAX {
            assert_eq!(result.unwrap_err().kind(), ErrorKind::Cancelled);
            assert_eq!(seen.len(), stop_at + 1);
        } else {
            assert_eq!(result.unwrap().0.len(), 2);
            // Once for the payload that leads nowhere, and once for the search.
            assert!(seen.len() > 2 * (SIZE >> 24), "{seen:?}");
        }
    }
}

/// Memory that knows where it is zero, and counts the bytes read.
struct Sparse {
    data: Vec<u8>,
    read: Cell<usize>,
}

impl ReadAt for Sparse {
    fn size(&self) -> io::Result<u64> {
        self.data.size()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let count = self.data.read_at(buffer, offset)?;
        self.read.set(self.read.get() + count);
        Ok(count)
    }

    fn next_data(&self, offset: u64) -> u64 {
        let zeros = self.data[offset as usize..].iter().take_while(|byte| **byte == 0).count();
        offset + zeros as u64
    }
}

#[test]
fn holes_are_not_read() {
    for hole in (0..300).chain([1 << 20, 16 << 20]) {
        let (first, last) = (frame::encode(b"first"), frame::encode(&[0; 3000]));
        let mut data = [&first[..], &[0xff; 12], &vec![0; hole]].concat();
        let offset = data.len() as u64;
        data.extend(&last);
        data.extend(frame::encode(b""));
        let (found, _) = salvage(&data, Options::new()).unwrap();
        assert_eq!(found[1], Entry { offset, size: last.len() as u64 });
        let source = Sparse { data, read: Cell::new(0) };
        let options = Options::new().salvage(true);
        let entries = Scanner::new(&source, &options).unwrap().collect::<Result<Vec<_>, _>>();
        assert_eq!(entries.unwrap(), found);
        assert!(source.read.get() < 64 << 10, "{}", source.read.get());
    }
}
