//! TensorFlow Datasets: reads the counts in its `dataset_info.json`, and writes counts for it.

use std::path::{Path, PathBuf};

use super::compare::other_count;
use super::count::{count_all, stamps};
use super::Manifest;
use crate::catalog::json::push_string;
use crate::catalog::places::directory_of;
use crate::catalog::tfds::{says_split, x_of_y, Info, INFO, TEMPLATE};
use crate::catalog::{ensure_replaceable, sum, ManifestRow};
use crate::error::{Error, ErrorKind, Result};
use crate::file::NewFile;
use crate::frame::OVERHEAD;
use crate::options::Options;
use crate::shards::{Shard, Shards};

impl Manifest {
    /// Makes a manifest of a split of a TFDS data set (TensorFlow Datasets), such as "train". The
    /// numbers of records are those in the file `dataset_info.json` in `directory`, which may also be
    /// the path of that file. Each shard is looked at, but not opened.
    ///
    /// If the sizes of the shards contradict `dataset_info.json`, the records of each are counted,
    /// to find the one that is not as it says. This finds a shard that was cut between two records,
    /// which nothing in the shard itself can show.
    ///
    /// ```no_run
    /// use tfr_index::{Manifest, Options};
    ///
    /// let train = Manifest::from_tfds("tensorflow_datasets/mnist/3.0.1", "train", &Options::new())?;
    /// assert_eq!(train.total_records(), 60_000);
    /// # Ok::<(), tfr_index::Error>(())
    /// ```
    ///
    /// # Errors
    /// - [`ErrorKind::Io`] if there is no `dataset_info.json`, or a shard is missing.
    /// - [`ErrorKind::InvalidManifest`] if `dataset_info.json` is not what TFDS writes.
    /// - [`ErrorKind::InvalidArgument`] if the set has no such split, or is not of TFRecord files.
    /// - [`ErrorKind::Mismatch`] if a shard has another number of records.
    pub fn from_tfds(
        directory: impl AsRef<Path>,
        split: &str,
        options: &Options<'_>,
    ) -> Result<Manifest> {
        let path = directory.as_ref();
        let is_info = path.file_name() == Some(INFO.as_ref()) && !path.is_dir();
        let directory = if is_info { directory_of(path) } else { path };
        let info = Info::read(directory)?;
        let Some(split) = info.splits.iter().find(|known| known.name == split) else {
            let known: Vec<_> = info.splits.iter().map(|split| &*split.name).collect();
            let detail = format!("has no split {split:?}; its splits: {}", known.join(", "));
            let error = Error::new(ErrorKind::InvalidArgument, detail);
            return Err(error.of(&directory.join(INFO)));
        };
        let paths = info.paths(directory, split)?;
        let shards = Shards::from_paths(paths);
        let stamps = stamps(&shards, options).map_err(|error| match error.os_error() {
            Some(libc::ENOENT) => error.adding(&format!("; {INFO} lists this shard")),
            _ => error,
        })?;
        let rows = shards.iter().zip(&split.lengths).zip(stamps);
        let rows = rows.map(|((shard, &records), stamp)| ManifestRow {
            path: shard.path.clone(),
            bytes: stamp.bytes,
            records,
            mtime_ns: Some(stamp.mtime_ns),
            index_path: shard.find_index().ok(),
            etag: None,
        });
        let manifest = Manifest::from_rows(rows.collect())?;
        if split.bytes > 0 && manifest.payload_bytes() != Some(split.bytes) {
            ensure_counts(&manifest, &shards, options)?;
        }
        Ok(manifest)
    }

