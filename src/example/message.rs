//! The messages inside an `Example` or a `SequenceExample`, down to the lists of values.

use super::wire::{Wire, BLOCK_1, BLOCK_2, BLOCK_3, FIXED_1, VARINT_1};
use super::{varints, FeatureKind};
use crate::error::{Error, ErrorKind, Result};

/// An entry of a record's map of features.
pub(super) struct Entry<'a> {
    pub key: &'a [u8],
    /// The `Feature`, or the `FeatureList`.
    value: &'a [u8],
    /// More of them, which are merged with the first one. Nobody writes them.
    more: Vec<&'a [u8]>,
    /// The size of the entry.
    pub bytes: usize,
}

/// Calls `visit` with each entry of a payload, in their order. If keys are equal, the last one counts.
///
/// # Errors
/// [`ErrorKind::Example`] if the payload is not an `Example`.
#[inline(always)]
pub(super) fn for_each_entry<'a>(
    payload: &'a [u8],
    mut visit: impl FnMut(&Entry<'a>) -> Result<()>,
) -> Result<()> {
    let mut example = Wire(payload);
    // Example { Features features = 1 }
    while let Some(features) = example.next_block(BLOCK_1).ok_or_else(not_an_example)? {
        let mut features = Wire(features);
        // Features { map<string, Feature> feature = 1 }
        while let Some(entry) = features.next_block(BLOCK_1).ok_or_else(not_an_example)? {
            visit(&Entry::parse(entry).ok_or_else(not_an_example)?)?;
        }
    }
    Ok(())
}

/// Calls `visit` with each entry of the map of feature lists that a `SequenceExample` has, as
/// [`for_each_entry`] does. (An `Example` has no such field.)
///
/// # Errors
/// [`ErrorKind::Example`] if the payload is not a `SequenceExample`.
pub(super) fn for_each_list_entry<'a>(
    payload: &'a [u8],
    mut visit: impl FnMut(&Entry<'a>) -> Result<()>,
) -> Result<()> {
    let mut example = Wire(payload);
    // SequenceExample { Features context = 1, FeatureLists feature_lists = 2 }
    while let Some(lists) = example.next_block(BLOCK_2).ok_or_else(not_an_example)? {
        let mut lists = Wire(lists);
        // FeatureLists { map<string, FeatureList> feature_list = 1 }
        while let Some(entry) = lists.next_block(BLOCK_1).ok_or_else(not_an_example)? {
            visit(&Entry::parse(entry).ok_or_else(not_an_example)?)?;
        }
    }
    Ok(())
}

impl<'a> Entry<'a> {
    /// Key and value may come in any order. The last key counts.
    #[inline(always)]
    fn parse(bytes: &'a [u8]) -> Option<Entry<'a>> {
        let (mut wire, mut has_value) = (Wire(bytes), false);
        let mut entry = Entry { key: &[], value: &[], more: Vec::new(), bytes: bytes.len() };
        while !wire.is_empty() {
            match wire.tag()? {
                BLOCK_1 => entry.key = wire.block()?,
                BLOCK_2 if !has_value => (entry.value, has_value) = (wire.block()?, true),
                BLOCK_2 => entry.more.push(wire.block()?),
                tag => wire.skip(tag)?,
            }
        }
        Some(entry)
    }

    /// Calls `visit` with each list of values. Those of the last kind count, all of them.
    ///
    /// # Errors
    /// [`ErrorKind::Example`] if the value is not a `Feature`.
    #[inline(always)]
    pub fn for_each_list(
        &self,
        mut visit: impl FnMut(FeatureKind, &'a [u8]) -> Result<()>,
    ) -> Result<()> {
        for &value in [self.value].iter().chain(&self.more) {
            for_each_list(value, &mut visit)?;
        }
        Ok(())
    }

    /// Calls `visit` with each `Feature` of a `FeatureList`: the steps of a sequence.
    ///
    /// # Errors
    /// [`ErrorKind::Example`] if the value is not a `FeatureList`.
    pub fn for_each_step(&self, mut visit: impl FnMut(&'a [u8]) -> Result<()>) -> Result<()> {
        for &value in [self.value].iter().chain(&self.more) {
            let mut value = Wire(value);
            // FeatureList { repeated Feature feature = 1 }
            while let Some(step) = value.next_block(BLOCK_1).ok_or_else(not_an_example)? {
                visit(step)?;
            }
        }
        Ok(())
    }
}

/// Calls `visit` with each list of values of a `Feature`, like [`Entry::for_each_list`].
#[inline(always)]
pub(super) fn for_each_list<'a>(
    feature: &'a [u8],
    mut visit: impl FnMut(FeatureKind, &'a [u8]) -> Result<()>,
) -> Result<()> {
    let mut value = Wire(feature);
    // Feature { oneof kind { BytesList = 1, FloatList = 2, Int64List = 3 } }
    while !value.is_empty() {
        let kind = match value.tag().ok_or_else(not_an_example)? {
            BLOCK_1 => FeatureKind::Bytes,
            BLOCK_2 => FeatureKind::Float,
            BLOCK_3 => FeatureKind::Int64,
            tag => {
                value.skip(tag).ok_or_else(not_an_example)?;
                continue;
            }
        };
        visit(kind, value.block().ok_or_else(not_an_example)?)?;
    }
    Ok(())
}

#[cold]
pub(super) fn not_an_example() -> Error {
    let detail = "the payload is not a tf.train.Example, or it is damaged";
    Error::new(ErrorKind::Example, detail)
}

/// How many values a list of this kind has; `None` if it is damaged.
pub(super) fn count_values(kind: FeatureKind, list: &[u8]) -> Option<u64> {
    let (mut list, mut count) = (Wire(list), 0);
    while !list.is_empty() {
        count += match (kind, list.tag()?) {
            (FeatureKind::Bytes, BLOCK_1) => list.block().map(|_| 1)?,
            (FeatureKind::Float, BLOCK_1) => match list.block()?.len() {
                size if size % 4 == 0 => size / 4,
                _ => return None,
            },
            (FeatureKind::Float, FIXED_1) => list.fixed().map(|_| 1)?,
            (FeatureKind::Int64, BLOCK_1) => varints::count(list.block()?)?,
            (FeatureKind::Int64, VARINT_1) => list.varint().map(|_| 1)?,
            (_, tag) => list.skip(tag).map(|()| 0)?,
        };
    }
    Some(count as u64)
}
