//! Containers of all kinds, whole and damaged.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::Arc;
use std::thread;

use miniz_oxide::deflate::core::{
    compress, create_comp_flags_from_zip_params, CompressorOxide, TDEFLFlush, TDEFLStatus,
};
use proptest::prelude::*;

use super::*;
use crate::error::{ErrorKind, Result};
use crate::file::open_regular;
use crate::source::{fill_at, ReadAt};

/// How the bytes of a member are compressed.
#[derive(Debug, Clone)]
struct Style {
    /// 0: stored.
    level: i32,
    /// The strategy, as zlib numbers them: 4 makes blocks with fixed codes.
    strategy: i32,
    /// Flushes after this many bytes.
    flush: Option<(usize, u8)>,
}

fn deflate(bytes: &[u8], style: &Style) -> Vec<u8> {
    let flags = create_comp_flags_from_zip_params(style.level, -15, style.strategy);
    let mut compressor = CompressorOxide::new(flags);
    let mut output = vec![0; 2 * bytes.len() + 10_000];
    let (mut written, mut rest) = (0, bytes);
    let (step, flush) = style.flush.unwrap_or((usize::MAX, 0));
    let flush = [TDEFLFlush::None, TDEFLFlush::Sync, TDEFLFlush::Full, TDEFLFlush::Sync]
        [usize::from(flush % 4)];
    while rest.len() > step {
        let (piece, after) = rest.split_at(step);
        let (status, taken, count) =
            compress(&mut compressor, piece, &mut output[written..], flush);
        assert!(status == TDEFLStatus::Okay && taken == step);
        (rest, written) = (after, written + count);
        if output.len() - written < 2 * bytes.len() {
            output.resize(output.len() + 2 * bytes.len() + 10_000, 0);
        }
    }
    let finish = TDEFLFlush::Finish;
    let (status, _, count) = compress(&mut compressor, rest, &mut output[written..], finish);
    assert!(status == TDEFLStatus::Done);
    output.truncate(written + count);
    output
}

fn gzip_member(bytes: &[u8], style: &Style) -> Vec<u8> {
    let mut member = b"\x1f\x8b\x08\x08\0\0\0\0\0\xffname\0".to_vec();
    member.extend(deflate(bytes, style));
    member.extend(crc32fast::hash(bytes).to_le_bytes());
    member.extend((bytes.len() as u32).to_le_bytes());
    member
}

fn zlib_stream(bytes: &[u8], style: &Style) -> Vec<u8> {
    let adler = miniz_oxide::deflate::compress_to_vec_zlib(bytes, 1);
    let adler = &adler[adler.len() - 4..];
    [b"\x78\x9c", &deflate(bytes, style)[..], adler].concat()
}

/// A block of TensorFlow's Snappy container.
fn snappy_block(bytes: &[u8]) -> Vec<u8> {
    let packed = snap::raw::Encoder::new().compress_vec(bytes).unwrap();
    [&(packed.len() as u32).to_be_bytes()[..], &packed].concat()
}

const DEFAULT: Style = Style { level: 6, strategy: 0, flush: None };

/// Bytes that compress about as well as text.
fn text(size: usize, seed: u32) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state
    };
    let words: Vec<Vec<u8>> = (0..200)
        .map(|_| (0..next() % 9 + 2).map(|_| b'a' + (next() % 26) as u8).collect())
        .collect();
    let mut bytes = Vec::new();
    while bytes.len() < size {
        bytes.extend(&words[(next() % 200) as usize]);
        bytes.push(if next() % 4 == 0 { next() as u8 } else { b' ' });
    }
    bytes.truncate(size);
    bytes
}

/// Runs a pass. Returns the bytes before the first damage, and the result.
fn pass(data: &[u8], kind: Kind, is_lenient: bool) -> (Vec<u8>, Result<Points>) {
    let (mut bytes, mut points) = (Vec::new(), PointsBuilder::new(kind));
    let passed = Pass::new(data, kind).run(is_lenient, &mut points, &mut |piece, _| {
        bytes.extend(piece);
        Ok(())
    });
    (bytes, passed.map(|passed| points.finish(passed.size, passed.damage)))
}

fn source_of(data: Vec<u8>, kind: Kind) -> Decompressed<Vec<u8>> {
    Decompressed::new(data, kind)
}

