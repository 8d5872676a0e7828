//! Decodes the features of batches.

use super::inner::{How, Inner};
use super::{Batch, OnError};
use crate::error::{Error, Result};
use crate::example::{Columns, Decoding, Features};
use crate::reader::ensure_payloads;

impl Inner {
    /// Fails if the data set gives frames, which cannot be decoded.
    pub fn ensure_payloads(&self) -> Result<()> {
        ensure_payloads(self.raw_frames)
    }

    /// Decodes the features that are wanted of a batch. Bad records are left out, or the first one is
    /// an error.
    pub fn decode(&self, batch: &mut Batch, how: &How<'_>) -> Result<()> {
        let Some(features) = how.features else { return Ok(()) };
        if self.opener.options.on_error == OnError::Skip {
            let (columns, bad) = self.columns(batch, features, how, true)?;
            batch.payloads.columns = Some(columns);
            if bad.is_empty() {
                return Ok(());
            }
            let place = |error: &Error| error.record().unwrap_or_default() as usize;
            let bad = bad.into_iter().map(|error| (place(&error), Some(self.placed(batch, error))));
            self.leave_out(bad.collect(), batch);
            // Payloads have moved: spans are others.
        }
        let columns = self.columns(batch, features, how, false);
        batch.payloads.columns = Some(columns.map_err(|error| self.placed(batch, error))?.0);
        Ok(())
    }

    /// Like [`decode`](Self::decode), for a batch that is made of `count` records. If the first bad
    /// record is not the first one, only those before it are kept. Returns how many.
    pub fn decode_some(&self, batch: &mut Batch, count: usize, how: &How<'_>) -> Result<usize> {
        let (OnError::Fail, Some(features)) = (self.opener.options.on_error, how.features) else {
            return self.decode(batch, how).map(|()| count);
        };
        match self.columns(batch, features, how, false) {
            Ok((columns, _)) => batch.payloads.columns = Some(columns),
            Err(error) => match error.record() {
                Some(place @ 1..) => {
                    let place = place as usize;
                    batch.payloads.remove(place..batch.records.len());
                    batch.records.truncate(place);
                    self.decode(batch, how)?;
                    return Ok(place);
                }
                _ => return Err(self.placed(batch, error)),
            },
        }
        Ok(count)
    }

    /// Decodes all records; or the good ones, if the bad ones are to be `skip`ped.
    fn columns(
        &self,
        batch: &mut Batch,
        features: &Features,
        how: &How<'_>,
        skip: bool,
    ) -> Result<(Columns, Vec<Error>)> {
        let old = std::mem::take(&mut batch.payloads.old);
        let (bytes, offsets) = (batch.payloads.bytes(), batch.payloads.offsets());
        let decoding = Decoding { skip, just_read: true };
        features.decode_again(bytes, offsets, self.threads(how), old, decoding)
    }

    fn threads(&self, how: &How<'_>) -> usize {
        match how.calls {
            1 => self.opener.options.threads,
            _ => 1,
        }
    }

    /// Names the file and the byte of an error whose record is a place in a batch.
    fn placed(&self, batch: &Batch, error: Error) -> Error {
        let Some(place) = error.record() else { return error };
        let record = batch.records[place as usize];
        let placed = self.with(record, |reader, number| Ok(reader.placed(number, error.clone())));
        self.at(record, placed.unwrap_or(error))
    }
}
