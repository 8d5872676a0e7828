//! Checks of indexes against data: correct ones fit, ones that fit are correct, and the number of
//! threads makes no difference.


use tfr_index::{CheckLevel, Checksums, Entry, Fit, Index, Options};

use super::file::file_of;
use super::oracle::{walk, POLICIES};

const LEVELS: [CheckLevel; 3] = [CheckLevel::Quick, CheckLevel::Headers, CheckLevel::Full];

/// The first byte says where the index's edits end and the file's plan begins.
pub fn run(input: &[u8]) {
    let Some((&cut, input)) = input.split_first() else { return };
    let (edits, plan) = input.split_at(usize::from(cut).min(input.len()));
    let data = file_of(plan, 1);
    for policy in POLICIES {
        // Regions that salvage skips hold no valid record.
        let salvage = Options::new().checksums(policy).salvage(true);
        if let Ok(index) = Index::from_bytes(&data, &salvage) {
            let options = Options::new().checksums(policy);
            let fit = check(&index, &data, CheckLevel::Quick, &options);
            assert!(fit.is_ok_and(|fit| !fit.partial));
        }
        let Ok(mut entries) = walk(&data, policy) else { continue };
        let options = Options::new().checksums(policy);
        let index = Index::from_entries(entries.iter().copied()).unwrap();
        for level in LEVELS {
            match check(&index, &data, level, &options) {
                Ok(fit) => assert!(fit.uncovered_bytes == 0 && !fit.reordered && !fit.repeated),
                // Only policy full reads payloads.
                Err(error) => assert!(level == CheckLevel::Full && policy != Checksums::Full, "{error}"),
            }
        }
        let whole = entries.clone();
        for edit in edits.chunks_exact(3) {
            change(&mut entries, edit);
        }
        let Ok(index) = Index::from_entries(entries) else { continue };
        for level in LEVELS {
            let fit = check(&index, &data, level, &options.allow_partial(true));
            if let (Ok(fit), true) = (fit, level != CheckLevel::Quick) {
                assert_fits(&index, &data);
                if policy != Checksums::None && walk(&data, Checksums::Full).is_ok() {
                    assert_eq!(fit.partial, whole.iter().any(|entry| !index.contains(entry)));
                }
            }
        }
    }
}

fn check(index: &Index, data: &[u8], level: CheckLevel, options: &Options) -> Result<Fit, String> {
    let check = |threads| {
        let options = options.threads(threads);
        index.check_source(data, level, &options).map_err(|error| error.to_string())
    };
    let found = check(1);
    assert_eq!(check(3), found);
    found
}

fn change(entries: &mut Vec<Entry>, edit: &[u8]) {
    let [what, at, by] = edit.try_into().expect("3 bytes");
    if entries.is_empty() {
        return;
    }
    let at = usize::from(at) % entries.len();
    let other = usize::from(by) % entries.len();
    match what % 5 {
        0 => entries.swap(at, other),
        1 => entries.push(entries[at]),
        2 => drop(entries.remove(at)),
        3 => entries[at].offset += u64::from(by),
        _ => entries[at].size += u64::from(by),
    }
}

/// Each entry is a frame of its size, and different entries share no byte.
fn assert_fits(index: &Index, data: &[u8]) {
    let mut entries = index.entries().to_vec();
    entries.sort();
    entries.dedup();
    for entry in &entries {
        let frame = &data[entry.offset as usize..][..entry.size as usize];
        let length = u64::from_le_bytes(frame[..8].try_into().unwrap());
        assert_eq!(length, entry.size - 16);
    }
    assert!(entries.windows(2).all(|pair| pair[0].offset + pair[0].size <= pair[1].offset));
}
