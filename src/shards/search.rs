//! What a path stands for: a file, the files of a directory, or those that match a pattern.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use super::directory::{list, Names, Skipped};
use super::glob::{escape, Glob, Matches};
use super::listed::{List, Listed};
use super::listings::Listings;
use super::parts::parts;
use super::{braces, members, FindShards};
use crate::catalog::{self, Kind};
use crate::error::{Error, ErrorKind, Result};
use crate::file;

/// A file of a set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub path: PathBuf,
    /// Where a manifest says that its index is.
    pub index_path: Option<PathBuf>,
    pub listed: Option<Listed>,
    /// Whether a directory or a pattern stands for it: then its set must be complete.
    pub is_searched: bool,
}

impl Found {
    pub fn new(path: PathBuf, is_searched: bool) -> Found {
        Found { path, index_path: None, listed: None, is_searched }
    }
}

impl AsRef<Path> for Found {
    fn as_ref(&self) -> &Path {
        &self.path
    }
}

/// What paths stand for.
pub(super) struct Search<'a> {
    pub(super) options: &'a FindShards,
    pub(super) names: Names,
    /// Whether shards that a list has, but that do not exist, stay in the set.
    pub(super) keeps_missing: bool,
    pub found: Vec<Found>,
    /// The manifests, and the splits of TFDS.
    pub lists: Vec<List>,
    /// For each path, the directory that its files are in or below.
    pub roots: Vec<PathBuf>,
    pub notes: Vec<String>,
    /// What is missing, although a pattern stands for it.
    pub incomplete: Vec<String>,
}

