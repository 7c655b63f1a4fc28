// SPDX-License-Identifier: GPL-2.0-or-later
//! The texts and the deltas of update_stats, for the shim that has the files and the devices.

use super::error::{from_result, Error};
use super::sys;
use crate::decimal::Writer;
use crate::update_stats::deltas::Deltas;
use crate::update_stats::field::{FIELDS, NAMES};
use crate::update_stats::name;
use crate::update_stats::order::{Order, NAME_MAX};
use crate::update_stats::wanted::{self, Wanted, ALL_MAX};
use crate::update_stats::Refusal;
use core::ffi::{c_char, c_int};
use core::mem::{align_of, size_of};

const _: () = {
    assert!(sys::PKTSTAT_FIELDS as usize == FIELDS);
    assert!(sys::PKTSTAT_ALL_MAX as usize >= ALL_MAX);
    assert!(sys::PKTSTAT_NAME_MAX as usize == NAME_MAX);
    assert!(sys::PKTSTAT_ESCAPED_MAX as usize == name::ESCAPED_MAX);
    assert!(size_of::<sys::pktstat_deltas>() == size_of::<Deltas>());
    assert!(align_of::<sys::pktstat_deltas>() == align_of::<Deltas>());
    assert!(size_of::<sys::pktstat_wanted>() == size_of::<Wanted>());
    assert!(align_of::<sys::pktstat_wanted>() == align_of::<Wanted>());
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
    // SAFETY: by the contract.
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
/// `wanted` can be written; `text` points to `len` bytes.
#[no_mangle]
unsafe extern "C" fn pktstat_rs_wanted(
    wanted: *mut sys::pktstat_wanted,
    field: usize,
    text: *const c_char,
    len: usize,
) -> c_int {
    // SAFETY: by the contract, and only within this function.
    let text = unsafe { bytes(text, len) };
    let read = if field < FIELDS {
        Wanted::one(field, text)
    } else {
        Wanted::all(text)
    };
    let stored = read.map(|values| {
        // SAFETY: by the contract; the two are of one size and alignment, as asserted above.
        unsafe { wanted.cast::<Wanted>().write(values) }
    });
    from_result(stored.map_err(Error::from))
}

/// Makes shown what is wanted of a device that has counted `own`. One caller at a time.
///
/// # Safety
///
/// `deltas` was zeroed once and since then changed only here, `own` points to a value for each
/// field, `wanted` was written by [`pktstat_rs_wanted`].
#[no_mangle]
unsafe extern "C" fn pktstat_rs_deltas_set(
    deltas: *const sys::pktstat_deltas,
    own: *const u64,
    wanted: *const sys::pktstat_wanted,
) {
    // SAFETY: by the contract; zeroed memory is a valid value.
    let deltas = unsafe { &*deltas.cast::<Deltas>() };
    // SAFETY: by the contract.
    let own = unsafe { &*own.cast::<[u64; FIELDS]>() };
    // SAFETY: by the contract.
    let wanted = unsafe { &*wanted.cast::<Wanted>() };
    deltas.set(own, wanted.values());
}

/// Copies the deltas as one write left them. Any context.
///
/// # Safety
///
/// `deltas` as in [`pktstat_rs_deltas_set`]; `to` has room for a value for each field.
#[no_mangle]
unsafe extern "C" fn pktstat_rs_deltas_get(deltas: *const sys::pktstat_deltas, to: *mut u64) {
    // SAFETY: by the contract; zeroed memory is a valid value.
    let deltas = unsafe { &*deltas.cast::<Deltas>() };
    // SAFETY: by the contract.
    unsafe { to.cast::<[u64; FIELDS]>().write(deltas.get()) };
}

/// Writes the text of `all` and returns its length.
///
/// # Safety
///
/// `values` points to a value for each field; `text` has room for `PKTSTAT_ALL_MAX` bytes.
#[no_mangle]
unsafe extern "C" fn pktstat_rs_all(values: *const u64, text: *mut c_char) -> usize {
    // SAFETY: by the contract.
    let values = unsafe { &*values.cast::<[u64; FIELDS]>() };
    // SAFETY: by the contract, and nobody else has the buffer.
    let text = unsafe { core::slice::from_raw_parts_mut(text.cast(), ALL_MAX) };
    wanted::write_all(values, text)
}

/// Reads what was written to `update_stats`.
///
/// # Safety
///
/// `order` can be written; `text` points to `len` bytes.
#[no_mangle]
unsafe extern "C" fn pktstat_rs_order(
    order: *mut sys::pktstat_order,
    text: *const c_char,
    len: usize,
) -> c_int {
    // SAFETY: by the contract, and only within this function.
    let text = unsafe { bytes(text, len) };
    let stored = Order::parse(text).map(|read| {
        // SAFETY: by the contract.
        let order = unsafe { &mut *order };
        order.on = read.on;
        // With a NUL at least in its last place: a name is shorter.
        order.name = [0; NAME_MAX + 1];
        for (to, from) in order.name.iter_mut().zip(read.name) {
            *to = *from as c_char;
        }
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
    // SAFETY: by the contract, and only within this function.
    name::is_reserved(unsafe { bytes(name, len) })
}

/// Writes a name as printable ASCII and returns the length.
///
/// # Safety
///
/// `name` points to `len` bytes; `text` has room for `PKTSTAT_ESCAPED_MAX` bytes.
#[no_mangle]
unsafe extern "C" fn pktstat_rs_name_escape(
    name: *const c_char,
    len: usize,
    text: *mut c_char,
) -> usize {
    // SAFETY: by the contract, and only within this function.
    let name = unsafe { bytes(name, len) };
    // SAFETY: by the contract, and nobody else has the buffer.
    let text = unsafe { core::slice::from_raw_parts_mut(text.cast(), name::ESCAPED_MAX) };
    let mut writer = Writer::new(text);
    name::escape(name, &mut writer);
    writer.written()
}
