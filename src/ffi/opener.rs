//! `tfr_dataset_from_opener()`: a data set of shards that a function of the caller opens.

use std::ffi::CStr;
use std::{io, ptr};

use libc::{c_char, c_void};

use super::callback::call_back;
use super::dataset::{given_counts, given_indexes, given_shards, tfr_dataset};
use super::error::tfr_error;
use super::guard::guard;
use super::index::tfr_index;
use super::options::tfr_options;
use super::pointer;
use super::source::{tfr_free_fn, tfr_source, Source};
use super::status::tfr_status;
use crate::error::{Error, ErrorKind, Result};
use crate::{Dataset, ShardSource};

/// A shard, as a tfr_open_shard_fn opens it. Later versions may add members at the end.
#[repr(C)]
pub struct tfr_opened_shard {
    /// The data, plain or compressed. Required.
    pub data: *mut tfr_source,
    /// The text of the index that is beside the data. Optional: NULL means that there is none, and
    /// the data is scanned.
    pub index_file: *mut tfr_source,
    /// The seek file that is beside compressed data. Optional: without it, the data is decompressed
    /// once to open it.
    pub seek_file: *mut tfr_source,
    /// The text of an index that is used as it is, in place of the one beside the data: it may
    /// select, reorder and repeat records. Optional: NULL means that there is none.
    pub given_index: *mut tfr_source,
}

/// The size in bytes of the text in which a tfr_open_shard_fn may say why it failed.
pub const TFR_MESSAGE_SIZE: usize = 1024;

/// Opens the shard of a data set with this number. Sets the members of `*opened`, which are NULL
/// before; the data set takes the sources over, and frees them. Returns 0, or a negated error number
/// of errno.h, such as -ENOENT. It may then write to `message` why, as a text with a NUL at the end,
/// of at most TFR_MESSAGE_SIZE bytes. It must return: no longjmp, no C++ exception.
pub type tfr_open_shard_fn = Option<
    unsafe extern "C" fn(
        context: *mut c_void,
        shard: usize,
        opened: *mut tfr_opened_shard,
        message: *mut c_char,
    ) -> i32,
>;

/// The context of the caller's function, which is freed with this.
pub(super) struct Context {
    pub pointer: *mut c_void,
    pub free: tfr_free_fn,
}

impl Drop for Context {
    fn drop(&mut self) {
        if let Some(free) = self.free {
            // SAFETY: the caller gave this function for this context; this is its last use.
            call_back(|| unsafe { free(self.pointer) });
        }
    }
}

/// The caller's function, and its context.
pub(super) struct Opener {
    open: unsafe extern "C" fn(*mut c_void, usize, *mut tfr_opened_shard, *mut c_char) -> i32,
    context: Context,
}

// SAFETY: the caller promises that many threads may call `open` with `context` at the same time, and
// that any thread may call `free`. The library does nothing else with the context.
unsafe impl Send for Opener {}
// SAFETY: as above.
unsafe impl Sync for Opener {}

impl Opener {
    /// # Safety
    ///
    /// Many threads may call `open` with this context at the same time, and any may free it.
    pub unsafe fn new(open: tfr_open_shard_fn, context: Context) -> Result<Opener> {
        let open = open.ok_or_else(|| Error::new(ErrorKind::InvalidArgument, "open is NULL"))?;
        Ok(Opener { open, context })
    }

