//! Work on many files. If one fails, the others are done all the same.

use std::process::ExitCode;

use crate::shared::progress;
use crate::shared::stdio::fail;

/// Does all of the work and prints the errors. An error (1) takes precedence over skipped damage (3).
pub fn for_each<T>(
    items: impl IntoIterator<Item = T>,
    mut work: impl FnMut(T) -> anyhow::Result<ExitCode>,
) -> ExitCode {
    let (mut failed, mut exit) = (false, ExitCode::SUCCESS);
    for item in items {
        let done = work(item);
        progress::file_done();
        match done {
            Ok(code) if code != ExitCode::SUCCESS => exit = code,
            Ok(_) => {}
            Err(error) => {
                fail(&error);
                failed = true;
            }
        }
    }
    progress::end();
    if failed {
        ExitCode::FAILURE
    } else {
        exit
    }
}

pub fn succeed(result: anyhow::Result<()>) -> anyhow::Result<ExitCode> {
    result.map(|()| ExitCode::SUCCESS)
}
