//! Payloads → columns, by one walk over each record's fields.
//!
//! What counts is protobuf's meaning of the bytes: the last of equal keys, the last of several kinds,
//! all runs of a list; unknown fields are skipped. Features that are not wanted are skipped as a
//! whole. (TensorFlow's own parser keeps the first of two runs, and the first of two kinds.)

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::columns::{out_of_memory, part, push, Column, Columns, Values};
use super::features::Default;
use super::keys::Order;
use super::message::{
    count_values, for_each_entry, for_each_list, for_each_list_entry, not_an_example, Entry,
};
use super::{FeatureKind, Features, Span};
use crate::error::{Error, ErrorKind, Result};
use crate::sys::prefetch;
use crate::threads::{processors, Crew, FirstError, READING};

/// The least bytes of payloads that justify a thread: decoding them takes about as long as starting
/// it.
const WORTH: usize = if cfg!(any(test, fuzzing)) { 100 } else { 256 << 10 };

/// The most bytes of a record that are loaded while the one before it is decoded. The walk jumps over
/// values, so the processor does not see which bytes come next: it then waits for memory for a sixth of
/// the time in which 13 features of 1.8 KB are decoded, and for two thirds of that of two of them.
const AHEAD: usize = 4 << 10;
/// The payloads that are in a processor's cache, if they have just been read.
const CACHED: usize = 1 << 20;

/// How records are decoded.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Decoding {
    /// Whether bad records are left out.
    pub skip: bool,
    /// Whether this thread has read the payloads, or checked them.
    pub just_read: bool,
}

impl Features {
    /// Decodes the features of records. Payload `i` is `payloads[offsets[i]..offsets[i + 1]]`, as in
    /// [`Payloads`](crate::Payloads). `threads`: 0, the default, starts one per processor if that
    /// helps; 1 uses only the calling thread.
    ///
    /// The bytes mean what they mean to protobuf. A record whose feature is missing, or has no kind,
    /// gets the default; a ragged feature is then empty. An empty list is not missing.
    ///
    /// ```
    /// use tfr_index::{Feature, Features};
    ///
    /// // Example { features { feature { key: "label" value { int64_list { value: [7] } } } } }
    /// let payload = b"\x0a\x10\x0a\x0e\x0a\x05label\x12\x05\x1a\x03\x0a\x01\x07";
    /// let features = Features::new([Feature::int64("label")])?;
    /// let columns = features.decode(payload, &[0, payload.len()], 0)?;
    /// assert_eq!(columns.int64(0), Some(&[7][..]));
    /// # Ok::<(), tfr_index::Error>(())
    /// ```
    ///
    /// # Errors
    /// For the first bad record, whose number is its place in the batch:
    /// [`ErrorKind::Example`] if the payload is no `Example`; [`ErrorKind::Feature`] if a feature is
    /// missing, of another kind, or has too few or too many values. [`Error::feature`] names it.
    /// [`ErrorKind::OutOfMemory`]. [`ErrorKind::InvalidArgument`] if the offsets descend, or exceed
    /// the payloads.
    pub fn decode(&self, payloads: &[u8], offsets: &[usize], threads: usize) -> Result<Columns> {
        let old = Columns::default();
        self.decode_again(payloads, offsets, threads, old, Decoding::default())
            .map(|(columns, _)| columns)
    }

    /// Like [`decode`](Self::decode), but leaves out bad records: the columns have the others. Returns
    /// an error for each one that is left out, in their order; its [`Error::record`] is the record's
    /// place in the batch.
    ///
    /// ```
    /// use tfr_index::{ErrorKind, Feature, Features};
    ///
    /// // Example { features { feature { key: "label" value { int64_list { value: [7] } } } } }
    /// let payload = b"\x0a\x10\x0a\x0e\x0a\x05label\x12\x05\x1a\x03\x0a\x01\x07";
    /// let features = Features::new([Feature::int64("label")])?;
    /// let (columns, bad) = features.decode_or_skip(payload, &[0, 0, payload.len()], 0)?;
    /// assert_eq!(columns.int64(0), Some(&[7][..]));
    /// assert_eq!((bad.len(), bad[0].kind(), bad[0].record()), (1, ErrorKind::Feature, Some(0)));
    /// # Ok::<(), tfr_index::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::OutOfMemory`]. [`ErrorKind::InvalidArgument`] if the offsets descend, or exceed
    /// the payloads.
    pub fn decode_or_skip(
        &self,
        payloads: &[u8],
        offsets: &[usize],
        threads: usize,
    ) -> Result<(Columns, Vec<Error>)> {
        let how = Decoding { skip: true, ..Decoding::default() };
        self.decode_again(payloads, offsets, threads, Columns::default(), how)
    }

