//! Creates the index of a compressed file and, in the same pass, its seek file.

use std::path::Path;

use super::Outcome;
use crate::error::{Error, ErrorKind, Result};
use crate::file::{self, NewFile};
use crate::gzip::{is_seek_file, seek_path, Identification};
use crate::index::Encoder;
use crate::open::Compressed;
use crate::options::Options;
use crate::scan_data::{pass, salvage};

/// Writes the index of a compressed file and, unless the file is damaged, its seek file.
///
/// The seek file appears before the index: an index is newer than what it needs.
pub(super) fn write_index(
    index_file: &mut NewFile,
    index_path: &Path,
    source: &Compressed,
    options: &Options<'_>,
) -> Result<Outcome> {
    if options.resume {
        let detail = "the index of a compressed file cannot be continued: create the whole index";
        return Err(Error::new(ErrorKind::InvalidArgument, detail));
    }
    let (path, has_place) = (seek_path(index_path), !index_file.is_target());
    let mut deliver = |text: &mut Encoder| {
        index_file.write(text.text())?;
        text.clear();
        Ok(())
    };
    if options.salvage {
        return Ok(Outcome { records: salvage(source, options, deliver)?, is_new: true });
    }
    if has_place {
        file::ensure_contents(
            &path,
            "a seek file; remove it, or give another index path",
            is_seek_file,
        )?;
    }
    let before = Identification::of(source.compressed())?;
    let points = pass(source, options, &mut deliver)?;
    if Identification::of(source.compressed())? != before {
        let detail = "the file was changed while it was read; try again";
        return Err(Error::new(ErrorKind::Mismatch, detail));
    }
    if has_place {
        points.write(&path, before, options.sync)?;
    }
    Ok(Outcome { records: points.records.unwrap_or_default(), is_new: true })
}
