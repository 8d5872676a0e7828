//! One pass over the compressed bytes: decodes and checks every member, and makes seek points.

use std::io;

use super::container::{Checksum, Header, Kind};
use super::damage::Damage;
use super::decoder::{out_of_memory, pack, Decoder, Stop};
use super::input::Input;
use super::points::{Point, PointsBuilder};
use super::snappy::block_size;
use super::windows::Sparse;
use super::{TINY, WINDOW};
use crate::error::{Error, Result};
use crate::source::{fill_at, ReadAt};

/// Compressed bytes per read, and decompressed bytes per piece: few enough to stay in the cache.
const STEP: usize = if TINY { 300 } else { 128 << 10 };
const PIECE: usize = if TINY { 500 } else { 128 << 10 };
/// How many bytes of a member must decode for a header found after damage to count as one.
const TRIAL: usize = 4 << 10;

/// A pass over a container.
pub(crate) struct Pass<'s, S: ?Sized> {
    source: &'s S,
    kind: Kind,
    input: Input<'s, S>,
    decoder: Decoder,
    sparse: Sparse,
    /// The last decompressed bytes, at least a window of them.
    buffer: Vec<u8>,
    /// Where the next byte goes, and how many bytes were decoded before the buffer's first one.
    at: usize,
    base: u64,
    members: u64,
    damage: Vec<Damage>,
}

/// The result of a pass.
pub(crate) struct Passed {
    /// The number of decompressed bytes.
    pub size: u64,
    /// What was left out.
    pub damage: Vec<Damage>,
}

/// What follows a member.
enum Next {
    Member,
    End,
}

/// Why a member is not decoded to its end.
enum Failure {
    Damage(Damage),
    Error(Error),
}

type Attempt<T> = std::result::Result<T, Failure>;

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Error(Error::io("read", error))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Error(error)
    }
}

