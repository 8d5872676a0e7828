//! Regions that a scan skips: damage, and a record that is still being written.

use std::ops::{ControlFlow, Range};
use std::sync::atomic::{AtomicU64, Ordering};

use tfr_index::Skipped;

use super::stdio::note;

/// Prints the regions that a scan skips on stderr, and counts the damaged ones.
#[derive(Default)]
pub struct DamageReport(AtomicU64);

impl DamageReport {
    pub fn add(&self, skipped: Skipped) -> ControlFlow<()> {
        let Skipped { bytes: Range { start, end }, record, error, .. } = skipped;
        let size = end - start;
        if skipped.incomplete_tail {
            let path = error.path().map(|path| format!("{}: ", path.display())).unwrap_or_default();
            note(&format_args!(
                "{path}skipped the last {size} bytes, from byte {start}: the record is not complete \
                 yet"
            ));
        } else {
            self.count();
            note(&format_args!(
                "{error}; skipped bytes {start} to {end} ({size} bytes), after {record} good records"
            ));
        }
        ControlFlow::Continue(())
    }

    /// Counts a region that the caller names.
    pub fn count(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub fn regions(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
