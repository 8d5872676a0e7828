//! TFRecord files made by a `RecordWriter`.

use std::path::{Path, PathBuf};

use tfr_index::{Options, RecordWriter};

/// A new directory, and the paths in it for a TFRecord file and its index.
pub fn places() -> (tempfile::TempDir, PathBuf, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let (path, index_path) = (directory.path().join("x"), directory.path().join("x.idx"));
    (directory, path, index_path)
}

/// Writes a file of `count` records, and its index.
pub fn write(path: &Path, index_path: &Path, count: usize) {
    let mut writer = RecordWriter::create(path, index_path, &Options::new()).unwrap();
    for size in 0..count {
        writer.write(&vec![7; size]).unwrap();
    }
    writer.finish().unwrap();
}
