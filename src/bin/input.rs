//! What commands take: an index, or a data file and with it its index; and numbers of records.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::bail;
use clap::builder::{PathBufValueParser, TypedValueParser};
use tfr_index::{default_index_path, Index, Options, Reader};

use crate::cli;

/// Takes the path of a data file, which stdin is not: `create` alone reads it from one end to the
/// other.
pub fn data_file() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(|path| match cli::is_stdin(&path) {
        true => Err("data is read here and there, which stdin cannot be; save it as a file"),
        false => Ok(path),
    })
}

/// Whether a path is that of an index: by its name, because data is not read from a stream, or
/// because there is a file of numbers.
pub fn is_index(path: &Path) -> bool {
    let is_named = path.extension().is_some_and(|end| end == "idx");
    let has_text = || path.metadata().is_ok_and(|file| file.is_file() && file.len() > 0);
    let is_stream = cli::is_stdin(path) || cli::is_stream(path);
    is_named || is_stream || has_text() && cli::holds_numbers(path)
}

/// The index in a file, or that on stdin if the path is `-`.
pub fn index_file(path: &Path) -> anyhow::Result<Index> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    if !cli::is_stdin(path) {
        return Ok(Index::read(path)?);
    }
    if TAKEN.swap(true, Ordering::Relaxed) {
        bail!("-: stdin is read already, it has one index");
    }
    Ok(Index::read("/dev/stdin")?)
}

/// The index in a file or on stdin; of a data file the one beside it, if that is there and fits.
/// Otherwise the data file is scanned.
pub fn read_index(path: &Path) -> anyhow::Result<Index> {
    if is_index(path) {
        return index_file(path);
    }
    Ok(Reader::open(path, &Options::new())?.index().clone())
}

/// The name of the index of what was given: an index has its own.
pub fn index_name(path: &Path) -> OsString {
    let name = path.file_name().unwrap_or_default();
    match is_index(path) {
        true => name.to_owned(),
        false => default_index_path(name).into(),
    }
}

/// Numbers of records: `5`, `9-20` (with record 20), or `90-` (to the last one).
#[derive(Clone, Copy)]
pub struct Numbers {
    first: usize,
    last: Option<usize>,
}

impl FromStr for Numbers {
    type Err = anyhow::Error;

    fn from_str(word: &str) -> anyhow::Result<Numbers> {
        let (first, last) = match word.split_once('-') {
            None => (word, Some(word)),
            Some((first, "")) => (first, None),
            Some((first, last)) => (first, Some(last)),
        };
        let (Ok(first), Ok(last)) = (first.parse(), last.map(str::parse).transpose()) else {
            bail!("{word:?} is no record's number, nor are they two, as in 9-20");
        };
        if last.is_some_and(|last| last < first) {
            bail!("{word:?} goes from a larger number to a smaller one");
        }
        Ok(Numbers { first, last })
    }
}

/// The records of these numbers, of a file that has `count`.
pub fn records(numbers: &[Numbers], count: usize) -> anyhow::Result<Vec<usize>> {
    let mut records = Vec::new();
    for &Numbers { first, last } in numbers {
        let last = last.unwrap_or(first.max(count.saturating_sub(1)));
        if last >= count {
            bail!("record {last} is out of range, there are {count}");
        }
        records.extend(first..=last);
    }
    Ok(records)
}
