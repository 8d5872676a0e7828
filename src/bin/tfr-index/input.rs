//! Arguments of commands: indexes, data files with their indexes, and record numbers.

use std::ffi::OsString;
use std::fs::{self, File};
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Mutex;

use anyhow::{bail, Context};
use clap::builder::{PathBufValueParser, TypedValueParser};
use tfr_index::internal::{
    holds_numbers, is_manifest, is_named_as_index, StoredIndex, StoredReader,
};
use tfr_index::{
    default_index_path, own_descriptor, CheckLevel, Error, Index, Options, Reader, Shard,
};

use crate::paths::refuse_directory;
use crate::shared::{progress, stdio, streams};

/// Parses the path of a data file, which must be seekable. Stdin may be a regular file. Only `create`
/// reads streams.
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

/// Whether a path is an index: by its name, because it is a stream (data is never read from one), or
/// because it is a file of numbers. A FIFO with another name may contain data; reading from it to find
/// out would consume that data.
pub fn is_index(path: &Path) -> bool {
    let is_stream = || streams::is_stream(path) && !streams::is_fifo(path);
    let has_text = || path.metadata().is_ok_and(|file| file.is_file() && file.len() > 0);
    is_named_as_index(path) || is_stream() || has_text() && holds_numbers(path).unwrap_or(false)
}

/// The index in a file, in a FIFO, or on stdin if the path is `-`.
pub fn index_file(path: &Path) -> anyhow::Result<Index> {
    read_index_by(path, |path| Index::read(path))
}

/// The same, for a use in little memory.
pub fn stored_index(path: &Path) -> anyhow::Result<StoredIndex> {
    read_index_by(path, |path| StoredIndex::read(path))
}

fn read_index_by<T: TryFrom<Index>>(
    path: &Path,
    read: impl Fn(&Path) -> tfr_index::Result<T>,
) -> anyhow::Result<T>
where
    anyhow::Error: From<T::Error>,
{
    static TAKEN: Mutex<Vec<(u64, u64)>> = Mutex::new(Vec::new());
    let stream = own_descriptor(streams::stdin_path(path)).transpose();
    if let Some(stream) = stream.with_context(|| path.display().to_string())? {
        let stream = stream.metadata()?;
        let stream = (stream.dev(), stream.ino());
        let mut taken = TAKEN.lock().expect("no panic");
        if taken.contains(&stream) {
            bail!("{}: is given twice, but a stream has only one index", path.display());
        }
        taken.push(stream);
    } else if streams::is_fifo(path) {
        // The library would not wait for a writer.
        let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        let index = Index::from_text(&text).with_context(|| path.display().to_string())?;
        return Ok(index.try_into()?);
    }
    let read = read(streams::stdin_path(path));
    if read.is_err() && is_manifest(path) {
        bail!("{}: is a manifest, not an index; give the index of a file", path.display());
    }
    Ok(read?)
}

/// Opens a data file with the index next to it. Prints a warning if that index is not used.
pub fn open(path: &Path, options: &Options<'_>) -> anyhow::Result<StoredReader> {
    let (reader, warning) = StoredReader::open(path, options)?;
    note_warning(warning.as_ref());
    Ok(reader)
}

fn note_warning(warning: Option<&Error>) {
    if let Some(warning) = warning {
        stdio::note(&format_args!("warning: {warning}"));
    }
}

/// Reads an index from a file or stdin. For a data file, reads the index next to it if that accounts
/// for all records; otherwise scans the data file.
pub fn read_index(path: &Path) -> anyhow::Result<Index> {
    refuse_directory(path)?;
    if is_index(path) {
        return index_file(path);
    }
    refuse_fifo(path)?;
    let reader = Reader::open(path, &Options::new().progress(&progress::watch))?;
    note_warning(reader.warning());
    Ok(reader.to_index()?)
}

/// The same, for a use in little memory.
pub fn read_stored_index(path: &Path) -> anyhow::Result<StoredIndex> {
    refuse_directory(path)?;
    if is_index(path) {
        return stored_index(path);
    }
    refuse_fifo(path)?;
    let (index, warning) = StoredIndex::of_data(path, &Options::new().progress(&progress::watch))?;
    note_warning(warning.as_ref());
    Ok(index)
}

/// The index of a shard: the one that is given, which may select records; otherwise as for
/// [`read_stored_index`].
pub fn index_of(shard: &Shard) -> anyhow::Result<StoredIndex> {
    given_index(shard)?.map_or_else(|| read_stored_index(&shard.path), Ok)
}

/// The same in memory, for an edit.
pub fn read_index_of(shard: &Shard) -> anyhow::Result<Index> {
    let Some(index) = given_index(shard)? else { return read_index(&shard.path) };
    let entries = index.entries().collect::<tfr_index::Result<Vec<_>>>()?;
    Ok(Index::from_entries(entries)?)
}

/// The index that is given for a shard, if it fits the data.
fn given_index(shard: &Shard) -> anyhow::Result<Option<StoredIndex>> {
    let path = &shard.path;
    if shard.index_path.is_none() || is_index(path) {
        return Ok(None);
    }
    let index_path = shard.find_index()?;
    let index = stored_index(&index_path)?;
    let fit = index.check(path, CheckLevel::Quick, &Options::new().allow_partial(true));
    fit.with_context(|| index_path.display().to_string())?;
    Ok(Some(index))
}

fn refuse_fifo(path: &Path) -> anyhow::Result<()> {
    if streams::is_fifo(path) {
        let name = path.display();
        bail!("{name}: is a pipe (FIFO), not a regular file; to read an index from it, use - < {name}");
    }
    Ok(())
}

/// The name of the index of an argument. An index keeps its own name.
pub fn index_name(path: &Path) -> OsString {
    let name = path.file_name().unwrap_or_default();
    match is_index(path) {
        true => name.to_owned(),
        false => default_index_path(name).into(),
    }
}

/// Record numbers: `5`, `9-20` (including 20), or `90-` (up to the last one).
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

/// The records with these numbers, in a file with `count` records.
pub fn records(numbers: &[Numbers], count: usize) -> anyhow::Result<Vec<Range<usize>>> {
    let records = numbers.iter().map(|&Numbers { first, last }| {
        let last = last.unwrap_or(first.max(count.saturating_sub(1)));
        if last >= count {
            bail!("record {last}: out of range, the index has {count} records");
        }
        Ok(first..last + 1)
    });
    records.collect()
}

/// An argument after a file: record numbers if it consists of digits, otherwise a path.
#[derive(Clone)]
pub enum Word {
    Records(Numbers),
    Path(PathBuf),
}

/// Parses a [`Word`]. Fails if a file has the same name as a record number.
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
            bail!("a file has this name: write ./{word} for the file, or 0{word} for the records");
        }
        Ok(Word::Records(word.parse()?))
    })
}

/// Separates the paths and the record numbers.
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
