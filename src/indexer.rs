//! Indexes streams: the caller pushes the bytes, and nothing can be read at a position.

use crate::crc;
use crate::diagnose::{self, START};
use crate::error::{Error, ErrorKind, Result};
use crate::frame::{self, Checksum, Header, FOOTER_LEN, HEADER_LEN, MAX_OFFSET};
use crate::index::Entry;
use crate::options::{Checksums, Options};
use crate::scan::chain::Chain;

/// Indexes a TFRecord stream (a download, a pipe, the output of a decompressor) that the caller
/// pushes in pieces of any size. It returns the entries of complete records, and keeps only a few
/// kilobytes, whatever the size of the records.
///
/// ```
/// use tfr_index::{Indexer, Options};
///
/// let data = std::fs::read("tests/data/examples.tfrecord")?;
/// let mut indexer = Indexer::new(&Options::new())?;
/// let mut entries = Vec::new();
/// for mut piece in data.chunks(1000) {
///     while let Some(entry) = indexer.push(&mut piece)? {
///         entries.push(entry);
///     }
/// }
/// indexer.finish()?;
/// assert_eq!(entries.len(), 100);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Indexer {
    chain: Chain,
    /// Whether payload CRCs are checked.
    payloads: bool,
    /// The next record's header, as far as it has arrived; complete while its frame arrives.
    header: [u8; HEADER_LEN],
    header_len: usize,
    /// The next record's frame, once its header is complete.
    frame: Option<Frame>,
    /// The stream's first bytes, to detect the format if it is not TFRecord.
    start: Vec<u8>,
    /// Whether no more first bytes are needed.
    start_is_known: bool,
    failed: Option<Error>,
}

#[derive(Debug)]
struct Frame {
    header: Header,
    size: u64,
    /// Bytes of payload and footer still to come.
    left: u64,
    /// If payloads are checked: the CRC of the payload bytes so far, and the footer.
    crc: u32,
    footer: [u8; FOOTER_LEN],
}

impl Indexer {
    /// Makes an indexer at the start of a stream, with the options' checksum policy. It works on
    /// the caller's thread, and calls no progress callback.
    ///
    /// ```
    /// use tfr_index::{Checksums, Indexer, Options};
    ///
    /// let mut indexer = Indexer::new(&Options::new().checksums(Checksums::Full))?;
    /// let mut damaged = &b"\x05\0\0\0\0\0\0\0\xea\xb2\x04\x3ehello\0\0\0\0"[..];
    /// let error = indexer.push(&mut damaged).unwrap_err();
    /// assert!(error.to_string().starts_with("record 0 at byte 0: payload CRC mismatch"));
    /// # Ok::<(), tfr_index::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if the options set [`salvage`](Options::salvage),
    /// [`allow_incomplete_tail`](Options::allow_incomplete_tail) or [`resume`](Options::resume):
    /// these need data that can be read at any position.
    pub fn new(options: &Options<'_>) -> Result<Indexer> {
        let refused = [
            ("salvage", options.salvage),
            ("an incomplete tail", options.allow_incomplete_tail),
            ("resume", options.resume),
        ];
        if let Some((name, _)) = refused.into_iter().find(|(_, asked)| *asked) {
            let detail = format!(
                "{name} needs a file or another source that can be read at any position, not a \
                 stream: save it to a file first"
            );
            return Err(Error::new(ErrorKind::InvalidArgument, detail));
        }
        Ok(Indexer::with_checksums(options.checksums))
    }

    pub(crate) fn with_checksums(checksums: Checksums) -> Indexer {
        Indexer {
            chain: Chain::new(checksums),
            payloads: checksums == Checksums::Full,
            header: [0; HEADER_LEN],
            header_len: 0,
            frame: None,
            start: Vec::new(),
            start_is_known: false,
            failed: None,
        }
    }

    /// Takes bytes from the front of `bytes` until a record is complete, and returns its entry.
    /// Returns `None` when it has taken all bytes.
    ///
    /// # Errors
    /// Those of [`Index::from_bytes`](crate::Index::from_bytes), except that only
    /// [`finish`](Self::finish) detects truncated data. After an error, all later calls return the
    /// same error.
    #[inline]
    pub fn push(&mut self, bytes: &mut &[u8]) -> Result<Option<Entry>> {
        match self.push_whole(bytes) {
            Some(entry) => Ok(Some(entry)),
            None => self.push_part(bytes),
        }
    }

