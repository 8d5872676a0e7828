//! Wildcards in paths: `*`, `?`, `[a-z]`, and `**` for directories.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use glob::{MatchOptions, Pattern};

use crate::error::{Error, Result};

/// As in a shell: `*` does not match a dot at the start of a name.
const OPTIONS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

/// A pattern of one name.
#[derive(Debug, Clone)]
pub(super) struct Name(Pattern);

impl Name {
    /// `None` if the brackets of the pattern are wrong.
    pub fn new(pattern: &OsStr) -> Option<Name> {
        Pattern::new(&pattern.to_string_lossy()).ok().map(Name)
    }

    /// Whether a name matches. What is not UTF-8 in one matches what is not UTF-8 in the other.
    pub fn matches(&self, name: &OsStr) -> bool {
        self.0.matches_with(&name.to_string_lossy(), OPTIONS)
    }
}

/// A part of a path that has wildcards.
#[derive(Debug)]
enum Part {
    Literal(OsString),
    Name(Name),
    /// `**`: this directory, and all below it.
    Directories,
}

/// A path with wildcards.
#[derive(Debug)]
pub(super) struct Glob {
    /// The directory before the first part that has wildcards.
    pub root: PathBuf,
    parts: Vec<Part>,
    /// Whether the path ends with `/`, so that only directories match.
    only_directories: bool,
}

/// The paths that match a pattern.
#[derive(Debug, Default)]
pub(super) struct Matches {
    pub files: Vec<PathBuf>,
    pub directories: Vec<PathBuf>,
}

impl Matches {
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && self.directories.is_empty()
    }
}

impl Glob {
    /// `None` if the path has no wildcards, or wrong ones: then it is a name.
    pub fn parse(path: &Path) -> Option<Glob> {
        let is_wild =
            |part: &OsStr| part.as_bytes().iter().any(|byte| matches!(byte, b'*' | b'?' | b'['));
        let mut glob = Glob {
            root: PathBuf::new(),
            parts: Vec::new(),
            only_directories: path.as_os_str().as_bytes().ends_with(b"/"),
        };
        for component in path.components() {
            match component {
                Component::Normal(part) if part == "**" => match glob.parts.last() {
                    Some(Part::Directories) => {}
                    _ => glob.parts.push(Part::Directories),
                },
                Component::Normal(part) if is_wild(part) => {
                    glob.parts.push(Part::Name(Name::new(part)?));
                }
                other if glob.parts.is_empty() => glob.root.push(other),
                other => glob.parts.push(Part::Literal(other.as_os_str().to_owned())),
            }
        }
        (!glob.parts.is_empty()).then_some(glob)
    }

    /// Finds what matches, sorted. Links to directories are followed, but not by `**`.
    ///
    /// # Errors
    /// If a directory cannot be listed.
    pub fn matches(&self) -> Result<Matches> {
        let mut matches = Matches::default();
        self.walk(&self.root, &self.parts, &mut matches)?;
        for paths in [&mut matches.files, &mut matches.directories] {
            sort(paths);
            paths.dedup(); // `**/*/**` leads to a directory in several ways
        }
        Ok(matches)
    }

    fn walk(&self, path: &Path, parts: &[Part], matches: &mut Matches) -> Result<()> {
        let Some((part, rest)) = parts.split_first() else {
            match fs::metadata(path) {
                Ok(metadata) if metadata.is_dir() => matches.directories.push(path.to_owned()),
                Ok(metadata) if metadata.is_file() => self.add_file(path.to_owned(), matches),
                _ => {}
            }
            return Ok(());
        };
        match part {
            Part::Literal(name) => return self.walk(&path.join(name), rest, matches),
            Part::Directories => self.walk(path, rest, matches)?,
            Part::Name(_) => {}
        }
        let here = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let entries = match fs::read_dir(here).and_then(Iterator::collect::<io::Result<Vec<_>>>) {
            Ok(entries) => entries,
            Err(error) if is_no_directory(&error) => return Ok(()),
            Err(error) => return Err(Error::io("list the directory", error).of(here)),
        };
        for entry in entries {
            let name = entry.file_name();
            let kind = entry.file_type();
            let kind = kind.map_err(|error| Error::io("look at", error).of(&entry.path()))?;
            let Part::Name(pattern) = part else {
                if kind.is_dir() && !name.as_bytes().starts_with(b".") {
                    self.walk(&path.join(name), parts, matches)?;
                }
                continue;
            };
            if !pattern.matches(&name) {
                continue;
            }
            let path = path.join(name);
            let is_directory = kind.is_dir() || kind.is_symlink() && path.is_dir();
            match (is_directory, rest.is_empty()) {
                (true, true) => matches.directories.push(path),
                (true, false) => self.walk(&path, rest, matches)?,
                // To open a link that leads nowhere is an error, which names it.
                (false, true) if kind.is_file() || kind.is_symlink() => {
                    self.add_file(path, matches);
                }
                (false, _) => {}
            }
        }
        Ok(())
    }

    fn add_file(&self, path: PathBuf, matches: &mut Matches) {
        if !self.only_directories {
            matches.files.push(path);
        }
    }
}

/// Whether there is nothing to list, because the path is none of a directory.
fn is_no_directory(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ENOTDIR | libc::ENAMETOOLONG))
}

/// Sorts paths by their bytes, as `LC_ALL=C sort` does.
pub(super) fn sort<P: AsRef<Path>>(paths: &mut [P]) {
    paths.sort_unstable_by(|one, other| one.as_ref().as_os_str().cmp(other.as_ref().as_os_str()));
}

/// The pattern that matches this text alone.
pub(super) fn escape(text: &[u8]) -> Vec<u8> {
    let escaped = text.iter().map(|byte| match byte {
        b'*' | b'?' | b'[' | b']' => vec![b'[', *byte, b']'],
        _ => vec![*byte],
    });
    escaped.flatten().collect()
}
