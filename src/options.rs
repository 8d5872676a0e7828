//! What a caller may choose about a scan.

use std::ops::{ControlFlow, Range};
use std::path::Path;

use crate::error::{Error, ErrorKind, Result};

/// Which checksums a scan holds a file to.
///
/// Structure is always checked: every frame lies inside the file and the last one ends exactly at
/// its end. Files without true checksums exist (their writers store zeros, or CRC-32 IEEE instead
/// of CRC-32C), and readers such as NVIDIA DALI accept them.
///
/// ```
/// use tfr_index::{Checksums, ErrorKind, Index, Options};
///
/// // One empty record, its checksums left 0 by its writer, after one of 1 byte.
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
    /// If the first header's CRC holds, every length CRC must; if it doesn't, none may: the file
    /// then counts as written without checksums. A first header that is one bit away from a true
    /// CRC, or all zeros, is an error; so is a later one that is all zeros, if the first isn't zero
    /// in its CRC.
    #[default]
    Auto,
    /// None: structure only.
    None,
    /// Every length CRC.
    Length,
    /// Every length CRC and every payload CRC; all of the file is read.
    Full,
}

/// How far a scan is; what a progress callback is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Bytes of data passed, read or hopped over.
    pub bytes_done: u64,
    /// Bytes of data in all.
    pub bytes_total: u64,
    /// Records found.
    pub records: u64,
}

/// A region of the data that a scan left out of the index, as [`Options::salvage`] or
/// [`Options::allow_incomplete_tail`] asked.
#[derive(Debug)]
#[non_exhaustive]
pub struct Skipped {
    /// Where it is: from the end of the last good record to the start of the next one, or to the end
    /// of the data.
    pub bytes: Range<u64>,
    /// The number of good records before it, which is the number of the first one after it.
    pub record: u64,
    /// What is wrong at its start.
    pub error: Error,
    /// Whether it is the last record, of which a part is still to be written: not damage.
    pub incomplete_tail: bool,
}

/// Choices for a scan or a [`Reader`](crate::Reader): the checksum policy, and a callback that
/// watches and can cancel the scan.
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
}

