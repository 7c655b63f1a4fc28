// SPDX-License-Identifier: GPL-2.0-or-later
//! The kernel's raw spinlock, for what CPUs use with interrupts off.

use super::error::Result;
use super::memory::Boxed;
use super::owned::{Object, Owned};
use super::sys;
use crate::sync::Exclusive;
use core::cell::UnsafeCell;

/// A value that one CPU at a time may use. Made and dropped in process context, and may sleep then;
/// used with interrupts off, and for a short time.
///
/// # Invariants
///
/// `raw` is a spinlock of the shim's that this value owns alone. The value is used by whoever holds
/// the spinlock and by nobody else.
pub struct SpinLock<T> {
    raw: Owned<sys::pktstat_spinlock>,
    value: UnsafeCell<T>,
}

// SAFETY: a `&SpinLock<T>` gives the `T` to one CPU after the other: that is sending it.
unsafe impl<T: Send> Sync for SpinLock<T> {}

// SAFETY: a lock that nobody holds is no task's and no CPU's.
unsafe impl Object for sys::pktstat_spinlock {
    const FREE: unsafe extern "C" fn(*mut Self) = sys::pktstat_shim_spinlock_free;
}

impl<T> SpinLock<T> {
    /// A spinlock around `value`.
    pub fn new(value: T) -> Result<Self> {
        // SAFETY: process context, and nobody else has what was just made.
        let raw = unsafe { Owned::new(sys::pktstat_shim_spinlock_new()) }?;
        let value = UnsafeCell::new(value);
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

/// A lock in an allocation of its own: what stands beside the box does not share its cache line.
impl<T, Lock: Exclusive<T>> Exclusive<T> for Boxed<Lock> {
    fn with<R>(&self, use_it: impl FnOnce(&mut T) -> R) -> R {
        (**self).with(use_it)
    }
}

/// Calls `use_it` with interrupts off. Any context; `use_it` must not sleep.
pub fn with_interrupts_off<R>(use_it: impl FnOnce() -> R) -> R {
    // SAFETY: they are as they were again below; nothing in the module panics in between.
    let flags = unsafe { sys::pktstat_shim_irq_save() };
    let result = use_it();
    // SAFETY: the flags are those from above, of this CPU: with interrupts off a task stays on it.
    unsafe { sys::pktstat_shim_irq_restore(flags) };
    result
}
