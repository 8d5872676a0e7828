//! What forked processes do with the objects of their parents.
//!
//! A writer belongs to the process that made it: its children have copies, and share its files and
//! locks. In a forked process its calls fail, and the descriptors of its files are replaced when
//! the process starts: otherwise the children would keep the locks of a killed parent.
//!
//! State behind a lock is [`Local`]: a forked process takes over what its parent had, or starts
//! afresh if another thread of the parent held the lock, for then the state may be half changed.

mod local;

use std::os::fd::RawFd;
use std::process;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, Ordering};

use crate::error::{Error, ErrorKind, Result};
use crate::sys;

pub(crate) use local::{Here, Inherit, Local};

/// The number of forks between the first process and this one.
static GENERATION: AtomicU32 = AtomicU32::new(0);

/// Descriptors to replace in a forked process. If there are more, the rest are inherited.
static DESCRIPTORS: [AtomicI32; 256] = [FREE; 256];
#[allow(clippy::declare_interior_mutable_const)] // each is copied from it
const FREE: AtomicI32 = AtomicI32::new(NONE);
const NONE: RawFd = -1;

/// The process that made something.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Owner {
    process: u32,
    generation: u32,
}

impl Owner {
    pub fn this_process() -> Owner {
        handle_forks();
        Owner { process: process::id(), generation: GENERATION.load(Ordering::Relaxed) }
    }

    pub fn is_this_process(self) -> bool {
        // A later process may have the same number, and a fork without handlers does not count:
        // check both.
        self.is_this_generation() && self.process == process::id()
    }

    /// Like [`is_this_process`](Self::is_this_process), but without a system call where the handler
    /// of forks is registered. It does not notice bare `clone` calls, after which a process with
    /// threads may call nothing that takes a lock anyway.
    #[inline]
    pub fn is_not_forked(self) -> bool {
        let is_registered = IS_REGISTERED.load(Ordering::Relaxed);
        self.is_this_generation() && (is_registered || self.is_this_process())
    }

    /// Fails in a forked process.
    pub fn check(self) -> Result<()> {
        if self.is_this_process() {
            return Ok(());
        }
        Err(self.foreign())
    }

    /// Like [`check`](Self::check), but without a system call, for hot paths.
    #[inline]
    pub fn check_generation(self) -> Result<()> {
        if self.is_this_generation() {
            return Ok(());
        }
        Err(self.foreign())
    }

    #[inline]
    fn is_this_generation(self) -> bool {
        self.generation == GENERATION.load(Ordering::Relaxed)
    }

    #[cold]
    fn foreign(self) -> Error {
        let detail = format!(
            "the writer belongs to process {}: a forked process cannot use it; open another one",
            self.process
        );
        Error::new(ErrorKind::InvalidArgument, detail)
    }
}

/// Keeps an open descriptor from forked processes while it lives. Drop it before the descriptor is
/// closed.
pub(crate) struct ForkGuard {
    descriptor: RawFd,
    slot: Option<&'static AtomicI32>,
}

impl ForkGuard {
    pub fn new(descriptor: RawFd) -> ForkGuard {
        handle_forks();
        let slot = DESCRIPTORS.iter().find(|slot| replace(slot, NONE, descriptor));
        ForkGuard { descriptor, slot }
    }
}

impl Drop for ForkGuard {
    fn drop(&mut self) {
        if let Some(slot) = self.slot {
            // In a forked process another descriptor may use the slot now.
            replace(slot, self.descriptor, NONE);
        }
    }
}

fn replace(slot: &AtomicI32, from: RawFd, to: RawFd) -> bool {
    slot.compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed).is_ok()
}

/// Whether the handler is registered.
static IS_REGISTERED: AtomicBool = AtomicBool::new(false);

/// Registers the handler, once.
fn handle_forks() {
    // Not a Once: a process forked while another thread is inside it would deadlock.
    static IS_BEGUN: AtomicBool = AtomicBool::new(false);
    if !IS_BEGUN.swap(true, Ordering::Relaxed) {
        // If this fails (out of memory), only the process number detects forks.
        IS_REGISTERED.store(sys::on_fork(begin_forked).is_ok(), Ordering::Relaxed);
    }
}

/// Runs first in a forked process.
extern "C" fn begin_forked() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
    for slot in &DESCRIPTORS {
        match slot.swap(NONE, Ordering::Relaxed) {
            NONE => {}
            descriptor => sys::blind(descriptor),
        }
    }
}
