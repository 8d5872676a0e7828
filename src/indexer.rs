//! Streams: the chain fed by pushed bytes, where nothing can be read at a position.

use crate::crc;
use crate::diagnose::{self, START};
use crate::error::{Error, ErrorKind, Result};
use crate::frame::{self, Checksum, Header, FOOTER_LEN, HEADER_LEN, MAX_OFFSET};
use crate::index::Entry;
use crate::options::{Checksums, Options};
use crate::scan::chain::Chain;

/// Takes a TFRecord stream (a download, a pipe, what a decompressor gives) in pieces of any size,
/// and gives the entries of the records that are complete. It keeps a few kilobytes, whatever the
/// size of the records.
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
    /// Whether the payloads' CRCs must hold.
    payloads: bool,
    /// The next record's header, as far as it has come; whole while its frame is under way.
    header: [u8; HEADER_LEN],
    header_len: usize,
    /// The next record's frame, once its header is whole.
    frame: Option<Frame>,
    /// The stream's first bytes, to say what it is if it is no TFRecord.
    start: Vec<u8>,
    /// Whether no more of them are of use.
    start_is_known: bool,
    failed: Option<Error>,
}

#[derive(Debug)]
struct Frame {
    header: Header,
    size: u64,
    /// Bytes of payload and footer still to come.
    left: u64,
    /// Of what has come, where it is looked at: the payload's CRC, and the footer.
    crc: u32,
    footer: [u8; FOOTER_LEN],
}

impl Indexer {
    /// An indexer at the start of a stream, which it holds to the options' checksum policy. It
    /// works on the thread of who pushes, and calls no progress callback.
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
    /// When the options ask to salvage, to append, or to take a growing file for whole: that takes
    /// data that can be read at a position.
    pub fn new(options: &Options<'_>) -> Result<Indexer> {
        let refused = [
            ("salvage", options.salvage),
            ("an incomplete tail", options.allow_incomplete_tail),
            ("resume", options.resume),
        ];
        if let Some((name, _)) = refused.into_iter().find(|(_, asked)| *asked) {
            let detail = format!(
                "{name} takes a file or another source that can be read at any position, which a \
                 stream cannot: save it to a file first"
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

    /// Takes bytes from the front of `bytes` until a record is complete, and returns its entry;
    /// none when all are taken.
    ///
    /// # Errors
    /// As [`Index::from_bytes`](crate::Index::from_bytes), but that the end of the data is seen by
    /// [`finish`](Self::finish) alone. After an error, each further call gives it again.
    #[inline]
    pub fn push(&mut self, bytes: &mut &[u8]) -> Result<Option<Entry>> {
        match self.push_whole(bytes) {
            Some(entry) => Ok(Some(entry)),
            None => self.push_part(bytes),
        }
    }

    /// Says that the stream is at its end. More may be pushed nevertheless: of a file that grows,
    /// this says whether it is whole.
    ///
    /// # Errors
    /// When the end is inside a record; when [`push`](Self::push) failed.
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

    /// How many records are complete.
    pub(crate) fn records(&self) -> u64 {
        self.chain.record()
    }

    /// Reading the stream failed.
    pub(crate) fn read_failed(&self, source: std::io::Error) -> Error {
        self.chain.next().read_failed(source)
    }

    /// The next record where it starts `bytes` and is whole, and nothing is to be kept, computed or
    /// decided: most small ones.
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
                Err(_) => before, // the end of it all
            };
            self.start.extend(&seen[..seen.len().min(START - self.start.len())]);
            // The first header's CRC holds: this is a TFRecord stream.
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
                // How much follows isn't known: all that an index can address, at most.
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
    /// Computes the CRC of the payload's next bytes, and keeps the footer's.
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
