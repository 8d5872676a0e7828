//! Versions of the ABI and of the library.

use libc::c_char;

/// The ABI version of this header. It changes only when programs must be recompiled. It is also
/// part of the shared library's name, libtfr_index.so.1.
pub const TFR_ABI_VERSION: u32 = 1;

/// The value of tfr_error_record() and similar functions when there is no such number, and of
/// tfr_index_update() when it left the index unchanged.
// Not `u64::MAX`: cbindgen would write UINT64_MAX, which cffi cannot read.
pub const TFR_UNKNOWN: u64 = 0xffff_ffff_ffff_ffff;

/// Returns the ABI version of the library. A program that loads the library at run time compares
/// this with the TFR_ABI_VERSION that it was compiled with.
///
/// Threads: safe on any thread.
#[no_mangle]
pub extern "C" fn tfr_abi_version() -> u32 {
    TFR_ABI_VERSION
}

/// Returns the version of the library, such as "0.1.0".
///
/// Ownership: static. Never free it.
///
/// Threads: safe on any thread.
#[no_mangle]
pub extern "C" fn tfr_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}
