//! Files that are written, appended to (by other programs too) and abandoned: their bytes and indexes.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

use tfr_index::{create_index, Checksums, Options, RecordWriter};

use super::oracle::{crc, walk, write_index};

/// Fuzzed, the library has tiny buffers; where it hasn't, payloads must be larger to pass them by.
const LARGE: u32 = if cfg!(fuzzing) { 4 } else { 12 };

/// A file and its index.
#[derive(Clone, Default, PartialEq)]
struct Pair {
    data: Vec<u8>,
    index: String,
}

impl Pair {
    fn of(data: &[u8]) -> Pair {
        Pair { data: data.to_vec(), index: write_index(&walk(data, Checksums::Full).unwrap()) }
    }
}

/// A step is two bytes: an action and an amount.
pub fn run(plan: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    let (path, index_path) = (folder.path().join("x"), folder.path().join("x.idx"));
    let open = |append| match append {
        true => RecordWriter::append(&path, &index_path, &Options::new()).unwrap(),
        false => RecordWriter::create(&path, &index_path, &Options::new()).unwrap(),
    };
    // The committed files, and the ones being written.
    let (mut kept, mut data) = (None, Vec::new());
    let mut writer = open(false);
    for (number, step) in plan.chunks_exact(2).take(200).enumerate() {
        match (step[0] % 16, usize::from(step[1])) {
            (0, append) => {
                assert_eq!(writer.finish().unwrap(), walk(&data, Checksums::Full).unwrap().len() as u64);
                kept = Some(Pair::of(&data));
                expect(&path, &index_path, kept.as_ref());
                writer = open(append % 4 > 0);
                data = if append % 4 > 0 { data } else { Vec::new() };
            }
            (1, append) => {
                drop(writer);
                expect(&path, &index_path, kept.as_ref());
                writer = open(append % 4 > 0);
                data = match &kept {
                    Some(kept) if append % 4 > 0 => kept.data.clone(),
                    _ => Vec::new(),
                };
            }
            (2, _) => writer.flush().unwrap(),
            // Another program appends, and may update the index. If it does not, the next writer must.
            (3, size) => {
                writer.finish().unwrap();
                let Pair { index, .. } = Pair::of(&data);
                let mut file = OpenOptions::new().append(true).open(&path).unwrap();
                let frame = frame(&vec![0xff; size]);
                file.write_all(&frame).unwrap();
                data.extend(frame);
                kept = Some(Pair { data: data.clone(), index });
                if size % 2 == 0 {
                    create_index(&path, &index_path, &Options::new().resume(true)).unwrap();
                    kept = Some(Pair::of(&data));
                }
                expect(&path, &index_path, kept.as_ref());
                writer = open(true);
            }
            (what, size) => {
                let size = if what == 4 { size << LARGE } else { size };
                let frame = frame(&vec![number as u8; size]);
                let entry = writer.write(&frame[12..frame.len() - 4]).unwrap();
                assert_eq!((entry.offset, entry.size), (data.len() as u64, frame.len() as u64));
                data.extend(frame);
            }
        }
    }
    writer.finish().unwrap();
    expect(&path, &index_path, Some(&Pair::of(&data)));
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 2);
}

fn frame(payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u64).to_le_bytes();
    let (length_crc, payload_crc) = (crc(&length).to_le_bytes(), crc(payload).to_le_bytes());
    [&length[..], &length_crc, payload, &payload_crc].concat()
}

/// Checks that both files have these bytes, or that neither exists.
fn expect(path: &Path, index_path: &Path, expected: Option<&Pair>) {
    let (data, index) = (fs::read(path).ok(), fs::read_to_string(index_path).ok());
    assert!(data.is_some() == index.is_some());
    let found = data.zip(index).map(|(data, index)| Pair { data, index });
    assert!(found.as_ref() == expected);
}
