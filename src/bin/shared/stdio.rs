//! The standard streams. An error while printing is never lost.

use std::env;
use std::fmt::Display;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, IntoRawFd};
use std::path::Path;
use std::process::{self, ExitCode};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use anyhow::Context;
use clap::Parser;
use signal_hook::consts::SIGXFSZ;
use signal_hook::flag;
use tfr_index::internal::on_one_line;

use super::progress;

/// Runs before `main`. If a standard stream is closed, std opens /dev/null in its place, and output to
/// it is lost without an error. This opens /dev/null earlier and read-only, so that writing fails.
#[used]
#[cfg_attr(target_vendor = "apple", link_section = "__DATA,__mod_init_func")]
#[cfg_attr(not(target_vendor = "apple"), link_section = ".init_array")]
static FILL_CLOSED: extern "C" fn() = fill_closed;

extern "C" fn fill_closed() {
    while let Ok(file) = File::open("/dev/null") {
        if file.as_raw_fd() > 2 {
            break;
        }
        let _ = file.into_raw_fd(); // stays open
    }
}

/// Parses the program's arguments. Ends the program after --help, --version and usage errors.
pub fn parse<T: Parser>() -> T {
    // With a handler, the signal does not end the program: a file that is too large is an error.
    let _ = flag::register(SIGXFSZ, Arc::default());
    T::try_parse().unwrap_or_else(|error| {
        if error.use_stderr() {
            let escaped = env::args_os().map(|argument| on_one_line(&argument.to_string_lossy()));
            T::try_parse_from(escaped).err().unwrap_or(error).exit()
        }
        // Writing zero bytes finds out whether stdout can be written. clap prints through std, which
        // hides the error.
        let printed = stdout().and_then(|mut stdout| stdout.write(&[])).and(error.print());
        let exit = match checked(printed) {
            Ok(()) => 0,
            Err(error) => {
                fail(&error);
                1
            }
        };
        process::exit(exit)
    })
}

/// Standard output without a buffer, whose last bytes could be lost.
pub fn stdout() -> io::Result<File> {
    io::stdout().as_fd().try_clone_to_owned().map(File::from)
}

/// Prints the text. A closed pipe (`tfr-index dump x.idx | head`) is not an error.
pub fn print(text: &str) -> anyhow::Result<()> {
    let print = || stdout().and_then(|mut stdout| stdout.write_all(text.as_bytes()));
    checked(progress::paused(print))
}

static QUIET: AtomicBool = AtomicBool::new(false);

/// Whether --quiet is set: only errors are printed.
pub fn is_quiet() -> bool {
    QUIET.load(Ordering::Relaxed)
}

pub fn be_quiet(quiet: bool) {
    QUIET.store(quiet, Ordering::Relaxed);
}

/// Prints what was done, unless --quiet is set.
pub fn report(text: &str) -> anyhow::Result<()> {
    match is_quiet() {
        true => Ok(()),
        false => print(text),
    }
}

fn checked(printed: io::Result<()>) -> anyhow::Result<()> {
    match printed {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.context("cannot write to standard output"),
    }
}

/// Prints a line on stderr, and ignores errors.
pub fn note(line: &dyn Display) {
    let line = on_one_line(&in_our_words(&line.to_string()));
    let _ = progress::paused(|| writeln!(io::stderr(), "{line}"));
}

/// Prints an error on stderr. Returns exit status 1; usage errors have status 2.
pub fn fail(error: &dyn Display) -> ExitCode {
    note(&format_args!("error: {error:#}"));
    ExitCode::FAILURE
}

/// A message of the library, which names options in language-neutral words.
pub fn in_our_words(message: &str) -> String {
    message
        .replace("checksum policy none", "--checksums none")
        .replace("option allow_partial", "--allow-partial")
        .replace("option allow_missing", "--allow-missing")
        .replace("cancelled by the progress callback", "interrupted")
}

/// A number with its noun: "1 file", "2 files".
pub fn count(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// A path for printing: on one line, and without terminal control characters.
pub fn name(path: &Path) -> String {
    on_one_line(&path.to_string_lossy())
}
