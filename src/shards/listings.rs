//! Which of many paths are regular files, from listings of their directories: a look at each path would
//! be a request to a server each.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::parts::parts;

/// A directory is listed if at least [`MANY`] paths are in it, and it has at most [`TIMES`] times as
/// many entries.
const MANY: usize = if cfg!(any(test, fuzzing)) { 3 } else { 64 };
const TIMES: usize = 4;

/// The names of the paths in a directory, and whether they are those of regular files, and no links.
type Names<'p> = HashMap<&'p OsStr, bool>;

#[derive(Default)]
pub(super) struct Listings<'p>(HashMap<&'p OsStr, Names<'p>>);

impl<'p> Listings<'p> {
    /// Lists the directories that many of these paths are in.
    pub fn of<P: AsRef<Path>>(paths: &'p [P]) -> Listings<'p> {
        let mut directories: HashMap<_, Names<'p>> = HashMap::new();
        if paths.len() >= MANY {
            for path in paths {
                if let (Some(parent), Some(name)) = parts(path.as_ref()) {
                    directories.entry(parent.as_os_str()).or_default().insert(name, false);
                }
            }
        }
        directories.retain(|_, names| names.len() >= MANY);
        directories.iter_mut().for_each(|(directory, names)| look(directory, names));
        Listings(directories)
    }

    /// Whether a path is known to be a regular file, and no link.
    pub fn has(&self, path: &Path) -> bool {
        if self.0.is_empty() {
            return false;
        }
        let (Some(parent), Some(name)) = parts(path) else { return false };
        // A slash at the end would ask for a directory.
        let is_plain = path.as_os_str().as_bytes().ends_with(name.as_bytes());
        let names = self.0.get(parent.as_os_str());
        is_plain && names.and_then(|names| names.get(name)) == Some(&true)
    }
}

/// Finds which of the names are those of regular files, among the first entries of a directory.
fn look(directory: &OsStr, names: &mut Names<'_>) {
    let directory = if directory.is_empty() { OsStr::new(".") } else { directory };
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.take(TIMES * names.len()).flatten() {
        if let Some(is_file) = names.get_mut(&*entry.file_name()) {
            *is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        }
    }
}
