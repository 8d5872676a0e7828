//! What a data set has to report: warnings, and what it skipped.

use std::collections::BTreeMap;

use super::read::Skip;
use crate::error::Error;
use crate::fork::Inherit;

/// The most errors that are kept of records that were skipped.
const KEPT: usize = 1000;

#[derive(Default)]
pub(super) struct Log {
    /// By shard.
    warnings: BTreeMap<usize, Vec<Error>>,
    skipped: Skips,
}

/// What a [`Dataset`](crate::Dataset) with [`OnError::Skip`](crate::OnError::Skip) left out of its
/// batches so far; see [`Dataset::skipped`](crate::Dataset::skipped).
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Skips {
    /// How many records were left out. A record counts each time that a call asks for it.
    pub records: u64,
    /// Why, for the first 1000: an error for each bad record, with its path and number, or one for
    /// all records of a batch that are in a shard that cannot be opened; and one for each shard of
    /// which no records could be counted, when the data set was opened.
    pub errors: Vec<Error>,
}

impl Log {
    /// Notes warnings about a shard, unless it has some: each time a file is opened there are the
    /// same ones.
    pub fn warn(&mut self, shard: usize, warnings: Vec<Error>) {
        if !warnings.is_empty() {
            self.warnings.entry(shard).or_insert(warnings);
        }
    }

    /// Notes a shard that could not be opened to count its records.
    pub fn leave_out(&mut self, shard: usize, error: Error) {
        if self.skipped.errors.len() < KEPT {
            self.skipped.errors.push(error.clone());
        }
        self.warn(shard, vec![error]);
    }

    pub fn warnings(&self) -> Vec<Error> {
        self.warnings.values().flatten().cloned().collect()
    }

    pub fn num_warnings(&self) -> usize {
        self.warnings.values().map(Vec::len).sum()
    }

    pub fn warning(&self, number: usize) -> Option<Error> {
        self.warnings.values().flatten().nth(number).cloned()
    }

    /// Notes records that were left out. One of several that have the same error has it.
    pub fn skip(&mut self, skipped: Vec<Skip>) {
        self.skipped.records += skipped.len() as u64;
        let errors = skipped.into_iter().filter_map(|(_, error)| error);
        self.skipped.errors.extend(errors.take(KEPT - self.skipped.errors.len()));
    }

    pub fn skipped(&self) -> &Skips {
        &self.skipped
    }
}

impl Inherit for Log {
    /// What the parent skipped is the parent's to report.
    fn inherit(&mut self, parents: Log) {
        for (shard, warnings) in parents.warnings {
            self.warn(shard, warnings);
        }
    }
}
