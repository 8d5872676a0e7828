//! What the system is told of what is to come. It changes how fast things go, and nothing else.

#![allow(unsafe_code)]

use std::fs::File;
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;

/// Says whether the reads to come from the file, whoever has it open, are small and far apart: then
/// nothing is read ahead. Segments of records of 110 KB start with reads one after the other, of
/// which the system reads ahead ten times as much as was asked for.
pub(crate) fn advise_sparse(file: &File, hops: bool) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        let advice = if hops { libc::POSIX_FADV_RANDOM } else { libc::POSIX_FADV_NORMAL };
        // SAFETY: the descriptor is open, no memory is handed over.
        unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, advice) };
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = (file, hops);
}

/// Says that all of the memory is about to be written: the system gives its pages at once. One by
/// one, as they are touched, they take a seventh of the time in which 10 M entries are read.
pub(crate) fn advise_filling<T>(memory: &mut [MaybeUninit<T>]) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        const PAGE: usize = 4096; // where they are larger, the call may refuse
        let range = memory.as_mut_ptr_range();
        // Only what is this memory's alone is spoken of.
        let start = (range.start as usize).saturating_add(PAGE - 1) & !(PAGE - 1);
        let end = range.end as usize & !(PAGE - 1);
        if start < end {
            // SAFETY: these pages are the slice's; what they hold, which is nothing yet, stays.
            unsafe { libc::madvise(start as *mut _, end - start, libc::MADV_POPULATE_WRITE) };
        }
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = memory;
}
