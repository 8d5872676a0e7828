//! Writes TFRecord files, and their indexes along with them.

mod background;

use std::fmt;
use std::path::Path;

use background::Background;

use crate::crc;
use crate::create::{index_is_data, write_index};
use crate::error::{Error, ErrorKind, Result};
use crate::file::{self, GrownFile, NewFile};
use crate::fork::Owner;
use crate::frame::{self, Header, OVERHEAD};
use crate::index::{Encoder, Entry};
use crate::options::{Checksums, Options};
use crate::scan::Scanner;

/// Frames are handed over when they are so many bytes: as many as stay in the cache, and take much
/// longer to write than a thread to wake.
const BUFFER: usize = if cfg!(any(test, fuzzing)) { 1 << 10 } else { 512 << 10 };
/// A payload of so many bytes is written by the caller and without a copy: another core would have
/// to fetch it.
const DIRECT: usize = BUFFER / 16;
/// As is the index's text.
const LINES: usize = if cfg!(any(test, fuzzing)) { 100 } else { 64 << 10 };

/// Writes records to a TFRecord file, with true checksums, and the file's index along with it:
/// nothing is read again.
///
/// A record is there when [`finish`](Self::finish) returns, and not before. A writer that is dropped
/// unfinished, or whose writes failed, leaves nothing of what it wrote: what was there stays, or,
/// where it was [appended](Self::append) to, is cut to what it was. It takes less than two megabytes
/// of memory, whatever it writes.
///
/// Small records are gathered, and written by a thread of the writer's own, from half a megabyte on
/// and where the system has one to spare; it is gone when the writer is. The writer may be sent to
/// another thread. In a process that is forked meanwhile all its calls fail, and dropping it changes
/// nothing; a forked process does not keep the files locked, either.
///
/// Where the file system has locks, one writer at a time writes a file and its index: while it does,
/// any other, and any [`create_index`](crate::create_index) of that index, fails with `EBUSY`. Of two
/// that begin at the same moment, both may fail.
///
/// Where the process may not write files larger than a limit (`RLIMIT_FSIZE`, `ulimit -f`), the system
/// sends it SIGXFSZ, which ends it. A process that ignores SIGXFSZ gets an error instead: `EFBIG`.
///
/// ```
/// use tfr_index::{CheckLevel, Index, Options, RecordWriter};
///
/// # let folder = tempfile::tempdir()?;
/// # let (path, index_path) = (folder.path().join("x"), folder.path().join("x.idx"));
/// let mut writer = RecordWriter::create(&path, &index_path, &Options::new())?;
/// writer.write(b"first")?;
/// let entry = writer.write(b"second")?;
/// assert_eq!(writer.finish()?, 2);
///
/// let index = Index::read(&index_path)?;
/// assert_eq!(index[1], entry);
/// index.check(&path, CheckLevel::Full, &Options::new())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct RecordWriter {
    data: Background,
    index: NewFile,
    /// Frames and lines of the index that the system does not have yet.
    frames: Vec<u8>,
    lines: Encoder,
    count: u64,
    /// Where the next frame starts.
    offset: u64,
    failed: Option<Error>,
    owner: Owner,
}

/// The file that is written to.
enum Data {
    New(NewFile),
    Grown(GrownFile),
}

impl Data {
    fn write_both(&mut self, one: &[u8], other: &[u8]) -> Result<()> {
        match self {
            Data::New(file) => file.write_both(one, other),
            Data::Grown(file) => file.write_both(one, other),
        }
    }
}

impl fmt::Debug for RecordWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordWriter").field("num_records", &self.count).finish_non_exhaustive()
    }
}

