//! Exit statuses: 0 success, 1 at least one file failed, 2 usage error, 3 success, but damaged regions
//! were skipped.

use std::process::ExitCode;

/// The exit status of success that skipped damaged regions.
const SALVAGED: u8 = 3;

/// The exit status of success that skipped `regions` damaged regions.
pub fn done(regions: u64) -> ExitCode {
    ExitCode::from(if regions == 0 { 0 } else { SALVAGED })
}
