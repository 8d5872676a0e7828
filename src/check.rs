//! Checks whether an index matches its data.

pub(crate) mod frames;
mod gaps;
mod layout;
mod neighbours;
mod samples;

use std::ops::ControlFlow;
use std::path::Path;

use crate::diagnose::{self, START};
use crate::error::{Error, ErrorKind, Result};
use crate::frame::trust::Trust;
use crate::index::{Entries, Entry, Index};
use crate::open::open;
use crate::options::{Checksums, Options, Progress};
use crate::scan::PROGRESS_STEP;
use crate::source::{fill_at, ReadAt};
use frames::Frames;
use layout::Layout;
use samples::Samples;

/// How much of the data [`Index::check`] reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum CheckLevel {
    /// The headers of the first record, the last one and 64 between them. Takes milliseconds,
    /// however large the data is.
    #[default]
    Quick,
    /// Every header.
    Headers,
    /// Every header and every payload.
    Full,
}

/// How an index matches its data. NVIDIA DALI and this crate can read the data with the index
/// whatever these fields say, if the index is passed to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub struct Fit {
    /// Bytes of the data that no entry covers: damage or, if the index is partial, also records.
    pub uncovered_bytes: u64,
    /// Whether the index leaves out valid records. A reader that finds such an index beside the
    /// data does not use it.
    pub partial: bool,
    /// Whether an entry starts before the previous one.
    pub reordered: bool,
    /// Whether the index contains an entry more than once.
    pub repeated: bool,
    /// Whether no checksums were checked: the data has no valid ones, or the policy was
    /// [`Checksums::None`](crate::Checksums::None).
    pub checksums_skipped: bool,
}

impl Index {
    /// Checks that this index belongs to a TFRecord file.
    ///
    /// The entries must lie inside the file and must not overlap. Where an entry starts, the file
    /// must have the header of a frame of that size. An index may select, reorder and repeat
    /// records, and leave out damage. If valid records follow its last entry, it is stale, unless
    /// [`Options::allow_partial`] is set.
    ///
    /// The checksum policy decides whether CRCs must be valid.
    /// [`Checksums::Auto`](crate::Checksums::Auto) decides by the file's first header (one bit away
    /// from a valid one is damage) and the headers of some entries. The level decides whether
    /// payload CRCs are checked. Every level searches the bytes that no entry covers for valid
    /// records.
    ///
    /// Memory stays constant; an index that is not in order needs 8 bytes per record.
    ///
    /// ```
    /// use tfr_index::{CheckLevel, ErrorKind, Index, Options};
    ///
    /// let data = "tests/data/examples.tfrecord";
    /// let index = Index::scan(data, &Options::new())?;
    /// let fit = index.check(data, CheckLevel::Full, &Options::new())?;
    /// assert!(fit.uncovered_bytes == 0 && !fit.partial);
    ///
    /// let last = Index::from_entries(index[50..].iter().copied())?;
    /// assert!(last.check(data, CheckLevel::Quick, &Options::new())?.partial);
    ///
    /// let first = Index::from_entries(index[..50].iter().copied())?;
    /// let error = first.check(data, CheckLevel::Quick, &Options::new()).unwrap_err();
    /// assert_eq!((error.kind(), error.record()), (ErrorKind::Stale, Some(50)));
    /// let options = Options::new().allow_partial(true);
    /// assert!(first.check(data, CheckLevel::Quick, &options)?.partial);
    /// # Ok::<(), tfr_index::Error>(())
    /// ```
    ///
    /// # Errors
    /// - [`ErrorKind::Mismatch`]: the index belongs to another file.
    /// - [`ErrorKind::Stale`]: the data has grown, or has become shorter; or the seek file of compressed
    ///   data is damaged.
    /// - [`ErrorKind::Length`], [`ErrorKind::LengthCrc`] and [`ErrorKind::PayloadCrc`]: the index
    ///   matches, but the data is damaged. (`Length`: a header contradicts the index, but the
    ///   records around it are where the index has them.)
    /// - [`ErrorKind::NotTfRecord`]: the index does not match, and the data is not a TFRecord file
    ///   but, for example, a compressed one.
    /// - [`ErrorKind::Io`]: the file cannot be read. [`ErrorKind::Cancelled`]: the progress
    ///   callback cancelled.
    ///
    /// The error's record number is that of the bad entry that comes first in the data or, if the
    /// index is stale, that of the first missing entry.
    pub fn check(
        &self,
        tfrecord_path: impl AsRef<Path>,
        level: CheckLevel,
        options: &Options<'_>,
    ) -> Result<Fit> {
        check_path(self, tfrecord_path.as_ref(), level, options)
    }