impl RecordWriter {
    /// Writes a new TFRecord file and its index. Both are written beside their places and renamed
    /// when they are whole, the data first; what was there is replaced then, and stays until then.
    ///
    /// A process that is killed leaves everything as it was, but for temporary files, which the next
    /// writer of the same file clears. Killed in the instant between the two renames, it leaves the
    /// new data beside the index of the old, or beside none: [`Index::check`](crate::Index::check)
    /// finds that, and [`create_index`](crate::create_index) mends it. A path that leads to a device, a
    /// pipe that a process reads, or [one of the process's own descriptors](crate::own_descriptor) is
    /// written to directly.
    ///
    /// Of the options, [`sync`](Options::sync) counts.
    ///
    /// # Errors
    /// When a file cannot be created; when both paths lead to one file; `EBUSY` when another
    /// writer writes one of the files. At the [end](Self::finish), when something else created or
    /// replaced one of the files meanwhile.
    pub fn create(
        tfrecord_path: impl AsRef<Path>,
        index_path: impl AsRef<Path>,
        options: &Options<'_>,
    ) -> Result<RecordWriter> {
        let (tfrecord_path, index_path) = (tfrecord_path.as_ref(), index_path.as_ref());
        ensure_two_places(tfrecord_path, index_path)?;
        let data = NewFile::create_alone(tfrecord_path)?.with_sync(options.sync);
        let index = NewFile::create_alone(index_path)?.with_sync(options.sync);
        RecordWriter::new(Data::New(data), index, 0, 0)
    }

