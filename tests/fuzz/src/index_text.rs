//! Index text, read and written, compared with naive code: the bytes are used as text and as entries.

use tfr_index::{Entry, ErrorKind, Index};

use super::oracle::{is_entry, outcome, read_index, write_index};

pub fn run(data: &[u8]) {
    let text = &data[..data.len().min(1 << 16)]; // longer lines are refused
    let index = Index::from_text(text);
    if let Ok(index) = &index {
        round_trip(index);
    }
    assert_eq!(outcome(index), read_index(text));

    // Each number is shifted right by the amount in its lowest byte.
    let number = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().unwrap()) >> (bytes[0] % 64);
    let entries: Vec<Entry> = data
        .chunks_exact(16)
        .map(|bytes| Entry { offset: number(&bytes[..8]), size: number(&bytes[8..]) })
        .collect();
    let bad = entries.iter().position(|e| !is_entry(e.offset.into(), e.size.into()));
    let good = &entries[..bad.unwrap_or(entries.len())];
    round_trip(&Index::from_entries(good.iter().copied()).unwrap());
    if let Some(bad) = bad {
        let expected = Err((ErrorKind::InvalidIndex, Some(bad as u64), None));
        assert_eq!(outcome(Index::from_entries(entries)), expected);
    }
}

fn round_trip(index: &Index) {
    let text = index.to_text().unwrap();
    assert_eq!(text, write_index(index));
    assert_eq!(&Index::from_text(text).unwrap(), index);
}
