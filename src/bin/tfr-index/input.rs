//! What commands take: an index, or a data file and with it its index; and numbers of records.

use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Mutex;

use anyhow::{bail, Context};
use clap::builder::{PathBufValueParser, TypedValueParser};
use tfr_index::internal::is_named_as_index;
use tfr_index::{default_index_path, own_descriptor, Index, Options, Reader};

use crate::paths::refuse_directory;
use crate::shared::{overwrite, progress, stdio, streams};

/// Takes the path of a data file, which is read at positions. Stdin is one if it is a regular file;
/// `create` alone reads streams.
pub fn data_file() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(|path| data_path(&path))
}

pub fn data_path(path: &Path) -> Result<PathBuf, &'static str> {
    let path = streams::stdin_path(path);
    let is_regular = |file: &File| file.metadata().map_or(true, |metadata| metadata.is_file());
    match own_descriptor(path) {
        Some(Ok(file)) if !is_regular(&file) => {
            Err("a stream is not seekable; save it to a file first")
        }
        _ => Ok(path.to_owned()),
    }
}

/// Whether a path is that of an index: by its name, because data is not read from a stream, or
/// because there is a file of numbers. A FIFO with another name may hold data: to look into it would
/// take that from its reader.
pub fn is_index(path: &Path) -> bool {
    let is_stream = || streams::is_stream(path) && !streams::is_fifo(path);
    let has_text = || path.metadata().is_ok_and(|file| file.is_file() && file.len() > 0);
    is_named_as_index(path)
        || is_stream()
        || has_text() && overwrite::holds_numbers(path).unwrap_or(false)
}

/// The index in a file, in a FIFO, or on stdin if the path is `-`.
pub fn index_file(path: &Path) -> anyhow::Result<Index> {
    static TAKEN: Mutex<Vec<(u64, u64)>> = Mutex::new(Vec::new());
    let stream = own_descriptor(streams::stdin_path(path)).transpose();
    if let Some(stream) = stream.with_context(|| path.display().to_string())? {
        let stream = stream.metadata()?;
        let stream = (stream.dev(), stream.ino());
        let mut taken = TAKEN.lock().expect("no panic");
        if taken.contains(&stream) {
            bail!("{}: is read already, it has one index", path.display());
        }
        taken.push(stream);
    } else if streams::is_fifo(path) {
        // The library does not wait for its writer.
        let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        return Index::from_text(&text).with_context(|| path.display().to_string());
    }
    Ok(Index::read(streams::stdin_path(path))?)
}

/// A reader of a data file by the index beside it. Says on stderr why that index is not used.
pub fn open(path: &Path, options: &Options<'_>) -> anyhow::Result<Reader> {
    let reader = Reader::open(path, options)?;
    if let Some(warning) = reader.warning() {
        stdio::note(&format_args!("warning: {warning}"));
    }
    Ok(reader)
}

/// The index in a file or on stdin; of a data file the one beside it, if that accounts for all
/// records. Otherwise the data file is scanned.
pub fn read_index(path: &Path) -> anyhow::Result<Index> {
    refuse_directory(path)?;
    if is_index(path) {
        return index_file(path);
    }
    if streams::is_fifo(path) {
        let name = path.display();
        bail!("{name}: is a pipe (FIFO), not a regular file; if an index comes from it, give - < {name}");
    }
    Ok(open(path, &Options::new().progress(&progress::watch))?.index().clone())
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
            bail!("invalid record number or range '{word}' (expected N, N-M or N-)");
        };
        if last.is_some_and(|last| last < first) {
            bail!("invalid record range '{word}': it ends before it starts");
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

/// A word after a file: of digits, it names records; any other is a path.
#[derive(Clone)]
pub enum Word {
    Records(Numbers),
    Path(PathBuf),
}

/// Takes a [`Word`]. A file that has a number for its name must not be passed over.
pub fn word() -> impl TypedValueParser<Value = Word> {
    PathBufValueParser::new().try_map(|path| {
        let is_number = |word: &&str| {
            let is_part = |byte: u8| byte.is_ascii_digit() || byte == b'-';
            word.starts_with(|first: char| first.is_ascii_digit()) && word.bytes().all(is_part)
        };
        let Some(word) = path.to_str().filter(is_number) else {
            return Ok(Word::Path(path));
        };
        if path.is_file() {
            bail!("there is a file of that name, too: write ./{word} for it, 0{word} for records");
        }
        Ok(Word::Records(word.parse()?))
    })
}

/// The paths and the records among the words.
pub fn split(words: Vec<Word>) -> (Vec<PathBuf>, Vec<Numbers>) {
    let (mut paths, mut records) = (Vec::new(), Vec::new());
    for word in words {
        match word {
            Word::Path(path) => paths.push(path),
            Word::Records(numbers) => records.push(numbers),
        }
    }
    (paths, records)
}
