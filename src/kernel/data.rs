// SPDX-License-Identifier: GPL-2.0-or-later
//! The files of a counter: reading `data` consumes, reading `status` changes nothing.

use super::counter::Counter;
use super::error::{Error, Result};
use super::memory::{Array, Boxed};
use super::mutex::{Mutex, Rank};
use super::sys;
use crate::stat::delivery::{self, Delivery};
use crate::stat::drain::Taken;
use crate::status::STATUS_MAX;
use core::ffi::{c_char, c_void};
use core::ptr::NonNull;

/// An open `data`.
struct Open {
    /// Lives longer: removing its files closes them.
    counter: NonNull<Counter>,
    delivery: Mutex<Delivery<Array<u8>, Array<Taken>>>,
}

impl Open {
    fn counter(&self) -> &Counter {
        // SAFETY: the counter outlives its files.
        unsafe { self.counter.as_ref() }
    }

    /// # Safety
    ///
    /// `to` is a reader's buffer of `len` bytes.
    unsafe fn read(&self, to: *mut c_void, len: usize) -> Result<usize> {
        let counter = self.counter();
        let copy = |at: usize, bytes: &[u8]| {
            // SAFETY: `at` is below `len` and so are the bytes from there on; a bad `to` is found
            // by the copying itself.
            let missed = unsafe {
                let to = to.byte_add(at);
                sys::pktstat_shim_copy_to_user(to, bytes.as_ptr().cast(), bytes.len())
            };
            bytes.len().wrapping_sub(missed)
        };
        let take = |last, again: bool, rows: &mut [Taken]| counter.take_rows(!again, last, rows);
        let mut delivery = self.delivery.lock();
        let period_ns = counter.rule().period_ns;
        delivery
            .read(period_ns, len, take, copy)
            .ok_or(Error::EFAULT)
    }
}

/// Opens `data`. Null where there is no memory.
///
/// # Safety
///
/// `counter` is the one that the file was made for.
#[no_mangle]
unsafe extern "C" fn pktstat_rs_data_open(counter: *mut c_void) -> *mut c_void {
    let open = || {
        let counter = NonNull::new(counter.cast()).ok_or(Error::EINVAL)?;
        let text = Array::new(delivery::TEXT, -1)?;
        let delivery = Delivery::new(text, Array::new(delivery::ROWS, -1)?);
        let delivery = Mutex::new(Rank::Delivery, delivery)?;
        Boxed::new(Open { counter, delivery })
    };
    let open: Result<Boxed<Open>> = open();
    open.map_or(core::ptr::null_mut(), |open| {
        open.into_raw().as_ptr().cast()
    })
}

/// Reads rows, until the buffer is full or no window is left.
///
/// # Safety
///
/// `open` is from [`pktstat_rs_data_open`], `to` a user's buffer of `len` bytes.
#[no_mangle]
unsafe extern "C" fn pktstat_rs_data_read(open: *mut c_void, to: *mut c_void, len: usize) -> isize {
    // SAFETY: by the contract.
    let open = unsafe { &*open.cast::<Open>() };
    // SAFETY: by the contract.
    match unsafe { open.read(to, len) } {
        Ok(done) => done as isize,
        Err(error) => error.as_ssize(),
    }
}

/// Whether a row can be read.
///
/// # Safety
///
/// `open` is from [`pktstat_rs_data_open`], `file` and `table` are the poll callback's.
#[no_mangle]
unsafe extern "C" fn pktstat_rs_data_poll(
    open: *mut c_void,
    file: *mut sys::file,
    table: *mut sys::poll_table_struct,
) -> bool {
    // SAFETY: by the contract.
    let open = unsafe { &*open.cast::<Open>() };
    let counter = open.counter();
    // SAFETY: by the contract. Before the look, or a wake-up could be missed.
    unsafe { counter.poll_wait(file, table) };
    let delivery = open.delivery.lock();
    !delivery.pending().is_empty() || counter.poll(delivery.last())
}

/// Closes `data`.
///
/// # Safety
///
/// `open` is from [`pktstat_rs_data_open`], and nobody uses it any more.
#[no_mangle]
unsafe extern "C" fn pktstat_rs_data_release(open: *mut c_void) {
    let Some(open) = NonNull::new(open.cast::<Open>()) else {
        return;
    };
    // SAFETY: by the contract.
    let open = unsafe { Boxed::from_raw(open) };
    let delivery = open.delivery.lock();
    let pending = delivery.pending();
    if !pending.is_empty() {
        open.counter().give_back(pending);
    }
}

/// Writes what `status` says to `text`, which has room for `size` bytes, and returns its length.
///
/// # Safety
///
/// `counter` is the one that the file was made for.
#[no_mangle]
unsafe extern "C" fn pktstat_rs_status(
    counter: *mut c_void,
    text: *mut c_char,
    size: usize,
) -> usize {
    if size < STATUS_MAX {
        return 0;
    }
    // SAFETY: by the contract.
    let counter = unsafe { &*counter.cast::<Counter>() };
    // SAFETY: there is room for at least as many bytes.
    let text = unsafe { &mut *text.cast::<[u8; STATUS_MAX]>() };
    counter.status().write(text)
}