    /// Decodes records with the memory of `old` columns. Returns an error for each that is skipped.
    pub(crate) fn decode_again(
        &self,
        payloads: &[u8],
        offsets: &[usize],
        threads: usize,
        old: Columns,
        how: Decoding,
    ) -> Result<(Columns, Vec<Error>)> {
        let are_in_order = offsets.windows(2).all(|ends| ends[0] <= ends[1]);
        if offsets.last().map_or(true, |&end| end > payloads.len()) || !are_in_order {
            let detail = "the offsets must ascend, to at most the size of the payloads";
            return Err(Error::new(ErrorKind::InvalidArgument, detail));
        }
        let records = offsets.len() - 1;
        let (spans, defaults) = self.default_spans(payloads.len())?;
        let skipped = Mutex::default();
        let bad = how.skip.then_some(&skipped);
        let ahead = if how.just_read && payloads.len() <= CACHED { 0 } else { AHEAD };
        let batch = Batch { features: self, payloads, offsets, spans: &spans, skipped: bad, ahead };
        let parts = match threads {
            0 => (payloads.len() / WORTH).min(processors()).min(READING),
            threads => threads,
        };
        let parts = parts.min(records).max(1);
        let first_error = FirstError::new(records.max(1));
        let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
        let old = Mutex::new(old);
        let work = || loop {
            let number = next.fetch_add(1, Relaxed);
            if number >= parts {
                return;
            }
            let old = std::mem::take(&mut *old.lock().unwrap_or_else(PoisonError::into_inner));
            let columns = batch.decode(part(records, number, parts), old, &first_error);
            done.lock().unwrap_or_else(PoisonError::into_inner).push((number, columns));
        };
        thread::scope(|scope| {
            let mut crew = Crew::new(scope);
            while crew.len() + 1 < parts && crew.start(work) {}
            work();
        });
        first_error.into_result()?;
        let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        done.sort_unstable_by_key(|(number, _)| *number);
        let mut parts = done.into_iter().map(|(_, columns)| columns);
        let mut columns = parts.next().flatten().ok_or_else(out_of_memory)?;
        for more in parts {
            columns.append(more.ok_or_else(out_of_memory)?)?;
        }
        columns.defaults = defaults;
        let mut skipped = skipped.into_inner().unwrap_or_else(PoisonError::into_inner);
        skipped.sort_unstable_by_key(Error::record);
        Ok((columns, skipped))
    }

    /// Returns where the defaults of byte strings are, for each feature, and their bytes.
    fn default_spans(&self, mut offset: usize) -> Result<(Vec<Vec<Span>>, Vec<u8>)> {
        let mut bytes = Vec::new();
        let mut span = |value: &Vec<u8>| {
            let span = Span { offset, size: value.len() };
            offset = offset.checked_add(value.len()).ok_or_else(out_of_memory)?;
            bytes.extend_from_slice(value);
            Ok(span)
        };
        let mut spans = Vec::new();
        for feature in self.as_slice() {
            spans.push(match &feature.default {
                Some(Default::Bytes(values)) => {
                    values.iter().map(&mut span).collect::<Result<_>>()?
                }
                _ => Vec::new(),
            });
        }
        Ok((spans, bytes))
    }
}

/// Payloads that are decoded.
struct Batch<'b> {
    features: &'b Features,
    payloads: &'b [u8],
    offsets: &'b [usize],
    spans: &'b [Vec<Span>],
    /// Where the errors of bad records go; `None`: the first one ends the work.
    skipped: Option<&'b Mutex<Vec<Error>>>,
    /// How many bytes of a record are loaded while the one before it is decoded.
    ahead: usize,
}

/// What a record has of a feature.
#[derive(Clone, Copy, PartialEq)]
enum Found {
    Nothing,
    Values,
    /// An empty list of another kind: some writers do not know the kind if there are no values.
    Empty(FeatureKind),
    /// Values of another kind.
    Other(FeatureKind),
    /// A step of the record has values of another kind.
    OtherStep(usize, FeatureKind),
    /// A step of the record has this number of values, which is wrong.
    OtherCount(usize, usize),
}

/// What a thread knows while it decodes records.
struct State {
    order: Order,
    /// The order of sequences.
    list_order: Order,
    columns: Columns,
    /// What the record has of each feature, and where its values start.
    found: Vec<Found>,
    starts: Vec<usize>,
    /// Where its steps start, if any feature is a sequence.
    step_starts: Vec<usize>,
}

