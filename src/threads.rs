//! Threads that work for a call, and are gone when it returns.

use std::num::NonZeroUsize;
use std::panic;
use std::thread::{self, Scope, ScopedJoinHandle};

/// Their name: panics of theirs are not printed.
pub(crate) const NAME: &str = "tfr-index";

/// How many processors there are for this process. (The answer is in some files of the system's:
/// ask once.)
pub(crate) fn processors() -> usize {
    thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

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
