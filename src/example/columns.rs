//! Features as columns: the values of many records together.

use std::mem;
use std::ops::Range;

use super::features::Default;
use super::wire::{Wire, BLOCK_1, FIXED_1, VARINT_1};
use super::{varints, Feature, FeatureKind, Features};
use crate::error::{Error, Result};
use crate::varint;

/// Where a byte string is: in the payloads that were decoded, or, if it is after their end, in the
/// defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Span {
    /// Its first byte.
    pub offset: usize,
    /// The number of its bytes.
    pub size: usize,
}

/// The values of features in a batch of records: what [`Features::decode`] returns.
///
/// Features are numbered as in [`Features`]. One of a fixed shape has a dense array, the values of
/// record 0, then those of record 1 and so on. A ragged one has [`offsets`](Self::offsets), too.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Columns {
    pub(super) records: usize,
    pub(super) columns: Vec<Column>,
    /// The defaults of byte strings, and the offset of the first one: the size of the payloads.
    pub(super) defaults: Vec<u8>,
    pub(super) end: usize,
}

/// The values of one feature.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Column {
    pub values: Values,
    /// Of a ragged feature: where each record's values start, and where the last one's end. Of a
    /// sequence, the same of its steps.
    pub offsets: Option<Vec<usize>>,
    /// Of a sequence: the number of its steps in all records.
    pub steps: usize,
    /// Of a ragged sequence: where each step's values start, and where the last one's end.
    pub step_offsets: Option<Vec<usize>>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Values {
    Bytes(Vec<Span>),
    Float(Vec<f32>),
    Int64(Vec<i64>),
}

impl Columns {
    /// Returns the number of records.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records
    }

    /// Returns whether there are no records.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records == 0
    }

    pub(crate) fn num_features(&self) -> usize {
        self.columns.len()
    }

    /// Returns the values of a feature of integers; `None` if it is of another kind.
    #[must_use]
    pub fn int64(&self, feature: usize) -> Option<&[i64]> {
        match &self.columns.get(feature)?.values {
            Values::Int64(values) => Some(values),
            _ => None,
        }
    }

    /// Returns the values of a feature of floating-point numbers; `None` if it is of another kind.
    #[must_use]
    pub fn float(&self, feature: usize) -> Option<&[f32]> {
        match &self.columns.get(feature)?.values {
            Values::Float(values) => Some(values),
            _ => None,
        }
    }

    /// Returns where the values of a feature of byte strings are; `None` if it is of another kind.
    /// [`bytes`](Self::bytes) returns the bytes.
    #[must_use]
    pub fn spans(&self, feature: usize) -> Option<&[Span]> {
        match &self.columns.get(feature)?.values {
            Values::Bytes(values) => Some(values),
            _ => None,
        }
    }

    /// Returns the bytes of a span. `payloads` are those that were decoded.
    ///
    /// # Panics
    /// If they are others, and shorter.
    #[must_use]
    pub fn bytes<'a>(&'a self, span: Span, payloads: &'a [u8]) -> &'a [u8] {
        let (source, offset) = match span.offset.checked_sub(self.end) {
            Some(offset) => (&*self.defaults, offset),
            None => (payloads, span.offset),
        };
        &source[offset..][..span.size]
    }

    /// Returns where the values of each record start, and where the last one's end; `None` if the
    /// feature is neither ragged nor a sequence. Of a [sequence](Feature::sequence) it returns
    /// where the steps of each record start: the steps of all records are numbered from 0.
    #[must_use]
    pub fn offsets(&self, feature: usize) -> Option<&[usize]> {
        self.columns.get(feature)?.offsets.as_deref()
    }

    /// Returns where the values of each step of a ragged [sequence](Feature::sequence) start, and
    /// where the last one's end; `None` for other features. (Each step of a sequence of a fixed shape
    /// has the same number of values.)
    #[must_use]
    pub fn step_offsets(&self, feature: usize) -> Option<&[usize]> {
        self.columns.get(feature)?.step_offsets.as_deref()
    }

    /// Columns for the features, with room for some records. `old` ones give their memory.
    pub(super) fn with_room(
        features: &Features,
        records: usize,
        end: usize,
        old: Columns,
    ) -> Result<Columns> {
        let mut columns = Vec::with_capacity(features.as_slice().len());
        let mut old = old.columns.into_iter();
        for (feature, count) in features.iter() {
            columns.push(Column::with_room(feature, count, records, old.next())?);
        }
        Ok(Columns { records: 0, columns, defaults: Vec::new(), end })
    }

    /// How many bytes of memory they have.
    pub(crate) fn capacity(&self) -> usize {
        let offsets = |offsets: &Option<Vec<usize>>| offsets.as_ref().map_or(0, Vec::capacity);
        let column = |column: &Column| {
            let offsets = offsets(&column.offsets) + offsets(&column.step_offsets);
            column.values.capacity().saturating_add(offsets * mem::size_of::<usize>())
        };
        self.columns.iter().map(column).fold(self.defaults.capacity(), usize::saturating_add)
    }

    /// Appends the records of others.
    pub(super) fn append(&mut self, others: Columns) -> Result<()> {
        self.records += others.records;
        for (column, other) in self.columns.iter_mut().zip(others.columns) {
            column.append(other)?;
        }
        Ok(())
    }
}

