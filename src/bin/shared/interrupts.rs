//! Signals that ask the program to end.

use std::fs;
use std::ops::ControlFlow;
use std::os::raw::c_int;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::Arc;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::low_level::emulate_default_handler;
use tfr_index::Progress;

use super::progress;
use super::streams::is_stream;

/// Catches the signals that ask the program to end. The program first removes unfinished files and
/// then ends by the same signal. A second signal ends it immediately. The default value catches
/// nothing: the first signal ends the program, even while it waits.
#[derive(Clone, Default)]
pub struct Interrupts(Arc<AtomicUsize>);

impl Interrupts {
    /// Catches signals if all paths are files, because an unfinished file would remain. A program that
    /// waits for a stream must end immediately.
    pub fn of_writing<P: AsRef<Path>>(mut paths: impl Iterator<Item = P>) -> Interrupts {
        match paths.any(|path| is_stream(path.as_ref())) {
            true => Interrupts::default(),
            false => Interrupts::listen(),
        }
    }

    pub fn listen() -> Interrupts {
        let (caught, again) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let ignored = ignored();
        let is_ignored = |signal: &c_int| ignored >> (signal - 1) & 1 == 1;
        for signal in [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| !is_ignored(signal)) {
            // If this fails, the signal ends the program, as by default.
            let _ = flag::register_conditional_default(signal, Arc::clone(&again));
            let _ = flag::register(signal, Arc::clone(&again));
            let _ = flag::register_usize(signal, Arc::clone(&caught), signal as usize);
        }
        Interrupts(caught)
    }

    pub fn caught(&self) -> bool {
        self.0.load(Ordering::Relaxed) != 0
    }

    /// For [`tfr_index::Options::progress`]: shows the progress, and cancels the work if a signal was
    /// caught.
    pub fn watch(&self, at: Progress) -> ControlFlow<()> {
        match self.caught() {
            true => ControlFlow::Break(()),
            false => progress::watch(at),
        }
    }

    /// Ends the program by the caught signal, if there was one, so that shells and job managers see
    /// the interruption.
    pub fn end(&self, exit: ExitCode) -> ExitCode {
        progress::end();
        if self.caught() {
            let _ = emulate_default_handler(self.0.load(Ordering::Relaxed) as c_int);
        }
        exit
    }
}

/// A bit for each signal that was ignored when the program started, as by `nohup`. These stay ignored.
fn ignored() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}
