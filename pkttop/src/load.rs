// SPDX-License-Identifier: GPL-2.0-or-later
//! The load of a counter: how many bytes its windows carry, idle windows included.
//!
//! Of windows that were merged nobody knows which carried how much: they are in no peak and in no
//! percentile.

use crate::window::Window;
use hdrhistogram::Histogram;

/// Digits to which a percentile is right: 0.1 %.
const DIGITS: u8 = 3;

/// What a stretch of windows carried.
#[derive(Clone, Debug)]
pub struct Load {
    /// Windows, idle ones included.
    pub windows: u64,
    /// Windows without a frame.
    pub idle: u64,
    /// Frames in all.
    pub frames: u64,
    /// Bytes in all.
    pub bytes: u64,
    /// The window that carried most bytes, the first of them.
    pub peak: Window,
    bytes_per_window: Histogram<u64>,
}

impl Load {
    /// Nothing yet.
    pub fn new() -> Load {
        let mut bytes_per_window = Histogram::new(DIGITS).expect("three digits are allowed");
        bytes_per_window.auto(true);
        Load {
            windows: 0,
            idle: 0,
            frames: 0,
            bytes: 0,
            peak: Window::default(),
            bytes_per_window,
        }
    }

    /// A row, and the idle windows before it.
    pub fn row(&mut self, idle: u64, row: Window) {
        self.idle(idle);
        self.windows += row.windows();
        self.frames += row.frames;
        self.bytes += row.bytes;
        if row.merged > 0 {
            return;
        }
        if row.bytes > self.peak.bytes {
            self.peak = row;
        }
        self.record(row.bytes, 1);
    }

    /// Windows without a frame.
    pub fn idle(&mut self, windows: u64) {
        self.windows += windows;
        self.idle += windows;
        self.record(0, windows);
    }

    fn record(&mut self, bytes: u64, windows: u64) {
        let taken = self.bytes_per_window.record_n(bytes, windows);
        taken.expect("a histogram that grows takes any value");
    }

    /// Bytes that this percentage of the windows do not exceed.
    pub fn percentile(&self, percent: f64) -> u64 {
        // A histogram's cell has a width, the largest value has not.
        self.bytes_per_window
            .value_at_percentile(percent)
            .min(self.peak.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_count_idle_windows() {
        let mut load = Load::new();
        load.row(
            0,
            Window {
                timestamp_ns: 0,
                frames: 1,
                bytes: 1000,
                ..Window::default()
            },
        );
        load.row(
            98,
            Window {
                timestamp_ns: 99,
                frames: 2,
                bytes: 90_000,
                ..Window::default()
            },
        );
        assert_eq!(
            (load.windows, load.idle, load.frames, load.bytes),
            (100, 98, 3, 91_000)
        );
        assert_eq!(load.percentile(50.0), 0);
        assert_eq!(load.percentile(98.0), 0);
        assert_eq!(load.percentile(99.0), 1000);
        assert_eq!(load.percentile(99.9), 90_000);
        assert_eq!(load.peak.timestamp_ns, 99);
    }

    #[test]
    fn merged_windows_are_in_the_sums_alone() {
        let row = |bytes, merged| Window {
            frames: 1,
            bytes,
            merged,
            ..Window::default()
        };
        let mut load = Load::new();
        load.row(0, row(1000, 0));
        load.row(0, row(90_000, 2));
        assert_eq!(
            (load.windows, load.idle, load.frames, load.bytes),
            (4, 0, 2, 91_000)
        );
        assert_eq!(load.peak.bytes, 1000);
        assert_eq!(load.percentile(0.0), 1000);
        assert_eq!(load.percentile(100.0), 1000);
    }

    #[test]
    fn a_month_of_idling_and_the_largest_row_are_taken_at_once() {
        let mut load = Load::new();
        load.row(
            260_000_000_000,
            Window {
                timestamp_ns: 0,
                frames: 1,
                bytes: u64::MAX / 2,
                ..Window::default()
            },
        );
        assert_eq!(load.percentile(99.99), 0);
        assert_eq!(load.percentile(100.0), u64::MAX / 2);
    }
}
