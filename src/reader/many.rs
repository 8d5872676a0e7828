//! Reads batches of records: in the order of the data, with one read for small records that are
//! close together, and with several threads if that helps.

use std::sync::{Mutex, PoisonError};

use super::frames::Slot;
use super::slots::{part_of, Medium, Request};
use super::{out_of_memory, too_small, Inner};
use crate::error::{Error, ErrorKind, Result};
use crate::threads::{FirstError, Load};

impl Inner {
    pub fn medium(&self) -> Medium {
        Medium::new(self.points.as_ref(), self.source.cost())
    }

    pub fn offsets(&self, records: &[usize]) -> Result<Vec<usize>> {
        let mut offsets = with_room(records.len() + 1)?;
        let mut end = 0_usize;
        offsets.push(end);
        for &record in records {
            end = end.checked_add(self.size_of(record)?).ok_or_else(out_of_memory)?;
            offsets.push(end);
        }
        Ok(offsets)
    }

    /// Reads the records to their `offsets` in the buffer.
    pub fn read_many(&self, records: &[usize], offsets: &[usize], buffer: &mut [u8]) -> Result<()> {
        let (size, capacity) = (offsets[records.len()], buffer.len());
        let mut rest = buffer.get_mut(..size).ok_or_else(|| {
            let detail = format!("the buffer has {capacity} bytes, but the payloads need {size}");
            Error::new(ErrorKind::InvalidArgument, detail)
        })?;
        self.read_to(records.iter().zip(offsets.windows(2)).map(|(&record, ends)| {
            let (bytes, after) = std::mem::take(&mut rest).split_at_mut(ends[1] - ends[0]);
            rest = after;
            let entry = self.table.get(record).expect("it has an offset");
            Slot { record, entry, bytes }
        }))
    }

    /// Reads each record to the start of its buffer.
    pub fn read_each(&self, records: &[usize], buffers: &mut [&mut [u8]]) -> Result<()> {
        if records.len() != buffers.len() {
            let detail = format!(
                "{} buffers for {} records: each record needs one",
                buffers.len(),
                records.len()
            );
            return Err(Error::new(ErrorKind::InvalidArgument, detail));
        }
        let mut slots = with_room(records.len())?;
        for (&record, buffer) in records.iter().zip(buffers) {
            let entry = self.entry(record)?;
            let (size, capacity) = (self.size_in(record, entry)?, buffer.len());
            let bytes = buffer.get_mut(..size).ok_or_else(|| too_small(record, capacity, size))?;
            slots.push(Slot { record, entry, bytes });
        }
        self.read_to(slots.into_iter())
    }

    /// Reads records, each to a buffer of its size.
    pub fn read_to<'s>(&self, places: impl ExactSizeIterator<Item = Slot<'s>>) -> Result<()> {
        let mut slots = with_room(places.len())?;
        slots.extend(places.enumerate());
        slots.sort_unstable_by_key(|(place, slot)| (slot.entry.offset, *place));
        let medium = self.medium();
        let (_, steps, cost) = part_of(&slots, u64::MAX, &medium);
        let first_error = FirstError::new(slots.len());
        let rest = Mutex::new(&mut slots[..]);
        self.width.work(&Load { steps, cost, calls: 1 }, |cost, scratch| {
            let part =
                take_part(&mut rest.lock().unwrap_or_else(PoisonError::into_inner), cost, &medium)?;
            let done = |place, read: Result<()>| {
                if let Err(error) = read {
                    first_error.note(place, error);
                }
            };
            // Nothing after the first bad record is needed.
            let is_needed = |place| first_error.is_before(place);
            Some(self.read_slots(part, scratch, false, is_needed, done))
        });
        first_error.into_result()
    }
}

/// Takes slots that cost about this many nanoseconds from the rest; `None` if there are no more.
pub(crate) fn take_part<'b, 's>(
    rest: &mut &'b mut [Request<'s>],
    cost: u64,
    medium: &Medium,
) -> Option<&'b mut [Request<'s>]> {
    let (count, ..) = part_of(rest, cost, medium);
    let (part, others) = std::mem::take(rest).split_at_mut(count);
    *rest = others;
    (count > 0).then_some(part)
}

pub(crate) fn with_room<T>(count: usize) -> Result<Vec<T>> {
    let mut items = Vec::new();
    items.try_reserve_exact(count).map_err(|_| out_of_memory())?;
    Ok(items)
}
