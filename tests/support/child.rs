//! Child processes of the tests.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Enough for every file that a child writes, and too little to fill a disk.
const FILE_SIZE: libc::rlim_t = 1 << 30;

/// Starts the child with the default action for every signal, and limits the size of its files.
/// `nohup`, `&` in a script and most CI agents ignore signals, and children inherit that: one that
/// waits for SIGINT would then wait forever.
pub fn with_defaults(command: &mut Command) -> &mut Command {
    let set = || {
        for signal in 1..32 {
            // SAFETY: this is async-signal-safe. It fails for SIGKILL and SIGSTOP, which cannot be
            // ignored.
            unsafe { libc::signal(signal, libc::SIG_DFL) };
        }
        let limit = libc::rlimit { rlim_cur: FILE_SIZE, rlim_max: libc::RLIM_INFINITY };
        // SAFETY: this is a system call that reads `limit`. It fails where the limit is lower.
        unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &limit) };
        io::Result::Ok(())
    };
    // SAFETY: `set` makes async-signal-safe calls only, and allocates nothing.
    unsafe { command.pre_exec(set) }
}
