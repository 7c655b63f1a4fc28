// SPDX-License-Identifier: GPL-2.0-or-later
//! Memory, charged to the memory cgroup of whoever causes it. Process context, may sleep.

use super::error::{from_alloc, Result};
use super::sys;
use crate::sync::{fence, AtomicU64, Ordering};
use core::ffi::c_void;
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

// SAFETY: it owns the value alone: what moves is the value.
unsafe impl<T: Send> Send for Boxed<T> {}
// SAFETY: a `&Boxed<T>` gives a `&T`, and nothing else.
unsafe impl<T: Sync> Sync for Boxed<T> {}

/// A value in memory of its own that several own.
///
/// # Invariants
///
/// Points to a valid `Counted<T>` in memory from the shim's allocator, whose `owners` is how many
/// such pointers there are, those that C has included.
pub struct Arc<T>(NonNull<Counted<T>>);

/// The value first: a pointer to one is a pointer to the other.
#[repr(C)]
struct Counted<T> {
    value: T,
    owners: AtomicU64,
}

impl<T> Arc<T> {
    /// Moves `value` there. Process context, may sleep.
    pub fn new(value: T) -> Result<Self> {
        let owners = AtomicU64::new(1);
        let Boxed(place) = &*core::mem::ManuallyDrop::new(Boxed::new(Counted { value, owners })?);
        // INVARIANT: just made, and this is the one owner.
        Ok(Self(*place))
    }

    /// One more owner of what C has.
    ///
    /// # Safety
    ///
    /// As [`ForeignOwnable::borrow`], during the call.
    pub unsafe fn clone_foreign(raw: *mut c_void) -> Option<Self>
    where
        T: Send + Sync,
    {
        // SAFETY: by the caller's promise C keeps its owner during the call; it is lent, not taken:
        // nothing here drops it.
        let lent = unsafe { Self::from_foreign(raw) };
        core::mem::ManuallyDrop::new(lent).as_ref().cloned()
    }
}

impl<T> Clone for Arc<T> {
    fn clone(&self) -> Self {
        // SAFETY: valid by the invariant. Relaxed: whoever clones has an owner already.
        unsafe { self.0.as_ref() }
            .owners
            .fetch_add(1, Ordering::Relaxed);
        // INVARIANT: counted above; 64 bits are not counted through.
        Self(self.0)
    }
}

impl<T> Deref for Arc<T> {
    type Target = T;
    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: by the invariant it is valid as long as this owner is.
        &unsafe { self.0.as_ref() }.value
    }
}

impl<T> Drop for Arc<T> {
    fn drop(&mut self) {
        // SAFETY: valid by the invariant. Release: what this owner did to the value comes before
        // the last one drops it.
        if unsafe { self.0.as_ref() }
            .owners
            .fetch_sub(1, Ordering::Release)
            != 1
        {
            return;
        }
        fence(Ordering::Acquire);
        // INVARIANT: no other owner is left: it is a box's now.
        drop(Boxed(self.0));
    }
}

// SAFETY: any owner may be the last, and drop the value where it is; all share it.
unsafe impl<T: Send + Sync> Send for Arc<T> {}
// SAFETY: as above: a `&Arc<T>` can be cloned.
unsafe impl<T: Send + Sync> Sync for Arc<T> {}

/// A value that C keeps as a `void *` and hands back, on whatever CPU and task it likes: so it is
/// `Send` and `Sync`, and the compiler says where it is not.
pub trait ForeignOwnable: Sized {
    /// What is kept.
    type Target: Send + Sync;

    /// Gives it to C.
    fn into_foreign(self) -> *mut c_void;

    /// What C has.
    ///
    /// # Safety
    ///
    /// `raw` is from [`ForeignOwnable::into_foreign`] of this very type, and is not taken back as
    /// long as `'a`.
    unsafe fn borrow<'a>(raw: *const c_void) -> &'a Self::Target;

    /// Takes it back.
    ///
    /// # Safety
    ///
    /// `raw` is from [`ForeignOwnable::into_foreign`] of this very type, was not taken back before,
    /// and nobody has borrowed it any more.
    unsafe fn from_foreign(raw: *mut c_void) -> Option<Self>;
}

macro_rules! foreign {
    ($owner:ident) => {
        impl<T: Send + Sync> ForeignOwnable for $owner<T> {
            type Target = T;

            fn into_foreign(self) -> *mut c_void {
                core::mem::ManuallyDrop::new(self).0.as_ptr().cast()
            }

            unsafe fn borrow<'a>(raw: *const c_void) -> &'a T {
                // SAFETY: by the caller's promise `into_foreign` made it of a pointer to a valid
                // `T`, which C's ownership keeps; it is `Sync`, so others may have it too.
                unsafe { &*raw.cast::<T>() }
            }

            unsafe fn from_foreign(raw: *mut c_void) -> Option<Self> {
                // INVARIANT: the caller's promise: C's ownership becomes this one.
                NonNull::new(raw.cast()).map(Self)
            }
        }
    };
}
foreign!(Boxed);
foreign!(Arc);

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
            // SAFETY: `i` is below the `len` values that were just allocated; nobody else has them.
            unsafe { first.add(i).write(T::default()) };
        }
        // INVARIANT: just allocated and written.
        Ok(Self { first, len })
    }
}

// SAFETY: it owns its values alone: what moves are the values.
unsafe impl<T: Send> Send for Array<T> {}
// SAFETY: a `&Array<T>` gives `&T`s, and nothing else.
unsafe impl<T: Sync> Sync for Array<T> {}

impl<T> Deref for Array<T> {
    type Target = [T];
    #[inline(always)]
    fn deref(&self) -> &[T] {
        // SAFETY: by the invariant there are `len` values, which live as long as `self`.
        unsafe { core::slice::from_raw_parts(self.first.as_ptr(), self.len) }
    }
}

impl<T> DerefMut for Array<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as above, and `self` is borrowed alone.
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
