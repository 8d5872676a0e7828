//! Creates the indexes of files, several at once.

use std::io::Write;
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{anyhow, Context};
use indicatif::DecimalBytes;
use tfr_index::{
    create_indexes, CreateIndexes, CreateTotals, Created, Creation, Error, Options, Shards,
};

use super::progress::SetProgress;
use crate::json;
use crate::output::OutputFile;
use crate::paths::refuse_directory;
use crate::shared::create::{ensure_place_beside, report, Summary};
use crate::shared::exit::done;
use crate::shared::interrupts::Interrupts;
use crate::shared::progress;
use crate::shared::salvage::DamageReport;
use crate::shared::stdio::{self, fail, print};

/// What to say about the files.
pub struct Said {
    /// Whether the indexes are written beside the data.
    pub is_beside: bool,
    pub json: bool,
    /// The file that lists the files that fail, and the byte after each path.
    pub failed: Option<(PathBuf, u8)>,
}

/// Creates the indexes, and says what was done with each file, in order.
pub fn create(
    shards: &Shards,
    how: CreateIndexes<'_>,
    options: &Options<'_>,
    said: &Said,
) -> ExitCode {
    let interrupts = Interrupts::listen();
    let shown = match said.json {
        true => SetProgress::nothing(),
        false => SetProgress::begin(&shards.iter().map(|shard| &*shard.path).collect::<Vec<_>>()),
    };
    let watch = |at| match interrupts.caught() {
        true => ControlFlow::Break(()),
        false => {
            shown.show(at);
            ControlFlow::Continue(())
        }
    };
    let damaged = DamageReport::default();
    let on_skipped = |skipped| damaged.add(skipped);
    let how = how.options(options.on_skipped(&on_skipped)).progress(&watch);
    let (mut count, mut failed, mut unprinted) = (0, Vec::new(), None);
    let totals = create_indexes(shards, &how, |created| {
        count += 1;
        if created.result.is_err() {
            failed.push(created.path.clone());
        }
        match said.tell(created) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                unprinted = Some(error);
                ControlFlow::Break(())
            }
        }
    });
    progress::end();
    let ended = match (totals, unprinted) {
        (Ok(totals), _) => said.sum_up(shards, &totals),
        (Err(_), Some(error)) => Err(error),
        (Err(_), None) => Err(interrupted(shards, count)),
    };
    let listed = said.list(&failed);
    let exits = [ended, listed.map(|()| ExitCode::SUCCESS)]
        .map(|exit| exit.unwrap_or_else(|error| fail(&error)));
    let exit = if exits[1] == ExitCode::SUCCESS { exits[0] } else { exits[1] };
    interrupts.end(exit)
}

fn interrupted(shards: &Shards, count: usize) -> anyhow::Error {
    match &shards[..] {
        [shard] => anyhow!("{}: interrupted, nothing was written", shard.path.display()),
        all => anyhow!("interrupted: {}", done_of(count, all.len())),
    }
}

/// How many files are done, and how to do the others.
fn done_of(count: usize, all: usize) -> String {
    let are = if count == 1 { "is" } else { "are" };
    match count {
        _ if count == all => format!("all {all} files are done"),
        _ => format!(
            "{count} of {all} files {are} done; to do the rest, use the same command with --update"
        ),
    }
}

impl Said {
    /// Says what was done with a file. Fails if it cannot be printed.
    fn tell(&self, created: Created) -> anyhow::Result<()> {
        let Created { path, index_path, result, .. } = created;
        let is_planned = matches!(result, Ok(Creation::Planned));
        let result = match result {
            Ok(Creation::Created { records, skipped_regions }) => {
                Ok(Some(Summary { records, regions: skipped_regions }))
            }
            Ok(_) => Ok(None),
            Err(error) => Err(self.explain(&path, error)),
        };
        if let Err(error) = &result {
            fail(error);
        }
        if self.json {
            return print(&json::outcome(&path, &index_path, &result, is_planned));
        }
        match &result {
            Ok(Some(summary)) => report(&path, &index_path, summary),
            Ok(None) if is_planned => {
                let (path, index_path) = (stdio::name(&path), stdio::name(&index_path));
                print(&format!("{path}: would create {index_path}\n"))
            }
            _ => Ok(()),
        }
    }

    /// The error, in the words of the command line.
    fn explain(&self, path: &Path, error: Error) -> anyhow::Error {
        if error.os_error() == Some(libc::EISDIR) {
            if let Err(error) = refuse_directory(path) {
                return error;
            }
        }
        if self.is_beside {
            if let Err(error) = ensure_place_beside(path, "give a path with -o") {
                return error;
            }
        }
        match error.path() {
            Some(_) => error.into(),
            None => anyhow::Error::from(error).context(path.display().to_string()),
        }
    }

    /// Prints the totals. Returns the exit status.
    fn sum_up(&self, shards: &Shards, totals: &CreateTotals) -> anyhow::Result<ExitCode> {
        let text = match shards.len() {
            _ if self.json => String::new(),
            1 if totals.up_to_date == 1 => "1 up to date\n".to_owned(),
            0 | 1 => String::new(),
            files => format!("{files} files: {}\n", parts(totals).join(", ")),
        };
        stdio::report(&text)?;
        Ok(if totals.failed > 0 { ExitCode::FAILURE } else { done(totals.skipped_regions) })
    }

    /// Writes the list of files that failed.
    fn list(&self, failed: &[PathBuf]) -> anyhow::Result<()> {
        let Some((path, end)) = &self.failed else { return Ok(()) };
        let mut list = OutputFile::create(path)?;
        let mut unlisted = None;
        for failed in failed {
            let bytes = failed.as_os_str().as_bytes();
            if bytes.contains(end) {
                unlisted = unlisted.or(Some(failed));
                continue;
            }
            let written = list.write_all(&[bytes, &[*end]].concat());
            written.with_context(|| path.display().to_string())?;
        }
        list.replace()?;
        match unlisted {
            None => Ok(()),
            Some(failed) => Err(anyhow!(
                "{}: cannot list {}, whose name has a line break; use -0",
                path.display(),
                failed.display()
            )),
        }
    }
}

/// The counts that are not zero.
fn parts(totals: &CreateTotals) -> Vec<String> {
    let mut parts = Vec::new();
    let CreateTotals { created, planned, up_to_date, failed, records, bytes, .. } = *totals;
    if created > 0 {
        let bytes = DecimalBytes(bytes);
        parts.push(format!("{created} created ({records} records, {bytes})"));
    }
    let others = [(planned, "to create"), (up_to_date, "up to date"), (failed, "failed")];
    let others = others.iter().filter(|(count, _)| *count > 0);
    parts.extend(others.map(|(count, what)| format!("{count} {what}")));
    parts
}

#[cfg(test)]
mod tests {
    use super::done_of;

    #[test]
    fn an_interruption_says_what_is_left() {
        let rest = "done; to do the rest, use the same command with --update";
        assert_eq!(done_of(0, 16), format!("0 of 16 files are {rest}"));
        assert_eq!(done_of(1, 16), format!("1 of 16 files is {rest}"));
        assert_eq!(done_of(15, 16), format!("15 of 16 files are {rest}"));
        assert_eq!(done_of(16, 16), "all 16 files are done");
    }
}
