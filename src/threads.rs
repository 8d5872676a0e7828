//! Threads that work for one call and end before it returns.

mod width;

use std::num::NonZeroUsize;
use std::panic;
use std::process;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, Scope, ScopedJoinHandle};
use std::time::Duration;

pub(crate) use width::{Load, Waits, Width};

use crate::error::{Error, Result};

/// The name of this library's threads, whose panics are not printed.
pub(crate) const NAME: &str = "tfr-index";

/// The number of processors available to this process. A process finds it once, because this reads
/// files of the system.
pub(crate) fn processors() -> usize {
    // The process and the number. Not a OnceLock: a process forked while another thread initialises
    // it would deadlock.
    static KNOWN: AtomicU64 = AtomicU64::new(0);
    let process = u64::from(process::id()) << 32;
    let known = KNOWN.load(Ordering::Relaxed);
    if known & !u64::from(u32::MAX) == process {
        return (known & u64::from(u32::MAX)) as usize;
    }
    let found = thread::available_parallelism().map_or(1, NonZeroUsize::get).min(1 << 20);
    KNOWN.store(process | found as u64, Ordering::Relaxed);
    found
}

/// How often a thread that waits for others wakes: the progress callback can then react to Ctrl-C.
pub(crate) const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// The most threads by default where all of the data is read: more would wait for memory.
pub(crate) const READING: usize = 8;
/// The most threads by default where each waits for storage: that many reads are then in flight.
pub(crate) const WAITING: usize = 32;
/// The most threads that decode index text: more would wait for the one that gathers the entries.
pub(crate) const DECODING: usize = 4;

/// The threads that many files share, as a number of seats. Each file that is worked on has one. When
/// no file is left to begin, the pool is open: the files in work may take the free seats.
#[derive(Debug)]
pub(crate) struct Pool {
    seats: AtomicUsize,
    used: AtomicUsize,
    is_open: AtomicBool,
}

impl Pool {
    pub fn new(seats: usize) -> Pool {
        let (seats, used) = (AtomicUsize::new(seats), AtomicUsize::new(0));
        Pool { seats, used, is_open: AtomicBool::new(false) }
    }

    /// Makes room for that many seats.
    pub fn widen(&self, seats: usize) {
        self.seats.fetch_max(seats, Ordering::Relaxed);
    }

    /// Takes a seat for a file.
    pub fn enter(&self) {
        self.used.fetch_add(1, Ordering::Relaxed);
    }

    pub fn open(&self) {
        self.is_open.store(true, Ordering::Relaxed);
    }

    pub fn has_free(&self) -> bool {
        self.free(self.used.load(Ordering::Relaxed)) > 0
    }

    /// Takes up to `wanted` free seats; returns how many.
    pub fn take(&self, wanted: usize) -> usize {
        let mut taken = 0;
        let _ = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
            taken = self.free(used).min(wanted);
            Some(used + taken)
        });
        taken
    }

    pub fn give(&self, seats: usize) {
        self.used.fetch_sub(seats, Ordering::Relaxed);
    }

    fn free(&self, used: usize) -> usize {
        match self.is_open.load(Ordering::Relaxed) {
            true => self.seats.load(Ordering::Relaxed).saturating_sub(used),
            false => 0,
        }
    }
}

/// The threads of a scope. Dropping it joins them and panics if one of them panicked. The scope
/// alone would wait for their work, but not until they have exited, and a host must not unload the
/// library before that. So drop whatever makes the threads end before this.
pub(crate) struct Crew<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    threads: Vec<ScopedJoinHandle<'scope, ()>>,
}

impl<'scope, 'env> Crew<'scope, 'env> {
    pub fn new(scope: &'scope Scope<'scope, 'env>) -> Self {
        Crew { scope, threads: Vec::new() }
    }

    /// Starts a thread; returns false if the system cannot start one.
    pub fn start<T>(&mut self, work: impl FnOnce() -> T + Send + 'scope) -> bool {
        let work = || drop(work());
        match thread::Builder::new().name(NAME.into()).spawn_scoped(self.scope, work) {
            Ok(thread) => self.threads.push(thread),
            Err(_) => return false,
        }
        true
    }

    pub fn len(&self) -> usize {
        self.threads.len()
    }
}

impl Drop for Crew<'_, '_> {
    fn drop(&mut self) {
        for thread in self.threads.drain(..) {
            match thread.join() {
                Err(panic) if !thread::panicking() => panic::resume_unwind(panic),
                _ => {}
            }
        }
    }
}

/// Of the errors of all threads, the one at the first place in the work.
pub(crate) struct FirstError {
    /// Work at this place and after it is not needed.
    limit: AtomicUsize,
    error: Mutex<Option<(usize, Error)>>,
}

impl FirstError {
    /// `places` is the number of places.
    pub fn new(places: usize) -> FirstError {
        FirstError { limit: AtomicUsize::new(places), error: Mutex::new(None) }
    }

    /// Whether work at this place is still needed.
    pub fn is_before(&self, place: usize) -> bool {
        place < self.limit()
    }

    /// The place of the first error; the number of places if there is none.
    pub fn limit(&self) -> usize {
        self.limit.load(Ordering::Relaxed)
    }

    /// Marks all work as not needed.
    pub fn give_up(&self) {
        self.limit.store(0, Ordering::Relaxed);
    }

    pub fn note(&self, place: usize, error: Error) {
        self.limit.fetch_min(place, Ordering::Relaxed);
        let mut first = self.error.lock().unwrap_or_else(PoisonError::into_inner);
        if first.as_ref().map_or(true, |(before, _)| place < *before) {
            *first = Some((place, error));
        }
    }

    pub fn into_result(self) -> Result<()> {
        match self.error.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some((_, error)) => Err(error),
            None => Ok(()),
        }
    }
}
