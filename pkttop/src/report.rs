// SPDX-License-Identifier: GPL-2.0-or-later
//! `pkttop report`: the figures of a recording.

use crate::burst::Burst;
use crate::cli::{BurstArgs, Report};
use crate::meter::Meter;
use crate::recording::{self, Series};
use crate::threshold::Resolved;
use crate::units::{short, short_time, time_of_day, BitRate, SECOND_NS};
use crate::window::Window;
use anyhow::Result;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::Write;

/// Percentiles of burst durations, gaps and sizes.
const OF_BURSTS: [f64; 3] = [50.0, 90.0, 99.0];

/// The figures of one counter's recording.
#[derive(Debug, Serialize)]
struct Summary {
    host: String,
    counter: String,
    period_ns: u64,
    first_timestamp_ns: u64,
    last_timestamp_ns: u64,
    windows: u64,
    idle_windows: u64,
    frames: u64,
    bytes: u64,
    mean_bits_per_second: f64,
    peak_timestamp_ns: u64,
    peak_frames: u64,
    peak_bytes: u64,
    peak_bits_per_second: f64,
    /// Bytes per window, by percentile.
    window_bytes_percentiles: BTreeMap<String, u64>,
    burst_threshold_bits_per_second: f64,
    burst_threshold_reason: String,
    bursts: u64,
    burst_windows: u64,
    burst_frames: u64,
    burst_bytes: u64,
    longest_burst_ns: u64,
    longest_burst_timestamp_ns: u64,
    largest_burst_bytes: u64,
    burst_duration_ns_percentiles: BTreeMap<String, u64>,
    burst_gap_ns_percentiles: BTreeMap<String, u64>,
    /// Windows that came in the row of another, which is in no peak, percentile or burst.
    merged_windows: u64,
    /// Windows that carried more than `--link` can: GRO without `--wire`.
    windows_over_link: Option<u64>,
    #[serde(skip)]
    found: Vec<Burst>,
}

/// The threshold of a recording: as asked, or half of its own peak.
pub fn threshold(args: &BurstArgs, series: &Series) -> Result<Resolved> {
    if let Some(asked) = args.asked()? {
        return Ok(asked);
    }
    let single = series.rows.iter().filter(|row| row.merged == 0);
    let peak_bytes = single.map(|row| row.bytes).max().unwrap_or(0);
    let rate = BitRate(rate(peak_bytes, series.origin.period_ns) / 2.0);
    Ok(Resolved {
        rate,
        reason: "half of the peak window".to_owned(),
    })
}

fn rate(bytes: u64, time_ns: u64) -> f64 {
    bytes as f64 * 8.0 * SECOND_NS as f64 / time_ns.max(1) as f64
}

fn summarize(series: &Series, args: &Report) -> Result<Summary> {
    let period_ns = series.origin.period_ns;
    let threshold = threshold(&args.bursts, series)?;
    let mut meter = Meter::new(period_ns, threshold.rate.bytes_in(period_ns));
    let found = meter.all(&series.rows);
    let load = &meter.load;
    let longest = found.iter().rev().max_by_key(|burst| burst.windows);
    let sum = |of: fn(&Burst) -> u64| found.iter().map(of).sum();
    let gaps = found
        .windows(2)
        .map(|pair| pair[1].start_ns.saturating_sub(pair[0].end_ns(period_ns)));
    let timestamp = |row: Option<&Window>| row.map_or(0, |row| row.timestamp_ns);
    let window_bytes_percentiles = args
        .percentiles
        .iter()
        .map(|percent| (key(*percent), load.percentile(*percent)))
        .collect();
    Ok(Summary {
        host: series.origin.host.clone(),
        counter: series.origin.counter.clone(),
        period_ns,
        first_timestamp_ns: timestamp(series.rows.first()),
        last_timestamp_ns: timestamp(series.rows.last()),
        windows: load.windows,
        idle_windows: load.idle,
        frames: load.frames,
        bytes: load.bytes,
        mean_bits_per_second: rate(load.bytes, load.windows * period_ns),
        peak_timestamp_ns: load.peak.timestamp_ns,
        peak_frames: load.peak.frames,
        peak_bytes: load.peak.bytes,
        peak_bits_per_second: rate(load.peak.bytes, period_ns),
        window_bytes_percentiles,
        burst_threshold_bits_per_second: threshold.rate.0,
        burst_threshold_reason: threshold.reason,
        bursts: found.len() as u64,
        burst_windows: sum(|burst| burst.windows),
        burst_frames: sum(|burst| burst.frames),
        burst_bytes: sum(|burst| burst.bytes),
        longest_burst_ns: longest.map_or(0, |burst| burst.duration_ns(period_ns)),
        longest_burst_timestamp_ns: longest.map_or(0, |burst| burst.start_ns),
        largest_burst_bytes: found.iter().map(|burst| burst.bytes).max().unwrap_or(0),
        burst_duration_ns_percentiles: percentiles(
            found.iter().map(|burst| burst.duration_ns(period_ns)),
        ),
        burst_gap_ns_percentiles: percentiles(gaps),
        merged_windows: series.rows.iter().map(|row| row.merged).sum(),
        windows_over_link: args.bursts.link.map(|link| {
            let most = link.bytes_in(period_ns);
            series
                .rows
                .iter()
                .filter(|row| row.merged == 0 && row.bytes as f64 > most)
                .count() as u64
        }),
        found,
    })
}

