//! Features of `tf.train.Example` and `SequenceExample`: any payloads are decoded as by a naive reader,
//! or refused; what was decoded can be encoded, and is then the same.

use std::collections::BTreeMap;

use tfr_index::{
    encode_examples, Columns, ErrorKind, Feature, FeatureKind, FeatureValues, Features, Schema,
};

/// The first byte says what is wanted of the rest, which is one payload, or two of half the bytes.
pub fn run(data: &[u8]) {
    let Some((&choice, payloads)) = data.split_first() else { return };
    let kind =
        [FeatureKind::Bytes, FeatureKind::Float, FeatureKind::Int64][usize::from(choice % 3)];
    let is_sequence = choice & 4 != 0;
    let count = [None, None, Some(0), Some(1), Some(2)][usize::from(choice >> 3) % 5];
    let ends = match choice & 0x80 {
        0 => vec![0, payloads.len()],
        _ => vec![0, payloads.len() / 2, payloads.len()],
    };
    let feature = Feature::new("a", kind);
    let feature = match count {
        Some(count) => feature.shape(&[count]),
        None => feature.ragged(),
    };
    let feature = if is_sequence { feature.sequence(true) } else { feature };
    let features = Features::new([feature]).unwrap();
    let found = features.decode(payloads, &ends, 1);
    let again = features.decode(payloads, &ends, 2);
    match (&found, &again) {
        (Ok(found), Ok(again)) => assert_same(found, again, payloads),
        (Err(found), Err(again)) => assert_eq!(found.to_string(), again.to_string()),
        _ => panic!("threads matter: {found:?}, {again:?}"),
    }

    let mut right = Vec::new();
    for (record, ends) in ends.windows(2).enumerate() {
        let payload = &payloads[ends[0]..ends[1]];
        let _ = Schema::new().add(payload);
        let fault = match naive(payload, is_sequence, kind) {
            None => Some(ErrorKind::Example),
            Some(features) => match features.get(&b"a"[..]) {
                None if is_sequence => {
                    right.push(Vec::new());
                    None
                }
                None => add(vec![Naive::default()], kind, count, false, &mut right),
                Some(steps) => add(steps.clone(), kind, count, is_sequence, &mut right),
            },
        };
        if let Some(kind) = fault {
            let error = found.expect_err("the naive reader finds a fault");
            assert_eq!((error.kind(), error.record()), (kind, Some(record as u64)), "{error}");
            return;
        }
    }
    let found = found.unwrap();
    assert_eq!(values(&found, payloads), right.concat().concat());
    let ends_of = |lens: &mut dyn Iterator<Item = usize>| {
        let mut ends = vec![0];
        lens.for_each(|len| ends.push(ends[ends.len() - 1] + len));
        ends
    };
    let steps = ends_of(&mut right.iter().map(Vec::len));
    let ends = ends_of(&mut right.iter().flatten().map(Vec::len));
    match (is_sequence, count) {
        (true, None) => {
            assert_eq!(found.offsets(0), Some(&steps[..]));
            assert_eq!(found.step_offsets(0), Some(&ends[..]));
        }
        (true, Some(_)) => {
            assert_eq!((found.offsets(0), found.step_offsets(0)), (Some(&steps[..]), None));
        }
        (false, None) => {
            assert_eq!((found.offsets(0), found.step_offsets(0)), (Some(&ends[..]), None));
            encode(&features, &found, &ends, payloads);
        }
        (false, Some(_)) => assert_eq!((found.offsets(0), found.step_offsets(0)), (None, None)),
    }
}

/// Adds the steps of a record. Returns what is wrong with them.
fn add(
    steps: Vec<Naive>,
    kind: FeatureKind,
    count: Option<usize>,
    is_sequence: bool,
    right: &mut Vec<Vec<Vec<Vec<u8>>>>,
) -> Option<ErrorKind> {
    for step in &steps {
        let is_missing = step.kind.is_none() && !is_sequence && count.is_some();
        // The kind of an empty list does not matter if there may be any number of values.
        let is_full = count.is_some() || !step.values.is_empty();
        let is_other = step.kind.is_some_and(|other| other != kind) && is_full;
        let is_count_wrong = count.is_some_and(|count| count != step.values.len());
        if is_missing || is_other || is_count_wrong {
            return Some(ErrorKind::Feature);
        }
    }
    right.push(steps.into_iter().map(|step| step.values).collect());
    None
}

/// Encodes what was decoded, and decodes it.
fn encode(features: &Features, columns: &Columns, ends: &[usize], payloads: &[u8]) {
    let strings = columns.spans(0).unwrap_or_default().iter();
    let strings: Vec<_> = strings.map(|&span| columns.bytes(span, payloads)).collect();
    let values = match features.as_slice()[0].kind() {
        FeatureKind::Bytes => FeatureValues::bytes("a", &strings),
        FeatureKind::Float => FeatureValues::float("a", columns.float(0).unwrap()),
        FeatureKind::Int64 => FeatureValues::int64("a", columns.int64(0).unwrap()),
    };
    let (encoded, offsets) = encode_examples(ends.len() - 1, &[values.offsets(ends)]).unwrap();
    let again = features.decode(&encoded, &offsets, 1).unwrap();
    assert_eq!(again.offsets(0), Some(ends));
    assert_eq!(self::values(&again, &encoded), self::values(columns, payloads));
}

fn assert_same(one: &Columns, two: &Columns, payloads: &[u8]) {
    assert_eq!((one.offsets(0), one.step_offsets(0)), (two.offsets(0), two.step_offsets(0)));
    assert_eq!(values(one, payloads), values(two, payloads));
}

