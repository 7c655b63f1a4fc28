// SPDX-License-Identifier: GPL-2.0-or-later
//! What is left to a task.

use super::error::{from_alloc, Result};
use super::sys;
use core::ffi::c_void;
use core::ptr::NonNull;

/// A call of [`crate::module`]'s `pktstat_rs_collect`, made by a task of the kernel's.
///
/// Made, cancelled and dropped in process context, and may sleep then; started in any.
///
/// # Invariants
///
/// `raw` is a work item of the shim's that this value owns alone.
pub struct Work {
    raw: NonNull<sys::pktstat_work>,
}

// SAFETY: a work item is no task's and no CPU's.
unsafe impl Send for Work {}
// SAFETY: the kernel's workqueue takes starts from any number of CPUs at once.
unsafe impl Sync for Work {}

impl Work {
    /// One that is not to be started before [`Work::set_target`].
    pub fn new() -> Result<Self> {
        // SAFETY: process context.
        let raw = from_alloc(unsafe { sys::pktstat_shim_work_new() })?;
        // INVARIANT: just made, and nobody else has it.
        Ok(Self { raw })
    }

    /// What is collected.
    ///
    /// # Safety
    ///
    /// Nobody starts it yet. `target` is what `pktstat_rs_collect` expects, and valid until
    /// [`Work::cancel`] has returned and nobody starts it any more.
    pub unsafe fn set_target(&self, target: *const c_void) {
        // SAFETY: the work item lives as long as `self`, and by the caller's promise does not run.
        unsafe { sys::pktstat_shim_work_for(self.raw.as_ptr(), target) };
    }

    /// Has it run soon, once more if it is running. Any context.
    pub fn start(&self) {
        // SAFETY: the work item lives as long as `self`.
        unsafe { sys::pktstat_shim_work_start(self.raw.as_ptr()) };
    }

    /// Waits until it does not run, and will not unless it is started again.
    pub fn cancel(&self) {
        // SAFETY: the work item lives as long as `self`; process context.
        unsafe { sys::pktstat_shim_work_cancel(self.raw.as_ptr()) };
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        // SAFETY: ours; it is cancelled, and waited for, before it is freed. Process context.
        unsafe { sys::pktstat_shim_work_free(self.raw.as_ptr()) };
    }
}
