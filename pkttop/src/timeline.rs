// SPDX-License-Identifier: GPL-2.0-or-later
//! The windows between the rows: an idle window has no row, but it happened.

use crate::window::Window;

/// A clock that goes back further than this has been set; less is a row that came late.
const CLOCK_SET_NS: u64 = 1_000_000_000;

/// Where in time the next window of a counter is expected.
#[derive(Clone, Debug)]
pub struct Timeline {
    period_ns: u64,
    next_ns: Option<u64>,
}

impl Timeline {
    /// A timeline of windows of this width that begins with the first window that it is given.
    pub fn new(period_ns: u64) -> Timeline {
        Timeline {
            period_ns: period_ns.max(1),
            next_ns: None,
        }
    }

    /// Width of a window.
    pub fn period_ns(&self) -> u64 {
        self.period_ns
    }

    /// Takes a row and returns how many idle windows lie before it.
    pub fn row(&mut self, row: Window) -> u64 {
        if row.is_after_clock_set_back {
            self.next_ns = None;
        }
        let after = row.timestamp_ns.saturating_add(self.period_ns);
        let Some(next) = self.next_ns.replace(after) else {
            return 0;
        };
        if row.timestamp_ns < next && next - row.timestamp_ns < CLOCK_SET_NS {
            self.next_ns = Some(next);
        }
        let between = row.timestamp_ns.saturating_sub(next) / self.period_ns;
        between.saturating_sub(row.merged)
    }

    /// Says that rows of windows that closed until `now_ns` have all been read, and returns how
    /// many idle windows lie between the last of them and now.
    pub fn until(&mut self, now_ns: u64) -> u64 {
        let next = *self
            .next_ns
            .get_or_insert(now_ns / self.period_ns * self.period_ns);
        let idle = now_ns.saturating_sub(next) / self.period_ns;
        self.next_ns = Some(next + idle * self.period_ns);
        idle
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(timestamp_ns: u64) -> Window {
        Window {
            timestamp_ns,
            frames: 1,
            bytes: 1,
            ..Window::default()
        }
    }

    #[test]
    fn idle_windows_lie_between_rows_and_before_now() {
        let mut timeline = Timeline::new(100);
        assert_eq!(timeline.row(at(1000)), 0);
        assert_eq!(timeline.row(at(1100)), 0);
        assert_eq!(timeline.row(at(1500)), 3);
        assert_eq!(timeline.until(1699), 0);
        assert_eq!(timeline.until(1700), 1);
        assert_eq!(timeline.until(1700), 0);
        assert_eq!(timeline.row(at(1800)), 1);
    }

    #[test]
    fn a_late_row_counts_nothing_twice_and_a_set_clock_starts_again() {
        let mut timeline = Timeline::new(100);
        timeline.row(at(10_000_000_000));
        assert_eq!(timeline.until(10_000_001_000), 9);
        assert_eq!(timeline.row(at(10_000_000_500)), 0);
        assert_eq!(timeline.row(at(10_000_001_000)), 0);
        assert_eq!(timeline.row(at(5_000_000_000)), 0);
        assert_eq!(timeline.row(at(5_000_000_200)), 1);
    }

    #[test]
    fn a_timeline_begins_with_the_window_that_is_open() {
        let mut timeline = Timeline::new(100);
        assert_eq!(timeline.period_ns(), 100);
        assert_eq!(timeline.until(1_050), 0);
        assert_eq!(timeline.row(at(1_100)), 1);
        // No width divides by nothing.
        assert_eq!(Timeline::new(0).period_ns(), 1);
    }

    #[test]
    fn a_row_is_late_by_less_than_a_second() {
        for (back_ns, idle) in [(999_999_900, 0), (1_000_000_000, 1)] {
            let mut timeline = Timeline::new(100);
            timeline.row(at(10_000_000_000));
            let late_ns = 10_000_000_100 - back_ns;
            assert_eq!(timeline.row(at(late_ns)), 0);
            assert_eq!(timeline.row(at(late_ns + 200)), idle, "{back_ns}");
        }
    }

    #[test]
    fn a_clock_set_back_by_little_starts_again_when_it_is_said() {
        let mut timeline = Timeline::new(100);
        timeline.row(at(10_000));
        let set_back = Window {
            is_after_clock_set_back: true,
            ..at(5_000)
        };
        assert_eq!(timeline.row(set_back), 0);
        assert_eq!(timeline.row(at(5_300)), 2);
    }

    #[test]
    fn merged_windows_were_not_idle() {
        let mut timeline = Timeline::new(100);
        timeline.row(at(1_000));
        let merged = Window {
            merged: 3,
            ..at(1_500)
        };
        assert_eq!(timeline.row(merged), 1);
        let merged_on_four_cpus = Window {
            merged: 12,
            ..at(1_900)
        };
        assert_eq!(timeline.row(merged_on_four_cpus), 0);
    }

    proptest! {
        #[test]
        fn rows_and_idle_windows_are_all_windows(steps in prop::collection::vec(1_u64..50, 1..50)) {
            let mut timeline = Timeline::new(10);
            timeline.row(at(0));
            let (mut now, mut windows) = (0, 1);
            for step in &steps {
                now += step * 10;
                windows += timeline.row(at(now)) + 1;
            }
            prop_assert_eq!(windows, steps.iter().sum::<u64>() + 1);
        }
    }
}
