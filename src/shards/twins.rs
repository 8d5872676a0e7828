//! Paths that name the same file.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

/// Returns the first two paths that name the same file: the same name in the same directory,
/// however the directory is written. (Two links to one file count as two files.)
#[must_use]
pub fn given_twice<'a, P: AsRef<Path> + ?Sized + 'a>(
    paths: impl IntoIterator<Item = &'a P>,
) -> Option<(&'a Path, &'a Path)> {
    let mut directories = HashMap::new(); // as they are written
    let mut real_directories = HashMap::new();
    let mut seen = HashMap::new();
    paths.into_iter().map(AsRef::as_ref).find_map(|path: &'a Path| {
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let directory = directory.unwrap_or(Path::new(".")).as_os_str();
        let place = *directories.entry(directory).or_insert_with(|| {
            let real = fs::canonicalize(directory).unwrap_or_else(|_| directory.into());
            let next = real_directories.len();
            *real_directories.entry(real).or_insert(next)
        });
        let name = path.file_name().unwrap_or(path.as_os_str());
        seen.insert((place, name), path).map(|before| (before, path))
    })
}
