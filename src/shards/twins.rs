//! Paths that name the same file.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Returns the first two paths that name the same file: the same name in the same directory,
/// however the directory is written. (Two links to one file count as two files.)
#[must_use]
pub fn given_twice(paths: &[PathBuf]) -> Option<(&Path, &Path)> {
    let mut directories = HashMap::new();
    let mut seen = HashMap::new();
    paths.iter().find_map(|path| {
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let directory = directory.unwrap_or(Path::new("."));
        let place = directories.entry(directory).or_insert_with(|| {
            fs::canonicalize(directory).unwrap_or_else(|_| directory.to_owned())
        });
        let name = path.file_name().unwrap_or(path.as_os_str());
        seen.insert((place.clone(), name), path).map(|before| (before.as_path(), path.as_path()))
    })
}
