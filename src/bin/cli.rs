//! What both command-line programs do.

use std::cell::Cell;
use std::fmt::Display;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::ops::{ControlFlow, Range};
use std::os::raw::c_int;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::Arc;

use anyhow::{anyhow, bail};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::low_level::emulate_default_handler;
use tfr_index::{
    create_index, create_index_of_stream, default_index_path, Damage, ErrorKind, Options,
};

use crate::stdin::Stdin;

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

/// The exit status of work that is done, but for damage that was left out.
const SALVAGED: u8 = 3;

/// What is left out of an index instead of being an error.
#[derive(Clone, Copy, Default)]
pub struct LeaveOut {
    /// Damaged regions.
    pub damage: bool,
    /// A record at the end that is not whole.
    pub rest: bool,
}

/// What became of a file.
pub struct Created {
    /// Records in the index.
    pub records: u64,
    /// Damaged regions that were left out of it.
    pub regions: u64,
}

impl Created {
    pub fn exit(&self) -> ExitCode {
        done(self.regions)
    }
}

/// The exit status of work that is done, with so many damaged regions left out.
pub fn done(regions: u64) -> ExitCode {
    ExitCode::from(if regions == 0 { 0 } else { SALVAGED })
}

/// Whether this stands for standard input.
pub fn is_stdin(data: &Path) -> bool {
    data == Path::new("-")
}

/// Where an index goes unless one says otherwise: beside its file, or from stdin to stdout.
pub fn index_path(data: &Path) -> PathBuf {
    match is_stdin(data) {
        true => "/dev/stdout".into(),
        false => default_index_path(data),
    }
}

/// Indexes one file. What is left out is named on stderr.
pub fn create(
    data: &Path,
    index: &Path,
    options: &Options<'_>,
    leave_out: LeaveOut,
    interrupts: &Interrupts,
) -> anyhow::Result<Created> {
    refuse_to_overwrite(index)?;
    let watch = |_| match interrupts.heard() {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    };
    let damaged = Damaged::default();
    let tell_damage = |damage| damaged.tell(damage);
    let tell_rest = |rest: Damage| {
        let Range { start, end } = rest.bytes;
        let _ = writeln!(
            io::stderr(),
            "{}: the last {} bytes, from byte {start}, are no whole record yet: left for next time",
            data.display(),
            end - start,
        );
        ControlFlow::Continue(())
    };
    let mut options = options.progress(&watch);
    if leave_out.damage {
        options = options.salvage(&tell_damage);
    }
    if leave_out.rest {
        options = options.growing(&tell_rest);
    }
    let records = match is_stdin(data) {
        true => create_index_of_stream(Stdin::open(), index, &options),
        false => create_index(data, index, &options),
    };
    let records = records.map_err(|error| match error.kind() {
        ErrorKind::Cancelled => anyhow!("{}: interrupted, nothing is written", data.display()),
        _ if error.path().is_none() => {
            anyhow::Error::from(error).context(data.display().to_string())
        }
        _ => error.into(),
    })?;
    Ok(Created { records, regions: damaged.regions() })
}

/// Names the damage that is left out, and counts it.
#[derive(Default)]
pub struct Damaged(Cell<u64>);

impl Damaged {
    pub fn tell(&self, damage: Damage) -> ControlFlow<()> {
        self.0.set(self.regions() + 1);
        let Damage { bytes: Range { start, end }, record, error, .. } = damage;
        let _ = writeln!(
            io::stderr(),
            "{error}; left out: bytes {start} to {end} ({} in all), behind {record} good records",
            end - start,
        );
        ControlFlow::Continue(())
    }

    pub fn regions(&self) -> u64 {
        self.0.get()
    }
}

/// Says on stdout that a file is indexed, unless that is where the index went.
pub fn tell(data: &Path, index: &Path, created: &Created) {
    let (count, regions) = (created.records, created.regions);
    if !is_stream(index) {
        let records = if count == 1 { "record" } else { "records" };
        let lost = match regions {
            0 => String::new(),
            1 => ", 1 damaged region left out".to_owned(),
            _ => format!(", {regions} damaged regions left out"),
        };
        let (data, index) = (data.display(), index.display());
        // The index is what counts: nobody need listen.
        let _ = writeln!(io::stdout(), "{data}: {count} {records} -> {index}{lost}");
    }
}

/// Fails where there is a file that holds anything but numbers: a data file, for instance, that a
/// shell pattern put where the index's path belongs.
pub fn refuse_to_overwrite(path: &Path) -> anyhow::Result<()> {
    let regular = path.metadata().is_ok_and(|metadata| metadata.is_file());
    if regular && !is_stream(path) && !holds_numbers(path) {
        bail!("{}: is no index, and is not overwritten; give another path", path.display());
    }
    Ok(())
}

/// Whether a file starts with nothing but numbers, as an index does and no data file with a record.
pub fn holds_numbers(path: &Path) -> bool {
    let mut start = [0; 4096];
    let count = File::open(path).and_then(|mut file| file.read(&mut start)).unwrap_or(0);
    start[..count].iter().all(|byte| byte.is_ascii_digit() || byte.is_ascii_whitespace())
}

/// Whether the path names what the program has open, such as /dev/stdout, and is appended to.
pub fn is_stream(path: &Path) -> bool {
    let is_file = path.starts_with("/dev/shm"); // in memory, and a file as others
    !is_file && (path.starts_with("/dev") || path.starts_with("/proc"))
}
