//! A report as a page of HTML: one file, which asks for nothing from anywhere.

pub(super) mod advice;
mod damage;
mod features;
mod files;
mod records;

use std::path::{Path, PathBuf};

use super::chart::Chart;
use super::histogram::even_bars;
use super::html::Html;
use super::state::State;
use super::text::{count, grouped, range, shell_word, size};
use super::{Report, MARK};
use advice::of_state;

const STYLE: &str = include_str!("page/style.css");
/// Sorts tables. The page is complete without it.
const SCRIPT: &str = include_str!("page/sort.js");
/// Allows pictures in the page itself, its style, and the script with this hash: the SHA-256 of
/// `sort.js` in Base64. (`tests/python/test_report.py` compares them.)
const POLICY: &str = "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
    img-src data:; style-src 'unsafe-inline'; \
    script-src 'sha256-pnBIWsvQwHjEMQOXiEF1Zt6pT3hpox33Msd3/KBRZh0='; \
    base-uri 'none'; form-action 'none'\">\n";

/// The most paths in a command that the page suggests.
const PATHS: usize = 4;

pub(super) fn write(report: &Report) -> String {
    let page = Page::new(report);
    let mut html = Html::default();
    html.raw(MARK).raw("<html lang=en>\n<head>\n<meta charset=utf-8>\n").raw(POLICY);
    html.raw("<meta name=viewport content=\"width=device-width, initial-scale=1\">\n");
    html.raw("<link rel=icon href=\"data:,\">\n<title>").text(&page.title);
    html.raw(" \u{2013} tfr-index report</title>\n<style>\n")
        .raw(STYLE)
        .raw("</style>\n</head>\n<body>\n");
    page.write_head(&mut html);
    html.raw("<main>\n");
    page.write_sizes(&mut html);
    page.write_damage(&mut html);
    page.write_features(&mut html);
    page.write_records(&mut html);
    page.write_snippets(&mut html);
    page.write_files(&mut html);
    html.raw("</main>\n");
    page.write_foot(&mut html);
    html.raw("<script>").raw(SCRIPT).raw("</script>\n</body>\n</html>\n");
    html.into_string()
}

/// A report, and what all sections of its page need.
struct Page<'r> {
    report: &'r Report,
    title: String,
    /// The directory that all files are in; empty if there is none.
    common: PathBuf,
}

