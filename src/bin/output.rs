//! Where commands write indexes.

use std::collections::HashSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::cli;

/// Whether what is given as OUT for so many files is a folder, be it there yet or not: a path that
/// ends in `/`, or the place of several indexes.
pub fn is_folder(path: &Path, files: usize) -> bool {
    files > 1 || path.is_dir() || path.to_string_lossy().ends_with('/')
}

/// Where the files' indexes, of these names, go in a folder.
pub fn in_folder(
    command: &str,
    folder: &Path,
    files: &[PathBuf],
    name: impl Fn(&Path) -> OsString,
) -> Vec<PathBuf> {
    if folder == Path::new("-") || folder.exists() && !folder.is_dir() {
        let folder = folder.display();
        crate::refuse(command, format!("{folder} is no folder, but there are several files"));
    }
    refuse_stdin(command, files);
    let paths: Vec<_> = files.iter().map(|file| folder.join(name(file))).collect();
    let mut seen = HashSet::new();
    if let Some(twice) = paths.iter().find(|path| !seen.insert(*path)) {
        crate::refuse(command, format!("two of the files have the index {}", twice.display()));
    }
    paths
}

/// Ends the program if one of the files is stdin.
pub fn refuse_stdin(command: &str, files: &[PathBuf]) {
    if files.iter().any(|file| cli::is_stdin(file)) {
        crate::refuse(command, "- is stdin, which has no name: give it alone, and a file for OUT");
    }
}
