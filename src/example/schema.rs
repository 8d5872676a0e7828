//! Which features records have.

use std::collections::{BTreeMap, HashMap};

use super::message::{
    count_values, for_each_entry, for_each_list, for_each_list_entry, not_an_example, Entry,
};
use super::{Feature, FeatureKind};
use crate::error::{Error, ErrorKind, Result};

/// The most different features: in data with more of them, names are values.
const MOST: usize = if cfg!(any(test, fuzzing)) { 20 } else { 1 << 16 };

/// What features records have, and how many values: for people who do not know it.
///
/// Its memory does not grow with the number of records.
#[derive(Debug, Clone, Default)]
pub struct Schema {
    records: u64,
    features: BTreeMap<Vec<u8>, FeatureStats>,
    sequences: BTreeMap<Vec<u8>, FeatureStats>,
}

/// What records have of one feature; see [`Schema`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct FeatureStats {
    /// How many records have byte strings, an empty list of them, too.
    pub bytes_records: u64,
    /// How many records have floating-point numbers.
    pub float_records: u64,
    /// How many records have integers.
    pub int64_records: u64,
    /// How many records have the name, but no kind, and so no values.
    pub kindless_records: u64,
    /// The least values that one of the records with a kind has; of a sequence, one of their steps.
    pub min_values: u64,
    /// The most.
    pub max_values: u64,
    /// Of a sequence: the least steps that one of the records with the name has. Otherwise 0.
    pub min_steps: u64,
    /// The most.
    pub max_steps: u64,
    /// The bytes of the feature in all records, with its name.
    pub bytes: u64,
    /// In how many records the values were counted: those with a kind, or with steps.
    counted: u64,
    /// How many records of each kind have values.
    filled: BTreeMap<FeatureKind, u64>,
}

impl FeatureStats {
    /// Returns how many records have the feature, with a kind.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.bytes_records + self.float_records + self.int64_records
    }

    /// Returns the kind that most records have values of; if all lists are empty, that of most of
    /// them. `None` if none has one.
    #[must_use]
    pub fn kind(&self) -> Option<FeatureKind> {
        let kinds = [
            (self.bytes_records, FeatureKind::Bytes),
            (self.float_records, FeatureKind::Float),
            (self.int64_records, FeatureKind::Int64),
        ];
        let filled = |kind| self.filled.get(&kind).copied().unwrap_or(0);
        let kinds = kinds.into_iter().map(|(records, kind)| (filled(kind), records, kind));
        let (_, records, kind) = kinds.max_by_key(|&(filled, records, _)| (filled, records))?;
        (records > 0).then_some(kind)
    }

    /// Adds what other records have, at least one of which has the name.
    fn merge(&mut self, other: &FeatureStats) {
        self.min_steps = self.min_steps.min(other.min_steps);
        self.max_steps = self.max_steps.max(other.max_steps);
        self.bytes += other.bytes;
        self.bytes_records += other.bytes_records;
        self.float_records += other.float_records;
        self.int64_records += other.int64_records;
        self.kindless_records += other.kindless_records;
        if other.counted > 0 {
            let is_first = self.counted == 0;
            let least = if is_first { u64::MAX } else { self.min_values };
            self.min_values = least.min(other.min_values);
            self.max_values = self.max_values.max(other.max_values);
            self.counted += other.counted;
        }
        for (&kind, records) in &other.filled {
            *self.filled.entry(kind).or_default() += records;
        }
    }

    fn add(&mut self, found: &Found) {
        let is_first = self.records() + self.kindless_records == 0;
        self.min_steps = if is_first { found.steps } else { self.min_steps.min(found.steps) };
        self.max_steps = self.max_steps.max(found.steps);
        self.bytes += found.bytes;
        *match found.kind {
            None => &mut self.kindless_records,
            Some(FeatureKind::Bytes) => &mut self.bytes_records,
            Some(FeatureKind::Float) => &mut self.float_records,
            Some(FeatureKind::Int64) => &mut self.int64_records,
        } += 1;
        if let (Some(kind), Some((_, 1..))) = (found.kind, found.values) {
            *self.filled.entry(kind).or_default() += 1;
        }
        if let Some((least, most)) = found.values {
            let is_first = self.counted == 0;
            self.min_values = if is_first { least } else { self.min_values.min(least) };
            self.max_values = self.max_values.max(most);
            self.counted += 1;
        }
    }
}

