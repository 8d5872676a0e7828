//! Advice to the system, or to the processor, about future accesses. It affects speed only.

use std::fs::File;
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;

/// Tells the system whether future reads of the open file are small and far apart; then it does not
/// read ahead. Without this, the first sequential reads in each segment of 110 KB records make the
/// system read ahead ten times as much as requested.
pub(crate) fn advise_sparse(file: &File, sparse: bool) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        let advice = if sparse { libc::POSIX_FADV_RANDOM } else { libc::POSIX_FADV_NORMAL };
        // SAFETY: the descriptor is open, no memory is passed.
        unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, advice) };
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = (file, sparse);
}

/// Tells the system that all of the memory will be written, so that it provides all pages in one
/// call. Page faults one by one take a seventh of the time in which 10 M entries are read.
pub(crate) fn advise_filling<T>(memory: &mut [MaybeUninit<T>]) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        const PAGE: usize = 4096; // on systems with larger pages the call may fail
        let range = memory.as_mut_ptr_range();
        // Only pages that belong entirely to this memory.
        let start = (range.start as usize).saturating_add(PAGE - 1) & !(PAGE - 1);
        let end = range.end as usize & !(PAGE - 1);
        if start < end {
            // SAFETY: these pages belong to the slice, and the call does not change their contents.
            unsafe { libc::madvise(start as *mut _, end - start, libc::MADV_POPULATE_WRITE) };
        }
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = memory;
}

/// Tells the processor that the bytes will be read soon.
#[inline]
pub(crate) fn prefetch(bytes: &[u8]) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_mm_prefetch, _MM_HINT_T0};

        const LINE: usize = 64;
        for line in bytes.chunks(LINE) {
            // SAFETY: all processors have the instruction, and it reads nothing for the program.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = bytes;
}
