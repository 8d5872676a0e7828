//! When to print a line of progress, where there is no terminal for a bar: every ten seconds.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The time between two lines.
const BETWEEN: Duration = Duration::from_secs(10);

pub struct Lines {
    begun: Instant,
    /// The time of the next line, since the work has begun.
    next: Mutex<Duration>,
}

impl Lines {
    pub fn begin() -> Lines {
        Lines { begun: Instant::now(), next: Mutex::new(BETWEEN) }
    }

    /// How long the work has taken, if a line is due.
    pub fn due(&self) -> Option<Duration> {
        let time = self.begun.elapsed();
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        (time >= *next).then(|| {
            *next = time + BETWEEN;
            time
        })
    }
}

/// What was done in a second.
pub fn per_second(done: u64, time: Duration) -> u64 {
    (done as f64 / time.as_secs_f64().max(1e-9)) as u64
}
