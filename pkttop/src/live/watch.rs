// SPDX-License-Identifier: GPL-2.0-or-later
//! What is known of each counter while one watches.

use super::sample::Sample;
use crate::feed::Feed;
use crate::meter::Meter;
use crate::signals::Stop;
use crate::threshold::Resolved;
use crate::units::now_ns;
use crate::window::Window;
use anyhow::Result;
use std::collections::VecDeque;
use std::time::{Duration, Instant};
use xt_pktstat::status::Status;

/// Ticks that the sparkline remembers.
const HISTORY: usize = 240;
/// Windows shown on each side of the worst one.
pub const AROUND: u64 = 256;
/// Rows kept to show what was around the worst window.
const RECENT: usize = 8192;
/// How long between two looks for counters that came or went.
const RESCAN: Duration = Duration::from_secs(1);

/// The worst window and what was around it.
#[derive(Clone, Debug, Default)]
pub struct Worst {
    /// The window.
    pub peak: Window,
    /// The rows around it, itself among them.
    pub rows: Vec<Window>,
    /// Those after it have come, too.
    complete: bool,
}

/// One counter.
#[derive(Debug)]
pub struct Watched {
    /// Its name or number.
    pub name: String,
    /// How it stood.
    pub status: Status,
    /// Windows that came in the row of another.
    merged: u64,
    /// Load and bursts since the beginning, or the last reset.
    pub meter: Meter,
    /// Fullest window of each tick, bytes, the newest last.
    pub history: VecDeque<u64>,
    /// The worst window since then.
    pub worst: Worst,
    serial: u64,
    recent: VecDeque<Window>,
    tick: Tick,
    last: Option<(u64, u64)>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Tick {
    windows: u64,
    frames: u64,
    bytes: u64,
    peak_bytes: u64,
}

/// All counters.
#[derive(Debug)]
pub struct Watch {
    /// From where on a window is in a burst.
    pub threshold: Resolved,
    /// The counters.
    pub counters: Vec<Watched>,
    feed: Feed,
    next_rescan: Instant,
}

impl Watch {
    /// Begins.
    pub fn new(feed: Feed, threshold: Resolved) -> Watch {
        Watch {
            threshold,
            counters: Vec::new(),
            feed,
            next_rescan: Instant::now(),
        }
    }

    /// Are rows taken from other readers though nobody asked for it?
    pub fn is_consuming(&self) -> bool {
        self.feed.obstacle().is_some()
    }

    /// Reads rows until then; at least once.
    pub fn gather(&mut self, until: Instant, stop: &Stop) -> Result<()> {
        loop {
            let (counters, threshold) = (&mut self.counters, &self.threshold);
            self.feed.drain(&mut |source, rows| {
                let at = counters
                    .iter()
                    .position(|watched| watched.serial == source.serial);
                let watched = match at {
                    Some(at) => &mut counters[at],
                    None => {
                        let bytes = threshold.rate.bytes_in(source.status.period_ns);
                        counters.push(Watched::new(
                            source.serial,
                            &source.counter.name,
                            source.status,
                            bytes,
                        ));
                        counters.last_mut().expect("one was pushed")
                    }
                };
                watched.take(rows, source.read_until_ns);
                Ok(())
            })?;
            let now = Instant::now();
            if now >= until || stop.is_wanted() {
                return Ok(());
            }
            self.feed.wait(until - now);
        }
    }

