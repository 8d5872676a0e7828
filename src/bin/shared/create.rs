//! Indexing a file or a stream.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{bail, Context};
use tfr_index::internal::{ensure_index, place_beside};
use tfr_index::{create_index, create_index_from_reader, Options};

use super::exit::done;
use super::interrupts::Interrupts;
use super::salvage::DamageReport;
use super::stdin::Stream;
use super::stdio::{self, name};
use super::streams::{await_reader, is_descriptor, is_stream};

/// The message for an empty stream: an index of it could replace a good one.
pub const EMPTY: &str = "the stream is empty: the command that writes to it may have failed (with \
                         `set -o pipefail`, the shell reports that)";

/// The result for one file.
pub struct Summary {
    /// Records in the index.
    pub records: u64,
    /// Damaged regions that the scan skipped.
    pub regions: u64,
}

impl Summary {
    pub fn exit(&self) -> ExitCode {
        done(self.regions)
    }
}

/// Fails if an index next to its file would do harm; `how` says what to do instead.
pub fn ensure_place_beside(data: &Path, how: &str) -> anyhow::Result<()> {
    match place_beside(data) {
        Ok(_) => Ok(()),
        Err(error) => bail!("{error}; {how}, outside the log directory"),
    }
}

/// Indexes one file or stream. A stream may be empty if `allow_empty` is set. Names the regions that
/// the scan skips on stderr.
pub fn create(
    data: &Path,
    index: &Path,
    options: &Options<'_>,
    allow_empty: bool,
    interrupts: &Interrupts,
) -> anyhow::Result<Summary> {
    ensure_index(index)?;
    let name_data = || data.display().to_string();
    let is_stream_data = is_stream(data);
    if is_stream_data && !is_descriptor(data) {
        let name = name_data();
        bail!("{name}: is a pipe or a device, not a regular file; use tfr-index create - < {name}");
    }
    let _reader = await_reader(index)?;
    let watch = |at| interrupts.watch(at);
    let damaged = DamageReport::default();
    let on_skipped = |skipped| damaged.add(skipped);
    let options = options.progress(&watch).on_skipped(&on_skipped);
    let records = match is_stream_data {
        true => {
            let mut stream = Stream::open(data, allow_empty).with_context(name_data)?;
            let records = create_index_from_reader(&mut stream, index, &options);
            if stream.is_empty() && !interrupts.caught() {
                bail!("{}: {EMPTY}; to index it, use tfr-index create --allow-empty", name_data());
            }
            records
        }
        false => create_index(data, index, &options),
    };
    let records = match records {
        Ok(records) => records,
        // The reader closed the pipe. The number of records is not printed for a stream.
        Err(error) if error.os_error() == Some(libc::EPIPE) && is_stream(index) => 0,
        Err(_) if interrupts.caught() => {
            bail!("{}: interrupted, nothing was written", data.display())
        }
        Err(error) if error.path().is_none() => {
            return Err(anyhow::Error::from(error).context(name_data()))
        }
        Err(error) => return Err(error.into()),
    };
    Ok(Summary { records, regions: damaged.regions() })
}

/// Reports an indexed file on stdout, unless the index went there or --quiet is set.
pub fn report(data: &Path, index: &Path, created: &Summary) -> anyhow::Result<()> {
    // For many files, to make the lines takes time, too.
    if !stdio::is_quiet() && !is_stream(index) {
        let records = stdio::count(created.records as usize, "record");
        let skipped = match created.regions {
            0 => String::new(),
            regions => format!(", {} skipped", stdio::count(regions as usize, "damaged region")),
        };
        let (data, index) = (name(data), name(index));
        stdio::report(&format!("{data}: {records} -> {index}{skipped}\n"))?;
    }
    Ok(())
}
