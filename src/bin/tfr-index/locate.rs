//! `tfr-index locate`: finds the record that contains a byte, and verifies its checksums.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde_json::{json, Value};
use tfr_index::{locate, Checksum, Location, Options, Part};

use crate::each::for_each;
use crate::policy::Policy;
use crate::shared::exit::done;
use crate::shared::progress;
use crate::shared::salvage::DamageReport;
use crate::shared::stdio::{name, print};
use crate::{input, json};

/// Find the record that contains a byte of a TFRecord file, and verify its checksums
///
/// When TensorFlow reports a corrupted record, it names a byte: the start of the record if the length
/// checksum is wrong, or 12 bytes after the start if the payload checksum is wrong.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Locate {
    /// A TFRecord file
    #[arg(value_parser = input::data_file())]
    file: PathBuf,
    /// A byte of the file, starting at 0
    byte: u64,
    /// Which checksums of the records before it to verify; payload checksums only with --salvage
    #[arg(short, long, value_enum, default_value_t, value_name = "POLICY")]
    checksums: Policy,
    /// Skip damage before it; the record number is that of create --salvage
    #[arg(long)]
    salvage: bool,
    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  tfr-index locate train.tfrecord 9132   # TensorFlow says: corrupted record at 9132
  tfr-index locate --salvage damaged.tfrecord 9132";

impl Locate {
    pub fn run(self) -> ExitCode {
        if !self.json {
            progress::begin([&self.file]);
        }
        for_each([self], |locate| locate.locate())
    }

    fn locate(&self) -> anyhow::Result<ExitCode> {
        let damaged = DamageReport::default();
        let report = |damage| damaged.add(damage);
        let options = Options::new().checksums(self.checksums.into()).progress(&progress::watch);
        let options = options.salvage(self.salvage).on_skipped(&report);
        let found = locate(&self.file, self.byte, &options).map_err(anyhow::Error::from);
        print(&match (self.json, &found) {
            (true, Ok(found)) => object(&self.file, self.byte, found),
            (true, Err(error)) => json::failure(&self.file, error),
            (false, Ok(found)) => text(&self.file, self.byte, found),
            (false, Err(_)) => String::new(),
        })?;
        found.map(|_| done(damaged.regions()))
    }
}

fn text(file: &Path, byte: u64, found: &Location) -> String {
    let verdict = |crc: Checksum| match crc.holds() {
        true => format!("valid ({:#010x})", crc.stored),
        false => format!("mismatch (stored {:#010x}, computed {:#010x})", crc.stored, crc.computed),
    };
    format!(
        "{}: byte {byte} is in the {} of record {}\n\
         starts at byte: {}\n\
         payload bytes:  {}\n\
         length CRC:     {}\n\
         payload CRC:    {}\n",
        name(file),
        part(found.part),
        found.record,
        found.offset,
        found.length,
        verdict(found.length_crc),
        found.payload_crc.map_or("unknown (the end of the payload is unknown)".to_owned(), verdict),
    )
}

fn object(file: &Path, byte: u64, found: &Location) -> String {
    let crc = |crc: Checksum| json!({"stored": crc.stored, "computed": crc.computed});
    let object = json!({
        "byte": byte,
        "part": part(found.part),
        "record": found.record,
        "offset": found.offset,
        "length": found.length,
        "length_crc": crc(found.length_crc),
        "payload_crc": found.payload_crc.map_or(Value::Null, crc),
    });
    json::line(&[("path", Some(file))], object)
}

fn part(part: Part) -> &'static str {
    match part {
        Part::Length => "length",
        Part::LengthCrc => "length CRC",
        Part::Payload => "payload",
        Part::PayloadCrc => "payload CRC",
    }
}
