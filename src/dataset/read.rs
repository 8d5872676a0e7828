//! Reads records of many files, side by side.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::inner::Inner;
use super::open_files::is_too_many;
use super::OnError;
use crate::error::{Error, ErrorKind, Result};
use crate::frame::OVERHEAD;
use crate::index::Entry;
use crate::reader::{
    ensure_room, is_large, part_of, take_part, with_room, Medium, Request, Slot, Table,
};
use crate::threads::{FirstError, Load};

/// About how long it takes to open a file that is cached, and each of its records.
const OPENING: Duration = Duration::from_micros(300);
const ENTRY: Duration = Duration::from_nanos(100);

/// A record of a request.
pub(super) struct Item {
    /// Its place in the request.
    place: usize,
    shard: usize,
    record: usize,
    entry: Entry,
}

/// The records of a request, in the order of the shards.
pub(super) struct Plan {
    items: Vec<Item>,
    /// Where each payload starts, and where the last one ends, in the order of the request. Those
    /// that are skipped are empty.
    pub offsets: Vec<usize>,
    /// What the shards are on that are no plain local files.
    media: HashMap<usize, Medium>,
    /// Whether later requests will be for the other records of the same chunks of compressed files.
    pub whole_chunks: bool,
}

impl Plan {
    /// Leaves out what comes after the first records that have `most` bytes together, but not the
    /// first one. Returns how many are left.
    pub fn truncate(&mut self, most: usize) -> usize {
        let count = self.offsets.partition_point(|&end| end <= most) - 1;
        self.cut(count.max(1));
        self.offsets.len() - 1
    }

    /// Leaves out all places but the first `count`, if there are more.
    pub fn cut(&mut self, count: usize) {
        if count + 1 < self.offsets.len() {
            self.items.retain(|item| item.place < count);
            self.offsets.truncate(count + 1);
        }
    }

    /// The entries, in the order of the request, of which nothing may be skipped.
    pub fn entries(&self) -> Result<Vec<Entry>> {
        let mut entries = with_room(self.items.len())?;
        entries.resize(self.items.len(), Entry { offset: 0, size: OVERHEAD });
        for item in &self.items {
            entries[item.place] = item.entry;
        }
        Ok(entries)
    }

    /// The size of all payloads.
    pub fn size(&self) -> usize {
        self.offsets.last().copied().unwrap_or_default()
    }
}

/// What went wrong with the records of a request.
pub(super) struct Errors {
    first: FirstError,
    /// The places that are skipped, if bad records are. One of several records that are skipped for
    /// the same reason has the error.
    skipped: Option<Mutex<Vec<Skip>>>,
}

/// A place that is skipped, and why.
pub(super) type Skip = (usize, Option<Error>);

impl Errors {
    pub fn new(places: usize, on_error: OnError) -> Errors {
        let skipped = (on_error == OnError::Skip).then(Mutex::default);
        Errors { first: FirstError::new(places.max(1)), skipped }
    }

    /// Whether the record at this place is still needed: nothing after the first error is.
    pub fn is_needed(&self, place: usize) -> bool {
        self.first.is_before(place)
    }

    fn note(&self, place: usize, error: Error) {
        self.note_all(&mut [place].into_iter(), error);
    }

    /// Notes an error of several records.
    fn note_all(&self, places: &mut dyn Iterator<Item = usize>, error: Error) {
        match self.skipped.as_ref().filter(|_| may_skip(&error)) {
            Some(skipped) => {
                let mut error = Some(error);
                let mut skipped = skipped.lock().unwrap_or_else(PoisonError::into_inner);
                skipped.extend(places.map(|place| (place, error.take())));
            }
            None => self.first.note(places.min().unwrap_or(0), error),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.first.is_before(0)
            && !self.skipped.as_ref().is_some_and(|skipped| {
                !skipped.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
            })
    }

    /// The place of the first error so far; no place of the request if there is none.
    pub fn place(&self) -> usize {
        self.first.limit()
    }

    /// Returns the places that were skipped, in order.
    pub fn into_skipped(self) -> Result<Vec<Skip>> {
        let (error, skipped) = self.into_parts();
        error.map_or(Ok(skipped), Err)
    }

    /// Returns the first error, and the places that were skipped, in order.
    pub fn into_parts(self) -> (Option<Error>, Vec<Skip>) {
        let skipped = self.skipped.map(Mutex::into_inner).unwrap_or(Ok(Vec::new()));
        let mut skipped = skipped.unwrap_or_else(PoisonError::into_inner);
        skipped.sort_unstable_by_key(|(place, _)| *place);
        // A record whose header was checked first may fail twice.
        skipped.dedup_by(|(place, error), (kept, first)| {
            let is_same = place == kept;
            if is_same {
                *first = first.take().or_else(|| error.take());
            }
            is_same
        });
        (self.first.into_result().err(), skipped)
    }
}

/// Whether an error is one of the data, and not of the process or the caller.
pub(super) fn may_skip(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::InvalidArgument
        | ErrorKind::OutOfRange
        | ErrorKind::Cancelled
        | ErrorKind::OutOfMemory
        | ErrorKind::Panic => false,
        _ => !is_too_many(error) && error.os_error() != Some(libc::ECANCELED),
    }
}

