//! Entries that stay in their text, for indexes of any size in constant memory.

use std::mem;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::vec;

use super::parallel::{decode_in_parts, decode_part, PART};
use crate::error::{Error, ErrorKind, Result};
use crate::index::entries::{Collect, Entries, EntryOrder};
use crate::index::Entry;
use crate::source::ReadAt;

/// The entries of a large index text. Each use of an entry reads the part of the text that it is
/// in, so that this is for a few entries, and for all in their order.
///
/// The entries are in the order of their offsets and do not overlap.
pub(crate) struct TextIndex<S> {
    text: S,
    size: u64,
    parts: Parts,
    /// For errors.
    path: PathBuf,
}

impl<S: ReadAt + Sync> TextIndex<S> {
    /// Decodes the text once. Returns it if it is small, not valid, or in another order.
    pub fn new(text: S, path: &Path) -> std::result::Result<TextIndex<S>, S> {
        let Ok(size) = text.size() else { return Err(text) };
        match decode_in_parts::<Parts>(&text, size) {
            Some(parts) if !parts.are_mixed => {
                Ok(TextIndex { text, size, parts, path: path.to_owned() })
            }
            _ => Err(text),
        }
    }

    /// The entries of a part.
    fn part(&self, part: usize) -> Result<Vec<Entry>> {
        let start = part as u64 * PART;
        let entries = decode_part(&self.text, start, self.size, &mut Vec::new(), Vec::new());
        let count = self.parts.ends[part] - self.start_of(part);
        entries.filter(|entries| entries.len() == count).ok_or_else(|| {
            let detail = "the index was changed while it was in use; try again";
            Error::new(ErrorKind::InvalidIndex, detail).of(&self.path)
        })
    }

    /// The part of the text that has a record's entry.
    fn part_of(&self, record: usize) -> usize {
        self.parts.ends.partition_point(|end| *end <= record)
    }

    /// The first record of a part.
    fn start_of(&self, part: usize) -> usize {
        part.checked_sub(1).map_or(0, |before| self.parts.ends[before])
    }
}

impl<S: ReadAt + Sync> Entries for TextIndex<S> {
    type Range<'a>
        = TextEntries<'a, S>
    where
        S: 'a;

    fn len(&self) -> usize {
        self.parts.ends.last().copied().unwrap_or(0)
    }

    fn get(&self, record: usize) -> Result<Entry> {
        let part = self.part_of(record);
        Ok(self.part(part)?[record - self.start_of(part)])
    }

    fn range(&self, records: Range<usize>) -> TextEntries<'_, S> {
        TextEntries { index: self, records, part: Vec::new().into_iter() }
    }

    fn order(&self) -> EntryOrder<'_> {
        EntryOrder::Ascending { covered: self.parts.covered }
    }
}

/// The entries of some records.
pub(crate) struct TextEntries<'a, S> {
    index: &'a TextIndex<S>,
    records: Range<usize>,
    /// Entries of the next records.
    part: vec::IntoIter<Entry>,
}

impl<S: ReadAt + Sync> Iterator for TextEntries<'_, S> {
    type Item = Result<Entry>;

    #[inline]
    fn next(&mut self) -> Option<Result<Entry>> {
        let record = self.records.next()?;
        if let Some(entry) = self.part.next() {
            return Some(Ok(entry));
        }
        let part = self.index.part_of(record);
        match self.index.part(part) {
            Ok(entries) => {
                self.part = entries.into_iter();
                self.part.nth(record - self.index.start_of(part)).map(Ok)
            }
            Err(error) => {
                self.records = 0..0;
                Some(Err(error))
            }
        }
    }
}

/// What to know of a text's parts.
#[derive(Default)]
struct Parts {
    /// The number of entries in the parts up to each.
    ends: Vec<usize>,
    /// Whether an entry starts before the one before it ends.
    are_mixed: bool,
    /// The number of bytes that the entries cover, unless they are mixed.
    covered: u64,
    /// Where the last entry ends.
    end: u64,
}

impl Collect for Parts {
    fn collect(&mut self, entries: &mut Vec<Entry>) -> Result<()> {
        let mut covered = 0_u64;
        for entry in entries.iter() {
            self.are_mixed |= entry.offset < mem::replace(&mut self.end, entry.end());
            covered = covered.wrapping_add(entry.size);
        }
        self.covered = self.covered.wrapping_add(covered);
        let before = self.ends.last().copied().unwrap_or(0);
        self.ends.push(before + entries.len());
        entries.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::Index;

    /// A text of this many bytes at least, of frames of changing sizes.
    fn text(bytes: usize) -> String {
        let (mut text, mut offset) = (String::new(), 5);
        while text.len() < bytes {
            let size = 16 + text.len() as u64 % 1009;
            text += &format!("{offset} {size}\n");
            offset += size + u64::from(offset % 1000 == 0);
        }
        text
    }

    #[test]
    fn entries_in_text_are_those_of_an_index() {
        let text = text(5 << 20);
        let index = Index::from_text(&text).unwrap();
        let stored = TextIndex::new(text.as_bytes(), Path::new("x")).ok().unwrap();
        assert_eq!(stored.len(), index.len());
        let EntryOrder::Ascending { covered } = stored.order() else { panic!() };
        assert_eq!(covered, index.iter().map(|entry| entry.size).sum::<u64>());
        let last = index.len() - 1;
        for record in (0..last).step_by(9973).chain([last]) {
            assert_eq!(stored.get(record).unwrap(), index[record]);
            let rest = stored.range(record..last).map(Result::unwrap);
            assert!(rest.take(40_000).eq(index[record..last].iter().copied().take(40_000)));
        }
    }

    #[test]
    fn small_texts_and_other_orders_are_given_back() {
        let mut lines: Vec<_> = text(5 << 20).lines().map(str::to_owned).collect();
        let count = lines.len();
        lines.swap(count / 2, count - 1);
        for text in [lines.join("\n"), text(5 << 20) + "x", text(1 << 10), String::new()] {
            assert!(TextIndex::new(text.as_bytes(), Path::new("x")).is_err());
        }
    }

    #[test]
    fn a_text_that_is_changed_is_an_error() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text(5 << 20)).unwrap();
        let open = std::fs::File::open(file.path()).unwrap();
        let stored = TextIndex::new(open, Path::new("x")).ok().unwrap();
        std::fs::write(file.path(), "0 16\n".repeat(1 << 20)).unwrap();
        let error = stored.get(0).unwrap_err();
        assert_eq!((error.kind(), error.path()), (ErrorKind::InvalidIndex, Some(Path::new("x"))));
        assert!(stored.range(0..stored.len()).any(|entry| entry.is_err()));
        std::fs::write(file.path(), "").unwrap();
        assert!(stored.get(stored.len() - 1).is_err());
    }
}
