//! Which shards are still to be written, and how many threads write them: fewer if the process may
//! not have that many open files.

use std::sync::{Mutex, MutexGuard, PoisonError};

pub(super) struct Queue {
    shards: usize,
    state: Mutex<State>,
}

struct State {
    /// The first shard that no thread has begun.
    next: usize,
    /// Shards to begin again: the process had too many open files.
    again: Vec<usize>,
    /// How many threads work, and how many may.
    running: usize,
    limit: usize,
    /// Whether the process had too many open files.
    is_tight: bool,
}

/// A shard to write.
#[derive(Debug, PartialEq)]
pub(super) struct Turn {
    pub shard: usize,
    /// Whether files that are not needed should be closed, to open others.
    pub is_tight: bool,
    /// Whether no other thread works, so that fewer open files are not possible.
    is_last: bool,
}

impl Queue {
    /// Each of that many threads must call [`take`](Self::take) until it returns `None`, or
    /// [`leave`](Self::leave).
    pub fn new(shards: usize, threads: usize) -> Queue {
        let (running, limit) = (threads, threads);
        let state = State { next: 0, again: Vec::new(), running, limit, is_tight: false };
        Queue { shards, state: Mutex::new(state) }
    }

    /// The next shard to write; `None` if the thread should end.
    pub fn take(&self) -> Option<Turn> {
        let mut state = self.state();
        let shard = match state.running > state.limit {
            true => None,
            false if state.next < self.shards => {
                state.next += 1;
                Some(state.next - 1)
            }
            false => state.again.pop(),
        };
        if shard.is_none() {
            state.running -= 1;
        }
        let State { running, is_tight, .. } = *state;
        Some(Turn { shard: shard?, is_tight, is_last: is_tight && running == 1 })
    }

    /// Says that a thread ends, or that it did not start.
    pub fn leave(&self) {
        self.state().running -= 1;
    }

    /// Gives a shard back, because the process has too many open files: it is written again, by
    /// fewer threads. Returns false if it is of no use to try again.
    pub fn give_back(&self, turn: &Turn) -> bool {
        if turn.is_last {
            return false;
        }
        let mut state = self.state();
        state.again.push(turn.shard);
        state.limit = (state.running - 1).max(1);
        state.is_tight = true;
        true
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(shard: usize, is_tight: bool, is_last: bool) -> Option<Turn> {
        Some(Turn { shard, is_tight, is_last })
    }

    #[test]
    fn a_shard_that_is_given_back_is_written_by_fewer_threads() {
        let queue = Queue::new(3, 2);
        let (first, second) = (queue.take().unwrap(), queue.take().unwrap());
        assert_eq!((first.shard, second.shard), (0, 1));
        assert!(queue.give_back(&second));
        assert_eq!(queue.take(), None); // the thread ends
                                        // The other one is alone now, but was not when it began.
        assert!(queue.give_back(&first));
        for (shard, left) in [(2, 2), (0, 1), (1, 0)] {
            let last = queue.take();
            assert_eq!(last, turn(shard, true, true));
            assert_eq!(queue.state().again.len(), left);
            assert!(!queue.give_back(&last.unwrap()));
        }
        assert_eq!(queue.take(), None);
    }

    #[test]
    fn a_single_thread_tries_twice() {
        let queue = Queue::new(1, 3);
        (0..2).for_each(|_| queue.leave()); // two did not start
        let once = queue.take().unwrap();
        assert_eq!((once.is_tight, once.is_last), (false, false));
        assert!(queue.give_back(&once));
        let twice = queue.take();
        assert_eq!(twice, turn(0, true, true));
        assert!(!queue.give_back(&twice.unwrap()));
    }
}
