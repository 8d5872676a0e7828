//! `tfr-index cat`: prints records.

use std::cell::Cell;
use std::fs::OpenOptions;
use std::io::{self, IsTerminal, Write};
use std::iter::repeat;
use std::mem::take;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{anyhow, bail, Context};
use clap::{Args, ValueHint};
use tfr_index::internal::{Comparison, StoredIndex, StoredReader, View};
use tfr_index::{own_descriptor, Error, ErrorKind, Options, Payloads, Shard};

use crate::each::for_each;
use crate::example::{AsJson, Wanted};
use crate::input::{self, Numbers, Word};
use crate::output::OutputFile;
use crate::paths::{paths, report_lost, Set};
use crate::policy::Policy;
use crate::refuse;
use crate::shared::exit::done;
use crate::shared::interrupts::Interrupts;
use crate::shared::salvage::DamageReport;
use crate::shared::stdio::note;
use crate::shared::{progress, stdio, streams};

/// Print the payloads of records, or whole frames, as a TFRecord file
///
/// Prints all records of each FILE, or the given records of a single FILE. On a terminal it prints
/// only text: pipe other data, or write it to a file.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
#[command(override_usage = "tfr-index cat [OPTIONS] <PATH> [RECORD]... [--index <INDEX>]
       tfr-index cat [OPTIONS] <PATH>... [--index <INDEX>...]")]
pub struct Cat {
    /// A data file, a directory, a pattern or a manifest
    #[arg(required_unless_present = "files_from", value_parser = input::data_file())]
    #[arg(value_name = "PATH")]
    file: Option<PathBuf>,
    /// Record numbers, starting at 0: 5, 9-20 or 90- [default: all, in the order of the index]; or
    /// more data files, directories and patterns
    ///
    /// An argument of digits is a record number. Write ./5 for a file named 5.
    #[arg(value_name = "RECORD|PATH", value_parser = input::word(), value_hint = ValueHint::FilePath)]
    words: Vec<Word>,
    #[command(flatten)]
    set: Set,
    /// Print whole frames instead of payloads: the output is a TFRecord file
    #[arg(long)]
    frames: bool,
    #[command(flatten)]
    json: AsJson,
    /// The indexes of the files, in the same order, or - for stdin; or a directory that mirrors those
    /// of the files, with an index for each file [default: FILE.idx if it accounts for all valid records,
    /// otherwise a scan]
    #[arg(short, long = "index", num_args = 1.., value_name = "INDEX")]
    #[arg(value_parser = input::word(), value_hint = ValueHint::FilePath)]
    indexes: Vec<Word>,
    /// Scan the files and skip damage (damaged payloads only with --checksums full); record numbers
    /// are those of create --salvage
    #[arg(long, conflicts_with = "indexes")]
    salvage: bool,
    /// A file to write, which must not exist yet, or - for stdout, even if it is a terminal
    ///
    /// The file is written completely or not at all. A killed process leaves a file .tfr-index.*.tmp
    /// in the same directory; remove it by hand.
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,
    /// Which checksums of the records to verify; auto means full if the file has valid checksums
    #[arg(short, long, value_enum, default_value_t, value_name = "POLICY")]
    checksums: Policy,
}

const EXAMPLES: &str = "\
Examples:
  tfr-index cat train.tfrecord 42 -o record         # the payload of record 42
  tfr-index cat train.tfrecord 0-9 --frames -o small.tfrecord
  tfr-index cat train.tfrecord 0-9 --json --features label,text --bytes text
  tfr-index cat train.tfrecord --index epoch7.idx --frames -o shuffled.tfrecord
  tfr-index cat a.tfrecord b.tfrecord --frames -o both.tfrecord";

/// The records to read from one file.
struct Part<'a> {
    shard: &'a Shard,
    /// Its number, for the comparison with what a manifest says of it.
    number: usize,
    comparison: &'a Comparison<'a>,
    /// The index that --index names.
    index: Option<&'a Path>,
    /// All records, if this is empty.
    records: &'a [Numbers],
}

impl Part<'_> {
    /// Reads the index, if one is given, or a manifest says where it is.
    fn index(&self, salvage: bool) -> anyhow::Result<Option<StoredIndex>> {
        match (self.index, &self.shard.index_path) {
            (Some(path), _) => input::read_stored_index(path).map(Some),
            (None, Some(_)) if !salvage => input::stored_index(&self.shard.find_index()?).map(Some),
            (None, _) => Ok(None),
        }
    }
}

/// How many bytes of records to read at a time, and how many records.
const BATCH: usize = 4 << 20;
const BATCH_RECORDS: usize = 64 << 10;