/// The bytes of each value.
fn values(columns: &Columns, payloads: &[u8]) -> Vec<Vec<u8>> {
    if let Some(values) = columns.int64(0) {
        return values.iter().map(|value| value.to_le_bytes().to_vec()).collect();
    }
    if let Some(values) = columns.float(0) {
        return values.iter().map(|value| value.to_le_bytes().to_vec()).collect();
    }
    let spans = columns.spans(0).unwrap().iter();
    spans.map(|&span| columns.bytes(span, payloads).to_vec()).collect()
}

/// A `Feature`: its kind and the bytes of each value.
#[derive(Default, Clone)]
struct Naive {
    kind: Option<FeatureKind>,
    values: Vec<Vec<u8>>,
}

/// The feature or the sequence "a" of a payload, by name: a feature is one step. `None`: it is no
/// `Example`.
fn naive(
    payload: &[u8],
    is_sequence: bool,
    kind: FeatureKind,
) -> Option<BTreeMap<Vec<u8>, Vec<Naive>>> {
    let mut found = BTreeMap::new();
    for (map, lists) in blocks(payload, &[1, 2])? {
        // Both are read down to the entries if sequences are wanted, otherwise only the features.
        if map == 2 && !is_sequence {
            continue;
        }
        for (_, entry) in blocks(lists, &[1])? {
            let (mut key, mut value) = (Vec::new(), Vec::new());
            for (number, content) in blocks(entry, &[1, 2])? {
                match number {
                    1 => key = content.to_vec(),
                    _ => value.push(content),
                }
            }
            if key != b"a" || (map == 2) != is_sequence {
                continue;
            }
            let mut steps = Vec::new();
            if is_sequence {
                for value in value {
                    for (_, step) in blocks(value, &[1])? {
                        let mut feature = Naive::default();
                        merge(&mut feature, step, kind)?;
                        steps.push(feature);
                    }
                }
            } else {
                let mut feature = Naive::default();
                for value in value {
                    merge(&mut feature, value, kind)?;
                }
                steps.push(feature);
            }
            found.insert(key, steps);
        }
    }
    Some(found)
}

/// Merges a `Feature` into another one. Damage in lists of other kinds than the wanted one is no fault:
/// such a list has a value.
fn merge(feature: &mut Naive, bytes: &[u8], wanted: FeatureKind) -> Option<()> {
    for (number, list) in blocks(bytes, &[1, 2, 3])? {
        let kind =
            [FeatureKind::Bytes, FeatureKind::Float, FeatureKind::Int64][number as usize - 1];
        if feature.kind != Some(kind) {
            *feature = Naive { kind: Some(kind), values: Vec::new() };
        }
        match values_of(kind, list) {
            Some(values) => feature.values.extend(values),
            None if kind == wanted => return None,
            None => feature.values.push(Vec::new()),
        }
    }
    Some(())
}

/// The bytes of each value of a list.
fn values_of(kind: FeatureKind, list: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut values = Vec::new();
    for field in fields(list)? {
        match (kind, field) {
            (FeatureKind::Bytes, (1, 2, content)) => values.push(content.to_vec()),
            (FeatureKind::Float, (1, 5, content)) => values.push(content.to_vec()),
            (FeatureKind::Float, (1, 2, run)) => {
                if run.len() % 4 != 0 {
                    return None;
                }
                values.extend(run.chunks(4).map(<[u8]>::to_vec));
            }
            (FeatureKind::Int64, (1, 0, content)) => {
                values.push(number_of(content).to_le_bytes().to_vec());
            }
            (FeatureKind::Int64, (1, 2, mut run)) => {
                while !run.is_empty() {
                    let size = varint(run)?;
                    values.push(number_of(&run[..size]).to_le_bytes().to_vec());
                    run = &run[size..];
                }
            }
            _ => {}
        }
    }
    Some(values)
}

/// The contents of the fields with lengths and these numbers.
fn blocks<'p>(bytes: &'p [u8], numbers: &[u64]) -> Option<Vec<(u64, &'p [u8])>> {
    let fields = fields(bytes)?.into_iter();
    let blocks = fields.filter(|(number, wire, _)| *wire == 2 && numbers.contains(number));
    Some(blocks.map(|(number, _, content)| (number, content)).collect())
}

/// The fields of a message: number, wire type and content. A group counts as one field.
fn fields(mut bytes: &[u8]) -> Option<Vec<(u64, u64, &[u8])>> {
    let mut fields = Vec::new();
    let mut groups = Vec::new();
    while !bytes.is_empty() {
        let size = varint(bytes).filter(|&size| size <= 5)?;
        let tag = number_of(&bytes[..size]);
        bytes = &bytes[size..];
        let (number, wire) = (tag >> 3, tag & 7);
        if tag > u32::MAX.into() || number == 0 {
            return None;
        }
        let (skipped, size) = match wire {
            0 => (0, varint(bytes)?),
            1 => (0, 8),
            2 => {
                let size = varint(bytes)?;
                (size, usize::try_from(number_of(&bytes[..size])).ok()?)
            }
            3 if groups.len() < 100 => {
                groups.push(number);
                continue;
            }
            4 if groups.pop() == Some(number) => continue,
            5 => (0, 4),
            _ => return None,
        };
        let content = bytes[skipped..].get(..size)?;
        bytes = &bytes[skipped + size..];
        if groups.is_empty() {
            fields.push((number, wire, content));
        }
    }
    groups.is_empty().then_some(fields)
}

/// How many bytes the varint at the start has.
fn varint(bytes: &[u8]) -> Option<usize> {
    Some(1 + bytes.iter().take(10).position(|&byte| byte < 0x80)?)
}

fn number_of(varint: &[u8]) -> u64 {
    let parts = varint.iter().enumerate().map(|(i, byte)| u128::from(byte & 0x7f) << (7 * i));
    parts.sum::<u128>() as u64
}
