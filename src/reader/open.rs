//! Opens readers of files and other sources, with an index that is given, found or scanned.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use super::{make_room, Inner, Reader, Table};
use crate::check;
use crate::error::{Error, Result};
use crate::file;
use crate::frame::at::header_at;
use crate::frame::trust::Trust;
use crate::index::{Entries, Entry, EntryOrder, EntryTable, Index};
use crate::open::{open, open_again, open_beside, Data};
use crate::options::{Checksums, Options, Progress};
use crate::shards::places_beside;
use crate::source::{fill_at, DataFile, ReadAt, ReadCost};
use crate::threads::Width;

/// Bytes of a payload per read: few enough that they are still in the cache for the CRC.
const BLOCK: usize = if cfg!(any(test, fuzzing)) { 100 } else { 256 << 10 };
/// The same for other sources, where each read may be a network request.
const SOURCE_BLOCK: usize = if cfg!(any(test, fuzzing)) { 100 } else { 8 << 20 };

impl Reader {
    /// Opens a TFRecord file with the index [found](crate::find_index) beside it, such as the
    /// file's path with `.idx` appended.
    ///
    /// The index must belong to this file and account for every valid record: none may start in a
    /// gap of the index, before its first entry or after its last one. It may leave out damage, and
    /// an incomplete record at the end.
    ///
    /// If there is no such index, this scans the file, but writes no index file. If it found an
    /// index and did not use it, [`warning`](Self::warning) says why.
    ///
    /// To use an index that leaves out valid records, [read](Index::read) it and pass it to
    /// [`with_index`](Self::with_index).
    ///
    /// ```
    /// use tfr_index::{Options, Reader};
    ///
    /// let reader = Reader::open("tests/data/examples.tfrecord", &Options::new())?;
    /// assert_eq!(reader.read(99)?.len() as u64, reader.entry(99)?.payload_len());
    /// # Ok::<(), tfr_index::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the file cannot be read; if it is scanned, those of [`Index::scan`].
    pub fn open(tfrecord_path: impl AsRef<Path>, options: &Options<'_>) -> Result<Reader> {
        let path = tfrecord_path.as_ref();
        let data = Arc::new(open(path)?);
        let make = || {
            let read = |file, path: &Path| EntryTable::read_open(&file, path);
            let (table, warning) = match index_beside(path, &data, options, read)? {
                Candidate::Index(table) => (table, None),
                Candidate::None => (scan_file(path, &data, options)?, None),
                Candidate::Unused(warning) => {
                    let scanned = scan_file(path, &data, options);
                    let table = scanned.map_err(|error| error.adding(&format!(" ({warning})")))?;
                    (table, Some(warning))
                }
            };
            let reader = Reader::new(data.clone(), table, options, BLOCK)?;
            let reader = reader.with(|inner| (inner.known, inner.warning) = (true, warning));
            Ok(reader.of(path, &data))
        };
        make().map_err(|error: Error| error.of(path))
    }

