//! `tfr-index check`: which indexes fit their data.

use std::collections::HashMap;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::ValueEnum;
use tfr_index::{default_index_path, CheckLevel, ErrorKind, Fit, Index, Options};

use crate::cli::{self, Interrupts};

/// [`CheckLevel`], for the command line.
#[derive(Clone, Copy, Default, ValueEnum)]
pub enum Level {
    /// The headers of the first record, of the last and of 64 between them
    #[default]
    Quick,
    /// Every header
    Headers,
    /// Every header and every payload; reads all of the file
    Full,
}

impl From<Level> for CheckLevel {
    fn from(level: Level) -> CheckLevel {
        match level {
            Level::Quick => CheckLevel::Quick,
            Level::Headers => CheckLevel::Headers,
            Level::Full => CheckLevel::Full,
        }
    }
}

/// Checks each index against the data at its position, says how it fits or doesn't, and looks for
/// the data of those that do not.
pub fn check(
    data: &[PathBuf],
    indexes: &[PathBuf],
    level: Level,
    options: &Options<'_>,
    interrupts: &Interrupts,
) -> ExitCode {
    let watch = |_| match interrupts.heard() {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    };
    let options = options.progress(&watch);
    let mut exit = ExitCode::SUCCESS;
    let (mut left_data, mut left_indexes) = (Vec::new(), Vec::new());
    for (data, path) in data.iter().zip(indexes) {
        if let Err(error) = data.metadata() {
            exit = cli::fail(&format_args!("{}: {error}", data.display()));
            continue;
        }
        if !path.exists() && *path == default_index_path(data) {
            let data = data.display();
            exit =
                cli::fail(&format_args!("{data}: has no index; create it, or name it (--index)"));
            continue;
        }
        let fit = Index::read(path).and_then(|index| {
            let fit = index.check(data, level.into(), &options)?;
            Ok(summary(&index, fit))
        });
        match fit {
            _ if interrupts.heard() => {
                return cli::fail(&format_args!("{}: interrupted", data.display()));
            }
            Ok(summary) => {
                // The exit status says it, too: nobody need listen.
                let _ = writeln!(io::stdout(), "{}: fits ({summary})", data.display());
            }
            Err(error) if error.kind() == ErrorKind::Mismatch => {
                exit = cli::fail(&format_args!("{}: {error}", path.display()));
                left_data.push(data);
                left_indexes.push(path);
            }
            Err(error) => exit = cli::fail(&error),
        }
    }
    for data in data.iter().skip(indexes.len()) {
        exit = cli::fail(&format_args!("{}: there is no index for it", data.display()));
        left_data.push(data);
    }
    for index in indexes.iter().skip(data.len()) {
        exit = cli::fail(&format_args!("{}: there is no data for it", index.display()));
        left_indexes.push(index);
    }
    let left_data = by_size(left_data);
    for index in left_indexes.into_iter().take_while(|_| !interrupts.heard()) {
        if let Some(data) = find_data(index, &left_data, &options) {
            let _ = writeln!(io::stderr(), "note: {} fits {}", index.display(), data.display());
        }
    }
    exit
}

/// Files, by how large they are.
type BySize<'a> = HashMap<u64, Vec<&'a PathBuf>>;

fn by_size(files: Vec<&PathBuf>) -> BySize<'_> {
    let mut by_size = BySize::new();
    for file in files {
        if let Ok(metadata) = file.metadata() {
            by_size.entry(metadata.len()).or_default().push(file);
        }
    }
    by_size
}

/// The data file that the index is of, all of it: others of another size are not even opened.
fn find_data<'a>(index: &Path, data: &BySize<'a>, options: &Options<'_>) -> Option<&'a PathBuf> {
    let index = Index::read(index).ok()?;
    let size = index.iter().map(|entry| entry.offset + entry.size).max()?;
    let mut data = data.get(&size)?.iter().copied();
    data.find(|path| index.check(path, CheckLevel::Quick, options).is_ok())
}

fn summary(index: &Index, fit: Fit) -> String {
    let mut summary = match index.len() {
        1 => "1 record".to_owned(),
        count => format!("{count} records"),
    };
    if fit.skipped > 0 {
        summary += &format!(", {} bytes left out", fit.skipped);
    }
    for (note, is_so) in [
        (", reordered", fit.reordered),
        (", some repeated", fit.repeated),
        (", no checksums", fit.unchecked),
    ] {
        summary += if is_so { note } else { "" };
    }
    summary
}
