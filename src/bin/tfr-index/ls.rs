//! `tfr-index ls`: a line for each file.

use std::collections::HashSet;
use std::fs::{self, DirEntry};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use serde_json::json;
use tfr_index::{default_index_path, CheckLevel, ErrorKind, Index, Options};

use crate::each::{for_each, succeed};
use crate::shared::stdio::{fail, name, print};
use crate::show::bytes;
use crate::{input, json};

/// List files: a line with the records, the bytes, and whether there is an index that fits
///
/// The index beside a data file fits, is partial (leaves out valid records), stale, bad (of
/// another file, or no index), or fits data that is damaged. No more of the data is read than a
/// quick check of its index reads: where none fits, the number of records is not known.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Ls {
    /// Indexes, data files, or folders, for the files in them; or - for an index on stdin
    #[arg(default_value = ".", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Print a JSON object for each file
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  tfr-index ls                      # the files in this directory
  tfr-index ls train-*.tfrecord";

impl Ls {
    pub fn run(self) -> ExitCode {
        let Ls { files, json } = self;
        let head = if json { "" } else { LS_HEAD };
        if let Err(error) = print(head) {
            return fail(&error);
        }
        for_each(data_and_other_indexes(files), |path| {
            if !path.is_dir() {
                return succeed(json::tell(&path, json, ls(&path, json)));
            }
            let files = json::tell_failure(&path, json, files_in(&path))?;
            Ok(for_each(data_and_other_indexes(files), |file| {
                succeed(json::tell(&file, json, ls(&file, json)))
            }))
        })
    }
}

/// Without the indexes that stand beside their data: `ls *` names them, too.
fn data_and_other_indexes(mut files: Vec<PathBuf>) -> Vec<PathBuf> {
    let defaults: HashSet<_> = files.iter().map(default_index_path).collect();
    files.retain(|file| !defaults.contains(file));
    files
}

/// The files in a folder, but for hidden ones, by their names.
fn files_in(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let entries = entries.with_context(|| folder.display().to_string())?;
    let is_hidden = |entry: &DirEntry| entry.file_name().as_bytes().starts_with(b".");
    let shown = entries.iter().filter(|entry| !is_hidden(entry));
    let mut files: Vec<_> = shown.map(DirEntry::path).filter(|path| path.is_file()).collect();
    files.sort();
    Ok(files)
}

const LS_HEAD: &str = "     records            bytes  index    file\n";

fn ls(file: &Path, as_json: bool) -> anyhow::Result<String> {
    let (index, bytes, state) = if input::is_index(file) {
        let index = input::index_file(file)?;
        let bytes = bytes(&index);
        (Some(index), bytes, "-")
    } else {
        let bytes = file.metadata().with_context(|| file.display().to_string())?.len();
        let path = default_index_path(file);
        // A pipe would keep us waiting.
        match path.is_file().then(|| Index::read(&path).ok()).flatten() {
            Some(index) => match state(&index, file) {
                state @ ("fits" | "damaged") => (Some(index), bytes, state),
                state => (None, bytes, state),
            },
            None if path.exists() => (None, bytes, "bad"),
            None => (None, bytes, "none"),
        }
    };
    let records = index.map(|index| index.len());
    if as_json {
        let object = json!({"records": records, "bytes": bytes, "index": state});
        return Ok(json::line(&[("path", Some(file))], object));
    }
    let records = records.map_or("?".to_owned(), |records| records.to_string());
    Ok(format!("{records:>12} {bytes:>16}  {state:<7}  {}\n", name(file)))
}

/// Whether readers use the index that they find beside its data, and if not, why.
fn state(index: &Index, data: &Path) -> &'static str {
    match index.check(data, CheckLevel::Quick, &Options::new()) {
        Ok(fit) if fit.partial => "partial",
        Ok(_) => "fits",
        Err(error) => match error.kind() {
            ErrorKind::Stale => "stale",
            ErrorKind::LengthCrc => "damaged",
            _ => "bad",
        },
    }
}