impl Column {
    fn with_room(
        feature: &Feature,
        count: Option<usize>,
        records: usize,
        old: Option<Column>,
    ) -> Result<Column> {
        let mut values = match (feature.kind(), old) {
            (kind, Some(mut old)) if old.values.kind() == kind => {
                old.values.truncate(0);
                old.values
            }
            (FeatureKind::Bytes, _) => Values::Bytes(Vec::new()),
            (FeatureKind::Float, _) => Values::Float(Vec::new()),
            (FeatureKind::Int64, _) => Values::Int64(Vec::new()),
        };
        let (mut offsets, mut step_offsets) = (None, None);
        match (feature.is_sequence(), count) {
            (false, Some(count)) => {
                values.reserve(count.checked_mul(records).ok_or_else(out_of_memory)?)?;
            }
            (false, None) => offsets = Some(offsets_with_room(records)?),
            (true, count) => {
                offsets = Some(offsets_with_room(records)?);
                step_offsets = count.is_none().then(|| offsets_with_room(0)).transpose()?;
            }
        }
        Ok(Column { values, offsets, steps: 0, step_offsets })
    }

    fn append(&mut self, mut other: Column) -> Result<()> {
        self.values.reserve(other.values.len())?;
        match (&mut self.values, &mut other.values) {
            (Values::Bytes(values), Values::Bytes(more)) => values.append(more),
            (Values::Float(values), Values::Float(more)) => values.append(more),
            (Values::Int64(values), Values::Int64(more)) => values.append(more),
            _ => unreachable!("both are of one feature"),
        }
        append_offsets(&mut self.offsets, other.offsets)?;
        append_offsets(&mut self.step_offsets, other.step_offsets)?;
        self.steps += other.steps;
        Ok(())
    }
}

fn offsets_with_room(count: usize) -> Result<Vec<usize>> {
    let mut offsets = Vec::new();
    offsets.try_reserve_exact(count + 1).map_err(|_| out_of_memory())?;
    offsets.push(0);
    Ok(offsets)
}

/// Appends others' offsets, which count from 0.
fn append_offsets(offsets: &mut Option<Vec<usize>>, more: Option<Vec<usize>>) -> Result<()> {
    let (Some(offsets), Some(more)) = (offsets, more) else { return Ok(()) };
    let end = offsets[offsets.len() - 1];
    offsets.try_reserve(more.len()).map_err(|_| out_of_memory())?;
    offsets.extend(more[1..].iter().map(|offset| end + offset));
    Ok(())
}

impl Values {
    pub fn kind(&self) -> FeatureKind {
        match self {
            Values::Bytes(_) => FeatureKind::Bytes,
            Values::Float(_) => FeatureKind::Float,
            Values::Int64(_) => FeatureKind::Int64,
        }
    }

    #[inline]
    pub fn len(&self) -> usize {
        match self {
            Values::Bytes(values) => values.len(),
            Values::Float(values) => values.len(),
            Values::Int64(values) => values.len(),
        }
    }

    /// How many bytes of memory they have.
    fn capacity(&self) -> usize {
        match self {
            Values::Bytes(values) => values.capacity() * mem::size_of::<Span>(),
            Values::Float(values) => values.capacity() * mem::size_of::<f32>(),
            Values::Int64(values) => values.capacity() * mem::size_of::<i64>(),
        }
    }

