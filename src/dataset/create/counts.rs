//! How far the work is.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::{CreateIndexes, CreateProgress, CreateTotals, Created};
use crate::threads::POLL_INTERVAL;

pub(super) struct Counts {
    files: usize,
    /// Of the files that are done.
    totals: Mutex<CreateTotals>,
    /// Also of files that are not done yet.
    bytes: AtomicU64,
    begun: Instant,
    /// Milliseconds from then to the next report.
    next_report: AtomicU64,
}

impl Counts {
    pub fn of(files: usize) -> Counts {
        Counts {
            files,
            totals: Mutex::default(),
            bytes: AtomicU64::new(0),
            begun: Instant::now(),
            next_report: AtomicU64::new(0),
        }
    }

    /// Adds bytes of a file that is not done yet.
    pub fn add_bytes(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub fn add(&self, created: &Created) {
        self.totals.lock().unwrap_or_else(PoisonError::into_inner).add(created);
    }

    pub fn totals(&self) -> CreateTotals {
        *self.totals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls the progress callback, if there is one.
    pub fn report(&self, settings: &CreateIndexes<'_>) -> ControlFlow<()> {
        settings.progress.map_or(ControlFlow::Continue(()), |callback| {
            let CreateTotals { created, up_to_date, planned, failed, records, .. } = self.totals();
            callback(CreateProgress {
                files_done: created + up_to_date + planned + failed,
                files_total: self.files,
                files_failed: failed,
                files_up_to_date: up_to_date,
                bytes_done: self.bytes.load(Ordering::Relaxed),
                records,
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
