//! Files that are written, appended to and given up: their bytes, and their indexes'.

use std::fs;
use std::path::Path;

use tfr_index::{Checksums, Options, RecordWriter};

use super::oracle::{crc, walk, write_index};

/// A step is two bytes: what is done, and with how much.
pub fn run(plan: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    let (path, index_path) = (folder.path().join("x"), folder.path().join("x.idx"));
    let open = |append| match append {
        true => RecordWriter::append(&path, &index_path, &Options::new()).unwrap(),
        false => RecordWriter::create(&path, &index_path, &Options::new()).unwrap(),
    };
    // What is in its place, and what is to come there.
    let (mut kept, mut data) = (None, Vec::new());
    let mut writer = open(false);
    for (number, step) in plan.chunks_exact(2).take(200).enumerate() {
        match (step[0] % 16, usize::from(step[1])) {
            (0, append) => {
                writer.finish().unwrap();
                expect(&path, &index_path, Some(&data));
                kept = Some(data.clone());
                writer = open(append % 4 > 0);
                data = if append % 4 > 0 { data } else { Vec::new() };
            }
            (1, append) => {
                drop(writer);
                expect(&path, &index_path, kept.as_ref());
                writer = open(append % 4 > 0);
                data = if append % 4 > 0 { kept.clone().unwrap_or_default() } else { Vec::new() };
            }
            (2, _) => writer.flush().unwrap(),
            (what, size) => {
                let size = if what == 3 { size << 12 } else { size };
                let frame = frame(&vec![number as u8; size]);
                let entry = writer.write(&frame[12..frame.len() - 4]).unwrap();
                assert_eq!((entry.offset, entry.size), (data.len() as u64, frame.len() as u64));
                data.extend(frame);
            }
        }
    }
    writer.finish().unwrap();
    expect(&path, &index_path, Some(&data));
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 2);
}

fn frame(payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u64).to_le_bytes();
    let (length_crc, payload_crc) = (crc(&length).to_le_bytes(), crc(payload).to_le_bytes());
    [&length[..], &length_crc, payload, &payload_crc].concat()
}

/// The file holds this, and the index is its; or neither is there.
fn expect(path: &Path, index_path: &Path, data: Option<&Vec<u8>>) {
    assert!(fs::read(path).ok().as_ref() == data);
    let text = data.map(|data| write_index(&walk(data, Checksums::Full).unwrap()));
    assert_eq!(fs::read_to_string(index_path).ok(), text);
}
