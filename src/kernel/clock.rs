// SPDX-License-Identifier: GPL-2.0-or-later
//! What time it is.

use super::sys;
use crate::stat::clock::{Clock, Moment};

/// The kernel's wall clock over the ticks.
pub static CLOCK: Clock = Clock::new();

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

/// The moment of `ticks`, which were just read; `None` where only the kernel knows it.
#[inline(always)]
pub fn moment_at(ticks: u64) -> Option<Moment> {
    CLOCK.at(ticks).map(|now_ns| Moment {
        ticks,
        ticks_stable: true,
        now_ns,
    })
}

/// The same, and where need be the kernel is asked.
pub fn moment_of(ticks: u64) -> Moment {
    moment_at(ticks).unwrap_or_else(|| Moment {
        ticks,
        ticks_stable: ticks_khz() != 0,
        now_ns: now_ns(),
    })
}
