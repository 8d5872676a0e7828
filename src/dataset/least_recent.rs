//! Which files were used least recently.

use std::collections::VecDeque;

/// Files by the time of their last use. An entry counts only while its file is unused and that use
/// is still its last one; those that do not are passed over, and removed when they are many. So to
/// note a use costs next to nothing: it happens twice for each file of each batch, while a lock is held.
#[derive(Default)]
pub(super) struct LeastRecent(VecDeque<(u64, usize)>);

impl LeastRecent {
    /// Notes a use, later than all others. `counts` says whether the entry of a time and a file
    /// does.
    pub fn push(&mut self, time: u64, file: usize, counts: impl Fn(u64, usize) -> bool) {
        let queue = &mut self.0;
        if queue.len() == queue.capacity() {
            queue.retain(|&(time, file)| counts(time, file));
            queue.reserve(queue.len() + 1); // the next removal is as many uses away
        }
        queue.push_back((time, file));
    }

    /// Removes the file whose last use was first.
    pub fn pop(&mut self, counts: impl Fn(u64, usize) -> bool) -> Option<usize> {
        while let Some((time, file)) = self.0.pop_front() {
            if counts(time, file) {
                return Some(file);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_come_in_the_order_of_their_last_uses() {
        let mut last = [0_u64; 10];
        let mut recent = LeastRecent::default();
        for time in 1..=10_000 {
            // Files 7 to 9 are not used after time 100.
            let file = (time * time) as usize % if time < 100 { 10 } else { 7 };
            last[file] = time;
            recent.push(time, file, |time, file| last[file] == time);
        }
        assert!(recent.0.len() < 100, "{}", recent.0.len());
        let mut right: Vec<_> = (0..10).filter(|&file| last[file] > 0).collect();
        right.sort_by_key(|&file| last[file]);
        let found = std::iter::from_fn(|| recent.pop(|time, file| last[file] == time));
        assert_eq!(found.collect::<Vec<_>>(), right);
    }
}