    /// Checks that the stream may end here. More may be pushed afterwards: for a growing file, this
    /// says whether it is complete so far.
    ///
    /// # Errors
    /// If the last record is incomplete, or [`push`](Self::push) failed.
    pub fn finish(&self) -> Result<()> {
        let error = match (&self.failed, &self.frame) {
            (Some(error), _) => return Err(error.clone()),
            (_, Some(frame)) => {
                self.chain.next().does_not_fit(frame.header, frame.size - frame.left)
            }
            _ if self.header_len > 0 => self.chain.next().header_is_cut(self.header_len as u64),
            _ => return Ok(()),
        };
        Err(diagnose::explain(error, &self.start))
    }

    /// The number of complete records.
    pub(crate) fn records(&self) -> u64 {
        self.chain.record()
    }

    /// Where the next record starts.
    pub(crate) fn offset(&self) -> u64 {
        self.chain.offset()
    }

    /// The error if reading the stream failed.
    pub(crate) fn read_failed(&self, source: std::io::Error) -> Error {
        self.chain.next().read_failed(source)
    }

    /// The fast path for most small records: the next record is complete in `bytes`, and nothing
    /// must be kept, computed or decided.
    #[inline]
    fn push_whole(&mut self, bytes: &mut &[u8]) -> Option<Entry> {
        if self.header_len > 0 || self.payloads || !self.start_is_known {
            return None;
        }
        let header = Header::decode(bytes.get(..HEADER_LEN)?.try_into().expect("12 bytes"));
        let size = self.chain.quick_size(header, bytes.len() as u64)?;
        let size_here = usize::try_from(size).ok()?;
        if size > MAX_OFFSET - self.chain.offset() {
            return None;
        }
        *bytes = &bytes[size_here..];
        Some(self.chain.pass(size))
    }

    fn push_part(&mut self, bytes: &mut &[u8]) -> Result<Option<Entry>> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let before = *bytes;
        let pushed = self.advance(bytes);
        if !self.start_is_known {
            let seen = match pushed {
                Ok(_) => &before[..before.len() - bytes.len()],
                Err(_) => before, // nothing more will be pushed
            };
            self.start.extend(&seen[..seen.len().min(START - self.start.len())]);
            // The first header's CRC is valid: this is a TFRecord stream.
            let is_tfrecord = self.chain.is_checked() && self.chain.record() > 0;
            self.start_is_known = is_tfrecord || self.start.len() == START;
        }
        pushed.map_err(|error| {
            let error = diagnose::explain(error, &self.start);
            self.failed = Some(error.clone());
            error
        })
    }

    fn advance(&mut self, bytes: &mut &[u8]) -> Result<Option<Entry>> {
        loop {
            let Some(frame) = &mut self.frame else {
                let piece = take(bytes, (HEADER_LEN - self.header_len) as u64);
                self.header[self.header_len..][..piece.len()].copy_from_slice(piece);
                self.header_len += piece.len();
                if self.header_len < HEADER_LEN {
                    return Ok(None);
                }
                let header = Header::decode(&self.header);
                // The rest of the stream is unknown: at most what an index can address.
                let size = self.chain.accept(header, MAX_OFFSET - self.chain.offset())?;
                let left = size - HEADER_LEN as u64;
                self.frame = Some(Frame { header, size, left, crc: 0, footer: [0; FOOTER_LEN] });
                continue;
            };
            let piece = take(bytes, frame.left);
            if self.payloads {
                frame.look_at(piece);
            }
            frame.left -= piece.len() as u64;
            if frame.left > 0 {
                return Ok(None);
            }
            if self.payloads {
                let stored = frame::decode_footer(frame.footer);
                let checksum = Checksum { stored, computed: crc::mask(frame.crc) };
                self.chain.next().ensure_payload(checksum)?;
            }
            let size = frame.size;
            self.frame = None;
            self.header_len = 0;
            return Ok(Some(self.chain.pass(size)));
        }
    }
}

impl Frame {
    /// Computes the CRC of the payload's next bytes, and keeps the bytes of the footer.
    fn look_at(&mut self, mut piece: &[u8]) {
        let payload = take(&mut piece, self.left.saturating_sub(FOOTER_LEN as u64));
        self.crc = crc::append(self.crc, payload);
        let left = self.left - payload.len() as u64;
        if !piece.is_empty() {
            self.footer[FOOTER_LEN - left as usize..][..piece.len()].copy_from_slice(piece);
        }
    }
}

/// Takes at most `most` bytes from the front of `bytes`.
fn take<'a>(bytes: &mut &'a [u8], most: u64) -> &'a [u8] {
    let count = bytes.len().min(usize::try_from(most).unwrap_or(usize::MAX));
    let (front, back) = bytes.split_at(count);
    *bytes = back;
    front
}

#[cfg(test)]
mod tests;
