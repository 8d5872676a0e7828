//! Indexes found beside their data: one is used only if it accounts for every valid record; else the
//! data is scanned.

use std::collections::HashSet;
use std::fs;

use tfr_index::{Checksums, Entry, Index, Options, Reader};

use super::file::file_of;
use super::oracle::{salvage, walk, write_index};

/// The first byte says how many edits of the index follow; then comes the file's plan.
pub fn run(input: &[u8]) {
    let Some((&count, input)) = input.split_first() else { return };
    let (edits, plan) = input.split_at((3 * usize::from(count % 8)).min(input.len()));
    let data = file_of(plan, 1);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    fs::write(&path, &data).unwrap();
    let salvaged = (salvage(&data, false), salvage(&data, true));
    let (Some((headers, _)), Some((good, _))) = salvaged else { return };
    // All valid records, found from any start.
    let valid: Vec<Entry> = good.iter().copied().filter(|entry| headers.contains(entry)).collect();
    let is_whole = walk(&data, Checksums::Length).is_ok();
    let mut entries = headers.clone();
    for edit in edits.chunks_exact(3) {
        change(&mut entries, edit);
    }
    let Ok(index) = Index::from_entries(entries.iter().copied()) else { return };
    fs::write(folder.path().join("x.idx"), write_index(&index)).unwrap();
    for checksums in [Checksums::Auto, Checksums::Length] {
        let scanned = walk(&data, checksums);
        match Reader::open(&path, &Options::new().checksums(checksums)) {
            Ok(reader) => {
                let entries: Vec<Entry> = reader.entries().collect();
                let is_found = entries == index.entries();
                assert!(is_found || Ok(&entries) == scanned.as_ref(), "{checksums:?}");
                if is_whole || scanned.is_err() {
                    assert!(accounts_for(&entries, &valid), "{checksums:?}: {index:?}");
                }
            }
            // What salvage makes of damaged data is used.
            Err(error) => {
                assert!(scanned.is_err(), "{error}");
                let is_salvaged = [&headers, &good].contains(&&entries);
                assert!(entries.is_empty() || !is_salvaged, "{checksums:?}: {index:?}: {error}");
            }
        }
    }
}

/// Whether no valid record starts before the index's first entry, after its last one, or where one
/// ends.
fn accounts_for(index: &[Entry], valid: &[Entry]) -> bool {
    let entries: HashSet<&Entry> = index.iter().collect();
    let ends: HashSet<u64> = index.iter().map(|entry| entry.offset + entry.size).collect();
    let first = index.iter().map(|entry| entry.offset).min().unwrap_or(u64::MAX);
    let last = ends.iter().copied().max().unwrap_or(0);
    valid.iter().filter(|entry| !entries.contains(entry)).all(|entry| {
        first < entry.offset && entry.offset < last && !ends.contains(&entry.offset)
    })
}

fn change(entries: &mut Vec<Entry>, edit: &[u8]) {
    let [what, at, by] = edit.try_into().expect("3 bytes");
    if entries.is_empty() {
        return;
    }
    let at = usize::from(at) % entries.len();
    let other = usize::from(by) % entries.len();
    match what % 8 {
        0 => entries.swap(at, other),
        1 => entries.push(entries[at]),
        2 => entries.truncate(at),
        3 => drop(entries.drain(..at)),
        4 => entries[at].offset += u64::from(by),
        5 => entries[at].size += u64::from(by),
        _ => drop(entries.remove(at)),
    }
}
