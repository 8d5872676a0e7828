//! How many threads read side by side: as many as there are processors, and more where reads wait
//! for storage.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

use super::{processors, Crew, WAITING};
use crate::sys::thread_usage;

/// The most work (in nanoseconds) that a thread takes per step, and the least that justifies
/// starting a thread.
const PART: u64 = if cfg!(any(test, fuzzing)) { 3000 } else { 30_000 };
const WORTH: u64 = if cfg!(any(test, fuzzing)) { 3000 } else { 400_000 };
/// The number of steps per thread: enough that all threads end at about the same time.
const STEPS_PER_THREAD: u64 = 4;

/// The number of threads that the calls of one object start. Calls learn it from each other.
pub(crate) struct Width {
    /// The number that the caller wants; 0: what the storage needs.
    fixed: usize,
    processors: usize,
    current: AtomicUsize,
}

/// Some work that threads share.
pub(crate) struct Load {
    /// The most steps that the work can be divided into.
    pub steps: usize,
    /// About how long it takes, in nanoseconds, if nothing waits for storage.
    pub cost: u64,
    /// How many such calls run at the same time. They divide the threads among themselves.
    pub calls: usize,
}

impl Width {
    /// `threads`: as in [`Options::threads`](crate::Options::threads).
    pub fn new(threads: usize) -> Width {
        let processors = processors();
        Width { fixed: threads, processors, current: AtomicUsize::new(processors) }
    }

    /// Calls `step` on several threads until it returns `None`. It is passed how much work to take,
    /// in nanoseconds, and memory to reuse; it returns whether it waited for storage. The caller's
    /// thread works too, and starts the others.
    pub fn work(&self, load: &Load, step: impl Fn(u64, &mut Vec<u8>) -> Option<bool> + Sync) {
        let Width { fixed, processors, .. } = *self;
        let mut width = if fixed > 0 { fixed } else { self.current.load(Relaxed) };
        let mut waited = false;
        let part = AtomicUsize::new(0);
        let take = |scratch: &mut Vec<u8>| step(part.load(Relaxed) as u64, scratch);
        thread::scope(|scope| {
            let mut crew = Crew::new(scope);
            let mut scratch = Vec::new();
            loop {
                let is_short = fixed == 0 && width <= processors;
                let worth = if is_short { load.cost / WORTH } else { u64::MAX };
                let worth = usize::try_from(worth).unwrap_or(usize::MAX);
                let share = (width + load.calls - 1) / load.calls;
                let threads = share.min(worth).min(load.steps).max(1);
                let size = PART.min(load.cost / STEPS_PER_THREAD / threads as u64);
                part.store(size as usize, Relaxed);
                let work = || {
                    let mut scratch = Vec::new();
                    while take(&mut scratch).is_some() {}
                };
                while crew.len() + 1 < threads && crew.start(work) {}
                let waits = Waits::begin(fixed == 0);
                match take(&mut scratch) {
                    Some(slow) if slow && waits.are_more() => {
                        width = (2 * width).min(WAITING.max(processors));
                        waited = true;
                    }
                    Some(_) => {}
                    None => break,
                }
            }
        });
        if fixed == 0 {
            let next = if waited { width } else { (width / 2).max(processors) };
            self.current.store(next, Relaxed);
        }
    }
}

/// How often this thread waited, for instance for storage: not for a processor, which takes longer
/// if there are more threads. `None`: not asked for.
pub(crate) struct Waits(Option<Option<u64>>);

impl Waits {
    pub fn begin(is_asked: bool) -> Waits {
        Waits(is_asked.then(|| thread_usage().map(|usage| usage.waits)))
    }

    /// Whether the thread has waited since. If the system does not say: probably.
    pub fn are_more(&self) -> bool {
        match (self.0, thread_usage()) {
            (None, _) => false,
            (Some(Some(before)), Some(now)) => now.waits > before,
            _ => true,
        }
    }
}
