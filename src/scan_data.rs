//! An open file → entries: a scan or, if it is compressed, one pass that also makes seek points.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use crate::error::{Error, ErrorKind, Result};
use crate::gzip::{Damage, Pass, Points, PointsBuilder};
use crate::index::{Collect, EntryTable, EntryTableBuilder, Index};
use crate::indexer::Indexer;
use crate::open::{open, Compressed, Data};
use crate::options::{Checksums, Options, Progress, Skipped};
use crate::scan::{parallel, Batch, Scanner, PROGRESS_STEP};

/// A batch of more bytes than this is delivered.
const BATCH: usize = 64 << 10;

/// Scans a file, delivers its entries in order, in batches, and returns the number of records.
/// Options and errors are those of [`parallel::scan`].
pub(crate) fn scan_data<B: Batch>(
    data: &Data,
    options: &Options<'_>,
    deliver: impl FnMut(&mut B) -> Result<()>,
) -> Result<u64> {
    match data.compressed() {
        None => parallel::scan(data, options, (0, 0), deliver),
        Some(source) if options.salvage => salvage(source, options, deliver),
        Some(source) => {
            let points = pass(source, options, deliver)?;
            let records = points.records.unwrap_or_default();
            match source.known_points() {
                Some(known) if known.size != points.size => return Err(seek_file_is_wrong()),
                Some(_) => {}
                None => source.set_points(points),
            }
            Ok(records)
        }
    }
}

/// Why the file at a path is not a TFRecord file, or cannot be opened or decompressed, as far as its
/// start says.
#[must_use]
pub fn reason_at_start(path: &Path) -> Option<Error> {
    let data = match open(path) {
        Ok(data) => data,
        Err(error) => return Some(error),
    };
    let error = match data.compressed() {
        None => Scanner::new(&data, &Options::new()).ok()?.next()?.err(),
        Some(source) => {
            let mut indexer = Indexer::with_checksums(Checksums::Auto);
            let mut points = PointsBuilder::without_points(source.kind());
            let mut take = |mut piece: &[u8], _| match indexer.push(&mut piece)? {
                None => Ok(()),
                Some(_) => Err(Error::new(ErrorKind::Cancelled, "a record is enough")),
            };
            let pass = Pass::new(source.compressed(), source.kind());
            pass.run(false, &mut points, &mut take).err()
        }
    };
    let tells = |error: &Error| match error.kind() {
        ErrorKind::NotTfRecord | ErrorKind::Compressed => true,
        kind => kind == ErrorKind::Truncated && error.record().is_none(),
    };
    error.filter(tells).map(|error| error.of(path))
}

/// Indexes a compressed file with one pass, and returns its points.
pub(crate) fn pass<B: Batch>(
    source: &Compressed,
    options: &Options<'_>,
    mut deliver: impl FnMut(&mut B) -> Result<()>,
) -> Result<Points> {
    ensure_complete(options)?;
    let total = source.compressed().opened().stamp.bytes;
    let mut indexer = Indexer::with_checksums(options.checksums);
    let (mut batch, mut points) = (B::default(), PointsBuilder::new(source.kind()));
    let mut next_report = 0;
    let mut take = |mut piece: &[u8], compressed: u64| {
        while let Some(entry) = indexer.push(&mut piece)? {
            batch.push(entry)?;
        }
        if batch.size() >= BATCH {
            deliver(&mut batch)?;
        }
        if compressed >= next_report {
            // Compressed bytes take longer.
            next_report = compressed + PROGRESS_STEP / 8;
            let (bytes_done, records) = (compressed.min(total), indexer.records());
            options.report(Progress { bytes_done, bytes_total: total, records })?;
        }
        Ok(())
    };
    let passed = Pass::new(source.compressed(), source.kind()).run(false, &mut points, &mut take);
    let passed = passed.map_err(|error| match error.kind() {
        // Damage, not an error of a record.
        ErrorKind::Compressed | ErrorKind::Truncated if error.record().is_none() => {
            error.at(indexer.records(), indexer.offset())
        }
        _ => error,
    })?;
    indexer.finish()?;
    deliver(&mut batch)?;
    let records = indexer.records();
    options.report(Progress { bytes_done: total, bytes_total: total, records })?;
    let points = points.finish(passed.size, passed.damage);
    Ok(points.with_records(records))
}

/// Scans what is left of a damaged file: what lies before the damage, and later members.
pub(crate) fn salvage<B: Batch>(
    source: &Compressed,
    options: &Options<'_>,
    deliver: impl FnMut(&mut B) -> Result<()>,
) -> Result<u64> {
    ensure_complete(options)?;
    let total = source.compressed().opened().stamp.bytes;
    let points = source.points(&|compressed| {
        let bytes_done = compressed.min(total);
        options.report(Progress { bytes_done, bytes_total: total, records: 0 })
    })?;
    // Regions that the scan leaves out where the compressed data is damaged have that as a cause.
    let told = Mutex::new(vec![false; points.damage.len()]);
    let tell = |mut region: Skipped| {
        let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
        let causes = points.damage.iter().zip(told.iter_mut());
        let touches = |damage: &Damage| {
            (region.bytes.start..=region.bytes.end).contains(&damage.decompressed)
        };
        for (damage, told) in causes.filter(|(damage, _)| touches(damage)) {
            if !std::mem::replace(told, true) {
                region.error = damage.to_error().at(region.record, region.bytes.start);
            }
        }
        options.on_skipped.map_or(ControlFlow::Continue(()), |tell| tell(region))
    };
    let scanned = options.on_skipped(&tell);
    let records = parallel::scan(source, &Options { progress: None, ..scanned }, (0, 0), deliver)?;
    let told = told.into_inner().unwrap_or_else(PoisonError::into_inner);
    for (damage, _) in points.damage.iter().zip(told).filter(|(_, told)| !told) {
        let bytes = damage.decompressed..damage.decompressed;
        let error = damage.to_error().at(records, damage.decompressed);
        let region = Skipped { bytes, record: records, error, incomplete_tail: false };
        options.report_skipped(region)?;
    }
    Ok(records)
}

fn ensure_complete(options: &Options<'_>) -> Result<()> {
    if !options.allow_incomplete_tail {
        return Ok(());
    }
    let detail = "a compressed file cannot be indexed while it grows: index it when it is complete";
    Err(Error::new(ErrorKind::InvalidArgument, detail))
}

fn seek_file_is_wrong() -> Error {
    let detail = "the seek file beside it is not that of this data: create the index again";
    Error::new(ErrorKind::Mismatch, detail)
}

impl Index {
    /// The index of an open file.
    pub(crate) fn of_data(data: &Data, options: &Options<'_>) -> Result<Index> {
        Index::collected(|deliver| scan_data(data, options, deliver))
    }
}

impl EntryTable {
    /// Like [`Index::of_data`].
    pub(crate) fn of_data(data: &Data, options: &Options<'_>) -> Result<EntryTable> {
        let mut builder = EntryTableBuilder::default();
        scan_data(data, options, |batch| builder.collect(batch))?;
        builder.finish()
    }
}