impl Inner {
    /// Finds where the records are, and how large. Of several calls that run at the same time, each
    /// has its part of the threads.
    pub fn plan(&self, records: &[u64], errors: &Errors, calls: usize) -> Result<Plan> {
        let plan = self.plan_unchecked(records, errors, calls)?;
        self.ensure_headers(&plan, plan.size(), errors);
        if errors.first.is_before(0) {
            ensure_room(plan.size())?;
        }
        Ok(plan)
    }

    /// Checks that large records have the headers that the index says, if all payloads together
    /// need much memory: `total`.
    pub fn ensure_headers(&self, plan: &Plan, total: usize, errors: &Errors) {
        let is_doubtful = |item: &&Item| {
            is_large(item.entry.size as usize, total) && errors.is_needed(item.place)
        };
        for item in plan.items.iter().filter(is_doubtful) {
            let read = self.shard(item.shard);
            let checked = read.and_then(|reader| reader.ensure_header(item.record, item.entry));
            if let Err(error) = checked {
                errors.note(item.place, self.named(item.shard, error));
            }
        }
    }

    /// Like [`plan`](Self::plan), but checks no headers.
    pub fn plan_unchecked(&self, records: &[u64], errors: &Errors, calls: usize) -> Result<Plan> {
        let mut items = with_room(records.len())?;
        for (place, &record) in records.iter().enumerate() {
            let (shard, record) = self.locate(record)?;
            items.push(Item { place, shard, record, entry: Entry { offset: 0, size: OVERHEAD } });
        }
        items.sort_unstable_by_key(|item| (item.shard, item.place));
        let groups = groups(&items);
        let tables = self.tables(&items, &groups, errors, calls);
        let mut media = HashMap::new();
        for (group, table) in groups.into_iter().zip(&tables) {
            match table.get().map(Table::medium) {
                None | Some(Medium::Near) => {}
                Some(medium) => drop(media.insert(items[group.start].shard, medium)),
            }
            let group = &mut items[group];
            match table.get() {
                Some(table) => self.find_entries(group, table, errors),
                None => group.iter_mut().for_each(|item| item.entry.size = 0),
            }
        }
        items.retain(|item| item.entry.size > 0);

        let mut offsets = with_room(records.len() + 1)?;
        offsets.resize(records.len() + 1, 0);
        for item in &items {
            let size = usize::try_from(item.entry.size - self.around()).map_err(|_| too_large())?;
            offsets[item.place + 1] = size;
        }
        let mut end = 0_usize;
        for offset in &mut offsets {
            end = end.checked_add(*offset).ok_or_else(too_large)?;
            *offset = end;
        }
        Ok(Plan { items, offsets, media, whole_chunks: false })
    }

    /// The bytes of a frame that are not read.
    fn around(&self) -> u64 {
        if self.raw_frames {
            0
        } else {
            OVERHEAD
        }
    }

    /// Returns the table of each group's shard, unless that cannot be opened.
    fn tables(
        &self,
        items: &[Item],
        groups: &[Range<usize>],
        errors: &Errors,
        calls: usize,
    ) -> Vec<OnceLock<Table>> {
        let known = self.files.tables(groups.iter().map(|group| items[group.start].shard));
        let mut tables = Vec::with_capacity(groups.len());
        let mut unknown = Vec::new();
        for (number, table) in known.into_iter().enumerate() {
            match table {
                Some(table) => tables.push(OnceLock::from(table)),
                None => {
                    unknown.push(number);
                    tables.push(OnceLock::new());
                }
            }
        }
        self.open_side_by_side(unknown.len(), calls, |i| {
            let group = &items[groups[unknown[i]].clone()];
            if !errors.is_needed(group[0].place) {
                return 0;
            }
            match self.shard(group[0].shard) {
                Ok(reader) => {
                    let _ = tables[unknown[i]].set(reader.table());
                    reader.len()
                }
                Err(error) => {
                    errors.note_all(&mut group.iter().map(|item| item.place), error);
                    0
                }
            }
        });
        tables
    }

    /// Calls `open` with each number below `count`, on several threads if that helps. It returns
    /// how many records a shard has.
    pub fn open_side_by_side(
        &self,
        count: usize,
        calls: usize,
        open: impl Fn(usize) -> usize + Sync,
    ) {
        let next = AtomicUsize::new(0);
        let cost = count as u64 * OPENING.as_nanos() as u64;
        self.width.work(&Load { steps: count, cost, calls }, |_, _| {
            let number = next.fetch_add(1, Relaxed);
            (number < count).then(|| {
                let begun = Instant::now();
                let records = u32::try_from(open(number)).unwrap_or(u32::MAX);
                begun.elapsed() > OPENING + ENTRY * records
            })
        });
    }

