// SPDX-License-Identifier: GPL-2.0-or-later
//! What the exporter knows of each counter.

use super::buckets::Buckets;
use super::peak::{Peak, RecentPeak};
use crate::contract::Verdict;
use crate::feed::Source;
use crate::meter::Meter;
use crate::units::{BitRate, SECOND_NS};
use crate::window::Window;
use xt_pktstat::status::Status;

const MILLISECOND_NS: u64 = 1_000_000;

/// One counter.
#[derive(Debug)]
pub struct Exported {
    serial: u64,
    /// Name or number.
    pub name: String,
    /// At the last look.
    pub status: Status,
    /// Windows that came in the row of another.
    pub merged: u64,
    /// At the last look.
    pub verdict: Verdict,
    /// Bytes from which on a window is in a burst.
    pub threshold_bytes: f64,
    /// Load and bursts.
    pub meter: Meter,
    /// Bytes per window.
    pub window_bytes: Buckets,
    /// How long bursts were.
    pub burst_seconds: Buckets,
    /// The fullest window.
    pub window_peak: RecentPeak,
    /// The fullest millisecond of the wall clock; of windows that divide it.
    pub millisecond_peak: RecentPeak,
    millisecond: Peak,
}

/// All counters.
#[derive(Debug)]
pub struct Counters {
    /// The namespace, where one was named.
    pub netns: Option<String>,
    threshold: BitRate,
    /// The counters.
    pub each: Vec<Exported>,
}

impl Counters {
    /// None yet.
    pub fn new(netns: Option<String>, threshold: BitRate) -> Counters {
        Counters {
            netns,
            threshold,
            each: Vec::new(),
        }
    }

    /// Takes rows, and that all rows of windows closed by `source.read_until_ns` have come.
    pub fn rows(&mut self, source: &Source, rows: &[Window]) {
        let at = self
            .each
            .iter()
            .position(|exported| exported.serial == source.serial);
        let at = at.unwrap_or_else(|| {
            self.each.push(Exported::new(source, self.threshold));
            self.each.len() - 1
        });
        let exported = &mut self.each[at];
        rows.iter().for_each(|row| exported.row(row));
        exported.until(source.read_until_ns);
    }

    /// Takes the status.
    pub fn look(&mut self, source: &Source) {
        if let Some(exported) = self
            .each
            .iter_mut()
            .find(|exported| exported.serial == source.serial)
        {
            exported.status = source.status;
            exported.merged = source.merged;
            exported.verdict = source.audit.verdict();
        }
    }

    /// Takes that a counter has gone.
    pub fn forget(&mut self, source: &Source) {
        self.each
            .retain(|exported| exported.serial != source.serial);
    }
}

impl Exported {
    fn new(source: &Source, threshold: BitRate) -> Exported {
        let period_ns = source.status.period_ns;
        let threshold_bytes = threshold.bytes_in(period_ns);
        Exported {
            serial: source.serial,
            name: source.counter.name.clone(),
            status: source.status,
            merged: 0,
            verdict: Verdict::Unknown,
            threshold_bytes,
            meter: Meter::new(period_ns, threshold_bytes),
            window_bytes: Buckets::of_bytes(period_ns),
            burst_seconds: Buckets::of_seconds(),
            window_peak: RecentPeak::default(),
            millisecond_peak: RecentPeak::default(),
            millisecond: Peak::default(),
        }
    }

    /// Do windows of this counter add up to milliseconds of the wall clock?
    pub fn has_milliseconds(&self) -> bool {
        MILLISECOND_NS.is_multiple_of(self.status.period_ns)
    }

    fn row(&mut self, row: &Window) {
        let (idle, ended) = self.meter.row(*row);
        self.window_bytes.add(0.0, idle);
        self.burst(ended);
        if row.merged > 0 {
            return;
        }
        self.window_bytes.add(row.bytes as f64, 1);
        let peak = Peak {
            bytes: row.bytes,
            timestamp_ns: row.timestamp_ns,
        };
        self.window_peak.add(peak);
        if self.has_milliseconds() {
            let start_ns = row.timestamp_ns / MILLISECOND_NS * MILLISECOND_NS;
            if start_ns != self.millisecond.timestamp_ns {
                self.millisecond = Peak {
                    bytes: 0,
                    timestamp_ns: start_ns,
                };
            }
            self.millisecond.bytes += row.bytes;
            self.millisecond_peak.add(self.millisecond);
        }
    }

    fn until(&mut self, read_until_ns: u64) {
        if read_until_ns > 0 {
            let (idle, ended) = self.meter.until(read_until_ns);
            self.window_bytes.add(0.0, idle);
            self.burst(ended);
        }
    }

    fn burst(&mut self, ended: Option<crate::burst::Burst>) {
        if let Some(burst) = ended {
            let duration_ns = burst.duration_ns(self.status.period_ns);
            self.burst_seconds
                .add(duration_ns as f64 / SECOND_NS as f64, 1);
        }
    }
}
