//! Charts, as SVG.

use super::histogram::Bar;
use super::html::Html;
use super::text::{count, grouped};

/// The size of a large chart, the room around its bars, and that of a small one.
const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 150.0;
const LEFT: f64 = 64.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 26.0;
const SMALL: (f64, f64) = (150.0, 36.0);

/// What a chart shows.
pub(super) struct Chart<'c> {
    /// Its name in the page.
    pub id: &'static str,
    pub title: &'static str,
    /// In words, for those who do not see it.
    pub description: String,
    pub bars: &'c [Bar],
    /// What is counted: "record".
    pub noun: &'static str,
    /// A border of a bar.
    pub label: &'c dyn Fn(f64) -> String,
}

impl Chart<'_> {
    /// A histogram with both axes. The mouse on a bar says what it is.
    pub fn write(&self, html: &mut Html) {
        let most = self.bars.iter().map(|bar| bar.count).max().unwrap_or(0).max(1);
        html.raw("<svg class=chart viewBox=\"0 0 560 150\" role=img aria-labelledby=\"");
        html.raw(self.id).raw("-t ").raw(self.id).raw("-d\"><title id=").raw(self.id).raw("-t>");
        html.text(self.title).raw("</title><desc id=").raw(self.id).raw("-d>");
        html.text(&self.description).raw("</desc>");
        let base = HEIGHT - BOTTOM;
        html.raw("<path class=grid d=\"M64 10H560M64 67H560\"/>");
        html.raw("<path class=axis d=\"M64 124H560\"/>");
        html.raw("<text class=e x=56 y=14>").text(&grouped(most)).raw("</text>");
        html.raw("<text class=e x=56 y=128>0</text>");
        let width = (WIDTH - LEFT) / self.bars.len().max(1) as f64;
        let gap = if width > 4.0 { 1.0 } else { 0.0 };
        for (place, bar) in self.bars.iter().enumerate().filter(|(_, bar)| bar.count > 0) {
            let height = ((base - TOP) * bar.count as f64 / most as f64).max(1.5);
            html.raw("<rect class=bar x=")
                .at(LEFT + width * place as f64)
                .raw(" y=")
                .at(base - height);
            html.raw(" width=")
                .at((width - gap).max(0.5))
                .raw(" height=")
                .at(height)
                .raw("><title>");
            html.text(&self.name_of(bar)).raw("</title></rect>");
        }
        // The first border, the last one, and some between that have room.
        let every = (self.bars.len() + 4) / 5;
        for place in (0..=self.bars.len()).filter(|place| place % every.max(1) == 0) {
            let border = match self.bars.get(place) {
                Some(bar) => bar.from,
                None => self.bars.last().map_or(0.0, |bar| bar.below),
            };
            let class = match place {
                0 => "",
                _ if place == self.bars.len() => " class=e",
                _ => " class=m",
            };
            html.raw("<text").raw(class).raw(" x=").at(LEFT + width * place as f64).raw(" y=142>");
            html.text(&(self.label)(border)).raw("</text>");
        }
        html.raw("</svg>");
    }

    fn name_of(&self, bar: &Bar) -> String {
        let of = count(bar.count, self.noun);
        format!("{} to {}: {of}", (self.label)(bar.from), (self.label)(bar.below))
    }
}

/// A histogram for a cell of a table.
pub(super) fn small(html: &mut Html, bars: &[Bar], description: &str) {
    let (width, height) = SMALL;
    let most = bars.iter().map(|bar| bar.count).max().unwrap_or(0).max(1);
    html.raw("<svg class=small viewBox=\"0 0 150 36\" role=img aria-label=\"").text(description);
    html.raw("\"><path class=axis d=\"M0 35.5H150\"/><path class=bar d=\"");
    let each = width / bars.len().max(1) as f64;
    let gap = if each > 4.0 { 1.0 } else { 0.0 };
    for (place, bar) in bars.iter().enumerate().filter(|(_, bar)| bar.count > 0) {
        let tall = ((height - 2.0) * bar.count as f64 / most as f64).max(1.5);
        html.raw("M").at(each * place as f64).raw(" 35v-").at(tall).raw("h").at(each - gap);
        html.raw("v").at(tall).raw("z");
    }
    html.raw("\"/></svg>");
}

/// Where regions are in data of `size` bytes: a strip.
pub(super) fn strip(html: &mut Html, size: u64, regions: &[(u64, u64)], description: &str) {
    html.raw(
        "<svg class=strip viewBox=\"0 0 1000 18\" preserveAspectRatio=none role=img aria-label=\"",
    );
    html.text(description).raw("\"><rect class=good width=1000 height=18 />");
    let place = |byte: u64| 1000.0 * byte as f64 / size.max(1) as f64;
    for &(start, end) in regions {
        let width = (place(end) - place(start)).max(3.0);
        html.raw("<rect class=lost x=").at(place(start).min(1000.0 - width)).raw(" width=");
        html.at(width).raw(" height=18 />");
    }
    html.raw("</svg>");
}
