//! Scans of memory, a source and a stream, under each policy, compared with the naive walk: for the
//! bytes as they are, and for the file that they describe.

use std::sync::atomic::{AtomicBool, Ordering};
use std::io::{self, Read};

use tfr_index::tfrecord_index::TfRecordIndexer;
use tfr_index::{Checksums, Index, Options, ReadAt};

use super::file::file_of;
use super::oracle::{fault, outcome, walk, Outcome, POLICIES};

pub fn run(data: &[u8]) {
    compare(data);
    compare(&file_of(data, 1));
}

fn compare(data: &[u8]) {
    let pieces = || Pieces { data, most: 1 + data.len() / 20, interrupted: AtomicBool::new(false) };
    for checksums in POLICIES {
        let expected = walk(data, checksums);
        let options = Options::new().checksums(checksums).threads(1);
        assert_eq!(outcome(Index::from_bytes(data, &options)), expected, "{checksums:?}");
        assert_eq!(outcome(Index::from_source(pieces(), &options)), expected, "{checksums:?}");
        if checksums == Checksums::Auto {
            assert_eq!(streamed(pieces()), expected, "streamed");
        }
    }
}

fn streamed(stream: impl Read) -> Outcome {
    let mut indexer = TfRecordIndexer::new(stream).unwrap();
    let mut entries = Vec::new();
    loop {
        match indexer.next_entry() {
            Ok(Some(entry)) => entries.push(entry),
            Ok(None) => return Ok(entries),
            Err(error) => return Err(fault(error.downcast_ref().unwrap())),
        }
    }
}

/// Reads no more than so many bytes at a time, and is interrupted before each.
struct Pieces<'a> {
    data: &'a [u8],
    most: usize,
    interrupted: AtomicBool,
}

impl Pieces<'_> {
    fn interrupt(&self) -> io::Result<()> {
        match self.interrupted.fetch_xor(true, Ordering::Relaxed) {
            true => Ok(()),
            false => Err(io::ErrorKind::Interrupted.into()),
        }
    }
}

impl ReadAt for Pieces<'_> {
    fn size(&self) -> io::Result<u64> {
        self.data.size()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.interrupt()?;
        let most = self.most.min(buffer.len());
        self.data.read_at(&mut buffer[..most], offset)
    }
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.interrupt()?;
        let most = self.most.min(buffer.len());
        self.data.read(&mut buffer[..most])
    }
}
