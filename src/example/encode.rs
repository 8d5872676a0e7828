//! Columns → payloads, byte for byte as protobuf serialises an `Example` deterministically: keys
//! sorted, numbers packed.

use std::mem;
use std::ops::Range;

use super::columns::out_of_memory;
use super::features::quoted;
use super::{varints, FeatureKind};
use crate::error::{Error, ErrorKind, Result};
use crate::varint;

/// The values of a feature in many records, for [`encode_examples`]: those of record 0, then those
/// of record 1 and so on.
#[derive(Debug, Clone, Copy)]
#[must_use]
pub struct FeatureValues<'a> {
    name: &'a [u8],
    values: Values<'a>,
    offsets: Option<&'a [usize]>,
}

#[derive(Debug, Clone, Copy)]
enum Values<'a> {
    Bytes(&'a [&'a [u8]]),
    Float(&'a [f32]),
    Int64(&'a [i64]),
}

impl<'a> FeatureValues<'a> {
    fn new<N: AsRef<[u8]> + ?Sized>(name: &'a N, values: Values<'a>) -> FeatureValues<'a> {
        FeatureValues { name: name.as_ref(), values, offsets: None }
    }

    /// Byte strings. All records have the same number of them, unless there are
    /// [`offsets`](Self::offsets).
    pub fn bytes(name: &'a (impl AsRef<[u8]> + ?Sized), values: &'a [&'a [u8]]) -> Self {
        FeatureValues::new(name, Values::Bytes(values))
    }

    /// Floating-point numbers, like [`bytes`](Self::bytes).
    pub fn float(name: &'a (impl AsRef<[u8]> + ?Sized), values: &'a [f32]) -> Self {
        FeatureValues::new(name, Values::Float(values))
    }

    /// Integers, like [`bytes`](Self::bytes).
    pub fn int64(name: &'a (impl AsRef<[u8]> + ?Sized), values: &'a [i64]) -> Self {
        FeatureValues::new(name, Values::Int64(values))
    }

    /// Sets where each record's values start, and where the last one's end: one offset more than
    /// there are records.
    pub fn offsets(mut self, offsets: &'a [usize]) -> Self {
        self.offsets = Some(offsets);
        self
    }
}

/// Encodes records as `tf.train.Example`. Returns their payloads, concatenated, and where each
/// starts, with the end of the last one: what [`Features::decode`](super::Features::decode) takes.
///
/// The bytes are those of protobuf's deterministic serialisation: features in the order of their
/// names, numbers packed. A feature without values in a record has an empty list there.
///
/// ```
/// use tfr_index::{encode_examples, Feature, FeatureValues, Features};
///
/// let (payloads, offsets) = encode_examples(
///     2,
///     &[
///         FeatureValues::int64("label", &[7, 8]),
///         FeatureValues::bytes("words", &[b"a", b"few", b"words"]).offsets(&[0, 1, 3]),
///     ],
/// )?;
/// let features = Features::new([Feature::int64("label"), Feature::bytes("words").ragged()])?;
/// let columns = features.decode(&payloads, &offsets, 1)?;
/// assert_eq!(columns.int64(0), Some(&[7, 8][..]));
/// assert_eq!(columns.offsets(1), Some(&[0, 1, 3][..]));
/// # Ok::<(), tfr_index::Error>(())
/// ```
///
/// # Errors
/// [`ErrorKind::InvalidArgument`] if a name occurs twice, if the number of values is no multiple of
/// `records`, or if there is not one offset more than records, from 0 up to the number of values.
/// [`ErrorKind::OutOfMemory`].
pub fn encode_examples(
    records: usize,
    features: &[FeatureValues<'_>],
) -> Result<(Vec<u8>, Vec<usize>)> {
    let mut encoder = ExampleEncoder::new(records, features)?;
    let (mut payloads, mut offsets) = (Vec::new(), Vec::new());
    offsets.try_reserve_exact(records.saturating_add(1)).map_err(|_| out_of_memory())?;
    offsets.push(0);
    while let Some(example) = encoder.next()? {
        payloads.try_reserve(example.len()).map_err(|_| out_of_memory())?;
        example.push(&mut payloads);
        offsets.push(payloads.len());
    }
    Ok((payloads, offsets))
}

/// Encodes one record after another.
pub(crate) struct ExampleEncoder<'a> {
    /// In the order of their names.
    columns: Vec<FeatureValues<'a>>,
    /// Those of the current record.
    lists: Vec<List>,
    /// Its integers, encoded: to count their bytes first would look at all of them twice.
    runs: Vec<u8>,
    records: Range<usize>,
}

impl<'a> ExampleEncoder<'a> {
    /// # Errors
    /// Those of [`encode_examples`].
    pub fn new(records: usize, features: &[FeatureValues<'a>]) -> Result<ExampleEncoder<'a>> {
        let mut columns = features.to_vec();
        columns.sort_by_key(|column| column.name);
        if let Some(twice) = columns.windows(2).find(|two| two[0].name == two[1].name) {
            return Err(twice[0].error("the feature is listed twice"));
        }
        columns.iter().try_for_each(|column| column.ensure_fits(records))?;
        if records > isize::MAX as usize / mem::size_of::<usize>() {
            return Err(out_of_memory()); // records without values need no other memory
        }
        let (lists, runs) = (Vec::with_capacity(columns.len()), Vec::new());
        Ok(ExampleEncoder { columns, lists, runs, records: 0..records })
    }

    /// The next record: its sizes, which are known before anything of it is written.
    ///
    /// # Errors
    /// [`ErrorKind::OutOfMemory`].
    pub fn next(&mut self) -> Result<Option<Example<'_>>> {
        let records = self.records.end;
        let Some(record) = self.records.next() else { return Ok(None) };
        self.lists.clear();
        self.runs.clear();
        for column in &self.columns {
            self.lists.push(List::of(column, record, records, &mut self.runs)?);
        }
        let entries = self.lists.iter().map(|list| block_len(list.entry)).sum();
        let ExampleEncoder { columns, lists, runs, .. } = self;
        Ok(Some(Example { columns, lists, runs, entries }))
    }
}

/// A record that is about to be encoded.
pub(crate) struct Example<'a> {
    columns: &'a [FeatureValues<'a>],
    lists: &'a [List],
    runs: &'a [u8],
    /// The bytes of all entries.
    entries: usize,
}