/// A feature of a record.
struct Found {
    kind: Option<FeatureKind>,
    /// The least and the most values of its steps, if it has any. A feature with a kind that is no
    /// sequence counts as one step.
    values: Option<(u64, u64)>,
    steps: u64,
    bytes: u64,
}

impl Schema {
    /// A schema of no records.
    #[must_use]
    pub fn new() -> Schema {
        Schema::default()
    }

    /// Adds a record's payload. After an error the schema is unchanged.
    ///
    /// ```
    /// use tfr_index::{encode_examples, FeatureKind, FeatureValues, Schema};
    ///
    /// let values = [FeatureValues::int64("label", &[7])];
    /// let (payload, _) = encode_examples(1, &values)?;
    /// let mut schema = Schema::new();
    /// schema.add(&payload)?;
    /// let (name, stats) = schema.features().next().unwrap();
    /// assert_eq!((name, stats.kind()), (&b"label"[..], Some(FeatureKind::Int64)));
    /// # Ok::<(), tfr_index::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Example`] if the payload is no `Example`, or if there are more than 65,536
    /// different features.
    pub fn add(&mut self, payload: &[u8]) -> Result<()> {
        let (features, sequences) = features_of(payload)?;
        let new = new_of(&features, &self.features) + new_of(&sequences, &self.sequences);
        self.ensure_room(new)?;
        self.records += 1;
        add_all(features, &mut self.features);
        add_all(sequences, &mut self.sequences);
        Ok(())
    }

    /// Adds the records of another schema. After an error this one is unchanged.
    ///
    /// # Errors
    /// [`ErrorKind::Example`] if there are too many different features.
    pub(crate) fn merge(&mut self, other: &Schema) -> Result<()> {
        let new = |of: &StatsByName, known: &StatsByName| {
            of.keys().filter(|name| !known.contains_key(*name)).count()
        };
        let new = new(&other.features, &self.features) + new(&other.sequences, &self.sequences);
        self.ensure_room(new)?;
        self.records += other.records;
        for (known, more) in
            [(&mut self.features, &other.features), (&mut self.sequences, &other.sequences)]
        {
            for (name, stats) in more {
                match known.get_mut(name) {
                    Some(known) => known.merge(stats),
                    None => drop(known.insert(name.clone(), stats.clone())),
                }
            }
        }
        Ok(())
    }

    /// Fails if the schema has no room for that many new features.
    fn ensure_room(&self, new: usize) -> Result<()> {
        if self.features.len() + self.sequences.len() + new <= MOST {
            return Ok(());
        }
        let detail = format!(
            "the records have more than {MOST} different features: their names seem to be values"
        );
        Err(Error::new(ErrorKind::Example, detail))
    }

    /// Returns the number of records.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Iterates over the features, by name: those of `Example`s, or of the contexts of
    /// `SequenceExample`s.
    #[must_use]
    pub fn features(&self) -> impl ExactSizeIterator<Item = (&[u8], &FeatureStats)> {
        self.features.iter().map(|(name, stats)| (&**name, stats))
    }

    /// Iterates over the [sequences](Feature::sequence) of `SequenceExample`s, by name.
    #[must_use]
    pub fn sequences(&self) -> impl ExactSizeIterator<Item = (&[u8], &FeatureStats)> {
        self.sequences.iter().map(|(name, stats)| (&**name, stats))
    }

