//! Writes TFRecord files together with their indexes.

mod background;

use std::fmt;
use std::path::Path;

use background::Background;

use crate::crc;
use crate::create::{index_is_data, write_index};
use crate::error::{Error, ErrorKind, Result};
use crate::example::{Example, ExampleEncoder, FeatureValues};
use crate::file::{self, GrownFile, NewFile};
use crate::fork::Owner;
use crate::frame::{self, Header, OVERHEAD};
use crate::gzip::{is_seek_file, seek_path, Encoder as GzipEncoder};
use crate::index::{Encoder, Entry};
use crate::open::open_alone;
use crate::options::{Checksums, Compression, Options};
use crate::scan::Scanner;

/// Frames are passed to the writing thread in buffers of this size: small enough for the cache, and
/// large enough that writing one takes much longer than waking a thread.
const BUFFER: usize = if cfg!(any(test, fuzzing)) { 1 << 10 } else { 512 << 10 };
/// The caller writes payloads of at least this size itself, without a copy: another core would have
/// to fetch them into its cache.
const DIRECT: usize = BUFFER / 16;
/// The index's text is written in pieces of about this size.
const LINES: usize = if cfg!(any(test, fuzzing)) { 100 } else { 64 << 10 };

const SEEK_FILE: &str = "a seek file: give another index path";
const INDEX_IS_MISSING: &str = "; the data is complete, but its index is not written: create it";

/// Writes records with valid checksums to a TFRecord file, and the file's index at the same time.
/// It never reads the data back. It needs less than 2 MB of memory, whatever it writes;
/// [`write_examples`](Self::write_examples) needs twice the size of the largest record, too.
///
/// Records are only certain to be in the file when [`finish`](Self::finish) returns. A writer that
/// is dropped before that, or fails, leaves nothing: existing files stay as they were, and a file
/// that it [appended](Self::append) to is cut back to its old size.
///
/// Small records are buffered. From half a megabyte on, a background thread writes them, if one can
/// be started; it ends with the writer. A writer may be sent to another thread. In a forked
/// process, all its calls fail and dropping it changes nothing; the forked process does not keep
/// the files locked.
///
/// If the file system has locks, only one writer at a time can write a file and its index.
/// Meanwhile any other writer of the file or the index, and [`create_index`](crate::create_index)
/// for that index, fails with `EBUSY`. If two writers start at the same moment, both may fail.
///
/// If the process has a file size limit (`RLIMIT_FSIZE`, `ulimit -f`) and exceeds it, the system
/// sends SIGXFSZ, which kills the process by default. A process that ignores SIGXFSZ gets the error
/// `EFBIG`.
///
/// ```
/// use tfr_index::{CheckLevel, Index, Options, RecordWriter};
///
/// # let directory = tempfile::tempdir()?;
/// # let (path, index_path) = (directory.path().join("x"), directory.path().join("x.idx"));
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
    /// Of a compressed file.
    seek_file: Option<NewFile>,
    /// Payloads of at least this size are not copied.
    direct: usize,
    /// Frames and index lines that are not written yet.
    frames: Vec<u8>,
    lines: Encoder,
    count: u64,
    /// Where the next frame starts.
    offset: u64,
    failed: Option<Error>,
    owner: Owner,
}

/// The data file being written.
enum Data {
    New(NewFile),
    Grown(GrownFile),
    Gzip(NewFile, Box<GzipEncoder>),
}

impl Data {
    fn write_both(&mut self, one: &[u8], other: &[u8]) -> Result<()> {
        match self {
            Data::New(file) => file.write_both(one, other),
            Data::Grown(file) => file.write_both(one, other),
            Data::Gzip(file, encoder) => {
                encoder.push(one, |bytes| file.write(bytes))?;
                encoder.push(other, |bytes| file.write(bytes))
            }
        }
    }

