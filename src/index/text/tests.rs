use super::encode::LINE_MAX;
use super::*;
use crate::error::ErrorKind;
use crate::index::Entry;
use proptest::prelude::*;

#[test]
fn encodes_as_the_specification_shows() {
    let entries = [(0, 1234), (1234, 5678), (6912, 2345)];
    let index = Index::from_entries(entries.map(|(offset, size)| Entry { offset, size }));
    assert_eq!(index.unwrap().to_text().unwrap(), "0 1234\n1234 5678\n6912 2345\n");
    assert_eq!(Index::default().to_text().unwrap(), "");
}

#[test]
fn the_longest_line_fits() {
    let mut encoder = Encoder::default();
    encoder.push(Entry { offset: u64::MAX, size: u64::MAX }).unwrap();
    assert_eq!(encoder.text().len(), LINE_MAX);
    assert_eq!(encoder.text(), format!("{0} {0}\n", u64::MAX).as_bytes());
}

#[test]
fn errors_name_the_line_and_its_byte() {
    let error = Index::from_text("0 16\n\n16 16\nx 16\n").unwrap_err();
    assert_eq!((error.record(), error.offset()), (Some(2), Some(12)));
    assert!(error.to_string().starts_with("line 4: \"x\" is not a decimal number"), "{error}");
    let error = Index::from_text("0 16\n16 16 7").unwrap_err();
    assert!(error.to_string().starts_with("line 2: more than two numbers"), "{error}");
}

#[test]
fn an_endless_line_is_not_kept() {
    let mut decoder = Decoder::new();
    let piece = [b' '; 4096];
    let error = (0..1000).find_map(|_| decoder.push(&piece).err()).unwrap();
    assert_eq!(error.kind(), ErrorKind::InvalidIndex);
}

/// With any number of digits.
fn any_number() -> impl Strategy<Value = u64> {
    (any::<u64>(), 2..64u32).prop_map(|(number, shift)| number >> shift)
}

#[test]
fn each_power_of_ten_has_its_digits() {
    for digits in 0..19 {
        for number in [10u64.pow(digits) - 1, 10u64.pow(digits), 10u64.pow(digits) + 1] {
            let mut encoder = Encoder::default();
            let entry = Entry { offset: number, size: number };
            encoder.push(entry).unwrap();
            assert_eq!(encoder.text(), format!("{number} {number}\n").as_bytes());
        }
    }
}

proptest! {
    #[test]
    fn decodes_what_it_encodes_in_any_pieces(
        entries in prop::collection::vec((any_number(), any_number()), 0..50),
        pieces in 1usize..100,
        ordered in any::<bool>(),
    ) {
        let mut entries = entries;
        if ordered {
            entries.sort(); // so that many consecutive ones have the same number of digits
        }
        let entries =
            entries.into_iter().map(|(offset, size)| Entry { offset, size: size.max(16) });
        let index = Index::from_entries(entries).unwrap();
        let text = index.to_text().unwrap();
        let lines = index.iter().map(|e| format!("{} {}\n", e.offset, e.size));
        prop_assert_eq!(&text, &lines.collect::<String>());
        let mut decoder = Decoder::new();
        for piece in text.as_bytes().chunks(pieces) {
            decoder.push(piece).unwrap();
        }
        prop_assert_eq!(decoder.finish().unwrap(), index);
    }

    /// Any text is an index or an error, and the result is the same in one piece and in many.
    #[test]
    fn pieces_do_not_matter(
        text in "[0-9 \\t\\r\\nx-]{0,60}",
        pieces in 1usize..10,
    ) {
        let mut decoder = Decoder::new();
        let in_pieces = text.as_bytes().chunks(pieces).try_for_each(|p| decoder.push(p));
        let in_pieces = in_pieces.and_then(|()| decoder.finish());
        match (in_pieces, Index::from_text(&text)) {
            (Ok(in_pieces), Ok(whole)) => prop_assert_eq!(in_pieces, whole),
            (Err(in_pieces), Err(whole)) => {
                prop_assert_eq!(in_pieces.to_string(), whole.to_string());
            }
            (in_pieces, whole) => prop_assert!(false, "{:?} but {:?}", in_pieces, whole),
        }
    }
}
