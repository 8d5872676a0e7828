//! The section that shows some records of the sample.

use super::super::contents::{Shown, ShownField, ShownValues};
use super::super::html::Html;
use super::super::media::{hex, visible, Piece};
use super::super::text::{count, grouped, size};
use super::Page;

/// The most features of a record that are shown.
const FIELDS: usize = 30;

impl Page<'_> {
    pub(super) fn write_records(&self, html: &mut Html) {
        let report = self.report;
        let shown = &report.contents.shown;
        if shown.is_empty() {
            return;
        }
        html.raw("<section id=records>\n<h2>Records</h2>\n<p class=note>").number(shown.len());
        html.raw(" of the ")
            .text(&count(report.sampled, "record"))
            .raw(" in the sample, chosen at random");
        html.raw(" with seed ").number(report.settings.seed).raw(".");
        if report.unread > 0 {
            html.raw(" Left out, because they are damaged or too large: ");
            html.text(&grouped(report.unread)).raw(".");
        }
        if let Some(error) = &report.contents.first_error {
            html.raw(" Some are no tf.train.Example: <span class=data>").text(error.detail());
            html.raw("</span>. Their payloads are shown as they are.");
        }
        html.raw("</p>\n<div class=records>\n");
        for one in shown {
            self.write_record(html, one);
        }
        html.raw("</div>\n</section>\n");
    }

    fn write_record(&self, html: &mut Html, shown: &Shown) {
        html.raw("<article><header><h3>Record ").text(&grouped(shown.record)).raw("</h3>");
        if self.report.shards.len() > 1 {
            html.raw("<span class=data>").text(&self.file_name(shown.shard)).raw("</span>, ");
        }
        html.text(&size(shown.bytes as f64)).raw("</header>");
        if let Some(payload) = &shown.payload {
            html.raw("<div>");
            write_piece(html, shown.bytes, payload, "payload");
            html.raw("</div>");
        }
        if !shown.fields.is_empty() {
            html.raw("<dl>");
            let (pictures, others): (Vec<_>, _) =
                shown.fields.iter().take(FIELDS).partition(|field| has_picture(field));
            for field in pictures.into_iter().chain(others) {
                write_field(html, field);
            }
            html.raw("</dl>");
        }
        if shown.fields.len() > FIELDS {
            html.raw("<p class=note>and ")
                .number(shown.fields.len() - FIELDS)
                .raw(" features more</p>");
        }
        html.raw("</article>\n");
    }
}

/// Whether a picture of the field is embedded.
fn has_picture(field: &ShownField) -> bool {
    let is_picture = |piece: &Piece| matches!(piece, Piece::Picture { data: Some(_), .. });
    matches!(&field.values, ShownValues::Bytes(pieces) if pieces.iter().any(|(_, one)| is_picture(one)))
}

fn write_field(html: &mut Html, field: &ShownField) {
    html.raw(if has_picture(field) { "<div class=whole>" } else { "<div>" });
    let name = visible(&field.name);
    let name = if name.is_empty() { "(no name)" } else { &name };
    html.raw("<dt><span class=data>").text(name).raw("</span>");
    if let Some(steps) = field.steps {
        html.raw(", ").text(&count(steps as u64, "step"));
    }
    if field.count != 1 {
        html.raw(", ").text(&count(field.count as u64, "value"));
    }
    html.raw("</dt><dd>");
    let shown = match &field.values {
        ShownValues::None => {
            html.raw("<span class=soft>no kind</span>");
            0
        }
        ShownValues::Int64(values) => {
            write_list(html, values.iter().map(ToString::to_string));
            values.len()
        }
        ShownValues::Float(values) => {
            write_list(html, values.iter().map(ToString::to_string));
            values.len()
        }
        ShownValues::Bytes(pieces) => {
            for (bytes, piece) in pieces {
                html.raw("<div>");
                write_piece(html, *bytes, piece, name);
                html.raw("</div>");
            }
            pieces.len()
        }
    };
    if field.count == 0 {
        html.raw("<span class=soft>none</span>");
    } else if shown < field.count {
        html.raw("<span class=soft> and ").text(&grouped((field.count - shown) as u64));
        html.raw(" more</span>");
    }
    html.raw("</dd></div>");
}

fn write_list(html: &mut Html, values: impl Iterator<Item = String>) {
    html.text(&values.collect::<Vec<_>>().join(", ").replace('-', "\u{2212}"));
}

fn write_piece(html: &mut Html, bytes: u64, piece: &Piece, name: &str) {
    match piece {
        Piece::Text { text, .. } if text.is_empty() => {
            html.raw("<span class=soft>empty</span>");
        }
        Piece::Text { text, is_whole } => {
            html.raw("<span class=\"data text\">").text(text).raw("</span>");
            if !is_whole {
                html.raw("<span class=soft>\u{2026} ")
                    .text(&size(bytes as f64))
                    .raw(" of text</span>");
            }
        }
        Piece::Picture { format, data: Some(data) } => {
            html.raw("<img alt=\"").text(name).raw("\" src=\"").raw(format.data_uri());
            html.base64(data).raw("\"><span class=soft>").raw(format.name()).raw(", ");
            html.text(&size(bytes as f64)).raw("</span>");
        }
        Piece::Picture { format, data: None } => {
            html.raw("<span class=soft>").raw(format.name()).raw(", ").text(&size(bytes as f64));
            html.raw(", not in the page: pictures have their most bytes</span>");
        }
        Piece::Other(start) => {
            html.raw("<code>").text(&hex(start)).raw("</code>");
            html.raw("<span class=soft>");
            html.raw(if bytes > start.len() as u64 { "\u{2026} " } else { " " });
            html.text(&size(bytes as f64)).raw("</span>");
        }
    }
}
