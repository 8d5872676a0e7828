//! What is in the records of the sample: facts about each feature, and the records that are shown.

use std::collections::{BTreeMap, HashMap};

use super::histogram::{even_bars, Bar, Histogram};
use super::media::{text, Format, Piece};
use super::record::{decode, Field, Values};
use super::sample::{key, Sample};
use super::walk::Place;
use crate::error::{Error, Result};
use crate::example::Schema;
use crate::reader::{Payloads, Reader};

/// How many records of the sample are shown.
pub(super) const SHOWN: usize = if cfg!(test) { 3 } else { 24 };
/// The most features of which values are looked at.
const FEATURES: usize = 1000;
/// The most bytes of records that are read at once.
const AT_ONCE: u64 = if cfg!(test) { 200 } else { 16 << 20 };
/// The most different values that are counted, and the longest ones.
pub(super) const DIFFERENT: usize = if cfg!(test) { 4 } else { 1024 };
const LONGEST: usize = 64;
/// Numbers of which the distribution is shown.
const NUMBERS: usize = if cfg!(test) { 100 } else { 2048 };
/// The values of a feature that are shown of a record.
const VALUES: usize = 16;
const STRINGS: usize = 4;

/// What to look at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Whether values may be shown at all.
    pub values: bool,
    /// The most bytes of pictures.
    pub max_bytes: u64,
    pub seed: u64,
}

/// What is in some records.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub schema: Schema,
    pub facts: BTreeMap<Name, Facts>,
    /// How many records are no `Example`, and why the first one is not.
    pub not_examples: u64,
    pub first_error: Option<Error>,
    pub shown: Vec<Shown>,
}

/// The name of a feature; first, whether it is a sequence.
pub(super) type Name = (bool, Vec<u8>);

/// What is known of a feature besides its [`FeatureStats`](crate::FeatureStats).
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// The number of values in a record.
    pub counts: Histogram,
    /// The sizes of byte strings.
    pub lengths: Histogram,
    pub formats: BTreeMap<Format, u64>,
    /// How many byte strings are text.
    pub texts: u64,
    pub ints: Option<(i64, i64)>,
    pub floats: Option<(f32, f32)>,
    /// The number of finite numbers, their sum, and how many are not finite.
    pub numbers: u64,
    pub sum: f64,
    pub not_finite: u64,
    /// Some of the finite numbers.
    pub some: Option<Sample<f64>>,
    pub frequent: Frequent,
}

/// How often values occur, if few are different.
#[derive(Debug, Default)]
pub(super) struct Frequent {
    counts: HashMap<Value, u64>,
    has_more: bool,
}

/// A value that is counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Value {
    Int(i64),
    Text(String),
}

/// A record that is shown.
#[derive(Debug)]
pub(super) struct Shown {
    /// Its place in the sample, by which records are shown.
    pub rank: usize,
    pub shard: usize,
    pub record: u64,
    pub offset: u64,
    pub bytes: u64,
    /// Its features; none if it has none, or is no `Example`.
    pub fields: Vec<ShownField>,
    /// The payload, if there is no feature.
    pub payload: Option<Piece>,
}

#[derive(Debug)]
pub(super) struct ShownField {
    pub name: Vec<u8>,
    pub steps: Option<usize>,
    pub values: ShownValues,
    /// How many values there are in all.
    pub count: usize,
}

/// The first values of a feature.
#[derive(Debug)]
pub(super) enum ShownValues {
    None,
    Bytes(Vec<(u64, Piece)>),
    Float(Vec<f32>),
    Int64(Vec<i64>),
}

impl Contents {
    /// Adds a record, which has this rank in the sample.
    pub fn add(&mut self, rank: usize, place: Place, payload: &[u8], limits: Limits) {
        let decoded = decode(payload).and_then(|fields| {
            self.schema.add(payload)?;
            Ok(fields)
        });
        let fields = match decoded {
            Ok(fields) => {
                for (number, field) in fields.iter().enumerate() {
                    let key = key(limits.seed, place.shard as u64, place.record);
                    self.add_field(field, key.wrapping_add(number as u64), limits);
                }
                fields
            }
            Err(error) => {
                self.not_examples += 1;
                self.first_error.get_or_insert_with(|| error.at(place.record, place.entry.offset));
                Vec::new()
            }
        };
        if rank < SHOWN && limits.values {
            self.shown.push(Shown::of(rank, place, payload, &fields, limits.max_bytes));
        }
    }

