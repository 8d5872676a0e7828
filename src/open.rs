//! Opens the path of a TFRecord file as a source.
//!
//! All paths of data that is read go through here. Paths of indexes do not: they are plain files.

use std::path::Path;

use crate::error::Result;
use crate::file;
use crate::source::DataFile;

/// Opens the data at `path`: a regular file, or one of the process's own descriptors.
pub(crate) fn open(path: &Path) -> Result<DataFile> {
    file::open_regular(path)
}
