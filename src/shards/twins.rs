//! Paths that name the same file.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use super::parts::parts;

/// Returns the first two paths that name the same file: the same name in the same directory,
/// however the directory is written. (Two links to one file count as two files.)
#[must_use]
pub fn given_twice<'a, P: AsRef<Path> + ?Sized + 'a>(
    paths: impl IntoIterator<Item = &'a P>,
) -> Option<(&'a Path, &'a Path)> {
    let mut directories = HashMap::new(); // as they are written
    let mut real_directories = HashMap::new();
    let paths = paths.into_iter();
    let mut seen = HashMap::with_capacity(paths.size_hint().0);
    paths.map(AsRef::as_ref).find_map(|path: &'a Path| {
        let (parent, name) = parts(path);
        let directory = parent.filter(|parent| !parent.as_os_str().is_empty());
        let directory = directory.unwrap_or(Path::new(".")).as_os_str();
        let place = *directories.entry(directory).or_insert_with(|| {
            let real = fs::canonicalize(directory).unwrap_or_else(|_| directory.into());
            let next = real_directories.len();
            *real_directories.entry(real).or_insert(next)
        });
        let name = name.unwrap_or(path.as_os_str());
        seen.insert((place, name), path).map(|before| (before, path))
    })
}