impl Batch<'_> {
    /// Decodes some of the records; `None` after an error.
    fn decode(
        &self,
        records: Range<usize>,
        old: Columns,
        first_error: &FirstError,
    ) -> Option<Columns> {
        let columns = Columns::with_room(self.features, records.len(), self.payloads.len(), old);
        let columns = columns.map_err(|error| first_error.note(records.start, error)).ok()?;
        let count = columns.columns.len();
        let sequences = if self.features.sequences.is_empty() { 0 } else { count };
        let mut state = State {
            order: Order::default(),
            list_order: Order::default(),
            columns,
            found: vec![Found::Nothing; count],
            starts: vec![0; count],
            step_starts: vec![0; sequences],
        };
        for record in records {
            if !first_error.is_before(record) {
                return None;
            }
            let payload = &self.payloads[self.offsets[record]..self.offsets[record + 1]];
            self.prefetch_start(record + 1);
            let Err(error) = self.decode_one(payload, &mut state) else { continue };
            let error = error.of_record(record as u64);
            match self.skipped {
                Some(skipped) if error.kind() != ErrorKind::OutOfMemory => {
                    state.undo();
                    skipped.lock().unwrap_or_else(PoisonError::into_inner).push(error);
                }
                _ => {
                    first_error.note(record, error);
                    return None;
                }
            }
        }
        Some(state.columns)
    }

    /// Loads the start of a record, if there is one with this number.
    fn prefetch_start(&self, record: usize) {
        if let Some(&end) = self.offsets.get(record + 1) {
            let start = self.offsets[record];
            prefetch(&self.payloads[start..end.min(start + self.ahead)]);
        }
    }

    /// Appends the values of a record to the columns.
    fn decode_one(&self, payload: &[u8], state: &mut State) -> Result<()> {
        state.begin();
        self.walk(payload, state)?;
        if !self.features.sequences.is_empty() {
            self.walk_sequences(payload, state)?;
        }
        let State { columns, found, starts, .. } = state;
        let each = columns.columns.iter_mut().zip(starts).zip(found);
        for (number, ((column, start), found)) in each.enumerate() {
            self.end_record(number, column, *start, *found)?;
        }
        columns.records += 1;
        Ok(())
    }

    /// Appends the values that the record has.
    #[inline]
    fn walk(&self, payload: &[u8], state: &mut State) -> Result<()> {
        let (base, mut at) = (self.payloads.as_ptr() as usize, 0);
        for_each_entry(payload, |entry| {
            let feature = state.order.find(at, entry.key, &self.features.by_key);
            at += 1;
            feature.map_or(Ok(()), |feature| state.push(feature, entry, base))
        })
    }

    /// Appends the steps that the record has.
    fn walk_sequences(&self, payload: &[u8], state: &mut State) -> Result<()> {
        let (base, mut at) = (self.payloads.as_ptr() as usize, 0);
        for_each_list_entry(payload, |entry| {
            let feature = state.list_order.find(at, entry.key, &self.features.sequences);
            at += 1;
            let Some(feature) = feature else { return Ok(()) };
            state.push_steps(feature, self.features.count(feature), entry, base)
        })
    }

    /// Checks the steps of a record.
    fn end_sequence(&self, number: usize, column: &mut Column, found: Found) -> Result<()> {
        let feature = &self.features.as_slice()[number];
        let is_allowed = feature.allows_missing();
        let kind = feature.kind();
        let detail = match found {
            Found::Nothing if !is_allowed => "is missing: the record has no such list".to_owned(),
            Found::OtherStep(step, other) => format!("step {step} has {other} values, not {kind}"),
            Found::OtherCount(step, found) => {
                let count = self.features.count(number).unwrap_or_default();
                format!("step {step} has {found} values, not {count}")
            }
            _ => {
                column.offsets.as_mut().expect("sequences have them").push(column.steps);
                return Ok(());
            }
        };
        Err(self.features.error(number, &detail))
    }

    /// Checks the values of a record, or fills in what is missing.
    #[inline]
    fn end_record(
        &self,
        number: usize,
        column: &mut Column,
        start: usize,
        found: Found,
    ) -> Result<()> {
        let feature = &self.features.as_slice()[number];
        if feature.is_sequence() {
            return self.end_sequence(number, column, found);
        }
        let error = |detail: String| self.features.error(number, &detail);
        let count = self.features.count(number);
        match found {
            Found::Empty(_) if count.is_none() => {}
            Found::Empty(kind) | Found::Other(kind) => {
                return Err(error(format!("has {kind} values, not {}", feature.kind())));
            }
            _ => {}
        }
        let Some(count) = count else {
            let offsets = column.offsets.as_mut().expect("the feature is ragged");
            offsets.push(column.values.len());
            return Ok(());
        };
        match (found, &feature.default) {
            (Found::Values, _) => match column.values.len() - start {
                found if found == count => Ok(()),
                found => Err(error(format!("has {found} values, not {count}"))),
            },
            (_, Some(default)) => column.values.push_default(default, &self.spans[number], count),
            (_, None) => Err(error("is missing, and there is no default".to_owned())),
        }
    }
}

