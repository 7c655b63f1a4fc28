// SPDX-License-Identifier: GPL-2.0-or-later
//! The kernel's mutex. Process context, may sleep.

use super::error::Result;
use super::owned::{Object, Owned};
use super::sys;
use core::cell::UnsafeCell;
use core::ops::{Deref, DerefMut};

/// In which order a task may hold several: from the first to the last.
#[derive(Clone, Copy)]
#[repr(u32)]
pub enum Rank {
    /// The counters of a namespace.
    Registry,
    /// An open file.
    Delivery,
    /// What was collected of a counter.
    Collector,
    /// kstat's table and switches.
    Kstat,
    /// Which CPUs there are, and kstat's banks on them. Taken while a CPU comes or goes too: nothing
    /// that waits for that may be done with it, and nothing before it in this order be taken then.
    KstatCpus,
}

/// A value that one task at a time may use. Process context; locking may sleep.
///
/// # Invariants
///
/// `raw` is a mutex of the shim's that this value owns alone. The value is used by whoever has the
/// mutex locked and by nobody else.
pub struct Mutex<T> {
    raw: Owned<sys::pktstat_mutex>,
    value: UnsafeCell<T>,
}

// SAFETY: a `&Mutex<T>` gives the `T` to one task after the other: that is sending it.
unsafe impl<T: Send> Sync for Mutex<T> {}

// SAFETY: a lock that nobody holds is no task's and no CPU's.
unsafe impl Object for sys::pktstat_mutex {
    const FREE: unsafe extern "C" fn(*mut Self) = sys::pktstat_shim_mutex_free;
}

impl<T> Mutex<T> {
    /// A mutex around `value`.
    pub fn new(rank: Rank, value: T) -> Result<Self> {
        // SAFETY: a rank that the shim knows; process context, and nobody else has what was made.
        let raw = unsafe { Owned::new(sys::pktstat_shim_mutex_new(rank as u32)) }?;
        let value = UnsafeCell::new(value);
        Ok(Self { raw, value })
    }

    /// Waits for the value.
    pub fn lock(&self) -> Guard<'_, T> {
        // SAFETY: the mutex lives as long as `self`; process context.
        unsafe { sys::pktstat_shim_lock(self.raw.as_ptr()) };
        Guard(self)
    }
}

/// The right to use the value.
#[must_use = "the mutex is unlocked when the guard is dropped"]
pub struct Guard<'a, T>(&'a Mutex<T>);

impl<T> Deref for Guard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: the mutex is held as long as the guard lives.
        unsafe { &*self.0.value.get() }
    }
}

impl<T> DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the mutex is held as long as the guard lives, and there is one guard.
        unsafe { &mut *self.0.value.get() }
    }
}

impl<T> Drop for Guard<'_, T> {
    fn drop(&mut self) {
        // SAFETY: this task holds it.
        unsafe { sys::pktstat_shim_unlock(self.0.raw.as_ptr()) };
    }
}
