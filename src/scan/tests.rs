//! Compares the scanner with a naive walk over the whole data in memory.

use std::cell::RefCell;
use std::io;
use std::ops::ControlFlow;
use std::sync::Mutex;

use proptest::prelude::*;

use super::*;
use crate::source::WINDOW;
use crate::{crc, frame};

/// Where and how a scan fails.
type Fault = (ErrorKind, Option<u64>, Option<u64>);

fn scanned(source: impl ReadAt, checksums: Checksums) -> std::result::Result<Vec<Entry>, Fault> {
    let scanner = Scanner::new(source, &Options::new().checksums(checksums)).unwrap();
    let entries: Result<Vec<Entry>> = scanner.collect();
    entries.map_err(|error| (error.kind(), error.record(), error.offset()))
}

/// Applies every rule of policy `length` or `full` in turn, for records after the first.
fn walked(data: &[u8], payloads_too: bool) -> std::result::Result<Vec<Entry>, Fault> {
    let mut entries = Vec::new();
    let mut at = 0;
    while at < data.len() {
        let fault = |kind| Err((kind, Some(entries.len() as u64), Some(at as u64)));
        let rest = &data[at..];
        if rest.len() < 12 {
            return fault(ErrorKind::Truncated);
        }
        let length = u64::from_le_bytes(rest[..8].try_into().unwrap());
        if crc::masked(&rest[..8]) != u32::from_le_bytes(rest[8..12].try_into().unwrap()) {
            return fault(ErrorKind::LengthCrc);
        }
        if u128::from(length) + 16 > rest.len() as u128 {
            return fault(ErrorKind::Truncated);
        }
        let (payload, footer) = rest[12..length as usize + 16].split_at(length as usize);
        if payloads_too && crc::masked(payload) != u32::from_le_bytes(footer.try_into().unwrap()) {
            return fault(ErrorKind::PayloadCrc);
        }
        entries.push(Entry { offset: at as u64, size: length + 16 });
        at += length as usize + 16;
    }
    Ok(entries)
}

/// Reads at most this many bytes at a time, and records what it read.
struct Pieces<'a> {
    data: &'a [u8],
    most: usize,
    reads: RefCell<Vec<(u64, usize)>>,
}

impl<'a> Pieces<'a> {
    fn new(data: &'a [u8], most: usize) -> Pieces<'a> {
        Pieces { data, most, reads: RefCell::default() }
    }
}

impl ReadAt for Pieces<'_> {
    fn size(&self) -> io::Result<u64> {
        self.data.size()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let most = self.most.min(buffer.len());
        let count = self.data.read_at(&mut buffer[..most], offset)?;
        self.reads.borrow_mut().push((offset, count));
        Ok(count)
    }
}

fn file_of(sizes: impl IntoIterator<Item = usize>) -> Vec<u8> {
    sizes.into_iter().flat_map(|size| frame::encode(&vec![0xa5; size])).collect()
}

/// Payload sizes at the edges of a window: tiny, or such that frames end near its end.
fn sizes() -> impl Strategy<Value = Vec<usize>> {
    let size = prop_oneof![
        4 => 0..40usize,
        2 => 1000..5000usize,
        1 => WINDOW - 50..WINDOW + 50,
        1 => Just(3 * WINDOW),
    ];
    prop::collection::vec(size, 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn agrees_with_the_walk(
        sizes in sizes(),
        cut in prop::option::of(any::<prop::sample::Index>()),
        damage in prop::option::of((any::<prop::sample::Index>(), 0..8u32)),
        most in prop::sample::select(&[1000, WINDOW, 4 * WINDOW][..]),
    ) {
        let mut data = file_of(sizes);
        if let Some(cut) = cut {
            data.truncate(cut.index(data.len() + 1));
        }
        if let (Some((at, bit)), false) = (damage, data.is_empty()) {
            let at = at.index(data.len());
            data[at] ^= 1 << bit;
        }
        for (checksums, payloads_too) in [(Checksums::Length, false), (Checksums::Full, true)] {
            let expected = walked(&data, payloads_too);
            prop_assert_eq!(&scanned(&data[..], checksums), &expected);
            prop_assert_eq!(&scanned(Pieces::new(&data, most), checksums), &expected);
        }
    }

    /// For any bytes and any policy, memory and a source that is read have the same result.
    #[test]
    fn memory_and_reads_agree(
        data in prop::collection::vec(prop_oneof![Just(0u8), any::<u8>()], 0..100),
        checksums in prop::sample::select(
            &[Checksums::Auto, Checksums::None, Checksums::Length, Checksums::Full][..]),
    ) {
        prop_assert_eq!(scanned(&data[..], checksums), scanned(Pieces::new(&data, 7), checksums));
    }
}

#[test]
fn payloads_of_large_records_are_not_read() {
    let data = file_of([10 * WINDOW; 20]);
    let source = Pieces::new(&data, usize::MAX);
    assert_eq!(scanned(&source, Checksums::Auto).unwrap().len(), 20);
    let bytes: usize = source.reads.borrow().iter().map(|(_, count)| count).sum();
    assert!(bytes < data.len() / 20, "{bytes} of {}", data.len());
}

#[test]
fn small_records_take_few_reads() {
    let data = file_of([100; 50_000]);
    let source = Pieces::new(&data, usize::MAX);
    assert_eq!(scanned(&source, Checksums::Auto).unwrap().len(), 50_000);
    // The first are short.
    assert!(source.reads.borrow().len() <= data.len() / (WINDOW - 200) + 4);
}

/// A source that reports a larger size than it has, as if it became shorter during the scan.
struct ShrinkingSource<'a>(&'a [u8], u64);

