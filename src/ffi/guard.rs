//! The boundary: what Rust code ends in becomes a status and an error; panics stop here.

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

/// Runs `body` and stores its error, if any and if the caller wants it, in `*error_out`.
///
/// # Safety
/// `error_out` is NULL or may be written to.
pub(super) unsafe fn guard(
    error_out: *mut *mut tfr_error,
    body: impl FnOnce() -> Result<()>,
) -> tfr_status {
    if !pointer::is_aligned(error_out) {
        return tfr_status::TFR_ERR_INVALID_ARGUMENT;
    }
    let _whole = NoCancellation::begin();
    silence_guarded_panics();
    let ended = {
        let _guarded = Guarded::set(true);
        // Unwind safety: what a panic may leave half done is dropped, or owned by no one else.
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

/// Runs the caller's own code, whose panics, if it is Rust, are not ours to silence.
pub(super) fn unguarded<T>(code: impl FnOnce() -> T) -> T {
    let _unguarded = Guarded::set(false);
    code()
}

/// Sets [`GUARDED`] while it lives.
struct Guarded {
    before: bool,
}

impl Guarded {
    fn set(now: bool) -> Guarded {
        Guarded { before: GUARDED.with(|guarded| guarded.replace(now)) }
    }
}

impl Drop for Guarded {
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

/// Keeps the panics that [`guard`] catches from being printed to the host's stderr. All others
/// reach the hook that was there before.
fn silence_guarded_panics() {
    // No Once: a process that is forked while another thread is in it would wait for ever.
    static SILENCED: AtomicBool = AtomicBool::new(false);
    // While the host unwinds, the hook may not be changed.
    if SILENCED.load(Relaxed) || thread::panicking() || SILENCED.swap(true, Relaxed) {
        return;
    }
    let previous = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        // The threads that work for a guarded call panic in it, when it waits for them.
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

    /// Runs this very test in a process of its own, to see what it prints.
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
