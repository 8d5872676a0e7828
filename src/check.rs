//! Does this index fit this data?

pub(crate) mod frames;
mod layout;

use std::path::Path;

use crate::diagnose::{self, START};
use crate::error::{Error, ErrorKind, Result};
use crate::file;
use crate::index::{Entry, Index};
use crate::options::{Options, Progress};
use crate::scan::PROGRESS_STEP;
use crate::source::{fill_at, ReadAt};
use frames::{Frames, Trust};
use layout::Layout;

/// How many headers [`CheckLevel::Quick`] reads: the first, the last and some between them.
const SAMPLES: usize = 66;

/// How much of the data [`Index::check`] reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum CheckLevel {
    /// The headers of the first record, of the last and of 64 between them: milliseconds, however
    /// large data and index are.
    #[default]
    Quick,
    /// Every header.
    Headers,
    /// Every header and every payload.
    Full,
}

/// How an index fits its data. Whatever it says, NVIDIA DALI and this crate read the data by the
/// index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub struct Fit {
    /// Bytes of the data that no entry covers: 0 unless the index selects records.
    pub skipped: u64,
    /// Whether an entry starts before the one in front of it.
    pub reordered: bool,
    /// Whether an entry is there twice.
    pub repeated: bool,
    /// Whether no checksum was looked at: the data has no true ones, or policy
    /// [`Checksums::None`](crate::Checksums::None) asked for it.
    pub unchecked: bool,
}

impl Index {
    /// Checks that this is the index of a TFRecord file.
    ///
    /// The entries must lie inside the file and may not overlap; where one starts, there must be
    /// the header of a frame of its size. An index may select, reorder and repeat records, but one
    /// that has all of them up to some byte and none behind it is stale, unless
    /// [`Options::allow_partial`] says that it is meant so.
    ///
    /// The policy decides whether CRCs must hold, [`Checksums::Auto`](crate::Checksums::Auto) by
    /// the file's first header (one bit away from a true CRC is damage) and the first entry's; the level, whether those
    /// of payloads are looked at. Memory stays constant, but for an index out of order: 8 bytes a
    /// record.
    ///
    /// ```
    /// use tfr_index::{CheckLevel, ErrorKind, Index, Options};
    ///
    /// let data = "tests/data/examples.tfrecord";
    /// let index = Index::scan(data, &Options::new())?;
    /// let fit = index.check(data, CheckLevel::Full, &Options::new())?;
    /// assert_eq!(fit.skipped, 0);
    ///
    /// let stale = Index::from_entries(index[..50].iter().copied())?;
    /// let error = stale.check(data, CheckLevel::Quick, &Options::new()).unwrap_err();
    /// assert_eq!((error.kind(), error.record()), (ErrorKind::Mismatch, Some(50)));
    /// # Ok::<(), tfr_index::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Mismatch`] when the index does not fit, [`ErrorKind::LengthCrc`] and
    /// [`ErrorKind::PayloadCrc`] when it does and the data is damaged. The error's record is the
    /// number of the entry: of all bad ones, the first in the data; of a stale index, the first
    /// that is missing. [`ErrorKind::NotTfRecord`] when it is no TFRecord file that the index does
    /// not fit, but a compressed one or the like. Also when the file cannot be read, and when the progress callback asks to
    /// stop.
    pub fn check(
        &self,
        tfrecord_path: impl AsRef<Path>,
        level: CheckLevel,
        options: &Options<'_>,
    ) -> Result<Fit> {
        let path = tfrecord_path.as_ref();
        let data = file::open_regular(path)?;
        self.check_source(&data, level, options).map_err(|error| error.of(path))
    }

    /// As [`check`](Index::check), of any source.
    ///
    /// ```
    /// use tfr_index::{CheckLevel, Index, Options};
    ///
    /// let data = b"\x05\0\0\0\0\0\0\0\xea\xb2\x04\x3ehello\0\0\0\0";
    /// let index = Index::from_text("0 21\n0 21\n")?;
    /// let fit = index.check_source(&data[..], CheckLevel::Headers, &Options::new())?;
    /// assert!(fit.repeated);
    /// # Ok::<(), tfr_index::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`check`](Index::check).
    pub fn check_source(
        &self,
        source: impl ReadAt + Sync,
        level: CheckLevel,
        options: &Options<'_>,
    ) -> Result<Fit> {
        let checked = self.fit(&source, level, options);
        checked.map_err(|error| match error.kind() {
            ErrorKind::Mismatch | ErrorKind::LengthCrc => explain(error, &source),
            _ => error,
        })
    }

