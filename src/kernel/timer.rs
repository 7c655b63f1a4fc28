// SPDX-License-Identifier: GPL-2.0-or-later
//! Waking those who poll a counter.

use super::error::{from_alloc, Result};
use super::sys;
use core::ptr::NonNull;

/// A counter's pollers, and the timer that wakes them.
///
/// Made and dropped in process context, and may sleep then; started and woken in any.
///
/// # Invariants
///
/// `raw` is a timer of the shim's that this value owns alone.
pub struct Timer {
    raw: NonNull<sys::pktstat_timer>,
}

// SAFETY: the shim's timer is no task's and no CPU's.
unsafe impl Send for Timer {}
// SAFETY: the shim locks the timer and the wait queue itself.
unsafe impl Sync for Timer {}

impl Timer {
    /// A timer that stands still. Process context, may sleep.
    pub fn new() -> Result<Self> {
        // SAFETY: process context.
        let raw = from_alloc(unsafe { sys::pktstat_shim_timer_new() })?;
        // INVARIANT: just made, and nobody else has it.
        Ok(Self { raw })
    }

    /// Puts a poller among those it wakes.
    ///
    /// # Safety
    ///
    /// `file` and `table` are a poll callback's own.
    pub unsafe fn poll_wait(&self, file: *mut sys::file, table: *mut sys::poll_table_struct) {
        // SAFETY: the caller is the poll callback that `file` and `table` were given to; the timer
        // lives as long as `self`.
        unsafe { sys::pktstat_shim_poll_wait(self.raw.as_ptr(), file, table) };
    }

    /// Whether anybody polls. Who comes later has not looked yet.
    pub fn is_polled(&self) -> bool {
        // SAFETY: the timer lives as long as `self`.
        unsafe { sys::pktstat_shim_is_polled(self.raw.as_ptr()) }
    }

    /// Wakes the pollers for the last time: the files are gone, and nobody waits there any more.
    pub fn hang_up(&self) {
        // SAFETY: the timer lives as long as `self`.
        unsafe { sys::pktstat_shim_hang_up(self.raw.as_ptr()) };
    }

    /// Lets it wake them in `in_ns`, unless it will do so sooner. Any context.
    pub fn start(&self, in_ns: u64) {
        // SAFETY: the timer lives as long as `self`.
        unsafe { sys::pktstat_shim_timer_start(self.raw.as_ptr(), in_ns) };
    }

    /// Wakes them now. Any context but a hard interrupt.
    pub fn wake(&self) {
        // SAFETY: the timer lives as long as `self`.
        unsafe { sys::pktstat_shim_wake(self.raw.as_ptr()) };
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        // SAFETY: ours; it is stopped, and waited for, before it is freed. Process context.
        unsafe { sys::pktstat_shim_timer_free(self.raw.as_ptr()) };
    }
}
