//! Whether work waits for storage.

use std::time::{Duration, Instant};

use crate::sys::{thread_usage, ThreadUsage};

/// How often each file must make its thread wait: a lock of a directory does it once or twice.
const WAITS: u64 = 4;
/// How much longer than it works.
const TIMES: u32 = 4;
/// A file that takes less time does not wait, or gains nothing from more threads.
const QUICK: Duration = Duration::from_millis(1);

/// Measures the time that the calling thread waits.
pub(super) struct Waits {
    /// When a file was begun.
    begun: Instant,
    /// The last measurement, and the files since.
    measured: Instant,
    usage: Option<ThreadUsage>,
    files: u64,
}

impl Waits {
    pub fn new() -> Waits {
        let now = Instant::now();
        Waits { begun: now, measured: now, usage: thread_usage(), files: 0 }
    }

    pub fn begin(&mut self) {
        self.begun = Instant::now();
    }

    /// Whether work on the last files mostly waited for storage, and not for a processor.
    pub fn end(&mut self) -> bool {
        self.files += 1;
        if self.begun.elapsed() < QUICK {
            return false; // measuring would take a part of that time
        }
        let (now, usage) = (Instant::now(), thread_usage());
        let is_waiting = match (self.usage, usage) {
            (Some(before), Some(after)) => is_waiting(
                now - self.measured,
                after.processor.saturating_sub(before.processor),
                (after.waits - before.waits) / self.files,
            ),
            _ => false,
        };
        (self.measured, self.usage, self.files) = (now, usage, 0);
        is_waiting
    }
}

fn is_waiting(time: Duration, processor: Duration, waits_per_file: u64) -> bool {
    waits_per_file >= WAITS && time > processor * TIMES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_for_a_processor_does_not_wait_for_storage() {
        let ms = Duration::from_millis;
        assert!(is_waiting(ms(30), ms(1), 25));
        assert!(!is_waiting(ms(30), ms(1), 1)); // for another process
        assert!(!is_waiting(ms(30), ms(10), 25));
        assert!(!is_waiting(ms(0), ms(0), 0));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn waiting_is_measured() {
        let mut waits = Waits::new();
        waits.begin();
        assert!(!waits.end());
        waits.begin();
        (0..10).for_each(|_| std::thread::sleep(Duration::from_millis(3)));
        assert!(waits.end());
    }
}