fn read(source: &impl ReadAt, offset: u64, size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size];
    let count = fill_at(source, &mut bytes, offset).unwrap();
    bytes.truncate(count);
    bytes
}

fn style() -> impl Strategy<Value = Style> {
    let flush = prop::option::of((1..5000_usize, any::<u8>()));
    (prop_oneof![Just(0), Just(1), Just(6), Just(9)], 0..5, flush)
        .prop_map(|(level, strategy, flush)| Style { level, strategy, flush })
}

fn members() -> impl Strategy<Value = Vec<(usize, u32, Style)>> {
    let size = prop_oneof![Just(0), 1..100_usize, 1000..60_000_usize];
    prop::collection::vec((size, any::<u32>(), style()), 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// What the pass and random reads return is what was compressed.
    #[test]
    fn all_bytes_of_all_containers_are_read(
        members in members(),
        kind in prop::sample::select(vec![Kind::Gzip, Kind::Zlib, Kind::Snappy]),
        zeros in 0..20_usize,
        reads in prop::collection::vec((any::<u32>(), 0..3000_usize), 1..40),
    ) {
        let members = if kind == Kind::Zlib { &members[..1] } else { &members[..] };
        let zeros = if kind == Kind::Snappy { 0 } else { zeros };
        let (mut data, mut expected) = (Vec::new(), Vec::new());
        for (size, seed, style) in members {
            let bytes = text(*size, *seed);
            data.extend(match kind {
                Kind::Gzip => gzip_member(&bytes, style),
                Kind::Zlib => zlib_stream(&bytes, style),
                Kind::Snappy => snappy_block(&bytes),
            });
            expected.extend(bytes);
        }
        data.extend(vec![0; zeros]);
        let (bytes, points) = pass(&data, kind, false);
        prop_assert!(bytes == expected);
        let points = points.unwrap();
        prop_assert!(points.size == expected.len() as u64 && points.damage.is_empty());
        prop_assert!(points.are_complete());
        let source = source_of(data, kind).with_points(Arc::new(points), None);
        prop_assert_eq!(source.size().unwrap(), expected.len() as u64);
        for (at, size) in reads {
            let at = at as usize % (expected.len() + 1);
            let here = &expected[at..expected.len().min(at + size)];
            prop_assert!(read(&source, at as u64, size) == here);
        }
        prop_assert!(read(&source, 0, expected.len() + 1) == expected);
    }

    /// Arbitrary bytes are damage, not a panic.
    #[test]
    fn any_bytes_can_be_looked_at(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let starts: [(Kind, &[u8]); 3] = [
            (Kind::Gzip, b"\x1f\x8b\x08\0\0\0\0\0\0\0"),
            (Kind::Zlib, b"\x78\x9c"),
            (Kind::Snappy, &snappy_block(&bytes[..bytes.len() / 2])),
        ];
        for (kind, start) in starts {
            let data = [start, &bytes].concat();
            let strict = pass(&data, kind, false);
            let (lenient, points) = pass(&data, kind, true);
            prop_assert!(lenient.starts_with(&strict.0));
            let points = points.unwrap();
            prop_assert_eq!(points.damage.is_empty(), strict.1.is_ok());
            let source = source_of(data.clone(), kind).with_points(Arc::new(points), None);
            prop_assert!(read(&source, 0, lenient.len() + 1) == lenient);
        }
    }
}

fn small() -> Vec<(Kind, Vec<u8>, Vec<u8>)> {
    let (one, two) = (text(1500, 7), text(900, 8));
    let fixed = Style { level: 6, strategy: 4, flush: Some((400, 2)) };
    let stored = Style { level: 0, strategy: 0, flush: None };
    let members = [gzip_member(&one, &DEFAULT), gzip_member(&two, &stored)].concat();
    vec![
        (Kind::Gzip, members, [&one[..], &two].concat()),
        (Kind::Gzip, gzip_member(&two, &fixed), two.clone()),
        (Kind::Zlib, zlib_stream(&one, &DEFAULT), one.clone()),
        (Kind::Snappy, [snappy_block(&one), snappy_block(&two)].concat(), [one, two].concat()),
    ]
}

#[test]
fn data_that_is_cut_anywhere_is_known_to_be_cut() {
    for (kind, data, expected) in small() {
        let mut whole = Vec::new();
        for end in 0..data.len() {
            let (bytes, points) = pass(&data[..end], kind, false);
            assert!(expected.starts_with(&bytes));
            match points {
                Ok(points) => whole.push((end, points.size)),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Truncated, "{error}");
                    assert!(error.to_string().contains(&format!("ends at byte {end},")), "{error}");
                }
            }
        }
        // Only whole members are whole.
        let is_two = kind != Kind::Zlib && whole.len() == 1 && whole[0].1 == 1500;
        assert!(whole.is_empty() || is_two, "{whole:?}");
    }
}

