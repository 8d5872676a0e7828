//! Counts the records of shards: from their indexes, or, where none fits, from the data.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{channel, RecvTimeoutError, Sender};
use std::thread;

use super::stamp_of;
use crate::catalog::ManifestRow;
use crate::check::CheckLevel;
use crate::error::{Error, ErrorKind, Result};
use crate::file;
use crate::index::{Decoder, Index};
use crate::open::decompressed_size;
use crate::options::{Options, Progress};
use crate::reader::Reader;
use crate::shards::Shard;
use crate::source::Stamp;
use crate::threads::{Crew, FirstError, POLL_INTERVAL, WAITING};

/// Looking at fewer shards than this takes less time than starting threads.
const FEW: usize = 256;
/// How often to count a shard that changes meanwhile.
const ATTEMPTS: usize = 3;

/// Counts the records of a shard.
pub(super) fn count(shard: &Shard, options: &Options<'_>) -> Result<ManifestRow> {
    for _ in 0..ATTEMPTS {
        let Stamp { bytes, mtime_ns } = stamp_of(&shard.path)?;
        let (records, index_path) = records(shard, bytes, mtime_ns, options)?;
        if stamp_of(&shard.path)? == (Stamp { bytes, mtime_ns }) {
            let (path, mtime_ns) = (shard.path.clone(), Some(mtime_ns));
            return Ok(ManifestRow { path, bytes, records, mtime_ns, index_path, etag: None });
        }
    }
    let detail = "the file changes while its records are counted: wait until it is complete";
    Err(Error::new(ErrorKind::Mismatch, detail).of(&shard.path))
}

/// The number of all records of a file. An index that selects some is left aside.
pub(super) fn count_file(shard: &Shard, options: &Options<'_>) -> Result<u64> {
    let stamp = stamp_of(&shard.path)?;
    match covered(shard, stamp.bytes, stamp.mtime_ns) {
        Some(records) => Ok(records),
        None => Ok(count(&Shard { index_path: None, ..shard.clone() }, options)?.records),
    }
}

/// The number of records, if the shard's index has all records of its file.
pub(super) fn covered(shard: &Shard, bytes: u64, mtime_ns: i64) -> Option<u64> {
    lines(&shard.path, &shard.find_index().ok()?, bytes, mtime_ns)
}

/// The number of records, and the index that it comes from.
fn records(
    shard: &Shard,
    bytes: u64,
    mtime_ns: i64,
    options: &Options<'_>,
) -> Result<(u64, Option<PathBuf>)> {
    let index_path = match shard.find_index() {
        Ok(path) => path,
        Err(error) if shard.index_path.is_some() => return Err(error),
        Err(_) => return Ok((Reader::open(&shard.path, options)?.len() as u64, None)),
    };
    if let Some(records) = lines(&shard.path, &index_path, bytes, mtime_ns) {
        return Ok((records, Some(index_path)));
    }
    if shard.index_path.is_some() {
        // An index that is given may select records, but not those of another file.
        let index = Index::read(&index_path)?;
        let partial = options.allow_partial(true);
        let checked = index.check(&shard.path, CheckLevel::Quick, &partial);
        checked.map_err(|error| {
            error.adding(&format!(" (the index {}; create it again)", index_path.display()))
        })?;
        return Ok((index.len() as u64, Some(index_path)));
    }
    let reader = Reader::open(&shard.path, options)?;
    let index_path = reader.warning().is_none().then_some(index_path);
    Ok((reader.len() as u64, index_path))
}

/// The number of lines of an index that covers a file's bytes without gaps, and is not older than
/// the file. Its entries are not kept.
fn lines(path: &Path, index_path: &Path, bytes: u64, mtime_ns: i64) -> Option<u64> {
    let file = file::open_regular(index_path).ok()?;
    let metadata = file.file().metadata().ok()?;
    if Stamp::of(&metadata).mtime_ns < mtime_ns {
        return None;
    }
    let (mut lines, mut end) = (0, 0);
    let mut add = |entries: &[crate::Entry]| {
        let fits = entries.iter().all(|entry| {
            let follows = entry.offset == end;
            end = entry.end();
            follows
        });
        lines += entries.len() as u64;
        match fits {
            true => Ok(()),
            false => Err(Error::new(ErrorKind::Mismatch, "not all records, or not in order")),
        }
    };
    let mut decoder = Decoder::new();
    let read = file.read_chunks(|text| {
        decoder.push(text)?;
        add(&decoder.take())
    });
    read.and_then(|()| add(&decoder.finish()?)).ok()?;
    (end == bytes || decompressed_size(path, index_path) == Some(end)).then_some(lines)
}

