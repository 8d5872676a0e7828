//! Continues an index file: copies the existing index, if it matches the data so far.

use std::path::Path;

use crate::error::{Error, ErrorKind, Result};
use crate::file::{self, NewFile};
use crate::frame::at::header_at;
use crate::index::{Decoder, Encoder, Entry};
use crate::options::{Options, Progress};
use crate::source::ReadAt;

/// About how many headers are compared with the index.
const SAMPLES: u64 = 64;

/// Copies the index at `path` to `copy`. Returns how many records it has and where they end, or
/// `None` if there is no index yet.
///
/// The index must list all records from byte 0 on, without gaps, and end inside the data. The data
/// must have headers of the right sizes at its first record, its last one and some between them.
/// The progress callback is called with no progress, and may cancel.
pub(super) fn copy_index(
    path: &Path,
    copy: &mut NewFile,
    data: &impl ReadAt,
    options: &Options<'_>,
) -> Result<Option<(u64, u64)>> {
    let file = match file::open_regular(path) {
        Ok(file) => file,
        Err(error) if error.os_error() == Some(libc::ENOENT) => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut decoder = Decoder::new();
    let size = data.size().map_err(|error| Error::io("find the size", error))?;
    let mut copied = IndexCopy {
        file: copy,
        text: Encoder::default(),
        records: 0,
        end: 0,
        samples: Vec::new(),
        step: size / SAMPLES,
        last: None,
    };
    let begun = Progress { bytes_done: 0, bytes_total: size, records: 0 };
    let read = file.read_chunks(|text| {
        options.report(begun)?;
        decoder.push(text)?;
        copied.add(&decoder.take())
    });
    let rest = read.and_then(|()| decoder.finish()).and_then(|index| copied.add(&index));
    rest.map_err(|error| error.of(path))?;

    let IndexCopy { records, end, samples, last, .. } = copied;
    for (record, entry) in samples.into_iter().chain(last) {
        if end > size || !is_frame_at(data, entry, size)? {
            let detail = format!(
                "the index has {records} records that end at byte {end}, but the data has other \
                 records: the index belongs to another file, or the file was rewritten; create \
                 the whole index again"
            );
            let error = Error::new(ErrorKind::Mismatch, detail).at(record, entry.offset);
            return Err(error.of(path));
        }
    }
    Ok(Some((records, end)))
}

/// Whether the data has a header of this size there.
fn is_frame_at(data: &impl ReadAt, entry: Entry, size: u64) -> Result<bool> {
    let rest = size.saturating_sub(entry.offset);
    let header = header_at(data, entry.offset)?;
    Ok(header.and_then(|header| header.frame_size(rest)) == Some(entry.size))
}

/// An index that is being copied.
struct IndexCopy<'f> {
    file: &'f mut NewFile,
    text: Encoder,
    records: u64,
    end: u64,
    /// Entries with their numbers, about one for each step in the data.
    samples: Vec<(u64, Entry)>,
    step: u64,
    last: Option<(u64, Entry)>,
}