impl<'a> Search<'a> {
    pub fn new(options: &'a FindShards, keeps_missing: bool) -> Result<Search<'a>> {
        let names = match &options.pattern {
            None => Names::Data,
            Some(pattern) => Names::matching(pattern)?,
        };
        let (found, lists, roots, notes, incomplete) = Default::default();
        Ok(Search { options, names, keeps_missing, found, lists, roots, notes, incomplete })
    }

    pub fn add_all<P: AsRef<Path>>(&mut self, paths: &[P]) -> Result<()> {
        let listings = Listings::of(paths);
        paths.iter().map(AsRef::as_ref).try_for_each(|path| match listings.has(path) {
            true => self.add_regular(path),
            false => self.add(path),
        })
    }

    /// Adds a regular file.
    fn add_regular(&mut self, path: &Path) -> Result<()> {
        match catalog::kind_of(path) {
            Some(kind) => return self.add_list(path, kind),
            None => self.add_file(path, false),
        }
        Ok(())
    }

    /// A path that exists is no pattern, whatever its name.
    fn add(&mut self, path: &Path) -> Result<()> {
        file::ensure_path(path)?;
        let is_directory = match fs::metadata(path) {
            Ok(metadata) if metadata.is_file() => return self.add_regular(path),
            Ok(metadata) => metadata.is_dir(),
            Err(_) if self.add_pattern(path)? => return Ok(()),
            // To open it is an error, which says why.
            Err(_) => false,
        };
        match is_directory {
            true => self.add_directory(path),
            false => {
                self.add_file(path, false);
                Ok(())
            }
        }
    }

    fn add_file(&mut self, path: &Path, is_searched: bool) {
        let parent = parts(path).0.unwrap_or(path);
        if self.roots.last().map_or(true, |root| root.as_os_str() != parent.as_os_str()) {
            self.roots.push(parent.to_owned());
        }
        self.found.push(Found::new(path.to_owned(), is_searched));
    }

    fn add_directory(&mut self, path: &Path) -> Result<()> {
        let listing = list(path, &self.names)?;
        let found = self.with_tfds(&listing)?;
        if found.is_empty() {
            let detail = match &self.options.pattern {
                Some(pattern) => format!("contains no file whose name matches {pattern}"),
                None => {
                    "contains no TFRecord file; if its files have unusual names, give a pattern of \
                         these names"
                        .to_owned()
                }
            };
            return Err(Error::new(ErrorKind::InvalidArgument, detail).of(path));
        }
        // Indexes beside their data and manifests are not worth a note.
        let skipped = Skipped { side_files: 0, ..listing.skipped };
        if skipped != Skipped::default() {
            self.notes.push(format!("{}: skipped {skipped}", path.display()));
        }
        self.roots.push(path.to_owned());
        self.found.extend(found);
        Ok(())
    }

    /// Adds the files that match a pattern. Manifests stand for their shards only if nothing else
    /// matches: mostly, the shards match, too.
    fn add_searched(&mut self, paths: Vec<PathBuf>) -> Result<()> {
        let is_manifest = |path: &PathBuf| catalog::kind_of(path) == Some(Kind::Manifest);
        let (manifests, data): (Vec<_>, Vec<_>) = paths.into_iter().partition(is_manifest);
        if data.is_empty() {
            return manifests.iter().try_for_each(|path| self.add_list(path, Kind::Manifest));
        }
        self.found.extend(data.into_iter().map(|path| Found::new(path, true)));
        Ok(())
    }

    /// Whether the path is a pattern.
    fn add_pattern(&mut self, path: &Path) -> Result<bool> {
        let text = path.as_os_str().as_bytes();
        if !text.iter().any(|byte| b"*?[{@".contains(byte)) {
            return Ok(false);
        }
        let refuse = |detail: String| Error::new(ErrorKind::InvalidArgument, detail).of(path);
        if members::is_at_zero(text) {
            let why =
                "a set has at least one file: give the number of its files, as in train@8, or \
                       train@*";
            return Err(refuse(why.to_owned()));
        }
        let Some(words) = braces::expand(text) else {
            let most = braces::MOST;
            return Err(refuse(format!("stands for more than {most} paths; use a * or a list")));
        };
        let is_expanded = words.len() > 1 || words[0] != text;
        let (before, mut missing) = (self.found.len(), Vec::new());
        for word in words {
            let word = PathBuf::from(OsString::from_vec(word));
            match fs::metadata(&word) {
                Ok(metadata) if metadata.is_dir() => self.add_directory(&word)?,
                Ok(_) => match catalog::kind_of(&word) {
                    Some(kind) => self.add_list(&word, kind)?,
                    None => self.add_file(&word, true),
                },
                Err(_) => match matches(&word)? {
                    Some((root, matches)) if !matches.is_empty() => {
                        self.roots.push(root);
                        self.add_matches(matches)?;
                    }
                    None if !is_expanded => return Ok(false),
                    _ => missing.push(word),
                },
            }
        }
        let Some(first) = missing.first() else { return Ok(true) };
        let why = match (is_expanded, members::at_sign(text)) {
            (true, _) => {
                let (count, are) = (missing.len(), if missing.len() == 1 { "is" } else { "are" });
                format!(": {} stands for it; of its files, {count} {are} missing", path.display())
            }
            (false, Some((_, middle, suffix))) => {
                let suffix = String::from_utf8_lossy(suffix);
                format!(": no file is named like …{middle}{suffix}")
            }
            (false, None) => ": no file matches this pattern".to_owned(),
        };
        let error = Error::io("find", io::Error::from_raw_os_error(libc::ENOENT));
        let error = error.adding(&why).of(first);
        if !self.options.allow_missing || self.found.len() == before {
            return Err(error);
        }
        self.incomplete.push(error.to_string());
        Ok(true)
    }

    /// Directories count only if no file matches: `data/*` is all files in `data`, or else those in
    /// its directories.
    fn add_matches(&mut self, matches: Matches) -> Result<()> {
        if !matches.files.is_empty() {
            return self.add_searched(matches.files);
        }
        let all: HashSet<&PathBuf> = matches.directories.iter().collect();
        let is_below_another =
            |path: &Path| path.ancestors().skip(1).any(|above| all.contains(&above.to_owned()));
        let outermost = matches.directories.iter().filter(|path| !is_below_another(path));
        outermost.into_iter().try_for_each(|path| self.add_directory(path))
    }
}

/// What matches a path with wildcards or `@`, and the directory that all of it is below. `None` if
/// the path has no wildcards.
fn matches(path: &Path) -> Result<Option<(PathBuf, Matches)>> {
    let glob = |text: Vec<u8>| {
        let Some(glob) = Glob::parse(Path::new(OsStr::from_bytes(&text))) else { return Ok(None) };
        let matches = glob.matches()?;
        Ok(Some((glob.root, matches)))
    };
    let text = path.as_os_str().as_bytes();
    let Some((stem, middle, suffix)) = members::at_sign(text) else { return glob(text.to_vec()) };
    let as_name = glob([&escape(stem), middle.as_bytes(), suffix].concat())?;
    match as_name {
        Some((_, matches)) if matches.is_empty() && escape(stem) != stem => {
            glob([stem, middle.as_bytes(), suffix].concat())
        }
        found => Ok(found),
    }
}
