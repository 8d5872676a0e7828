//! What the system is told of what is to come. It changes how fast things go, and nothing else.

#![allow(unsafe_code)]

use std::fs::File;
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;

/// Says whether the reads to come from the file, whoever has it open, are small and far apart: then
/// nothing is read ahead. Segments of records of 110 KB start with reads one after the other, of
/// which the system reads ahead ten times as much as was asked for.
pub(crate) fn expect_hops(file: &File, hops: bool) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        let advice = if hops { libc::POSIX_FADV_RANDOM } else { libc::POSIX_FADV_NORMAL };
        // SAFETY: the descriptor is open, no memory is handed over.
        unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, advice) };
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = (file, hops);
}

/// Says that all of the memory will be written: it may come in large pages. Of 10 M entries, a
/// quarter of the time that reading them takes is for pages of 4 KiB.
pub(crate) fn expect_filling<T>(memory: &mut [MaybeUninit<T>]) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        const LARGE_PAGE: usize = 2 << 20;
        let range = memory.as_mut_ptr_range();
        // Only what is whole pages of it is spoken of.
        let start = (range.start as usize).saturating_add(LARGE_PAGE - 1) & !(LARGE_PAGE - 1);
        let end = range.end as usize & !(LARGE_PAGE - 1);
        if start < end {
            // SAFETY: these pages are this slice's alone; the advice leaves what they hold alone.
            unsafe { libc::madvise(start as *mut _, end - start, libc::MADV_HUGEPAGE) };
        }
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = memory;
}