impl Cat {
    pub fn run(mut self) -> ExitCode {
        let (mut files, mut records) = input::split(take(&mut self.words));
        let (indexes, after_indexes) = input::split(take(&mut self.indexes));
        records.extend(after_indexes);
        for file in &mut files {
            *file = input::data_path(file)
                .unwrap_or_else(|error| refuse("cat", format!("{}: {error}", stdio::name(file))));
        }
        files.splice(0..0, self.file.take());
        let shards = match self.set.find_repeated(files) {
            Ok(shards) => shards,
            Err(error) => return stdio::fail(&error),
        };
        let (files, comparison) = (paths(&shards), Comparison::new(&shards));
        let indexes = match &indexes[..] {
            [directory] if directory.is_dir() => {
                let mut mirrored = shards.clone();
                mirrored.set_index_dir(directory);
                match mirrored.iter().map(Shard::find_index).collect() {
                    Ok(found) => found,
                    Err(error) => return stdio::fail(&error),
                }
            }
            _ => indexes,
        };
        if files.len() > 1 && !records.is_empty() {
            let count = files.len();
            refuse("cat", format!("record numbers need a single FILE, not {count}"));
        }
        if !indexes.is_empty() && indexes.len() != files.len() {
            let (files, indexes) = (files.len(), indexes.len());
            refuse("cat", format!("--index needs one index for each FILE: {files}, not {indexes}"));
        }
        let indexes = indexes.iter().map(|path| Some(&**path)).chain(repeat(None));
        let comparison = &comparison;
        let parts = shards.iter().zip(indexes).enumerate().map(|(number, (shard, index))| Part {
            shard,
            number,
            comparison,
            index,
            records: &records,
        });
        // A progress bar would mix with records on a terminal.
        if self.output.is_some() || !io::stdout().is_terminal() {
            progress::begin(&files);
        }
        match self.output.as_ref().filter(|path| *path != Path::new("-")) {
            Some(path) => self.write(path, parts),
            None => self.print(parts),
        }
    }

    /// Prints the parts. If one fails, prints the next ones all the same.
    fn print<'a>(&self, parts: impl Iterator<Item = Part<'a>>) -> ExitCode {
        let mut stdout = match stdio::stdout().context("cannot write the output") {
            Ok(stdout) => stdout,
            Err(error) => return stdio::fail(&error),
        };
        let only_text = self.output.is_none() && io::stdout().is_terminal();
        let closed = Cell::new(false);
        let interrupts = Interrupts::default();
        let (to, path, json) = (&mut stdout, None, self.json.if_wanted());
        let wanted = self.json.wanted();
        let mut output = Output { to, path, json, wanted, only_text, closed: &closed, interrupts };
        let status = for_each(parts.take_while(|_| !closed.get()), |part| {
            let damaged = DamageReport::default();
            self.copy(&part, part.index(self.salvage)?, &mut output, &damaged)?;
            Ok(done(damaged.regions()))
        });
        output.note_missing();
        status
    }

    /// Writes the parts to a stream, or to a file, which is created only if no part fails.
    fn write<'a>(&self, path: &Path, parts: impl Iterator<Item = Part<'a>>) -> ExitCode {
        // Before signals are caught, because reading a pipe may block.
        let parts = parts.map(|part| part.index(self.salvage).map(|index| (part, index)));
        let parts = match parts.collect::<anyhow::Result<Vec<_>>>() {
            Ok(parts) => parts,
            Err(error) => return stdio::fail(&error),
        };
        let interrupts = Interrupts::of_writing([path].into_iter());
        let (closed, damaged) = (Cell::new(false), DamageReport::default());
        let copy = |to: &mut dyn Write| {
            let interrupts = interrupts.clone();
            let (path, only_text, closed) = (Some(path), false, &closed);
            let (json, wanted) = (self.json.if_wanted(), self.json.wanted());
            let mut output = Output { to, path, json, wanted, only_text, closed, interrupts };
            parts.into_iter().try_for_each(|(part, index)| {
                self.copy(&part, index, &mut output, &damaged)?;
                progress::file_done();
                Ok::<_, anyhow::Error>(())
            })?;
            output.note_missing();
            Ok(())
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
        index: Option<StoredIndex>,
        output: &mut Output<'_>,
        damaged: &DamageReport,
    ) -> anyhow::Result<()> {
        let &Part { shard: Shard { path: file, .. }, records, .. } = part;
        let watch = |at| output.interrupts.watch(at);
        let options = Options::new().checksums(self.checksums.into()).raw_frames(self.frames);
        let options = options.progress(&watch);
        let is_all = part.index.is_none();
        let index = match index {
            None if self.salvage => {
                let on_skipped = |skipped| damaged.add(skipped);
                Some(StoredIndex::scan(file, &options.salvage(true).on_skipped(&on_skipped))?)
            }
            index => index,
        };
        let reader = match index {
            Some(index) => StoredReader::with_index(file, index, &options)?,
            None => input::open(file, &options)?,
        };
        let found = reader.records();
        if self.salvage {
            report_lost(part.comparison, part.number, found, damaged);
        } else {
            let found = is_all.then_some(found as u64);
            part.comparison.ensure_as_listed(part.number, found, &Options::new())?;
        }
        let records = match records {
            [] => std::iter::once(0..reader.records()).collect(),
            some => input::records(some, reader.records())
                .with_context(|| file.display().to_string())?,
        };
        let written = output.write_records(&reader, &records);
        written.map_err(|error| self.explain(error))
    }

    /// With --salvage, adds how to skip a damaged payload.
    fn explain(&self, error: anyhow::Error) -> anyhow::Error {
        let kind = error.downcast_ref::<Error>().map(Error::kind);
        match self.salvage && kind == Some(ErrorKind::PayloadCrc) {
            true => anyhow!("{error:#}; to skip damaged payloads, use --checksums full"),
            false => error,
        }
    }
}