/// Nearest-rank percentiles; nothing of nothing.
fn percentiles(values: impl Iterator<Item = u64>) -> BTreeMap<String, u64> {
    let mut values: Vec<_> = values.collect();
    values.sort_unstable();
    let rank = |percent: f64| (percent / 100.0 * values.len() as f64).ceil().max(1.0) as usize - 1;
    OF_BURSTS
        .iter()
        .filter_map(|percent| Some((key(*percent), *values.get(rank(*percent))?)))
        .collect()
}

fn key(percent: f64) -> String {
    format!("p{percent}")
}

fn print(out: &mut impl Write, summary: &Summary, list: usize) -> Result<()> {
    let bits = |bytes: u64| short(rate(bytes, summary.period_ns));
    let joined = |map: &BTreeMap<String, u64>, show: &dyn Fn(u64) -> String| {
        let mut pairs: Vec<_> = map.iter().collect();
        pairs.sort_by_key(|(_, value)| **value);
        pairs
            .iter()
            .map(|(key, value)| format!("{key} {}", show(**value)))
            .collect::<Vec<_>>()
            .join("  ")
    };
    let idle = 100.0 * summary.idle_windows as f64 / summary.windows.max(1) as f64;
    writeln!(
        out,
        "{} on {}: {} windows of {}",
        summary.counter,
        summary.host,
        summary.windows,
        short_time(summary.period_ns)
    )?;
    writeln!(
        out,
        "  time      {} to {} UTC, {}",
        time_of_day(summary.first_timestamp_ns),
        time_of_day(summary.last_timestamp_ns + summary.period_ns),
        short_time(summary.windows * summary.period_ns)
    )?;
    writeln!(
        out,
        "  counted   {} frames, {} bytes; {} windows idle ({idle:.1}%)",
        summary.frames, summary.bytes, summary.idle_windows
    )?;
    writeln!(
        out,
        "  load      mean {}bit/s, peak {}bit/s at {} ({} frames, {} bytes)",
        short(summary.mean_bits_per_second),
        short(summary.peak_bits_per_second),
        time_of_day(summary.peak_timestamp_ns),
        summary.peak_frames,
        summary.peak_bytes
    )?;
    writeln!(
        out,
        "  windows   {} bit/s",
        joined(&summary.window_bytes_percentiles, &bits)
    )?;
    writeln!(
        out,
        "  bursts    {} from {}bit/s on ({}), {:.1}% of the bytes in {:.2}% of the time",
        summary.bursts,
        short(summary.burst_threshold_bits_per_second),
        summary.burst_threshold_reason,
        100.0 * summary.burst_bytes as f64 / summary.bytes.max(1) as f64,
        100.0 * summary.burst_windows as f64 / summary.windows.max(1) as f64
    )?;
    if summary.bursts > 0 {
        let time = |ns: u64| short_time(ns);
        writeln!(
            out,
            "  duration  {}  longest {} at {}; largest {}B",
            joined(&summary.burst_duration_ns_percentiles, &time),
            short_time(summary.longest_burst_ns),
            time_of_day(summary.longest_burst_timestamp_ns),
            short(summary.largest_burst_bytes as f64)
        )?;
    }
    if summary.bursts > 1 {
        writeln!(
            out,
            "  gap       {}",
            joined(&summary.burst_gap_ns_percentiles, &short_time)
        )?;
    }
    if summary.merged_windows > 0 {
        writeln!(
            out,
            "  note      {} windows came in the row of another, which is in no peak, percentile or burst: add --samples",
            summary.merged_windows
        )?;
    }
    if let Some(over @ 1..) = summary.windows_over_link {
        writeln!(
            out,
            "  note      {over} windows carry more than the link: GRO without --wire"
        )?;
    }
    for burst in summary.found.iter().take(list) {
        writeln!(
            out,
            "  {}  {:>9}  {:>6} frames  {:>9} bytes  peak {}bit/s",
            time_of_day(burst.start_ns),
            short_time(burst.duration_ns(summary.period_ns)),
            burst.frames,
            burst.bytes,
            bits(burst.peak_bytes)
        )?;
    }
    Ok(())
}

/// `pkttop report`.
pub fn run(args: &Report) -> Result<()> {
    let series = recording::read(&args.files)?;
    let summary = series
        .iter()
        .map(|series| summarize(series, args))
        .collect::<Result<Vec<_>>>()?;
    let mut out = std::io::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &summary)?;
        writeln!(out)?;
    } else {
        for summary in &summary {
            print(&mut out, summary, args.list)?;
        }
    }
    Ok(out.flush()?)
}