    /// Writes what TensorFlow Datasets needs to know of this set, as the split `split`, to the file
    /// `SPLIT-info.json` in `directory`, and returns its path. Give the directory to
    /// `tfds.folder_dataset.write_metadata` as its `split_infos`: it then writes
    /// `dataset_info.json` without reading the records.
    ///
    /// The shards must be in one directory and have names that TFDS can read, such as
    /// `NAME-train.tfrecord-00000-of-00008`: a number from 0 on and the number of shards, in the
    /// order of the manifest.
    ///
    /// ```
    /// use tfr_index::{Manifest, ManifestRow};
    ///
    /// # let temporary = tempfile::tempdir()?;
    /// # let directory = temporary.path();
    /// let path = "pics-train.tfrecord-00000-of-00001".into();
    /// let row = ManifestRow { path, bytes: 500, records: 10, mtime_ns: None, index_path: None, etag: None };
    /// let written = Manifest::from_rows(vec![row])?.write_tfds(directory, "train")?;
    /// assert_eq!(written, directory.join("train-info.json"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if the shards are not named like that, or the file exists and is
    /// not one for TFDS. If the file cannot be written, an existing file is unchanged.
    pub fn write_tfds(&self, directory: impl AsRef<Path>, split: &str) -> Result<PathBuf> {
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        if !split.bytes().all(is_part) || !split.bytes().any(|byte| byte.is_ascii_alphanumeric()) {
            let detail = format!("{split:?} is not the name of a split: letters, digits, '-', '_'");
            return Err(Error::new(ErrorKind::InvalidArgument, detail));
        }
        let template = self.template(split)?;
        let mut json = "{\n  \"filepathTemplate\": ".to_owned();
        push_string(&mut json, &template);
        json += ",\n  \"name\": ";
        push_string(&mut json, split);
        let bytes = self.payload_bytes().unwrap_or(0); // 0: unknown
        let lengths: Vec<_> = self.iter().map(|row| format!("    \"{}\"", row.records)).collect();
        let lengths = lengths.join(",\n");
        json += &format!(
            ",\n  \"numBytes\": \"{bytes}\",\n  \"shardLengths\": [\n{lengths}\n  ]\n}}\n"
        );
        let path = directory.as_ref().join(format!("{split}-info.json"));
        ensure_info(&path)?;
        let mut file = NewFile::create(&path)?.with_check(ensure_info);
        file.write(json.as_bytes())?;
        file.commit()?;
        Ok(path)
    }

    /// The size of all payloads, if the shards contain nothing but records.
    fn payload_bytes(&self) -> Option<u64> {
        sum(self.iter().map(|row| row.bytes))?.checked_sub(self.total.checked_mul(OVERHEAD)?)
    }

    /// The template of the shards' names.
    fn template(&self, split: &str) -> Result<String> {
        let count = self.len();
        let wrong = |row: &ManifestRow, what: String| {
            let error = Error::new(ErrorKind::InvalidArgument, what);
            Err(error.of(&row.path))
        };
        let mut template: Option<(String, &Path)> = None;
        for (number, row) in self.iter().enumerate() {
            let name = row.path.file_name().unwrap_or_default().to_string_lossy();
            let place = x_of_y(number, count);
            let Some((before, after)) = name.split_once(&place) else {
                return wrong(row, format!("TFDS reads only names with {place}: rename the file"));
            };
            let found = template_of(before, split) + "{SHARD_X_OF_Y}" + &template_of(after, split);
            let directory = directory_of(&row.path);
            match &template {
                None => template = Some((found, directory)),
                Some(first) if *first == (found.clone(), directory) => {}
                Some(_) => {
                    let first = self[0].path.display();
                    return wrong(row, format!("is not named like {first}, in the same directory"));
                }
            }
        }
        Ok(template.map_or_else(|| TEMPLATE.to_owned(), |(template, _)| template))
    }
}

/// Fails if there is another file at the path of a split's info.
fn ensure_info(path: &Path) -> Result<()> {
    let expected = "a split's info for TFDS; give another directory, or rename the file";
    ensure_replaceable(path, expected, says_split)
}

/// Fails if a shard has another number of records than its row says.
fn ensure_counts(manifest: &Manifest, shards: &[Shard], options: &Options<'_>) -> Result<()> {
    let bytes = sum(manifest.iter().map(|row| row.bytes)).unwrap_or(u64::MAX);
    let counted = count_all(&shards.iter().collect::<Vec<_>>(), bytes, options)?;
    match manifest.iter().zip(counted).find(|(row, counted)| row.records != counted.records) {
        // Then its number of bytes is not that of the payloads: it informs people.
        None => Ok(()),
        Some((row, counted)) => Err(other_count(counted.records, row.records, INFO).of(&row.path)),
    }
}

/// A part of a name as a part of a template.
fn template_of(part: &str, split: &str) -> String {
    let part = part.replace('{', "{{").replace('}', "}}");
    let part = part.replacen("tfrecord", "{FILEFORMAT}", 1);
    match part.split_once(split) {
        // A split is a word of its own.
        Some((before, after)) if is_end(before.chars().last()) && is_end(after.chars().next()) => {
            let name = before.strip_suffix('-').filter(|name| is_name(name));
            let before = name.map_or(before, |_| "{DATASET}-");
            format!("{before}{{SPLIT}}{after}")
        }
        _ => part,
    }
}

fn is_end(next: Option<char>) -> bool {
    !next.is_some_and(char::is_alphanumeric)
}

/// Whether TFDS accepts it as the name of a data set.
fn is_name(name: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    name.bytes().all(is_part) && name.starts_with(|first: char| first.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests;
