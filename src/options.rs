//! The options of scans, readers and writers.

use std::ops::{ControlFlow, Range};
use std::path::Path;

use crate::error::{Error, ErrorKind, Result};
use crate::threads::Pool;

/// Which checksums a scan or a reader checks.
///
/// The structure is always checked: every frame lies inside the file, and the last one ends exactly
/// at its end. Some files have no valid checksums (their writers store zeros, or CRC-32 IEEE
/// instead of CRC-32C); readers such as NVIDIA DALI accept them.
///
/// ```
/// use tfr_index::{Checksums, ErrorKind, Index, Options};
///
/// // A record of 1 byte and an empty one, both with 0 in place of their checksums.
/// let mut data = vec![1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, b'x', 0, 0, 0, 0];
/// data.extend([0; 16]);
/// assert_eq!(Index::from_bytes(&data, &Options::new())?.len(), 2);
///
/// let strict = Options::new().checksums(Checksums::Length);
/// let error = Index::from_bytes(&data, &strict).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::LengthCrc);
/// # Ok::<(), tfr_index::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Checksums {
    /// Decided by the first header. If its CRC is valid, every length CRC must be valid. If not,
    /// none may be: the file counts as written without checksums. These are errors: a first header
    /// that is one bit away from a valid one, or all zeros; and a later header of all zeros, unless
    /// the first header's CRC is 0, too.
    #[default]
    Auto,
    /// No checksums, only the structure.
    None,
    /// Every length CRC.
    Length,
    /// Every length CRC and every payload CRC. A scan then reads the whole file.
    Full,
}

/// How the data that a [`RecordWriter`](crate::RecordWriter) or [`reshard`](crate::reshard()) writes is
/// compressed.
///
/// ```
/// use tfr_index::{Compression, Options, Reader, RecordWriter};
///
/// # let directory = tempfile::tempdir()?;
/// # let (path, index_path) = (directory.path().join("x.gz"), directory.path().join("x.gz.idx"));
/// let options = Options::new().compression(Compression::Gzip);
/// let mut writer = RecordWriter::create(&path, &index_path, &options)?;
/// writer.write(b"hello")?;
/// writer.finish()?;
/// assert_eq!(Reader::open(&path, &Options::new())?.read(0)?, b"hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Compression {
    /// The data is not compressed.
    #[default]
    None,
    /// A gzip file (RFC 1952) of level 6, which TensorFlow reads with the compression type `GZIP`. Each
    /// 256 KiB are a member of their own, so that any record can be read without the bytes before; this
    /// costs one percent of the size. The seek file appears beside the index.
    Gzip,
}

/// The progress of a scan, as passed to [`Options::progress`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Bytes of data done, read or skipped. Those of a compressed file are compressed bytes.
    pub bytes_done: u64,
    /// Bytes of data in all.
    pub bytes_total: u64,
    /// Records found.
    pub records: u64,
}

/// A region of the data that a scan skipped because of [`Options::salvage`] or
/// [`Options::allow_incomplete_tail`].
#[derive(Debug)]
#[non_exhaustive]
pub struct Skipped {
    /// The bytes from the end of the last good record to the start of the next one, or to the end
    /// of the data.
    pub bytes: Range<u64>,
    /// The number of good records before it; the first good record after it has this number.
    pub record: u64,
    /// What is wrong at its start.
    pub error: Error,
    /// Whether this is an incomplete last record, still being written, and not damage.
    pub incomplete_tail: bool,
}

