//! Work on many things at once, whose results come in order.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use crate::error::Result;
use crate::threads::{Crew, Pool, POLL_INTERVAL};

/// How many distant files to work on at the same time: the work mostly waits for them.
pub(crate) const DISTANT: usize = 32;

/// Results that wait for an earlier one, for each thread.
const AHEAD: usize = 8;

/// A callback that stops once the work is over.
pub(crate) fn until_over<T>(is_over: &AtomicBool) -> impl Fn(T) -> ControlFlow<()> + Sync + '_ {
    |_| match is_over.load(Ordering::Relaxed) {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    }
}

struct Queue<T> {
    /// The first thing that no thread has begun.
    next: usize,
    /// How many results were taken.
    taken: usize,
    /// Results that were not taken yet.
    done: BTreeMap<usize, T>,
    running: usize,
}

struct Several<'s, T> {
    queue: Mutex<Queue<T>>,
    /// Wakes threads that are too far ahead.
    room: Condvar,
    /// Wakes the caller's thread.
    news: Condvar,
    pool: Pool,
    is_over: &'s AtomicBool,
}

/// Does `work` with the numbers below `count` in up to that many `threads`, and gives `take` the
/// results, in order, on the caller's thread. There, `poll` is called about 20 times a second. After an
/// error of one of the two, `is_over` is true: work should end soon.
///
/// The last ones may use the threads that are left over, by the pool.
pub(crate) fn in_order<T: Send>(
    count: usize,
    threads: usize,
    is_over: &AtomicBool,
    work: impl Fn(usize, &Pool) -> T + Sync,
    mut poll: impl FnMut() -> Result<()>,
    mut take: impl FnMut(usize, T) -> Result<()>,
) -> Result<()> {
    let queue = Queue { next: 0, taken: 0, done: BTreeMap::new(), running: 0 };
    let several = Several {
        queue: Mutex::new(queue),
        room: Condvar::new(),
        news: Condvar::new(),
        pool: Pool::new(threads),
        is_over,
    };
    thread::scope(|scope| {
        let mut crew = Crew::new(scope);
        let _end = EndOnDrop(&several); // before the threads are joined
        for _ in 0..threads.min(count) {
            several.queue().running += 1;
            if !crew.start(|| several.work(count, &work, threads * AHEAD)) {
                several.queue().running -= 1;
                break;
            }
        }
        if crew.len() == 0 {
            for number in 0..count {
                take(number, work(number, &several.pool))?;
                poll()?;
            }
            return Ok(());
        }
        let (mut taken, mut asked) = (0, None::<Instant>);
        loop {
            let mut queue = several.queue();
            if !queue.done.contains_key(&taken) && queue.running > 0 {
                let waited = several.news.wait_timeout(queue, POLL_INTERVAL);
                queue = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
            let done = queue.done.remove(&taken);
            let is_last = queue.running == 0;
            if done.is_some() {
                queue.taken += 1;
                several.room.notify_all();
            }
            drop(queue);
            match done {
                Some(done) => {
                    take(taken, done)?;
                    taken += 1;
                }
                None if is_last => return Ok(()), // or a thread panicked
                None => {}
            }
            if asked.map_or(true, |time| time.elapsed() >= POLL_INTERVAL) {
                poll()?;
                asked = Some(Instant::now());
            }
        }
    })
}

impl<T> Several<'_, T> {
    fn work(&self, count: usize, work: &(impl Fn(usize, &Pool) -> T + Sync), ahead: usize) {
        self.pool.enter();
        let _leave = Leave(self);
        while let Some(number) = self.next(count, ahead) {
            let done = work(number, &self.pool);
            self.queue().done.insert(number, done);
            self.news.notify_all();
        }
    }

    fn next(&self, count: usize, ahead: usize) -> Option<usize> {
        let mut queue = self.queue();
        loop {
            if queue.next >= count || self.is_over.load(Ordering::Relaxed) {
                return None;
            }
            if queue.next < queue.taken + ahead {
                break;
            }
            queue = self.room.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        queue.next += 1;
        if queue.next == count {
            self.pool.open();
        }
        Some(queue.next - 1)
    }

    fn queue(&self) -> MutexGuard<'_, Queue<T>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A thread's work ends, even by a panic.
struct Leave<'s, 'o, T>(&'s Several<'o, T>);

impl<T> Drop for Leave<'_, '_, T> {
    fn drop(&mut self) {
        self.0.pool.give(1);
        let mut queue = self.0.queue();
        queue.running -= 1;
        if thread::panicking() {
            self.0.is_over.store(true, Ordering::Relaxed);
            self.0.room.notify_all();
        }
        self.0.news.notify_all();
    }
}

/// Ends the work of threads that run or wait.
struct EndOnDrop<'s, 'o, T>(&'s Several<'o, T>);

impl<T> Drop for EndOnDrop<'_, '_, T> {
    fn drop(&mut self) {
        let _queue = self.0.queue(); // no thread is between its look and its wait
        self.0.is_over.store(true, Ordering::Relaxed);
        self.0.room.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Error, ErrorKind};

    fn squares(count: usize, threads: usize, last: usize) -> Result<Vec<usize>> {
        let (is_over, mut squares) = (AtomicBool::new(false), Vec::new());
        let work = |number: usize, _: &Pool| {
            thread::sleep(std::time::Duration::from_micros((number % 7) as u64 * 50));
            number * number
        };
        let take = |number, square| {
            assert_eq!(number, squares.len());
            squares.push(square);
            match number == last {
                true => Err(Error::new(ErrorKind::Cancelled, "enough")),
                false => Ok(()),
            }
        };
        in_order(count, threads, &is_over, work, || Ok(()), take)?;
        Ok(squares)
    }

    #[test]
    fn results_come_in_order() {
        for threads in [1, 2, 5] {
            for count in [0, 1, 2, 300] {
                let right: Vec<_> = (0..count).map(|number| number * number).collect();
                assert_eq!(squares(count, threads, usize::MAX).unwrap(), right);
            }
            assert_eq!(squares(300, threads, 40).unwrap_err().kind(), ErrorKind::Cancelled);
        }
    }

    #[test]
    #[should_panic(expected = "a scoped thread panicked")]
    fn a_panic_ends_the_work() {
        let work = |number: usize, _: &Pool| assert!(number < 20, "a scoped thread panicked");
        let _ = in_order(40, 2, &AtomicBool::new(false), work, || Ok(()), |_, ()| Ok(()));
    }
}
