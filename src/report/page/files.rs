//! The section that lists the files.

use super::super::html::Html;
use super::super::state::State;
use super::super::text::{count, grouped};
use super::super::walk::Row;
use super::{word, Page};

/// The most files of which the page says what is wrong.
const MESSAGES: usize = 100;

impl Page<'_> {
    pub(super) fn write_files(&self, html: &mut Html) {
        let rows = &self.report.rows;
        html.raw("<section id=files>\n<h2>Files</h2>\n");
        self.write_messages(html);
        let checksums =
            same(rows.iter().filter(|row| row.checksums.is_some()), |row| row.checksums);
        let compression = same(rows.iter(), |row| row.compression);
        let has_damage = rows.iter().any(|row| row.damaged_regions > 0);
        html.raw("<div class=wide tabindex=0 role=region aria-label=\"Files\">");
        html.raw(match rows.len() {
            0..=999 => "<table class=sortable>\n<caption>",
            _ => "<table class=\"sortable many\">\n<caption>", // columns that need not be measured
        });
        html.text(&count(rows.len() as u64, "file"));
        match checksums {
            Some(Some("none")) => html.raw(", without checksums"),
            Some(Some(name)) => html.raw(", with ").raw(name).raw(" checksums"),
            _ => html.raw(""),
        };
        match compression {
            Some(Some(name)) => html.raw(", compressed with ").raw(name).raw("."),
            Some(None) => html.raw(", not compressed."),
            None => html.raw("."),
        };
        html.raw("</caption>\n<thead><tr><th scope=col>File<th scope=col class=n>Records");
        html.raw("<th scope=col class=n>Bytes<th scope=col>Index");
        html.raw(if checksums.is_none() { "<th scope=col>Checksums" } else { "" });
        html.raw(if compression.is_none() { "<th scope=col>Compression" } else { "" });
        html.raw(if has_damage { "<th scope=col class=n>Damaged regions" } else { "" });
        html.raw("</thead>\n<tbody>\n");
        for (number, row) in rows.iter().enumerate() {
            html.raw("<tr><td class=file>").text(&self.file_name(number)).raw("<td class=n>");
            match row.records {
                Some(records) => html.text(&grouped(records)),
                None => html.raw("?"),
            };
            html.raw("<td class=n>").text(&grouped(row.bytes)).raw(match row.state {
                State::Ok | State::Index => "<td>",
                _ if row.failed => "<td class=bad>",
                State::DamageLeftOut => "<td>",
                State::Damaged => "<td class=bad>",
                _ => "<td class=warn>",
            });
            html.text(word(row.state));
            if checksums.is_none() {
                html.raw("<td>").raw(row.checksums.unwrap_or("\u{2013}"));
            }
            if compression.is_none() {
                html.raw("<td>").raw(row.compression.unwrap_or("none"));
            }
            if has_damage {
                html.raw(if row.damaged_regions > 0 {
                    "<td class=\"n bad\">"
                } else {
                    "<td class=n>"
                });
                html.text(&grouped(row.damaged_regions));
            }
            html.raw("\n");
        }
        html.raw("</tbody></table></div>\n</section>\n");
    }

    /// What is wrong with files: those that failed first.
    fn write_messages(&self, html: &mut Html) {
        let rows = self.report.rows.iter().enumerate();
        let mut told: Vec<_> =
            rows.filter_map(|(number, row)| Some((number, row, row.reason.as_ref()?))).collect();
        if told.is_empty() {
            return;
        }
        told.sort_by_key(|(_, row, _)| !row.failed);
        html.raw(
            "<div class=wide tabindex=0 role=region aria-label=\"Messages\"><table>\n<caption>",
        );
        html.text(&count(told.len() as u64, "file"));
        html.raw(" with a message.");
        if told.len() > MESSAGES {
            html.raw(" The first ").number(MESSAGES).raw(" are here; --json has all.");
        }
        html.raw("</caption>\n<thead><tr><th scope=col>File<th scope=col>Index<th scope=col>Message</thead>\n");
        html.raw("<tbody>\n");
        for (number, row, error) in told.into_iter().take(MESSAGES) {
            html.raw("<tr><td class=file>").text(&self.file_name(number));
            html.raw(if row.failed { "<td class=bad>" } else { "<td class=warn>" });
            html.text(word(row.state)).raw("<td class=data>").text(error.detail()).raw("\n");
        }
        html.raw("</tbody></table></div>\n<h3>All files</h3>\n");
    }
}

/// What all rows have, if that is the same.
fn same<'r, T: PartialEq>(
    mut rows: impl Iterator<Item = &'r Row>,
    of: impl Fn(&Row) -> T,
) -> Option<T> {
    let first = of(rows.next()?);
    rows.all(|row| of(row) == first).then_some(first)
}
