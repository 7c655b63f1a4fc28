// SPDX-License-Identifier: GPL-2.0-or-later
//! The rate that a window has to be above for a rule with `--above` to match in it.

use crate::units::{BitRate, SECOND_NS};
use crate::window::Window;

/// What a window has to carry more than; nothing, for a rule that always matches.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Above {
    bytes: f64,
    frames: f64,
}

impl Above {
    /// In windows of this width, at a rate as rules have it: `5gbit`, `2mpps`.
    pub fn new(rate: &str, period_ns: u64) -> Above {
        let unit_at = rate.find(|letter: char| letter.is_ascii_alphabetic());
        let (number, unit) = rate.split_at(unit_at.unwrap_or(rate.len()));
        let (factor, unit) = match unit.as_bytes() {
            [b'k', ..] => (1e3, &unit[1..]),
            [b'm', ..] => (1e6, &unit[1..]),
            [b'g', ..] => (1e9, &unit[1..]),
            [b't', ..] => (1e12, &unit[1..]),
            _ => (1.0, unit),
        };
        let rate = number.parse().unwrap_or(0.0) * factor;
        if unit == "pps" {
            let frames = rate * period_ns as f64 / SECOND_NS as f64;
            Above { bytes: 0.0, frames }
        } else {
            let bytes = BitRate(rate).bytes_in(period_ns);
            Above { bytes, frames: 0.0 }
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
            ("800bit", 0.01, 0.0),
            ("2.5mbit", 31.25, 0.0),
            ("1tbit", 12_500_000.0, 0.0),
            ("10kbit", 0.125, 0.0),
            ("2mpps", 0.0, 200.0),
            ("100kpps", 0.0, 10.0),
            ("10000pps", 0.0, 1.0),
        ] {
            assert_eq!(Above::new(rate, 100_000), Above { bytes, frames }, "{rate}");
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
