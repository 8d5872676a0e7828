//! How much decompressed data is kept.

/// Sets how many bytes of decompressed data the process may keep, of all compressed files together.
/// The default is 64 MiB. Data in use comes on top. With 0, each read decompresses its chunk, of
/// about 200 KiB, from the chunk's start. Each data set that is read in an order shuffled in chunks
/// needs 48 MiB; with less, its records cost up to 25 times as much. A forked process has the number
/// of its parent.
///
/// Threads: safe on any thread at any time.
#[no_mangle]
pub extern "C" fn tfr_set_cache_bytes(bytes: u64) {
    crate::set_cache_bytes(bytes);
}

/// Returns the number that tfr_set_cache_bytes() sets.
///
/// Threads: safe on any thread.
#[no_mangle]
pub extern "C" fn tfr_cache_bytes() -> u64 {
    crate::cache_bytes()
}
