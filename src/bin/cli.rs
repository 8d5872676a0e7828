//! What both command-line programs do.

use std::fmt::Display;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::ops::ControlFlow;
use std::os::raw::c_int;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::Arc;

use anyhow::{anyhow, bail};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::low_level::emulate_default_handler;
use tfr_index::{create_index, ErrorKind, Options};

/// Hears of the signals that ask a program to end: it then ends by them, once what it was about to
/// write is removed. A second one ends it at once.
pub struct Interrupts(Arc<AtomicUsize>);

impl Interrupts {
    pub fn listen() -> Interrupts {
        let (heard, again) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        for signal in [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| !is_ignored(*signal)) {
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

    /// Ends the program by the signal that was heard, if one was: shells and job managers see that
    /// it was interrupted.
    pub fn end(&self, exit: ExitCode) -> ExitCode {
        if self.heard() {
            let _ = emulate_default_handler(self.0.load(Ordering::Relaxed) as c_int);
        }
        exit
    }
}

/// Whether the program was started with the signal ignored, as by `nohup`: so it stays.
fn is_ignored(signal: c_int) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

/// Says on stderr what failed. Exit status 1 is for work that failed, 2 for a wrong command line.
pub fn fail(error: &dyn Display) -> ExitCode {
    let _ = writeln!(io::stderr(), "error: {error:#}"); // or nobody hears of it
    ExitCode::FAILURE
}

/// Indexes one file; returns the number of records.
pub fn create(
    data: &Path,
    index: &Path,
    options: &Options<'_>,
    interrupts: &Interrupts,
) -> anyhow::Result<u64> {
    if is_something_else(index) {
        bail!("{}: is no index, and is not overwritten; remove it first", index.display());
    }
    let watch = |_| match interrupts.heard() {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    };
    create_index(data, index, &options.progress(&watch)).map_err(|error| match error.kind() {
        ErrorKind::Cancelled => anyhow!("{}: interrupted, nothing is written", data.display()),
        _ => error.into(),
    })
}

/// Says on stdout that a file is indexed, unless that is where the index went.
pub fn tell(data: &Path, index: &Path, count: u64) {
    if !is_stream(index) {
        let records = if count == 1 { "record" } else { "records" };
        let (data, index) = (data.display(), index.display());
        // The index is what counts: nobody need listen.
        let _ = writeln!(io::stdout(), "{data}: {count} {records} -> {index}");
    }
}

/// Whether there is a file that holds anything but numbers: a data file, for instance, that a shell
/// pattern put where the index's path belongs.
fn is_something_else(path: &Path) -> bool {
    let mut start = [0; 4096];
    let regular = path.metadata().is_ok_and(|metadata| metadata.is_file());
    if !regular || is_stream(path) {
        return false;
    }
    let count = File::open(path).and_then(|mut file| file.read(&mut start)).unwrap_or(0);
    !start[..count].iter().all(|byte| byte.is_ascii_digit() || byte.is_ascii_whitespace())
}

/// Whether the path names what the program has open, such as /dev/stdout, and is appended to.
pub fn is_stream(path: &Path) -> bool {
    path.starts_with("/dev") || path.starts_with("/proc")
}
