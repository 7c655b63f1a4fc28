// SPDX-License-Identifier: GPL-2.0-or-later
//! Waking those who poll a counter.

use super::error::{from_alloc, Result};
use super::sys;
use core::ffi::c_void;
use core::ptr::NonNull;

/// A timer that wakes the pollers of `key`.
pub struct Timer {
    raw: NonNull<sys::pktstat_timer>,
    key: *const c_void,
}

impl Timer {
    /// A timer that stands still. Process context, may sleep.
    pub fn new(key: *const c_void) -> Result<Self> {
        // SAFETY: the key is never followed, only compared.
        let raw = from_alloc(unsafe { sys::pktstat_shim_timer_new(key) })?;
        Ok(Self { raw, key })
    }

    /// Lets it fire in `in_ns`, if it would not sooner. Any context.
    pub fn start(&self, in_ns: u64) {
        // SAFETY: the timer lives as long as `self`.
        unsafe { sys::pktstat_shim_timer_start(self.raw.as_ptr(), in_ns) };
    }

    /// Puts a poller among those it wakes.
    ///
    /// # Safety
    ///
    /// `file` and `table` are a poll callback's own.
    pub unsafe fn poll_wait(&self, file: *mut sys::file, table: *mut sys::poll_table_struct) {
        // SAFETY: by the contract; the key is never followed, only compared.
        unsafe { sys::pktstat_shim_poll_wait(self.key, file, table) };
    }

    /// Wakes the pollers now. Any context but a hard interrupt.
    pub fn wake(&self) {
        // SAFETY: the key is never followed, only compared.
        unsafe { sys::pktstat_shim_wake(self.key) };
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        // SAFETY: ours; it is stopped, and waited for, before it is freed. Process context.
        unsafe { sys::pktstat_shim_timer_free(self.raw.as_ptr()) };
    }
}
