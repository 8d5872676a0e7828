//! Signals that ask a program to end.

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

/// Hears of the signals that ask a program to end: it then ends by them, once what it was about to
/// write is removed. A second one ends it at once. By default it hears nothing: then the first one
/// does, even while the program waits.
#[derive(Clone, Default)]
pub struct Interrupts(Arc<AtomicUsize>);

impl Interrupts {
    /// Hears of signals if all of the paths are of files, of which a part would be left; who waits
    /// at a stream is to be ended at once.
    pub fn of_writing<P: AsRef<Path>>(mut paths: impl Iterator<Item = P>) -> Interrupts {
        match paths.any(|path| is_stream(path.as_ref())) {
            true => Interrupts::default(),
            false => Interrupts::listen(),
        }
    }

    pub fn listen() -> Interrupts {
        let (heard, again) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let ignored = ignored();
        let is_ignored = |signal: &c_int| ignored >> (signal - 1) & 1 == 1;
        for signal in [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| !is_ignored(signal)) {
            // Where it cannot be heard, it ends the program as ever.
            let _ = flag::register_conditional_default(signal, Arc::clone(&again));
            let _ = flag::register(signal, Arc::clone(&again));
            let _ = flag::register_usize(signal, Arc::clone(&heard), signal as usize);
        }
        Interrupts(heard)
    }

    pub fn heard(&self) -> bool {
        self.0.load(Ordering::Relaxed) != 0
    }

    /// For [`tfr_index::Options::progress`]: shows how far the work is, and ends it if a signal was
    /// heard.
    pub fn watch(&self, at: Progress) -> ControlFlow<()> {
        match self.heard() {
            true => ControlFlow::Break(()),
            false => progress::watch(at),
        }
    }

    /// Ends the program by the signal that was heard, if one was: shells and job managers see that
    /// it was interrupted.
    pub fn end(&self, exit: ExitCode) -> ExitCode {
        progress::end();
        if self.heard() {
            let _ = emulate_default_handler(self.0.load(Ordering::Relaxed) as c_int);
        }
        exit
    }
}

/// The signals, a bit each, that the program was started with ignored, as by `nohup`: so it stays.
fn ignored() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}