impl<'r> Page<'r> {
    fn new(report: &'r Report) -> Page<'r> {
        let title = match (&report.given[..], &report.shards[..]) {
            ([given], _) => name(given),
            (_, [shard]) => name(&shard.path),
            ([first, ..], _) => format!("{} and {} more", name(first), report.given.len() - 1),
            ([], shards) => count(shards.len() as u64, "file"),
        };
        let mut parents =
            report.shards.iter().map(|shard| shard.path.parent().unwrap_or(Path::new("")));
        let mut common = parents.next().unwrap_or(Path::new("")).to_owned();
        for parent in parents {
            while !parent.starts_with(&common) {
                common = common.parent().map(Path::to_owned).unwrap_or_default();
            }
        }
        Page { report, title, common }
    }

    /// The path of a file, below the directory that all are in.
    fn file_name(&self, shard: usize) -> String {
        let path = &self.report.shards[shard].path;
        name(path.strip_prefix(&self.common).unwrap_or(path))
    }

    /// The paths of a command for all files.
    fn words(&self) -> String {
        let Report { given, shards, .. } = self.report;
        let words = |paths: &mut dyn Iterator<Item = &Path>| {
            paths.map(shell_word).collect::<Vec<_>>().join(" ")
        };
        match (given.len(), shards.len()) {
            (1..=PATHS, _) => words(&mut given.iter().map(PathBuf::as_path)),
            (_, 1..=PATHS) => words(&mut shards.iter().map(|shard| shard.path.as_path())),
            _ => "FILES".to_owned(),
        }
    }

    fn write_head(&self, html: &mut Html) {
        let report = self.report;
        html.raw("<header>\n<h1 class=data>").text(&self.title).raw("</h1>\n<p>TFRecord data set");
        let is_given = report.given.contains(&self.common);
        if !self.common.as_os_str().is_empty() && report.shards.len() > 1 && !is_given {
            html.raw(" in <span class=data>").text(&name(&self.common)).raw("</span>");
        }
        html.raw("</p>\n");
        self.write_totals(html);
        self.write_states(html);
        html.raw("<nav aria-label=\"Sections\">");
        let contents = &report.contents;
        let has_features = contents.schema.features().len() + contents.schema.sequences().len() > 0;
        for (link, is_there) in [
            ("<a href=\"#sizes\">Sizes</a> ", report.records() > 0),
            ("<a href=\"#damage\">Damage</a> ", !report.regions.is_empty()),
            ("<a href=\"#features\">Features</a> ", has_features),
            ("<a href=\"#records\">Records</a> ", !contents.shown.is_empty()),
            ("<a href=\"#read\">How to read it</a> ", true),
            ("<a href=\"#files\">Files</a>", true),
        ] {
            html.raw(if is_there { link } else { "" });
        }
        html.raw("</nav>\n</header>\n");
    }

    fn write_totals(&self, html: &mut Html) {
        let report = self.report;
        let bytes: u64 = report.rows.iter().map(|row| row.bytes).sum();
        html.raw("<dl class=totals>\n<div><dt>Records</dt><dd>").text(&grouped(report.records()));
        if let Some(mean) = report.sizes.mean() {
            html.raw("<small>").text(&size(mean)).raw(" each on average</small>");
        }
        html.raw("</dd></div>\n<div><dt>Files</dt><dd>").text(&grouped(report.rows.len() as u64));
        let records = || report.rows.iter().filter_map(|row| row.records);
        if let (Some(least), Some(most), true) =
            (records().min(), records().max(), report.rows.len() > 1)
        {
            html.raw("<small>").text(&range(least, most)).raw(" records each</small>");
        }
        html.raw("</dd></div>\n<div><dt>Size</dt><dd>").text(&size(bytes as f64));
        html.raw("<small>").text(&count(bytes, "byte"));
        let compressed = report.rows.iter().filter(|row| row.compression.is_some()).count();
        if compressed > 0 {
            html.raw(", compressed");
        }
        html.raw("</small></dd></div>\n");
        let schema = &report.contents.schema;
        let features = schema.features().len() + schema.sequences().len();
        html.raw("<div><dt>Features</dt><dd>").text(&grouped(features as u64)).raw("<small>in ");
        html.text(&count(report.sampled, "sampled record")).raw("</small></dd></div>\n");
        let damage = report.damaged_regions();
        html.raw("<div><dt>Damaged regions</dt><dd");
        html.raw(if damage > 0 { " class=bad>" } else { ">" }).text(&grouped(damage));
        let lost: u64 = report.rows.iter().map(|row| row.damaged_bytes).sum();
        if damage > 0 {
            html.raw("<small>").text(&size(lost as f64)).raw(" skipped</small>");
        }
        html.raw("</dd></div>\n</dl>\n");
    }

    /// A sentence for each state of the files.
    fn write_states(&self, html: &mut Html) {
        let report = self.report;
        html.raw("<ul class=says>\n");
        for (state, files) in report.states() {
            let (meaning, command) = of_state(state);
            html.raw("<li").raw(match state {
                state if state.is_fine() => "",
                State::NoIndex | State::Partial | State::Stale | State::OtherFile => " class=warn",
                _ => " class=bad",
            });
            html.raw("><span><strong>").text(&count(files, "file")).raw(": ").text(word(state));
            html.raw(".</strong> ").text(meaning);
            if let Some(command) = command {
                html.raw(" <code class=cmd>").text(command).raw(" ").text(&self.words());
                html.raw("</code>");
            }
            html.raw("</span></li>\n");
        }
        if report.rows.is_empty() {
            html.raw("<li class=warn><span>There are no files.</span></li>\n");
        }
        html.raw("</ul>\n");
    }

    fn write_sizes(&self, html: &mut Html) {
        let report = self.report;
        let Some((least, most)) = report.sizes.range() else { return };
        html.raw("<section id=sizes>\n<h2>Sizes</h2>\n<div class=pair>\n<figure>");
        let bars = report.sizes.bars();
        let mean = report.sizes.mean().unwrap_or(0.0);
        let payloads = match report.records() {
            1 => "One payload".to_owned(),
            records => format!("{} payloads", grouped(records)),
        };
        let [least, most, mean] = [least as f64, most as f64, mean].map(size);
        let summary = match least == most {
            true => format!("{payloads} of {least}"),
            false => format!("{payloads} of {least} to {most}, {mean} on average"),
        };
        Chart {
            id: "payloads",
            title: "How large the payloads are",
            description: format!("{summary}."),
            bars: &bars,
            noun: "record",
            label: &size,
        }
        .write(html);
        html.raw("<figcaption><strong>Payload sizes.</strong> ").text(&summary);
        html.raw(". Each bar is a range of sizes, its height the number of records.");
        html.raw("</figcaption></figure>\n");
        let records: Vec<_> = report.rows.iter().filter_map(|row| row.records).collect();
        if records.len() > 1 {
            self.write_records_of_files(html, &records);
        }
        html.raw("</div>\n</section>\n");
    }

    fn write_records_of_files(&self, html: &mut Html, records: &[u64]) {
        let numbers: Vec<_> = records.iter().map(|records| (*records as f64, 1)).collect();
        let (least, most) = (records.iter().min(), records.iter().max());
        let (least, most) = (least.copied().unwrap_or(0), most.copied().unwrap_or(0));
        let summary = match least == most {
            true => format!("All {} files have {}", records.len(), count(least, "record")),
            false => format!("{} files have {} records each", records.len(), range(least, most)),
        };
        let evenness = match (least, most) {
            (least, most) if least == most => "they are even.".to_owned(),
            (0, _) => "some have none: a rank or a worker with these alone gets nothing.".to_owned(),
            (least, most) if most as f64 / least as f64 <= 1.1 => "they are nearly even.".to_owned(),
            (least, most) if most < 2 * least => {
                format!("the largest has {:.1} times as many as the smallest.", most as f64 / least as f64)
            }
            (least, most) => format!(
                "the largest has {:.1} times as many as the smallest. Shard by records, not by files, \
                 or make them even with tfr-index reshard.",
                most as f64 / least as f64
            ),
        };
        html.raw("<figure>");
        Chart {
            id: "per-file",
            title: "How many records the files have",
            description: format!("{summary}: {evenness}"),
            bars: &even_bars(&numbers, 24),
            noun: "file",
            label: &|border| grouped(border as u64),
        }
        .write(html);
        html.raw("<figcaption><strong>Records in a file.</strong> ").text(&summary).raw(": ");
        html.text(&evenness).raw("</figcaption></figure>\n");
    }

    fn write_snippets(&self, html: &mut Html) {
        let snippets = &self.report.snippets;
        html.raw("<section id=read>\n<h2>How to read it</h2>\n<p class=note>Code for this very set, with ");
        html.raw(
            "the features of the sample. Paths are relative to the directory in which the report ",
        );
        html.raw("was made.</p>\n<div class=pair>\n");
        for (title, code) in [
            ("Python", &snippets.python),
            ("PyTorch", &snippets.pytorch),
            ("NVIDIA DALI", &snippets.dali),
            ("C++", &snippets.cpp),
        ] {
            html.raw("<div><h3>").raw(title).raw("</h3><pre tabindex=0 role=region aria-label=\"");
            html.raw(title).raw(" code\"><code>").text(code).raw("</code></pre></div>\n");
        }
        html.raw("</div>\n</section>\n");
    }

    fn write_foot(&self, html: &mut Html) {
        let settings = self.report.settings;
        html.raw("<footer><p>Made by tfr-index ")
            .raw(env!("CARGO_PKG_VERSION"))
            .raw(": a sample of up to ");
        html.text(&count(settings.sample as u64, "record")).raw(", seed ").number(settings.seed);
        html.raw(", up to ").text(&size(settings.max_bytes as f64)).raw(" of pictures");
        html.raw(match settings.values {
            true => ".",
            false => ", and no values of records.",
        });
        html.raw(" This file needs no network and no other file.</p></footer>\n");
    }
}

/// A path as text in which everything is visible.
fn name(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt;
    super::media::visible(path.as_os_str().as_bytes())
}

fn word(state: State) -> &'static str {
    match state {
        State::Index => "index",
        state => state.word(),
    }
}
