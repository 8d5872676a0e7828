//! `tfr-index features`: which features the records of a data set have.

pub use tfr_index::internal::printable;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use base64::prelude::{Engine, BASE64_STANDARD};
use clap::Args;
use serde_json::{json, Value};
use tfr_index::internal::{dali_spec, python_spec};
use tfr_index::{
    infer_features, Error, ErrorKind, Feature, FeatureKind, FeatureStats, Inferred, Options,
};

use crate::json;
use crate::paths::{Indexes, Set};
use crate::policy::Policy;
use crate::shared::exit::done;
use crate::shared::salvage::DamageReport;
use crate::shared::stdio::{count, fail, name, note, print};

/// Print which features tf.train.Example records have, and how to read them
///
/// For each feature: how many records have it, how many values a record has, its share of the bytes,
/// and its kind. Then the same as a specification for Python and for NVIDIA DALI. A feature that all
/// records have, with the same number of values, has a fixed shape; the others are ragged. If
/// TensorFlow Datasets wrote a features.json beside the first file, shapes come from there.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Features {
    /// Data files, directories, patterns and manifests
    #[arg(required_unless_present = "files_from", value_name = "PATH")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    set: Set,
    /// How many records to read: the first ones of each file, the same number of each; or all
    #[arg(short = 'n', long, default_value = "1000", value_name = "N|all")]
    #[arg(value_parser = number_or_all)]
    records: Records,
    #[command(flatten)]
    indexes: Indexes,
    /// Scan the files and skip damage (damaged payloads only with --checksums full)
    #[arg(long, conflicts_with = "index")]
    salvage: bool,
    /// Which checksums of the records to verify; auto means full if the file has valid checksums
    #[arg(short, long, value_enum, default_value_t, value_name = "POLICY")]
    checksums: Policy,
    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  tfr-index features train.tfrecord
  tfr-index features data/train-*.tfrecord --records all
  tfr-index features data --json | jq .features";

/// `None`: all. (clap would take an `Option` for an argument that may be missing.)
#[derive(Clone, Copy)]
struct Records(Option<u64>);

fn number_or_all(word: &str) -> anyhow::Result<Records> {
    match word.parse() {
        _ if word == "all" => Ok(Records(None)),
        Ok(0) | Err(_) => bail!("expected a number from 1 on, or all"),
        Ok(number) => Ok(Records(Some(number))),
    }
}

impl Features {
    pub fn run(self) -> ExitCode {
        let damaged = DamageReport::default();
        let printed = self.infer(&damaged).and_then(|inferred| {
            for warning in &inferred.warnings {
                note(&format_args!("warning: {warning}"));
            }
            match self.json {
                true => print(&as_json(&inferred)),
                false => print(&as_text(&inferred)),
            }
        });
        match printed {
            Ok(()) => done(damaged.regions()),
            Err(error) => {
                let known = error.downcast_ref::<Error>();
                let path = known.and_then(Error::path);
                let object = json!({ "error": json::fields(&error) });
                if self.json {
                    let _ = print(&json::line(&[("path", path)], object));
                }
                let hint = known.is_some_and(|error| error.kind() == ErrorKind::PayloadCrc);
                match self.salvage && hint {
                    true => {
                        fail(&format!("{error:#}; to skip damaged payloads, use --checksums full"))
                    }
                    false => fail(&error),
                }
            }
        }
    }

    fn infer(&self, damaged: &DamageReport) -> anyhow::Result<Inferred> {
        let files = self.files.clone();
        let shards = match self.salvage {
            true => self.set.find(files)?, // files may have been cut
            false => self.set.find_as_listed(files)?,
        };
        let shards = self.indexes.of(shards)?;
        let on_skipped = |skipped| damaged.add(skipped);
        let options = Options::new().checksums(self.checksums.into()).salvage(self.salvage);
        Ok(infer_features(&shards, self.records.0, &options.on_skipped(&on_skipped))?)
    }
}

