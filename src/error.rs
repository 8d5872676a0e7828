//! This crate's error type.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A [`Result`](std::result::Result) with this crate's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// The kind of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// An argument is not usable, such as an index path that is the path of the data file.
    InvalidArgument,
    /// The operating system reported an error; see [`Error::os_error`].
    Io,
    /// The data is not a TFRecord file, or is compressed. [`Error::format`] names the detected
    /// format.
    NotTfRecord,
    /// The data ends inside a record.
    Truncated,
    /// A record's length overflows or exceeds the data, and its CRC is wrong. In a check: a
    /// record's length contradicts the index, while the records around it match.
    Length,
    /// The masked CRC-32C of a record's length is wrong.
    LengthCrc,
    /// The masked CRC-32C of a record's payload is wrong.
    PayloadCrc,
    /// The text or the entries are not a valid index.
    InvalidIndex,
    /// A record number is not less than the number of records.
    OutOfRange,
    /// A callback cancelled the work.
    Cancelled,
    /// There is not enough memory for the result.
    OutOfMemory,
    /// A bug in this library, caught at the C boundary.
    Panic,
    /// The index does not match the data: it belongs to another file, or one of them is damaged.
    Mismatch,
    /// The index matches an earlier version of the data: valid records follow its last one, or the
    /// data has become shorter.
    Stale,
    /// A file is not a manifest, or a damaged one.
    InvalidManifest,
    /// A payload is not a `tf.train.Example`.
    Example,
    /// A record lacks a feature, or has values of another kind, or too few or too many of them:
    /// [`Error::feature`] names it.
    Feature,
    /// The compressed data is damaged: a bad block, a wrong checksum or size of a member, or bytes
    /// that belong to no member. If it ends too early, that is [`Truncated`](Self::Truncated).
    Compressed,
}

