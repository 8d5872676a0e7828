//! Protects files that are not indexes from a path that names one in the place of an index.

use std::path::Path;

use crate::error::Result;
use crate::file;

/// Fails if the path is that of an existing file that is not an index: for example, a data file that
/// a shell pattern put in the place of the index. Streams and devices are only written to.
///
/// # Errors
/// [`ErrorKind::InvalidArgument`](crate::ErrorKind::InvalidArgument) for such a file;
/// [`ErrorKind::Io`](crate::ErrorKind::Io) if it cannot be read.
pub fn ensure_index(path: &Path) -> Result<()> {
    file::ensure_contents(path, "an index; remove it, or give another path", are_numbers)
}

/// Whether the start of a file contains only numbers, as in an index. A data file with a record never
/// does.
///
/// # Errors
/// [`ErrorKind::Io`](crate::ErrorKind::Io) if the file cannot be read.
pub fn holds_numbers(path: &Path) -> Result<bool> {
    let start = file::start_of(&file::open_to_read(path)?).map_err(|error| error.of(path))?;
    Ok(are_numbers(&start))
}

fn are_numbers(start: &[u8]) -> bool {
    start.iter().all(|byte| byte.is_ascii_digit() || byte.is_ascii_whitespace())
}