    /// Opens a TFRecord file with the given index, which may select, reorder and repeat records.
    /// The index is not checked here; each frame is checked when it is read.
    ///
    /// ```
    /// use tfr_index::{Index, Options, Reader};
    ///
    /// let path = "tests/data/examples.tfrecord";
    /// let last_first = Index::scan(path, &Options::new())?;
    /// let last_first = Index::from_entries(last_first.iter().rev().copied())?;
    /// let reader = Reader::with_index(path, last_first, &Options::new())?;
    /// assert_eq!(reader.read(0)?, Reader::open(path, &Options::new())?.read(99)?);
    /// # Ok::<(), tfr_index::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn with_index(
        tfrecord_path: impl AsRef<Path>,
        index: Index,
        options: &Options<'_>,
    ) -> Result<Reader> {
        let path = tfrecord_path.as_ref();
        Reader::with_table(path, open(path)?, EntryTable::of(index), options)
    }

    /// Like [`with_index`](Self::with_index), with an index file, and the seek file beside it.
    pub(crate) fn with_index_file(
        path: &Path,
        index_path: &Path,
        options: &Options<'_>,
    ) -> Result<Reader> {
        Reader::with_index_beside(path, Index::read(index_path)?, index_path, options)
    }

    /// Like [`with_index`](Self::with_index), with the seek file beside the file of an index.
    pub(crate) fn with_index_beside(
        path: &Path,
        index: Index,
        index_path: &Path,
        options: &Options<'_>,
    ) -> Result<Reader> {
        Reader::with_table(path, open_beside(path, index_path)?, EntryTable::of(index), options)
    }

    fn with_table(
        path: &Path,
        data: Data,
        table: Result<EntryTable>,
        options: &Options<'_>,
    ) -> Result<Reader> {
        let data = Arc::new(data);
        let reader = table.and_then(|table| Reader::new(data.clone(), table, options, BLOCK));
        reader.map(|reader| reader.of(path, &data)).map_err(|error| error.of(path))
    }

    /// Opens a file with the index of a scan with the options `of_scan`.
    pub(crate) fn scan(
        path: &Path,
        of_scan: &Options<'_>,
        options: &Options<'_>,
    ) -> Result<Reader> {
        let scan = || {
            let data = Arc::new(open(path)?);
            let table = of_scan.of_file(path, |options| EntryTable::of_data(&data, options))?;
            let reader = Reader::new(data.clone(), table, options, BLOCK)?;
            Ok(reader.of(path, &data).scanned())
        };
        scan().map_err(|error: Error| error.of(path))
    }

    /// Opens a file again, of which a reader left this table. `None` if the file has changed.
    pub(crate) fn open_again(
        path: &Path,
        table: &Table,
        options: &Options<'_>,
    ) -> Result<Option<Reader>> {
        let data = Arc::new(open_again(path, table.points.as_ref())?);
        if table.stamp != Some(data.opened().stamp) {
            return Ok(None);
        }
        let reader = Reader::new(data.clone(), table.entries.clone(), options, BLOCK);
        let reader = reader.map_err(|error| error.of(path))?;
        Ok(Some(reader.with(|inner| inner.known = table.known).of(path, &data)))
    }

    /// Opens any source, with the given index or, without one, with an index from a scan.
    ///
    /// ```
    /// use tfr_index::{Options, Reader};
    ///
    /// let data = std::fs::File::open("tests/data/examples.tfrecord")?;
    /// assert_eq!(Reader::from_source(data, None, &Options::new())?.len(), 100);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If the source cannot be read; if it is scanned, those of [`Index::from_source`].
    pub fn from_source(
        source: impl ReadAt + Send + Sync + 'static,
        index: Option<Index>,
        options: &Options<'_>,
    ) -> Result<Reader> {
        let known = index.is_none();
        let table = index.map_or_else(|| scan(&source, options), EntryTable::of)?;
        let reader = Reader::new(Arc::new(source), table, options, SOURCE_BLOCK)?;
        Ok(reader.with(|inner| inner.known = known))
    }

    /// Opens a source with the text of the index that is beside it, as [`open`](Self::open) does.
    pub(crate) fn from_source_beside(
        source: impl ReadAt + Send + Sync + 'static,
        index_file: Option<impl ReadAt>,
        options: &Options<'_>,
    ) -> Result<Reader> {
        let found = match index_file {
            Some(text) => Some(table_beside(&text, &source, options)?),
            None => None,
        };
        let (table, warning) = match found {
            Some(Ok(table)) => (table, None),
            Some(Err(warning)) => (scan(&source, options)?, Some(warning)),
            None => (scan(&source, options)?, None),
        };
        let reader = Reader::new(Arc::new(source), table, options, SOURCE_BLOCK)?;
        Ok(reader.with(|inner| (inner.known, inner.warning) = (true, warning)))
    }

    /// Opens a source again, of which a reader left this table.
    pub(crate) fn from_source_again(
        source: impl ReadAt + Send + Sync + 'static,
        table: &Table,
        options: &Options<'_>,
    ) -> Result<Reader> {
        let reader = Reader::new(Arc::new(source), table.entries.clone(), options, SOURCE_BLOCK)?;
        Ok(reader.scanned())
    }

    /// Opens a source with the index of a scan with the options `of_scan`.
    pub(crate) fn scan_source(
        source: impl ReadAt + Send + Sync + 'static,
        of_scan: &Options<'_>,
        options: &Options<'_>,
    ) -> Result<Reader> {
        let table = EntryTable::scan(&source, of_scan)?;
        Ok(Reader::new(Arc::new(source), table, options, SOURCE_BLOCK)?.scanned())
    }

    fn new(
        source: Arc<impl ReadAt + Send + Sync + 'static>,
        table: EntryTable,
        options: &Options<'_>,
        block: usize,
    ) -> Result<Reader> {
        let offsets = |table: &EntryTable| {
            let others = [0, 1, table.len() / 2, table.len().wrapping_sub(1)];
            let others = others.into_iter().filter_map(|record| table.get(record));
            table.start().into_iter().chain(others.map(|entry| entry.offset)).collect()
        };
        Reader::with_offsets(source, table, offsets, options, block)
    }

    /// `offsets` returns where some frames start, to find out whether headers have checksums.
    fn with_offsets(
        source: Arc<impl ReadAt + Send + Sync + 'static>,
        table: EntryTable,
        offsets: impl FnOnce(&EntryTable) -> Vec<u64>,
        options: &Options<'_>,
        block: usize,
    ) -> Result<Reader> {
        source.advise_sparse(false);
        let size = source.size().map_err(|error| Error::io("find the size", error))?;
        let (trust, payloads) = match options.checksums {
            Checksums::None => (None, false),
            checksums => {
                let trust = Trust::decide(&source, checksums, || offsets(&table))?;
                (Some(trust), checksums != Checksums::Length && trust == Trust::Checked)
            }
        };
        // Without a CRC to compute, reading in parts gains nothing. A distant source is read with few requests, many at the same time.
        let cost = source.cost();
        let block = if payloads && cost.is_none() { block } else { usize::MAX };
        let width = width_of(options.threads, cost);
        Ok(Reader(Arc::new(Inner {
            source,
            path: None,
            opened: None,
            opened_seek_file: None,
            points: None,
            table,
            known: false,
            warning: None,
            size,
            trust,
            payloads,
            block,
            raw_frames: options.raw_frames,
            threads: options.threads,
            width,
        })))
    }

    /// A reader of a file whose index is elsewhere: only [`view`](Self::view)s of it have records.
    pub(super) fn without_table(
        path: &Path,
        data: Data,
        offsets: impl FnOnce() -> Vec<u64>,
        options: &Options<'_>,
    ) -> Result<Reader> {
        let (table, data) = (EntryTable::of(Index::default())?, Arc::new(data));
        let reader = Reader::with_offsets(data.clone(), table, |_| offsets(), options, BLOCK)?;
        Ok(reader.of(path, &data))
    }

    /// A reader of the same data with other entries.
    pub(super) fn view(&self, entries: Vec<Entry>) -> Result<Reader> {
        let inner = &*self.0;
        Ok(Reader(Arc::new(Inner {
            source: inner.source.clone(),
            path: inner.path.clone(),
            points: inner.points.clone(),
            table: EntryTable::of(Index::from_entries(entries)?)?,
            warning: None,
            width: width_of(inner.threads, inner.source.cost()),
            ..*inner
        })))
    }

    /// Sets the path, for errors, and the file's state.
    fn of(self, path: &Path, data: &Data) -> Reader {
        data.is_opened();
        self.with(|inner| {
            (inner.path, inner.opened) = (Some(path.to_owned()), Some(data.opened()));
            inner.opened_seek_file = data.opened_seek_file();
            inner.points = data.points();
        })
    }

    /// Says that the index was found by a scan of this data.
    pub(crate) fn scanned(self) -> Reader {
        self.with(|inner| inner.known = true)
    }

    /// Changes a reader that is not shared yet.
    fn with(mut self, change: impl FnOnce(&mut Inner)) -> Reader {
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            change(inner);
        }
        self
    }
}

