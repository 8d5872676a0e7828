//! The boundary: turns the result of Rust code into a status and an error, and stops panics.

use std::any::Any;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

use super::error::tfr_error;
use super::pointer;
use super::status::tfr_status;
use crate::error::{Error, ErrorKind, Result};
use crate::sys::NoCancellation;
use crate::threads;

thread_local! {
    /// Whether this thread is inside [`guard`].
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Runs `body`. If it fails and the caller wants the error, stores it in `*error_out`.
///
/// # Safety
///
/// `error_out` is NULL or may be written to.
pub(super) unsafe fn guard(
    error_out: *mut *mut tfr_error,
    body: impl FnOnce() -> Result<()>,
) -> tfr_status {
    if !pointer::is_aligned(error_out) {
        return tfr_status::TFR_ERR_INVALID_ARGUMENT;
    }
    let _uncancelled = NoCancellation::begin();
    silence_guarded_panics();
    let ended = {
        let _guarded = GuardScope::set(true);
        // Unwind safety: state that a panic may leave half-done is dropped, or has no other owner.
        panic::catch_unwind(AssertUnwindSafe(body))
    };
    let result = ended.unwrap_or_else(|panic| Err(from_panic(&*panic)));
    let (status, error) = match result {
        Ok(()) => (tfr_status::TFR_OK, std::ptr::null_mut()),
        Err(error) if error_out.is_null() => (error.kind().into(), std::ptr::null_mut()),
        Err(error) => (error.kind().into(), tfr_error::new(error)),
    };
    if !error_out.is_null() {
        // SAFETY: not NULL, so the caller lets us write to it.
        unsafe { *error_out = error };
    }
    status
}

/// Runs the caller's own code. If that is Rust, its panics are not ours to silence.
pub(super) fn unguarded<T>(code: impl FnOnce() -> T) -> T {
    let _unguarded = GuardScope::set(false);
    code()
}

/// Sets [`GUARDED`] while it lives.
struct GuardScope {
    before: bool,
}

impl GuardScope {
    fn set(now: bool) -> GuardScope {
        GuardScope { before: GUARDED.with(|guarded| guarded.replace(now)) }
    }
}

impl Drop for GuardScope {
    fn drop(&mut self) {
        GUARDED.with(|guarded| guarded.set(self.before));
    }
}

fn from_panic(panic: &(dyn Any + Send)) -> Error {
    let message = match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(message), _) => message,
        (_, Some(message)) => message.as_str(),
        _ => "panic",
    };
    Error::new(ErrorKind::Panic, format!("a bug in tfr-index, please report it: {message}"))
}

/// Keeps panics that [`guard`] catches from being printed to the host's stderr. All other panics
/// reach the previous hook.
fn silence_guarded_panics() {
    // Not a Once: if the process forks while another thread is in it, the child would hang.
    static SILENCED: AtomicBool = AtomicBool::new(false);
    // set_hook() panics on a thread that is panicking.
    if SILENCED.load(Relaxed) || thread::panicking() || SILENCED.swap(true, Relaxed) {
        return;
    }
    let previous = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        // A worker thread's panic continues in the guarded call that waits for the thread.
        let ours = GUARDED.with(Cell::get) || thread::current().name() == Some(threads::NAME);
        if !ours {
            previous(info);
        }
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error() {
        let mut error = std::ptr::null_mut();
        // SAFETY: `error` may be written to.
        let status = unsafe { guard(&mut error, || panic!("planted {}", 1)) };
        assert_eq!(status, tfr_status::TFR_ERR_PANIC);
        // SAFETY: `guard` made it, and it is not used again.
        let error = unsafe { Box::from_raw(error) };
        assert!(error.error.to_string().ends_with("planted 1"), "{}", error.error);
        // SAFETY: NULL is allowed.
        let status = unsafe { guard(std::ptr::null_mut(), || panic!("planted")) };
        assert_eq!(status, tfr_status::TFR_ERR_PANIC);
    }

    /// Runs this same test in another process, to see what it prints.
    #[test]
    fn only_guarded_panics_are_silent() {
        if std::env::var_os("TFR_TEST_PANICS").is_some() {
            // SAFETY: NULL is allowed.
            let status = unsafe {
                guard(std::ptr::null_mut(), || {
                    let _ = panic::catch_unwind(|| unguarded(|| panic!("in the callback")));
                    panic!("in the library")
                })
            };
            assert_eq!(status, tfr_status::TFR_ERR_PANIC);
            panic!("in the host");
        }
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "--nocapture", "ffi::guard::tests::only_guarded_panics_are_silent"]);
        let output = child.env("TFR_TEST_PANICS", "1").output().unwrap();
        let printed = String::from_utf8_lossy(&output.stderr);
        assert!(printed.contains("in the host"), "{printed}");
        assert!(printed.contains("in the callback"), "{printed}");
        assert!(!printed.contains("in the library"), "{printed}");
    }

    #[test]
    fn success_clears_the_error() {
        let mut error = std::ptr::NonNull::dangling().as_ptr();
        // SAFETY: `error` may be written to.
        let status = unsafe { guard(&mut error, || Ok(())) };
        assert_eq!(status, tfr_status::TFR_OK);
        assert!(error.is_null());
    }
}
