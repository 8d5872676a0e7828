//! The chunks that are in memory, of all compressed sources of the process together.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::Arc;

use super::chunk::{Chunk, Decoded};
use crate::error::Result;
use crate::fork::{Inherit, Local};
use crate::sys::SharedCell;

/// The most bytes of chunks, except those in use.
static MOST: AtomicU64 = AtomicU64::new(if super::TINY { 100 << 10 } else { 64 << 20 });

/// How many buffers of chunks that are gone are kept for the next ones, and of which size. Without
/// them, freed memory is in pieces that fit no other chunk: 14 MB of it after 165 MB of data.
const SPARES: usize = 4;
const MOST_SPARE: usize = 1 << 20;

/// A source and the number of a point.
pub(super) type Key = (u64, usize);

static CACHE: SharedCell<Local<Chunks>> = SharedCell::new();

/// The chunks in memory. The least recently used ones go.
#[derive(Default)]
struct Chunks {
    slots: HashMap<Key, Slot>,
    bytes: usize,
    /// Counts uses.
    time: u64,
    /// Buffers to use again.
    spares: Vec<Vec<u8>>,
}

enum Slot {
    Ready {
        chunk: Chunk,
        bytes: usize,
        used_at: u64,
    },
    /// A thread decodes it.
    Busy,
}

impl Inherit for Chunks {
    /// The threads that decode chunks do not exist in this process.
    fn inherit(&mut self, mut parents: Chunks) {
        parents.slots.retain(|_, slot| matches!(slot, Slot::Ready { .. }));
        *self = parents;
    }
}

fn cache() -> &'static Local<Chunks> {
    CACHE.get().unwrap_or_else(|| CACHE.set(Local::new(Chunks::default())))
}

/// How many bytes of decompressed data this process may keep: see [`set_cache_bytes`].
#[must_use]
pub fn cache_bytes() -> u64 {
    MOST.load(Relaxed)
}

/// Sets how many bytes of decompressed data this process may keep, of all compressed files together.
/// The default is 64 MiB. Data in use comes on top. With 0, each read decompresses its chunk from
/// the chunk's start: on average 128 KiB for a random record, but as much for each record in order.
/// Each data set that is read in an order [shuffled in chunks](crate::Order::shuffle_chunks) needs
/// 48 MiB; with less, its records cost up to 25 times as much.
///
/// Any thread may call this at any time; what is too much goes at once, but for a chunk that alone is
/// more than the number. A forked process has the
/// number of its parent.
///
/// ```
/// tfr_index::set_cache_bytes(256 << 20);
/// assert_eq!(tfr_index::cache_bytes(), 256 << 20);
/// ```
pub fn set_cache_bytes(bytes: u64) {
    MOST.store(bytes, Relaxed);
    if let Some(cache) = CACHE.get() {
        let mut chunks = cache.here().lock();
        chunks.trim();
        chunks.spares.clear();
    }
}

/// What a thread may do with a chunk.
pub(super) enum Access {
    /// Only read: it has all bytes.
    Read(Arc<Decoded>),
    /// Decode more of it, or begin it. Other threads wait.
    Decode(Decoding),
}

/// A chunk that this thread decodes. Other threads may have it when this is dropped.
pub(super) struct Decoding {
    key: Key,
    chunk: Option<Chunk>,
    /// A buffer for the chunk, and the bytes of the chunk before, if it is to be made.
    spare: Vec<u8>,
    before: Option<Arc<Decoded>>,
}