/// Options of a scan, a [`Reader`](crate::Reader) or a [`RecordWriter`](crate::RecordWriter), such
/// as the checksum policy and a callback that can cancel the work.
///
/// ```
/// use std::ops::ControlFlow;
/// use tfr_index::{Checksums, ErrorKind, Index, Options};
///
/// let stop = |progress: tfr_index::Progress| {
///     assert_eq!((progress.bytes_done, progress.bytes_total), (0, 0));
///     ControlFlow::Break(())
/// };
/// let options = Options::new().checksums(Checksums::Full).progress(&stop);
/// assert_eq!(Index::from_bytes(b"", &options).unwrap_err().kind(), ErrorKind::Cancelled);
/// ```
#[derive(Clone, Copy, Default)]
#[must_use]
pub struct Options<'a> {
    pub(crate) checksums: Checksums,
    pub(crate) progress: Option<ProgressFn<'a>>,
    pub(crate) threads: usize,
    pub(crate) salvage: bool,
    pub(crate) allow_incomplete_tail: bool,
    pub(crate) on_skipped: Option<SkippedFn<'a>>,
    pub(crate) resume: bool,
    pub(crate) allow_partial: bool,
    pub(crate) raw_frames: bool,
    pub(crate) sync: bool,
    pub(crate) compression: Compression,
    /// For one of many files: the threads that they share.
    pub(crate) pool: Option<&'a Pool>,
}

