use std::collections::HashMap;
use std::slice::from_ref;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::error::{Error, ErrorKind, Result};

/// Builds messages.
pub(super) mod message {
    pub fn varint(mut value: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        while value > 0x7f {
            bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        bytes.push(value as u8);
        bytes
    }

    pub fn block(field: u64, content: &[u8]) -> Vec<u8> {
        [&varint(field << 3 | 2)[..], &varint(content.len() as u64), content].concat()
    }

    pub fn number(field: u64, value: u64) -> Vec<u8> {
        [varint(field << 3), varint(value)].concat()
    }

    pub fn packed(values: &[i64]) -> Vec<u8> {
        let run: Vec<_> = values.iter().flat_map(|&value| varint(value as u64)).collect();
        block(1, &run)
    }

    pub fn ints(values: &[i64]) -> Vec<u8> {
        block(3, &if values.is_empty() { Vec::new() } else { packed(values) })
    }

    pub fn floats(values: &[f32]) -> Vec<u8> {
        let run: Vec<_> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        block(2, &if values.is_empty() { Vec::new() } else { block(1, &run) })
    }

    pub fn byte_strings(values: &[&[u8]]) -> Vec<u8> {
        block(1, &values.iter().flat_map(|value| block(1, value)).collect::<Vec<_>>())
    }

    pub fn entry(key: &[u8], feature: &[u8]) -> Vec<u8> {
        block(1, &[block(1, key), block(2, feature)].concat())
    }

    pub fn example(entries: &[Vec<u8>]) -> Vec<u8> {
        block(1, &entries.concat())
    }

    /// A SequenceExample with these sequences of steps.
    pub fn sequence_example(sequences: &[(&[u8], &[Vec<u8>])]) -> Vec<u8> {
        let list = |steps: &[Vec<u8>]| -> Vec<u8> {
            steps.iter().flat_map(|step| block(1, step)).collect()
        };
        let entries = sequences.iter().flat_map(|(key, steps)| entry(key, &list(steps)));
        block(2, &entries.collect::<Vec<_>>())
    }

    /// An Example that has this feature as "k".
    pub fn k(feature: &[u8]) -> Vec<u8> {
        example(&[entry(b"k", feature)])
    }
}

use message::*;

/// Decodes payloads, one after the other.
fn decode(features: &Features, payloads: &[&[u8]], threads: usize) -> Result<Columns> {
    let ends = payloads.iter().scan(0, |end, payload| {
        *end += payload.len();
        Some(*end)
    });
    let offsets: Vec<_> = std::iter::once(0).chain(ends).collect();
    features.decode(&payloads.concat(), &offsets, threads)
}

/// What becomes of feature "k" of one payload: its values, or why there are none.
fn values(feature: Feature, payload: &[u8]) -> std::result::Result<String, String> {
    let features = Features::new([feature]).unwrap();
    let columns = decode(&features, &[payload], 1).map_err(|error| {
        assert_eq!(error.record(), Some(0));
        let is_of_feature = error.kind() == ErrorKind::Feature;
        assert_eq!(error.feature(), is_of_feature.then_some("k"));
        assert!(is_of_feature || error.kind() == ErrorKind::Example);
        error.to_string().trim_start_matches("record 0: ").to_owned()
    })?;
    let strings: Option<Vec<_>> = columns.spans(0).map(|spans| {
        spans.iter().map(|&span| String::from_utf8_lossy(columns.bytes(span, payload))).collect()
    });
    Ok(match (columns.int64(0), columns.float(0), strings) {
        (Some(values), None, None) => format!("{values:?}"),
        (None, Some(values), None) => format!("{values:?}"),
        (None, None, Some(values)) => format!("{values:?}"),
        _ => panic!("a column has one kind"),
    })
}

const NOT_AN_EXAMPLE: &str = "the payload is not a tf.train.Example, or it is damaged";

#[test]
fn payloads_mean_what_they_mean_to_protobuf() {
    let one = || Feature::int64("k");
    let two = || one().shape(&[2]);
    let ten = [&[0xff; 9][..], &[0x7f]].concat();
    let unpacked = |values: &[u64]| -> Vec<u8> {
        block(3, &values.iter().flat_map(|&value| number(1, value)).collect::<Vec<_>>())
    };
    let group = [varint(5 << 3 | 3), number(2, 9), varint(5 << 3 | 4)].concat();
    let garbage = entry(b"other", &block(3, &block(1, &[0x80])));
    for (feature, payload, right) in [
        (one(), k(&ints(&[7])), "[7]"),
        (one(), k(&unpacked(&[7])), "[7]"),
        (two(), k(&block(3, &[packed(&[1]), packed(&[2])].concat())), "[1, 2]"),
        (two(), k(&block(3, &[packed(&[1]), number(1, 2)].concat())), "[1, 2]"),
        (two(), k(&[ints(&[1]), ints(&[2])].concat()), "[1, 2]"), // lists of one kind are merged
        (one(), k(&ints(&[-1])), "[-1]"),
        (one(), k(&block(3, &block(1, &[0x87, 0]))), "[7]"),
        (one(), k(&block(3, &block(1, &ten))), "[-1]"),
        (one(), k(&block(3, &[number(2, 5), packed(&[7])].concat())), "[7]"),
        // Of two kinds, or two entries, the last one counts.
        (one(), k(&[floats(&[1.0]), ints(&[2])].concat()), "[2]"),
        (one(), k(&[ints(&[1]), floats(&[1.0]), ints(&[2])].concat()), "[2]"),
        (one(), example(&[entry(b"k", &floats(&[1.0])), entry(b"k", &ints(&[2]))]), "[2]"),
        (one(), example(&[entry(b"k", &ints(&[1, 5])), entry(b"k", &ints(&[2]))]), "[2]"),
        (one(), [k(&ints(&[1])), k(&ints(&[2]))].concat(), "[2]"), // concatenated Examples are merged
        // Entries as nobody writes them.
        (one(), block(1, &block(1, &[block(2, &ints(&[7])), block(1, b"k")].concat())), "[7]"),
        (
            one(),
            block(1, &block(1, &[block(1, b"x"), block(1, b"k"), block(2, &ints(&[7]))].concat())),
            "[7]",
        ),
        (
            two(),
            block(
                1,
                &block(1, &[block(2, &ints(&[1])), block(1, b"k"), block(2, &ints(&[2]))].concat()),
            ),
            "[1, 2]",
        ),
        (Feature::int64(""), block(1, &block(1, &block(2, &ints(&[7])))), "[7]"),
        (one(), example(&[block(1, &[]), entry(b"k", &ints(&[7]))]), "[7]"),
        // Unknown fields, and features that are not wanted.
        (one(), [k(&ints(&[7])), block(2, &[])].concat(), "[7]"),
        (one(), [group.clone(), k(&ints(&[7]))].concat(), "[7]"),
        (one(), block(1, &[number(5, 1), group, entry(b"k", &ints(&[7]))].concat()), "[7]"),
        (one(), k(&[number(9, 1), ints(&[7]), number(9, 1)].concat()), "[7]"),
        (one(), [&[0x8a, 0][..], &k(&ints(&[7]))[1..]].concat(), "[7]"),
        (one(), example(&[entry(b"\xff", &ints(&[1])), entry(b"k", &ints(&[7]))]), "[7]"),
        (one(), example(&[garbage, entry(b"k", &ints(&[7]))]), "[7]"),
        (Feature::float("k"), k(&floats(&[1.5])), "[1.5]"),
        (Feature::float("k").ragged(), k(&block(2, &[13, 0, 0, 0xc0, 0x3f])), "[1.5]"),
        (Feature::bytes("k"), k(&byte_strings(&[b"ab"])), "[\"ab\"]"),
        (Feature::bytes("k"), k(&byte_strings(&[b""])), "[\"\"]"),
        (Feature::bytes("k").shape(&[2]), k(&byte_strings(&[b"", b"ab"])), "[\"\", \"ab\"]"),
    ] {
        assert_eq!(values(feature.clone(), &payload).as_deref(), Ok(right), "{payload:?}");
        assert_eq!(values(feature.ragged(), &payload).as_deref(), Ok(right), "{payload:?}");
    }
}

#[test]
fn what_a_record_lacks_is_an_error_or_the_default() {
    let one = || Feature::int64("k");
    let (missing, empty, kindless) = (b"".to_vec(), k(&ints(&[])), k(b""));
    let is_missing = Err(r#"feature "k": is missing, and there is no default"#);
    let has = |what: &'static str| -> std::result::Result<&str, &str> { Err(what) };
    for (payload, fixed, default, ragged) in [
        (&missing, is_missing, Ok("[-1]"), Ok("[]")),
        (&kindless, is_missing, Ok("[-1]"), Ok("[]")),
        (&k(&number(4, 1)), is_missing, Ok("[-1]"), Ok("[]")),
        (&example(&[entry(b"k", &ints(&[1])), entry(b"k", b"")]), is_missing, Ok("[-1]"), Ok("[]")),
        (
            &empty,
            has(r#"feature "k": has 0 values, not 1"#),
            has(r#"feature "k": has 0 values, not 1"#),
            Ok("[]"),
        ),
        (
            &k(&ints(&[1, 2])),
            has(r#"feature "k": has 2 values, not 1"#),
            has(r#"feature "k": has 2 values, not 1"#),
            Ok("[1, 2]"),
        ),
        (
            &k(&[ints(&[1]), floats(&[])].concat()),
            has(r#"feature "k": has float values, not int64"#),
            has(r#"feature "k": has float values, not int64"#),
            Ok("[]"), // an empty list has no values of any kind
        ),
        (
            &k(&[floats(&[1.0]), floats(&[])].concat()),
            has(r#"feature "k": has float values, not int64"#),
            has(r#"feature "k": has float values, not int64"#),
            has(r#"feature "k": has float values, not int64"#),
        ),
        (
            &k(&[floats(&[]), floats(&[1.0]), byte_strings(&[])].concat()),
            has(r#"feature "k": has bytes values, not int64"#),
            has(r#"feature "k": has bytes values, not int64"#),
            Ok("[]"),
        ),
        (
            &k(&block(2, &block(1, &[0; 5]))), // which is damaged
            has(r#"feature "k": has float values, not int64"#),
            has(r#"feature "k": has float values, not int64"#),
            has(r#"feature "k": has float values, not int64"#),
        ),
    ] {
        let values = |feature| values(feature, payload);
        let found = (values(one()), values(one().default_int64(&[-1])), values(one().ragged()));
        let owned = |right: std::result::Result<&str, &str>| {
            right.map(str::to_owned).map_err(str::to_owned)
        };
        assert_eq!(found, (owned(fixed), owned(default), owned(ragged)), "{payload:?}");
    }
    let two = || one().shape(&[1, 2]);
    assert_eq!(values(two().default_int64(&[5]), b"").unwrap(), "[5, 5]");
    assert_eq!(values(two().default_int64(&[5, 6]), b"").unwrap(), "[5, 6]");
    assert_eq!(values(one().shape(&[0]), &empty).unwrap(), "[]");
    assert_eq!(values(Feature::float("k").default_float(&[0.5]), b"").unwrap(), "[0.5]");
    let pair = Feature::bytes("k").shape(&[2]);
    let ab = pair.clone().default_bytes(&["a", "bc"]);
    assert_eq!(values(ab.clone(), b"").unwrap(), r#"["a", "bc"]"#);
    assert_eq!(values(ab, &k(&byte_strings(&[b"x", b""]))).unwrap(), r#"["x", ""]"#);
    assert_eq!(values(pair.default_bytes(&[""]), b"").unwrap(), r#"["", ""]"#);
}

/// What becomes of sequence "k" of one payload: its values, where the steps end, and where the values
/// of each step end.
fn steps(feature: Feature, payload: &[u8]) -> std::result::Result<String, String> {
    let features = Features::new([feature]).unwrap();
    let columns = decode(&features, &[payload], 1).map_err(|error| {
        assert_eq!((error.record(), error.feature()), (Some(0), Some("k")));
        error.to_string().trim_start_matches("record 0: ").to_owned()
    })?;
    let values = columns.int64(0).unwrap();
    Ok(match (columns.offsets(0).unwrap(), columns.step_offsets(0)) {
        (&[0, steps], None) => format!("{values:?} in {steps}"),
        (&[0, steps], Some(offsets)) => {
            assert_eq!((offsets.len(), offsets[0]), (steps + 1, 0));
            format!("{values:?} up to {:?}", &offsets[1..])
        }
        other => panic!("{other:?}"),
    })
}

#[test]
fn sequences_have_steps() {
    let one = || Feature::int64("k").sequence(false);
    let of = |steps: &[Vec<u8>]| sequence_example(&[(b"k", steps)]);
    let list = |steps: &[Vec<u8>]| steps.iter().flat_map(|step| block(1, step)).collect::<Vec<_>>();
    let (two, three) = (ints(&[1, 2]), ints(&[1, 2, 3]));
    let missing = "feature \"k\": is missing: the record has no such list";
    for (payload, fixed, ragged) in [
        (
            of(&[two.clone(), ints(&[3, 4])]),
            Ok("[1, 2, 3, 4] in 2"),
            Ok("[1, 2, 3, 4] up to [2, 4]"),
        ),
        (of(&[]), Ok("[] in 0"), Ok("[] up to []")),
        (
            of(&[two.clone(), three.clone(), ints(&[])]),
            Err("step 1 has 3 values, not 2"),
            Ok("[1, 2, 1, 2, 3] up to [2, 5, 5]"),
        ),
        (
            of(&[two.clone(), floats(&[0.5]), three.clone()]),
            Err("step 1 has float values, not int64"),
            Err("step 1 has float values, not int64"),
        ),
        (
            of(&[two.clone(), floats(&[])]),
            Err("step 1 has float values, not int64"),
            Ok("[1, 2] up to [2, 2]"),
        ),
        (
            of(&[Vec::new(), two.clone()]),
            Err("step 0 has 0 values, not 2"),
            Ok("[1, 2] up to [0, 2]"),
        ),
        (of(&[[floats(&[0.5]), two.clone()].concat()]), Ok("[1, 2] in 1"), Ok("[1, 2] up to [2]")),
        (
            of(&[[ints(&[1]), block(3, &number(1, 2))].concat()]),
            Ok("[1, 2] in 1"),
            Ok("[1, 2] up to [2]"),
        ),
        // The last entry of a key counts, of all messages; pieces of one entry are merged.
        (
            sequence_example(&[(b"k", &[floats(&[0.5]), three.clone()]), (b"k", from_ref(&two))]),
            Ok("[1, 2] in 1"),
            Ok("[1, 2] up to [2]"),
        ),
        (
            [of(from_ref(&three)), of(from_ref(&two))].concat(),
            Ok("[1, 2] in 1"),
            Ok("[1, 2] up to [2]"),
        ),
        (
            block(
                2,
                &block(
                    1,
                    &[
                        block(2, &list(from_ref(&two))),
                        block(1, b"k"),
                        block(2, &list(&[ints(&[3, 4])])),
                    ]
                    .concat(),
                ),
            ),
            Ok("[1, 2, 3, 4] in 2"),
            Ok("[1, 2, 3, 4] up to [2, 4]"),
        ),
        // Other lists, the context and unknown fields.
        (
            [
                k(&ints(&[9])),
                sequence_example(&[(b"x", &[b"\xff".to_vec()])]),
                of(from_ref(&two)),
                number(3, 7),
            ]
            .concat(),
            Ok("[1, 2] in 1"),
            Ok("[1, 2] up to [2]"),
        ),
        (k(&two), Err(missing), Err(missing)),
        (Vec::new(), Err(missing), Err(missing)),
    ] {
        let owned = |right: std::result::Result<&str, &str>| {
            let full = |why: &str| match why == missing {
                true => why.to_owned(),
                false => format!("feature \"k\": {why}"),
            };
            right.map(str::to_owned).map_err(full)
        };
        assert_eq!(steps(one().shape(&[2]), &payload), owned(fixed), "{payload:?}");
        assert_eq!(steps(one().ragged(), &payload), owned(ragged), "{payload:?}");
        let may_lack = || one().sequence(true);
        let (fixed, ragged) = match ragged == Err(missing) {
            true => (Ok("[] in 0"), Ok("[] up to []")),
            false => (fixed, ragged),
        };
        assert_eq!(steps(may_lack().shape(&[2]), &payload), owned(fixed), "{payload:?}");
        assert_eq!(steps(may_lack().ragged(), &payload), owned(ragged), "{payload:?}");
    }
    let damaged = of(&[block(3, &block(1, &[0x80]))]);
    let features = Features::new([one()]).unwrap();
    for payload in [damaged, of(&[b"\xff".to_vec()]), block(2, b"\x0a\x05")] {
        let error = decode(&features, &[&payload], 1).unwrap_err();
        assert_eq!((error.kind(), error.feature()), (ErrorKind::Example, None));
    }
    // A shape without values has steps all the same.
    assert_eq!(steps(one().shape(&[0]), &of(&[ints(&[]), Vec::new()])).unwrap(), "[] in 2");
}

#[test]
fn sequences_and_their_context_are_decoded_together() {
    let one = [k(&ints(&[7])), sequence_example(&[(b"s", &[ints(&[1]), ints(&[2])])])].concat();
    let two = [sequence_example(&[(b"r", &[ints(&[5, 6])]), (b"s", &[])]), k(&ints(&[8]))].concat();
    let features = Features::new([
        Feature::int64("k"),
        Feature::int64("s").sequence(false),
        Feature::int64("r").ragged().sequence(true),
    ])
    .unwrap();
    for threads in 1..4 {
        let payloads = [&*one, &*two, &*one, &*two, &*two];
        let columns = decode(&features, &payloads, threads).unwrap();
        assert_eq!(columns.int64(0), Some(&[7, 8, 7, 8, 8][..]));
        assert_eq!((columns.offsets(0), columns.step_offsets(0)), (None, None));
        assert_eq!(columns.int64(1), Some(&[1, 2, 1, 2][..]));
        assert_eq!(columns.offsets(1), Some(&[0, 2, 2, 4, 4, 4][..]));
        assert_eq!(columns.step_offsets(1), None);
        assert_eq!(columns.int64(2), Some(&[5, 6, 5, 6, 5, 6][..]));
        assert_eq!(columns.offsets(2), Some(&[0, 0, 1, 1, 2, 3][..]));
        assert_eq!(columns.step_offsets(2), Some(&[0, 2, 4, 6][..]));
    }
}

#[test]
fn what_is_not_an_example_is_an_error() {
    let right = k(&ints(&[7]));
    let not_a_float = k(&block(2, &block(1, &[0; 5])));
    for payload in [
        &[&right[..], b"\xff"].concat(),
        &[&right[..], b"\0"].concat(),
        &right[..right.len() - 1].to_vec(),
        &b"\xff\xd8\xff\xe0\0\x10JFIF".to_vec(),
        &k(&block(3, &block(1, &[0x80]))),
        &k(&block(3, &block(1, &[0xff; 11]))),
    ] {
        assert_eq!(values(Feature::int64("k"), payload), Err(NOT_AN_EXAMPLE.to_owned()));
    }
    assert_eq!(values(Feature::float("k"), &not_a_float), Err(NOT_AN_EXAMPLE.to_owned()));
}

#[test]
fn the_first_bad_record_is_named_whatever_the_number_of_threads() {
    let features = Features::new([Feature::int64("k")]).unwrap();
    let (good, bad) = (k(&ints(&[7])), k(&ints(&[])));
    for place in [0, 1, 50, 99] {
        let mut payloads = vec![&good[..]; 100];
        payloads[place..].fill(&bad);
        for threads in [0, 1, 3, 200] {
            let error = decode(&features, &payloads, threads).unwrap_err();
            assert_eq!((error.record(), error.feature()), (Some(place as u64), Some("k")));
        }
    }
    let error = features.decode(&good, &[0, good.len() + 1], 1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    for offsets in [&[][..], &[1, 0]] {
        assert_eq!(
            features.decode(&good, offsets, 1).unwrap_err().kind(),
            ErrorKind::InvalidArgument
        );
    }
    assert!(features.decode(&[], &[0], 0).unwrap().is_empty());
}

#[test]
fn a_shape_that_needs_more_memory_than_there_is_is_an_error() {
    let huge = Feature::int64("k").shape(&[1 << 60]).default_int64(&[1]);
    let error = decode(&Features::new([huge]).unwrap(), &[b"", b""], 1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutOfMemory);
}

/// A feature, as a naive reader sees it.
#[derive(Debug, Clone, PartialEq)]
enum Naive {
    None,
    Bytes(Vec<Vec<u8>>),
    Float(Vec<f32>),
    Int64(Vec<i64>),
}

impl Naive {
    fn is_empty(&self) -> bool {
        match self {
            Naive::None => true,
            Naive::Bytes(values) => values.is_empty(),
            Naive::Float(values) => values.is_empty(),
            Naive::Int64(values) => values.is_empty(),
        }
    }
}

/// A field: its number, and what is in it.
enum Field<'a> {
    Number(u64),
    Block(&'a [u8]),
    Other(&'a [u8]),
}

/// The fields of a message that has no groups. `None`: it is not one.
fn fields(mut bytes: &[u8]) -> Option<Vec<(u64, Field<'_>)>> {
    fn varint(bytes: &mut &[u8]) -> Option<u64> {
        let size = 1 + bytes.iter().take(10).position(|&byte| byte < 0x80)?;
        let (taken, rest) = bytes.split_at(size);
        *bytes = rest;
        let shifted = |(i, &byte): (usize, &u8)| u64::from(byte & 0x7f) << (7 * i);
        Some(taken.iter().enumerate().map(shifted).fold(0, |all, part| all | part))
    }
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let before = bytes;
        let tag = varint(&mut bytes)?;
        if before.len() - bytes.len() > 5 || tag > u32::MAX.into() || tag >> 3 == 0 {
            return None;
        }
        let size = match tag & 7 {
            0 => {
                fields.push((tag >> 3, Field::Number(varint(&mut bytes)?)));
                continue;
            }
            1 => 8,
            2 => usize::try_from(varint(&mut bytes)?).ok()?,
            5 => 4,
            _ => return None,
        };
        let content = bytes.get(..size)?;
        bytes = &bytes[size..];
        fields.push((
            tag >> 3,
            if tag & 7 == 2 { Field::Block(content) } else { Field::Other(content) },
        ));
    }
    Some(fields)
}

/// Merges a `Feature` into another one.
fn merge(feature: &mut Naive, bytes: &[u8]) -> Option<()> {
    for (kind, field) in fields(bytes)? {
        let (Field::Block(list), 1..=3) = (field, kind) else { continue };
        match (kind, &feature) {
            (1, Naive::Bytes(_)) | (2, Naive::Float(_)) | (3, Naive::Int64(_)) => {}
            (1, _) => *feature = Naive::Bytes(Vec::new()),
            (2, _) => *feature = Naive::Float(Vec::new()),
            _ => *feature = Naive::Int64(Vec::new()),
        }
        for field in fields(list)? {
            match (&mut *feature, field) {
                (Naive::Bytes(values), (1, Field::Block(value))) => values.push(value.to_vec()),
                (Naive::Float(values), (1, Field::Block(run) | Field::Other(run))) => {
                    if run.len() % 4 != 0 {
                        return None;
                    }
                    let numbers =
                        run.chunks(4).map(|four| f32::from_le_bytes(four.try_into().unwrap()));
                    values.extend(numbers);
                }
                (Naive::Int64(values), (1, Field::Number(value))) => values.push(value as i64),
                (Naive::Int64(values), (1, Field::Block(run))) => {
                    let mut start = 0;
                    for (i, &byte) in run.iter().enumerate() {
                        if byte < 0x80 {
                            let one = &run[start..=i];
                            let shifted =
                                |(i, &byte): (usize, &u8)| u64::from(byte & 0x7f) << (7 * i);
                            if one.len() > 10 {
                                return None;
                            }
                            let parts = one.iter().enumerate().map(shifted);
                            values.push(parts.fold(0, |all, part| all | part) as i64);
                            start = i + 1;
                        }
                    }
                    if start < run.len() {
                        return None;
                    }
                }
                _ => {}
            }
        }
    }
    Some(())
}

/// The features of a payload.
fn naive(payload: &[u8]) -> Option<HashMap<Vec<u8>, Naive>> {
    let mut found = HashMap::new();
    for (number, field) in fields(payload)? {
        let (1, Field::Block(features)) = (number, field) else { continue };
        for (number, field) in fields(features)? {
            let (1, Field::Block(entry)) = (number, field) else { continue };
            let (mut key, mut feature) = (Vec::new(), Naive::None);
            for (number, field) in fields(entry)? {
                match (number, field) {
                    (1, Field::Block(block)) => key = block.to_vec(),
                    (2, Field::Block(block)) => merge(&mut feature, block)?,
                    _ => {}
                }
            }
            found.insert(key, feature);
        }
    }
    Some(found)
}

/// The sequences of a payload: the steps of each.
fn naive_sequences(payload: &[u8]) -> Option<HashMap<Vec<u8>, Vec<Naive>>> {
    let mut found = HashMap::new();
    for (number, field) in fields(payload)? {
        let (2, Field::Block(lists)) = (number, field) else { continue };
        for (number, field) in fields(lists)? {
            let (1, Field::Block(entry)) = (number, field) else { continue };
            let (mut key, mut steps) = (Vec::new(), Vec::new());
            for (number, field) in fields(entry)? {
                match (number, field) {
                    (1, Field::Block(block)) => key = block.to_vec(),
                    (2, Field::Block(list)) => {
                        for (number, field) in fields(list)? {
                            let (1, Field::Block(block)) = (number, field) else { continue };
                            let mut step = Naive::None;
                            merge(&mut step, block)?;
                            steps.push(step);
                        }
                    }
                    _ => {}
                }
            }
            found.insert(key, steps);
        }
    }
    Some(found)
}

/// A payload with sequences, right or odd or damaged.
fn any_sequences() -> impl Strategy<Value = Vec<u8>> {
    let key = prop_oneof![4 => Just(&b"a"[..]), 1 => Just(&b"b"[..])];
    let sequences = vec((key, vec(any_feature(), 0..4)), 0..3).prop_map(|sequences| {
        let sequences: Vec<_> = sequences.iter().map(|(key, steps)| (*key, &steps[..])).collect();
        sequence_example(&sequences)
    });
    let parts = prop_oneof![3 => sequences, 1 => any_payload()];
    let damage = prop::option::weighted(0.2, (any::<prop::sample::Index>(), any::<u8>()));
    (vec(parts, 0..3), damage).prop_map(|(parts, damage)| {
        let mut payload = parts.concat();
        if let (Some((place, byte)), false) = (damage, payload.is_empty()) {
            let place = place.index(payload.len());
            payload[place] = byte;
        }
        payload
    })
}

/// A `Feature`, right or odd.
fn any_feature() -> impl Strategy<Value = Vec<u8>> {
    let number = (any::<u64>(), 0..64_u32).prop_map(|(number, shift)| (number >> shift) as i64);
    let one = prop_oneof![
        4 => vec(number, 0..4).prop_map(|values| ints(&values)),
        4 => vec(-9.0..9.0_f32, 0..4).prop_map(|values| floats(&values)),
        4 => vec(vec(any::<u8>(), 0..9), 0..3).prop_map(|values| {
            byte_strings(&values.iter().map(Vec::as_slice).collect::<Vec<_>>())
        }),
        2 => any::<u64>().prop_map(|value| block(3, &message::number(1, value))),
        1 => any::<[u8; 4]>().prop_map(|four| block(2, &[&[13][..], &four].concat())),
        1 => (1..12_u64, any::<u64>()).prop_map(|(field, value)| message::number(field, value)),
        1 => Just(Vec::new()),
    ];
    vec(one, 1..3).prop_map(|parts| parts.concat())
}

/// A payload, right or odd or damaged.
fn any_payload() -> impl Strategy<Value = Vec<u8>> {
    let key = prop_oneof![Just("a"), Just("bb"), Just("c"), Just("unwanted"), Just("")];
    let entry = (key, any_feature()).prop_map(|(key, feature)| entry(key.as_bytes(), &feature));
    let example = vec(entry, 0..6).prop_map(|entries| example(&entries));
    let examples = vec(example, 1..3).prop_map(|examples| examples.concat());
    let damage = prop::option::weighted(0.3, (any::<prop::sample::Index>(), any::<u8>()));
    (examples, damage).prop_map(|(mut payload, damage)| {
        if let Some((place, byte)) = damage {
            let place = place.index(payload.len());
            payload[place] = byte;
        }
        payload
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]
    #[test]
    fn columns_have_what_a_naive_reader_finds(
        payloads in vec(any_payload(), 1..5), threads in 1..4_usize
    ) {
        // A wanted feature of each kind, so that each key is looked into.
        for name in ["a", "bb", "c"] {
            for kind in [FeatureKind::Bytes, FeatureKind::Float, FeatureKind::Int64] {
                let features = Features::new([Feature::new(name, kind).ragged()]).unwrap();
                let payloads: Vec<_> = payloads.iter().map(Vec::as_slice).collect();
                let found = decode(&features, &payloads, threads);
                check(name, kind, &payloads, found)?;
            }
        }
    }

    #[test]
    fn what_is_left_out_is_what_fails_alone(
        payloads in vec(any_payload(), 0..9), threads in 0..4_usize
    ) {
        let features = [
            Feature::int64("a"),
            Feature::float("bb").ragged(),
            Feature::bytes("c").shape(&[2]).default_bytes(&["x"]),
        ];
        let features = Features::new(features).unwrap();
        let (mut good, mut bad) = (Vec::new(), Vec::new());
        for (place, payload) in payloads.iter().enumerate() {
            match decode(&features, &[payload], 1) {
                Ok(_) => good.push(&payload[..]),
                Err(error) => bad.push(error.of_record(place as u64).to_string()),
            }
        }
        let ends = payloads.iter().scan(0, |end, payload| {
            *end += payload.len();
            Some(*end)
        });
        let offsets: Vec<_> = std::iter::once(0).chain(ends).collect();
        let bytes = payloads.concat();
        let (columns, left_out) = features.decode_or_skip(&bytes, &offsets, threads).unwrap();
        prop_assert_eq!(left_out.iter().map(Error::to_string).collect::<Vec<_>>(), bad);
        let expected = decode(&features, &good, 1).unwrap();
        prop_assert_eq!(columns.len(), good.len());
        prop_assert_eq!(columns.int64(0), expected.int64(0));
        prop_assert_eq!(columns.offsets(1), expected.offsets(1));
        let bits = |columns: &Columns| {
            let values = columns.float(1).unwrap().iter();
            values.map(|value| value.to_bits()).collect::<Vec<_>>()
        };
        prop_assert_eq!(bits(&columns), bits(&expected));
        let good = good.concat();
        let strings = |columns: &Columns, bytes: &[u8]| {
            let spans = columns.spans(2).unwrap().iter();
            spans.map(|&span| columns.bytes(span, bytes).to_vec()).collect::<Vec<_>>()
        };
        prop_assert_eq!(strings(&columns, &bytes), strings(&expected, &good));
    }

    #[test]
    fn sequences_have_what_a_naive_reader_finds(
        payloads in vec(any_sequences(), 1..5), threads in 1..4_usize, count in 0..3_usize
    ) {
        let payloads: Vec<_> = payloads.iter().map(Vec::as_slice).collect();
        let feature = Feature::int64("a").sequence(true);
        for feature in [feature.clone().ragged(), feature.shape(&[count])] {
            let features = Features::new([feature]).unwrap();
            check_sequences(&features, &payloads, decode(&features, &payloads, threads))?;
            // What is left out is what fails alone.
            let good = payloads.iter().filter(|payload| decode(&features, &[payload], 1).is_ok());
            let good: Vec<_> = good.copied().collect();
            let offsets: Vec<_> = (0..=payloads.len()).map(|count| payloads[..count].concat().len()).collect();
            let left = features.decode_or_skip(&payloads.concat(), &offsets, threads).unwrap().0;
            prop_assert_eq!(left.len(), good.len());
            check_sequences(&features, &good, Ok(left))?;
        }
    }

    #[test]
    fn any_bytes_are_decoded_or_refused(payload in vec(any::<u8>(), 0..60)) {
        let features = [Feature::bytes(""), Feature::int64("a")].map(Feature::ragged);
        let _ = decode(&Features::new(features).unwrap(), &[&payload], 1);
    }
}

/// Checks sequence 0, of integers, which may be missing.
fn check_sequences(
    features: &Features,
    payloads: &[&[u8]],
    found: Result<Columns>,
) -> std::result::Result<(), TestCaseError> {
    let (mut values, mut offsets, mut step_offsets) = (Vec::new(), vec![0], vec![0]);
    for (record, payload) in payloads.iter().enumerate() {
        // Groups, and damage in features that are not wanted, are left to other tests.
        let Some(mut sequences) = naive_sequences(payload) else { return Ok(()) };
        if naive(payload).is_none() {
            return Ok(());
        }
        for step in sequences.remove(&b"a"[..]).unwrap_or_default() {
            let (step, is_right_kind) = match step {
                Naive::Int64(step) => (step, true),
                Naive::None => (Vec::new(), true),
                // The kind of an empty list does not matter if there may be any number of values.
                other => (Vec::new(), other.is_empty() && features.count(0).is_none()),
            };
            if !is_right_kind || features.count(0).is_some_and(|count| count != step.len()) {
                let error = found.unwrap_err();
                prop_assert_eq!(
                    (error.kind(), error.record()),
                    (ErrorKind::Feature, Some(record as u64))
                );
                return Ok(());
            }
            values.extend(step);
            step_offsets.push(values.len());
        }
        offsets.push(step_offsets.len() - 1);
    }
    let columns = found?;
    prop_assert_eq!(columns.int64(0), Some(&values[..]));
    prop_assert_eq!(columns.offsets(0), Some(&offsets[..]));
    let is_ragged = features.count(0).is_none();
    prop_assert_eq!(columns.step_offsets(0), is_ragged.then_some(&step_offsets[..]));
    Ok(())
}

fn check(
    name: &str,
    kind: FeatureKind,
    payloads: &[&[u8]],
    found: Result<Columns>,
) -> std::result::Result<(), TestCaseError> {
    let bytes = payloads.concat();
    let (mut right, mut ends) = (Naive::None, vec![0]);
    for (record, payload) in payloads.iter().enumerate() {
        // Groups, and damage in features that are not wanted, are left to other tests.
        let Some(mut features) = naive(payload) else { return Ok(()) };
        let feature = features.remove(name.as_bytes()).unwrap_or(Naive::None);
        // The kind of an empty list does not matter.
        let feature = if feature.is_empty() { Naive::None } else { feature };
        match (&mut right, feature) {
            (Naive::Bytes(all), Naive::Bytes(more)) => all.extend(more),
            (Naive::Float(all), Naive::Float(more)) => all.extend(more),
            (Naive::Int64(all), Naive::Int64(more)) => all.extend(more),
            (_, Naive::None) => {}
            (right @ Naive::None, feature) => *right = feature,
            _ => {
                prop_assert_eq!(found.unwrap_err().kind(), ErrorKind::Feature);
                return Ok(());
            }
        }
        let (len, is_right_kind) = match &right {
            Naive::None => (0, true),
            Naive::Bytes(values) => (values.len(), kind == FeatureKind::Bytes),
            Naive::Float(values) => (values.len(), kind == FeatureKind::Float),
            Naive::Int64(values) => (values.len(), kind == FeatureKind::Int64),
        };
        if !is_right_kind {
            let error = found.unwrap_err();
            prop_assert_eq!(
                (error.kind(), error.record()),
                (ErrorKind::Feature, Some(record as u64))
            );
            return Ok(());
        }
        ends.push(len);
    }
    let columns = found?;
    prop_assert_eq!(columns.offsets(0), Some(&ends[..]));
    match right {
        Naive::None => {}
        Naive::Bytes(values) => {
            let spans = columns.spans(0).unwrap();
            let found: Vec<_> = spans.iter().map(|&span| columns.bytes(span, &bytes)).collect();
            prop_assert_eq!(found, values);
        }
        Naive::Float(values) => {
            let bits =
                |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
            prop_assert_eq!(bits(columns.float(0).unwrap()), bits(&values));
        }
        Naive::Int64(values) => prop_assert_eq!(columns.int64(0).unwrap(), &values),
    }
    Ok(())
}