    /// Sets the entries of records of one shard, to a size of 0 if they cannot be read.
    fn find_entries(&self, group: &mut [Item], table: &Table, errors: &Errors) {
        for item in group {
            let entry = match table.entry(item.record) {
                Some(entry) => Ok(entry),
                // The data may have grown.
                None => self.shard(item.shard).and_then(|reader| reader.entry_inside(item.record)),
            };
            item.entry = entry.unwrap_or_else(|error| {
                errors.note(item.place, self.named(item.shard, error));
                Entry { offset: 0, size: 0 }
            });
        }
    }

    /// Reads the records of a plan, each to its buffer, of its size. There is a buffer for each
    /// place of the request.
    pub fn read_plan(
        &self,
        plan: Plan,
        buffers: Vec<&mut [u8]>,
        errors: &Errors,
        calls: usize,
    ) -> Result<()> {
        let Plan { mut items, media, whole_chunks, .. } = plan;
        items.sort_unstable_by_key(|item| (item.shard, item.entry.offset, item.place));
        let mut buffers: Vec<_> = buffers.into_iter().map(Some).collect();
        let mut slots: Vec<Request<'_>> = with_room(items.len())?;
        for item in &items {
            let Item { record, entry, .. } = *item;
            let bytes = buffers[item.place].take().expect("each place has a buffer");
            slots.push((item.place, Slot { record, entry, bytes }));
        }
        let mut rest = &mut slots[..];
        let mut shards = Vec::new();
        let mut load = Load { steps: 0, cost: 0, calls };
        for group in groups(&items) {
            let (slots, after) = std::mem::take(&mut rest).split_at_mut(group.len());
            rest = after;
            let shard = items[group.start].shard;
            let medium = media.get(&shard).unwrap_or(&Medium::Near);
            let (_, steps, cost) = part_of(slots, u64::MAX, medium);
            (load.steps, load.cost) = (load.steps + steps, load.cost.saturating_add(cost));
            shards.push((shard, slots, medium));
        }
        shards.reverse(); // the last one is taken first
        let shards = Mutex::new(shards);
        self.width.work(&load, |cost, scratch| {
            // Records of several shards, if these have few.
            let (mut waited, mut done) = (None, 0);
            while done <= cost {
                let Some((shard, part, medium)) = take(&shards, cost - done) else { break };
                done += part_of(part, u64::MAX, medium).2;
                let is_slow = self.read_part(shard, part, scratch, whole_chunks, errors);
                waited = Some(is_slow);
                if is_slow {
                    break;
                }
            }
            waited
        });
        Ok(())
    }

    /// Reads records of one shard. Returns whether this waited for storage.
    fn read_part(
        &self,
        shard: usize,
        part: &mut [Request<'_>],
        scratch: &mut Vec<u8>,
        whole_chunks: bool,
        errors: &Errors,
    ) -> bool {
        let is_needed = |place| errors.is_needed(place);
        let begun = Instant::now();
        match self.shard(shard) {
            _ if !part.iter().any(|(place, _)| is_needed(*place)) => false,
            Ok(reader) => {
                let is_slow = begun.elapsed() > OPENING;
                let note = |place, error| errors.note(place, self.named(shard, error));
                reader.read_slots(part, scratch, whole_chunks, is_needed, note) || is_slow
            }
            Err(error) => {
                errors.note_all(&mut part.iter().map(|(place, _)| *place), error);
                false
            }
        }
    }
}

/// The runs of items of one shard each.
fn groups(items: &[Item]) -> Vec<Range<usize>> {
    let mut groups: Vec<Range<usize>> = Vec::new();
    for (i, item) in items.iter().enumerate() {
        match groups.last_mut() {
            Some(group) if items[group.start].shard == item.shard => group.end = i + 1,
            _ => groups.push(i..i + 1),
        }
    }
    groups
}

/// Records of a shard, and what that is on.
type Part<'b, 's> = (usize, &'b mut [Request<'s>], &'b Medium);
type Shards<'b, 's> = Mutex<Vec<Part<'b, 's>>>;

/// Takes records of the last shard, of which there are some, that cost about `cost` nanoseconds.
fn take<'b, 's>(shards: &Shards<'b, 's>, cost: u64) -> Option<Part<'b, 's>> {
    let mut shards = shards.lock().unwrap_or_else(PoisonError::into_inner);
    let (shard, rest, medium) = shards.last_mut()?;
    let (shard, part, medium) = (*shard, take_part(rest, cost, medium)?, *medium);
    if rest.is_empty() {
        shards.pop();
    }
    Some((shard, part, medium))
}

fn too_large() -> Error {
    Error::out_of_memory("the payloads")
}
