//! Compares segments with the sequential walk over the same data.

use super::*;
use crate::frame;
use crate::index::Entry;
use crate::source::Far;
use proptest::prelude::*;
use std::io;
use std::sync::atomic::AtomicUsize;

type Outcome = std::result::Result<Vec<Entry>, (ErrorKind, Option<u64>, Option<u64>)>;

fn outcome(result: Result<Vec<Entry>>) -> Outcome {
    result.map_err(|error| (error.kind(), error.record(), error.offset()))
}

fn in_segments(source: &(impl ReadAt + Sync), options: &Options<'_>) -> Outcome {
    let mut entries = Vec::new();
    let count = scan(source, options, (0, 0), |batch: &mut Vec<Entry>| {
        entries.append(batch);
        Ok(())
    });
    outcome(count.map(|count| {
        assert_eq!(count, entries.len() as u64);
        entries
    }))
}

fn one_by_one(source: &impl ReadAt, options: &Options<'_>) -> Outcome {
    outcome(Scanner::new(source, options).unwrap().collect())
}

/// Memory that must be read like a file.
struct Read<'a>(&'a [u8], AtomicUsize);

impl ReadAt for Read<'_> {
    fn size(&self) -> io::Result<u64> {
        self.0.size()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.read_at(buffer, offset)
    }
}

/// Payloads: bytes, or a whole TFRecord file, whose headers are as valid as the outer ones.
fn payload() -> impl Strategy<Value = Vec<u8>> {
    let bytes = prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..30),
        1 => prop::collection::vec(any::<u8>(), 200..1000),
        1 => prop::collection::vec(Just(0), 0..300),
    ];
    let file = |payloads: Vec<Vec<u8>>| payloads.iter().flat_map(|p| frame::encode(p)).collect();
    let nested = prop::collection::vec(bytes.clone(), 0..12).prop_map(file);
    prop_oneof![6 => bytes, 1 => nested]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn gives_what_one_walk_gives(
        payloads in prop::collection::vec(payload(), 0..200),
        checksums in prop::sample::select(
            &[Checksums::Auto, Checksums::None, Checksums::Length, Checksums::Full][..]),
        without_checksums in prop::bool::weighted(0.1),
        cut in prop::option::weighted(0.3, any::<prop::sample::Index>()),
        damage in prop::collection::vec((any::<prop::sample::Index>(), 0..8u32), 0..3),
        threads in 2usize..5,
        gap in 0..300u64,
    ) {
        let mut data = Vec::new();
        for payload in &payloads {
            let mut record = frame::encode(payload);
            if without_checksums {
                record[8..12].fill(0);
            }
            data.extend(record);
        }
        if let Some(cut) = cut {
            data.truncate(cut.index(data.len() + 1));
        }
        for (at, bit) in damage {
            if !data.is_empty() {
                let at = at.index(data.len());
                data[at] ^= 1 << bit;
            }
        }
        let options = Options::new().checksums(checksums).threads(threads);
        let expected = one_by_one(&&data[..], &options);
        prop_assert_eq!(&in_segments(&&data[..], &options), &expected);
        prop_assert_eq!(&in_segments(&Read(&data, AtomicUsize::new(0)), &options), &expected);
        prop_assert_eq!(&in_segments(&Far::new(&data, gap), &options), &expected);
        prop_assert_eq!(&in_segments(&Far::new(&data, gap), &options.threads(1)), &expected);
    }
}

fn file_of(sizes: impl IntoIterator<Item = usize>) -> Vec<u8> {
    sizes.into_iter().flat_map(|size| frame::encode(&vec![0xa5; size])).collect()
}

#[test]
fn segments_are_taken_over() {
    let data = file_of([30; 10_000]);
    let source = Read(&data, AtomicUsize::new(0));
    let mut scanner = Scanner::new(&source, &Options::new()).unwrap();
    assert!(scanner.next_entry().unwrap().is_some());
    let mut main = MainChain { scanner, batch: Vec::new() };
    let mut records = 1;
    let options = Options::new().threads(2);
    walk_in_segments(&source, &options, &mut main, 46, false, &mut |batch: &mut Vec<Entry>| {
        records += batch.len();
        batch.clear();
        Ok(())
    })
    .unwrap();
    records += main.batch.len();
    // All except a rest that is too small to share.
    assert!(records > 9_900 && records as u64 == main.record(), "{records}");
}

/// A source that reports another size from the second call on.
struct ChangingSource<'a>(&'a [u8], AtomicUsize, [u64; 2]);

impl ReadAt for ChangingSource<'_> {
    fn size(&self) -> io::Result<u64> {
        Ok(self.2[self.1.fetch_add(1, Ordering::Relaxed).min(1)])
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buffer, offset)
    }
}

