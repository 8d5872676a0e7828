//! The files of one call, and the threads that work on them.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::counts::Counts;
use super::one::{create, Abandoned, Listener};
use super::waits::Waits;
use super::{CreateIndexes, CreateTotals, Created};
use crate::options::Skipped;
use crate::shards::Shard;
use crate::threads::{self, Crew, Pool, POLL_INTERVAL};

/// Takes what was done with a file, and may cancel.
pub(super) type OnFile<'f> = &'f mut dyn FnMut(Created) -> ControlFlow<()>;

pub(super) struct Work<'a> {
    shards: &'a [Shard],
    settings: &'a CreateIndexes<'a>,
    counts: Counts,
    pool: Pool,
    abandoned: Abandoned,
    queue: Mutex<Queue>,
    /// Wakes the caller's thread if it has something to do at once.
    wake: Condvar,
    is_cancelled: AtomicBool,
}

struct Queue {
    /// The first file that no thread has begun.
    next: usize,
    /// Files to begin again: the process had too many open files.
    again: Vec<usize>,
    /// Threads that work on files.
    running: usize,
    /// The most threads that may, and whether this may grow.
    limit: usize,
    may_widen: bool,
    /// Whether the caller's thread has something to do at once.
    is_urgent: bool,
    /// What happened since the caller's thread looked.
    events: Vec<Event>,
}

enum Event {
    Done(usize, Created),
    Skipped(Skipped),
}