/// An error: its kind, and the path, record number, byte offset and system error if known.
///
/// To describe a damaged header, a call may read up to 64 MiB after it.
///
/// `Display` writes one line with all of these:
///
/// ```
/// use tfr_index::{ErrorKind, Index, Options};
///
/// // A record with a payload of 5 bytes, truncated after 2 of them.
/// let data = b"\x05\0\0\0\0\0\0\0\xea\xb2\x04\x3eab";
/// let error = Index::from_bytes(data, &Options::new()).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Truncated);
/// assert_eq!((error.record(), error.offset()), (Some(0), Some(0)));
/// assert!(error.to_string().starts_with("record 0 at byte 0: the data ends"));
/// ```
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    path: Option<PathBuf>,
    record: Option<u64>,
    offset: Option<u64>,
    format: Option<&'static str>,
    feature: Option<String>,
    crcs: Option<(u32, u32)>,
    detail: String,
    source: Option<Arc<io::Error>>, // shared, because io::Error is not Clone
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, detail: impl Into<String>) -> Error {
        let detail = detail.into();
        Error(Box::new(Inner {
            kind,
            path: None,
            record: None,
            offset: None,
            format: None,
            feature: None,
            crcs: None,
            detail,
            source: None,
        }))
    }

    /// `doing` completes "cannot …", such as "read" or "open".
    /// An error of this crate that a source passed on, such as one of its decoder, stays as it is.
    pub(crate) fn io(doing: &str, source: io::Error) -> Error {
        if let Some(error) = source.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
            return error.clone();
        }
        let kind = match source.kind() {
            io::ErrorKind::OutOfMemory => ErrorKind::OutOfMemory,
            _ => ErrorKind::Io,
        };
        let mut error = Error::new(kind, format!("cannot {doing}: {source}"));
        error.0.source = Some(Arc::new(source));
        error
    }

    /// An error of the system, in other words than the system's.
    pub(crate) fn with_os_error(detail: String, source: io::Error) -> Error {
        let mut error = Error::new(ErrorKind::Io, detail);
        error.0.source = Some(Arc::new(source));
        error
    }

    pub(crate) fn out_of_memory(what: &str) -> Error {
        Error::new(ErrorKind::OutOfMemory, format!("out of memory for {what}"))
    }

    pub(crate) fn at(mut self, record: u64, offset: u64) -> Error {
        self.0.record = Some(record);
        self.0.offset = Some(offset);
        self
    }

    /// Sets the path, unless one is set already.
    pub(crate) fn of(mut self, path: &Path) -> Error {
        self.0.path.get_or_insert_with(|| path.to_owned());
        self
    }

    /// Names a file of the directory `from` as one of the directory `to`.
    pub(crate) fn moved(mut self, from: &Path, to: &Path) -> Error {
        if let Some(name) = self.path().and_then(|path| path.strip_prefix(from).ok()) {
            self.0.path = Some(to.join(name));
        }
        self
    }

    pub(crate) fn with_format(mut self, name: &'static str) -> Error {
        self.0.format = Some(name);
        self
    }

    pub(crate) fn with_crcs(mut self, stored: u32, computed: u32) -> Error {
        self.0.crcs = Some((stored, computed));
        self
    }

    /// Bytes that are not UTF-8 are replaced.
    pub(crate) fn of_feature(mut self, name: &[u8]) -> Error {
        self.0.feature = Some(String::from_utf8_lossy(name).into_owned());
        self
    }

    /// Appends to the message.
    pub(crate) fn adding(mut self, more: &str) -> Error {
        self.0.detail += more;
        self
    }

    pub(crate) fn of_record(mut self, record: u64) -> Error {
        self.0.record = Some(record);
        self
    }

    /// What went wrong, without the place.
    pub(crate) fn detail(&self) -> &str {
        &self.0.detail
    }

    /// Returns the kind of the error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Returns the path of the file, if there is one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.0.path.as_deref()
    }

    /// Returns the record number, from 0. For an index file: the number of entries before the bad
    /// line.
    #[must_use]
    pub fn record(&self) -> Option<u64> {
        self.0.record
    }

    /// Returns the byte where the record's frame starts. For an index file: where the bad line
    /// starts.
    #[must_use]
    pub fn offset(&self) -> Option<u64> {
        self.0.offset
    }

    /// Returns the detected format, if the data is not a TFRecord file or has non-standard
    /// checksums: "gzip", "Git LFS pointer", "HTML", "TFRecord with CRC-32 IEEE checksums" and
    /// others.
    ///
    /// ```
    /// use tfr_index::{Index, Options};
    ///
    /// let error = Index::from_bytes(b"0 21\n21 16\n37 24\n", &Options::new()).unwrap_err();
    /// assert_eq!(error.format(), Some("index"));
    /// assert!(error.to_string().ends_with("give the data file"));
    /// ```
    #[must_use]
    pub fn format(&self) -> Option<&'static str> {
        self.0.format
    }

    /// Returns the name of the feature, if the error is one of a feature.
    ///
    /// ```
    /// use tfr_index::{ErrorKind, Feature, Features};
    ///
    /// let features = Features::new([Feature::int64("label")])?;
    /// let error = features.decode(b"", &[0, 0], 1).unwrap_err(); // an empty Example
    /// assert_eq!((error.kind(), error.feature()), (ErrorKind::Feature, Some("label")));
    /// # Ok::<(), tfr_index::Error>(())
    /// ```
    #[must_use]
    pub fn feature(&self) -> Option<&str> {
        self.0.feature.as_deref()
    }

    /// Returns the wrong checksum as it is stored (masked).
    ///
    /// ```
    /// use tfr_index::{Checksums, Index, Options};
    ///
    /// let data = b"\x05\0\0\0\0\0\0\0\xea\xb2\x04\x3ehello\0\0\0\0";
    /// let full = Options::new().checksums(Checksums::Full);
    /// let error = Index::from_bytes(data, &full).unwrap_err();
    /// assert_eq!((error.stored_crc(), error.computed_crc()), (Some(0), Some(0x191c1fbb)));
    /// ```
    #[must_use]
    pub fn stored_crc(&self) -> Option<u32> {
        self.0.crcs.map(|(stored, _)| stored)
    }

    /// Returns the checksum computed from the data (masked).
    #[must_use]
    pub fn computed_crc(&self) -> Option<u32> {
        self.0.crcs.map(|(_, computed)| computed)
    }

    /// Returns the operating system's error number (`errno`), if there is one.
    #[must_use]
    pub fn os_error(&self) -> Option<i32> {
        self.0.source.as_ref()?.raw_os_error()
    }
}

/// Whether a character of a name or a value is escaped where people see it: a control character, one
/// that ends a line, or one that changes the direction of the text around it, and so hides what is
/// there.
#[must_use]
pub fn is_unprintable(character: char) -> bool {
    let changes_direction = matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    character.is_control() || matches!(character, '\u{2028}' | '\u{2029}') || changes_direction
}

