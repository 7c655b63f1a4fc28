// SPDX-License-Identifier: GPL-2.0-or-later
//! The rate that a window has to be above for a rule with `--above` to match in it.

use std::num::NonZeroU64;

use xt_pktstat::rate::{Rate, Unit};

use crate::window::Window;

/// What a window has to carry more than; nothing, for a rule that always matches.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Above {
    bytes: f64,
    frames: f64,
}

impl Above {
    /// In windows of this width, at this rate.
    pub fn new(rate: Rate, period_ns: u64) -> Above {
        let period_ns = NonZeroU64::new(period_ns).unwrap_or(NonZeroU64::MIN);
        let most = rate
            .per_period(period_ns)
            .map_or(0.0, |most| most.get() as f64);
        match rate.unit {
            Unit::Bits => Above {
                bytes: most,
                frames: 0.0,
            },
            Unit::Packets => Above {
                bytes: 0.0,
                frames: most,
            },
        }
    }

    /// How many packets of a window the rule can have matched, at a guess: those from where it had
    /// carried as much. It is 0 of a window that is not above, and of no other.
    pub fn matched(self, row: &Window) -> u64 {
        let share = |least: f64, count: u64| 1.0 - least / (count as f64).max(1.0);
        let share = share(self.bytes, row.bytes).min(share(self.frames, row.frames));
        (share * row.frames as f64).ceil().max(0.0) as u64
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    #[test]
    fn what_a_window_carries_at_the_rate_of_a_rule() {
        for (rate, bytes, frames) in [
            ("5gbit", 62_500.0, 0.0),
            ("2.5mbit", 31.0, 0.0),
            ("1tbit", 12_500_000.0, 0.0),
            ("2mpps", 0.0, 200.0),
            ("100kpps", 0.0, 10.0),
            ("10000pps", 0.0, 1.0),
        ] {
            let above = Above::new(Rate::parse(rate.as_bytes()).unwrap(), 100_000);
            assert_eq!(above, Above { bytes, frames }, "{rate}");
        }
    }

    #[test]
    fn how_many_a_rule_has_matched() {
        let row = Window {
            frames: 7,
            bytes: 700,
            ..Window::default()
        };
        for (bytes, frames, matched) in [
            (0.0, 0.0, 7),
            (700.0, 0.0, 0),
            (699.0, 0.0, 1),
            (0.0, 4.0, 3),
            (0.0, 9.0, 0),
        ] {
            assert_eq!(Above { bytes, frames }.matched(&row), matched);
        }
        assert_eq!(Above::default().matched(&Window::default()), 0);
    }
}
