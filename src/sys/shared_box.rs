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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

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