    /// Ends a tick: looks at every `status` and says what there was.
    pub fn tick(&mut self) -> Result<Vec<Sample>> {
        self.feed.look();
        for source in &self.feed.sources {
            if let Some(watched) = self
                .counters
                .iter_mut()
                .find(|watched| watched.serial == source.serial)
            {
                watched.status = source.status;
                watched.merged = source.merged;
            }
        }
        if Instant::now() >= self.next_rescan {
            self.next_rescan = Instant::now() + RESCAN;
            for gone in self.feed.rescan()? {
                self.counters
                    .retain(|watched| watched.serial != gone.serial);
            }
        }
        let now = now_ns();
        Ok(self
            .counters
            .iter_mut()
            .map(|watched| watched.sample(now))
            .collect())
    }
}

impl Watched {
    fn new(serial: u64, name: &str, status: Status, threshold_bytes: f64) -> Watched {
        Watched {
            name: name.to_owned(),
            status,
            merged: 0,
            meter: Meter::new(status.period_ns, threshold_bytes),
            history: VecDeque::new(),
            worst: Worst::default(),
            serial,
            recent: VecDeque::new(),
            tick: Tick::default(),
            last: None,
        }
    }

    fn take(&mut self, rows: &[Window], read_until_ns: u64) {
        for row in rows {
            let (idle, _) = self.meter.row(*row);
            self.tick.windows += idle + row.windows();
            self.tick.frames += row.frames;
            self.tick.bytes += row.bytes;
            if row.merged == 0 {
                self.tick.peak_bytes = self.tick.peak_bytes.max(row.bytes);
            }
            if self.recent.len() == RECENT {
                self.recent.pop_front();
            }
            self.recent.push_back(*row);
            if self.meter.load.peak == *row {
                self.worst = Worst {
                    peak: *row,
                    rows: Vec::new(),
                    complete: false,
                };
            }
            if !self.worst.complete && row.timestamp_ns > self.worst_end_ns() {
                self.keep_worst(true);
            }
        }
        if read_until_ns > 0 {
            self.tick.windows += self.meter.until(read_until_ns).0;
            if !self.worst.complete {
                self.keep_worst(read_until_ns > self.worst_end_ns());
            }
        }
    }

    fn worst_end_ns(&self) -> u64 {
        self.worst.peak.timestamp_ns + AROUND * self.status.period_ns
    }

    fn keep_worst(&mut self, complete: bool) {
        let first = self
            .worst
            .peak
            .timestamp_ns
            .saturating_sub(AROUND * self.status.period_ns);
        let span = first..=self.worst_end_ns();
        self.worst.rows = self
            .recent
            .iter()
            .filter(|row| span.contains(&row.timestamp_ns))
            .copied()
            .collect();
        self.worst.complete = complete;
    }

    fn sample(&mut self, now_ns: u64) -> Sample {
        let Tick {
            windows,
            frames,
            bytes,
            peak_bytes,
        } = std::mem::take(&mut self.tick);
        if windows > 0 {
            let per_second = |count: u64| {
                let seconds = windows as f64 * self.status.period_ns as f64 / 1e9;
                (count as f64 / seconds).round() as u64
            };
            self.last = Some((per_second(frames), per_second(bytes * 8)));
        }
        if self.history.len() == HISTORY {
            self.history.pop_front();
        }
        self.history.push_back(peak_bytes);
        let load = &self.meter.load;
        Sample {
            timestamp_ns: now_ns,
            counter: self.name.clone(),
            period_ns: self.status.period_ns,
            windows,
            frames,
            bytes,
            frames_per_second: self.last.map(|(frames, _)| frames),
            bits_per_second: self.last.map(|(_, bits)| bits),
            interval_peak_bytes: peak_bytes,
            peak_bytes: load.peak.bytes,
            peak_frames: load.peak.frames,
            peak_timestamp_ns: load.peak.timestamp_ns,
            p50_bytes: load.percentile(50.0),
            p99_bytes: load.percentile(99.0),
            p999_bytes: load.percentile(99.9),
            idle_windows: load.idle,
            bursts: self.meter.burst_totals.bursts,
            longest_burst_ns: self.meter.burst_totals.longest_windows * self.status.period_ns,
            total_frames: self.status.frames,
            total_bytes: self.status.bytes,
            merged_windows: self.merged,
        }
    }

    /// Forgets peak, percentiles and bursts.
    pub fn reset(&mut self) {
        self.meter.reset();
        self.worst = Worst::default();
        self.history.clear();
    }
}
