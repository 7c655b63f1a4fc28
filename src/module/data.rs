// SPDX-License-Identifier: GPL-2.0-or-later
//! The files of a counter: reading `data` consumes, reading `status` changes nothing.
//!
//! Process context, and may sleep. `/proc` calls none of these once the registry has removed the
//! counter's directory, but for the release of what is open, which that removal waits for.

use super::counter::Counter;
use crate::kernel::error::{Error, Result};
use crate::kernel::memory::{Arc, Array, Boxed, ForeignOwnable};
use crate::kernel::mutex::{Mutex, Rank};
use crate::kernel::sys;
use crate::stat::cpu::Timer as _;
use crate::stat::delivery::{self, Delivery};
use crate::stat::drain::Taken;
use crate::status::STATUS_MAX;
use core::ffi::{c_char, c_void};

/// An open `data`.
struct Open {
    counter: Arc<Counter>,
    delivery: Mutex<Delivery<Array<u8>, Array<Taken>>>,
}

impl Open {
    fn new(counter: Arc<Counter>) -> Result<Boxed<Self>> {
        let text = Array::new(delivery::TEXT, -1)?;
        let delivery = Delivery::new(text, Array::new(delivery::ROWS, -1)?);
        let delivery = Mutex::new(Rank::Delivery, delivery)?;
        Boxed::new(Self { counter, delivery })
    }

    /// # Safety
    ///
    /// `to` is a reader's buffer of `len` bytes.
    unsafe fn read(&self, to: *mut c_void, len: usize) -> Result<usize> {
        let copy = |at: usize, bytes: &[u8]| {
            // SAFETY: process context. What has come so far is enough for whoever wants it to end.
            if at != 0 && unsafe { sys::pktstat_shim_signal_pending() } {
                return 0;
            }
            // SAFETY: `at` is below `len` and so are the bytes from there on; a bad `to` is found
            // by the copying itself.
            let missed = unsafe {
                let to = to.byte_add(at);
                sys::pktstat_shim_copy_to_user(to, bytes.as_ptr().cast(), bytes.len())
            };
            bytes.len().wrapping_sub(missed)
        };
        let take =
            |last, again: bool, rows: &mut [Taken]| self.counter.take_rows(!again, last, rows);
        let mut delivery = self.delivery.lock();
        let period_ns = self.counter.rule().period_ns;
        delivery
            .read(period_ns, len, take, copy)
            .ok_or(Error::EFAULT)
    }
}

/// A read of a file begins: false where the counter has no rule any more.
///
/// # Safety
///
/// Called by `/proc`: `counter` is what [`super::registry`] gave to the file, which is there.
#[no_mangle]
unsafe extern "C" fn pktstat_rs_read_begin(counter: *mut c_void) -> bool {
    // SAFETY: the file keeps an owner, which is taken back when the file is gone.
    unsafe { Arc::<Counter>::borrow(counter) }.readers().enter()
}

/// It ends.
///
/// # Safety
///
/// As [`pktstat_rs_read_begin`], which returned true.
#[no_mangle]
unsafe extern "C" fn pktstat_rs_read_end(counter: *mut c_void) {
    // SAFETY: as when it began.
    unsafe { Arc::<Counter>::borrow(counter) }.readers().leave();
}

/// Opens `data`. Null where there is no memory.
///
/// # Safety
///
/// Called by `/proc`: `counter` is what [`super::registry`] gave to the file, which is there.
#[no_mangle]
unsafe extern "C" fn pktstat_rs_data_open(counter: *mut c_void) -> *mut c_void {
    // SAFETY: the file keeps an owner of its own, which is taken back when the file is gone.
    let counter = unsafe { Arc::<Counter>::clone_foreign(counter) };
    let open = counter.ok_or(Error::EINVAL).and_then(Open::new);
    open.map_or(core::ptr::null_mut(), Boxed::into_foreign)
}

/// Reads rows, until the buffer is full or no window is left.
///
/// # Safety
///
/// Called by `/proc`: `open` is from [`pktstat_rs_data_open`] and not released, `to` a user's buffer
/// of `len` bytes.
#[no_mangle]
unsafe extern "C" fn pktstat_rs_data_read(open: *mut c_void, to: *mut c_void, len: usize) -> isize {
    // SAFETY: not released as long as a callback of the file runs.
    let open = unsafe { Boxed::<Open>::borrow(open) };
    // SAFETY: the reader's own buffer.
    let done = unsafe { open.read(to, len) };
    if done.is_ok_and(|done| done < len) {
        open.ask_for_pollers();
    }
    match done {
        Ok(done) => done as isize,
        Err(error) => error.as_ssize(),
    }
}

impl Open {
    /// For a reader who has come to the end: whoever polls is woken when the next row is ready. A
    /// multishot poll of io_uring does not ask again after it was woken.
    fn ask_for_pollers(&self) {
        let timer = self.counter.timer();
        if timer.is_polled() && self.counter.poll(self.delivery.lock().last()) {
            timer.wake();
        }
    }
}

/// Whether a row can be read.
///
/// # Safety
///
/// Called by `/proc`: `open` is from [`pktstat_rs_data_open`] and not released, `file` and `table`
/// are the poll callback's.
#[no_mangle]
unsafe extern "C" fn pktstat_rs_data_poll(
    open: *mut c_void,
    file: *mut sys::file,
    table: *mut sys::poll_table_struct,
) -> bool {
    // SAFETY: not released as long as a callback of the file runs.
    let open = unsafe { Boxed::<Open>::borrow(open) };
    // SAFETY: the poll callback's own. Before the look, or a wake-up could be missed.
    unsafe { open.counter.timer().poll_wait(file, table) };
    let delivery = open.delivery.lock();
    // Also where a row is pending: the look is for what comes after it.
    let is_ready = open.counter.poll(delivery.last());
    let is_gone = open.counter.readers().is_closed();
    is_ready || is_gone || !delivery.pending().is_empty()
}

/// Closes `data`.
///
/// # Safety
///
/// Called by `/proc`: `open` is from [`pktstat_rs_data_open`], and no callback of the file runs or
/// will.
#[no_mangle]
unsafe extern "C" fn pktstat_rs_data_release(open: *mut c_void) {
    // SAFETY: the file's last callback.
    let Some(open) = (unsafe { Boxed::<Open>::from_foreign(open) }) else {
        return;
    };
    let delivery = open.delivery.lock();
    let pending = delivery.pending();
    if !pending.is_empty() {
        open.counter.give_back(pending);
    }
}

/// Writes what `status` says to `text`, which has room for `size` bytes, and returns its length.
///
/// # Safety
///
/// Called by `/proc`: `counter` is what [`super::registry`] gave to the file, which is there; `text`
/// is the shim's own buffer.
#[no_mangle]
unsafe extern "C" fn pktstat_rs_status(
    counter: *mut c_void,
    text: *mut c_char,
    size: usize,
) -> usize {
    if size < STATUS_MAX {
        return 0;
    }
    // SAFETY: the file keeps an owner, which is taken back when the file is gone.
    let counter = unsafe { Arc::<Counter>::borrow(counter) };
    // SAFETY: there is room for at least as many bytes, and nobody else has the buffer.
    let text = unsafe { &mut *text.cast::<[u8; STATUS_MAX]>() };
    counter.status().write(text)
}
