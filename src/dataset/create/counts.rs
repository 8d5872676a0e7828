//! How far the work is.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use super::{CreateIndexes, CreateProgress, Created, Creation};
use crate::threads::POLL_INTERVAL;

pub(super) struct Counts {
    files: usize,
    done: AtomicUsize,
    failed: AtomicUsize,
    up_to_date: AtomicUsize,
    bytes: AtomicU64,
    records: AtomicU64,
    begun: Instant,
    /// Milliseconds from then to the next report.
    next_report: AtomicU64,
}

impl Counts {
    pub fn of(files: usize) -> Counts {
        Counts {
            files,
            done: AtomicUsize::new(0),
            failed: AtomicUsize::new(0),
            up_to_date: AtomicUsize::new(0),
            bytes: AtomicU64::new(0),
            records: AtomicU64::new(0),
            begun: Instant::now(),
            next_report: AtomicU64::new(0),
        }
    }

    /// Adds bytes of a file that is not done yet.
    pub fn add_bytes(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub fn add(&self, created: &Created) {
        self.done.fetch_add(1, Ordering::Relaxed);
        match created.result {
            Ok(Creation::Created { records, .. }) => {
                self.records.fetch_add(records, Ordering::Relaxed);
            }
            Ok(Creation::UpToDate) => {
                self.up_to_date.fetch_add(1, Ordering::Relaxed);
            }
            Ok(Creation::Planned) => {}
            Err(_) => {
                self.failed.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Calls the progress callback, if there is one.
    pub fn report(&self, settings: &CreateIndexes<'_>) -> ControlFlow<()> {
        settings.progress.map_or(ControlFlow::Continue(()), |callback| {
            callback(CreateProgress {
                files_done: self.done.load(Ordering::Relaxed),
                files_total: self.files,
                files_failed: self.failed.load(Ordering::Relaxed),
                files_up_to_date: self.up_to_date.load(Ordering::Relaxed),
                bytes_done: self.bytes.load(Ordering::Relaxed),
                records: self.records.load(Ordering::Relaxed),
            })
        })
    }

    /// The same, but not too often.
    pub fn report_if_due(&self, settings: &CreateIndexes<'_>) -> ControlFlow<()> {
        let now = self.begun.elapsed().as_millis() as u64;
        if now < self.next_report.load(Ordering::Relaxed) {
            return ControlFlow::Continue(());
        }
        self.next_report.store(now + POLL_INTERVAL.as_millis() as u64, Ordering::Relaxed);
        self.report(settings)
    }
}
