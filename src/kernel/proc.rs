// SPDX-License-Identifier: GPL-2.0-or-later
//! Directories in /proc. Process context, may sleep; never under a spinlock.

use super::error::{from_alloc, to_result, Result};
use super::sys;
use core::ffi::{c_void, CStr};
use core::ptr::NonNull;

/// A directory that goes, with all in it, when this does.
pub struct Dir(NonNull<sys::proc_dir_entry>);

/// Who owns the files of a network namespace, in the kernel's own ids.
#[derive(Clone, Copy)]
pub struct Owner {
    /// kuid.
    pub uid: u32,
    /// kgid.
    pub gid: u32,
}

impl Dir {
    /// # Safety
    ///
    /// `raw` is a directory that nobody else removes.
    pub unsafe fn from_raw(raw: NonNull<sys::proc_dir_entry>) -> Self {
        Self(raw)
    }

    /// The directory `name` in this one, where there must be none of that name.
    pub fn dir(&self, name: &CStr) -> Result<Self> {
        // SAFETY: the parent lives as long as `self`, the name is a C string.
        let raw = unsafe { sys::pktstat_shim_proc_dir(name.as_ptr(), self.0.as_ptr()) };
        Ok(Self(from_alloc(raw)?))
    }

    /// The files `status` and `data`.
    ///
    /// # Safety
    ///
    /// `counter` points to a [`super::counter::Counter`] that outlives the directory.
    pub unsafe fn files(&self, counter: *mut c_void, owner: Owner) -> Result {
        let (dir, uid, gid) = (self.0.as_ptr(), owner.uid, owner.gid);
        // SAFETY: the directory lives as long as `self`; the counter by the contract.
        to_result(unsafe { sys::pktstat_shim_proc_status(dir, counter, uid, gid) })?;
        // SAFETY: as above.
        to_result(unsafe { sys::pktstat_shim_proc_data(dir, counter, uid, gid) })
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        // SAFETY: ours; removal waits until nobody is in a file's callback and releases what is
        // open.
        unsafe { sys::pktstat_shim_proc_remove(self.0.as_ptr()) };
    }
}
