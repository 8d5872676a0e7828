//! What both command-line programs do.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, Read, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use anyhow::{anyhow, bail};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use tfr_index::{create_index, ErrorKind, Options};

/// Hears of the signals that ask a program to end: work then ends without leaving a file behind.
pub struct Interrupts(Arc<AtomicBool>);

impl Interrupts {
    pub fn listen() -> Interrupts {
        let heard = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            // Where it cannot be heard, it ends the program as ever.
            let _ = signal_hook::flag::register(signal, Arc::clone(&heard));
        }
        Interrupts(heard)
    }

    pub fn heard(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Says on stderr what failed. Exit status 1 is for work that failed, 2 for a wrong command line.
pub fn fail(error: &dyn Display) -> ExitCode {
    let _ = writeln!(io::stderr(), "error: {error:#}"); // or nobody hears of it
    ExitCode::FAILURE
}

/// Indexes one file and says so on stdout, unless that is where the index goes.
pub fn create(
    data: &Path,
    index: &Path,
    options: &Options<'_>,
    interrupts: &Interrupts,
) -> anyhow::Result<()> {
    if is_something_else(index) {
        bail!("{}: is no index, and is not overwritten; remove it first", index.display());
    }
    let watch = |_| match interrupts.heard() {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    };
    let count =
        create_index(data, index, &options.progress(&watch)).map_err(|error| {
            match error.kind() {
                ErrorKind::Cancelled => {
                    anyhow!("{}: interrupted, nothing is written", data.display())
                }
                _ => error.into(),
            }
        })?;
    if !["/dev", "/proc"].iter().any(|folder| index.starts_with(folder)) {
        let records = if count == 1 { "record" } else { "records" };
        let (data, index) = (data.display(), index.display());
        // The index is what counts: nobody need listen.
        let _ = writeln!(io::stdout(), "{data}: {count} {records} -> {index}");
    }
    Ok(())
}

/// Whether there is a file that holds anything but numbers: a data file, for instance, that a shell
/// pattern put where the index's path belongs.
fn is_something_else(path: &Path) -> bool {
    let mut start = [0; 4096];
    let regular = path.metadata().is_ok_and(|metadata| metadata.is_file());
    if !regular || path.starts_with("/dev") || path.starts_with("/proc") {
        return false;
    }
    let count = File::open(path).and_then(|mut file| file.read(&mut start)).unwrap_or(0);
    !start[..count].iter().all(|byte| byte.is_ascii_digit() || byte.is_ascii_whitespace())
}
