// SPDX-License-Identifier: GPL-2.0-or-later
//! Memory, charged to the memory cgroup of whoever causes it. Process context, may sleep.

use super::error::{from_alloc, Result};
use super::sys;
use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;

/// A value in memory of its own.
///
/// # Invariants
///
/// Points to a valid `T` in memory from the shim's allocator, owned by this box alone.
pub struct Boxed<T>(NonNull<T>);

impl<T> Boxed<T> {
    /// Moves `value` there.
    pub fn new(value: T) -> Result<Self> {
        const { assert!(core::mem::align_of::<T>() <= 8) };
        // SAFETY: any size is allowed; -1 is any CPU.
        let memory = unsafe { sys::pktstat_shim_alloc(core::mem::size_of::<T>(), -1) };
        let place = from_alloc(memory.cast::<T>())?;
        // SAFETY: the memory is as large as a `T`, aligned to 8 and nobody else's.
        unsafe { place.write(value) };
        // INVARIANT: just allocated and written.
        Ok(Self(place))
    }

    /// Gives the value into the hands of C.
    pub fn into_raw(self) -> NonNull<T> {
        let place = self.0;
        core::mem::forget(self);
        place
    }

    /// Takes it back.
    ///
    /// # Safety
    ///
    /// `place` is from [`Boxed::into_raw`], and nobody uses it any more.
    pub unsafe fn from_raw(place: NonNull<T>) -> Self {
        // INVARIANT: by the contract it is what `into_raw` gave away.
        Self(place)
    }
}

impl<T> Deref for Boxed<T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: by the invariant it is valid and ours.
        unsafe { self.0.as_ref() }
    }
}

impl<T> DerefMut for Boxed<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: by the invariant it is valid and ours alone.
        unsafe { self.0.as_mut() }
    }
}

impl<T> Drop for Boxed<T> {
    fn drop(&mut self) {
        // SAFETY: by the invariant it is valid, and nobody can use it after this.
        unsafe { self.0.drop_in_place() };
        // SAFETY: from the shim's allocator, and its value is gone.
        unsafe { sys::pktstat_shim_free(self.0.as_ptr().cast()) };
    }
}

/// A fixed number of values.
///
/// # Invariants
///
/// Points to `len` valid `T`s in memory from the shim's allocator, owned by this array alone.
pub struct Array<T> {
    first: NonNull<T>,
    len: usize,
}

impl<T: Default> Array<T> {
    /// How many bytes `len` values take.
    pub fn size(len: usize) -> u64 {
        (len as u64).saturating_mul(core::mem::size_of::<T>() as u64)
    }

    /// `len` default values, in memory near `cpu` (-1: anywhere).
    pub fn new(len: usize, cpu: i32) -> Result<Self> {
        const { assert!(core::mem::align_of::<T>() <= 8) };
        let size = usize::try_from(Self::size(len)).unwrap_or(usize::MAX);
        // SAFETY: any size is allowed.
        let memory = unsafe { sys::pktstat_shim_alloc(size, cpu) };
        let first = from_alloc(memory.cast::<T>())?;
        for i in 0..len {
            // SAFETY: `i` is below `len`, for which there is room, and nobody else has it.
            unsafe { first.add(i).write(T::default()) };
        }
        // INVARIANT: just allocated and written.
        Ok(Self { first, len })
    }
}

impl<T> Deref for Array<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        // SAFETY: by the invariant.
        unsafe { core::slice::from_raw_parts(self.first.as_ptr(), self.len) }
    }
}

impl<T> DerefMut for Array<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: by the invariant.
        unsafe { core::slice::from_raw_parts_mut(self.first.as_ptr(), self.len) }
    }
}

impl<T> Drop for Array<T> {
    fn drop(&mut self) {
        // SAFETY: by the invariant they are valid, and nobody can use them after this.
        unsafe { core::ptr::drop_in_place(&mut **self) };
        // SAFETY: from the shim's allocator, and the values are gone.
        unsafe { sys::pktstat_shim_free(self.first.as_ptr().cast()) };
    }
}
