//! Opens the files of a set for a report, and judges their indexes.

use std::path::PathBuf;

use super::sample::Sample;
use super::state::State;
use super::walk::Place;
use crate::check::CheckLevel;
use crate::dataset::Bytes;
use crate::error::{Error, ErrorKind, Result};
use crate::frame::trust::Trust;
use crate::gzip_source::GzipSource;
use crate::index::{Entries, Entry, EntryOrder, EntryTable};
use crate::open::Data;
use crate::options::{Checksums, Options};
use crate::reader::{table_beside, StoredIndex};
use crate::scan::parallel;
use crate::scan_data::scan_data;
use crate::shards::Shard;
use crate::source::ReadAt;

/// Data whose records a report can look at.
pub(super) trait Walkable: ReadAt {
    /// The name of its compression.
    fn compression(&self) -> Option<&'static str>;

    /// Delivers the entries in order, in batches, and returns the number of records.
    fn scan(
        &self,
        options: &Options<'_>,
        deliver: impl FnMut(&mut Vec<Entry>) -> Result<()>,
    ) -> Result<u64>;
}

impl Walkable for Data {
    fn compression(&self) -> Option<&'static str> {
        self.compressed().map(|source| source.kind().name())
    }

    fn scan(
        &self,
        options: &Options<'_>,
        deliver: impl FnMut(&mut Vec<Entry>) -> Result<()>,
    ) -> Result<u64> {
        scan_data(self, options, deliver)
    }
}

impl Walkable for GzipSource<Bytes> {
    fn compression(&self) -> Option<&'static str> {
        self.kind().map(|kind| kind.name())
    }

    fn scan(
        &self,
        options: &Options<'_>,
        deliver: impl FnMut(&mut Vec<Entry>) -> Result<()>,
    ) -> Result<u64> {
        parallel::scan(self, options, (0, 0), deliver)
    }
}

/// An index, and how it fits.
pub(super) struct Judged<I> {
    pub state: State,
    /// The index, if its entries are all records that a reader gets.
    pub index: Option<I>,
    pub index_path: Option<PathBuf>,
    pub reason: Option<Error>,
    pub repeated: bool,
}

impl<I> Judged<I> {
    pub fn unused(state: State, index_path: Option<PathBuf>, reason: Option<Error>) -> Judged<I> {
        Judged { state, index: None, index_path, reason, repeated: false }
    }
}

/// Judges the index of a local file.
pub(super) fn judge(shard: &Shard, options: &Options<'_>) -> Judged<StoredIndex> {
    let Ok(path) = shard.find_index() else {
        return Judged::unused(State::NoIndex, None, None);
    };
    // Reading a FIFO could block.
    if !path.metadata().map_or(true, |metadata| metadata.is_file()) {
        let error = Error::new(ErrorKind::InvalidIndex, "is not a regular file").of(&path);
        return Judged::unused(State::InvalidIndex, None, Some(error));
    }
    let index = match StoredIndex::read(&path) {
        Ok(index) => index,
        Err(error) => {
            return Judged::unused(
                State::of_error(&error),
                Some(path.clone()),
                Some(error.of(&path)),
            )
        }
    };
    match index.check(&shard.path, CheckLevel::Quick, options) {
        Err(error) => Judged::unused(State::of_error(&error), Some(path), Some(error)),
        Ok(fit) => {
            let (state, is_used) = match fit {
                _ if fit.partial => (State::Partial, shard.index_path.is_some()),
                // Damage cannot be found between entries in another order.
                _ if fit.uncovered_bytes > 0 => (State::DamageLeftOut, !fit.reordered),
                _ => (State::Ok, true),
            };
            let reason = (state == State::Partial && !is_used).then(|| {
                let detail = "the index leaves out valid records";
                Error::new(ErrorKind::Stale, detail).of(&path)
            });
            let (index, index_path) = (Some(index).filter(|_| is_used), Some(path));
            Judged { state, index, index_path, reason, repeated: fit.repeated }
        }
    }
}

/// Judges the text of an index beside distant data.
pub(super) fn judge_text(
    shard: &Shard,
    text: Option<&impl ReadAt>,
    data: &(impl ReadAt + Sync),
    options: &Options<'_>,
) -> Judged<EntryTable> {
    let Some(text) = text else { return Judged::unused(State::NoIndex, None, None) };
    let index_path = shard.index_path_to_create();
    let size = || data.size().map_err(|error| Error::io("find the size", error));
    let judged = table_beside(text, data, options).and_then(|table| Ok((table, size()?)));
    match judged {
        Err(error) | Ok((Err(error), _)) => {
            let (state, reason) = (State::of_error(&error), error.of(&index_path));
            Judged::unused(state, Some(index_path), Some(reason))
        }
        Ok((Ok(table), size)) => {
            let state = match table.order() {
                EntryOrder::Ascending { covered } if covered < size => State::DamageLeftOut,
                _ => State::Ok,
            };
            let index_path = Some(index_path);
            Judged { state, index: Some(table), index_path, reason: None, repeated: false }
        }
    }
}

/// The name of the checksums that the data has.
pub(super) fn checksums_of(
    data: &impl ReadAt,
    sample: &Sample<Place>,
) -> Result<Option<&'static str>> {
    let offsets = || sample.iter().take(4).map(|place| place.entry.offset).collect::<Vec<_>>();
    Ok(match Trust::decide(data, Checksums::Auto, offsets)? {
        Trust::Absent(first) => match first.foreign_checksums() {
            Some(name) if name.contains("IEEE") => Some("CRC-32 IEEE"),
            Some(name) if name.contains("without") => Some("none"),
            _ => Some("not valid"),
        },
        _ => Some("CRC-32C"),
    })
}
