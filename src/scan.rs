//! Walks the headers of a source, and yields entries, in constant memory.

pub(crate) mod chain;
mod explain;
pub(crate) mod parallel;
mod salvage;
mod search;

use std::fmt;

use crate::error::{Error, ErrorKind, Result};
use crate::frame::at::PayloadCrc;
use crate::frame::{Checksum, Header, HEADER_LEN, MAX_OFFSET};
use crate::index::{Collect, Entry, EntryTable, EntryTableBuilder, Index};
use crate::options::{Checksums, Options, Progress};
use crate::source::{ReadAt, Window};
use chain::Chain;
use explain::explain;
use salvage::Allowance;

/// Bytes of data between two calls of the progress callback.
pub(crate) const PROGRESS_STEP: u64 = 16 << 20;

/// An iterator over the records of a source. It ends after its first error.
///
/// It reads no payloads, except under [`Checksums::Full`], and takes constant memory.
///
/// ```
/// use tfr_index::{Entry, Options, Scanner};
///
/// let data = b"\x05\0\0\0\0\0\0\0\xea\xb2\x04\x3ehello\0\0\0\0";
/// let mut scanner = Scanner::new(&data[..], &Options::new())?;
/// assert_eq!(scanner.next().unwrap()?, Entry { offset: 0, size: 21 });
/// assert!(scanner.next().is_none());
/// # Ok::<(), tfr_index::Error>(())
/// ```
pub struct Scanner<'a, S> {
    source: S,
    size: u64,
    chain: Chain,
    window: Window,
    options: Options<'a>,
    next_report: u64,
    /// The most bytes that were reported to the progress callback.
    reported: u64,
    allowance: Allowance,
    finished: bool,
}

