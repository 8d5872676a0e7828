//! `tfr_owner`: handles for code that can be interrupted anywhere.

use libc::c_void;

use super::pointer;

/// A handle and the function that frees it. For code that an exception can interrupt between any
/// two steps, such as Python's: it makes an owner of NULL, has its garbage collector call
/// tfr_owner_free(), and then calls the function that makes the handle, with the owner's address as
/// the output. So the handle is owned before the code goes on.
#[repr(C)]
pub struct tfr_owner {
    /// NULL, or an output of a function of this library, such as a tfr_reader. It comes first: its
    /// address is the owner's.
    pub handle: *mut c_void,
    /// What frees such a handle, such as tfr_reader_free(). It may be NULL.
    pub free: Option<unsafe extern "C" fn(handle: *mut c_void)>,
}

/// Frees the handle of an owner, if there is one, and sets it to NULL. The owner's memory stays the
/// caller's. NULL is allowed.
///
/// Threads: no other may use the owner meanwhile.
///
/// # Safety
/// - `owner`: optional; an owner whose handle is NULL or one that `free` frees and that is not used
///   again.
#[no_mangle]
pub unsafe extern "C" fn tfr_owner_free(owner: *mut tfr_owner) {
    // SAFETY: the caller's.
    let Ok(owner) = (unsafe { pointer::borrow_mut(owner, "owner") }) else { return };
    let handle = std::mem::replace(&mut owner.handle, std::ptr::null_mut());
    if let (Some(free), false) = (owner.free, handle.is_null()) {
        // SAFETY: not NULL; the rest is the caller's.
        unsafe { free(handle) };
    }
}
