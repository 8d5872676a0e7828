//! Protobuf's wire format: the fields of a message. `None` everywhere: the bytes are not in this
//! format.

use crate::varint;

/// How deep groups may be nested: protobuf's own limit.
const DEPTH: usize = 100;

/// Tags of fields with a length, and of fields of 4 bytes.
pub(super) const BLOCK_1: u32 = 1 << 3 | 2;
pub(super) const BLOCK_2: u32 = 2 << 3 | 2;
pub(super) const BLOCK_3: u32 = 3 << 3 | 2;
pub(super) const VARINT_1: u32 = 1 << 3;
pub(super) const FIXED_1: u32 = 1 << 3 | 5;

/// The rest of a message.
#[derive(Clone, Copy)]
pub(super) struct Wire<'a>(pub &'a [u8]);

impl<'a> Wire<'a> {
    #[inline(always)]
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// A number of up to ten bytes; bits above 64 are dropped, as by protobuf.
    #[inline(always)]
    pub fn varint(&mut self) -> Option<u64> {
        match *self.0 {
            [first @ 0..=0x7f, ref rest @ ..] => {
                self.0 = rest;
                Some(first.into())
            }
            // Most other lengths have two bytes.
            [first, second @ 0..=0x7f, ref rest @ ..] => {
                self.0 = rest;
                Some(u64::from(first & 0x7f) | u64::from(second) << 7)
            }
            _ => varint::take(&mut self.0, varint::MOST),
        }
    }

    /// A field's number and type, of up to five bytes.
    #[inline(always)]
    pub fn tag(&mut self) -> Option<u32> {
        match self.0.split_first()? {
            (&first, rest) if first < 0x80 => {
                self.0 = rest;
                Some(first.into())
            }
            _ => u32::try_from(varint::take(&mut self.0, 5)?).ok(),
        }
    }

    #[inline(always)]
    fn take(&mut self, size: usize) -> Option<&'a [u8]> {
        if size > self.0.len() {
            return None;
        }
        let (taken, rest) = self.0.split_at(size);
        self.0 = rest;
        Some(taken)
    }

    /// The content of a field with a length.
    #[inline(always)]
    pub fn block(&mut self) -> Option<&'a [u8]> {
        let size = self.varint()?;
        self.take(usize::try_from(size).ok()?)
    }

    /// The content of a field of 4 bytes.
    #[inline]
    pub fn fixed(&mut self) -> Option<[u8; 4]> {
        self.take(4)?.try_into().ok()
    }

    /// The content of the next field with this tag, of those with a length. `Some(None)`: there is
    /// none.
    #[inline(always)]
    pub fn next_block(&mut self, wanted: u32) -> Option<Option<&'a [u8]>> {
        while !self.is_empty() {
            match self.tag()? {
                tag if tag == wanted => return self.block().map(Some),
                tag => self.skip(tag)?,
            }
        }
        Some(None)
    }

    /// Skips the content of a field.
    #[cold]
    pub fn skip(&mut self, tag: u32) -> Option<()> {
        let mut groups = Vec::new();
        let mut tag = tag;
        loop {
            let number = tag >> 3;
            if number == 0 {
                return None;
            }
            match tag & 7 {
                0 => drop(self.varint()?),
                1 => drop(self.take(8)?),
                2 => drop(self.block()?),
                3 if groups.len() < DEPTH => groups.push(number),
                4 if groups.pop() == Some(number) => {}
                5 => drop(self.take(4)?),
                _ => return None,
            }
            if groups.is_empty() {
                return Some(());
            }
            tag = self.tag()?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_are_skipped_or_refused(
            bytes in prop::collection::vec(any::<u8>(), 0..40), tag in 0..100_u32
        ) {
            let mut wire = Wire(&bytes);
            let _ = wire.skip(tag);
            prop_assert!(wire.0.len() <= bytes.len());
        }
    }

    #[test]
    fn numbers_have_at_most_ten_bytes_and_tags_five() {
        let ten = [&[0xff; 9][..], &[0x7f]].concat();
        assert_eq!(Wire(&ten).varint(), Some(u64::MAX));
        assert_eq!(Wire(&[&[0xff; 10][..], &[1]].concat()).varint(), None);
        assert_eq!(Wire(&[0x8a, 0]).tag(), Some(BLOCK_1));
        assert_eq!(Wire(&[0xff, 0xff, 0xff, 0xff, 0x0f]).tag(), Some(u32::MAX));
        assert_eq!(Wire(&[0xff, 0xff, 0xff, 0xff, 0x1f]).tag(), None);
        assert_eq!(Wire(&[0x8a, 0x80, 0x80, 0x80, 0x80, 0]).tag(), None);
    }

    #[test]
    fn groups_are_skipped_as_a_whole() {
        let skip = |bytes: &[u8]| {
            let mut wire = Wire(bytes);
            let tag = wire.tag()?;
            wire.skip(tag)?;
            Some(wire.0.len())
        };
        assert_eq!(skip(&[0x2b, 0x08, 1, 0x2c, 9]), Some(1)); // a field inside
        assert_eq!(skip(&[0x2b, 0x33, 0x34, 0x2c]), Some(0)); // a group inside
        assert_eq!(skip(&[0x2b, 0x33, 0x2c, 0x34]), None); // ends in the wrong order
        assert_eq!(skip(&[0x2b]), None);
        assert_eq!(skip(&[0x2c]), None);
        assert_eq!(skip(&[0x2e]), None); // there is no such type
        assert_eq!(skip(&[0x00, 0x00]), None); // there is no field 0
        assert_eq!(skip(&[&[0x2b; 101][..], &[0x2c; 101]].concat()), None);
        assert_eq!(skip(&[&[0x2b; 100][..], &[0x2c; 100]].concat()), Some(0));
    }
}
