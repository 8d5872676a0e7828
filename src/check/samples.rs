//! Checks the headers at some entries, to see whether an index belongs to this data.

use super::frames::{is_half_right, other_file, Frames, Watch};
use super::layout::Layout;
use crate::error::{Error, ErrorKind, Result};
use crate::frame::at::valid_frame_at;
use crate::index::Entries;
use crate::source::{ReadAt, Window};

/// The number of headers read: the first, the last and some between them.
const SAMPLES: usize = 66;

/// The result for an index that belongs to this data.
pub(super) struct Samples {
    /// Whether at least one header is valid.
    pub confirmed: bool,
    /// Damage of the data at an entry.
    pub damage: Option<Error>,
}

impl<S: ReadAt> Frames<'_, S> {
    /// Checks the headers at some of the entries whose header is inside the data.
    ///
    /// If the header at an entry is not valid, the data is damaged, or the index belongs to another
    /// file. It is damage if the chain of headers from the previous entry with a valid header ends
    /// there. In another version of the file, that chain continues to a record that is not the
    /// entry's.
    pub fn sample(&self, layout: &Layout<'_, impl Entries>, watch: Watch<'_>) -> Result<Samples> {
        let count = layout.count_before(|entry| entry.payload().start <= self.size)?;
        self.source.advise_sparse(true);
        let mut window = Window::new(self.size);
        let mut good = None; // the last position with a valid header
        let mut bad: Option<(usize, Option<usize>, Error)> = None;
        for position in samples(count) {
            match damage(self.check_position(&mut window, layout, position, watch))? {
                None => good = Some(position),
                Some(error) if bad.is_none() => bad = Some((position, good, error)),
                Some(_) => {}
            }
        }
        let confirmed = good.is_some();
        let Some((mut position, before, mut error)) = bad else {
            return Ok(Samples { confirmed, damage: None });
        };
        if let Some(mut before) = before {
            while position - before > 1 {
                let middle = before + (position - before) / 2;
                match damage(self.check_position(&mut window, layout, middle, &mut |_, _| Ok(())))?
                {
                    None => before = middle,
                    Some(nearer) => (position, error) = (middle, nearer),
                }
            }
        } else if !confirmed {
            let (record, entry) = layout.get(position)?;
            if !is_half_right(&error, entry) {
                return Err(other_file(record, entry, "none, and none at any other sampled entry"));
            }
        }
        self.ensure_damage(layout, position)?;
        Ok(Samples { confirmed, damage: Some(error) })
    }

    /// Fails if the data has another record where the bad entry starts. The header of the previous
    /// entry, if there is one, must be valid.
    pub fn ensure_damage(&self, layout: &Layout<'_, impl Entries>, position: usize) -> Result<()> {
        let (record, entry) = layout.get(position)?;
        let before = position.checked_sub(1).map(|before| layout.get(before)).transpose()?;
        let mut at = before.map_or(0, |(_, before)| before.end());
        while at < entry.offset {
            match valid_frame_at(self.source, at, self.size)? {
                Some(size) => at += size,
                None => return Ok(()),
            }
        }
        match at > entry.offset {
            true => Err(other_file(record, entry, "none")),
            false => Ok(()),
        }
    }
}

/// Separates damage that a check found from other errors.
pub(super) fn damage(checked: Result<()>) -> Result<Option<Error>> {
    match checked {
        Ok(()) => Ok(None),
        Err(error) => match error.kind() {
            ErrorKind::Length | ErrorKind::LengthCrc | ErrorKind::PayloadCrc => Ok(Some(error)),
            _ => Err(error),
        },
    }
}

/// The first of `count` positions, the last, and some between them.
fn samples(count: usize) -> impl Iterator<Item = usize> {
    let samples = count.min(SAMPLES);
    let (last, steps) = (count.saturating_sub(1) as u128, samples.saturating_sub(1).max(1) as u128);
    (0..samples).map(move |sample| (sample as u128 * last / steps) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_spread_from_the_first_to_the_last() {
        for count in (0..300).chain([1 << 20, usize::MAX]) {
            let positions: Vec<usize> = samples(count).collect();
            assert_eq!(positions.len(), count.min(SAMPLES));
            assert!(positions.windows(2).all(|pair| pair[0] < pair[1]));
            assert_eq!(positions.first().copied(), (count > 0).then_some(0));
            assert_eq!(positions.last().copied(), count.checked_sub(1));
        }
    }
}