#[test]
fn no_bit_flip_changes_what_is_read() {
    for (kind, data, expected) in small() {
        for bit in 0..data.len() * 8 {
            let mut damaged = data.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let (bytes, points) = pass(&damaged, kind, false);
            match points {
                Ok(_) if kind == Kind::Snappy => {} // has no checksum
                Ok(_) => assert!(bytes == expected, "bit {bit}"),
                Err(error) => {
                    let is_of_data =
                        matches!(error.kind(), ErrorKind::Compressed | ErrorKind::Truncated);
                    assert!(is_of_data && error.to_string().contains("at byte"), "{error}");
                }
            }
            let (bytes, points) = pass(&damaged, kind, true);
            let source = source_of(damaged, kind).with_points(Arc::new(points.unwrap()), None);
            assert!(read(&source, 0, bytes.len() + 1) == bytes, "bit {bit}");
        }
    }
}

#[test]
fn what_follows_the_last_member_is_zeros_or_damage() {
    for (kind, data, expected) in small() {
        let padded = pass(&[&data[..], &[0; 700]].concat(), kind, false).1;
        assert_eq!(padded.is_ok(), kind != Kind::Snappy);
        if kind == Kind::Snappy {
            continue;
        }
        for garbage in [&b"x"[..], b"\0\0x", b"\x1f\x8b\x07", b"\0\x1f\x8b\x08"] {
            let (bytes, points) = pass(&[&data[..], garbage].concat(), kind, false);
            let error = points.unwrap_err();
            assert_eq!((error.kind(), bytes == expected), (ErrorKind::Compressed, true), "{error}");
        }
    }
    let stream = zlib_stream(b"hello", &DEFAULT);
    let error = pass(&[&stream[..], &stream].concat(), Kind::Zlib, false).1.unwrap_err();
    assert!(error.to_string().contains("more bytes follow the end of the zlib stream"), "{error}");
}

#[test]
fn members_after_damage_are_found() {
    let texts = [text(9000, 1), text(8000, 2), text(7000, 3)];
    let members: Vec<_> = texts.iter().map(|text| gzip_member(text, &DEFAULT)).collect();
    let (second, third) = (members[0].len(), members[0].len() + members[1].len());
    for at in [second + 1, second + 400, third - 5] {
        let mut data = members.concat();
        data[at] ^= 0x55;
        let (bytes, points) = pass(&data, Kind::Gzip, true);
        let points = points.unwrap();
        assert!(bytes.starts_with(&texts[0]) && bytes.ends_with(&texts[2]), "{at}");
        assert!(!points.damage.is_empty() && points.ensure_whole().is_err());
        let source = source_of(data, Kind::Gzip).with_points(Arc::new(points), None);
        assert!(read(&source, 0, bytes.len()) == bytes);
        let at = bytes.len() - 100;
        assert!(read(&source, at as u64, 200) == bytes[at..]);
    }
}

#[test]
fn damaged_snappy_blocks_are_left_out_and_named() {
    let texts = [text(9000, 1), text(8000, 2), text(70_000, 3)];
    let blocks: Vec<_> = texts.iter().map(|text| snappy_block(text)).collect();
    let (second, third) = (blocks[0].len(), blocks[0].len() + blocks[1].len());
    let mut data = blocks.concat();
    data[second + 10..second + 500].fill(0xff); // copies from before the block's start
    let error = pass(&data, Kind::Snappy, false).1.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Compressed);
    assert!(error.to_string().contains(&format!("at byte {second}, after 9000 ")), "{error}");
    let (bytes, points) = pass(&data, Kind::Snappy, true);
    assert!(bytes == [&texts[0][..], &texts[2]].concat());
    let source = source_of(data.clone(), Kind::Snappy).with_points(Arc::new(points.unwrap()), None);
    assert!(read(&source, 8000, 3000) == bytes[8000..11_000]);
    // A wrong size hides where the next block is.
    data[third + 3] ^= 1;
    assert!(pass(&data, Kind::Snappy, true).0 == texts[0]);
}

