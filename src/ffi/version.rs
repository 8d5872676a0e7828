//! Versions: of the ABI and of the library.

use libc::c_char;

/// The ABI version of this header. It changes only when programs must be compiled again; the
/// shared library's name, libtfr_index.so.1, carries it too.
pub const TFR_ABI_VERSION: u32 = 1;

/// What tfr_error_record() and its like return when there is no such number, and tfr_index_update()
/// when it left the index as it is.
// Not `u64::MAX`: cbindgen would write UINT64_MAX, which cffi cannot read.
pub const TFR_UNKNOWN: u64 = 0xffff_ffff_ffff_ffff;

/// The ABI version of the library. Programs that load it at run time compare it with the
/// TFR_ABI_VERSION that they were compiled with.
///
/// Threads: any.
#[no_mangle]
pub extern "C" fn tfr_abi_version() -> u32 {
    TFR_ABI_VERSION
}

/// The version of the library, such as "0.1.0".
///
/// Ownership: static; never freed.
///
/// Threads: any.
#[no_mangle]
pub extern "C" fn tfr_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}
