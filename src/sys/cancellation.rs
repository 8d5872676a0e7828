//! `pthread_cancel`, which the `libc` crate lacks.

use std::marker::PhantomData;

use libc::c_int;

/// Delays the cancellation (`pthread_cancel`) of its thread until it is dropped. The system cancels
/// a thread by unwinding its stack, which aborts the process if there are Rust frames on it.
pub(crate) struct NoCancellation {
    before: c_int,
    of_this_thread: PhantomData<*const ()>,
}

impl NoCancellation {
    pub fn begin() -> NoCancellation {
        NoCancellation { before: set_state(DISABLE), of_this_thread: PhantomData }
    }
}

impl Drop for NoCancellation {
    fn drop(&mut self) {
        set_state(self.before);
    }
}

const DISABLE: c_int = if cfg!(target_vendor = "apple") { 0 } else { 1 };

/// Returns the state before.
#[cfg(not(target_os = "android"))]
fn set_state(state: c_int) -> c_int {
    extern "C" {
        fn pthread_setcancelstate(state: c_int, before: *mut c_int) -> c_int;
    }
    let mut before = 0;
    // SAFETY: the function may be called on any thread, with one of the system's states; it writes
    // one number.
    unsafe { pthread_setcancelstate(state, &mut before) };
    before
}

/// Android cancels no threads.
#[cfg(target_os = "android")]
fn set_state(state: c_int) -> c_int {
    state
}
