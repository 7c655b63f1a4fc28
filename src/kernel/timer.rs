// SPDX-License-Identifier: GPL-2.0-or-later
//! Waking those who poll a counter.

use super::error::Result;
use super::owned::{Object, Owned};
use super::sys;

/// A counter's pollers, and the timer that wakes them.
///
/// Made and dropped in process context, and may sleep then; started and woken in any.
pub struct Timer(Owned<sys::pktstat_timer>);

// SAFETY: the shim locks the timer and the wait queue itself; freeing stops it, and waits for it.
unsafe impl Object for sys::pktstat_timer {
    const FREE: unsafe extern "C" fn(*mut Self) = sys::pktstat_shim_timer_free;
}

impl Timer {
    /// A timer that stands still. Process context, may sleep.
    pub fn new() -> Result<Self> {
        // SAFETY: process context, and nobody else has what was just made.
        Ok(Self(unsafe { Owned::new(sys::pktstat_shim_timer_new()) }?))
    }

    /// Puts a poller among those it wakes.
    ///
    /// # Safety
    ///
    /// `file` and `table` are a poll callback's own.
    pub unsafe fn poll_wait(&self, file: *mut sys::file, table: *mut sys::poll_table_struct) {
        // SAFETY: the caller is the poll callback that `file` and `table` were given to; the timer
        // lives as long as `self`.
        unsafe { sys::pktstat_shim_poll_wait(self.0.as_ptr(), file, table) };
    }

    /// Whether anybody polls. Who comes later has not looked yet.
    pub fn is_polled(&self) -> bool {
        // SAFETY: the timer lives as long as `self`.
        unsafe { sys::pktstat_shim_is_polled(self.0.as_ptr()) }
    }

    /// Wakes the pollers for the last time: the files are gone, and nobody waits there any more.
    pub fn hang_up(&self) {
        // SAFETY: the timer lives as long as `self`.
        unsafe { sys::pktstat_shim_hang_up(self.0.as_ptr()) };
    }

    /// Lets it wake them in `in_ns`, unless it will do so sooner. Any context.
    pub fn start(&self, in_ns: u64) {
        // SAFETY: the timer lives as long as `self`.
        unsafe { sys::pktstat_shim_timer_start(self.0.as_ptr(), in_ns) };
    }

    /// Wakes them now. Any context but a hard interrupt.
    pub fn wake(&self) {
        // SAFETY: the timer lives as long as `self`.
        unsafe { sys::pktstat_shim_wake(self.0.as_ptr()) };
    }
}
