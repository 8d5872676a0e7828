//! A progress bar on stderr, if stderr is a terminal and the work takes more than a second.

use std::env;
use std::io::{self, IsTerminal};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tfr_index::Progress;

use super::stdio;

/// Work that takes less time shows no bar.
const PATIENCE: Duration = Duration::from_secs(1);
const STYLE: &str = "{msg}  {bytes} of {total_bytes}  {bytes_per_sec}  ETA {eta} {wide_bar:.dim}";
/// For a stream, whose size is unknown.
const STYLE_OF_STREAM: &str = "{bytes}  {bytes_per_sec}";

static WORK: Mutex<Option<Work>> = Mutex::new(None);

struct Work {
    bar: ProgressBar,
    begun: Instant,
    /// The size of each file in bytes.
    sizes: Vec<u64>,
    /// How many files are done, and their total size in bytes.
    done: usize,
    before: u64,
}

impl Work {
    /// Reports that `done` of `total` bytes of the current file are done.
    fn report(&mut self, done: u64, total: u64) {
        show_if_due(&self.bar, self.begun);
        // `total` need not be the file's size: it may be the size of some records.
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

/// Starts the work on these files. Shows nothing with --quiet, or if stderr is not a terminal.
pub fn begin<P: AsRef<Path>>(files: impl IntoIterator<Item = P>) {
    if !stdio::is_quiet() && is_on_terminal() {
        let size = |file: P| file.as_ref().metadata().map_or(0, |metadata| metadata.len());
        start(files.into_iter().map(size).collect());
    }
}

/// Whether a bar can be shown.
pub fn is_on_terminal() -> bool {
    let is_dumb = env::var_os("TERM").map_or(true, |term| term == "dumb");
    !is_dumb && io::stderr().is_terminal()
}

/// Starts the work on files of these sizes. Returns its bar.
pub fn start(sizes: Vec<u64>) -> ProgressBar {
    let total = sizes.iter().sum();
    let style = if total == 0 { STYLE_OF_STREAM } else { STYLE };
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden());
    bar.set_style(ProgressStyle::with_template(style).expect("a constant"));
    let work = Work { bar: bar.clone(), begun: Instant::now(), sizes, done: 0, before: 0 };
    *WORK.lock().unwrap_or_else(PoisonError::into_inner) = Some(work);
    bar
}

/// Shows a bar, if the work has taken long enough.
pub fn show_if_due(bar: &ProgressBar, begun: Instant) {
    if bar.is_hidden() && begun.elapsed() >= PATIENCE {
        bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(10));
    }
}

/// For [`tfr_index::Options::progress`].
pub fn watch(progress: Progress) -> ControlFlow<()> {
    report(progress.bytes_done, progress.bytes_total);
    ControlFlow::Continue(())
}

/// Reports that `done` of `total` bytes of the current file are done.
pub fn report(done: u64, total: u64) {
    with(|work| work.report(done, total));
}

/// Reports that the current file is done.
pub fn file_done() {
    with(|work| {
        work.before += work.sizes.get(work.done).unwrap_or(&0);
        work.done += 1;
    });
}

/// Prints something with the bar hidden.
pub fn paused<T>(print: impl FnOnce() -> T) -> T {
    match &*WORK.lock().unwrap_or_else(PoisonError::into_inner) {
        Some(work) => work.bar.suspend(print),
        None => print(),
    }
}

/// Ends the work and removes the bar.
pub fn end() {
    if let Some(work) = WORK.lock().unwrap_or_else(PoisonError::into_inner).take() {
        work.bar.finish_and_clear();
    }
}
