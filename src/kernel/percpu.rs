// SPDX-License-Identifier: GPL-2.0-or-later
//! A value on each CPU, in the kernel's per-CPU memory.

use super::error::{from_alloc, Result};
use super::memory::Array;
use super::sys;
use core::ffi::c_void;
use core::mem::{align_of, size_of};
use core::ptr::NonNull;

fn next_cpu(cpu: i32) -> Option<i32> {
    // SAFETY: any number is allowed; the set of possible CPUs never changes.
    let next = unsafe { sys::pktstat_shim_next_cpu(cpu) };
    (next >= 0).then_some(next)
}

/// The CPUs that there may ever be. Any context.
pub fn possible_cpus() -> impl Iterator<Item = i32> {
    core::iter::successors(next_cpu(-1), |&cpu| next_cpu(cpu))
}

/// A `T` for each possible CPU: one that is offline keeps its value.
///
/// Made and dropped in process context, and may sleep then; iterated over in any context.
///
/// # Invariants
///
/// `raw` is a per-CPU allocation that this value owns alone. The places are those of a valid `T`
/// in it, one for each possible CPU, in the CPUs' order, and never move.
pub struct PerCpu<T> {
    raw: NonNull<c_void>,
    places: Array<Place<T>>,
}

/// Where a CPU's value is; null where none has been made.
struct Place<T>(*mut T);

impl<T> Default for Place<T> {
    fn default() -> Self {
        Self(core::ptr::null_mut())
    }
}

// SAFETY: it owns its values, and dropping them on another task than made them needs them `Send`.
unsafe impl<T: Send> Send for PerCpu<T> {}
// SAFETY: a `&PerCpu<T>` gives a `&T` to whatever CPU asks, and to many at once.
unsafe impl<T: Send + Sync> Sync for PerCpu<T> {}

impl<T> PerCpu<T> {
    /// How many bytes it takes.
    pub fn size() -> u64 {
        let each = Array::<Place<T>>::size(1).saturating_add(size_of::<T>() as u64);
        (possible_cpus().count() as u64).saturating_mul(each)
    }

    /// Calls `make` for each possible CPU.
    pub fn new(mut make: impl FnMut(i32) -> Result<T>) -> Result<Self> {
        // SAFETY: the value is written whole before Ok is returned.
        unsafe {
            Self::in_place(|cpu, place| {
                place.write(make(cpu)?);
                Ok(())
            })
        }
    }

    /// The same for a `T` that is too large for the stack: `make` writes it where it will be.
    ///
    /// # Safety
    ///
    /// `make` returns `Ok` only where it has written a valid `T`; an `Err` leaves nothing to drop.
    pub unsafe fn in_place(mut make: impl FnMut(i32, *mut T) -> Result) -> Result<Self> {
        let places = Array::new(possible_cpus().count(), -1)?;
        // SAFETY: a small size and a power of two.
        let raw = unsafe { sys::pktstat_shim_percpu_alloc(size_of::<T>(), align_of::<T>()) };
        let mut all = Self {
            raw: from_alloc(raw)?,
            places,
        };
        // INVARIANT: a place that is null has no value; where `make` fails, dropping `all` passes
        // over those.
        for (cpu, place) in possible_cpus().zip(all.places.iter_mut()) {
            // SAFETY: the allocation was just made; this only computes an address in it.
            let at = unsafe { sys::pktstat_shim_percpu_on(all.raw.as_ptr(), cpu) }.cast::<T>();
            make(cpu, at)?;
            *place = Place(at);
        }
        Ok(all)
    }

    /// What the kernel's per-CPU macros take, and a CPU's own value is found by: not an address
    /// on any CPU.
    pub fn handle(&self) -> *mut c_void {
        self.raw.as_ptr()
    }

    /// The values, in the order of the CPUs.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        // SAFETY: by the invariant each is valid as long as `self`; nobody has a `&mut` to it while
        // `self` is shared.
        self.places.iter().map(|place| unsafe { &*place.0 })
    }

    /// The value that is so many after the first.
    pub fn get(&self, number: usize) -> Option<&T> {
        let place = self.places.get(number)?;
        // SAFETY: as above.
        Some(unsafe { &*place.0 })
    }

    /// One CPU's value, as C found it by the handle.
    ///
    /// # Safety
    ///
    /// `value` is the place of the handle's value on some CPU, and the `PerCpu` is not dropped as
    /// long as `'a`.
    #[inline(always)]
    pub unsafe fn value_at<'a>(value: *const c_void) -> &'a T
    where
        T: Send + Sync,
    {
        // SAFETY: valid by the caller's promise and the invariant; `Sync`, so others may have it.
        unsafe { &*value.cast::<T>() }
    }
}

impl<T> Drop for PerCpu<T> {
    fn drop(&mut self) {
        for place in self.places.iter().filter(|place| !place.0.is_null()) {
            // SAFETY: by the invariant valid, and with `&mut self` nobody else has it.
            unsafe { place.0.drop_in_place() };
        }
        // SAFETY: ours alone, and its values are gone.
        unsafe { sys::pktstat_shim_percpu_free(self.raw.as_ptr()) };
    }
}
