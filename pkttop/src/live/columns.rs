// SPDX-License-Identifier: GPL-2.0-or-later
//! The columns of a sample, on the screen and in plain lines.

use super::sample::Sample;
use crate::units::{short, short_time, time_of_day, Unit};

/// A column.
pub struct Column {
    /// What stands above it.
    pub title: fn(Unit) -> &'static str,
    /// Letters.
    pub width: usize,
    /// A narrow terminal does without it.
    pub is_spare: bool,
    /// What a sample says in it.
    pub text: fn(&Sample, Unit) -> String,
    is_name: bool,
}

/// All of them, from the left.
pub const COLUMNS: [Column; 11] = [
    Column {
        is_name: true,
        ..needed(|_| "counter", 16, |sample, _| sample.counter.clone())
    },
    spare(|_| "period", 7, |sample, _| short_time(sample.period_ns)),
    needed(Unit::suffix, 8, rate),
    spare(
        |_| "pkt/s",
        7,
        |sample, _| per_second(sample.frames_per_second),
    ),
    needed(
        |_| "peak",
        7,
        |sample, unit| load(sample, unit, sample.peak_frames, sample.peak_bytes),
    ),
    spare(|_| "peak at", 15, peak_time),
    spare(
        |_| "p50",
        7,
        |sample, unit| percentile(sample, unit, sample.p50_bytes),
    ),
    needed(
        |_| "p99",
        7,
        |sample, unit| percentile(sample, unit, sample.p99_bytes),
    ),
    spare(
        |_| "p99.9",
        7,
        |sample, unit| percentile(sample, unit, sample.p999_bytes),
    ),
    needed(|_| "bursts", 7, |sample, _| sample.bursts.to_string()),
    spare(
        |_| "merged",
        6,
        |sample, _| sample.merged_windows.to_string(),
    ),
];

const fn needed(
    title: fn(Unit) -> &'static str,
    width: usize,
    text: fn(&Sample, Unit) -> String,
) -> Column {
    Column {
        title,
        width,
        is_spare: false,
        text,
        is_name: false,
    }
}

const fn spare(
    title: fn(Unit) -> &'static str,
    width: usize,
    text: fn(&Sample, Unit) -> String,
) -> Column {
    Column {
        is_spare: true,
        ..needed(title, width, text)
    }
}

impl Column {
    /// A text as it stands in this column: a name to the left, a number to the right.
    pub fn align(&self, text: &str) -> String {
        let width = self.width;
        if self.is_name {
            format!("{text:<width$}")
        } else {
            format!("{text:>width$}")
        }
    }
}

/// A load in a unit: of a window, what its frames and bytes are a second.
pub fn load(sample: &Sample, unit: Unit, frames: u64, bytes: u64) -> String {
    short(unit.rate(frames, bytes, sample.period_ns))
}

fn per_second(rate: Option<u64>) -> String {
    rate.map_or("-".to_owned(), |rate| short(rate as f64))
}

fn rate(sample: &Sample, unit: Unit) -> String {
    per_second(match unit {
        Unit::Bits => sample.bits_per_second,
        Unit::Bytes => sample.bits_per_second.map(|bits| bits / 8),
        Unit::Pps => sample.frames_per_second,
    })
}

fn percentile(sample: &Sample, unit: Unit, bytes: u64) -> String {
    // Percentiles are kept of bytes only.
    if unit == Unit::Pps {
        "-".to_owned()
    } else {
        load(sample, unit, 0, bytes)
    }
}

fn peak_time(sample: &Sample, _: Unit) -> String {
    if sample.peak_bytes == 0 {
        "-".to_owned()
    } else {
        time_of_day(sample.peak_timestamp_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_left_and_numbers_right() {
        let [name, period, ..] = &COLUMNS;
        assert_eq!(name.align("web"), "web             ");
        assert_eq!(period.align("1ms"), "    1ms");
    }
}