impl ReadAt for ShrinkingSource<'_> {
    fn size(&self) -> io::Result<u64> {
        Ok(self.1)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buffer, offset)
    }
}

#[test]
fn a_source_that_shrinks_is_an_error() {
    let data = file_of([5, 5]);
    for size in 0..data.len() {
        let shrunk = ShrinkingSource(&data[..size], data.len() as u64);
        let error = Index::from_source(shrunk, &Options::new().checksums(Checksums::Full));
        let error = error.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Truncated);
        assert!(error.to_string().contains("became shorter"), "{error}");
    }
}

/// A source whose reads fail from some byte on.
struct FailingSource<'a>(&'a [u8], u64);

impl ReadAt for FailingSource<'_> {
    fn size(&self) -> io::Result<u64> {
        self.0.size()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        match offset.checked_sub(self.1) {
            Some(_) => Err(io::Error::from_raw_os_error(libc::EIO)),
            None => self.0.read_at(buffer, offset),
        }
    }
}

#[test]
fn a_source_that_fails_says_where() {
    let data = file_of([2 * WINDOW; 3]);
    let frame = data.len() as u64 / 3;
    let error = Index::from_source(FailingSource(&data, frame + 1), &Options::new()).unwrap_err();
    assert_eq!((error.kind(), error.os_error()), (ErrorKind::Io, Some(libc::EIO)));
    assert_eq!((error.record(), error.offset()), (Some(2), Some(2 * frame)));
}

#[test]
fn sizes_past_what_an_index_can_address_are_refused() {
    let scanner = Scanner::new(ShrinkingSource(b"", 1 << 63), &Options::new());
    assert_eq!(scanner.err().unwrap().kind(), ErrorKind::InvalidArgument);
}

#[test]
fn ends_after_its_first_error() {
    let data = file_of([5, 5]);
    let mut scanner = Scanner::new(&data[..data.len() - 1], &Options::new()).unwrap();
    assert!(scanner.next().unwrap().is_ok());
    assert!(scanner.next().unwrap().is_err());
    assert!(scanner.next().is_none());
}

#[test]
fn progress_goes_from_start_to_end_in_steps() {
    let size = 1 << 20;
    let data = file_of(vec![size - 16; 100]);
    for checksums in [Checksums::Auto, Checksums::Full] {
        let seen = Mutex::new(Vec::new());
        let note = |progress| {
            seen.lock().unwrap().push(progress);
            ControlFlow::Continue(())
        };
        let options = Options::new().checksums(checksums).threads(1).progress(&note);
        Index::from_bytes(&data, &options).unwrap();
        let seen = seen.into_inner().unwrap();
        let bytes_total = data.len() as u64;
        assert_eq!(seen[0], Progress { bytes_done: 0, bytes_total, records: 0 });
        let last = Progress { bytes_done: bytes_total, bytes_total, records: 100 };
        assert_eq!(*seen.last().unwrap(), last);
        assert_eq!(seen.len(), 1 + 100 / 16 + 1);
        assert!(seen.windows(2).all(|pair| pair[0].bytes_done < pair[1].bytes_done));
    }
}

#[test]
fn progress_goes_on_within_one_record() {
    let data = file_of([100 << 20]);
    let calls = Mutex::new(0);
    let count = |_| {
        *calls.lock().unwrap() += 1;
        ControlFlow::Continue(())
    };
    let options = Options::new().checksums(Checksums::Full).progress(&count);
    for source in [&&data[..] as &dyn ReadAt, &Pieces::new(&data, usize::MAX)] {
        assert_eq!(Scanner::new(source, &options).unwrap().count(), 1);
        assert_eq!(std::mem::take(&mut *calls.lock().unwrap()), 1 + 100 / 16 + 1);
    }
}

#[test]
fn progress_cancels_at_any_call() {
    let data = file_of(vec![1 << 20; 40]);
    for stop_at in 0..4 {
        let calls = Mutex::new(0);
        let stop = |_| {
            let mut calls = calls.lock().unwrap();
            *calls += 1;
            match *calls > stop_at {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        };
        let error = Index::from_bytes(&data, &Options::new().progress(&stop)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Cancelled);
        assert_eq!(*calls.lock().unwrap(), stop_at + 1);
    }
}
