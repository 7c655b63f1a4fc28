// SPDX-License-Identifier: GPL-2.0-or-later
//! A burst: windows in a row, each at or above a threshold.

use crate::window::Window;

/// Windows in a row at or above the threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Burst {
    /// Start of its first window, ns since the epoch.
    pub start_ns: u64,
    /// How many windows.
    pub windows: u64,
    /// Frames in all of them.
    pub frames: u64,
    /// Bytes in all of them.
    pub bytes: u64,
    /// Bytes in the fullest of them.
    pub peak_bytes: u64,
}

impl Burst {
    /// When it was over.
    pub fn end_ns(&self, period_ns: u64) -> u64 {
        self.start_ns + self.duration_ns(period_ns)
    }

    /// How long it lasted.
    pub fn duration_ns(&self, period_ns: u64) -> u64 {
        self.windows * period_ns
    }
}

/// Finds bursts in a counter's windows as they come.
#[derive(Clone, Debug)]
pub struct Detector {
    threshold_bytes: f64,
    current: Option<Burst>,
}

impl Detector {
    /// A window is in a burst from this many bytes on.
    pub fn new(threshold_bytes: f64) -> Detector {
        Detector {
            threshold_bytes,
            current: None,
        }
    }

    /// Takes a row and the idle windows before it; returns the burst that this ends.
    pub fn row(&mut self, idle: u64, row: Window) -> Option<Burst> {
        // Merged windows do not say which of them carried how much.
        if row.merged > 0 || (row.bytes as f64) < self.threshold_bytes {
            return self.current.take();
        }
        let ended = if idle > 0 { self.current.take() } else { None };
        let burst = self.current.get_or_insert(Burst {
            start_ns: row.timestamp_ns,
            windows: 0,
            frames: 0,
            bytes: 0,
            peak_bytes: 0,
        });
        burst.windows += 1;
        burst.frames += row.frames;
        burst.bytes += row.bytes;
        burst.peak_bytes = burst.peak_bytes.max(row.bytes);
        ended
    }

    /// Takes idle windows, or the end of it all; returns the burst that this ends.
    pub fn idle(&mut self) -> Option<Burst> {
        self.current.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meter::Meter;
    use proptest::prelude::*;

    fn find(rows: &[Window], period_ns: u64, threshold_bytes: f64) -> Vec<Burst> {
        Meter::new(period_ns, threshold_bytes).all(rows)
    }

    fn rows(windows: &[u64]) -> Vec<Window> {
        let row = |(window, &bytes): (usize, &u64)| Window {
            timestamp_ns: window as u64 * 10,
            frames: 1,
            bytes,
            ..Window::default()
        };
        windows
            .iter()
            .enumerate()
            .filter(|(_, bytes)| **bytes > 0)
            .map(row)
            .collect()
    }

    #[test]
    fn a_burst_ends_at_a_low_window_an_idle_one_and_the_end() {
        let found = find(&rows(&[9, 10, 12, 9, 11, 0, 10, 10]), 10, 10.0);
        let burst = |start_ns, windows, bytes, peak_bytes| Burst {
            start_ns,
            windows,
            frames: windows,
            bytes,
            peak_bytes,
        };
        assert_eq!(
            found,
            [
                burst(10, 2, 22, 12),
                burst(40, 1, 11, 11),
                burst(60, 2, 20, 10)
            ]
        );
        assert_eq!((found[0].duration_ns(10), found[0].end_ns(10)), (20, 30));
        assert_eq!((found[1].duration_ns(10), found[1].end_ns(10)), (10, 50));
    }

    #[test]
    fn a_merged_window_ends_a_burst_and_is_in_none() {
        let mut windows = rows(&[10, 10, 99, 10]);
        windows[2].merged = 1;
        let found = find(&windows, 10, 10.0);
        let spans: Vec<_> = found
            .iter()
            .map(|burst| (burst.start_ns, burst.windows))
            .collect();
        assert_eq!(spans, [(0, 2), (30, 1)]);
    }

    proptest! {
        #[test]
        fn bursts_hold_exactly_the_windows_at_the_threshold(windows in prop::collection::vec(0_u64..20, 0..60)) {
            let found = find(&rows(&windows), 10, 10.0);
            let naive: Vec<_> = windows.split(|bytes| *bytes < 10).filter(|run| !run.is_empty()).map(|run| (run.len() as u64, run.iter().sum::<u64>())).collect();
            let found: Vec<_> = found.iter().map(|burst| (burst.windows, burst.bytes)).collect();
            prop_assert_eq!(found, naive);
        }
    }
}
