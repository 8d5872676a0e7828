//! Pointers from C: checked, then borrowed.

use std::ffi::{CStr, OsStr};
use std::mem::{self, MaybeUninit};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use libc::c_char;

use crate::error::{Error, ErrorKind, Result};
use crate::sys::NoCancellation;

/// An error that names the argument.
fn invalid(name: &str, what: &str) -> Error {
    Error::new(ErrorKind::InvalidArgument, format!("{name} is {what}"))
}

/// An error if `pointer` is NULL or not aligned.
fn check<T>(pointer: *const T, name: &str) -> Result<()> {
    match () {
        _ if pointer.is_null() => Err(invalid(name, "NULL")),
        _ if !is_aligned(pointer) => Err(invalid(name, "not aligned")),
        _ => Ok(()),
    }
}

/// Whether `pointer` is aligned for a `T`.
pub(super) fn is_aligned<T>(pointer: *const T) -> bool {
    pointer as usize % mem::align_of::<T>() == 0
}

/// Whether `pointer` points into the `count` items from `start`.
pub(super) fn is_within<T>(pointer: *const T, start: *const T, count: usize) -> bool {
    let ahead = (pointer as usize).checked_sub(start as usize);
    ahead.is_some_and(|ahead| ahead / mem::size_of::<T>() < count)
}

/// The value that `pointer` points to.
///
/// # Safety
///
/// NULL, or valid for reads during `'a`.
pub(super) unsafe fn borrow<'a, T>(pointer: *const T, name: &str) -> Result<&'a T> {
    check(pointer, name)?;
    // SAFETY: not NULL, aligned; the caller upholds the rest.
    Ok(unsafe { &*pointer })
}

/// The value that `pointer` points to, mutable.
///
/// # Safety
///
/// NULL, or valid for reads and writes, by nobody else, during `'a`.
pub(super) unsafe fn borrow_mut<'a, T>(pointer: *mut T, name: &str) -> Result<&'a mut T> {
    check(pointer, name)?;
    // SAFETY: not NULL, aligned; the caller upholds the rest.
    Ok(unsafe { &mut *pointer })
}

/// The `count` items from `pointer`. NULL is allowed if `count` is 0.
///
/// # Safety
///
/// NULL, or valid for reads of `count` items during `'a`.
pub(super) unsafe fn slice<'a, T>(pointer: *const T, count: usize, name: &str) -> Result<&'a [T]> {
    if count == 0 {
        return Ok(&[]);
    }
    check_array(pointer, count, name)?;
    // SAFETY: not NULL, aligned, not too long; the caller upholds the rest.
    Ok(unsafe { std::slice::from_raw_parts(pointer, count) })
}

/// Room for `count` items from `pointer`, at least one.
///
/// # Safety
///
/// NULL, or valid for writes of `count` items, by nobody else, during `'a`.
pub(super) unsafe fn room<'a, T>(
    pointer: *mut T,
    count: usize,
    name: &str,
) -> Result<&'a mut [MaybeUninit<T>]> {
    check_array(pointer, count, name)?;
    // SAFETY: not NULL, aligned, not too long; the caller upholds the rest.
    Ok(unsafe { std::slice::from_raw_parts_mut(pointer.cast(), count) })
}

fn check_array<T>(pointer: *const T, count: usize, name: &str) -> Result<()> {
    check(pointer, name)?;
    match count > isize::MAX as usize / mem::size_of::<T>() {
        true => Err(invalid(name, "too long to fit in memory")),
        false => Ok(()),
    }
}

/// The `count` bytes or numbers from `pointer`, to be written. NULL is allowed if `count` is 0. They
/// may be uninitialised in C: the library writes them before it reads them.
///
/// # Safety
///
/// NULL, or valid for writes of `count` items, by nobody else, during `'a`.
pub(super) unsafe fn slice_mut<'a, T: Number>(
    pointer: *mut T,
    count: usize,
    name: &str,
) -> Result<&'a mut [T]> {
    if count == 0 {
        return Ok(&mut []);
    }
    check_array(pointer, count, name)?;
    // SAFETY: not NULL, aligned, not too long; the caller upholds the rest.
    Ok(unsafe { std::slice::from_raw_parts_mut(pointer, count) })
}

/// The arguments `buffers` and `capacities`, which have `count` elements each: `capacities[i]` bytes
/// from `buffers[i]`, to be written.
///
/// # Safety
///
/// NULL, or valid for reads of `count` items; each buffer as for [`slice_mut`]. The buffers do not
/// overlap.
pub(super) unsafe fn buffers<'a>(
    buffers: *const *mut u8,
    capacities: *const usize,
    count: usize,
) -> Result<Vec<&'a mut [u8]>> {
    // SAFETY: the caller upholds the contract.
    let capacities = unsafe { slice(capacities, count, "capacities") }?;
    // SAFETY: the same.
    let buffers = unsafe { slice(buffers, count, "buffers") }?;
    let pairs = buffers.iter().zip(capacities);
    // SAFETY: the same.
    pairs.map(|(&buffer, &capacity)| unsafe { slice_mut(buffer, capacity, "buffer") }).collect()
}