/// Returns a chunk that is to have the bytes from `offset` to `end`.
pub(super) fn get(key: Key, offset: u64, end: u64) -> Access {
    let here = cache().here();
    let mut chunks = here.lock();
    loop {
        chunks.time += 1;
        let time = chunks.time;
        match chunks.slots.get_mut(&key) {
            None => {
                chunks.slots.insert(key, Slot::Busy);
                let spare = chunks.spares.pop().unwrap_or_default();
                let before = chunks.before(key);
                return Access::Decode(Decoding { key, chunk: None, spare, before });
            }
            Some(Slot::Busy) => chunks = here.wait(chunks),
            Some(Slot::Ready { chunk, used_at, .. }) if chunk.reaches(offset) && chunk.has(end) => {
                *used_at = time;
                return Access::Read(chunk.decoded().clone());
            }
            Some(slot) => {
                let Slot::Ready { chunk, bytes, .. } = std::mem::replace(slot, Slot::Busy) else {
                    unreachable!("busy slots are above")
                };
                chunks.bytes -= bytes;
                drop(chunks);
                let chunk = Some(chunk).filter(|chunk| chunk.reaches(offset) && chunk.is_sound());
                return Access::Decode(Decoding { key, chunk, spare: Vec::new(), before: None });
            }
        }
    }
}

/// Returns the chunk to the cache if it is there, or frees its place.
impl Drop for Decoding {
    fn drop(&mut self) {
        let here = cache().here();
        let mut chunks = here.lock();
        chunks.slots.remove(&self.key);
        if let Some(chunk) = self.chunk.take() {
            chunks.add(self.key, chunk);
        }
        here.notify_all();
    }
}

impl Decoding {
    /// Works with the chunk, which `make` makes in a buffer if it is not there, with the bytes of the
    /// chunk before if they are in memory. After an error it is gone.
    pub fn work<T>(
        mut self,
        make: impl FnOnce(Vec<u8>, Option<Arc<Decoded>>) -> Result<Chunk>,
        work: impl FnOnce(&mut Chunk) -> Result<T>,
    ) -> Result<T> {
        let (spare, before) = (std::mem::take(&mut self.spare), self.before.take());
        let mut chunk = self.chunk.take().map_or_else(|| make(spare, before), Ok)?;
        let result = work(&mut chunk)?;
        self.chunk = Some(chunk);
        Ok(result)
    }
}

impl Chunks {
    /// The bytes of the chunk before one, if all of them are in memory.
    fn before(&self, (source, point): Key) -> Option<Arc<Decoded>> {
        match self.slots.get(&(source, point.checked_sub(1)?))? {
            Slot::Ready { chunk, .. } if chunk.is_complete() => Some(chunk.decoded().clone()),
            _ => None,
        }
    }

    fn add(&mut self, key: Key, chunk: Chunk) {
        self.time += 1;
        let (bytes, used_at) = (chunk.bytes(), self.time);
        self.bytes += bytes;
        self.slots.insert(key, Slot::Ready { chunk, bytes, used_at });
        self.trim();
    }

    /// Drops the chunks that are too many.
    fn trim(&mut self) {
        while self.bytes as u64 > cache_bytes() {
            let uses = self.slots.iter().filter_map(|(key, slot)| match slot {
                Slot::Ready { used_at, .. } => Some((*used_at, *key)),
                Slot::Busy => None,
            });
            let Some((used_at, oldest)) = uses.min() else { break };
            // One that alone is too much stays: to decode it again for each read would take minutes.
            if used_at == self.time && cache_bytes() > 0 {
                break;
            }
            self.remove(oldest);
        }
    }

    fn remove(&mut self, key: Key) {
        let Some(Slot::Ready { chunk, bytes, .. }) = self.slots.remove(&key) else { return };
        self.bytes -= bytes;
        let buffer = chunk.into_buffer().unwrap_or_default();
        if self.spares.len() < SPARES && (1..=MOST_SPARE).contains(&buffer.capacity()) {
            self.spares.push(buffer);
        }
    }
}

/// Frees the chunks of a source that is closed.
pub(super) fn forget(source: u64, points: usize) {
    let Some(cache) = CACHE.get() else { return };
    let mut chunks = cache.here().lock();
    if points < chunks.slots.len() {
        (0..points).for_each(|point| chunks.remove((source, point)));
        return;
    }
    let keys: Vec<_> = chunks.slots.keys().filter(|key| key.0 == source).copied().collect();
    keys.into_iter().for_each(|key| chunks.remove(key));
}
