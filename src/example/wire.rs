//! Protobuf's wire format: the fields of a message. `None` everywhere: the bytes are not in this
//! format.

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
        let (&first, rest) = self.0.split_first()?;
        if first < 0x80 {
            self.0 = rest;
            return Some(first.into());
        }
        self.long_varint(10)
    }

    #[inline]
    fn long_varint(&mut self, most: usize) -> Option<u64> {
        let mut value = 0;
        for (i, &byte) in self.0.iter().take(most).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * i);
            if byte < 0x80 {
                self.0 = &self.0[i + 1..];
                return Some(value);
            }
        }
        None
    }

    /// A field's number and type, of up to five bytes.
    #[inline(always)]
    pub fn tag(&mut self) -> Option<u32> {
        match self.0.split_first()? {
            (&first, rest) if first < 0x80 => {
                self.0 = rest;
                Some(first.into())
            }
            _ => u32::try_from(self.long_varint(5)?).ok(),
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

/// The number of varints in a packed run, which ends with a whole one.
pub(super) fn count_varints(run: &[u8]) -> Option<usize> {
    if run.last().is_some_and(|&byte| byte >= 0x80) {
        return None;
    }
    Some(run.iter().map(|&byte| usize::from(byte < 0x80)).sum())
}

/// The number of bytes of a varint.
#[inline]
pub(super) fn varint_len(value: u64) -> usize {
    (70 - (value | 1).leading_zeros() as usize) / 7
}

#[inline]
pub(super) fn write_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value > 0x7f {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

const STOPS: u64 = 0x8080_8080_8080_8080;

/// Decodes a packed run of varints. There must be [`count_varints`] of them.
pub(super) fn read_varints(run: &[u8], mut values: &mut [i64]) -> Option<()> {
    let mut wire = Wire(run);
    while let (Some(word), false) = (wire.0.get(..8), values.is_empty()) {
        let word = u64::from_le_bytes(word.try_into().expect("8 bytes"));
        let stops = !word & STOPS;
        if stops == STOPS {
            let (eight, rest) = values.split_at_mut(8);
            for (i, value) in eight.iter_mut().enumerate() {
                *value = (word >> (8 * i) & 0x7f) as i64;
            }
            (values, wire.0) = (rest, &wire.0[8..]);
            continue;
        }
        if stops == 0 {
            // Nine or ten bytes.
            let (value, rest) = values.split_first_mut()?;
            *value = wire.varint()? as i64;
            values = rest;
            continue;
        }
        // All that end in these eight bytes, without a branch for each byte.
        let (values_here, rest) = values.split_at_mut(stops.count_ones() as usize);
        let (mut left, mut below) = (stops, 0);
        for value in values_here {
            let end = left.trailing_zeros() + 1;
            *value = gather((word << (64 - end)) >> (64 - end + below)) as i64;
            below = end;
            left &= left - 1;
        }
        (values, wire.0) = (rest, &wire.0[below as usize / 8..]);
    }
    for value in values {
        *value = wire.varint()? as i64;
    }
    Some(())
}

/// The lowest seven bits of each of eight bytes.
#[inline(always)]
fn gather(word: u64) -> u64 {
    let x = word & !STOPS;
    let x = ((x & 0x7f00_7f00_7f00_7f00) >> 1) | (x & 0x007f_007f_007f_007f);
    let x = ((x & 0x3fff_0000_3fff_0000) >> 2) | (x & 0x0000_3fff_0000_3fff);
    ((x & 0x0fff_ffff_0000_0000) >> 4) | (x & 0x0000_0000_0fff_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn one_by_one(run: &[u8]) -> Option<Vec<i64>> {
        let (mut wire, mut values) = (Wire(run), Vec::new());
        while !wire.is_empty() {
            values.push(wire.varint()? as i64);
        }
        Some(values)
    }

    fn packed(run: &[u8]) -> Option<Vec<i64>> {
        let mut values = vec![-7; count_varints(run)?];
        read_varints(run, &mut values)?;
        Some(values)
    }

    proptest! {
        #[test]
        fn packed_numbers_are_those_one_by_one(
            numbers in prop::collection::vec((any::<u64>(), 0..64_u32), 0..40)
        ) {
            let numbers: Vec<_> = numbers.iter().map(|(number, shift)| number >> shift).collect();
            let mut run = Vec::new();
            for &number in &numbers {
                let before = run.len();
                write_varint(&mut run, number);
                prop_assert_eq!(run.len() - before, varint_len(number));
            }
            let right: Vec<_> = numbers.iter().map(|&number| number as i64).collect();
            prop_assert_eq!(packed(&run), Some(right));
        }

        #[test]
        fn packed_bytes_are_those_one_by_one(
            run in prop::collection::vec(prop_oneof![any::<u8>(), Just(0x80), Just(0xff)], 0..40)
        ) {
            prop_assert_eq!(packed(&run), one_by_one(&run));
        }

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
