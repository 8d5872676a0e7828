//! `dataset_info.json` of TensorFlow Datasets: the shards of each split, and their numbers of records.

use std::path::{Path, PathBuf};

use super::json::{Fault, Parsed, Parser};
use super::text;
use crate::error::{Error, ErrorKind, Result};
use crate::file;

/// The file that TFDS writes beside the shards of a set.
pub(crate) const INFO: &str = "dataset_info.json";
/// Where a set's splits do not say how their files are named.
pub(crate) const TEMPLATE: &str = "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}";

/// What `dataset_info.json` says.
pub(crate) struct Info {
    name: String,
    file_format: String,
    pub splits: Vec<Split>,
}

/// One split of a set, such as "train".
#[derive(Default)]
pub(crate) struct Split {
    pub name: String,
    template: String,
    /// The number of records of each shard.
    pub lengths: Vec<u64>,
    /// The size of all payloads; 0 if unknown.
    pub bytes: u64,
}

/// TFDS writes numbers with five digits, or with as many as the last one needs.
pub(crate) fn x_of_y(number: usize, count: usize) -> String {
    let width = count.to_string().len().max(5);
    format!("{number:0width$}-of-{count:0width$}")
}

/// Whether a text, which may be cut, starts with an object that says of a split what TFDS says.
pub(crate) fn says_split(start: &str) -> bool {
    let known = ["filepathTemplate", "filepath_template", "shardLengths", "shard_lengths"];
    let mut is_split = false;
    // The text may be cut: what comes before the fault counts.
    let _ = Parser::new(start).object(|parser, key| {
        is_split |= known.contains(&key);
        parser.skip()
    });
    is_split
}

impl Info {
    /// Reads the file in a directory.
    pub fn read(directory: &Path) -> Result<Info> {
        let path = directory.join(INFO);
        let mut bytes = Vec::new();
        file::open_to_read(&path)?.read_chunks(|chunk| {
            bytes.extend_from_slice(chunk);
            Ok(())
        })?;
        let text = String::from_utf8_lossy(&bytes);
        Info::parse(&text).map_err(|Fault { at, what }| {
            let detail = format!("byte {at}: {what}; not what TFDS writes");
            Error::new(ErrorKind::InvalidManifest, detail).of(&path)
        })
    }

    /// The names of its members have two spellings, as all of Protocol Buffers' in JSON.
    fn parse(text: &str) -> Parsed<Info> {
        let mut info = Info { name: String::new(), file_format: String::new(), splits: Vec::new() };
        let mut parser = Parser::new(text);
        parser.object(|parser, key| {
            match key {
                "name" => info.name = parser.string()?.into_owned(),
                "fileFormat" | "file_format" => info.file_format = parser.string()?.into_owned(),
                "splits" => parser.array(|parser, _| {
                    info.splits.push(Split::parse(parser)?);
                    Ok(())
                })?,
                _ => parser.skip()?,
            }
            Ok(())
        })?;
        parser.end()?;
        Ok(info)
    }

    /// The paths of a split's shards.
    pub fn paths(&self, directory: &Path, split: &Split) -> Result<Vec<PathBuf>> {
        let wrong = |kind, detail: String| Err(Error::new(kind, detail).of(&directory.join(INFO)));
        let format = if self.file_format.is_empty() { "tfrecord" } else { &self.file_format };
        if format != "tfrecord" {
            let detail = format!("the set is in the format {format}, not in TFRecord files");
            return wrong(ErrorKind::InvalidArgument, detail);
        }
        let count = split.lengths.len();
        let template = if split.template.is_empty() { TEMPLATE } else { &split.template };
        let mut paths = Vec::with_capacity(count);
        for number in 0..count {
            let place = x_of_y(number, count);
            let (x, y) = place.split_once("-of-").unwrap_or_default();
            let values = [
                ("DATASET", &*self.name),
                ("SPLIT", &split.name),
                ("FILEFORMAT", format),
                ("SHARD_X_OF_Y", &place),
                ("SHARD_INDEX", x),
                ("NUM_SHARDS", y),
            ];
            let name = fill(template, &values);
            match name.as_deref().map(|name| (name, text::fault_of_entry(name))) {
                Some((name, None)) => paths.push(directory.join(name)),
                _ => {
                    let detail = format!("{template:?} is no template of files in its directory");
                    return wrong(ErrorKind::InvalidManifest, detail);
                }
            }
        }
        Ok(paths)
    }
}

/// Replaces each `{KEY}` in a template of Python's `str.format`.
fn fill(template: &str, values: &[(&str, &str)]) -> Option<String> {
    let (mut filled, mut rest) = (String::new(), template);
    while let Some(brace) = rest.find(['{', '}']) {
        let (before, from) = rest.split_at(brace);
        filled += before;
        if let Some(after) = from.strip_prefix("{{").or_else(|| from.strip_prefix("}}")) {
            filled += &from[..1];
            rest = after;
            continue;
        }
        let (key, after) = from.strip_prefix('{')?.split_once('}')?;
        filled += values.iter().find(|(known, _)| *known == key)?.1;
        rest = after;
    }
    filled += rest;
    Some(filled)
}

impl Split {
    fn parse(parser: &mut Parser<'_>) -> Parsed<Split> {
        let mut split = Split::default();
        parser.object(|parser, key| {
            match key {
                "name" => split.name = parser.string()?.into_owned(),
                "filepathTemplate" | "filepath_template" => {
                    split.template = parser.string()?.into_owned();
                }
                "numBytes" | "num_bytes" => split.bytes = number(parser)?,
                "shardLengths" | "shard_lengths" => parser.array(|parser, _| {
                    split.lengths.push(number(parser)?);
                    Ok(())
                })?,
                _ => parser.skip()?,
            }
            Ok(())
        })?;
        Ok(split)
    }
}

/// A number, which Protocol Buffers write as a string if it has 64 bits.
fn number(parser: &mut Parser<'_>) -> Parsed<u64> {
    let at = parser.place();
    if parser.peek() != Some(b'"') {
        return parser.unsigned();
    }
    let string = parser.string()?;
    let number = string.parse().ok().filter(|_| string.bytes().all(|byte| byte.is_ascii_digit()));
    number.ok_or_else(|| Fault { at, what: format!("{string:?} is not a number") })
}

#[cfg(test)]
mod tests;