/// The callbacks of [`Options::progress`] and [`Options::on_skipped`].
type ProgressFn<'a> = &'a (dyn Fn(Progress) -> ControlFlow<()> + Sync + 'a);
pub(crate) type SkippedFn<'a> = &'a (dyn Fn(Skipped) -> ControlFlow<()> + Sync + 'a);

impl<'a> Options<'a> {
    /// The defaults: [`Checksums::Auto`], no callback.
    pub fn new() -> Options<'a> {
        Options::default()
    }

    /// Sets the checksum policy.
    pub fn checksums(mut self, checksums: Checksums) -> Options<'a> {
        self.checksums = checksums;
        self
    }

    /// Sets how many threads work. 1: the caller's alone. More: so many others walk the data for it,
    /// each with up to 1 MiB of memory. 0, the default: as many as there are processors, or more
    /// where they wait for the medium. The result is the same with any number. (With 1, a reader's
    /// iterator reads nothing ahead.)
    pub fn threads(mut self, threads: usize) -> Options<'a> {
        self.threads = threads;
        self
    }

    /// Sets whether [`Index::check`](crate::Index::check) accepts an index that has all records up to
    /// some byte, while valid ones follow. By default it is stale: the data has grown since.
    pub fn allow_partial(mut self, allow: bool) -> Options<'a> {
        self.allow_partial = allow;
        self
    }

    /// Sets a callback that is called on the caller's thread: at the start, at the end, and between
    /// them at least about every 16 MiB of data that is read, and every 50 ms of waiting.
    /// When it returns [`ControlFlow::Break`], the work stops with
    /// [`ErrorKind::Cancelled`](crate::ErrorKind::Cancelled) and leaves nothing behind.
    pub fn progress(
        mut self,
        callback: &'a (dyn Fn(Progress) -> ControlFlow<()> + Sync + 'a),
    ) -> Options<'a> {
        self.progress = Some(callback);
        self
    }

    /// Sets whether a scan skips damage instead of ending with an error. The index then has the good
    /// records, with a gap for each region that is lost. NVIDIA DALI and other readers that go by the
    /// index read what is good, and nobody has to rewrite the data.
    /// [`on_skipped`](Self::on_skipped) reports each region.
    ///
    /// After a damaged header the scan searches for the next record: a header with a valid CRC that
    /// is confirmed by what follows it, which is another valid header, the end of the data, or a valid
    /// payload CRC; with [`Checksums::Full`], the payload CRC alone. So it needs valid checksums:
    /// [`Checksums::Auto`] counts as [`Checksums::Length`], and [`Checksums::None`] is an error. A
    /// TFRecord file inside a payload whose own header is lost cannot be told from the records around
    /// it. Data without any valid header is an error.
    ///
    /// The result depends on the bytes alone: it is the same for any source and any number of threads.
    /// Crafted data costs no more than a few reads of it: a scan computes the CRCs of at most 64 MiB
    /// and four times the data's size of payloads that turn out to be none.
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

    /// Sets whether the data may end inside a record, as a file does that is still being written. The
    /// scan then leaves that record for next time instead of ending with an error, and
    /// [`on_skipped`](Self::on_skipped) reports it.
    ///
    /// This needs valid checksums, and so not [`Checksums::None`]: without, an incomplete record cannot
    /// be told from a damaged one.
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

    /// Sets a callback that is called on the caller's thread for each region that a scan skips,
    /// because of [`salvage`](Self::salvage) or
    /// [`allow_incomplete_tail`](Self::allow_incomplete_tail). When it returns
    /// [`ControlFlow::Break`], the work stops with
    /// [`ErrorKind::Cancelled`](crate::ErrorKind::Cancelled). Without a callback, regions are skipped
    /// without a word.
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

    /// Has [`create_index`](crate::create_index) go on where the index file ends, if there is one:
    /// only what was appended to the data since is walked. The index must be of all that the data
    /// was, without gaps and in its order; otherwise it is an error of kind
    /// [`ErrorKind::Mismatch`](crate::ErrorKind::Mismatch). Of what it covers only some 64 headers
    /// are looked at again, under any policy. An index that has all records already is not touched.
    ///
    /// While it runs, no other writer may write the same index, nor it while another does: `EBUSY`. So
    /// it is with a [`RecordWriter`](crate::RecordWriter) that appends to the file and its index. An
    /// index at another path can be continued meanwhile.
    ///
    /// ```
    /// use tfr_index::{create_index, Options};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let (path, index_path) = (folder.path().join("x"), folder.path().join("x.idx"));
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

    /// Sets whether a [`Reader`](crate::Reader) gives whole frames, as they are in the data, instead
    /// of payloads: what can be written to another TFRecord file.
    ///
    /// ```
    /// use tfr_index::{Options, Reader};
    ///
    /// let path = "tests/data/examples.tfrecord";
    /// let reader = Reader::open(path, &Options::new().raw_frames(true))?;
    /// assert_eq!(reader.read(0)?, std::fs::read(path)?[..reader.index()[1].offset as usize]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn raw_frames(mut self, raw_frames: bool) -> Options<'a> {
        self.raw_frames = raw_frames;
        self
    }

    /// Sets whether a file is on the medium (`fsync`) when [`create_index`](crate::create_index) or
    /// [`RecordWriter::finish`](crate::RecordWriter::finish) returns. Off by default.
    ///
    /// | after | off | on |
    /// |---|---|---|
    /// | the process is killed | each file is the old one or the new one, whole | the same |
    /// | the system crashes, or the power fails | a file may be old, new, empty or cut; an index may be newer than its data | each file is the old one or the new one, whole; an index is never newer than its data; once the call has returned, both are the new ones |
    ///
    /// Each file is synced before it takes its place, and its directory afterwards; the data before
    /// its index. Data that is [appended](crate::RecordWriter::append) is synced before the index is
    /// replaced; a power cut before that may leave part of it after the old end. On a disk this takes
    /// some milliseconds a file. It promises as much as the system and the disk do.
    ///
    /// ```
    /// use tfr_index::{create_index, Options};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let index_path = folder.path().join("examples.tfrecord.idx");
    /// create_index("tests/data/examples.tfrecord", &index_path, &Options::new().sync(true))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn sync(mut self, sync: bool) -> Options<'a> {
        self.sync = sync;
        self
    }
}

impl Options<'_> {
    /// Does work on the file at `path`, which errors that are told of are to name.
    pub(crate) fn of_file<T>(&self, path: &Path, work: impl FnOnce(&Options<'_>) -> T) -> T {
        let on_skipped = self.on_skipped.map(|tell| naming(path, tell));
        let on_skipped = on_skipped.as_ref().map(|tell| tell as SkippedFn<'_>);
        work(&Options { on_skipped, ..*self })
    }

    /// Tells the progress callback, which may cancel.
    pub(crate) fn report(&self, progress: Progress) -> Result<()> {
        match self.progress.map(|callback| callback(progress)) {
            Some(ControlFlow::Break(())) => {
                Err(Error::new(ErrorKind::Cancelled, "cancelled by the progress callback"))
            }
            _ => Ok(()),
        }
    }
}

/// A callback whose errors name the file.
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
            .finish()
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
