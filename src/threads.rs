//! Threads that work for a call, and are gone when it returns.

use std::num::NonZeroUsize;
use std::panic;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, Scope, ScopedJoinHandle};
use std::time::Duration;

use crate::error::{Error, Result};

/// Their name: panics of theirs are not printed.
pub(crate) const NAME: &str = "tfr-index";

/// How many processors there are for this process. (The answer is in some files of the system's:
/// ask once.)
pub(crate) fn processors() -> usize {
    thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// How often a thread that waits for others wakes: the progress callback can then react to Ctrl-C.
pub(crate) const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// The most threads by default where all of the data is read: more would wait for memory.
pub(crate) const READING: usize = 8;
/// The most threads by default where each waits for storage: that many reads are then in flight.
pub(crate) const WAITING: usize = 32;
/// The most threads that decode index text: more would wait for the one that gathers the entries.
pub(crate) const DECODING: usize = 4;

/// The threads of a scope. When it is dropped it waits for them: the scope alone would wait for what
/// they do, but not for their last steps in the system, during which a host must not unload the
/// library. So whatever lets them end must be dropped before. It panics if one of them did.
pub(crate) struct Crew<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    threads: Vec<ScopedJoinHandle<'scope, ()>>,
}

impl<'scope, 'env> Crew<'scope, 'env> {
    pub fn new(scope: &'scope Scope<'scope, 'env>) -> Self {
        Crew { scope, threads: Vec::new() }
    }

    /// Starts a thread; false if the system has no more.
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

/// The first error, by its place in the work, of all that threads meet.
pub(crate) struct FirstError {
    /// The first place where work is of no use.
    limit: AtomicUsize,
    error: Mutex<Option<(usize, Error)>>,
}

impl FirstError {
    /// There are so many places.
    pub fn new(places: usize) -> FirstError {
        FirstError { limit: AtomicUsize::new(places), error: Mutex::new(None) }
    }

    /// Whether work at this place may still be of use.
    pub fn is_before(&self, place: usize) -> bool {
        place < self.limit.load(Ordering::Relaxed)
    }

    /// Has no work be of use any more.
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