    /// Writes at the end of a TFRecord file, or of none if there is none yet; its index, which is
    /// replaced at the end, then has all records.
    ///
    /// What the index has is looked at as with [`Options::resume`], and what it lacks is walked: all
    /// of the file, if there is no index. The file must consist of whole records with true
    /// checksums.
    ///
    /// The file grows while it is written: those who go by its index see nothing of that, those who
    /// [index it as growing](Options::allow_incomplete_tail) see its whole records. A process that is killed leaves
    /// the old index and the file with what it had handed over, the last record maybe cut;
    /// [`create_index`](crate::create_index) with [`Options::resume`] and [`Options::allow_incomplete_tail`] mends
    /// the index. What is cut must be cut off before the file can be appended to: the error says
    /// where.
    ///
    /// Of the options, [`sync`](Options::sync) counts, and for the walk [`threads`](Options::threads)
    /// and [`progress`](Options::progress).
    ///
    /// # Errors
    /// As [`create`](Self::create); those of [`create_index`](crate::create_index) when the file
    /// is not whole records, or the index not that of its first ones.
    ///
    /// ```
    /// use tfr_index::{Index, Options, RecordWriter};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let (path, index_path) = (folder.path().join("x"), folder.path().join("x.idx"));
    /// std::fs::copy("tests/data/examples.tfrecord", &path)?;
    /// let mut writer = RecordWriter::append(&path, &index_path, &Options::new())?;
    /// writer.write(b"one more")?;
    /// assert_eq!(writer.finish()?, 101);
    /// assert_eq!(Index::read(&index_path)?.len(), 101);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn append(
        tfrecord_path: impl AsRef<Path>,
        index_path: impl AsRef<Path>,
        options: &Options<'_>,
    ) -> Result<RecordWriter> {
        let (path, index_path) = (tfrecord_path.as_ref(), index_path.as_ref());
        ensure_two_places(path, index_path)?;
        let data = GrownFile::open(path, options.sync)?;
        let mut index = NewFile::create_alone(index_path)?.with_sync(options.sync);
        let before = file::open_regular(path)?;
        let Options { threads, progress, .. } = *options;
        let options = Options { threads, progress, ..Options::new() };
        let options = options.checksums(Checksums::Length).resume(true);
        let explain = |error: Error| match (error.kind(), error.offset()) {
            (ErrorKind::LengthCrc, Some(0)) => {
                error.adding("; only records with true checksums can be appended to").of(path)
            }
            (ErrorKind::Truncated, Some(end)) => {
                error.adding(&format!(", or cut it to {end} bytes to append to it")).of(path)
            }
            _ => error.of(path),
        };
        // Of what the index has, checksums are not looked at again.
        let first = Scanner::new(&before, &options).and_then(|mut data| data.next().transpose());
        first.map_err(explain)?;
        let written = write_index(&mut index, index_path, &before, &options);
        let count = written.map_err(explain)?.records;
        let end = data.size_before();
        RecordWriter::new(Data::Grown(data), index, count, end)
    }

    fn new(data: Data, index: NewFile, count: u64, offset: u64) -> Result<RecordWriter> {
        let mut frames = Vec::new();
        let room = BUFFER + DIRECT + OVERHEAD as usize;
        frames.try_reserve_exact(room).map_err(|_| Error::out_of_memory("a writer"))?;
        let (data, lines) = (Background::new(data), Encoder::default());
        let owner = Owner::this_process();
        Ok(RecordWriter { data, index, frames, lines, count, offset, failed: None, owner })
    }

    /// The number of records in the file, with those that were there before.
    #[must_use]
    pub fn num_records(&self) -> u64 {
        self.count
    }

    /// Writes a record; returns where it is. Small ones are gathered, and handed to the system
    /// together.
    ///
    /// # Errors
    /// When a file cannot be written, be it with what earlier calls gave: this, and all calls after
    /// it, give this error.
    pub fn write(&mut self, payload: &[u8]) -> Result<Entry> {
        self.attempt(|writer| writer.write_frame(payload))
    }

    /// Hands all that was written so far to the system. Of a file that is appended to, others can
    /// then read it; of a new one, only [`finish`](Self::finish) shows anything. It is not an
    /// `fsync`, even with [`Options::sync`]: a power cut may take what was handed over.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn flush(&mut self) -> Result<()> {
        self.attempt(|writer| writer.data.flush(&mut writer.frames, &[]))
    }

    /// Hands over what is left and puts data and index in their places; returns the number of
    /// records in the file.
    ///
    /// # Errors
    /// As [`write`](Self::write), and when a file cannot take its place. Then nothing is left of
    /// what was written, unless the error says that the data is in its place and its index is not.
    pub fn finish(mut self) -> Result<u64> {
        self.flush()?;
        self.index.write(self.lines.text())?;
        match self.data.into_file()? {
            // The data stays locked until its index is in its place.
            Data::New(mut data) => {
                data.replace()?;
                let placed = data.sync_directory().and_then(|()| self.index.replace());
                let why = "; the data is whole and in its place: create its index again";
                placed.map_err(|error| error.adding(why))?;
            }
            Data::Grown(mut data) => {
                data.settle(self.offset)?;
                self.index.replace()?;
                data.keep();
            }
        }
        self.index.sync_directory()?;
        Ok(self.count)
    }

    /// Does some work unless earlier work failed.
    #[inline]
    fn attempt<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.owner.check_generation()?;
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let result = work(self);
        self.failed = result.as_ref().err().cloned();
        result
    }

    fn write_frame(&mut self, payload: &[u8]) -> Result<Entry> {
        let length = payload.len() as u64;
        let entry = Entry { offset: self.offset, size: length + OVERHEAD };
        self.lines.push(entry)?;
        self.frames.extend_from_slice(&Header::of(length).encode());
        match payload.len() < DIRECT {
            true => self.frames.extend_from_slice(payload),
            false => self.data.flush(&mut self.frames, payload)?,
        }
        self.frames.extend_from_slice(&frame::encode_footer(crc::masked(payload)));
        if self.frames.len() >= BUFFER {
            self.data.write(&mut self.frames)?;
        }
        if self.lines.text().len() >= LINES {
            self.index.write(self.lines.text())?;
            self.lines.clear();
        }
        self.count += 1;
        self.offset += entry.size;
        Ok(entry)
    }
}

fn ensure_two_places(tfrecord_path: &Path, index_path: &Path) -> Result<()> {
    match file::is_one_place(tfrecord_path, index_path) {
        true => Err(index_is_data(index_path)),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests;
