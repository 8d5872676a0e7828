//! Salvaging scans: the records they return are good, the regions they skip are reported; the number
//! of threads and the kind of source make no difference.

use std::io;
use std::ops::{ControlFlow, Range};
use std::sync::Mutex;

use tfr_index::{Checksums, Entry, Index, Options, ReadAt, Skipped};

use super::file::file_of;
use super::oracle::{self, crc, walk, Salvaged, POLICIES};

pub fn run(data: &[u8]) {
    compare(data);
    compare(&file_of(data, 1));
}

fn salvage(source: impl ReadAt + Sync, options: Options<'_>) -> Result<Salvaged, String> {
    let regions = Mutex::new(Vec::new());
    let keep = |skipped: Skipped| {
        regions.lock().unwrap().push((skipped.bytes, skipped.record));
        ControlFlow::Continue(())
    };
    let index = Index::from_source(source, &options.salvage(true).on_skipped(&keep));
    let index = index.map_err(|error| error.to_string())?;
    Ok((index.into_entries(), regions.into_inner().unwrap()))
}

fn compare(data: &[u8]) {
    for checksums in POLICIES {
        let options = Options::new().checksums(checksums);
        let salvaged = salvage(data, options.threads(1));
        let source = Parts { data, most: 1 + data.len() / 20 };
        for threads in [1, 3] {
            let options = options.threads(threads);
            assert_eq!(salvage(data, options), salvaged, "{checksums:?}, {threads}");
            assert_eq!(salvage(&source, options), salvaged, "{checksums:?}, {threads}, a source");
        }
        if checksums != Checksums::None {
            let expected = oracle::salvage(data, checksums == Checksums::Full);
            assert_eq!(salvaged.clone().ok(), expected, "{checksums:?}");
        }
        let Ok((entries, regions)) = salvaged else { continue };
        assert_covers(&entries, &regions, data.len() as u64);
        for entry in entries.iter().filter(|_| checksums != Checksums::None) {
            let frame = &data[entry.offset as usize..][..entry.size as usize];
            assert_eq!(frame[8..12], crc(&frame[..8]).to_le_bytes());
            let (payload, footer) = frame[12..].split_at(frame.len() - 16);
            assert!(checksums != Checksums::Full || *footer == crc(payload).to_le_bytes());
        }
        // Without valid checksums, salvage has other rules.
        if let (Ok(whole), true) = (walk(data, checksums), checksums != Checksums::Auto) {
            assert_eq!((entries, regions), (whole, vec![]));
        }
    }
}

/// Gives copies of at most this many bytes.
struct Parts<'a> {
    data: &'a [u8],
    most: usize,
}

impl ReadAt for Parts<'_> {
    fn size(&self) -> io::Result<u64> {
        self.data.size()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let most = self.most.min(buffer.len());
        self.data.read_at(&mut buffer[..most], offset)
    }
}

/// Entries and regions, in order, cover all of the data exactly once.
fn assert_covers(entries: &[Entry], regions: &[(Range<u64>, u64)], size: u64) {
    let mut pieces: Vec<_> = regions.iter().map(|(bytes, _)| bytes.clone()).collect();
    pieces.extend(entries.iter().map(|entry| entry.offset..entry.offset + entry.size));
    pieces.sort_by_key(|bytes| bytes.start);
    let end = pieces.iter().fold(0, |at, bytes| {
        assert!(bytes.start == at && bytes.end > at);
        bytes.end
    });
    assert_eq!(end, size);
    for (bytes, record) in regions {
        let before = entries.iter().filter(|entry| entry.offset < bytes.start).count();
        assert_eq!(*record, before as u64);
    }
}
