//! Scans by several threads of data that is made to mislead them, compared with a naive walk: frames
//! in payloads, headers at every offset, sizes around those where the scan changes its strategy.

use std::fs::File;
use std::io::{self, Write};

use tfr_index::{Checksums, Index, Options, ReadAt};

use crate::frames::{frame, header};

use crate::oracle;

const CASES: u64 = 1500;

/// Sizes at which the scan changes its strategy: a page, a gap that is skipped, how far it looks for a
/// record, its window, its segments and batches.
const BORDERS: [usize; 5] = [4 << 10, 16 << 10, 64 << 10, 128 << 10, 512 << 10];

/// Pseudo-random numbers from a seed (SplitMix64).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ mixed >> 31) % bound as u64) as usize
    }

    fn one_of<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    /// The size of a payload whose frame is about as large as a border, or of a small one.
    fn size(&mut self) -> usize {
        match self.below(3) {
            0 => self.below(200),
            1 => self.one_of(&[0, 1, 4, 11, 12, 16]),
            _ => self.one_of(&BORDERS[..4]) + self.below(60) - 30,
        }
    }
}

/// A payload of this size that holds headers; `rest` bytes follow it to the end of some frame.
fn misleading_payload(numbers: &mut Numbers, size: usize, rest: usize) -> Vec<u8> {
    let mut payload = vec![0; numbers.below(40).min(size)];
    match numbers.below(4) {
        // A chain of small frames that ends with the outer frame, or one byte before.
        0 => {
            let inner = frame(&vec![0xa5; numbers.below(60)]);
            while payload.len() + inner.len() + 12 <= size {
                payload.extend(&inner);
            }
            if payload.len() + 12 <= size {
                let end = size + rest - payload.len() - 16;
                payload.extend(header(end - numbers.below(2) * end.min(1)));
            }
        }
        // Headers at a fixed distance, all of frames that end with the outer frame.
        1 => {
            let step = 12 + numbers.below(100);
            while payload.len() + step + 16 <= size {
                let length = size + rest - payload.len() - 16;
                payload.extend(header(length));
                payload.resize(payload.len() + step - 12, 0);
            }
        }
        // Headers of frames that end anywhere.
        2 => {
            let step = 12 + numbers.below(3000);
            while payload.len() + step <= size {
                payload.extend(header(numbers.below(1 << 20)));
                payload.resize(payload.len() + step - 12, 0x55);
            }
        }
        // The payload's last bytes are the start of a header that ends outside the payload.
        _ => {
            let inside = size.min(numbers.below(12));
            payload.resize(size - inside, 0xff);
            payload.extend(&header(numbers.below(1000))[..inside]);
        }
    }
    payload.resize(size, 0);
    payload
}

/// A file of more than two segments, complete or cut off.
fn misleading_file(numbers: &mut Numbers) -> Vec<u8> {
    let mut data = Vec::new();
    let whole = (3 << 19) + numbers.below(3 << 20);
    while data.len() < whole {
        match numbers.below(6) {
            // Equal records: the usual case.
            0..=2 => {
                let record = frame(&vec![numbers.below(256) as u8; numbers.size()]);
                let bytes = numbers.one_of(&[1 << 12, 1 << 17, 1 << 20]);
                data.extend(record.repeat(1 + bytes / record.len()));
            }
            3 => {
                for _ in 0..numbers.below(300) {
                    data.extend(frame(&vec![7; numbers.below(100)]));
                }
            }
            // A record as large as most of a segment, or several.
            4 => {
                let size = numbers.one_of(&BORDERS) * (1 + numbers.below(3)) + numbers.below(64);
                data.extend(frame(&misleading_payload(numbers, size, 4)));
            }
            _ => {
                for _ in 0..1 + numbers.below(20) {
                    let size = numbers.size();
                    data.extend(frame(&misleading_payload(numbers, size, 4)));
                }
            }
        }
    }
    // Where a segment may start, or anywhere.
    let place = |numbers: &mut Numbers| match numbers.below(2) {
        0 => numbers.below(data.len()),
        _ => (numbers.below(data.len() >> 19) << 19) + numbers.below(64),
    };
    match numbers.below(4) {
        0 => {
            let at = place(numbers);
            data[at] ^= 1 << numbers.below(8);
        }
        1 => {
            let end = place(numbers);
            data.truncate(end);
        }
        _ => {}
    }
    data
}

/// Gives copies of at most this many bytes.
struct Parts<'a>(&'a [u8], usize);

impl ReadAt for Parts<'_> {
    fn size(&self) -> io::Result<u64> {
        self.0.size()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let most = buffer.len().min(self.1);
        self.0.read_at(&mut buffer[..most], offset)
    }
}

#[test]
fn misleading_data_misleads_no_thread() {
    let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
    let mut failures = 0;
    for seed in 0..CASES {
        let numbers = &mut Numbers(seed);
        let data = misleading_file(numbers);
        let policies = [Checksums::Auto, Checksums::Length, Checksums::None, Checksums::Full];
        let checksums = policies[if seed % 50 == 0 { 3 } else { numbers.below(3) }];
        let options = Options::new().checksums(checksums).threads(2 + numbers.below(7));
        let expected = oracle::walk(&data, checksums);
        failures += u64::from(expected.is_err());
        let found = match numbers.below(3) {
            0 => Index::from_bytes(&data, &options),
            1 => Index::from_source(Parts(&data, 1 + numbers.below(200_000)), &options),
            _ => {
                File::create(&path).unwrap().write_all(&data).unwrap();
                Index::scan(&path, &options)
            }
        };
        assert!(oracle::outcome(found) == expected, "seed {seed}: {options:?}");
    }
    assert!((CASES / 10..CASES / 2).contains(&failures), "{failures}");
}
