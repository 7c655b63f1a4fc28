// SPDX-License-Identifier: GPL-2.0-or-later
//! Samples as lines: plain, CSV or JSON.

use super::columns::COLUMNS;
use super::sample::Sample;
use crate::cli::Live;
use crate::units::{time_of_day, Unit};
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
                    writeln!(self.out, "{}", plain_line(sample, *unit))?;
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
    let titles = COLUMNS
        .iter()
        .map(|column| column.align((column.title)(unit)));
    plain("time", titles)
}

fn plain_line(sample: &Sample, unit: Unit) -> String {
    let texts = COLUMNS
        .iter()
        .map(|column| column.align(&(column.text)(sample, unit)));
    plain(&time_of_day(sample.timestamp_ns), texts)
}

fn plain(time: &str, columns: impl Iterator<Item = String>) -> String {
    let columns: Vec<_> = columns.collect();
    format!("{time:<8.8} {}", columns.join(" "))
}
