//! Callbacks: functions of the host that the library calls, as long as the host can run them.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use super::guard::unguarded;

static ALLOWED: AtomicBool = AtomicBool::new(true);
/// The number of callbacks that are running, on all threads.
static RUNNING: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// The number of callbacks that are running on this thread.
    static RUNNING_HERE: Cell<usize> = const { Cell::new(0) };
    /// Whether this thread refused the callbacks of the other threads.
    static EXEMPT: Cell<bool> = const { Cell::new(false) };
}

/// Calls a function of the host. None if callbacks are refused.
pub(super) fn call_back<T>(function: impl FnOnce() -> T) -> Option<T> {
    // Counted before the check: a thread that refuses callbacks either sees this one or stops it.
    let _running = Running::begin();
    let allowed = ALLOWED.load(SeqCst) || EXEMPT.with(Cell::get);
    allowed.then(|| unguarded(function))
}

/// Counts one callback while it lives.
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

/// Allows callbacks (`allowed` is 1, the initial state) or refuses them (0), in the whole process.
/// This is for a host that is about to lose what its callbacks need, such as an interpreter that is
/// shutting down. Such a host refuses callbacks, and repeats the call until it returns 0.
///
/// A refused `read_at` counts as one that returned -ECANCELED. A refused progress or skipped-region
/// callback counts as one that cancelled the call. A refused tfr_free_fn leaves its context
/// unfreed. The thread that refused callbacks can still run its own.
///
/// Returns the number of callbacks that are running on other threads. After a fork(), callbacks
/// that were running on other threads of the parent still count in the child, where they never
/// return.
///
/// Threads: safe on any thread.
#[no_mangle]
pub extern "C" fn tfr_callbacks_allow(allowed: i32) -> usize {
    let allowed = allowed != 0;
    EXEMPT.with(|exempt| exempt.set(!allowed));
    ALLOWED.store(allowed, SeqCst);
    RUNNING.load(SeqCst) - RUNNING_HERE.with(Cell::get)
}