/// Some writers make one block of a whole file. Reads forwards decode each byte once; others start
/// at the only point again.
#[test]
fn large_chunks_are_read_in_little_memory() {
    let bytes = [vec![7; 300_000], text(3000, 5), vec![9; 200_000]].concat();
    let source = source_of(gzip_member(&bytes, &DEFAULT), Kind::Gzip);
    assert_eq!(source.size().unwrap(), bytes.len() as u64);
    for at in [0, 250_000, 299_000, 301_000, 302_990, 502_000, 1000, 502_999] {
        let end = bytes.len().min(at + 5000);
        assert!(read(&source, at as u64, 5000) == bytes[at..end], "{at}");
    }
    assert!(read(&source, 0, bytes.len()) == bytes);
}

#[test]
fn threads_read_side_by_side() {
    let bytes = text(200_000, 3);
    let source = source_of(gzip_member(&bytes, &DEFAULT), Kind::Gzip);
    thread::scope(|scope| {
        for number in 0..4_usize {
            let (source, bytes) = (&source, &bytes);
            scope.spawn(move || {
                for step in 0..300 {
                    let at = (step * 7919 + number * 13) * 31 % bytes.len();
                    let end = bytes.len().min(at + 500);
                    assert!(read(source, at as u64, 500) == bytes[at..end]);
                }
            });
        }
    });
}

#[test]
fn seek_files_are_those_of_their_data() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let bytes = text(30_000, 4);
    let style = Style { flush: Some((2000, 1)), ..DEFAULT };
    for (kind, data) in
        [(Kind::Gzip, gzip_member(&bytes, &style)), (Kind::Zlib, zlib_stream(&bytes, &style))]
    {
        std::fs::write(path("x"), &data).unwrap();
        let file = open_regular(&path("x")).unwrap();
        let points = pass(&data, kind, false).1.unwrap().with_records(12);
        points.write(&path("x.seek"), Identification::of(&file).unwrap(), false).unwrap();
        let found = Found::open(&path("x.seek"), kind, &file).unwrap().unwrap();
        assert_eq!((found.points.size, found.points.records), (30_000, Some(12)));
        assert!(!found.points.are_complete());
        let source =
            Decompressed::new(file, kind).with_points(Arc::new(found.points), Some(found.file));
        for at in (0..30_000).step_by(777) {
            assert!(read(&source, at as u64, 100) == bytes[at..(at + 100).min(30_000)]);
        }

        // A damaged one is ignored, and so is that of another file.
        let seek = std::fs::read(path("x.seek")).unwrap();
        let file = open_regular(&path("x")).unwrap();
        let trailer = seek.len() - 64 - 4;
        for at in (0..20).chain(trailer..seek.len()) {
            let mut damaged = seek.clone();
            damaged[at] ^= 4;
            std::fs::write(path("y.seek"), &damaged).unwrap();
            let found = Found::open(&path("y.seek"), kind, &file).unwrap();
            assert_eq!(found.is_some(), at < 20, "{at}"); // gztool's part has no checksum
        }
        for end in [0, 1, 63, 64, seek.len() - 1] {
            std::fs::write(path("y.seek"), &seek[..end]).unwrap();
            assert!(Found::open(&path("y.seek"), kind, &file).unwrap().is_none());
        }
        assert!(Found::open(&path("none"), kind, &file).unwrap().is_none());
        let mut other = data.clone();
        *other.last_mut().unwrap() ^= 1;
        std::fs::write(path("z"), &other).unwrap();
        let file = open_regular(&path("z")).unwrap();
        assert!(Found::open(&path("x.seek"), kind, &file).unwrap().is_none());
    }
}

