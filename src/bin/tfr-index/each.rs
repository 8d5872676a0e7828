//! Work on many files: one that fails does not keep the others from being done.

use std::process::ExitCode;

use crate::shared::progress;
use crate::shared::stdio::fail;

/// Does all of the work; says what failed. That counts more than what was not whole.
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