    /// Passes what is compressed so far to the system.
    fn flush(&mut self) -> Result<()> {
        match self {
            Data::Gzip(file, encoder) => encoder.flush(|bytes| file.write(bytes)),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for RecordWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordWriter").field("num_records", &self.count).finish_non_exhaustive()
    }
}

impl RecordWriter {
    /// Starts a new TFRecord file and its index. [`finish`](Self::finish) makes both appear
    /// complete, and replaces existing files: they are written under temporary names and then
    /// renamed, the data first.
    ///
    /// A killed process leaves existing files as they were, plus temporary files, which the next
    /// writer of the same file removes. If it is killed between the two renames, the new data is
    /// beside the old index or beside none: [`Index::check`](crate::Index::check) detects this, and
    /// [`create_index`](crate::create_index) fixes it. A path that leads to a device, a pipe with a
    /// reader, or [one of the process's own descriptors](crate::own_descriptor) is written to
    /// directly.
    ///
    /// With [`Options::compression`], the file is compressed, and its seek file appears, too, before
    /// the index: the path of the index with `.seek` in place of `.idx`. The writer then needs 3 MB of
    /// memory, and up to the size of the largest payload.
    ///
    /// Uses only the options [`sync`](Options::sync) and [`compression`](Options::compression).
    ///
    /// # Errors
    /// If a file cannot be created, or both paths lead to the same file; `EBUSY` if another writer
    /// is writing one of them. [`finish`](Self::finish) fails if another program created or
    /// replaced one of the files meanwhile.
    pub fn create(
        tfrecord_path: impl AsRef<Path>,
        index_path: impl AsRef<Path>,
        options: &Options<'_>,
    ) -> Result<RecordWriter> {
        let (tfrecord_path, index_path) = (tfrecord_path.as_ref(), index_path.as_ref());
        ensure_two_places(tfrecord_path, index_path)?;
        let create = |path: &Path| Ok(NewFile::create_alone(path)?.with_sync(options.sync));
        if options.compression == Compression::None {
            let data = Data::New(create(tfrecord_path)?);
            return RecordWriter::new(data, create(index_path)?, 0, 0);
        }
        let seek_path = seek_path(index_path);
        ensure_two_places(tfrecord_path, &seek_path)?;
        file::ensure_contents(&seek_path, SEEK_FILE, is_seek_file)?;
        let data = Data::Gzip(create(tfrecord_path)?, Box::new(GzipEncoder::new()?));
        let mut writer = RecordWriter::new(data, create(index_path)?, 0, 0)?;
        if !writer.index.is_target() {
            writer.seek_file = Some(create(&seek_path)?);
        }
        writer.direct = usize::MAX; // the thread compresses them
        Ok(writer)
    }