    /// Like [`check`](Index::check), for any source.
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
    /// Those of [`check`](Index::check).
    pub fn check_source(
        &self,
        source: impl ReadAt + Sync,
        level: CheckLevel,
        options: &Options<'_>,
    ) -> Result<Fit> {
        check(self, &source, level, options)
    }
}

/// [`Index::check`], for any entries.
pub(crate) fn check_path(
    entries: &impl Entries,
    path: &Path,
    level: CheckLevel,
    options: &Options<'_>,
) -> Result<Fit> {
    let data = open(path)?;
    let check = || {
        if let Some(source) = data.compressed() {
            let total = source.compressed().opened().stamp.bytes;
            // The check itself has another measure of progress.
            let ask =
                |_| options.report(Progress { bytes_done: 0, bytes_total: total, records: 0 });
            match level {
                CheckLevel::Quick => source.points(&ask)?.ensure_whole()?,
                CheckLevel::Headers | CheckLevel::Full => source.verify(&ask)?,
            }
        }
        check(entries, &data, level, options)
    };
    check().map_err(|error| error.of(path))
}

fn check(
    entries: &impl Entries,
    source: &(impl ReadAt + Sync),
    level: CheckLevel,
    options: &Options<'_>,
) -> Result<Fit> {
    let Findings { fit, stale, damage, confirmed, .. } = examine(entries, source, level, options)?;
    match (stale, damage) {
        (Some(error), _) => Err(explain(error, source)),
        // If another header is valid, the data is a TFRecord file.
        (None, Some(error)) if confirmed => Err(error),
        (None, Some(error)) => Err(explain(error, source)),
        (None, None) => Ok(fit),
    }
}

/// Returns why an index found beside its data must not be used, if so: it must belong to this
/// data and account for each valid record. Damage in the data is no reason.
///
/// # Errors
/// [`ErrorKind::Cancelled`].
pub(crate) fn reason_against(
    entries: &impl Entries,
    source: &(impl ReadAt + Sync),
    options: &Options<'_>,
) -> Result<Option<Error>> {
    let options = options.allow_partial(false);
    let Findings { fit, stale, damage, confirmed, left_out } =
        match examine(entries, source, CheckLevel::Quick, &options) {
            Err(error) if error.kind() == ErrorKind::Cancelled => return Err(error),
            Err(error) => return Ok(Some(error)),
            Ok(findings) => findings,
        };
    let partial = left_out.filter(|_| fit.partial).map(|offset| {
        let detail = format!("the index leaves out valid records, the first at byte {offset}");
        Error::new(ErrorKind::Stale, detail)
    });
    let reason = stale.or(partial).or(damage.filter(|_| !confirmed));
    Ok(reason.map(|error| explain(error, source)))
}

fn examine(
    entries: &impl Entries,
    source: &(impl ReadAt + Sync),
    level: CheckLevel,
    options: &Options<'_>,
) -> Result<Findings> {
    examine_as_data(entries, source, level, options).map_err(|error| explain(error, source))
}

fn examine_as_data(
    entries: &impl Entries,
    source: &(impl ReadAt + Sync),
    level: CheckLevel,
    options: &Options<'_>,
) -> Result<Findings> {
    let size = source.size().map_err(|error| Error::io("find the size", error))?;
    let mut reporter = Reporter::new(size, options);
    reporter.report()?;
    let layout = Layout::of(entries)?;
    let end = layout.end()?;
    let some: Vec<_> = layout.some()?.iter().map(|entry| entry.offset).collect();
    let trust = Trust::decide(source, options.checksums, || some.iter().copied())?;
    let unchecked = trust != Trust::Checked && layout.len() > 0;
    let frames = Frames { source, size, trust, payloads: false };

    let mut sampled = Samples { confirmed: true, damage: None };
    // Statements about gaps and sizes only make sense for the index of this file.
    let samples_first = level == CheckLevel::Quick || layout.covered != size || end != size;
    if samples_first {
        sampled = frames
            .sample(&layout, options.threads, &mut |bytes, records| reporter.add(bytes, records))?;
    }
    let mut stale = has_shrunk(&layout, size)?;
    let mut left_out = None;
    if stale.is_none() {
        // Find out which checksums the data has, whatever the policy checks.
        let trust = match trust == Trust::Checked && sampled.confirmed {
            true => trust,
            false => Trust::decide(source, Checksums::Auto, || some.iter().copied())?,
        };
        left_out = gaps::first_record(source, size, &layout, trust, &|_| reporter.ask())?;
    }
    if let Some(offset) = left_out.filter(|&offset| offset >= end) {
        if !options.allow_partial {
            stale = Some(has_grown(layout.len(), end, offset, size));
        }
    }
    if stale.is_none() && level != CheckLevel::Quick {
        let all = Frames { payloads: level == CheckLevel::Full && !unchecked, ..frames };
        let damage = samples::damage(all.check_all(&layout, options, &mut reporter))?;
        // The index may still belong to another file.
        if damage.is_some() && !samples_first {
            frames.sample(&layout, options.threads, &mut |_, _| Ok(()))?;
        }
        if let Some(error) = damage.as_ref().filter(|e| e.kind() != ErrorKind::PayloadCrc) {
            let is_before = |entry: Entry| Some(entry.offset) < error.offset();
            frames.ensure_damage(&layout, layout.count_before(is_before)?)?;
        }
        sampled.damage = damage;
    }
    reporter.finish(layout.len() as u64)?;
    let fit = Fit {
        uncovered_bytes: size.saturating_sub(layout.covered),
        partial: left_out.is_some(),
        reordered: layout.is_reordered(),
        repeated: layout.has_repeated(),
        checksums_skipped: unchecked,
    };
    Ok(Findings { fit, stale, damage: sampled.damage, confirmed: sampled.confirmed, left_out })
}
/// The result for an index that belongs to the data.
struct Findings {
    fit: Fit,
    /// Why the index is stale.
    stale: Option<Error>,
    /// Damage of the data at an entry.
    damage: Option<Error>,
    /// Whether the header of at least one entry is valid.
    confirmed: bool,
    /// The offset of the first valid record that the index leaves out.
    left_out: Option<u64>,
}

