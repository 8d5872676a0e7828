//! State behind a lock, which no fork can leave locked.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::Owner;
use crate::sys::SharedBox;

/// State that the threads of a process share. A forked process has its own.
pub(crate) struct Local<T: Inherit> {
    here: SharedBox<Here<T>>,
}

/// The state of one process.
pub(crate) struct Here<T> {
    owner: Owner,
    state: Mutex<T>,
    changed: Condvar,
}

/// State that a forked process can take over.
pub(crate) trait Inherit: Default + Send {
    /// Takes over the parent's state. The parent's other threads do not exist in this process.
    fn inherit(&mut self, parents: Self);
}

impl<T: Inherit> Local<T> {
    pub fn new(state: T) -> Local<T> {
        Local { here: SharedBox::new(Here::new(state)) }
    }

    /// Returns the state of this process.
    pub fn here(&self) -> &Here<T> {
        loop {
            let here = self.here.get();
            if here.is_this_process() {
                return here;
            }
            // Of several threads, one succeeds; the parent's state stays where it is, as another
            // thread may still look at it.
            if self.here.replace(here, Here::new(T::default())) {
                // If the lock is free, it was free when this process began: nothing was amid a
                // change.
                let parents =
                    here.state.try_lock().ok().map(|mut state| std::mem::take(&mut *state));
                let here = self.here.get();
                if let Some(parents) = parents {
                    here.lock().inherit(parents);
                }
                return here;
            }
        }
    }
}

impl<T: Inherit> Drop for Local<T> {
    fn drop(&mut self) {
        // In a forked process, this leaves the parent's state alone if it may be half changed.
        self.here();
    }
}

impl<T> Here<T> {
    fn new(state: T) -> Here<T> {
        Here { owner: Owner::this_process(), state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Whether this is the state of this process, not that of its parent.
    pub fn is_this_process(&self) -> bool {
        self.owner.is_not_forked()
    }

    /// Locks the state. Do no work while it is locked.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Unlocks the state until a thread calls [`notify_all`](Self::notify_all).
    pub fn wait<'a>(&self, state: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    pub fn notify_all(&self) {
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Inherit for Vec<u32> {
        fn inherit(&mut self, parents: Vec<u32>) {
            self.extend(parents);
        }
    }

    /// As if a fork had happened since.
    fn forked(state: Vec<u32>) -> Local<Vec<u32>> {
        let local = Local::new(state);
        let mut here = Here::new(std::mem::take(&mut *local.here.get().lock()));
        here.owner.generation += 1;
        assert!(local.here.replace(local.here.get(), here));
        local
    }

    #[test]
    fn a_forked_process_takes_over_what_is_whole() {
        let local = forked(vec![1, 2]);
        local.here().lock().push(3);
        assert_eq!(*local.here().lock(), [1, 2, 3]);
    }

    #[test]
    fn a_forked_process_leaves_alone_what_is_locked() {
        let local = forked(vec![1, 2]);
        let parents = local.here.get();
        let locked = parents.lock();
        assert_eq!(*local.here().lock(), []);
        assert!(!parents.is_this_process() && local.here().is_this_process());
        drop(locked);
        assert_eq!(*parents.lock(), [1, 2]);
    }
}