/// A row for each feature, and the specifications.
fn as_text(inferred: &Inferred) -> String {
    let schema = &inferred.schema;
    let rows = || {
        let features = schema.features().map(|row| (false, row));
        features.chain(schema.sequences().map(|row| (true, row)))
    };
    let bytes: u64 = rows().map(|(_, (_, stats))| stats.bytes).sum();
    let width = rows().map(|(_, (_, stats))| kinds(stats).len()).max().unwrap_or(0).max(5);
    let mut text = String::new();
    if rows().next().is_some() {
        text += &format!("     records        values   bytes  {:<width$}  feature\n", "kind");
    }
    for (is_sequence, (key, stats)) in rows() {
        let records = match is_sequence {
            true => stats.records() + stats.kindless_records,
            false => stats.records(),
        };
        let values = values(stats, feature(inferred, key, is_sequence));
        let share = format!("{:.1}%", 100.0 * stats.bytes as f64 / bytes as f64);
        let kind = kinds(stats);
        let name = printable(key);
        text += &format!("{records:>12}{values:>14}{share:>8}  {kind:<width$}  {name}");
        if is_sequence {
            text += &format!(", a sequence of {} steps", range(stats.min_steps, stats.max_steps));
        }
        text += "\n";
    }
    text += &count(schema.records() as usize, "record");
    if let Some(path) = &inferred.declared_in {
        text += &format!("; shapes from {}", name(path));
    }
    text += "\n";
    if !inferred.features.is_empty() {
        text += &format!("\n# Python\n{}", python_spec(&inferred.features));
        text += &format!("\n# NVIDIA DALI\n{}", dali_spec(&inferred.features));
    }
    text
}

/// How to read the feature of this name, if any record has values of it.
fn feature<'i>(inferred: &'i Inferred, key: &[u8], is_sequence: bool) -> Option<&'i Feature> {
    let mut features = inferred.features.iter();
    features.find(|feature| feature.name() == key && feature.is_sequence() == is_sequence)
}

/// The shape, if it has several dimensions; otherwise how many values there are.
fn values(stats: &FeatureStats, feature: Option<&Feature>) -> String {
    match feature.and_then(Feature::dimensions) {
        Some(shape) if shape.len() > 1 => {
            shape.iter().map(ToString::to_string).collect::<Vec<_>>().join("x")
        }
        _ => range(stats.min_values, stats.max_values),
    }
}

fn range(min: u64, max: u64) -> String {
    match min == max {
        true => min.to_string(),
        false => format!("{min}-{max}"),
    }
}

/// The kinds that records have, the most frequent one first.
fn kinds(stats: &FeatureStats) -> String {
    let first = stats.kind();
    let others = [
        (stats.bytes_records, FeatureKind::Bytes),
        (stats.float_records, FeatureKind::Float),
        (stats.int64_records, FeatureKind::Int64),
    ];
    let others = others.into_iter().filter(|&(records, kind)| records > 0 && Some(kind) != first);
    let kinds = first.into_iter().chain(others.map(|(_, kind)| kind));
    let kinds: Vec<_> = kinds.map(|kind| kind.to_string()).collect();
    match kinds.is_empty() {
        true => "-".to_owned(),
        false => kinds.join("|"),
    }
}

fn as_json(inferred: &Inferred) -> String {
    let schema = &inferred.schema;
    let object = |is_sequence: bool, key: &[u8], stats: &FeatureStats| {
        let feature = feature(inferred, key, is_sequence);
        let mut object = json!({
            "name": String::from_utf8_lossy(key),
            "kind": stats.kind().map(|kind| kind.to_string()),
            "shape": feature.and_then(Feature::dimensions),
            "records": stats.records(),
            "min_values": stats.min_values,
            "max_values": stats.max_values,
            "bytes": stats.bytes,
            "bytes_records": stats.bytes_records,
            "float_records": stats.float_records,
            "int64_records": stats.int64_records,
            "kindless_records": stats.kindless_records,
        });
        if std::str::from_utf8(key).is_err() {
            object["name_bytes"] = json!(BASE64_STANDARD.encode(key));
        }
        if is_sequence {
            object["min_steps"] = json!(stats.min_steps);
            object["max_steps"] = json!(stats.max_steps);
        }
        object
    };
    let features = schema.features().map(|(key, stats)| object(false, key, stats));
    let sequences = schema.sequences().map(|(key, stats)| object(true, key, stats));
    let object = json!({
        "records": schema.records(),
        "features": features.collect::<Vec<Value>>(),
        "sequences": sequences.collect::<Vec<Value>>(),
        "python": python_spec(&inferred.features),
        "dali": dali_spec(&inferred.features),
    });
    json::line(&[("features_json", inferred.declared_in.as_deref())], object)
}
