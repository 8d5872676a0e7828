//! `tfr-index check`: which indexes fit their data.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{bail, Context};
use clap::{Args, ValueEnum};
use serde_json::json;
use tfr_index::{default_index_path, CheckLevel, Error, ErrorKind, Fit, Index, Options};

use crate::policy::Policy;
use crate::shared::{progress, stdio};
use crate::{input, json};

/// Check that indexes fit their TFRecord files
///
/// An index may select, reorder and repeat records, and leave out damage. One that is stale,
/// another file's, or out of place among others, is named; so is one that leaves out valid
/// records, unless it is named here or --allow-partial says that it is meant so.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
#[command(override_usage = "tfr-index check [OPTIONS] <FILE>... [--index <INDEX>...]")]
pub struct Check {
    /// TFRecord files; or one, and its index, whose name ends in .idx
    #[arg(required = true, value_name = "FILE", value_parser = input::data_file())]
    files: Vec<PathBuf>,
    /// Their indexes, in the same order, or - for stdin [default: FILE.idx for each]
    #[arg(short, long = "index", num_args = 1.., value_name = "INDEX")]
    indexes: Vec<PathBuf>,
    /// How much of each file is read
    #[arg(short, long, value_enum, default_value_t, value_name = "LEVEL")]
    level: Level,
    /// Accept an index that leaves out valid records, such as all after the first ones
    #[arg(long)]
    allow_partial: bool,
    /// Whether the length checksums must hold; --level decides about those of payloads
    #[arg(short, long, value_enum, default_value_t, value_name = "POLICY")]
    checksums: Policy,
    /// Threads that check each file; 0 decides by the processors
    #[arg(short, long, default_value_t, value_name = "N")]
    threads: usize,
    /// Print a JSON object for each file
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  tfr-index check train-*.tfrecord               # does train-….tfrecord.idx fit each?
  tfr-index check train.tfrecord my.idx
  tfr-index check a.tfrecord b.tfrecord --index idx/a.idx idx/b.idx
  tfr-index check --level full train.tfrecord";

impl Check {
    pub fn run(self) -> ExitCode {
        let Check { mut files, mut indexes, level, allow_partial, checksums, threads, json } = self;
        let is_index = |path: &PathBuf| path.extension().is_some_and(|end| end == "idx");
        if indexes.is_empty() && files.len() == 2 && is_index(&files[1]) {
            indexes = files.split_off(1);
        }
        let takes_partial = allow_partial || !indexes.is_empty();
        if indexes.is_empty() {
            // `check *` names them, too.
            let defaults: HashSet<_> = files.iter().map(default_index_path).collect();
            files.retain(|file| !defaults.contains(file));
            indexes = files.iter().map(default_index_path).collect();
        }
        let options = Options::new().checksums(checksums.into()).threads(threads);
        let options = options.allow_partial(allow_partial).progress(&progress::watch);
        if !json {
            progress::begin(&files);
        }
        check(&files, &indexes, level, &options, takes_partial, json)
    }
}

/// [`CheckLevel`], for the command line.
#[derive(Clone, Copy, Default, ValueEnum)]
enum Level {
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
/// the data of those that do not. A partial index fails unless `takes_partial`.
fn check(
    data: &[PathBuf],
    indexes: &[PathBuf],
    level: Level,
    options: &Options<'_>,
    takes_partial: bool,
    as_json: bool,
) -> ExitCode {
    let mut exit = ExitCode::SUCCESS;
    let (mut left_data, mut left_indexes) = (Vec::new(), Vec::new());
    for number in 0..data.len().max(indexes.len()) {
        let (data, path) = (data.get(number), indexes.get(number));
        let fit = fit(data, path, level, options);
        progress::file_done();
        let said = match (&fit, data) {
            _ if as_json => object(data, path, &fit),
            (Ok((index, fit)), Some(data)) => summary(data, index, *fit),
            _ => String::new(),
        };
        let printed = if as_json { stdio::print(&said) } else { stdio::tell(&said) };
        if let Err(error) = printed {
            exit = stdio::fail(&error);
        }
        if let (Ok((_, fit)), Some(path), false) = (&fit, path, takes_partial) {
            if fit.partial {
                exit = stdio::fail(&format_args!(
                    "{}: leaves out valid records of its data, so readers that find it there do not \
                     use it; create it again, or, if it is meant so, name it (--index)",
                    path.display()
                ));
            }
        }
        if let Err(error) = fit {
            exit = stdio::fail(&error);
            if is_mismatch(&error) || data.is_none() || path.is_none() {
                left_data.extend(data);
                left_indexes.extend(path);
            }
        }
    }
    progress::end();
    let left_data = by_size(left_data);
    for index in left_indexes {
        if let Some(data) = find_data(index, &left_data, options) {
            stdio::note(&format_args!("note: {} fits {}", index.display(), data.display()));
        }
    }
    exit
}

/// An index, and how it fits the data.
fn fit(
    data: Option<&PathBuf>,
    path: Option<&PathBuf>,
    level: Level,
    options: &Options<'_>,
) -> anyhow::Result<(Index, Fit)> {
    let name = |path: &PathBuf| path.display().to_string();
    let (data, path) = match (data, path) {
        (Some(data), Some(path)) => (data, path),
        (Some(data), None) => bail!("{}: there is no index for it", name(data)),
        (None, path) => bail!("{}: there is no data for it", path.map_or_else(String::new, name)),
    };
    data.metadata().with_context(|| name(data))?;
    if !path.exists() && *path == default_index_path(data) {
        bail!("{}: has no index; create it, or name it (--index)", name(data));
    }
    let index = input::index_file(path)?;
    match index.check(data, level.into(), options) {
        Ok(fit) => Ok((index, fit)),
        Err(error) if matches!(error.kind(), ErrorKind::Mismatch | ErrorKind::Stale) => {
            Err(anyhow::Error::from(error).context(name(path)))
        }
        Err(error) => Err(error.into()),
    }
}

fn is_mismatch(error: &anyhow::Error) -> bool {
    let kind = error.downcast_ref::<Error>().map(Error::kind);
    matches!(kind, Some(ErrorKind::Mismatch | ErrorKind::Stale))
}

/// How an index fits the data, in a word.
fn word(fit: &anyhow::Result<(Index, Fit)>) -> Option<&'static str> {
    let error = match fit {
        Ok((_, fit)) if fit.partial => return Some("partial"),
        Ok((_, fit)) if fit.uncovered_bytes > 0 => return Some("damage_left_out"),
        Ok(_) => return Some("fits"),
        Err(error) => error,
    };
    match error.downcast_ref::<Error>()?.kind() {
        ErrorKind::Stale => Some("stale"),
        ErrorKind::Mismatch => Some("other_file"),
        ErrorKind::LengthCrc | ErrorKind::PayloadCrc => Some("damaged"),
        _ => None,
    }
}

/// How an index fits the data, as JSON.
fn object(
    data: Option<&PathBuf>,
    path: Option<&PathBuf>,
    result: &anyhow::Result<(Index, Fit)>,
) -> String {
    let object = match result {
        Ok((index, fit)) => json!({
            "fit": word(result),
            "records": index.len(),
            "skipped": fit.uncovered_bytes,
            "reordered": fit.reordered,
            "repeated": fit.repeated,
            "unchecked": fit.checksums_skipped,
        }),
        Err(error) => json!({"fit": word(result), "error": json::fields(error)}),
    };
    let [data, path] = [data, path].map(|path| path.map(PathBuf::as_path));
    json::line(&[("path", data), ("index", path)], object)
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

/// How an index fits the data, for people.
fn summary(data: &Path, index: &Index, fit: Fit) -> String {
    let mut summary = match index.len() {
        1 => "1 record".to_owned(),
        count => format!("{count} records"),
    };
    let (says, left_out) = match fit.partial {
        true => ("partial", "left out"),
        false => ("fits", "of damage left out"),
    };
    if fit.uncovered_bytes > 0 {
        summary += &format!(", {} bytes {left_out}", fit.uncovered_bytes);
    }
    for (note, is_so) in [
        (", reordered", fit.reordered),
        (", some repeated", fit.repeated),
        (", no checksums", fit.checksums_skipped),
    ] {
        summary += if is_so { note } else { "" };
    }
    format!("{}: {says} ({summary})\n", stdio::name(data))
}