/// The callbacks of [`Options::progress`] and [`Options::on_skipped`].
type ProgressFn<'a> = &'a (dyn Fn(Progress) -> ControlFlow<()> + Sync + 'a);
pub(crate) type SkippedFn<'a> = &'a (dyn Fn(Skipped) -> ControlFlow<()> + Sync + 'a);

impl<'a> Options<'a> {
    /// Returns the defaults: [`Checksums::Auto`], no callbacks.
    pub fn new() -> Options<'a> {
        Options::default()
    }

    /// Sets the checksum policy.
    pub fn checksums(mut self, checksums: Checksums) -> Options<'a> {
        self.checksums = checksums;
        self
    }

    /// Sets the number of threads. 1 uses only the calling thread (a reader's iterator then does
    /// not read ahead). N > 1 starts N workers, each with up to 1 MiB of memory. 0, the default,
    /// starts one per processor, or more where they wait for storage. The result is the same for
    /// any number.
    pub fn threads(mut self, threads: usize) -> Options<'a> {
        self.threads = threads;
        self
    }

    /// Sets whether [`Index::check`](crate::Index::check) accepts an index that covers only a
    /// prefix of the data. By default, if valid records follow, the check reports it as stale.
    pub fn allow_partial(mut self, allow: bool) -> Options<'a> {
        self.allow_partial = allow;
        self
    }

    /// Sets a callback that receives the progress and can cancel the work. It runs on the caller's
    /// thread: at the start, at the end, about every 16 MiB of data read, and every 50 ms of
    /// waiting. If it returns [`ControlFlow::Break`], the work stops with
    /// [`ErrorKind::Cancelled`](crate::ErrorKind::Cancelled) and leaves no files.
    pub fn progress(
        mut self,
        callback: &'a (dyn Fn(Progress) -> ControlFlow<()> + Sync + 'a),
    ) -> Options<'a> {
        self.progress = Some(callback);
        self
    }

    /// Sets whether a scan skips damage instead of failing. The index then lists the good records,
    /// with a gap for each lost region. Readers that use the index, such as NVIDIA DALI, read the
    /// good records; the data need not be rewritten. [`on_skipped`](Self::on_skipped) reports each
    /// region.
    ///
    /// After a damaged header the scan searches for the next record: a header with a valid CRC that
    /// is confirmed by what follows it, which is another valid header, the end of the data, or a
    /// valid payload CRC; with [`Checksums::Full`], only the payload CRC confirms it. So salvage
    /// needs valid checksums: [`Checksums::Auto`] counts as [`Checksums::Length`], and
    /// [`Checksums::None`] is an error. If a payload contains a TFRecord file and its own header is
    /// damaged, the scan takes the inner records for records of the data. Data without any valid
    /// header is an error.
    ///
    /// The result depends only on the bytes: it is the same for any source and any number of
    /// threads. The cost of crafted data is bounded: on payloads that turn out not to be records, a
    /// scan computes CRCs of at most 64 MiB plus four times the size of the data.
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use std::sync::Mutex;
    /// use tfr_index::{Index, Options, Skipped};
    ///
    /// let mut data = std::fs::read("tests/data/examples.tfrecord")?;
    /// let second = Index::from_bytes(&data, &Options::new())?[1];
    /// data[second.offset as usize] ^= 1; // a bit of its length
    ///
    /// let skipped = Mutex::new(Vec::new());
    /// let note = |region: Skipped| {
    ///     skipped.lock().unwrap().push(region.bytes);
    ///     ControlFlow::Continue(())
    /// };
    /// let options = Options::new().salvage(true).on_skipped(&note);
    /// assert_eq!(Index::from_bytes(&data, &options)?.len(), 99);
    /// assert_eq!(*skipped.lock().unwrap(), [second.offset..second.offset + second.size]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn salvage(mut self, salvage: bool) -> Options<'a> {
        self.salvage = salvage;
        self
    }

    /// Sets whether the data may end inside a record, as in a file that is still being written. The
    /// scan then skips that record instead of failing, and [`on_skipped`](Self::on_skipped)
    /// reports it.
    ///
    /// This needs valid checksums, to tell an incomplete record from a damaged one;
    /// [`Checksums::None`] is an error.
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use tfr_index::{Index, Options, Skipped};
    ///
    /// let data = std::fs::read("tests/data/examples.tfrecord")?;
    /// let note = |tail: Skipped| {
    ///     assert_eq!((tail.record, tail.bytes.end, tail.incomplete_tail), (2, 1000, true));
    ///     ControlFlow::Continue(())
    /// };
    /// let options = Options::new().allow_incomplete_tail(true).on_skipped(&note);
    /// assert_eq!(Index::from_bytes(&data[..1000], &options)?.len(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn allow_incomplete_tail(mut self, allow: bool) -> Options<'a> {
        self.allow_incomplete_tail = allow;
        self
    }

    /// Sets a callback that receives each region that a scan skips because of
    /// [`salvage`](Self::salvage) or [`allow_incomplete_tail`](Self::allow_incomplete_tail). It
    /// runs on the caller's thread. If it returns [`ControlFlow::Break`], the work stops with
    /// [`ErrorKind::Cancelled`](crate::ErrorKind::Cancelled). Without a callback, the scan skips
    /// regions silently.
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use tfr_index::{ErrorKind, Index, Options, Skipped};
    ///
    /// let data = std::fs::read("tests/data/examples.tfrecord")?;
    /// let stop = |_: Skipped| ControlFlow::Break(());
    /// let options = Options::new().salvage(true).on_skipped(&stop);
    /// let error = Index::from_bytes(&data[..1000], &options).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Cancelled);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn on_skipped(
        mut self,
        callback: &'a (dyn Fn(Skipped) -> ControlFlow<()> + Sync + 'a),
    ) -> Options<'a> {
        self.on_skipped = Some(callback);
        self
    }

    /// Sets whether [`create_index`](crate::create_index) continues an existing index file: it then
    /// scans only the data after the last indexed record. The index must list all records up to
    /// there, in order and without gaps; otherwise the call fails with
    /// [`ErrorKind::Mismatch`](crate::ErrorKind::Mismatch). Of the records already indexed, it
    /// checks only about 64 headers, under any checksum policy. It does not touch an index that is
    /// already complete.
    ///
    /// An index that is being continued has only one writer: any other one, such as a
    /// [`RecordWriter`](crate::RecordWriter) that appends to the file and its index, fails with
    /// `EBUSY`, and so does this call while another one writes. Indexes at other paths are
    /// independent.
    ///
    /// ```
    /// use tfr_index::{create_index, Options};
    ///
    /// # let directory = tempfile::tempdir()?;
    /// # let (path, index_path) = (directory.path().join("x"), directory.path().join("x.idx"));
    /// let data = std::fs::read("tests/data/examples.tfrecord")?;
    /// std::fs::write(&path, &data)?;
    /// let options = Options::new().resume(true);
    /// assert_eq!(create_index(&path, &index_path, &options)?, 100);
    /// std::fs::write(&path, [&data[..], &data[..]].concat())?;
    /// assert_eq!(create_index(&path, &index_path, &options)?, 200);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn resume(mut self, resume: bool) -> Options<'a> {
        self.resume = resume;
        self
    }

    /// Sets whether a [`Reader`](crate::Reader) returns whole frames, as stored in the data,
    /// instead of payloads. Frames can be written unchanged to another TFRecord file.
    ///
    /// ```
    /// use tfr_index::{Options, Reader};
    ///
    /// let path = "tests/data/examples.tfrecord";
    /// let reader = Reader::open(path, &Options::new().raw_frames(true))?;
    /// assert_eq!(reader.read(0)?, std::fs::read(path)?[..reader.entry(1)?.offset as usize]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn raw_frames(mut self, raw_frames: bool) -> Options<'a> {
        self.raw_frames = raw_frames;
        self
    }

    /// Sets whether [`create_index`](crate::create_index) and
    /// [`RecordWriter::finish`](crate::RecordWriter::finish) wait until the files are on storage
    /// (`fsync`). Off by default.
    ///
    /// | after | off | on |
    /// |---|---|---|
    /// | the process is killed | each file is the old one or the new one, complete | the same |
    /// | the system crashes, or the power fails | a file may be old, new, empty or truncated; an index may be newer than its data | each file is the old one or the new one, complete; an index is never newer than its data; once the call has returned, both are the new ones |
    ///
    /// Each file is synced before it is renamed to its path, and its directory after that; the data
    /// before its index. [Appended](crate::RecordWriter::append) data is synced before the index is
    /// replaced; a power failure before that may leave part of it after the old end. A sync takes
    /// some milliseconds per file on a disk. It can guarantee no more than the system and the disk
    /// do.
    ///
    /// ```
    /// use tfr_index::{create_index, Options};
    ///
    /// # let directory = tempfile::tempdir()?;
    /// # let index_path = directory.path().join("examples.tfrecord.idx");
    /// create_index("tests/data/examples.tfrecord", &index_path, &Options::new().sync(true))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn sync(mut self, sync: bool) -> Options<'a> {
        self.sync = sync;
        self
    }

    /// Sets how a [`RecordWriter`](crate::RecordWriter) or [`reshard`](crate::reshard()) compresses what
    /// it writes. Not at all by default. Reading needs no option: the file says it.
    pub fn compression(mut self, compression: Compression) -> Options<'a> {
        self.compression = compression;
        self
    }
}

