//! What is in a `tf.train.Example` record: for programs as a line of JSON, for people as a few lines.

mod wanted;

pub use wanted::Wanted;

use std::fmt::{self, Write};
use std::ops::Range;

use base64::prelude::{Engine, BASE64_STANDARD};
use clap::{Args, ValueEnum};
use serde_json::json;
use tfr_index::internal::is_unprintable;
use tfr_index::{Columns, Error, Feature, FeatureKind, FeatureStats, Features, Payloads, Schema};

use crate::features::printable;
use crate::json::escaped;
use crate::shared::stdio::count;

/// The options that print records as JSON.
#[derive(Args)]
pub struct AsJson {
    /// Print tf.train.Example records as lines of JSON: an object with an array of values for each
    /// feature, by name
    ///
    /// Sequences are in the member "feature_lists", each of them an array of steps, which are arrays of
    /// values. A feature without a kind is null. Numbers that are not finite are the strings "NaN",
    /// "Infinity" and "-Infinity". Bytes in names that are not UTF-8 are escaped, as \xff.
    #[arg(long, conflicts_with = "frames")]
    json: bool,
    /// Print only these features, separated by commas; with --json
    ///
    /// A comma in a name is \x2c, and other characters are as --json prints them. A name that no
    /// printed record has is noted on stderr.
    #[arg(long, value_name = "NAMES", requires = "json", value_delimiter = ',')]
    features: Vec<String>,
    /// How to print the byte strings of features; with --json
    #[arg(long, value_enum, default_value_t, value_name = "FORM", requires = "json")]
    bytes: Bytes,
}

impl AsJson {
    /// The options, if records are to be printed as JSON.
    pub fn if_wanted(&self) -> Option<&AsJson> {
        self.json.then_some(self)
    }

    /// The names that were asked for.
    pub fn wanted(&self) -> Wanted<'_> {
        Wanted::new(&self.features)
    }

    /// Returns a line for each payload, up to the first one that is no `Example`. The error has its
    /// place.
    pub fn lines(
        &self,
        payloads: &Payloads,
        wanted: &mut Wanted<'_>,
    ) -> (String, Result<(), (usize, Error)>) {
        let mut lines = String::new();
        for (place, payload) in payloads.iter().enumerate() {
            match Record::decode(payload) {
                Ok(record) => record.push_json(&mut lines, wanted, self.bytes),
                Err(error) => return (escaped(lines), Err((place, error))),
            }
        }
        (escaped(lines), Ok(()))
    }
}

/// How byte strings are printed as JSON.
#[derive(Clone, Copy, Default, ValueEnum)]
pub enum Bytes {
    /// An object with their number of bytes: {"bytes": 13}
    #[default]
    Length,
    /// A string; what is not UTF-8 in it becomes U+FFFD
    Text,
    /// A string in Base64
    Base64,
}

/// A record, decoded.
struct Record<'p> {
    payload: &'p [u8],
    schema: Schema,
    features: Decoded,
    sequences: Decoded,
}

/// The features of a record, or its sequences: one of each may have the same name.
struct Decoded {
    features: Features,
    columns: Columns,
}

/// The values of a feature.
enum Values<'r> {
    Bytes(Vec<&'r [u8]>),
    Float(&'r [f32]),
    Int64(&'r [i64]),
}

/// A feature of a record.
struct Shown<'r> {
    name: String,
    /// `None`: it has no kind, and so no values.
    values: Option<Values<'r>>,
    /// Of a sequence: where the values of each step start, and where the last one's end.
    steps: Option<&'r [usize]>,
}

impl Decoded {
    fn new<'s>(
        stats: impl Iterator<Item = (&'s [u8], &'s FeatureStats)>,
        is_sequence: bool,
        payload: &[u8],
    ) -> tfr_index::Result<Decoded> {
        let features = stats.filter_map(|(name, stats)| {
            let feature = Feature::new(name, stats.kind()?).ragged();
            Some(if is_sequence { feature.sequence(true) } else { feature })
        });
        let features = Features::new(features)?;
        let columns = features.decode(payload, &[0, payload.len()], 1)?;
        Ok(Decoded { features, columns })
    }

    fn shown<'r>(&'r self, key: &[u8], payload: &'r [u8]) -> Shown<'r> {
        let (number, columns) = (self.features.find(key), &self.columns);
        let values = number.map(|number| match self.features.as_slice()[number].kind() {
            FeatureKind::Bytes => {
                let spans = columns.spans(number).unwrap_or_default().iter();
                Values::Bytes(spans.map(|&span| columns.bytes(span, payload)).collect())
            }
            FeatureKind::Float => Values::Float(columns.float(number).unwrap_or_default()),
            FeatureKind::Int64 => Values::Int64(columns.int64(number).unwrap_or_default()),
        });
        let steps = number.and_then(|number| columns.step_offsets(number));
        Shown { name: printable(key), values, steps }
    }
}

