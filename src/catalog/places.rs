//! Relative paths: where the files of a manifest are, seen from the manifest.

use std::collections::HashMap;
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};
use crate::file::is_url;

/// Absolute directories, each looked up once.
#[derive(Default)]
pub(crate) struct Places {
    directories: HashMap<PathBuf, PathBuf>,
}

impl Places {
    /// The absolute directory and the name of a file. Links in the directory's path stay as they
    /// are, but the system resolves `..`.
    pub fn of<'a>(&mut self, path: &'a Path) -> Result<(PathBuf, &'a OsStr)> {
        let Some(name) = path.file_name() else {
            return Err(
                Error::new(ErrorKind::InvalidArgument, "is not the path of a file").of(path)
            );
        };
        let directory = directory_of(path);
        if is_url(directory) {
            return Ok((directory.to_owned(), name));
        }
        if let Some(known) = self.directories.get(directory) {
            return Ok((known.clone(), name));
        }
        let absolute = absolute(directory)?;
        self.directories.insert(directory.to_owned(), absolute.clone());
        Ok((absolute, name))
    }

    /// One path for all paths of a file.
    pub fn whole(&mut self, path: &Path) -> Result<PathBuf> {
        self.of(path).map(|(directory, name)| directory.join(name))
    }
}

/// The directory of a file: `.` if the path is a name.
pub(crate) fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) => Path::new("."),
        None => path,
    }
}

fn absolute(directory: &Path) -> Result<PathBuf> {
    let failed = |error| Error::io("find the directory", error).of(directory);
    if directory.components().any(|component| component == Component::ParentDir) {
        return fs::canonicalize(directory).map_err(failed);
    }
    // `components` drops each `.`, except one at the start.
    let whole = env::current_dir().map_err(failed)?.join(directory);
    Ok(whole.components().filter(|component| *component != Component::CurDir).collect())
}

/// The deepest directory that contains all of these, which are absolute.
///
/// # Errors
/// If there is none: some are URLs, of other buckets or hosts.
pub(crate) fn common(mut directories: impl Iterator<Item = PathBuf>) -> Result<Option<PathBuf>> {
    let Some(mut common) = directories.next() else { return Ok(None) };
    let has_url = is_url(&common);
    for directory in directories {
        while !directory.starts_with(&common) && common.pop() {}
        if is_url(&directory) != has_url || has_url && !is_url(&common) {
            let detail = "is not in the bucket, or on the host, of the files before: a manifest \
                          holds files that have a directory in common; make one for each bucket";
            return Err(Error::new(ErrorKind::InvalidArgument, detail).of(&directory));
        }
    }
    Ok(Some(common))
}

/// How to write `target` in a file of the directory `from`, both absolute: relative to `from`, with
/// `..` where it must be. If the two have only the root in common, or a link is in between, it
/// stays absolute.
pub(crate) fn relative(target: &Path, from: &Path) -> PathBuf {
    if is_url(target) {
        return target.to_owned();
    }
    if let Ok(below) = target.strip_prefix(from) {
        return if below.as_os_str().is_empty() { ".".into() } else { below.to_owned() };
    }
    let common: PathBuf = target
        .components()
        .zip(from.components())
        .take_while(|(one, other)| one == other)
        .map(|(component, _)| component)
        .collect();
    if common.parent().is_none() {
        return target.to_owned();
    }
    let ups = from.strip_prefix(&common).map_or(0, |below| below.components().count());
    let mut relative: PathBuf = std::iter::repeat("..").take(ups).collect();
    relative.extend(target.strip_prefix(&common).unwrap_or(target));
    // The system follows a link before it goes up.
    let is_same = |(one, other)| one == other;
    let both = fs::canonicalize(from.join(&relative)).ok().zip(fs::canonicalize(target).ok());
    match both.is_some_and(is_same) {
        true => relative,
        false => target.to_owned(),
    }
}

/// The text of `path`, which JSON holds only if it is Unicode. The error is that of `whole`, and says
/// what to rename: the "file" or the "directory".
pub(crate) fn text<'a>(path: &'a Path, whole: &Path, kind: &str) -> Result<&'a str> {
    path.to_str().ok_or_else(|| {
        let detail =
            format!("the path is not UTF-8, so a manifest cannot hold it; rename the {kind}");
        Error::new(ErrorKind::InvalidArgument, detail).of(whole)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_relative_where_both_can_move_together() {
        let temporary = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(temporary.path()).unwrap();
        for directory in ["set/a/b", "manifests/old"] {
            fs::create_dir_all(root.join(directory)).unwrap();
        }
        for (target, from, expected) in [
            ("set", "set", "."),
            ("set/a", "set", "a"),
            ("set/a/b", "set", "a/b"),
            ("set/a", "manifests", "../set/a"),
            ("set", "manifests/old", "../../set"),
            ("set", "set/a", ".."),
        ] {
            let found = relative(&root.join(target), &root.join(from));
            assert_eq!(found, Path::new(expected), "{target} from {from}");
        }
        assert_eq!(relative(Path::new("/usr/share"), &root), Path::new("/usr/share"));
        // `link/..` is the directory that holds what the link leads to.
        std::os::unix::fs::symlink(root.join("set/a"), root.join("link")).unwrap();
        assert_eq!(relative(&root.join("manifests"), &root.join("link")), root.join("manifests"));
        assert_eq!(relative(&root.join("link/b"), &root.join("link")), Path::new("b"));
    }

    #[test]
    fn urls_stay_as_they_are() {
        let urls = |paths: &[&str]| common(paths.iter().map(PathBuf::from));
        let found = urls(&["s3://b/set/a", "s3://b/set", "s3://b/other"]).unwrap();
        assert_eq!(found.as_deref().and_then(Path::to_str), Some("s3://b"));
        assert!(urls(&["s3://b/set", "s3://c/set"]).is_err());
        assert!(urls(&["s3://b/set", "/set"]).is_err() && urls(&["/set", "s3://b/set"]).is_err());
        let (directory, name) = Places::default().of(Path::new("s3://b/x")).unwrap();
        assert_eq!((directory.to_str(), name.to_str()), (Some("s3://b"), Some("x")));
    }

    #[test]
    fn one_file_has_one_place() {
        let here = env::current_dir().unwrap();
        let mut places = Places::default();
        for path in ["x", "./x", "././x", "src/../x", "src/./../x"] {
            assert_eq!(places.whole(Path::new(path)).unwrap(), here.join("x"), "{path}");
        }
        assert_eq!(places.whole(Path::new("/x")).unwrap(), Path::new("/x"));
        for path in ["", "..", "/", "a/.."] {
            assert!(places.whole(Path::new(path)).is_err(), "{path}");
        }
    }
}
