//! Readers of files and of other sources, with an index that is given, found or made.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::AtomicUsize;
use std::sync::Arc;

use super::{Inner, Reader};
use crate::check::frames::Trust;
use crate::dataset::files::places_beside;
use crate::error::{Error, Result};
use crate::file::{self, DataFile};
use crate::index::Index;
use crate::options::{Checksums, Options, Progress};
use crate::source::ReadAt;
use crate::threads;

/// Bytes of a payload that are read at once: its CRC is computed while they are in the cache.
const BLOCK: usize = if cfg!(any(test, fuzzing)) { 100 } else { 256 << 10 };
/// As many of a source, where each read may be a trip over a network.
const SOURCE_BLOCK: usize = if cfg!(any(test, fuzzing)) { 100 } else { 8 << 20 };

impl Reader {
    /// A reader of a TFRecord file by the index that is [found](crate::find_index) beside it, at its
    /// path with `.idx` appended. That index must be the index of this file, and account for each valid record: none
    /// may start where it leaves a gap, before its first entry or after its last one. It may leave
    /// out damage, and a record at the end that is not whole yet.
    ///
    /// If there is no such index, the file is scanned, and no index file is written; if one was left
    /// aside, [`warning`](Self::warning) says why.
    ///
    /// To use an index whatever it leaves out, [read](Index::read) it, and give it to
    /// [`with_index`](Self::with_index).
    ///
    /// ```
    /// use tfr_index::{Options, Reader};
    ///
    /// let reader = Reader::open("tests/data/examples.tfrecord", &Options::new())?;
    /// assert_eq!(reader.read(99)?.len() as u64, reader.index()[99].size - 16);
    /// # Ok::<(), tfr_index::Error>(())
    /// ```
    ///
    /// # Errors
    /// When the file cannot be read; when it is scanned, as [`Index::scan`].
    pub fn open(tfrecord_path: impl AsRef<Path>, options: &Options<'_>) -> Result<Reader> {
        let path = tfrecord_path.as_ref();
        let data = file::open_regular(path)?;
        let open = || {
            let (index, warning) = match index_beside(path, &data, options)? {
                Beside::Index(index) => (index, None),
                Beside::None => (scan_file(path, &data, options)?, None),
                Beside::Unused(warning) => {
                    let scanned = scan_file(path, &data, options);
                    let index = scanned.map_err(|error| error.adding(&format!(" ({warning})")))?;
                    (index, Some(warning))
                }
            };
            let reader = Reader::new(data, index, options, BLOCK)?;
            Ok(reader.with(|inner| (inner.known, inner.warning) = (true, warning)).of(path))
        };
        open().map_err(|error: Error| error.of(path))
    }

    /// A reader of a TFRecord file by this index, whatever is in it: it may select, reorder and
    /// repeat records. It is not checked beforehand; each frame is when it is read.
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
    /// When the file cannot be read.
    pub fn with_index(
        tfrecord_path: impl AsRef<Path>,
        index: Index,
        options: &Options<'_>,
    ) -> Result<Reader> {
        let path = tfrecord_path.as_ref();
        let data = file::open_regular(path)?;
        let reader = Reader::new(data, index, options, BLOCK);
        reader.map(|reader| reader.of(path)).map_err(|error| error.of(path))
    }

    /// A reader of any source, by this index, or by one that is made by a scan.
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
    /// When the source cannot be read; when it is scanned, as [`Index::from_source`].
    pub fn from_source(
        source: impl ReadAt + Send + Sync + 'static,
        index: Option<Index>,
        options: &Options<'_>,
    ) -> Result<Reader> {
        let known = index.is_none();
        let index = index.map_or_else(|| scan(&source, options), Ok)?;
        let reader = Reader::new(source, index, options, SOURCE_BLOCK)?;
        Ok(reader.with(|inner| inner.known = known))
    }

    fn new(
        source: impl ReadAt + Send + Sync + 'static,
        index: Index,
        options: &Options<'_>,
        block: usize,
    ) -> Result<Reader> {
        source.advise_sparse(false);
        let size = source.size().map_err(|error| Error::io("find the size", error))?;
        let some = || {
            let first = index.iter().min_by_key(|entry| entry.offset);
            let others = [0, 1, index.len() / 2, index.len().wrapping_sub(1)];
            let others = others.into_iter().filter_map(|record| index.get(record));
            first.into_iter().chain(others).copied().collect::<Vec<_>>()
        };
        let (trust, payloads) = match options.checksums {
            Checksums::None => (None, false),
            checksums => {
                let trust = Trust::decide(&source, checksums, some)?;
                (Some(trust), checksums != Checksums::Length && trust == Trust::Checked)
            }
        };
        let processors = threads::processors();
        Ok(Reader(Arc::new(Inner {
            source: Box::new(source),
            path: None,
            index,
            known: false,
            warning: None,
            size,
            trust,
            payloads,
            // Without a CRC to compute, nothing is gained by reading it in parts.
            block: if payloads { block } else { usize::MAX },
            raw_frames: options.raw_frames,
            threads: options.threads,
            processors,
            width: AtomicUsize::new(processors),
        })))
    }

    /// Names the file.
    fn of(self, path: &Path) -> Reader {
        self.with(|inner| inner.path = Some(path.to_owned()))
    }

    /// Changes a reader that nobody shares yet.
    fn with(mut self, change: impl FnOnce(&mut Inner)) -> Reader {
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            change(inner);
        }
        self
    }
}

/// What is at the place of the index beside some data.
enum Beside {
    /// An index that accounts for all valid records.
    Index(Index),
    /// Something that is not used, and why.
    Unused(Error),
    None,
}

/// Errors: the progress callback cancels; the process, or the system, has too many files open.
fn index_beside(path: &Path, data: &DataFile, options: &Options<'_>) -> Result<Beside> {
    for index_path in places_beside(path) {
        match index_at(&index_path, data, options)? {
            Beside::None => {}
            found => return Ok(found),
        }
    }
    Ok(Beside::None)
}

fn index_at(index_path: &Path, data: &DataFile, options: &Options<'_>) -> Result<Beside> {
    // First whether it is a regular file: a pipe might keep us waiting.
    let file = file::open_regular(index_path);
    let read = file.and_then(|file| Index::read_open(&file, index_path));
    // The check may be cancelled, but is no progress of the scan that may follow.
    let ask = |progress: Progress| match options.progress {
        Some(callback) => callback(Progress { bytes_done: 0, records: 0, ..progress }),
        None => ControlFlow::Continue(()),
    };
    let reason = match read {
        Ok(index) => match index.reason_against(data, &options.progress(&ask))? {
            None => return Ok(Beside::Index(index)),
            Some(reason) => reason,
        },
        Err(error) if error.os_error() == Some(libc::ENOENT) => return Ok(Beside::None),
        // Too many files are open: this says nothing of the index.
        Err(error) if matches!(error.os_error(), Some(libc::EMFILE | libc::ENFILE)) => {
            return Err(error.of(index_path));
        }
        Err(error) => error,
    };
    let reason = reason.of(index_path).adding("; this index is not used, the data is scanned");
    Ok(Beside::Unused(reason))
}

fn scan_file(path: &Path, data: &DataFile, options: &Options<'_>) -> Result<Index> {
    options.of_file(path, |options| scan(data, options))
}

/// Payloads are looked at when they are read.
fn scan(source: &(impl ReadAt + Sync), options: &Options<'_>) -> Result<Index> {
    let checksums = match options.checksums {
        Checksums::Full => Checksums::Length,
        checksums => checksums,
    };
    Index::from_source(source, &Options { checksums, ..*options })
}
