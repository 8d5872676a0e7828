//! Indexes made from indexes: the input and output files of an edit.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{bail, Context};
use clap::Args;
use tfr_index::internal::ensure_index;
use tfr_index::{Entry, Index, Shards};

use crate::paths::{paths, Set};
use crate::shared::stdio::{fail, name, note, print, report};
use crate::shared::{create, progress, streams};
use crate::{input, output};

#[derive(Args)]
pub struct Files {
    /// Indexes, or data files, directories and patterns
    #[arg(required_unless_present = "files_from", value_name = "PATH")]
    pub inputs: Vec<PathBuf>,
    #[command(flatten)]
    pub set: Set,
    /// Where to write the index: a file, - for stdout, or a directory [default: -]
    ///
    /// OUT is a directory if one exists there, if OUT ends in /, or if there are several files. It is
    /// created if necessary.
    ///
    /// If OUT is a directory, files without remaining records get no index.
    ///
    /// A directory for indexes mirrors the directories of the files.
    #[arg(short, long, value_name = "OUT")]
    pub output: Option<PathBuf>,
}

impl Files {
    /// Edits the files as if they were one, and writes an index of the remaining records of each.
    pub fn edit(
        self,
        command: &str,
        edit: impl Fn(&Index) -> anyhow::Result<Index>,
    ) -> anyhow::Result<()> {
        let inputs = self.set.find_as_listed(self.inputs)?;
        edit_shards(command, &inputs, self.output.as_deref(), edit)
    }
}

/// Edits the files as if they were one, and writes an index of the remaining records of each.
pub fn edit_shards(
    command: &str,
    inputs: &Shards,
    output: Option<&Path>,
    edit: impl Fn(&Index) -> anyhow::Result<Index>,
) -> anyhow::Result<()> {
    let targets = targets(command, inputs, output);
    Concatenation::read(inputs)?.write(&targets, edit)
}

/// Where the new index of each input goes.
fn targets(command: &str, inputs: &Shards, output: Option<&Path>) -> Vec<Target> {
    match output {
        Some(path) if path != Path::new("-") => match output::is_directory(path, inputs.len()) {
            true => in_directory(command, path, inputs),
            false => vec![Target::File(path.to_owned())],
        },
        _ if inputs.len() > 1 => {
            crate::refuse(command, "several files need a directory for the indexes (--output)")
        }
        _ => vec![Target::File("-".into())],
    }
}

/// The exit status of an edit.
pub fn exit_code(done: anyhow::Result<()>) -> ExitCode {
    done.map_or_else(|error| fail(&error), |()| ExitCode::SUCCESS)
}

/// An edit never replaces the index next to a data file: that is the index of all records, which
/// readers use.
pub fn refuse_index_beside_data(path: &Path) -> anyhow::Result<()> {
    let data = path.with_extension("");
    if path.extension().is_some_and(|extension| extension == "idx") && data.is_file() {
        bail!(
            "{}: is reserved for the index of all records of {}; give another file or directory (--output)",
            path.display(),
            data.display()
        );
    }
    Ok(())
}

fn in_directory(command: &str, directory: &Path, inputs: &Shards) -> Vec<Target> {
    let paths = output::in_directory(command, directory, inputs, input::index_name);
    paths.into_iter().map(Target::InDirectory).collect()
}

/// Several indexes, edited as one.
pub struct Concatenation {
    paths: Vec<PathBuf>,
    parts: Vec<Index>,
    /// For each part, the number of records up to its end.
    ends: Vec<usize>,
}

impl Concatenation {
    pub fn read(shards: &Shards) -> anyhow::Result<Concatenation> {
        let paths = paths(shards);
        progress::begin(&paths);
        let parts = shards.iter().map(|shard| {
            let (path, index) = (&shard.path, input::read_index_of(shard)?);
            if index.is_empty() && streams::is_descriptor(path) {
                let hint = "for an index without records, give /dev/null";
                bail!("{}: {}; {hint}", path.display(), create::EMPTY);
            }
            progress::file_done();
            Ok(index)
        });
        let parts = parts.collect::<anyhow::Result<Vec<Index>>>();
        progress::end();
        let parts = parts?;
        let add = |end: &mut usize, part: &Index| {
            *end += part.len();
            Some(*end)
        };
        let ends = parts.iter().scan(0, add).collect();
        Ok(Concatenation { paths, parts, ends })
    }

