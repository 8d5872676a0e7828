//! The section that shows damaged regions: where they are, what they are, and what to do.

use super::super::chart::strip;
use super::super::html::Html;
use super::super::text::{count, grouped, shell_word, size};
use super::super::walk::Region;
use super::advice::of_damage;
use super::Page;
use crate::error::ErrorKind;

/// The most files that are shown.
const FILES: usize = 50;

impl Page<'_> {
    pub(super) fn write_damage(&self, html: &mut Html) {
        let report = self.report;
        if report.regions.is_empty() {
            return;
        }
        let damaged = report.rows.iter().filter(|row| row.damaged_regions > 0).count();
        html.raw("<section id=damage>\n<h2>Damage</h2>\n<p class=note>");
        html.text(&count(report.damaged_regions(), "region")).raw(" in ");
        html.text(&count(damaged as u64, "file"));
        html.raw(
            ". Each strip is a file from its first byte to its last one; what is lost is marked. ",
        );
        html.raw("The other records are good, and are counted in this report.</p>\n");
        let mut kinds: Vec<_> = Vec::new();
        for region in &report.regions {
            let (what, meaning) = of_damage(region.error.kind());
            if !kinds.contains(&(what, meaning)) {
                kinds.push((what, meaning));
            }
        }
        html.raw("<ul class=says>\n");
        for (what, meaning) in kinds {
            html.raw("<li><span><strong>").raw(what).raw(".</strong> ").raw(meaning);
            html.raw("</span></li>\n");
        }
        html.raw("</ul>\n");
        let mut files = 0;
        let mut rest = &report.regions[..];
        while let Some(first) = rest.first() {
            let is_same = |region: &&Region| region.shard == first.shard;
            let (of_file, others) = rest.split_at(rest.iter().take_while(is_same).count());
            if files < FILES {
                self.write_file_damage(html, of_file);
            }
            (files, rest) = (files + 1, others);
        }
        let kept = report.regions.len() as u64;
        if files > FILES || kept < report.damaged_regions() {
            html.raw("<p class=note>Not all regions are shown: there are too many.</p>\n");
        }
        html.raw("</section>\n");
    }

    fn write_file_damage(&self, html: &mut Html, regions: &[Region]) {
        let shard = regions[0].shard;
        let (path, row) = (&self.report.shards[shard].path, &self.report.rows[shard]);
        html.raw("<h3 class=data>").text(&self.file_name(shard)).raw("</h3>\n");
        let places: Vec<_> = regions.iter().map(|region| (region.start, region.end)).collect();
        let description = format!(
            "{}: {} of {}, {} lost",
            self.file_name(shard),
            count(row.damaged_regions, "damaged region"),
            size(row.data_bytes as f64),
            size(row.damaged_bytes as f64)
        );
        strip(html, row.data_bytes, &places, &description);
        html.raw("<div class=wide tabindex=0 role=region aria-label=\"Damaged regions\"><table>\n");
        html.raw(
            "<thead><tr><th class=n>From byte<th class=n>Bytes<th class=n>Good records before",
        );
        html.raw("<th>What it is<th>Message</thead>\n<tbody>\n");
        for region in regions {
            html.raw("<tr><td class=n>").text(&grouped(region.start)).raw("<td class=n>");
            html.text(&grouped(region.end - region.start)).raw("<td class=n>");
            html.text(&grouped(region.record))
                .raw("<td class=kind>")
                .raw(of_damage(region.error.kind()).0);
            html.raw("<td class=data>").text(region.error.detail()).raw("\n");
        }
        html.raw("</tbody></table></div>\n<p>Copy the file again from where it came from. Or write an index ");
        html.raw("of the good records:<code class=cmd>tfr-index create ");
        let is_payload = |region: &Region| region.error.kind() == ErrorKind::PayloadCrc;
        html.raw(if regions.iter().any(is_payload) { "--checksums full " } else { "" });
        html.raw("--salvage ").text(&shell_word(path)).raw("</code></p>\n");
        html.raw("<p>To see what is at a byte:<code class=cmd>tfr-index locate --salvage ");
        html.text(&shell_word(path)).raw(" ").number(regions[0].start).raw("</code></p>\n");
    }
}
