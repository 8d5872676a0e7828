//! Protects files that are not indexes from a path that names one in the place of an index.

use std::io;
use std::path::Path;

use crate::error::{Error, ErrorKind, Result};
use crate::file;
use crate::source::fill_at;

/// Fails if the path is that of an existing file that is not an index: for example, a data file that
/// a shell pattern put in the place of the index. Streams and devices are only written to.
///
/// # Errors
/// [`ErrorKind::InvalidArgument`] for such a file; [`ErrorKind::Io`] if it cannot be read.
pub fn ensure_index(path: &Path) -> Result<()> {
    let is_file = match file::metadata(path) {
        None => false, // a descriptor
        Some(Ok(metadata)) => metadata.is_file(),
        Some(Err(error)) if error.kind() == io::ErrorKind::NotFound => false,
        Some(Err(error)) => return Err(Error::io("open", error).of(path)),
    };
    if !is_file || holds_numbers(path)? {
        return Ok(());
    }
    let detail = "refusing to overwrite: the file is not an index; give another path";
    Err(Error::new(ErrorKind::InvalidArgument, detail).of(path))
}

/// Whether the start of a file contains only numbers, as in an index. A data file with a record never
/// does.
///
/// # Errors
/// [`ErrorKind::Io`] if the file cannot be read.
pub fn holds_numbers(path: &Path) -> Result<bool> {
    let file = file::open_to_read(path)?;
    let mut start = [0; 4 << 10];
    let count = fill_at(file.file(), &mut start, 0);
    let count = count.map_err(|error| Error::io("read", error).of(path))?;
    Ok(start[..count].iter().all(|byte| byte.is_ascii_digit() || byte.is_ascii_whitespace()))
}
