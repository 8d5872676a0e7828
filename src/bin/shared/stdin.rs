//! A stream, read from start to end, whose reader notices signals while it waits.

use std::io::{self, Read};
use std::path::Path;
use std::sync::mpsc::{sync_channel, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use tfr_index::own_descriptor;

use super::streams::stdin_path;

/// The capacity of a pipe.
const PIECE: usize = 64 << 10;
/// How long to wait between two checks for a signal.
const PATIENCE: Duration = Duration::from_millis(50);

/// A thread reads the stream. A `read` that waits for too long fails as interrupted.
pub struct Stream {
    pieces: Receiver<io::Result<Vec<u8>>>,
    piece: Vec<u8>,
    taken: usize,
    /// Whether the stream may end here. By default it may not end before its first byte.
    may_end: bool,
    is_empty: bool,
}

impl Stream {
    /// Reads one of the program's descriptors, from its current position.
    pub fn open(path: &Path, may_be_empty: bool) -> io::Result<Stream> {
        let file = own_descriptor(stdin_path(path));
        let mut file = file.ok_or(io::ErrorKind::InvalidInput)??;
        let (sender, pieces) = sync_channel(4);
        thread::Builder::new().spawn(move || loop {
            let mut piece = vec![0; PIECE];
            let read = match file.read(&mut piece) {
                Ok(0) => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read,
            };
            let failed = read.is_err();
            let piece = read.map(|count| {
                piece.truncate(count);
                piece
            });
            if sender.send(piece).is_err() || failed {
                return;
            }
        })?;
        Ok(Stream { pieces, piece: Vec::new(), taken: 0, may_end: may_be_empty, is_empty: false })
    }

    /// Whether reading failed because the stream is empty.
    pub fn is_empty(&self) -> bool {
        self.is_empty
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.piece.len() {
            self.piece = match self.pieces.recv_timeout(PATIENCE) {
                Ok(piece) => piece?,
                Err(RecvTimeoutError::Timeout) => return Err(io::ErrorKind::Interrupted.into()),
                Err(RecvTimeoutError::Disconnected) => {
                    self.is_empty = !self.may_end;
                    return if self.may_end {
                        Ok(0)
                    } else {
                        Err(io::ErrorKind::UnexpectedEof.into())
                    };
                }
            };
            self.taken = 0;
            self.may_end = true;
        }
        let count = (&self.piece[self.taken..]).read(buffer)?;
        self.taken += count;
        Ok(count)
    }
}