    /// Appends to a TFRecord file, or starts one if there is none. [`finish`](Self::finish)
    /// replaces its index by one of all records.
    ///
    /// The existing file must consist of complete records with valid checksums. Its index is
    /// checked as with [`Options::resume`]; records that it lacks are scanned, all of them if there
    /// is no index.
    ///
    /// The file grows while it is written. Readers that use its index do not see the new records; a
    /// program that [indexes it as growing](Options::allow_incomplete_tail) sees the complete ones.
    /// A killed process leaves the old index and the data written so far, whose last record may be
    /// incomplete. [`create_index`](crate::create_index) with [`Options::resume`] and
    /// [`Options::allow_incomplete_tail`] then updates the index. An incomplete record must be cut
    /// off before the file can be appended to; the error says where.
    ///
    /// Uses the option [`sync`](Options::sync) and, for the scan, [`threads`](Options::threads) and
    /// [`progress`](Options::progress).
    ///
    /// # Errors
    /// Those of [`create`](Self::create); those of [`create_index`](crate::create_index) if the
    /// file does not consist of complete records, or the index is not that of its first records.
    ///
    /// ```
    /// use tfr_index::{Index, Options, RecordWriter};
    ///
    /// # let directory = tempfile::tempdir()?;
    /// # let (path, index_path) = (directory.path().join("x"), directory.path().join("x.idx"));
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
        let detail = "a compressed file cannot be appended to: write another file";
        let cannot = || Err(Error::new(ErrorKind::InvalidArgument, detail).of(path));
        if options.compression != Compression::None {
            return cannot();
        }
        let data = GrownFile::open(path, options.sync)?;
        let mut index = NewFile::create_alone(index_path)?.with_sync(options.sync);
        let before = open_alone(path)?;
        if before.compressed().is_some() {
            return cannot();
        }
        let Options { threads, progress, .. } = *options;
        let options = Options { threads, progress, ..Options::new() };
        let options = options.checksums(Checksums::Length).resume(true);
        let explain = |error: Error| match (error.kind(), error.offset()) {
            (ErrorKind::LengthCrc, Some(0)) => {
                error.adding("; to append, the file must have valid checksums").of(path)
            }
            (ErrorKind::Truncated, Some(end)) => {
                error.adding(&format!(", or cut it to {end} bytes to append to it")).of(path)
            }
            _ => error.of(path),
        };
        // Check the first record: resuming does not check the checksums of indexed records again.
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
        Ok(RecordWriter {
            data,
            index,
            seek_file: None,
            direct: DIRECT,
            frames,
            lines,
            count,
            offset,
            failed: None,
            owner,
        })
    }

    /// Returns the number of records in the file, including those that were there before.
    #[must_use]
    pub fn num_records(&self) -> u64 {
        self.count
    }

    /// Writes a record and returns its index entry. Small records are buffered.
    ///
    /// # Errors
    /// If a file cannot be written, possibly with records of earlier calls. All later calls return
    /// the same error.
    pub fn write(&mut self, payload: &[u8]) -> Result<Entry> {
        self.attempt(|writer| writer.write_frame(payload))
    }

