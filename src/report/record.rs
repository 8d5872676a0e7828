//! One record's payload → its features, with their values.

use crate::error::Result;
use crate::example::{Feature, FeatureStats, Features, Schema};

/// A feature of a record.
pub(super) struct Field<'p> {
    pub name: Vec<u8>,
    /// Of a sequence: the number of its steps.
    pub steps: Option<usize>,
    /// `None`: it has no kind, and so no values.
    pub values: Option<Values<'p>>,
}

/// The values of a feature. Those of all steps, if it is a sequence.
pub(super) enum Values<'p> {
    Bytes(Vec<&'p [u8]>),
    Float(Vec<f32>),
    Int64(Vec<i64>),
}

impl Values<'_> {
    pub fn len(&self) -> usize {
        match self {
            Values::Bytes(values) => values.len(),
            Values::Float(values) => values.len(),
            Values::Int64(values) => values.len(),
        }
    }
}

/// Decodes all features of a payload, sequences last.
///
/// # Errors
/// [`ErrorKind::Example`](crate::ErrorKind::Example) if it is no `Example`.
pub(super) fn decode(payload: &[u8]) -> Result<Vec<Field<'_>>> {
    let mut schema = Schema::new();
    schema.add(payload)?;
    let mut fields = decode_some(payload, schema.features(), false)?;
    fields.extend(decode_some(payload, schema.sequences(), true)?);
    Ok(fields)
}

fn decode_some<'p, 's>(
    payload: &'p [u8],
    stats: impl Iterator<Item = (&'s [u8], &'s FeatureStats)>,
    is_sequence: bool,
) -> Result<Vec<Field<'p>>> {
    let (mut fields, mut wanted) = (Vec::new(), Vec::new());
    for (name, stats) in stats {
        let steps = is_sequence.then_some(stats.max_steps as usize);
        let number = stats.kind().map(|kind| {
            let feature = Feature::new(name, kind).ragged();
            wanted.push(if is_sequence { feature.sequence(true) } else { feature });
            wanted.len() - 1
        });
        fields.push((Field { name: name.to_vec(), steps, values: None }, number));
    }
    let columns = Features::new(wanted)?.decode(payload, &[0, payload.len()], 1)?;
    for (field, number) in &mut fields {
        let Some(number) = *number else { continue };
        field.values = match (columns.int64(number), columns.float(number)) {
            (Some(values), _) => Some(Values::Int64(values.to_vec())),
            (_, Some(values)) => Some(Values::Float(values.to_vec())),
            _ => columns.spans(number).map(|spans| {
                // Nothing has a default, so that all of them are in the payload.
                let bytes = spans.iter().map(|span| &payload[span.offset..][..span.size]);
                Values::Bytes(bytes.collect())
            }),
        };
    }
    Ok(fields.into_iter().map(|(field, _)| field).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{encode_examples, FeatureValues};

    #[test]
    fn records_are_decoded() {
        let given = [
            FeatureValues::int64("label", &[7]),
            FeatureValues::float("box", &[0.5, 1.5]),
            FeatureValues::bytes("words", &[b"a", b""]),
        ];
        let (payload, _) = encode_examples(1, &given).unwrap();
        let fields = decode(&payload).unwrap();
        let names: Vec<_> = fields.iter().map(|field| &*field.name).collect();
        assert_eq!(names, [&b"box"[..], b"label", b"words"]);
        assert!(matches!(&fields[0].values, Some(Values::Float(values)) if *values == [0.5, 1.5]));
        assert!(matches!(&fields[1].values, Some(Values::Int64(values)) if *values == [7]));
        let Some(Values::Bytes(words)) = &fields[2].values else { panic!() };
        assert_eq!(words, &[&b"a"[..], b""]);
        assert!(fields.iter().all(|field| field.steps.is_none()));
        assert!(decode(b"").unwrap().is_empty());
        assert!(decode(b"\xff").is_err());
    }

    #[test]
    fn sequences_are_decoded() {
        // SequenceExample { feature_lists { feature_list { key: "s" value { feature { int64_list
        // { value: [1, 2] } } feature { int64_list { value: 3 } } } } } }
        let step = |values: &[u8]| {
            let list = [&[0x0a, values.len() as u8], values].concat();
            let feature = [&[0x1a, list.len() as u8], &*list].concat();
            [&[0x0a, feature.len() as u8], &*feature].concat()
        };
        let steps = [step(&[1, 2]), step(&[3])].concat();
        let entry = [&[0x0a, 1, b's', 0x12, steps.len() as u8], &*steps].concat();
        let lists = [&[0x0a, entry.len() as u8], &*entry].concat();
        let payload = [&[0x12, lists.len() as u8], &*lists].concat();
        let fields = decode(&payload).unwrap();
        assert_eq!((fields.len(), fields[0].steps), (1, Some(2)));
        assert!(matches!(&fields[0].values, Some(Values::Int64(values)) if *values == [1, 2, 3]));
    }
}
