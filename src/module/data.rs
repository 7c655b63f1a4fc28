// SPDX-License-Identifier: GPL-2.0-or-later
//! The files of a counter: reading `data` consumes, reading `history` or `status` changes nothing.
//!
//! Process context, and may sleep. `/proc` calls none of these once the registry has removed the
//! counter's directory, but for the release of what is open, which that removal waits for.

use super::counter::Counter;
use crate::kernel::error::{from_result, Error, Result};
use crate::kernel::memory::{Arc, Array, Boxed, ForeignOwnable};
use crate::kernel::mutex::{Mutex, Rank};
use crate::kernel::sys;
use crate::stat::delivery::{self, Delivery};
use crate::stat::ring::{Position, Taken};
use crate::status::STATUS_MAX;
use core::ffi::{c_char, c_int, c_void};

/// An open `data` or `history`.
struct Open {
    counter: Counted,
    reader: Mutex<Reader>,
}

struct Reader {
    delivery: Delivery<Array<u8>, Array<Taken>>,
    /// Where it stands in `history`; `None`: it is `data`, which the counter's readers share.
    position: Option<Position>,
}

/// A counter, which knows that its rows are open.
struct Counted(Arc<Counter>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Open {
    fn new(counter: Arc<Counter>, history: bool) -> Result<Boxed<Self>> {
        counter.open()?;
        let counter = Counted(counter);
        let text = Array::new(delivery::TEXT, -1)?;
        let rows = Array::new(delivery::ROWS, -1)?;
        let position = history.then(|| counter.0.oldest());
        let delivery = Delivery::new(text, rows, position);
        let reader = Reader { delivery, position };
        let reader = Mutex::new(Rank::Delivery, reader)?;
        Boxed::new(Self { counter, reader })
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
        let counter = &self.counter.0;
        let reader = &mut *self.reader.lock();
        let position = &mut reader.position;
        let take = |last, again: bool, rows: &mut [Taken]| match position {
            Some(position) => counter.read_rows(!again, position, rows),
            None => counter.take_rows(!again, last, rows),
        };
        let period_ns = counter.rule().period_ns;
        let done = reader.delivery.read(period_ns, len, take, copy);
        done.ok_or(Error::EFAULT)
    }

    /// Whether a row is ready that it has not taken. In any case the pollers are woken when the next
    /// one is.
    fn poll(&self, reader: &Reader) -> bool {
        match &reader.position {
            Some(position) => self.counter.0.poll_history(position),
            None => self.counter.0.poll_data(reader.delivery.last()),
        }
    }

    fn is_readable(&self) -> bool {
        let reader = self.reader.lock();
        // Also where a row is pending: the look is for what comes after it.
        let is_ready = self.poll(&reader);
        let is_gone = self.counter.0.readers().is_closed();
        is_ready || is_gone || !reader.delivery.pending().is_empty()
    }

    /// Called at the end of the rows: sets the timer that wakes the pollers when the next row is ready.
    /// A multishot poll of io_uring does not call the poll callback again after it was told of a row.
    fn ask_for_pollers(&self) {
        let timer = self.counter.0.timer();
        if timer.is_polled() && self.poll(&self.reader.lock()) {
            timer.wake();
        }
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

/// Opens `data`, or `history`, and leaves it in `opened`.
///
/// # Safety
///
/// Called by `/proc`: `counter` is what [`super::registry`] gave to the file, which is there;
/// `opened` is the shim's own.
#[no_mangle]
unsafe extern "C" fn pktstat_rs_data_open(
    counter: *mut c_void,
    history: bool,
    opened: *mut *mut c_void,
) -> c_int {
    // SAFETY: the file keeps an owner of its own, which is taken back when the file is gone.
    let counter = unsafe { Arc::<Counter>::clone_foreign(counter) };
    let open = counter.ok_or(Error::EINVAL);
    let open = open.and_then(|counter| Open::new(counter, history));
    from_result(open.map(|open| {
        // SAFETY: the shim's own, which nobody else has.
        unsafe { opened.write(open.into_foreign()) };
    }))
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
    unsafe { open.counter.0.timer().poll_wait(file, table) };
    open.is_readable()
}

/// Closes `data` or `history`.
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
    let reader = open.reader.lock();
    let pending = reader.delivery.pending();
    // What was read from `history` is nobody else's.
    if reader.position.is_none() && !pending.is_empty() {
        open.counter.0.give_back(pending);
    }
}

/// Collects what the counter's CPUs have closed.
///
/// # Safety
///
/// Called by the counter's own work item, which is cancelled before the counter is dropped.
#[no_mangle]
unsafe extern "C" fn pktstat_rs_collect(counter: *const c_void) {
    // SAFETY: a counter that is not dropped before this call is over.
    let counter = unsafe { Arc::<Counter>::borrow(counter) };
    counter.collect();
}

/// Writes what `status` says to `text`, of `size` bytes, and returns its length.
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
    // SAFETY: it is at least as many bytes long, and nobody else has the buffer.
    let text = unsafe { &mut *text.cast::<[u8; STATUS_MAX]>() };
    counter.status().write(text)
}
