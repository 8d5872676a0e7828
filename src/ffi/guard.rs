//! The boundary: what Rust code ends in becomes a status and an error; panics stop here.

use std::any::Any;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use super::error::tfr_error;
use super::status::tfr_status;
use crate::error::{Error, ErrorKind, Result};

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
    silence_guarded_panics();
    let outer = GUARDED.with(|guarded| guarded.replace(true));
    // Unwind safety: what a panic may leave half done is dropped here, or owned by no one else.
    let ended = panic::catch_unwind(AssertUnwindSafe(body));
    GUARDED.with(|guarded| guarded.set(outer));
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
    static ONCE: Once = Once::new();
    if std::thread::panicking() {
        return; // called while the host unwinds: the hook may not be changed now
    }
    ONCE.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !GUARDED.with(Cell::get) {
                previous(info);
            }
        }));
    });
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

    #[test]
    fn success_clears_the_error() {
        let mut error = std::ptr::NonNull::dangling().as_ptr();
        // SAFETY: `error` may be written to.
        let status = unsafe { guard(&mut error, || Ok(())) };
        assert_eq!(status, tfr_status::TFR_OK);
        assert!(error.is_null());
    }
}
