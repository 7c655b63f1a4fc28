// SPDX-License-Identifier: GPL-2.0-or-later
//! Directories in /proc. Process context, may sleep; never under a spinlock.

use super::error::{to_result, Result};
use super::memory::ForeignOwnable;
use super::owned::{Object, Owned};
use super::sys;
use core::ffi::{c_void, CStr};
use core::marker::PhantomData;
use core::mem::ManuallyDrop;

/// A directory that goes, with all in it, when this does.
///
/// # Invariants
///
/// Nobody else removes it.
pub struct Dir(Owned<sys::proc_dir_entry>);

/// Whose files they are.
#[derive(Clone, Copy)]
pub struct Owner {
    /// The network namespace, which outlives its directories; only the shim follows it.
    pub net: *mut c_void,
    /// Its user, a kuid.
    pub uid: u32,
    /// Its group, a kgid.
    pub gid: u32,
}

impl Dir {
    /// ENOMEM where `raw` is null.
    ///
    /// # Safety
    ///
    /// `raw` is a directory that nobody else removes, or null.
    pub unsafe fn from_raw(raw: *mut sys::proc_dir_entry) -> Result<Self> {
        // SAFETY: the caller's promise.
        Ok(Self(unsafe { Owned::new(raw) }?))
    }

    /// The directory `name` in this one, where there must be none of that name.
    pub fn dir(&self, name: &CStr, owner: Owner) -> Result<Self> {
        // SAFETY: the parent lives as long as `self`, the name is a C string.
        let raw = unsafe { sys::pktstat_shim_proc_dir(name.as_ptr(), self.0.as_ptr(), owner.net) };
        // SAFETY: just made, and nobody else has it.
        unsafe { Self::from_raw(raw) }
    }
}

/// A counter's directory with its files, whose callbacks are given a `T` that C owns.
///
/// # Invariants
///
/// `data` is what `T::into_foreign` gave, and C's as long as `dir` is there.
pub struct Files<T: ForeignOwnable> {
    dir: ManuallyDrop<Dir>,
    data: *mut c_void,
    _owns: PhantomData<T>,
}

// SAFETY: it owns a directory and a `T`'s target, and both may be dropped anywhere.
unsafe impl<T: ForeignOwnable> Send for Files<T> {}
// SAFETY: a `&Files<T>` gives nothing.
unsafe impl<T: ForeignOwnable> Sync for Files<T> {}

impl<T: ForeignOwnable> Files<T> {
    /// The files `status`, `data` and `history` in `dir`.
    ///
    /// # Safety
    ///
    /// `T` is what the callbacks of these files expect.
    pub unsafe fn new(dir: Dir, data: T, owner: Owner) -> Result<Self> {
        // INVARIANT: just made, and C's from here on.
        let files = Self {
            dir: ManuallyDrop::new(dir),
            data: data.into_foreign(),
            _owns: PhantomData,
        };
        let (dir, uid, gid) = (files.dir.0.as_ptr(), owner.uid, owner.gid);
        // SAFETY: directory and data live until `files` is dropped, which waits for the callbacks.
        to_result(unsafe { sys::pktstat_shim_proc_status(dir, files.data, uid, gid) })?;
        // SAFETY: as above.
        to_result(unsafe { sys::pktstat_shim_proc_data(dir, files.data, uid, gid) })?;
        // SAFETY: as above.
        to_result(unsafe { sys::pktstat_shim_proc_history(dir, files.data, uid, gid) })?;
        Ok(files)
    }

    /// The directory went with the one that it was in.
    pub fn gone(self) {
        let files = ManuallyDrop::new(self);
        // SAFETY: the callbacks are over, and `self` is not dropped: taken back once.
        drop(unsafe { T::from_foreign(files.data) });
    }
}

impl<T: ForeignOwnable> Drop for Files<T> {
    fn drop(&mut self) {
        // SAFETY: dropped here and nowhere else. First: it waits for the callbacks.
        unsafe { ManuallyDrop::drop(&mut self.dir) };
        // SAFETY: by the invariant, and the directory is gone: nobody has borrowed it.
        drop(unsafe { T::from_foreign(self.data) });
    }
}

// SAFETY: a directory of /proc is no task's, and the kernel locks the tree itself. Removal waits until
// nobody is in a file's callback, and releases what is open.
unsafe impl Object for sys::proc_dir_entry {
    const FREE: unsafe extern "C" fn(*mut Self) = sys::pktstat_shim_proc_remove;
}
