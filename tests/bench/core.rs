//! Micro-benchmarks of the core, on data in memory: `cargo bench`, or `cargo bench text` for some.
//!
//! Each checks its answer before it is timed.

use std::cell::Cell;
use std::fs::File;
use std::hint::black_box;
use std::io::Write;
use std::os::unix::fs::FileExt;

use criterion::{criterion_group, criterion_main, Criterion, Throughput};
use tfr_index::{
    Checksums, Entry, ErrorKind, Index, Indexer, Options, Payloads, Permutation, Reader,
};

const DATA_SIZE: usize = 64 << 20;
const MANY: u64 = 10_000_000;

/// Frames of `frame_size` bytes, nothing between them, and their entries.
fn frames(frame_size: usize) -> (Vec<u8>, Vec<Entry>) {
    let length = (frame_size as u64 - 16).to_le_bytes();
    let mut header = length.to_vec();
    header.extend(masked_crc(&length));
    let (mut data, mut entries) = (Vec::new(), Vec::new());
    let mut random = 1_u64;
    while data.len() + frame_size <= DATA_SIZE {
        entries.push(Entry { offset: data.len() as u64, size: frame_size as u64 });
        data.extend(&header);
        let payload = data.len();
        data.resize_with(payload + frame_size - 16, || {
            random = random.wrapping_mul(6364136223846793005).wrapping_add(1);
            (random >> 56) as u8
        });
        let footer = masked_crc(&data[payload..]);
        data.extend(footer);
    }
    (data, entries)
}

fn masked_crc(bytes: &[u8]) -> [u8; 4] {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

/// Entries of frames of 64 to 127 bytes.
fn many_entries() -> Vec<Entry> {
    let mut offset = 0;
    let entry = |number: u64| {
        let entry = Entry { offset, size: 64 + number * 2_654_435_761 % 64 };
        offset += entry.size;
        entry
    };
    (0..MANY).map(entry).collect()
}

fn walk(criterion: &mut Criterion) {
    let (data, entries) = frames(100);
    assert_eq!(Index::from_bytes(&data, &Options::new()).unwrap().entries(), entries);
    let pushed = || {
        let mut indexer = Indexer::new(&Options::new()).unwrap();
        let mut entries = Vec::new();
        for mut piece in black_box(&data).chunks(128 << 10) {
            while let Some(entry) = indexer.push(&mut piece).unwrap() {
                entries.push(entry);
            }
        }
        entries
    };
    assert_eq!(pushed(), entries);
    let mut group = criterion.benchmark_group("walk");
    group.throughput(Throughput::Bytes(data.len() as u64)).sample_size(30);
    group.bench_function("frames of 100 B, 64 MiB", |bencher| {
        bencher.iter(|| Index::from_bytes(black_box(&data), &Options::new()).unwrap())
    });
    group.bench_function("the same, pushed in pieces", |bencher| bencher.iter(pushed));
}

fn crc(criterion: &mut Criterion) {
    let full = Options::new().checksums(Checksums::Full);
    let mut group = criterion.benchmark_group("crc");
    for (name, frame_size) in [("frames of 2 KB, 64 MiB", 2_000), ("of 100 KB", 100_000)] {
        let (mut data, entries) = frames(frame_size);
        assert_eq!(Index::from_bytes(&data, &full).unwrap().entries(), entries);
        let inside_the_last = data.len() - frame_size / 2;
        data[inside_the_last] ^= 1;
        let error = Index::from_bytes(&data, &full).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PayloadCrc);
        data[inside_the_last] ^= 1;
        group.throughput(Throughput::Bytes(data.len() as u64)).sample_size(30);
        group.bench_function(name, |bencher| {
            bencher.iter(|| Index::from_bytes(black_box(&data), &full).unwrap())
        });
    }
}

fn text(criterion: &mut Criterion) {
    let entries = many_entries();
    let index = Index::from_entries(entries.iter().copied()).unwrap();
    let lines = entries.iter().map(|entry| format!("{} {}\n", entry.offset, entry.size));
    let text: String = lines.collect();
    assert!(index.to_text().unwrap() == text);
    assert!(Index::from_text(&text).unwrap() == index);
    let mut group = criterion.benchmark_group("text");
    group.throughput(Throughput::Bytes(text.len() as u64)).sample_size(10);
    group.bench_function("encode 10 M lines", |bencher| bencher.iter(|| index.to_text().unwrap()));
    group.bench_function("decode 10 M lines", |bencher| {
        bencher.iter(|| Index::from_text(black_box(&text)).unwrap())
    });
}

