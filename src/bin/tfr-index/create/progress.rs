//! Progress of work on many files: a bar on a terminal, elsewhere a line every ten seconds.

use std::path::Path;
use std::time::{Duration, Instant};

use indicatif::{DecimalBytes, HumanDuration, ProgressBar};
use tfr_index::CreateProgress;

use crate::lines::{per_second, Lines};
use crate::shared::progress;
use crate::shared::stdio::{self, note};

/// To guess the size of all files, that many are enough: elsewhere each costs a request.
const SAMPLES: usize = 256;

pub struct SetProgress {
    begun: Instant,
    kind: Kind,
}

enum Kind {
    /// The bar, and the mean size of a file.
    Bar(ProgressBar, u64),
    Lines(Lines),
    Nothing,
}

impl SetProgress {
    /// Starts the work. Shows nothing with --quiet.
    pub fn begin(files: &[&Path]) -> SetProgress {
        let kind = match stdio::is_quiet() {
            true => Kind::Nothing,
            false if !progress::is_on_terminal() => Kind::Lines(Lines::begin()),
            false => {
                let some = files.iter().step_by((files.len() / SAMPLES).max(1));
                let size = |file: &&Path| file.metadata().map_or(0, |metadata| metadata.len());
                let sizes: Vec<u64> = some.map(size).collect();
                let mean = sizes.iter().sum::<u64>() / sizes.len().max(1) as u64;
                Kind::Bar(progress::start(sizes), mean)
            }
        };
        SetProgress { begun: Instant::now(), kind }
    }

    pub fn nothing() -> SetProgress {
        SetProgress { begun: Instant::now(), kind: Kind::Nothing }
    }

    pub fn show(&self, at: CreateProgress) {
        match &self.kind {
            Kind::Nothing => {}
            Kind::Bar(bar, mean) => {
                let total = mean * (at.files_total - at.files_up_to_date) as u64;
                bar.set_length(total.max(at.bytes_done));
                progress::show_if_due(bar, self.begun);
                bar.set_position(at.bytes_done);
                if at.files_total > 1 {
                    bar.set_message(format!("{} of {} files", at.files_done, at.files_total));
                }
            }
            Kind::Lines(lines) => {
                if let Some(time) = lines.due() {
                    note(&line(at, time));
                }
            }
        }
    }
}

fn line(at: CreateProgress, time: Duration) -> String {
    let speed = DecimalBytes(per_second(at.bytes_done, time));
    let bytes = DecimalBytes(at.bytes_done);
    let left = match at.files_done {
        0 => String::new(),
        done => {
            let share = (at.files_total - done) as f64 / done as f64;
            format!(", about {:#} left", HumanDuration(time.mul_f64(share)))
        }
    };
    let records = at.records;
    format!(
        "{} of {} files, {records} records, {bytes}, {speed}/s{left}",
        at.files_done, at.files_total
    )
}
