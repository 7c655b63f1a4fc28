// SPDX-License-Identifier: GPL-2.0-or-later
//! What one counter's windows add up to: load, idle time and bursts.

use crate::burst::{Burst, Detector};
use crate::load::Load;
use crate::timeline::Timeline;
use crate::window::Window;

/// The bursts so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BurstTotals {
    /// Bursts that have ended.
    pub bursts: u64,
    /// Windows of the longest.
    pub longest_windows: u64,
}

/// Follows one counter.
#[derive(Clone, Debug)]
pub struct Meter {
    timeline: Timeline,
    detector: Detector,
    /// The load of all windows so far.
    pub load: Load,
    /// The bursts so far.
    pub burst_totals: BurstTotals,
}

impl Meter {
    /// For windows of this width, bursts from that many bytes per window on.
    pub fn new(period_ns: u64, threshold_bytes: f64) -> Meter {
        Meter {
            timeline: Timeline::new(period_ns),
            detector: Detector::new(threshold_bytes),
            load: Load::new(),
            burst_totals: BurstTotals::default(),
        }
    }

    /// Takes a row; returns the idle windows before it and the burst that it ends.
    pub fn row(&mut self, row: Window) -> (u64, Option<Burst>) {
        if row.frames == 0 {
            // A recording's mark: idle up to here.
            return self.until(row.timestamp_ns + self.timeline.period_ns());
        }
        let idle = self.timeline.row(row);
        self.load.row(idle, row);
        let ended = self.detector.row(idle, row);
        (idle, self.count(ended))
    }

    /// Takes that no row will come of a window that closed until then; returns the idle windows
    /// and the burst that they end.
    pub fn until(&mut self, read_until_ns: u64) -> (u64, Option<Burst>) {
        let idle = self.timeline.until(read_until_ns);
        self.load.idle(idle);
        let ended = if idle > 0 { self.detector.idle() } else { None };
        (idle, self.count(ended))
    }

    /// Takes a whole recording; returns its bursts.
    pub fn all(&mut self, rows: &[Window]) -> Vec<Burst> {
        let mut bursts: Vec<_> = rows.iter().filter_map(|row| self.row(*row).1).collect();
        let last = self.detector.idle();
        bursts.extend(self.count(last));
        bursts
    }

    /// Forgets percentiles, peak and bursts, and goes on.
    pub fn reset(&mut self) {
        self.load = Load::new();
        self.burst_totals = BurstTotals::default();
    }

    fn count(&mut self, ended: Option<Burst>) -> Option<Burst> {
        if let Some(burst) = ended {
            self.burst_totals.bursts += 1;
            self.burst_totals.longest_windows =
                self.burst_totals.longest_windows.max(burst.windows);
        }
        ended
    }
}
