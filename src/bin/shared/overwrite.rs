//! Protects files that are not indexes.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use anyhow::{bail, Context};

use super::streams::is_stream;

/// Fails if `path` is an existing file that is not an index: for example, a data file that a shell
/// pattern put in the place of the index.
pub fn refuse_to_overwrite(path: &Path) -> anyhow::Result<()> {
    let is_other = match path.metadata() {
        Ok(file) => file.is_file() && !is_stream(path) && !holds_numbers(path)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound || is_stream(path) => false,
        Err(error) => return Err(error).with_context(|| path.display().to_string()),
    };
    if is_other {
        bail!(
            "{}: refusing to overwrite: the file is not an index; give another path",
            path.display()
        );
    }
    Ok(())
}

/// Whether the start of a file contains only numbers, as in an index. A data file with a record never
/// does.
pub fn holds_numbers(path: &Path) -> anyhow::Result<bool> {
    let mut start = Vec::new();
    File::open(path)
        .and_then(|file| file.take(4096).read_to_end(&mut start))
        .with_context(|| format!("{}: cannot read", path.display()))?;
    Ok(start.iter().all(|byte| byte.is_ascii_digit() || byte.is_ascii_whitespace()))
}
