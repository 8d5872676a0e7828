//! Frames held to entries: headers, and payloads where they are asked for.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{channel, RecvTimeoutError};
use std::thread;

use super::layout::Layout;
use super::Told;
use crate::crc;
use crate::error::{Error, ErrorKind, Result};
use crate::frame::{self, Header, FOOTER_LEN, HEADER_LEN, OVERHEAD};
use crate::index::Entry;
use crate::options::{Checksums, Options};
use crate::scan::chain::Chain;
use crate::scan::parallel::{PATIENCE, READING_THREADS};
use crate::scan::window::{Window, HOP};
use crate::scan::{header_at, CRC_STEP};
use crate::source::ReadAt;
use crate::threads::{self, Crew, FirstError};

/// What a part of the work is at least: enough headers, or bytes of payloads, beside what a thread
/// takes to start.
const PART_RECORDS: usize = if cfg!(any(test, fuzzing)) { 2 } else { 1 << 10 };
const PART_BYTES: u64 = if cfg!(any(test, fuzzing)) { 64 } else { 1 << 20 };
/// So many parts for each thread: the last ones end at about the same time.
const PARTS_PER_THREAD: usize = 16;
/// Records and bytes between two looks of a thread at whether it should go on.
const LOOK_RECORDS: u64 = if cfg!(any(test, fuzzing)) { 2 } else { 1 << 10 };
const LOOK_BYTES: u64 = CRC_STEP as u64;

/// What is shared are counters alone; the end of the threads orders all else.
const RELAXED: Ordering = Ordering::Relaxed;

/// How far headers are believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    /// Length CRCs must hold.
    Checked,
    /// Lengths alone count. A header of zeros is one only where others have no CRC either.
    Unchecked { zeros: bool },
}

impl Trust {
    /// As the policy says; `auto` by the data's first header and, if its CRC does not hold, by those
    /// of some entries: where one is true, all were written so. Of data that has none yet, they will
    /// be true.
    pub fn decide<E: IntoIterator<Item = Entry>>(
        source: &impl ReadAt,
        checksums: Checksums,
        entries: impl FnOnce() -> E,
    ) -> Result<Trust> {
        match checksums {
            Checksums::None => return Ok(Trust::Unchecked { zeros: true }),
            Checksums::Length | Checksums::Full => return Ok(Trust::Checked),
            Checksums::Auto => {}
        }
        let Some(first) = header_at(source, 0)? else { return Ok(Trust::Checked) };
        if first.crc_holds() || first.is_one_bit_off() {
            return Ok(Trust::Checked);
        }
        for entry in entries() {
            if header_at(source, entry.offset)?.is_some_and(Header::crc_holds) {
                return Ok(Trust::Checked);
            }
        }
        Ok(Trust::Unchecked { zeros: first.length_crc == 0 && !first.is_zero() })
    }

    fn believes(self, header: Header) -> bool {
        match self {
            Trust::Checked => header.crc_holds(),
            Trust::Unchecked { zeros } => zeros || !header.is_zero(),
        }
    }

    /// Whether the header is believed, and that of the entry's frame.
    pub(super) fn is_header_of(self, header: Header, entry: Entry) -> bool {
        header.length == entry.size - OVERHEAD && self.believes(header)
    }

    /// An error if the header is not that of the entry's frame. Where no header is valid, the data
    /// is damaged if the index is known to be of this data, or if the header is half right.
    pub fn judge(self, header: Header, entry: Entry, chain: &Chain, known: bool) -> Result<()> {
        if self.is_header_of(header, entry) {
            return Ok(());
        }
        let believed = self.believes(header);
        if self == Trust::Checked && !believed {
            let damaged = chain.length_crc_mismatch(header);
            if known || is_half_right(&damaged, entry) {
                return Err(damaged);
            }
        }
        let found = match self == Trust::Checked && believed {
            true => format!("one of {} bytes", u128::from(header.length) + u128::from(OVERHEAD)),
            false => "none of that size".to_owned(),
        };
        Err(other_file(chain.record(), entry, &found))
    }
}

