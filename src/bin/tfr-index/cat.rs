//! `tfr-index get` and `cat`: the records themselves.

use std::fs::OpenOptions;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{anyhow, bail, Context};
use clap::{Args, Subcommand};
use tfr_index::{own_descriptor, Error, ErrorKind, Index, Options, Payloads, Reader};

use crate::input::{self, Numbers};
use crate::output::OutputFile;
use crate::policy::Policy;
use crate::shared::exit;
use crate::shared::interrupts::Interrupts;
use crate::shared::salvage::Damaged;
use crate::shared::{stdio, streams};

#[derive(Subcommand)]
pub enum Get {
    /// Print the payload of a record
    ///
    /// To a terminal only if it is text: pipe it, or write it to a file.
    Get {
        #[command(flatten)]
        data: Data,
        /// The record's number, from 0
        record: usize,
    },
    /// Print payloads one behind the other; or frames, which make a TFRecord file
    Cat {
        #[command(flatten)]
        data: Data,
        /// Numbers of records, from 0: 5, 9-20 or 90- [default: all, in the order of the index]
        #[arg(value_name = "RECORD")]
        records: Vec<Numbers>,
        /// Whole frames instead of payloads: what is printed is a TFRecord file
        #[arg(long)]
        frames: bool,
    },
}

#[derive(Args)]
pub struct Data {
    /// A data file
    #[arg(value_parser = input::data_file())]
    file: PathBuf,
    /// The index that says where its records are, or - for stdin [default: FILE.idx if it
    /// accounts for all valid records, else a scan]
    #[arg(short, long)]
    index: Option<PathBuf>,
    /// Scan the file, and leave damage out, damaged payloads with --checksums full: records have the
    /// numbers of create --salvage
    #[arg(long, conflicts_with = "index")]
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

impl Get {
    pub fn run(self) -> ExitCode {
        let done = match self {
            Get::Get { data, record } => data.write(false, |_| Ok(vec![record])),
            Get::Cat { data, records, frames } => {
                data.write(frames, |count| match records.is_empty() {
                    true => Ok((0..count).collect()),
                    false => input::records(&records, count),
                })
            }
        };
        match done {
            Ok(exit) => exit,
            Err(error) => stdio::fail(&error),
        }
    }
}

/// Bytes of records that are read at once.
const BATCH: usize = 4 << 20;

impl Data {
    fn write(
        &self,
        frames: bool,
        records: impl Fn(usize) -> anyhow::Result<Vec<usize>>,
    ) -> anyhow::Result<ExitCode> {
        let options = Options::new().checksums(self.checksums.into()).raw_frames(frames);
        let damaged = Damaged::default();
        let index = match &self.index {
            Some(index) => Some(input::read_index(index)?),
            None if self.salvage => {
                let on_skipped = |skipped| damaged.tell(skipped);
                let options = options.salvage(true).on_skipped(&on_skipped);
                Some(Index::scan(&self.file, &options)?)
            }
            None => None,
        };
        let reader = match index {
            Some(index) => Reader::with_index(&self.file, index, &options)?,
            None => input::open(&self.file, &options)?,
        };
        let exit = exit::done(damaged.regions());
        let records = records(reader.len()).with_context(|| self.file.display().to_string())?;
        let Some(path) = self.output.as_ref().filter(|path| *path != Path::new("-")) else {
            let only_text = self.output.is_none() && io::stdout().is_terminal();
            let mut stdout = stdio::stdout().context("cannot write the output")?;
            let written = write(&reader, &records, &mut stdout, only_text, &Interrupts::default());
            return written.map_err(|error| self.explain(error)).map(|()| exit);
        };
        let interrupts = Interrupts::of_writing([path].into_iter());
        let written = match streams::is_stream(path) {
            true => own_descriptor(path)
                .unwrap_or_else(|| OpenOptions::new().append(true).open(path))
                .with_context(|| path.display().to_string())
                .and_then(|mut file| write(&reader, &records, &mut file, false, &interrupts)),
            false => OutputFile::create_new(path).and_then(|mut file| {
                write(&reader, &records, &mut file, false, &interrupts)?;
                file.commit_new()
            }),
        };
        let written = written.map_err(|error| self.explain(error));
        Ok(interrupts.end(written.map_or_else(|error| stdio::fail(&error), |()| exit)))
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

/// Writes what the reader gives of the records; a reader that has seen enough is no failure.
fn write(
    reader: &Reader,
    records: &[usize],
    output: &mut dyn Write,
    only_text: bool,
    interrupts: &Interrupts,
) -> anyhow::Result<()> {
    let mut payloads = Payloads::default();
    let mut left = records;
    while !left.is_empty() {
        if interrupts.heard() {
            bail!("interrupted, and removed");
        }
        let (mut count, mut bytes) = (0, 0);
        while count < left.len() && bytes < BATCH {
            bytes += reader.size_of(left[count])?;
            count += 1;
        }
        reader.read_many_into(&left[..count], &mut payloads)?;
        if only_text && is_binary(payloads.bytes()) {
            bail!(
                "this is no text, and not printed to a terminal: pipe it, or say where it goes, \
                as in -o FILE, or -o - to print it nevertheless"
            );
        }
        match output.write_all(payloads.bytes()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            result => result.context("cannot write the output")?,
        }
        left = &left[count..];
    }
    Ok(())
}

fn is_binary(bytes: &[u8]) -> bool {
    let is_control = |byte: &u8| byte.is_ascii_control() && !byte.is_ascii_whitespace();
    std::str::from_utf8(bytes).is_err() || bytes.iter().any(is_control)
}
