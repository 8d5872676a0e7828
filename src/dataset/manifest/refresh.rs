//! Brings a manifest up to date.

use std::collections::HashMap;
use std::path::PathBuf;

use super::compare::ensure_same;
use super::count::{count_all, covered, stamps};
use super::Manifest;
use crate::catalog::places::Places;
use crate::catalog::ManifestRow;
use crate::error::{Error, ErrorKind, Result};
use crate::options::Options;
use crate::shards::{Listed, Shards};
use crate::source::Stamp;

/// What [`Manifest::refresh`] found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Changes {
    /// Shards that were not in the manifest.
    pub added: Vec<PathBuf>,
    /// Shards with another size or time of modification.
    pub changed: Vec<PathBuf>,
    /// Shards that are no longer in the set.
    pub gone: Vec<PathBuf>,
    /// Shards that have the same size and time of modification, and an index now.
    pub indexed: Vec<PathBuf>,
    /// Whether shards that were in the manifest are now in another order.
    pub reordered: bool,
}

impl Changes {
    /// Whether nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Changes::default()
    }
}

impl Manifest {
    /// Brings the manifest up to date: `shards` are the files of the set now. A row whose file has
    /// the same size and time of modification stays as it is, unless it has an index now and had none.
    /// The records of the other files are counted, as by [`build`](Self::build). No file is written.
    ///
    /// After an error, the manifest is as it was.
    ///
    /// ```
    /// use tfr_index::{FindShards, Manifest, Options, Shards};
    ///
    /// # let temporary = tempfile::tempdir()?;
    /// # let directory = temporary.path();
    /// let add = |name| std::fs::copy("tests/data/examples.tfrecord", directory.join(name));
    /// let (find, options) = (FindShards::new(), Options::new());
    /// add("train-0.tfrecord")?;
    /// let mut manifest = Manifest::build(&Shards::find([directory], &find)?, &options)?;
    /// add("train-1.tfrecord")?;
    /// let changes = manifest.refresh(&Shards::find([directory], &find)?, &options)?;
    /// assert_eq!(changes.added, [directory.join("train-1.tfrecord")]);
    /// assert_eq!(manifest.total_records(), 200);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`build`](Self::build).
    pub fn refresh(&mut self, shards: &Shards, options: &Options<'_>) -> Result<Changes> {
        // A manifest may be older than its files, but TFDS writes both at once.
        self.update(shards, options, |listed| listed.bytes.is_none())
    }

    /// As [`refresh`](Self::refresh). Fails if a shard is not what a list says that `must_hold`.
    pub(super) fn update(
        &mut self,
        shards: &Shards,
        options: &Options<'_>,
        must_hold: impl Fn(&Listed) -> bool,
    ) -> Result<Changes> {
        if options.salvage || options.allow_incomplete_tail {
            let detail = "a manifest counts the records that readers find: to skip damage, create \
                          the indexes with this option, and the manifest without it";
            return Err(Error::new(ErrorKind::InvalidArgument, detail));
        }
        let mut places = Places::default();
        let mut known = HashMap::with_capacity(self.rows.len());
        for (number, row) in self.rows.iter().enumerate() {
            known.insert(places.whole(&row.path)?, number);
        }
        let (mut changes, mut rows) = (Changes::default(), Vec::with_capacity(shards.len()));
        let (mut open, mut bytes) = (Vec::new(), 0u64);
        let (mut seen, mut last) = (HashMap::with_capacity(shards.len()), None);
        let stamps = stamps(shards, options)?;
        for (shard, stamp) in shards.iter().zip(stamps) {
            let place = places.whole(&shard.path)?;
            let old = known.remove(&place);
            if let Some(twin) = seen.insert(place, shard) {
                let detail = format!("is listed twice, as {}, too", twin.path.display());
                return Err(Error::new(ErrorKind::InvalidArgument, detail).of(&shard.path));
            }
            changes.reordered |= old.is_some() && old < last;
            last = last.max(old);
            let old = old.map(|number| &self.rows[number]);
            let is_same = |row: &ManifestRow| {
                (row.bytes, row.mtime_ns) == (stamp.bytes, Some(stamp.mtime_ns))
            };
            match old {
                Some(row)
                    if is_same(row)
                        && (row.index_path.is_some()
                            || shard.index_path.is_none() && shard.find_index().is_err()) =>
                {
                    rows.push(Some(ManifestRow { path: shard.path.clone(), ..row.clone() }));
                    continue;
                }
                Some(row) if is_same(row) => changes.indexed.push(shard.path.clone()),
                Some(_) => changes.changed.push(shard.path.clone()),
                None => changes.added.push(shard.path.clone()),
            }
            rows.push(None);
            open.push(shard);
            bytes = bytes.saturating_add(stamp.bytes);
        }
        let mut counted = count_all(&open, bytes, options)?.into_iter();
        let rows = rows.into_iter().filter_map(|row| row.or_else(|| counted.next()));
        let rows: Vec<ManifestRow> = rows.collect();
        for (shard, row) in rows.iter().enumerate() {
            let Some(listed) = shards.listed(shard).filter(|listed| must_hold(listed)) else {
                continue;
            };
            let mtime_ns = row.mtime_ns.unwrap_or_default();
            let selects = listed.has_given_index && row.records != listed.records;
            let selects = selects && covered(&shards[shard], row.bytes, mtime_ns).is_none();
            let records = Some(row.records).filter(|_| !selects);
            let (stamp, list) =
                (Stamp { bytes: row.bytes, mtime_ns }, &shards.lists()[listed.list]);
            ensure_same(listed, &list.path, stamp, records).map_err(|error| error.of(&row.path))?;
        }
        let mut gone: Vec<usize> = known.into_values().collect();
        gone.sort_unstable();
        changes.gone = gone.into_iter().map(|row| self.rows[row].path.clone()).collect();
        *self = Manifest::from_rows(rows)?;
        Ok(changes)
    }
}
