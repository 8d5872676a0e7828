//! What both command-line programs do.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use tfr_index::Options;

/// Says on stderr what failed. Exit status 1 is for work that failed, 2 for a wrong command line.
pub fn fail(error: &dyn std::fmt::Display) -> ExitCode {
    eprintln!("error: {error}");
    ExitCode::FAILURE
}

/// Indexes one file and says so on stdout.
pub fn create(data: &Path, index: &Path, options: &Options<'_>) -> tfr_index::Result<()> {
    let count = tfr_index::create_index(data, index, options)?;
    let records = if count == 1 { "record" } else { "records" };
    // The index is what counts: nobody need listen.
    let _ = writeln!(io::stdout(), "{}: {count} {records} -> {}", data.display(), index.display());
    Ok(())
}
