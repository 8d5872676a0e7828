//! What commands take: an index, or a data file and with it its index; and numbers of records.

use std::ffi::OsString;
use std::path::Path;

use anyhow::{anyhow, bail};
use tfr_index::{default_index_path, Index, Options, Reader};

use crate::cli;

/// Whether a path is that of an index: by its name, because data is not read from a stream, or
/// because there is a file of numbers.
pub fn is_index(path: &Path) -> bool {
    let is_named = path.extension().is_some_and(|end| end == "idx");
    let has_text = || path.metadata().is_ok_and(|file| file.is_file() && file.len() > 0);
    let is_stream = path == Path::new("-") || cli::is_stream(path);
    is_named || is_stream || has_text() && cli::holds_numbers(path)
}

/// The index in a file, `-` being stdin; of a data file the one beside it, if that is there and
/// fits. Otherwise the data file is scanned.
pub fn read_index(path: &Path) -> anyhow::Result<Index> {
    if path == Path::new("-") {
        return Ok(Index::read("/dev/stdin")?);
    }
    if is_index(path) {
        return Ok(Index::read(path)?);
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

/// The record numbers that are meant by words such as `5`, `9-20` (with record 20) and `90-` (to
/// the last one), of a file that has `count` records.
pub fn records<'w>(
    words: impl IntoIterator<Item = &'w str>,
    count: usize,
) -> anyhow::Result<Vec<usize>> {
    let number = |word: &str, text: &str| {
        let number = text.parse::<usize>();
        number.map_err(|_| anyhow!("{word:?} is no record's number, nor are they two, as in 9-20"))
    };
    let mut records = Vec::new();
    for word in words {
        let (first, last) = match word.split_once('-') {
            None => (number(word, word)?, number(word, word)?),
            Some((first, "")) => (number(word, first)?, count.saturating_sub(1)),
            Some((first, last)) => (number(word, first)?, number(word, last)?),
        };
        if last >= count || first >= count {
            bail!("record {} is out of range, there are {count}", first.max(last));
        }
        if first > last {
            bail!("{word:?} goes from a larger number to a smaller one");
        }
        records.extend(first..=last);
    }
    Ok(records)
}