    fn add_field(&mut self, field: &Field<'_>, key: u64, limits: Limits) {
        let name = (field.steps.is_some(), field.name.clone());
        if self.facts.len() >= FEATURES && !self.facts.contains_key(&name) {
            return;
        }
        self.facts.entry(name).or_default().add(field, key, limits);
    }

    /// Adds other records. Fails if there are too many features; then these records count as no
    /// examples.
    pub fn merge(&mut self, other: Contents) {
        self.not_examples += other.not_examples;
        self.shown.extend(other.shown);
        let mut first_error = other.first_error;
        match self.schema.merge(&other.schema) {
            Ok(()) => {
                for (name, facts) in other.facts {
                    if self.facts.len() < FEATURES || self.facts.contains_key(&name) {
                        self.facts.entry(name).or_default().merge(facts);
                    }
                }
            }
            Err(error) => {
                self.not_examples += other.schema.records();
                first_error = first_error.or(Some(error));
            }
        }
        self.first_error = self.first_error.take().or(first_error);
    }

    /// Sorts the records that are shown, and removes the pictures beyond `max_bytes`.
    pub fn finish(&mut self, max_bytes: u64) {
        self.shown.sort_by_key(|shown| shown.rank);
        let mut left = max_bytes;
        let pieces = self.shown.iter_mut().flat_map(|shown| {
            let of_fields = shown.fields.iter_mut().filter_map(|field| match &mut field.values {
                ShownValues::Bytes(pieces) => Some(pieces.iter_mut().map(|(_, piece)| piece)),
                _ => None,
            });
            of_fields.flatten().chain(shown.payload.as_mut())
        });
        for piece in pieces {
            let Piece::Picture { data, .. } = piece else { continue };
            let size = data.as_ref().map_or(0, |data| data.len() as u64);
            match left.checked_sub(size) {
                Some(rest) => left = rest,
                None => *data = None,
            }
        }
    }
}

impl Facts {
    fn add(&mut self, field: &Field<'_>, key: u64, limits: Limits) {
        let Some(values) = &field.values else { return };
        self.counts.add(values.len() as u64);
        if let Values::Bytes(values) = values {
            values.iter().for_each(|value| self.lengths.add(value.len() as u64));
        }
        if !limits.values {
            return;
        }
        match values {
            Values::Bytes(values) => {
                for value in values {
                    if let Some(format) = Format::of(value) {
                        *self.formats.entry(format).or_default() += 1;
                    }
                    let text = text(value);
                    self.texts += u64::from(text.is_some());
                    let short = text.filter(|text| text.len() <= LONGEST);
                    self.frequent.add(short.map(|text| Value::Text(text.to_owned())));
                }
            }
            Values::Float(values) => {
                for (number, &value) in values.iter().enumerate() {
                    if value.is_finite() {
                        let (least, most) = self.floats.unwrap_or((value, value));
                        self.floats = Some((least.min(value), most.max(value)));
                        self.add_number(f64::from(value), key, number);
                    } else {
                        self.not_finite += 1;
                    }
                }
            }
            Values::Int64(values) => {
                for (number, &value) in values.iter().enumerate() {
                    let (least, most) = self.ints.unwrap_or((value, value));
                    self.ints = Some((least.min(value), most.max(value)));
                    self.add_number(value as f64, key, number);
                    self.frequent.add(Some(Value::Int(value)));
                }
            }
        }
    }

    /// The distribution of its numbers, in up to that many bars: of all, if few are different, and
    /// otherwise of some.
    pub fn bars(&self, most: usize) -> Vec<Bar> {
        let counted = self.frequent.sorted().unwrap_or_default();
        let int = |(value, count): &(&Value, u64)| match value {
            Value::Int(value) => Some((*value as f64, *count)),
            Value::Text(_) => None,
        };
        let mut numbers: Vec<_> = counted.iter().filter_map(int).collect();
        if numbers.is_empty() {
            numbers.extend(self.some.iter().flat_map(Sample::iter).map(|number| (*number, 1)));
        }
        even_bars(&numbers, most)
    }

    fn add_number(&mut self, value: f64, random: u64, number: usize) {
        self.numbers += 1;
        self.sum += value;
        let some = self.some.get_or_insert_with(|| Sample::of(NUMBERS));
        some.add(key(random, 3, number as u64), value);
    }