    /// Encodes records as `tf.train.Example`, like [`encode_examples`](crate::encode_examples), and
    /// writes them. Small ones are encoded in the writer's buffer: there is no copy.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] as for [`encode_examples`](crate::encode_examples), before
    /// anything is written. [`ErrorKind::OutOfMemory`]: the records before are written. Those of
    /// [`write`](Self::write).
    ///
    /// ```
    /// use tfr_index::{Feature, FeatureValues, Features, Options, Reader, RecordWriter};
    ///
    /// # let directory = tempfile::tempdir()?;
    /// # let (path, index_path) = (directory.path().join("x"), directory.path().join("x.idx"));
    /// let mut writer = RecordWriter::create(&path, &index_path, &Options::new())?;
    /// writer.write_examples(2, &[FeatureValues::int64("label", &[7, 8])])?;
    /// writer.finish()?;
    ///
    /// let features = Features::new([Feature::int64("label")])?;
    /// let (_, columns) = Reader::open(&path, &Options::new())?.read_columns(&[1, 0], &features)?;
    /// assert_eq!(columns.int64(0), Some(&[8, 7][..]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn write_examples(&mut self, records: usize, features: &[FeatureValues<'_>]) -> Result<()> {
        self.attempt(|_| Ok(()))?;
        let mut examples = ExampleEncoder::new(records, features)?;
        let out_of_memory = |_| Error::out_of_memory("a record");
        while let Some(example) = examples.next()? {
            if example.len() < self.direct {
                let room = example.len() + OVERHEAD as usize;
                self.frames.try_reserve(room).map_err(out_of_memory)?;
                self.attempt(|writer| writer.write_example(&example))?;
            } else {
                let mut payload = Vec::new();
                payload.try_reserve_exact(example.len()).map_err(out_of_memory)?;
                example.push(&mut payload);
                self.write(&payload)?;
            }
        }
        Ok(())
    }

    /// Writes whole frames, which must be valid: their sizes are those between `offsets` in `bytes`.
    ///
    /// # Errors
    /// Those of [`write`](Self::write).
    pub(crate) fn write_frames(&mut self, bytes: &[u8], offsets: &[usize]) -> Result<()> {
        self.attempt(|writer| {
            for ends in offsets.windows(2) {
                let size = (ends[1] - ends[0]) as u64;
                writer.add_line(Entry { offset: writer.offset, size })?;
            }
            match bytes.len() < writer.direct {
                true => writer.frames.extend_from_slice(bytes),
                false => writer.data.flush(&mut writer.frames, bytes)?,
            }
            writer.write_full()
        })
    }

    /// Passes all records written so far to the system. If the file is appended to, others can then
    /// read them; a new file appears only with [`finish`](Self::finish). This is not an `fsync`,
    /// even with [`Options::sync`]: a power failure may lose the records.
    ///
    /// # Errors
    /// Those of [`write`](Self::write).
    pub fn flush(&mut self) -> Result<()> {
        self.attempt(|writer| {
            writer.data.flush(&mut writer.frames, &[])?;
            writer.data.wait()?.flush()
        })
    }

    /// Completes the data and the index, and returns the number of records in the file.
    ///
    /// # Errors
    /// Those of [`write`](Self::write), and if a file cannot be renamed to its path. Then nothing
    /// that was written is left, unless the error says that the data is complete and only its index
    /// is missing.
    pub fn finish(mut self) -> Result<u64> {
        self.flush()?;
        self.index.write(self.lines.text())?;
        match self.data.into_file()? {
            // The data stays locked until its index is renamed, too.
            Data::New(mut data) => {
                data.replace()?;
                let placed = data.sync_directory().and_then(|()| self.index.replace());
                placed.map_err(|error| error.adding(INDEX_IS_MISSING))?;
            }
            Data::Gzip(mut data, mut encoder) => {
                encoder.finish(|bytes| data.write(bytes))?;
                let (points, identification) = (*encoder).into_points(self.count);
                if let Some(seek_file) = &mut self.seek_file {
                    points.write_to(seek_file, identification)?;
                }
                data.replace()?;
                let mut place = || {
                    data.sync_directory()?;
                    self.seek_file.as_mut().map_or(Ok(()), NewFile::replace)?;
                    self.index.replace()
                };
                place().map_err(|error| error.adding(INDEX_IS_MISSING))?;
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

    /// Runs `work`, unless earlier work failed.
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
        self.frames.extend_from_slice(&Header::of(payload.len() as u64).encode());
        match payload.len() < self.direct {
            true => self.frames.extend_from_slice(payload),
            false => self.data.flush(&mut self.frames, payload)?,
        }
        self.end_frame(payload.len(), crc::masked(payload))
    }

    /// Encodes small records where their frames are, in the cache.
    fn write_example(&mut self, example: &Example<'_>) -> Result<Entry> {
        self.frames.extend_from_slice(&Header::of(example.len() as u64).encode());
        let start = self.frames.len();
        example.push(&mut self.frames);
        self.end_frame(example.len(), crc::masked(&self.frames[start..]))
    }

    /// Adds the footer and the index entry of a payload of `length` bytes.
    fn end_frame(&mut self, length: usize, masked_crc: u32) -> Result<Entry> {
        let entry = Entry { offset: self.offset, size: length as u64 + OVERHEAD };
        self.frames.extend_from_slice(&frame::encode_footer(masked_crc));
        self.write_full()?;
        self.add_line(entry)?;
        Ok(entry)
    }

    /// Writes the buffered frames, once there are enough.
    fn write_full(&mut self) -> Result<()> {
        match self.frames.len() >= BUFFER {
            true => self.data.write(&mut self.frames),
            false => Ok(()),
        }
    }

    /// Adds the next record to the index.
    fn add_line(&mut self, entry: Entry) -> Result<()> {
        self.lines.push(entry)?;
        if self.lines.text().len() >= LINES {
            self.index.write(self.lines.text())?;
            self.lines.clear();
        }
        self.count += 1;
        self.offset += entry.size;
        Ok(())
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
