//! A report as JSON.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::contents::{Facts, Shown, ShownField, ShownValues, Value};
use super::histogram::Bar;
use super::media::{base64, hex, Piece};
use super::page::advice::of_damage;
use super::Report;
use crate::error::{is_unprintable, Error};
use crate::example::FeatureStats;

/// The most frequent values that are listed.
const FREQUENT: usize = 20;

/// Writes JSON: values, with the commas between them.
#[derive(Default)]
struct Json(String);

impl Json {
    fn comma(&mut self) {
        if !matches!(self.0.as_bytes().last(), None | Some(b'{' | b'[' | b':')) {
            self.0.push(',');
        }
    }

    fn key(&mut self, key: &str) -> &mut Json {
        self.string(key);
        self.0.push(':');
        self
    }

    /// Characters that terminals obey are escaped, too. All of them are below U+10000.
    fn string(&mut self, text: &str) {
        self.comma();
        self.0.push('"');
        for character in text.chars() {
            match character {
                '"' | '\\' => self.0.extend(['\\', character]),
                _ if is_unprintable(character) => {
                    self.0 += &format!("\\u{:04x}", u32::from(character));
                }
                _ => self.0.push(character),
            }
        }
        self.0.push('"');
    }

    /// Appends what is a value of JSON already: a number, `true`, `null`.
    fn plain(&mut self, value: impl std::fmt::Display) {
        self.comma();
        self.0 += &value.to_string();
    }

    /// A number, as `{:?}` writes it; `null` if JSON has none.
    fn float(&mut self, value: f64) {
        match value.is_finite() {
            true => self.plain(format_args!("{value:?}")),
            false => self.plain("null"),
        }
    }

    fn optional(&mut self, value: Option<impl std::fmt::Display>) {
        match value {
            Some(value) => self.plain(value),
            None => self.plain("null"),
        }
    }

    fn optional_string(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.string(text),
            None => self.plain("null"),
        }
    }

    fn object(&mut self, members: impl FnOnce(&mut Json)) {
        self.comma();
        self.0.push('{');
        members(self);
        self.0.push('}');
    }

    fn array<T>(&mut self, items: impl IntoIterator<Item = T>, mut item: impl FnMut(&mut Json, T)) {
        self.comma();
        self.0.push('[');
        items.into_iter().for_each(|one| item(self, one));
        self.0.push(']');
    }

    /// A name: as text, and also in Base64 if it is not UTF-8.
    fn name(&mut self, key: &str, name: &[u8]) {
        self.key(key).string(&String::from_utf8_lossy(name));
        if std::str::from_utf8(name).is_err() {
            self.key(&format!("{key}_bytes")).string(&base64(name));
        }
    }

    fn path(&mut self, path: &Path) {
        self.name("path", path.as_os_str().as_bytes());
    }

    fn error(&mut self, error: &Error) {
        self.object(|json| {
            json.key("status").string(error.kind().name());
            json.key("message").string(&error.to_string());
            json.key("record").optional(error.record());
            json.key("offset").optional(error.offset());
        });
    }

    fn bars(&mut self, bars: &[Bar]) {
        self.array(bars, |json, bar| {
            json.object(|json| {
                json.key("from").float(bar.from);
                json.key("below").float(bar.below);
                json.key("count").plain(bar.count);
            });
        });
    }
}