/// What any bytes are a value of.
pub(super) trait Number {}

impl Number for u8 {}
impl Number for u64 {}

/// A path.
///
/// # Safety
///
/// NULL, or a NUL-terminated string valid for reads during `'a`.
pub(super) unsafe fn path<'a>(pointer: *const c_char, name: &str) -> Result<&'a Path> {
    if pointer.is_null() {
        return Err(invalid(name, "NULL"));
    }
    // SAFETY: not NULL; the caller upholds the rest.
    let path = unsafe { CStr::from_ptr(pointer) };
    Ok(Path::new(OsStr::from_bytes(path.to_bytes())))
}

/// Sets an output handle to NULL, and returns the function that stores the handle.
///
/// # Safety
///
/// NULL, or valid for writes.
pub(super) unsafe fn handle_out<T>(
    pointer: *mut *mut T,
    name: &str,
) -> Result<impl FnOnce(*mut T)> {
    // SAFETY: the caller upholds the contract.
    let store = unsafe { out(pointer, name) }?;
    // SAFETY: not NULL, checked above; the caller upholds the rest.
    unsafe { pointer.write(std::ptr::null_mut()) };
    Ok(store)
}

/// The function that stores an output. The output may be uninitialised, so it is written to but not
/// borrowed.
///
/// # Safety
///
/// NULL, or valid for writes.
pub(super) unsafe fn out<T>(pointer: *mut T, name: &str) -> Result<impl FnOnce(T)> {
    check(pointer, name)?;
    // SAFETY: not NULL, aligned; the caller upholds the rest.
    Ok(move |value| unsafe { pointer.write(value) })
}

/// As [`out`], but NULL is allowed: then nothing is stored.
///
/// # Safety
///
/// NULL, or valid for writes.
pub(super) unsafe fn optional_out<T>(pointer: *mut T, name: &str) -> Result<impl FnOnce(T)> {
    // SAFETY: the caller upholds the contract.
    let store = if pointer.is_null() { None } else { Some(unsafe { out(pointer, name) }?) };
    Ok(move |value| {
        if let Some(store) = store {
            store(value);
        }
    })
}

/// As [`out`], for an output of many items.
///
/// # Safety
///
/// NULL, or valid for writes of all items that are stored.
pub(super) unsafe fn array_out<T: Copy>(pointer: *mut T, name: &str) -> Result<impl FnOnce(&[T])> {
    // SAFETY: the caller upholds the contract.
    let _ = unsafe { out(pointer, name) }?;
    // SAFETY: not NULL, aligned; the caller upholds the rest.
    Ok(move |items: &[T]| unsafe {
        pointer.copy_from_nonoverlapping(items.as_ptr(), items.len());
    })
}

/// As [`array_out`], but NULL is allowed: then nothing is stored.
///
/// # Safety
///
/// NULL, or valid for writes of all items that are stored.
pub(super) unsafe fn optional_array_out<T: Copy>(
    pointer: *mut T,
    name: &str,
) -> Result<impl FnOnce(&[T])> {
    // SAFETY: the caller upholds the contract.
    let store = if pointer.is_null() { None } else { Some(unsafe { array_out(pointer, name) }?) };
    Ok(move |items: &[T]| {
        if let Some(store) = store {
            store(items);
        }
    })
}

/// The array of `items` for C, whose number is stored in `count_out` unless that is NULL. `None`: NULL,
/// and 0.
///
/// # Safety
///
/// `count_out` is NULL, or valid for writes.
pub(super) unsafe fn array<T>(items: Option<&[T]>, count_out: *mut usize) -> *const T {
    if !count_out.is_null() && is_aligned(count_out) {
        // SAFETY: not NULL, aligned; the caller upholds the rest.
        unsafe { count_out.write(items.map_or(0, <[T]>::len)) };
    }
    items.map_or(std::ptr::null(), <[T]>::as_ptr)
}

/// Gives an object to C.
pub(super) fn give<T>(value: T) -> *mut T {
    Box::into_raw(Box::new(value))
}

/// Takes an object back from C and drops it.
///
/// # Safety
///
/// NULL, or from [`give`] and not used again.
pub(super) unsafe fn free<T>(pointer: *mut T) {
    if !pointer.is_null() {
        // A cancellation would leave files open.
        let _uncancelled = NoCancellation::begin();
        // SAFETY: not NULL; the caller upholds the rest.
        drop(unsafe { Box::from_raw(pointer) });
    }
}
