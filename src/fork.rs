//! Forked processes, which have copies of their parent's writers, and share the files and locks of
//! these.
//!
//! A writer belongs to the process that made it. In a forked one its calls fail, and the descriptors
//! of its files are replaced as the process begins: otherwise a parent that is killed would leave its
//! locks to its children.

use std::os::fd::RawFd;
use std::process;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, Ordering};

use crate::error::{Error, ErrorKind, Result};
use crate::sys;

/// How many forks there were from the first process to this one.
static GENERATION: AtomicU32 = AtomicU32::new(0);

/// Descriptors that a forked process is not to have. More than these, it has.
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
        // The number alone may be that of a later process; forks that run no handlers count none.
        self.is_this_generation() && self.process == process::id()
    }

    /// An error in a forked process.
    pub fn check(self) -> Result<()> {
        if self.is_this_process() {
            return Ok(());
        }
        Err(self.foreign())
    }

    /// As [`check`](Self::check), without asking the system: for hot paths.
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
            "the writer belongs to process {}: a forked process cannot use it",
            self.process
        );
        Error::new(ErrorKind::InvalidArgument, detail)
    }
}

/// Keeps an open descriptor from forked processes while it lives. Drop it before the descriptor is
/// closed.
pub(crate) struct Unshared {
    descriptor: RawFd,
    slot: Option<&'static AtomicI32>,
}

impl Unshared {
    pub fn new(descriptor: RawFd) -> Unshared {
        handle_forks();
        let slot = DESCRIPTORS.iter().find(|slot| replace(slot, NONE, descriptor));
        Unshared { descriptor, slot }
    }
}

impl Drop for Unshared {
    fn drop(&mut self) {
        if let Some(slot) = self.slot {
            // In a forked process the slot may be another's now.
            replace(slot, self.descriptor, NONE);
        }
    }
}

fn replace(slot: &AtomicI32, from: RawFd, to: RawFd) -> bool {
    slot.compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed).is_ok()
}

/// Registers the handler, once.
fn handle_forks() {
    // No Once: a process that is forked while another thread is in it would wait for ever.
    static REGISTERED: AtomicBool = AtomicBool::new(false);
    if !REGISTERED.swap(true, Ordering::Relaxed) {
        // Out of memory, forks are known by their process number alone.
        let _ = sys::on_fork(begin_forked);
    }
}

/// What a forked process does first.
extern "C" fn begin_forked() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
    for slot in &DESCRIPTORS {
        match slot.swap(NONE, Ordering::Relaxed) {
            NONE => {}
            descriptor => sys::blind(descriptor),
        }
    }
}
