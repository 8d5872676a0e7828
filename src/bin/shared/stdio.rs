//! The standard streams: what is printed arrives, or the program says that it does not.

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

use super::progress;

/// Runs before `main`. A standard stream that is closed is replaced by std with a /dev/null that
/// swallows what is printed; this puts one there, earlier, that can only be read.
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

/// The program's arguments; ends it where there is nothing else to do.
pub fn parse<T: Parser>() -> T {
    // Heard, the signal does not end the program: a file that grows too large is an error.
    let _ = flag::register(SIGXFSZ, Arc::default());
    T::try_parse().unwrap_or_else(|error| {
        if error.use_stderr() {
            let escaped = env::args_os().map(|argument| escape(&argument.to_string_lossy()));
            T::try_parse_from(escaped).err().unwrap_or(error).exit()
        }
        // Of no bytes, too, the system says that it does not take them; clap asks std, which hides
        // that.
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

/// Standard output, without a buffer of which the end could be lost.
pub fn stdout() -> io::Result<File> {
    io::stdout().as_fd().try_clone_to_owned().map(File::from)
}

/// Prints the text; a reader that has seen enough (`tfr-index dump x.idx | head`) is no failure.
pub fn print(text: &str) -> anyhow::Result<()> {
    let print = || stdout().and_then(|mut stdout| stdout.write_all(text.as_bytes()));
    checked(progress::paused(print))
}

static QUIET: AtomicBool = AtomicBool::new(false);

/// Whether the user wants to hear of failures alone.
pub fn is_quiet() -> bool {
    QUIET.load(Ordering::Relaxed)
}

pub fn be_quiet(quiet: bool) {
    QUIET.store(quiet, Ordering::Relaxed);
}

/// Prints what was done, unless the user does not want to hear of it.
pub fn tell(text: &str) -> anyhow::Result<()> {
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

/// Prints a line on stderr, where somebody may read it.
pub fn note(line: &dyn Display) {
    let line = escape(&line.to_string());
    let _ = progress::paused(|| writeln!(io::stderr(), "{line}"));
}

/// Says on stderr what failed. Exit status 1 is for work that failed, 2 for a wrong command line.
pub fn fail(error: &dyn Display) -> ExitCode {
    // The library names options in words for all languages.
    let message = format!("error: {error:#}")
        .replace("checksum policy none", "--checksums none")
        .replace("option allow_partial", "--allow-partial");
    note(&message);
    ExitCode::FAILURE
}

/// How many of something there are: "1 file", "2 files".
pub fn count(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// A path as it is printed: within its line, and without commands for a terminal.
pub fn name(path: &Path) -> String {
    escape(&path.to_string_lossy())
}

fn escape(text: &str) -> String {
    let escaped = |character: char| match character.is_control() {
        true => character.escape_default().to_string(),
        false => character.to_string(),
    };
    text.chars().map(escaped).collect()
}
