//! Compares compact indexes with plain ones.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::frame::MAX_OFFSET;
use crate::index::{Collect, EntryTable, EntryTableBuilder, Index};

/// What is before a frame: mostly nothing, sometimes a gap, and a frame that is before others.
#[derive(Debug, Clone, Copy)]
enum Before {
    Nothing,
    Gap(u64),
    Back(u64),
}

/// Entries of frames of these sizes.
fn entries(frames: &[(Before, u64)], start: u64) -> Vec<Entry> {
    let mut end = start;
    let entries = frames.iter().filter_map(|&(before, size)| {
        let offset = match before {
            Before::Nothing => end,
            Before::Gap(gap) => end.saturating_add(gap),
            Before::Back(by) => end.saturating_sub(by),
        };
        let entry = Entry { offset, size };
        entry.fault().is_none().then(|| {
            end = entry.end();
            entry
        })
    });
    entries.collect()
}

fn build(entries: &[Entry], pieces: &[prop::sample::Index]) -> EntryTable {
    let mut borders: Vec<_> = pieces.iter().map(|piece| piece.index(entries.len() + 1)).collect();
    borders.extend([0, entries.len()]);
    borders.sort_unstable();
    let mut builder = EntryTableBuilder::default();
    for piece in borders.windows(2) {
        let mut piece = entries[piece[0]..piece[1]].to_vec();
        builder.collect(&mut piece).unwrap();
        assert!(piece.is_empty());
    }
    builder.finish().unwrap()
}

fn compare(table: &EntryTable, entries: &[Entry]) {
    assert_eq!(table.len(), entries.len());
    assert!(table.range(0..table.len()).eq(entries.iter().copied()));
    assert_eq!(table.to_index().unwrap().entries(), entries);
    assert_eq!(table.start(), entries.iter().map(|entry| entry.offset).min());
    assert!((0..=entries.len()).all(|record| table.get(record) == entries.get(record).copied()));
    let in_order = entries.windows(2).all(|pair| pair[0].end() <= pair[1].offset);
    match table {
        EntryTable::Compact(index) => {
            let covered: u64 = entries.iter().map(|entry| entry.size).sum();
            assert!(in_order);
            assert_eq!(index.covered(), covered);
        }
        EntryTable::Plain(_) => assert!(!in_order),
    }
}

fn any_size() -> impl Strategy<Value = u64> {
    prop_oneof![
        Just(16_u64),
        16..32_u64,
        16..5000_u64,
        (4..63_u32, 0..u64::MAX).prop_map(|(bits, random)| (random >> (64 - bits)).max(16)),
    ]
}

fn any_frames(back: u32, gap: u32) -> impl Strategy<Value = Vec<(Before, u64)>> {
    let before = prop_oneof![
        2000 => Just(Before::Nothing),
        gap => (1..1000_u64).prop_map(Before::Gap),
        back => (1..1000_u64).prop_map(Before::Back),
    ];
    // All of about the same size, or mixed.
    let sizes = prop_oneof![
        any_size().prop_map(|size| (size..=size.saturating_add(size / 2)).boxed()),
        any_size().prop_map(|size| Just(size).boxed()),
        Just(any_size().boxed()),
    ];
    sizes.prop_flat_map(move |size| vec((before.clone(), size), 0..2500))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 100 }))]

    #[test]
    fn the_compact_form_has_the_same_entries(
        frames in any_frames(0, 5),
        start in prop_oneof![Just(0_u64), 0..=MAX_OFFSET],
        pieces: Vec<prop::sample::Index>,
        part: (prop::sample::Index, prop::sample::Index),
    ) {
        let entries = entries(&frames, start);
        let table = build(&entries, &pieces);
        compare(&table, &entries);
        let (one, other) = (part.0.index(entries.len() + 1), part.1.index(entries.len() + 1));
        let part = one.min(other)..one.max(other);
        prop_assert!(table.range(part.clone()).eq(entries[part].iter().copied()));
    }

    #[test]
    fn entries_in_another_order_stay_plain(
        frames in any_frames(2, 2),
        pieces: Vec<prop::sample::Index>,
    ) {
        let entries = entries(&frames, 5000);
        compare(&build(&entries, &pieces), &entries);
    }

    #[test]
    fn a_plain_index_becomes_compact_unless_it_has_many_gaps(
        frames in any_frames(1, 200),
        is_close: bool,
    ) {
        let mut frames = frames;
        if is_close {
            frames.iter_mut().for_each(|(before, _)| *before = Before::Nothing);
        }
        let entries = entries(&frames, 0);
        let table = EntryTable::of(Index::from_checked(entries.clone())).unwrap();
        let gaps = entries.windows(2).filter(|pair| pair[0].end() != pair[1].offset).count();
        let in_order = entries.windows(2).all(|pair| pair[0].end() <= pair[1].offset);
        let is_compact = matches!(table, EntryTable::Compact(_));
        prop_assert_eq!(is_compact, in_order && gaps <= entries.len() / 4);
        prop_assert!(table.range(0..table.len()).eq(entries));
    }
}

#[test]
fn the_smallest_and_the_largest_frames() {
    for sizes in [
        vec![],
        vec![16],
        vec![MAX_OFFSET],
        vec![16, MAX_OFFSET - 16],
        vec![MAX_OFFSET - 16, 16],
        vec![MAX_OFFSET / 300; 300],
        vec![16; 3 * BLOCK * CHUNK + 1],
        [vec![16; BLOCK - 1], vec![1 << 62]].concat(),
        [vec![1 << 61], vec![16; BLOCK - 1]].concat(),
    ] {
        let frames: Vec<_> = sizes.iter().map(|size| (Before::Nothing, *size)).collect();
        let entries = entries(&frames, 0);
        assert_eq!(entries.len(), sizes.len());
        let table = build(&entries, &[]);
        assert!(matches!(table, EntryTable::Compact(_)));
        compare(&table, &entries);
    }
}

/// One to three bytes per record, whatever the sizes, and little more while the index is built.
#[test]
fn it_takes_few_bytes() {
    let mut random = 1_u64;
    for (mean, least, most) in
        [(16, 0.8, 0.9), (100, 1.0, 1.3), (1800, 1.5, 1.8), (110_000, 2.2, 2.6)]
    {
        let frames: Vec<_> = (0..100_000)
            .map(|_| {
                random = random.wrapping_mul(6364136223846793005).wrapping_add(1);
                (Before::Nothing, (mean / 2 + (random >> 33) % mean).max(16))
            })
            .collect();
        let entries = entries(&frames, 0);
        let table = build(&entries, &[]);
        let bytes = table.bytes() as f64 / entries.len() as f64;
        assert!(least < bytes && bytes < most, "{mean}: {bytes}");
    }
}
