// SPDX-License-Identifier: GPL-2.0-or-later
//! Errors, and how they are returned to C and come from there.

use core::ffi::c_int;
use core::num::NonZeroI32;
use core::ptr::NonNull;

/// What went wrong, as the kernel numbers it (`asm-generic/errno-base.h`).
///
/// # Invariants
///
/// Negative.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Error(NonZeroI32);

macro_rules! errors {
    ($($name:ident = $number:literal;)*) => {
        impl Error {
            $(
                #[doc = stringify!($name)]
                pub const $name: Self = match NonZeroI32::new(-$number) {
                    // INVARIANT: the numbers below are positive.
                    Some(errno) => Self(errno),
                    None => panic!("an errno of zero"),
                };
            )*
        }
    };
}

errors! {
    ENOMEM = 12;
    EFAULT = 14;
    EBUSY = 16;
    EINVAL = 22;
    ENOSPC = 28;
    ERANGE = 34;
}

/// What a fallible function gives.
pub type Result<T = ()> = core::result::Result<T, Error>;

impl Error {
    /// As a read or write callback returns it.
    pub fn as_ssize(self) -> isize {
        self.0.get() as isize
    }
}

/// A shim function's return value.
pub fn to_result(errno: c_int) -> Result {
    match NonZeroI32::new(errno) {
        None => Ok(()),
        // INVARIANT: the shim returns 0 or a negative errno.
        Some(errno) => Err(Error(errno)),
    }
}

/// A pointer that is null where there was no memory.
pub fn from_alloc<T>(memory: *mut T) -> Result<NonNull<T>> {
    NonNull::new(memory).ok_or(Error::ENOMEM)
}

/// A callback's return value.
pub fn from_result(result: Result) -> c_int {
    match result {
        Ok(()) => 0,
        Err(error) => error.0.get(),
    }
}
