//! How an index fits its data, or why it does not: as text and as a JSON code.

use std::fmt;
use std::io;
use std::path::Path;

use anyhow::anyhow;
use serde_json::{json, Map, Value};
pub use tfr_index::internal::State;
use tfr_index::internal::{reason_at_start, Comparison};
use tfr_index::{find_index, CheckLevel, Error, ErrorKind, Fit, Options, Shard};

use crate::input;
use crate::shared::streams;

/// The state of a file whose check fails with this error.
fn state_of(error: &anyhow::Error) -> State {
    error.downcast_ref::<Error>().map_or(State::Unreadable, State::of_error)
}

/// The result of a check.
pub struct Outcome {
    pub state: State,
    /// The number of records in the index, if it could be read.
    pub records: Option<usize>,
    /// The number of records that a manifest says, if the file is what it says.
    pub listed: Option<u64>,
    /// How the index fits, or why not.
    pub fit: anyhow::Result<Fit>,
}

impl Outcome {
    pub fn failed(state: State, error: anyhow::Error) -> Outcome {
        Outcome { state, records: None, listed: None, fit: Err(error) }
    }
}

impl Outcome {
    /// The outcome if the file is what a manifest says of it; otherwise, in what it differs.
    pub fn compared(
        mut self,
        comparison: &Comparison<'_>,
        shard: usize,
        options: &Options<'_>,
    ) -> Outcome {
        let says_more = match self.state {
            State::Damaged | State::NotTfRecord(_) => true,
            State::Unreadable => self.fit.as_ref().is_err_and(|error| !is_missing(error)),
            _ => false,
        };
        if says_more {
            return self;
        }
        // A reader does not use an index in another state.
        let used = self.records.filter(|_| self.state.is_fine());
        let is_each_once = self.fit.as_ref().is_ok_and(|fit| !fit.repeated);
        let records = used.filter(|_| is_each_once).map(|records| records as u64);
        match comparison.ensure_as_listed(shard, records, options) {
            Ok(listed) => self.listed = listed,
            Err(error) => {
                self.state = match error.kind() {
                    ErrorKind::Mismatch => State::Changed,
                    _ if error.os_error() == Some(libc::ENOENT) => State::Missing,
                    _ => State::of_error(&error),
                };
                self.fit = Err(error.into());
                self.records = used;
            }
        }
        self
    }
}

fn is_missing(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == io::ErrorKind::NotFound)
}

/// Where to look for the index of a data file.
#[derive(Clone, Copy)]
pub enum Place<'a> {
    Beside,
    In(&'a Path),
    At(&'a Path),
}

impl Place<'_> {
    /// Where the index of a shard is.
    pub fn of(shard: &Shard) -> Place<'_> {
        match &shard.index_path {
            Some(path) if path.is_file() => Place::At(path),
            Some(path) => path.parent().map_or(Place::At(path), Place::In),
            None => Place::Beside,
        }
    }
}

/// Checks the index of a data file.
pub fn check(data: &Path, place: Place<'_>, level: CheckLevel, options: &Options<'_>) -> Outcome {
    if let Err(error) = data.metadata() {
        let error = anyhow!(error).context(data.display().to_string());
        return Outcome::failed(State::Unreadable, error);
    }
    let found = match place {
        Place::At(path) => Ok(path.to_owned()),
        Place::In(directory) => find_index(data, Some(directory)).map_err(anyhow::Error::from),
        Place::Beside => find_index(data, None).map_err(|_| {
            anyhow!("{}: has no index; create it, or name it with --index", data.display())
        }),
    };
    let path = match found {
        Ok(path) => path,
        // If the data cannot be indexed, do not suggest to create an index.
        Err(missing) => {
            return match what_else(data) {
                Some(error) => Outcome::failed(state_of(&error), error),
                None => Outcome::failed(State::NoIndex, missing),
            }
        }
    };
    // Reading a FIFO could block.
    if streams::is_fifo(&path) && !matches!(place, Place::At(_)) {
        let error = anyhow!("{}: is a pipe (FIFO), not an index", path.display());
        return Outcome::failed(State::InvalidIndex, error);
    }
    let index = match input::stored_index(&path) {
        Ok(index) => index,
        Err(error) => return Outcome::failed(state_of(&error), error),
    };
    let fit = index.check(data, level, options).map_err(|error| match error.kind() {
        ErrorKind::Mismatch | ErrorKind::Stale => {
            anyhow::Error::from(error).context(path.display().to_string())
        }
        _ => error.into(),
    });
    let state = match &fit {
        Ok(fit) if fit.partial => State::Partial,
        Ok(fit) if fit.uncovered_bytes > 0 => State::DamageLeftOut,
        Ok(_) => State::Ok,
        Err(error) => state_of(error),
    };
    Outcome { state, records: Some(index.records()), listed: None, fit }
}

/// The error of the first record, if the data is not TFRecord; or that of opening it.
fn what_else(data: &Path) -> Option<anyhow::Error> {
    data.is_file().then(|| reason_at_start(data))?.map(anyhow::Error::from)
}

/// The number of files in each state.
#[derive(Default)]
pub struct Total(Vec<(State, usize)>);

impl Total {
    pub fn add(&mut self, state: State) {
        match self.0.iter_mut().find(|(known, _)| *known == state) {
            Some((_, count)) => *count += 1,
            None => self.0.push((state, 1)),
        }
    }

    /// As a JSON object, by the codes of the states.
    pub fn object(&self) -> Value {
        let states = self.0.iter().map(|(state, count)| (state.code(), json!(count)));
        json!({"files": self.files(), "states": states.collect::<Map<_, _>>()})
    }

    /// Whether there is more than one file.
    pub fn is_of_many(&self) -> bool {
        self.files() > 1
    }

    fn files(&self) -> usize {
        self.0.iter().map(|(_, count)| count).sum()
    }
}

impl fmt::Display for Total {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |state: State| if state == State::Index { "index" } else { state.word() };
        let counts = self.0.iter().map(|(state, count)| format!("{count} {}", word(*state)));
        write!(f, "{} files: {}", self.files(), counts.collect::<Vec<_>>().join(", "))
    }
}
