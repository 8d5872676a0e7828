//! Tells streams from files by their paths.

use std::fs::{File, Metadata, OpenOptions};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use anyhow::Context;
use tfr_index::own_descriptor;

/// Whether the path names a descriptor that the program was started with: `-`, `/dev/stdin`,
/// `/dev/fd/63`.
pub fn is_descriptor(path: &Path) -> bool {
    path == Path::new("-") || own_descriptor(path).is_some()
}

/// The path itself; /dev/stdin for `-`.
pub fn stdin_path(path: &Path) -> &Path {
    match path == Path::new("-") {
        true => Path::new("/dev/stdin"),
        false => path,
    }
}

/// Whether the path is written directly, without a temporary file: a descriptor, a FIFO or a device.
pub fn is_stream(path: &Path) -> bool {
    let is_other = |file: &Metadata| !file.is_file() && !file.is_dir();
    match path.symlink_metadata() {
        Ok(file) if file.is_symlink() => {
            is_descriptor(path) || path.metadata().is_ok_and(|file| is_other(&file))
        }
        Ok(file) => is_other(&file),
        Err(_) => is_descriptor(path), // not every system has these names
    }
}

/// Whether the path is a FIFO, but not a descriptor.
pub fn is_fifo(path: &Path) -> bool {
    let is_fifo = |file: Metadata| file.file_type().is_fifo();
    path.metadata().is_ok_and(is_fifo) && !is_descriptor(path)
}

/// Waits until a FIFO has a reader. While the result lives, the FIFO has a writer. Does not wait for
/// other paths.
pub fn await_reader(path: &Path) -> anyhow::Result<Option<File>> {
    if !is_fifo(path) {
        return Ok(None);
    }
    let opened = OpenOptions::new().write(true).open(path);
    opened.map(Some).with_context(|| path.display().to_string())
}
