// SPDX-License-Identifier: GPL-2.0-or-later
//! One look at one counter: the fields that a script reads.

use crate::cli::Sort;
use serde::Serialize;

/// One look at one counter. Since the last look: `windows`, `frames`, `bytes`, the rates and
/// `interval_peak_bytes`; since the beginning: peak, percentiles and bursts; since the counter was
/// made: the totals.
#[derive(Clone, Debug, Serialize)]
pub struct Sample {
    /// When, ns since the epoch.
    pub timestamp_ns: u64,
    /// Name or number.
    pub counter: String,
    /// Width of a window.
    pub period_ns: u64,
    /// Windows that closed, idle ones included.
    pub windows: u64,
    /// Frames in them.
    pub frames: u64,
    /// Bytes in them.
    pub bytes: u64,
    /// `null` where no window closed.
    pub frames_per_second: Option<u64>,
    /// `null` where no window closed.
    pub bits_per_second: Option<u64>,
    /// Bytes in the fullest of them.
    pub interval_peak_bytes: u64,
    /// Bytes in the fullest window of all.
    pub peak_bytes: u64,
    /// Frames in the fullest window of all.
    pub peak_frames: u64,
    /// When it began; 0 where there was none.
    pub peak_timestamp_ns: u64,
    /// Bytes per window that 50 % of the windows do not exceed.
    pub p50_bytes: u64,
    /// The same of 99 %.
    pub p99_bytes: u64,
    /// The same of 99.9 %.
    pub p999_bytes: u64,
    /// Windows without a frame.
    pub idle_windows: u64,
    /// Bursts that ended.
    pub bursts: u64,
    /// The longest of them.
    pub longest_burst_ns: u64,
    /// Frames since the counter was made.
    pub total_frames: u64,
    /// Bytes since the counter was made.
    pub total_bytes: u64,
    /// Windows that came in the row of another, which is in no peak, percentile or burst.
    pub merged_windows: u64,
}

/// Puts samples in the order that was asked for.
pub fn sort(samples: &mut [Sample], by: Sort) {
    sort_by(samples, by, |sample| sample);
}

/// Puts what has samples in the order that was asked for.
pub fn sort_by<T>(them: &mut [T], by: Sort, sample: impl Fn(&T) -> &Sample) {
    let highest_first = |of: fn(&Sample) -> f64| {
        let sample = &sample;
        move |a: &T, b: &T| of(sample(b)).total_cmp(&of(sample(a)))
    };
    // Stable: those that are equal stay in the order of their names.
    them.sort_by_cached_key(|it| {
        (
            sample(it).counter.parse().unwrap_or(u32::MAX),
            sample(it).counter.clone(),
        )
    });
    match by {
        Sort::Name => {}
        Sort::Rate => them.sort_by(highest_first(|s| s.bits_per_second.unwrap_or(0) as f64)),
        Sort::Peak => them.sort_by(highest_first(|s| s.peak_bytes as f64 / s.period_ns as f64)),
        Sort::Bursts => them.sort_by(highest_first(|s| s.bursts as f64)),
    }
}
