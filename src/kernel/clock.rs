// SPDX-License-Identifier: GPL-2.0-or-later
//! What time it is. Any context.

use super::sys;
use crate::stat::clock::{Clock, RealTime};

/// The kernel's own clock.
pub struct Ktime;

impl RealTime for Ktime {
    #[inline(always)]
    fn now_ns(&self) -> u64 {
        // SAFETY: any context, and no argument.
        unsafe { sys::pktstat_shim_now_ns() }
    }
}

/// The kernel's wall clock over the ticks.
pub static CLOCK: Clock<Ktime> = Clock::new(Ktime);
