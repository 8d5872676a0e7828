//! Payloads in one buffer.

use std::fmt;
use std::ops::Index;

use super::{make_room, out_of_memory, Inner};
use crate::error::Result;

/// The payloads of a batch, concatenated in the order of the request.
///
/// ```
/// use tfr_index::{Options, Payloads, Reader};
///
/// let reader = Reader::open("tests/data/examples.tfrecord", &Options::new())?;
/// let mut batch = Payloads::default();
/// for records in [[3, 1, 4], [1, 5, 9]] {
///     reader.read_many_into(&records, &mut batch)?;
///     assert_eq!(batch.len(), 3);
///     assert_eq!(batch[0], batch.bytes()[..batch.offsets()[1]]);
/// }
/// # Ok::<(), tfr_index::Error>(())
/// ```
#[derive(Clone)]
pub struct Payloads {
    /// The payloads, possibly followed by remains of earlier ones.
    bytes: Vec<u8>,
    /// Where each payload starts, and where the last one ends.
    offsets: Vec<usize>,
}

impl Payloads {
    /// Payloads in memory. The first offset is 0, and the last one the size.
    pub(crate) fn of(bytes: Vec<u8>, offsets: Vec<usize>) -> Payloads {
        Payloads { bytes, offsets }
    }

    /// Returns the number of payloads.
    #[must_use]
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Returns whether there are no payloads.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns payload `i`, if it exists.
    #[must_use]
    pub fn get(&self, i: usize) -> Option<&[u8]> {
        let end = *self.offsets.get(i.checked_add(1)?)?;
        Some(&self.bytes[self.offsets[i]..end])
    }

    /// Iterates over the payloads.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> + DoubleEndedIterator {
        self.offsets.windows(2).map(|ends| &self.bytes[ends[0]..ends[1]])
    }

    /// Returns the bytes of all payloads; payload `i` is at `offsets()[i]..offsets()[i + 1]`.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.offsets[self.len()]]
    }

    /// Returns where each payload starts in [`bytes`](Self::bytes), and where the last one ends.
    #[must_use]
    pub fn offsets(&self) -> &[usize] {
        &self.offsets
    }

    /// Replaces the payloads by those of `records`.
    pub(super) fn refill(&mut self, reader: &Inner, records: &[usize]) -> Result<()> {
        self.offsets.truncate(1);
        let offsets = reader.offsets(records)?;
        if reader.ensure_sizes(records, &offsets).is_err() {
            // Report the first bad record; to find it, records may have to be read.
            let alone = |&record| reader.read_into(record, &mut self.bytes);
            records.iter().try_for_each(alone)?;
        }
        let size = offsets[records.len()];
        reader.read_many(records, &offsets, self.clear(size)?)?;
        self.offsets = offsets;
        Ok(())
    }

    /// Removes the payloads. Returns memory for others, of `size` bytes, to be followed by
    /// [`set_offsets`](Self::set_offsets).
    pub(crate) fn clear(&mut self, size: usize) -> Result<&mut [u8]> {
        self.offsets.truncate(1);
        make_room(&mut self.bytes, size)?;
        if self.bytes.len() < size {
            self.bytes.resize(size, 0);
        }
        Ok(&mut self.bytes[..size])
    }

    /// Says where the payloads are that were written to the memory of [`clear`](Self::clear). The
    /// first offset is 0, and the last one the size.
    pub(crate) fn set_offsets(&mut self, offsets: Vec<usize>) {
        self.offsets = offsets;
    }

    /// How many bytes there is memory for.
    pub(crate) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Removes some payloads, whose numbers are in order.
    pub(crate) fn remove(&mut self, numbers: impl Iterator<Item = usize>) {
        let mut numbers = numbers.peekable();
        let (mut kept, mut end) = (0, 0);
        for i in 0..self.len() {
            if numbers.next_if_eq(&i).is_some() {
                continue;
            }
            let payload = self.offsets[i]..self.offsets[i + 1];
            end += payload.len();
            self.bytes.copy_within(payload.clone(), end - payload.len());
            kept += 1;
            self.offsets[kept] = end;
        }
        self.offsets.truncate(kept + 1);
    }

    /// Reads one more record and appends it. After an error the payloads are unchanged.
    pub(super) fn push(&mut self, reader: &Inner, record: usize) -> Result<()> {
        let size = reader.true_size_of(record)?;
        let start = self.offsets[self.len()];
        let end = start.checked_add(size).ok_or_else(out_of_memory)?;
        if let Some(missing) = end.checked_sub(self.bytes.len()) {
            self.bytes.try_reserve(missing).map_err(|_| out_of_memory())?;
            self.bytes.resize(end, 0);
        }
        reader.read_into_slice(record, &mut self.bytes[start..end])?;
        self.offsets.push(end);
        Ok(())
    }
}

impl Default for Payloads {
    fn default() -> Payloads {
        Payloads { bytes: Vec::new(), offsets: vec![0] }
    }
}

impl Index<usize> for Payloads {
    type Output = [u8];

    fn index(&self, i: usize) -> &[u8] {
        let count = self.len();
        self.get(i).unwrap_or_else(|| panic!("payload {i} of {count}"))
    }
}

impl<'a> IntoIterator for &'a Payloads {
    type Item = &'a [u8];
    type IntoIter = Box<dyn ExactSizeIterator<Item = &'a [u8]> + 'a>;

    fn into_iter(self) -> Self::IntoIter {
        Box::new(self.iter())
    }
}

impl fmt::Debug for Payloads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
