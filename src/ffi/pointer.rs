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

/// An error if nothing can be where `pointer` points to: at NULL, or in between.
fn check<T>(pointer: *const T, name: &str) -> Result<()> {
    match () {
        _ if pointer.is_null() => Err(invalid(name, "NULL")),
        _ if !is_aligned(pointer) => Err(invalid(name, "not aligned")),
        _ => Ok(()),
    }
}

/// Whether a `T` may be there.
pub(super) fn is_aligned<T>(pointer: *const T) -> bool {
    pointer as usize % mem::align_of::<T>() == 0
}

/// Whether `pointer` leads into the `count` items from `start`.
pub(super) fn is_within<T>(pointer: *const T, start: *const T, count: usize) -> bool {
    let ahead = (pointer as usize).checked_sub(start as usize);
    ahead.is_some_and(|ahead| ahead / mem::size_of::<T>() < count)
}

/// What `pointer` points to.
///
/// # Safety
/// NULL, or valid for reads while `'a` lasts.
pub(super) unsafe fn borrow<'a, T>(pointer: *const T, name: &str) -> Result<&'a T> {
    check(pointer, name)?;
    // SAFETY: not NULL, aligned; the rest is the caller's.
    Ok(unsafe { &*pointer })
}

/// What `pointer` points to, to be changed.
///
/// # Safety
/// NULL, or valid for reads and writes by no one else while `'a` lasts.
pub(super) unsafe fn borrow_mut<'a, T>(pointer: *mut T, name: &str) -> Result<&'a mut T> {
    check(pointer, name)?;
    // SAFETY: not NULL, aligned; the rest is the caller's.
    Ok(unsafe { &mut *pointer })
}

/// The `count` items from `pointer`; none if both are zero.
///
/// # Safety
/// NULL, or valid for reads of `count` items while `'a` lasts.
pub(super) unsafe fn slice<'a, T>(pointer: *const T, count: usize, name: &str) -> Result<&'a [T]> {
    if count == 0 {
        return Ok(&[]);
    }
    check_array(pointer, count, name)?;
    // SAFETY: not NULL, aligned, not too long; the rest is the caller's.
    Ok(unsafe { std::slice::from_raw_parts(pointer, count) })
}

/// Room for `count` items from `pointer`, at least one.
///
/// # Safety
/// NULL, or valid for writes of `count` items by no one else while `'a` lasts.
pub(super) unsafe fn room<'a, T>(
    pointer: *mut T,
    count: usize,
    name: &str,
) -> Result<&'a mut [MaybeUninit<T>]> {
    check_array(pointer, count, name)?;
    // SAFETY: not NULL, aligned, not too long; the rest is the caller's.
    Ok(unsafe { std::slice::from_raw_parts_mut(pointer.cast(), count) })
}

fn check_array<T>(pointer: *const T, count: usize, name: &str) -> Result<()> {
    check(pointer, name)?;
    match count > isize::MAX as usize / mem::size_of::<T>() {
        true => Err(invalid(name, "longer than memory can be")),
        false => Ok(()),
    }
}

/// The `count` bytes from `pointer`, to be written; none if both are zero. They may be uninitialised
/// as C sees it: they are written before they are read.
///
/// # Safety
/// NULL, or valid for writes of `count` bytes by no one else while `'a` lasts.
pub(super) unsafe fn slice_mut<'a>(
    pointer: *mut u8,
    count: usize,
    name: &str,
) -> Result<&'a mut [u8]> {
    if count == 0 {
        return Ok(&mut []);
    }
    check_array(pointer, count, name)?;
    // SAFETY: not NULL, not too long; the rest is the caller's.
    Ok(unsafe { std::slice::from_raw_parts_mut(pointer, count) })
}

/// A path.
///
/// # Safety
/// NULL, or a NUL-terminated string valid for reads while `'a` lasts.
pub(super) unsafe fn path<'a>(pointer: *const c_char, name: &str) -> Result<&'a Path> {
    if pointer.is_null() {
        return Err(invalid(name, "NULL"));
    }
    // SAFETY: not NULL; the rest is the caller's.
    let path = unsafe { CStr::from_ptr(pointer) };
    Ok(Path::new(OsStr::from_bytes(path.to_bytes())))
}

/// Sets an output handle to NULL, and returns where it goes.
///
/// # Safety
/// NULL, or valid for writes.
pub(super) unsafe fn handle_out<T>(
    pointer: *mut *mut T,
    name: &str,
) -> Result<impl FnOnce(*mut T)> {
    // SAFETY: the caller's.
    let store = unsafe { out(pointer, name) }?;
    // SAFETY: not NULL, or there were an error; the rest is the caller's.
    unsafe { pointer.write(std::ptr::null_mut()) };
    Ok(store)
}

/// Where an output goes. It may be uninitialised, so it is not borrowed but written to.
///
/// # Safety
/// NULL, or valid for writes.
pub(super) unsafe fn out<T>(pointer: *mut T, name: &str) -> Result<impl FnOnce(T)> {
    check(pointer, name)?;
    // SAFETY: not NULL, aligned; the rest is the caller's.
    Ok(move |value| unsafe { pointer.write(value) })
}

/// Where an output goes that may not be wanted, as [`out`].
///
/// # Safety
/// NULL, or valid for writes.
pub(super) unsafe fn optional_out<T>(pointer: *mut T, name: &str) -> Result<impl FnOnce(T)> {
    // SAFETY: the caller's.
    let store = if pointer.is_null() { None } else { Some(unsafe { out(pointer, name) }?) };
    Ok(move |value| {
        if let Some(store) = store {
            store(value);
        }
    })
}

/// Where an output of many items goes, as [`out`].
///
/// # Safety
/// NULL, or valid for writes of as many items as are given.
pub(super) unsafe fn array_out<T: Copy>(pointer: *mut T, name: &str) -> Result<impl FnOnce(&[T])> {
    // SAFETY: the caller's.
    let _ = unsafe { out(pointer, name) }?;
    // SAFETY: not NULL, aligned; the rest is the caller's.
    Ok(move |items: &[T]| unsafe {
        pointer.copy_from_nonoverlapping(items.as_ptr(), items.len());
    })
}

/// Gives an object to C.
pub(super) fn give<T>(value: T) -> *mut T {
    Box::into_raw(Box::new(value))
}

/// Takes an object back from C and drops it.
///
/// # Safety
/// NULL, or from [`give`] and not used again.
pub(super) unsafe fn free<T>(pointer: *mut T) {
    if !pointer.is_null() {
        let _whole = NoCancellation::begin(); // files are closed
                                              // SAFETY: not NULL; the rest is the caller's.
        drop(unsafe { Box::from_raw(pointer) });
    }
}