impl IndexCopy<'_> {
    fn add(&mut self, entries: &[Entry]) -> Result<()> {
        for entry in entries {
            if entry.offset != self.end {
                let detail = format!(
                    "starts at byte {}, but the record before ends at byte {}: an index with gaps or \
                     in another order cannot be continued; create the whole index again",
                    entry.offset, self.end
                );
                let error = Error::new(ErrorKind::Mismatch, detail);
                return Err(error.at(self.records, entry.offset));
            }
            let numbered = (self.records, *entry);
            let next = self.samples.last().map_or(0, |(_, sample)| sample.offset + self.step);
            if entry.offset >= next && self.samples.len() < 2 * SAMPLES as usize {
                self.samples.push(numbered);
            }
            self.last = Some(numbered);
            self.end += entry.size;
            self.records += 1;
            self.text.push(*entry)?;
        }
        self.file.write(self.text.text())?;
        self.text.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::{create_index, frame, ErrorKind, Index, Options};
    use std::fs;
    use std::ops::ControlFlow;
    use std::os::unix::fs::MetadataExt;
    use std::sync::atomic::{AtomicU64, Ordering};

    fn records(count: usize) -> Vec<u8> {
        (0..count).flat_map(|number| frame::encode(&vec![number as u8; number % 7])).collect()
    }

    #[test]
    fn a_file_that_grows_by_a_byte_is_indexed_as_one_that_is_whole() {
        let directory = tempfile::tempdir().unwrap();
        let (path, index_path) = (directory.path().join("x"), directory.path().join("x.idx"));
        let data = records(12);
        let left = AtomicU64::new(0);
        let note = |tail: crate::Skipped| {
            left.store(tail.bytes.end - tail.bytes.start, Ordering::Relaxed);
            assert_eq!((tail.error.kind(), tail.incomplete_tail), (ErrorKind::Truncated, true));
            ControlFlow::Continue(())
        };
        let options = Options::new().resume(true).allow_incomplete_tail(true).on_skipped(&note);
        for end in 0..=data.len() {
            fs::write(&path, &data[..end]).unwrap();
            left.store(0, Ordering::Relaxed);
            let count = create_index(&path, &index_path, &options).unwrap();
            let index = Index::read(&index_path).unwrap();
            assert_eq!(index.len() as u64, count);
            let whole = end as u64 - left.load(Ordering::Relaxed);
            let expected = Index::from_bytes(&data[..whole as usize], &Options::new()).unwrap();
            assert_eq!(index, expected);
            let next = Index::from_bytes(&data, &Options::new()).unwrap();
            assert!(next.get(count as usize).map_or(true, |next| end as u64 - whole < next.size));
        }
    }

    /// Not even if its text differs from what would be written.
    #[test]
    fn an_index_that_has_all_records_is_not_touched() {
        let directory = tempfile::tempdir().unwrap();
        let (path, index_path) = (directory.path().join("x"), directory.path().join("x.idx"));
        for (data, text) in [
            (records(2), "0 16\n16 17\n"),
            (records(2), "0 16\r\n16 17"),
            (records(0), ""),
            ([records(2), vec![3; 5]].concat(), "0 16\n16 17\n"),
        ] {
            fs::write(&path, &data).unwrap();
            fs::write(&index_path, text).unwrap();
            let before = fs::metadata(&index_path).unwrap();
            for sync in [false, true] {
                let options = Options::new().resume(true).allow_incomplete_tail(true).sync(sync);
                let count = create_index(&path, &index_path, &options).unwrap();
                assert_eq!(count, Index::read(&index_path).unwrap().len() as u64);
                let after = fs::metadata(&index_path).unwrap();
                assert_eq!(after.ino(), before.ino());
                assert_eq!(after.modified().unwrap(), before.modified().unwrap());
                assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
            }
        }
        fs::remove_file(&index_path).unwrap();
        fs::write(&path, "").unwrap();
        assert_eq!(create_index(&path, &index_path, &Options::new().resume(true)).unwrap(), 0);
        assert!(index_path.exists());
    }

    #[test]
    fn a_file_written_anew_with_the_same_size_is_noticed() {
        let directory = tempfile::tempdir().unwrap();
        let (path, index_path) = (directory.path().join("x"), directory.path().join("x.idx"));
        let of = |sizes: [usize; 4]| sizes.map(|size| frame::encode(&vec![7; size])).concat();
        fs::write(&path, of([5, 6, 7, 8])).unwrap();
        create_index(&path, &index_path, &Options::new()).unwrap();
        fs::write(&path, of([5, 7, 6, 8])).unwrap();
        let error = create_index(&path, &index_path, &Options::new().resume(true)).unwrap_err();
        assert_eq!((error.kind(), error.record()), (ErrorKind::Mismatch, Some(1)));
    }

    #[test]
    fn what_is_no_regular_file_is_not_appended_to() {
        let append = Options::new().resume(true);
        let error = create_index("tests/data/examples.tfrecord", "/dev/null", &append).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
    }

    /// Whatever the size of the index, even of another file, the callback can cancel first.
    #[test]
    fn copying_an_index_is_cancelled() {
        let directory = tempfile::tempdir().unwrap();
        let (path, index_path) = (directory.path().join("x"), directory.path().join("x.idx"));
        fs::write(&path, records(5)).unwrap();
        fs::write(&index_path, "0 99\n").unwrap();
        let stop = |progress: crate::Progress| {
            assert_eq!((progress.bytes_done, progress.records), (0, 0));
            ControlFlow::Break(())
        };
        let options = Options::new().resume(true).progress(&stop);
        let error = create_index(&path, &index_path, &options).unwrap_err();
        assert_eq!((error.kind(), error.path()), (ErrorKind::Cancelled, Some(&*index_path)));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
    }

    #[test]
    fn an_index_of_something_else_is_not_continued() {
        let directory = tempfile::tempdir().unwrap();
        let (path, index_path) = (directory.path().join("x"), directory.path().join("x.idx"));
        fs::write(&path, records(5)).unwrap();
        let append = Options::new().resume(true);
        // Shorter data, other data, gaps, another order, an incomplete last record.
        for text in [
            "0 16\n16 17\n33 18\n51 19\n70 20\n90 21\n",
            "0 17\n",
            "0 16\n33 18\n",
            "16 17\n0 16\n",
            "0 16\n16 16\n",
        ] {
            fs::write(&index_path, text).unwrap();
            let error = create_index(&path, &index_path, &append).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Mismatch, "{text:?}: {error}");
            assert_eq!(error.path(), Some(&*index_path));
            assert_eq!(fs::read_to_string(&index_path).unwrap(), text);
        }
        for text in ["0 16\n16 17", "", "\n\r\n0 16\r\n"] {
            fs::write(&index_path, text).unwrap();
            assert_eq!(create_index(&path, &index_path, &append).unwrap(), 5, "{text:?}");
            let expected = Index::from_bytes(&records(5), &Options::new()).unwrap();
            assert_eq!(Index::read(&index_path).unwrap(), expected);
        }
    }
}
