//! `tfr_source`: data that is read through a function of the caller's.

use std::io;

use libc::{c_char, c_void};

use super::callback::call_back;
use super::check::{check_level, fit_out};
use super::error::tfr_error;
use super::guard::guard;
use super::index::tfr_index;
use super::options::tfr_options;
use super::pointer;
use super::status::tfr_status;
use crate::error::{Error, ErrorKind, Result};
use crate::{create_index_from_source, Index, ReadAt};

/// Reads up to `size` bytes of a source, from byte `offset` of it, into `buffer`: at least 1, and
/// none beyond the source's size. Returns how many it read, fewer than asked for at its pleasure, 0
/// only if the data has become shorter; or, when it fails, an error number of errno.h, negated,
/// such as -EIO. After -EINTR it is called again, up to a thousand times in a row. It must return:
/// no longjmp, no C++ exception.
pub type tfr_read_at_fn = Option<
    unsafe extern "C" fn(context: *mut c_void, offset: u64, buffer: *mut u8, size: usize) -> i64,
>;

/// Data of known size that can be read at any position, whatever holds it: an object store, an
/// archive, a cache. It must not change while it is read.
///
/// Threads: unless tfr_options_set_threads() said 1, `read_at` is called by many threads at once,
/// some of them the library's own.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct tfr_source {
    /// The first argument of `read_at`; may be NULL.
    pub context: *mut c_void,
    /// How many bytes of data there are.
    pub size: u64,
    /// Reads some of them.
    pub read_at: tfr_read_at_fn,
}

/// The `read_at` of data in memory: `context` is where it starts, so that a source of it is
/// `{data, size, tfr_read_memory}`. The library knows such sources, and reads from the memory itself.
///
/// A mapped file is such memory: small records are read at random fastest from it; but a process
/// that reads what another has cut off from a file that it has mapped ends with SIGBUS.
///
/// Errors: -EINVAL for NULL.
/// Threads: any.
///
/// # Safety
/// - `context`: NULL, or memory of at least `offset` + `size` bytes.
/// - `buffer`: NULL, or `size` bytes that may be written to.
#[no_mangle]
pub unsafe extern "C" fn tfr_read_memory(
    context: *mut c_void,
    offset: u64,
    buffer: *mut u8,
    size: usize,
) -> i64 {
    if context.is_null() || buffer.is_null() {
        return -i64::from(libc::EINVAL);
    }
    // SAFETY: the caller's.
    unsafe { context.cast::<u8>().add(offset as usize).copy_to(buffer, size) };
    size as i64
}

/// A caller's source, as one of Rust's.
pub(super) struct Source {
    context: *mut c_void,
    size: u64,
    read_at: unsafe extern "C" fn(*mut c_void, u64, *mut u8, usize) -> i64,
}

// SAFETY: the caller promises that `read_at` may be called with `context` by any thread, by many at
// once; nothing else is done with the context.
unsafe impl Send for Source {}
// SAFETY: as above.
unsafe impl Sync for Source {}

impl Source {
    /// A copy of what `source` points to.
    ///
    /// # Safety
    /// NULL, or a source whose `read_at`, if it isn't NULL, does what tfr_read_at_fn says while the
    /// copy is used.
    pub unsafe fn copy(source: *const tfr_source) -> Result<Source> {
        // SAFETY: the caller's.
        let tfr_source { context, size, read_at } = *unsafe { pointer::borrow(source, "source") }?;
        let read_at = read_at
            .ok_or_else(|| Error::new(ErrorKind::InvalidArgument, "source->read_at is NULL"))?;
        Ok(Source { context, size, read_at })
    }
}

