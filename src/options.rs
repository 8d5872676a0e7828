//! What a caller may choose about a scan.

use std::ops::ControlFlow;

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

/// Choices for a scan: the checksum policy, and a callback that watches and can cancel it.
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
    pub(crate) allow_partial: bool,
}

/// The callback of [`Options::progress`].
type ProgressFn<'a> = &'a (dyn Fn(Progress) -> ControlFlow<()> + 'a);

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
    /// where they wait for the medium. The result is the same with any number.
    pub fn threads(mut self, threads: usize) -> Options<'a> {
        self.threads = threads;
        self
    }

    /// Sets whether [`Index::check`](crate::Index::check) takes an index that ends before the data
    /// does for one of a part. By default it is stale: the data has grown since.
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
}

impl std::fmt::Debug for Options<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("checksums", &self.checksums)
            .field("progress", &self.progress.is_some())
            .field("threads", &self.threads)
            .field("allow_partial", &self.allow_partial)
            .finish()
    }
}
