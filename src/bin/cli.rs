//! What both command-line programs do.

use std::cell::Cell;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::ops::{ControlFlow, Range};
use std::os::raw::c_int;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::Arc;

use anyhow::{bail, Context};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::low_level::emulate_default_handler;
use tfr_index::{
    create_index, create_index_of_stream, default_index_path, own_descriptor, Damage, Options,
};

use crate::stdin::Stream;
pub use crate::stdio::fail;
use crate::stdio::{name, note, print};

/// Hears of the signals that ask a program to end: it then ends by them, once what it was about to
/// write is removed. A second one ends it at once. By default it hears nothing: then the first one
/// does, even while the program waits.
#[derive(Default)]
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

/// The exit status of work that is done, but for damage that was left out.
const SALVAGED: u8 = 3;

/// Said of a stream of which no index is made that could replace another.
pub const EMPTY: &str = "the stream is empty: what should write to it may have failed, which a \
                         shell tells after `set -o pipefail`";

/// What is left out of an index instead of being an error.
#[derive(Clone, Copy, Default)]
pub struct LeaveOut {
    /// Damaged regions.
    pub damage: bool,
    /// A record at the end that is not whole.
    pub rest: bool,
    /// Everything: a stream may be empty.
    pub all: bool,
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

/// Whether the path stands for a descriptor that the program was started with: `-`, `/dev/stdin`,
/// `/dev/fd/63`.
pub fn is_descriptor(path: &Path) -> bool {
    path == Path::new("-") || own_descriptor(path).is_some()
}

/// The path of the descriptor that `-` stands for.
pub fn stdin_path(path: &Path) -> &Path {
    match path == Path::new("-") {
        true => Path::new("/dev/stdin"),
        false => path,
    }
}

/// Where an index goes unless one says otherwise: beside its file, or from a stream to stdout.
pub fn index_path(data: &Path) -> PathBuf {
    match is_descriptor(data) {
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
    let name_data = || data.display().to_string();
    if is_stream(data) && !is_descriptor(data) {
        let name = name_data();
        bail!("{name}: is a pipe or a device, not a regular file: tfr-index create - < {name}");
    }
    let _reader = await_reader(index)?;
    let watch = |_| match interrupts.heard() {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    };
    let damaged = Damaged::default();
    let tell_damage = |damage| damaged.tell(damage);
    let tell_rest = |rest: Damage| {
        let Range { start, end } = rest.bytes;
        note(&format_args!(
            "{}: the last {} bytes, from byte {start}, are no whole record yet: left for next time",
            data.display(),
            end - start,
        ));
        ControlFlow::Continue(())
    };
    let mut options = options.progress(&watch);
    if leave_out.damage {
        options = options.salvage(&tell_damage);
    }
    if leave_out.rest {
        options = options.growing(&tell_rest);
    }
    let records = match is_descriptor(data) {
        true => {
            let mut stream = Stream::open(data, leave_out.all).with_context(name_data)?;
            let records = create_index_of_stream(&mut stream, index, &options);
            if stream.is_empty() && !interrupts.heard() {
                bail!("{}: {EMPTY}; tfr-index create --allow-empty indexes it", name_data());
            }
            records
        }
        false => create_index(data, index, &options),
    };
    let records = match records {
        Ok(records) => records,
        // Nobody asks how many there are.
        Err(error) if error.os_error() == Some(libc::EPIPE) && is_stream(index) => 0,
        Err(_) if interrupts.heard() => {
            bail!("{}: interrupted, nothing is written", data.display())
        }
        Err(error) if error.path().is_none() => {
            return Err(anyhow::Error::from(error).context(name_data()))
        }
        Err(error) => return Err(error.into()),
    };
    Ok(Created { records, regions: damaged.regions() })
}

/// Names the damage that is left out, and counts it.
#[derive(Default)]
pub struct Damaged(Cell<u64>);

impl Damaged {
    pub fn tell(&self, damage: Damage) -> ControlFlow<()> {
        self.0.set(self.regions() + 1);
        let Damage { bytes: Range { start, end }, record, error, .. } = damage;
        note(&format_args!(
            "{error}; left out: bytes {start} to {end} ({} in all), behind {record} good records",
            end - start,
        ));
        ControlFlow::Continue(())
    }

    pub fn regions(&self) -> u64 {
        self.0.get()
    }
}

/// Says on stdout that a file is indexed, unless that is where the index went.
pub fn tell(data: &Path, index: &Path, created: &Created) -> anyhow::Result<()> {
    let (count, regions) = (created.records, created.regions);
    if !is_stream(index) {
        let records = if count == 1 { "record" } else { "records" };
        let lost = match regions {
            0 => String::new(),
            1 => ", 1 damaged region left out".to_owned(),
            _ => format!(", {regions} damaged regions left out"),
        };
        let (data, index) = (name(data), name(index));
        print(&format!("{data}: {count} {records} -> {index}{lost}\n"))?;
    }
    Ok(())
}

/// Fails where there is a file that holds anything but numbers: a data file, for instance, that a
/// shell pattern put where the index's path belongs.
pub fn refuse_to_overwrite(path: &Path) -> anyhow::Result<()> {
    if is_stream(path) {
        return Ok(());
    }
    let is_other = match path.metadata() {
        Ok(metadata) => metadata.is_file() && !holds_numbers(path)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) => return Err(error).with_context(|| path.display().to_string()),
    };
    if is_other {
        bail!("{}: is no index, and is not overwritten; give another path", path.display());
    }
    Ok(())
}

/// Whether a file starts with nothing but numbers, as an index does and no data file with a record.
pub fn holds_numbers(path: &Path) -> anyhow::Result<bool> {
    let mut start = Vec::new();
    File::open(path)
        .and_then(|file| file.take(4096).read_to_end(&mut start))
        .with_context(|| format!("{}: cannot read", path.display()))?;
    Ok(start.iter().all(|byte| byte.is_ascii_digit() || byte.is_ascii_whitespace()))
}

/// Whether the path leads to what is written to directly: a descriptor, a FIFO or a device.
pub fn is_stream(path: &Path) -> bool {
    let is_other = |file: Metadata| !file.is_file() && !file.is_dir();
    is_descriptor(path) || path.metadata().is_ok_and(is_other)
}

/// Whether the path is that of a FIFO, and not of a descriptor.
pub fn is_fifo(path: &Path) -> bool {
    let is_fifo = |file: Metadata| file.file_type().is_fifo();
    !is_descriptor(path) && path.metadata().is_ok_and(is_fifo)
}

/// Waits until a FIFO has a reader, which it has while this is held. Waits for nothing else.
pub fn await_reader(path: &Path) -> anyhow::Result<Option<File>> {
    if !is_fifo(path) {
        return Ok(None);
    }
    let opened = OpenOptions::new().write(true).open(path);
    opened.map(Some).with_context(|| path.display().to_string())
}