const UNUSED: &str = "; this index is not used, the data is scanned";

/// The result of looking for an index beside some data.
pub(super) enum Candidate<E> {
    /// An index that accounts for all valid records.
    Index(E),
    /// An index that is not used, and why.
    Unused(Error),
    None,
}

/// Fails if the progress callback cancels, or if too many files are open.
pub(super) fn index_beside<E: Entries>(
    path: &Path,
    data: &Data,
    options: &Options<'_>,
    read: impl Fn(DataFile, &Path) -> Result<E>,
) -> Result<Candidate<E>> {
    for index_path in places_beside(path) {
        match index_at(&index_path, data, options, &read)? {
            Candidate::None => {}
            found => return Ok(found),
        }
    }
    Ok(Candidate::None)
}

fn index_at<E: Entries>(
    index_path: &Path,
    data: &Data,
    options: &Options<'_>,
    read: impl Fn(DataFile, &Path) -> Result<E>,
) -> Result<Candidate<E>> {
    // Only a regular file: opening a pipe might block.
    let file = file::open_regular(index_path);
    let read = file.and_then(|file| read(file, index_path));
    // The callback may cancel the check, but the check is no progress of the scan that may follow.
    let ask = |progress: Progress| match options.progress {
        Some(callback) => callback(Progress { bytes_done: 0, records: 0, ..progress }),
        None => ControlFlow::Continue(()),
    };
    if let (Ok(_), Some(source)) = (&read, data.compressed()) {
        let total = source.compressed().opened().stamp.bytes;
        let ask = |_| options.report(Progress { bytes_done: 0, bytes_total: total, records: 0 });
        source.points(&ask)?;
    }
    let reason = match read {
        Ok(index) if is_of_seek_file(&index, data).unwrap_or(false) => {
            return Ok(Candidate::Index(index));
        }
        Ok(index) => match check::reason_against(&index, data, &options.progress(&ask))? {
            None => return Ok(Candidate::Index(index)),
            Some(reason) => reason,
        },
        Err(error) if error.os_error() == Some(libc::ENOENT) => return Ok(Candidate::None),
        // Too many open files: this says nothing about the index.
        Err(error) if matches!(error.os_error(), Some(libc::EMFILE | libc::ENFILE)) => {
            return Err(error.of(index_path));
        }
        Err(error) => error,
    };
    Ok(Candidate::Unused(reason.of(index_path).adding(UNUSED)))
}

