//! `tfr_source`: data that is read through a function of the caller's, or that is in memory.

use std::io;
use std::sync::Arc;

use libc::c_void;

use super::callback::call_back;
use super::error::tfr_error;
use super::guard::guard;
use super::pointer;
use super::status::tfr_status;
use crate::error::{Error, ErrorKind, Result};
use crate::ReadAt;

/// Reads up to `size` bytes of a source, from byte `offset` of it, into `buffer`: at least 1, and
/// none beyond the source's size. Returns how many it read, which may be fewer, and is 0 only if the
/// data has become shorter. When it fails, it returns an error number of errno.h, negated, such as
/// -EIO. After -EINTR it is called again, up to a thousand times in a row. It must return: no
/// longjmp, no C++ exception.
pub type tfr_read_at_fn = Option<
    unsafe extern "C" fn(context: *mut c_void, offset: u64, buffer: *mut u8, size: usize) -> i64,
>;

/// Frees the context of a source. It must return: no longjmp, no C++ exception.
pub type tfr_free_fn = Option<unsafe extern "C" fn(context: *mut c_void)>;

/// Data of known size that can be read at any position, whatever holds it: an object store, an
/// archive, a cache, memory. It must not change while it is read.
///
/// Threads: a source may be used by many threads at once. Unless tfr_options_set_threads() said 1,
/// its `read_at` is called by many threads at once, some of them the library's own.
pub struct tfr_source(Source);

/// What a `tfr_source` and the readers of it share.
#[derive(Clone)]
pub(super) struct Source(Arc<Data>);

struct Data {
    bytes: Bytes,
    free: tfr_free_fn,
}

enum Bytes {
    Read {
        read_at: unsafe extern "C" fn(*mut c_void, u64, *mut u8, usize) -> i64,
        context: *mut c_void,
        size: u64,
    },
    Memory {
        start: *const u8,
        size: usize,
    },
}

// SAFETY: the caller promises that `read_at` may be called with `context` by any thread, by many at
// once, that memory does not change, and that `free` may be called by any thread; nothing else is
// done with the pointers.
unsafe impl Send for Data {}
// SAFETY: as above.
unsafe impl Sync for Data {}

impl Drop for Data {
    fn drop(&mut self) {
        let context = match self.bytes {
            Bytes::Read { context, .. } => context,
            Bytes::Memory { start, .. } => start.cast_mut().cast(),
        };
        if let Some(free) = self.free {
            // SAFETY: the caller gave this function for this context, of which this is the last use.
            call_back(|| unsafe { free(context) });
        }
    }
}

impl Source {
    /// Gives the caller a new one.
    fn give(bytes: Bytes) -> *mut tfr_source {
        pointer::give(tfr_source(Source(Arc::new(Data { bytes, free: None }))))
    }

    /// What `source` points to, shared.
    ///
    /// # Safety
    /// NULL, or a source that is not yet freed.
    pub unsafe fn share(source: *const tfr_source) -> Result<Source> {
        // SAFETY: the caller's.
        Ok(unsafe { pointer::borrow(source, "source") }?.0.clone())
    }
}

