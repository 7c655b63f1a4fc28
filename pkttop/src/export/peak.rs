// SPDX-License-Identifier: GPL-2.0-or-later
//! The peak of the last two minutes: a maximum that forgets by time and not by being looked at.

use crate::units::SECOND_NS;
use std::collections::VecDeque;

/// How finely it forgets.
const SLOT_NS: u64 = 5 * SECOND_NS;
/// Slots of two minutes, and the one that is being filled.
const SLOTS: u64 = 24;

/// A value and when it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Peak {
    /// The value.
    pub bytes: u64,
    /// Start of its window, ns since the epoch.
    pub timestamp_ns: u64,
}

/// Largest value of the last two minutes, up to five seconds more.
#[derive(Clone, Debug, Default)]
pub struct RecentPeak {
    slots: VecDeque<Peak>,
}

impl RecentPeak {
    /// Takes a value.
    pub fn add(&mut self, peak: Peak) {
        match self.slots.back_mut() {
            Some(last) if last.timestamp_ns / SLOT_NS == peak.timestamp_ns / SLOT_NS => {
                if peak.bytes > last.bytes {
                    *last = peak;
                }
            }
            _ => {
                self.slots.push_back(peak);
                // Also where the clock was set, it stays this small.
                if self.slots.len() as u64 > SLOTS + 1 {
                    self.slots.pop_front();
                }
            }
        }
    }

    /// The largest, as seen from `now_ns`; nothing where there was none.
    pub fn at(&self, now_ns: u64) -> Peak {
        let first = (now_ns / SLOT_NS).saturating_sub(SLOTS);
        let recent = self
            .slots
            .iter()
            .filter(|peak| peak.timestamp_ns / SLOT_NS >= first);
        recent
            .max_by_key(|peak| peak.bytes)
            .copied()
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peak_stays_two_minutes_however_often_one_looks() {
        let mut recent = RecentPeak::default();
        let peak = Peak {
            bytes: 900,
            timestamp_ns: 1000 * SECOND_NS,
        };
        recent.add(peak);
        for second in 1000..1200 {
            recent.add(Peak {
                bytes: 5,
                timestamp_ns: second * SECOND_NS,
            });
            let seen = recent.at(second * SECOND_NS).bytes;
            let expected = if second < 1125 { 900 } else { 5 };
            assert_eq!(seen, expected, "{second}");
        }
        assert_eq!(recent.at(2000 * SECOND_NS), Peak::default());
    }
}
