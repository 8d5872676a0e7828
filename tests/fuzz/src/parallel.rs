//! Scans by many threads, of memory and of a file, compared with a scan by one thread.

use tfr_index::{create_index, Index, Options};

use super::file::file_of;
use super::oracle::{fault, outcome, POLICIES};

/// Fuzzed, the library has tiny segments; where it hasn't, the files are so many times as large.
const REPEAT: usize = if cfg!(fuzzing) { 1 } else { 256 };

pub fn run(data: &[u8]) {
    let Some((&choice, plan)) = data.split_first() else { return };
    let data = file_of(plan, REPEAT);
    let checksums = POLICIES[usize::from(choice) % 4];
    let options = Options::new().checksums(checksums).threads(1);
    let expected = outcome(Index::from_bytes(&data, &options));

    let options = options.threads(2 + usize::from(choice) / 4 % 3);
    assert_eq!(outcome(Index::from_bytes(&data, &options)), expected);

    let folder = tempfile::tempdir().unwrap();
    let (data_path, index_path) = (folder.path().join("data"), folder.path().join("index"));
    std::fs::write(&data_path, &data).unwrap();
    match create_index(&data_path, &index_path, &options) {
        Ok(count) => {
            let index = Index::read(&index_path).unwrap();
            assert_eq!(count, index.len() as u64);
            assert_eq!(Ok(index.into_entries()), expected);
        }
        Err(error) => {
            assert_eq!(Err(fault(&error)), expected);
            assert!(!index_path.exists());
        }
    }
}