/// Counts the records of many shards. `bytes` is the size of all, for the progress.
pub(super) fn count_all(
    shards: &[&Shard],
    bytes: u64,
    options: &Options<'_>,
) -> Result<Vec<ManifestRow>> {
    let threads = if options.threads == 0 { WAITING } else { options.threads };
    let work = |number: usize, options: &Options<'_>| count(shards[number], options);
    Work { options, bytes, done: 0, records: 0 }.do_all(shards.len(), threads, &work)
}

/// Looks at many shards.
pub(super) fn stamps(shards: &[Shard], options: &Options<'_>) -> Result<Vec<Stamp>> {
    let threads = match options.threads {
        0 if shards.len() < FEW => 1,
        0 => WAITING,
        threads => threads,
    };
    let work = |number: usize, _: &Options<'_>| stamp_of(&shards[number].path);
    Work { options, bytes: 0, done: 0, records: 0 }.do_all(shards.len(), threads, &work)
}

/// What the progress callback needs to know of a result.
trait Size {
    /// The bytes and the records.
    fn size(&self) -> (u64, u64);
}

impl Size for ManifestRow {
    fn size(&self) -> (u64, u64) {
        (self.bytes, self.records)
    }
}

impl Size for Stamp {
    fn size(&self) -> (u64, u64) {
        (0, 0)
    }
}

/// Work on many shards, and how far it is.
struct Work<'o> {
    options: &'o Options<'o>,
    /// Of all shards.
    bytes: u64,
    /// The bytes and the records of the shards that are done.
    done: u64,
    records: u64,
}

impl Work<'_> {
    /// Calls the progress callback. `more` bytes of another shard are done.
    fn report(&self, more: u64) -> Result<()> {
        let bytes_done = self.done.saturating_add(more).min(self.bytes);
        let (bytes_total, records) = (self.bytes, self.records);
        self.options.report(Progress { bytes_done, bytes_total, records })
    }

    fn add(&mut self, result: &impl Size) {
        let (bytes, records) = result.size();
        self.done = self.done.saturating_add(bytes);
        self.records = self.records.saturating_add(records);
    }

    /// Calls `work` with each number below `count`, and options for that work. Returns the results
    /// in the order of the numbers; of several errors, that of the first number.
    fn do_all<T: Send + Size>(
        mut self,
        count: usize,
        threads: usize,
        work: &(impl Fn(usize, &Options<'_>) -> Result<T> + Sync),
    ) -> Result<Vec<T>> {
        self.report(0)?;
        match threads.min(count) {
            0 | 1 => (0..count).map(|number| self.do_one(number, work)).collect(),
            threads => self.do_in_threads(count, threads, work),
        }
    }

    /// Does a part of the work on this thread.
    fn do_one<T: Size>(
        &mut self,
        number: usize,
        work: impl Fn(usize, &Options<'_>) -> Result<T>,
    ) -> Result<T> {
        let watch = |progress: Progress| match self.report(progress.bytes_done) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        };
        let options = Options { progress: Some(&watch), on_skipped: None, ..*self.options };
        let result = work(number, &options)?;
        self.add(&result);
        self.report(0)?;
        Ok(result)
    }

    fn do_in_threads<T: Send + Size>(
        &mut self,
        count: usize,
        threads: usize,
        work: &(impl Fn(usize, &Options<'_>) -> Result<T> + Sync),
    ) -> Result<Vec<T>> {
        let options = self.options;
        let (errors, next) = (FirstError::new(count), AtomicUsize::new(0));
        let do_some = |send: Sender<_>| loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count || !errors.is_before(number) {
                break;
            }
            // The caller's callbacks run on the caller's thread only.
            let watch = |_| match errors.is_before(number) {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            };
            let watched =
                Options { progress: Some(&watch), on_skipped: None, threads: 1, ..*options };
            let _ = send.send((number, work(number, &watched)));
        };
        let mut results: Vec<Option<T>> = Vec::new();
        results.resize_with(count, || None);
        let mut cancelled = None;
        thread::scope(|scope| {
            let mut crew = Crew::new(scope);
            let (send, receive) = channel();
            while crew.len() < threads {
                let send = send.clone();
                if !crew.start(|| do_some(send)) {
                    break; // the system starts no more
                }
            }
            match crew.len() {
                0 => do_some(send),
                _ => drop(send),
            }
            loop {
                match receive.recv_timeout(POLL_INTERVAL) {
                    Ok((number, Ok(result))) => {
                        self.add(&result);
                        results[number] = Some(result);
                    }
                    Ok((number, Err(error))) => errors.note(number, error),
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => break,
                }
                if cancelled.is_none() {
                    cancelled = self.report(0).err();
                    if cancelled.is_some() {
                        errors.give_up();
                    }
                }
            }
        });
        match cancelled {
            Some(error) => Err(error),
            None => errors.into_result().map(|()| results.into_iter().flatten().collect()),
        }
    }
}
