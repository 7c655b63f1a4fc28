// SPDX-License-Identifier: GPL-2.0-or-later
//! A burst as people and programs read it.

use crate::units::{short, short_time, time_of_day, Unit};
use crate::who::bursts::Burst;
use crate::who::capture::Source;
use crate::who::flow::{protocol_name, Flow};
use crate::window::{Totals, Window};
use anyhow::Result;
use serde::Serialize;
use std::io::Write;
use std::net::IpAddr;

#[derive(Serialize)]
struct Record<'a> {
    counter: &'a str,
    period_ns: u64,
    timestamp_ns: u64,
    duration_ns: u64,
    frames: u64,
    bytes: u64,
    peak_timestamp_ns: Option<u64>,
    peak_frames: Option<u64>,
    peak_bytes: Option<u64>,
    peak_bits_per_second: Option<f64>,
    merged_windows: u64,
    captured_frames: u64,
    captured_bytes: u64,
    lost_frames: u64,
    unreadable_frames: u64,
    is_estimated: bool,
    other_frames: u64,
    other_bytes: u64,
    flows: Vec<FlowRecord>,
}

#[derive(Serialize)]
struct FlowRecord {
    protocol: String,
    source: IpAddr,
    source_port: Option<u16>,
    destination: IpAddr,
    destination_port: Option<u16>,
    frames: u64,
    bytes: u64,
    share: f64,
}

fn share(sum: Totals, burst: &Burst) -> f64 {
    sum.bytes as f64 / burst.captured.bytes.max(1) as f64
}

fn peak_rate(peak: &Window, source: &Source) -> f64 {
    Unit::Bits.rate(peak.frames, peak.bytes, source.period_ns)
}

/// Prints a burst as a line of JSON.
pub fn json(out: &mut impl Write, source: &Source, burst: &Burst) -> Result<()> {
    let flow = |(flow, sum): (Flow, Totals)| FlowRecord {
        protocol: protocol_name(flow.protocol),
        source: flow.source.address,
        source_port: flow.source.port,
        destination: flow.destination.address,
        destination_port: flow.destination.port,
        frames: sum.frames,
        bytes: sum.bytes,
        share: share(sum, burst),
    };
    let record = Record {
        counter: &source.counter,
        period_ns: source.period_ns,
        timestamp_ns: burst.start_ns,
        duration_ns: burst.duration_ns(source.period_ns),
        frames: burst.counted.frames,
        bytes: burst.counted.bytes,
        peak_timestamp_ns: burst.peak.map(|peak| peak.timestamp_ns),
        peak_frames: burst.peak.map(|peak| peak.frames),
        peak_bytes: burst.peak.map(|peak| peak.bytes),
        peak_bits_per_second: burst.peak.map(|peak| peak_rate(&peak, source)),
        merged_windows: burst.merged,
        captured_frames: burst.captured.frames,
        captured_bytes: burst.captured.bytes,
        lost_frames: burst.lost,
        unreadable_frames: burst.unreadable,
        is_estimated: burst.is_estimated,
        other_frames: burst.others.frames,
        other_bytes: burst.others.bytes,
        flows: burst.flows().into_iter().map(flow).collect(),
    };
    serde_json::to_writer(&mut *out, &record)?;
    Ok(writeln!(out)?)
}

/// Prints a burst, and the first `most` of its flows; 0 for all.
pub fn table(out: &mut impl Write, source: &Source, burst: &Burst, most: usize) -> Result<()> {
    let Totals { frames, bytes } = burst.counted;
    let begin = time_of_day(burst.start_ns);
    let duration = short_time(burst.duration_ns(source.period_ns));
    write!(out, "{begin}  {}  {duration}", source.counter)?;
    match &burst.peak {
        Some(peak) => write!(
            out,
            ", peak {}bit/s; {frames} frames, {bytes} bytes",
            short(peak_rate(peak, source))
        )?,
        None => write!(out, ", its windows are not known")?,
    }
    if burst.merged > 0 {
        write!(out, ", and {} windows that are merged", burst.merged)?;
    }
    let Totals { frames, bytes } = burst.captured;
    write!(out, "; captured {frames} frames, {bytes} bytes")?;
    if burst.lost > 0 {
        write!(out, ", {} lost", burst.lost)?;
    }
    if burst.unreadable > 0 {
        write!(out, ", {} unreadable", burst.unreadable)?;
    }
    if burst.is_estimated {
        write!(out, "; times estimated")?;
    }
    writeln!(out)?;
    let flows = burst.flows();
    let shown = if most == 0 { flows.len() } else { most };
    let line = |out: &mut dyn Write, sum: Totals, what: &str| {
        let percent = 100.0 * share(sum, burst);
        let Totals { frames, bytes } = sum;
        writeln!(
            out,
            "  {percent:5.1}% {frames:>8} frames {bytes:>11} bytes  {what}"
        )
    };
    for (flow, sum) in flows.iter().take(shown) {
        line(out, *sum, &flow.to_string())?;
    }
    let mut rest = burst.others;
    for (_, sum) in flows.iter().skip(shown) {
        rest.frames += sum.frames;
        rest.bytes += sum.bytes;
    }
    if rest.frames > 0 {
        let hidden = flows.len().saturating_sub(shown);
        let more = if burst.others.frames > 0 {
            " and more"
        } else {
            ""
        };
        line(out, rest, &format!("{hidden}{more} other flows"))?;
    }
    Ok(())
}