impl Example<'_> {
    /// The size of the payload.
    pub fn len(&self) -> usize {
        block_len(self.entries)
    }

    /// Appends the payload.
    pub fn push(&self, bytes: &mut Vec<u8>) {
        write_block(bytes, 1, self.entries);
        for (column, list) in self.columns.iter().zip(self.lists) {
            column.write(list, self.runs, bytes);
        }
    }
}

/// The size of a field with a length: its tag, the length and the content.
fn block_len(content: usize) -> usize {
    1 + varint::len(content as u64) + content
}

fn write_block(bytes: &mut Vec<u8>, field: u8, content: usize) {
    bytes.push(field << 3 | 2);
    varint::push(bytes, content as u64);
}

/// The values of a feature in a record, and the sizes of the messages around them.
struct List {
    start: usize,
    end: usize,
    /// The integers, in the encoder's `runs`.
    run: Range<usize>,
    /// The `BytesList`, `FloatList` or `Int64List`.
    list: usize,
    /// The entry of the map of features.
    entry: usize,
}

impl List {
    /// Appends integers to `runs`.
    fn of(
        column: &FeatureValues<'_>,
        record: usize,
        records: usize,
        runs: &mut Vec<u8>,
    ) -> Result<List> {
        let (start, end) = match column.offsets {
            Some(offsets) => (offsets[record], offsets[record + 1]),
            None => {
                let count = column.values.len() / records;
                (record * count, (record + 1) * count)
            }
        };
        let run = runs.len();
        let list = match column.values {
            Values::Bytes(values) => {
                values[start..end].iter().map(|value| block_len(value.len())).sum()
            }
            _ if start == end => 0,
            Values::Float(_) => block_len((end - start) * mem::size_of::<f32>()),
            Values::Int64(values) => {
                varints::write(&values[start..end], runs).map_err(|_| out_of_memory())?;
                block_len(runs.len() - run)
            }
        };
        let entry = block_len(column.name.len()) + block_len(block_len(list));
        Ok(List { start, end, run: run..runs.len(), list, entry })
    }
}

impl FeatureValues<'_> {
    fn error(&self, detail: &str) -> Error {
        let detail = format!("feature {}: {detail}", quoted(self.name));
        Error::new(ErrorKind::InvalidArgument, detail).of_feature(self.name)
    }

    fn ensure_fits(&self, records: usize) -> Result<()> {
        let count = self.values.len();
        let Some(offsets) = self.offsets else {
            let is_multiple = count.checked_rem(records).map_or(count == 0, |rest| rest == 0);
            let detail = format!(
                "{count} values are no multiple of {records} records: give offsets if records have \
                 different numbers of values"
            );
            return if is_multiple { Ok(()) } else { Err(self.error(&detail)) };
        };
        let ascend = offsets.windows(2).all(|two| two[0] <= two[1]);
        if offsets.len() == records.saturating_add(1)
            && ascend
            && (offsets.first(), offsets.last()) == (Some(&0), Some(&count))
        {
            return Ok(());
        }
        Err(self.error(&format!(
            "the offsets must be {} numbers that ascend from 0 to {count}, the number of values",
            records.saturating_add(1)
        )))
    }

    /// Appends the entry of a record.
    fn write(&self, list: &List, runs: &[u8], bytes: &mut Vec<u8>) {
        write_block(bytes, 1, list.entry);
        write_block(bytes, 1, self.name.len());
        bytes.extend_from_slice(self.name);
        write_block(bytes, 2, block_len(list.list));
        write_block(bytes, self.values.kind() as u8, list.list);
        match self.values {
            Values::Bytes(values) => {
                for value in &values[list.start..list.end] {
                    write_block(bytes, 1, value.len());
                    bytes.extend_from_slice(value);
                }
            }
            _ if list.start == list.end => {}
            Values::Float(values) => {
                let values = &values[list.start..list.end];
                write_block(bytes, 1, mem::size_of_val(values));
                bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
            }
            Values::Int64(_) => {
                let run = &runs[list.run.clone()];
                write_block(bytes, 1, run.len());
                bytes.extend_from_slice(run);
            }
        }
    }
}