#[test]
fn what_is_appended_meanwhile_is_not_seen() {
    let data = file_of([30; 10_000]);
    let size = data.len() as u64;
    let options = Options::new().threads(3);
    let source = ChangingSource(&data, AtomicUsize::new(0), [size - 20, size]);
    let error = (ErrorKind::Truncated, Some(9_999), Some(size - 46));
    assert_eq!(in_segments(&source, &options), Err(error));

    let source = ChangingSource(&data, AtomicUsize::new(0), [size - 20, size]);
    let options = options.allow_incomplete_tail(true);
    assert_eq!(in_segments(&source, &options).unwrap().len(), 9_999);
}

#[test]
fn data_that_shrinks_is_not_salvaged() {
    let data = file_of([30; 10_000]);
    let size = data.len() as u64;
    let never = |skipped| panic!("{skipped:?}");
    let source = ChangingSource(&data, AtomicUsize::new(0), [size, size - 1]);
    let options = Options::new().threads(3).salvage(true).allow_incomplete_tail(true);
    let options = options.on_skipped(&never);
    let error = (ErrorKind::Truncated, Some(10_000), Some(size));
    assert_eq!(in_segments(&source, &options), Err(error));
}

#[test]
fn an_error_of_the_receiver_ends_the_scan() {
    let data = file_of([30; 10_000]);
    for fail_at in [0, 1, 50] {
        let mut calls = 0;
        let result =
            scan(&&data[..], &Options::new().threads(3), (0, 0), |batch: &mut Vec<Entry>| {
                batch.clear();
                calls += 1;
                match calls > fail_at {
                    true => Err(crate::Error::new(ErrorKind::OutOfRange, "here")),
                    false => Ok(()),
                }
            });
        assert_eq!(result.unwrap_err().kind(), ErrorKind::OutOfRange);
        assert_eq!(calls, fail_at + 1);
    }
}

#[test]
fn progress_is_called_on_the_callers_thread_and_cancels() {
    let data = file_of([1 << 20; 40]);
    let caller = thread::current().id();
    for stop_at in 0..3 {
        let calls = AtomicUsize::new(0);
        let stop = |_| {
            assert_eq!(thread::current().id(), caller);
            match calls.fetch_add(1, Ordering::Relaxed) >= stop_at {
                true => std::ops::ControlFlow::Break(()),
                false => std::ops::ControlFlow::Continue(()),
            }
        };
        let options = Options::new().threads(3).progress(&stop);
        let result = in_segments(&&data[..], &options);
        assert_eq!(result.unwrap_err().0, ErrorKind::Cancelled);
        assert_eq!(calls.into_inner(), stop_at + 1);
    }
}

#[test]
fn distant_data_is_read_in_spans_and_only_once() {
    let data = file_of((0..3000).map(|i| i % 90));
    let source = Far::new(&data, 1000);
    assert_eq!(in_segments(&source, &Options::new()).unwrap().len(), 3000);
    let reads = source.reads.into_inner().unwrap();
    let bytes: usize = reads.iter().map(|(_, count)| count).sum();
    // Where a record lies across a border, a header is read twice.
    assert!(bytes < data.len() + 16 * reads.len() + 4000, "{bytes} of {}", data.len());
    assert!(reads.len() < data.len() / 300, "{}", reads.len());
}

#[test]
fn what_fits_in_two_spans_is_read_with_one_request() {
    let data = file_of([30; 80]);
    let source = Far::new(&data, 1000);
    assert_eq!(in_segments(&source, &Options::new()).unwrap().len(), 80);
    assert_eq!(*source.reads.lock().unwrap(), [(0, data.len())]);
}

#[test]
fn of_large_distant_records_headers_are_read() {
    let data = file_of([5000; 200]);
    let source = Far::new(&data, 50);
    assert_eq!(in_segments(&source, &Options::new()).unwrap().len(), 200);
    let bytes: usize = source.reads.lock().unwrap().iter().map(|(_, count)| count).sum();
    assert!(bytes < data.len() / 2, "{bytes}");
}

#[test]
fn a_source_may_say_what_is_skipped() {
    let data = file_of([1500; 400]);
    let bytes_read = |least_skip| {
        let mut source = Far::new(&data, 1000);
        source.cost.least_skip = least_skip;
        for threads in [0, 1] {
            let entries = in_segments(&source, &Options::new().threads(threads)).unwrap();
            assert_eq!(entries.len(), 400);
        }
        let reads = source.reads.into_inner().unwrap();
        reads.iter().map(|(_, count)| count).sum::<usize>()
    };
    let all = 2 * data.len();
    let few = bytes_read(Some(100));
    assert!(few < all / 2, "{few} of {all}");
    let whole = bytes_read(Some(u64::MAX));
    assert!((all * 3 / 4..all + all / 4).contains(&whole), "{whole} of {all}");
}