    /// Returns features that fit all records so far, unless their kinds differ: then the most
    /// frequent one. A feature that all records have, with the same number of values, has that
    /// shape; one value has the shape `[]`. The others are ragged. Those that never have a kind are
    /// left out.
    ///
    /// The sequences come last. Where all steps of all records have the same number of values, that
    /// is the shape of each. A sequence that has the name of a suggested feature is left out.
    #[must_use]
    pub fn suggest(&self) -> Vec<Feature> {
        let features = self.features().filter_map(|(name, stats)| {
            let feature = Feature::new(name, stats.kind()?);
            Some(shaped(feature, stats, stats.records() == self.records))
        });
        let has_kind = |name| self.features.get(name).is_some_and(|stats| stats.kind().is_some());
        let sequences = self.sequences().filter(|(name, _)| !has_kind(*name));
        let sequences = sequences.filter_map(|(name, stats)| {
            let is_everywhere = stats.records() + stats.kindless_records == self.records;
            let feature = Feature::new(name, stats.kind()?).sequence(!is_everywhere);
            Some(shaped(feature, stats, true))
        });
        features.chain(sequences).collect()
    }
}

/// Gives a feature the shape that its values have.
fn shaped(feature: Feature, stats: &FeatureStats, is_fixed: bool) -> Feature {
    let is_fixed = is_fixed && stats.min_values == stats.max_values;
    match usize::try_from(stats.max_values) {
        Ok(1) if is_fixed => feature,
        Ok(count) if is_fixed && count > 0 => feature.shape(&[count]),
        _ => feature.ragged(),
    }
}

type FoundByName<'a> = HashMap<&'a [u8], Found>;
type StatsByName = BTreeMap<Vec<u8>, FeatureStats>;

/// How many are not known yet.
fn new_of(found: &FoundByName<'_>, known: &StatsByName) -> usize {
    found.keys().filter(|&&name| !known.contains_key(name)).count()
}

fn add_all(found: FoundByName<'_>, known: &mut StatsByName) {
    for (name, found) in found {
        match known.get_mut(name) {
            Some(stats) => stats.add(&found),
            None => known.entry(name.to_vec()).or_default().add(&found),
        }
    }
}

/// The features of a payload, and its sequences.
fn features_of(payload: &[u8]) -> Result<(FoundByName<'_>, FoundByName<'_>)> {
    let (mut features, mut sequences) = (HashMap::new(), HashMap::new());
    for_each_entry(payload, |entry| {
        let (mut kind, mut values) = (None, 0);
        entry.for_each_list(|next, list| count_list(next, list, &mut kind, &mut values))?;
        let bytes = entry.bytes as u64;
        let values = kind.map(|_| (values, values));
        features.insert(entry.key, Found { kind, values, steps: 0, bytes });
        Ok(())
    })?;
    for_each_list_entry(payload, |entry| {
        sequences.insert(entry.key, sequence_of(entry)?);
        Ok(())
    })?;
    Ok((features, sequences))
}

fn sequence_of(entry: &Entry<'_>) -> Result<Found> {
    let bytes = entry.bytes as u64;
    let mut found = Found { kind: None, values: None, steps: 0, bytes };
    entry.for_each_step(|step| {
        let (mut kind, mut values) = (None, 0);
        for_each_list(step, |next, list| count_list(next, list, &mut kind, &mut values))?;
        let (least, most) = found.values.unwrap_or((values, values));
        found.values = Some((least.min(values), most.max(values)));
        found.steps += 1;
        if values > 0 || found.kind.is_none() {
            found.kind = kind.or(found.kind);
        }
        Ok(())
    })?;
    Ok(found)
}

