// SPDX-License-Identifier: GPL-2.0-or-later
//! Objects that the shim makes and frees.

use super::error::{from_alloc, Result};
use core::ptr::NonNull;

/// What the shim makes.
///
/// # Safety
///
/// The object is no task's and no CPU's: the shim's functions may be called on it by any, and by
/// several at once where they do not say otherwise. `FREE` takes one that nobody uses any more.
pub unsafe trait Object {
    /// Frees it. Process context; may wait for what the object has started.
    const FREE: unsafe extern "C" fn(*mut Self);
}

/// An object that goes when this does. Process context then, and may sleep.
///
/// # Invariants
///
/// The object is this value's alone.
pub struct Owned<T: Object>(NonNull<T>);

// SAFETY: an object is no task's, see `Object`.
unsafe impl<T: Object> Send for Owned<T> {}
// SAFETY: a `&Owned<T>` gives a pointer for the shim's functions, which any may call, see `Object`.
unsafe impl<T: Object> Sync for Owned<T> {}

impl<T: Object> Owned<T> {
    /// What the shim has just made; ENOMEM where it is null.
    ///
    /// # Safety
    ///
    /// Nobody else has it, or frees it.
    pub unsafe fn new(made: *mut T) -> Result<Self> {
        // INVARIANT: the caller's promise.
        Ok(Self(from_alloc(made)?))
    }

    /// For the shim's functions; valid as long as `self`.
    pub fn as_ptr(&self) -> *mut T {
        self.0.as_ptr()
    }
}

impl<T: Object> Drop for Owned<T> {
    fn drop(&mut self) {
        // SAFETY: ours, and with `&mut self` nobody uses it.
        unsafe { T::FREE(self.0.as_ptr()) };
    }
}
