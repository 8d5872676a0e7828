//! The Rust code of the quick reference, line for line, in a program written for s3dlio.
//!
//! `cargo run -- ../../tests/data/examples.tfrecord` in this directory.

use s3dlio::tfrecord_index::*;

fn main() -> anyhow::Result<()> {
    let tfrecord_path = std::env::args().nth(1).expect("usage: s3dlio-drop-in TFRECORD");
    let folder = std::env::temp_dir().join(format!("s3dlio-drop-in.{}", std::process::id()));
    std::fs::create_dir(&folder)?;
    let index_path = folder.join("train.tfrecord.idx");

    // Generate index
    let num_records = write_index_for_tfrecord_file(&tfrecord_path, &index_path)?;

    // Read index
    let entries: Vec<TfRecordIndexEntry> = read_index_file(&index_path)?;
    assert_eq!(entries.len(), num_records);

    // In-memory operations
    let data: &[u8] = &std::fs::read(&tfrecord_path)?;
    assert_eq!(index_entries_from_bytes(data)?, entries);
    assert_eq!(index_text_from_bytes(data)?, std::fs::read_to_string(&index_path)?);

    // Streaming parser
    let reader = std::fs::File::open(&tfrecord_path)?;
    let mut indexer = TfRecordIndexer::new(reader)?;
    let mut expected = entries.iter();
    while let Some(entry) = indexer.next_entry()? {
        assert_eq!(Some(&entry), expected.next());
    }
    assert!(expected.next().is_none());

    std::fs::remove_dir_all(&folder)?;
    println!("{tfrecord_path}: {num_records} records, four ways");
    Ok(())
}