/// Text with these characters escaped: it stays one line, which shows what is there.
#[must_use]
pub fn on_one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        match is_unprintable(character) {
            true => line.extend(character.escape_default()),
            false => line.push(character),
        }
    }
    line
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { kind, path, record, offset, detail, .. } = &*self.0;
        if let Some(path) = path.as_ref().filter(|path| !path.as_os_str().is_empty()) {
            f.write_str(&on_one_line(&path.display().to_string()))?;
            f.write_str(": ")?;
        }
        // Errors of an index name the line in the detail, those of a manifest the row.
        if !matches!(kind, ErrorKind::InvalidIndex | ErrorKind::InvalidManifest) {
            match (record, offset) {
                (Some(record), Some(offset)) => write!(f, "record {record} at byte {offset}: ")?,
                (Some(record), None) => write!(f, "record {record}: ")?,
                _ => {}
            }
        }
        f.write_str(&on_one_line(detail)) // it may name another path
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}({self})", self.0.kind)
    }
}

/// Wraps the error in an [`io::Error`]. The kind is that of the system's error, if there is one;
/// otherwise one that matches [`ErrorKind`].
///
/// ```
/// use std::io;
/// use tfr_index::{Index, Options};
///
/// fn count() -> io::Result<usize> {
///     Ok(Index::scan("none.tfrecord", &Options::new())?.len())
/// }
/// assert_eq!(count().unwrap_err().kind(), io::ErrorKind::NotFound);
/// ```
impl From<Error> for io::Error {
    fn from(error: Error) -> io::Error {
        let kind = match (&error.0.source, error.kind()) {
            (Some(source), _) => source.kind(),
            (None, ErrorKind::InvalidArgument | ErrorKind::OutOfRange) => {
                io::ErrorKind::InvalidInput
            }
            (None, ErrorKind::Truncated) => io::ErrorKind::UnexpectedEof,
            (None, ErrorKind::OutOfMemory) => io::ErrorKind::OutOfMemory,
            // Not `Interrupted`, which means "try again".
            (None, ErrorKind::Cancelled | ErrorKind::Panic) => io::ErrorKind::Other,
            (None, _) => io::ErrorKind::InvalidData,
        };
        io::Error::new(kind, error)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        // Our message contains the system's message already; return only the error inside it.
        self.0.source.as_ref()?.get_ref().map(|inner| inner as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_which_file_record_and_byte() {
        let error = Error::new(ErrorKind::LengthCrc, "length CRC mismatch").at(41, 9120);
        let error = error.of(Path::new("train.tfrecord"));
        let text = "train.tfrecord: record 41 at byte 9120: length CRC mismatch";
        assert_eq!(error.to_string(), text);
        assert_eq!(error.path(), Some(Path::new("train.tfrecord")));
        assert_eq!((error.record(), error.offset()), (Some(41), Some(9120)));
        assert_eq!(error.os_error(), None);
    }

    #[test]
    fn stays_one_line_whatever_the_path() {
        let error = Error::new(ErrorKind::Io, "gone, as is c\nd").of(Path::new("a\nb\x1b[31mö"));
        assert_eq!(error.to_string(), "a\\nb\\u{1b}[31mö: gone, as is c\\nd");
    }

    #[test]
    fn keeps_the_systems_error() {
        let missing = || io::Error::from_raw_os_error(libc::ENOENT);
        let error = Error::io("open", missing()).of(Path::new("x"));
        assert_eq!(error.to_string(), format!("x: cannot open: {}", missing()));
        assert_eq!((error.kind(), error.os_error()), (ErrorKind::Io, Some(libc::ENOENT)));
    }

    #[test]
    fn becomes_an_error_of_the_standard_library() {
        let missing = Error::io("open", io::Error::from_raw_os_error(libc::ENOENT));
        assert_eq!(io::Error::from(missing).kind(), io::ErrorKind::NotFound);
        for (kind, expected) in [
            (ErrorKind::Truncated, io::ErrorKind::UnexpectedEof),
            (ErrorKind::LengthCrc, io::ErrorKind::InvalidData),
            (ErrorKind::InvalidArgument, io::ErrorKind::InvalidInput),
            (ErrorKind::Cancelled, io::ErrorKind::Other),
        ] {
            let error = io::Error::from(Error::new(kind, "why").at(7, 9));
            assert_eq!(
                (error.kind(), error.to_string().as_str()),
                (expected, "record 7 at byte 9: why")
            );
            let inner = error.get_ref().unwrap().downcast_ref::<Error>().unwrap();
            assert_eq!((inner.kind(), inner.record()), (kind, Some(7)));
        }
    }

    #[test]
    fn is_small_and_crosses_threads() {
        fn check<T: Send + Sync + 'static>() {}
        check::<Error>();
        assert_eq!(std::mem::size_of::<Result<()>>(), std::mem::size_of::<usize>());
    }
}
