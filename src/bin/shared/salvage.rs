//! Damage that is left out.

use std::cell::Cell;
use std::ops::{ControlFlow, Range};

use tfr_index::Damage;

use super::stdio::note;

/// Names the damage that is left out, and counts it.
#[derive(Default)]
pub struct Damaged(Cell<u64>);

impl Damaged {
    pub fn tell(&self, damage: Damage) -> ControlFlow<()> {
        self.0.set(self.regions() + 1);
        let Damage { bytes: Range { start, end }, record, error, .. } = damage;
        note(&format_args!(
            "{error}; left out: bytes {start} to {end} ({} in all), behind {record} good records",
            end - start,
        ));
        ControlFlow::Continue(())
    }

    pub fn regions(&self) -> u64 {
        self.0.get()
    }
}