impl<'s, S: ReadAt + ?Sized> Pass<'s, S> {
    pub fn new(source: &'s S, kind: Kind) -> Pass<'s, S> {
        // Where each read is a request, fewer of them.
        let step = source.cost().map_or(STEP, |cost| (cost.span() as usize).max(STEP));
        Pass {
            source,
            kind,
            input: Input::new(source, 0, step),
            decoder: Decoder::new(kind),
            sparse: Sparse::new(),
            buffer: vec![0; WINDOW + PIECE],
            at: 0,
            base: 0,
            members: 0,
            damage: Vec::new(),
        }
    }

    /// Passes the decompressed bytes to `take`, in pieces, each with the number of compressed bytes
    /// that were read for it. Adds points to `points`.
    ///
    /// `is_lenient`: goes on with the next member after damage.
    ///
    /// # Errors
    /// Those of `take`. Unless the pass is lenient, the first damage: then all bytes before it were
    /// passed to `take`.
    pub fn run(
        mut self,
        is_lenient: bool,
        points: &mut PointsBuilder,
        take: &mut dyn FnMut(&[u8], u64) -> Result<()>,
    ) -> Result<Passed> {
        if !points.are_wanted() {
            self.decoder = Decoder::fast(self.kind);
        }
        loop {
            let start = self.input.position();
            match self.member(points, take) {
                Ok(Next::Member) => {}
                Ok(Next::End) => break,
                Err(Failure::Error(error)) => return Err(error),
                Err(Failure::Damage(damage)) if !is_lenient => return Err(damage.to_error()),
                Err(Failure::Damage(damage)) => {
                    self.damage.push(damage);
                    if !self.find_member(start)? {
                        break;
                    }
                }
            }
        }
        Ok(Passed { size: self.position(), damage: self.damage })
    }

    /// How many bytes are decompressed.
    fn position(&self) -> u64 {
        self.base + self.at as u64
    }

    /// Decodes a member, and finds out what follows it.
    fn member(
        &mut self,
        points: &mut PointsBuilder,
        take: &mut dyn FnMut(&[u8], u64) -> Result<()>,
    ) -> Attempt<Next> {
        loop {
            match self.kind.header(self.input.bytes()) {
                Header::Size(size) => break self.input.take(size),
                Header::Incomplete if self.input.more()? => {}
                Header::Incomplete => return Err(self.cut("it ends inside a header")),
                Header::Bad(why) if self.members == 0 => return Err(self.damaged(why)),
                Header::Bad(_) => {
                    return Err(self.damaged("what follows the last member is not a member"));
                }
            }
        }
        self.members += 1;
        self.decoder.restart();
        let (start, input) = (self.position(), self.input.position());
        let is_after_damage = self.damage.last().is_some_and(|last| last.decompressed == start);
        if is_after_damage || points.is_due(start, true) {
            points.add(Point { is_after_damage, ..Point::of_member(start, input) }, &[]);
        }
        let checksum = self.decode(start, points, take)?;
        let trailer = self.kind.trailer();
        if !self.input.has(trailer)? {
            return Err(self.cut("it ends inside the checksum of a member"));
        }
        if let Err(why) = checksum.ensure(&self.input.bytes()[..trailer]) {
            return Err(self.damaged(&why));
        }
        self.input.take(trailer);
        if !self.input.has(1)? {
            return Ok(Next::End);
        }
        let is_zero = self.input.bytes()[0] == 0;
        if self.kind == Kind::Snappy || self.kind == Kind::Gzip && !is_zero {
            return Ok(Next::Member);
        }
        // Zeros fill up the last block on tapes.
        while self.input.has(1)? {
            let bytes = self.input.bytes();
            let zeros = bytes.iter().position(|&byte| byte != 0);
            let count = zeros.unwrap_or(bytes.len());
            self.input.take(count);
            if zeros.is_some() {
                return Err(self.damaged(match self.kind {
                    Kind::Gzip | Kind::Snappy => "what follows the last member is not a member",
                    Kind::Zlib => "more bytes follow the end of the zlib stream",
                }));
            }
        }
        Ok(Next::End)
    }

    /// Decodes the data of a member, which starts after `start` decompressed bytes.
    fn decode(
        &mut self,
        start: u64,
        points: &mut PointsBuilder,
        take: &mut dyn FnMut(&[u8], u64) -> Result<()>,
    ) -> Attempt<Checksum> {
        let (first, mut checksum) = (self.input.position(), Checksum::new(self.kind));
        loop {
            if self.at == self.buffer.len() {
                self.buffer.copy_within(self.at - WINDOW.., 0);
                self.base += (self.at - WINDOW) as u64;
                self.at = WINDOW;
            }
            // What other members hold is not a part of the history.
            let history = start.saturating_sub(self.base) as usize;
            let (before, output) = (self.at, &mut self.buffer[history..]);
            let input = self.input.bytes();
            let (taken, written, stop) = self.decoder.decode(input, output, before - history, true);
            self.input.take(taken);
            self.at += written;
            let piece = &self.buffer[before..self.at];
            if !piece.is_empty() {
                checksum.update(piece);
                take(piece, self.input.position())?;
            }
            match stop {
                Stop::End => return Ok(checksum),
                Stop::Bad if self.kind == Kind::Snappy => {
                    return Err(self.damaged_at(first, "a block is not Snappy data"));
                }
                Stop::Bad => return Err(self.damaged("it is not deflate data")),
                Stop::OutOfMemory => return Err(out_of_memory().into()),
                Stop::Block if points.is_due(self.position(), false) => {
                    self.add_point(start, points)?;
                }
                Stop::Piece if self.at == self.buffer.len() => {}
                Stop::Piece if self.input.bytes().is_empty() && !self.input.more()? => {
                    return Err(self.cut("it ends inside a member"));
                }
                Stop::Block | Stop::Piece => {}
            }
        }
    }

    /// Adds the start of the next block of the member that starts at `start`.
    fn add_point(&mut self, start: u64, points: &mut PointsBuilder) -> Attempt<()> {
        let (out, input) = (self.position(), self.input.position());
        let point = Point { bits: self.decoder.bits(), ..Point::of_member(out, input) };
        let mut byte = [0];
        if point.bits > 0 {
            fill_at(self.source, &mut byte, input - 1)?;
        }
        let size = (out - start).min(WINDOW as u64) as usize;
        let mut window = self.buffer[self.at - size..self.at].to_vec();
        self.sparse.reduce(self.source, &point, byte[0], &mut window)?;
        let packed = if window.is_empty() { Vec::new() } else { pack(&window) };
        points.add(point, &packed);
        Ok(())
    }

    /// Goes to the first member after the one at the compressed byte `start`, which is damaged;
    /// false if there is none.
    fn find_member(&mut self, start: u64) -> Result<bool> {
        let failed = |error| Error::io("read", error);
        match self.kind {
            Kind::Gzip => self.input.seek(start + 1),
            Kind::Zlib => return Ok(false), // its header is too short to be found
            Kind::Snappy => {
                self.input.seek(start);
                self.input.has(9).map_err(failed)?;
                let Some(size) = block_size(self.input.bytes()) else { return Ok(false) };
                self.input.seek(start + size);
                return is_member(self.source, self.kind, start + size).map_err(failed);
            }
        }
        while self.input.has(4).map_err(failed)? {
            let bytes = self.input.bytes();
            let magic = bytes.windows(4).position(|four| four.starts_with(b"\x1f\x8b\x08"));
            let Some(ahead) = magic else {
                self.input.take(bytes.len() - 3);
                continue;
            };
            self.input.take(ahead);
            if is_member(self.source, self.kind, self.input.position()).map_err(failed)? {
                return Ok(true);
            }
            self.input.take(1);
        }
        Ok(false)
    }

    fn damaged(&self, what: &str) -> Failure {
        self.damaged_at(self.input.position(), what)
    }

    fn damaged_at(&self, at: u64, what: &str) -> Failure {
        let (what, decompressed) = (what.to_owned(), self.position());
        Failure::Damage(Damage { at, is_cut: false, what, decompressed })
    }

    fn cut(&self, what: &str) -> Failure {
        // A cut is where the data ends, whatever was read of it.
        let at = self.input.position() + self.input.bytes().len() as u64;
        let (what, decompressed) = (what.to_owned(), self.position());
        Failure::Damage(Damage { at, is_cut: true, what, decompressed })
    }
}

/// Whether a member starts there, by its header and its first bytes.
fn is_member(source: &(impl ReadAt + ?Sized), kind: Kind, position: u64) -> io::Result<bool> {
    let mut input = Input::new(source, position, TRIAL);
    loop {
        match kind.header(input.bytes()) {
            Header::Size(size) => break input.take(size),
            Header::Incomplete if input.more()? => {}
            _ => return Ok(false),
        }
    }
    let (mut decoder, mut output, mut at) = (Decoder::fast(kind), vec![0; TRIAL], 0);
    loop {
        let (taken, written, stop) = decoder.decode(input.bytes(), &mut output, at, false);
        input.take(taken);
        at += written;
        match stop {
            Stop::End => return Ok(true),
            Stop::Bad => return Ok(false),
            Stop::OutOfMemory => return Err(io::ErrorKind::OutOfMemory.into()),
            _ if at == TRIAL => return Ok(true),
            _ if input.bytes().is_empty() && !input.more()? => return Ok(at > 0),
            _ => {}
        }
    }
}
