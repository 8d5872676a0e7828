//! Which of many paths are regular files, from listings of their directories: a look at each path would
//! be a request to a server each.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// A directory is listed if at least [`MANY`] paths are in it, and it has at most [`TIMES`] times as
/// many entries.
const MANY: usize = if cfg!(any(test, fuzzing)) { 3 } else { 64 };
const TIMES: usize = 4;

#[derive(Default)]
pub(super) struct Listings(HashMap<PathBuf, HashSet<OsString>>);

impl Listings {
    /// Lists the directories that many of these paths are in.
    pub fn of<P: AsRef<Path>>(paths: &[P]) -> Listings {
        let mut counts: HashMap<&Path, usize> = HashMap::new();
        if paths.len() >= MANY {
            let parents = paths.iter().filter_map(|path| path.as_ref().parent());
            parents.for_each(|parent| *counts.entry(parent).or_default() += 1);
        }
        let many = counts.into_iter().filter(|(_, count)| *count >= MANY);
        let files = |(parent, count)| (Path::to_owned(parent), files(parent, TIMES * count));
        Listings(many.map(files).collect())
    }

    /// Whether a path is known to be a regular file, and no link.
    pub fn has(&self, path: &Path) -> bool {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return false };
        // A slash at the end would ask for a directory.
        let is_plain = path.as_os_str().as_bytes().ends_with(name.as_bytes());
        is_plain && self.0.get(parent).is_some_and(|names| names.contains(name))
    }
}

/// The regular files among the first entries of a directory.
fn files(directory: &Path, most: usize) -> HashSet<OsString> {
    let is_here = directory.as_os_str().is_empty();
    let Ok(entries) = fs::read_dir(if is_here { Path::new(".") } else { directory }) else {
        return HashSet::new();
    };
    let files = entries.take(most).flatten();
    let files = files.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
    files.map(|entry| entry.file_name()).collect()
}