impl Options<'_> {
    /// Runs `work` with options whose callbacks get errors that name the file at `path`.
    pub(crate) fn of_file<T>(&self, path: &Path, work: impl FnOnce(&Options<'_>) -> T) -> T {
        let on_skipped = self.on_skipped.map(|tell| naming(path, tell));
        let on_skipped = on_skipped.as_ref().map(|tell| tell as SkippedFn<'_>);
        work(&Options { on_skipped, ..*self })
    }

    /// Calls the callback for a region that was skipped, which may cancel.
    pub(crate) fn report_skipped(&self, region: Skipped) -> Result<()> {
        match self.on_skipped.map(|tell| tell(region)) {
            Some(ControlFlow::Break(())) => {
                let detail = "cancelled by the callback for skipped regions";
                Err(Error::new(ErrorKind::Cancelled, detail))
            }
            _ => Ok(()),
        }
    }

    /// Calls the progress callback, which may cancel.
    pub(crate) fn report(&self, progress: Progress) -> Result<()> {
        match self.progress.map(|callback| callback(progress)) {
            Some(ControlFlow::Break(())) => {
                Err(Error::new(ErrorKind::Cancelled, "cancelled by the progress callback"))
            }
            _ => Ok(()),
        }
    }
}

/// Wraps a callback so that its errors name the file.
fn naming<'a>(
    path: &'a Path,
    tell: SkippedFn<'a>,
) -> impl Fn(Skipped) -> ControlFlow<()> + Sync + 'a {
    move |skipped| tell(Skipped { error: skipped.error.of(path), ..skipped })
}

impl std::fmt::Debug for Options<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("checksums", &self.checksums)
            .field("progress", &self.progress.is_some())
            .field("threads", &self.threads)
            .field("salvage", &self.salvage)
            .field("allow_incomplete_tail", &self.allow_incomplete_tail)
            .field("on_skipped", &self.on_skipped.is_some())
            .field("resume", &self.resume)
            .field("allow_partial", &self.allow_partial)
            .field("raw_frames", &self.raw_frames)
            .field("sync", &self.sync)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_share_them() {
        fn check<T: Send + Sync>() {}
        check::<Options<'_>>();
        check::<Skipped>();
    }
}
