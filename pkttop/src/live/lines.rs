// SPDX-License-Identifier: GPL-2.0-or-later
//! Samples as lines: plain, CSV or JSON.

use super::sample::Sample;
use crate::cli::Live;
use crate::units::{short, short_time, time_of_day, Unit};
use anyhow::Result;
use std::io::Write;

/// Writes samples, look by look.
pub struct Printer<W: Write> {
    out: W,
    format: Format,
    header: bool,
}

enum Format {
    Plain(Unit),
    Csv,
    Lines,
    /// With what stands before the next object.
    Array(&'static str),
}

impl<W: Write> Printer<W> {
    /// A printer of the format that was asked for.
    pub fn new(args: &Live, mut out: W) -> Result<Self> {
        let format = match (args.json, args.ndjson, args.csv) {
            (true, _, _) => {
                out.write_all(b"[")?;
                Format::Array("\n")
            }
            (_, true, _) => Format::Lines,
            (_, _, true) => Format::Csv,
            _ => Format::Plain(args.units),
        };
        Ok(Printer {
            out,
            format,
            header: !args.no_header,
        })
    }

    /// One look at all counters.
    pub fn print(&mut self, samples: &[Sample]) -> Result<()> {
        match &mut self.format {
            Format::Plain(unit) => {
                if std::mem::take(&mut self.header) {
                    writeln!(self.out, "{}", plain_header(*unit))?;
                }
                for sample in samples {
                    writeln!(self.out, "{}", plain(sample, *unit))?;
                }
            }
            Format::Csv => {
                let header = std::mem::take(&mut self.header);
                let mut csv = csv::WriterBuilder::new()
                    .has_headers(header)
                    .from_writer(&mut self.out);
                for sample in samples {
                    csv.serialize(sample)?;
                }
                csv.flush()?;
            }
            Format::Lines => {
                for sample in samples {
                    serde_json::to_writer(&mut self.out, sample)?;
                    self.out.write_all(b"\n")?;
                }
            }
            Format::Array(before) => {
                for sample in samples {
                    self.out.write_all(before.as_bytes())?;
                    serde_json::to_writer(&mut self.out, sample)?;
                    *before = ",\n";
                }
            }
        }
        Ok(self.out.flush()?)
    }

    /// Closes what is open.
    pub fn finish(mut self) -> Result<()> {
        if let Format::Array(_) = self.format {
            self.out.write_all(b"\n]\n")?;
        }
        Ok(self.out.flush()?)
    }
}

fn plain_header(unit: Unit) -> String {
    let unit = unit.suffix();
    format!(
        "{:<8} {:<16} {:>6} {:>8} {:>8} {:>8} {:>15} {:>7} {:>7} {:>7} {:>7} {:>6}",
        "time",
        "counter",
        "period",
        unit,
        "pkt/s",
        "peak",
        "peak at",
        "p50",
        "p99",
        "p99.9",
        "bursts",
        "merged"
    )
}

fn plain(sample: &Sample, unit: Unit) -> String {
    let period = sample.period_ns;
    let load = |frames: u64, bytes: u64| short(unit.rate(frames, bytes, period));
    // A window's frames are known of the peak only: the percentiles are of bytes.
    let percentile = |bytes: u64| {
        if unit == Unit::Pps {
            "-".to_owned()
        } else {
            load(0, bytes)
        }
    };
    let rate =
        |per_second: Option<u64>| per_second.map_or("-".to_owned(), |rate| short(rate as f64));
    let main = match unit {
        Unit::Bits => sample.bits_per_second,
        Unit::Bytes => sample.bits_per_second.map(|bits| bits / 8),
        Unit::Pps => sample.frames_per_second,
    };
    let peak_at = if sample.peak_bytes == 0 {
        "-".to_owned()
    } else {
        time_of_day(sample.peak_timestamp_ns)
    };
    format!(
        "{:.8} {:<16} {:>6} {:>8} {:>8} {:>8} {:>15} {:>7} {:>7} {:>7} {:>7} {:>6}",
        time_of_day(sample.timestamp_ns),
        sample.counter,
        short_time(period),
        rate(main),
        rate(sample.frames_per_second),
        load(sample.peak_frames, sample.peak_bytes),
        peak_at,
        percentile(sample.p50_bytes),
        percentile(sample.p99_bytes),
        percentile(sample.p999_bytes),
        sample.bursts,
        sample.merged_windows,
    )
}
