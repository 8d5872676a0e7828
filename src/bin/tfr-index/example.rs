//! What is in a `tf.train.Example` record: for programs as a line of JSON, for people as a few lines.

use std::fmt::{self, Write};

use base64::prelude::{Engine, BASE64_STANDARD};
use clap::{Args, ValueEnum};
use serde_json::json;
use tfr_index::{Columns, Error, Feature, FeatureKind, Features, Payloads, Schema};

use crate::features::printable;
use crate::shared::stdio::count;

/// The options that print records as JSON.
#[derive(Args)]
pub struct AsJson {
    /// Print tf.train.Example records as lines of JSON: an object with an array of values for each
    /// feature, by name
    ///
    /// A feature without a kind is null. Numbers that are not finite are the strings "NaN",
    /// "Infinity" and "-Infinity". Bytes in names that are not UTF-8 are escaped, as \\xff.
    #[arg(long, conflicts_with = "frames")]
    json: bool,
    /// Print only these features, separated by commas; with --json
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

    /// Appends a line for each payload. `first` is the number of the first record.
    pub fn push_lines(
        &self,
        lines: &mut String,
        payloads: &Payloads,
        first: usize,
    ) -> Result<(), NoExample> {
        for (record, payload) in (first..).zip(payloads.iter()) {
            let record = |error| NoExample { record, error };
            Record::decode(payload).map_err(record)?.push_json(lines, &self.features, self.bytes);
        }
        Ok(())
    }
}

/// A record is no `Example`.
#[derive(Debug)]
pub struct NoExample {
    pub record: usize,
    pub error: Error,
}

impl fmt::Display for NoExample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record {}: {}", self.record, self.error)
    }
}

impl std::error::Error for NoExample {}

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
    features: Features,
    columns: Columns,
}

/// The values of a feature.
enum Values<'r> {
    Bytes(Vec<&'r [u8]>),
    Float(&'r [f32]),
    Int64(&'r [i64]),
}

impl Record<'_> {
    fn decode(payload: &[u8]) -> tfr_index::Result<Record<'_>> {
        let mut schema = Schema::new();
        schema.add(payload)?;
        let features = Features::new(schema.suggest().into_iter().map(Feature::ragged))?;
        let columns = features.decode(payload, &[0, payload.len()], 1)?;
        Ok(Record { payload, schema, features, columns })
    }

    /// Iterates over the features, by name. `None`: one without a kind, and so without values.
    fn iter(&self) -> impl Iterator<Item = (&[u8], Option<Values<'_>>)> {
        let columns = &self.columns;
        self.schema.features().map(move |(key, _)| {
            let values = self.features.find(key).map(|number| {
                let kind = self.features.as_slice()[number].kind();
                match kind {
                    FeatureKind::Bytes => {
                        let spans = columns.spans(number).unwrap_or_default().iter();
                        Values::Bytes(
                            spans.map(|&span| columns.bytes(span, self.payload)).collect(),
                        )
                    }
                    FeatureKind::Float => Values::Float(columns.float(number).unwrap_or_default()),
                    FeatureKind::Int64 => Values::Int64(columns.int64(number).unwrap_or_default()),
                }
            });
            (key, values)
        })
    }

    /// Appends the record as a line of JSON. `wanted`: only these features, unless that is empty.
    fn push_json(&self, line: &mut String, wanted: &[String], bytes: Bytes) {
        line.push('{');
        let mut is_first = true;
        for (key, values) in self.iter() {
            let name = printable(key);
            if !wanted.is_empty() && !wanted.contains(&name) {
                continue;
            }
            if !std::mem::take(&mut is_first) {
                line.push(',');
            }
            push(line, &json!(name));
            line.push(':');
            match values {
                None => line.push_str("null"),
                Some(Values::Int64(values)) => push_array(line, values, |line, value| {
                    push(line, value);
                }),
                Some(Values::Float(values)) => {
                    push_array(line, values, |line, value| match value.is_finite() {
                        true => push(line, value),
                        false => push(line, &json!(not_finite(*value))),
                    })
                }
                Some(Values::Bytes(values)) => push_array(line, &values, |line, value| {
                    let value = match bytes {
                        Bytes::Length => json!({ "bytes": value.len() }),
                        Bytes::Text => json!(String::from_utf8_lossy(value)),
                        Bytes::Base64 => json!(BASE64_STANDARD.encode(value)),
                    };
                    push(line, &value);
                }),
            }
        }
        line.push_str("}\n");
    }
}

fn push(line: &mut String, value: &dyn fmt::Display) {
    // A String takes everything.
    let _ = write!(line, "{value}");
}

fn push_array<T>(line: &mut String, values: &[T], mut push: impl FnMut(&mut String, &T)) {
    line.push('[');
    for (number, value) in values.iter().enumerate() {
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

/// The most values of a feature, and the most characters of a text, that people get.
const VALUES: usize = 8;
const CHARACTERS: usize = 50;

/// Returns a line for each feature of a record.
pub fn describe(payload: &[u8]) -> tfr_index::Result<String> {
    let record = Record::decode(payload)?;
    let rows: Vec<_> = record.iter().map(|(key, values)| (printable(key), values)).collect();
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for (name, values) in rows {
        let (kind, len, shown) = match values {
            None => ("-", 0, Vec::new()),
            Some(Values::Int64(values)) => {
                ("int64", values.len(), first(values, ToString::to_string))
            }
            Some(Values::Float(values)) => {
                ("float", values.len(), first(values, ToString::to_string))
            }
            Some(Values::Bytes(values)) => {
                ("bytes", values.len(), first(&values, |value| shown(value)))
            }
        };
        let values = count(len, "value");
        let more = if len > VALUES { ", …" } else { "" };
        let row = format!("  {name:<width$}  {kind:<5}  {values:<9}  {}{more}", shown.join(", "));
        text += row.trim_end();
        text += "\n";
    }
    Ok(text)
}

fn first<T>(values: &[T], show: impl Fn(&T) -> String) -> Vec<String> {
    values.iter().take(VALUES).map(show).collect()
}

/// A byte string: the start of a text, or how long it is.
fn shown(value: &[u8]) -> String {
    match std::str::from_utf8(value) {
        Ok(text) if !text.contains(|character: char| character.is_control()) => {
            let start: String = text.chars().take(CHARACTERS).collect();
            let more = if start.len() < text.len() { "…" } else { "" };
            format!("\"{start}{more}\"")
        }
        _ => count(value.len(), "byte"),
    }
}
