//! The names of the new files.

use std::ffi::OsStr;

use crate::error::{Error, ErrorKind, Result};
use crate::options::Compression;

/// How the number of shards and that of each one are written, at least.
const DIGITS: usize = 5;
const DATA: &str = ".tfrecord";
/// What follows the name of compressed data, and of what is beside data.
const GZIP: &str = ".gz";
const BESIDE: [&str; 2] = [".idx", ".seek"];
const MANIFEST: &str = ".manifest.json";

pub(super) struct Names<'a> {
    pub name: &'a str,
    /// The number of shards.
    pub count: usize,
    pub compression: Compression,
}

impl Names<'_> {
    /// The name of a shard.
    pub fn shard(&self, number: usize) -> String {
        let Names { name, count, compression } = self;
        // All of the same length, so that they sort by their numbers.
        let digits = DIGITS.max(count.to_string().len());
        let end = if *compression == Compression::Gzip { GZIP } else { "" };
        format!("{name}-{number:0digits$}-of-{count:0digits$}{DATA}{end}")
    }

    pub fn manifest(&self) -> String {
        format!("{}{MANIFEST}", self.name)
    }
}

pub(super) fn ensure_usable(name: &str) -> Result<()> {
    let is_bad = |character: char| character == '/' || character.is_control();
    if !name.is_empty() && !name.starts_with('.') && !name.contains(is_bad) {
        return Ok(());
    }
    let detail = format!("{name:?} cannot begin the names of files; give another one, as train");
    Err(Error::new(ErrorKind::InvalidArgument, detail))
}

/// Whether a file of a directory that a killed process left can be one of this module's: a shard,
/// an index, a seek file, a manifest, or one of their temporary files.
pub(super) fn is_ours(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else { return false };
    let is_number = |text: &str| {
        text.len() >= DIGITS && text.bytes().all(|character| character.is_ascii_digit())
    };
    let is_shard = |name: &str| {
        name.rsplit_once("-of-").is_some_and(|(start, count)| {
            is_number(count) && start.rsplit_once('-').is_some_and(|(_, number)| is_number(number))
        })
    };
    let data = BESIDE.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
    let data = data.strip_suffix(GZIP).unwrap_or(data);
    data.strip_suffix(DATA).is_some_and(is_shard)
        || name.ends_with(MANIFEST)
        || name.starts_with(".tfr-index.") && name.ends_with(".tmp")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_by_their_numbers() {
        let compression = Compression::None;
        let names = Names { name: "a-b", count: 12, compression };
        assert_eq!(names.shard(3), "a-b-00003-of-00012.tfrecord");
        assert_eq!(names.manifest(), "a-b.manifest.json");
        let many = Names { name: "x", count: 1_000_000, compression };
        assert_eq!(many.shard(7), "x-0000007-of-1000000.tfrecord");
        for name in [names.shard(3), names.shard(3) + ".idx", names.manifest(), many.shard(7)] {
            assert!(is_ours(OsStr::new(&name)), "{name}");
        }
        let compressed = Names { compression: Compression::Gzip, ..names };
        assert_eq!(compressed.shard(3), "a-b-00003-of-00012.tfrecord.gz");
        for end in ["", ".idx", ".seek"] {
            assert!(is_ours(OsStr::new(&(compressed.shard(3) + end))), "{end}");
        }
    }

    #[test]
    fn other_files_are_not_ours() {
        for name in [
            "x.tfrecord",
            "x-1-of-00002.tfrecord",
            "x-00001-of-00002",
            "labels.json",
            "x.gz",
            "x.seek",
            "",
        ] {
            assert!(!is_ours(OsStr::new(name)), "{name}");
        }
        for name in ["", ".x", "a/b", "/", "a\n"] {
            assert!(ensure_usable(name).is_err(), "{name}");
        }
        ensure_usable("train 2.5 é").unwrap();
    }
}
