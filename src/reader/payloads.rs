//! Many payloads in one piece of memory.

use std::fmt;
use std::ops::Index;

use super::{make_room, out_of_memory, Inner};
use crate::error::Result;

/// Payloads one behind the other, in the order in which they were asked for.
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
    /// The payloads, and what is left of earlier ones.
    bytes: Vec<u8>,
    /// Where each payload starts, and where the last one ends.
    offsets: Vec<usize>,
}

impl Payloads {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Payload `i`, if there is one.
    #[must_use]
    pub fn get(&self, i: usize) -> Option<&[u8]> {
        let end = *self.offsets.get(i.checked_add(1)?)?;
        Some(&self.bytes[self.offsets[i]..end])
    }

    /// All of them.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> + DoubleEndedIterator {
        self.offsets.windows(2).map(|ends| &self.bytes[ends[0]..ends[1]])
    }

    /// All their bytes: those of payload `i` from `offsets()[i]` on to `offsets()[i + 1]`.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.offsets[self.len()]]
    }

    /// Where each starts in [`bytes`](Self::bytes), and where the last one ends.
    #[must_use]
    pub fn offsets(&self) -> &[usize] {
        &self.offsets
    }

    /// Reads these records in the place of what was there.
    pub(super) fn refill(&mut self, reader: &Inner, records: &[usize]) -> Result<()> {
        self.offsets.truncate(1);
        let offsets = reader.offsets(records)?;
        if reader.ensure_sizes(records, &offsets).is_err() {
            // The error is that of the first bad record, for which some may have to be read.
            let alone = |&record| reader.read_into(record, &mut self.bytes);
            records.iter().try_for_each(alone)?;
        }
        let size = offsets[records.len()];
        make_room(&mut self.bytes, size)?;
        if self.bytes.len() < size {
            self.bytes.resize(size, 0);
        }
        reader.read_many(records, &offsets, &mut self.bytes)?;
        self.offsets = offsets;
        Ok(())
    }

    /// Reads one more record, to after the others. After an error they are as they were.
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
