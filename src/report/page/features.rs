//! The section that shows the features of the sample.

use super::super::chart::small;
use super::super::contents::{Facts, Name, Value};
use super::super::html::Html;
use super::super::media::visible;
use super::super::text::{count, grouped, percent, range, short, size};
use super::Page;
use crate::example::{FeatureKind, FeatureStats};

/// The most features that are shown, the most frequent values, and the bars of a small chart.
const FEATURES: usize = 300;
const FREQUENT: usize = 4;
const BARS: usize = 30;

impl Page<'_> {
    pub(super) fn write_features(&self, html: &mut Html) {
        let report = self.report;
        let schema = &report.contents.schema;
        let all = schema.features().len() + schema.sequences().len();
        if all == 0 {
            return;
        }
        html.raw("<section id=features>\n<h2>Features</h2>\n");
        html.raw("<div class=wide tabindex=0 role=region aria-label=\"Features\">");
        html.raw("<table class=sortable>\n<caption>")
            .text(&count(all as u64, "feature"))
            .raw(" of ");
        html.text(&count(schema.records(), "random record"));
        html.raw(" (tf.train.Example). In is the share of these records that have the feature; Share is ");
        html.raw("its part of the bytes.");
        if report.contents.not_examples > 0 {
            html.raw(" ").text(&count(report.contents.not_examples, "other record"));
            html.raw(" of the sample cannot be decoded.");
        }
        if !report.settings.values {
            html.raw(" Values were left out.");
        }
        if all > FEATURES {
            html.raw(" The first ").number(FEATURES).raw(" are here; --json has all.");
        }
        html.raw("</caption>\n<thead><tr><th scope=col>Feature<th scope=col>Kind<th scope=col class=n>In");
        html.raw("<th scope=col class=n>Values<th scope=col class=n>Share<th scope=col>");
        html.raw(if report.settings.values { "Range" } else { "Sizes" });
        html.raw("<th scope=col class=fixed>Distribution");
        html.raw(if report.settings.values {
            "<th scope=col class=fixed>Most frequent"
        } else {
            ""
        });
        html.raw("</thead>\n<tbody>\n");
        let features = schema.features().map(|(name, stats)| ((false, name.to_vec()), stats));
        let sequences = schema.sequences().map(|(name, stats)| ((true, name.to_vec()), stats));
        let rows: Vec<_> = features.chain(sequences).take(FEATURES).collect();
        let bytes: u64 = rows.iter().map(|(_, stats)| stats.bytes).sum();
        for (name, stats) in &rows {
            self.write_feature(html, name, stats, bytes);
        }
        html.raw("</tbody></table></div>\n</section>\n");
    }

    fn write_feature(&self, html: &mut Html, name: &Name, stats: &FeatureStats, bytes: u64) {
        let (is_sequence, key) = name;
        let records = self.report.contents.schema.records();
        html.raw("<tr><th scope=row class=data>");
        html.text(&if key.is_empty() { "(no name)".to_owned() } else { visible(key) });
        html.raw("<td>").raw(stats.kind().map_or("none", kind));
        html.raw(if *is_sequence { ", sequence" } else { "" });
        let kinds = [stats.bytes_records, stats.float_records, stats.int64_records];
        let is_mixed = kinds.iter().filter(|records| **records > 0).count() > 1;
        html.raw(if is_mixed { "<br><span class=warn>mixed kinds</span>" } else { "" });
        let have = match is_sequence {
            true => stats.records() + stats.kindless_records,
            false => stats.records(),
        };
        html.raw("<td class=n>").text(&percent(have, records)).raw("<td class=n>");
        let dimensions = self.report.feature(*is_sequence, key).and_then(|one| one.dimensions());
        match dimensions {
            Some(shape) if shape.len() > 1 => {
                let shape: Vec<_> = shape.iter().map(ToString::to_string).collect();
                html.text(&shape.join(" \u{d7} "))
            }
            _ => html.text(&range(stats.min_values, stats.max_values)),
        };
        if *is_sequence {
            html.raw("<br>in ").text(&range(stats.min_steps, stats.max_steps)).raw(" steps");
        }
        html.raw("<td class=n>").text(&percent(stats.bytes, bytes)).raw("<td>");
        let none = Facts::default();
        let facts = self.report.contents.facts.get(name).unwrap_or(&none);
        write_range(html, facts);
        html.raw("<td>");
        self.write_distribution(html, facts);
        if self.report.settings.values {
            html.raw("<td>");
            write_frequent(html, facts);
        }
        html.raw("\n");
    }

    fn write_distribution(&self, html: &mut Html, facts: &Facts) {
        let bars = facts.bars(BARS);
        if facts.numbers > 1 && bars.len() > 1 {
            let (first, last) = (bars[0].from, bars[bars.len() - 1].below);
            let description = format!(
                "{} from {} to {}",
                count(facts.numbers, "number"),
                short(first),
                short(last)
            );
            return small(html, &bars, &description);
        }
        let bars = facts.lengths.bars();
        if bars.len() > 1 {
            let (least, most) = facts.lengths.range().unwrap_or_default();
            let description = format!(
                "sizes of {} from {} to {}",
                count(facts.lengths.count(), "byte string"),
                size(least as f64),
                size(most as f64)
            );
            return small(html, &bars, &description);
        }
        let bars = facts.counts.bars();
        if bars.len() > 1 {
            let (least, most) = facts.counts.range().unwrap_or_default();
            small(html, &bars, &format!("{} values in a record", range(least, most)));
        }
    }
}