/// The text of an index that is not a local file.
pub(crate) fn read_index(text: &impl ReadAt) -> Result<Vec<u8>> {
    let size = text.size().map_err(|error| Error::io("find the size of the index", error))?;
    let mut bytes = Vec::new();
    make_room(&mut bytes, usize::try_from(size).unwrap_or(usize::MAX))?;
    bytes.resize(size as usize, 0);
    let count = fill_at(text, &mut bytes, 0).map_err(|error| Error::io("read the index", error))?;
    bytes.truncate(count);
    Ok(bytes)
}

/// The entries of the text of an index beside a source, or why it is not used. Each header of distant
/// data is a request, so only two are read if the index accounts for each byte.
pub(crate) fn table_beside(
    text: &impl ReadAt,
    source: &(impl ReadAt + Sync),
    options: &Options<'_>,
) -> Result<std::result::Result<EntryTable, Error>> {
    let reason = match Index::from_text(&read_index(text)?).and_then(EntryTable::of) {
        Ok(table) => {
            let size = source.size().map_err(|error| Error::io("find the size", error))?;
            if source.cost().is_some() && accounts_for(&table, source, size, u64::MAX)? {
                return Ok(Ok(table));
            }
            match check::reason_against(&table, source, options)? {
                None => return Ok(Ok(table)),
                Some(reason) => reason,
            }
        }
        Err(error) => error,
    };
    Ok(Err(reason.adding(UNUSED)))
}

/// Whether an index has the records that the seek file of the data counted. A check of it decodes up
/// to 64 chunks, this at most two.
fn is_of_seek_file(index: &impl Entries, data: &Data) -> Result<bool> {
    let source = data.compressed().filter(|source| source.has_seek_file());
    let Some(points) = source.and_then(|source| source.known_points()) else { return Ok(false) };
    let is_count_right = points.records == Some(index.len() as u64);
    // The last record may be a chunk away, which takes a millisecond to decompress.
    let late = points.start_of_last().unwrap_or(u64::MAX);
    Ok(is_count_right && accounts_for(index, data, points.size, late)?)
}

/// Whether an index accounts for each of the data's `size` bytes, and the headers of its first record
/// and of a late one are right: of the first one from `late` on, or of the last one.
fn accounts_for(index: &impl Entries, data: &impl ReadAt, size: u64, late: u64) -> Result<bool> {
    let count = index.len();
    if !matches!(index.order(), EntryOrder::Ascending { covered } if covered == size) {
        return Ok(false);
    }
    let last = first_from(index, late)?.min(count.wrapping_sub(1));
    for record in [0, last].into_iter().filter(|record| *record < count) {
        let entry = index.get(record)?;
        if entry.end() > size {
            return Ok(false);
        }
        let found = header_at(data, entry.offset)?
            .and_then(|header| header.frame_size(size - entry.offset));
        if found != Some(entry.size) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The number of the first record that starts at `offset` or later, if the entries ascend.
fn first_from(index: &impl Entries, offset: u64) -> Result<usize> {
    let (mut start, mut end) = (0, index.len());
    while start < end {
        let middle = start + (end - start) / 2;
        match index.get(middle)?.offset < offset {
            true => start = middle + 1,
            false => end = middle,
        }
    }
    Ok(start)
}

pub(super) fn scan_file(path: &Path, data: &Data, options: &Options<'_>) -> Result<EntryTable> {
    options.of_file(path, |options| EntryTable::of_data(data, &without_payloads(options)))
}

fn width_of(threads: usize, cost: Option<ReadCost>) -> Width {
    match (threads, cost) {
        (0, Some(cost)) => Width::new(cost.at_once.max(1)),
        (threads, _) => Width::new(threads),
    }
}

fn scan(source: &(impl ReadAt + Sync), options: &Options<'_>) -> Result<EntryTable> {
    EntryTable::scan(source, &without_payloads(options))
}

/// Options to scan without payload CRCs: the reader checks them when it reads payloads.
fn without_payloads<'a>(options: &Options<'a>) -> Options<'a> {
    let checksums = match options.checksums {
        Checksums::Full => Checksums::Length,
        checksums => checksums,
    };
    Options { checksums, ..*options }
}
