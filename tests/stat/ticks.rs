// SPDX-License-Identifier: GPL-2.0-or-later
//! A clock whose ticks are ns, for tests that say what time it is.

use xt_pktstat::stat::clock::{Clock, Line, RealTime};

/// The wall clock, which nobody has to ask.
pub struct Unasked;

impl RealTime for Unasked {
    fn now_ns(&self) -> u64 {
        panic!("asked for the time")
    }
}

/// A tick is a ns, and the first one is at `base_ns`.
pub fn clock(base_ns: u64) -> Clock<Unasked> {
    let clock = Clock::new(Unasked);
    clock.set(Line {
        base_ns,
        mult: 1 << 20,
        shift: 20,
        khz: 1_000_000,
        goes_by_ticks: true,
        ..Line::default()
    });
    clock
}