/// Where the records go.
struct Output<'a> {
    to: &'a mut dyn Write,
    /// Its path, unless it is standard output.
    path: Option<&'a Path>,
    /// How to print records, unless as they are.
    json: Option<&'a AsJson>,
    wanted: Wanted<'a>,
    /// The output is a terminal, which takes only text.
    only_text: bool,
    /// No more can be written: the reader closed the pipe, or writing failed.
    closed: &'a Cell<bool>,
    interrupts: Interrupts,
}

impl Output<'_> {
    fn write_records(
        &mut self,
        reader: &StoredReader,
        records: &[Range<usize>],
    ) -> anyhow::Result<()> {
        let mut payloads = Payloads::default();
        let total = records.iter().map(|records| records.len() as u64).sum();
        let mut done = 0;
        for records in records {
            for view in reader.views(records.clone()) {
                if self.closed.get() {
                    return Ok(());
                }
                let view = view?;
                let mut first = 0;
                while first < view.len() && !self.closed.get() {
                    if self.interrupts.caught() {
                        bail!("interrupted, nothing was written");
                    }
                    let batch = batch(&view, first)?;
                    view.read_many_into(&batch, &mut payloads)?;
                    self.write_payloads(&payloads, &view, first)?;
                    first += batch.len();
                    done += batch.len() as u64;
                    progress::report(done, total);
                }
            }
        }
        Ok(())
    }

    /// Writes the payloads of a view's records from `first` on, as they are or as JSON.
    fn write_payloads(
        &mut self,
        payloads: &Payloads,
        view: &View,
        first: usize,
    ) -> anyhow::Result<()> {
        let Some(json) = self.json else { return self.write(payloads.bytes()) };
        let (lines, made) = json.lines(payloads, &mut self.wanted);
        self.write(lines.as_bytes())?;
        Ok(made.map_err(|(place, error)| view.placed(first + place, error))?)
    }

    /// Says which wanted features no record has, unless not all records were written.
    fn note_missing(&self) {
        if !self.closed.get() {
            self.wanted.missing().for_each(|line| note(&format_args!("note: {line}")));
        }
    }

    /// Writes the bytes. A closed pipe is not an error.
    fn write(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        if self.only_text && is_binary(bytes) {
            bail!(
                "the records are not text: pipe them, write them to a file with -o FILE, or use -o - \
                 to print them on the terminal"
            );
        }
        let written = self.to.write_all(bytes);
        self.closed.set(written.is_err());
        match written {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            written => written.with_context(|| match self.path {
                Some(path) => format!("{}: cannot write", path.display()),
                None => "cannot write the output".to_owned(),
            }),
        }
    }
}

/// The records to read next, from `first` on: at least one.
fn batch(view: &View, first: usize) -> anyhow::Result<Vec<usize>> {
    let (mut batch, mut bytes) = (Vec::new(), 0);
    for record in (first..view.len()).take(BATCH_RECORDS) {
        if bytes >= BATCH {
            break;
        }
        bytes += view.size_of(record)?;
        batch.push(record);
    }
    Ok(batch)
}

fn is_binary(bytes: &[u8]) -> bool {
    let is_control = |byte: &u8| byte.is_ascii_control() && !byte.is_ascii_whitespace();
    std::str::from_utf8(bytes).is_err() || bytes.iter().any(is_control)
}
