// SPDX-License-Identifier: GPL-2.0-or-later
//! What is left to a task.

use super::error::Result;
use super::owned::{Object, Owned};
use super::sys;
use core::ffi::c_void;

/// A call of [`crate::module`]'s `pktstat_rs_collect`, made by a task of the kernel's.
///
/// Made, cancelled and dropped in process context, and may sleep then; started in any.
pub struct Work(Owned<sys::pktstat_work>);

// SAFETY: the kernel's workqueue takes starts from any number of CPUs at once; freeing cancels it,
// and waits for it.
unsafe impl Object for sys::pktstat_work {
    const FREE: unsafe extern "C" fn(*mut Self) = sys::pktstat_shim_work_free;
}

impl Work {
    /// One that is not to be started before [`Work::set_target`].
    pub fn new() -> Result<Self> {
        // SAFETY: process context, and nobody else has what was just made.
        Ok(Self(unsafe { Owned::new(sys::pktstat_shim_work_new()) }?))
    }

    /// What is collected.
    ///
    /// # Safety
    ///
    /// Nobody starts it yet. `target` is what `pktstat_rs_collect` expects, and valid until
    /// [`Work::cancel`] has returned and nobody starts it any more.
    pub unsafe fn set_target(&self, target: *const c_void) {
        // SAFETY: the work item lives as long as `self`, and by the caller's promise does not run.
        unsafe { sys::pktstat_shim_work_for(self.0.as_ptr(), target) };
    }

    /// Has it run soon, once more if it is running. Any context.
    pub fn start(&self) {
        // SAFETY: the work item lives as long as `self`.
        unsafe { sys::pktstat_shim_work_start(self.0.as_ptr()) };
    }

    /// Waits until it does not run, and will not unless it is started again.
    pub fn cancel(&self) {
        // SAFETY: the work item lives as long as `self`; process context.
        unsafe { sys::pktstat_shim_work_cancel(self.0.as_ptr()) };
    }
}