/// Appends a list of a `Feature` whose values start at `start`, instead of earlier lists of another
/// kind. `found` is what these were.
#[inline(always)]
fn push_list(
    values: &mut Values,
    start: usize,
    found: &mut Found,
    kind: FeatureKind,
    list: &[u8],
    base: usize,
) -> Result<()> {
    if kind == values.kind() {
        *found = Found::Values;
        return values.push_list(list, base).ok_or_else(not_an_example)?;
    }
    values.truncate(start);
    *found = other_list(*found, kind, list);
    Ok(())
}

/// What is found when a list of another kind than the feature's follows. Damage in it counts as a value.
#[cold]
fn other_list(before: Found, kind: FeatureKind, list: &[u8]) -> Found {
    match count_values(kind, list) {
        Some(0) if before != Found::Other(kind) => Found::Empty(kind),
        _ => Found::Other(kind),
    }
}

impl State {
    fn begin(&mut self) {
        self.found.fill(Found::Nothing);
        for (start, column) in self.starts.iter_mut().zip(&self.columns.columns) {
            *start = column.values.len();
        }
        for (start, column) in self.step_starts.iter_mut().zip(&self.columns.columns) {
            *start = column.steps;
        }
    }

    /// Removes what a bad record has left in the columns.
    #[cold]
    fn undo(&mut self) {
        let records = self.columns.records;
        for (column, &start) in self.columns.columns.iter_mut().zip(&self.starts) {
            column.values.truncate(start);
            if let Some(offsets) = &mut column.offsets {
                offsets.truncate(records + 1);
            }
        }
        for (column, &start) in self.columns.columns.iter_mut().zip(&self.step_starts) {
            column.steps = start;
            if let Some(offsets) = &mut column.step_offsets {
                offsets.truncate(start + 1);
            }
        }
    }

    /// Appends the values of an entry, instead of those of an earlier one with its key.
    #[inline]
    fn push(&mut self, feature: usize, entry: &Entry<'_>, base: usize) -> Result<()> {
        let (values, start) = (&mut self.columns.columns[feature].values, self.starts[feature]);
        values.truncate(start);
        let mut found = Found::Nothing;
        entry.for_each_list(|kind, list| push_list(values, start, &mut found, kind, list, base))?;
        self.found[feature] = found;
        Ok(())
    }

    /// Appends the steps of an entry, instead of those of an earlier one with its key.
    fn push_steps(
        &mut self,
        feature: usize,
        count: Option<usize>,
        entry: &Entry<'_>,
        base: usize,
    ) -> Result<()> {
        let (start, first) = (self.starts[feature], self.step_starts[feature]);
        let Column { values, steps, step_offsets, .. } = &mut self.columns.columns[feature];
        values.truncate(start);
        *steps = first;
        if let Some(offsets) = step_offsets {
            offsets.truncate(first + 1);
        }
        let mut found = Found::Values;
        entry.for_each_step(|step| {
            let (start, mut in_step) = (values.len(), Found::Nothing);
            for_each_list(step, |kind, list| {
                push_list(values, start, &mut in_step, kind, list, base)
            })?;
            let (number, len) = (*steps - first, values.len() - start);
            match in_step {
                _ if found != Found::Values => {} // the first one counts
                Found::Empty(_) if count.is_none() => {}
                Found::Empty(kind) | Found::Other(kind) => found = Found::OtherStep(number, kind),
                _ if count.is_some_and(|count| count != len) => {
                    found = Found::OtherCount(number, len);
                }
                _ => {}
            }
            *steps += 1;
            step_offsets.as_mut().map_or(Ok(()), |offsets| push(offsets, values.len()))
        })?;
        self.found[feature] = found;
        Ok(())
    }
}
