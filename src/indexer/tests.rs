//! Compares streams with scans of memory.

use super::*;
use crate::frame;
use proptest::prelude::*;

const POLICIES: [Checksums; 4] =
    [Checksums::Auto, Checksums::None, Checksums::Length, Checksums::Full];

/// The entries of a scan, and where and how it failed.
type Outcome = (Vec<Entry>, Option<(ErrorKind, Option<u64>, Option<u64>)>);

fn pushed(data: &[u8], checksums: Checksums, pieces: &[usize]) -> Outcome {
    let mut indexer = Indexer::new(&Options::new().checksums(checksums)).unwrap();
    let mut entries = Vec::new();
    let mut result = Ok(());
    let (mut rest, mut sizes) = (data, pieces.iter().cycle());
    while !rest.is_empty() && result.is_ok() {
        let mut piece = take(&mut rest, *sizes.next().unwrap() as u64);
        result = loop {
            match indexer.push(&mut piece) {
                Ok(Some(entry)) => entries.push(entry),
                ended => break ended.map(|_| assert!(piece.is_empty())),
            }
        };
    }
    let failed = result.and_then(|()| indexer.finish()).err();
    if let Some(error) = &failed {
        // The error stays; without one, the stream may be incomplete.
        assert_eq!(indexer.finish().unwrap_err().to_string(), error.to_string());
        if indexer.failed.is_some() {
            let again = indexer.push(&mut &data[..]).unwrap_err();
            assert_eq!(again.to_string(), error.to_string());
        }
    }
    (entries, failed.map(|error| (error.kind(), error.record(), error.offset())))
}

/// The same for memory.
fn scanned(data: &[u8], checksums: Checksums) -> Outcome {
    let mut entries = Vec::new();
    for entry in crate::Scanner::new(data, &Options::new().checksums(checksums)).unwrap() {
        match entry {
            Ok(entry) => entries.push(entry),
            Err(e) => return (entries, Some((e.kind(), e.record(), e.offset()))),
        }
    }
    (entries, None)
}

/// The end of a stream is known only later, so lengths that exceed it are judged later. But entries
/// and errors are the same, except that a first header may be rejected by its length alone.
fn agree(data: &[u8], checksums: Checksums, pieces: &[usize]) {
    let (found, mut expected) = (pushed(data, checksums, pieces), scanned(data, checksums));
    let insists = matches!(checksums, Checksums::Length | Checksums::Full);
    if let (Some((ErrorKind::LengthCrc, Some(0), _)), Some((kind, ..)), true) =
        (found.1, &mut expected.1, insists)
    {
        assert!(matches!(kind, ErrorKind::LengthCrc | ErrorKind::NotTfRecord));
        *kind = ErrorKind::LengthCrc;
    }
    assert_eq!(found, expected, "{checksums:?}, {pieces:?}");
}

fn file_of(sizes: &[usize], crcs: bool) -> Vec<u8> {
    let frame = |size: &usize| {
        let mut frame = frame::encode(&vec![*size as u8; *size]);
        if !crcs {
            frame[8..12].fill(7);
        }
        frame
    };
    sizes.iter().flat_map(frame).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    /// Data pushed in pieces of any size, damaged or not, has the same result as in memory.
    #[test]
    fn agrees_with_the_scan_of_memory(
        sizes in prop::collection::vec(prop_oneof![4 => 0..40usize, 1 => 0..3000usize], 0..12),
        crcs in prop::bool::weighted(0.8),
        damage in prop::option::of((any::<prop::sample::Index>(), 0..8u32)),
        cut in prop::option::of(any::<prop::sample::Index>()),
        pieces in prop::collection::vec(prop_oneof![1..64usize, 1000..20_000usize], 1..4),
    ) {
        let mut data = file_of(&sizes, crcs);
        if let (Some((at, bit)), false) = (damage, data.is_empty()) {
            let at = at.index(data.len());
            data[at] ^= 1 << bit;
        }
        if let Some(cut) = cut {
            data.truncate(cut.index(data.len() + 1));
        }
        for checksums in POLICIES {
            agree(&data, checksums, &pieces);
        }
    }
}

#[test]
fn every_cut_and_every_flipped_bit_is_judged_as_in_memory() {
    for crcs in [true, false] {
        let data = file_of(&[5, 0, 300, 1], crcs);
        let agree_at_all = |data: &[u8]| {
            for checksums in POLICIES {
                for piece in [1, 17, data.len() + 1] {
                    agree(data, checksums, &[piece]);
                }
            }
        };
        (0..=data.len()).for_each(|end| agree_at_all(&data[..end]));
        for bit in 0..8 * data.len() {
            let mut data = data.clone();
            data[bit / 8] ^= 1 << (bit % 8);
            agree_at_all(&data);
        }
    }
}

#[test]
fn a_giant_record_takes_no_memory() {
    let length = (1_u64 << 40).to_le_bytes();
    let mut indexer = Indexer::new(&Options::new()).unwrap();
    let header = [&length[..], &crc::masked(&length).to_le_bytes()].concat();
    assert_eq!(indexer.push(&mut &header[..]).unwrap(), None);
    for _ in 0..1000 {
        assert_eq!(indexer.push(&mut &[0; 1 << 16][..]).unwrap(), None);
    }
    assert!(indexer.start.capacity() <= 2 * START);
    assert_eq!(indexer.finish().unwrap_err().kind(), ErrorKind::Truncated);
}

#[test]
fn offsets_end_where_an_index_does() {
    let mut indexer = Indexer::new(&Options::new()).unwrap();
    let mut frames = &[frame::encode(b""), frame::encode(b"x")].concat()[..];
    assert!(indexer.push(&mut frames).unwrap().is_some());
    indexer.chain.go_to(1, MAX_OFFSET - 16);
    let error = indexer.push(&mut frames).unwrap_err();
    assert_eq!((error.kind(), error.record()), (ErrorKind::Truncated, Some(1)));
}

#[test]
fn the_end_may_be_asked_for_at_any_time() {
    let data = file_of(&[5, 6], true);
    let mut indexer = Indexer::new(&Options::new()).unwrap();
    for (at, byte) in data.iter().enumerate() {
        assert_eq!(indexer.finish().is_ok(), at == 0 || at == 21, "{at}");
        indexer.push(&mut std::slice::from_ref(byte)).unwrap();
    }
    assert_eq!((indexer.finish().is_ok(), indexer.records()), (true, 2));
}

#[test]
fn what_takes_a_file_is_refused() {
    let options = Options::new();
    let all = [options.salvage(true), options.allow_incomplete_tail(true), options.resume(true)];
    for options in all {
        let error = Indexer::new(&options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    }
}
