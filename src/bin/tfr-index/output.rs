//! Where commands write their output.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use tempfile::NamedTempFile;
use tfr_index::internal::mirrored;
use tfr_index::Shards;

use crate::shared::stdio::name;
use crate::shared::streams;

/// Whether OUT is a directory for the indexes of that many files: an existing directory, a path that
/// ends in `/`, or any path for several files. It need not exist.
pub fn is_directory(path: &Path, files: usize) -> bool {
    files > 1 || path.is_dir() || path.to_string_lossy().ends_with('/')
}

/// The paths of the files' indexes in a directory, which mirrors the directories of the files.
pub fn in_directory<P: AsRef<Path>>(
    command: &str,
    directory: &Path,
    files: &Shards,
    index_name: impl Fn(&Path) -> P,
) -> Vec<PathBuf> {
    let places = places(command, directory, files, index_name);
    places.into_iter().map(|place| directory.join(place)).collect()
}

/// The paths of the files' indexes, relative to a directory that mirrors those of the files.
pub fn places<P: AsRef<Path>>(
    command: &str,
    directory: &Path,
    files: &Shards,
    index_name: impl Fn(&Path) -> P,
) -> Vec<PathBuf> {
    if directory == Path::new("-") || directory.exists() && !directory.is_dir() {
        let directory = name(directory);
        let message = format!("several indexes need a directory, but {directory} is not one");
        crate::refuse(command, message);
    }
    refuse_streams(command, files);
    let places = mirrored(files, Path::new(""), index_name);
    let mut seen = HashMap::new();
    for (file, place) in files.iter().zip(&places) {
        if let Some(other) = seen.insert(place, &file.path) {
            let [first, second] = [other, &file.path].map(|path| name(path));
            crate::refuse(command, format!("{first} and {second} would have the same index"));
        }
    }
    places
}

/// Ends the program if one of the files is a stream.
pub fn refuse_streams(command: &str, files: &Shards) {
    if let Some(stream) = files.iter().find(|file| streams::is_descriptor(&file.path)) {
        let stream = name(&stream.path);
        let why = "is a stream, which has no name: give it alone, with a file for OUT";
        crate::refuse(command, format!("{stream} {why}"));
    }
}

/// A file that is written completely or not at all. It starts as a temporary file next to its final
/// path; a killed program leaves the temporary file there.
pub struct OutputFile {
    temporary: NamedTempFile,
    path: PathBuf,
}

impl OutputFile {
    pub fn create(path: &Path) -> anyhow::Result<OutputFile> {
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let mut builder = tempfile::Builder::new();
        builder.prefix(".tfr-index.").suffix(".tmp");
        // The errors of `tempfile_in` name the temporary file.
        let open =
            |path: &Path| File::options().write(true).create_new(true).mode(0o666).open(path);
        let temporary = builder.make_in(directory.unwrap_or(Path::new(".")), open);
        let temporary = temporary.with_context(|| path.display().to_string())?;
        Ok(OutputFile { temporary, path: path.to_owned() })
    }

    /// As [`create`](Self::create), but the path must not exist.
    pub fn create_new(path: &Path) -> anyhow::Result<OutputFile> {
        if fs::symlink_metadata(path).is_ok() {
            let exists = io::Error::from_raw_os_error(libc::EEXIST);
            return Err(exists).with_context(|| path.display().to_string());
        }
        OutputFile::create(path)
    }

    /// Renames the file to its final path, and replaces an existing file.
    pub fn replace(self) -> anyhow::Result<()> {
        let replaced = self.temporary.persist(&self.path).map_err(|error| error.error);
        replaced.map(drop).with_context(|| self.path.display().to_string())
    }

    /// Renames the file to its final path, unless that exists now.
    pub fn commit_new(self) -> anyhow::Result<()> {
        let OutputFile { temporary, path } = self;
        match temporary.persist_noclobber(&path) {
            Ok(_) => Ok(()),
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
                Err(error.error).with_context(|| path.display().to_string())
            }
            // Some file systems, such as those of object stores, have no links, and a plain rename
            // would replace a file that appears meanwhile. So create an empty file and replace it.
            Err(error) => {
                let place = File::options().write(true).create_new(true).open(&path);
                place.with_context(|| path.display().to_string())?;
                OutputFile { temporary: error.file, path }.replace()
            }
        }
    }
}

/// The errors do not name the temporary file.
impl Write for OutputFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.temporary.as_file_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.temporary.as_file_mut().flush()
    }
}
