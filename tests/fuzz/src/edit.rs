//! Edits of any index, compared with what their documentation says about each record.

use std::collections::HashSet;

use arbitrary::{Result, Unstructured};
use tfr_index::{Entry, ErrorKind, Index, ShardBy, Remainder};

use super::oracle::{is_entry, outcome};

pub fn run(data: &[u8]) {
    let mut plan = Unstructured::new(data);
    let mut index = Index::from_entries([]).unwrap();
    while !plan.is_empty() {
        match edit(&index, &mut plan) {
            Ok(edited) => index = edited,
            Err(_) => break,
        }
    }
}

/// The maximum number of records: edits repeat them.
const MOST: usize = 300;

/// Makes another index from this one.
fn edit(index: &Index, plan: &mut Unstructured<'_>) -> Result<Index> {
    Ok(match plan.arbitrary::<u8>()? % 8 {
        0 | 1 => add(index, plan)?,
        2 => select(index, plan)?,
        3 => {
            let (least, most) = (plan.arbitrary::<u16>()?.into(), plan.arbitrary::<u16>()?.into());
            let filtered = index.filter_size(least..most).unwrap();
            let fits = |entry: &&Entry| (least..most).contains(&(entry.size - 16));
            assert!(filtered.iter().eq(index.iter().filter(fits)));
            filtered
        }
        4 => {
            let seed = plan.arbitrary()?;
            let shuffled = index.shuffle(seed).unwrap();
            assert_eq!(sorted(&shuffled), sorted(index));
            assert_eq!(index.shuffle(seed).unwrap(), shuffled);
            shuffled
        }
        5 => sample(index, plan.arbitrary::<u8>()?.into(), plan.arbitrary()?),
        6 => shard(index, plan.arbitrary::<u8>()?.into(), plan.arbitrary::<u8>()?.into()),
        _ => concat(index, plan)?,
    })
}

fn sorted(index: &Index) -> Vec<Entry> {
    let mut entries = index.to_vec();
    entries.sort();
    entries
}

/// Entries with any offsets and sizes.
fn add(index: &Index, plan: &mut Unstructured<'_>) -> Result<Index> {
    let mut entries = index.to_vec();
    for _ in 0..plan.arbitrary::<u8>()? {
        let offset = plan.arbitrary::<u64>()? >> (plan.arbitrary::<u8>()? % 64);
        let size = (plan.arbitrary::<u64>()? >> (plan.arbitrary::<u8>()? % 64)).saturating_add(16);
        if is_entry(offset.into(), size.into()) && entries.len() < MOST {
            entries.push(Entry { offset, size });
        }
    }
    Ok(Index::from_entries(entries).unwrap())
}

fn select(index: &Index, plan: &mut Unstructured<'_>) -> Result<Index> {
    let count = plan.arbitrary::<u8>()?;
    let records: Vec<usize> =
        (0..count).map(|_| Ok(plan.arbitrary::<u16>()?.into())).collect::<Result<_>>()?;
    let within: Vec<usize> = records.iter().copied().filter(|r| *r < index.len()).collect();
    match records.iter().find(|record| **record >= index.len()) {
        Some(record) => {
            let expected = Err((ErrorKind::OutOfRange, Some(*record as u64), None));
            assert_eq!(outcome(index.select(&records)), expected);
        }
        None => assert_eq!(index.select(&records).unwrap(), index.select(&within).unwrap()),
    }
    let selected = index.select(&within).unwrap();
    assert!(selected.iter().eq(within.iter().map(|record| &index[*record])));

    let chosen: HashSet<usize> = within.into_iter().collect();
    let mask: Vec<bool> = (0..index.len()).map(|record| chosen.contains(&record)).collect();
    let masked = index.select_mask(&mask).unwrap();
    let kept = index.iter().zip(&mask).filter(|(_, kept)| **kept);
    assert!(masked.iter().eq(kept.map(|(entry, _)| entry)));
    let longer = [&mask[..], &[true]].concat();
    assert_eq!(index.select_mask(&longer).unwrap_err().kind(), ErrorKind::InvalidArgument);
    Ok(selected)
}