pub(super) fn write(report: &Report) -> String {
    let mut json = Json::default();
    json.object(|json| {
        json.key("format").string("tfr-index-report");
        json.key("version").plain(1);
        json.key("settings").object(|json| {
            json.key("sample").plain(report.settings.sample);
            json.key("seed").plain(report.settings.seed);
            json.key("max_bytes").plain(report.settings.max_bytes);
            json.key("values").plain(report.settings.values);
        });
        json.key("total").object(|json| totals(json, report));
        json.key("record_bytes").object(|json| {
            let range = report.sizes.range();
            json.key("min").optional(range.map(|(min, _)| min));
            json.key("max").optional(range.map(|(_, max)| max));
            json.key("mean").float(report.sizes.mean().unwrap_or(f64::NAN));
            json.key("histogram").bars(&report.sizes.bars());
        });
        json.key("files").array(0..report.rows.len(), |json, file| row(json, report, file));
        json.key("damage").array(&report.regions, |json, region| {
            json.object(|json| {
                json.path(&report.shards[region.shard].path);
                json.key("start").plain(region.start);
                json.key("end").plain(region.end);
                json.key("records_before").plain(region.record);
                json.key("what").string(of_damage(region.error.kind()).0);
                json.key("error").error(&region.error);
            });
        });
        json.key("sample").object(|json| sample(json, report));
        json.key("records").array(&report.contents.shown, |json, shown| {
            json.object(|json| record(json, report, shown));
        });
        json.key("snippets").object(|json| {
            json.key("python").string(&report.snippets.python);
            json.key("pytorch").string(&report.snippets.pytorch);
            json.key("dali").string(&report.snippets.dali);
            json.key("cpp").string(&report.snippets.cpp);
        });
    });
    json.0 + "\n"
}

fn totals(json: &mut Json, report: &Report) {
    json.key("files").plain(report.rows.len());
    json.key("failed").plain(report.failed());
    json.key("records").plain(report.records());
    json.key("bytes").plain(report.rows.iter().map(|row| row.bytes).sum::<u64>());
    json.key("damaged_regions").plain(report.damaged_regions());
    json.key("damaged_bytes").plain(report.rows.iter().map(|row| row.damaged_bytes).sum::<u64>());
    json.key("states").object(|json| {
        for (state, files) in report.states() {
            json.key(&state.code()).plain(files);
        }
    });
}

fn row(json: &mut Json, report: &Report, file: usize) {
    let row = &report.rows[file];
    json.object(|json| {
        json.path(&report.shards[file].path);
        json.key("records").optional(row.records);
        json.key("bytes").plain(row.bytes);
        json.key("state").string(&row.state.code());
        json.key("compression").optional_string(row.compression);
        json.key("checksums").optional_string(row.checksums);
        json.key("damaged_regions").plain(row.damaged_regions);
        json.key("damaged_bytes").plain(row.damaged_bytes);
        json.key("failed").plain(row.failed);
        match &row.reason {
            Some(error) => json.key("error").error(error),
            None => json.key("error").plain("null"),
        }
    });
}

fn sample(json: &mut Json, report: &Report) {
    let contents = &report.contents;
    json.key("records").plain(report.sampled);
    json.key("unread").plain(report.unread);
    json.key("not_examples").plain(contents.not_examples);
    match &contents.first_error {
        Some(error) => json.key("first_error").error(error),
        None => json.key("first_error").plain("null"),
    }
    let schema = &contents.schema;
    let features = schema.features().map(|(name, stats)| (false, name, stats));
    let sequences = schema.sequences().map(|(name, stats)| (true, name, stats));
    json.key("features").array(features.chain(sequences), |json, (is_sequence, name, stats)| {
        json.object(|json| feature(json, report, is_sequence, name, stats));
    });
}

fn feature(json: &mut Json, report: &Report, is_sequence: bool, name: &[u8], stats: &FeatureStats) {
    json.name("name", name);
    json.key("sequence").plain(is_sequence);
    json.key("kind").optional_string(stats.kind().map(|kind| kind.to_string()).as_deref());
    let shape = report.feature(is_sequence, name).and_then(|feature| feature.dimensions());
    match shape {
        Some(shape) => json.key("shape").array(shape, |json, size| json.plain(size)),
        None => json.key("shape").plain("null"),
    }
    json.key("records").plain(stats.records());
    json.key("kindless_records").plain(stats.kindless_records);
    json.key("min_values").plain(stats.min_values);
    json.key("max_values").plain(stats.max_values);
    if is_sequence {
        json.key("min_steps").plain(stats.min_steps);
        json.key("max_steps").plain(stats.max_steps);
    }
    json.key("bytes").plain(stats.bytes);
    if let Some(facts) = report.contents.facts.get(&(is_sequence, name.to_vec())) {
        facts_of(json, report, facts);
    }
}