/// The size of the frame at `at`, if its header is valid and it fits into data of `size` bytes.
pub(super) fn valid_frame_at(source: &impl ReadAt, at: u64, size: u64) -> Result<Option<u64>> {
    let header = header_at(source, at)?.filter(|header| header.crc_holds());
    Ok(header.and_then(|header| header.frame_size(size - at)))
}

/// Whether, of a header with a wrong CRC, the length or the stored CRC is that of the entry.
pub(super) fn is_half_right(damaged: &Error, entry: Entry) -> bool {
    let meant = Some(crc::masked_length(entry.size - OVERHEAD));
    damaged.stored_crc() == meant || damaged.computed_crc() == meant
}

/// Where the entry's frame should be, the data has another one, or none: what `found` says.
pub(super) fn other_file(record: u64, entry: Entry, found: &str) -> Error {
    let detail = format!(
        "the index has a frame of {} bytes here, the data {found}: it is the index of another \
         file, or of another version of this one; create it again",
        entry.size
    );
    Error::new(ErrorKind::Mismatch, detail).at(record, entry.offset)
}

/// Told of bytes passed and records done since the last time; an error stops the work.
pub(super) type Watch<'a> = &'a mut dyn FnMut(u64, u64) -> Result<()>;

/// Reads frames where the entries are.
pub(super) struct Frames<'a, S> {
    pub source: &'a S,
    pub size: u64,
    pub trust: Trust,
    pub payloads: bool,
}

impl<S: ReadAt> Frames<'_, S> {
    /// Checks the frames at these positions, which ascend.
    pub fn check(
        &self,
        layout: &Layout<'_>,
        positions: impl IntoIterator<Item = usize>,
        watch: Watch<'_>,
    ) -> Result<()> {
        let mut window = Window::new(self.size);
        positions
            .into_iter()
            .try_for_each(|position| self.check_at(&mut window, layout, position, watch))
    }

    /// Checks the frame at one position. A header that is not valid counts as damage.
    pub fn check_at(
        &self,
        window: &mut Window,
        layout: &Layout<'_>,
        position: usize,
        watch: Watch<'_>,
    ) -> Result<()> {
        let (record, entry) = layout.get(position);
        let mut chain = Chain::checked_from(entry.offset);
        chain.go_to(record, entry.offset); // errors are the chain's
        let header = self.bytes_at(window, &chain, entry.offset, HEADER_LEN)?;
        let header = header[..HEADER_LEN].try_into().expect("12 bytes");
        match self.trust.judge(Header::decode(header), entry, &chain, true) {
            Err(error) if error.kind() == ErrorKind::Mismatch => {
                return Err(self.damage_or(layout, position, error)?);
            }
            judged => judged?,
        }
        if self.payloads {
            self.check_payload(window, &chain, entry, watch)?;
        } else {
            watch(entry.size, 0)?;
        }
        watch(0, 1)
    }

    fn check_payload(
        &self,
        window: &mut Window,
        chain: &Chain,
        entry: Entry,
        watch: Watch<'_>,
    ) -> Result<()> {
        let Range { start: mut position, end } = entry.payload();
        let mut crc = 0;
        while position < end {
            let bytes = self.bytes_at(window, chain, position, 1)?;
            let left = usize::try_from(end - position).unwrap_or(CRC_STEP);
            let count = bytes.len().min(CRC_STEP).min(left);
            crc = crc::append(crc, &bytes[..count]);
            position += count as u64;
            watch(count as u64, 0)?;
        }
        let footer = self.bytes_at(window, chain, end, FOOTER_LEN)?[..FOOTER_LEN].try_into();
        let (stored, computed) = (frame::decode_footer(footer.expect("4 bytes")), crc::mask(crc));
        if stored != computed {
            return Err(chain.payload_crc_mismatch(stored, computed));
        }
        watch(OVERHEAD, 0)
    }

    /// At least `least` bytes from `offset`.
    fn bytes_at<'w>(
        &'w self,
        window: &'w mut Window,
        chain: &Chain,
        offset: u64,
        least: usize,
    ) -> Result<&'w [u8]> {
        match window.bytes_at(self.source, offset, least) {
            Ok(bytes) if bytes.len() >= least => Ok(bytes),
            Ok(_) => Err(chain.shrank()),
            Err(error) => Err(chain.read_failed(error)),
        }
    }
}

