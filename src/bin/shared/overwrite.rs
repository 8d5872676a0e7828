//! Files that no command replaces.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use anyhow::{bail, Context};

use super::streams::is_stream;

/// Fails where there is a file that holds anything but numbers: a data file, for instance, that a
/// shell pattern put where the index's path belongs.
pub fn refuse_to_overwrite(path: &Path) -> anyhow::Result<()> {
    let is_other = match path.metadata() {
        Ok(file) => file.is_file() && !is_stream(path) && !holds_numbers(path)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound || is_stream(path) => false,
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
