//! `tfr-index cat`: the records themselves.

use std::cell::Cell;
use std::fs::OpenOptions;
use std::io::{self, IsTerminal, Write};
use std::iter::repeat;
use std::mem::take;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{anyhow, bail, Context};
use clap::{Args, ValueHint};
use tfr_index::internal::without_indexes;
use tfr_index::{find_index, own_descriptor, Error, ErrorKind, Index, Options, Payloads, Reader};

use crate::each::for_each;
use crate::input::{self, Numbers, Word};
use crate::output::OutputFile;
use crate::policy::Policy;
use crate::refuse;
use crate::shared::exit::done;
use crate::shared::interrupts::Interrupts;
use crate::shared::salvage::Damaged;
use crate::shared::{progress, stdio, streams};

/// Print the payloads of records, or whole frames, which make a TFRecord file
///
/// It prints all records of each FILE, or the given ones of a single FILE. To a terminal it prints
/// only text: pipe other data, or write it to a file.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
#[command(override_usage = "tfr-index cat [OPTIONS] <FILE> [RECORD]... [--index <INDEX>]
       tfr-index cat [OPTIONS] <FILE>... [--index <INDEX>...]")]
pub struct Cat {
    /// A data file
    #[arg(value_parser = input::data_file())]
    file: PathBuf,
    /// Its records, by their numbers from 0: 5, 9-20 or 90- [default: all, in the order of the
    /// index]; or more data files
    ///
    /// A word of digits is a record number. Write ./5 for a file named 5.
    #[arg(value_name = "RECORD|FILE", value_parser = input::word(), value_hint = ValueHint::FilePath)]
    words: Vec<Word>,
    /// Print whole frames instead of payloads: the output is a TFRecord file
    #[arg(long)]
    frames: bool,
    /// The indexes that say where the records are, in the order of the files, or - for stdin; or a
    /// directory with an index for each, found by the file's name [default: FILE.idx if it accounts for all valid records, else a scan]
    #[arg(short, long = "index", num_args = 1.., value_name = "INDEX")]
    #[arg(value_parser = input::word(), value_hint = ValueHint::FilePath)]
    indexes: Vec<Word>,
    /// Scan the files, and leave damage out, damaged payloads with --checksums full: records have
    /// the numbers of create --salvage
    #[arg(long, conflicts_with = "indexes")]
    salvage: bool,
    /// A file to write, which must not be there yet, or - for stdout, even if it is a terminal
    ///
    /// It appears whole or not at all. A process that is killed leaves a file .tfr-index.*.tmp in the
    /// same directory, to be removed by hand.
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,
    /// Which checksums the records are held to; auto is as full, where the file has true ones
    #[arg(short, long, value_enum, default_value_t, value_name = "POLICY")]
    checksums: Policy,
}

const EXAMPLES: &str = "\
Examples:
  tfr-index cat train.tfrecord 42 -o record         # the payload of record 42
  tfr-index cat train.tfrecord 0-9 --frames -o small.tfrecord
  tfr-index cat train.tfrecord --index epoch7.idx --frames -o shuffled.tfrecord
  tfr-index cat a.tfrecord b.tfrecord --frames -o both.tfrecord";

/// What is read of a file.
struct Part<'a> {
    file: &'a Path,
    index: Option<&'a Path>,
    /// All of them if there is none here.
    records: &'a [Numbers],
}

impl Part<'_> {
    /// The index that is given.
    fn index(&self) -> anyhow::Result<Option<Index>> {
        self.index.map(input::read_index).transpose()
    }
}

/// Bytes of records that are read at once.
const BATCH: usize = 4 << 20;

impl Cat {
    pub fn run(mut self) -> ExitCode {
        let (mut files, mut records) = input::split(take(&mut self.words));
        let (indexes, after_indexes) = input::split(take(&mut self.indexes));
        records.extend(after_indexes);
        for file in &mut files {
            *file = input::data_path(file)
                .unwrap_or_else(|error| refuse("cat", format!("{}: {error}", stdio::name(file))));
        }
        files.insert(0, take(&mut self.file));
        let directory = indexes.first().filter(|path| indexes.len() == 1 && path.is_dir()).cloned();
        if indexes.is_empty() || directory.is_some() {
            files = without_indexes(files);
        }
        let indexes = match &directory {
            Some(directory) => {
                let found = files.iter().map(|file| find_index(file, Some(directory)));
                match found.collect::<tfr_index::Result<Vec<_>>>() {
                    Ok(found) => found,
                    Err(error) => return stdio::fail(&error),
                }
            }
            None => indexes,
        };
        if files.len() > 1 && !records.is_empty() {
            let count = files.len();
            refuse("cat", format!("record numbers are for a single FILE, but there are {count}"));
        }
        if !indexes.is_empty() && indexes.len() != files.len() {
            let (files, indexes) = (files.len(), indexes.len());
            refuse("cat", format!("--index takes one index for each FILE: {files}, not {indexes}"));
        }
        let indexes = indexes.iter().map(|path| Some(&**path)).chain(repeat(None));
        let parts = files.iter().zip(indexes);
        let parts = parts.map(|(file, index)| Part { file, index, records: &records });
        // Records on a terminal leave no room for it.
        if self.output.is_some() || !io::stdout().is_terminal() {
            progress::begin(&files);
        }
        match self.output.as_ref().filter(|path| *path != Path::new("-")) {
            Some(path) => self.write(path, parts),
            None => self.print(parts),
        }
    }

