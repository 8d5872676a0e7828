//! Indexes made of indexes: the files that an edit is of, and those that it makes.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{bail, Context};
use clap::Args;
use tfr_index::{Entry, Index};

use crate::shared::stdio::{fail, name, note, print};
use crate::shared::{create, overwrite, streams};
use crate::{input, output};

#[derive(Args)]
pub struct Files {
    /// Indexes, or data files
    #[arg(required = true, value_name = "FILE")]
    pub inputs: Vec<PathBuf>,
    /// Where to write: a file, or - for stdout; or a folder, made if need be, which gets an index of
    /// each file that has records left: one that is there, ends in /, or is for several files
    /// [default: -]
    #[arg(short, long, value_name = "OUT")]
    pub output: Option<PathBuf>,
}

impl Files {
    /// Edits the files as if they were one, and writes an index of what each has left.
    pub fn edit(
        self,
        command: &str,
        edit: impl Fn(&Index) -> anyhow::Result<Index>,
    ) -> anyhow::Result<()> {
        let targets = self.targets(command);
        Whole::read(self.inputs)?.write(&targets, edit)
    }

    /// The same for each of `world` edits, in folders of their numbers.
    pub fn edit_each(
        self,
        world: usize,
        edit: impl Fn(&Index, usize) -> anyhow::Result<Index>,
    ) -> anyhow::Result<()> {
        let Some(folder) = self.output.as_ref().filter(|path| *path != Path::new("-")) else {
            let message =
                "say where the shards' folders go (--output), or which one to make (--rank)";
            crate::refuse("shard", message);
        };
        let targets =
            |rank: usize| in_folder("shard", &folder.join(rank.to_string()), &self.inputs);
        refuse_other_shards(folder, world, &targets(0))?;
        let whole = Whole::read(self.inputs.clone())?;
        (0..world).try_for_each(|rank| whole.write(&targets(rank), |index| edit(index, rank)))
    }

    /// Where the indexes of what is left of each input go.
    fn targets(&self, command: &str) -> Vec<Target> {
        match &self.output {
            Some(path) if path != Path::new("-") => {
                match output::is_folder(path, self.inputs.len()) {
                    true => in_folder(command, path, &self.inputs),
                    false => vec![Target::File(path.clone())],
                }
            }
            _ if self.inputs.len() > 1 => {
                crate::refuse(command, "several files: say which folder (--output)")
            }
            _ => vec![Target::File("-".into())],
        }
    }
}

/// The exit status of an edit.
pub fn ended(done: anyhow::Result<()>) -> ExitCode {
    done.map_or_else(|error| fail(&error), |()| ExitCode::SUCCESS)
}

/// An edit never takes the place of the index that stands beside its data: that is the one of all
/// records, by which everything else goes.
fn refuse_the_whole_index(path: &Path) -> anyhow::Result<()> {
    let data = path.with_extension("");
    if path.extension().is_some_and(|extension| extension == "idx") && data.is_file() {
        bail!(
            "{}: is the place of the index of all records of {}, beside which it stands; say \
             another one (--output)",
            path.display(),
            data.display()
        );
    }
    Ok(())
}

/// Fails where the folder has shards of another number, or of other files: together with those that
/// are to come, records would be lost or there twice.
fn refuse_other_shards(folder: &Path, world: usize, targets: &[Target]) -> anyhow::Result<()> {
    let names: HashSet<_> = targets.iter().filter_map(|target| target.path().file_name()).collect();
    for shard in fs::read_dir(folder).into_iter().flatten().flatten() {
        let is_one = |rank: usize| rank < world && shard.file_name() == *rank.to_string();
        let rank = shard.file_name().to_str().and_then(|name| name.parse().ok());
        let Some(rank) = rank else { continue };
        for index in fs::read_dir(shard.path()).into_iter().flatten().flatten() {
            if !is_one(rank) || !names.contains(&*index.file_name()) {
                bail!(
                    "{}: is of other shards than those that would be written; remove them, or give \
                     another folder",
                    index.path().display()
                );
            }
        }
    }
    Ok(())
}