impl ReadAt for Source {
    fn size(&self) -> io::Result<u64> {
        Ok(self.size)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let rest = usize::try_from(self.size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let (start, size) = (buffer.as_mut_ptr(), buffer.len().min(rest));
        if size == 0 {
            return Ok(0);
        }
        // SAFETY: the caller gave this context for this function; the buffer has so many bytes.
        let answer = call_back(|| unsafe { (self.read_at)(self.context, offset, start, size) });
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
        // A program that was linked without -fPIE may have another address of it, which does, too.
        let is_memory = self.read_at as *const () == tfr_read_memory as *const ();
        let size = usize::try_from(self.size).ok().filter(|&size| size <= isize::MAX as usize)?;
        // SAFETY: the caller gave so many bytes of memory, which do not change while they are read.
        let bytes = || unsafe { std::slice::from_raw_parts(self.context.cast::<u8>(), size) };
        (is_memory && !self.context.is_null()).then(bytes)
    }
}

/// Indexes a source into an index file, as tfr_index_create() does a file.
///
/// Inputs: `index_path` is where the index goes: a source has no path to append ".idx" to.
/// `options` may be NULL: the defaults. `count_out` may be NULL; it gets the number of records.
/// Errors: those of tfr_index_create(); TFR_ERR_IO, with the number that tfr_error_os_error()
/// gives, when `read_at` returns an error, and when it returns what it may not.
/// Threads: any; see tfr_source.
///
/// # Safety
/// - `source`: NULL, or a source whose `read_at` is NULL or does what tfr_read_at_fn says.
/// - `index_path`: NULL, or NUL-terminated.
/// - `options`: NULL, or options that are not yet freed.
/// - `count_out`, `error_out`: NULL, or may be written to.
#[no_mangle]
pub unsafe extern "C" fn tfr_index_create_from_source(
    source: *const tfr_source,
    index_path: *const c_char,
    options: *const tfr_options,
    count_out: *mut u64,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller's.
    let body = || unsafe {
        let store_count = pointer::optional_out(count_out, "count_out")?;
        let source = Source::copy(source)?;
        let path = pointer::path(index_path, "index_path")?;
        let count =
            tfr_options::with(options, |options| create_index_from_source(&source, path, options))?;
        store_count(count);
        Ok(())
    };
    // SAFETY: the caller's.
    unsafe { guard(error_out, body) }
}

/// Indexes a source into memory: 16 bytes for each record. No file is written.
///
/// Inputs: `options` may be NULL: the defaults.
/// Errors: as tfr_index_create_from_source(), and TFR_ERR_OUT_OF_MEMORY.
/// Ownership: the caller frees *index_out with tfr_index_free(); it is NULL on failure.
/// Threads: any; see tfr_source.
///
/// # Safety
/// - `source`: NULL, or a source whose `read_at` is NULL or does what tfr_read_at_fn says.
/// - `options`: NULL, or options that are not yet freed.
/// - `index_out`, `error_out`: NULL, or may be written to.
#[no_mangle]
pub unsafe extern "C" fn tfr_index_from_source(
    source: *const tfr_source,
    options: *const tfr_options,
    index_out: *mut *mut tfr_index,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller's.
    let body = || unsafe {
        let store = pointer::handle_out(index_out, "index_out")?;
        let source = Source::copy(source)?;
        let index = tfr_options::with(options, |options| Index::from_source(&source, options))?;
        store(pointer::give(tfr_index(index)));
        Ok(())
    };
    // SAFETY: the caller's.
    unsafe { guard(error_out, body) }
}

/// Checks that an index is that of a source, as tfr_index_check() does of a file.
///
/// Inputs and errors: those of tfr_index_check() and of tfr_index_create_from_source().
/// Threads: any; see tfr_source.
///
/// # Safety
/// - `index`: NULL, or an index that is not yet freed.
/// - `source`: NULL, or a source whose `read_at` is NULL or does what tfr_read_at_fn says.
/// - `options`: NULL, or options that are not yet freed.
/// - `skipped_out`, `notes_out`, `error_out`: NULL, or may be written to.
#[no_mangle]
pub unsafe extern "C" fn tfr_index_check_source(
    index: *const tfr_index,
    source: *const tfr_source,
    level: i32,
    options: *const tfr_options,
    skipped_out: *mut u64,
    notes_out: *mut u32,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller's.
    let body = || unsafe {
        let store = fit_out(skipped_out, notes_out)?;
        let index = &pointer::borrow(index, "index")?.0;
        let source = Source::copy(source)?;
        let level = check_level(level)?;
        let fit =
            tfr_options::with(options, |options| index.check_source(&source, level, options))?;
        store(fit);
        Ok(())
    };
    // SAFETY: the caller's.
    unsafe { guard(error_out, body) }
}