fn kind(kind: FeatureKind) -> &'static str {
    match kind {
        FeatureKind::Bytes => "bytes",
        FeatureKind::Float => "float",
        FeatureKind::Int64 => "int64",
    }
}

fn write_range(html: &mut Html, facts: &Facts) {
    match (facts.ints, facts.floats) {
        (Some((least, most)), _) => {
            write_numbers(html, &exact(least), &exact(most), facts);
        }
        (None, Some((least, most))) => {
            write_numbers(html, &short(f64::from(least)), &short(f64::from(most)), facts);
        }
        (None, None) => {}
    }
    if facts.not_finite > 0 {
        html.raw("<br><span class=warn>")
            .text(&grouped(facts.not_finite))
            .raw(" not finite</span>");
    }
    if let Some((least, most)) = facts.lengths.range() {
        match least == most {
            true => html.text(&size(least as f64)),
            false => html.text(&size(least as f64)).raw(" to ").text(&size(most as f64)),
        };
    }
}

fn write_numbers(html: &mut Html, least: &str, most: &str, facts: &Facts) {
    html.text(least);
    if least != most {
        html.raw(" to ").text(most).raw("<br><span class=soft>mean ");
        html.text(&short(facts.sum / facts.numbers as f64)).raw("</span>");
    }
}

fn exact(number: i64) -> String {
    let sign = if number < 0 { "\u{2212}" } else { "" };
    sign.to_owned() + &grouped(number.unsigned_abs())
}

/// The most frequent values, if any occurs twice; otherwise what the values are.
fn write_frequent(html: &mut Html, facts: &Facts) {
    for (format, pictures) in &facts.formats {
        html.text(&grouped(*pictures)).raw(" ").raw(format.name()).raw("<br>");
    }
    let sorted = facts.frequent.sorted().unwrap_or_default();
    if !sorted.first().is_some_and(|(_, count)| *count > 1) {
        if facts.texts > 0 && facts.formats.is_empty() {
            html.raw("<span class=soft>").text(&count(facts.texts, "text")).raw("</span>");
        }
        return;
    }
    html.raw("<ul class=values>");
    for (value, count) in sorted.iter().take(FREQUENT) {
        html.raw("<li><span class=data>");
        match value {
            Value::Int(value) => html.text(&exact(*value)),
            Value::Text(text) if text.is_empty() => html.raw("<span class=soft>(empty)</span>"),
            Value::Text(text) => html.text(&visible(text.as_bytes())),
        };
        html.raw("</span> <span class=\"n soft\">")
            .text(&grouped(*count))
            .raw("\u{a0}\u{d7}</span></li>");
    }
    html.raw("</ul>");
    if sorted.len() > FREQUENT {
        html.raw("<span class=soft>of ").text(&grouped(sorted.len() as u64));
        html.raw(" different</span>");
    }
}
