//! The memory of batches that are gone, for the next ones.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex};

use crate::example::Columns;
use crate::reader::Payloads;

/// The memory of batches.
type Kept = Vec<(Payloads, Columns)>;

/// Buffers of earlier batches. By default none are kept.
///
/// Without them, two threads that read ahead batches of 3 MB take 1.7 times the processor time: each
/// buffer is mapped, filled with zeros and unmapped again.
#[derive(Debug, Clone, Default)]
pub(crate) struct Spares {
    kept: Option<Arc<Mutex<Kept>>>,
    /// The most bytes of memory, payloads and columns together, that are kept of a batch.
    most: usize,
}

/// Payloads, and the columns of their features, whose memory is for others once they are dropped.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reused {
    payloads: Payloads,
    pub columns: Option<Columns>,
    /// Columns of an earlier batch, for their memory.
    pub old: Columns,
    spares: Spares,
}

impl Spares {
    /// Keeps at most `count` buffers, of at most `most` bytes each.
    pub fn new(count: usize, most: usize) -> Spares {
        Spares { kept: Some(Arc::new(Mutex::new(Vec::with_capacity(count)))), most }
    }

    /// Returns payloads to replace, with the memory of earlier ones if there are any.
    pub fn take(&self) -> Reused {
        let (payloads, old) = self.with(Vec::pop).flatten().unwrap_or_default();
        Reused { payloads, columns: None, old, spares: self.clone() }
    }

    /// Frees what is kept.
    pub fn clear(&self) {
        self.with(Vec::clear);
    }

    /// Does nothing if the lock is taken: in a forked process, it may stay so.
    fn with<T>(&self, work: impl FnOnce(&mut Kept) -> T) -> Option<T> {
        let mut spares = self.kept.as_ref()?.try_lock().ok()?;
        Some(work(&mut spares))
    }
}

impl Reused {
    /// Returns the payloads and the columns, with their memory.
    pub fn into_parts(mut self) -> (Payloads, Option<Columns>) {
        self.spares = Spares::default();
        (std::mem::take(&mut self.payloads), self.columns.take())
    }
}

impl From<Payloads> for Reused {
    fn from(payloads: Payloads) -> Reused {
        let mut reused = Reused::default();
        reused.payloads = payloads;
        reused
    }
}

impl Drop for Reused {
    fn drop(&mut self) {
        let columns = self.columns.take().unwrap_or_else(|| std::mem::take(&mut self.old));
        let payloads = &mut self.payloads;
        if payloads.capacity().saturating_add(columns.capacity()) > self.spares.most {
            return;
        }
        self.spares.with(|spares| {
            if spares.len() < spares.capacity() {
                spares.push((std::mem::take(payloads), columns));
            }
        });
    }
}

impl Deref for Reused {
    type Target = Payloads;

    fn deref(&self) -> &Payloads {
        &self.payloads
    }
}

impl DerefMut for Reused {
    fn deref_mut(&mut self) -> &mut Payloads {
        &mut self.payloads
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes payloads, and returns whether their memory was that of others.
    fn take(spares: &Spares) -> (Reused, bool) {
        let mut payloads = spares.take();
        let bytes = payloads.clear(1000).unwrap();
        let is_reused = bytes.iter().all(|&byte| byte == 1);
        bytes.fill(1);
        (payloads, is_reused)
    }

    #[test]
    fn memory_is_used_again_but_not_more_than_fits() {
        let spares = Spares::new(2, 1 << 20);
        let three = [(); 3].map(|()| take(&spares));
        assert!(three.iter().all(|(_, is_reused)| !is_reused));
        drop(three);
        let three = [(); 3].map(|()| take(&spares));
        assert_eq!(three.each_ref().map(|(_, is_reused)| *is_reused), [true, true, false]);
        let [(one, _), ..] = three;
        drop(one.into_parts());
        assert!(!take(&Spares::default()).1);
        let small = Spares::new(2, 999);
        drop(take(&small));
        assert!(!take(&small).1, "larger buffers are not kept");
    }

    #[test]
    fn a_lock_that_stays_locked_stops_nothing() {
        let spares = Spares::new(2, 1 << 20);
        let payloads = take(&spares).0;
        let locked = spares.kept.as_ref().unwrap().lock();
        drop(payloads);
        assert!(!take(&spares).1);
        drop(locked);
        assert!(!take(&spares).1);
    }
}
