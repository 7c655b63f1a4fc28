// SPDX-License-Identifier: GPL-2.0-or-later
//! The files of a counter: reading `data` consumes, reading `status` changes nothing.
//!
//! A row leaves the counter when its last byte has reached the reader. Until then the open file
//! has it, and gives it back when it is closed.

use super::counter::Counter;
use super::error::{Error, Result};
use super::memory::Boxed;
use super::mutex::Mutex;
use super::sys;
use crate::row::{HEADER, ROW_MAX};
use crate::stat::drain::Taken;
use crate::stat::window::Window;
use crate::status::STATUS_MAX;
use core::ffi::{c_char, c_void};
use core::ptr::NonNull;

/// An open `data`.
struct Open {
    /// Lives longer: removing its files closes them.
    counter: NonNull<Counter>,
    state: Mutex<State>,
}

/// What an open `data` is at.
struct State {
    /// The header or a row, and what of it the reader has not got.
    text: [u8; ROW_MAX],
    end: usize,
    at: usize,
    /// The row's counts, until the reader has all of its text.
    row: Option<Taken>,
    last: Option<Window>,
}

impl State {
    fn new() -> Self {
        let mut text = [0; ROW_MAX];
        for (to, from) in text.iter_mut().zip(HEADER.as_bytes()) {
            *to = *from;
        }
        Self {
            text,
            end: HEADER.len(),
            at: 0,
            row: None,
            last: None,
        }
    }

    /// Copies as much of the text as fits, and returns how much that was.
    ///
    /// # Safety
    ///
    /// `to` is a reader's buffer of at least `room` bytes.
    unsafe fn copy(&mut self, to: *mut c_void, room: usize) -> Result<usize> {
        let rest = self.text.get(self.at..self.end).unwrap_or_default();
        let len = rest.len().min(room);
        // SAFETY: `rest` has `len` bytes; a bad `to` is found by the copying itself.
        let missed = unsafe { sys::pktstat_shim_copy_to_user(to, rest.as_ptr().cast(), len) };
        let copied = len.wrapping_sub(missed);
        if copied == 0 && len != 0 {
            return Err(Error::EFAULT);
        }
        self.at = self.at.wrapping_add(copied);
        if self.at == self.end {
            self.row = None;
        }
        Ok(copied)
    }
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
        let mut state = self.state.lock();
        let mut done = 0_usize;
        let mut look = true;
        while done < len {
            if state.at == state.end {
                let Some((taken, row)) = self.counter().take_row(look, &mut state.last) else {
                    break;
                };
                look = false;
                state.end = row.write(&mut state.text);
                state.at = 0;
                state.row = Some(taken);
            }
            // SAFETY: `done` is below `len`, so this is within the buffer.
            match unsafe { state.copy(to.byte_add(done), len.wrapping_sub(done)) } {
                Ok(copied) => done = done.wrapping_add(copied),
                Err(error) if done == 0 => return Err(error),
                Err(_) => break,
            }
        }
        Ok(done)
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
        let state = Mutex::new(State::new())?;
        Boxed::new(Open { counter, state })
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
    let state = open.state.lock();
    state.row.is_some() || counter.poll(state.last)
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
    let row = open.state.lock().row;
    if let Some(taken) = row {
        open.counter().give_back(taken);
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