    fn merge(&mut self, other: Facts) {
        self.counts.merge(&other.counts);
        self.lengths.merge(&other.lengths);
        for (format, count) in other.formats {
            *self.formats.entry(format).or_default() += count;
        }
        self.texts += other.texts;
        self.ints = match (self.ints, other.ints) {
            (Some(one), Some(two)) => Some((one.0.min(two.0), one.1.max(two.1))),
            (one, two) => one.or(two),
        };
        self.floats = match (self.floats, other.floats) {
            (Some(one), Some(two)) => Some((one.0.min(two.0), one.1.max(two.1))),
            (one, two) => one.or(two),
        };
        self.numbers += other.numbers;
        self.sum += other.sum;
        self.not_finite += other.not_finite;
        match (&mut self.some, other.some) {
            (Some(some), Some(more)) => some.merge(more),
            (none @ None, more) => *none = more,
            (Some(_), None) => {}
        }
        self.frequent.merge(other.frequent);
    }
}

impl Frequent {
    fn add(&mut self, value: Option<Value>) {
        self.add_many(value, 1);
    }

    fn add_many(&mut self, value: Option<Value>, count: u64) {
        if self.has_more {
            return;
        }
        if let Some(value) = value {
            *self.counts.entry(value).or_default() += count;
            if self.counts.len() <= DIFFERENT {
                return;
            }
        }
        (self.has_more, self.counts) = (true, HashMap::new());
    }

    fn merge(&mut self, other: Frequent) {
        if other.has_more {
            self.add_many(None, 0);
        }
        other.counts.into_iter().for_each(|(value, count)| self.add_many(Some(value), count));
    }

    /// All different values, the most frequent ones first. `None`: there are too many, or some are
    /// too long.
    pub fn sorted(&self) -> Option<Vec<(&Value, u64)>> {
        let mut sorted: Vec<_> = self.counts.iter().map(|(value, count)| (value, *count)).collect();
        sorted.sort_unstable_by(|one, two| two.1.cmp(&one.1).then(one.0.cmp(two.0)));
        (!self.has_more).then_some(sorted)
    }
}

impl Shown {
    fn of(rank: usize, place: Place, payload: &[u8], fields: &[Field<'_>], most: u64) -> Shown {
        Shown {
            rank,
            shard: place.shard,
            record: place.record,
            offset: place.entry.offset,
            bytes: payload.len() as u64,
            payload: fields.is_empty().then(|| Piece::of(payload, most)),
            fields: fields
                .iter()
                .take(FEATURES / 10)
                .map(|field| ShownField::of(field, most))
                .collect(),
        }
    }
}

impl ShownField {
    fn of(field: &Field<'_>, most: u64) -> ShownField {
        let values = match &field.values {
            None => ShownValues::None,
            Some(Values::Bytes(values)) => {
                let piece = |value: &&[u8]| (value.len() as u64, Piece::of(value, most));
                ShownValues::Bytes(values.iter().take(STRINGS).map(piece).collect())
            }
            Some(Values::Float(values)) => {
                ShownValues::Float(values.iter().take(VALUES).copied().collect())
            }
            Some(Values::Int64(values)) => {
                ShownValues::Int64(values.iter().take(VALUES).copied().collect())
            }
        };
        let count = field.values.as_ref().map_or(0, Values::len);
        ShownField { name: field.name.clone(), steps: field.steps, values, count }
    }
}

/// Reads the records of the sample that are in one file, in the order of the file, and gives them to
/// `add`, each with its number among `places`. An error ends at its record.
pub(super) fn for_each_payload(
    reader: &Reader,
    places: &[(usize, Place)],
    mut add: impl FnMut(&(usize, Place), Result<&[u8]>),
) {
    let (mut payloads, mut payload, mut start) = (Payloads::default(), Vec::new(), 0);
    while start < places.len() {
        // Many at once: where each read is a request, they are in flight together.
        let mut bytes = 0;
        let fits = |place: &&(usize, Place)| {
            bytes += place.1.entry.size;
            bytes <= AT_ONCE
        };
        let count = places[start..].iter().take_while(fits).count().max(1);
        let numbers: Vec<_> = (start..start + count).collect();
        let read = reader.read_many_into(&numbers, &mut payloads);
        for (place, number) in places[start..].iter().zip(numbers) {
            match &read {
                Ok(()) => add(place, Ok(&payloads[number - start])),
                // One of them is damaged.
                Err(_) => {
                    let one = reader.read_into(number, &mut payload);
                    let one = one.map_err(|error| error.of_record(place.1.record));
                    add(place, one.map(|()| &*payload));
                }
            }
        }
        start += count;
    }
}
