//! `tfr_permutation`: a shuffle that needs no memory.

use super::error::tfr_error;
use super::guard::guard;
use super::pointer;
use super::status::tfr_status;
use crate::error::{Error, ErrorKind, Result};
use crate::Permutation;

/// A random permutation of the numbers from 0 to len - 1 that needs no memory, whatever the length:
/// each number is computed when it is needed, in some 50 ns. A length and a seed mean the same
/// permutation in every version, on every platform and in every language. The documentation of
/// Rust's `Permutation` says how it is computed. Do not use it for secrets.
///
/// Threads: many threads may use the same permutation.
pub struct tfr_permutation(Permutation);

/// Makes the permutation of `len` numbers that the seed means.
///
/// Parameters: `permutation_out` is required.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if it is NULL.
///
/// Ownership: free *permutation_out with tfr_permutation_free(). It is NULL on failure.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_permutation_new(
    len: u64,
    seed: u64,
    permutation_out: *mut *mut tfr_permutation,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let store = pointer::handle_out(permutation_out, "permutation_out")?;
        store(pointer::give(tfr_permutation(Permutation::new(len, seed))));
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Returns how many numbers are permuted; 0 for NULL.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_permutation_len(permutation: *const tfr_permutation) -> u64 {
    // SAFETY: the caller upholds the contract.
    unsafe { permutation.as_ref() }.map_or(0, |permutation| permutation.0.len())
}

/// Returns the number at a position. For many numbers, tfr_permutation_fill() is faster.
///
/// Parameters: `permutation` and `number_out` are required.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. TFR_ERR_OUT_OF_RANGE if
/// `position` is not less than tfr_permutation_len().
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_permutation_get(
    permutation: *const tfr_permutation,
    position: u64,
    number_out: *mut u64,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    let get = |permutation: &Permutation| {
        let detail = || format!("position {position} is out of range");
        permutation.get(position).ok_or_else(|| out_of_range(permutation, detail()))
    };
    // SAFETY: the caller upholds the contract.
    unsafe { answer(permutation, number_out, "number_out", error_out, get) }
}

/// Returns the position of a number: the inverse of tfr_permutation_get().
///
/// Parameters: `permutation` and `position_out` are required.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. TFR_ERR_OUT_OF_RANGE if `number`
/// is not less than tfr_permutation_len().
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_permutation_position(
    permutation: *const tfr_permutation,
    number: u64,
    position_out: *mut u64,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    let find = |permutation: &Permutation| {
        let detail = || format!("number {number} is out of range");
        permutation.position(number).ok_or_else(|| out_of_range(permutation, detail()))
    };
    // SAFETY: the caller upholds the contract.
    unsafe { answer(permutation, position_out, "position_out", error_out, find) }
}

/// Writes the numbers at the positions from `start` on to an array: up to `capacity`, or fewer if
/// the permutation ends before.
///
/// Parameters: `permutation` and `count_out` are required. `numbers_out` has room for `capacity`
/// numbers and may be NULL if `capacity` is 0. `count_out` receives how many were written, 0 at the
/// end of the permutation.
///
/// Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL.
///
/// Threads: safe on any thread.
#[no_mangle]
pub unsafe extern "C" fn tfr_permutation_fill(
    permutation: *const tfr_permutation,
    start: u64,
    numbers_out: *mut u64,
    capacity: usize,
    count_out: *mut usize,
    error_out: *mut *mut tfr_error,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let permutation = &pointer::borrow(permutation, "permutation")?.0;
        let numbers = pointer::slice_mut(numbers_out, capacity, "numbers_out")?;
        let store = pointer::out(count_out, "count_out")?;
        store(permutation.fill(start, numbers));
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}

/// Frees a permutation. NULL does nothing.
#[no_mangle]
pub unsafe extern "C" fn tfr_permutation_free(permutation: *mut tfr_permutation) {
    // SAFETY: the caller upholds the contract.
    unsafe { pointer::free(permutation) }
}

fn out_of_range(permutation: &Permutation, detail: String) -> Error {
    let len = permutation.len();
    Error::new(ErrorKind::OutOfRange, format!("{detail}, the permutation has {len} numbers"))
}

/// Stores a number that a permutation gives.
///
/// # Safety
///
/// The contract of the functions for C.
unsafe fn answer(
    permutation: *const tfr_permutation,
    out: *mut u64,
    name: &str,
    error_out: *mut *mut tfr_error,
    question: impl FnOnce(&Permutation) -> Result<u64>,
) -> tfr_status {
    // SAFETY: the caller upholds the contract.
    let body = || unsafe {
        let permutation = &pointer::borrow(permutation, "permutation")?.0;
        let store = pointer::out(out, name)?;
        store(question(permutation)?);
        Ok(())
    };
    // SAFETY: the caller upholds the contract.
    unsafe { guard(error_out, body) }
}