/// A sample has the first records of the shuffled index, in the index's order.
fn sample(index: &Index, count: usize, seed: u64) -> Index {
    if count > index.len() {
        assert_eq!(index.sample(count, seed).unwrap_err().kind(), ErrorKind::InvalidArgument);
        return index.clone();
    }
    // The index's own entries may be equal: these are not, and their order is their number's.
    let numbers = (0..index.len() as u64).map(|offset| Entry { offset, size: 16 });
    let numbers = Index::from_entries(numbers).unwrap();
    let mut drawn = numbers.shuffle(seed).unwrap().to_vec();
    drawn.truncate(count);
    drawn.sort();
    assert_eq!(numbers.sample(count, seed).unwrap().to_vec(), drawn);
    let drawn: Vec<usize> = drawn.iter().map(|entry| entry.offset as usize).collect();
    let sampled = index.sample(count, seed).unwrap();
    assert_eq!(sampled, index.select(&drawn).unwrap());
    sampled
}

/// Shards are runs, which are the whole index one after the other, and about as large as each other.
fn shard(index: &Index, rank: usize, world: usize) -> Index {
    let of = |rank, by, even| index.shard(rank, world, by, even);
    if rank >= world {
        let error = of(rank, ShardBy::Records, Remainder::Keep).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        return index.clone();
    }
    let all = |by, even| (0..world).map(move |rank| of(rank, by, even).unwrap());
    for by in [ShardBy::Records, ShardBy::Bytes] {
        let joined: Vec<Entry> = all(by, Remainder::Keep).flat_map(Index::into_entries).collect();
        assert_eq!(joined, index.to_vec());
    }
    let (smaller, larger) = (index.len() / world, (index.len() + world - 1) / world);
    assert!(all(ShardBy::Records, Remainder::Keep).all(|s| [smaller, larger].contains(&s.len())));
    assert!(all(ShardBy::Records, Remainder::Drop).all(|shard| shard.len() == smaller));
    assert!(all(ShardBy::Records, Remainder::Pad).all(|shard| shard.len() == larger));
    // A boundary is off by at most half of the record next to it.
    let bytes = |entries: &[Entry]| entries.iter().map(|e| u128::from(e.size)).sum::<u128>();
    let largest = u128::from(index.iter().map(|entry| entry.size).max().unwrap_or(0));
    let mut before = 0;
    for (rank, shard) in (0..).zip(all(ShardBy::Bytes, Remainder::Keep)) {
        let distance = (before * world as u128).abs_diff(bytes(index) * rank);
        assert!(2 * distance <= largest * world as u128, "{rank}: {distance}");
        before += bytes(&shard);
    }
    of(rank, ShardBy::Records, Remainder::Keep).unwrap()
}

/// The index, of data of some size, and a shard of it of data of another.
fn concat(index: &Index, plan: &mut Unstructured<'_>) -> Result<Index> {
    let end = |index: &Index| index.iter().map(|entry| entry.offset + entry.size).max().unwrap_or(0);
    let other = index.shard(0, 2, ShardBy::Records, Remainder::Keep).unwrap();
    let more = plan.arbitrary::<u64>()? >> (plan.arbitrary::<u8>()? % 64);
    let size = end(index).saturating_add(more);
    let parts = [(index, size), (&other, end(&other))];
    let moved = other.iter().map(|entry| (u128::from(size) + u128::from(entry.offset), entry.size));
    let expected: Option<Vec<Entry>> = moved
        .map(|(offset, size)| {
            is_entry(offset, size.into()).then_some(Entry { offset: offset as u64, size })
        })
        .collect();
    match (Index::concat(&parts), expected) {
        (Ok(joined), Some(moved)) => assert_eq!(joined.to_vec(), [index.to_vec(), moved].concat()),
        (Err(error), None) => assert_eq!(error.kind(), ErrorKind::InvalidIndex),
        (found, expected) => panic!("{found:?}, {expected:?}"),
    }
    if end(index) > 0 {
        let error = Index::concat(&[(index, end(index) - 1), (&other, end(&other))]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Mismatch);
    }
    Ok(other)
}
