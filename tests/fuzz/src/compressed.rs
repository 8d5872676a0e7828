//! Gzip files of any deflate streams, read through a `GzipSource`, compared with what miniz_oxide
//! decompresses in one piece.

use miniz_oxide::inflate::core::inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
use miniz_oxide::inflate::core::{decompress, DecompressorOxide};
use miniz_oxide::inflate::TINFLStatus;
use tfr_index::{ErrorKind, GzipSource, ReadAt};

/// The most bytes of a member that are decompressed.
const MOST: usize = 1 << 20;
const HEADER: &[u8; 10] = b"\x1f\x8b\x08\0\0\0\0\0\0\xff";

/// The first byte says where the second stream starts, in 256ths. Bytes after the end of a stream
/// are left out.
pub fn run(input: &[u8]) {
    let Some((&split, streams)) = input.split_first() else { return };
    let (first, second) = streams.split_at(streams.len() * usize::from(split) / 256);
    let (mut file, mut expected, mut is_whole) = (Vec::new(), Vec::new(), true);
    for stream in [first, second] {
        file.extend(HEADER);
        let (taken, bytes) = match decompressed(stream) {
            Ok(Some(member)) => member,
            Ok(None) => {
                is_whole = false;
                file.extend(stream);
                break;
            }
            Err(TooMuch) => return,
        };
        file.extend(&stream[..taken]);
        file.extend(crc32fast::hash(&bytes).to_le_bytes());
        file.extend((bytes.len() as u32).to_le_bytes());
        expected.extend(bytes);
    }
    let source = GzipSource::new(file).unwrap();
    let size = source.size();
    if !is_whole {
        let error = size.unwrap_err();
        let error: &tfr_index::Error = error.get_ref().unwrap().downcast_ref().unwrap();
        assert!(matches!(error.kind(), ErrorKind::Compressed | ErrorKind::Truncated), "{error}");
        return;
    }
    assert_eq!(size.unwrap(), expected.len() as u64);
    let step = expected.len() / 20 + 1;
    for at in (0..expected.len()).rev().step_by(step).chain((0..expected.len()).step_by(step)) {
        let mut bytes = vec![0; 2 * step];
        let mut count = 0;
        while let more @ 1.. = source.read_at(&mut bytes[count..], (at + count) as u64).unwrap() {
            count += more;
        }
        assert!(bytes[..count] == expected[at..expected.len().min(at + 2 * step)], "at {at}");
    }
}

struct TooMuch;

/// How many bytes a stream has, and what they decompress to; `None` if it is damaged or cut.
fn decompressed(stream: &[u8]) -> Result<Option<(usize, Vec<u8>)>, TooMuch> {
    let (mut decoder, mut bytes) = (Box::<DecompressorOxide>::default(), vec![0; MOST]);
    let flags = TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
    let (status, taken, written) = decompress(&mut decoder, stream, &mut bytes, 0, flags);
    bytes.truncate(written);
    match status {
        TINFLStatus::Done => Ok(Some((taken, bytes))),
        TINFLStatus::HasMoreOutput => Err(TooMuch),
        _ => Ok(None),
    }
}
