//! Records read by any index of any data: one, many and all of them, compared with the bytes.

use std::io;

use tfr_index::{Checksums, Entry, Index, Options, ReadAt, Reader};

use super::file::file_of;
use super::oracle::{crc, fault, is_entry, walk, Fault, POLICIES};

/// The first byte says how many entries the bytes after it change; then comes the file's plan.
pub fn run(input: &[u8]) {
    let Some((&count, input)) = input.split_first() else { return };
    let (edits, plan) = input.split_at((3 * usize::from(count % 32)).min(input.len()));
    let data = file_of(plan, 1);
    let Ok(mut entries) = walk(&data, Checksums::None) else { return };
    for edit in edits.chunks_exact(3) {
        change(&mut entries, edit);
    }
    entries.truncate(100); // each is read many times
    let index = Index::from_entries(entries.iter().copied()).unwrap();
    for checksums in POLICIES {
        for threads in [1, 3] {
            let options = Options::new().checksums(checksums).threads(threads);
            let source = Data(data.clone());
            let reader = Reader::from_source(source, Some(index.clone()), &options).unwrap();
            compare(&reader, &data, checksums);
        }
    }
}

/// Moves an entry, or changes its size.
fn change(entries: &mut [Entry], edit: &[u8]) {
    let [what, at, by] = edit.try_into().expect("3 bytes");
    let Some(count) = entries.len().checked_sub(1) else { return };
    let (at, other) = (usize::from(at) % (count + 1), usize::from(by) % (count + 1));
    let Entry { offset, size } = entries[at];
    let (offset, size) = match what % 4 {
        0 => return entries.swap(at, other),
        1 => (entries[other].offset, entries[other].size),
        2 => (offset + u64::from(by), size),
        _ => (offset, (size + u64::from(by)) << (what >> 4 << 2)),
    };
    if is_entry(offset.into(), size.into()) {
        entries[at] = Entry { offset, size };
    }
}

fn compare(reader: &Reader, data: &[u8], checksums: Checksums) {
    let all: Vec<usize> = (0..reader.len()).collect();
    let each: Vec<_> = all.iter().map(|record| reader.read(*record)).collect();
    for (entry, read) in reader.entries().zip(&each) {
        match (checksums, read) {
            // What holds in all is good; what is good has its length, at least.
            (Checksums::Auto, Ok(payload)) => {
                assert_eq!(expected(data, &entry, Checksums::None), Some(&payload[..]));
                let length = (payload.len() as u64).to_le_bytes();
                assert_eq!(data[entry.offset as usize..][..8], length);
            }
            (Checksums::Auto, Err(_)) => assert_eq!(expected(data, &entry, Checksums::Full), None),
            (_, read) => assert_eq!(read.as_deref().ok(), expected(data, &entry, checksums)),
        }
    }
    let each: Vec<Result<Vec<u8>, Fault>> =
        each.into_iter().map(|read| read.map_err(|error| fault(&error))).collect();
    let iterated = reader.iter().map(|read| read.map_err(|error| fault(&error)));
    assert_eq!(iterated.collect::<Vec<_>>(), each);
    // All in one call, in the index's order and in another one: the first failure counts, but entries
    // that end after the data fail before anything is read.
    let is_behind = |record: &&usize| {
        let Entry { offset, size } = reader.entry(**record).unwrap();
        offset + size > data.len() as u64
    };
    for records in [all.clone(), all.iter().rev().chain(&all).copied().collect()] {
        let expected: Result<Vec<_>, _> = match records.iter().find(is_behind) {
            Some(record) => Err(each[*record].clone().unwrap_err()),
            None => records.iter().map(|record| each[*record].clone()).collect(),
        };
        let read = reader.read_many(&records).map_err(|error| fault(&error));
        assert_eq!(read.map(|payloads| payloads.iter().map(<[u8]>::to_vec).collect()), expected);
    }
}

/// The payload, if it is valid under the policy. `none` checks only its range.
fn expected<'d>(data: &'d [u8], entry: &Entry, checksums: Checksums) -> Option<&'d [u8]> {
    let end = usize::try_from(entry.offset + entry.size).ok()?;
    let frame = data.get(entry.offset as usize..end)?;
    let (header, rest) = frame.split_at(12);
    let (payload, footer) = rest.split_at(rest.len() - 4);
    let header_holds = header[..8] == (payload.len() as u64).to_le_bytes()
        && header[8..] == crc(&header[..8]).to_le_bytes();
    let is_good = match checksums {
        Checksums::None => true,
        Checksums::Full => header_holds && *footer == crc(payload).to_le_bytes(),
        _ => header_holds,
    };
    is_good.then_some(payload)
}

/// Copies bytes, as a file does.
struct Data(Vec<u8>);

impl ReadAt for Data {
    fn size(&self) -> io::Result<u64> {
        self.0[..].size()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0[..].read_at(buffer, offset)
    }
}
