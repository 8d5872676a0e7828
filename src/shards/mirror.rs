//! Indexes in a directory of their own, which mirrors the directories of the data.

use std::env;
use std::path::{Component, Path, PathBuf};

/// The absolute path, without `.` and `..`. No link is followed.
fn absolute(path: &Path) -> PathBuf {
    let mut absolute = PathBuf::new();
    for component in env::current_dir().unwrap_or_default().join(path).components() {
        match component {
            Component::ParentDir => {
                absolute.pop();
            }
            component => absolute.push(component),
        }
    }
    absolute
}

/// The directory that all of these are in, or are.
pub(super) fn common(directories: impl Iterator<Item = PathBuf>) -> PathBuf {
    let shared = |shared: PathBuf, other: PathBuf| -> PathBuf {
        match other.starts_with(&shared) {
            true => shared,
            false => {
                let same = shared.components().zip(other.components()).take_while(|(a, b)| a == b);
                same.map(|(component, _)| component).collect()
            }
        }
    };
    let absolute = directories.map(|directory| absolute(&directory));
    absolute.reduce(shared).unwrap_or_default()
}

/// Directories of data, each with the directory that mirrors it.
pub(super) struct Mirror<'a> {
    directory: &'a Path,
    common: PathBuf,
    /// The last one that was asked for.
    last: Option<(PathBuf, PathBuf)>,
}

impl<'a> Mirror<'a> {
    /// `directory` mirrors `common`.
    pub fn new(directory: &'a Path, common: PathBuf) -> Mirror<'a> {
        Mirror { directory, common, last: None }
    }

    /// The path in the mirror of a file of this name, beside the given one.
    pub fn place(&mut self, path: &Path, name: &Path) -> PathBuf {
        let parent = path.parent().unwrap_or(path);
        match &self.last {
            Some((data, mirror)) if data == parent => return mirror.join(name),
            _ => {}
        }
        let below = absolute(parent);
        let below = below.strip_prefix(&self.common).unwrap_or(Path::new(""));
        let mirror = self.directory.join(below);
        let place = mirror.join(name);
        self.last = Some((parent.to_owned(), mirror));
        place
    }
}
