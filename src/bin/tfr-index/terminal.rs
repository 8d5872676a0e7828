//! What people see on a terminal and scripts do not: colours, and charts as wide as it is.

use std::env;
use std::io::{self, IsTerminal};

use console::{colors_enabled, style, Term};

use crate::verdict::State;

/// The width of a terminal that does not tell it.
const WIDTH: usize = 80;

/// The number of columns; `None` if stdout is no terminal.
pub fn width() -> Option<usize> {
    let size = || Term::stdout().size_checked().map_or(WIDTH, |(_, columns)| usize::from(columns));
    io::stdout().is_terminal().then(size)
}

/// A state, in a colour if stdout is a terminal and NO_COLOR is not set.
pub fn colored(text: String, state: State) -> String {
    if !colors_enabled() {
        return text;
    }
    let styled = match state {
        State::Ok | State::DamageLeftOut => style(text).green(),
        State::Partial | State::Stale | State::OtherFile | State::NoIndex => style(text).yellow(),
        State::Index => return text,
        _ => style(text).red(),
    };
    styled.to_string()
}

/// A bar of `part` of `whole`, up to `width` columns.
pub fn bar(part: usize, whole: usize, width: usize) -> String {
    if !has_blocks() {
        return "#".repeat((part * width + whole - 1) / whole.max(1));
    }
    // Eighths of a column; at least one if there is anything.
    let eighths = (part as u128 * width as u128 * 8 + whole as u128 - 1) / whole.max(1) as u128;
    let (full, rest) = ((eighths / 8) as usize, (eighths % 8) as usize);
    let last = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][rest];
    "█".repeat(full) + last
}

/// A line of bars, one column each; nothing if the terminal has no such characters.
pub fn sparkline(parts: &[usize]) -> String {
    let most = parts.iter().copied().max().unwrap_or(0);
    if !has_blocks() || most == 0 {
        return String::new();
    }
    let block = |part: &usize| match *part {
        0 => ' ',
        part => ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'][(part * 8 - 1) / most],
    };
    parts.iter().map(block).collect()
}

/// Whether the locale has block elements.
fn has_blocks() -> bool {
    let set = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(env::var_os);
    let first =
        set.map(|name| name.to_string_lossy().to_ascii_lowercase()).find(|name| !name.is_empty());
    first.is_some_and(|name| name.contains("utf-8") || name.contains("utf8"))
}