impl ReadAt for Source {
    fn size(&self) -> io::Result<u64> {
        Ok(match self.0.bytes {
            Bytes::Read { size, .. } => size,
            Bytes::Memory { size, .. } => size as u64,
        })
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let Bytes::Read { read_at, context, size } = self.0.bytes else {
            return self.as_bytes().unwrap_or_default().read_at(buffer, offset);
        };
        let rest = usize::try_from(size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let (start, size) = (buffer.as_mut_ptr(), buffer.len().min(rest));
        if size == 0 {
            return Ok(0);
        }
        // SAFETY: the caller gave this context for this function; the buffer has so many bytes.
        let answer = call_back(|| unsafe { read_at(context, offset, start, size) });
        let answer = answer.unwrap_or(-i64::from(libc::ECANCELED));
        let fault = match usize::try_from(answer) {
            Ok(count) if count <= size => return Ok(count),
            Ok(count) => {
                format!("read_at says that it read {count} bytes where {size} were asked for")
            }
            Err(_) => match i32::try_from(answer) {
                Ok(number @ -4095..=-1) => return Err(io::Error::from_raw_os_error(-number)),
                _ => format!("read_at returned {answer}, which is no negated error number"),
            },
        };
        Err(io::Error::new(io::ErrorKind::InvalidData, fault))
    }

    fn as_bytes(&self) -> Option<&[u8]> {
        let Bytes::Memory { start, size } = self.0.bytes else { return None };
        if size == 0 {
            return Some(&[]); // from NULL, maybe
        }
        // SAFETY: the caller gave so many bytes of memory, which do not change while they are read,
        // and stay until the last owner is gone.
        Some(unsafe { std::slice::from_raw_parts(start, size) })
    }
}

/// Makes a source of a function that reads it.
///
/// Inputs: `read_at` is required; `context`, its first argument, may be NULL. `size` is how many
/// bytes of data there are.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT for NULL.
///
/// Ownership: the caller frees *source_out with tfr_source_free(); it is NULL on failure. The context
/// stays the caller's until the source and all readers of it are freed, unless tfr_source_set_free()
/// gives it to the source.
///
/// Threads: any.
///
/// # Safety
/// - `read_at`: required; does what tfr_read_at_fn says while the source or a reader of it is used.
/// - `source_out`: required; `error_out`: optional; both may be written to.
#[no_mangle]
pub unsafe extern "C" fn tfr_source_new(
    read_at: tfr_read_at_fn,
    context: *mut c_void,
    size: u64,
    source_out: *mut *mut tfr_source,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller's.
    let body = || unsafe {
        let store = pointer::handle_out(source_out, "source_out")?;
        let read_at =
            read_at.ok_or_else(|| Error::new(ErrorKind::InvalidArgument, "read_at is NULL"))?;
        store(Source::give(Bytes::Read { read_at, context, size }));
        Ok(())
    };
    // SAFETY: the caller's.
    unsafe { guard(error_out, body) }
}

/// Makes a source of data in memory, which is not copied.
///
/// A mapped file is such memory: small records are read at random fastest from it; but a process
/// that reads what another has cut off from a file that it has mapped ends with SIGBUS.
///
/// Inputs: `data` is optional if `size` is 0.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT for NULL.
///
/// Ownership: the caller frees *source_out with tfr_source_free(); it is NULL on failure. The data is
/// borrowed until the source and all readers of it are freed, unless tfr_source_set_free() gives it
/// to the source.
///
/// Threads: any; none may change the data meanwhile.
///
/// # Safety
/// - `data`: `size` bytes that may be read while the source or a reader of it is used.
/// - `source_out`: required; `error_out`: optional; both may be written to.
#[no_mangle]
pub unsafe extern "C" fn tfr_source_from_memory(
    data: *const u8,
    size: usize,
    source_out: *mut *mut tfr_source,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller's.
    let body = || unsafe {
        let store = pointer::handle_out(source_out, "source_out")?;
        pointer::slice(data, size, "data")?;
        store(Source::give(Bytes::Memory { start: data, size }));
        Ok(())
    };
    // SAFETY: the caller's.
    unsafe { guard(error_out, body) }
}

/// Gives the context of a source, or its memory, to the source: when the source and all readers of it
/// are freed, `free_context` is called with it, such as free() of the C library. NULL, as at first:
/// it stays the caller's.
///
/// Inputs: `free_context` is optional.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT for NULL as `source`, and when a reader has the source already.
///
/// Threads: no other may use the source meanwhile. `free_context` is called on the thread that frees
/// the last of them.
///
/// # Safety
/// - `source`: optional; a source that is not yet freed.
/// - `free_context`: optional; a function that may be called with the context, once.
/// - `error_out`: optional; may be written to.
#[no_mangle]
pub unsafe extern "C" fn tfr_source_set_free(
    source: *mut tfr_source,
    free_context: tfr_free_fn,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    let body = || {
        // SAFETY: the caller's.
        let source = unsafe { pointer::borrow_mut(source, "source") }?;
        let data = Arc::get_mut(&mut source.0 .0).ok_or_else(|| {
            Error::new(ErrorKind::InvalidArgument, "the source is in use by a reader")
        })?;
        data.free = free_context;
        Ok(())
    };
    // SAFETY: the caller's.
    unsafe { guard(error_out, body) }
}

/// Frees a source. Readers of it go on. NULL is allowed.
///
/// # Safety
/// - `source`: optional; a source that is not yet freed and not used again.
#[no_mangle]
pub unsafe extern "C" fn tfr_source_free(source: *mut tfr_source) {
    // SAFETY: the caller's.
    unsafe { pointer::free(source) }
}