fn in_folder(command: &str, folder: &Path, inputs: &[PathBuf]) -> Vec<Target> {
    let paths = output::in_folder(command, folder, inputs, input::index_name);
    paths.into_iter().map(Target::InFolder).collect()
}

/// Several indexes that are edited as one.
struct Whole {
    paths: Vec<PathBuf>,
    parts: Vec<Index>,
}

impl Whole {
    fn read(paths: Vec<PathBuf>) -> anyhow::Result<Whole> {
        let parts = paths.iter().map(|path| {
            let index = input::read_index(path)?;
            if index.is_empty() && streams::is_descriptor(path) {
                let file = "give /dev/null for an index of no records";
                bail!("{}: {}; {file}", path.display(), create::EMPTY);
            }
            Ok(index)
        });
        Ok(Whole { parts: parts.collect::<anyhow::Result<_>>()?, paths })
    }

    /// What an edit of all records leaves of each part.
    fn edit(&self, edit: impl Fn(&Index) -> anyhow::Result<Index>) -> anyhow::Result<Vec<Index>> {
        if let [only] = &self.parts[..] {
            return Ok(vec![edit(only)?]);
        }
        // An index of all of them, in which an offset is but the record's number: what the edit
        // leaves of it says which records of which part those are.
        let numbered = (0..).zip(self.parts.iter().flatten());
        let numbered = numbered.map(|(number, entry)| Entry { offset: number, size: entry.size });
        let edited = edit(&Index::from_entries(numbered)?)?;
        let mut ends = Vec::new();
        for part in &self.parts {
            ends.push(ends.last().unwrap_or(&0) + part.len());
        }
        let mut records = vec![Vec::new(); self.parts.len()];
        for number in edited.iter().map(|entry| entry.offset as usize) {
            let part = ends.partition_point(|end| *end <= number);
            records[part].push(number + self.parts[part].len() - ends[part]);
        }
        let parts = self.parts.iter().zip(records);
        parts.map(|(part, records)| Ok(part.select(&records)?)).collect()
    }

    fn write(
        &self,
        targets: &[Target],
        edit: impl Fn(&Index) -> anyhow::Result<Index>,
    ) -> anyhow::Result<()> {
        targets.iter().try_for_each(|target| refuse_the_whole_index(target.path()))?;
        let parts = self.paths.iter().zip(&self.parts).zip(self.edit(edit)?);
        for (((path, part), left), target) in parts.zip(targets) {
            let said = format!("{}: {} of {} records", name(path), left.len(), part.len());
            target.write(&left, &said)?;
        }
        Ok(())
    }
}

/// Where an index goes.
pub enum Target {
    /// A file, or stdout.
    File(PathBuf),
    /// A file in a folder of those that are not empty. NVIDIA DALI takes no empty index.
    InFolder(PathBuf),
}

impl Target {
    fn path(&self) -> &Path {
        let (Target::File(path) | Target::InFolder(path)) = self;
        path
    }

    /// Writes the index, and says on stdout what became of what, unless that is where it went.
    pub fn write(&self, index: &Index, said: &str) -> anyhow::Result<()> {
        let path = self.path();
        if path == Path::new("-") {
            return print(&index.to_text()?);
        }
        overwrite::refuse_to_overwrite(path)?;
        match self {
            Target::InFolder(path) if index.is_empty() => {
                if !path.exists() {
                    return print(&format!("{said}, so no {}\n", name(path)));
                }
                // It is from before.
                fs::remove_file(path).with_context(|| path.display().to_string())?;
                return print(&format!("{said}, so {} is removed\n", name(path)));
            }
            Target::InFolder(path) => {
                let folder = path.parent().unwrap_or(path);
                fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
            }
            Target::File(_) if index.is_empty() => {
                note(&format_args!("note: no record is left for {}", path.display()));
            }
            Target::File(_) => {}
        }
        let _reader = streams::await_reader(path)?;
        match index.write(path) {
            // Who reads it has seen enough.
            Err(error) if error.os_error() == Some(libc::EPIPE) && streams::is_stream(path) => {
                Ok(())
            }
            Err(error) => Err(error.into()),
            Ok(()) if streams::is_stream(path) => Ok(()),
            Ok(()) => print(&format!("{said} -> {}\n", name(path))),
        }
    }
}