fn lookup(criterion: &mut Criterion) {
    let entries = many_entries();
    let index = Index::from_entries(entries.iter().copied()).unwrap();
    let records: Vec<usize> = (0..1_000_000).map(|i| (i * 2_654_435_761 % MANY) as usize).collect();
    let add = |sum: u64, entry: Entry| sum.wrapping_add(entry.offset + entry.size);
    let in_index = || records.iter().fold(0, |sum, &record| add(sum, index[record]));
    let in_vec = || records.iter().fold(0, |sum, &record| add(sum, entries[record]));
    assert_eq!(in_index(), in_vec());
    let mut group = criterion.benchmark_group("lookup");
    group.throughput(Throughput::Elements(records.len() as u64)).sample_size(30);
    group.bench_function("1 M of 10 M in an Index", |bencher| bencher.iter(in_index));
    group.bench_function("the same in a Vec", |bencher| bencher.iter(in_vec));
}

/// The numbers of a permutation: one after the other, where each depends on the one before, and many.
fn permutation(criterion: &mut Criterion) {
    const BATCH: usize = 1024;
    let mut group = criterion.benchmark_group("permutation");
    group.throughput(Throughput::Elements(BATCH as u64));
    for (name, len) in [("10^9", 1_000_000_000), ("10^5", 100_000), ("1,000", 1_000)] {
        let permutation = Permutation::new(len, 7);
        let mut numbers = vec![0; BATCH.min(len as usize)];
        assert_eq!(permutation.fill(0, &mut numbers), numbers.len());
        assert!((0..).zip(&numbers).all(|(i, number)| permutation.position(*number) == Some(i)));
        group.bench_function(format!("1,024 of {name}, one by one"), |bencher| {
            let step = |position, _| permutation.get(position).unwrap();
            bencher.iter(|| (0..BATCH).fold(black_box(1), step))
        });
        group.bench_function(format!("1,024 of {name}, at once"), |bencher| {
            bencher.iter(|| permutation.fill(black_box(0), &mut numbers))
        });
    }
}

/// Random payloads with their CRCs, compared with plain reads of the same ranges.
/// Random records of a gigabyte: most are in memory, few in the processor's caches.
fn reader(criterion: &mut Criterion) {
    const BATCH: usize = 256;
    const COPIES: usize = 16;
    for (name, frame_size) in [("payloads of 2 KB", 2_000), ("of 100 KB", 100_000)] {
        let (data, entries) = frames(frame_size);
        let mut file = tempfile::NamedTempFile::new().unwrap();
        (0..COPIES).for_each(|_| file.write_all(&data).unwrap());
        let moved = |copy: usize| {
            let start = (copy * data.len()) as u64;
            entries.iter().map(move |entry| Entry { offset: start + entry.offset, ..*entry })
        };
        let entries: Vec<Entry> = (0..COPIES).flat_map(moved).collect();
        let full = Options::new().checksums(Checksums::Full);
        let index = Index::from_entries(entries.iter().copied()).unwrap();
        let reader = Reader::with_index(file.path(), index, &full).unwrap();
        let raw = File::open(file.path()).unwrap();
        let size = frame_size - 16;
        let read_raw = |record: usize, payload: &mut [u8]| {
            raw.read_exact_at(payload, entries[record].payload().start).unwrap();
        };
        let batch = |number: usize| -> Vec<usize> {
            let numbers = number * BATCH..(number + 1) * BATCH;
            numbers.map(|i| i.wrapping_mul(2_654_435_761) % entries.len()).collect()
        };
        let batches: Vec<Vec<usize>> = (0..97).map(batch).collect();
        let turn = Cell::new(0);
        let next = || {
            turn.set((turn.get() + 1) % batches.len());
            &batches[turn.get()]
        };
        let (mut one, mut other) = (vec![0; size], Vec::new());
        let (mut many, mut others) = (vec![0; BATCH * size], Payloads::default());
        for records in &batches {
            reader.read_many_into(records, &mut others).unwrap();
            for (&record, payload) in records.iter().zip(&others) {
                read_raw(record, &mut one);
                reader.read_into(record, &mut other).unwrap();
                assert!(one == other && one == payload);
            }
        }
        let mut group = criterion.benchmark_group(format!("reader, {name}"));
        group.throughput(Throughput::Elements(BATCH as u64)).sample_size(30);
        group.bench_function("one by one, raw", |bencher| {
            bencher.iter(|| next().iter().for_each(|&record| read_raw(record, &mut one)))
        });
        group.bench_function("one by one", |bencher| {
            bencher.iter(|| next().iter().for_each(|&i| reader.read_into(i, &mut other).unwrap()))
        });
        group.bench_function("a batch, raw", |bencher| {
            bencher.iter(|| {
                let places = next().iter().zip(many.chunks_mut(size));
                places.for_each(|(&record, payload)| read_raw(record, payload));
            })
        });
        group.bench_function("a batch", |bencher| {
            bencher.iter(|| reader.read_many_into(next(), &mut others).unwrap())
        });
    }
}

criterion_group!(benches, walk, crc, text, lookup, permutation, reader);
criterion_main!(benches);
