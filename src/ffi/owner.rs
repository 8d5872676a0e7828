//! `tfr_owner`: handles for code that can be interrupted anywhere.

use libc::c_void;

use super::pointer;

/// A handle and the function that frees it. This is for code that an exception can interrupt
/// between any two steps, such as Python code. Such code first makes an owner of NULL and has its
/// garbage collector call tfr_owner_free(). Then it calls the function that makes the handle, with
/// the owner's address as the output. So the handle has an owner from the start.
#[repr(C)]
pub struct tfr_owner {
    /// NULL, or an output of a function of this library, such as a tfr_reader. This is the first
    /// member, so its address is the owner's address.
    pub handle: *mut c_void,
    /// The function that frees the handle, such as tfr_reader_free(). It may be NULL.
    pub free: Option<unsafe extern "C" fn(handle: *mut c_void)>,
}

/// Frees the handle of an owner, if there is one, and sets it to NULL. The caller keeps the memory
/// of the owner itself. NULL does nothing.
///
/// Threads: no other thread may use the owner during the call.
#[no_mangle]
pub unsafe extern "C" fn tfr_owner_free(owner: *mut tfr_owner) {
    // SAFETY: the caller upholds the contract.
    let Ok(owner) = (unsafe { pointer::borrow_mut(owner, "owner") }) else { return };
    let handle = std::mem::replace(&mut owner.handle, std::ptr::null_mut());
    if let (Some(free), false) = (owner.free, handle.is_null()) {
        // SAFETY: not NULL; the caller upholds the rest.
        unsafe { free(handle) };
    }
}
