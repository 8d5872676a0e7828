//! A progress bar on stderr, where that is a terminal and the work takes more than a second.

use std::env;
use std::io::{self, IsTerminal};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tfr_index::Progress;

use super::stdio;

/// Work that is done before is not worth a bar.
const PATIENCE: Duration = Duration::from_secs(1);
const STYLE: &str = "{msg}  {bytes} of {total_bytes}  {bytes_per_sec}  ETA {eta} {wide_bar:.dim}";
/// Of a stream, of which it is not known how long it will be.
const STYLE_OF_STREAM: &str = "{bytes}  {bytes_per_sec}";

static WORK: Mutex<Option<Work>> = Mutex::new(None);

struct Work {
    bar: ProgressBar,
    begun: Instant,
    /// How many bytes each file has.
    sizes: Vec<u64>,
    /// How many files are done, and how many bytes those have.
    done: usize,
    before: u64,
}

impl Work {
    /// `done` of the `total` bytes of the current file are done.
    fn report(&mut self, done: u64, total: u64) {
        if self.bar.is_hidden() && self.begun.elapsed() >= PATIENCE {
            self.bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(10));
        }
        // What is done need not be the file's bytes: those of some records, for instance.
        let share = match self.sizes.get(self.done) {
            Some(&size) if size > 0 && total > 0 => {
                (u128::from(size) * u128::from(done) / u128::from(total)) as u64
            }
            _ => done,
        };
        self.bar.set_position(self.before + share);
        let (at, files) = (self.done + 1, self.sizes.len());
        if files > 1 {
            self.bar.set_message(format!("file {} of {files}", at.min(files)));
        }
    }
}

fn with(work: impl FnOnce(&mut Work)) {
    if let Some(begun) = &mut *WORK.lock().unwrap_or_else(PoisonError::into_inner) {
        work(begun);
    }
}

/// Work on these files begins. Nothing is shown if the user wants it quiet, or nobody looks.
pub fn begin<P: AsRef<Path>>(files: impl IntoIterator<Item = P>) {
    let is_dumb = env::var_os("TERM").map_or(true, |term| term == "dumb");
    if stdio::is_quiet() || is_dumb || !io::stderr().is_terminal() {
        return;
    }
    let size = |file: P| file.as_ref().metadata().map_or(0, |metadata| metadata.len());
    let sizes: Vec<u64> = files.into_iter().map(size).collect();
    let total = sizes.iter().sum();
    let style = if total == 0 { STYLE_OF_STREAM } else { STYLE };
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden());
    bar.set_style(ProgressStyle::with_template(style).expect("a constant"));
    let work = Work { bar, begun: Instant::now(), sizes, done: 0, before: 0 };
    *WORK.lock().unwrap_or_else(PoisonError::into_inner) = Some(work);
}

/// For [`tfr_index::Options::progress`].
pub fn watch(progress: Progress) -> ControlFlow<()> {
    report(progress.bytes_done, progress.bytes_total);
    ControlFlow::Continue(())
}

/// `done` of the `total` bytes of the current file are done.
pub fn report(done: u64, total: u64) {
    with(|work| work.report(done, total));
}

/// The work on the current file is done.
pub fn file_done() {
    with(|work| {
        work.before += work.sizes.get(work.done).unwrap_or(&0);
        work.done += 1;
    });
}

/// Prints something, while no bar is in its way.
pub fn paused<T>(print: impl FnOnce() -> T) -> T {
    match &*WORK.lock().unwrap_or_else(PoisonError::into_inner) {
        Some(work) => work.bar.suspend(print),
        None => print(),
    }
}

/// The work is done: the bar goes.
pub fn end() {
    if let Some(work) = WORK.lock().unwrap_or_else(PoisonError::into_inner).take() {
        work.bar.finish_and_clear();
    }
}
