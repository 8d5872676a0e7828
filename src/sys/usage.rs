//! What a thread has used.

use std::time::Duration;

/// What the calling thread has used since it began.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ThreadUsage {
    /// Time on a processor.
    pub processor: Duration,
    /// How often it waited for something else than a processor.
    pub waits: u64,
}

/// `None` if the system does not count it for each thread.
#[cfg(target_os = "linux")]
pub(crate) fn thread_usage() -> Option<ThreadUsage> {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: there is room for the result.
    if unsafe { libc::getrusage(libc::RUSAGE_THREAD, usage.as_mut_ptr()) } != 0 {
        return None;
    }
    // SAFETY: it is a struct of numbers, all initialised.
    let usage = unsafe { usage.assume_init() };
    let time = |time: libc::timeval| {
        Duration::from_secs(u64::try_from(time.tv_sec).unwrap_or(0))
            + Duration::from_micros(u64::try_from(time.tv_usec).unwrap_or(0))
    };
    let waits = u64::try_from(usage.ru_nvcsw).unwrap_or(0);
    Some(ThreadUsage { processor: time(usage.ru_utime) + time(usage.ru_stime), waits })
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn thread_usage() -> Option<ThreadUsage> {
    None
}