/// A changed window changes nothing of what is read, but a check finds it.
#[test]
fn damaged_windows_are_mended_and_found() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let bytes = text(20_000, 6);
    let data = gzip_member(&bytes, &Style { flush: Some((2000, 1)), ..DEFAULT });
    std::fs::write(path("x"), &data).unwrap();
    let open = || open_regular(&path("x")).unwrap();
    let points = pass(&data, Kind::Gzip, false).1.unwrap();
    points.write(&path("x.seek"), Identification::of(&open()).unwrap(), false).unwrap();
    let seek = std::fs::read(path("x.seek")).unwrap();
    let source_with = |seek: &[u8]| {
        std::fs::write(path("y.seek"), seek).unwrap();
        let found = Found::open(&path("y.seek"), Kind::Gzip, &open()).unwrap()?;
        let points = Arc::new(found.points);
        Some(Decompressed::new(open(), Kind::Gzip).with_points(points, Some(found.file)))
    };
    let mut errors = 0;
    for at in (32..seek.len() - 200).step_by(11) {
        let mut damaged = seek.clone();
        damaged[at] ^= 1;
        let Some(source) = source_with(&damaged) else { continue }; // it is in the trailer
        for offset in (0..20_000).rev().step_by(501) {
            let end = (offset + 100).min(bytes.len());
            assert!(read(&source, offset as u64, 100) == bytes[offset..end], "{at}, {offset}");
        }
        if let Err(error) = source.verify(&|_| Ok(())) {
            errors += 1;
            assert_eq!(error.kind(), ErrorKind::Stale);
        }
    }
    assert!(errors > 10, "{errors}");

    // Nor if all are damaged.
    let points = source_with(&seek).unwrap().known_points().unwrap().clone();
    let mut damaged = seek.clone();
    for point in points.list.iter().filter(|point| point.window_size > 0) {
        damaged[point.window as usize + 2] ^= 1;
    }
    let source = source_with(&damaged).unwrap();
    for offset in (0..20_000).rev().step_by(501) {
        assert!(read(&source, offset as u64, 1) == bytes[offset..=offset], "{offset}");
    }
    let error = source.verify(&|_| Ok(())).unwrap_err().to_string();
    assert!(error.starts_with("its seek file is damaged near byte"), "{error}");
}

#[test]
fn starts_are_read_without_points() {
    let bytes = text(10_000, 9);
    let data = [gzip_member(&[], &DEFAULT), gzip_member(&bytes, &DEFAULT)].concat();
    let source = source_of(data, Kind::Gzip);
    assert!(read(&source, 5, 1000) == bytes[5..1005]);
    assert!(source.known_points().is_none());
    assert!(read(&source, 5, 5000) == bytes[5..5005]);
    assert!(source.known_points().is_some());
    for size in [0, 5, 12] {
        let data = gzip_member(&bytes[..size], &DEFAULT);
        assert!(start_of(&data, Kind::Gzip, 12).unwrap() == bytes[..size]);
        assert!(start_of(&&data[..data.len() - 1], Kind::Gzip, 13).is_err());
    }
}

/// So reads in order need no stored windows. A chunk that is shorter than a window has not all of it.
#[test]
fn the_window_of_a_point_is_the_end_of_the_chunk_before() {
    use super::chunk::Chunk;
    use super::points::Point;

    let (kind, bytes) = (Kind::Gzip, text(100_000, 6));
    let data = deflate(&bytes, &Style { flush: Some((50_000, 1)), ..DEFAULT });
    let flushed = data.windows(4).position(|four| four == [0, 0, 0xff, 0xff]).unwrap() + 4;
    let points = [Point::of_member(0, 0), Point::of_member(50_000, flushed as u64)];
    let decode = |point: &Point, window: &[u8], end: u64| {
        let mut chunk = Chunk::new(&data, kind, point, window, end, Vec::new()).unwrap();
        let mut read = vec![0; (end - point.out) as usize];
        assert_eq!(chunk.read(&data, kind, &mut read, point.out, 0).unwrap(), read.len());
        assert!(chunk.is_complete() && read == bytes[point.out as usize..end as usize]);
        chunk
    };
    let first = decode(&points[0], &[], 50_000);
    let window = first.decoded().window_before(50_000).unwrap();
    assert!(window == &bytes[50_000 - WINDOW..50_000]);
    assert!(first.decoded().window_before(49_999).is_none());
    decode(&points[1], window, 100_000);
    assert!(decode(&points[1], window, 50_100).decoded().window_before(50_100).is_none());
}

