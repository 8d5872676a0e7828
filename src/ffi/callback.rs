//! Callbacks: functions of the host's that the library calls, for as long as the host can run them.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use super::guard::unguarded;

static ALLOWED: AtomicBool = AtomicBool::new(true);
/// How many callbacks are running, on all threads.
static RUNNING: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// How many of them are running on this thread.
    static RUNNING_HERE: Cell<usize> = const { Cell::new(0) };
    /// Whether this thread ended the callbacks of the others.
    static EXEMPT: Cell<bool> = const { Cell::new(false) };
}

/// Calls a function of the host's. None if it may not be called any more.
pub(super) fn call_back<T>(function: impl FnOnce() -> T) -> Option<T> {
    // Counted before it asks: whoever ends callbacks either sees this one or has it refused.
    let _running = Running::begin();
    let allowed = ALLOWED.load(SeqCst) || EXEMPT.with(Cell::get);
    allowed.then(|| unguarded(function))
}

/// Counts a callback while it lives.
struct Running;

impl Running {
    fn begin() -> Running {
        RUNNING.fetch_add(1, SeqCst);
        RUNNING_HERE.with(|here| here.set(here.get() + 1));
        Running
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        RUNNING_HERE.with(|here| here.set(here.get() - 1));
        RUNNING.fetch_sub(1, SeqCst);
    }
}

/// Has callbacks called (`allowed` is 1, as at first) or refused (0), in the whole process. For a
/// host that is about to lose what its callbacks need, such as an interpreter at its end: it
/// refuses them, and then calls this function until it returns 0.
///
/// A read that is refused fails as if `read_at` had returned -ECANCELED. A refused callback for progress
/// or skipped regions counts as one that cancelled the call. A source's context is then not freed. The
/// callbacks of the thread that refused those of the others are called all the same.
///
/// Returns how many callbacks are running on other threads. After a fork(), those that were running
/// on the parent's other threads still count in the child, where they never return.
///
/// Threads: any.
#[no_mangle]
pub extern "C" fn tfr_callbacks_allow(allowed: i32) -> usize {
    let allowed = allowed != 0;
    EXEMPT.with(|exempt| exempt.set(!allowed));
    ALLOWED.store(allowed, SeqCst);
    RUNNING.load(SeqCst) - RUNNING_HERE.with(Cell::get)
}