impl<'a, S: ReadAt> Scanner<'a, S> {
    /// Creates a scanner at the source's start. The source must not change during the scan. If it
    /// becomes shorter, that is an error; the scan does not see bytes that are appended.
    ///
    /// # Errors
    /// If the source cannot tell its size or has more than `i64::MAX` bytes, or if the options
    /// contradict each other.
    pub fn new(source: S, options: &Options<'a>) -> Result<Scanner<'a, S>> {
        let size = source.size().map_err(|error| Error::io("find the size", error))?;
        if size > MAX_OFFSET {
            let detail = format!("{size} bytes of data: more than an index can address");
            return Err(Error::new(ErrorKind::InvalidArgument, detail));
        }
        let skips = options.salvage || options.allow_incomplete_tail;
        if skips && options.checksums == Checksums::None {
            let what = if options.salvage { "salvage" } else { "an incomplete tail" };
            let detail =
                format!("{what} needs checksums: it cannot be combined with checksum policy none");
            return Err(Error::new(ErrorKind::InvalidArgument, detail));
        }
        Ok(Scanner::of_size(source, size, options))
    }

    /// Makes a scanner of the first `size` bytes.
    fn of_size(source: S, size: u64, options: &Options<'a>) -> Scanner<'a, S> {
        let window = Window::new(&source, size);
        Scanner {
            source,
            size,
            chain: Chain::new(match (options.checksums, options.salvage) {
                // Salvage needs checksums to find records.
                (Checksums::Auto, true) => Checksums::Length,
                (checksums, _) => checksums,
            }),
            window,
            options: *options,
            next_report: 0,
            reported: 0,
            allowance: Allowance::of(size),
            finished: false,
        }
    }

    /// A scanner that starts at `start`, of data of `size` bytes that is known to be a TFRecord file.
    pub(crate) fn from(source: S, start: u64, size: u64, options: &Options<'a>) -> Scanner<'a, S> {
        let mut scanner = Scanner::of_size(source, size, options);
        scanner.chain.go_to(1, start); // record 0 would decide whether this is a TFRecord file
        scanner.window.start_at(start);
        scanner
    }

    /// The next record; under salvage, the next good one.
    fn next_entry(&mut self) -> Result<Option<Entry>> {
        loop {
            match self.next_record() {
                Err(error) => {
                    let is_cut = error.kind() == ErrorKind::Truncated;
                    if self.options.allow_incomplete_tail && is_cut && !self.has_shrunk()? {
                        let end = std::mem::replace(&mut self.size, self.chain.offset());
                        self.report_skipped(end, error, true)?;
                    } else {
                        self.skip_damage(error)?;
                    }
                }
                entry => return entry,
            }
        }
    }

    /// Whether the data has become shorter since the scan began.
    fn has_shrunk(&self) -> Result<bool> {
        let size = self.source.size().map_err(|error| Error::io("find the size", error))?;
        Ok(size < self.size)
    }

    /// Continues after `record` records, which end at `offset`.
    pub(crate) fn resume(&mut self, record: u64, offset: u64) -> Result<()> {
        if offset > self.size {
            return Err(self.chain.next().shrank());
        }
        if record > 0 {
            self.next_record()?; // decides whether the data has valid checksums
            self.chain.go_to(record, offset);
            self.window.start_at(offset);
        }
        Ok(())
    }

    fn next_record(&mut self) -> Result<Option<Entry>> {
        let at = self.chain.offset();
        let rest = self.size - at;
        if rest == 0 {
            if self.has_shrunk()? {
                return Err(self.chain.next().shrank()); // after the last read
            }
            self.next_report = self.next_report.min(at); // the last report, at the end
            self.report(at)?;
            return Ok(None);
        }
        self.report_if_due()?;
        if rest < HEADER_LEN as u64 {
            return Err(self.chain.next().header_is_cut(rest));
        }
        let header = self.chain.next().header_at(&mut self.window, &self.source, at)?;
        let size = self.chain.accept(header, rest)?;
        if self.options.checksums == Checksums::Full {
            self.chain.next().ensure_payload(self.payload_checksum(at, size)?)?;
        }
        Ok(Some(self.chain.pass(size)))
    }

    /// Pushes records that start before `end` to `batch`: the next one, and those whose headers are
    /// then in memory, until the batch takes `limit` bytes. False if there is none.
    fn step<B: Batch>(&mut self, end: u64, limit: usize, batch: &mut B) -> Result<bool> {
        if self.chain.offset() >= end {
            return Ok(false);
        }
        let Some(entry) = self.next_entry()? else { return Ok(false) };
        batch.push(entry)?;
        if self.options.checksums == Checksums::Full {
            return Ok(true);
        }
        // The hot loop for small records: it reads, decides and reports nothing.
        let end = end.min(self.next_report);
        let (mut record, mut offset) = (self.chain.record(), self.chain.offset());
        let mut bytes = self.window.in_memory(&self.source, offset);
        while offset < end && batch.size() < limit {
            let Some(header) = bytes.get(..HEADER_LEN) else { break };
            let header = Header::decode(header.try_into().expect("12 bytes"));
            let size = self.chain.quick_size(header, self.size - offset);
            let Some(size) = size else { break };
            batch.push(Entry { offset, size })?;
            record += 1;
            offset += size;
            bytes = usize::try_from(size).ok().and_then(|size| bytes.get(size..)).unwrap_or(&[]);
        }
        self.chain.go_to(record, offset);
        Ok(true)
    }

    /// The payload checksum of the frame at `at`.
    pub(crate) fn payload_checksum(&mut self, at: u64, size: u64) -> Result<Checksum> {
        let place = self.chain.next();
        let mut payload = PayloadCrc::of(at, size);
        while payload.step(place, &mut self.window, &self.source)? > 0 {
            let position = payload.position();
            if position >= self.next_report {
                // A payload that salvage reads ahead of the chain is not passed yet.
                self.report(if at > self.chain.offset() { at } else { position })?;
                self.next_report = position.saturating_add(PROGRESS_STEP);
            }
        }
        payload.finish(place, &mut self.window, &self.source)
    }

    #[inline]
    fn report_if_due(&mut self) -> Result<()> {
        match self.chain.offset() >= self.next_report {
            true => self.report(self.chain.offset()),
            false => Ok(()),
        }
    }

    /// Reports to the progress callback that `bytes_done` bytes are passed.
    #[cold]
    fn report(&mut self, bytes_done: u64) -> Result<()> {
        self.next_report = bytes_done.saturating_add(PROGRESS_STEP);
        self.reported = self.reported.max(bytes_done);
        let records = self.chain.record();
        let progress = Progress { bytes_done: self.reported, bytes_total: self.size, records };
        self.options.report(progress)
    }
}

impl<S> fmt::Debug for Scanner<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (record, offset) = (self.chain.record(), self.chain.offset());
        let mut shown = f.debug_struct("Scanner");
        shown.field("record", &record).field("offset", &offset).field("size", &self.size);
        shown.finish_non_exhaustive()
    }
}

impl<S: ReadAt> Iterator for Scanner<'_, S> {
    type Item = Result<Entry>;

