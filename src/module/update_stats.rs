// SPDX-License-Identifier: GPL-2.0-or-later
//! What c_shim/update_stats*.c call: the texts of the files, and what is shown.

use crate::decimal::Writer;
use crate::kernel::error::{from_result, Error};
use crate::kernel::sys;
use crate::update_stats::command::{Command, NAME_MAX};
use crate::update_stats::field::{FIELDS, NAMES};
use crate::update_stats::name;
use crate::update_stats::shown::{Known, Shown};
use crate::update_stats::update::{self, Update, ALL_MAX};
use crate::update_stats::Refusal;
use core::ffi::{c_char, c_int};
use core::mem::{align_of, size_of};

const _: () = {
    assert!(sys::PKTSTAT_FIELDS as usize == FIELDS);
    assert!(sys::PKTSTAT_ALL_MAX as usize >= ALL_MAX);
    assert!(sys::PKTSTAT_NAME_MAX as usize == NAME_MAX);
    assert!(sys::PKTSTAT_ESCAPED_MAX as usize == name::ESCAPED_MAX);
    assert!(size_of::<sys::pktstat_known>() == size_of::<Known>());
    assert!(align_of::<sys::pktstat_known>() == align_of::<Known>());
    assert!(size_of::<sys::pktstat_shown>() == size_of::<Shown>());
    assert!(align_of::<sys::pktstat_shown>() == align_of::<Shown>());
    assert!(size_of::<sys::pktstat_update>() == size_of::<Update>());
    assert!(align_of::<sys::pktstat_update>() == align_of::<Update>());
};

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Malformed => Self::EINVAL,
            Refusal::TooLarge => Self::ERANGE,
        }
    }
}

/// # Safety
///
/// `text` points to `len` bytes that live for `'a` and do not change.
unsafe fn bytes<'a>(text: *const c_char, len: usize) -> &'a [u8] {
    // SAFETY: the caller's promise; the bytes of C's `char` are those of `u8`.
    unsafe { core::slice::from_raw_parts(text.cast(), len) }
}

/// The name of a field, or null beyond the last one.
#[no_mangle]
extern "C" fn pktstat_rs_field_name(field: usize) -> *const c_char {
    NAMES
        .get(field)
        .map_or(core::ptr::null(), |name| name.as_ptr())
}

/// Reads what was written to a field's file, or beyond the last field to `all`.
///
/// # Safety
///
/// `update` can be written; `text` points to `len` bytes.
#[no_mangle]
unsafe extern "C" fn pktstat_rs_update(
    update: *mut sys::pktstat_update,
    field: usize,
    text: *const c_char,
    len: usize,
) -> c_int {
    // SAFETY: sysfs keeps the text of a write, which only this task has, until store() returns.
    let text = unsafe { bytes(text, len) };
    let read = if field < FIELDS {
        Update::one(field, text)
    } else {
        Update::all(text)
    };
    let stored = read.map(|values| {
        // SAFETY: a variable of the calling store(), which nobody else knows; C's type and ours
        // are of one size and alignment, as asserted above.
        unsafe { update.cast::<Update>().write(values) }
    });
    from_result(stored.map_err(Error::from))
}

/// Takes a reading of the device and turns it into what is shown; with an update, writes that.
///
/// # Safety
///
/// `shown` was zeroed once and since then changed only here, with one caller at a time; `before`
/// is a copy of its first member; `reading` points to a value for each field; `update` is null or
/// was written by [`pktstat_rs_update`].
#[no_mangle]
unsafe extern "C" fn pktstat_rs_shown(
    shown: *mut sys::pktstat_shown,
    before: *const sys::pktstat_known,
    reading: *mut u64,
    update: *const sys::pktstat_update,
) {
    // SAFETY: part of an overlay, which its open file or RCU keeps; the caller holds its lock.
    let shown = unsafe { &mut *shown.cast::<Shown>() };
    // SAFETY: a variable of the caller's, which nobody else knows.
    let before = unsafe { &*before.cast::<Known>() };
    // SAFETY: the beginning of the caller's rtnl_link_stats64, which nobody else knows.
    let reading = unsafe { &mut *reading.cast::<[u64; FIELDS]>() };
    // SAFETY: null, or a variable of the calling store(), written by `pktstat_rs_update`.
    match unsafe { update.cast::<Update>().as_ref() } {
        None => shown.read(before, reading),
        Some(update) => shown.write(before, reading, update.values()),
    }
}

/// Writes the text of `all` and returns its length.
///
/// # Safety
///
/// `values` points to a value for each field; `text` has space for `PKTSTAT_ALL_MAX` bytes.
#[no_mangle]
unsafe extern "C" fn pktstat_rs_all(values: *const u64, text: *mut c_char) -> usize {
    // SAFETY: the beginning of a rtnl_link_stats64 that only the calling show() knows.
    let values = unsafe { &*values.cast::<[u64; FIELDS]>() };
    // SAFETY: the page that sysfs lends this show(), and nobody else, until it returns.
    let text = unsafe { core::slice::from_raw_parts_mut(text.cast(), ALL_MAX) };
    update::write_all(values, text)
}

/// Reads what was written to `update_stats`.
///
/// # Safety
///
/// `command` can be written; `text` points to `len` bytes.
#[no_mangle]
unsafe extern "C" fn pktstat_rs_command(
    command: *mut sys::pktstat_command,
    text: *const c_char,
    len: usize,
) -> c_int {
    // SAFETY: sysfs keeps the text of a write, which only this task has, until write() returns.
    let text = unsafe { bytes(text, len) };
    let stored = Command::parse(text).map(|read| {
        let mut name = [0; NAME_MAX + 1];
        // One byte longer than any name, so a NUL ends it.
        for (to, from) in name.iter_mut().zip(read.name) {
            *to = *from as c_char;
        }
        let read = sys::pktstat_command { name, on: read.on };
        // SAFETY: a variable of the calling write(), which nobody else knows.
        unsafe { command.write(read) };
    });
    from_result(stored.map_err(Error::from))
}

/// Whether /sys/kernel needs the name for itself.
///
/// # Safety
///
/// `name` points to `len` bytes.
#[no_mangle]
unsafe extern "C" fn pktstat_rs_name_reserved(name: *const c_char, len: usize) -> bool {
    // SAFETY: the caller's own copy of a device's name, or the device's, which changes under RTNL
    // only: that caller is a notifier and holds it.
    name::is_reserved(unsafe { bytes(name, len) })
}

/// Writes a name as printable ASCII and returns the length.
///
/// # Safety
///
/// `name` points to `len` bytes; `text` has space for `PKTSTAT_ESCAPED_MAX` bytes.
#[no_mangle]
unsafe extern "C" fn pktstat_rs_name_escape(
    name: *const c_char,
    len: usize,
    text: *mut c_char,
) -> usize {
    // SAFETY: a directory's name, which only changes under the registry's mutex, which the caller
    // holds; or a device's, as in `pktstat_rs_name_reserved`.
    let name = unsafe { bytes(name, len) };
    // SAFETY: an array of the caller's that nobody else knows.
    let text = unsafe { core::slice::from_raw_parts_mut(text.cast(), name::ESCAPED_MAX) };
    let mut writer = Writer::new(text);
    name::escape(name, &mut writer);
    writer.written()
}
