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

/// A region of the data that [`Options::salvage`] or [`Options::growing`] left out.
#[derive(Debug)]
#[non_exhaustive]
pub struct Damage {
    /// Where it is: from the end of the last good record, to the start of the next or to the end.
    pub bytes: Range<u64>,
    /// How many good records are before it: the index's entry of this number is the first behind.
    pub record: u64,
    /// What is wrong at its start.
    pub error: Error,
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
pub struct Options<'a> {
    pub(crate) checksums: Checksums,
    pub(crate) progress: Option<ProgressFn<'a>>,
    pub(crate) threads: usize,
    pub(crate) salvage: Option<DamageFn<'a>>,
    pub(crate) growing: Option<DamageFn<'a>>,
    pub(crate) append: bool,
    pub(crate) allow_partial: bool,
    pub(crate) raw_frames: bool,
    pub(crate) sync: bool,
}

/// The callbacks of [`Options::progress`], and of [`Options::salvage`] and [`Options::growing`].
type ProgressFn<'a> = &'a (dyn Fn(Progress) -> ControlFlow<()> + 'a);
pub(crate) type DamageFn<'a> = &'a (dyn Fn(Damage) -> ControlFlow<()> + 'a);

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
        callback: &'a (dyn Fn(Progress) -> ControlFlow<()> + 'a),
    ) -> Options<'a> {
        self.progress = Some(callback);
        self
    }

    /// Leaves damage out, instead of ending with an error: the index then has the good records, with
    /// a gap for each region that is lost. NVIDIA DALI and others that go by the index read what is
    /// good, and the data need not be rewritten.
    ///
    /// After a damaged header the scan searches for the next record: a header with a valid CRC that
    /// is confirmed by what follows it, which is another valid header, the end of the data, or a valid
    /// payload CRC; with [`Checksums::Full`], the payload CRC alone. So it takes true checksums:
    /// [`Checksums::Auto`] counts as [`Checksums::Length`], and [`Checksums::None`] is an error. A
    /// TFRecord file inside a payload whose own header is lost cannot be told from the records around
    /// it.
    ///
    /// The result depends on the bytes alone: it is the same for any source and any number of threads.
    /// Crafted data costs no more than a few reads of it: a scan computes the CRCs of at most 64 MiB
    /// and four times the data's size of payloads that turn out to be none.
    ///
    /// The callback is told of each region, on the caller's thread; when it returns
    /// [`ControlFlow::Break`], the work stops with
    /// [`ErrorKind::Cancelled`](crate::ErrorKind::Cancelled). It is still an error if there is no
    /// true header in all of the data.
    ///
    /// ```
    /// use std::cell::RefCell;
    /// use std::ops::ControlFlow;
    /// use tfr_index::{Damage, Index, Options};
    ///
    /// let mut data = std::fs::read("tests/data/examples.tfrecord")?;
    /// let second = Index::from_bytes(&data, &Options::new())?[1];
    /// data[second.offset as usize] ^= 1; // a bit of its length
    ///
    /// let damage = RefCell::new(Vec::new());
    /// let keep = |region: Damage| {
    ///     damage.borrow_mut().push(region);
    ///     ControlFlow::Continue(())
    /// };
    /// let index = Index::from_bytes(&data, &Options::new().salvage(&keep))?;
    /// assert_eq!(index.len(), 99);
    /// let lost = &damage.borrow()[0];
    /// assert_eq!(lost.bytes, second.offset..second.offset + second.size);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn salvage(
        mut self,
        callback: &'a (dyn Fn(Damage) -> ControlFlow<()> + 'a),
    ) -> Options<'a> {
        self.salvage = Some(callback);
        self
    }

    /// Takes the data for a file that is still being written: a record that is not whole yet at its
    /// end is left for next time, instead of being an error. The callback is told of it, as of damage
    /// that is [salvaged](Self::salvage).
    ///
    /// It takes true checksums, and so not [`Checksums::None`]: without, what is not whole cannot be
    /// told from what is damaged.
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use tfr_index::{Damage, Index, Options};
    ///
    /// let data = std::fs::read("tests/data/examples.tfrecord")?;
    /// let left = |rest: Damage| {
    ///     assert_eq!((rest.record, rest.bytes.end), (2, 1000));
    ///     ControlFlow::Continue(())
    /// };
    /// let index = Index::from_bytes(&data[..1000], &Options::new().growing(&left))?;
    /// assert_eq!(index.len(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn growing(
        mut self,
        callback: &'a (dyn Fn(Damage) -> ControlFlow<()> + 'a),
    ) -> Options<'a> {
        self.growing = Some(callback);
        self
    }

    /// Has [`create_index`](crate::create_index) go on where the index file ends, if there is one:
    /// only what was appended to the data since is walked. The index must be of all that the data
    /// was, without gaps and in its order; otherwise it is an error of kind
    /// [`ErrorKind::Mismatch`](crate::ErrorKind::Mismatch). Of what it covers only some 64 headers
    /// are looked at again, under any policy.
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
    /// let options = Options::new().append(true);
    /// assert_eq!(create_index(&path, &index_path, &options)?, 100);
    /// std::fs::write(&path, [&data[..], &data[..]].concat())?;
    /// assert_eq!(create_index(&path, &index_path, &options)?, 200);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn append(mut self, append: bool) -> Options<'a> {
        self.append = append;
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
    /// assert_eq!(reader.get(0)?, std::fs::read(path)?[..reader.index()[1].offset as usize]);
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
        let salvage = self.salvage.map(|tell| naming(path, tell));
        let growing = self.growing.map(|tell| naming(path, tell));
        let salvage = salvage.as_ref().map(|tell| tell as DamageFn<'_>);
        let growing = growing.as_ref().map(|tell| tell as DamageFn<'_>);
        work(&Options { salvage, growing, ..*self })
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

/// Tells of errors that name the file.
fn naming<'a>(path: &'a Path, tell: DamageFn<'a>) -> impl Fn(Damage) -> ControlFlow<()> + 'a {
    move |Damage { bytes, record, error }| tell(Damage { bytes, record, error: error.of(path) })
}

impl std::fmt::Debug for Options<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("checksums", &self.checksums)
            .field("progress", &self.progress.is_some())
            .field("threads", &self.threads)
            .field("salvage", &self.salvage.is_some())
            .field("growing", &self.growing.is_some())
            .field("append", &self.append)
            .field("allow_partial", &self.allow_partial)
            .field("raw_frames", &self.raw_frames)
            .field("sync", &self.sync)
            .finish()
    }
}