/// The second small piece decodes the whole chunk, as far as that goes.
#[test]
fn damage_after_the_wanted_bytes_does_not_matter() {
    use super::chunk::Chunk;
    use super::decoder::Decoder;
    use super::points::Point;

    let (kind, size) = (Kind::Gzip, 20_000);
    let mut data = deflate(&text(size, 6), &Style { flush: Some((10_000, 1)), ..DEFAULT });
    let next = data.windows(4).position(|four| four == [0, 0, 0xff, 0xff]).unwrap() + 4;
    data[next] = 0b110; // there is no such kind of block
    let mut right = vec![0; size];
    let (_, good, _) = Decoder::fast(kind).decode(&data, &mut right, 0, false);
    assert_eq!(good, 10_000);

    let point = Point::of_member(0, 0);
    let mut chunk = Chunk::new(&data, kind, &point, &[], size as u64, Vec::new()).unwrap();
    let mut read = |offset: usize| {
        let mut piece = [0; 30];
        chunk.read(&data, kind, &mut piece, offset as u64, 0).map(|count| (count, piece))
    };
    for offset in (0..good - 30).step_by(40) {
        let (count, piece) = read(offset).unwrap();
        assert!(count == 30 && piece == right[offset..offset + 30], "{offset}");
    }
    for _ in 0..2 {
        assert_eq!(read(good).unwrap_err().kind(), ErrorKind::Compressed);
    }
    assert!(read(0).unwrap().1 == right[..30]);
}

/// Compressed bytes of which a read fails, once.
struct FailsOnce(Vec<u8>, AtomicBool);

impl ReadAt for FailsOnce {
    fn size(&self) -> std::io::Result<u64> {
        self.0.size()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> std::io::Result<usize> {
        if offset > 1500 && self.1.swap(false, Relaxed) {
            return Err(std::io::Error::from_raw_os_error(libc::EIO));
        }
        self.0.read_at(buffer, offset)
    }
}

#[test]
fn a_read_that_failed_after_the_wanted_bytes_is_done_again() {
    let bytes = text(20_000, 9);
    let data = gzip_member(&bytes, &DEFAULT);
    let source = Decompressed::<_>::new(FailsOnce(data, false.into()), Kind::Gzip);
    source.points(&|_| Ok(())).unwrap();
    let read = |offset: u64, size: usize| {
        let mut piece = vec![0; size];
        assert_eq!(fill_at(&source, &mut piece, offset).unwrap(), size);
        assert!(piece == bytes[offset as usize..][..size]);
    };
    let fails = &source.compressed().1;
    read(10, 30);
    fails.store(true, Relaxed);
    read(50, 30);
    assert!(!fails.load(Relaxed), "it has failed, after the wanted bytes");
    read(0, 20_000);
}

/// The decoders of the pass and of chunks decode the same bytes, and fail at the same ones.
#[test]
fn all_decoders_decode_the_same() {
    use super::decoder::{Decoder, Stop};

    fn decode(mut decoder: Decoder, mut input: &[u8], size: usize) -> (Vec<u8>, Stop) {
        let (mut output, mut at) = (vec![0; size], 0);
        loop {
            let piece = &input[..input.len().min(100)];
            let (taken, written, stop) = decoder.decode(piece, &mut output, at, false);
            (input, at) = (&input[taken..], at + written);
            if at == size {
                return (output, Stop::Piece); // what follows does not matter
            }
            if stop != Stop::Piece || input.is_empty() {
                output.truncate(at);
                return (output, stop);
            }
        }
    }

    let bytes = text(2000, 9);
    for style in [(0, 0), (6, 0), (6, 4)] {
        let style = Style { level: style.0, strategy: style.1, flush: Some((900, 1)) };
        let mut stream = deflate(&bytes, &style);
        for bit in 0..stream.len() * 8 {
            for size in [3000, 1000] {
                let [slow, fast] = [Decoder::new(Kind::Gzip), Decoder::fast(Kind::Gzip)]
                    .map(|decoder| decode(decoder, &stream, size));
                assert!(slow == fast, "bit {bit}: {:?} and {:?}", slow.1, fast.1);
            }
            stream[bit / 8] ^= 1 << (bit % 8);
            if bit > 0 {
                stream[(bit - 1) / 8] ^= 1 << ((bit - 1) % 8);
            }
        }
    }
}
