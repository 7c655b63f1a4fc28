// SPDX-License-Identifier: GPL-2.0-or-later
//! Lines in the kernel log. Rate-limited: root of a user namespace can cause them.

use super::sys;
use crate::decimal::Writer;

/// One line; what does not fit is cut off.
const LINE_MAX: usize = 256;

/// Logs, as a warning, the line that `say` writes. Any context.
#[cold]
#[inline(never)]
pub fn warn(say: impl FnOnce(&mut Writer<'_>)) {
    let mut line = [0; LINE_MAX];
    let mut writer = Writer::new(&mut line);
    say(&mut writer);
    let len = writer.written();
    // SAFETY: `line` holds at least the `len` bytes that were written to it.
    unsafe { sys::pktstat_shim_warn(line.as_ptr().cast(), len) };
}
