//! `tfr_source`: data that a function of the caller reads, or that is in memory.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use libc::c_void;

use super::callback::call_back;
use super::error::tfr_error;
use super::guard::guard;
use super::pointer;
use super::status::tfr_status;
use crate::error::{Error, ErrorKind, Result};
use crate::{GzipSource, ReadAt, ReadCost};

/// Reads up to `size` bytes of a source, starting at byte `offset`, into `buffer`. `size` is at
/// least 1, and the range never extends past the end of the source. Returns the number of bytes
/// read, which may be less than `size`; 0 means that the data has become shorter. On failure it
/// returns a negated error number of errno.h, such as -EIO. After -EINTR the library calls it
/// again, up to a thousand times in a row. It must return: no longjmp, no C++ exception.
pub type tfr_read_at_fn = Option<
    unsafe extern "C" fn(context: *mut c_void, offset: u64, buffer: *mut u8, size: usize) -> i64,
>;

/// Frees the context of a source. It must return: no longjmp, no C++ exception.
pub type tfr_free_fn = Option<unsafe extern "C" fn(context: *mut c_void)>;

/// Data of known size that can be read at any position: an object store, an archive, a cache,
/// memory. It must not change while it is read.
///
/// Threads: many threads may use a source at the same time. Unless tfr_options_set_threads() is 1,
/// several threads call its `read_at` at the same time, including threads of the library.
pub struct tfr_source(Source);

/// What a `tfr_source` and its readers share.
#[derive(Clone)]
pub(super) struct Source(Arc<Data>);

struct Data {
    bytes: Bytes,
    free: tfr_free_fn,
    cost: Option<ReadCost>,
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
    Gzip(GzipSource<Source>),
}

// SAFETY: the caller promises that many threads may call `read_at` with `context` at the same time,
// that the memory does not change, and that any thread may call `free`. The library does nothing
// else with the pointers.
unsafe impl Send for Data {}
// SAFETY: as above.
unsafe impl Sync for Data {}

impl Drop for Data {
    fn drop(&mut self) {
        let context = match self.bytes {
            Bytes::Read { context, .. } => context,
            Bytes::Memory { start, .. } => start.cast_mut().cast(),
            Bytes::Gzip(_) => return,
        };
        if let Some(free) = self.free {
            // SAFETY: the caller gave this function for this context; this is its last use.
            call_back(|| unsafe { free(context) });
        }
    }
}

impl Source {
    /// Gives the caller a new source.
    fn give(bytes: Bytes) -> *mut tfr_source {
        pointer::give(tfr_source(Source(Arc::new(Data { bytes, free: None, cost: None }))))
    }

    /// What the source has, to be changed; an error if a reader uses it.
    ///
    /// # Safety
    ///
    /// `source` is NULL or a source that is not freed, and that no other thread uses.
    unsafe fn change<'a>(source: *mut tfr_source) -> Result<&'a mut Data> {
        // SAFETY: the caller upholds the contract.
        let source = unsafe { pointer::borrow_mut(source, "source") }?;
        if matches!(source.0 .0.bytes, Bytes::Gzip(_)) {
            let detail =
                "this is a source of tfr_gzip_source(): set it for the source that it reads";
            return Err(Error::new(ErrorKind::InvalidArgument, detail));
        }
        Arc::get_mut(&mut source.0 .0).ok_or_else(|| {
            Error::new(ErrorKind::InvalidArgument, "the source is in use by a reader")
        })
    }

    /// A new reference to the source.
    ///
    /// # Safety
    ///
    /// `source` is NULL or a source that is not freed.
    pub unsafe fn share(source: *const tfr_source) -> Result<Source> {
        // SAFETY: the caller upholds the contract.
        Ok(unsafe { pointer::borrow(source, "source") }?.0.clone())
    }
}

