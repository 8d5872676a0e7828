//! Shards that a manifest, or `dataset_info.json` of TensorFlow Datasets, lists.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};

use super::directory::Listing;
use super::glob::sort;
use super::mirror;
use super::search::{Found, Search};
use super::{files_of, Shard, ADVICE};
use crate::catalog::tfds::{Info, INFO};
use crate::catalog::{read_manifest, Kind, ManifestRow};
use crate::error::{Error, Result};

/// What a list says of a shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    pub records: u64,
    /// The file's size. `None`: the list does not say it.
    pub bytes: Option<u64>,
    /// When it was last modified, in nanoseconds since 1970. `None`: the list does not say it.
    pub mtime_ns: Option<i64>,
    /// The number of the list.
    pub list: usize,
    /// Whether the caller says which index the shard has. It may select records, so their number
    /// need not be `records`, unless it covers the whole file.
    pub has_given_index: bool,
}

impl Listed {
    fn new(records: u64, list: usize) -> Listed {
        Listed { records, bytes: None, mtime_ns: None, list, has_given_index: false }
    }
}

/// A list of shards: a manifest, or a split in `dataset_info.json`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct List {
    /// The file that it is in.
    pub path: PathBuf,
    /// The size of all payloads, if the list says it, and all of its shards are in the set.
    pub payload_bytes: Option<u64>,
}

impl Shard {
    /// The shard of a row. An index that is found beside the file needs no path.
    pub(crate) fn of_row(row: &ManifestRow) -> Shard {
        let index_path = row.index_path.as_ref().filter(|index_path| {
            index_path.parent() != row.path.parent()
                || !super::places_beside(&row.path).contains(index_path)
        });
        Shard { path: row.path.clone(), index_path: index_path.cloned() }
    }
}

impl Search<'_> {
    /// Adds the shards that a file lists, in its order.
    pub fn add_list(&mut self, path: &Path, kind: Kind) -> Result<()> {
        let before = self.found.len();
        match kind {
            Kind::Manifest => self.add_rows(path)?,
            Kind::Tfds => {
                let directory = path.parent().unwrap_or(Path::new(""));
                let shards = self.shards_of_tfds(directory)?;
                self.add_listed(shards, |path| path.exists())?;
            }
        }
        let parent = |path: &Path| path.parent().unwrap_or(path).to_owned();
        self.roots.push(match &self.found[before..] {
            [] => parent(path),
            found => mirror::common(found.iter().map(|found| parent(&found.path))),
        });
        Ok(())
    }

    /// The shards of a manifest are not looked at, unless those that do not exist are left out.
    fn add_rows(&mut self, path: &Path) -> Result<()> {
        let list = self.add_one_list(path, None);
        let shards = read_manifest(path)?.rows.into_iter().map(|row| {
            let Shard { path, index_path } = Shard::of_row(&row);
            let (bytes, mtime_ns) = (Some(row.bytes), row.mtime_ns);
            let listed = Some(Listed { bytes, mtime_ns, ..Listed::new(row.records, list) });
            Found { path, index_path, listed, is_searched: false }
        });
        let leaves_out = self.options.allow_missing;
        self.add_listed(shards.collect(), |path| !leaves_out || path.exists())
    }

    fn add_one_list(&mut self, path: &Path, payload_bytes: Option<u64>) -> usize {
        self.lists.push(List { path: path.to_owned(), payload_bytes });
        self.lists.len() - 1
    }

    /// The shards of all splits of a `dataset_info.json`.
    fn shards_of_tfds(&mut self, directory: &Path) -> Result<Vec<Found>> {
        let info = Info::read(directory)?;
        let mut shards = Vec::new();
        for split in &info.splits {
            let paths = info.paths(directory, split)?;
            let bytes = Some(split.bytes).filter(|&bytes| bytes > 0);
            let list = self.add_one_list(&directory.join(INFO), bytes);
            shards.extend(paths.into_iter().zip(&split.lengths).map(|(path, &records)| {
                let listed = Some(Listed::new(records, list));
                Found { listed, ..Found::new(path, false) }
            }));
        }
        Ok(shards)
    }

    /// The files of a directory, with what the `dataset_info.json` in it, or below it, says of them.
    pub fn with_tfds(&mut self, listing: &Listing) -> Result<Vec<Found>> {
        let data = listing.data.iter();
        let searched = |path: &PathBuf| Found::new(path.clone(), true);
        if listing.infos.is_empty() {
            return Ok(data.map(searched).collect());
        }
        let mut present: HashSet<&Path> = data.clone().map(PathBuf::as_path).collect();
        let mut known = HashMap::new();
        let before = self.found.len();
        for directory in &listing.infos {
            let lists = self.lists.len();
            let shards = match self.shards_of_tfds(directory) {
                Ok(shards) => shards,
                // Another program's file has this name, too, or the set is in other files.
                Err(error) => {
                    self.lists.truncate(lists);
                    self.notes.push(format!("{error}; so the files count as they are"));
                    continue;
                }
            };
            let count = shards.len();
            let shards: Vec<_> = shards
                .into_iter()
                .filter(|shard| present.contains(&*shard.path) || self.names.has(&shard.path))
                .collect();
            if shards.len() < count {
                // The size of all payloads is not that of some.
                self.lists[lists..].iter_mut().for_each(|list| list.payload_bytes = None);
            }
            self.add_listed(shards, |path| present.contains(path))?;
            for found in self.found.drain(before..) {
                present.remove(&*found.path);
                known.insert(found.path.clone(), found);
            }
        }
        let others = data.filter(|path| present.contains(path.as_path())).map(searched);
        let mut found: Vec<_> = known.into_values().chain(others).collect();
        sort(&mut found);
        Ok(found)
    }

    /// Adds listed shards. Those that do not exist are an error, or left out, or stay.
    fn add_listed(&mut self, shards: Vec<Found>, exists: impl Fn(&Path) -> bool) -> Result<()> {
        if self.keeps_missing {
            self.found.extend(shards);
            return Ok(());
        }
        let (count, mut missing) = (shards.len(), Vec::new());
        for shard in shards {
            match exists(&shard.path) {
                true => self.found.push(shard),
                false => missing.push(shard),
            }
        }
        let Some(Found { path, listed: Some(Listed { list, .. }), .. }) = missing.first() else {
            return Ok(());
        };
        let list = self.lists[*list].path.display();
        let are = match missing.len() {
            1 if count == 1 => "it is missing".to_owned(),
            1 => "it is the only one that is missing".to_owned(),
            missing => format!("{missing} are missing"),
        };
        let why = format!(": {list} lists {}, and {are}{ADVICE}", files_of(count as u64));
        let error = Error::io("find", io::Error::from_raw_os_error(libc::ENOENT));
        let error = error.adding(&why).of(path);
        if !self.options.allow_missing {
            return Err(error);
        }
        for shard in &missing {
            if let Some(Listed { list, .. }) = shard.listed {
                self.lists[list].payload_bytes = None;
            }
        }
        self.incomplete.push(error.to_string());
        Ok(())
    }
}
