//! The files that are copied: whether their records can be checked, and whether they change.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::error::{Error, ErrorKind, Result};
use crate::frame::at::header_at;
use crate::open::open;
use crate::shards::Shards;

/// What the old shards are when the copy begins.
pub(super) struct Sources<'a> {
    shards: &'a Shards,
    states: Vec<State>,
    /// Whether the first header of each has a valid CRC. The records of the others may be
    /// unchecked.
    is_checked: Vec<bool>,
}

/// The device, the inode, the size and the time of the last change of a file.
#[derive(Clone, Copy, PartialEq, Eq)]
struct State((u64, u64, u64, i64, i64));

impl State {
    fn of(path: &Path) -> Result<State> {
        let file = fs::metadata(path).map_err(|error| Error::io("open", error).of(path))?;
        Ok(State((file.dev(), file.ino(), file.len(), file.mtime(), file.mtime_nsec())))
    }
}

impl Sources<'_> {
    pub fn of(shards: &Shards) -> Result<Sources<'_>> {
        let (mut states, mut is_checked) = (Vec::new(), Vec::new());
        for shard in shards {
            let path = &shard.path;
            states.push(State::of(path)?);
            let header = open(path).and_then(|data| header_at(&data, 0));
            let header = header.map_err(|error| error.of(path))?;
            is_checked.push(header.map_or(true, |header| header.crc_holds()));
        }
        Ok(Sources { shards, states, is_checked })
    }

    pub fn len(&self) -> usize {
        self.states.len()
    }

    pub fn path(&self, shard: usize) -> &Path {
        &self.shards[shard].path
    }

    /// Whether each record of the shard has valid checksums, or cannot be read. The others may
    /// have been written without.
    pub fn is_checked(&self, shard: usize) -> bool {
        self.is_checked[shard]
    }

    pub fn are_all_checked(&self) -> bool {
        !self.is_checked.contains(&false)
    }

    /// Fails if a file is not what it was.
    pub fn ensure_unchanged(&self) -> Result<()> {
        for (shard, state) in self.shards.iter().zip(&self.states) {
            if State::of(&shard.path)? != *state {
                let detail = "the file was changed while it was copied; try again";
                return Err(Error::new(ErrorKind::Mismatch, detail).of(&shard.path));
            }
        }
        Ok(())
    }
}
