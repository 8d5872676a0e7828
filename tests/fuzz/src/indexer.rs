//! Bytes pushed piece by piece, under each policy, compared with the naive walk of all bytes.

use tfr_index::{Checksums, ErrorKind, Indexer, Options};

use super::file::file_of;
use super::oracle::{fault, walk, Outcome, POLICIES};

/// The first byte says how large the pieces are.
pub fn run(input: &[u8]) {
    let Some((&size, plan)) = input.split_first() else { return };
    for data in [plan.to_vec(), file_of(plan, 1)] {
        for checksums in POLICIES {
            let (found, mut expected) =
                (pushed(&data, size.into(), checksums), walk(&data, checksums));
            // Without knowing the end, the first header's length cannot be seen to be too large.
            let insists = matches!(checksums, Checksums::Length | Checksums::Full);
            if let (Err((ErrorKind::LengthCrc, Some(0), _)), true) = (&found, insists) {
                if let Err((kind @ ErrorKind::NotTfRecord, ..)) = &mut expected {
                    *kind = ErrorKind::LengthCrc;
                }
            }
            assert_eq!(found, expected, "{checksums:?}");
        }
    }
}

fn pushed(data: &[u8], size: usize, checksums: Checksums) -> Outcome {
    let mut indexer = Indexer::new(&Options::new().checksums(checksums)).unwrap();
    let (mut entries, mut rest) = (Vec::new(), data);
    for number in 0.. {
        if rest.is_empty() {
            break;
        }
        // Some pieces are empty, and none holds all of the data.
        let count = (size * number + number / 2) % 300;
        let (mut piece, behind) = rest.split_at(count.min(rest.len()));
        rest = behind;
        loop {
            match indexer.push(&mut piece) {
                Ok(Some(entry)) => entries.push(entry),
                Ok(None) => break,
                Err(error) => {
                    let again = indexer.push(&mut &b"more"[..]).unwrap_err();
                    assert_eq!(fault(&again), fault(&error));
                    assert_eq!(fault(&indexer.finish().unwrap_err()), fault(&error));
                    return Err(fault(&error));
                }
            }
        }
        assert!(piece.is_empty());
    }
    indexer.finish().map(|()| entries).map_err(|error| fault(&error))
}