    fn fit<S: ReadAt + Sync>(
        &self,
        source: &S,
        level: CheckLevel,
        options: &Options<'_>,
    ) -> Result<Fit> {
        let size = source.size().map_err(|error| Error::io("find the size", error))?;
        let mut told = Told::new(size, options);
        told.report()?;
        if self.is_empty() && size > 0 && !options.allow_partial {
            let detail =
                format!("the index is empty, but the data has {size} bytes; create it anew");
            return Err(Error::new(ErrorKind::Mismatch, detail));
        }
        let layout = Layout::of(self)?;
        let some = || {
            let (count, last) = (layout.len(), layout.len().saturating_sub(1));
            [0, 1, count / 2, last].into_iter().take(count).map(|position| layout.get(position).1)
        };
        let trust = Trust::decide(source, options.checksums, some)?;
        let unchecked = trust != Trust::Checked && !self.is_empty();
        let payloads = level == CheckLevel::Full && !unchecked;
        let frames = Frames { source, size, trust, payloads };

        let fault = fault(&layout, size, options);
        if fault.is_some() || level == CheckLevel::Quick {
            // What is said of a size is only true if the headers are those of this file.
            let positions = samples(layout.count_before(|entry| entry.payload().start <= size));
            source.expect_hops(true);
            let frames = Frames { payloads: false, ..frames };
            frames.check(&layout, positions, &mut |bytes, records| told.add(bytes, records))?;
            fault.map_or(Ok(()), Err)?;
        } else {
            frames.check_all(&layout, options, &mut told)?;
        }
        told.finish(layout.len() as u64)?;
        Ok(Fit {
            skipped: size - layout.covered,
            reordered: self.windows(2).any(|pair| pair[1].offset < pair[0].offset),
            repeated: layout.len() < self.len(),
            unchecked,
        })
    }
}

/// The error, or that the data is no TFRecord at all.
fn explain(error: Error, source: &impl ReadAt) -> Error {
    let mut start = [0; START];
    match fill_at(source, &mut start, 0) {
        Ok(count) => diagnose::explain(error, &start[..count]),
        Err(_) => error,
    }
}

/// What the entries' places say against data of `size` bytes.
fn fault(layout: &Layout<'_>, size: u64, options: &Options<'_>) -> Option<Error> {
    let inside = layout.count_before(|entry| entry.end() <= size);
    if inside < layout.len() {
        let (record, entry) = layout.get(inside);
        let (passing, count) = (layout.len() - inside, layout.len());
        let more = format!(" ({passing} of {count} records pass that)");
        return Some(ends_behind_data(record, entry, size, &more));
    }
    let end = layout.end();
    if layout.covered < end || end == size || options.allow_partial {
        return None;
    }
    let detail = format!(
        "the index ends here, but the data goes on for {} bytes: the index is stale; create it \
         anew, or, if what follows was left out on purpose or is no whole record yet, check with \
         --allow-partial (allow_partial)",
        size - end
    );
    Some(Error::new(ErrorKind::Mismatch, detail).at(layout.len() as u64, end))
}

/// The entry's frame ends behind the data's `size` bytes, of which there is `more` to say.
pub(crate) fn ends_behind_data(record: u64, entry: Entry, size: u64, more: &str) -> Error {
    let detail = format!(
        "the index has a frame up to byte {} here, but the data ends at byte {size}{more}: it was \
         cut short, or is another file's; copy it again, or create its index anew",
        entry.end()
    );
    Error::new(ErrorKind::Mismatch, detail).at(record, entry.offset)
}

/// The first of `count` positions, the last, and some between them.
fn samples(count: usize) -> impl Iterator<Item = usize> {
    let samples = count.min(SAMPLES);
    let (last, steps) = (count.saturating_sub(1) as u128, samples.saturating_sub(1).max(1) as u128);
    (0..samples).map(move |sample| (sample as u128 * last / steps) as usize)
}

/// What the progress callback is told.
struct Told<'a> {
    options: Options<'a>,
    progress: Progress,
    next_report: u64,
}

impl<'a> Told<'a> {
    fn new(size: u64, options: &Options<'a>) -> Told<'a> {
        let progress = Progress { bytes_done: 0, bytes_total: size, records: 0 };
        Told { options: *options, progress, next_report: PROGRESS_STEP }
    }

    fn pass(&mut self, bytes: u64, records: u64) {
        // Of data that was cut short, the last frame is longer than what is left.
        let bytes_done = self.progress.bytes_done + bytes;
        self.progress.bytes_done = bytes_done.min(self.progress.bytes_total);
        self.progress.records += records;
    }

    /// Passes, and reports when it is due.
    fn add(&mut self, bytes: u64, records: u64) -> Result<()> {
        self.pass(bytes, records);
        match self.progress.bytes_done >= self.next_report {
            true => self.report(),
            false => Ok(()),
        }
    }

    fn finish(&mut self, records: u64) -> Result<()> {
        self.progress =
            Progress { bytes_done: self.progress.bytes_total, records, ..self.progress };
        self.report()
    }

    fn report(&mut self) -> Result<()> {
        self.next_report = self.progress.bytes_done.saturating_add(PROGRESS_STEP);
        self.options.report(self.progress)
    }
}

#[cfg(test)]
mod tests;