impl<'a> Work<'a> {
    pub fn new(shards: &'a [Shard], settings: &'a CreateIndexes<'a>) -> Work<'a> {
        let processors = threads::processors();
        let or_processors = |number: usize| if number == 0 { processors } else { number };
        let limit = or_processors(settings.jobs);
        let queue = Queue {
            next: 0,
            again: Vec::new(),
            running: 0,
            limit,
            may_widen: settings.jobs == 0,
            is_urgent: false,
            events: Vec::new(),
        };
        Work {
            shards,
            settings,
            counts: Counts::of(shards.len()),
            pool: Pool::new(limit.max(or_processors(settings.options.threads))),
            abandoned: Abandoned::default(),
            queue: Mutex::new(queue),
            wake: Condvar::new(),
            is_cancelled: AtomicBool::new(false),
        }
    }

    /// Works on all files. Breaks if a callback does.
    pub fn run(&self, on_file: OnFile<'_>) -> ControlFlow<()> {
        let mut delivery =
            Delivery { counts: &self.counts, next: 0, early: BTreeMap::new(), on_file };
        if self.settings.jobs != 1 && self.shards.len() > 1 {
            self.run_in_threads(&mut delivery)?;
        }
        // One at a time, or because no thread could be started.
        self.run_here(&mut delivery)?;
        self.counts.report(self.settings)
    }

    /// What was done with the files so far.
    pub fn totals(&self) -> CreateTotals {
        self.counts.totals()
    }

    /// Works on the caller's thread. Each file may use several threads.
    fn run_here(&self, delivery: &mut Delivery<'_, '_>) -> ControlFlow<()> {
        let bytes = |bytes| {
            self.counts.add_bytes(bytes);
            self.counts.report_if_due(self.settings)
        };
        let skipped = |skipped| self.tell(skipped);
        loop {
            let Some(number) = self.queue().take(self.shards.len()) else {
                return ControlFlow::Continue(());
            };
            // A break cancels the file, which then fails, and its failure is not told.
            let is_cancelled = AtomicBool::new(false);
            let note = |flow: ControlFlow<()>| {
                is_cancelled.fetch_or(flow.is_break(), Ordering::Relaxed);
                flow
            };
            let (bytes, skipped) = (|count| note(bytes(count)), |one| note(skipped(one)));
            let listener = Listener { bytes: &bytes, skipped: &skipped };
            let shard = &self.shards[number];
            let created = create(shard, self.settings, None, &listener, &self.abandoned);
            if is_cancelled.load(Ordering::Relaxed) {
                return ControlFlow::Break(());
            }
            delivery.take(number, created)?;
            self.counts.report_if_due(self.settings)?;
        }
    }

    fn run_in_threads(&self, delivery: &mut Delivery<'_, '_>) -> ControlFlow<()> {
        thread::scope(|scope| {
            let mut crew = Crew::new(scope);
            let _cancel = CancelOnDrop(&self.is_cancelled); // before the threads are joined
            let mut can_start = true;
            loop {
                let mut queue = self.queue();
                let files = self.shards.len();
                while can_start && queue.running < queue.limit && queue.left(files) > queue.running
                {
                    can_start = crew.start(|| self.work());
                    queue.running += usize::from(can_start);
                }
                let is_quiet = |queue: &mut Queue| queue.running > 0 && !queue.is_urgent;
                let waited = self.wake.wait_timeout_while(queue, POLL_INTERVAL, is_quiet);
                let mut queue = waited.unwrap_or_else(PoisonError::into_inner).0;
                queue.is_urgent = false;
                let events = std::mem::take(&mut queue.events);
                let is_over = queue.running == 0 && (queue.left(files) == 0 || !can_start);
                drop(queue);
                for event in events {
                    match event {
                        Event::Done(number, created) => delivery.take(number, created)?,
                        Event::Skipped(skipped) => self.tell(skipped)?,
                    }
                }
                if is_over {
                    return ControlFlow::Continue(());
                }
                self.counts.report_if_due(self.settings)?;
            }
        })
    }

    /// Works on files until none is left to begin.
    fn work(&self) {
        self.pool.enter();
        let _leave = Leave(self);
        let bytes = |bytes| {
            self.counts.add_bytes(bytes);
            self.flow()
        };
        let skipped = |skipped| {
            self.queue().events.push(Event::Skipped(skipped));
            self.flow()
        };
        let listener = Listener { bytes: &bytes, skipped: &skipped };
        let mut waits = Waits::new();
        loop {
            let taken = {
                let mut queue = self.queue();
                let taken = queue.take(self.shards.len());
                if queue.left(self.shards.len()) == 0 {
                    self.pool.open();
                }
                taken
            };
            let Some(number) = taken else { return };
            waits.begin();
            let shard = &self.shards[number];
            let created =
                create(shard, self.settings, Some(&self.pool), &listener, &self.abandoned);
            let is_waiting = waits.end();
            if self.is_cancelled.load(Ordering::Relaxed) {
                return;
            }
            let mut queue = self.queue();
            if has_too_many_files(&created) && queue.running > 1 {
                queue.again.push(number);
                (queue.limit, queue.may_widen) = (queue.running - 1, false);
                return; // the others go on with fewer open files
            }
            queue.events.push(Event::Done(number, created));
            if is_waiting && queue.may_widen {
                queue.limit = queue.limit.max(threads::WAITING);
                self.pool.widen(queue.limit);
                (queue.may_widen, queue.is_urgent) = (false, true);
                self.wake.notify_all();
            }
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Breaks once the work is cancelled.
    fn flow(&self) -> ControlFlow<()> {
        match self.is_cancelled.load(Ordering::Relaxed) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }

    fn tell(&self, skipped: Skipped) -> ControlFlow<()> {
        let callback = self.settings.options.on_skipped;
        callback.map_or(ControlFlow::Continue(()), |callback| callback(skipped))
    }
}

impl Queue {
    /// How many of the files are to be begun.
    fn left(&self, files: usize) -> usize {
        files - self.next + self.again.len()
    }

    fn take(&mut self, files: usize) -> Option<usize> {
        if self.next < files {
            self.next += 1;
            return Some(self.next - 1);
        }
        self.again.pop()
    }
}

fn has_too_many_files(created: &Created) -> bool {
    let error = created.result.as_ref().err().and_then(|error| error.os_error());
    matches!(error, Some(libc::EMFILE | libc::ENFILE))
}

/// A thread's work ends, even by a panic.
struct Leave<'w, 'a>(&'w Work<'a>);

impl Drop for Leave<'_, '_> {
    fn drop(&mut self) {
        self.0.pool.give(1);
        let mut queue = self.0.queue();
        queue.running -= 1;
        if queue.running == 0 {
            queue.is_urgent = true;
            self.0.wake.notify_all();
        }
    }
}

/// Ends the work of threads that run.
struct CancelOnDrop<'w>(&'w AtomicBool);

impl Drop for CancelOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Passes on what was done with files, in their order.
struct Delivery<'w, 'f> {
    counts: &'w Counts,
    next: usize,
    /// Files that were done before the next one.
    early: BTreeMap<usize, Created>,
    on_file: OnFile<'f>,
}

impl Delivery<'_, '_> {
    fn take(&mut self, number: usize, created: Created) -> ControlFlow<()> {
        self.counts.add(&created);
        self.early.insert(number, created);
        while let Some(created) = self.early.remove(&self.next) {
            self.next += 1;
            (self.on_file)(created)?;
        }
        ControlFlow::Continue(())
    }
}