impl ReadAt for Source {
    fn size(&self) -> io::Result<u64> {
        match &self.0.bytes {
            Bytes::Read { size, .. } => Ok(*size),
            Bytes::Memory { size, .. } => Ok(*size as u64),
            Bytes::Gzip(source) => source.size(),
        }
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let (read_at, context, size) = match &self.0.bytes {
            Bytes::Read { read_at, context, size } => (*read_at, *context, *size),
            Bytes::Memory { .. } => {
                return self.as_bytes().unwrap_or_default().read_at(buffer, offset)
            }
            Bytes::Gzip(source) => return source.read_at(buffer, offset),
        };
        let rest = usize::try_from(size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let (start, size) = (buffer.as_mut_ptr(), buffer.len().min(rest));
        if size == 0 {
            return Ok(0);
        }
        // SAFETY: the caller gave this context for this function; the buffer has `size` bytes.
        let answer = call_back(|| unsafe { read_at(context, offset, start, size) });
        let answer = answer.unwrap_or(-i64::from(libc::ECANCELED));
        let fault = match usize::try_from(answer) {
            Ok(count) if count <= size => return Ok(count),
            Ok(count) => {
                format!("read_at returned {count}, but the library requested only {size} bytes")
            }
            Err(_) => match i32::try_from(answer) {
                Ok(number @ -4095..=-1) => return Err(io::Error::from_raw_os_error(-number)),
                _ => format!("read_at returned {answer}, which is not a negated error number"),
            },
        };
        Err(io::Error::new(io::ErrorKind::InvalidData, fault))
    }

    fn cost(&self) -> Option<ReadCost> {
        match &self.0.bytes {
            Bytes::Gzip(source) => source.cost(),
            _ => self.0.cost,
        }
    }

    fn as_bytes(&self) -> Option<&[u8]> {
        let (start, size) = match &self.0.bytes {
            Bytes::Read { .. } => return None,
            Bytes::Memory { start, size } => (*start, *size),
            Bytes::Gzip(source) => return source.as_bytes(),
        };
        if size == 0 {
            return Some(&[]); // `start` may be NULL
        }
        // SAFETY: the caller gave `size` bytes of memory, which do not change while they are read,
        // and stay valid until the last owner is dropped.
        Some(unsafe { std::slice::from_raw_parts(start, size) })
    }

    fn is_sequential(&self) -> bool {
        matches!(&self.0.bytes, Bytes::Gzip(source) if source.is_sequential())
    }
}

/// Makes a source from a function that reads it.
///
/// Parameters: `read_at` and `source_out` are required. `context` is passed to `read_at` as its
/// first argument and may be NULL. `size` is the size of the data in bytes.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL.
///
/// Ownership: free *source_out with tfr_source_free(). It is NULL on failure. The caller keeps the
/// context, which must stay valid until the source and all its readers are freed, unless
/// tfr_source_set_free() gives the context to the source.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_source_new(
    read_at: tfr_read_at_fn,
    context: *mut c_void,
    size: u64,
    source_out: *mut *mut tfr_source,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let store = pointer::handle_out(source_out, "source_out")?;
        let read_at =
            read_at.ok_or_else(|| Error::new(ErrorKind::InvalidArgument, "read_at is NULL"))?;
        store(Source::give(Bytes::Read { read_at, context, size }));
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Makes a source from data in memory, without copying it.
///
/// The data may be a mapped file: this is the fastest way to read small records at random. But if
/// another process truncates a mapped file, reading the lost part ends the process with SIGBUS.
///
/// Parameters: `data` points to `size` bytes and may be NULL if `size` is 0. `source_out` is
/// required.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL.
///
/// Ownership: free *source_out with tfr_source_free(). It is NULL on failure. The source borrows
/// the data until the source and all its readers are freed, unless tfr_source_set_free() gives the
/// data to the source.
///
/// Threads: safe on any thread. No thread may change the data while the source or its readers are
/// used.
#[no_mangle]
pub unsafe extern "C" fn tfr_source_from_memory(
    data: *const u8,
    size: usize,
    source_out: *mut *mut tfr_source,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let store = pointer::handle_out(source_out, "source_out")?;
        pointer::slice(data, size, "data")?;
        store(Source::give(Bytes::Memory { start: data, size }));
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Makes a source of the decompressed bytes of another source, such as a compressed object in a
/// store. (The paths of compressed files need no such source.)
///
/// What is decompressed is what a path may be: gzip, zlib and TensorFlow's Snappy container, by the
/// content. Data that is not compressed is read as it is.
///
/// With the bytes of the seek file that tfr_index_create() has written for the same data, each read
/// reads and decompresses little more than it needs. Without, the first call that needs the size, such as
/// tfr_reader_from_source(), reads and decompresses all data once, checks each member, and keeps
/// seek points in memory.
///
/// Parameters: `source` and `source_out` are required. `seek_file` is optional.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. TFR_ERR_MISMATCH if the seek file
/// is damaged or does not belong to this data. Those of the source, of which this reads the first
/// bytes and, with a seek file, the last ones. Calls that use the new source fail with
/// TFR_ERR_TRUNCATED or TFR_ERR_COMPRESSED if the compressed data is damaged.
///
/// Ownership: free *source_out with tfr_source_free(). It is NULL on failure. The new source shares
/// `source` and `seek_file`: their contexts and memory stay in use until it and all its readers are
/// freed, and the caller may free both at once.
///
/// Threads: safe on any thread. Threads that read the new source at the same time read `source` and
/// `seek_file` at the same time.
#[no_mangle]
pub unsafe extern "C" fn tfr_gzip_source(
    source: *const tfr_source,
    seek_file: *const tfr_source,
    source_out: *mut *mut tfr_source,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let store = pointer::handle_out(source_out, "source_out")?;
        let source = Source::share(source)?;
        let decompressed = match seek_file.is_null() {
            true => GzipSource::new(source)?,
            false => GzipSource::with_seek_file(source, Source::share(seek_file)?)?,
        };
        store(Source::give(Bytes::Gzip(decompressed)));
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Gives the context of a source, or its memory, to the source. When the source and all its readers
/// are freed, the library calls `free_context` with it, such as the C library's free().
///
/// Parameters: `source` is required. `free_context` is optional; NULL, the initial state, means
/// that the caller keeps the context.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if `source` is NULL, already has a reader, or is one of
/// tfr_gzip_source().
///
/// Threads: no other thread may use the source during the call. The library calls `free_context` on
/// the thread that frees the last of the source and its readers.
#[no_mangle]
pub unsafe extern "C" fn tfr_source_set_free(
    source: *mut tfr_source,
    free_context: tfr_free_fn,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    let body = || {
        // SAFETY: the caller upholds the contract.
        unsafe { Source::change(source) }?.free = free_context;
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Says what a read costs, where each one is a request to another machine: an object store, a web
/// server. Then the library reads more bytes at a time, and more ranges at the same time.
///
/// In one read's latency, a connection could get `latency_ns` * `bytes_per_second` / 10^9 bytes, here
/// at most 8 MiB.
///
/// - A scan reads spans of twice as many bytes, up to 32 at the same time, each in memory of its
///   own. Where records are larger than one latency's bytes, it reads headers only. Data of up to
///   two spans is read whole, with one read.
/// - A reader reads up to `at_once` ranges at the same time, on as many threads, unless
///   tfr_options_set_threads() is set. Two records are one range if there is less than a sixteenth of
///   one latency's bytes between them.
///
/// An object store near by takes about 20,000,000 ns, gives 100,000,000 bytes a second, and answers
/// 128 requests at once.
///
/// Parameters: `source` is required. `latency_ns` is the time in nanoseconds that a read of one byte
/// takes. `bytes_per_second` is what one read gets. `at_once` is the number of reads at the same time
/// that take hardly longer than one; 0 counts as 1.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if `source` is NULL, already has a reader, or is one of
/// tfr_gzip_source().
///
/// Threads: no other thread may use the source during the call.
#[no_mangle]
pub unsafe extern "C" fn tfr_source_set_cost(
    source: *mut tfr_source,
    latency_ns: u64,
    bytes_per_second: u64,
    at_once: usize,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    let body = || {
        // SAFETY: the caller upholds the contract.
        let data = unsafe { Source::change(source) }?;
        let latency = Duration::from_nanos(latency_ns);
        data.cost = Some(ReadCost { latency, bytes_per_second, at_once, least_skip: None });
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Sets from which size on scans and checks skip bytes that they do not need, such as payloads whose
/// checksums are not verified. It has no effect unless tfr_source_set_cost() was called before, which
/// sets it to one latency's bytes.
///
/// With UINT64_MAX all is read but the rest of payloads that are larger than a span, which is best
/// where requests are dear. With a small number few bytes are read, with many requests.
///
/// Parameters: `source` is required. `bytes` is the fewest bytes that are skipped.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if `source` is NULL, already has a reader, or is one of
/// tfr_gzip_source().
///
/// Threads: no other thread may use the source during the call.
#[no_mangle]
pub unsafe extern "C" fn tfr_source_set_least_skip(
    source: *mut tfr_source,
    bytes: u64,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    let body = || {
        // SAFETY: the caller upholds the contract.
        let data = unsafe { Source::change(source) }?;
        if let Some(cost) = &mut data.cost {
            cost.least_skip = Some(bytes);
        }
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Makes another source of the same data, such as one that a tfr_open_shard_fn gives away.
///
/// Parameters: `source` and `source_out` are required.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL.
///
/// Ownership: free *source_out with tfr_source_free(). It is NULL on failure. Both share the context
/// or the memory, which is freed with the last of the sources and their readers.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_source_share(
    source: *const tfr_source,
    source_out: *mut *mut tfr_source,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let store = pointer::handle_out(source_out, "source_out")?;
        store(pointer::give(tfr_source(Source::share(source)?)));
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Frees a source. Its readers stay usable. NULL does nothing.
#[no_mangle]
pub unsafe extern "C" fn tfr_source_free(source: *mut tfr_source) {
    // SAFETY: the caller upholds the contract.
    unsafe { pointer::free(source) }
}
