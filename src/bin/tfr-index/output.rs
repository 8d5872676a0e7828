//! Where commands write indexes.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use tempfile::NamedTempFile;

use crate::shared::stdio::name;
use crate::shared::streams;

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
    index_name: impl Fn(&Path) -> OsString,
) -> Vec<PathBuf> {
    if folder == Path::new("-") || folder.exists() && !folder.is_dir() {
        let folder = name(folder);
        crate::refuse(command, format!("{folder} is no folder, but there are several files"));
    }
    refuse_streams(command, files);
    let paths: Vec<_> = files.iter().map(|file| folder.join(index_name(file))).collect();
    let mut seen = HashSet::new();
    if let Some(twice) = paths.iter().find(|path| !seen.insert(*path)) {
        crate::refuse(command, format!("two of the files have the index {}", name(twice)));
    }
    paths
}

/// Ends the program if one of the files is a stream.
pub fn refuse_streams(command: &str, files: &[PathBuf]) {
    if let Some(stream) = files.iter().find(|file| streams::is_descriptor(file)) {
        let stream = name(stream);
        let why = "is a stream, which has no name: give it alone, and a file for OUT";
        crate::refuse(command, format!("{stream} {why}"));
    }
}

/// A file that appears whole or not at all. Until then it is a temporary file beside its place,
/// which a program that is killed leaves there.
pub struct OutputFile {
    temporary: NamedTempFile,
    path: PathBuf,
}

impl OutputFile {
    pub fn create(path: &Path) -> anyhow::Result<OutputFile> {
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let mut builder = tempfile::Builder::new();
        builder.prefix(".tfr-index.").suffix(".tmp").permissions(Permissions::from_mode(0o666));
        let temporary = builder.tempfile_in(directory.unwrap_or(Path::new(".")));
        let temporary = temporary.with_context(|| path.display().to_string())?;
        Ok(OutputFile { temporary, path: path.to_owned() })
    }

    /// As [`create`](Self::create), where nothing is.
    pub fn create_new(path: &Path) -> anyhow::Result<OutputFile> {
        if fs::symlink_metadata(path).is_ok() {
            let exists = io::Error::from_raw_os_error(libc::EEXIST);
            return Err(exists).with_context(|| path.display().to_string());
        }
        OutputFile::create(path)
    }

    /// Puts the file in its place, and replaces what is there.
    pub fn replace(self) -> anyhow::Result<()> {
        let replaced = self.temporary.persist(&self.path).map_err(|error| error.error);
        replaced.map(drop).with_context(|| self.path.display().to_string())
    }

    /// Puts the file in its place, unless there is one now.
    pub fn commit_new(self) -> anyhow::Result<()> {
        let OutputFile { temporary, path } = self;
        match temporary.persist_noclobber(&path) {
            Ok(_) => Ok(()),
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
                Err(error.error).with_context(|| path.display().to_string())
            }
            // Some file systems, such as those of object stores, have no links and rename only onto
            // what is there: an empty file of ours, then.
            Err(error) => {
                let place = File::options().write(true).create_new(true).open(&path);
                place.with_context(|| path.display().to_string())?;
                OutputFile { temporary: error.file, path }.replace()
            }
        }
    }
}

impl Write for OutputFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.temporary.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.temporary.flush()
    }
}
