// SPDX-License-Identifier: GPL-2.0-or-later
//! The kernel tells of each change of its clock.

use crate::kernel::clock::CLOCK;
use crate::kernel::sys;
use crate::stat::clock::Line;

/// The kernel has set its clock: from here on it is this line. Interrupts are off. Returns whether
/// the clock is another one than before: then whoever polls has to look again.
///
/// # Safety
///
/// Called by the shim's notifier: `line` is its own and valid during the call, and the timekeeper's
/// lock keeps others from setting the clock meanwhile.
#[no_mangle]
unsafe extern "C" fn pktstat_rs_clock_set(line: *const sys::pktstat_line) -> bool {
    // SAFETY: the notifier's own, on its stack, which nobody else has.
    let line = unsafe { &*line };
    CLOCK.set(Line {
        ticks: line.ticks,
        base_ns: line.base_ns,
        fraction: line.fraction,
        mult: line.mult,
        nominal_mult: line.nominal_mult,
        shift: line.shift,
        goes_by_ticks: line.goes_by_ticks,
        khz: line.khz,
        offset_ns: line.offset_ns,
    })
}
