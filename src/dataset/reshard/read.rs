//! Reads as many records as fit into a given size.

use super::super::read::{Errors, Plan};
use super::super::{Dataset, OnError};
use crate::error::Result;
use crate::reader::{ensure_room, Payloads, Table};

impl Dataset {
    /// Returns the entries of a shard.
    pub(super) fn table_of(&self, shard: usize) -> Result<Table> {
        match self.0.files.tables([shard].into_iter()).pop().flatten() {
            Some(table) => Ok(table),
            None => Ok(self.0.shard(shard)?.table()),
        }
    }

    /// Returns where each record starts if they are concatenated, without a look at the data.
    pub(super) fn offsets_by_index(&self, records: &[u64]) -> Result<Vec<usize>> {
        Ok(self.plan_by_index(records, 1)?.0.offsets)
    }

    /// Reads the first of the records, as many as have at most `most` bytes together, but at least
    /// one, if there are any. Returns how many. Of `calls` threads that do so at the same time,
    /// each starts its part of the threads.
    pub(super) fn read_first(
        &self,
        records: &[u64],
        most: usize,
        payloads: &mut Payloads,
        calls: usize,
    ) -> Result<usize> {
        payloads.clear(0)?;
        let (mut plan, errors) = self.plan_by_index(records, calls)?;
        let count = plan.truncate(most);
        self.0.ensure_headers(&plan, plan.size(), &errors);
        if errors.is_empty() {
            ensure_room(plan.size())?;
        }
        self.0.read_payloads(plan, errors, payloads, calls)?;
        Ok(count)
    }

    fn plan_by_index(&self, records: &[u64], calls: usize) -> Result<(Plan, Errors)> {
        let errors = Errors::new(records.len(), OnError::Fail);
        let plan = self.0.plan_unchecked(records, &errors, calls)?;
        match errors.is_empty() {
            true => Ok((plan, errors)),
            false => Err(errors.into_skipped().expect_err("it is not empty")),
        }
    }
}