    fn next(&mut self) -> Option<Result<Entry>> {
        if self.finished {
            return None;
        }
        let entry = self.next_entry().map_err(|error| explain(error, &self.source)).transpose();
        self.finished = !matches!(entry, Some(Ok(_)));
        entry
    }
}

impl Index {
    /// Returns the index of TFRecord data in memory.
    ///
    /// ```
    /// use tfr_index::{Index, Options};
    ///
    /// let data = b"\x05\0\0\0\0\0\0\0\xea\xb2\x04\x3ehello\0\0\0\0";
    /// let index = Index::from_bytes(data, &Options::new())?;
    /// assert_eq!(index.to_text()?, "0 21\n");
    /// # Ok::<(), tfr_index::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the data is damaged, truncated or in another format. The error has the number and the
    /// offset of the first bad record.
    pub fn from_bytes(data: &[u8], options: &Options<'_>) -> Result<Index> {
        Index::from_source(data, options)
    }

    /// Returns the index of a source. [`Options::threads`] says how many threads read it. (Use a
    /// [`Scanner`] for a source that only one thread may use.)
    ///
    /// ```
    /// use tfr_index::{Index, Options};
    ///
    /// let file = std::fs::File::open("tests/data/examples.tfrecord")?;
    /// assert_eq!(Index::from_source(&file, &Options::new())?.len(), 100);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Index::from_bytes`]; if the source cannot be read.
    pub fn from_source(source: impl ReadAt + Sync, options: &Options<'_>) -> Result<Index> {
        Index::collected(|deliver| parallel::scan(&source, options, (0, 0), deliver))
    }

    /// The index of all entries that `scan` delivers.
    pub(crate) fn collected(
        scan: impl FnOnce(&mut dyn FnMut(&mut Vec<Entry>) -> Result<()>) -> Result<u64>,
    ) -> Result<Index> {
        let mut entries = Vec::new();
        scan(&mut |batch| {
            entries.try_reserve(batch.len()).map_err(|_| Error::out_of_memory("the index"))?;
            entries.append(batch);
            Ok(())
        })?;
        Ok(Index::from_checked(entries))
    }
}

impl EntryTable {
    /// Like [`Index::from_source`].
    pub(crate) fn scan(source: impl ReadAt + Sync, options: &Options<'_>) -> Result<EntryTable> {
        let mut builder = EntryTableBuilder::default();
        parallel::scan(&source, options, (0, 0), |batch| builder.collect(batch))?;
        builder.finish()
    }
}

/// Collects entries, many at a time.
pub(crate) trait Batch: Default + Send {
    fn push(&mut self, entry: Entry) -> Result<()>;
    /// Bytes of memory that the entries take.
    fn size(&self) -> usize;
}

impl Batch for Vec<Entry> {
    #[inline]
    fn push(&mut self, entry: Entry) -> Result<()> {
        crate::index::push(self, entry)
    }

    #[inline]
    fn size(&self) -> usize {
        std::mem::size_of_val(self.as_slice())
    }
}

#[cfg(test)]
mod tests;