impl Record<'_> {
    fn decode(payload: &[u8]) -> tfr_index::Result<Record<'_>> {
        let mut schema = Schema::new();
        schema.add(payload)?;
        let features = Decoded::new(schema.features(), false, payload)?;
        let sequences = Decoded::new(schema.sequences(), true, payload)?;
        Ok(Record { payload, schema, features, sequences })
    }

    /// Iterates over the features, by name.
    fn features(&self) -> impl Iterator<Item = Shown<'_>> {
        self.schema.features().map(|(key, _)| self.features.shown(key, self.payload))
    }

    /// Iterates over the sequences, by name.
    fn sequences(&self) -> impl Iterator<Item = Shown<'_>> {
        self.schema.sequences().map(|(key, _)| self.sequences.shown(key, self.payload))
    }

    /// Appends the record as a line of JSON.
    fn push_json(&self, line: &mut String, wanted: &mut Wanted<'_>, bytes: Bytes) {
        wanted.begin_record();
        line.push('{');
        let features = self.features().filter(|feature| wanted.has(&feature.name));
        let count = push_members(line, features, bytes);
        if self.schema.sequences().len() > 0 {
            line.push_str(if count > 0 { ",\"feature_lists\":{" } else { "\"feature_lists\":{" });
            push_members(line, self.sequences().filter(|feature| wanted.has(&feature.name)), bytes);
            line.push('}');
        }
        line.push_str("}\n");
    }
}

/// Appends the members of an object. Returns how many there are.
fn push_members<'r>(
    line: &mut String,
    features: impl Iterator<Item = Shown<'r>>,
    bytes: Bytes,
) -> usize {
    let mut count = 0;
    for feature in features {
        if count > 0 {
            line.push(',');
        }
        count += 1;
        push(line, &json!(feature.name));
        line.push(':');
        match (&feature.values, feature.steps) {
            (None, _) => line.push_str("null"),
            (Some(values), None) => push_values(line, values, 0..values.len(), bytes),
            (Some(values), Some(ends)) => push_array(line, ends.windows(2), |line, ends| {
                push_values(line, values, ends[0]..ends[1], bytes);
            }),
        }
    }
    count
}

fn push_values(line: &mut String, values: &Values<'_>, range: Range<usize>, bytes: Bytes) {
    match values {
        Values::Int64(values) => push_array(line, &values[range], |line, value| push(line, value)),
        Values::Float(values) => {
            push_array(line, &values[range], |line, value| match value.is_finite() {
                true => push(line, value),
                false => push(line, &json!(not_finite(*value))),
            })
        }
        Values::Bytes(values) => push_array(line, &values[range], |line, value| {
            let value = match bytes {
                Bytes::Length => json!({ "bytes": value.len() }),
                Bytes::Text => json!(String::from_utf8_lossy(value)),
                Bytes::Base64 => json!(BASE64_STANDARD.encode(value)),
            };
            push(line, &value);
        }),
    }
}

impl Values<'_> {
    fn len(&self) -> usize {
        match self {
            Values::Bytes(values) => values.len(),
            Values::Float(values) => values.len(),
            Values::Int64(values) => values.len(),
        }
    }

    fn kind(&self) -> FeatureKind {
        match self {
            Values::Bytes(_) => FeatureKind::Bytes,
            Values::Float(_) => FeatureKind::Float,
            Values::Int64(_) => FeatureKind::Int64,
        }
    }

    /// The first ones of some values, for people.
    fn describe(&self, range: Range<usize>) -> String {
        let more = if range.len() > VALUES { ", …" } else { "" };
        let some = range.take(VALUES).map(|number| match self {
            Values::Int64(values) => values[number].to_string(),
            Values::Float(values) => values[number].to_string(),
            Values::Bytes(values) => shown(values[number]),
        });
        some.collect::<Vec<_>>().join(", ") + more
    }
}

fn push(line: &mut String, value: &dyn fmt::Display) {
    // A String takes everything.
    let _ = write!(line, "{value}");
}

fn push_array<T>(
    line: &mut String,
    values: impl IntoIterator<Item = T>,
    mut push: impl FnMut(&mut String, T),
) {
    line.push('[');
    for (number, value) in values.into_iter().enumerate() {
        if number > 0 {
            line.push(',');
        }
        push(line, value);
    }
    line.push(']');
}

/// JSON has no such numbers. Protocol Buffers' JSON has these strings.
fn not_finite(value: f32) -> &'static str {
    match value {
        _ if value.is_nan() => "NaN",
        _ if value > 0.0 => "Infinity",
        _ => "-Infinity",
    }
}

/// The most values of a feature, the most steps, and the most characters of a text, that people get.
const VALUES: usize = 8;
const CHARACTERS: usize = 50;

/// Returns a line for each feature of a record.
pub fn describe(payload: &[u8]) -> tfr_index::Result<String> {
    let record = Record::decode(payload)?;
    let rows: Vec<_> = record.features().chain(record.sequences()).collect();
    let width = rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for Shown { name, values, steps } in rows {
        let kind = values.as_ref().map_or("-".to_owned(), |values| values.kind().to_string());
        let (count, values) = match (values, steps) {
            (None, _) => (count(0, "value"), String::new()),
            (Some(values), None) => {
                (count(values.len(), "value"), values.describe(0..values.len()))
            }
            (Some(values), Some(ends)) => {
                let steps = ends.windows(2).map(|ends| values.describe(ends[0]..ends[1]));
                let steps: Vec<_> = steps.take(VALUES).map(|step| format!("[{step}]")).collect();
                let more = if ends.len() > VALUES + 1 { ", …" } else { "" };
                (count(ends.len() - 1, "step"), steps.join(", ") + more)
            }
        };
        let row = format!("  {name:<width$}  {kind:<5}  {count:<9}  {values}");
        text += row.trim_end();
        text += "\n";
    }
    Ok(text)
}

/// A byte string: the start of a text, or how long it is.
fn shown(value: &[u8]) -> String {
    match std::str::from_utf8(value) {
        Ok(text) if !text.contains(is_unprintable) => {
            let start: String = text.chars().take(CHARACTERS).collect();
            let more = if start.len() < text.len() { "…" } else { "" };
            format!("\"{start}{more}\"")
        }
        _ => count(value.len(), "byte"),
    }
}