impl<S: ReadAt + Sync> Frames<'_, S> {
    /// Checks all frames, in parts, by as many threads as the options ask for. The error is that of
    /// the first bad frame in the data.
    pub fn check_all(
        &self,
        layout: &Layout<'_>,
        options: &Options<'_>,
        told: &mut Told<'_>,
    ) -> Result<()> {
        let count = layout.len();
        let mean = layout.covered / (count as u64).max(1);
        self.source.advise_sparse(mean > HOP && !self.payloads);
        let threads = match options.threads {
            0 => threads::processors().min(READING_THREADS),
            threads => threads,
        };
        let least = match self.payloads {
            true => (PART_BYTES / mean.max(1)) as usize,
            false => PART_RECORDS,
        };
        let part = (count / threads.saturating_mul(PARTS_PER_THREAD)).max(least).max(1);
        let parts = count / part + usize::from(count % part > 0);
        if threads.min(parts) < 2 {
            return self.check(layout, 0..count, &mut |bytes, records| told.add(bytes, records));
        }
        let shared = Shared::new(parts);
        let work = || {
            while let Some(number) = shared.take() {
                let end = (number + 1).saturating_mul(part).min(count);
                let mut watch = shared.watch(number);
                if let Err(error) = self.check(layout, number * part..end, &mut watch) {
                    shared.first_error.note(number, error);
                }
            }
        };
        let work = &work;
        let watched = thread::scope(|scope| {
            let mut crew = Crew::new(scope);
            let (alive, over) = channel::<()>();
            for _ in 0..threads.min(parts) {
                let alive = alive.clone();
                let work = move || {
                    let _alive = alive; // until the work is over
                    work();
                };
                if !crew.start(work) {
                    break; // fewer will do
                }
            }
            drop(alive);
            while over.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                told.pass(shared.bytes.swap(0, RELAXED), shared.records.swap(0, RELAXED));
                if let Err(cancelled) = told.report() {
                    shared.first_error.give_up();
                    return Err(cancelled);
                }
            }
            Ok(())
        });
        watched?;
        if shared.next.load(RELAXED) == 0 {
            // The system has no thread at all.
            return self.check(layout, 0..count, &mut |bytes, records| told.add(bytes, records));
        }
        shared.first_error.into_result()
    }
}

/// What the threads share.
struct Shared {
    /// The first part that nobody has taken.
    next: AtomicUsize,
    /// The first part that failed: all before it, and none behind it, are checked to the end.
    first_error: FirstError,
    bytes: AtomicU64,
    records: AtomicU64,
}

impl Shared {
    fn new(parts: usize) -> Shared {
        Shared {
            next: AtomicUsize::new(0),
            first_error: FirstError::new(parts),
            bytes: AtomicU64::new(0),
            records: AtomicU64::new(0),
        }
    }

    fn take(&self) -> Option<usize> {
        let part = self.next.fetch_add(1, RELAXED);
        self.first_error.is_before(part).then_some(part)
    }

    /// Sums up what a thread tells, and stops it when its part is of no use any more.
    fn watch(&self, part: usize) -> impl FnMut(u64, u64) -> Result<()> + '_ {
        let (mut bytes, mut records) = (0, 0);
        move |more_bytes, more_records| {
            bytes += more_bytes;
            records += more_records;
            if bytes < LOOK_BYTES && records < LOOK_RECORDS {
                return Ok(());
            }
            self.bytes.fetch_add(std::mem::take(&mut bytes), RELAXED);
            self.records.fetch_add(std::mem::take(&mut records), RELAXED);
            match self.first_error.is_before(part) {
                true => Ok(()),
                false => Err(Error::new(ErrorKind::Cancelled, "another part failed")),
            }
        }
    }
}