/// Returns the error, or one that says that the data is not TFRecord.
fn explain(error: Error, source: &impl ReadAt) -> Error {
    if !matches!(error.kind(), ErrorKind::Mismatch | ErrorKind::LengthCrc | ErrorKind::Stale) {
        return error;
    }
    let mut start = [0; START];
    match fill_at(source, &mut start, 0) {
        Ok(count) => diagnose::explain(error, &start[..count]),
        Err(_) => error,
    }
}

/// Returns an error if entries end after data of `size` bytes.
fn has_shrunk(layout: &Layout<'_, impl Entries>, size: u64) -> Result<Option<Error>> {
    let inside = layout.count_before(|entry| entry.end() <= size)?;
    if inside == layout.len() {
        return Ok(None);
    }
    let (record, entry) = layout.get(inside)?;
    let (passing, count) = (layout.len() - inside, layout.len());
    let more = format!(" ({passing} of {count} records end after that)");
    Ok(Some(ends_after_data(ErrorKind::Stale, record, entry, size, &more)))
}

/// The error for valid records after the last of `count` entries, which ends at `end`; the first of
/// these records is at `offset`.
fn has_grown(count: usize, end: u64, offset: u64, size: u64) -> Error {
    let detail = format!(
        "the index ends at byte {}, but up to {} bytes of valid records follow: the index is stale; \
         create it again or, if the records were left out on purpose, check with \
         option allow_partial",
        end,
        size - offset
    );
    Error::new(ErrorKind::Stale, detail).at(count as u64, offset)
}

/// The error for a frame that ends after the data's `size` bytes. `more` adds details about the
/// size.
pub(crate) fn ends_after_data(
    kind: ErrorKind,
    record: u64,
    entry: Entry,
    size: u64,
    more: &str,
) -> Error {
    let detail = format!(
        "the index has a frame up to byte {} here, but the data ends at byte {size}{more}: the data \
         was truncated, or the index belongs to another file; copy the data again, or create the \
         index again, with salvage if the data is truncated",
        entry.end()
    );
    Error::new(kind, detail).at(record, entry.offset)
}

/// Reports to the progress callback.
struct Reporter<'a> {
    options: Options<'a>,
    progress: Progress,
    next_report: u64,
}

impl<'a> Reporter<'a> {
    fn new(size: u64, options: &Options<'a>) -> Reporter<'a> {
        let progress = Progress { bytes_done: 0, bytes_total: size, records: 0 };
        Reporter { options: *options, progress, next_report: PROGRESS_STEP }
    }

    fn pass(&mut self, bytes: u64, records: u64) {
        // If the data is truncated, the last frame is longer than the rest.
        let bytes_done = self.progress.bytes_done + bytes;
        self.progress.bytes_done = bytes_done.min(self.progress.bytes_total);
        self.progress.records += records;
    }

    /// Adds to the progress, and reports it when a report is due.
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

    /// Calls the progress callback between steps that pass no data, so that it can cancel.
    fn ask(&self) -> ControlFlow<()> {
        self.options.progress.map_or(ControlFlow::Continue(()), |callback| callback(self.progress))
    }

    fn report(&mut self) -> Result<()> {
        self.next_report = self.progress.bytes_done.saturating_add(PROGRESS_STEP);
        self.options.report(self.progress)
    }
}

#[cfg(test)]
pub(crate) mod tests;