    pub fn open(&self, shard: usize) -> io::Result<ShardSource> {
        let null = ptr::null_mut();
        let mut opened =
            tfr_opened_shard { data: null, index_file: null, seek_file: null, given_index: null };
        let mut message = [0; TFR_MESSAGE_SIZE];
        // SAFETY: the caller gave this context for this function; the outputs outlive the call.
        let answer = call_back(|| unsafe {
            (self.open)(self.context.pointer, shard, &mut opened, message.as_mut_ptr().cast())
        });
        let [data, index_file, seek_file, given_index] =
            [opened.data, opened.index_file, opened.seek_file, opened.given_index].map(take_over);
        let number = answer.unwrap_or(-libc::ECANCELED);
        if number != 0 {
            let text = CStr::from_bytes_until_nul(&message).unwrap_or_default();
            return Err(failure(number, &text.to_string_lossy()));
        }
        let data = data.ok_or_else(|| invalid("it set no data"))?;
        let mut shard = ShardSource::new(data);
        if let Some(text) = index_file {
            shard = shard.index_file(text);
        }
        if let Some(text) = given_index {
            shard = shard.given_index(text);
        }
        if let Some(bytes) = seek_file {
            shard = shard.seek_file(bytes);
        }
        Ok(shard)
    }
}

fn take_over(source: *mut tfr_source) -> Option<Source> {
    // SAFETY: NULL, or a source that the caller's function gave away.
    let shared = (!source.is_null()).then(|| unsafe { Source::share(source) });
    // SAFETY: the same; this is its last use.
    unsafe { pointer::free(source) };
    shared.and_then(Result::ok)
}

/// The error for what the caller's function returned.
fn failure(number: i32, message: &str) -> io::Error {
    let error = match number {
        -4095..=-1 => io::Error::from_raw_os_error(-number),
        _ => return invalid(&format!("it returned {number}, which is not a negated error number")),
    };
    match message {
        "" => error,
        _ => Error::with_os_error(message.to_owned(), error).into(),
    }
}

fn invalid(what: &str) -> io::Error {
    let detail = format!("the function that opens shards is wrong: {what}");
    Error::new(ErrorKind::InvalidArgument, detail).into()
}

/// Opens a data set of shards that are no local files, such as objects in a store: `open` opens the
/// shard of a number, when it is needed.
///
/// A shard without an index in memory has the index file that `open` gives, if it is an index of the
/// data; otherwise it is scanned, and tfr_dataset_warning() says why. By default, 64 reads are in
/// flight: see also tfr_source_set_cost().
///
/// Parameters: `paths`, `indexes`, `counts`, `count` and `options`, with their progress callback, are
/// as for tfr_dataset_open(). The paths name the shards in errors. `open` and `dataset_out` are
/// required. `context` is passed to `open` as its first argument and may be NULL. `free_context` is
/// optional; NULL means that the caller keeps the context, which must stay valid until the data set
/// and all its batches are freed.
///
/// Errors: those of tfr_dataset_open(). TFR_ERR_IO with the error number that `open` returned, for the
/// first shard that fails; with counts, calls that use the shard fail with it.
///
/// Ownership: the data set shares the indexes, and copies the paths; the caller may free them
/// immediately. Free *dataset_out with tfr_dataset_free(). It is NULL on failure. A call that fails
/// has freed the context when it returns, also if it refuses an argument.
///
/// Threads: safe on any thread. Several threads call `open` at the same time, unless
/// tfr_options_set_threads() is 1. They call it again for a shard that was closed. A forked process
/// calls it for each shard that it uses, and uses no source of its parent.
#[no_mangle]
pub unsafe extern "C" fn tfr_dataset_from_opener(
    paths: *const *const c_char,
    indexes: *const *const tfr_index,
    counts: *const u64,
    count: usize,
    open: tfr_open_shard_fn,
    context: *mut c_void,
    free_context: tfr_free_fn,
    options: *const tfr_options,
    dataset_out: *mut *mut tfr_dataset,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let context = Context { pointer: context, free: free_context };
        let store = pointer::handle_out(dataset_out, "dataset_out")?;
        let opener = Opener::new(open, context)?;
        let shards = given_shards(paths, count)?;
        let given = given_indexes(indexes, count)?;
        let counts = given_counts(counts, count)?;
        let settings = tfr_options::of_dataset(options);
        let open = Box::new(move |shard| opener.open(shard));
        let dataset = tfr_options::with(options, |options| {
            Dataset::opened_by(&shards, given, counts, &settings, open, options.progress)
        })?;
        store(tfr_dataset::give(dataset));
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}