    /// An index of all parts, with record numbers in place of offsets. After an edit, they tell which
    /// records of which part remain.
    pub fn numbered(&self) -> anyhow::Result<Index> {
        let numbered = (0..).zip(self.parts.iter().flatten());
        let numbered = numbered.map(|(number, entry)| Entry { offset: number, size: entry.size });
        Ok(Index::from_entries(numbered)?)
    }

    /// The parts that a run of all records touches: their numbers, and the entries in the run.
    pub fn run(&self, run: Range<usize>) -> impl Iterator<Item = (usize, &[Entry])> {
        let first = self.ends.partition_point(|end| *end <= run.start);
        let parts = (first..self.parts.len()).map(|part| {
            let entries = &self.parts[part];
            (part, self.ends[part] - entries.len(), entries)
        });
        let end = run.end;
        parts.take_while(move |(_, start, _)| *start < end).filter_map(
            move |(part, start, entries)| {
                let from = run.start.saturating_sub(start);
                let to = entries.len().min(run.end - start);
                (from < to).then(|| (part, &entries[from..to]))
            },
        )
    }

    /// Applies an edit of all records, and returns the result for each part.
    fn edit(&self, edit: impl Fn(&Index) -> anyhow::Result<Index>) -> anyhow::Result<Vec<Index>> {
        if let [only] = &self.parts[..] {
            return Ok(vec![edit(only)?]);
        }
        let edited = edit(&self.numbered()?)?;
        let mut records = vec![Vec::new(); self.parts.len()];
        for number in edited.iter().map(|entry| entry.offset as usize) {
            let part = self.ends.partition_point(|end| *end <= number);
            records[part].push(number + self.parts[part].len() - self.ends[part]);
        }
        let parts = self.parts.iter().zip(records);
        parts.map(|(part, records)| Ok(part.select(&records)?)).collect()
    }

    fn write(
        &self,
        targets: &[Target],
        edit: impl Fn(&Index) -> anyhow::Result<Index>,
    ) -> anyhow::Result<()> {
        targets.iter().try_for_each(|target| refuse_index_beside_data(target.path()))?;
        let parts = self.paths.iter().zip(&self.parts).zip(self.edit(edit)?);
        for (((path, part), left), target) in parts.zip(targets) {
            let summary = format!("{}: {} of {} records", name(path), left.len(), part.len());
            target.write(&left, &summary)?;
        }
        Ok(())
    }
}

/// Where an index goes.
pub enum Target {
    /// A file, or stdout.
    File(PathBuf),
    /// A file in a directory, without empty indexes, because NVIDIA DALI rejects them.
    InDirectory(PathBuf),
}

impl Target {
    fn path(&self) -> &Path {
        let (Target::File(path) | Target::InDirectory(path)) = self;
        path
    }

    /// Writes the index, and reports it on stdout, unless the index went there.
    pub fn write(&self, index: &Index, summary: &str) -> anyhow::Result<()> {
        let path = self.path();
        if path == Path::new("-") {
            return print(&index.to_text()?);
        }
        ensure_index(path)?;
        match self {
            Target::InDirectory(path) if index.is_empty() => {
                if !path.exists() {
                    return report(&format!("{summary}, {} not written\n", name(path)));
                }
                // The file is from an earlier run.
                fs::remove_file(path).with_context(|| path.display().to_string())?;
                return report(&format!("{summary}, {} removed\n", name(path)));
            }
            Target::InDirectory(path) => {
                let directory = path.parent().unwrap_or(path);
                let made = fs::create_dir_all(directory);
                made.with_context(|| directory.display().to_string())?;
            }
            Target::File(_) if index.is_empty() => {
                note(&format_args!("note: {} has no records", path.display()));
            }
            Target::File(_) => {}
        }
        let _reader = streams::await_reader(path)?;
        match index.write(path) {
            // The reader closed the pipe.
            Err(error) if error.os_error() == Some(libc::EPIPE) && streams::is_stream(path) => {
                Ok(())
            }
            Err(error) => Err(error.into()),
            Ok(()) if streams::is_stream(path) => Ok(()),
            Ok(()) => report(&format!("{summary} -> {}\n", name(path))),
        }
    }
}