fn facts_of(json: &mut Json, report: &Report, facts: &Facts) {
    if let Some((min, max)) = facts.lengths.range() {
        json.key("value_bytes").object(|json| {
            json.key("min").plain(min);
            json.key("max").plain(max);
            json.key("histogram").bars(&facts.lengths.bars());
        });
    }
    if !report.settings.values {
        return;
    }
    if facts.lengths.count() > 0 {
        json.key("texts").plain(facts.texts);
        json.key("pictures").object(|json| {
            for (format, count) in &facts.formats {
                json.key(format.name()).plain(count);
            }
        });
    }
    match (facts.ints, facts.floats) {
        (Some((min, max)), _) => {
            json.key("min").plain(min);
            json.key("max").plain(max);
        }
        (None, Some((min, max))) => {
            json.key("min").plain(format_args!("{min:?}"));
            json.key("max").plain(format_args!("{max:?}"));
        }
        (None, None) => {}
    }
    if facts.numbers > 0 {
        json.key("mean").float(facts.sum / facts.numbers as f64);
        json.key("histogram").bars(&facts.bars(20));
    }
    if facts.not_finite > 0 {
        json.key("not_finite").plain(facts.not_finite);
    }
    let Some(sorted) = facts.frequent.sorted() else { return };
    if sorted.is_empty() {
        return;
    }
    json.key("different_values").plain(sorted.len());
    json.key("frequent").array(sorted.into_iter().take(FREQUENT), |json, (value, count)| {
        json.object(|json| {
            match value {
                Value::Int(value) => json.key("value").plain(value),
                Value::Text(text) => json.key("value").string(text),
            }
            json.key("count").plain(count);
        });
    });
}

fn record(json: &mut Json, report: &Report, shown: &Shown) {
    json.path(&report.shards[shown.shard].path);
    json.key("record").plain(shown.record);
    json.key("offset").plain(shown.offset);
    json.key("bytes").plain(shown.bytes);
    if let Some(payload) = &shown.payload {
        json.key("payload");
        piece(json, shown.bytes, payload);
    }
    json.key("features")
        .array(&shown.fields, |json, field| json.object(|json| values(json, field)));
}

fn values(json: &mut Json, field: &ShownField) {
    json.name("name", &field.name);
    json.key("count").plain(field.count);
    if let Some(steps) = field.steps {
        json.key("steps").plain(steps);
    }
    json.key("values");
    match &field.values {
        ShownValues::None => json.plain("null"),
        ShownValues::Int64(values) => json.array(values, |json, value| json.plain(value)),
        ShownValues::Float(values) => json.array(values, |json, value| match value.is_finite() {
            true => json.plain(format_args!("{value:?}")),
            false => json.plain("null"),
        }),
        ShownValues::Bytes(pieces) => {
            json.array(pieces, |json, (bytes, value)| piece(json, *bytes, value));
        }
    }
}

/// A byte string. Pictures are not in JSON.
fn piece(json: &mut Json, bytes: u64, piece: &Piece) {
    json.object(|json| {
        json.key("bytes").plain(bytes);
        match piece {
            Piece::Text { text, .. } => json.key("text").string(text),
            Piece::Picture { format, .. } => json.key("picture").string(format.name()),
            Piece::Other(start) => json.key("hex").string(&hex(start)),
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped() {
        let mut json = Json::default();
        json.object(|json| {
            json.name("name", b"\"\\\n\xff</script>");
            json.key("list").array([1.0, 0.1, f64::NAN, 1e300], |json, one| json.float(one));
            json.key("none").object(|_| {});
            json.key("hidden").string("\u{202e}\u{e9}");
        });
        let right = "{\"name\":\"\\\"\\\\\\u000a\u{fffd}</script>\",\"name_bytes\":\"\
                     Ilwk\",\"list\":[1.0,0.1,null,1e300],\"none\":{},\
                     \"hidden\":\"\\u202e\u{e9}\"}";
        let right = right.replace("Ilwk", &base64(b"\"\\\n\xff</script>"));
        assert_eq!(json.0, right);
    }
}