    pub fn truncate(&mut self, len: usize) {
        match self {
            Values::Bytes(values) => values.truncate(len),
            Values::Float(values) => values.truncate(len),
            Values::Int64(values) => values.truncate(len),
        }
    }

    pub fn reserve(&mut self, more: usize) -> Result<()> {
        match self {
            Values::Bytes(values) => values.try_reserve_exact(more),
            Values::Float(values) => values.try_reserve_exact(more),
            Values::Int64(values) => values.try_reserve_exact(more),
        }
        .map_err(|_| out_of_memory())
    }

    /// Appends a default, as `count` values. `spans` are those of byte strings.
    pub fn push_default(&mut self, default: &Default, spans: &[Span], count: usize) -> Result<()> {
        self.reserve(count)?;
        match (self, default) {
            (Values::Bytes(values), Default::Bytes(_)) => fill(values, spans, count),
            (Values::Float(values), Default::Float(default)) => fill(values, default, count),
            (Values::Int64(values), Default::Int64(default)) => fill(values, default, count),
            _ => unreachable!("the default is of the feature's kind"),
        }
        Ok(())
    }

    /// Appends the values of a list, a `BytesList`, `FloatList` or `Int64List` of the same kind.
    /// `base` is the address of the payloads. `None`: it is not one.
    #[inline]
    pub fn push_list(&mut self, list: &[u8], base: usize) -> Option<Result<()>> {
        let mut wire = Wire(list);
        while !wire.is_empty() {
            let tag = wire.tag()?;
            let pushed = match (&mut *self, tag) {
                (Values::Int64(values), BLOCK_1) => push_varints(values, wire.block()?)?,
                (Values::Int64(values), VARINT_1) => push(values, wire.varint()? as i64),
                (Values::Float(values), BLOCK_1) => push_floats(values, wire.block()?)?,
                (Values::Float(values), FIXED_1) => push(values, f32::from_le_bytes(wire.fixed()?)),
                (Values::Bytes(values), BLOCK_1) => {
                    let value = wire.block()?;
                    push(values, Span { offset: value.as_ptr() as usize - base, size: value.len() })
                }
                _ => {
                    wire.skip(tag)?;
                    Ok(())
                }
            };
            if pushed.is_err() {
                return Some(pushed);
            }
        }
        Some(Ok(()))
    }
}

fn fill<T: Copy>(values: &mut Vec<T>, default: &[T], count: usize) {
    match default {
        [one] => values.resize(values.len() + count, *one),
        all => values.extend_from_slice(all),
    }
}

#[inline]
pub(super) fn push<T>(values: &mut Vec<T>, value: T) -> Result<()> {
    if values.len() == values.capacity() {
        values.try_reserve(1).map_err(|_| out_of_memory())?;
    }
    values.push(value);
    Ok(())
}

#[inline]
fn push_varints(values: &mut Vec<i64>, run: &[u8]) -> Option<Result<()>> {
    // One number, as two thirds of the runs of the benchmark's records are.
    if run.len() <= varint::MOST {
        let mut wire = Wire(run);
        if let (Some(one), true) = (wire.varint(), wire.is_empty()) {
            return Some(push(values, one as i64));
        }
    }
    Some(varints::push(run, values)?.map_err(|_| out_of_memory()))
}

#[inline]
fn push_floats(values: &mut Vec<f32>, run: &[u8]) -> Option<Result<()>> {
    if run.len() % mem::size_of::<f32>() != 0 {
        return None;
    }
    if values.try_reserve(run.len() / mem::size_of::<f32>()).is_err() {
        return Some(Err(out_of_memory()));
    }
    let number = |bytes: &[u8]| f32::from_le_bytes(bytes.try_into().expect("4 bytes"));
    values.extend(run.chunks_exact(mem::size_of::<f32>()).map(number));
    Some(Ok(()))
}

pub(super) fn out_of_memory() -> Error {
    Error::out_of_memory("the features: decode fewer records at a time")
}

/// The part of a batch that a thread decodes.
pub(super) fn part(records: usize, number: usize, parts: usize) -> Range<usize> {
    let bound = |number: usize| (records as u128 * number as u128 / parts as u128) as usize;
    bound(number)..bound(number + 1)
}
