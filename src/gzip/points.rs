//! Seek points: where a decoder can start, and what it must know of the bytes before.

use super::chunk::MOST as LARGEST;
use super::container::Kind;
use super::damage::Damage;
use super::{SPACING, TINY};
use crate::error::{Error, ErrorKind, Result};

/// The most bytes of points and windows. Beyond this, every other point goes: so do gigabytes of
/// well compressed data, whose chunks are larger then.
const MOST: usize = if TINY { 4 << 10 } else { 32 << 20 };

/// The start of a deflate block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Point {
    /// The decompressed bytes before.
    pub out: u64,
    /// The first compressed byte that belongs to the block alone.
    pub input: u64,
    /// How many bits of the byte before belong to it, too.
    pub bits: u8,
    /// Whether damage was left out before it, so that no decoder gets here from an earlier point.
    pub is_after_damage: bool,
    /// Where its packed window is in the windows; none at the start of a member.
    pub window: u64,
    pub window_size: u32,
}

/// The seek points of a container, from its start on.
#[derive(Debug, Clone)]
pub(crate) struct Points {
    pub(super) kind: Kind,
    pub(super) list: Vec<Point>,
    /// The packed windows, unless they are in a seek file.
    pub(super) windows: Vec<u8>,
    /// The size of the decompressed bytes.
    pub(crate) size: u64,
    /// What is wrong with the compressed bytes.
    pub(crate) damage: Vec<Damage>,
    /// The number of records, if it is known.
    pub(crate) records: Option<u64>,
}

impl Points {
    /// The number of the last point at or before a decompressed byte.
    pub(super) fn before(&self, offset: u64) -> usize {
        self.list.partition_point(|point| point.out <= offset).saturating_sub(1)
    }

    /// Where the chunk of a point ends: at the next point.
    pub(crate) fn end_of_chunk(&self, offset: u64) -> u64 {
        self.end(self.before(offset))
    }

    /// Where the chunk of a byte ends, if all of the chunk may be kept in memory.
    pub(crate) fn end_of_small_chunk(&self, offset: u64) -> Option<u64> {
        let number = self.before(offset);
        let (start, end) = (self.list.get(number)?.out, self.end(number));
        (end - start <= LARGEST as u64).then_some(end)
    }

    /// Whether some chunk is too large to be kept in memory, and a large part of all.
    pub(super) fn have_large_chunk(&self) -> bool {
        let most = (self.size / 64).max(LARGEST as u64);
        let starts = self.list.iter().map(|point| point.out);
        let ends = starts.clone().skip(1).chain([self.size]);
        starts.zip(ends).any(|(start, end)| end - start > most)
    }

    pub(super) fn end(&self, number: usize) -> u64 {
        self.list.get(number + 1).map_or(self.size, |next| next.out)
    }

    /// Where the last chunk starts, if there are several.
    pub(crate) fn start_of_last(&self) -> Option<u64> {
        self.list.get(1..)?.last().map(|point| point.out)
    }

    /// Whether they need no seek file, which has the windows of others.
    pub(crate) fn are_complete(&self) -> bool {
        self.list.iter().all(|point| self.window(point).is_some())
    }

    /// About how many bytes of memory they take.
    pub(crate) fn bytes(&self) -> usize {
        std::mem::size_of_val(self.list.as_slice()) + self.windows.len()
    }

    /// The packed window of a point, if it is in memory.
    pub(super) fn window(&self, point: &Point) -> Option<&[u8]> {
        if point.window_size == 0 {
            return Some(&[]);
        }
        self.windows.get(point.window as usize..)?.get(..point.window_size as usize)
    }

    fn add(&mut self, point: Point, window: &[u8]) {
        let start = self.windows.len() as u64;
        self.windows.extend(window);
        // A window has at most 32 KiB and a header.
        self.list.push(Point { window: start, window_size: window.len() as u32, ..point });
    }

    pub(crate) fn with_records(self, records: u64) -> Points {
        Points { records: Some(records), ..self }
    }

    /// The error for the first damage, if there is any.
    pub(crate) fn ensure_whole(&self) -> Result<()> {
        match self.damage.first() {
            Some(damage) => Err(damage.to_error()),
            None => Ok(()),
        }
    }
}

/// Collects points, in a limited amount of memory.
pub(crate) struct PointsBuilder {
    points: Points,
    spacing: u64,
}

impl PointsBuilder {
    pub fn new(kind: Kind) -> PointsBuilder {
        let (list, windows, damage) = (Vec::new(), Vec::new(), Vec::new());
        let points = Points { kind, list, windows, size: 0, damage, records: None };
        PointsBuilder { points, spacing: SPACING }
    }

    /// A builder that wants no points.
    pub fn without_points(kind: Kind) -> PointsBuilder {
        let mut builder = PointsBuilder::new(kind);
        builder.points.list.push(Point::of_member(0, 0));
        builder.spacing = u64::MAX;
        builder
    }

    pub(super) fn are_wanted(&self) -> bool {
        self.spacing < u64::MAX
    }

    /// Whether a block that starts after `out` decompressed bytes should be a point. The start of a
    /// member needs no window.
    pub(super) fn is_due(&self, out: u64, is_member: bool) -> bool {
        let spacing = if is_member { self.spacing / 3 } else { self.spacing };
        self.points.list.last().map_or(true, |last| out - last.out >= spacing)
    }

    /// Adds the start of a block, with its packed window.
    pub(super) fn add(&mut self, point: Point, window: &[u8]) {
        let points = &mut self.points;
        points.add(point, window);
        if points.bytes() > MOST {
            self.thin_out();
        }
    }

    /// Adds the start of a member, whose deflate data starts at the compressed byte `input`, if one
    /// is due. For writers, who know where their members start.
    pub fn add_member(&mut self, out: u64, input: u64) {
        if self.is_due(out, true) {
            self.add(Point::of_member(out, input), &[]);
        }
    }

    /// Drops every other point.
    fn thin_out(&mut self) {
        let none = PointsBuilder::new(self.points.kind).points;
        let all = std::mem::replace(&mut self.points, none);
        for (number, point) in all.list.iter().enumerate() {
            if number % 2 == 0 || point.is_after_damage {
                self.points.add(*point, all.window(point).unwrap_or_default());
            }
        }
        self.spacing = self.spacing.saturating_mul(2);
    }

    /// Returns the points of a container of `size` decompressed bytes.
    pub fn finish(self, size: u64, damage: Vec<Damage>) -> Points {
        Points { size, damage, ..self.points }
    }
}

impl Point {
    /// The start of a member.
    pub fn of_member(out: u64, input: u64) -> Point {
        Point { out, input, bits: 0, is_after_damage: false, window: 0, window_size: 0 }
    }
}

/// The error for points that their file contradicts.
pub(super) fn contradicted(at: u64) -> Error {
    let detail = format!(
        "the compressed data is damaged near byte {at}, or it was changed after its seek points \
         were made; open it again, or copy it again"
    );
    Error::new(ErrorKind::Compressed, detail)
}
