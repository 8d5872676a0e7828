//! Reads records and decodes their features.

use super::{Payloads, Reader};
use crate::error::{Error, ErrorKind, Result};
use crate::example::{Columns, Decoding, Features};

impl Reader {
    /// Reads many records, like [`read_many`](Self::read_many), and decodes features of them. Byte
    /// strings are [`Span`](crate::Span)s of the payloads: nothing is copied.
    ///
    /// ```
    /// use tfr_index::{Feature, Features, Options, Reader};
    ///
    /// let reader = Reader::open("tests/data/examples.tfrecord", &Options::new())?;
    /// let features = Features::new([Feature::int64("id"), Feature::bytes("label")])?;
    /// let (payloads, columns) = reader.read_columns(&[42, 7], &features)?;
    /// assert_eq!(columns.int64(0), Some(&[42, 7][..]));
    /// let label = columns.bytes(columns.spans(1).unwrap()[0], payloads.bytes());
    /// assert!(!label.is_empty());
    /// # Ok::<(), tfr_index::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`read_many`](Self::read_many), which come first; for the first record that cannot be
    /// decoded, those of [`Features::decode`](crate::Features::decode), with the record and its byte.
    /// [`ErrorKind::InvalidArgument`] if the reader gives
    /// [`raw_frames`](crate::Options::raw_frames), which are no payloads.
    pub fn read_columns(
        &self,
        records: &[usize],
        features: &Features,
    ) -> Result<(Payloads, Columns)> {
        let mut payloads = Payloads::default();
        let columns =
            self.read_columns_into(records, features, &mut payloads, Columns::default())?;
        Ok((payloads, columns))
    }

    /// Like [`read_columns`](Self::read_columns), with the memory of earlier payloads and columns.
    pub(crate) fn read_columns_into(
        &self,
        records: &[usize],
        features: &Features,
        payloads: &mut Payloads,
        old: Columns,
    ) -> Result<Columns> {
        ensure_payloads(self.0.raw_frames)?;
        self.read_many_into(records, payloads)?;
        self.named(|reader| {
            let (bytes, offsets) = (payloads.bytes(), payloads.offsets());
            let how = Decoding { skip: false, just_read: true };
            let decoded = features.decode_again(bytes, offsets, reader.threads, old, how);
            decoded.map(|(columns, _)| columns).map_err(|error| match error.record() {
                Some(place) => self.placed(records[place as usize], error),
                None => error,
            })
        })
    }

    /// Says which record an error is of, and where that is.
    pub(crate) fn placed(&self, record: usize, error: Error) -> Error {
        match self.0.table.get(record) {
            Some(entry) => error.at(record as u64, entry.offset),
            None => error.of_record(record as u64),
        }
    }
}

/// Fails if frames are read, which cannot be decoded.
pub(crate) fn ensure_payloads(raw_frames: bool) -> Result<()> {
    if !raw_frames {
        return Ok(());
    }
    let detail =
        "features are those of payloads, but raw_frames asks for whole frames: read without it";
    Err(Error::new(ErrorKind::InvalidArgument, detail))
}
