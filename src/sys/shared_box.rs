//! A value on the heap that a thread can replace while others use it.

use std::sync::atomic::{AtomicPtr, Ordering};

/// Owns a value, which any thread may replace. Replaced values are never freed, so references to
/// them stay valid: for values that are replaced rarely, such as once in a forked process.
pub(crate) struct SharedBox<T> {
    value: AtomicPtr<T>,
}

impl<T: Send + Sync> SharedBox<T> {
    pub fn new(value: T) -> SharedBox<T> {
        SharedBox { value: AtomicPtr::new(Box::into_raw(Box::new(value))) }
    }

    /// Returns the current value.
    pub fn get(&self) -> &T {
        // SAFETY: the pointer is from a box, which only `drop` frees.
        unsafe { &*self.value.load(Ordering::Acquire) }
    }

    /// Replaces the value `old` by `new`, and returns whether `old` was still the current one. If
    /// it was, it is never freed.
    pub fn replace(&self, old: &T, new: T) -> bool {
        let new = Box::into_raw(Box::new(new));
        let old = (old as *const T).cast_mut();
        let (set, failed) = (Ordering::AcqRel, Ordering::Relaxed);
        let replaced = self.value.compare_exchange(old, new, set, failed).is_ok();
        if !replaced {
            // SAFETY: the pointer is from the box above, and no one else has it.
            drop(unsafe { Box::from_raw(new) });
        }
        replaced
    }
}

impl<T> Drop for SharedBox<T> {
    fn drop(&mut self) {
        // SAFETY: the pointer is from a box, and no one else uses this object now.
        drop(unsafe { Box::from_raw(*self.value.get_mut()) });
    }
}

/// A value that any thread can set, once. No thread waits for another one, so that no fork can leave
/// it locked: of several threads that set it, one succeeds.
pub(crate) struct SharedCell<T> {
    value: AtomicPtr<T>,
}

impl<T: Send + Sync> SharedCell<T> {
    pub const fn new() -> SharedCell<T> {
        SharedCell { value: AtomicPtr::new(std::ptr::null_mut()) }
    }

    /// Returns the value, if it is set.
    #[inline]
    pub fn get(&self) -> Option<&T> {
        // SAFETY: the pointer is null or from a box, which only `drop` frees.
        unsafe { self.value.load(Ordering::Acquire).as_ref() }
    }

    /// Sets the value, unless it is set already, and returns the one that is set.
    pub fn set(&self, value: T) -> &T {
        let new = Box::into_raw(Box::new(value));
        let (set, failed) = (Ordering::AcqRel, Ordering::Acquire);
        match self.value.compare_exchange(std::ptr::null_mut(), new, set, failed) {
            // SAFETY: the pointer is from the box above, which only `drop` frees.
            Ok(_) => unsafe { &*new },
            Err(first) => {
                // SAFETY: the pointer is from the box above, and no one else has it.
                drop(unsafe { Box::from_raw(new) });
                // SAFETY: the pointer is from a box, which only `drop` frees.
                unsafe { &*first }
            }
        }
    }
}

impl<T> SharedCell<T> {
    /// Takes the value out.
    pub fn take(&mut self) -> Option<Box<T>> {
        let value = std::mem::replace(self.value.get_mut(), std::ptr::null_mut());
        // SAFETY: the pointer is from a box, and no one else uses this object now.
        (!value.is_null()).then(|| unsafe { Box::from_raw(value) })
    }
}

impl<T> Drop for SharedCell<T> {
    fn drop(&mut self) {
        self.take();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn only_the_first_value_is_set() {
        let (first, second) = (Arc::new(1), Arc::new(2));
        let cell = SharedCell::new();
        assert_eq!(cell.get(), None);
        assert_eq!((**cell.set(first.clone()), **cell.set(second.clone())), (1, 1));
        assert_eq!((cell.get(), Arc::strong_count(&second)), (Some(&first), 1));
        drop(cell);
        assert_eq!(Arc::strong_count(&first), 1);
        drop(SharedCell::<u32>::new());
    }

    #[test]
    fn only_the_current_value_is_replaced_and_dropped() {
        let values: Vec<_> = (0..3).map(Arc::new).collect();
        let shared = SharedBox::new(values[0].clone());
        let first = shared.get();
        assert!(shared.replace(first, values[1].clone()));
        assert!(!shared.replace(first, values[2].clone()), "it is not the current one");
        assert_eq!((**first, **shared.get()), (0, 1));
        drop(shared);
        let owners: Vec<_> = values.iter().map(Arc::strong_count).collect();
        assert_eq!(owners, [2, 1, 1], "a replaced value is not dropped");
    }
}
