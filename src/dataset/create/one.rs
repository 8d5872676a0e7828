//! Creates the index of one of many files.

use std::collections::HashMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::{CreateIndexes, Created, Creation};
use crate::check::CheckLevel;
use crate::create::{create_index_unless, default_index_path, ensure_index, is_up_to_date};
use crate::error::{Error, ErrorKind, Result};
use crate::file;
use crate::options::{Options, Progress, Skipped};
use crate::reader::StoredIndex;
use crate::shards::{place_beside, Shard};
use crate::threads::Pool;

/// What is told while a file is indexed.
pub(super) struct Listener<'l> {
    /// Takes the number of bytes that were done since the last call; may cancel.
    pub bytes: &'l (dyn Fn(u64) -> ControlFlow<()> + Sync),
    pub skipped: &'l (dyn Fn(Skipped) -> ControlFlow<()> + Sync),
}

/// Which directories have files that killed processes left. To look for those of each index takes
/// longer than to find that it is up to date; to list a directory in each of 32 threads, too.
#[derive(Default)]
pub(super) struct Abandoned {
    are_in: Mutex<HashMap<PathBuf, Arc<OnceLock<bool>>>>,
}

impl Abandoned {
    fn clear(&self, index_path: &Path) {
        let Some(directory) = index_path.parent() else { return };
        let found = {
            let mut are_in = self.are_in.lock().unwrap_or_else(PoisonError::into_inner);
            match are_in.get(directory) {
                Some(found) => found.clone(),
                None => are_in.entry(directory.to_owned()).or_default().clone(),
            }
        };
        if *found.get_or_init(|| file::has_temporary_files(directory)) {
            file::clear_abandoned(index_path);
        }
    }
}

/// Creates the shard's index, as the settings say. `pool`: the threads that other files also use.
pub(super) fn create(
    shard: &Shard,
    settings: &CreateIndexes<'_>,
    pool: Option<&Pool>,
    listener: &Listener<'_>,
    abandoned: &Abandoned,
) -> Created {
    let (done, total, regions) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let progress = |at: Progress| {
        total.store(at.bytes_total, Ordering::Relaxed);
        let before = done.fetch_max(at.bytes_done, Ordering::Relaxed);
        (listener.bytes)(at.bytes_done.saturating_sub(before))
    };
    let on_skipped = |skipped: Skipped| {
        regions.fetch_add(u64::from(!skipped.incomplete_tail), Ordering::Relaxed);
        (listener.skipped)(skipped)
    };
    let options = Options { pool, ..settings.options };
    let options = options.progress(&progress).on_skipped(&on_skipped);
    let (index_path, is_allowed) = match &shard.index_path {
        Some(path) => (path.clone(), Ok(())),
        None => (default_index_path(&shard.path), place_beside(&shard.path).map(drop)),
    };
    let result = is_allowed.and_then(|()| {
        if let Some(nothing) = needs_nothing(shard, &index_path, settings, &options)? {
            if matches!(nothing, Creation::UpToDate) && !settings.dry_run {
                abandoned.clear(&index_path);
            }
            return Ok(nothing);
        }
        let records = match create_index_unless(&shard.path, &index_path, ensure_index, &options) {
            // The directory of the index may be missing, but not that of the data.
            Err(error)
                if error.os_error() == Some(libc::ENOENT)
                    && error.path() == Some(&*index_path)
                    && make_directory_of(&index_path) =>
            {
                create_index_unless(&shard.path, &index_path, ensure_index, &options)?
            }
            records => records?,
        };
        let skipped_regions = regions.load(Ordering::Relaxed);
        Ok(Creation::Created { records, skipped_regions })
    });
    let bytes = match result {
        Ok(Creation::Created { .. }) => total.into_inner(),
        _ => 0,
    };
    Created { path: shard.path.clone(), index_path, bytes, result }
}

/// What is to be said if no index is to be created.
fn needs_nothing(
    shard: &Shard,
    index_path: &Path,
    settings: &CreateIndexes<'_>,
    options: &Options<'_>,
) -> Result<Option<Creation>> {
    let path = &shard.path;
    if let Some(only) = settings.only {
        let may_select = shard.index_path.is_some() && !options.salvage;
        if is_up_to_date(path, index_path, only, options)?
            || may_select && selects_records(path, index_path, options)?
        {
            return Ok(Some(Creation::UpToDate));
        }
    }
    if !settings.dry_run {
        return Ok(None);
    }
    if let Some(Err(error)) = file::metadata(path) {
        return Err(Error::io("open", error).of(path));
    }
    Ok(Some(Creation::Planned))
}

/// Whether an index that is not older than the file has some of its records, with others between them.
/// Those that it has from the start on may be all that the file had.
fn selects_records(path: &Path, index_path: &Path, options: &Options<'_>) -> Result<bool> {
    let modified = |path| file::metadata(path)?.and_then(|metadata| metadata.modified()).ok();
    match (modified(path), modified(index_path)) {
        (Some(data), Some(index)) if index >= data => {}
        _ => return Ok(false),
    }
    let selects = StoredIndex::read(index_path).and_then(|index| {
        let mut end = 0;
        for entry in index.entries() {
            let entry = entry?;
            if entry.offset != end {
                let partial = options.allow_partial(true);
                return index.check(path, CheckLevel::Quick, &partial).map(|_| true);
            }
            end = entry.end();
        }
        Ok(false)
    });
    match selects {
        Err(error) if is_of_process(&error) => Err(error),
        selects => Ok(selects.unwrap_or(false)),
    }
}

/// Whether an error says nothing about the files.
fn is_of_process(error: &Error) -> bool {
    use ErrorKind::{Cancelled, Io, OutOfMemory, Panic};
    matches!(error.kind(), Cancelled | Io | OutOfMemory | Panic)
}

fn make_directory_of(path: &Path) -> bool {
    path.parent().is_some_and(|directory| fs::create_dir_all(directory).is_ok())
}
