//! Checks the headers at some entries, to see whether an index belongs to this data.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::frames::{is_half_right, other_file, Frames, Watch};
use super::layout::Layout;
use crate::error::{Error, ErrorKind, Result};
use crate::frame::at::valid_frame_at;
use crate::index::Entries;
use crate::source::{ReadAt, Window};
use crate::threads::{self, Crew, Waits};

/// The number of headers read: the first, the last and some between them.
const SAMPLES: usize = 66;

/// The first headers are read one after the other. If each of them takes longer than this, the others
/// are read at the same time.
const FIRST: usize = 3;
const SLOW: Duration = Duration::from_micros(200);

/// The result for an index that belongs to this data.
pub(super) struct Samples {
    /// Whether at least one header is valid.
    pub confirmed: bool,
    /// Damage of the data at an entry.
    pub damage: Option<Error>,
}

impl<S: ReadAt + Sync> Frames<'_, S> {
    /// Checks the headers at some of the entries whose header is inside the data. Reads several at
    /// the same time if storage is slow, unless `threads` is 1.
    ///
    /// If the header at an entry is not valid, the data is damaged, or the index belongs to another
    /// file. It is damage if the chain of headers from the previous entry with a valid header ends
    /// there. In another version of the file, that chain continues to a record that is not the
    /// entry's.
    pub fn sample(
        &self,
        layout: &Layout<'_, impl Entries>,
        threads: usize,
        watch: Watch<'_>,
    ) -> Result<Samples> {
        let count = layout.count_before(|entry| entry.payload().start <= self.size)?;
        self.source.advise_sparse(true);
        let mut window = Window::of_samples(self.source, self.size);
        let mut good = None; // the last position with a valid header
        let mut bad: Option<(usize, Option<usize>, Error)> = None;
        let (begun, waits) = (Instant::now(), Waits::begin(threads != 1));
        let mut early = Vec::new();
        for (number, position) in samples(count).enumerate() {
            // A machine that is merely busy is slow, too.
            let is_slow = || match self.source.cost() {
                Some(_) => !window.is_whole(),
                None => begun.elapsed() > SLOW * FIRST as u32 && waits.are_more(),
            };
            if number == FIRST && threads != 1 && is_slow() {
                early = self.check_at_once(layout, samples(count).skip(FIRST).collect());
            }
            let checked = match early.get_mut(number.wrapping_sub(FIRST)).and_then(Option::take) {
                Some(checked) => watch(layout.get(position)?.1.size, 1).and(checked),
                None => self.check_position(&mut window, layout, position, watch),
            };
            match damage(checked)? {
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

    /// Checks the headers at these positions, all at the same time. `None` for those that no thread
    /// has checked.
    fn check_at_once(
        &self,
        layout: &Layout<'_, impl Entries>,
        positions: Vec<usize>,
    ) -> Vec<Option<Result<()>>> {
        let checked: Vec<_> = positions.iter().map(|_| Mutex::new(None)).collect();
        let next = AtomicUsize::new(0);
        let work = || {
            let mut window = Window::of_samples(self.source, self.size);
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let Some(&position) = positions.get(number) else { return };
                let result = self.check_position(&mut window, layout, position, &mut |_, _| Ok(()));
                *checked[number].lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
            }
        };
        let most = self.source.cost().map_or(threads::WAITING, |cost| cost.at_once);
        thread::scope(|scope| {
            let mut crew = Crew::new(scope);
            while crew.len() < positions.len().min(most) && crew.start(work) {}
        });
        let take = |one: Mutex<_>| one.into_inner().unwrap_or_else(PoisonError::into_inner);
        checked.into_iter().map(take).collect()
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