    /// Prints the parts; one that fails does not keep the next ones from being printed.
    fn print<'a>(&self, parts: impl Iterator<Item = Part<'a>>) -> ExitCode {
        let mut stdout = match stdio::stdout().context("cannot write the output") {
            Ok(stdout) => stdout,
            Err(error) => return stdio::fail(&error),
        };
        let only_text = self.output.is_none() && io::stdout().is_terminal();
        let ended = Cell::new(false);
        let interrupts = Interrupts::default();
        let mut output = Output { to: &mut stdout, only_text, ended: &ended, interrupts };
        for_each(parts.take_while(|_| !ended.get()), |part| {
            let damaged = Damaged::default();
            self.copy(&part, part.index()?, &mut output, &damaged)?;
            Ok(done(damaged.regions()))
        })
    }

    /// Writes the parts to a file, which is there only if none fails, or to a stream.
    fn write<'a>(&self, path: &Path, parts: impl Iterator<Item = Part<'a>>) -> ExitCode {
        // Before signals are only heard: the other end of a pipe may keep us waiting.
        let parts = parts.map(|part| part.index().map(|index| (part, index)));
        let parts = match parts.collect::<anyhow::Result<Vec<_>>>() {
            Ok(parts) => parts,
            Err(error) => return stdio::fail(&error),
        };
        let interrupts = Interrupts::of_writing([path].into_iter());
        let (ended, damaged) = (Cell::new(false), Damaged::default());
        let copy = |to: &mut dyn Write| {
            let interrupts = interrupts.clone();
            let mut output = Output { to, only_text: false, ended: &ended, interrupts };
            parts.iter().try_for_each(|(part, index)| {
                self.copy(part, index.clone(), &mut output, &damaged)?;
                progress::file_done();
                Ok(())
            })
        };
        let written = match streams::is_stream(path) {
            true => own_descriptor(path)
                .unwrap_or_else(|| OpenOptions::new().append(true).open(path))
                .with_context(|| path.display().to_string())
                .and_then(|mut stream| copy(&mut stream)),
            false => OutputFile::create_new(path).and_then(|mut file| {
                copy(&mut file)?;
                file.commit_new()
            }),
        };
        interrupts.end(match written {
            Ok(()) => done(damaged.regions()),
            Err(error) => stdio::fail(&error),
        })
    }

    fn copy(
        &self,
        part: &Part<'_>,
        index: Option<Index>,
        output: &mut Output<'_>,
        damaged: &Damaged,
    ) -> anyhow::Result<()> {
        let &Part { file, records, .. } = part;
        let watch = |at| output.interrupts.watch(at);
        let options = Options::new().checksums(self.checksums.into()).raw_frames(self.frames);
        let options = options.progress(&watch);
        let index = match index {
            None if self.salvage => {
                let on_skipped = |skipped| damaged.tell(skipped);
                Some(Index::scan(file, &options.salvage(true).on_skipped(&on_skipped))?)
            }
            index => index,
        };
        let reader = match index {
            Some(index) => Reader::with_index(file, index, &options)?,
            None => input::open(file, &options)?,
        };
        let records = match records {
            [] => (0..reader.len()).collect(),
            some => {
                input::records(some, reader.len()).with_context(|| file.display().to_string())?
            }
        };
        output.write_records(&reader, &records).map_err(|error| self.explain(error))
    }

    /// Says how a damaged payload is left out, where damage should be.
    fn explain(&self, error: anyhow::Error) -> anyhow::Error {
        let kind = error.downcast_ref::<Error>().map(Error::kind);
        match self.salvage && kind == Some(ErrorKind::PayloadCrc) {
            true => anyhow!("{error:#}; --checksums full leaves damaged payloads out"),
            false => error,
        }
    }
}

/// Where the records go.
struct Output<'a> {
    to: &'a mut dyn Write,
    /// It is a terminal, for which other data is of no use.
    only_text: bool,
    /// It takes no more: its reader has seen enough, or writing to it failed.
    ended: &'a Cell<bool>,
    interrupts: Interrupts,
}

impl Output<'_> {
    fn write_records(&mut self, reader: &Reader, records: &[usize]) -> anyhow::Result<()> {
        let mut payloads = Payloads::default();
        let mut total = 0;
        for record in records {
            total += reader.size_of(*record)? as u64;
        }
        let (mut left, mut done) = (records, 0);
        while !left.is_empty() && !self.ended.get() {
            if self.interrupts.heard() {
                bail!("interrupted, nothing is written");
            }
            let (mut count, mut bytes) = (0, 0);
            while count < left.len() && bytes < BATCH {
                bytes += reader.size_of(left[count])?;
                count += 1;
            }
            reader.read_many_into(&left[..count], &mut payloads)?;
            self.write(payloads.bytes())?;
            done += bytes as u64;
            progress::report(done, total);
            left = &left[count..];
        }
        Ok(())
    }

    /// Writes the bytes; a reader that has seen enough is no failure.
    fn write(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        if self.only_text && is_binary(bytes) {
            bail!(
                "this is no text, and not printed to a terminal: pipe it, or say where it goes, \
                as in -o FILE, or -o - to print it nevertheless"
            );
        }
        let written = self.to.write_all(bytes);
        self.ended.set(written.is_err());
        match written {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            written => written.context("cannot write the output"),
        }
    }
}

fn is_binary(bytes: &[u8]) -> bool {
    let is_control = |byte: &u8| byte.is_ascii_control() && !byte.is_ascii_whitespace();
    std::str::from_utf8(bytes).is_err() || bytes.iter().any(is_control)
}