impl Values<'_> {
    fn len(&self) -> usize {
        match self {
            Values::Bytes(values) => values.len(),
            Values::Float(values) => values.len(),
            Values::Int64(values) => values.len(),
        }
    }

    fn kind(&self) -> FeatureKind {
        match self {
            Values::Bytes(_) => FeatureKind::Bytes,
            Values::Float(_) => FeatureKind::Float,
            Values::Int64(_) => FeatureKind::Int64,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::super::tests::message;
    use super::*;

    /// The values of a record: integers, floating-point numbers and byte strings.
    type Record = (Vec<i64>, Vec<f32>, Vec<Vec<u8>>);

    fn offsets(counts: impl Iterator<Item = usize>) -> Vec<usize> {
        let ends = counts.scan(0, |end, count| {
            *end += count;
            Some(*end)
        });
        std::iter::once(0).chain(ends).collect()
    }

    fn any_record() -> impl Strategy<Value = Record> {
        let number = (any::<u64>(), 0..64_u32).prop_map(|(number, shift)| (number >> shift) as i64);
        (vec(number, 0..4), vec(any::<f32>(), 0..4), vec(vec(any::<u8>(), 0..300), 0..3))
    }

    proptest! {
        #[test]
        fn payloads_are_those_that_a_naive_writer_makes(records in vec(any_record(), 0..5)) {
            let ints: Vec<_> = records.iter().flat_map(|record| record.0.clone()).collect();
            let floats: Vec<_> = records.iter().flat_map(|record| record.1.clone()).collect();
            let strings: Vec<_> = records.iter().flat_map(|(.., all)| all.iter().map(Vec::as_slice)).collect();
            let int_offsets = offsets(records.iter().map(|record| record.0.len()));
            let float_offsets = offsets(records.iter().map(|record| record.1.len()));
            let string_offsets = offsets(records.iter().map(|record| record.2.len()));
            let (payloads, ends) = encode_examples(records.len(), &[
                FeatureValues::int64("b", &ints).offsets(&int_offsets),
                FeatureValues::bytes("ab", &strings).offsets(&string_offsets),
                FeatureValues::float("", &floats).offsets(&float_offsets),
            ]).unwrap();
            let right: Vec<_> = records.iter().map(|(ints, floats, strings)| {
                let strings: Vec<_> = strings.iter().map(Vec::as_slice).collect();
                message::example(&[
                    message::entry(b"", &message::floats(floats)),
                    message::entry(b"ab", &message::byte_strings(&strings)),
                    message::entry(b"b", &message::ints(ints)),
                ])
            }).collect();
            prop_assert_eq!(&ends, &offsets(right.iter().map(Vec::len)));
            prop_assert_eq!(payloads, right.concat());
        }
    }

    #[test]
    fn records_of_one_shape_need_no_offsets() {
        let (payloads, _) =
            encode_examples(2, &[FeatureValues::int64("k", &[1, 2, 3, 4])]).unwrap();
        let right = [&[1, 2], &[3, 4]].map(|two| message::k(&message::ints(two)));
        assert_eq!(payloads, right.concat());
        assert_eq!(encode_examples(0, &[FeatureValues::float("k", &[])]).unwrap().1, [0]);
        assert_eq!(encode_examples(2, &[]).unwrap(), (b"\x0a\0\x0a\0".to_vec(), vec![0, 2, 4]));
    }

    #[test]
    fn values_that_do_not_fit_are_refused() {
        let one = FeatureValues::int64("k", &[1, 2, 3]);
        for (records, features, why) in [
            (2, vec![one], "3 values are no multiple of 2 records"),
            (0, vec![one], "3 values are no multiple of 0 records"),
            (2, vec![one.offsets(&[0, 3])], "must be 3 numbers that ascend from 0 to 3"),
            (1, vec![one.offsets(&[0, 2])], "must be 2 numbers that ascend from 0 to 3"),
            (1, vec![one.offsets(&[1, 3])], "must be 2 numbers that ascend from 0 to 3"),
            (2, vec![one.offsets(&[0, 4, 3])], "must be 3 numbers that ascend from 0 to 3"),
            (0, vec![one.offsets(&[])], "must be 1 numbers that ascend from 0 to 3"),
            (3, vec![one, one], "is listed twice"),
            (usize::MAX, vec![one], "no multiple of"),
        ] {
            let error = encode_examples(records, &features).unwrap_err();
            assert_eq!((error.kind(), error.feature()), (ErrorKind::InvalidArgument, Some("k")));
            assert!(error.to_string().contains(why), "{error}");
        }
    }
}
