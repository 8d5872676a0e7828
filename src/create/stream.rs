//! Indexes a stream, which cannot be read at a position, or twice.

use std::io::{self, Read};
use std::path::Path;

use crate::error::Result;
use crate::file::NewFile;
use crate::index::Encoder;
use crate::indexer::Indexer;
use crate::options::{Options, Progress};

/// Bytes per read: few enough to stay in the cache until they are indexed.
const PIECE: usize = 128 << 10;

/// Creates the index file of a stream (standard input, a download, the output of a decompressor) in
/// constant memory, and returns the number of records.
///
/// The index file appears complete or not at all, as with [`create_index`](crate::create_index).
/// The whole stream is read on the caller's thread. The progress callback is called for each piece,
/// and each time that a read is [interrupted](io::ErrorKind::Interrupted); `bytes_total` is the
/// number of bytes read so far.
///
/// ```
/// use tfr_index::{create_index_from_reader, Index, Options};
///
/// # let directory = tempfile::tempdir()?;
/// # let index_path = directory.path().join("examples.tfrecord.idx");
/// let stream = std::fs::File::open("tests/data/examples.tfrecord")?; // or io::stdin().lock()
/// assert_eq!(create_index_from_reader(stream, &index_path, &Options::new())?, 100);
/// assert_eq!(Index::read(&index_path)?.len(), 100);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Those of [`create_index`](crate::create_index) and [`Indexer::new`].
pub fn create_index_from_reader(
    mut stream: impl Read,
    index_path: impl AsRef<Path>,
    options: &Options<'_>,
) -> Result<u64> {
    let mut indexer = Indexer::new(options)?;
    let mut index_file = NewFile::create(index_path.as_ref())?.with_sync(options.sync);
    let mut text = Encoder::default();
    let mut buffer = vec![0; PIECE];
    let mut bytes_done = 0;
    let mut at_end = false;
    loop {
        let records = indexer.records();
        options.report(Progress { bytes_done, bytes_total: bytes_done, records })?;
        if at_end {
            break;
        }
        let count = match stream.read(&mut buffer) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(indexer.read_failed(error)),
        };
        at_end = count == 0;
        bytes_done += count as u64;
        let mut piece = &buffer[..count];
        while let Some(entry) = indexer.push(&mut piece)? {
            text.push(entry)?;
        }
        if !text.text().is_empty() {
            index_file.write(text.text())?;
            text.clear();
        }
    }
    indexer.finish()?;
    index_file.commit()?;
    Ok(indexer.records())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{frame, ErrorKind, Index};
    use std::fs;
    use std::ops::ControlFlow;
    use std::sync::Mutex;

    /// Returns one piece or error per read.
    struct Reads(Vec<io::Result<Vec<u8>>>);

    impl Read for Reads {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() {
                return Ok(0);
            }
            let piece = self.0.remove(0)?;
            buffer[..piece.len()].copy_from_slice(&piece);
            Ok(piece.len())
        }
    }

    fn data() -> Vec<u8> {
        (0..50).flat_map(|size| frame::encode(&vec![7; size])).collect()
    }

    #[test]
    fn pieces_and_interruptions_make_the_whole() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.idx");
        let mut pieces = vec![];
        for piece in data().chunks(33) {
            pieces.push(Err(io::ErrorKind::Interrupted.into()));
            pieces.push(Ok(piece.to_vec()));
        }
        let reads = pieces.len();
        let reports = Mutex::new(vec![]);
        let watch = |progress: Progress| {
            let Progress { bytes_done, bytes_total, records } = progress;
            reports.lock().unwrap().push((bytes_done, bytes_total, records));
            ControlFlow::Continue(())
        };
        let options = Options::new().progress(&watch);
        assert_eq!(create_index_from_reader(Reads(pieces), &path, &options).unwrap(), 50);
        let expected = Index::from_bytes(&data(), &Options::new()).unwrap();
        assert_eq!(Index::read(&path).unwrap(), expected);
        let reports = reports.into_inner().unwrap();
        let size = data().len() as u64;
        assert_eq!(
            (reports.len(), reports[0], reports[reads + 1]),
            (reads + 2, (0, 0, 0), (size, size, 50))
        );
    }

    #[test]
    fn nothing_is_left_of_what_fails() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.idx");
        fs::write(&path, "what was there").unwrap();
        let data = data();
        let whole = Ok(data.clone());
        let cut = Ok(data[..data.len() - 1].to_vec());
        let gone = Err(io::Error::from_raw_os_error(libc::EIO));
        let stop = |progress: Progress| match progress.records {
            0 => ControlFlow::Continue(()),
            _ => ControlFlow::Break(()),
        };
        let options = Options::new();
        for (pieces, options, kind, record) in [
            (vec![cut], options, ErrorKind::Truncated, Some(49)),
            (vec![whole, gone], options, ErrorKind::Io, Some(50)),
            (vec![Ok(data.clone())], options.progress(&stop), ErrorKind::Cancelled, None),
            (vec![], options.resume(true), ErrorKind::InvalidArgument, None),
        ] {
            let error = create_index_from_reader(Reads(pieces), &path, &options).unwrap_err();
            assert_eq!((error.kind(), error.record()), (kind, record), "{error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), "what was there");
            assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        }
    }
}
