// SPDX-License-Identifier: GPL-2.0-or-later
//! What time it is.

use super::sys;
use crate::stat::clock::{Clock, Line};

/// The kernel's wall clock over the ticks.
static CLOCK: Clock = Clock::new();

/// The wall clock, ns since the Unix epoch. Any context.
pub fn now_ns() -> u64 {
    // SAFETY: any context.
    unsafe { sys::pktstat_shim_now_ns() }
}

/// How fast the ticks go; 0 where the kernel does not trust them. Any context.
pub fn ticks_khz() -> u32 {
    // SAFETY: any context.
    unsafe { sys::pktstat_shim_ticks_khz() }
}

/// When a packet is counted.
#[derive(Clone, Copy)]
pub struct Moment {
    /// In ticks, no later than `now_ns`.
    pub ticks: u64,
    /// Whether the kernel trusts the ticks.
    pub ticks_stable: bool,
    /// The wall clock, ns since the Unix epoch.
    pub now_ns: u64,
}

impl Moment {
    /// The moment of `ticks`, which were just read; `None` where only the kernel knows it.
    #[inline(always)]
    pub fn at(ticks: u64) -> Option<Self> {
        CLOCK.at(ticks).map(|now_ns| Self {
            ticks,
            ticks_stable: true,
            now_ns,
        })
    }

    /// The same, and where need be the kernel is asked.
    pub fn of(ticks: u64) -> Self {
        Self::at(ticks).unwrap_or_else(|| Self {
            ticks,
            ticks_stable: ticks_khz() != 0,
            now_ns: now_ns(),
        })
    }
}

/// The kernel has set its clock: from here on it is this line. Interrupts are off.
///
/// # Safety
///
/// For the shim: `line` is valid, and nobody else sets the clock now.
#[no_mangle]
unsafe extern "C" fn pktstat_rs_clock_set(line: *const sys::pktstat_line) {
    // SAFETY: by the contract.
    let line = unsafe { &*line };
    CLOCK.set(Line {
        ticks: line.ticks,
        base_ns: line.base_ns,
        fraction: line.fraction,
        mult: line.mult,
        shift: line.shift,
    });
}
