// SPDX-License-Identifier: GPL-2.0-or-later
//! The kernel's raw spinlock, for what CPUs use with interrupts off.

use super::error::{from_alloc, Result};
use super::sys;
use crate::stat::threshold::Exclusive;
use core::cell::UnsafeCell;
use core::ptr::NonNull;

/// A value that one CPU at a time may use. Made and dropped in process context, and may sleep then;
/// used with interrupts off, and for a short time.
///
/// # Invariants
///
/// `raw` is a spinlock of the shim's that this value owns alone. The value is used by whoever holds
/// the spinlock and by nobody else.
pub struct SpinLock<T> {
    raw: NonNull<sys::pktstat_spinlock>,
    value: UnsafeCell<T>,
}

// SAFETY: a spinlock that nobody holds is no CPU's; what moves is the value.
unsafe impl<T: Send> Send for SpinLock<T> {}
// SAFETY: a `&SpinLock<T>` gives the `T` to one CPU after the other: that is sending it.
unsafe impl<T: Send> Sync for SpinLock<T> {}

impl<T> SpinLock<T> {
    /// A spinlock around `value`.
    pub fn new(value: T) -> Result<Self> {
        // SAFETY: process context.
        let raw = from_alloc(unsafe { sys::pktstat_shim_spinlock_new() })?;
        let value = UnsafeCell::new(value);
        // INVARIANT: just made, and nobody else has it.
        Ok(Self { raw, value })
    }
}

impl<T> Exclusive<T> for SpinLock<T> {
    fn with<R>(&self, use_it: impl FnOnce(&mut T) -> R) -> R {
        // SAFETY: the spinlock lives as long as `self`. Interrupts are off, so nothing on this CPU
        // that waits for it comes in between; `use_it` cannot panic, nothing in the module can.
        unsafe { sys::pktstat_shim_spin_lock(self.raw.as_ptr()) };
        // SAFETY: the spinlock is held until below, and only its holder uses the value.
        let result = use_it(unsafe { &mut *self.value.get() });
        // SAFETY: held since above, and the reference to the value is gone.
        unsafe { sys::pktstat_shim_spin_unlock(self.raw.as_ptr()) };
        result
    }
}

impl<T> Drop for SpinLock<T> {
    fn drop(&mut self) {
        // SAFETY: ours, and with `&mut self` nobody holds or awaits it.
        unsafe { sys::pktstat_shim_spinlock_free(self.raw.as_ptr()) };
    }
}
