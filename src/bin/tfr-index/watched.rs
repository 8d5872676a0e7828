//! Progress of work on a whole data set: a bar on a terminal, elsewhere a line every ten seconds.

use std::ops::ControlFlow;
use std::sync::Once;

use indicatif::DecimalBytes;
use tfr_index::Progress;

use crate::lines::{per_second, Lines};
use crate::shared::interrupts::Interrupts;
use crate::shared::progress;
use crate::shared::stdio;

pub enum Watched {
    /// The bar starts when the size of all files is known.
    Bar(Once),
    Lines(Lines),
    Nothing,
}

impl Watched {
    /// Starts the work. Shows nothing with --quiet, or if the output is for programs.
    pub fn begin(for_programs: bool) -> Watched {
        match () {
            () if for_programs || stdio::is_quiet() => Watched::Nothing,
            () if progress::is_on_terminal() => Watched::Bar(Once::new()),
            () => Watched::Lines(Lines::begin()),
        }
    }

    /// For [`tfr_index::Options::progress`]. Cancels the work if a signal was caught.
    pub fn show(&self, at: Progress, interrupts: &Interrupts) -> ControlFlow<()> {
        if interrupts.caught() {
            return ControlFlow::Break(());
        }
        match self {
            Watched::Bar(begun) if at.bytes_total > 0 => {
                begun.call_once(|| drop(progress::start(vec![at.bytes_total])));
                progress::report(at.bytes_done, at.bytes_total);
            }
            Watched::Lines(lines) => {
                if let Some(time) = lines.due() {
                    let speed = DecimalBytes(per_second(at.bytes_done, time));
                    let [done, total] = [at.bytes_done, at.bytes_total].map(DecimalBytes);
                    let records = records(at.records);
                    stdio::note(&format_args!("{done} of {total}, {records}, {speed}/s"));
                }
            }
            Watched::Bar(_) | Watched::Nothing => {}
        }
        ControlFlow::Continue(())
    }
}

pub fn records(records: u64) -> String {
    if records == 1 {
        "1 record".to_owned()
    } else {
        format!("{records} records")
    }
}