/// Counts the values of a list of a `Feature`, and of those before it, if they are of its kind.
fn count_list(
    kind: FeatureKind,
    list: &[u8],
    last: &mut Option<FeatureKind>,
    values: &mut u64,
) -> Result<()> {
    let count = count_values(kind, list).ok_or_else(not_an_example)?;
    *values = if *last == Some(kind) { *values + count } else { count };
    *last = Some(kind);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::message::*;
    use super::super::Features;
    use super::*;

    fn schema(payloads: &[Vec<u8>]) -> Schema {
        let mut schema = Schema::new();
        payloads.iter().for_each(|payload| schema.add(payload).unwrap());
        schema
    }

    #[test]
    fn suggested_features_fit_the_records() {
        let with = |entries: &[(&str, Vec<u8>)]| {
            let entries: Vec<_> =
                entries.iter().map(|(name, feature)| entry(name.as_bytes(), feature)).collect();
            example(&entries)
        };
        let payloads = [
            with(&[
                ("label", ints(&[7])),
                ("box", floats(&[0.0; 4])),
                ("words", byte_strings(&[b"a", b"b"])),
                ("rare", ints(&[1])),
                ("none", Vec::new()),
                ("empty", ints(&[])),
                ("either", ints(&[1])),
            ]),
            with(&[
                ("none", number(9, 1)),
                ("label", ints(&[1, 2])), // replaced by the next one
                ("label", block(3, &number(1, 300))),
                ("box", [floats(&[0.0]), floats(&[0.0; 3])].concat()),
                ("words", byte_strings(&[])),
                ("empty", ints(&[])),
                ("either", [ints(&[1, 2]), floats(&[0.5])].concat()),
            ]),
            with(&[
                ("either", floats(&[0.5])),
                ("label", ints(&[-1])),
                ("box", floats(&[0.0; 4])),
                ("words", byte_strings(&[b"c"])),
                ("empty", ints(&[])),
            ]),
        ];
        let schema = schema(&payloads);
        assert_eq!((schema.records(), schema.features().len()), (3, 7));
        let stats =
            |name: &str| schema.features().find(|(key, _)| *key == name.as_bytes()).unwrap().1;
        assert_eq!(
            *stats("words"),
            FeatureStats {
                bytes_records: 3,
                max_values: 2,
                counted: 3,
                filled: [(FeatureKind::Bytes, 2)].into(),
                bytes: stats("words").bytes,
                ..FeatureStats::default()
            }
        );
        assert_eq!((stats("none").kindless_records, stats("none").kind()), (2, None));
        assert_eq!((stats("either").int64_records, stats("either").float_records), (1, 2));
        assert_eq!((stats("label").min_values, stats("label").max_values), (1, 1));

        let suggested = schema.suggest();
        let right = [
            Feature::float("box").shape(&[4]),
            Feature::float("either"),
            Feature::int64("empty").ragged(),
            Feature::int64("label"),
            Feature::int64("rare").ragged(),
            Feature::bytes("words").ragged(),
        ];
        assert_eq!(suggested, right);
        let fitting = right.into_iter().filter(|feature| feature.name() != b"either");
        let features = Features::new(fitting).unwrap();
        for payload in &payloads {
            features.decode(payload, &[0, payload.len()], 1).unwrap();
        }
    }

    /// Some writers do not know the kind of a list without values.
    #[test]
    fn a_kind_with_values_is_suggested() {
        let (empty, full) = (floats(&[]), ints(&[1, 2]));
        let steps = |step: &[u8]| {
            sequence_example(&[(b"s", &[ints(&[1]), step.to_vec()]), (b"k", &[step.to_vec()])])
        };
        let payloads = [&empty, &empty, &full].map(|feature| [k(feature), steps(feature)].concat());
        let suggested = schema(&payloads).suggest();
        let right = [Feature::int64("k").ragged(), Feature::int64("s").ragged().sequence(false)];
        assert_eq!(suggested, right);
        let features = Features::new(right).unwrap();
        for payload in &payloads {
            features.decode(payload, &[0, payload.len()], 1).unwrap();
        }
        assert_eq!(schema(&payloads[..2]).suggest()[0], Feature::float("k").ragged());
    }

    #[test]
    fn suggested_sequences_fit_the_records() {
        let payloads = [
            sequence_example(&[
                (b"pairs", &[ints(&[1, 2]), ints(&[3, 4])]),
                (b"words", &[byte_strings(&[b"a"]), byte_strings(&[b"b", b"c"])]),
                (b"ones", &[floats(&[0.5])]),
                (b"none", &[Vec::new()]),
                (b"empty", &[]),
                (b"some", &[ints(&[1, 2])]),
            ]),
            [
                k(&ints(&[7])),
                sequence_example(&[
                    (b"pairs", &[ints(&[1])]), // replaced by the next one
                    (b"pairs", &[]),
                    (b"words", &[]),
                    (b"k", &[ints(&[7])]),
                    (b"some", &[Vec::new()]),
                ]),
            ]
            .concat(),
        ];
        let schema = schema(&payloads);
        assert_eq!((schema.features().len(), schema.sequences().len()), (1, 7));
        let stats =
            |name: &str| schema.sequences().find(|(key, _)| *key == name.as_bytes()).unwrap().1;
        let pairs = stats("pairs");
        assert_eq!((pairs.int64_records, pairs.kindless_records, pairs.records()), (1, 1, 1));
        assert_eq!((pairs.min_steps, pairs.max_steps), (0, 2));
        assert_eq!((pairs.min_values, pairs.max_values), (2, 2));
        assert_eq!((stats("words").min_values, stats("words").max_values), (1, 2));
        assert_eq!((stats("some").min_values, stats("some").max_values), (0, 2));
        let suggested = schema.suggest();
        let right = [
            Feature::int64("k").ragged(),
            Feature::float("ones").sequence(true),
            Feature::int64("pairs").shape(&[2]).sequence(false),
            Feature::int64("some").ragged().sequence(false),
            Feature::bytes("words").ragged().sequence(false),
        ];
        assert_eq!(suggested, right);
        let features = Features::new(right).unwrap();
        for payload in &payloads {
            features.decode(payload, &[0, payload.len()], 1).unwrap();
        }
    }

    #[test]
    fn merged_schemas_are_those_of_all_records() {
        let (empty, full) = (floats(&[]), ints(&[1, 2]));
        let steps = |step: &[u8]| {
            sequence_example(&[(b"s", &[ints(&[1]), step.to_vec()]), (b"k", &[step.to_vec()])])
        };
        let payloads = [
            Vec::new(),
            k(&empty),
            k(&[]),
            [k(&full), steps(&full)].concat(),
            [k(&floats(&[0.5])), steps(&empty)].concat(),
            sequence_example(&[(b"s", &[])]),
        ];
        for middle in 0..=payloads.len() {
            let (one, two) = payloads.split_at(middle);
            let mut merged = schema(one);
            merged.merge(&schema(two)).unwrap();
            let all = schema(&payloads);
            assert_eq!(merged.records(), all.records());
            assert!(merged.features().eq(all.features()));
            assert!(merged.sequences().eq(all.sequences()));
        }
        let many: Vec<_> = (0..20).map(|i| entry(format!("{i}").as_bytes(), &full)).collect();
        let mut many = schema(&[example(&many)]);
        let error = many.merge(&schema(&payloads)).unwrap_err();
        assert_eq!((error.kind(), many.records()), (ErrorKind::Example, 1));
    }

    #[test]
    fn payloads_that_are_no_examples_are_refused() {
        let mut schema = schema(&[k(&ints(&[1]))]);
        for payload in [
            b"\xff".to_vec(),
            k(&block(2, &block(1, &[0; 5]))),
            k(&block(3, &block(1, &[0x80]))),
            sequence_example(&[(b"a", &[block(3, &block(1, &[0x80]))])]),
        ] {
            assert_eq!(schema.add(&payload).unwrap_err().kind(), ErrorKind::Example);
        }
        let many: Vec<_> = (0..20).map(|i| entry(format!("{i}").as_bytes(), &ints(&[1]))).collect();
        let error = schema.add(&example(&many)).unwrap_err();
        assert!(error.to_string().contains("more than 20 different features"), "{error}");
        schema.add(&example(&many[1..])).unwrap();
        assert_eq!((schema.records(), schema.features().len()), (2, 20));
    }
}
